#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/fraud/calls.h"
#include "analyze/fraud/detector.h"
#include "analyze/fraud/numbers.h"
#include "analyze/fraud/profile.h"
#include "analyze/fraud/rates.h"
#include "analyze/fraud/toll_accounts.h"
#include "analyze/fraud/toll_notes.h"

namespace voip::analyze::fraud {

class AnswerSounds;
class Baseline;

// All that the toll checks work with, once everything has been seen.
struct TollContext {
  Findings& all;
  const AccountLedger& accounts;
  const TollNotes& notes;  // transfers, redirects, messages
  const NumberPlan& plan;
  const RateTable& rates;
  const AnswerSounds& sounds;  // what callers heard right after the answer
  // Why a call's signature (STIR) speaks against its caller, by Call-ID.
  const std::map<std::string, std::string, std::less<>>& doubts;
  const Profile& history;              // what accounts did before these inputs
  bool hours_known = false;            // office hours or time zone are given
  std::vector<char> claimed;           // by call: an incident tells it already
  const Baseline* baseline = nullptr;  // what was normal here; never null once the checks run

  const std::pmr::vector<PhoneCall>& calls() const { return all.calls.calls(); }
  const Site& site() const { return all.site; }
  const Thresholds& limits() const { return all.limits; }
  // Registered here, by its own device.
  bool phone(const IpAddress& host) const { return accounts.phones().contains(host); }
  bool peer(const IpAddress& host) const { return all.calls.peer(host) || site().peers.contains(host); }
  // Of the site itself: servers, own networks, monitors.
  bool own(const IpAddress& host) const { return site().own(host) || site().monitors.contains(host); }
};

using CallRefs = std::vector<std::size_t>;  // indexes in CallTable::calls()

// What belongs together, by names that are told to be the same.
class NameGroups {
 public:
  std::size_t of(const std::string& name) {
    const auto [at, made] = index_.try_emplace(name, parent_.size());
    if (made) parent_.push_back(parent_.size());
    return root(at->second);
  }
  void join(const std::string& a, const std::string& b) {
    const std::size_t x = of(a);
    const std::size_t y = of(b);
    if (x != y) parent_[std::max(x, y)] = std::min(x, y);
  }

 private:
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  std::map<std::string, std::size_t> index_;
  std::vector<std::size_t> parent_;
};

void find_probing(TollContext& context);        // FRAUD-040
void find_toll_fraud(TollContext& context);     // FRAUD-041 to 050, 057
void find_inbound(TollContext& context);        // FRAUD-054, 055
void find_volumes(TollContext& context);        // FRAUD-056, 065
void find_callers(TollContext& context);        // FRAUD-058
void find_dialling(TollContext& context);       // FRAUD-051, 052, 059
void find_false_answers(TollContext& context);  // FRAUD-053
void find_diversions(TollContext& context);     // FRAUD-060 to 064
void find_others(TollContext& context);         // FRAUD-066 to 068

// All of them, the more specific ones first: what one has claimed the next leaves alone.
inline void find_toll(TollContext& context) {
  find_probing(context);
  find_inbound(context);
  find_diversions(context);
  find_toll_fraud(context);
  find_volumes(context);
  find_dialling(context);
  find_false_answers(context);
  find_callers(context);
  find_others(context);
}

// --- what several of them need -----------------------------------------------------------------------------------

// Adds the calls to an incident: counts, minutes, peak, numbers, destinations, targets, frames, Call-IDs.
void add_calls(const TollContext& context, const CallRefs& calls, Incident& incident);
// From outside to here: by a peer, or by a stranger that nobody knows.
bool arriving(const TollContext& context, const PhoneCall& call);
// First and last call of a list as evidence. what: "call", "lure".
void tell_ends(const TollContext& context, const CallRefs& list, Incident& incident, std::string_view what);
// Whether the policy allows the destination outright, or forbids it.
bool allowed(const Site& site, const Number& number);
bool blocked(const Site& site, const Number& number);
// Of a tier to alert on, not allowed.
bool risky(const TollContext& context, const PhoneCall& call);
bool risky(const TollContext& context, const Number& number);
std::string destination_name(const Number& number);
std::string minutes_text(double seconds);
std::string plural(std::uint64_t n, std::string_view one, std::string_view many);
// "a, b, c and 4 more".
std::string list_text(const std::vector<std::string>& items, std::size_t most = 5);
std::string hosts_text(const std::vector<IpAddress>& items, std::size_t most = 5);
// The most calls whose starts lie within one window.
std::size_t most_within(const TollContext& context, const CallRefs& calls, std::chrono::seconds window);
report::Severity raised(report::Severity severity);

}  // namespace voip::analyze::fraud
