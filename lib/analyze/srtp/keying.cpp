#include "analyze/srtp/keying.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/codec.h"
#include "base/text.h"

namespace voip::analyze::srtp {

namespace {

const session::MediaLine* in_use(const session::MediaLine* line) {
  return line != nullptr && line->port != 0 ? line : nullptr;
}

}  // namespace

std::string_view to_string(Keying keying) {
  switch (keying) {
    case Keying::kNone: return "none";
    case Keying::kSdes: return "sdes";
    case Keying::kDtlsSrtp: return "dtls-srtp";
    case Keying::kZrtp: return "zrtp";
    case Keying::kMikey: return "mikey";
    case Keying::kUnknown: return "unknown";
  }
  return "unknown";
}

bool has_scheme(const session::MediaLine& line, Keying keying) {
  switch (keying) {
    case Keying::kSdes: return !line.cryptos.empty();
    case Keying::kDtlsSrtp: return !line.fingerprints.empty() && line.rtp_profile();
    case Keying::kZrtp: return !line.zrtp_hashes.empty();
    case Keying::kMikey: return istarts_with(trim(line.key_mgmt), "mikey");
    case Keying::kNone:
    case Keying::kUnknown: return false;
  }
  return false;
}

std::vector<Keying> schemes_of(const session::MediaLine& line) {
  std::vector<Keying> schemes;
  for (const Keying keying : {Keying::kSdes, Keying::kDtlsSrtp, Keying::kZrtp, Keying::kMikey}) {
    if (has_scheme(line, keying)) schemes.push_back(keying);
  }
  return schemes;
}

bool carries_keys(const session::MediaLine& line) {
  return !line.cryptos.empty() || (!line.fingerprints.empty() && line.rtp_profile()) ||
         has_scheme(line, Keying::kMikey);
}

std::string canonical_suite(std::string_view suite) {
  std::string upper(suite);
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  for (const auto& [old_name, name] : std::array<std::pair<std::string_view, std::string_view>, 2>{
           {{"AES_CM_192_HMAC_SHA1_", "AES_192_CM_HMAC_SHA1_"}, {"AES_CM_256_HMAC_SHA1_", "AES_256_CM_HMAC_SHA1_"}}}) {
    if (upper.starts_with(old_name)) return std::string(name) + upper.substr(old_name.size());
  }
  return upper;
}

std::optional<unsigned> tag_bytes(std::string_view suite) {
  if (suite.ends_with("SHA1_80")) return 10;
  if (suite.ends_with("SHA1_32")) return 4;
  if (suite.starts_with("AEAD_") || suite.ends_with("GCM") || suite.ends_with("_CCM"))
    return suite.ends_with("_8") ? 8 : 16;
  if (suite.starts_with("SEED_CTR_128_HMAC_SHA1")) return 10;
  if (suite.starts_with("SEED_128_")) return 16;
  return std::nullopt;
}

Agreement agree(const session::MediaLine* offer, const session::MediaLine* answer) {
  Agreement result;
  const session::MediaLine* said = answer != nullptr ? answer : offer;
  if (said == nullptr) return result;
  result.profile = said->protocol;
  result.secure_profile = said->secure_profile();
  result.inactive = said->direction == sdp::Direction::kInactive;
  if (answer != nullptr && answer->port == 0) {
    result.rejected = true;
    result.keying = Keying::kNone;
    if (offer != nullptr) result.profile = answer->protocol;
    return result;
  }
  if (answer == nullptr) return result;
  if (offer == nullptr) {
    // The capture began later: what was agreed needs both.
    if (!answer->cryptos.empty()) {
      result.answered_crypto = &answer->cryptos.front();
      result.suite = canonical_suite(result.answered_crypto->suite);
      result.parameters = trim(result.answered_crypto->session_params);
    }
    return result;
  }
  offer = in_use(offer);
  if (offer == nullptr) {
    result.keying = Keying::kNone;
    return result;
  }
  // An answer that carries both schemes decides by its profile.
  const bool dtls = has_scheme(*answer, Keying::kDtlsSrtp) && has_scheme(*offer, Keying::kDtlsSrtp);
  if (!answer->cryptos.empty() && !offer->cryptos.empty() && !(dtls && answer->dtls_profile())) {
    result.keying = Keying::kSdes;
    result.answered_crypto = &answer->cryptos.front();
    for (const sdp::Crypto& crypto : offer->cryptos) {
      if (crypto.tag == result.answered_crypto->tag) result.offered_crypto = &crypto;
    }
    result.suite = canonical_suite(result.answered_crypto->suite);
    result.parameters = trim(result.answered_crypto->session_params);
    return result;
  }
  if (dtls) {
    result.keying = Keying::kDtlsSrtp;
  } else if (has_scheme(*answer, Keying::kMikey) && has_scheme(*offer, Keying::kMikey)) {
    result.keying = Keying::kMikey;
  } else {
    result.keying = Keying::kNone;
  }
  return result;
}

std::vector<InlineKey> inline_keys(const sdp::Crypto& crypto) {
  std::vector<InlineKey> keys;
  std::string_view rest = crypto.key_params;
  while (!rest.empty() && keys.size() < 16) {
    const std::size_t end = rest.find(';');
    std::string_view one = trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (!istarts_with(one, "inline:")) continue;
    one.remove_prefix(7);
    InlineKey key;
    key.text = one.substr(0, one.find('|'));
    if (auto bytes = decode_base64(key.text)) key.bytes = std::move(*bytes);
    std::size_t at = one.find('|');
    while (at != std::string_view::npos) {
      const std::size_t next = one.find('|', at + 1);
      const std::string_view part = one.substr(at + 1, next == std::string_view::npos ? next : next - at - 1);
      if (const std::size_t colon = part.find(':'); colon != std::string_view::npos) {
        key.mki = part.substr(0, colon);
        key.mki_length = part.substr(colon + 1);
      } else {
        key.lifetime = part;
      }
      at = next;
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

std::string keying_signature(const session::MediaLine& line) {
  std::vector<std::string> parts;
  for (const sdp::Crypto& crypto : line.cryptos) {
    parts.push_back("crypto " + std::string(crypto.tag) + ' ' + canonical_suite(crypto.suite) + ' ' +
                    std::string(crypto.key_params) + ' ' + std::string(trim(crypto.session_params)));
  }
  for (const sdp::Fingerprint& fingerprint : line.fingerprints) {
    parts.push_back("fingerprint " + to_lower(fingerprint.hash) + ' ' + to_lower(fingerprint.value));
  }
  for (const std::string_view hash : line.zrtp_hashes) parts.push_back("zrtp-hash " + to_lower(hash));
  if (!line.key_mgmt.empty()) parts.push_back("key-mgmt " + std::string(trim(line.key_mgmt)));
  if (!line.fingerprints.empty() && !line.setup.empty()) parts.push_back("setup " + to_lower(line.setup));
  std::ranges::sort(parts);
  std::string signature = line.secure_profile() ? "secure" : "plain";
  for (const std::string& part : parts) signature += '\n' + part;
  return signature;
}

}  // namespace voip::analyze::srtp
