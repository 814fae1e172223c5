#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "analyze/fraud/casework.h"
#include "analyze/fraud/meetings.h"
#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/statistics.h"
#include "analyze/fraud/toll.h"
#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr std::size_t kPumped = 20;
constexpr double kPumpedSeconds = 300;
constexpr double kPumpedOutSeconds = 1200;

// Numbers whose owner pays for the calls.
bool toll_free(const Number& number) {
  if (number.destination != nullptr && number.destination->name.find("oll-free") != std::string::npos) return true;
  static constexpr std::array<std::string_view, 8> kPrefixes{"+1800", "+1888", "+1877", "+1866",
                                                             "+1855", "+1844", "+1833", "+800"};
  return std::ranges::any_of(kPrefixes, [&](std::string_view p) { return number.e164.starts_with(p); });
}

// Answered calls that nothing else has told: inbound by number, outbound by block of numbers.
struct Volumes {
  std::map<std::string, CallRefs> inbound{};
  std::map<std::string, CallRefs> outbound{};
  double outbound_seconds = 0;
};

Volumes volumes_of(const TollContext& context) {
  Volumes volumes;
  for (std::size_t i = 0; i < context.calls().size(); ++i) {
    const PhoneCall& call = context.calls()[i];
    if (!call.answered() || context.claimed[i] != 0) continue;
    if (arriving(context, call)) {
      volumes.inbound[call.number.shown()].push_back(i);
    } else if (call.number.external() && call.number.e164.size() > 8) {
      volumes.outbound_seconds += call.seconds();
      volumes.outbound[std::string(call.number.e164.substr(0, 8))].push_back(i);
    }
  }
  return volumes;
}

// in: the calls arrive here. else_: what it could be otherwise.
void tell_pumping(TollContext& context, const CallRefs& list, bool in, std::string message, std::string_view else_) {
  Incident incident;
  incident.kind = Kind::kTrafficPumping;
  add_calls(context, list, incident);
  std::vector<const PhoneCall*> sure;
  for (const std::size_t i : list) {
    const PhoneCall& call = context.calls()[i];
    context.claimed[i] = 1;
    incident.sources.push_back(call.source);
    if (!in && !call.account.empty()) incident.accounts.push_back(call.account);
    sure.push_back(&call);
  }
  incident.attempts = incident.calls;
  incident.successes = incident.answered;
  if (!in) incident.cost = context.rates.estimate(sure, {});
  tell_ends(context, list, incident, "call");
  incident.explanation = fmt::format("{}. Somebody is paid for these minutes. It could also be {}.", message, else_);
  incident.checks.push_back(fired(kPumping, Severity::kMedium, Confidence::kProbable, std::move(message)));
  incident.entity = incident.numbers.front();
  context.all.incidents.add(std::move(incident));
}

// The same calls may be told as an attack on the number already: who pays for them tells which it is.
bool told_as_attack(TollContext& context, const std::string& number, bool paid_here) {
  const std::string tail = last_digits(number, 7);
  bool told = false;
  for (std::size_t k = 0; k < context.all.incidents.all().size(); ++k) {
    const Incident& other = context.all.incidents.all()[k];
    if (other.checks.empty() || other.kind != Kind::kTdos) continue;
    const auto same = [&](const std::string& target) { return !target.empty() && last_digits(target, 7) == tail; };
    if (!std::ranges::any_of(other.targets, same)) continue;
    if (paid_here) {
      context.all.incidents.remove(k);
    } else {
      told = true;
    }
  }
  return told;
}

void judge_inbound(TollContext& context, const std::string& number, const CallRefs& list) {
  if (list.size() < kPumped) return;
  std::set<std::string> callers;
  std::vector<double> lengths;
  std::vector<const PhoneCall*> guests;
  for (const std::size_t i : list) {
    const PhoneCall& call = context.calls()[i];
    callers.insert(call.caller);
    lengths.push_back(call.seconds());
    guests.push_back(&call);
  }
  if (callers.size() * 5 < list.size() * 4 || median(lengths) < kPumpedSeconds || variation(lengths) > 0.15) return;
  if (meetings(guests) || told_as_attack(context, number, toll_free(guests.front()->number))) return;
  tell_pumping(context, list, true,
               fmt::format("{} from {} to {} were held for {} each (variation {:.0f} %)",
                           plural(list.size(), "call", "calls"), plural(callers.size(), "caller", "callers"), number,
                           minutes_text(median(lengths)), variation(lengths) * 100),
               "a conference that many people joined");
}

void judge_outbound(TollContext& context, const std::string& block, const CallRefs& list, double all_seconds) {
  if (list.size() < kPumped / 2) return;
  double seconds = 0;
  std::set<std::string> numbers;
  for (const std::size_t i : list) {
    seconds += context.calls()[i].seconds();
    numbers.insert(context.calls()[i].number.e164);
  }
  const PhoneCall& first = context.calls()[list.front()];
  const Destination* destination = first.number.destination;
  const bool odd = destination != nullptr && destination->tier != Tier::kLow;
  if (!odd && numbers.size() < 5) return;  // a conference bridge that everybody uses
  if (risky(context, first)) return;       // that is toll fraud, judged there
  if (seconds < all_seconds / 10 || seconds / static_cast<double>(list.size()) < kPumpedOutSeconds) return;
  tell_pumping(context, list, false,
               fmt::format("{} to the block {} ({}) took {}, {:.0f} % of all outbound minutes",
                           plural(list.size(), "call", "calls"), block, destination_name(first.number),
                           minutes_text(seconds), 100 * seconds / all_seconds),
               "a conference service or a help desk that the site really uses");
}

void find_pumping(TollContext& context) {
  const Volumes volumes = volumes_of(context);
  for (const auto& [number, list] : volumes.inbound) judge_inbound(context, number, list);
  for (const auto& [block, list] : volumes.outbound) judge_outbound(context, block, list, volumes.outbound_seconds);
  context.all.sink.tally(kPumping, report::Verdict::kPass, volumes.inbound.size() + volumes.outbound.size());
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

void find_volumes(TollContext& context) {
  find_pumping(context);
  find_bypass(context);
}

}  // namespace voip::analyze::fraud
