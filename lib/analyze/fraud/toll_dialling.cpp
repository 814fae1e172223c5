#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>

#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/statistics.h"
#include "analyze/fraud/toll.h"
#include "analyze/fraud/toll_baseline.h"
#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr std::chrono::seconds kTenMinutes{600};
constexpr std::chrono::seconds kHour{3600};
constexpr std::size_t kRun = 5;
constexpr std::size_t kInboundRun = 10;  // an office's numbers lie in one block: chance alone makes short runs
constexpr std::size_t kBlockNumbers = 10;
constexpr std::size_t kRotated = 20;
constexpr std::size_t kSeizures = 50;
constexpr std::size_t kRobocalls = 200;
constexpr std::size_t kSomeBefore = 20;  // calls that make a baseline
constexpr double kTalk = 30;             // seconds

struct Actor {
  CallRefs calls;
  bool inbound = false;
  IpAddress source;
  std::string account;
  bool peer = false;
};

std::uint64_t value_of(const std::string& digits) {
  const std::string tail = last_digits(digits, 15);
  return parse_number<std::uint64_t>(tail).value_or(0);
}

// FRAUD-051: the longest run of small steps in one direction within 10 minutes, and the fullest block of 100.
struct Sequence {
  std::size_t run = 0;
  std::size_t block = 0;
  std::size_t at = 0;  // first call of the run
};
Sequence sequence_of(const TollContext& context, const CallRefs& list) {
  Sequence found;
  std::size_t run = 1;
  int direction = 0;
  for (std::size_t i = 1; i < list.size(); ++i) {
    const PhoneCall& a = context.calls()[list[i - 1]];
    const PhoneCall& b = context.calls()[list[i]];
    const auto x = value_of(a.number.shown());
    const auto y = value_of(b.number.shown());
    const int step = x < y && y - x <= 10 ? 1 : y < x && x - y <= 10 ? -1 : 0;
    const bool near = !later_by(a.start, b.start, kTenMinutes);
    if (step != 0 && near && (direction == 0 || direction == step)) {
      ++run;
    } else if (x != y || !near) {
      run = step != 0 && near ? 2 : 1;
    }
    direction = step != 0 ? step : direction;
    if (run > found.run) {
      found.run = run;
      found.at = list[i + 1 - std::min(run, i + 1)];
    }
  }
  std::map<std::uint64_t, std::map<std::uint64_t, std::size_t>> inside;  // block -> numbers
  std::size_t begin = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const PhoneCall& call = context.calls()[list[i]];
    const auto number = value_of(call.number.shown());
    auto& block = inside[number / 100];
    ++block[number];
    while (later_by(context.calls()[list[begin]].start, call.start, kTenMinutes)) {
      const auto old = value_of(context.calls()[list[begin]].number.shown());
      auto& left = inside[old / 100];
      if (--left[old] == 0) left.erase(old);
      ++begin;
    }
    found.block = std::max(found.block, block.size());
  }
  return found;
}

// FRAUD-059: distinct callers of the fullest 10 minutes, when nearly each calls once.
std::size_t rotation_of(const TollContext& context, const CallRefs& list) {
  std::size_t most = 0;
  std::map<std::string, std::size_t> inside;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const PhoneCall& call = context.calls()[list[i]];
    ++inside[call.caller];
    while (later_by(context.calls()[list[begin]].start, call.start, kTenMinutes)) {
      const auto at = inside.find(context.calls()[list[begin]].caller);
      if (--at->second == 0) inside.erase(at);
      ++begin;
    }
    if ((i - begin + 1) < inside.size() * 2) most = std::max(most, inside.size());
  }
  return most;
}

// Refused at the door: no seizure of a trunk.
bool refused_login(const PhoneCall& call) {
  if (call.answered() || call.ringing.known()) return false;
  return call.status == 401 || call.status == 407 || (call.status == 403 && !call.authenticated);
}

// FRAUD-052, over the fullest hour.
struct Ratios {
  std::size_t attempts = 0;
  double asr = 1;
  double ner = 1;
  double acd = 0;
  double usual_asr = -1;  // of the baseline; negative: none
  bool odd_acd = false;   // far from the baseline
};
Ratios ratios_of(const TollContext& context, const CallRefs& list) {
  Ratios worst;
  std::size_t begin = 0;
  std::size_t best_begin = 0;
  std::size_t best = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    while (later_by(context.calls()[list[begin]].start, context.calls()[list[i]].start, kHour)) ++begin;
    if (i - begin + 1 > best) {
      best = i - begin + 1;
      best_begin = begin;
    }
  }
  worst.attempts = best;
  if (best == 0) return worst;
  std::size_t answered = 0;
  std::size_t reached = 0;
  double seconds = 0;
  std::size_t before = 0;
  std::size_t answered_before = 0;
  std::vector<double> lengths_before;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const PhoneCall& call = context.calls()[list[i]];
    const bool inside = i >= best_begin && i < best_begin + best;
    if (!inside) {
      // The baseline is the first half of the inputs.
      if (!context.baseline->known() || call.start >= context.baseline->until()) continue;
      ++before;
      if (call.answered()) {
        ++answered_before;
        lengths_before.push_back(call.seconds());
      }
      continue;
    }
    seconds += call.seconds();
    if (call.answered()) ++answered;
    const bool terminal = call.answered() || call.cancelled || call.ringing.known() || call.status == 486 ||
                          call.status == 600 || call.status == 603 || call.status == 480 || call.status == 487;
    if (terminal) ++reached;
  }
  worst.asr = static_cast<double>(answered) / static_cast<double>(best);
  worst.ner = static_cast<double>(reached) / static_cast<double>(best);
  worst.acd = answered == 0 ? 0 : seconds / static_cast<double>(answered);
  if (before >= kSomeBefore) worst.usual_asr = static_cast<double>(answered_before) / static_cast<double>(before);
  worst.odd_acd = answered >= 10 && (worst.acd < 10 || worst.acd > 1200) && lengths_before.size() >= kSomeBefore &&
                  std::abs(modified_z(lengths_before, worst.acd)) > kOutlier;
  return worst;
}

bool neighbour(const PhoneCall& call) {
  const std::string& number = call.number.e164;
  return number.size() > 7 && call.caller != number && call.caller.starts_with(number.substr(0, 7));
}

// Of all that a trunk brings, what belongs to the campaign: the neighbours, or the stretches in which callers rotate.
CallRefs campaign_of(const TollContext& context, const CallRefs& all, bool neighbourly) {
  const auto& calls = context.calls();
  CallRefs list;
  if (neighbourly) {
    std::ranges::copy_if(all, std::back_inserter(list), [&](std::size_t i) { return neighbour(calls[i]); });
    return list;
  }
  std::vector<char> inside(all.size(), 0);
  std::map<std::string, std::size_t> callers;
  std::size_t begin = 0;
  std::size_t marked = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    ++callers[calls[all[i]].caller];
    while (later_by(calls[all[begin]].start, calls[all[i]].start, kTenMinutes)) {
      const auto at = callers.find(calls[all[begin]].caller);
      if (--at->second == 0) callers.erase(at);
      ++begin;
    }
    if (callers.size() < kRotated || (i - begin + 1) >= callers.size() * 2) continue;
    for (marked = std::max(marked, begin); marked <= i; ++marked) inside[marked] = 1;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (inside[i] != 0) list.push_back(all[i]);
  }
  return list;
}

// Without the few calls that the account's user makes meanwhile from another place.
void keep_machines(const TollContext& context, CallRefs& list) {
  std::map<IpAddress, std::size_t> from;
  for (const std::size_t i : list) ++from[context.calls()[i].source];
  const std::size_t all = list.size();
  std::erase_if(list, [&](std::size_t i) { return from.at(context.calls()[i].source) * 10 < all; });
}

void judge(TollContext& context, const Actor& actor) {
  CallRefs list = actor.calls;
  const auto& calls = context.calls();
  const Sequence sequence = sequence_of(context, list);
  const bool sequential =
      actor.inbound ? sequence.run >= kInboundRun : sequence.run >= kRun || sequence.block >= kBlockNumbers;
  const std::size_t rotated = rotation_of(context, list);
  std::set<std::string> called;
  std::set<std::string> callers;
  std::vector<double> lengths;
  std::size_t neighbours = 0;
  for (const std::size_t i : list) {
    called.insert(calls[i].number.shown());
    callers.insert(calls[i].caller);
    if (calls[i].answered()) lengths.push_back(calls[i].seconds());
    if (neighbour(calls[i])) ++neighbours;
  }
  const Ratios ratios = ratios_of(context, list);
  // A dialler of people loses many callers within seconds, but some talk.
  const auto talks = std::ranges::count_if(lengths, [](double seconds) { return seconds >= kTalk; });
  const bool short_talk =
      lengths.size() >= 10 && median(lengths) < 10 && static_cast<std::size_t>(talks) * 5 < lengths.size();
  const bool few_answers = ratios.asr < 0.3 && (ratios.usual_asr < 0 || ratios.usual_asr - ratios.asr >= 0.2);
  const bool poor = ratios.attempts >= kSeizures && (few_answers || ratios.ner < 0.9 || short_talk || ratios.odd_acd);
  const bool machine = lengths.size() >= 10 && variation(lengths) < 0.1;
  const bool neighbourly = list.size() >= kSeizures && neighbours * 10 >= list.size() * 6 && callers.size() >= kRotated;
  // Many callers through a trunk are its job, unless they behave like one.
  const bool rotating = rotated >= kRotated && called.size() > 2 &&
                        (!actor.inbound || !actor.peer || sequential || short_talk || machine || neighbourly);

  const bool robocalls =
      (rotating && (sequential || poor || short_talk || machine || neighbourly || !actor.peer)) ||
      (sequential && (poor || short_talk) && list.size() >= kSeizures) ||
      (!actor.inbound && list.size() >= kRobocalls && short_talk && called.size() * 2 > list.size()) ||
      (neighbourly && (poor || short_talk));
  if (!robocalls && !sequential && !poor) {
    for (const report::Rule* rule : {&kSequential, &kCallerRotation})
      context.all.sink.tally(*rule, report::Verdict::kPass);
    context.all.sink.tally(kSeizureQuality,
                           ratios.attempts >= kSeizures ? report::Verdict::kPass : report::Verdict::kNotAssessable);
    return;
  }
  if (robocalls && actor.inbound && actor.peer && (neighbourly || rotating)) {
    CallRefs part = campaign_of(context, list, neighbourly);
    if (part.size() >= kRotated) {
      list = std::move(part);
      callers.clear();
      for (const std::size_t i : list) callers.insert(calls[i].caller);
    }
  }
  if (robocalls && !actor.inbound) keep_machines(context, list);
  Incident incident;
  incident.kind = robocalls ? Kind::kRobocalling : Kind::kAnomaly;
  add_calls(context, list, incident);
  incident.attempts = incident.calls;
  incident.successes = incident.answered;
  for (const std::size_t i : list) {
    if (robocalls) context.claimed[i] = 1;
    incident.sources.push_back(calls[i].source);
  }
  if (actor.inbound) {
    incident.numbers.clear();
    for (const std::string& caller : callers) incident.numbers.push_back(caller);
  } else {
    if (!actor.account.empty()) incident.accounts = {actor.account};
  }
  const std::string who = actor.inbound           ? actor.source.to_string()
                          : actor.account.empty() ? actor.source.to_string()
                                                  : "account " + actor.account;
  const Severity severity = robocalls && list.size() >= kRobocalls ? Severity::kHigh : Severity::kMedium;
  const auto add = [&](const report::Rule& rule, std::string text, const FrameRef& frame) {
    incident.checks.push_back({.rule = &rule,
                               .severity = severity,
                               .confidence = Confidence::kProbable,
                               .message = fmt::format("{}: {}", who, text),
                               .evidence = {{frame, "here"}}});
  };
  if (rotating || neighbourly)
    add(kCallerRotation,
        neighbourly ? fmt::format("{} of {} callers share the first digits with the number they call", neighbours,
                                  actor.calls.size())
                    : fmt::format("{} callers within 10 minutes, hardly one twice", rotated),
        calls[list.front()].invite);
  if (sequential)
    add(kSequential,
        sequence.run >= kRun ? fmt::format("{} numbers in order", sequence.run)
                             : fmt::format("{} numbers of one block of 100 within 10 minutes", sequence.block),
        calls[sequence.run >= kRun ? sequence.at : list.front()].invite);
  if (poor || (robocalls && incident.checks.empty()))
    add(kSeizureQuality,
        fmt::format("{} attempts within an hour: ASR {:.0f} %, NER {:.0f} %, answered calls {:.0f} s on average",
                    ratios.attempts, ratios.asr * 100, ratios.ner * 100, ratios.acd),
        calls[list.front()].invite);
  std::string why;
  for (const Fired& fired : incident.checks) why += (why.empty() ? "" : "; ") + fired.message;
  incident.explanation =
      robocalls ? fmt::format(
                      "{} in all. {}. Machines call like this. It could also be a dialler or an alarm service that was "
                      "announced: then name it in the policy.",
                      plural(list.size(), "call", "calls"), why)
                : fmt::format(
                      "{}. Unusual, but no proof of anything: a dialler, a fault of the route, or a list that somebody "
                      "works through. {}",
                      why,
                      ratios.usual_asr < 0 ? "Fixed limits were used: too little came before to compare with."
                                           : fmt::format("Before, {:.0f} % were answered.", ratios.usual_asr * 100));
  incident.evidence.push_back(
      {calls[list.front()].invite,
       fmt::format("first call, {} to {}", calls[list.front()].caller, calls[list.front()].number.shown())});
  incident.evidence.push_back({calls[list.back()].invite, fmt::format("last call, {} to {}", calls[list.back()].caller,
                                                                      calls[list.back()].number.shown())});
  incident.entity = actor.inbound || actor.account.empty() ? actor.source.to_string() : actor.account;
  context.all.incidents.add(std::move(incident));
}

}  // namespace

void find_dialling(TollContext& context) {
  std::map<std::string, Actor> actors;
  for (std::size_t i = 0; i < context.calls().size(); ++i) {
    const PhoneCall& call = context.calls()[i];
    if (context.claimed[i] != 0 || refused_login(call)) continue;
    const bool inbound = call.inbound() || call.direction == CallDirection::kTransit;
    const bool outbound = !inbound && call.external();
    if (!inbound && !outbound) continue;
    Actor& actor = actors[inbound ? "in " + call.source.to_string()
                                  : "out " + (call.account.empty() ? call.source.to_string() : call.account)];
    actor.inbound = inbound;
    actor.source = call.source;
    actor.account = call.account;
    actor.peer = context.peer(call.source) || context.own(call.source);
    actor.calls.push_back(i);
  }
  for (const auto& [name, actor] : actors) judge(context, actor);
}

}  // namespace voip::analyze::fraud
