#include <fmt/format.h>

#include <algorithm>

#include "analyze/timeline/content.h"

namespace voip::analyze::timeline {

namespace {

using report::Evidence;
using report::RecordWriter;
using report::TextWriter;
using report::Tone;

constexpr std::size_t kShown = 8;

void write_evidence(RecordWriter& out, const std::vector<Evidence>& evidence) {
  out.key("evidence");
  out.begin_array();
  for (const Evidence& one : evidence) {
    if (!one.frame.known()) continue;
    out.begin_object();
    out.field("input", one.frame.input);
    out.field("frame", one.frame.number);
    out.field_time("time", one.frame.time);
    out.field("note", one.note);
    out.end_object();
  }
  out.end_array();
}

void write_texts(RecordWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  out.key(key);
  out.begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
}

void write_addresses(RecordWriter& out, std::string_view key, const std::vector<IpAddress>& list) {
  out.key(key);
  out.begin_array();
  for (const IpAddress& address : list) out.value(address.to_string());
  out.end_array();
}

// A frame with its time, or null.
void write_moment(RecordWriter& out, std::string_view key, const FrameRef& frame) {
  out.key(key);
  if (!frame.known()) {
    out.null();
    return;
  }
  out.begin_object();
  out.field("input", frame.input);
  out.field("frame", frame.number);
  out.field_time("time", frame.time);
  out.end_object();
}

double rounded(double value) { return static_cast<double>(static_cast<std::int64_t>(value * 100 + 0.5)) / 100.0; }

std::string some(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < kShown; ++i) text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > kShown) text += fmt::format(" and {} more", items.size() - kShown);
  return text;
}

std::string some(const std::vector<IpAddress>& items) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < items.size() && i < kShown; ++i) texts.push_back(items[i].to_string());
  std::string text = some(texts);
  if (items.size() > kShown) text += fmt::format(" and {} more", items.size() - kShown);
  return text;
}

void text_pair(TextWriter& out, std::string_view name, std::string_view text, Tone tone = Tone::kPlain) {
  out.begin_line(1);
  out.put(name, Tone::kFaint);
  out.column(22);
  out.put(text, tone);
  out.end_line();
}

}  // namespace

bool TimelineContent::wants(const fraud::Incident& incident) const {
  const Narrow& narrow = show_.narrow;
  if (narrow.everything()) return true;
  if (std::ranges::any_of(incident.sources, [&](const IpAddress& a) { return narrow.wants_address(a); }) ||
      std::ranges::any_of(incident.accounts, [&](const std::string& a) { return narrow.wants_user(a); }) ||
      std::ranges::any_of(incident.numbers, [&](const std::string& n) { return narrow.wants_user(n); }) ||
      std::ranges::any_of(incident.call_ids, [&](const std::string& id) { return narrow.wants_call_id(id); })) {
    return true;
  }
  // A call of the party that did it, though the incident names other calls.
  return std::ranges::any_of(asked_, [&](std::size_t i) {
    const CallRecord& call = record_.calls[i];
    return incident.has_source(call.actor()) &&
           (incident.accounts.empty() || incident.has_account(record_.caller_of(call)));
  });
}

std::vector<std::size_t> TimelineContent::wanted_incidents() const {
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < story_.incidents.size(); ++i) {
    if (wants(story_.incidents[i])) list.push_back(i);
  }
  return list;
}

const Campaign* TimelineContent::campaign() const {
  if (!story_.campaign) return nullptr;
  const bool concerns =
      show_.narrow.everything() ||
      std::ranges::any_of(story_.campaign->incidents, [&](std::size_t i) { return wants(story_.incidents[i]); });
  return concerns ? &*story_.campaign : nullptr;
}

void TimelineContent::write_incident(RecordWriter& out) const {
  out.key("incident");
  if (campaign() == nullptr) {
    out.null();
    return;
  }
  const Campaign& c = *story_.campaign;
  out.begin_object();
  out.field("verdict", c.verdict);
  out.field("severity", report::to_string(c.severity));
  out.field("confidence", report::to_string(c.confidence));
  write_addresses(out, "actors", c.actors);
  write_texts(out, "accounts", c.accounts);
  out.field_time("start", c.start.time);
  out.field_time("end", c.end.time);
  out.key("incidents");
  out.begin_array();
  // Places in incidents[], which holds the wanted ones only.
  const std::vector<std::size_t> wanted = wanted_incidents();
  for (const std::size_t i : c.incidents) {
    const auto at = std::ranges::lower_bound(wanted, i);
    if (at != wanted.end() && *at == i) out.value(static_cast<std::uint64_t>(at - wanted.begin()));
  }
  out.end_array();
  write_texts(out, "joined_by", c.joins);
  write_moment(out, "first_hostile_act", c.first_hostile);
  out.field("may_begin_before_capture", c.starts_with_capture);
  out.field("order_certain", order_warning().empty());
  write_moment(out, "decisive", c.decisive);
  write_moment(out, "takeover", c.takeover);
  out.key("taken_account");
  if (c.taken_account.empty()) {
    out.null();
  } else {
    out.value(c.taken_account);
  }
  out.field("failures_before", c.failures_before);
  out.key("entry_points");
  out.begin_array();
  for (const EntryPoint& entry : c.entry) {
    out.begin_object();
    out.field("name", entry.name);
    out.field("confidence", report::to_string(entry.confidence));
    out.field("reason", entry.reason);
    out.end_object();
  }
  out.end_array();
  out.key("dwell_s");
  if (c.dwell_s < 0) {
    out.null();
  } else {
    out.value(rounded(c.dwell_s));
  }
  out.field("ongoing", c.ongoing);
  out.key("containment");
  if (c.containment) {
    out.begin_object();
    out.field_time("start", c.containment->first.time);
    out.field_time("end", c.containment->last.time);
    out.field("refusals", c.containment->count);
    out.field("status", std::uint64_t{c.containment->status});
    write_evidence(out, {{c.containment->first, "first refusal"}, {c.containment->last, "last refusal"}});
    out.end_object();
  } else {
    out.null();
  }
  write_moment(out, "returned", c.returned);
  write_texts(out, "spread", c.spread);
  out.key("abuse");
  out.begin_object();
  out.field("calls", c.calls);
  out.field("minutes", rounded(c.minutes));
  out.key("estimated_cost");
  if (c.cost) {
    out.begin_object();
    out.field("currency", c.cost->currency);
    out.field("low", rounded(c.cost->low));
    out.field("high", rounded(c.cost->high));
    out.end_object();
  } else {
    out.null();
  }
  out.key("activity");
  out.begin_array();
  for (const Slice& slice : c.activity) {
    out.begin_object();
    out.field_time("start", slice.start);
    out.field("calls", slice.calls);
    out.field("minutes", rounded(slice.minutes));
    out.end_object();
  }
  out.end_array();
  out.end_object();
  out.key("reset");
  out.begin_array();
  for (const AccountToReset& reset : c.reset) {
    out.begin_object();
    out.field("account", reset.account);
    out.field("why", reset.why);
    out.field_time("since", reset.since.time);
    out.field("text", reset.text);
    out.end_object();
  }
  out.end_array();
  out.key("affected");
  out.begin_object();
  write_texts(out, "accounts", c.affected.accounts);
  write_texts(out, "numbers", c.affected.numbers);
  write_texts(out, "destinations", c.affected.destinations);
  out.end_object();
  write_texts(out, "proven", c.proven);
  write_texts(out, "probable", c.probable);
  write_texts(out, "other_explanations", c.other_explanations);
  out.end_object();
}

void TimelineContent::write_phases(RecordWriter& out) const {
  out.key("phases");
  out.begin_array();
  for (const Phase& phase : story_.phases) {
    if (campaign() == nullptr) break;
    out.begin_object();
    out.field("phase", to_string(phase.kind));
    out.field_time("start", phase.start.time);
    out.field_time("end", phase.end.time);
    write_addresses(out, "actors", phase.actors);
    write_texts(out, "accounts", phase.accounts);
    write_texts(out, "numbers", phase.numbers);
    out.field("messages", phase.messages);
    out.field("calls", phase.calls);
    out.field("minutes", rounded(phase.minutes));
    out.field("order_certain", order_certain(phase));
    out.key("attack");
    out.begin_array();
    for (const std::string_view id : phase.attack) out.value(id);
    out.end_array();
    write_evidence(out, phase.evidence);
    out.end_object();
  }
  out.end_array();
  out.key("indicators");
  out.begin_array();
  for (const Indicator& indicator : story_.indicators) {
    out.begin_object();
    out.field("kind", indicator.kind);
    out.field("value", indicator.value);
    out.field_time("first_time", indicator.first.time);
    out.field_time("last_time", indicator.last.time);
    out.field("confidence", report::to_string(indicator.confidence));
    out.end_object();
  }
  out.end_array();
  out.key("clock_offsets");
  out.begin_array();
  for (const ClockOffset& offset : facts_.offsets) {
    out.begin_object();
    out.field("input", offset.input);
    out.field("reference", offset.reference);
    const auto agent = [&out](std::string_view key, bool hep, std::uint32_t id, const std::string& node) {
      out.key(key);
      if (hep) {
        out.value(node.empty() ? std::to_string(id) : node);
      } else {
        out.null();
      }
    };
    agent("agent", offset.of_agent, offset.agent, offset.node);
    agent("reference_agent", offset.reference_of_agent, offset.reference_agent, offset.reference_node);
    out.field("offset_s", static_cast<double>(offset.late.offset_ns) / 1e9);
    out.field("spread_s", static_cast<double>(offset.late.spread_ns) / 1e9);
    out.field("drift_s", static_cast<double>(offset.late.drift_ns()) / 1e9);
    out.field("messages", offset.messages);
    out.field("corrected", offset.corrected);
    out.end_object();
  }
  out.end_array();
}

void TimelineContent::write_clocks(RecordWriter& out) const {
  out.key("notification");
  out.begin_object();
  out.field("assumption", clock_assumption_);
  out.key("clocks");
  out.begin_array();
  for (const Clock& clock : clocks_) {
    out.begin_object();
    out.field("id", clock.deadline.id);
    out.field("regime", clock.deadline.regime);
    out.field("who_notifies", clock.deadline.who);
    out.field("to_whom", clock.deadline.to);
    out.field("trigger", clock.deadline.trigger);
    out.field("clock_starts", clock.deadline.clock_starts);
    out.field("period", clock.deadline.period);
    out.field("threshold", clock.deadline.threshold);
    out.field_time("assumed_start", clock.start);
    out.field_time("due", clock.due);
    out.field("legal_basis", clock.deadline.basis);
    out.field("status", clock.deadline.status);
    out.field("confirmed", clock.deadline.confirmed);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

void TimelineContent::text_campaign(TextWriter& out) const {
  if (campaign() == nullptr) return;
  const Campaign& c = *story_.campaign;
  out.heading("The incident");
  text_pair(out, "severity", fmt::format("{} ({})", report::to_string(c.severity), report::to_string(c.confidence)),
            c.severity >= report::Severity::kHigh ? Tone::kBad : Tone::kWarn);
  text_pair(out, "who", some(c.actors), Tone::kStrong);
  if (!c.accounts.empty()) text_pair(out, "accounts", some(c.accounts), Tone::kStrong);
  text_pair(
      out, "first hostile act",
      out.time(c.first_hostile.time) + (c.starts_with_capture ? "; the true begin may lie before this capture" : ""));
  if (c.decisive.known()) {
    text_pair(out, "got in",
              fmt::format("{} (frame {} of input {}), account {}", out.time(c.decisive.time), c.decisive.number,
                          c.decisive.input, c.taken_account),
              Tone::kBad);
    if (c.takeover.known()) text_pair(out, "took over", out.time(c.takeover.time));
    for (const EntryPoint& entry : c.entry) {
      text_pair(out, &entry == c.entry.data() ? "how" : "or",
                fmt::format("{} ({}): {}", entry.name, report::to_string(entry.confidence), entry.reason));
    }
    text_pair(out, "stayed",
              duration_text(c.dwell_s) + (c.returned.known() ? ", until the first block"
                                          : c.ongoing        ? ", and still is in"
                                                             : ""));
    if (c.returned.known()) text_pair(out, "came back", out.time(c.returned.time), Tone::kBad);
    if (c.containment) {
      text_pair(
          out, "stopped",
          fmt::format("{} ({})", out.time(c.containment->first.time),
                      c.containment->status == 0 ? std::string("no more answers") : status_text(c.containment->status)),
          Tone::kGood);
    } else if (!c.ongoing) {
      text_pair(out, "stopped", "ended, cause unknown: no refusal was seen");
    }
  }
  if (c.calls != 0) {
    text_pair(out, "calls",
              fmt::format("{} answered, {:.1f} minutes{}", c.calls, c.minutes,
                          c.affected.destinations.empty() ? "" : ", to " + some(c.affected.destinations)));
  }
  if (c.cost) {
    text_pair(out, "cost", cost_text(*c.cost));
  }
  std::string resets;
  for (const AccountToReset& reset : c.reset) {
    resets += fmt::format("{}{} ({})", resets.empty() ? "" : ", ", reset.account, reset.why);
  }
  if (!resets.empty()) text_pair(out, "reset now", resets, Tone::kStrong);

  out.heading("Phases");
  const std::string warning = order_warning();
  if (!warning.empty()) text_pair(out, "order uncertain", warning, Tone::kWarn);
  for (const Phase& phase : story_.phases) {
    out.begin_line(1);
    out.put(to_string(phase.kind), phase.kind == PhaseKind::kContainment  ? Tone::kGood
                                   : phase.kind >= PhaseKind::kCompromise ? Tone::kBad
                                                                          : Tone::kWarn);
    out.column(22);
    out.put(fmt::format("{}{} to {} ({})", order_certain(phase) ? "" : "about ", out.time(phase.start.time),
                        out.time(phase.end.time), duration_text(seconds_between(phase.start.time, phase.end.time))));
    out.end_line();
    out.begin_line(1);
    out.column(22);
    std::string text = some(phase.actors);
    if (!phase.accounts.empty()) text += "; accounts " + some(phase.accounts);
    text += "; " + counted(phase.messages, "request");
    if (phase.kind == PhaseKind::kAbuse)
      text += fmt::format(", {}, {:.1f} minutes", counted(phase.calls, "call"), phase.minutes);
    for (const std::string_view id : phase.attack) text += fmt::format(" {}", id);
    out.put(text, Tone::kFaint);
    out.end_line();
  }
  if (!c.other_explanations.empty()) {
    out.heading("What else it could be");
    for (const std::string& text : c.other_explanations) out.sentence(1, text);
  }
}

void TimelineContent::text_clocks(TextWriter& out) const {
  std::vector<const Clock*> next;
  for (const Clock& clock : clocks_) {
    if (clock.due.known()) next.push_back(&clock);
  }
  if (next.empty() || campaign() == nullptr || !story_.campaign->decisive.known()) return;
  std::ranges::stable_sort(next, {}, [](const Clock* c) { return c->due; });
  out.heading("Notification periods that may apply");
  out.sentence(1, clock_assumption_ + " A person decides whether a regime applies and when its clock starts.");
  for (std::size_t i = 0; i < next.size() && i < 3; ++i) {
    const Deadline& row = next[i]->deadline;
    out.begin_line(1);
    out.put(out.time(next[i]->due), Tone::kStrong);
    out.put(fmt::format("  {}: {} to {}, from: {} [{}]", row.id, row.who, row.to, row.clock_starts, row.confirmed));
    out.end_line();
  }
  if (next.size() > 3) {
    out.begin_line(1);
    out.put(fmt::format("and {} more (--format json; --regime chooses)", next.size() - 3), Tone::kFaint);
    out.end_line();
  }
}

}  // namespace voip::analyze::timeline
