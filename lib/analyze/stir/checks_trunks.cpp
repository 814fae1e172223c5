#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analyze/stir/across.h"
#include "analyze/stir/judge.h"
#include "analyze/stir/rules.h"

namespace voip::analyze::stir {

using namespace rules;  // NOLINT: constants of this room

namespace {

using report::Confidence;
using report::Evidence;
using report::Severity;
using report::Verdict;

constexpr std::size_t kMaxSources = 1U << 16;
constexpr std::uint64_t kFewestCalls = 50;  // of a trunk, to speak of shares

std::uint64_t percent(std::uint64_t part, std::uint64_t whole) { return whole == 0 ? 0 : part * 100 / whole; }

// Where calls have to be signed: North America and France. Elsewhere nothing is missing.
bool signing_country(std::string_view number) { return number.starts_with('1') || number.starts_with("33"); }

bool telephone_call(const CallRecord& call) {
  return call.from_number.size() >= 10 && call.to_number.size() >= 10 && !call.in_dialog && !call.emergency &&
         (signing_country(call.from_number) || signing_country(call.to_number));
}

bool starts_with_any(std::string_view number, const std::vector<std::string>& prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view prefix) {
    if (prefix.starts_with('+')) prefix.remove_prefix(1);
    return !prefix.empty() && number.starts_with(prefix);
  });
}

// How many calls there are of a kind, and the first few.
struct Some {
  std::uint64_t calls = 0;
  std::vector<Evidence> evidence;
  void add(const FrameRef& frame, std::string note) {
    ++calls;
    if (evidence.size() < 3) evidence.push_back({.frame = frame, .note = std::move(note)});
  }
};

const char* calls_word(std::uint64_t n) { return n == 1 ? "call" : "calls"; }

// STIR-033 and STIR-045: what the site knows of its trunks against what was signed for them.
void check_agreements(Findings& findings, const std::vector<CallRecord>& calls) {
  const std::vector<policy::Trunk>& trunks = findings.options().trunks;
  if (std::ranges::all_of(trunks, [](const policy::Trunk& one) { return one.spc.empty() && one.numbers.empty(); })) {
    return;
  }
  std::map<std::pair<std::string, std::string>, Some> foreign;  // trunk, code
  std::map<std::string, Some> unknown_with_a, own_with_c;       // by trunk
  for (const CallRecord& call : calls) {
    const policy::Trunk* trunk = trunk_of(findings.options(), call.src.address);
    if (trunk == nullptr || call.onward_leg) continue;
    for (const IdentityRecord& identity : call.identities) {
      if (identity.ppt != "shaken" || !identity.passes(Check::kSignature)) continue;
      // B and C are what gateways and intermediate providers sign for others; a delegate signs for itself.
      const std::string spc = provider_code(identity);
      const bool ours = spc.empty() || std::ranges::any_of(identity.certificate->tn_list->spcs(), [&](const auto& one) {
                          return std::ranges::find(trunk->spc, one) != trunk->spc.end();
                        });
      if (!trunk->spc.empty() && identity.attest == "A" && !ours) {
        foreign[{trunk->name, spc}].add(identity.frame, "signed by " + spc);
      } else {
        findings.tally(kForeignCertificate, trunk->spc.empty() ? Verdict::kNotAssessable : Verdict::kPass);
      }
      const std::string& number = identity.signer_number;
      if (trunk->numbers.empty() || number.empty()) {
        findings.tally(kImplausible, Verdict::kNotAssessable);
        continue;
      }
      const bool registered = starts_with_any(number, trunk->numbers);
      if (identity.attest == "A" && !registered) {
        unknown_with_a[trunk->name].add(identity.frame, number);
      } else if (identity.attest == "C" && registered) {
        own_with_c[trunk->name].add(identity.frame, number);
      } else {
        findings.tally(kImplausible, Verdict::kPass);
      }
    }
  }
  for (auto& [key, some] : foreign) {
    findings.add(kForeignCertificate,
                 fmt::format("{} {} from trunk {} signed with A by {}, whose code is not one of the trunk's",
                             some.calls, calls_word(some.calls), key.first, clip(key.second)),
                 nullptr, key.first + "/" + key.second, std::move(some.evidence), {}, Confidence::kProbable);
  }
  for (auto& [name, some] : unknown_with_a) {
    std::string text = fmt::format("{} {} from trunk {} with A for numbers that are not the trunk's ({})", some.calls,
                                   calls_word(some.calls), name, some.evidence.front().note);
    findings.add(kImplausible, std::move(text), nullptr, name + "/A", std::move(some.evidence), {},
                 Confidence::kProbable);
  }
  for (auto& [name, some] : own_with_c) {
    std::string text = fmt::format("{} {} from trunk {} with C only, though the numbers are the trunk's ({})",
                                   some.calls, calls_word(some.calls), name, some.evidence.front().note);
    findings.add(kImplausible, std::move(text), nullptr, name + "/C", std::move(some.evidence), {},
                 Confidence::kProbable);
  }
}

// STIR-001: links between providers on which calls travel without Identity.
void check_unsigned_links(Findings& findings, const std::vector<CallRecord>& calls) {
  struct Link {
    std::uint64_t unsigned_calls = 0;
    bool carries_identity = false;
    bool agreed = false;  // an end of it is a peer or a trunk of the site
    std::vector<FrameRef> frames;
  };
  std::map<std::pair<IpAddress, IpAddress>, Link> links;
  const Options& options = findings.options();
  const policy::Site& site = options.site;
  for (const CallRecord& call : calls) {
    if (!call.call_id || call.in_dialog || call.head_cut) continue;
    const std::pair hop{call.src.address, call.dst.address};
    if (links.size() >= kMaxSources && !links.contains(hop)) continue;
    const policy::Trunk* from = trunk_of(options, call.src.address);
    const policy::Trunk* to = trunk_of(options, call.dst.address);
    const bool circuits = (from != nullptr && from->tdm) || (to != nullptr && to->tdm);
    const bool internal = site.networks.contains(call.src.address) && site.networks.contains(call.dst.address);
    const bool is_public = !call.src.address.is_private() && !call.dst.address.is_private();
    const bool peer = from != nullptr || to != nullptr || site.peers.networks.contains(call.src.address) ||
                      site.peers.networks.contains(call.dst.address);
    if (!call.identities.empty()) {
      links[hop].carries_identity = true;
    } else if (telephone_call(call) && !internal && !circuits && (peer || (is_public && !call.subscriber))) {
      Link& link = links[hop];
      ++link.unsigned_calls;
      link.agreed |= peer;
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
    findings.add(kNoIdentity,
                 fmt::format("{} {} from {} to {} without Identity", link.unsigned_calls,
                             calls_word(link.unsigned_calls), hop.first.to_string(), hop.second.to_string()),
                 nullptr, fmt::format("{}>{}", hop.first.to_string(), hop.second.to_string()), std::move(evidence),
                 link.unsigned_calls == 1 ? std::optional(Severity::kInfo) : std::nullopt,
                 link.agreed || link.carries_identity ? Confidence::kProbable : Confidence::kPossible);
  }
}

// STIR-048: by the site's trunk, else by host.
void check_shares(Findings& findings, const std::vector<CallRecord>& calls) {
  struct Share {
    std::uint64_t calls = 0, unsigned_calls = 0, invalid = 0, unverifiable = 0;
    bool tdm = false;
    bool customer = false;
    FrameRef first, first_bad;
  };
  std::map<std::string, Share> shares;
  for (const CallRecord& call : calls) {
    if (!call.call_id || call.in_dialog || call.head_cut) continue;
    const policy::Trunk* trunk = trunk_of(findings.options(), call.src.address);
    const std::string name = trunk == nullptr ? call.src.address.to_string() : "trunk " + trunk->name;
    if (shares.size() >= kMaxSources && !shares.contains(name)) continue;
    Share& share = shares[name];
    if (share.calls++ == 0) share.first = call.frame;
    share.tdm = trunk != nullptr && trunk->tdm;
    share.customer |= trunk == nullptr && call.subscriber;
    if (call.verdict == CallVerdict::kUnsigned) ++share.unsigned_calls;
    if (call.verdict == CallVerdict::kInvalid) ++share.invalid;
    if (call.verdict == CallVerdict::kUnverifiable) ++share.unverifiable;
    const bool bad = call.verdict == CallVerdict::kUnsigned || call.verdict == CallVerdict::kInvalid;
    if (bad && !share.first_bad.known()) share.first_bad = call.frame;
  }
  for (const auto& [name, share] : shares) {
    if (share.calls < kFewestCalls) {
      findings.tally(kUnsignedShare, Verdict::kNotAssessable);
      continue;
    }
    std::optional<Severity> severity;
    // Calls from circuits and from customers come without: a fact, and no fault.
    if (!share.tdm && !share.customer &&
        share.unsigned_calls * 100 > findings.options().max_unsigned_pct * share.calls) {
      severity = Severity::kMedium;
    }
    if (share.invalid * 2 > share.calls) severity = Severity::kHigh;
    findings.add(kUnsignedShare,
                 fmt::format("{} sent {} calls{}: {} % unsigned, {} % failed, {} % could not be verified", name,
                             share.calls, share.tdm ? " from circuits" : "", percent(share.unsigned_calls, share.calls),
                             percent(share.invalid, share.calls), percent(share.unverifiable, share.calls)),
                 nullptr, name,
                 {{.frame = share.first_bad.known() ? share.first_bad : share.first,
                   .note = share.first_bad.known() ? "the first such call" : "the first call"}},
                 severity, Confidence::kProbable);
  }
}

}  // namespace

std::string provider_code(const IdentityRecord& identity) {
  return identity.certificate == nullptr ? std::string{} : identity.certificate->spc();
}

const policy::Trunk* trunk_of(const Options& options, const IpAddress& address) {
  const auto at =
      std::ranges::find_if(options.trunks, [&](const policy::Trunk& trunk) { return trunk.hosts.contains(address); });
  return at == options.trunks.end() ? nullptr : &*at;
}

bool several_signers_agreed(const Options& options, std::string_view number, const std::vector<std::string>& codes) {
  return std::ranges::any_of(options.trunks, [&](const policy::Trunk& trunk) {
    return starts_with_any(number, trunk.numbers) && std::ranges::all_of(codes, [&](const std::string& code) {
             return std::ranges::find(trunk.spc, code) != trunk.spc.end();
           });
  });
}

void check_trunks(Findings& findings, const std::vector<CallRecord>& calls) {
  check_unsigned_links(findings, calls);
  check_shares(findings, calls);
  check_agreements(findings, calls);
}

}  // namespace voip::analyze::stir
