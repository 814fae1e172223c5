#include <fmt/format.h>

#include <algorithm>
#include <array>
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

// NANP: +1, area code and exchange begin with 2..9.
bool impossible(const Number& number) {
  if (number.destination != nullptr && number.destination->unassigned()) return true;
  const std::string& e164 = number.e164;
  if (!e164.starts_with("+1")) return false;
  return e164.size() != 12 || e164[2] < '2' || e164[5] < '2';
}

// From and P-Asserted-Identity name two numbers that share no office, and nobody asked to hide one.
bool two_identities(const TollContext& context, const PhoneCall& call) {
  const CallRecord& record = context.all.calls.records()[call.records.front()];
  const CallHop& hop = record.entry();
  if (hop.asserted.empty() || record.hidden || !call.inbound()) return false;
  const Number from = context.plan.read(hop.caller);
  const Number asserted = context.plan.read(hop.asserted);
  if (from.e164.size() < 9 || asserted.e164.size() < 9) return false;
  return from.e164.substr(0, from.e164.size() - 4) != asserted.e164.substr(0, asserted.e164.size() - 4);
}

// What the signature of the call says against its caller; null: nothing.
const std::string* doubt(const TollContext& context, const PhoneCall& call) {
  if (context.doubts.empty()) return nullptr;
  for (const std::uint32_t record : call.records) {
    const auto at = context.doubts.find(std::string_view(context.all.calls.records()[record].call_id));
    if (at != context.doubts.end()) return &at->second;
  }
  return nullptr;
}

// Carriers let customers show another number by arrangement: a note, never more.
void tell_two_identities(TollContext& context, const IpAddress& source, const CallRefs& list) {
  if (list.size() < 3) return;
  Incident incident;
  incident.kind = Kind::kAnomaly;
  add_calls(context, list, incident);
  incident.sources = {source};
  incident.numbers.clear();
  for (const std::size_t i : list) {
    const CallRecord& record = context.all.calls.records()[context.calls()[i].records.front()];
    if (incident.numbers.size() < 1024) incident.numbers.push_back(context.plan.read(record.entry().caller).shown());
  }
  incident.attempts = incident.calls;
  incident.successes = incident.answered;
  const std::string message = fmt::format("{} from {} show a caller in From and assert another in P-Asserted-Identity",
                                          plural(list.size(), "call", "calls"), source.to_string());
  incident.checks.push_back(fired(kSpoofing, Severity::kLow, Confidence::kPossible, message));
  tell_ends(context, list, incident, "call");
  incident.explanation = message +
                         ". Nobody asked for privacy. Carriers allow it by arrangement (a call centre that shows its "
                         "customer's number): ask yours.";
  incident.entity = source.to_string() + " identities";
  context.all.incidents.add(std::move(incident));
}

// Whose callers are of one block nearly always, and who gets the calls to that block, is the customer to whom it
// belongs: its calls are no forgeries.
class CallerBlocks {
 public:
  explicit CallerBlocks(const TollContext& context) {
    for (const PhoneCall& call : context.calls()) {
      Callers& callers = of_[call.source];
      ++callers.all;
      ++callers.blocks[block(call.caller)];
      of_[call.exit].called.insert(block(call.number.shown()));
    }
  }
  bool home(const IpAddress& source, std::string_view caller) const {
    const auto at = of_.find(source);
    if (at == of_.end() || at->second.all < kSome) return false;
    const auto found = at->second.blocks.find(block(caller));
    return found != at->second.blocks.end() && at->second.called.contains(found->first) &&
           found->second * 10 >= at->second.all * 6;
  }

 private:
  static constexpr std::size_t kSome = 8;  // calls that show a habit
  struct Callers {
    std::size_t all = 0;
    std::map<std::string, std::size_t> blocks{};
    std::set<std::string> called{};  // blocks whose calls end there
  };
  static std::string block(std::string_view number) {
    return std::string(number.substr(0, number.size() > 4 ? number.size() - 3 : number.size()));
  }
  std::map<IpAddress, Callers> of_;
};

// Who scans or walks in shows any name, and is told as such.
std::set<IpAddress> intruders(const TollContext& context) {
  std::set<IpAddress> out;
  for (const Incident& incident : context.all.incidents.all()) {
    if (incident.kind == Kind::kUnauthenticatedCall || incident.kind == Kind::kInviteScan ||
        incident.kind == Kind::kEnumeration) {
      out.insert(incident.sources.begin(), incident.sources.end());
    }
  }
  return out;
}

// Calls of the site itself that go on at a moment: they may come back over a mobile's forwarding.
class OwnCalls {
 public:
  explicit OwnCalls(const TollContext& context) : calls_(context.calls()) {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if (!calls_[i].outbound()) continue;
      by_name_[calls_[i].caller].push_back(i);
      if (calls_[i].account != calls_[i].caller) by_name_[calls_[i].account].push_back(i);
    }
  }
  // name: number or account of who calls.
  bool going_on(const std::string& name, Timestamp at) const {
    const auto list = by_name_.find(name);
    if (list == by_name_.end()) return false;
    const auto after = std::ranges::upper_bound(list->second, at, {}, [&](std::size_t i) { return calls_[i].start; });
    std::size_t seen = 0;
    for (auto one = after; one != list->second.begin() && seen < kLookBack; ++seen) {
      --one;
      if (calls_[*one].end >= at) return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t kLookBack = 64;
  const std::pmr::vector<PhoneCall>& calls_;
  std::map<std::string, CallRefs> by_name_;
};

// Calls of one source whose callers can't be right.
struct Claim {
  CallRefs own{};      // callers of this site
  CallRefs odd{};      // numbers that cannot exist
  CallRefs refuted{};  // found forged on the way
  std::string why = "somebody on the way found them forged, by verstat";
  CallRefs differs{};  // From and P-Asserted-Identity name numbers of two offices
};

using Claims = std::map<IpAddress, Claim>;  // by source

bool of_this_site(const TollContext& context, const Number& caller) {
  if (!caller.e164.empty() && context.site().own_number(caller.e164)) return true;
  if (caller.kind != NumberClass::kExtension) return false;
  const AccountFacts* facts = context.accounts.find(caller.dialled);
  return facts != nullptr && facts->registrations != 0;
}

void judge_caller(const TollContext& context, const OwnCalls& ours, std::size_t index, Claims& claims) {
  const PhoneCall& call = context.calls()[index];
  const Number caller = context.plan.read(call.caller);
  if (of_this_site(context, caller)) {
    if (!ours.going_on(call.caller, call.start) && !ours.going_on(caller.dialled, call.start))
      claims[call.source].own.push_back(index);
  } else if (context.all.calls.records()[call.records.front()].refuted) {
    claims[call.source].refuted.push_back(index);
  } else if (const std::string* why = doubt(context, call)) {
    claims[call.source].refuted.push_back(index);
    claims[call.source].why = *why;
  } else if (impossible(caller) || impossible(context.plan.read("+" + caller.dialled))) {
    if (caller.kind == NumberClass::kInternational || caller.dialled.starts_with('+'))
      claims[call.source].odd.push_back(index);
  } else if (two_identities(context, call)) {
    claims[call.source].differs.push_back(index);
  }
}

void tell_spoofing(TollContext& context, const IpAddress& source, const Claim& claim) {
  CallRefs list = claim.own;
  list.insert(list.end(), claim.odd.begin(), claim.odd.end());
  list.insert(list.end(), claim.refuted.begin(), claim.refuted.end());
  std::ranges::sort(list);
  Incident incident;
  incident.kind = Kind::kCallerIdSpoofing;
  add_calls(context, list, incident);
  incident.sources = {source};
  std::set<std::string> callers;
  for (const std::size_t i : list) {
    callers.insert(context.calls()[i].caller);
    context.claimed[i] = 1;
  }
  incident.numbers.assign(callers.begin(), callers.end());
  incident.attempts = incident.calls;
  incident.successes = incident.answered;
  const bool own = !claim.own.empty();
  const std::string what = own                 ? std::string("callers of this site")
                           : claim.odd.empty() ? fmt::format("callers in doubt ({})", claim.why)
                                               : std::string("callers that cannot exist");
  const std::string message = fmt::format("{} from {} with {}: {}", plural(list.size(), "call", "calls"),
                                          source.to_string(), what, list_text(incident.numbers, 4));
  incident.checks.push_back(
      fired(kSpoofing, own ? Severity::kHigh : Severity::kMedium, Confidence::kProbable, message));
  tell_ends(context, list, incident, "call");
  incident.explanation =
      message +
      ". The calls came from outside, nobody was asked for a password, and nothing says that they were forwarded. "
      "It could also be a forwarding service that leaves out Diversion, or a colleague whose mobile shows the "
      "office number by arrangement with the carrier.";
  incident.entity = source.to_string();
  context.all.incidents.add(std::move(incident));
}

}  // namespace

void find_callers(TollContext& context) {
  const auto& calls = context.calls();
  const std::set<IpAddress> told = intruders(context);
  const OwnCalls ours(context);
  Claims claims;
  std::uint64_t judged = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const PhoneCall& call = calls[i];
    if (!arriving(context, call) || call.diverted || call.caller.empty() || context.claimed[i] != 0) continue;
    // Refused ones are scans and guesses.
    const bool let_in = call.answered() || call.ringing.known() || call.cancelled;
    if (!let_in || call.challenged || told.contains(call.source)) continue;
    ++judged;
    judge_caller(context, ours, i, claims);
  }
  const CallerBlocks blocks(context);
  for (auto& [source, claim] : claims) {
    const IpAddress& from = source;
    std::erase_if(claim.own, [&](std::size_t i) { return blocks.home(from, calls[i].caller); });
    tell_two_identities(context, source, claim.differs);
    if (!claim.own.empty() || !claim.refuted.empty() || claim.odd.size() >= 3) tell_spoofing(context, source, claim);
  }
  context.all.sink.tally(kSpoofing, report::Verdict::kPass, judged);
}

}  // namespace voip::analyze::fraud
