#include <fmt/format.h>

#include <algorithm>
#include <iterator>
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
constexpr double kAlike = 0.1;         // coefficient of variation

struct Risk {
  const report::Rule* rule;
  unsigned points;
  Severity severity;
};

// What the destination of one call says of itself.
Risk risk_of(const PhoneCall& call) {
  const Destination& destination = *call.number.destination;
  const bool critical = destination.tier == Tier::kCritical;
  const unsigned points = critical || destination.premium() ? 3 : 2;
  if (destination.premium()) return {&kPremiumNumber, points, Severity::kHigh};
  if (destination.satellite() || destination.unassigned()) return {&kSatelliteOrUnassigned, points, Severity::kHigh};
  const Severity severity = critical ? Severity::kHigh : Severity::kMedium;
  return {&kHighRiskDestination, points, call.answered() ? raised(severity) : severity};
}

// By how much a destination weighs: the greatest is told.
auto weight(const PhoneCall& call) {
  const Destination& destination = *call.number.destination;
  return std::tuple{destination.tier, destination.premium(), call.answered()};
}

bool international(const PhoneCall& call) { return call.number.kind == NumberClass::kInternational; }

bool looks_domestic(const Number& number) {
  return number.destination->kind == DestinationKind::kNanpForeign && !number.dialled.starts_with('+') &&
         !number.dialled.starts_with("011") && !number.dialled.starts_with("00");
}

// What is odd in itself is grave where the destination is suspect too.
Severity beside_destination(const Score& score) { return score.destination ? Severity::kHigh : Severity::kMedium; }

}  // namespace

// One unit while it is weighed.
struct TollFinder::Weighing {
  const Unit& unit;
  const Habit* habit;                   // of an earlier run's profile; may be null
  const Baseline::Account* first_half;  // of these inputs; may be null
  CallRefs risky{};                     // chosen calls to destinations worth an alert
  Score score{};
};

Score TollFinder::score(const Unit& unit) const {
  Weighing work{
      .unit = unit, .habit = context_.history.find(unit.account), .first_half = context_.baseline->find(unit.account)};
  if (!dialler(unit)) {
    if (unit.chosen.empty()) return {};
    weigh_destinations(work);
    weigh_first_country(work);
    weigh_hours(work);
    weigh_concurrency(work);
    weigh_velocity(work);
    if (!weigh_like_durations(work)) weigh_long_call(work);
    weigh_caller(work);
  }
  judge_policy(unit, work.score);
  return std::move(work.score);
}

void TollFinder::add_sign(Weighing& work, const report::Rule& rule, unsigned points, Severity severity,
                          std::string text, std::size_t at, CallRefs calls) const {
  work.score.points += points;
  const PhoneCall& each = call(at);
  work.score.signs.push_back(
      {&rule,
       points,
       severity,
       std::move(text),
       {each.answered() ? each.accepted : each.invite, fmt::format("call to {}", each.number.shown())},
       std::move(calls)});
}

void TollFinder::weigh_destinations(Weighing& work) const {
  std::size_t worst = 0;
  for (const std::size_t i : work.unit.chosen) {
    const PhoneCall& each = call(i);
    if (!risky(context_, each) || usual(work.unit, each)) continue;
    if (work.risky.empty() || weight(call(worst)) < weight(each)) worst = i;
    work.risky.push_back(i);
  }
  if (work.risky.empty()) return;
  const Number& number = call(worst).number;
  if (work.habit != nullptr) {
    const auto known = work.habit->countries.find(number.destination->country);
    if (known != work.habit->countries.end() && known->second >= kRepeated) return;
  }
  work.score.destination = true;
  const Risk risk = risk_of(call(worst));
  add_sign(work, *risk.rule, risk.points, work.unit.stranger ? Severity::kCritical : risk.severity,
           fmt::format("{} to {} (tier {}), the riskiest to {}", plural(work.risky.size(), "call", "calls"),
                       destination_name(number), to_string(number.destination->tier), number.shown()),
           worst, work.risky);
  weigh_foreign_nanp(work);
  weigh_repetition(work);
}

void TollFinder::weigh_foreign_nanp(Weighing& work) const {
  std::set<std::string> names;
  for (const std::size_t i : work.risky) {
    const Number& number = call(i).number;
    if (looks_domestic(number)) names.insert(number.destination->name);
  }
  if (names.empty()) return;
  add_sign(work, kForeignNanp, 0, Severity::kMedium,
           fmt::format("dialled like domestic calls: {}", list_text({names.begin(), names.end()})), work.risky.front());
}

void TollFinder::weigh_repetition(Weighing& work) const {
  // How often somebody calls customers or family says nothing; crowds, haste and hours still do.
  if (talks_to_people(work.unit, work.risky)) return;
  CallRefs answered;
  std::ranges::copy_if(work.risky, std::back_inserter(answered), [&](std::size_t i) { return call(i).answered(); });
  const std::size_t day = most_within(context_, answered.empty() ? work.risky : answered, kDay);
  if (day < kRepeated) return;
  work.score.points += day >= kMany ? 2 : 1;
  work.score.reasons.push_back(fmt::format("{} such calls within a day", day));
}

// Not seen in an earlier run's profile, else in the first half of these inputs.
void TollFinder::weigh_first_country(Weighing& work) const {
  const bool profiled = work.habit != nullptr && work.habit->calls >= kHistory;
  const std::uint64_t history = profiled ? work.habit->calls : work.first_half != nullptr ? work.first_half->calls : 0;
  if (history < kHistory) return;
  const auto news = [&](const PhoneCall& each) {
    const Destination* destination = each.number.destination;
    if (!international(each) || destination == nullptr || destination->country.empty()) return false;
    if (!profiled && each.start < context_.baseline->until()) return false;
    const bool known = profiled ? work.habit->countries.contains(destination->country)
                                : work.first_half->countries.contains(destination->country);
    return !known && !allowed(context_.site(), each.number);
  };
  const auto at = std::ranges::find_if(work.unit.external, [&](std::size_t i) { return news(call(i)); });
  if (at == work.unit.external.end()) return;
  add_sign(work, kFirstCallToCountry, work.score.destination ? 1 : 0,
           work.score.destination ? Severity::kMedium : Severity::kLow,
           fmt::format("first call of {} to {} ({} of history)", work.unit.account, call(*at).number.destination->name,
                       plural(history, "call", "calls")),
           *at, {*at});
}

void TollFinder::weigh_hours(Weighing& work) const {
  const Unit& unit = work.unit;
  const auto closed = [&](std::size_t i) { return !context_.site().open_at(call(i).start); };
  CallRefs night;
  double seconds = 0;
  for (const std::size_t i : unit.chosen) {
    if (!closed(i)) continue;
    night.push_back(i);
    seconds += call(i).seconds();
  }
  std::size_t before = work.habit != nullptr ? work.habit->off_hours : 0;
  for (const std::size_t i : unit.external) {
    if (i >= unit.chosen.front()) break;
    before += closed(i) ? 1U : 0U;
  }
  if (!hours_count_ || before != 0 || night.size() * 2 <= unit.chosen.size()) return;
  if (night.size() < kRepeated && seconds < kOffHoursSeconds) return;
  // Half an hour to where it costs, while nobody here ever works.
  const bool much = work.score.destination && quiet_nights_ && night.size() >= kRepeated && seconds >= kOffHoursSeconds;
  add_sign(work, kOffHours, much ? 2 : 1, beside_destination(work.score),
           fmt::format("{} outside of office hours, {}", plural(night.size(), "call", "calls"), minutes_text(seconds)),
           night.front(), night);
}

void TollFinder::weigh_concurrency(Weighing& work) const {
  const auto peak_of = [&](const CallRefs& list) {
    std::vector<const PhoneCall*> spans;
    for (const std::size_t i : list) spans.push_back(&call(i));
    return concurrency(spans);
  };
  const std::uint64_t norm = work.habit != nullptr ? work.habit->concurrent_peak : 0;
  const Peak peak = peak_of(work.unit.chosen);
  const Peak risky_peak = peak_of(work.risky);
  if (risky_peak.calls > std::max<std::uint64_t>(context_.limits().max_concurrent_risky, norm)) {
    add_sign(
        work, kConcurrency, 2, Severity::kCritical,
        fmt::format("{} calls to risky destinations at once, at {}", risky_peak.calls, format_utc(risky_peak.at, 0)),
        work.risky.front());
  } else if (peak.calls > std::max<std::uint64_t>(context_.limits().max_concurrent, norm)) {
    add_sign(work, kConcurrency, 2, Severity::kHigh,
             fmt::format("{} calls at once, at {}", peak.calls, format_utc(peak.at, 0)), work.unit.chosen.front());
  }
}

void TollFinder::weigh_velocity(Weighing& work) const {
  const CallRefs& chosen = work.unit.chosen;
  CallRefs abroad;
  std::ranges::copy_if(chosen, std::back_inserter(abroad), [&](std::size_t i) { return international(call(i)); });
  // Twice as many as in the account's busiest time are haste.
  const std::uint64_t norm = work.habit != nullptr ? work.habit->busiest_window * 2 : 0;
  const auto hasty = [&](const Window& limit, std::size_t calls) { return calls >= limit.count && calls > norm; };
  const Window& limit_abroad = context_.limits().velocity_international;
  const Window& limit = context_.limits().velocity_external;
  const std::size_t fast_abroad = most_within(context_, abroad, limit_abroad.span);
  const std::size_t fast = most_within(context_, chosen, limit.span);
  if (hasty(limit_abroad, fast_abroad)) {
    add_sign(work, kVelocity, 2, Severity::kHigh,
             fmt::format("{} international attempts within {} minutes", fast_abroad, limit_abroad.span.count() / 60),
             abroad.front());
  } else if (hasty(limit, fast)) {
    add_sign(work, kVelocity, 2, Severity::kHigh,
             fmt::format("{} external attempts within {} minutes", fast, limit.span.count() / 60), chosen.front());
  } else if (context_.baseline->known()) {
    const std::size_t busiest = most_within(context_, chosen, kTenMinutes);
    if (busiest < kBusy || busiest <= norm) return;
    if (modified_z(context_.baseline->counts(work.unit.account), static_cast<double>(busiest)) <= kOutlier) return;
    add_sign(
        work, kVelocity, 2, Severity::kHigh,
        fmt::format("{} external attempts within 10 minutes, far from what {} did before", busiest, work.unit.account),
        chosen.front());
  }
}

// Machines hold a line for the same time again and again.
bool TollFinder::weigh_like_durations(Weighing& work) const {
  std::map<std::string, std::vector<double>> lengths;
  for (const std::size_t i : work.unit.chosen) {
    if (call(i).seconds() > 60) lengths[destination_name(call(i).number)].push_back(call(i).seconds());
  }
  const auto alike = std::ranges::find_if(
      lengths, [](const auto& entry) { return entry.second.size() >= kMany && variation(entry.second) < kAlike; });
  if (alike == lengths.end()) return false;
  const auto& [name, list] = *alike;
  add_sign(work, kDuration, 1, beside_destination(work.score),
           fmt::format("{} calls to {} last all about {}", list.size(), name, minutes_text(median(list))),
           work.unit.chosen.front());
  return true;
}

void TollFinder::weigh_long_call(Weighing& work) const {
  const auto longest = static_cast<double>(context_.limits().max_call.count());
  auto longest_abroad = static_cast<double>(context_.limits().max_call_international.count());
  if (work.first_half != nullptr && work.first_half->abroad_seconds.size() >= kSomeCalls) {
    const std::vector<double>& before = work.first_half->abroad_seconds;
    longest_abroad = std::max(longest_abroad, median(before) + kOutlier * median_deviation(before));
  }
  for (const std::size_t i : work.unit.chosen) {
    const PhoneCall& each = call(i);
    if (each.seconds() <= (international(each) ? longest_abroad : longest)) continue;
    add_sign(work, kDuration, 1, beside_destination(work.score),
             fmt::format("a call of {} to {}", minutes_text(each.seconds()), each.number.shown()), i, {i});
    return;
  }
}

void TollFinder::weigh_caller(Weighing& work) const {
  const Unit& unit = work.unit;
  const auto because = [&](unsigned points, std::string reason) {
    work.score.points += points;
    work.score.reasons.push_back(std::move(reason));
  };
  const std::string source = unit.source.to_string();
  if (unit.stranger)
    because(4, source + " is no account of this site, and its calls were let through without a password");
  if (unit.compromised) because(4, fmt::format("{} was taken over from {} before", unit.account, source));
  if (unit.hijacked) because(4, "its registration was hijacked");
  if (unit.leaked) because(3, "its password hash was drawn out of the phone before");
  if (unit.probed) because(3, "the dial plan was probed from there before");
  if (!unit.foreign || unit.stranger) return;
  because(2, fmt::format("the calls come from {}, where {} never called from", source, unit.account));
  if (!unit.new_device) return;
  const std::size_t first = unit.chosen.front();
  add_sign(work, kDeviceChange, 1, Severity::kLow, fmt::format("another device: {}", call(first).user_agent), first);
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
