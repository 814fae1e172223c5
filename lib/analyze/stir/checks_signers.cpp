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
constexpr std::size_t kMaxProviders = 16;  // of one number
constexpr std::size_t kMaxSeen = 4096;     // of a set that is only counted
constexpr std::size_t kDayCalls = 20;      // of a day, to speak of shares
constexpr std::size_t kMaxDays = 1000;
constexpr std::int64_t kDayNs = std::int64_t{24} * 3600 * kNsPerSecond;

unsigned percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<unsigned>(part * 100 / whole);
}

// What one service provider code signed.
struct Provider {
  std::uint64_t calls = 0;
  std::array<std::uint64_t, 3> levels{};
  std::map<std::int64_t, std::array<std::uint64_t, 2>> days{};  // calls with A and all valid ones, by day
  std::uint64_t invalid = 0;
  std::map<std::string, std::uint64_t> origids;
  std::set<std::string> callers;
  std::set<IpAddress> sources;                // of all calls
  std::map<std::string, FrameRef> origins_a;  // of calls with A: the trunk, else /24 or /48; its first call
  FrameRef first;

  std::uint64_t valid() const { return levels[0] + levels[1] + levels[2]; }
};

std::string network_of(const IpAddress& address) {
  const auto& bytes = address.bytes();
  return address.is_v4() ? fmt::format("{}.{}.{}.0/24", bytes[12], bytes[13], bytes[14])
                         : fmt::format("{:02x}{:02x}:{:02x}{:02x}:{:02x}{:02x}::/48", bytes[0], bytes[1], bytes[2],
                                       bytes[3], bytes[4], bytes[5]);
}

// From one day to the next, when both have enough calls to speak of shares. Empty when there is none.
std::string rise_of_a(const Provider& provider) {
  const std::array<std::uint64_t, 2>* before = nullptr;
  std::int64_t day_before = 0;
  for (const auto& [day, counts] : provider.days) {
    if (before != nullptr && day == day_before + 1 && (*before)[1] >= kDayCalls && counts[1] >= kDayCalls) {
      const unsigned was = percent((*before)[0], (*before)[1]);
      const unsigned is = percent(counts[0], counts[1]);
      if (is >= was + 30) {
        return fmt::format("; A rose from {} % to {} % by {}", was, is, format_utc({day * kDayNs}, 0).substr(0, 10));
      }
    }
    before = &counts;
    day_before = day;
  }
  return {};
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
    const std::string jump = rise_of_a(provider);
    findings.add(
        kAttestProfile,
        fmt::format("{} signed {} calls; of those that verify A {} %, B {} %, C {} %; {} did not verify{}", spc, judged,
                    percent(provider.levels[0], provider.valid()), percent(provider.levels[1], provider.valid()),
                    percent(provider.levels[2], provider.valid()), provider.invalid, jump),
        nullptr, spc, first, many_c || !jump.empty() ? std::optional(Severity::kLow) : std::nullopt,
        Confidence::kProbable);
  } else {
    findings.tally(kAttestProfile, Verdict::kNotAssessable);
  }
  // STIR-045
  if (provider.valid() >= 200) {
    const auto only = std::ranges::find(provider.levels, provider.valid());
    if (only != provider.levels.end() && provider.sources.size() >= 2) {
      findings.add(
          kImplausible,
          fmt::format("all {} calls of {} have attestation {}, whichever of {} hosts they come from", provider.valid(),
                      spc, static_cast<char>('A' + (only - provider.levels.begin())), provider.sources.size()),
          nullptr, spc, first, {}, Confidence::kPossible);
    } else {
      findings.tally(kImplausible, Verdict::kPass);
    }
  } else {
    findings.tally(kImplausible, Verdict::kNotAssessable);
  }
  // STIR-033
  if (provider.origins_a.size() >= 3) {
    std::string list;
    std::vector<Evidence> evidence;
    for (const auto& [network, frame] : provider.origins_a) {
      if (evidence.size() == 5) break;
      list += (list.empty() ? "" : ", ") + network;
      evidence.push_back({.frame = frame, .note = network});
    }
    findings.add(kForeignCertificate,
                 fmt::format("{} vouches with A for calls from {} {}: {}", spc, provider.origins_a.size(),
                             findings.options().trunks.empty() ? "networks" : "origins", list),
                 nullptr, spc, std::move(evidence), {}, Confidence::kPossible);
  } else {
    findings.tally(kForeignCertificate, Verdict::kPass);
  }
}

// A calling number and who signed for it.
struct SignedNumber {
  struct Use {
    std::string spc;
    FrameRef frame;  // the first one that counts
    FrameRef last;
    bool full = false;      // with attestation A
    bool disputed = false;  // another provider signed for the number within a day
  };
  std::vector<Use> uses;  // one for each provider

  // In the order of time.
  void add(const std::string& spc, const FrameRef& frame, bool full) {
    auto own = std::ranges::find(uses, spc, &Use::spc);
    if (own == uses.end()) {
      if (uses.size() >= kMaxProviders) return;
      own = uses.insert(uses.end(), {.spc = spc, .frame = frame, .last = frame});
    }
    own->last = frame;
    own->full |= full;
    for (Use& other : uses) {
      if (other.spc == spc || later_by(other.last.time, frame.time, std::chrono::nanoseconds{kDayNs})) continue;
      if (!other.disputed) other.frame = other.last;
      if (!own->disputed) own->frame = frame;
      own->disputed = other.disputed = true;
    }
  }
};

void check_number(Findings& findings, const std::string& number, const SignedNumber& signed_by) {
  std::vector<Evidence> evidence;
  std::vector<std::string> codes;
  std::string list;
  bool full = false;
  for (const SignedNumber::Use& use : signed_by.uses) {
    if (!use.disputed) continue;
    codes.push_back(use.spc);
    full |= use.full;
    if (evidence.size() < 5) {
      list += (list.empty() ? "" : ", ") + use.spc;
      evidence.push_back({.frame = use.frame, .note = use.spc});
    }
  }
  const std::size_t providers = codes.size();
  if (providers < 2 || several_signers_agreed(findings.options(), number, codes)) {
    return findings.tally(kManySigners, Verdict::kPass);
  }
  findings.add(kManySigners, fmt::format("{} was signed by {} providers within a day: {}", number, providers, list),
               nullptr, number, std::move(evidence),
               providers >= 3 && full ? std::optional(Severity::kHigh) : std::nullopt, Confidence::kProbable);
}

}  // namespace

void check_signers(Findings& findings, const std::vector<CallRecord>& calls) {
  std::map<std::string, Provider> providers;
  std::map<std::string, SignedNumber> numbers;
  for (const CallRecord& call : calls) {
    if (call.onward_leg) continue;  // a call counts once, on the leg that was seen first
    for (const IdentityRecord& identity : call.identities) {
      if (identity.ppt != "shaken" || identity.certificate == nullptr) continue;
      const std::string spc = provider_code(identity);
      if (spc.empty() || (providers.size() >= kMaxSources && !providers.contains(spc))) continue;
      Provider& provider = providers[spc];
      if (provider.calls++ == 0) provider.first = identity.frame;
      if (identity.verdict == CallVerdict::kInvalid) ++provider.invalid;
      if (identity.verdict != CallVerdict::kValid || identity.attest.size() != 1) continue;
      ++provider.levels[static_cast<std::size_t>(std::clamp(identity.attest[0], 'A', 'C') - 'A')];
      const std::int64_t day = identity.frame.time.known() ? identity.frame.time.ns / kDayNs : -1;
      if (provider.days.size() < kMaxDays || provider.days.contains(day)) {
        std::array<std::uint64_t, 2>& counts = provider.days[day];
        if (identity.attest == "A") ++counts[0];
        ++counts[1];
      }
      if (provider.origids.size() < kMaxSeen || provider.origids.contains(identity.origid)) {
        ++provider.origids[identity.origid];
      }
      if (provider.callers.size() < kMaxSeen) provider.callers.insert(identity.signer_number);
      if (provider.sources.size() < kMaxSeen) provider.sources.insert(call.src.address);
      if (identity.attest == "A" && provider.origins_a.size() < kMaxSeen) {
        const policy::Trunk* trunk = trunk_of(findings.options(), call.src.address);
        provider.origins_a.emplace(trunk == nullptr ? network_of(call.src.address) : trunk->name, identity.frame);
      }
      const std::string& number = identity.signer_number;
      if (number.empty() || (numbers.size() >= kMaxNumbers && !numbers.contains(number))) continue;
      numbers[number].add(spc, identity.frame, identity.attest == "A");
    }
  }
  for (const auto& [spc, provider] : providers) check_provider(findings, spc, provider);
  for (const auto& [number, signed_by] : numbers) check_number(findings, number, signed_by);
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
