#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/stir/across.h"
#include "analyze/stir/judge.h"
#include "analyze/stir/rules.h"
#include "base/text.h"

namespace voip::analyze::stir {

using namespace rules;  // NOLINT: constants of this room

namespace {

using report::Confidence;
using report::Evidence;
using report::Severity;
using report::Verdict;

bool passed(std::string_view verstat) { return istarts_with(verstat, "TN-Validation-Passed"); }
bool failed(std::string_view verstat) { return istarts_with(verstat, "TN-Validation-Failed"); }

// The STIR code that a response tells: its own, or that of a Reason header (RFC 3326, RFC 9410). 0: none.
unsigned stir_code(const ResponseRecord& response) {
  const auto ours = [](unsigned code) { return code == 428 || (code >= 436 && code <= 438); };
  if (response.has_reason_header) {
    const std::string reason = to_lower(response.reason);
    const bool stir = reason.find("stir") != std::string::npos;
    // One header field may hold several values, of several protocols (RFC 9366).
    for (std::size_t at = reason.find("cause="); at != std::string::npos; at = reason.find("cause=", at + 1)) {
      const std::string_view rest = std::string_view(reason).substr(at + 6);
      const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
      const auto code = parse_number<unsigned>(rest.substr(0, digits)).value_or(0);
      if (ours(code) || (code == 403 && (stir || reason.find("stale") != std::string::npos))) return code;
    }
  }
  if (ours(response.code)) return response.code;
  // 403 alone has many other causes.
  return response.code == 403 && to_lower(response.reason).find("stale") != std::string::npos ? 403 : 0;
}

// The codes of RFC 8224 section 6.2.2 that the defects seen would give.
std::set<unsigned> codes_of(const CallRecord& call) {
  std::set<unsigned> codes;
  if (call.verdict == CallVerdict::kUnsigned) codes.insert(428);
  for (const IdentityRecord& identity : call.identities) {
    for (std::size_t i = 0; i < kCheckCount; ++i) {
      if (identity.checks[i].outcome != Outcome::kFail) continue;
      switch (static_cast<Check>(i)) {
        case Check::kInfo: codes.insert({436, 438}); break;
        case Check::kCertificate: codes.insert({436, 437}); break;
        case Check::kAlgorithm: codes.insert({437, 438}); break;
        case Check::kChain:
        case Check::kValidity:
        case Check::kTnAuthList:
        case Check::kConstraints:
        case Check::kRevocation: codes.insert(437); break;
        case Check::kFreshness: codes.insert(403); break;
        default: codes.insert(438); break;
      }
    }
  }
  return codes;
}

std::string list_of(const std::set<unsigned>& codes) {
  std::string out;
  for (const unsigned code : codes) out += (out.empty() ? "" : " or ") + std::to_string(code);
  return out;
}

}  // namespace

void check_answers(Findings& findings, const std::vector<CallRecord>& calls) {
  struct Habit {
    std::uint64_t answered = 0, as_verified = 0, refused = 0;
    std::vector<Evidence> evidence;
    bool told = false;  // some failure was told onwards
  };
  std::map<IpAddress, Habit> habits;
  const policy::Site& site = findings.options().site;
  for (const CallRecord& call : calls) {
    if (!call.call_id) continue;
    // STIR-049. Behind a verifier calls lose their Identity and carry its word alone: nothing to hold against it.
    const bool trust_given = !site.peers.networks.empty();
    const bool stranger = trust_given && !site.peers.networks.contains(call.src.address);
    const bool claims_good = passed(call.verstat) || (!call.attestation_info.empty() && call.verstat.empty());
    if (!call.verstat.empty() && stranger) {
      findings.add(
          kVerstat,
          fmt::format("{} sends verstat {} and is no trusted peer", call.src.address.to_string(), clip(call.verstat)),
          &call, call.src.address.to_string(), {{.frame = call.frame, .note = "verstat"}}, Severity::kHigh);
    } else if (claims_good && call.verdict == CallVerdict::kInvalid) {
      findings.add(
          kVerstat,
          fmt::format("{} is claimed, and the PASSporT does not verify",
                      call.verstat.empty() ? "attestation " + clip(call.attestation_info) : clip(call.verstat)),
          &call, *call.call_id, {{.frame = call.frame, .note = "verstat and Identity"}});
    } else if (!call.verstat.empty()) {
      findings.tally(kVerstat, call.verdict == CallVerdict::kUnsigned || call.verdict == CallVerdict::kUnverifiable
                                   ? Verdict::kNotAssessable
                                   : Verdict::kPass);
    } else {
      findings.tally(kVerstat, Verdict::kNotApplicable);
    }
    // STIR-051
    bool wrong = false;
    bool told = failed(call.verstat);
    bool refused = false;
    for (const ResponseRecord& response : call.responses) {
      const unsigned code = stir_code(response);
      if (code == 0) continue;
      told |= response.has_reason_header;
      refused |= response.code >= 400;
      std::set<unsigned> codes = codes_of(call);
      if (response.to_unsigned) codes.insert(428);
      if (call.verdict == CallVerdict::kUnverifiable || codes.contains(code) || wrong) continue;
      wrong = true;
      findings.add(kWrongCode,
                   codes.empty() ? fmt::format("{} was answered, and nothing is wrong with the call", code)
                                 : fmt::format("{} was answered, the defect asks for {}", code, list_of(codes)),
                   &call, fmt::format("{}/{}", call.dst.address.to_string(), code),
                   {{.frame = response.frame, .note = "the answer"}, {.frame = call.frame, .note = "the call"}});
    }
    if (!wrong) findings.tally(kWrongCode, call.responses.empty() ? Verdict::kNotApplicable : Verdict::kPass);
    // STIR-050
    if (call.verdict != CallVerdict::kInvalid) continue;
    const bool answered = call.final_status >= 200 && call.final_status < 300;
    if (habits.size() >= 65536 && !habits.contains(call.dst.address)) continue;
    Habit& habit = habits[call.dst.address];
    habit.told |= told;
    if (told) continue;
    if (answered) ++habit.answered;
    if (answered && passed(call.verstat)) ++habit.as_verified;
    if (refused) ++habit.refused;
    if ((answered || refused) && habit.evidence.size() < 3) {
      habit.evidence.push_back({.frame = call.frame, .note = answered ? "answered" : "refused"});
    }
  }
  for (auto& [address, habit] : habits) {
    if (habit.evidence.empty()) {
      findings.tally(kFailurePolicy, habit.told ? Verdict::kPass : Verdict::kNotAssessable);
      continue;
    }
    findings.add(kFailurePolicy,
                 fmt::format("of calls that do not verify {} answered {} and refused {} because of their Identity{}",
                             address.to_string(), habit.answered, habit.refused,
                             habit.as_verified == 0
                                 ? std::string{}
                                 : fmt::format("; {} of them say that they were verified", habit.as_verified)),
                 nullptr, address.to_string(), std::move(habit.evidence),
                 habit.as_verified != 0 ? std::optional(Severity::kMedium) : std::nullopt, Confidence::kProbable);
  }
}

// STIR-052 over Call-IDs: only what an identifier ties together, never likeness.
void check_legs(Findings& findings, std::vector<CallRecord>& calls) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const TextKey& key : calls[i].links) {
      std::vector<std::size_t>& group = groups[{key.low, key.high}];
      if (group.size() < 16) group.push_back(i);
    }
  }
  // The keys are seeded for each run: their order must not reach the report.
  std::set<std::pair<std::size_t, std::size_t>> pairs;
  for (const auto& [key, group] : groups) {
    for (std::size_t a = 0; a < group.size(); ++a) {
      for (std::size_t b = a + 1; b < group.size(); ++b) pairs.emplace(group[a], group[b]);
    }
  }
  for (const auto& [a, b] : pairs) {
    const CallRecord& in = calls[a];
    CallRecord& out = calls[b];
    const bool onwards =
        std::ranges::any_of(in.hops, [&](const auto& hop) { return hop.second.address == out.src.address; });
    if (!onwards || in.identities.empty() || out.lost_identity || out.subscriber || out.dst.address.is_private()) {
      continue;
    }
    const bool kept = std::ranges::any_of(in.identities, [&](const IdentityRecord& one) {
      return std::ranges::any_of(out.identities, [&](const IdentityRecord& other) { return other.token == one.token; });
    });
    if (kept || out.head_cut) {
      findings.tally(kIdentityLost, kept ? Verdict::kPass : Verdict::kNotAssessable);
      continue;
    }
    out.lost_identity = true;
    findings.add(kIdentityLost,
                 fmt::format("{} received the call with Identity and sent it on to {} {}", out.src.address.to_string(),
                             out.dst.to_string(), out.identities.empty() ? "without" : "with another one"),
                 &out, fmt::format("{}>{}", out.src.address.to_string(), out.dst.address.to_string()),
                 {{.frame = out.frame, .note = "sent on"}, {.frame = in.frame, .note = "received"}}, {},
                 Confidence::kProbable);
  }
}

}  // namespace voip::analyze::stir
