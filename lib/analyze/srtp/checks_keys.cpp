#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <set>

#include "analyze/srtp/checks.h"
#include "analyze/srtp/stream_state.h"
#include "base/text.h"
#include "crypto/srtp_suite.h"

// SRTP-023 to SRTP-026: each inline key for itself.
namespace voip::analyze::srtp {

namespace {

// Examples of RFC 4568 (sections 4.1, 5.1.4 and 6.1) and of other texts that were copied into products; the last two
// are the constants of the SDP template of the test tool sippts, of which the beginning is known.
constexpr std::array<std::string_view, 8> kSamples{"PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR",
                                                   "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj",
                                                   "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
                                                   "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj",
                                                   "QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5",
                                                   "YUJDZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5",
                                                   "4EvYRd22",
                                                   "mWQ4cakW"};

std::string_view weakness(const InlineKey& key) {
  if (key.bytes.size() < 16) return {};
  for (const std::string_view sample : kSamples) {
    if (key.text.starts_with(sample))
      return sample.size() < 16 ? "is a constant of a test tool" : "is an example of an RFC";
  }
  if (std::ranges::all_of(key.bytes, [](std::uint8_t b) { return b == 0; })) return "is all zero";
  std::bitset<256> distinct;
  for (const std::uint8_t byte : key.bytes) distinct.set(byte);
  for (std::size_t period = 1; period <= 16 && period + 8 <= key.bytes.size(); ++period) {
    bool repeats = true;
    for (std::size_t i = period; i < key.bytes.size() && repeats; ++i) repeats = key.bytes[i] == key.bytes[i - period];
    if (repeats) return "repeats the same few bytes";
  }
  if (distinct.count() < 12) return "has fewer than 12 distinct byte values";
  if (std::ranges::all_of(key.bytes, [](std::uint8_t b) { return b >= 0x20 && b < 0x7f; }))
    return "is printable text throughout";
  return {};
}

// 2^48, the most that SRTP allows; empty for what is no lifetime.
constexpr std::uint64_t kMaxLifetime = std::uint64_t{1} << 48;
std::optional<std::uint64_t> lifetime_of(std::string_view text) {
  if (text.starts_with("2^")) {
    const auto exponent = parse_number<unsigned>(text.substr(2));
    if (!exponent) return std::nullopt;
    return *exponent < 64 ? std::uint64_t{1} << *exponent : UINT64_MAX;
  }
  return parse_number<std::uint64_t>(text);
}

std::string mki_trouble(const InlineKey& key) {
  if (key.mki.empty() && key.mki_length.empty()) return {};
  const auto length = parse_number<unsigned>(key.mki_length);
  if (!length || *length == 0 || *length > 128)
    return fmt::format("MKI length \"{}\" is not a number from 1 to 128", key.mki_length);
  if (key.mki.empty() || !std::ranges::all_of(key.mki, is_digit))
    return fmt::format("MKI \"{}\" is no number", key.mki);
  if (const auto value = parse_number<std::uint64_t>(key.mki); value && *length < 8 && *value >> (8 * *length) != 0)
    return fmt::format("MKI {} does not fit into {} bytes", key.mki, *length);
  return {};
}

struct KeyRules {
  Findings& out;
  const Call& call;
  std::string entity;
  Evidence evidence;
  bool& padding_told;

  void tell(const Rule& rule, std::string message, std::optional<Severity> severity = {}) {
    out.tally(rule, severity == Severity::kInfo ? Verdict::kPass : Verdict::kFail);
    out.add(rule, std::move(message), &call, entity, {evidence}, {}, severity);
  }

  void check(const sdp::Crypto& crypto, const std::vector<InlineKey>& keys) {
    const crypto::SrtpSuite* suite = crypto::srtp_suite_by_sdes_name(crypto.suite);
    std::set<std::string_view> mkis;
    std::string mki;
    for (const InlineKey& key : keys) {
      if (const std::string_view weak = weakness(key); !weak.empty()) {
        tell(kWeakKey, fmt::format("{} ({}) {}", masked_key(key), canonical_suite(crypto.suite), weak));
      } else {
        out.tally(kWeakKey, key.bytes.empty() ? Verdict::kNotAssessable : Verdict::kPass);
      }
      check_length(crypto, suite, key);
      if (mki.empty()) mki = mki_trouble(key);
      mkis.insert(key.mki);
      check_lifetime(key);
    }
    if (!mki.empty()) {
      tell(kMki, mki);
    } else if (keys.size() > 1 && (mkis.size() != keys.size() || mkis.contains(std::string_view{}))) {
      tell(kMki, fmt::format("{} keys stand in one line without an MKI each", keys.size()), Severity::kMedium);
    }
  }

  void check_length(const sdp::Crypto& crypto, const crypto::SrtpSuite* suite, const InlineKey& key) {
    if (key.bytes.empty()) {
      tell(kKeyLength,
           fmt::format("a key for {} is no base64 ({} characters)", canonical_suite(crypto.suite), key.text.size()));
      return;
    }
    if (suite == nullptr) {
      out.tally(kKeyLength, Verdict::kNotAssessable);
      return;
    }
    const std::size_t wanted = std::size_t{suite->key_size} + suite->salt_size;
    if (key.bytes.size() != wanted) {
      tell(kKeyLength, fmt::format("{} wants {} bytes of key and salt, not {}", canonical_suite(crypto.suite), wanted,
                                   key.bytes.size()));
    } else if (key.text.size() % 4 != 0 && !padding_told) {
      padding_told = true;
      tell(kKeyLength,
           fmt::format("the base64 padding of a {} key is missing; it still decodes", canonical_suite(crypto.suite)),
           Severity::kInfo);
    } else {
      out.tally(kKeyLength, Verdict::kPass);
    }
  }

  void check_lifetime(const InlineKey& key) {
    if (key.lifetime.empty()) {
      out.tally(kLifetime, Verdict::kPass);
      return;
    }
    const auto packets = lifetime_of(key.lifetime);
    if (!packets) {
      tell(kLifetime, fmt::format("lifetime \"{}\" is neither a number nor a power of two", key.lifetime));
    } else if (*packets == 0 || *packets > kMaxLifetime) {
      tell(kLifetime, fmt::format("lifetime {} is {}", key.lifetime,
                                  *packets == 0 ? "zero" : "above 2^48, the most that SRTP allows"));
    }
  }
};

// Packets that each key is known to have protected.
void check_use(Findings& out, const Call& call, const CallKeys& keys, const SdpUse& use, const MediaLine& line,
               const InlineKey& key) {
  const auto lifetime = lifetime_of(key.lifetime);
  if (!lifetime || *lifetime == 0 || *lifetime > kMaxLifetime) return;
  const TextKey identity = key_identity(key);
  std::uint64_t packets = 0;
  for (const auto& stream : call.streams) {
    if (stream->attachment == nullptr) continue;
    const auto& state = static_cast<const StreamState&>(*stream->attachment);
    if (state.auth == nullptr) continue;
    for (std::size_t i = 0; i < state.auth->valid_by_key.size() && i < keys.texts.size(); ++i) {
      if (keys.texts[i] == identity) packets += state.auth->valid_by_key[i];
    }
  }
  if (packets <= *lifetime) {
    out.tally(kLifetime, packets == 0 ? Verdict::kNotAssessable : Verdict::kPass);
    return;
  }
  out.tally(kLifetime, Verdict::kFail);
  out.add(
      kLifetime,
      fmt::format("{} packets were protected under {}, whose lifetime is {}", packets, masked_key(key), key.lifetime),
      &call, line.rtp.address.to_string() + "|lifetime", {{use.frame, "a=crypto"}});
}

}  // namespace

void check_keys(Findings& out, const Call& call, const CallKeys* keys) {
  std::set<std::string> seen;
  bool any = false;
  bool padding_told = false;
  bool mki_tallied = false;
  for (const SdpUse& use : call.sdp_uses) {
    for (const MediaLine& line : use.sdp->media()) {
      for (const sdp::Crypto& crypto : line.cryptos) {
        if (seen.size() >= 64 || !seen.insert(std::string(crypto.suite) + '\n' + std::string(crypto.key_params)).second)
          continue;
        any = true;
        const std::vector<InlineKey> inlined = inline_keys(crypto);
        KeyRules{out,
                 call,
                 line.rtp.address.to_string() + "|key",
                 {use.frame, use.status == 0 ? "a=crypto in a request" : "a=crypto in a response"},
                 padding_told}
            .check(crypto, inlined);
        if (!mki_tallied && std::ranges::any_of(inlined, [](const InlineKey& k) { return !k.mki.empty(); }))
          mki_tallied = true;
        if (keys == nullptr) continue;
        for (const InlineKey& key : inlined) {
          if (!key.lifetime.empty()) check_use(out, call, *keys, use, line, key);
        }
      }
    }
  }
  if (any) return;
  for (const Rule* rule : {&kWeakKey, &kKeyLength, &kLifetime}) out.tally(*rule, Verdict::kNotApplicable);
}

// SRTP-025 on the wire.
void check_mki(Findings& out, const Call& call, const session::MediaStream& stream, const Agreement& agreement,
               const StreamRecord& record) {
  if (agreement.keying != Keying::kSdes || agreement.answered_crypto == nullptr) {
    out.tally(kMki, Verdict::kNotApplicable);
    return;
  }
  const auto tag = tag_bytes(agreement.suite);
  // Of either side: who sent this stream is not always known.
  std::set<unsigned> promised;
  for (const sdp::Crypto* crypto : {agreement.answered_crypto, agreement.offered_crypto}) {
    if (crypto == nullptr) continue;
    for (const InlineKey& key : inline_keys(*crypto)) {
      promised.insert(std::min(128U, parse_number<unsigned>(key.mki_length).value_or(0)));
    }
  }
  std::optional<unsigned> seen;
  bool certain = false;
  const auto* state = static_cast<const StreamState*>(stream.attachment.get());
  if (state != nullptr && state->auth != nullptr && state->auth->proven()) {
    seen = static_cast<unsigned>(state->auth->search.key(*state->auth->search.proven())->parameters().mki_size);
    certain = true;
  } else if (tag && record.observed == Observed::kEncrypted && record.overhead && record.packets >= 50 &&
             agreement.parameters.find("UNAUTHENTICATED_SRTP") == std::string::npos) {
    const std::int32_t beyond = *record.overhead - static_cast<std::int32_t>(*tag);
    if (beyond >= 0 && beyond <= 128) seen = static_cast<unsigned>(beyond);
  }
  if (!seen) {
    out.tally(kMki, Verdict::kNotAssessable);
    return;
  }
  if (promised.contains(*seen)) {
    out.tally(kMki, Verdict::kPass);
    return;
  }
  out.tally(kMki, Verdict::kFail);
  out.add(kMki,
          fmt::format("packets from {} to {} carry {} bytes of MKI, the signalling promises {}", record.src.to_string(),
                      record.dst.to_string(), *seen, *promised.rbegin()),
          &call, hosts(record.src, record.dst) + "|mki", {{record.first, "first packet"}},
          {{"source", record.src.to_string()}, {"destination", record.dst.to_string()}}, {},
          certain ? Confidence::kCertain : Confidence::kProbable);
}

}  // namespace voip::analyze::srtp
