#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "policy/policy.h"
#include "report/finding.h"

namespace voip::analyze::fraud {

// The input of frames that an earlier run saw (--state): they have times, but can't be looked up in these inputs.
inline constexpr std::uint32_t kEarlierRun = 0xffffffff;

enum class Kind : std::uint8_t {
  kOptionsScan,
  kRegisterScan,
  kInviteScan,
  kEnumeration,
  kBruteForce,
  kPasswordSpraying,
  kCredentialStuffing,
  kAccountCompromise,
  kRegistrationHijack,
  kDeregistration,
  kCredentialReplay,
  kDigestLeak,
  kUnauthenticatedCall,
  kDialPlanProbe,
  kTollFraud,
  kTrafficPumping,
  kWangiri,
  kRobocalling,
  kTransferAbuse,
  kCallerIdSpoofing,
  kSimBox,
  kFlood,
  kDistributedFlood,
  kTdos,
  kMalformedFuzzing,
  kInjection,
  kRtpInjection,
  kMisconfiguredDevice,
  kAnomaly,
};
std::string_view to_string(Kind kind);  // "options-scan"
std::optional<Kind> kind_of(std::string_view name);

// Rate tables differ and placeholder rates are guesses, so what a campaign cost is a range.
struct Cost {
  std::string currency{};
  double low = 0;
  double high = 0;
  bool placeholder = false;  // no rate table was given
};

// One check that fired within a campaign. Each becomes a finding.
struct Fired {
  const report::Rule* rule = nullptr;  // static storage, never null
  report::Severity severity{};
  report::Confidence confidence = report::Confidence::kProbable;
  std::string message{};                     // what was seen, with its values
  std::vector<report::Evidence> evidence{};  // empty: the incident's
};

// One campaign, whatever number of messages, targets, sources or checks. Plain values: outlives everything.
struct Incident {
  Kind kind = Kind::kAnomaly;
  std::vector<Fired> checks{};  // never empty; the first one leads: its severity and confidence are the incident's
  FrameRef first{};             // first and last message that belong to it
  FrameRef last{};
  std::vector<IpAddress> sources{};         // who did it; sorted and made unique by the store
  std::vector<std::string> targets{};       // addresses without port (tdos: the number); likewise
  std::vector<std::string> accounts{};      // likewise
  std::vector<std::string> numbers{};       // E.164 with + where it can be derived, else as dialled; likewise
  std::vector<std::string> destinations{};  // country or service; likewise
  std::uint64_t messages = 0;               // SIP requests of the sources without retransmissions and ACKs
  std::uint64_t attempts = 0;
  std::uint64_t successes = 0;
  std::uint64_t calls = 0;
  std::uint64_t answered = 0;
  double answered_seconds = 0;
  std::uint64_t concurrent_peak = 0;
  std::optional<Cost> cost{};
  std::string tool{};                        // attributed program; empty: none
  std::string explanation{};                 // plain words: why raised, what else it could be
  std::vector<report::Evidence> evidence{};  // first, decisive, last; the decisive one has the note that says so
  // The stable name of the campaign for fingerprints: source, account or number, never frame or time.
  std::string entity{};
  // May its sources go on a blocklist? Only where they do nothing but harm and their addresses can't be forged at will.
  bool certain_attacker = false;
  FrameRef confirmed{};                 // what another incident adds to it: it is news again as long as that goes on
  std::vector<std::string> call_ids{};  // of its calls, for whoever wants to join them; at most 1,024
  std::vector<std::size_t> linked{};    // indexes of incidents that it belongs with; filled by the store

  const Fired& lead() const { return checks.front(); }
  bool has_source(const IpAddress& address) const;
  bool has_account(std::string_view account) const;
};

// Gathers the campaigns of all detectors. Nothing here is about one protocol or one kind of attack.
class IncidentStore {
 public:
  // The place is good until settle().
  std::size_t add(Incident incident);
  // Told explicitly; related ones are also found by settle().
  void link(std::size_t a, std::size_t b);
  Incident& at(std::size_t index) { return incidents_[index]; }
  const std::vector<Incident>& all() const { return incidents_; }
  // Takes one out again (another detector knows better). The places of the others stay good until settle().
  void remove(std::size_t index) { incidents_[index].checks.clear(); }
  // Whether a campaign of one of these kinds names the address (or account) as its source (or prey).
  const Incident* find(Kind kind, const IpAddress& source) const;
  const Incident* find(Kind kind, std::string_view account) const;

  // After the last add(): orders by first frame, then rule id; links what shares sources or prey.
  // join_hours: longest gap between two links of one chain.
  // from: the first moment of these inputs; what ended before was told by an earlier run. Evidence of earlier runs
  // goes.
  void settle(unsigned join_hours = 24, Timestamp from = {});
  // The incidents without their leaders' texts repeated: one finding for each check of each incident.
  // What the policy's [severity] says of checks; the last word on one counts.
  void regrade(std::span<const policy::Override> severities);
  void report_to(report::Sink& sink) const;

 private:
  std::vector<Incident> incidents_;
};

}  // namespace voip::analyze::fraud
