#include "analyze/fraud/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "analyze/fraud/toll.h"

namespace voip::analyze::fraud {

namespace {

using report::RecordWriter;
using report::Severity;
using report::TextWriter;
using report::Tone;

constexpr std::size_t kMaxNumbers = 4096;
constexpr std::size_t kMaxCidr = 256;  // more sources are told as networks
constexpr std::size_t kMaxSourcesTold = 65536;
constexpr std::size_t kMaxIncidentsText = 60;
constexpr std::size_t kMaxAccountsText = 40;

double rounded(double value, double steps = 100) { return std::round(value * steps) / steps; }

Tone tone_of(Severity severity) {
  switch (severity) {
    case Severity::kCritical:
    case Severity::kHigh: return Tone::kBad;
    case Severity::kMedium: return Tone::kWarn;
    default: return Tone::kFaint;
  }
}

// Neighbours among many sources as /24 or /48, where a network holds four or more of them.
std::vector<std::string> sources_text(const std::vector<IpAddress>& sources) {
  std::vector<std::string> list;
  if (sources.size() <= kMaxCidr) {
    for (const IpAddress& source : sources) list.push_back(source.to_string());
    return list;
  }
  const auto network = [](const IpAddress& address) {
    auto bytes = address.bytes();
    std::fill(bytes.begin() + (address.is_v4() ? 15 : 6), bytes.end(), std::uint8_t{0});
    return IpAddress::from_bytes(bytes);
  };
  std::map<IpAddress, std::size_t> members;
  for (const IpAddress& source : sources) ++members[network(source)];
  IpAddress told;
  for (const IpAddress& source : sources) {
    const IpAddress home = network(source);
    if (members[home] < 4) {
      list.push_back(source.to_string());
    } else if (told != home) {
      list.push_back(fmt::format("{}/{}", home.to_string(), source.is_v4() ? 24 : 48));
      told = home;
    }
    if (list.size() >= kMaxSourcesTold) break;
  }
  return list;
}

void write_list(RecordWriter& out, std::string_view key, const std::vector<std::string>& list,
                std::size_t most = kMaxNumbers) {
  out.key(key);
  out.begin_array();
  for (std::size_t i = 0; i < list.size() && i < most; ++i) out.value(list[i]);
  out.end_array();
}

void write_evidence(RecordWriter& out, const std::vector<report::Evidence>& evidence) {
  out.key("evidence");
  out.begin_array();
  for (const report::Evidence& item : evidence) {
    out.begin_object();
    out.field("input", item.frame.input);
    out.field("frame", item.frame.number);
    out.field_time("time", item.frame.time);
    out.field("note", item.note);
    out.end_object();
  }
  out.end_array();
}

// Worst first: severity, then what succeeded, then time.
std::vector<std::size_t> by_weight(const std::vector<Incident>& incidents) {
  std::vector<std::size_t> order(incidents.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const Incident& x = incidents[a];
    const Incident& y = incidents[b];
    if (x.lead().severity != y.lead().severity) return x.lead().severity > y.lead().severity;
    return (x.successes != 0) > (y.successes != 0);
  });
  return order;
}

void line(TextWriter& out, unsigned indent, std::string_view label, const std::string& text, Tone tone = Tone::kPlain) {
  if (text.empty()) return;
  out.begin_line(indent);
  out.put(label, Tone::kFaint);
  out.column(indent * 2 + 14);
  out.put(text, tone);
  out.end_line();
}

// Wrapped by hand: a TextWriter knows lines only.
void prose(TextWriter& out, unsigned indent, std::string_view text) {
  constexpr std::size_t kWidth = 96;
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > kWidth) {
      end = text.rfind(' ', kWidth);
      if (end == std::string_view::npos || end == 0) end = kWidth;
    }
    out.begin_line(indent);
    out.put(text.substr(0, end));
    out.end_line();
    text.remove_prefix(end);
    while (text.starts_with(' ')) text.remove_prefix(1);
  }
}

std::string counts_text(const Incident& incident) {
  std::string text;
  const auto add = [&](std::uint64_t n, std::string_view one, std::string_view many) {
    if (n != 0) text += (text.empty() ? "" : ", ") + plural(n, one, many);
  };
  add(incident.messages, "message", "messages");
  add(incident.attempts, "attempt", "attempts");
  add(incident.successes, "success", "successes");
  if (incident.calls != 0) {
    add(incident.calls, "call", "calls");
    text += fmt::format(", {} answered, {}", incident.answered, minutes_text(incident.answered_seconds));
    if (incident.concurrent_peak > 1) text += fmt::format(", {} at once", incident.concurrent_peak);
  }
  return text;
}

}  // namespace

void write_incidents(RecordWriter& out, const std::vector<Incident>& incidents) {
  out.key("incidents");
  out.begin_array();
  for (const Incident& incident : incidents) {
    out.begin_object();
    out.field("kind", to_string(incident.kind));
    out.field("severity", to_string(incident.lead().severity));
    out.field("confidence", to_string(incident.lead().confidence));
    out.field_time("first_time", incident.first.time);
    out.field_time("last_time", incident.last.time);
    write_list(out, "sources", sources_text(incident.sources), kMaxSourcesTold);
    write_list(out, "targets", incident.targets);
    write_list(out, "accounts", incident.accounts, kMaxSourcesTold);
    write_list(out, "numbers", incident.numbers, kMaxSourcesTold);
    write_list(out, "destinations", incident.destinations);
    out.field("messages", incident.messages);
    out.field("attempts", incident.attempts);
    out.field("successes", incident.successes);
    out.field("calls", incident.calls);
    out.field("answered", incident.answered);
    out.field("minutes", rounded(incident.answered_seconds / 60));
    out.field("concurrent_peak", incident.concurrent_peak);
    out.key("estimated_cost");
    if (incident.cost) {
      out.begin_object();
      out.field("currency", incident.cost->currency);
      out.field("low", rounded(incident.cost->low));
      out.field("high", rounded(incident.cost->high));
      out.field("placeholder", incident.cost->placeholder);
      out.end_object();
    } else {
      out.null();
    }
    out.key("tool");
    if (incident.tool.empty()) {
      out.null();
    } else {
      out.value(incident.tool);
    }
    out.field("finding", incident.lead().rule->id);
    out.key("checks");
    out.begin_array();
    for (const Fired& fired : incident.checks) out.value(fired.rule->id);
    out.end_array();
    out.key("linked");
    out.begin_array();
    for (const std::size_t other : incident.linked) out.value(std::uint64_t{other});
    out.end_array();
    out.field("explanation", incident.explanation);
    write_evidence(out, incident.evidence);
    out.end_object();
  }
  out.end_array();
}

void text_incidents(TextWriter& out, const std::vector<Incident>& incidents) {
  const std::vector<std::size_t> order = by_weight(incidents);
  for (std::size_t n = 0; n < order.size(); ++n) {
    if (n >= kMaxIncidentsText) {
      out.blank();
      out.begin_line(0);
      out.put(fmt::format("... and {} more; --format json tells them all", order.size() - n), Tone::kFaint);
      out.end_line();
      break;
    }
    const Incident& incident = incidents[order[n]];
    if (n != 0) out.blank();
    out.begin_line(0);
    out.put(fmt::format("#{} ", order[n]), Tone::kFaint);
    out.put(to_string(incident.lead().severity), tone_of(incident.lead().severity));
    out.put(" ");
    out.put(to_string(incident.kind), Tone::kStrong);
    out.put(fmt::format("  {}  ", incident.lead().rule->id));
    out.put(fmt::format("{} - {}", out.time(incident.first.time), out.time(incident.last.time)), Tone::kFaint);
    out.end_line();
    line(out, 1, "from",
         hosts_text(incident.sources, 6) +
             (incident.tool.empty() ? std::string() : fmt::format("  ({})", incident.tool)));
    line(out, 1, "to", list_text(incident.targets, 6));
    line(out, 1, "accounts", list_text(incident.accounts, 10));
    line(out, 1, "numbers", list_text(incident.numbers, 8));
    line(out, 1, "destinations", list_text(incident.destinations, 8));
    line(out, 1, "counted", counts_text(incident));
    if (incident.cost) {
      line(out, 1, "cost",
           fmt::format("{:.2f} to {:.2f} {}{}", incident.cost->low, incident.cost->high, incident.cost->currency,
                       incident.cost->placeholder ? " (placeholder rates; --rates gives real ones)" : ""));
    }
    std::string links;
    for (const std::size_t other : incident.linked) {
      links += (links.empty() ? "" : ", ") + fmt::format("#{} {}", other, to_string(incidents[other].kind));
    }
    line(out, 1, "belongs with", links);
    prose(out, 1, incident.explanation);
    for (const report::Evidence& item : incident.evidence) {
      out.begin_line(2);
      out.put(fmt::format("frame {}{}", item.frame.number,
                          item.frame.input == 0 ? std::string() : fmt::format(" of input {}", item.frame.input)),
              Tone::kFaint);
      out.column(24);
      out.put(item.note);
      out.end_line();
    }
  }
}

FraudContent::FraudContent(std::vector<Incident> incidents, std::vector<AccountRow> accounts, Site site,
                           Thresholds limits)
    : incidents_(std::move(incidents)),
      accounts_(std::move(accounts)),
      site_(std::move(site)),
      limits_(std::move(limits)) {}

std::string FraudContent::headline() const {
  if (nothing_ && incidents_.empty()) return "no SIP request was seen: nothing to judge";
  if (incidents_.empty()) return "no campaign against this site, and no theft of calls, in what was visible";
  std::map<Severity, std::size_t> grave;
  for (const Incident& incident : incidents_) ++grave[incident.lead().severity];
  const Incident& worst = incidents_[by_weight(incidents_).front()];
  std::string text = plural(incidents_.size(), "incident", "incidents");
  std::string parts;
  for (auto at = grave.rbegin(); at != grave.rend(); ++at)
    parts += (parts.empty() ? "" : ", ") + fmt::format("{} {}", at->second, to_string(at->first));
  text += fmt::format(" ({})", parts);
  text += fmt::format("; the gravest: {}", to_string(worst.kind));
  if (!worst.accounts.empty() && worst.accounts.size() <= 3) text += " of " + list_text(worst.accounts);
  if (!worst.sources.empty()) text += " from " + hosts_text(worst.sources, 2);
  if (worst.answered != 0)
    text +=
        fmt::format(", {} answered, {}", plural(worst.answered, "call", "calls"), minutes_text(worst.answered_seconds));
  return text;
}

void FraudContent::write_sections(RecordWriter& out) const {
  write_incidents(out, incidents_);
  out.key("accounts");
  out.begin_array();
  for (const AccountRow& row : accounts_) {
    out.begin_object();
    out.field("account", row.account);
    out.key("sources");
    out.begin_array();
    for (const IpAddress& source : row.sources) out.value(source.to_string());
    out.end_array();
    out.field("registrations", row.registrations);
    out.field("failures", row.failures);
    out.field("calls", row.calls);
    out.field("answered", row.answered);
    out.field("minutes", rounded(row.seconds / 60));
    out.field("concurrent_peak", row.concurrent_peak);
    write_list(out, "countries", row.countries);
    write_list(out, "user_agents", row.user_agents);
    out.field("risk", row.risk == Severity::kInfo ? std::string_view("none") : to_string(row.risk));
    out.end_object();
  }
  out.end_array();
  out.key("site");
  out.begin_object();
  out.key("country");
  if (site_.country.empty()) {
    out.null();
  } else {
    out.value(site_.country);
  }
  write_list(out, "inferred", site_.inferred);
  write_list(out, "thresholds_changed", limits_.changed);
  out.end_object();
}

void FraudContent::write_text(TextWriter& out) const {
  if (!incidents_.empty()) {
    out.heading("Incidents");
    text_incidents(out, incidents_);
  }
  if (!accounts_.empty()) {
    out.heading("Accounts");
    out.begin_line(0);
    for (const auto& [at, name] : {std::pair{0U, "account"},
                                   {20U, "risk"},
                                   {30U, "registrations"},
                                   {45U, "failures"},
                                   {55U, "calls"},
                                   {63U, "answered"},
                                   {73U, "minutes"},
                                   {83U, "countries"}}) {
      if (at != 0) out.column(at);
      out.put(name, Tone::kFaint);
    }
    out.end_line();
    for (std::size_t i = 0; i < accounts_.size() && i < kMaxAccountsText; ++i) {
      const AccountRow& row = accounts_[i];
      out.begin_line(0);
      out.put(row.account, Tone::kStrong);
      if (row.account.size() >= 20) {  // a long name has a line of its own
        out.end_line();
        out.begin_line(0);
      }
      out.column(20);
      out.put(row.risk == Severity::kInfo ? std::string_view("-") : to_string(row.risk), tone_of(row.risk));
      out.column(30);
      out.put(fmt::format("{}", row.registrations));
      out.column(45);
      out.put(fmt::format("{}", row.failures));
      out.column(55);
      out.put(fmt::format("{}", row.calls));
      out.column(63);
      out.put(fmt::format("{}", row.answered));
      out.column(73);
      out.put(fmt::format("{:.1f}", row.seconds / 60));
      out.column(83);
      out.put(list_text(row.countries, 6));
      out.end_line();
    }
    if (accounts_.size() > kMaxAccountsText) {
      out.begin_line(0);
      out.put(fmt::format("... and {} more", accounts_.size() - kMaxAccountsText), Tone::kFaint);
      out.end_line();
    }
  }
  if (!site_.inferred.empty() || !limits_.changed.empty()) {
    out.heading("Taken for granted");
    for (const std::string& fact : site_.inferred) prose(out, 0, fact);
    for (const std::string& change : limits_.changed) prose(out, 0, change);
  }
}

}  // namespace voip::analyze::fraud
