#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/fraud/answer_sounds.h"
#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/toll.h"

// FRAUD-053: who answers in the place of the called party.
namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr std::size_t kCalls = 20;
constexpr std::size_t kNumbers = 5;     // fewer that answer at once are voice menus and bridges
constexpr double kAtOnce = 1;           // seconds from the INVITE
constexpr double kHurried = 3;          // the same, where it rang within a second
constexpr std::size_t kHeardCalls = 3;  // that are silent, or go on ringing
constexpr std::size_t kHeardNumbers = 3;
constexpr std::size_t kBlockDigits = 7;

bool at_once(const PhoneCall& call) {
  if (!call.answered()) return false;
  if (!call.ringing.known()) return true;
  const double answer = seconds_between(call.accepted.time, call.answer);
  return answer < kAtOnce || (answer < kHurried && seconds_between(call.accepted.time, call.ringing) < kAtOnce);
}

// Calls to one block of numbers, or over one carrier.
struct Route {
  std::string name{};
  CallRefs calls{};
  bool carrier = false;
};

class FalseAnswers {
 public:
  explicit FalseAnswers(TollContext& context) : context_(context) {}

  void find() {
    gather();
    for (const auto& [name, route] : routes_) {
      if (!hurried(route) && !heard(route)) context_.all.sink.tally(kFalseAnswer, report::Verdict::kPass);
    }
    if (unheard_ != 0) context_.all.sink.tally(kFalseAnswer, report::Verdict::kNotAssessable, unheard_);
  }

 private:
  const PhoneCall& call(std::size_t i) const { return context_.calls()[i]; }

  // Of the leg farthest out of which something is known.
  const AnswerSounds::Call* sounds(std::size_t i) const {
    const auto records = call(i).records;
    for (auto at = records.rbegin(); at != records.rend(); ++at) {
      if (const auto* found = context_.sounds.find(context_.all.calls.records()[*at].call_id)) return found;
    }
    return nullptr;
  }

  void gather() {
    for (std::size_t i = 0; i < context_.calls().size(); ++i) {
      const PhoneCall& one = call(i);
      if (one.inbound() || !one.number.external() || one.number.e164.size() < kBlockDigits) continue;
      const std::string block(one.number.e164.substr(0, kBlockDigits));
      routes_["to " + block].calls.push_back(i);
      routes_["to " + block].name = fmt::format("to {} ({})", block, destination_name(one.number));
      if (context_.own(one.exit) || context_.phone(one.exit)) continue;
      Route& carrier = routes_["over " + one.exit.to_string()];
      carrier.name = "over " + one.exit.to_string();
      carrier.carrier = true;
      carrier.calls.push_back(i);
      if (!one.answered()) continue;
      rung_ += at_once(one) ? 0U : 1U;
      const auto* found = sounds(i);
      unheard_ += found == nullptr ? 1U : 0U;
      voices_ += found != nullptr && found->callee == Heard::kSound ? 1U : 0U;
    }
  }

  std::size_t numbers(const CallRefs& list) const {
    std::set<std::string> out;
    for (const std::size_t i : list) out.insert(call(i).number.e164);
    return out.size();
  }

  bool hurried(const Route& route) {
    CallRefs fast;
    for (const std::size_t i : route.calls) {
      if (at_once(call(i))) fast.push_back(i);
    }
    if (fast.size() < kCalls || fast.size() * 20 <= route.calls.size() * 19) return false;
    if (numbers(fast) < kNumbers || told(route.calls)) return false;
    // Where nothing ever rings, that is how the capture or the carrier is; others must show the difference.
    if (route.carrier && rung_ < kCalls / 2) return false;
    tell(route, route.calls, Confidence::kPossible,
         fmt::format("{} of {} {} were answered within a second, in a hurry, or without any ringing", fast.size(),
                     plural(route.calls.size(), "call", "calls"), route.name),
         "People need longer to lift a receiver: somebody on the way may answer for them, and bill it. Conference and "
         "voice-menu numbers answer as fast.");
    return true;
  }

  bool heard(const Route& route) {
    CallRefs ringing;
    CallRefs silent;
    std::size_t judged = 0;
    for (const std::size_t i : route.calls) {
      const auto* found = call(i).answered() ? sounds(i) : nullptr;
      if (found == nullptr) continue;
      ++judged;
      if (found->callee == Heard::kRinging) ringing.push_back(i);
      // Somebody must be heard: a capture whose media are all silent says nothing.
      if (found->callee == Heard::kNothing && (found->caller == Heard::kSound || voices_ >= kHeardCalls))
        silent.push_back(i);
    }
    const bool rings = ringing.size() >= silent.size();
    CallRefs list = ringing;
    list.insert(list.end(), silent.begin(), silent.end());
    std::ranges::sort(list);
    if (list.size() < kHeardCalls || list.size() * 5 < judged * 4 || numbers(list) < kHeardNumbers || told(list))
      return false;
    tell(route, list, rings ? Confidence::kProbable : Confidence::kPossible,
         fmt::format("of {} {} whose audio can be heard, {} {} for three seconds and more after the answer", judged,
                     route.name, list.size(), rings ? "went on ringing" : "were silent"),
         "Somebody answered, and bills, before the called party was reached. A menu that thinks, or an exchange that "
         "rings on behind its own answer, would be one number.");
    return true;
  }

  bool told(const CallRefs& list) const {
    return std::ranges::all_of(list, [&](std::size_t i) { return told_.contains(i); });
  }

  void tell(const Route& route, const CallRefs& list, Confidence confidence, std::string message,
            std::string_view else_) {
    Incident incident;
    incident.kind = Kind::kAnomaly;
    add_calls(context_, list, incident);
    for (const std::size_t i : list) {
      if (!call(i).account.empty()) incident.accounts.push_back(call(i).account);
      told_.insert(i);
    }
    incident.attempts = incident.calls;
    incident.explanation = fmt::format("{}. {}", message, else_);
    incident.checks.push_back({.rule = &kFalseAnswer,
                               .severity = Severity::kMedium,
                               .confidence = confidence,
                               .message = std::move(message),
                               .evidence = {}});
    incident.evidence.push_back({call(list.front()).answer_frame, "first answer"});
    incident.evidence.push_back({call(list.back()).invite, "last call"});
    incident.entity = route.name;
    context_.all.incidents.add(std::move(incident));
  }

  TollContext& context_;
  std::map<std::string, Route> routes_;
  std::set<std::size_t> told_;
  std::size_t rung_ = 0;    // answered calls that rang as people let it ring
  std::size_t voices_ = 0;  // answered calls with somebody to be heard
  std::uint64_t unheard_ = 0;
};

}  // namespace

void find_false_answers(TollContext& context) { FalseAnswers(context).find(); }

}  // namespace voip::analyze::fraud
