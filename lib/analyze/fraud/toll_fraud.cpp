#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "analyze/fraud/roles.h"
#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/statistics.h"
#include "analyze/fraud/toll_baseline.h"
#include "analyze/fraud/toll_finder.h"
#include "base/text.h"

namespace voip::analyze::fraud {

using report::Confidence;
using report::Severity;

namespace {

// "Yealink SIP-T42U 66.85" and "Yealink SIP-T42U 66.86" are one family: the first word without its version.
std::string family(std::string_view agent) {
  const std::size_t end = agent.find_first_of(" /-_(0123456789");
  return to_lower(agent.substr(0, end == 0 ? std::string_view::npos : end));
}

constexpr std::size_t kOrdinary = 5;  // one call of so many goes where the house calls every day

// Called from several places before.
bool roams(const Habit& habit) {
  std::set<std::string> networks;
  for (const auto& [source, calls] : habit.sources) {
    if (const auto address = IpAddress::parse(source)) networks.insert(network_of(*address).to_string());
  }
  return networks.size() >= kRepeated;
}

bool at_night(const Site& site, Timestamp moment) {
  const policy::LocalTime here = site.local(moment);
  return here.minute < 6 * 60 || here.minute >= 22 * 60;
}

// Ended at the check of the password: a guess, no call.
bool unheard(const PhoneCall& call) { return call.status == 401 || call.status == 407; }

}  // namespace

void TollFinder::gather() {
  for (const auto& [host, count] : context_.accounts.registrars()) doors_.insert(host);
  std::map<std::pair<std::string, IpAddress>, std::size_t> index;
  for (std::size_t i = 0; i < context_.calls().size(); ++i) {
    const PhoneCall& each = call(i);
    if (each.challenged) doors_.insert(each.entry);
    if (each.inbound() || each.direction == CallDirection::kInternal || context_.claimed[i] != 0) continue;
    if (!each.external() || unheard(each)) continue;
    if (context_.peer(each.source)) continue;
    const auto [at, made] = index.emplace(std::pair{each.account, each.source}, units_.size());
    if (made) units_.push_back({.account = each.account, .source = each.source, .external = {}, .chosen = {}});
    units_[at->second].external.push_back(i);
  }
}

// Where the account lives: the address of its first sign of life, in the baseline or here.
void TollFinder::find_homes(Unit& unit) const {
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
  if (unit.foreign && !unit.new_device && !unit.compromised && !unit.hijacked) {
    unit.foreign = habit != nullptr && !roams(*habit);
  }
}

// Who calls somebody whom the others here know, and home in general, from another place with another device: one of the
// house who is away. A thief doesn't know these numbers.
void TollFinder::find_travellers() {
  const auto everyday = [&](std::size_t i) { return !call(i).number.e164.empty() && !risky(context_, call(i)); };
  std::set<std::string_view> friends;
  for (const PhoneCall& each : context_.calls()) {
    if (each.inbound() && each.answered()) friends.insert(each.caller);
  }
  for (const Unit& unit : units_) {
    if (!unit.at_home()) continue;
    for (const std::size_t i : unit.external) {
      if (everyday(i)) friends.insert(call(i).number.e164);
    }
  }
  const auto away = [](const Unit& unit) {
    return unit.foreign && !unit.stranger && !unit.compromised && !unit.hijacked && !unit.leaked;
  };
  const auto device = [&](const Unit& unit) {
    return std::pair{unit.account, family(call(unit.external.front()).user_agent)};
  };
  struct Calls {
    std::size_t all = 0;
    std::size_t known = 0;     // to friends
    std::size_t ordinary = 0;  // in the country
  };
  std::map<std::pair<std::string, std::string>, Calls> devices;
  for (const Unit& unit : units_) {
    if (!away(unit)) continue;
    Calls& calls = devices[device(unit)];
    calls.all += unit.external.size();
    for (const std::size_t i : unit.external) {
      if (!everyday(i)) continue;
      calls.known += friends.contains(call(i).number.e164) ? 1U : 0U;
      calls.ordinary += call(i).number.kind == NumberClass::kNational ? 1U : 0U;
    }
  }
  for (Unit& unit : units_) {
    if (!away(unit)) continue;
    const Calls& calls = devices.at(device(unit));
    if (calls.known != 0 && std::max(calls.known, calls.ordinary) * kOrdinary >= calls.all)
      unit.foreign = unit.new_device = false;
  }
}

bool TollFinder::usual(const Unit& unit, const PhoneCall& call) const {
  return unit.at_home() && (context_.baseline->business(call.number.destination, unit.account) ||
                            context_.baseline->contact(call.number.e164));
}

bool TollFinder::dialler(const Unit& unit) const {
  if (!unit.at_home() || unit.external.size() < kDiallerCalls) return false;
  std::size_t answered[2] = {0, 0};
  std::size_t calls[2] = {0, 0};
  std::vector<double> rings;  // of the risky ones
  std::set<std::string> numbers;
  for (const std::size_t i : unit.external) {
    const std::size_t side = risky(context_, call(i)) ? 1 : 0;
    ++calls[side];
    answered[side] += call(i).answered() ? 1U : 0U;
    if (side == 1 && call(i).answered()) rings.push_back(call(i).ring_seconds());
    numbers.insert(call(i).number.shown());
  }
  if (calls[1] * 3 > unit.external.size() && (rings.empty() || median(rings) < kPeopleRing)) return false;
  // Stolen calls are put through; these fail as often as all the others.
  return calls[1] * 3 <= unit.external.size() * 2 && numbers.size() * 10 >= unit.external.size() * 8 &&
         answered[1] * 10 <= calls[1] * 7 && answered[0] * 10 <= calls[0] * 7;
}

bool TollFinder::talks_to_people(const Unit& unit, const CallRefs& list) const {
  if (!unit.at_home()) return false;
  std::map<std::string, std::set<std::string>> blocks;
  std::vector<double> rings;
  for (const std::size_t i : list) {
    const std::string_view number = call(i).number.e164;
    if (number.size() > kBlockDigits + 1) blocks[std::string(number.substr(0, kBlockDigits + 1))].emplace(number);
    if (call(i).answered()) rings.push_back(call(i).ring_seconds());
  }
  // Numbers in a row are a range that somebody rents, or the telephones of one office: those ring longer.
  const bool range = std::ranges::any_of(blocks, [](const auto& block) { return block.second.size() >= kRepeated; });
  return rings.empty() ? !range : median(rings) >= (range ? 2 * kPeopleRing : kPeopleRing);
}

// An account in another place with another device, and hardly a call that costs, by day: its user may be on the road.
bool TollFinder::away_for_once(const Unit& unit) const {
  if (unit.at_home() || unit.stranger || unit.compromised || unit.hijacked || unit.leaked || unit.probed) return false;
  double seconds = 0;
  std::vector<double> rings;
  std::size_t costly = 0;
  for (const std::size_t k : units_of_.at(unit.account)) {
    if (units_[k].at_home()) continue;
    for (const std::size_t i : units_[k].external) {
      if (!risky(context_, call(i))) continue;
      if (at_night(context_.site(), call(i).start)) return false;
      ++costly;
      seconds += call(i).seconds();
      if (call(i).answered()) rings.push_back(call(i).ring_seconds());
    }
  }
  return costly < kRepeated && seconds < kMuchSeconds && !rings.empty() && median(rings) >= kPeopleRing;
}

void TollFinder::choose(Unit& unit) const {
  const bool all =
      unit.compromised || unit.hijacked || unit.leaked || unit.stranger || (unit.foreign && unit.new_device);
  for (const std::size_t i : unit.external) {
    const PhoneCall& each = call(i);
    const bool costly = risky(context_, each) && !usual(unit, each);
    if (all || costly || blocked(context_.site(), each.number)) unit.chosen.push_back(i);
  }
  if (!unit.chosen.empty()) return;
  // Nothing risky: a burst abroad may still be one.
  for (const std::size_t i : unit.external) {
    const PhoneCall& each = call(i);
    if (each.number.kind == NumberClass::kInternational && !allowed(context_.site(), each.number))
      unit.chosen.push_back(i);
  }
}

void TollFinder::note_incidents() {
  const auto& told = context_.all.incidents.all();
  for (std::size_t k = 0; k < told.size(); ++k) {
    const Incident& incident = told[k];
    if (incident.checks.empty()) continue;
    switch (incident.kind) {
      case Kind::kAccountCompromise:
      case Kind::kCredentialReplay:
      case Kind::kRegistrationHijack:
      case Kind::kDigestLeak:
        // A phone that moved may look like a hijack: only what is sure of itself counts.
        if (incident.lead().severity < Severity::kHigh || incident.lead().confidence == Confidence::kPossible) break;
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

void TollFinder::run() {
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
  quiet_nights_ = calls >= 2 * kHistory && late * 50 <= calls;
  std::vector<std::pair<Unit, Score>> guilty;
  std::uint64_t clean = 0;
  for (Unit& unit : units_) find_homes(unit);
  find_travellers();
  for (Unit& unit : units_) {
    choose(unit);
    Score result = score(unit);
    const bool any_answered = std::ranges::any_of(unit.chosen, [&](std::size_t i) { return call(i).answered(); });
    const bool known_user = std::ranges::any_of(unit.chosen, [&](std::size_t i) { return call(i).authenticated; }) ||
                            context_.phone(unit.source) || context_.own(unit.source);
    const bool enough = any_answered || (known_user && unit.chosen.size() >= kRepeated);
    // Abroad is what lies outside of the site's country; where nobody knows that, only what is risky anywhere.
    std::size_t abroad = 0;
    double seconds = 0;
    for (const std::size_t i : unit.chosen) {
      const bool away = call(i).number.kind == NumberClass::kInternational && !context_.plan.calling_code().empty();
      abroad += away || risky(context_, call(i)) ? 1U : 0U;
      seconds += call(i).seconds();
    }
    const bool mostly_abroad = abroad * 2 > unit.chosen.size();
    const bool much = seconds >= kMuchSeconds || unit.chosen.size() >= kMany;
    const bool worth = seconds >= 30 || unit.chosen.size() >= kRepeated;
    const bool taken = unit.compromised || unit.hijacked || unit.leaked;
    bool toll = result.destination || (taken && (much || (mostly_abroad && worth)));
    // Who has no account here may be a partner's machine or a dialler; a stranger's few calls are told as such.
    if (unit.stranger) {
      toll &= unit.probed || much || unit.chosen.size() >= kRepeated;
      toll |= mostly_abroad && much && (!result.signs.empty() || unit.probed || seconds >= 3 * kMuchSeconds);
    } else {
      toll |= mostly_abroad;
    }
    if (!unit.chosen.empty() && enough && toll && result.points >= kRaise && !away_for_once(unit)) {
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
void TollFinder::join(const std::vector<std::pair<Unit, Score>>& guilty) {
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
  std::map<std::string, std::size_t> blocks;                                    // who called one last
  std::map<std::pair<std::size_t, std::size_t>, std::set<std::string>> shared;  // by two who called the same
  for (std::size_t i = 0; i < guilty.size(); ++i) {
    const Unit& unit = guilty[i].first;
    if (!unit.account.empty()) meet("a " + std::string(unit.account), i);
    if (!context_.own(unit.source)) meet("s " + unit.source.to_string(), i);
    for (const std::size_t index : unit.chosen) {
      const Number& number = call(index).number;
      if (number.e164.size() <= kBlockDigits + 1 || !risky(context_, call(index))) continue;
      meet("n " + std::string(number.e164), i);
      // Ranges are sold to many: one block says that two are one hand only where they also look alike.
      const std::string block(number.e164.substr(0, kBlockDigits + 1));
      meet("b " + block + " " + std::string(call(index).user_agent), i);
      meet("b " + block + " of " + network_of(unit.source).to_string(), i);
      const auto [at, made] = blocks.emplace(block, i);
      if (!made && at->second != i) {
        shared[{at->second, i}].insert(block);
        at->second = i;
      }
    }
  }
  for (const auto& [two, common] : shared) {
    const std::size_t a = root(two.first);
    const std::size_t b = root(two.second);
    if (common.size() >= 2 && a != b) parent[std::max(a, b)] = std::min(a, b);
  }
  std::map<std::size_t, std::vector<const std::pair<Unit, Score>*>> campaigns;
  for (std::size_t i = 0; i < guilty.size(); ++i) campaigns[root(i)].push_back(&guilty[i]);
  for (const auto& [first, members] : campaigns) tell(members);
}

void find_toll_fraud(TollContext& context) { TollFinder(context).run(); }

}  // namespace voip::analyze::fraud
