#include <fmt/format.h>

#include <algorithm>
#include <array>
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

constexpr std::size_t kMaxNumbers = 1U << 17;
constexpr std::size_t kMaxSources = 1U << 16;
constexpr std::size_t kMaxSeen = 4096;  // of a set that is only counted
constexpr std::int64_t kDayNs = 24 * 3600 * kNsPerSecond;

unsigned percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<unsigned>(part * 100 / whole);
}

std::string spc_of(const IdentityRecord& identity) {
  return identity.certificate == nullptr || !identity.certificate->tn_list ? std::string{}
                                                                           : identity.certificate->spc();
}

// What one service provider code signed.
struct Provider {
  std::uint64_t calls = 0;
  std::array<std::uint64_t, 3> levels{};
  std::uint64_t invalid = 0;
  std::map<std::string, std::uint64_t> origids;
  std::set<std::string> callers;
  std::set<IpAddress> sources;       // of all calls
  std::set<std::string> networks_a;  // of calls with A: /24, /48
  std::map<std::string, FrameRef> first_of_network;
  FrameRef first;

  std::uint64_t valid() const { return levels[0] + levels[1] + levels[2]; }
};

std::string network_of(const IpAddress& address) {
  const auto& bytes = address.bytes();
  return address.is_v4() ? fmt::format("{}.{}.{}.0/24", bytes[12], bytes[13], bytes[14])
                         : fmt::format("{:02x}{:02x}:{:02x}{:02x}:{:02x}{:02x}::/48", bytes[0], bytes[1], bytes[2],
                                       bytes[3], bytes[4], bytes[5]);
}

void check_provider(Findings& findings, const std::string& spc, const Provider& provider) {
  const std::vector<Evidence> first{{.frame = provider.first, .note = "first call of the signer"}};
  // STIR-043
  if (provider.valid() >= 100) {
    std::uint64_t most = 0;
    for (const auto& [id, count] : provider.origids) most = std::max(most, count);
    const bool one_for_all = most * 100 > provider.valid() * 95 && provider.callers.size() >= 50;
    const bool one_each = provider.origids.size() == provider.valid();
    findings.add(kOrigidUse,
                 fmt::format("{} uses {} origids for {} calls of {} callers; the commonest stands on {} %", spc,
                             provider.origids.size(), provider.valid(), provider.callers.size(),
                             percent(most, provider.valid())),
                 nullptr, spc, first, one_for_all || one_each ? std::optional(Severity::kMedium) : std::nullopt,
                 Confidence::kProbable);
  } else {
    findings.tally(kOrigidUse, Verdict::kNotAssessable);
  }
  // STIR-046
  const std::uint64_t judged = provider.valid() + provider.invalid;
  if (judged >= 50) {
    const bool many_c = provider.levels[2] * 2 > provider.valid();
    findings.add(
        kAttestProfile,
        fmt::format("{} signed {} calls: A {} %, B {} %, C {} %; {} did not verify", spc, judged,
                    percent(provider.levels[0], provider.valid()), percent(provider.levels[1], provider.valid()),
                    percent(provider.levels[2], provider.valid()), provider.invalid),
        nullptr, spc, first, many_c ? std::optional(Severity::kLow) : std::nullopt, Confidence::kProbable);
  } else {
    findings.tally(kAttestProfile, Verdict::kNotAssessable);
  }
  // STIR-045
  if (provider.valid() >= 200) {
    if (provider.levels[0] == provider.valid() && provider.sources.size() >= 2) {
      findings.add(kImplausible,
                   fmt::format("all {} calls of {} have attestation A, whichever of {} hosts they come from",
                               provider.valid(), spc, provider.sources.size()),
                   nullptr, spc, first, {}, Confidence::kPossible);
    } else {
      findings.tally(kImplausible, Verdict::kPass);
    }
  } else {
    findings.tally(kImplausible, Verdict::kNotAssessable);
  }
  // STIR-033
  if (provider.networks_a.size() >= 3) {
    std::string list;
    std::vector<Evidence> evidence;
    for (const auto& [network, frame] : provider.first_of_network) {
      if (evidence.size() == 5) break;
      list += (list.empty() ? "" : ", ") + network;
      evidence.push_back({.frame = frame, .note = network});
    }
    findings.add(kForeignCertificate,
                 fmt::format("{} vouches with A for calls from {} networks: {}", spc, provider.networks_a.size(), list),
                 nullptr, spc, std::move(evidence), {}, Confidence::kPossible);
  } else {
    findings.tally(kForeignCertificate, Verdict::kPass);
  }
}

// A calling number and who signed for it.
struct SignedNumber {
  struct Use {
    std::string spc;
    FrameRef frame;
    bool full = false;
  };
  std::vector<Use> uses;  // the first of each provider
};

void check_number(Findings& findings, const std::string& number, const SignedNumber& signed_by) {
  std::vector<Evidence> evidence;
  std::string list;
  bool full = false;
  std::size_t providers = 0;
  for (const SignedNumber::Use& use : signed_by.uses) {
    if (later_by(signed_by.uses.front().frame.time, use.frame.time, std::chrono::nanoseconds{kDayNs})) continue;
    ++providers;
    full |= use.full;
    if (evidence.size() < 5) {
      list += (list.empty() ? "" : ", ") + use.spc;
      evidence.push_back({.frame = use.frame, .note = use.spc});
    }
  }
  if (providers < 2) return findings.tally(kManySigners, Verdict::kPass);
  findings.add(kManySigners, fmt::format("{} was signed by {} providers within a day: {}", number, providers, list),
               nullptr, number, std::move(evidence),
               providers >= 3 && full ? std::optional(Severity::kHigh) : std::nullopt, Confidence::kProbable);
}

bool telephone_call(const CallRecord& call) {
  return call.from_number.size() >= 10 && call.to_number.size() >= 10 && !call.in_dialog && !call.emergency;
}

}  // namespace

void check_signers(Findings& findings, const std::vector<CallRecord>& calls) {
  std::map<std::string, Provider> providers;
  std::map<std::string, SignedNumber> numbers;
  for (const CallRecord& call : calls) {
    for (const IdentityRecord& identity : call.identities) {
      if (identity.ppt != "shaken" || identity.certificate == nullptr) continue;
      const std::string spc = spc_of(identity);
      if (spc.empty() || (providers.size() >= kMaxSources && !providers.contains(spc))) continue;
      Provider& provider = providers[spc];
      if (provider.calls++ == 0) provider.first = identity.frame;
      if (identity.verdict == CallVerdict::kInvalid) ++provider.invalid;
      if (identity.verdict != CallVerdict::kValid || identity.attest.size() != 1) continue;
      ++provider.levels[static_cast<std::size_t>(std::clamp(identity.attest[0], 'A', 'C') - 'A')];
      if (provider.origids.size() < kMaxSeen || provider.origids.contains(identity.origid)) {
        ++provider.origids[identity.origid];
      }
      if (provider.callers.size() < kMaxSeen) provider.callers.insert(identity.signer_number);
      if (provider.sources.size() < kMaxSeen) provider.sources.insert(call.src.address);
      if (identity.attest == "A" && provider.networks_a.size() < kMaxSeen) {
        const std::string network = network_of(call.src.address);
        provider.networks_a.insert(network);
        provider.first_of_network.emplace(network, identity.frame);
      }
      const std::string& number = identity.signer_number;
      if (number.empty() || (numbers.size() >= kMaxNumbers && !numbers.contains(number))) continue;
      SignedNumber& signed_by = numbers[number];
      const auto same = std::ranges::find(signed_by.uses, spc, &SignedNumber::Use::spc);
      if (same != signed_by.uses.end()) {
        same->full |= identity.attest == "A";
      } else if (signed_by.uses.size() < 16) {
        signed_by.uses.push_back({spc, identity.frame, identity.attest == "A"});
      }
    }
  }
  for (const auto& [spc, provider] : providers) check_provider(findings, spc, provider);
  for (const auto& [number, signed_by] : numbers) check_number(findings, number, signed_by);
}

void check_trunks(Findings& findings, const std::vector<CallRecord>& calls) {
  struct Trunk {
    std::uint64_t calls = 0, unsigned_calls = 0, invalid = 0, unverifiable = 0;
    FrameRef first, first_bad;
  };
  struct Link {
    std::uint64_t unsigned_calls = 0;
    bool carries_identity = false;
    std::vector<FrameRef> frames;
  };
  std::map<IpAddress, Trunk> trunks;
  std::map<std::pair<IpAddress, IpAddress>, Link> links;
  const policy::Site& site = findings.options().site;
  for (const CallRecord& call : calls) {
    if (!call.call_id || call.in_dialog || call.head_cut) continue;
    if (trunks.size() < kMaxSources || trunks.contains(call.src.address)) {
      Trunk& trunk = trunks[call.src.address];
      if (trunk.calls++ == 0) trunk.first = call.frame;
      if (call.verdict == CallVerdict::kUnsigned) ++trunk.unsigned_calls;
      if (call.verdict == CallVerdict::kInvalid) ++trunk.invalid;
      if (call.verdict == CallVerdict::kUnverifiable) ++trunk.unverifiable;
      const bool bad = call.verdict == CallVerdict::kUnsigned || call.verdict == CallVerdict::kInvalid;
      if (bad && !trunk.first_bad.known()) trunk.first_bad = call.frame;
    }
    const std::pair hop{call.src.address, call.dst.address};
    if (links.size() >= kMaxSources && !links.contains(hop)) continue;
    const bool internal = site.networks.contains(call.src.address) && site.networks.contains(call.dst.address);
    const bool is_public = !call.src.address.is_private() && !call.dst.address.is_private();
    const bool peer = site.peers.networks.contains(call.src.address) || site.peers.networks.contains(call.dst.address);
    if (!call.identities.empty()) {
      links[hop].carries_identity = true;
    } else if (telephone_call(call) && !internal && (is_public || peer)) {
      Link& link = links[hop];
      ++link.unsigned_calls;
      if (link.frames.size() < 3) link.frames.push_back(call.frame);
    }
  }
  for (const auto& [hop, link] : links) {
    if (link.unsigned_calls == 0) {
      findings.tally(kNoIdentity, Verdict::kPass);
      continue;
    }
    std::vector<Evidence> evidence;
    for (const FrameRef& frame : link.frames) evidence.push_back({.frame = frame, .note = "no Identity"});
    const bool peer = site.peers.networks.contains(hop.first) || site.peers.networks.contains(hop.second);
    findings.add(
        kNoIdentity,
        fmt::format("{} {} from {} to {} without Identity", link.unsigned_calls,
                    link.unsigned_calls == 1 ? "call" : "calls", hop.first.to_string(), hop.second.to_string()),
        nullptr, fmt::format("{}>{}", hop.first.to_string(), hop.second.to_string()), std::move(evidence), {},
        peer || link.carries_identity ? Confidence::kProbable : Confidence::kPossible);
  }
  for (const auto& [address, trunk] : trunks) {
    if (trunk.calls < 50) {
      findings.tally(kUnsignedShare, Verdict::kNotAssessable);
      continue;
    }
    std::optional<Severity> severity;
    if (percent(trunk.unsigned_calls, trunk.calls) > findings.options().max_unsigned_pct) severity = Severity::kMedium;
    if (trunk.invalid * 2 > trunk.calls) severity = Severity::kHigh;
    findings.add(kUnsignedShare,
                 fmt::format("{} sent {} calls: {} % unsigned, {} % failed, {} % could not be verified",
                             address.to_string(), trunk.calls, percent(trunk.unsigned_calls, trunk.calls),
                             percent(trunk.invalid, trunk.calls), percent(trunk.unverifiable, trunk.calls)),
                 nullptr, address.to_string(),
                 {{.frame = trunk.first_bad.known() ? trunk.first_bad : trunk.first, .note = "the first such call"}},
                 severity, Confidence::kProbable);
  }
}

void summarize_calls(Findings& findings, const std::vector<CallRecord>& calls) {
  if (calls.empty()) return;
  std::uint64_t with_identity = 0, valid = 0, invalid = 0;
  std::vector<std::int64_t> ages;
  std::set<std::string> certificates;
  for (const CallRecord& call : calls) {
    if (!call.identities.empty()) ++with_identity;
    if (call.verdict == CallVerdict::kValid) ++valid;
    if (call.verdict == CallVerdict::kInvalid) ++invalid;
    for (const IdentityRecord& identity : call.identities) {
      if (identity.certificate != nullptr) certificates.insert(identity.certificate->sha256);
      // Ages that a clock may explain; anything else would only blur the median.
      if (identity.iat && identity.frame.time.known()) {
        const std::int64_t now = identity.frame.time.ns / kNsPerSecond;
        if (*identity.iat > now - 86400 && *identity.iat < now + 86400) ages.push_back(now - *identity.iat);
      }
    }
  }
  std::string text = fmt::format("{} of {} {} signed, {} valid, {} invalid; {} {}", with_identity, calls.size(),
                                 calls.size() == 1 ? "call was" : "calls were", valid, invalid, certificates.size(),
                                 certificates.size() == 1 ? "certificate" : "certificates");
  if (!ages.empty()) {
    std::ranges::sort(ages);
    const std::int64_t median = ages[ages.size() / 2];
    text += fmt::format("; median age of tokens {} s", median);
    if (ages.size() >= 20 && (median > 5 || median < -5)) {
      text += fmt::format(": clocks of signers and capture may differ by as much (the verdicts stand)");
    }
  }
  findings.add(kSummary, std::move(text), nullptr, "summary", {{.frame = calls.front().frame, .note = "first call"}});
}

}  // namespace voip::analyze::stir
