#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>

#include "analyze/fraud/casework.h"
#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/statistics.h"
#include "analyze/fraud/toll.h"
#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr double kShortRing = 5;  // seconds; honest callers give up after twice as much
constexpr double kShortTalk = 3;
constexpr std::chrono::seconds kHour{3600};
constexpr std::chrono::seconds kDay{86'400};
constexpr std::chrono::seconds kCallBack{72 * 3600};
constexpr std::size_t kLures = 20;
constexpr std::size_t kLured = 10;
constexpr std::size_t kRiskyLures = 8;  // fewer do where the caller's country is known for it
constexpr std::size_t kRiskyLured = 5;
constexpr std::size_t kBlock = 9;  // "+" and 8 digits

bool lure(const PhoneCall& call) {
  if (call.answered()) return call.seconds() < kShortTalk && call.ended_by_caller;
  return call.cancelled && call.ring_seconds() < kShortRing;
}

bool risky_caller(const TollContext& context, const Number& caller) {
  return caller.kind == NumberClass::kInternational && caller.destination != nullptr &&
         context.limits().alert_tiers[static_cast<std::size_t>(caller.destination->tier)];
}

// The part of the list within the window that holds the most; true when it meets the limits.
bool lured_enough(const TollContext& context, const CallRefs& list, std::size_t least, std::size_t numbers,
                  std::chrono::seconds window) {
  std::size_t begin = 0;
  std::map<std::string, std::size_t> called;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const PhoneCall& call = context.calls()[list[i]];
    ++called[call.number.dialled];
    while (later_by(context.calls()[list[begin]].start, call.start, window)) {
      const auto at = called.find(context.calls()[list[begin]].number.dialled);
      if (--at->second == 0) called.erase(at);
      ++begin;
    }
    if (i - begin + 1 >= least && called.size() >= numbers) return true;
  }
  return false;
}

// Whom the site was called by, and whom it called.
struct Traffic {
  std::map<std::string, Number> callers{};     // of calls that arrive
  std::map<std::string, CallRefs> arriving{};  // by caller, block of callers, country of callers
  std::map<std::string, CallRefs> outgoing{};  // answered ones, by number
};

Traffic traffic_of(const TollContext& context) {
  const auto& calls = context.calls();
  Traffic traffic;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].answered() && !calls[i].inbound()) traffic.outgoing[calls[i].number.shown()].push_back(i);
    if (!arriving(context, calls[i]) || calls[i].caller.empty()) continue;
    const std::string& caller = calls[i].caller;
    const auto [at, made] = traffic.callers.try_emplace(caller);
    if (made) at->second = context.plan.read(caller);
    if (at->second.e164.empty()) continue;
    traffic.arriving["n" + caller].push_back(i);
    if (caller.size() > kBlock) traffic.arriving["b" + caller.substr(0, kBlock)].push_back(i);
    if (risky_caller(context, at->second)) traffic.arriving["c" + at->second.destination->name].push_back(i);
  }
  return traffic;
}

// The lures of a caller, a block or a country that does little else; empty where it does.
CallRefs lures_among(const TollContext& context, const CallRefs& list, bool risky_group) {
  const auto& calls = context.calls();
  const std::size_t least = risky_group ? kRiskyLures : kLures;
  if (list.size() < least) return {};
  CallRefs lures;
  std::size_t answered = 0;
  for (const std::size_t i : list) {
    if (lure(calls[i])) lures.push_back(i);
    if (calls[i].answered() && !lure(calls[i])) ++answered;
  }
  if (answered * 20 > list.size() || lures.size() * 10 < list.size() * 9) return {};
  const std::size_t numbers = risky_group ? kRiskyLured : kLured;
  return lured_enough(context, lures, least, numbers, risky_group ? kDay : kHour) ? lures : CallRefs{};
}

// The lures of each hand, by number range of the callers.
std::map<std::size_t, CallRefs> lures_by_hand(const TollContext& context, const Traffic& traffic) {
  const auto& calls = context.calls();
  const auto range = [&](std::size_t i) { return std::string(calls[i].caller.substr(0, 5)); };
  NameGroups ranges;
  std::set<std::size_t> found;
  for (const auto& [key, list] : traffic.arriving) {
    const bool risky_group = risky_caller(context, traffic.callers.at(calls[list.front()].caller));
    const CallRefs lures = lures_among(context, list, risky_group);
    // Blocks and countries hold what their numbers hold.
    for (const std::size_t i : lures) {
      found.insert(i);
      ranges.join(range(lures.front()), range(i));
    }
  }
  // Several ranges that ring through one line at the same time are one hand.
  std::map<IpAddress, std::size_t> last;
  for (const std::size_t i : found) {
    const auto [at, made] = last.emplace(calls[i].source, i);
    if (!made && !later_by(calls[at->second].start, calls[i].start, kHour)) ranges.join(range(at->second), range(i));
    at->second = i;
  }
  std::map<std::size_t, CallRefs> hands;
  for (const std::size_t i : found) hands[ranges.of(range(i))].push_back(i);
  return hands;
}

// Who called back?
CallRefs call_backs(const TollContext& context, const Traffic& traffic, const CallRefs& lures,
                    const std::vector<std::string>& callers) {
  const auto& calls = context.calls();
  CallRefs backs;
  for (const std::string& caller : callers) {
    const auto list = traffic.outgoing.find(caller);
    if (list == traffic.outgoing.end()) continue;
    std::ranges::copy_if(list->second, std::back_inserter(backs), [&](std::size_t i) {
      return calls[i].start >= calls[lures.front()].start &&
             !later_by(calls[lures.back()].start, calls[i].start, kCallBack);
    });
  }
  std::ranges::sort(backs);
  return backs;
}

// Whether one of the callers is from where such calls come from.
bool add_lures(TollContext& context, const Traffic& traffic, const CallRefs& lures, Incident& incident) {
  const auto& calls = context.calls();
  add_calls(context, lures, incident);
  incident.attempts = incident.calls;
  incident.numbers.clear();
  incident.destinations.clear();
  incident.targets.clear();
  std::set<std::string> callers;
  bool risky_group = false;
  for (const std::size_t i : lures) {
    context.claimed[i] = 1;
    callers.insert(calls[i].caller);
    incident.sources.push_back(calls[i].source);
    incident.targets.push_back(calls[i].number.dialled);
    const Number& caller = traffic.callers.at(calls[i].caller);
    incident.destinations.push_back(destination_name(caller));
    risky_group |= risky_caller(context, caller);
  }
  incident.numbers.assign(callers.begin(), callers.end());
  incident.entity = incident.numbers.front();
  tell_ends(context, lures, incident, "lure");
  return risky_group;
}

Fired lured_check(const TollContext& context, const CallRefs& lures, const Incident& incident, Severity severity) {
  const std::set<std::string> called(incident.targets.begin(), incident.targets.end());
  std::vector<double> rings;
  for (const std::size_t i : lures) rings.push_back(context.calls()[i].ring_seconds());
  return fired(kWangiriLure, severity, Confidence::kProbable,
               fmt::format("{} from {} rang {} of the site for {:.1f} s (median) and hung up",
                           plural(incident.calls, "call", "calls"), list_text(incident.numbers, 3),
                           plural(called.size(), "number", "numbers"), median(rings)));
}

// Adds the calls back to the incident; the check that tells them.
Fired add_call_backs(TollContext& context, const CallRefs& backs, Incident& incident) {
  std::vector<const PhoneCall*> sure;
  std::vector<std::string> who;
  for (const std::size_t i : backs) {
    const PhoneCall& call = context.calls()[i];
    context.claimed[i] = 1;
    sure.push_back(&call);
    who.push_back(call.account);
    incident.accounts.push_back(call.account);
    incident.answered += 1;
    incident.answered_seconds += call.seconds();
    if (incident.last < call.last) incident.last = call.last;
  }
  incident.successes = backs.size();
  incident.cost = context.rates.estimate(sure, {});
  const report::Evidence decisive{
      sure.front()->accepted,
      fmt::format("decisive: {} called back {}", sure.front()->account, sure.front()->number.shown())};
  incident.evidence.insert(incident.evidence.begin() + 1, decisive);
  Fired check = fired(
      kWangiriCallBack, Severity::kHigh, Confidence::kProbable,
      fmt::format("{} called back: {}", list_text(who, 5), plural(backs.size(), "answered call", "answered calls")));
  check.evidence = {decisive};
  return check;
}

// Returns how many callers the campaign has.
std::size_t tell_wangiri(TollContext& context, const Traffic& traffic, const CallRefs& lures) {
  Incident incident;
  incident.kind = Kind::kWangiri;
  const bool risky_group = add_lures(context, traffic, lures, incident);
  const std::size_t callers = incident.numbers.size();
  Fired lured = lured_check(context, lures, incident, risky_group ? Severity::kHigh : Severity::kMedium);
  incident.explanation = lured.message +
                         ". Such calls want to be called back at a high price. Callers who give up let it ring several "
                         "times as long; a dialler of a known partner is not from there. ";
  const CallRefs backs = call_backs(context, traffic, lures, incident.numbers);
  if (backs.empty()) {
    incident.explanation += "Nobody was seen calling back.";
    incident.checks = {std::move(lured)};
  } else {
    Fired back = add_call_backs(context, backs, incident);
    incident.explanation += back.message + ".";
    incident.checks = {std::move(lured), std::move(back)};
    if (!risky_group) std::swap(incident.checks.front(), incident.checks.back());
  }
  context.all.incidents.add(std::move(incident));
  return callers;
}

void find_wangiri(TollContext& context) {
  const Traffic traffic = traffic_of(context);
  std::size_t told = 0;
  for (const auto& [hand, lures] : lures_by_hand(context, traffic)) told += tell_wangiri(context, traffic, lures);
  // Each caller is a subject, those of the lures apart.
  const std::size_t callers = traffic.callers.size();
  context.all.sink.tally(kWangiriLure, report::Verdict::kPass, callers - std::min(callers, told));
  context.all.sink.tally(kWangiriCallBack, report::Verdict::kPass, told);
}

// The other end of a Wangiri campaign: somebody rings many numbers from here and hangs up.
void find_lures_of_ours(TollContext& context) {
  const auto& calls = context.calls();
  std::map<std::pair<std::string, IpAddress>, CallRefs> actors;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const PhoneCall& call = calls[i];
    if (call.inbound() || !call.external() || context.claimed[i] != 0 || context.peer(call.source)) continue;
    actors[{call.account, call.source}].push_back(i);
  }
  for (const auto& [actor, list] : actors) {
    if (list.size() < kLures) continue;
    CallRefs lures;
    std::set<std::string> called;
    std::set<std::string> shown;
    std::vector<double> rings;
    std::size_t talks = 0;
    std::size_t refused = 0;  // numbers that do not exist say nothing
    for (const std::size_t i : list) {
      if (!lure(calls[i])) {
        talks += calls[i].answered() ? 1U : 0U;
        refused += !calls[i].answered() && !calls[i].ringing.known() && calls[i].status >= 400 ? 1U : 0U;
        continue;
      }
      lures.push_back(i);
      called.insert(calls[i].number.shown());
      rings.push_back(calls[i].ring_seconds());
      // What the called ones see stands on the way out.
      const CallRecord& far = context.all.calls.records()[calls[i].records.back()];
      const CallHop& hop = far.exit();
      const Number number = context.plan.read(hop.asserted.empty() ? hop.caller : hop.asserted);
      shown.insert(number.shown());
    }
    if (talks * 20 > list.size() || lures.size() * 10 < (list.size() - refused) * 9) continue;
    if (!lured_enough(context, lures, kLures, kLured, kHour) || median(rings) >= kShortRing / 2) continue;
    Incident incident;
    incident.kind = Kind::kWangiri;
    add_calls(context, lures, incident);
    incident.numbers.assign(shown.begin(), shown.end());
    incident.targets.assign(called.begin(), called.end());
    if (!actor.first.empty()) incident.accounts = {actor.first};
    incident.sources = {actor.second};
    incident.attempts = incident.calls;
    for (const std::size_t i : lures) context.claimed[i] = 1;
    const std::string message = fmt::format("{} rang {} for {:.1f} s (median) and hung up, {} times",
                                            actor.first.empty() ? actor.second.to_string() : "account " + actor.first,
                                            plural(called.size(), "number", "numbers"), median(rings), incident.calls);
    incident.checks.push_back({.rule = &kWangiriLure,
                               .severity = Severity::kHigh,
                               .confidence = Confidence::kProbable,
                               .message = message,
                               .evidence = {}});
    tell_ends(context, lures, incident, "lure");
    incident.explanation = message +
                           ". Such calls want to be called back at a high price, and this site's line sends them. It "
                           "could also be a dialler that gives up at once, or a test of numbers.";
    incident.entity = actor.first.empty() ? actor.second.to_string() : actor.first;
    context.all.incidents.add(std::move(incident));
  }
}

}  // namespace

void find_inbound(TollContext& context) {
  find_wangiri(context);
  find_lures_of_ours(context);
}

}  // namespace voip::analyze::fraud
