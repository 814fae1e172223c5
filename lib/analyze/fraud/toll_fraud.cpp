#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/statistics.h"
#include "analyze/fraud/toll.h"
#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr unsigned kRaise = 4;     // points that make it fraud
constexpr unsigned kHijacked = 6;  // FRAUD-057
constexpr std::size_t kRepeated = 3;
constexpr std::size_t kMany = 10;
constexpr std::chrono::seconds kDay{86'400};
constexpr std::uint64_t kHistory = 20;  // calls that make a habit
constexpr std::size_t kBlockDigits = 7;
constexpr double kOffHoursSeconds = 30 * 60;

// What one account did from one address.
struct Unit {
  std::string account;
  IpAddress source;
  CallRefs external;     // outbound external calls, by start
  CallRefs chosen;       // those that make the campaign
  bool foreign = false;  // not where the account lives
  bool new_device = false;
  bool stranger = false;     // no account of ours is behind it
  bool compromised = false;  // another incident says that the account was taken
  bool hijacked = false;
  bool leaked = false;
  bool probed = false;
};

// One sign, as a check that fired.
struct Sign {
  const report::Rule* rule;
  unsigned points;
  Severity severity;
  std::string text;
  report::Evidence evidence;
  CallRefs calls{};  // that it is about; empty: all of the unit's
};

struct Score {
  unsigned points = 0;
  std::vector<Sign> signs;
  std::vector<std::string> reasons;  // without a check of their own
  bool destination = false;          // where the calls go is suspect
  bool allowed = true;               // nothing that the policy forbids
};

bool same_network(const IpAddress& a, const IpAddress& b) {
  const unsigned bytes = a.is_v4() && b.is_v4() ? 15 : 6;  // /24, /48
  return std::equal(a.bytes().begin(), a.bytes().begin() + bytes, b.bytes().begin());
}

// "Yealink SIP-T42U 66.85" and "Yealink SIP-T42U 66.86" are one family: the first word without its version.
std::string family(std::string_view agent) {
  const std::size_t end = agent.find_first_of(" /-_(0123456789");
  return to_lower(agent.substr(0, end == 0 ? std::string_view::npos : end));
}

class Finder {
 public:
  explicit Finder(TollContext& context) : context_(context) {}
  void run();

 private:
  const PhoneCall& call(std::size_t index) const { return context_.calls()[index]; }
  void gather();
  void note_incidents();
  void find_homes(Unit& unit) const;
  void choose(Unit& unit) const;
  Score score(const Unit& unit) const;
  void judge_policy(const Unit& unit, Score& score) const;
  void join(const std::vector<std::pair<Unit, Score>>& guilty);
  void tell(const std::vector<const std::pair<Unit, Score>*>& members);
  void tell_anomaly(const Unit& unit, const Score& score);
  std::string when(const PhoneCall& call) const { return format_utc(call.start, 0); }

  TollContext& context_;
  std::vector<Unit> units_;
  std::set<IpAddress> doors_;                                 // hosts that ask others for a password
  std::map<std::string, std::vector<std::size_t>> units_of_;  // by account
  // Of what was told before: what took an account, who probed, what strangers did.
  std::map<std::string, std::vector<std::size_t>> taken_;
  std::set<IpAddress> probers_;
  std::set<std::string> probed_with_;
  std::map<IpAddress, std::vector<std::size_t>> strangers_;
  bool hours_count_ = true;  // calls outside of office hours are the exception here
};

void Finder::gather() {
  for (const auto& [host, count] : context_.accounts.registrars()) doors_.insert(host);
  std::map<std::pair<std::string, IpAddress>, std::size_t> index;
  for (std::size_t i = 0; i < context_.calls().size(); ++i) {
    const PhoneCall& each = call(i);
    if (each.challenged) doors_.insert(each.entry);
    if (each.inbound() || each.direction == CallDirection::kInternal || context_.claimed[i] != 0) continue;
    if (!each.external()) continue;
    if (context_.peer(each.source)) continue;
    const auto [at, made] = index.emplace(std::pair{each.account, each.source}, units_.size());
    if (made) units_.push_back({.account = each.account, .source = each.source, .external = {}, .chosen = {}});
    units_[at->second].external.push_back(i);
  }
}

// Where the account lives: the address of its first sign of life, in the baseline or here.
void Finder::find_homes(Unit& unit) const {
  const auto of = [&](Kind kind) {
    const auto list = taken_.find(unit.account);
    if (list == taken_.end()) return false;
    return std::ranges::any_of(list->second, [&](std::size_t k) {
      const Incident& incident = context_.all.incidents.all()[k];
      return incident.kind == kind && (incident.sources.empty() || incident.has_source(unit.source));
    });
  };
  unit.compromised = of(Kind::kAccountCompromise) || of(Kind::kCredentialReplay);
  unit.hijacked = of(Kind::kRegistrationHijack);
  unit.leaked = of(Kind::kDigestLeak);
  unit.probed = probers_.contains(unit.source) || probed_with_.contains(unit.account);

  const PhoneCall& first = call(unit.external.front());
  const AccountFacts* facts = context_.accounts.find(unit.account);
  const bool any_auth = std::ranges::any_of(unit.external, [&](std::size_t i) { return call(i).authenticated; });
  // Where nobody is seen to log in, trunks look like strangers.
  unit.stranger = !any_auth && !context_.phone(unit.source) && !context_.own(unit.source) &&
                  std::ranges::any_of(unit.external, [&](std::size_t i) {
                    return call(i).answered() && doors_.contains(call(i).entry);
                  });

  struct Home {
    FrameRef first;
    IpAddress address;
    std::string device;
  };
  std::vector<Home> homes;
  if (facts != nullptr) {
    for (const auto& [address, source] : facts->sources) {
      if (source.registrations != 0) homes.push_back({source.first, address, source.user_agent});
    }
  }
  for (const std::size_t k : units_of_.at(unit.account)) {
    const Unit& other = units_[k];
    const PhoneCall& begin = call(other.external.front());
    homes.push_back({begin.invite, other.source, begin.user_agent});
  }
  std::ranges::stable_sort(homes, [](const Home& a, const Home& b) { return a.first < b.first; });
  const Habit* habit = context_.history.find(unit.account);
  if (unit.account.empty()) {
    unit.foreign = unit.new_device = false;
  } else if (habit != nullptr && !habit->sources.empty()) {
    unit.foreign = std::ranges::none_of(habit->sources, [&](const auto& entry) {
      const auto address = IpAddress::parse(entry.first);
      return address && same_network(*address, unit.source);
    });
    unit.new_device = std::ranges::none_of(
        habit->devices, [&](const auto& entry) { return family(entry.first) == family(first.user_agent); });
  } else if (!homes.empty()) {
    unit.foreign = !same_network(homes.front().address, unit.source) && !context_.own(unit.source);
    unit.new_device = !homes.front().device.empty() && !first.user_agent.empty() &&
                      family(homes.front().device) != family(first.user_agent);
  }
  // A phone that moved is the same device elsewhere.
  if (unit.foreign && !unit.new_device && !unit.compromised && !unit.hijacked) unit.foreign = habit != nullptr;
}

void Finder::choose(Unit& unit) const {
  const bool all =
      unit.compromised || unit.hijacked || unit.leaked || unit.stranger || (unit.foreign && unit.new_device);
  for (const std::size_t i : unit.external) {
    const PhoneCall& each = call(i);
    if (all || risky(context_, each) || blocked(context_.site(), each.number)) unit.chosen.push_back(i);
  }
  if (!unit.chosen.empty()) return;
  // Nothing risky: a burst abroad may still be one.
  for (const std::size_t i : unit.external) {
    const PhoneCall& each = call(i);
    if (each.number.kind == NumberClass::kInternational && !allowed(context_.site(), each.number))
      unit.chosen.push_back(i);
  }
}

Score Finder::score(const Unit& unit) const {
  Score score;
  const Thresholds& limits = context_.limits();
  const Habit* habit = context_.history.find(unit.account);
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
    if (!risky(context_, each)) continue;
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
    if (day >= kMany) {
      score.points += 2;
      score.reasons.push_back(fmt::format("{} such calls within a day", day));
    } else if (day >= kRepeated) {
      score.points += 1;
      score.reasons.push_back(fmt::format("{} such calls within a day", day));
    }
  }
  if (unit.chosen.empty()) return score;

  // First call to a country.
  if (habit != nullptr && habit->calls >= kHistory) {
    for (const std::size_t i : unit.chosen) {
      const Destination* destination = call(i).number.destination;
      if (call(i).number.kind != NumberClass::kInternational || destination == nullptr || destination->country.empty())
        continue;
      if (habit->countries.contains(destination->country)) continue;
      add(kFirstCallToCountry, score.destination ? 1 : 0, score.destination ? Severity::kMedium : Severity::kLow,
          fmt::format("first call of {} to {} ({} of history)", unit.account, destination->name,
                      plural(habit->calls, "call", "calls")),
          i);
      break;
    }
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
  }

  // Durations.
  std::map<std::string, std::vector<double>> lengths;
  for (const std::size_t i : unit.chosen) {
    if (call(i).seconds() > 60) lengths[destination_name(call(i).number)].push_back(call(i).seconds());
  }
  bool told = false;
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
    if (seconds <= static_cast<double>((international ? limits.max_call_international : limits.max_call).count()))
      continue;
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
void Finder::judge_policy(const Unit& unit, Score& score) const {
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

void Finder::note_incidents() {
  const auto& told = context_.all.incidents.all();
  for (std::size_t k = 0; k < told.size(); ++k) {
    const Incident& incident = told[k];
    if (incident.checks.empty()) continue;
    switch (incident.kind) {
      case Kind::kAccountCompromise:
      case Kind::kCredentialReplay:
      case Kind::kRegistrationHijack:
      case Kind::kDigestLeak:
        for (const std::string& account : incident.accounts) taken_[account].push_back(k);
        break;
      case Kind::kDialPlanProbe:
        probers_.insert(incident.sources.begin(), incident.sources.end());
        probed_with_.insert(incident.accounts.begin(), incident.accounts.end());
        break;
      case Kind::kUnauthenticatedCall:
      case Kind::kInviteScan:
        for (const IpAddress& source : incident.sources) strangers_[source].push_back(k);
        break;
      default: break;
    }
  }
}

void Finder::run() {
  gather();
  note_incidents();
  std::size_t calls = 0;
  std::size_t late = 0;
  for (std::size_t k = 0; k < units_.size(); ++k) {
    units_of_[units_[k].account].push_back(k);
    for (const std::size_t i : units_[k].external) {
      if (risky(context_, call(i))) continue;
      ++calls;
      late += context_.site().open_at(call(i).start) ? 0U : 1U;
    }
  }
  // Nobody said when the office works, and it seems to work at other times.
  if (!context_.hours_known && late * 4 > calls) hours_count_ = false;
  std::vector<std::pair<Unit, Score>> guilty;
  std::uint64_t clean = 0;
  for (Unit& unit : units_) {
    find_homes(unit);
    choose(unit);
    Score result = score(unit);
    const bool any_answered = std::ranges::any_of(unit.chosen, [&](std::size_t i) { return call(i).answered(); });
    const bool known_user = std::ranges::any_of(unit.chosen, [&](std::size_t i) { return call(i).authenticated; }) ||
                            context_.phone(unit.source) || context_.own(unit.source);
    const bool enough = any_answered || (known_user && unit.chosen.size() >= kRepeated);
    const bool takeover = unit.compromised || unit.hijacked || unit.leaked || unit.stranger;
    std::size_t abroad = 0;
    for (const std::size_t i : unit.chosen)
      abroad += call(i).number.kind == NumberClass::kInternational || risky(context_, call(i)) ? 1U : 0U;
    double seconds = 0;
    for (const std::size_t i : unit.chosen) seconds += call(i).seconds();
    const bool worth = seconds >= 30 || unit.chosen.size() >= kRepeated;
    const bool toll = result.destination || (takeover && worth) || abroad * 2 > unit.chosen.size();
    if (!unit.chosen.empty() && enough && toll && result.points >= kRaise) {
      guilty.emplace_back(unit, std::move(result));
    } else if (!result.signs.empty() && enough) {
      tell_anomaly(unit, result);
    } else {
      ++clean;
    }
  }
  for (const report::Rule* rule : {&kHighRiskDestination, &kPremiumNumber, &kSatelliteOrUnassigned, &kForeignNanp,
                                   &kConcurrency, &kVelocity, &kDuration, &kHijackedAccount, &kDeviceChange})
    context_.all.sink.tally(*rule, report::Verdict::kPass, clean);
  if (context_.hours_known) {
    context_.all.sink.tally(kOffHours, report::Verdict::kPass, clean);
  } else {
    context_.all.sink.tally(kOffHours, report::Verdict::kNotAssessable, clean);
  }
  if (context_.site().allowed_destinations.empty() && context_.site().blocked_destinations.empty()) {
    context_.all.sink.tally(kDestinationNotAllowed, report::Verdict::kNotApplicable, units_.size());
  } else {
    context_.all.sink.tally(kDestinationNotAllowed, report::Verdict::kPass, clean);
  }
  std::uint64_t with_history = 0;
  for (const Unit& unit : units_) {
    const Habit* habit = context_.history.find(unit.account);
    with_history += habit != nullptr && habit->calls >= kHistory ? 1U : 0U;
  }
  context_.all.sink.tally(kFirstCallToCountry, report::Verdict::kNotAssessable, units_.size() - with_history);
  join(guilty);
}

// Units that share an account, a hostile address or the numbers they call are one campaign, unless a day lies between.
void Finder::join(const std::vector<std::pair<Unit, Score>>& guilty) {
  std::vector<std::size_t> parent(guilty.size());
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  const auto root = [&](std::size_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  std::map<std::string, std::size_t> seen;
  const auto meet = [&](const std::string& key, std::size_t i) {
    const auto [at, made] = seen.emplace(key, i);
    if (made) return;
    const std::size_t a = root(at->second);
    const std::size_t b = root(i);
    if (a != b) parent[std::max(a, b)] = std::min(a, b);
  };
  for (std::size_t i = 0; i < guilty.size(); ++i) {
    const Unit& unit = guilty[i].first;
    if (!unit.account.empty()) meet("a " + unit.account, i);
    if (!context_.own(unit.source)) meet("s " + unit.source.to_string(), i);
    for (const std::size_t index : unit.chosen) {
      const Number& number = call(index).number;
      if (number.e164.size() > kBlockDigits + 1 && risky(context_, call(index)))
        meet("n " + number.e164.substr(0, kBlockDigits + 1), i);
    }
  }
  std::map<std::size_t, std::vector<const std::pair<Unit, Score>*>> campaigns;
  for (std::size_t i = 0; i < guilty.size(); ++i) campaigns[root(i)].push_back(&guilty[i]);
  for (const auto& [first, members] : campaigns) tell(members);
}

void Finder::tell(const std::vector<const std::pair<Unit, Score>*>& members) {
  CallRefs chosen;
  std::map<const report::Rule*, const Sign*> signs;
  std::set<std::string> reasons;
  unsigned points = 0;
  std::map<IpAddress, bool> hostile_sources;
  for (const auto* member : members) {
    chosen.insert(chosen.end(), member->first.chosen.begin(), member->first.chosen.end());
    points = std::max(points, member->second.points);
    for (const Sign& sign : member->second.signs) {
      const Sign*& known = signs[sign.rule];
      if (known == nullptr || known->severity < sign.severity) known = &sign;
    }
    reasons.insert(member->second.reasons.begin(), member->second.reasons.end());
    hostile_sources[member->first.source] |=
        member->first.stranger || member->first.compromised || (member->first.foreign && member->first.new_device);
  }
  const bool hostile = std::ranges::all_of(hostile_sources, [](const auto& entry) { return entry.second; });
  std::ranges::sort(chosen);
  Incident incident;
  incident.kind = Kind::kTollFraud;
  add_calls(context_, chosen, incident);
  std::vector<const PhoneCall*> sure;
  std::vector<const PhoneCall*> others;
  std::set<std::size_t> in(chosen.begin(), chosen.end());
  for (const auto* member : members) {
    if (!member->first.account.empty()) incident.accounts.push_back(member->first.account);
    incident.sources.push_back(member->first.source);
    for (const std::size_t i : member->first.external) {
      if (in.contains(i)) continue;
      const PhoneCall& each = call(i);
      if (each.start >= incident.first.time && each.start <= incident.last.time) others.push_back(&each);
    }
  }
  for (const std::size_t i : chosen) {
    sure.push_back(&call(i));
    context_.claimed[i] = 1;
  }
  incident.attempts = incident.calls;
  incident.successes = incident.answered;
  incident.cost = context_.rates.estimate(sure, others);

  // The gravest sign leads.
  std::vector<const Sign*> order;
  for (const auto& [rule, sign] : signs) order.push_back(sign);
  std::ranges::sort(order, [](const Sign* a, const Sign* b) {
    if (a->points != b->points) return a->points > b->points;
    if (a->severity != b->severity) return a->severity > b->severity;
    return a->rule->id < b->rule->id;
  });
  const std::set<std::string> names(incident.destinations.begin(), incident.destinations.end());
  const std::set<std::string> accounts(incident.accounts.begin(), incident.accounts.end());
  const std::set<IpAddress> sources(incident.sources.begin(), incident.sources.end());
  const std::string who = list_text({accounts.begin(), accounts.end()}, 4);
  const std::string from = hosts_text({sources.begin(), sources.end()}, 4);
  const std::string where = list_text({names.begin(), names.end()}, 4);
  const std::string what =
      fmt::format("{} ({} answered, {}, at most {} at once) to {} {} from {}", plural(incident.calls, "call", "calls"),
                  incident.answered, minutes_text(incident.answered_seconds), incident.concurrent_peak, where,
                  accounts.empty() ? std::string("without an account") : "with account " + who, from);
  Severity severity = Severity::kHigh;
  for (const Sign* sign : order) severity = std::max(severity, sign->severity);
  const bool hijacked = points >= kHijacked;
  if (hijacked) {
    incident.checks.push_back({.rule = &kHijackedAccount,
                               .severity = Severity::kCritical,
                               .confidence = Confidence::kProbable,
                               .message = fmt::format("{}; {} points", what, points),
                               .evidence = {}});
  }
  for (const Sign* sign : order) {
    Fired fired{.rule = sign->rule,
                .severity = sign->severity,
                .confidence = Confidence::kProbable,
                .message = sign->text,
                .evidence = {sign->evidence}};
    if (incident.checks.empty()) {
      fired.severity = severity;
      fired.message = what;
      fired.evidence.clear();
    }
    incident.checks.push_back(std::move(fired));
  }
  if (incident.checks.empty()) {
    // Nothing but who calls: a taken account or a stranger on the trunk.
    incident.checks.push_back({.rule = &kHijackedAccount,
                               .severity = Severity::kHigh,
                               .confidence = Confidence::kProbable,
                               .message = what,
                               .evidence = {}});
  }
  std::vector<std::string> why;
  for (const Sign* sign : order) why.push_back(sign->text);
  why.insert(why.end(), reasons.begin(), reasons.end());
  std::string text = fmt::format("{}. Raised because of: ", what);
  for (std::size_t i = 0; i < why.size(); ++i) text += (i == 0 ? "" : "; ") + why[i];
  text += hostile
              ? ". An honest explanation would need a user who moved to another place and device at the same time."
              : ". It could also be a user with new business in these countries, or a dialler that was not announced: "
                "ask the user before the account is closed for good.";
  incident.explanation = std::move(text);

  // First, decisive (the first answered call), last.
  const PhoneCall* answered = nullptr;
  for (const std::size_t i : chosen) {
    if (answered == nullptr && call(i).answered()) answered = &call(i);
  }
  incident.evidence.push_back(
      {call(chosen.front()).invite, fmt::format("first call, to {}", call(chosen.front()).number.shown())});
  if (answered != nullptr)
    incident.evidence.push_back(
        {answered->accepted, fmt::format("decisive: first answered call, to {}", answered->number.shown())});
  if (chosen.size() > 1) {
    const PhoneCall& last = call(chosen.back());
    incident.evidence.push_back({last.invite, fmt::format("last call, to {}", last.number.shown())});
  }
  incident.entity = accounts.empty() ? sources.begin()->to_string() : *accounts.begin();
  // A stranger's scan or call that turned out to be this is told here.
  for (const IpAddress& source : sources) {
    const auto list = strangers_.find(source);
    if (list == strangers_.end()) continue;
    for (const std::size_t k : list->second) {
      const Incident& other = context_.all.incidents.all()[k];
      const bool same = std::ranges::all_of(other.sources, [&](const IpAddress& s) { return sources.contains(s); });
      if (same && other.attempts <= incident.calls + incident.calls / 2) context_.all.incidents.remove(k);
    }
  }
  incident.certain_attacker = hostile;
  if (incident.cost && incident.answered != 0) {
    incident.checks.push_back(
        {.rule = &kImpact,
         .severity = Severity::kInfo,
         .confidence = incident.cost->placeholder ? Confidence::kPossible : Confidence::kProbable,
         .message = fmt::format("estimated cost {:.2f} to {:.2f} {}{}", incident.cost->low, incident.cost->high,
                                incident.cost->currency, incident.cost->placeholder ? " (placeholder rates)" : ""),
         .evidence = {}});
  }
  context_.all.incidents.add(std::move(incident));
}

// One weak sign: worth a line, never an alarm.
void Finder::tell_anomaly(const Unit& unit, const Score& score) {
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

}  // namespace

void find_toll_fraud(TollContext& context) { Finder(context).run(); }

}  // namespace voip::analyze::fraud
