#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

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

void find_wangiri(TollContext& context) {
  const auto& calls = context.calls();
  std::map<std::string, CallRefs> groups;  // by caller, block of callers, country of callers
  std::map<std::string, Number> callers;
  std::map<std::string, CallRefs> outgoing;  // answered ones, by number
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].answered() && !calls[i].inbound()) outgoing[calls[i].number.shown()].push_back(i);
    if (!arriving(context, calls[i]) || calls[i].caller.empty()) continue;
    const std::string& caller = calls[i].caller;
    const auto [at, made] = callers.try_emplace(caller);
    if (made) at->second = context.plan.read(caller);
    if (at->second.e164.empty()) continue;
    groups["n" + caller].push_back(i);
    if (caller.size() > kBlock) groups["b" + caller.substr(0, kBlock)].push_back(i);
    if (risky_caller(context, at->second)) groups["c" + at->second.destination->name].push_back(i);
  }
  NameGroups ranges;
  std::set<std::size_t> found;
  const auto range = [&](std::size_t i) { return std::string(calls[i].caller.substr(0, 5)); };
  std::size_t told = 0;
  for (const auto& [key, list] : groups) {
    const bool risky_group = risky_caller(context, callers.at(calls[list.front()].caller));
    const std::size_t least = risky_group ? kRiskyLures : kLures;
    if (list.size() < least) continue;
    CallRefs lures;
    std::size_t answered = 0;
    for (const std::size_t i : list) {
      if (lure(calls[i])) lures.push_back(i);
      if (calls[i].answered() && !lure(calls[i])) ++answered;
    }
    if (answered * 20 > list.size() || lures.size() * 10 < list.size() * 9) continue;
    if (!lured_enough(context, lures, least, risky_group ? kRiskyLured : kLured, risky_group ? kDay : kHour)) continue;
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
  std::map<std::size_t, CallRefs> campaigns;
  for (const std::size_t i : found) campaigns[ranges.of(range(i))].push_back(i);
  for (const auto& [group, lures] : campaigns) {
    Incident incident;
    incident.kind = Kind::kWangiri;
    add_calls(context, lures, incident);
    incident.numbers.clear();
    incident.destinations.clear();
    incident.targets.clear();
    bool risky_group = false;
    std::set<std::string> numbers;
    std::set<std::string> called;
    std::vector<double> rings;
    for (const std::size_t i : lures) {
      context.claimed[i] = 1;
      numbers.insert(calls[i].caller);
      called.insert(calls[i].number.dialled);
      incident.sources.push_back(calls[i].source);
      incident.targets.push_back(calls[i].number.dialled);
      rings.push_back(calls[i].ring_seconds());
      const Number& caller = callers.at(calls[i].caller);
      risky_group |= risky_caller(context, caller);
      incident.destinations.push_back(destination_name(caller));
    }
    incident.numbers.assign(numbers.begin(), numbers.end());
    told += numbers.size();
    incident.attempts = incident.calls;
    tell_ends(context, lures, incident, "lure");

    // Who called back?
    CallRefs backs;
    for (const std::string& number : numbers) {
      const auto list = outgoing.find(number);
      if (list == outgoing.end()) continue;
      for (const std::size_t i : list->second) {
        const PhoneCall& call = calls[i];
        if (call.start < calls[lures.front()].start || later_by(calls[lures.back()].start, call.start, kCallBack))
          continue;
        backs.push_back(i);
        context.claimed[i] = 1;
      }
    }
    std::ranges::sort(backs);
    Fired lured{.rule = &kWangiriLure,
                .severity = risky_group ? Severity::kHigh : Severity::kMedium,
                .confidence = Confidence::kProbable,
                .message = fmt::format("{} from {} rang {} of the site for {:.1f} s (median) and hung up",
                                       plural(incident.calls, "call", "calls"), list_text(incident.numbers, 3),
                                       plural(called.size(), "number", "numbers"), median(rings)),
                .evidence = {}};
    incident.explanation = lured.message +
                           ". Such calls want to be called back at a high price. Callers who give up "
                           "let it ring several times as long; a dialler of a known partner is not from there. ";
    if (!backs.empty()) {
      std::vector<const PhoneCall*> sure;
      std::vector<std::string> who;
      for (const std::size_t i : backs) {
        sure.push_back(&calls[i]);
        who.push_back(calls[i].account);
        incident.accounts.push_back(calls[i].account);
        incident.answered += 1;
        incident.answered_seconds += calls[i].seconds();
        if (incident.last < calls[i].last) incident.last = calls[i].last;
      }
      incident.successes = backs.size();
      incident.cost = context.rates.estimate(sure, {});
      const PhoneCall& first = calls[backs.front()];
      const report::Evidence decisive{first.accepted,
                                      fmt::format("decisive: {} called back {}", first.account, first.number.shown())};
      incident.evidence.insert(incident.evidence.begin() + 1, decisive);
      Fired back{.rule = &kWangiriCallBack,
                 .severity = Severity::kHigh,
                 .confidence = Confidence::kProbable,
                 .message = fmt::format("{} called back: {}", list_text(who, 5),
                                        plural(backs.size(), "answered call", "answered calls")),
                 .evidence = {decisive}};
      incident.explanation += back.message + ".";
      if (risky_group) {
        incident.checks = {std::move(lured), std::move(back)};
      } else {
        incident.checks = {std::move(back), std::move(lured)};
      }
    } else {
      incident.explanation += "Nobody was seen calling back.";
      incident.checks = {std::move(lured)};
    }
    incident.entity = incident.numbers.front();
    context.all.incidents.add(std::move(incident));
  }
  // Each caller is a subject, those of the lures apart.
  context.all.sink.tally(kWangiriLure, report::Verdict::kPass, callers.size() - std::min(callers.size(), told));
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
