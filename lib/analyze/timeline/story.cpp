#include "analyze/timeline/story.h"

#include <fmt/format.h>

#include "analyze/timeline/teller.h"

namespace voip::analyze::timeline {

using fraud::Incident;
using fraud::Kind;

std::string_view to_string(PhaseKind kind) {
  switch (kind) {
    case PhaseKind::kReconnaissance: return "reconnaissance";
    case PhaseKind::kEnumeration: return "enumeration";
    case PhaseKind::kCredentialAccess: return "credential-access";
    case PhaseKind::kCompromise: return "compromise";
    case PhaseKind::kAbuse: return "abuse";
    case PhaseKind::kContainment: return "containment";
  }
  return "";
}

std::optional<PhaseKind> phase_of(Kind kind) {
  switch (kind) {
    case Kind::kOptionsScan:
    case Kind::kRegisterScan:
    case Kind::kInviteScan:
    case Kind::kInjection: return PhaseKind::kReconnaissance;
    case Kind::kEnumeration: return PhaseKind::kEnumeration;
    case Kind::kBruteForce:
    case Kind::kPasswordSpraying:
    case Kind::kCredentialStuffing:
    case Kind::kCredentialReplay:
    case Kind::kDigestLeak: return PhaseKind::kCredentialAccess;
    case Kind::kAccountCompromise:
    case Kind::kRegistrationHijack:
    case Kind::kUnauthenticatedCall: return PhaseKind::kCompromise;
    case Kind::kDeregistration:
    case Kind::kDialPlanProbe:
    case Kind::kTollFraud:
    case Kind::kTrafficPumping:
    case Kind::kWangiri:
    case Kind::kRobocalling:
    case Kind::kTransferAbuse:
    case Kind::kCallerIdSpoofing:
    case Kind::kSimBox:
    case Kind::kFlood:
    case Kind::kDistributedFlood:
    case Kind::kTdos:
    case Kind::kMalformedFuzzing:
    case Kind::kRtpInjection: return PhaseKind::kAbuse;
    case Kind::kMisconfiguredDevice:
    case Kind::kAnomaly: break;
  }
  return std::nullopt;
}

// MITRE ATT&CK for Enterprise; written for general systems, so some only come near.
std::vector<std::string_view> techniques_of(Kind kind) {
  switch (kind) {
    case Kind::kOptionsScan: return {"T1595.001", "T1046"};
    case Kind::kRegisterScan:
    case Kind::kInviteScan: return {"T1595.001", "T1046"};
    case Kind::kInjection: return {"T1595.002", "T1190"};
    case Kind::kEnumeration: return {"T1589.001", "T1087"};
    case Kind::kBruteForce: return {"T1110.001"};
    case Kind::kPasswordSpraying: return {"T1110.003"};
    case Kind::kCredentialStuffing: return {"T1110.004"};
    case Kind::kCredentialReplay: return {"T1557"};
    case Kind::kDigestLeak: return {"T1187", "T1110.002"};
    case Kind::kAccountCompromise: return {"T1078"};
    case Kind::kRegistrationHijack: return {"T1078", "T1098"};
    case Kind::kUnauthenticatedCall: return {"T1190"};
    case Kind::kDeregistration: return {"T1499"};
    case Kind::kDialPlanProbe:
    case Kind::kTollFraud:
    case Kind::kTrafficPumping:
    case Kind::kTransferAbuse:
    case Kind::kSimBox: return {"T1496", "T1657"};
    case Kind::kWangiri: return {"T1657"};
    case Kind::kRobocalling:
    case Kind::kCallerIdSpoofing: return {"T1656"};
    case Kind::kFlood:
    case Kind::kDistributedFlood: return {"T1498", "T1499"};
    case Kind::kTdos:
    case Kind::kMalformedFuzzing: return {"T1499"};
    case Kind::kRtpInjection: return {"T1557"};
    case Kind::kMisconfiguredDevice:
    case Kind::kAnomaly: break;
  }
  return {};
}

std::string cost_text(const fraud::Cost& cost) {
  std::string text = fmt::format("{:.2f}", cost.high);
  if (fmt::format("{:.2f}", cost.low) != text) text = fmt::format("{:.2f} to {}", cost.low, text);
  return text + " " + cost.currency + (cost.placeholder ? " by placeholder rates" : "");
}

Story tell_story(std::vector<Incident> incidents, const std::vector<Track>& tracks, const Record& record,
                 const StoryOptions& options) {
  return Teller{std::move(incidents), tracks, record, options}.run();
}

}  // namespace voip::analyze::timeline
