#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analyze/srtp/checks.h"
#include "analyze/srtp/stream_record.h"
#include "base/text.h"
#include "crypto/srtp_suite.h"

namespace voip::analyze::srtp {

namespace {

// A finding about a call that is only a record by now.
void add_late(Findings& out, const Rule& rule, const CallRecord& call, std::string message, std::string entity,
              std::vector<Evidence> evidence, std::optional<Severity> severity, Confidence confidence) {
  Call shadow;
  shadow.call_id = call.call_id;
  out.add(rule, std::move(message), &shadow, std::move(entity), std::move(evidence), {}, severity, confidence);
}

const StreamRecord* first_stream(const LegRecord& leg, Observed observed) {
  for (const MediaRecord& media : leg.media) {
    for (const StreamRecord& stream : media.streams) {
      if (stream.observed == observed) return &stream;
    }
  }
  return nullptr;
}

// How strong a leg's voice is protected; zeros where that is not known.
struct Strengths {
  unsigned key_bits = 0;
  bool short_tag = false;
  std::string suite;
  const StreamRecord* stream = nullptr;
};

Strengths strengths_of(const LegRecord& leg) {
  for (const MediaRecord& media : leg.media) {
    if (media.kind != "audio" || media.suite.empty() || media.streams.empty()) continue;
    Strengths found{.suite = media.suite, .stream = &media.streams.front()};
    for (const crypto::SrtpSuite& suite : crypto::srtp_suites()) {
      if (!iequals(media.suite, suite.sdes_name) && !iequals(media.suite, suite.dtls_name)) continue;
      found.key_bits = suite.encrypts() ? suite.key_size * 8U : 0;
      found.short_tag = suite.rtp_tag_size < 10;
    }
    // ZRTP: AES1/HS80, 2FS3/SK32 (RFC 6189 section 5.1).
    if (media.negotiated == Keying::kZrtp && media.suite.size() >= 9) {
      found.key_bits = media.suite[3] == '1' ? 128 : media.suite[3] == '2' ? 192 : media.suite[3] == '3' ? 256 : 0;
      found.short_tag = media.suite.ends_with("32");
    }
    return found;
  }
  return {};
}

}  // namespace

// SRTP-009.
void check_retries(Findings& out, const CallRecords& calls) {
  std::map<std::pair<std::string, std::string>, std::vector<const CallRecord*>> refused;
  for (const CallRecord& call : calls) {
    if (!call.refusals.empty()) refused[{call.from, call.to}].push_back(&call);
  }
  if (refused.empty()) return;
  for (const CallRecord& call : calls) {
    if (!call.clear_success) continue;
    const auto at = refused.find({call.from, call.to});
    if (at == refused.end()) continue;
    for (const CallRecord* before : at->second) {
      for (const SecureRefusal& refusal : before->refusals) {
        const Timestamp again = call.clear_success->time;
        if (again < refusal.refusal.time || later_by(refusal.refusal.time, again, out.options().retry_window)) continue;
        out.tally(kClearRetry, Verdict::kFail);
        add_late(out, kClearRetry, call,
                 fmt::format("{} called {} with SRTP and was refused with {}; {:.1f} s later it called without "
                             "encryption and got through{}",
                             call.from, call.to, refusal.status, seconds_between(refusal.refusal.time, again),
                             before == &call ? "" : " (refused as Call-ID " + before->call_id + ")"),
                 call.from + '|' + call.to,
                 {{*call.clear_success, "offer without encryption"},
                  {refusal.refusal, "refusal"},
                  {refusal.offer, "refused offer"}},
                 out.options().allow_fallback_retry ? std::optional(Severity::kMedium) : std::nullopt,
                 Confidence::kCertain);
        goto next_call;
      }
    }
  next_call:;
  }
}

namespace {

// Both legs are encrypted, but not alike.
bool check_suites_of(Findings& out, const std::vector<std::pair<const CallRecord*, const LegRecord*>>& legs) {
  Strengths strongest;
  Strengths weakest;
  const CallRecord* weak_call = nullptr;
  const auto rank = [](const Strengths& s) { return s.key_bits * 2 + (s.short_tag ? 0U : 1U); };
  for (const auto& [call, leg] : legs) {
    if (leg->protection != Protection::kEncrypted) continue;
    Strengths one = strengths_of(*leg);
    if (one.key_bits == 0) continue;
    if (weak_call == nullptr || rank(one) < rank(weakest)) {
      weakest = one;
      weak_call = call;
    }
    if (strongest.key_bits == 0 || rank(one) > rank(strongest)) strongest = std::move(one);
  }
  if (weak_call == nullptr || rank(weakest) == rank(strongest)) return false;
  out.tally(kUnequalLegs, Verdict::kFail);
  add_late(out, kUnequalLegs, *weak_call,
           fmt::format("one leg ({} - {}) is protected with {}, another ({} - {}) with {}",
                       strongest.stream->src.to_string(), strongest.stream->dst.to_string(), strongest.suite,
                       weakest.stream->src.to_string(), weakest.stream->dst.to_string(), weakest.suite),
           hosts(weakest.stream->src, weakest.stream->dst) + "|suites",
           {{weakest.stream->first, "weaker leg"}, {strongest.stream->first, "stronger leg"}}, Severity::kMedium,
           Confidence::kCertain);
  return true;
}

}  // namespace

// SRTP-010.
void check_legs(Findings& out, const CallRecords& calls) {
  std::map<std::size_t, std::vector<std::pair<const CallRecord*, const LegRecord*>>> groups;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const CallRecord& call = calls[i];
    const bool guess = call.group != i && call.linked_by == session::LinkKind::kHeuristic;
    if (guess) continue;
    for (const LegRecord& leg : call.legs) {
      if (leg.protection != Protection::kNoMedia) groups[call.group].emplace_back(&call, &leg);
    }
  }
  for (const auto& [group, legs] : groups) {
    if (legs.size() < 2) {
      out.tally(kUnequalLegs, Verdict::kNotApplicable);
      continue;
    }
    const std::pair<const CallRecord*, const LegRecord*>* clear = nullptr;
    const std::pair<const CallRecord*, const LegRecord*>* encrypted = nullptr;
    bool unclear = false;
    for (const auto& leg : legs) {
      if (leg.second->protection == Protection::kClear && clear == nullptr) clear = &leg;
      if (leg.second->protection == Protection::kEncrypted && encrypted == nullptr) encrypted = &leg;
      unclear |= leg.second->protection == Protection::kUndetermined;
    }
    if (clear == nullptr || encrypted == nullptr) {
      if (check_suites_of(out, legs)) continue;
      out.tally(kUnequalLegs, unclear ? Verdict::kNotAssessable : Verdict::kPass);
      continue;
    }
    const StreamRecord* bare = first_stream(*clear->second, Observed::kCleartext);
    const StreamRecord* sealed = first_stream(*encrypted->second, Observed::kEncrypted);
    if (bare == nullptr || sealed == nullptr) continue;
    if (out.options().clear_agreed &&
        (out.options().clear_agreed(bare->src.address) || out.options().clear_agreed(bare->dst.address))) {
      out.tally(kUnequalLegs, Verdict::kPass);
      continue;
    }
    const bool outside = !bare->src.address.is_private() || !bare->dst.address.is_private();
    out.tally(kUnequalLegs, Verdict::kFail);
    add_late(out, kUnequalLegs, *clear->first,
             fmt::format("one leg ({} - {}) is encrypted, another ({} - {}) is clear{}", sealed->src.to_string(),
                         sealed->dst.to_string(), bare->src.to_string(), bare->dst.to_string(),
                         clear->first == encrypted->first ? "" : "; other leg is Call-ID " + encrypted->first->call_id),
             hosts(bare->src, bare->dst), {{bare->first, "clear leg"}, {sealed->first, "encrypted leg"}},
             outside ? Severity::kHigh : Severity::kMedium, Confidence::kCertain);
  }
}

}  // namespace voip::analyze::srtp
