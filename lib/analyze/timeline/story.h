#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/fraud/incident.h"
#include "analyze/timeline/actor_log.h"
#include "analyze/timeline/record.h"
#include "report/rule.h"

namespace voip::analyze::timeline {

enum class PhaseKind : std::uint8_t {
  kReconnaissance,
  kEnumeration,
  kCredentialAccess,
  kCompromise,
  kAbuse,
  kContainment,
};
std::string_view to_string(PhaseKind kind);

// One stretch of a campaign.
struct Phase {
  PhaseKind kind = PhaseKind::kReconnaissance;
  FrameRef start{};
  FrameRef end{};
  std::vector<IpAddress> actors{};
  std::vector<std::string> accounts{};
  std::vector<std::string> numbers{};
  std::uint64_t messages = 0;
  std::uint64_t calls = 0;  // accepted ones in kAbuse
  double minutes = 0;
  std::vector<std::string_view> attack{};  // MITRE ATT&CK technique ids
  std::vector<report::Evidence> evidence{};
  std::vector<std::size_t> incidents{};  // indexes
  std::string text{};
};

// How somebody got in: one explanation with what speaks for and against it.
struct EntryPoint {
  std::string_view name{};  // "guessed-password"
  report::Confidence confidence = report::Confidence::kPossible;
  std::string reason{};
};

struct AccountToReset {
  std::string account{};
  std::string_view why{};  // "confirmed", "guessable", "exposed"
  FrameRef since{};
  std::string text{};
};

struct Indicator {
  std::string_view kind{};  // "address", "user-agent", "number"
  std::string value{};
  FrameRef first{};
  FrameRef last{};
  report::Confidence confidence = report::Confidence::kProbable;
};

// Minutes and calls in one slice of time.
struct Slice {
  Timestamp start{};
  std::uint64_t calls = 0;
  double minutes = 0;
};

struct Affected {
  std::vector<std::string> accounts{};
  std::vector<std::string> numbers{};
  std::vector<std::string> destinations{};
};

// The gravest campaign as a whole.
struct Campaign {
  std::vector<std::size_t> incidents{};  // indexes, in order
  std::vector<std::string> joins{};      // why each belongs to the others
  report::Severity severity{};
  report::Confidence confidence{};
  std::vector<IpAddress> actors{};
  std::vector<std::string> accounts{};
  FrameRef start{};
  FrameRef end{};
  std::string verdict{};

  FrameRef first_hostile{};
  bool starts_with_capture = false;  // the first hostile act is so early that the true one may lie before
  FrameRef decisive{};               // the request that got in
  FrameRef takeover{};               // the first registration (or call) of the actor afterwards
  std::string taken_account{};
  IpAddress taken_by{};
  IpAddress used_by{};  // who registered or called with it afterwards; may be another
  std::uint64_t failures_before = 0;
  double dwell_s = -1;  // compromise to containment, or to the capture's end
  bool ongoing = false;
  bool stopped_by_block = false;  // a refusal ended it, not the attacker
  std::optional<Refusals> containment{};
  FrameRef returned{};  // first success after an earlier containment
  std::vector<EntryPoint> entry{};
  std::vector<AccountToReset> reset{};
  std::vector<std::string> spread{};  // accounts taken after the first
  std::vector<Slice> activity{};      // of the abuse, 10 minutes each
  std::uint64_t calls = 0;            // accepted ones of the abuse
  double minutes = 0;
  std::string means{};  // how calls of others were sent away: "by redirects (3xx)"; empty: they were his own
  std::optional<fraud::Cost> cost{};
  Affected affected{};
  std::vector<std::string> proven{};
  std::vector<std::string> probable{};
  std::vector<std::string> other_explanations{};
};

struct Story {
  std::vector<fraud::Incident> incidents{};
  std::optional<Campaign> campaign{};
  std::vector<Phase> phases{};
  std::vector<Indicator> indicators{};
};

struct StoryOptions {
  unsigned join_hours = 24;
  // Peers, trunks and monitors: they are never actors. Empty: none.
  std::function<bool(const IpAddress&)> trusted{};
};

// Joins incidents that belong together (TL-002), takes the gravest campaign and arranges it into phases.
Story tell_story(std::vector<fraud::Incident> incidents, const std::vector<Track>& tracks, const Record& record,
                 const StoryOptions& options);

// "12.00 to 15.00 USD by placeholder rates"
std::string cost_text(const fraud::Cost& cost);

// Which phase a kind of incident belongs to; empty: none (a misconfigured device is no phase of an attack).
std::optional<PhaseKind> phase_of(fraud::Kind kind);
std::vector<std::string_view> techniques_of(fraud::Kind kind);

}  // namespace voip::analyze::timeline
