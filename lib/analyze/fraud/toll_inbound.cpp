#include <fmt/format.h>

#include <algorithm>
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
constexpr std::size_t kPumped = 20;
constexpr double kPumpedSeconds = 300;
constexpr double kPumpedOutSeconds = 1200;

// From outside to here: by a peer, or by a stranger that nobody knows.
bool arriving(const TollContext& context, const PhoneCall& call) {
  if (call.inbound()) return true;
  return !call.outbound() && call.direction != CallDirection::kTransit && !call.authenticated &&
         !context.phone(call.source) && !context.own(call.source);
}

bool lure(const PhoneCall& call) {
  if (call.answered()) return call.seconds() < kShortTalk && call.ended_by_caller;
  return call.cancelled && call.ring_seconds() < kShortRing;
}

bool risky_caller(const TollContext& context, const Number& caller) {
  return caller.kind == NumberClass::kInternational && caller.destination != nullptr &&
         context.limits().alert_tiers[static_cast<std::size_t>(caller.destination->tier)];
}

void tell_ends(const TollContext& context, const CallRefs& list, Incident& incident, std::string_view what) {
  const PhoneCall& first = context.calls()[list.front()];
  const PhoneCall& last = context.calls()[list.back()];
  incident.evidence.push_back(
      {first.invite, fmt::format("first {}, {} to {}", what, first.caller, first.number.dialled)});
  if (list.size() > 1)
    incident.evidence.push_back(
        {last.invite, fmt::format("last {}, {} to {}", what, last.caller, last.number.dialled)});
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
  const auto range = [&](std::size_t i) { return calls[i].caller.substr(0, 5); };
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

void find_pumping(TollContext& context) {
  const auto& calls = context.calls();
  std::map<std::string, CallRefs> inbound;
  std::map<std::string, CallRefs> outbound;
  double all_seconds = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const PhoneCall& call = calls[i];
    if (!call.answered() || context.claimed[i] != 0) continue;
    if (arriving(context, call)) {
      inbound[call.number.shown()].push_back(i);
    } else if (call.number.external() && call.number.e164.size() > 8) {
      all_seconds += call.seconds();
      outbound[call.number.e164.substr(0, 8)].push_back(i);
    }
  }
  const auto tell = [&](const CallRefs& list, bool in, std::string message, std::string_view else_) {
    Incident incident;
    incident.kind = Kind::kTrafficPumping;
    add_calls(context, list, incident);
    std::vector<const PhoneCall*> sure;
    for (const std::size_t i : list) {
      context.claimed[i] = 1;
      incident.sources.push_back(calls[i].source);
      if (!in && !calls[i].account.empty()) incident.accounts.push_back(calls[i].account);
      sure.push_back(&calls[i]);
    }
    incident.attempts = incident.calls;
    incident.successes = incident.answered;
    if (!in) incident.cost = context.rates.estimate(sure, {});
    tell_ends(context, list, incident, "call");
    incident.explanation = fmt::format("{}. Somebody is paid for these minutes. It could also be {}.", message, else_);
    incident.checks.push_back({.rule = &kPumping,
                               .severity = Severity::kMedium,
                               .confidence = Confidence::kProbable,
                               .message = std::move(message),
                               .evidence = {}});
    incident.entity = incident.numbers.front();
    context.all.incidents.add(std::move(incident));
  };
  for (const auto& [number, list] : inbound) {
    if (list.size() < kPumped) continue;
    std::set<std::string> callers;
    std::vector<double> lengths;
    for (const std::size_t i : list) {
      callers.insert(calls[i].caller);
      lengths.push_back(calls[i].seconds());
    }
    if (callers.size() * 5 < list.size() * 4 || median(lengths) < kPumpedSeconds || variation(lengths) > 0.15) continue;
    tell(list, true,
         fmt::format("{} from {} to {} were held for {} each (variation {:.0f} %)",
                     plural(list.size(), "call", "calls"), plural(callers.size(), "caller", "callers"), number,
                     minutes_text(median(lengths)), variation(lengths) * 100),
         "a conference that many people joined");
  }
  for (const auto& [block, list] : outbound) {
    if (list.size() < kPumped / 2) continue;
    double seconds = 0;
    std::set<std::string> numbers;
    for (const std::size_t i : list) {
      seconds += calls[i].seconds();
      numbers.insert(calls[i].number.e164);
    }
    const Destination* destination = calls[list.front()].number.destination;
    const bool odd = destination != nullptr && destination->tier != Tier::kLow;
    if (!odd && numbers.size() < 5) continue;           // a conference bridge that everybody uses
    if (risky(context, calls[list.front()])) continue;  // that is toll fraud, judged there
    if (seconds < all_seconds / 10 || seconds / static_cast<double>(list.size()) < kPumpedOutSeconds) continue;
    tell(list, false,
         fmt::format("{} to the block {} ({}) took {}, {:.0f} % of all outbound minutes",
                     plural(list.size(), "call", "calls"), block, destination_name(calls[list.front()].number),
                     minutes_text(seconds), 100 * seconds / all_seconds),
         "a conference service or a help desk that the site really uses");
  }
  context.all.sink.tally(kPumping, report::Verdict::kPass, inbound.size() + outbound.size());
}

// NANP: +1, area code and exchange begin with 2..9.
bool impossible(const Number& number) {
  if (number.destination != nullptr && number.destination->unassigned()) return true;
  const std::string& e164 = number.e164;
  if (!e164.starts_with("+1")) return false;
  return e164.size() != 12 || e164[2] < '2' || e164[5] < '2';
}

void find_spoofing(TollContext& context) {
  const auto& calls = context.calls();
  struct Claim {
    CallRefs own;
    CallRefs odd;
  };
  std::map<IpAddress, Claim> claims;
  std::map<std::string, CallRefs> ours_by;  // outbound calls by the caller's number and by account
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (!calls[i].outbound()) continue;
    ours_by[calls[i].caller].push_back(i);
    if (calls[i].account != calls[i].caller) ours_by[calls[i].account].push_back(i);
  }
  constexpr std::size_t kLookBack = 64;
  const auto going_on = [&](const std::string& name, Timestamp at) {
    const auto list = ours_by.find(name);
    if (list == ours_by.end()) return false;
    const auto after = std::ranges::upper_bound(list->second, at, {}, [&](std::size_t i) { return calls[i].start; });
    std::size_t seen = 0;
    for (auto one = after; one != list->second.begin() && seen < kLookBack; ++seen) {
      --one;
      if (calls[*one].end >= at) return true;
    }
    return false;
  };
  std::uint64_t judged = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const PhoneCall& call = calls[i];
    if (!arriving(context, call) || call.diverted || call.caller.empty()) continue;
    // Refused ones are scans and guesses.
    const bool let_in = call.answered() || call.ringing.known() || call.cancelled;
    if (!let_in || call.challenged) continue;
    ++judged;
    const Number caller = context.plan.read(call.caller);
    const bool own = (!caller.e164.empty() && context.site().own_number(caller.e164)) ||
                     (caller.kind == NumberClass::kExtension && context.accounts.find(caller.dialled) != nullptr &&
                      context.accounts.find(caller.dialled)->registrations != 0);
    if (own) {
      // Our own call that came back over a mobile's forwarding is no forgery.
      const bool ours = going_on(call.caller, call.start) || going_on(caller.dialled, call.start);
      if (!ours) claims[call.source].own.push_back(i);
    } else if (impossible(caller) || impossible(context.plan.read("+" + caller.dialled))) {
      if (caller.kind == NumberClass::kInternational || caller.dialled.starts_with('+'))
        claims[call.source].odd.push_back(i);
    }
  }
  for (const auto& [source, claim] : claims) {
    if (claim.own.empty() && claim.odd.size() < 3) continue;
    const bool own = !claim.own.empty();
    CallRefs list = claim.own;
    list.insert(list.end(), claim.odd.begin(), claim.odd.end());
    std::ranges::sort(list);
    Incident incident;
    incident.kind = Kind::kCallerIdSpoofing;
    add_calls(context, list, incident);
    incident.sources = {source};
    incident.numbers.clear();
    std::set<std::string> claimed;
    for (const std::size_t i : list) {
      claimed.insert(calls[i].caller);
      context.claimed[i] = 1;
    }
    incident.numbers.assign(claimed.begin(), claimed.end());
    incident.attempts = incident.calls;
    incident.successes = incident.answered;
    const std::string message =
        own ? fmt::format("{} from {} with callers of this site: {}", plural(list.size(), "call", "calls"),
                          source.to_string(), list_text(incident.numbers, 4))
            : fmt::format("{} from {} with callers that cannot exist: {}", plural(list.size(), "call", "calls"),
                          source.to_string(), list_text(incident.numbers, 4));
    incident.checks.push_back({.rule = &kSpoofing,
                               .severity = own ? Severity::kHigh : Severity::kMedium,
                               .confidence = Confidence::kProbable,
                               .message = message,
                               .evidence = {}});
    tell_ends(context, list, incident, "call");
    incident.explanation =
        message +
        ". The calls came from outside, nobody was asked for a password, and nothing says that they were forwarded. "
        "It could also be a forwarding service that leaves out Diversion, or a colleague whose mobile shows the "
        "office number by arrangement with the carrier.";
    incident.entity = source.to_string();
    context.all.incidents.add(std::move(incident));
  }
  context.all.sink.tally(kSpoofing, report::Verdict::kPass, judged);
}

void find_bypass(TollContext& context) {
  const auto& calls = context.calls();
  std::map<IpAddress, std::map<std::string, CallRefs>> by_source;
  std::set<std::string> called_by_us;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].inbound() && calls[i].answered() && context.claimed[i] == 0) {
      const Number caller = context.plan.read(calls[i].caller);
      if (caller.kind == NumberClass::kNational) by_source[calls[i].source][calls[i].caller].push_back(i);
    } else if (!calls[i].inbound()) {
      called_by_us.insert(calls[i].number.shown());
    }
  }
  for (const auto& [source, callers] : by_source) {
    CallRefs list;
    std::size_t members = 0;
    for (const auto& [caller, own] : callers) {
      if (own.size() < 5 || called_by_us.contains(caller)) continue;
      std::set<std::string> numbers;
      for (const std::size_t i : own) numbers.insert(calls[i].number.shown());
      if (numbers.size() * 5 < own.size() * 4) continue;
      ++members;
      list.insert(list.end(), own.begin(), own.end());
    }
    if (members < 2 || members > 16 || list.size() < 20) continue;
    std::ranges::sort(list);
    std::vector<double> lengths;
    for (const std::size_t i : list) lengths.push_back(calls[i].seconds());
    if (median(lengths) < 20) continue;
    Incident incident;
    incident.kind = Kind::kSimBox;
    add_calls(context, list, incident);
    incident.numbers.clear();
    for (const std::size_t i : list) {
      incident.numbers.push_back(calls[i].caller);
      incident.sources.push_back(calls[i].source);
      context.claimed[i] = 1;
    }
    incident.attempts = incident.calls;
    incident.successes = incident.answered;
    const std::string message =
        fmt::format("{} from {} of {}, nearly each to another number, and nobody ever calls them",
                    plural(list.size(), "call", "calls"), plural(members, "caller", "callers"), source.to_string());
    incident.checks.push_back({.rule = &kBypass,
                               .severity = Severity::kLow,
                               .confidence = Confidence::kPossible,
                               .message = message,
                               .evidence = {}});
    tell_ends(context, list, incident, "call");
    incident.explanation = message +
                           ". That is how international calls look that enter over a rack of SIM cards. A call centre "
                           "with a few outgoing numbers looks the same.";
    incident.entity = source.to_string();
    context.all.incidents.add(std::move(incident));
  }
  context.all.sink.tally(kBypass, report::Verdict::kPass, by_source.size());
}

}  // namespace

void find_inbound(TollContext& context) {
  find_wangiri(context);
  find_spoofing(context);
}

void find_volumes(TollContext& context) {
  find_pumping(context);
  find_bypass(context);
}

}  // namespace voip::analyze::fraud
