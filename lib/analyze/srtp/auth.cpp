#include "analyze/srtp/auth.h"

#include <algorithm>

#include "base/text.h"

namespace voip::analyze::srtp {

namespace {

constexpr std::size_t kMaxKeysPerCall = 64;
constexpr std::size_t kMaxFailedFrames = 10'000;

crypto::SrtpParameters parameters_of(const sdp::Crypto& crypto, const InlineKey& key) {
  crypto::SrtpParameters parameters;
  TextCursor words{crypto.session_params};
  while (!words.at_end()) {
    const std::string_view word = words.word();
    words.skip_blanks();
    if (iequals(word, "UNENCRYPTED_SRTP")) parameters.unencrypted_srtp = true;
    if (iequals(word, "UNENCRYPTED_SRTCP")) parameters.unencrypted_srtcp = true;
    if (iequals(word, "UNAUTHENTICATED_SRTP")) parameters.unauthenticated_srtp = true;
    if (istarts_with(word, "KDR=")) {
      // RFC 4568 section 6.3.1: the exponent of two.
      const auto exponent = parse_number<unsigned>(word.substr(4));
      if (exponent && *exponent <= 24) parameters.key_derivation_rate = 1U << *exponent;
    }
  }
  if (const auto length = parse_number<std::size_t>(key.mki_length); length && *length <= 128)
    parameters.mki_size = *length;
  return parameters;
}

void add_key(CallKeys& keys, const crypto::SrtpSuite& suite, const InlineKey& key,
             const crypto::SrtpParameters& parameters, crypto::KeyDerivation derivation) {
  const ByteView bytes{key.bytes};
  auto made =
      crypto::SrtpKey::make(suite, bytes.first(suite.key_size), bytes.subspan(suite.key_size), parameters, derivation);
  if (made.ok() && keys.keys.size() < kMaxKeysPerCall)
    keys.keys.push_back(std::make_shared<crypto::SrtpKey>(std::move(*made)));
}

}  // namespace

void collect_keys(const session::Call& call, CallKeys& keys) {
  for (; keys.uses_read < call.sdp_uses.size(); ++keys.uses_read) {
    for (const session::MediaLine& line : call.sdp_uses[keys.uses_read].sdp->media()) {
      for (const sdp::Crypto& crypto : line.cryptos) {
        const crypto::SrtpSuite* suite = crypto::srtp_suite_by_sdes_name(crypto.suite);
        if (suite == nullptr || !suite->supported) continue;
        for (const InlineKey& key : inline_keys(crypto)) {
          if (key.bytes.size() != std::size_t{suite->key_size} + suite->salt_size) continue;
          const TextKey text = text_key(crypto.suite, key.text, crypto.session_params);
          if (std::ranges::find(keys.known, text) != keys.known.end()) continue;
          keys.known.push_back(text);
          const crypto::SrtpParameters parameters = parameters_of(crypto, key);
          add_key(keys, *suite, key, parameters, crypto::KeyDerivation::kRfc3711);
          if (suite->key_size == 24) add_key(keys, *suite, key, parameters, crypto::KeyDerivation::kLibsrtp192);
        }
      }
    }
  }
}

void AuthState::check(ByteView packet, std::size_t header_size, const FrameRef& frame) {
  if (search.exhausted()) return;
  const crypto::KeySearch::Check result = search.check(packet, header_size);
  ++checked;
  if (result.verdict == crypto::KeySearch::Verdict::kValid) {
    if (valid++ == 0) first_valid = frame;
    const crypto::SrtpKey& key = *search.key(result.candidate);
    if (!key.suite().encrypts() || key.parameters().unencrypted_srtp) ++valid_clear;
    failing_run = 0;
    return;
  }
  ++failed;
  longest_failing_run = std::max(longest_failing_run, ++failing_run);
  if (failed_frames.size() < kMaxFailedFrames) failed_frames.push_back(frame);
}

}  // namespace voip::analyze::srtp
