#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/statistics.h"
#include "analyze/fraud/toll_finder.h"
#include "base/text.h"

namespace voip::analyze::fraud {

using report::Confidence;
using report::Severity;

void TollFinder::tell(const std::vector<const std::pair<Unit, Score>*>& members) {
  CallRefs chosen;
  std::map<const report::Rule*, const Sign*> signs;
  std::set<std::string> reasons;
  unsigned points = 0;
  std::map<IpAddress, bool> hostile_sources;
  for (const auto* member : members) {
    chosen.insert(chosen.end(), member->first.chosen.begin(), member->first.chosen.end());
    points = std::max(points, member->second.points);
    for (const Sign& sign : member->second.signs) {
      const Sign*& known = signs[sign.rule];
      if (known == nullptr || known->severity < sign.severity) known = &sign;
    }
    reasons.insert(member->second.reasons.begin(), member->second.reasons.end());
    hostile_sources[member->first.source] |=
        member->first.stranger || member->first.compromised || (member->first.foreign && member->first.new_device);
  }
  const bool hostile = std::ranges::all_of(hostile_sources, [](const auto& entry) { return entry.second; });
  std::ranges::sort(chosen);
  Incident incident;
  incident.kind = Kind::kTollFraud;
  add_calls(context_, chosen, incident);
  // The call whose login took the account begins with that login.
  const PhoneCall& begin = call(chosen.front());
  const bool taken = std::ranges::any_of(members, [](const auto* member) { return member->first.compromised; });
  if (taken && begin.authenticated && incident.first < begin.accepted) incident.first = begin.accepted;
  std::vector<const PhoneCall*> sure;
  std::vector<const PhoneCall*> others;
  std::set<std::size_t> in(chosen.begin(), chosen.end());
  for (const auto* member : members) {
    if (!member->first.account.empty()) incident.accounts.push_back(member->first.account);
    incident.sources.push_back(member->first.source);
    for (const std::size_t i : member->first.external) {
      if (in.contains(i)) continue;
      const PhoneCall& each = call(i);
      if (each.start >= incident.first.time && each.start <= incident.last.time) others.push_back(&each);
    }
  }
  for (const std::size_t i : chosen) {
    sure.push_back(&call(i));
    context_.claimed[i] = 1;
  }
  incident.attempts = incident.calls;
  incident.successes = incident.answered;
  incident.cost = context_.rates.estimate(sure, others);

  // The gravest sign leads.
  std::vector<const Sign*> order;
  order.reserve(signs.size());
  for (const auto& [rule, sign] : signs) order.push_back(sign);
  std::ranges::sort(order, [](const Sign* a, const Sign* b) {
    if (a->points != b->points) return a->points > b->points;
    if (a->severity != b->severity) return a->severity > b->severity;
    return a->rule->id < b->rule->id;
  });
  const std::set<std::string> names(incident.destinations.begin(), incident.destinations.end());
  const std::set<std::string> accounts(incident.accounts.begin(), incident.accounts.end());
  const std::set<IpAddress> sources(incident.sources.begin(), incident.sources.end());
  const std::string who = list_text({accounts.begin(), accounts.end()}, 4);
  const std::string from = hosts_text({sources.begin(), sources.end()}, 4);
  const std::string where = list_text({names.begin(), names.end()}, 4);
  const std::string what =
      fmt::format("{} ({} answered, {}, at most {} at once) to {} {} from {}", plural(incident.calls, "call", "calls"),
                  incident.answered, minutes_text(incident.answered_seconds), incident.concurrent_peak, where,
                  accounts.empty() ? std::string("without an account") : "with account " + who, from);
  Severity severity = Severity::kHigh;
  for (const Sign* sign : order) severity = std::max(severity, sign->severity);
  const bool hijacked = points >= kHijacked && !accounts.empty();
  if (hijacked) {
    incident.checks.push_back({.rule = &kHijackedAccount,
                               .severity = Severity::kCritical,
                               .confidence = Confidence::kProbable,
                               .message = fmt::format("{}; {} points", what, points),
                               .evidence = {}});
  }
  for (const Sign* sign : order) {
    Fired fired{.rule = sign->rule,
                .severity = sign->severity,
                .confidence = Confidence::kProbable,
                .message = sign->text,
                .evidence = {sign->evidence}};
    if (incident.checks.empty()) {
      fired.severity = severity;
      fired.message = what;
      fired.evidence.clear();
    }
    incident.checks.push_back(std::move(fired));
  }
  if (incident.checks.empty()) {
    // Nothing but who calls: a taken account, or a stranger behind the hole in the dial plan.
    const bool hole = accounts.empty() && std::ranges::any_of(members, [](const auto* m) { return m->first.probed; });
    incident.checks.push_back({.rule = hole ? &kDialPlanProbing : &kHijackedAccount,
                               .severity = Severity::kHigh,
                               .confidence = Confidence::kProbable,
                               .message = what,
                               .evidence = {}});
  }
  std::vector<std::string> why;
  why.reserve(order.size() + reasons.size());
  for (const Sign* sign : order) why.push_back(sign->text);
  why.insert(why.end(), reasons.begin(), reasons.end());
  std::string text = fmt::format("{}. Raised because of: ", what);
  for (std::size_t i = 0; i < why.size(); ++i) text += (i == 0 ? "" : "; ") + why[i];
  text += hostile
              ? ". An honest explanation would need a user who moved to another place and device at the same time."
              : ". It could also be a user with new business in these countries, or a dialler that was not announced: "
                "ask the user before the account is closed for good.";
  incident.explanation = std::move(text);

  // First, decisive (the first answered call), last.
  const PhoneCall* answered = nullptr;
  for (const std::size_t i : chosen) {
    if (answered == nullptr && call(i).answered()) answered = &call(i);
  }
  incident.evidence.push_back(
      {call(chosen.front()).invite, fmt::format("first call, to {}", call(chosen.front()).number.shown())});
  if (answered != nullptr)
    incident.evidence.push_back(
        {answered->accepted, fmt::format("decisive: first answered call, to {}", answered->number.shown())});
  if (chosen.size() > 1) {
    const PhoneCall& last = call(chosen.back());
    incident.evidence.push_back({last.invite, fmt::format("last call, to {}", last.number.shown())});
  }
  incident.entity = accounts.empty() ? sources.begin()->to_string() : *accounts.begin();
  // A stranger's scan or call that turned out to be this is told here.
  for (const IpAddress& source : sources) {
    const auto list = strangers_.find(source);
    if (list == strangers_.end()) continue;
    for (const std::size_t k : list->second) {
      const Incident& other = context_.all.incidents.all()[k];
      const bool same = std::ranges::all_of(other.sources, [&](const IpAddress& s) { return sources.contains(s); });
      if (same && other.attempts <= incident.calls + incident.calls / 2) context_.all.incidents.remove(k);
    }
  }
  incident.certain_attacker = hostile;
  if (incident.cost && incident.answered != 0) {
    incident.checks.push_back(
        {.rule = &kImpact,
         .severity = Severity::kInfo,
         .confidence = incident.cost->placeholder ? Confidence::kPossible : Confidence::kProbable,
         .message = fmt::format("estimated cost {:.2f} to {:.2f} {}{}", incident.cost->low, incident.cost->high,
                                incident.cost->currency, incident.cost->placeholder ? " (placeholder rates)" : ""),
         .evidence = {}});
  }
  context_.all.incidents.add(std::move(incident));
}

// One weak sign: worth a line, never an alarm.
void TollFinder::tell_anomaly(const Unit& unit, const Score& score) {
  const Sign* lead = nullptr;
  for (const Sign& sign : score.signs) {
    if (sign.rule == &kDeviceChange || (sign.rule == &kOffHours && !context_.hours_known)) continue;
    if (lead == nullptr || sign.points > lead->points) lead = &sign;
  }
  if (lead == nullptr || (lead->points == 0 && lead->rule != &kFirstCallToCountry)) return;
  const CallRefs& list = lead->calls.empty() ? unit.chosen : lead->calls;
  Incident incident;
  incident.kind = Kind::kAnomaly;
  add_calls(context_, list, incident);
  if (!unit.account.empty()) incident.accounts = {unit.account};
  incident.sources = {unit.source};
  incident.attempts = incident.calls;
  incident.successes = incident.answered;
  const std::string name = unit.account.empty() ? unit.source.to_string() : "account " + unit.account;
  const bool policy = lead->rule == &kDestinationNotAllowed;
  const Severity most = policy || lead->points >= 3 ? Severity::kMedium : Severity::kLow;
  for (const Sign& sign : score.signs) {
    Fired fired{.rule = sign.rule,
                .severity = std::min(sign.severity, most),
                .confidence = Confidence::kProbable,
                .message = fmt::format("{}: {}", name, sign.text),
                .evidence = {sign.evidence}};
    if (&sign == lead) {
      incident.checks.insert(incident.checks.begin(), std::move(fired));
    } else {
      incident.checks.push_back(std::move(fired));
    }
  }
  incident.explanation = fmt::format(
      "{} made {}. Nothing else speaks for theft: the usual device, no haste, no crowd of calls. Told so that somebody "
      "who "
      "knows the user can say whether it was meant.",
      name, lead->text);
  incident.evidence.push_back(
      {call(list.front()).invite, fmt::format("call to {}", call(list.front()).number.shown())});
  if (list.size() > 1)
    incident.evidence.push_back(
        {call(list.back()).invite, fmt::format("last call, to {}", call(list.back()).number.shown())});
  incident.entity = unit.account.empty() ? unit.source.to_string() : unit.account;
  context_.all.incidents.add(std::move(incident));
}

}  // namespace voip::analyze::fraud
