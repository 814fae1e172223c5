#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/statistics.h"
#include "analyze/fraud/toll_baseline.h"
#include "analyze/fraud/toll_finder.h"
#include "base/text.h"

namespace voip::analyze::fraud {

using report::Severity;

namespace {

constexpr std::chrono::seconds kTenMinutes{600};
constexpr std::size_t kBusy = 20;      // external attempts within 10 minutes, below which nothing is an outlier
constexpr std::size_t kSomeCalls = 5;  // that make a median

}  // namespace

Score TollFinder::score(const Unit& unit) const {
  Score score;
  const Thresholds& limits = context_.limits();
  const Habit* habit = context_.history.find(unit.account);
  if (dialler(unit)) {
    judge_policy(unit, score);
    return score;
  }
  const auto add = [&](const report::Rule& rule, unsigned points, Severity severity, std::string text, std::size_t at) {
    score.points += points;
    const PhoneCall& each = call(at);
    score.signs.push_back(
        {&rule,
         points,
         severity,
         std::move(text),
         {each.answered() ? each.accepted : each.invite, fmt::format("call to {}", each.number.shown())},
         {}});
  };

  // Destinations.
  std::size_t worst = unit.chosen.size();
  std::size_t risky_calls = 0;
  CallRefs risky_list;
  const auto weight = [&](const PhoneCall& each) {
    const Destination& destination = *each.number.destination;
    return std::tuple{destination.tier, destination.premium(), each.answered()};
  };
  for (std::size_t k = 0; k < unit.chosen.size(); ++k) {
    const PhoneCall& each = call(unit.chosen[k]);
    if (!risky(context_, each) || usual(unit, each)) continue;
    ++risky_calls;
    risky_list.push_back(unit.chosen[k]);
    if (worst == unit.chosen.size() || weight(call(unit.chosen[worst])) < weight(each)) worst = k;
  }
  const bool known_habit = habit != nullptr && worst != unit.chosen.size() &&
                           habit->countries.contains(call(unit.chosen[worst]).number.destination->country) &&
                           habit->countries.at(call(unit.chosen[worst]).number.destination->country) >= kRepeated;
  if (risky_calls != 0 && !known_habit) {
    const PhoneCall& each = call(unit.chosen[worst]);
    const Destination& destination = *each.number.destination;
    const bool critical = destination.tier == Tier::kCritical;
    const unsigned points = critical || destination.premium() ? 3 : 2;
    const report::Rule& rule = destination.premium()                                 ? kPremiumNumber
                               : destination.satellite() || destination.unassigned() ? kSatelliteOrUnassigned
                                                                                     : kHighRiskDestination;
    Severity severity = &rule != &kHighRiskDestination ? Severity::kHigh
                        : critical                     ? Severity::kHigh
                                                       : Severity::kMedium;
    if (each.answered() && &rule == &kHighRiskDestination) severity = raised(severity);
    if (unit.stranger) severity = Severity::kCritical;
    score.destination = true;
    add(rule, points, severity,
        fmt::format("{} to {} (tier {}), the riskiest to {}", plural(risky_calls, "call", "calls"),
                    destination_name(each.number), to_string(destination.tier), each.number.shown()),
        unit.chosen[worst]);
    score.signs.back().calls = risky_list;
    std::set<std::string> foreign_nanp;
    for (const std::size_t i : risky_list) {
      const Number& number = call(i).number;
      if (number.destination->kind == DestinationKind::kNanpForeign && !number.dialled.starts_with('+') &&
          !number.dialled.starts_with("011") && !number.dialled.starts_with("00"))
        foreign_nanp.insert(number.destination->name);
    }
    if (!foreign_nanp.empty())
      add(kForeignNanp, 0, Severity::kMedium,
          fmt::format("dialled like domestic calls: {}", list_text({foreign_nanp.begin(), foreign_nanp.end()})),
          risky_list.front());
    CallRefs answered;
    for (const std::size_t i : risky_list) {
      if (call(i).answered()) answered.push_back(i);
    }
    const std::size_t day = most_within(context_, answered.empty() ? risky_list : answered, kDay);
    const bool people = talks_to_people(unit, risky_list);
    if (people) {
      // How often somebody calls customers or family says nothing; crowds, haste and hours still do.
    } else if (day >= kMany) {
      score.points += 2;
      score.reasons.push_back(fmt::format("{} such calls within a day", day));
    } else if (day >= kRepeated) {
      score.points += 1;
      score.reasons.push_back(fmt::format("{} such calls within a day", day));
    }
  }
  if (unit.chosen.empty()) return score;

  // First call to a country: not seen in an earlier run's profile, else in the first half of these inputs.
  const Baseline::Account* first_half = context_.baseline->find(unit.account);
  const bool profiled = habit != nullptr && habit->calls >= kHistory;
  const std::uint64_t history = profiled ? habit->calls : first_half != nullptr ? first_half->calls : 0;
  for (const std::size_t i : unit.external) {
    if (history < kHistory) break;
    const Destination* destination = call(i).number.destination;
    if (call(i).number.kind != NumberClass::kInternational || destination == nullptr || destination->country.empty())
      continue;
    if (!profiled && call(i).start < context_.baseline->until()) continue;
    if (profiled ? habit->countries.contains(destination->country)
                 : first_half->countries.contains(destination->country))
      continue;
    if (allowed(context_.site(), call(i).number)) continue;
    add(kFirstCallToCountry, score.destination ? 1 : 0, score.destination ? Severity::kMedium : Severity::kLow,
        fmt::format("first call of {} to {} ({} of history)", unit.account, destination->name,
                    plural(history, "call", "calls")),
        i);
    score.signs.back().calls = {i};
    break;
  }

  // Off hours.
  CallRefs night;
  double night_seconds = 0;
  for (const std::size_t i : unit.chosen) {
    if (context_.site().open_at(call(i).start)) continue;
    night.push_back(i);
    night_seconds += call(i).seconds();
  }
  std::size_t night_before = habit != nullptr ? habit->off_hours : 0;
  for (const std::size_t i : unit.external) {
    if (i >= unit.chosen.front()) break;
    if (!context_.site().open_at(call(i).start)) ++night_before;
  }
  if (hours_count_ && night_before == 0 && (night.size() >= kRepeated || night_seconds >= kOffHoursSeconds) &&
      night.size() * 2 > unit.chosen.size()) {
    add(kOffHours, 1, score.destination ? Severity::kHigh : Severity::kMedium,
        fmt::format("{} outside of office hours, {}", plural(night.size(), "call", "calls"),
                    minutes_text(night_seconds)),
        night.front());
    score.signs.back().calls = night;
  }

  // Concurrency, velocity.
  const auto peak_of = [&](const CallRefs& list) {
    std::vector<const PhoneCall*> spans;
    for (const std::size_t i : list) spans.push_back(&call(i));
    return concurrency(spans);
  };
  const Peak peak = peak_of(unit.chosen);
  const Peak risky_peak = peak_of(risky_list);
  const std::uint64_t norm = habit != nullptr ? habit->concurrent_peak : 0;
  if (risky_peak.calls > std::max<std::uint64_t>(limits.max_concurrent_risky, norm)) {
    add(kConcurrency, 2, Severity::kCritical,
        fmt::format("{} calls to risky destinations at once, at {}", risky_peak.calls, format_utc(risky_peak.at, 0)),
        risky_list.front());
  } else if (peak.calls > std::max<std::uint64_t>(limits.max_concurrent, norm)) {
    add(kConcurrency, 2, Severity::kHigh, fmt::format("{} calls at once, at {}", peak.calls, format_utc(peak.at, 0)),
        unit.chosen.front());
  }
  CallRefs abroad;
  for (const std::size_t i : unit.chosen) {
    if (call(i).number.kind == NumberClass::kInternational) abroad.push_back(i);
  }
  const std::uint64_t usual = habit != nullptr ? habit->busiest_window : 0;
  const std::size_t fast_abroad = most_within(context_, abroad, limits.velocity_international.span);
  const std::size_t fast = most_within(context_, unit.chosen, limits.velocity_external.span);
  if (fast_abroad >= limits.velocity_international.count && fast_abroad > usual * 2) {
    add(kVelocity, 2, Severity::kHigh,
        fmt::format("{} international attempts within {} minutes", fast_abroad,
                    limits.velocity_international.span.count() / 60),
        abroad.front());
  } else if (fast >= limits.velocity_external.count && fast > usual * 2) {
    add(kVelocity, 2, Severity::kHigh,
        fmt::format("{} external attempts within {} minutes", fast, limits.velocity_external.span.count() / 60),
        unit.chosen.front());
  } else if (context_.baseline->known()) {
    const std::size_t busiest = most_within(context_, unit.chosen, kTenMinutes);
    if (busiest >= kBusy && static_cast<double>(busiest) > static_cast<double>(usual) * 2 &&
        modified_z(context_.baseline->counts(unit.account), static_cast<double>(busiest)) > kOutlier)
      add(kVelocity, 2, Severity::kHigh,
          fmt::format("{} external attempts within 10 minutes, far from what {} did before", busiest, unit.account),
          unit.chosen.front());
  }

  // Durations.
  std::map<std::string, std::vector<double>> lengths;
  for (const std::size_t i : unit.chosen) {
    if (call(i).seconds() > 60) lengths[destination_name(call(i).number)].push_back(call(i).seconds());
  }
  bool told = false;
  double longest_abroad = static_cast<double>(limits.max_call_international.count());
  if (first_half != nullptr && first_half->abroad_seconds.size() >= kSomeCalls)
    longest_abroad = std::max(
        longest_abroad, median(first_half->abroad_seconds) + kOutlier * median_deviation(first_half->abroad_seconds));
  for (const auto& [name, list] : lengths) {
    if (list.size() < kMany || variation(list) >= 0.1) continue;
    add(kDuration, 1, score.destination ? Severity::kHigh : Severity::kMedium,
        fmt::format("{} calls to {} last all about {}", list.size(), name, minutes_text(median(list))),
        unit.chosen.front());
    told = true;
    break;
  }
  for (const std::size_t i : unit.chosen) {
    if (told) break;
    const double seconds = call(i).seconds();
    const bool international = call(i).number.kind == NumberClass::kInternational;
    if (seconds <= (international ? longest_abroad : static_cast<double>(limits.max_call.count()))) continue;
    add(kDuration, 1, score.destination ? Severity::kHigh : Severity::kMedium,
        fmt::format("a call of {} to {}", minutes_text(seconds), call(i).number.shown()), i);
    score.signs.back().calls = {i};
    told = true;
  }

  // Who calls.
  if (unit.stranger) {
    score.points += 4;
    score.reasons.push_back(fmt::format(
        "{} is no account of this site, and its calls were let through without a password", unit.source.to_string()));
  }
  if (unit.compromised) {
    score.points += 4;
    score.reasons.push_back(fmt::format("{} was taken over from {} before", unit.account, unit.source.to_string()));
  }
  if (unit.hijacked) {
    score.points += 4;
    score.reasons.push_back("its registration was hijacked");
  }
  if (unit.leaked) {
    score.points += 3;
    score.reasons.push_back("its password hash was drawn out of the phone before");
  }
  if (unit.probed) {
    score.points += 3;
    score.reasons.push_back("the dial plan was probed from there before");
  }
  if (unit.foreign && !unit.stranger) {
    score.points += 2;
    score.reasons.push_back(
        fmt::format("the calls come from {}, where {} never called from", unit.source.to_string(), unit.account));
  }
  if (unit.new_device && unit.foreign && !unit.stranger) {
    add(kDeviceChange, 1, Severity::kLow, fmt::format("another device: {}", call(unit.chosen.front()).user_agent),
        unit.chosen.front());
  }
  judge_policy(unit, score);
  return score;
}

// FRAUD-043.
void TollFinder::judge_policy(const Unit& unit, Score& score) const {
  const Site& site = context_.site();
  if (site.allowed_destinations.empty() && site.blocked_destinations.empty()) return;
  CallRefs refused_calls;
  const PhoneCall* worst = nullptr;
  std::size_t at = 0;
  for (const std::size_t i : unit.external) {
    const PhoneCall& each = call(i);
    const bool refused =
        blocked(site, each.number) || (!site.allowed_destinations.empty() &&
                                       each.number.kind == NumberClass::kInternational && !allowed(site, each.number));
    if (!refused) continue;
    refused_calls.push_back(i);
    if (worst == nullptr || worst->seconds() < each.seconds()) {
      worst = &each;
      at = i;
    }
  }
  if (worst == nullptr) return;
  score.allowed = false;
  const bool costly = worst->seconds() >= 60;
  const unsigned points = costly && refused_calls.size() > 1 ? 2 : 1;
  score.points += points;
  score.signs.push_back({&kDestinationNotAllowed,
                         points,
                         costly ? Severity::kHigh : Severity::kMedium,
                         fmt::format("{} to destinations that the policy does not allow, the longest to {} ({})",
                                     plural(refused_calls.size(), "call", "calls"), worst->number.shown(),
                                     minutes_text(worst->seconds())),
                         {call(at).invite, "not allowed"},
                         refused_calls});
}

}  // namespace voip::analyze::fraud
