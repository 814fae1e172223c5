#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::mikey {

// RFC 3830 section 6.1; 7 and 8 RFC 4650, 9 and 10 RFC 4738, 11 to 18 RFC 6043, 26 RFC 6509.
enum class DataType : std::uint8_t {
  kPskInit = 0,
  kPskResponse = 1,
  kPkInit = 2,
  kPkResponse = 3,
  kDhInit = 4,
  kDhResponse = 5,
  kError = 6,
  kDhHmacInit = 7,
  kDhHmacResponse = 8,
  kRsaRInit = 9,
  kRsaRResponse = 10,
  kSakke = 26,
};
// "pre-shared key", "public key", ...; "unknown".
std::string_view to_string(DataType type);

// RFC 3830 section 6.1, table 6.1.b.
enum class Payload : std::uint8_t {
  kLast = 0,
  kKemac = 1,
  kPke = 2,
  kDh = 3,
  kSign = 4,
  kT = 5,
  kId = 6,
  kCert = 7,
  kChash = 8,
  kV = 9,
  kSp = 10,
  kRand = 11,
  kErr = 12,
  kKeyData = 20,
  kGeneralExt = 21,
};

// RFC 3830 section 6.2, tables 6.2.a and b.
enum class Encryption : std::uint8_t { kNull = 0, kAesCm128 = 1, kAesKw128 = 2 };
enum class Mac : std::uint8_t { kNull = 0, kHmacSha1_160 = 1 };

// One SRTP crypto session, section 6.1.1.
struct CryptoSession {
  std::uint8_t policy = 0;
  std::uint32_t ssrc = 0;
  std::uint32_t roc = 0;
};

// SRTP policy, section 6.10.1; what is absent has its default there.
struct SrtpPolicy {
  std::uint8_t number = 0;
  std::optional<std::uint8_t> encryption;  // 0 NULL, 1 AES-CM, 2 AES-F8
  std::optional<std::uint8_t> encryption_key_length;
  std::optional<std::uint8_t> authentication;  // 0 NULL, 1 HMAC-SHA-1
  std::optional<std::uint8_t> tag_length;      // bytes
  std::optional<bool> srtp_encryption;
  std::optional<bool> srtcp_encryption;
  std::optional<bool> srtp_authentication;
};

struct MessageView {
  std::uint8_t version = 1;
  DataType type = DataType::kPskInit;
  bool verification = false;  // V: an answer is wanted
  std::uint8_t prf = 0;       // 0 MIKEY-1
  std::uint32_t csb_id = 0;
  std::uint8_t map_type = 0;  // 0 SRTP-ID
  std::vector<CryptoSession> sessions;
  std::vector<Payload> payloads;  // in their order, as far as the chain could be followed
  std::vector<SrtpPolicy> policies;
  bool kemac = false;
  Encryption encryption = Encryption::kNull;  // of the KEMAC
  Mac mac = Mac::kNull;
  bool readable_key = false;             // a TGK or TEK stands in the KEMAC unencrypted
  std::optional<std::uint8_t> dh_group;  // 0 OAKLEY 5 (1536), 1 OAKLEY 1 (768), 2 OAKLEY 2 (1024)
  std::optional<std::uint8_t> error;
  bool whole = false;  // the chain was followed to its end
};

// The decoded bytes of a=key-mgmt:mikey (RFC 4567). An unknown payload ends the reading with whole == false; payloads
// that don't fit are an error. At most 32 payloads and 255 sessions.
Parsed<MessageView> parse(ByteView message);

}  // namespace voip::mikey
