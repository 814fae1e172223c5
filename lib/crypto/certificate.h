#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/time.h"
#include "crypto/digest.h"

// What media encryption wants to know of an X.509 certificate: its hashes (a=fingerprint), the strength of its key and
// of its signature. Nobody is trusted or refused here.
namespace voip::crypto {

enum class KeyType : std::uint8_t { kOther, kRsa, kEc, kDsa, kEdwards };
std::string_view to_string(KeyType type);  // "RSA", "EC", "DSA", "EdDSA", "unknown"

struct CertificateFacts {
  bool readable = false;  // false: only the hashes hold
  KeyType key_type = KeyType::kOther;
  unsigned key_bits = 0;
  std::string signature_digest;  // "sha256", "sha1", "md5"; empty where the algorithm has none of its own
  unsigned signature_bits = 0;   // security of that digest, 0 unknown: md5 below 40, sha1 63, sha256 128
  bool self_signed = false;      // issuer and subject are the same
  Timestamp not_before;          // unknown where the text makes no sense
  Timestamp not_after;
  std::array<Digest, 7> digests;  // of the DER bytes, by Hash; size 0 where the library refuses

  const Digest& digest(Hash hash) const { return digests[static_cast<std::size_t>(hash)]; }
};

// The first certificate of `der`.
CertificateFacts read_certificate(ByteView der);

}  // namespace voip::crypto
