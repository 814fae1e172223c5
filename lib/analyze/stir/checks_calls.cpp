#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/stir/across.h"
#include "analyze/stir/judge.h"
#include "analyze/stir/rules.h"
#include "base/table.h"

namespace voip::analyze::stir {

using namespace rules;  // NOLINT: constants of this room

namespace {

using report::Confidence;
using report::Severity;
using report::Verdict;

constexpr std::int64_t kLegWindowNs = 2 * kNsPerSecond;     // CHECKS 0.6: a B2BUA sends its leg at once
constexpr std::int64_t kRetryWindowNs = 10 * kNsPerSecond;  // a new try after a 5xx
constexpr std::int64_t kHuntWindowNs = 60 * kNsPerSecond;   // while the token is fresh

bool linked(const CallRecord& a, const CallRecord& b) {
  return std::ranges::any_of(a.links,
                             [&](const TextKey& key) { return std::ranges::find(b.links, key) != b.links.end(); });
}

// Whether `later` is what a server that received `earlier` sent on: a leg of the same call.
bool sent_on(const CallRecord& earlier, const CallRecord& later) {
  return std::ranges::any_of(earlier.hops, [&](const auto& in) {
    return std::ranges::any_of(later.hops, [&](const auto& out) {
      return in.second.address == out.first.address && in.first.address != out.second.address;
    });
  });
}

// Forks: one sender, two targets, at the same time.
bool forked(const CallRecord& a, const CallRecord& b) {
  return a.src.address == b.src.address && a.dst.address != b.dst.address;
}

// One after the other: where the first target refused, or did not answer in time, the same call goes to the next one.
bool hunted(const CallRecord& earlier, const CallRecord& later) {
  return earlier.src.address == later.src.address && earlier.dst.address != later.dst.address &&
         earlier.final_status >= 300 && earlier.from_number == later.from_number &&
         earlier.to_number == later.to_number;
}

// The same once more: after a failure of the server, or with a password.
bool tried_again(const CallRecord& earlier, const CallRecord& later) {
  const unsigned status = earlier.final_status;
  return earlier.src.address == later.src.address && (status / 100 == 5 || status == 401 || status == 407);
}

bool same_call(const CallRecord& earlier, const CallRecord& later) {
  if (linked(earlier, later)) return true;
  const bool timed = later.frame.time.known() && earlier.frame.time.known();
  const std::int64_t apart = timed ? later.frame.time.ns - earlier.frame.time.ns : 0;
  const bool at_once = apart <= kLegWindowNs;
  const bool alive = !earlier.ended.known() || later.frame.time <= earlier.ended;
  if (sent_on(earlier, later) && (at_once || alive)) return true;
  // HEP and taps may show the outgoing leg first.
  if (sent_on(later, earlier) && at_once) return true;
  if (at_once && forked(earlier, later)) return true;
  if (apart <= kHuntWindowNs && hunted(earlier, later)) return true;
  return apart <= kRetryWindowNs && tried_again(earlier, later);
}

}  // namespace

void check_replays(Findings& findings, std::vector<CallRecord>& calls) {
  struct Use {
    std::uint32_t call;
    std::uint32_t identity;
  };
  FlatMap<TextKey, std::vector<Use>> uses;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (std::size_t k = 0; k < calls[i].identities.size(); ++k) {
      const IdentityRecord& identity = calls[i].identities[k];
      if (identity[Check::kReplay].outcome != Outcome::kPass) continue;
      uses.at_or_new(identity.signing).push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(k)});
    }
  }
  constexpr std::size_t kMaxCompared = 32;  // of the calls that hold one token
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (std::size_t k = 0; k < calls[i].identities.size(); ++k) {
      IdentityRecord& identity = calls[i].identities[k];
      if (identity[Check::kReplay].outcome != Outcome::kPass) continue;
      const std::vector<Use>& all = *uses.find(identity.signing);
      const CallRecord* other = nullptr;
      bool leg = false;
      std::size_t compared = 0;
      for (const Use& use : all) {
        if (use.call >= i || compared++ == kMaxCompared) break;
        if (same_call(calls[use.call], calls[i])) {
          leg = calls[i].onward_leg = true;
        } else if (other == nullptr) {
          other = &calls[use.call];
        }
      }
      // A leg of a call that is no replay itself is none, whatever else holds the token.
      if (other == nullptr || leg) {
        findings.tally(kReplay, Verdict::kPass);
        continue;
      }
      std::string why =
          fmt::format("the token was used {:.1f} s earlier by call {}",
                      seconds_between(other->frame.time, calls[i].frame.time), clip(other->call_id.value_or("")));
      identity.set(Check::kReplay, Outcome::kWarn, why);
      findings.add(
          kReplay,
          fmt::format("{}, from {}; this one comes from {}", why, other->src.to_string(), calls[i].src.to_string()),
          &calls[i], identity.signer_number + ">" + calls[i].to_number,
          {{.frame = identity.frame, .note = "used again"}, {.frame = other->frame, .note = "first use"}});
    }
  }
}

// Another signature over the same claims for call after call: a signer that was made to sign for somebody else's calls,
// or whose origid and time say nothing.
void check_repeats(Findings& findings, const std::vector<CallRecord>& calls) {
  struct Group {
    std::vector<std::uint32_t> calls;
    std::vector<TextKey> tokens;
  };
  FlatMap<TextKey, Group> groups;
  constexpr std::size_t kMaxGroup = 64;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const IdentityRecord& identity : calls[i].identities) {
      if (identity.ppt != "shaken" || !identity.iat || identity.dest.empty()) continue;
      if (identity[Check::kReplay].outcome != Outcome::kPass) continue;
      Group& group = groups.at_or_new(text_key(fmt::format("{} {} {} {}", *identity.iat, identity.signer_number,
                                                           identity.dest.front().text(), identity.origid)));
      if (group.calls.size() >= kMaxGroup || std::ranges::find(group.tokens, identity.signing) != group.tokens.end()) {
        continue;
      }
      const bool leg =
          std::ranges::any_of(group.calls, [&](std::uint32_t of) { return same_call(calls[of], calls[i]); });
      group.tokens.push_back(identity.signing);
      if (leg) continue;
      group.calls.push_back(static_cast<std::uint32_t>(i));
      if (group.calls.size() != 4) continue;
      const CallRecord& first = calls[group.calls.front()];
      findings.add(
          kReplay,
          fmt::format("more than three calls have tokens with the same time, numbers and origid {}; the first is {}",
                      clip(identity.origid), clip(first.call_id.value_or(""))),
          &calls[i], identity.signer_number + "=" + identity.origid,
          {{.frame = identity.frame, .note = "the same claims again"}, {.frame = first.frame, .note = "first"}},
          Severity::kHigh, Confidence::kPossible);
    }
  }
}

void compare_calls(Findings& findings, std::vector<CallRecord>& calls) {
  check_replays(findings, calls);
  check_repeats(findings, calls);
  for (CallRecord& call : calls) {
    for (IdentityRecord& identity : call.identities) identity.verdict = verdict_of(identity);
    call.settle();
  }
  check_legs(findings, calls);
  check_answers(findings, calls);
  check_signers(findings, calls);
  check_trunks(findings, calls);
  summarize_calls(findings, calls);
}

}  // namespace voip::analyze::stir
