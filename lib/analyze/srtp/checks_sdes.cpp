#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analyze/srtp/checks.h"
#include "analyze/srtp/stream_state.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/srtp_suite.h"

namespace voip::analyze::srtp {

namespace {

std::string entity_of(const LineState& state) {
  const MediaLine* line = state.answer != nullptr ? state.answer : state.offer;
  return line != nullptr ? line->rtp.address.to_string() + '|' + std::string(line->kind) : std::string();
}

std::vector<Evidence> both_frames(const LineState& state) {
  std::vector<Evidence> evidence;
  if (state.exchange != nullptr) {
    evidence.push_back({state.exchange->answer.frame, "answer"});
    evidence.push_back({state.exchange->offer.frame, "offer"});
  }
  return evidence;
}

bool has_word(std::string_view text, std::string_view wanted) {
  TextCursor words{text};
  while (!words.at_end()) {
    const std::string_view word = words.word();
    words.skip_blanks();
    if (iequals(word, wanted)) return true;
  }
  return false;
}

// The parameter in the selected line of either direction.
bool selected_parameter(const Agreement& agreement, std::string_view name) {
  return (agreement.answered_crypto != nullptr && has_word(agreement.answered_crypto->session_params, name)) ||
         (agreement.offered_crypto != nullptr && has_word(agreement.offered_crypto->session_params, name));
}

bool offered_parameter(const MediaLine* line, std::string_view name) {
  return line != nullptr &&
         std::ranges::any_of(line->cryptos, [&](const sdp::Crypto& c) { return has_word(c.session_params, name); });
}

const crypto::SrtpSuite* suite_named(std::string_view name) {
  if (const crypto::SrtpSuite* suite = crypto::srtp_suite_by_sdes_name(name)) return suite;
  for (const crypto::SrtpSuite& suite : crypto::srtp_suites()) {
    if (!suite.dtls_name.empty() && suite.dtls_name == name) return &suite;
  }
  return nullptr;
}

}  // namespace

// SRTP-012 to SRTP-015.
void check_suites(Findings& out, const Call& call, const LineState& state, const MediaRecord& media) {
  const bool sdes = media.negotiated == Keying::kSdes;
  const bool keyed = sdes || media.negotiated == Keying::kDtlsSrtp;
  const crypto::SrtpSuite* suite = suite_named(media.suite);
  // Made only where something is wrong: each call comes by here.
  const auto evidence = [&] {
    std::vector<Evidence> frames = both_frames(state);
    if (frames.empty() && !media.streams.empty()) frames.push_back({media.streams.front().first, "first packet"});
    return frames;
  };
  const auto entity = [&] { return entity_of(state) + "|suite"; };

  // SRTP-012.
  if (keyed && media.suite.find("NULL_") != std::string::npos) {
    out.tally(kNullCipher, Verdict::kFail);
    out.add(kNullCipher,
            fmt::format("{} m={} selected {}: the payload is not encrypted", to_string(media.negotiated), media.kind,
                        media.suite),
            &call, entity(), evidence());
  } else if (state.offer != nullptr && std::ranges::any_of(state.offer->cryptos, [](const sdp::Crypto& c) {
               return istarts_with(c.suite, "NULL_");
             })) {
    out.tally(kNullCipher, Verdict::kFail);
    const SdpUse* use = state.exchange != nullptr ? &state.exchange->offer : nullptr;
    FrameRef frame = use != nullptr ? use->frame : call.first;
    out.add(kNullCipher,
            fmt::format("m={} offers a NULL suite; {}", media.kind,
                        keyed ? "the answer selected " + media.suite : std::string("it was not selected")),
            &call, entity(), {{frame, "offer"}}, {}, Severity::kLow);
  } else {
    out.tally(kNullCipher, !keyed                ? Verdict::kNotApplicable
                           : media.suite.empty() ? Verdict::kNotAssessable
                                                 : Verdict::kPass);
  }
  if (!keyed) {
    const bool measured_short = std::ranges::any_of(media.streams, [](const StreamRecord& s) {
      return s.observed == Observed::kEncrypted && s.overhead == 4 && s.packets >= 50;
    });
    if (measured_short && media.negotiated == Keying::kUnknown && out.options().min_tag_bits > 32) {
      const StreamRecord& s = media.streams.front();
      out.tally(kShortTag, Verdict::kFail);
      out.add(kShortTag,
              fmt::format("packets from {} to {} carry 4 bytes beside the payload: a 32-bit tag", s.src.to_string(),
                          s.dst.to_string()),
              &call, entity(), {{s.first, "first packet"}}, {}, {}, Confidence::kProbable);
    } else {
      out.tally(kShortTag, Verdict::kNotApplicable);
    }
    out.tally(kUnusualSuite, Verdict::kNotApplicable);
    out.tally(kSuitePolicy, Verdict::kNotApplicable);
    return;
  }
  if (media.suite.empty()) {
    for (const Rule* rule : {&kShortTag, &kUnusualSuite, &kSuitePolicy}) out.tally(*rule, Verdict::kNotAssessable);
    return;
  }
  // SRTP-013.
  if (suite != nullptr && suite->rtp_tag_size * 8U < out.options().min_tag_bits) {
    out.tally(kShortTag, Verdict::kFail);
    out.add(kShortTag,
            fmt::format("m={} selected {}: {} bits of authentication tag, {} are wanted", media.kind, media.suite,
                        suite->rtp_tag_size * 8U, out.options().min_tag_bits),
            &call, entity(), evidence());
  } else {
    out.tally(kShortTag, suite == nullptr ? Verdict::kNotAssessable : Verdict::kPass);
  }
  // SRTP-014.
  const std::string_view sent =
      state.agreement.answered_crypto != nullptr ? state.agreement.answered_crypto->suite : std::string_view{};
  const bool rare =
      suite != nullptr && (suite->cipher == crypto::SrtpCipher::kAesF8 || suite->cipher == crypto::SrtpCipher::kOther);
  if (suite == nullptr) {
    out.tally(kUnusualSuite, Verdict::kFail);
    out.add(kUnusualSuite, fmt::format("m={} selected {}, a name that IANA does not list", media.kind, media.suite),
            &call, entity(), evidence(), {}, Severity::kMedium);
  } else if (rare) {
    out.tally(kUnusualSuite, Verdict::kFail);
    out.add(kUnusualSuite, fmt::format("m={} selected {}", media.kind, media.suite), &call, entity(), evidence());
  } else if (sdes && !sent.empty() && iequals(sent, suite->sdes_old_name)) {
    out.tally(kUnusualSuite, Verdict::kPass);
    out.add(kUnusualSuite, fmt::format("m={} selected {}, an old spelling of {}", media.kind, sent, media.suite), &call,
            entity(), evidence(), {}, Severity::kInfo);
  } else {
    out.tally(kUnusualSuite, Verdict::kPass);
  }
  // SRTP-015.
  if (suite == nullptr || !suite->encrypts()) {
    out.tally(kSuitePolicy, suite == nullptr ? Verdict::kNotAssessable : Verdict::kNotApplicable);
  } else if (suite->key_size * 8U < out.options().min_key_bits || (out.options().require_aead && !suite->aead())) {
    out.tally(kSuitePolicy, Verdict::kFail);
    out.add(
        kSuitePolicy,
        fmt::format("m={} selected {} with {} bits of key; the policy wants {}{}", media.kind, media.suite,
                    suite->key_size * 8U, out.options().min_key_bits, out.options().require_aead ? " and AEAD" : ""),
        &call, entity(), evidence());
  } else {
    out.tally(kSuitePolicy, Verdict::kPass);
  }
}

// SRTP-017 to SRTP-019.
void check_parameters(Findings& out, const Call& call, const LineState& state, const MediaRecord& media) {
  const bool sdes = media.negotiated == Keying::kSdes;
  const bool unknown =
      media.negotiated == Keying::kUnknown && state.answer != nullptr && !state.answer->cryptos.empty();
  std::uint64_t packets = 0;
  std::uint64_t rtcp = 0;
  const StreamRecord* bare = nullptr;
  for (const StreamRecord& stream : media.streams) {
    packets += stream.packets;
    rtcp += stream.rtcp_packets;
    if (stream.observed == Observed::kEncrypted && stream.overhead == 0 && !stream.authenticated &&
        stream.packets >= 50)
      bare = &stream;
  }
  const FrameRef offered_at = state.exchange != nullptr ? state.exchange->offer.frame : call.first;
  const auto by_parameter = [&](const Rule& rule, std::string_view name, bool flows, std::string_view meaning) {
    if ((sdes || unknown) && selected_parameter(state.agreement, name)) {
      out.tally(rule, Verdict::kFail);
      std::vector<Evidence> evidence = both_frames(state);
      if (evidence.empty()) evidence.push_back({call.first, "SDP"});
      out.add(rule,
              fmt::format("m={} selected {} {}: {}{}", media.kind, media.suite, name, meaning,
                          flows ? "" : "; no such packet was seen"),
              &call, entity_of(state), std::move(evidence), {},
              flows ? std::nullopt : std::optional(std::min(rule.severity, Severity::kLow)));
      return true;
    }
    if (offered_parameter(state.offer, name)) {
      out.tally(rule, Verdict::kFail);
      out.add(rule, fmt::format("m={} offers {}; it was not selected", media.kind, name), &call, entity_of(state),
              {{offered_at, "offer"}}, {}, Severity::kLow);
      return true;
    }
    return false;
  };
  const Verdict quiet = sdes ? Verdict::kPass : Verdict::kNotApplicable;
  if (!by_parameter(kUnencryptedSrtp, "UNENCRYPTED_SRTP", packets != 0, "tags only, the payload is readable"))
    out.tally(kUnencryptedSrtp, quiet);

  if (!by_parameter(kUnencryptedSrtcp, "UNENCRYPTED_SRTCP", rtcp != 0, "RTCP is readable")) {
    const StreamRecord* seen = nullptr;
    for (const StreamRecord& stream : media.streams) {
      if (stream.observed == Observed::kEncrypted && stream.rtcp_bare != 0) seen = &stream;
    }
    if (seen != nullptr) {
      out.tally(kUnencryptedSrtcp, Verdict::kFail);
      out.add(kUnencryptedSrtcp,
              fmt::format("{} SRTCP packets of {} have the E bit 0 beside encrypted media", seen->rtcp_bare,
                          seen->src.to_string()),
              &call, hosts(seen->src, seen->dst), {{seen->rtcp_bare_first, "E bit 0"}});
    } else {
      const bool secure = std::ranges::any_of(
          media.streams, [](const StreamRecord& s) { return s.rtcp_observed == RtcpObserved::kEncrypted; });
      out.tally(kUnencryptedSrtcp, secure ? Verdict::kPass : rtcp == 0 ? Verdict::kNotApplicable : quiet);
    }
  }

  if (!by_parameter(kUnauthenticatedSrtp, "UNAUTHENTICATED_SRTP", packets != 0, "packets carry no tag")) {
    if (bare != nullptr && media.suite.find("GCM") == std::string::npos) {
      out.tally(kUnauthenticatedSrtp, Verdict::kFail);
      out.add(kUnauthenticatedSrtp,
              fmt::format("encrypted packets from {} to {} are as long as the codec's own: they carry no tag",
                          bare->src.to_string(), bare->dst.to_string()),
              &call, hosts(bare->src, bare->dst), {{bare->first, "first packet"}}, {}, {}, Confidence::kProbable);
    } else {
      const bool proven = std::ranges::any_of(media.streams, [](const StreamRecord& s) {
        return s.authenticated || (s.overhead.has_value() && *s.overhead >= 4);
      });
      out.tally(kUnauthenticatedSrtp, proven || sdes ? Verdict::kPass : Verdict::kNotApplicable);
    }
  }
}

namespace {

bool tag_well_formed(std::string_view tag) {
  return !tag.empty() && tag.size() <= 9 && std::ranges::all_of(tag, is_digit) &&
         (tag.size() == 1 || tag.front() != '0');
}

std::string tag_trouble(const MediaLine& line) {
  std::set<std::string_view> seen;
  for (const sdp::Crypto& crypto : line.cryptos) {
    if (!tag_well_formed(crypto.tag)) return fmt::format("crypto tag \"{}\" is not one of 1 to 9 digits", crypto.tag);
    if (!seen.insert(crypto.tag).second) return fmt::format("crypto tag {} stands twice in one line", crypto.tag);
  }
  return {};
}

}  // namespace

// SRTP-021 and SRTP-027: offer against answer, in each exchange.
void check_exchanges(Findings& out, const Call& call, const Leg& leg, std::size_t index) {
  bool keyed = false;
  bool same_told = false;
  bool tag_told = false;
  const auto tell_tag = [&](const std::string& message, const MediaLine& line, std::vector<Evidence> evidence) {
    if (tag_told) return;
    tag_told = true;
    out.tally(kCryptoTag, Verdict::kFail);
    out.add(kCryptoTag, fmt::format("m={}: {}", line.kind, message), &call,
            line.rtp.address.to_string() + "|crypto-tag", std::move(evidence));
  };
  const auto look = [&](const Exchange& exchange) {
    const MediaLine* offer = line_of(exchange.offer, index);
    const MediaLine* answer = line_of(exchange.answer, index);
    if (offer != nullptr && !offer->cryptos.empty()) {
      if (const std::string trouble = tag_trouble(*offer); !trouble.empty())
        tell_tag(trouble, *offer, {{exchange.offer.frame, "offer"}});
    }
    if (answer == nullptr || answer->port == 0 || answer->cryptos.empty()) return;
    if (const std::string trouble = tag_trouble(*answer); !trouble.empty())
      tell_tag(trouble, *answer, {{exchange.answer.frame, "answer"}});
    if (offer == nullptr || offer->cryptos.empty()) return;
    keyed = true;
    const std::vector<Evidence> both{{exchange.answer.frame, "answer"}, {exchange.offer.frame, "offer"}};
    if (answer->cryptos.size() > 1)
      tell_tag(fmt::format("the answer accepts {} crypto lines", answer->cryptos.size()), *answer, both);
    const std::string_view tag = answer->cryptos.front().tag;
    if (std::ranges::none_of(offer->cryptos, [&](const sdp::Crypto& c) { return c.tag == tag; }))
      tell_tag(fmt::format("the answer's crypto tag {} is not in the offer", tag), *answer, both);
    if (same_told) return;
    for (const InlineKey& answered : inline_keys(answer->cryptos.front())) {
      if (answered.bytes.empty()) continue;
      for (const sdp::Crypto& crypto : offer->cryptos) {
        for (const InlineKey& offered : inline_keys(crypto)) {
          if (offered.bytes != answered.bytes || same_told) continue;
          same_told = true;
          out.tally(kSameKeyBothWays, Verdict::kFail);
          out.add(kSameKeyBothWays,
                  fmt::format("m={}: the answer's {} is the offer's own: one key for both directions", answer->kind,
                              masked_key(answered)),
                  &call, answer->rtp.address.to_string() + "|same-key", both);
        }
      }
    }
  };
  for (const DialogLeg* dialog : leg.path) {
    for (const Exchange& exchange : dialog->exchanges) look(exchange);
  }
  for (const SdpUse* use : leg.lone_offers) {
    if (const MediaLine* line = line_of(*use, index)) {
      if (const std::string trouble = tag_trouble(*line); !trouble.empty())
        tell_tag(trouble, *line, {{use->frame, "offer"}});
    }
  }
  if (!same_told) out.tally(kSameKeyBothWays, keyed ? Verdict::kPass : Verdict::kNotApplicable);
  if (!tag_told) out.tally(kCryptoTag, keyed ? Verdict::kPass : Verdict::kNotApplicable);
}

}  // namespace voip::analyze::srtp
