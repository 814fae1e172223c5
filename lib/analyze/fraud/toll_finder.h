#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analyze/fraud/incident.h"
#include "analyze/fraud/toll.h"

// FRAUD-041 to 050 and 057: what each account did from each address, weighed sign by sign.
namespace voip::analyze::fraud {

inline constexpr unsigned kRaise = 4;     // points that make it fraud
inline constexpr unsigned kHijacked = 6;  // FRAUD-057
inline constexpr std::size_t kRepeated = 3;
inline constexpr double kPeopleRing = 3;  // seconds
inline constexpr std::size_t kMany = 10;
inline constexpr std::chrono::seconds kDay{86'400};
inline constexpr std::uint64_t kHistory = 20;  // calls that make a habit
inline constexpr std::size_t kBlockDigits = 7;
inline constexpr std::size_t kDiallerCalls = 40;
inline constexpr double kOffHoursSeconds = 30 * 60;
inline constexpr double kMuchSeconds = 600;  // worth stealing, wherever they lead

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

  bool at_home() const { return !stranger && !foreign && !compromised && !hijacked && !leaked; }
};

// One sign, as a check that fired.
struct Sign {
  const report::Rule* rule;
  unsigned points;
  report::Severity severity;
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

class TollFinder {
 public:
  explicit TollFinder(TollContext& context) : context_(context) {}
  void run();

 private:
  const PhoneCall& call(std::size_t index) const { return context_.calls()[index]; }
  void gather();
  void note_incidents();
  void find_homes(Unit& unit) const;
  void find_travellers();
  bool away_for_once(const Unit& unit) const;
  void choose(Unit& unit) const;
  // Countries and numbers that the site calls anyway, called by who belongs there.
  bool usual(const Unit& unit, const PhoneCall& call) const;
  // A machine of the site that calls many numbers, mostly in vain: a few of them lie where it costs.
  bool dialler(const Unit& unit) const;
  // Somebody at home who calls people: it rings as long as people take, and the numbers are no range in a row.
  bool talks_to_people(const Unit& unit, const CallRefs& list) const;
  struct Weighing;  // of one unit: toll_score.cpp
  Score score(const Unit& unit) const;
  // at: the call to show. calls: those that the sign is about; none: all.
  void add_sign(Weighing& work, const report::Rule& rule, unsigned points, report::Severity severity, std::string text,
                std::size_t at, CallRefs calls = {}) const;
  void weigh_destinations(Weighing& work) const;  // where the calls go; the signs below build on it
  void weigh_foreign_nanp(Weighing& work) const;
  void weigh_repetition(Weighing& work) const;
  void weigh_first_country(Weighing& work) const;
  void weigh_hours(Weighing& work) const;
  void weigh_concurrency(Weighing& work) const;
  void weigh_velocity(Weighing& work) const;
  bool weigh_like_durations(Weighing& work) const;  // whether it added a sign
  void weigh_long_call(Weighing& work) const;
  void weigh_caller(Weighing& work) const;
  void judge_policy(const Unit& unit, Score& score) const;
  void join(const std::vector<std::pair<Unit, Score>>& guilty);
  void tell(const std::vector<const std::pair<Unit, Score>*>& members);
  std::optional<Cost> cost_of(const std::vector<const std::pair<Unit, Score>*>& members, const CallRefs& chosen,
                              const Incident& incident) const;
  void add_evidence(const CallRefs& chosen, Incident& incident) const;
  void withdraw_strangers(const std::set<IpAddress>& sources, const Incident& incident);
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
  bool hours_count_ = true;    // calls outside of office hours are the exception here
  bool quiet_nights_ = false;  // there are hardly any
};

}  // namespace voip::analyze::fraud
