#include "analyze/fraud/casework.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"

namespace voip::analyze::fraud {

using report::Confidence;
using report::Severity;

Fired fired(const report::Rule& rule, Severity severity, Confidence confidence, std::string message) {
  Fired one;
  one.rule = &rule;
  one.severity = severity;
  one.confidence = confidence;
  one.message = std::move(message);
  return one;
}

std::vector<report::Evidence> Casework::evidence(const FrameRef& first, const FrameRef& decisive, std::string_view note,
                                                 const FrameRef& last) {
  std::vector<report::Evidence> out;
  const auto add = [&](const FrameRef& frame, std::string_view words) {
    if (!frame.known()) return;
    for (const report::Evidence& known : out) {
      if (known.frame == frame) return;
    }
    out.push_back({.frame = frame, .note = std::string(words)});
  };
  if (decisive == first) {
    add(decisive, note);
  } else {
    add(first, "first");
    add(decisive, note);
  }
  add(last, "last");
  return out;
}

void tell_beside(Casework& work, const IpAddress& address, Fired check, const FrameRef& first, const FrameRef& last,
                 std::uint64_t messages, std::string_view else_, std::vector<std::string> targets) {
  const Source* source = work.book.find(address);
  if (source != nullptr && !source->incidents.empty()) {
    work.findings.incidents.at(source->incidents.front()).checks.push_back(std::move(check));
    return;
  }
  Incident incident;
  incident.kind = Kind::kAnomaly;
  incident.first = first;
  incident.last = last;
  incident.messages = messages;
  incident.entity = "source " + address.to_string();
  incident.evidence = check.evidence;
  for (report::Evidence& item : incident.evidence) item.note = "decisive: " + item.note;
  incident.targets = std::move(targets);
  incident.explanation = fmt::format("{}. {}", check.message, else_);
  incident.checks.push_back(std::move(check));
  if (source == nullptr) incident.sources.push_back(address);
  work.raise(std::move(incident),
             source == nullptr ? std::vector<std::uint32_t>{} : std::vector<std::uint32_t>{work.index_of(*source)});
}

std::size_t Casework::raise(Incident incident, const std::vector<std::uint32_t>& culprits) {
  Signs signs;
  FrameRef sign_frame;
  bool answered = false;
  for (const std::uint32_t index : culprits) {
    const Source& source = book.sources()[index];
    incident.sources.push_back(source.address);
    signs.add(source.signs);
    if (source.sign_frame.known() && (!sign_frame.known() || source.sign_frame < sign_frame)) {
      sign_frame = source.sign_frame;
    }
    answered |= source.answered != 0;
  }
  if (const auto tool = signs.attributed(); tool && incident.tool.empty()) incident.tool = to_string(*tool);
  const auto beside = [&](const report::Rule& rule, std::string message) {
    if (std::ranges::find(incident.checks, &rule, &Fired::rule) != incident.checks.end() || !sign_frame.known()) return;
    Fired one = fired(rule, answered ? std::min(rule.severity, Severity::kMedium) : rule.severity,
                      Confidence::kProbable, std::move(message));
    one.evidence.push_back({.frame = sign_frame, .note = "signs of the program"});
    incident.checks.push_back(std::move(one));
  };
  if (const auto tool = signs.named(); tool && *tool != Tool::kSipp) {
    beside(*tool == Tool::kNmap ? kServiceProbe : kKnownScanner,
           fmt::format("signs of {}: {}", to_string(*tool), signs.describe()));
  } else if (const auto built = signs.structured()) {
    beside(*built == Tool::kSippts ? kSipptsStructure : kSipviciousStructure,
           fmt::format("built as {} builds its requests, under another name: {}", to_string(*built), signs.describe()));
  }
  const std::size_t place = findings.incidents.add(std::move(incident));
  for (const std::uint32_t index : culprits) {
    book.sources()[index].suspect = true;
    book.sources()[index].incidents.push_back(place);
  }
  return place;
}

void confirm_takeovers(IncidentStore& incidents) {
  std::map<std::pair<IpAddress, std::string>, FrameRef> thefts;  // and their ends
  for (const Incident& incident : incidents.all()) {
    if (incident.checks.empty() || incident.kind != Kind::kTollFraud || incident.lead().severity < Severity::kHigh ||
        incident.lead().confidence == Confidence::kPossible || incident.sources.size() > 64) {
      continue;
    }
    for (const IpAddress& source : incident.sources) {
      for (const std::string& account : incident.accounts) {
        FrameRef& last = thefts[{source, account}];
        last = std::max(last, incident.last);
      }
    }
  }
  if (thefts.empty()) return;
  for (std::size_t i = 0; i < incidents.all().size(); ++i) {
    Incident& incident = incidents.at(i);
    if (incident.checks.empty() || incident.kind != Kind::kRegistrationHijack) continue;
    bool stolen = false;
    for (const IpAddress& source : incident.sources) {
      for (const std::string& account : incident.accounts) {
        const auto theft = thefts.find({source, account});
        if (theft == thefts.end()) continue;
        stolen = true;
        incident.confirmed = std::max(incident.confirmed, theft->second);
      }
    }
    Fired& lead = incident.checks.front();
    if (!stolen || lead.severity >= lead.rule->severity) continue;
    lead.severity = lead.rule->severity;
    lead.confidence = Confidence::kProbable;
    incident.explanation += " Calls were stolen with the account from there: no second device of its user.";
  }
}

Kind scan_kind(const Source& source, Timestamp until) {
  const auto of = [&](sip::Method method) -> std::uint64_t {
    if (!until.known()) return source.methods[static_cast<std::size_t>(method)];
    return static_cast<std::uint64_t>(std::ranges::count_if(
        source.stamps, [&](const Stamp& stamp) { return stamp.method == method && stamp.ns <= until.ns; }));
  };
  const std::uint64_t options = of(sip::Method::kOptions);
  const std::uint64_t registers = of(sip::Method::kRegister);
  const std::uint64_t invites = of(sip::Method::kInvite);
  if (invites > options && invites > registers) return Kind::kInviteScan;
  return registers > options ? Kind::kRegisterScan : Kind::kOptionsScan;
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string listed(const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) {
    if (i != 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
  return text;
}

double numeric_run(const std::vector<std::string>& names) {
  std::vector<std::uint32_t> numbers;
  for (const std::string& name : names) {
    if (name.size() > 6) continue;
    if (const auto number = parse_number<std::uint32_t>(name)) numbers.push_back(*number);
  }
  if (numbers.size() * 2 < names.size() || numbers.size() < 2) return 0;
  std::ranges::sort(numbers);
  std::size_t steps = 0;
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] - numbers[i - 1] <= 1) ++steps;
  }
  return static_cast<double>(steps) / static_cast<double>(numbers.size() - 1);
}

}  // namespace voip::analyze::fraud
