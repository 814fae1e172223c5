#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/fraud/casework.h"
#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/statistics.h"
#include "analyze/fraud/toll_finder.h"
#include "base/text.h"

namespace voip::analyze::fraud {

using report::Confidence;
using report::Severity;

namespace {

using Members = std::vector<const std::pair<Unit, Score>*>;

// What the units of one campaign say together.
struct Campaign {
  CallRefs chosen{};               // by start
  std::vector<const Sign*> signs;  // one of each check, the gravest first
  std::set<std::string> reasons{};
  std::set<std::string> accounts{};
  std::set<IpAddress> sources{};
  unsigned points = 0;   // of the worst unit
  bool hostile = false;  // every source is a stranger's or a thief's
  bool taken = false;
  bool probed = false;
};

std::vector<const Sign*> gravest_first(const Members& members) {
  std::map<const report::Rule*, const Sign*> gravest;
  for (const auto* member : members) {
    for (const Sign& sign : member->second.signs) {
      const Sign*& known = gravest[sign.rule];
      if (known == nullptr || known->severity < sign.severity) known = &sign;
    }
  }
  std::vector<const Sign*> order;
  order.reserve(gravest.size());
  for (const auto& [rule, sign] : gravest) order.push_back(sign);
  std::ranges::sort(order, [](const Sign* a, const Sign* b) {
    if (a->points != b->points) return a->points > b->points;
    if (a->severity != b->severity) return a->severity > b->severity;
    return a->rule->id < b->rule->id;
  });
  return order;
}

Campaign campaign_of(const Members& members) {
  Campaign campaign{.signs = gravest_first(members)};
  std::map<IpAddress, bool> hostile;
  for (const auto* member : members) {
    const auto& [unit, score] = *member;
    campaign.chosen.insert(campaign.chosen.end(), unit.chosen.begin(), unit.chosen.end());
    campaign.points = std::max(campaign.points, score.points);
    campaign.reasons.insert(score.reasons.begin(), score.reasons.end());
    if (!unit.account.empty()) campaign.accounts.insert(unit.account);
    campaign.sources.insert(unit.source);
    campaign.taken |= unit.compromised;
    campaign.probed |= unit.probed;
    hostile[unit.source] |= unit.stranger || unit.compromised || (unit.foreign && unit.new_device);
  }
  campaign.hostile = std::ranges::all_of(hostile, [](const auto& entry) { return entry.second; });
  std::ranges::sort(campaign.chosen);
  return campaign;
}

// "12 calls (3 answered, 4.0 minutes, at most 2 at once) to Cuba with account 100 from 192.0.2.1".
std::string summary_of(const Campaign& campaign, const Incident& incident) {
  const std::set<std::string> names(incident.destinations.begin(), incident.destinations.end());
  const std::string who = list_text({campaign.accounts.begin(), campaign.accounts.end()}, 4);
  return fmt::format("{} ({} answered, {}, at most {} at once) to {} {} from {}",
                     plural(incident.calls, "call", "calls"), incident.answered,
                     minutes_text(incident.answered_seconds), incident.concurrent_peak,
                     list_text({names.begin(), names.end()}, 4),
                     campaign.accounts.empty() ? std::string("without an account") : "with account " + who,
                     hosts_text({campaign.sources.begin(), campaign.sources.end()}, 4));
}

std::string explanation_of(const Campaign& campaign, const std::string& summary) {
  std::vector<std::string> why;
  why.reserve(campaign.signs.size() + campaign.reasons.size());
  for (const Sign* sign : campaign.signs) why.push_back(sign->text);
  why.insert(why.end(), campaign.reasons.begin(), campaign.reasons.end());
  return fmt::format(
      "{}. Raised because of: {}. {}", summary, fmt::join(why, "; "),
      campaign.hostile
          ? "An honest explanation would need a user who moved to another place and device at the same time."
          : "It could also be a user with new business in these countries, or a dialler that was not announced: "
            "ask the user before the account is closed for good.");
}

// The check that leads stands for the campaign, the others for their signs.
void add_checks(const Campaign& campaign, const std::string& summary, Incident& incident) {
  const auto add = [&](const report::Rule& rule, Severity severity, std::string message) {
    incident.checks.push_back(fired(rule, severity, Confidence::kProbable, std::move(message)));
  };
  if (campaign.points >= kHijacked && !campaign.accounts.empty())
    add(kHijackedAccount, Severity::kCritical, fmt::format("{}; {} points", summary, campaign.points));
  Severity worst = Severity::kHigh;
  for (const Sign* sign : campaign.signs) worst = std::max(worst, sign->severity);
  for (const Sign* sign : campaign.signs) {
    if (incident.checks.empty()) {
      add(*sign->rule, worst, summary);
      continue;
    }
    add(*sign->rule, sign->severity, sign->text);
    incident.checks.back().evidence = {sign->evidence};
  }
  if (incident.checks.empty()) {
    // Nothing but who calls: a taken account, or a stranger behind the hole in the dial plan.
    const bool hole = campaign.accounts.empty() && campaign.probed;
    add(hole ? kDialPlanProbing : kHijackedAccount, Severity::kHigh, summary);
  }
  if (!incident.cost || incident.answered == 0) return;
  const Cost& cost = *incident.cost;
  incident.checks.push_back(fired(kImpact, Severity::kInfo,
                                  cost.placeholder ? Confidence::kPossible : Confidence::kProbable,
                                  fmt::format("estimated cost {:.2f} to {:.2f} {}{}", cost.low, cost.high,
                                              cost.currency, cost.placeholder ? " (placeholder rates)" : "")));
}

}  // namespace

void TollFinder::tell(const Members& members) {
  const Campaign campaign = campaign_of(members);
  Incident incident;
  incident.kind = Kind::kTollFraud;
  add_calls(context_, campaign.chosen, incident);
  for (const std::size_t i : campaign.chosen) context_.claimed[i] = 1;
  // The call whose login took the account begins with that login.
  const PhoneCall& begin = call(campaign.chosen.front());
  if (campaign.taken && begin.authenticated && incident.first < begin.accepted) incident.first = begin.accepted;
  incident.accounts.assign(campaign.accounts.begin(), campaign.accounts.end());
  incident.sources.assign(campaign.sources.begin(), campaign.sources.end());
  incident.entity = campaign.accounts.empty() ? campaign.sources.begin()->to_string() : *campaign.accounts.begin();
  incident.attempts = incident.calls;
  incident.successes = incident.answered;
  incident.certain_attacker = campaign.hostile;
  incident.cost = cost_of(members, campaign.chosen, incident);
  const std::string summary = summary_of(campaign, incident);
  add_checks(campaign, summary, incident);
  incident.explanation = explanation_of(campaign, summary);
  add_evidence(campaign.chosen, incident);
  withdraw_strangers(campaign.sources, incident);
  context_.all.incidents.add(std::move(incident));
}

// What the chosen calls cost for sure, and with them the units' other calls of the same time.
std::optional<Cost> TollFinder::cost_of(const Members& members, const CallRefs& chosen,
                                        const Incident& incident) const {
  std::vector<const PhoneCall*> sure;
  std::vector<const PhoneCall*> others;
  for (const std::size_t i : chosen) sure.push_back(&call(i));
  const std::set<std::size_t> in(chosen.begin(), chosen.end());
  for (const auto* member : members) {
    for (const std::size_t i : member->first.external) {
      const PhoneCall& each = call(i);
      if (!in.contains(i) && each.start >= incident.first.time && each.start <= incident.last.time)
        others.push_back(&each);
    }
  }
  return context_.rates.estimate(sure, others);
}

// First, decisive (the first answered call), last.
void TollFinder::add_evidence(const CallRefs& chosen, Incident& incident) const {
  const PhoneCall& first = call(chosen.front());
  const PhoneCall& last = call(chosen.back());
  incident.evidence.push_back({first.invite, fmt::format("first call, to {}", first.number.shown())});
  const auto answered = std::ranges::find_if(chosen, [&](std::size_t i) { return call(i).answered(); });
  if (answered != chosen.end()) {
    const PhoneCall& decisive = call(*answered);
    incident.evidence.push_back(
        {decisive.accepted, fmt::format("decisive: first answered call, to {}", decisive.number.shown())});
  }
  if (chosen.size() > 1)
    incident.evidence.push_back({last.invite, fmt::format("last call, to {}", last.number.shown())});
}

// A stranger's scan or call that turned out to be this is told here.
void TollFinder::withdraw_strangers(const std::set<IpAddress>& sources, const Incident& incident) {
  for (const IpAddress& source : sources) {
    const auto list = strangers_.find(source);
    if (list == strangers_.end()) continue;
    for (const std::size_t k : list->second) {
      const Incident& other = context_.all.incidents.all()[k];
      const bool same = std::ranges::all_of(other.sources, [&](const IpAddress& s) { return sources.contains(s); });
      if (same && other.attempts <= incident.calls + incident.calls / 2) context_.all.incidents.remove(k);
    }
  }
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
