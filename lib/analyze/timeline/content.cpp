#include "analyze/timeline/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "analyze/fraud/content.h"
#include "analyze/timeline/clock_watch.h"
#include "analyze/timeline/pictures.h"
#include "base/text.h"

namespace voip::analyze::timeline {

namespace {

using report::RecordWriter;
using report::TextWriter;
using report::Tone;

constexpr unsigned kTimeColumn = 14;
constexpr unsigned kTextColumn = 31;

void write_frame(RecordWriter& out, const FrameRef& frame, std::string_view note) {
  out.begin_object();
  out.field("input", frame.input);
  out.field("frame", frame.number);
  out.field_time("time", frame.time);
  if (!note.empty()) out.field("note", note);
  out.end_object();
}

void write_or_null(RecordWriter& out, std::string_view key, std::string_view text) {
  out.key(key);
  if (text.empty()) {
    out.null();
  } else {
    out.value(text);
  }
}

Tone tone_of(EventKind kind) {
  switch (kind) {
    case EventKind::kCompromise:
    case EventKind::kTakeover:
    case EventKind::kFraud:
    case EventKind::kReturn: return Tone::kBad;
    case EventKind::kScan:
    case EventKind::kProbe:
    case EventKind::kGuessing:
    case EventKind::kRegisterFailed:
    case EventKind::kCallFailed:
    case EventKind::kLockout:
    case EventKind::kAnomaly:
    case EventKind::kGap: return Tone::kWarn;
    default: return Tone::kPlain;
  }
}

// One line of the account: when, what, and the words.
class Lines {
 public:
  explicit Lines(TextWriter& out) : out_(out) {}

  void begin(Timestamp when, std::string_view kind, Tone tone) {
    const std::string text = out_.time(when);
    // "2026-01-02T03:04:05.123456Z": the day is a heading of its own.
    const bool dated = text.size() >= 19 && (text[10] == 'T' || text[10] == ' ');
    const std::string day = dated ? text.substr(0, 10) : std::string();
    if (day != day_) {
      out_.begin_line(0);
      out_.put(day, Tone::kStrong);
      out_.end_line();
      day_ = day;
    }
    out_.begin_line(0);
    out_.put(dated ? text.substr(11, text.size() > 23 && text[19] == '.' ? 12 : 8) : text, Tone::kFaint);
    out_.column(kTimeColumn);
    out_.put(kind, tone);
    out_.column(kTextColumn);
  }
  void end() { out_.end_line(); }

 private:
  TextWriter& out_;
  std::string day_;
};

}  // namespace

std::string TimelineContent::headline() const {
  std::uint64_t answered = 0;
  std::uint64_t groups = 0;
  for (const std::size_t i : wanted_groups(record_, show_.narrow)) {
    ++groups;
    answered += record_.calls[i].answered() ? 1U : 0U;
  }
  std::string text = counted(groups, "call");
  if (groups != 0) text += fmt::format(" ({} answered, {} not)", answered, groups - answered);
  if (record_.registrations != 0 || record_.refused_registrations != 0) {
    const std::uint64_t refused = record_.refused_registrations;
    if (record_.registrations == 0) {
      text += fmt::format(", no registration ({} refused)", refused);
    } else {
      text += fmt::format(", {} of {}", counted(record_.registrations, "registration"),
                          counted(record_.registered_accounts, "account"));
      if (refused != 0) text += fmt::format(" ({} refused)", refused);
    }
  }
  text += ". ";
  if (campaign() != nullptr) {
    text += story_.campaign->verdict;
  } else {
    text += story_.campaign ? "No incident concerns what was asked for." : "No incident found.";
  }
  if (const std::string warning = order_warning(); !warning.empty()) text += " " + warning;
  return text;
}

std::string TimelineContent::order_warning() const {
  const double doubt = order_doubt_s(facts_.offsets);
  if (doubt <= 0) return {};
  return fmt::format(
      "The order of events is NOT certain: clocks of what was put together differ by up to {} (TL-013; "
      "--align-clocks corrects that).",
      duration_text(doubt));
}

bool TimelineContent::order_certain(const Phase& phase) const {
  const auto certain = [this](const FrameRef& edge, const Phase& other) {
    return std::ranges::all_of(std::array{other.start, other.end}, [&](const FrameRef& far) {
      const double doubt =
          std::max(order_doubt_s(facts_.offsets, edge.input), order_doubt_s(facts_.offsets, far.input));
      return doubt <= 0 || std::abs(seconds_between(edge.time, far.time)) > doubt;
    });
  };
  return std::ranges::all_of(story_.phases, [&](const Phase& other) {
    return &other == &phase || (certain(phase.start, other) && certain(phase.end, other));
  });
}

void TimelineContent::write_events(RecordWriter& out) const {
  out.key("events");
  out.begin_array();
  record_.tell(show_.narrow, [&out](const Told& told) {
    out.begin_object();
    out.field_time("time", told.frame.time);
    out.field("kind", to_string(told.kind));
    write_or_null(out, "actor", told.actor.unspecified() ? std::string() : told.actor.to_string());
    write_or_null(out, "subject", told.subject);
    write_or_null(out, "call_id", told.call_id);
    out.field("text", told.text);
    if (told.count > 1) {
      out.field("count", told.count);
      out.field_time("until", told.last.time);
    }
    out.key("evidence");
    out.begin_array();
    write_frame(out, told.frame, {});
    if (told.last != told.frame && told.last.known()) write_frame(out, told.last, "last");
    out.end_array();
    out.end_object();
  });
  out.end_array();
}

void TimelineContent::write_calls(RecordWriter& out) const {
  out.key("calls");
  out.begin_array();
  for (const std::size_t i : record_.wanted_calls(show_.narrow)) {
    const CallRecord& call = record_.calls[i];
    out.begin_object();
    out.field("call_id", call.call_id.view());
    out.field("group", record_.group_of(call).view());
    out.field_time("start", call.begin().time);
    out.field_time("answer", call.answer.time);
    const bool over = call.hung_up != HungUp::kNobody || (!call.answered() && call.end.known());
    out.field_time("end", over ? call.end.time : Timestamp{});
    out.field("from", record_.names.text(call.from));
    out.field("to", record_.names.text(call.to));
    write_or_null(out, "dialled", record_.names.text(call.dialled));
    out.key("status");
    if (call.status == 0) {
      out.null();
    } else {
      out.value(std::uint64_t{call.status});
    }
    out.key("duration_s");
    if (call.answered() && call.hung_up != HungUp::kNobody && call.answer.time.known() && call.end.time.known()) {
      // To the millisecond: more would only be noise of the clock.
      out.value(static_cast<double>((call.end.time.ns - call.answer.time.ns) / kNsPerMs) / 1000.0);
    } else {
      out.null();
    }
    out.key("ended_by");
    switch (call.hung_up) {
      case HungUp::kCaller: out.value("caller"); break;
      case HungUp::kCallee: out.value("callee"); break;
      case HungUp::kNobody:
        if (call.answered() || call.status == 0) {
          out.null();
        } else {
          out.value(call.cancelled ? "cancel" : "refusal");
        }
        break;
    }
    write_or_null(out, "user_agent", record_.names.text(call.agent));
    out.key("media");
    if (call.answered()) {
      out.value(to_string(call.media));
    } else {
      out.null();
    }
    out.field("frame", FrameRef(call.begin()).number);
    out.key("legs");
    out.begin_array();
    for (const HopRecord& hop : call.hops) {
      out.begin_object();
      out.field("from", hop.from.to_string());
      out.field("to", hop.to.to_string());
      out.field("signalling", dissect::to_string(hop.signalling));
      out.field("on_wire", hop.on_wire);
      out.field_time("start", hop.first.time);
      out.end_object();
    }
    out.end_array();
    out.key("streams");
    out.begin_array();
    for (const StreamRecord& stream : call.streams) {
      out.begin_object();
      out.field("ssrc", fmt::format("0x{:08x}", stream.ssrc));
      out.field("src", stream.src.to_string());
      out.field("dst", stream.dst.to_string());
      write_or_null(out, "codec", record_.names.text(stream.codec));
      out.field("packets", stream.packets);
      out.field_time("first_time", stream.first.time);
      out.field_time("last_time", stream.last.time);
      out.end_object();
    }
    out.end_array();
    out.end_object();
  }
  out.end_array();
}

void TimelineContent::write_sections(RecordWriter& out) const {
  write_incident(out);
  write_phases(out);
  const std::vector<std::size_t> places = wanted_incidents();
  std::vector<fraud::Incident> wanted;
  for (const std::size_t i : places) {
    fraud::Incident one = story_.incidents[i];
    std::vector<std::size_t> linked;
    for (const std::size_t other : one.linked) {
      const auto at = std::ranges::lower_bound(places, other);
      if (at != places.end() && *at == other) linked.push_back(static_cast<std::size_t>(at - places.begin()));
    }
    one.linked = std::move(linked);
    wanted.push_back(std::move(one));
  }
  fraud::write_incidents(out, wanted);
  write_clocks(out);
  write_events(out);
  write_calls(out);
}

void TimelineContent::text_account(TextWriter& out) const {
  out.heading("What happened");
  Lines lines{out};
  std::size_t shown = 0;
  std::uint64_t left_out = 0;
  record_.tell(show_.narrow, [&](const Told& told) {
    if (told.covered) return;
    // A call is one line, at its begin.
    const bool of_call = told.call != Told::kNoCall && told.kind != EventKind::kProbe;
    if (of_call) {
      const CallRecord& call = record_.calls[told.call];
      if (told.frame != call.begin() && (call.invite.known() || told.kind == EventKind::kMedia ||
                                         (call.answered() && told.kind != EventKind::kCallAnswer)))
        return;
      if (call.group != told.call) return;  // another leg of a call that was told
    }
    if (show_.lines != 0 && shown >= show_.lines) {
      ++left_out;
      return;
    }
    ++shown;
    if (of_call) {
      const CallRecord& call = record_.calls[told.call];
      const bool bad = call.failed() && !call.cancelled;
      lines.begin(told.frame.time, bad ? "call failed" : "call", bad ? Tone::kWarn : Tone::kPlain);
      const std::string_view caller = record_.caller_of(call);
      out.put(caller.empty() ? std::string_view{"?"} : caller, Tone::kStrong);
      out.put(" > ");
      out.put(record_.callee_of(call).empty() ? std::string_view{"?"} : record_.callee_of(call), Tone::kStrong);
      const bool warn = call.answered() && call.media == Media::kOneWay;
      out.put(" " + sum_up(record_, call), warn ? Tone::kWarn : Tone::kPlain);
      out.put(fmt::format("  [{} Call-ID {}]", told.actor.to_string(), call.call_id), Tone::kFaint);
      lines.end();
      return;
    }
    lines.begin(told.frame.time, to_string(told.kind), tone_of(told.kind));
    out.put(told.text);
    if (told.count > 1 && told.kind != EventKind::kProbe) {
      out.put(fmt::format(" ({} times, the last after {})", told.count,
                          duration_text(seconds_between(told.frame.time, told.last.time))));
    }
    if (!told.actor.unspecified()) out.put(fmt::format("  [{}]", told.actor.to_string()), Tone::kFaint);
    lines.end();
  });
  if (shown == 0) {
    out.begin_line(0);
    out.put(show_.narrow.everything() ? "Neither calls nor registrations were seen." : "Nothing that fits was seen.");
    out.end_line();
  }
  if (left_out != 0) {
    out.begin_line(0);
    out.put(fmt::format("and {} more lines (--lines 0 shows all)", left_out), Tone::kFaint);
    out.end_line();
  }
}

void TimelineContent::write_text(TextWriter& out) const {
  text_campaign(out);
  text_clocks(out);
  text_account(out);
}

}  // namespace voip::analyze::timeline
