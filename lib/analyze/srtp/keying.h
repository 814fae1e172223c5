#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/call.h"

// What an SDP offer and its answer say about keys (RFC 4568, 5763, 4567, 6189).
namespace voip::analyze::srtp {

enum class Keying : std::uint8_t { kNone, kSdes, kDtlsSrtp, kZrtp, kMikey, kUnknown };
std::string_view to_string(Keying keying);  // "none", "sdes", "dtls-srtp", "zrtp", "mikey", "unknown"

// The schemes that an m= line carries attributes for, in a fixed order; empty: none.
std::vector<Keying> schemes_of(const session::MediaLine& line);
bool has_scheme(const session::MediaLine& line, Keying keying);
// SDES or DTLS attributes: what keys SRTP without more ado.
bool carries_keys(const session::MediaLine& line);

// The IANA spelling of an SDES suite: AES_CM_256_HMAC_SHA1_80 of older stacks becomes AES_256_CM_HMAC_SHA1_80.
std::string canonical_suite(std::string_view suite);
// Bytes of authentication tag that the suite adds to RTP; empty for a name that we don't know.
std::optional<unsigned> tag_bytes(std::string_view canonical_suite);

// What both ends agreed for one m= line in one exchange.
struct Agreement {
  Keying keying = Keying::kUnknown;
  std::string profile;                          // of the answer, else of the offer
  std::string suite;                            // canonical SDES suite of the answer; empty for other schemes
  std::string parameters;                       // SDES session parameters of the answer's line
  const sdp::Crypto* offered_crypto = nullptr;  // the offer's line that the answer's tag names
  const sdp::Crypto* answered_crypto = nullptr;
  bool rejected = false;        // the answer's port is 0
  bool secure_profile = false;  // of the answer (else of the offer)
  bool inactive = false;        // either side says a=inactive
};
// Either line may be null (not seen). A missing answer gives kUnknown.
Agreement agree(const session::MediaLine* offer, const session::MediaLine* answer);

// One key of an a=crypto line: "inline:" <base64 of key||salt> ["|" lifetime] ["|" MKI ":" length] (RFC 4568
// section 6.1).
struct InlineKey {
  std::string_view text;            // the base64 text
  std::vector<std::uint8_t> bytes;  // decoded; empty when it is no base64
  std::string_view lifetime;
  std::string_view mki;
  std::string_view mki_length;
};
std::vector<InlineKey> inline_keys(const sdp::Crypto& crypto);

// What secures the media, as text that is equal only when nothing changed: profile class, crypto lines, fingerprints
// and zrtp-hash, with the case of hex and the order of attributes levelled out.
std::string keying_signature(const session::MediaLine& line);

}  // namespace voip::analyze::srtp
