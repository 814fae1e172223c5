#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace voip::crypto {

// What a verification with ES256 (RFC 7518 section 3.4: r and s, 32 bytes each, big-endian) came to.
enum class Es256 : std::uint8_t {
  kValid,
  kMismatch,     // well formed, but not made with this key over these bytes
  kBadLength,    // neither 64 bytes nor DER
  kDer,          // an ECDSA-Sig-Value (RFC 3279) that verifies once converted: a signer's bug
  kDerMismatch,  // an ECDSA-Sig-Value that does not verify either
  kSwapped,      // verifies with r and s changed round
  kZero,         // r or s is 0
  kOutOfRange,   // r or s is the group's order or more
  kNoKey,
};
const char* to_string(Es256 verdict);

// A public key on P-256. Belongs to one thread.
class Es256Key {
 public:
  Es256Key();
  ~Es256Key();
  Es256Key(Es256Key&&) noexcept;
  Es256Key& operator=(Es256Key&&) noexcept;

  // From a DER SubjectPublicKeyInfo. Unusable when it is no EC key on the named curve P-256, or no point of it.
  static Es256Key from_spki(ByteView der);
  bool usable() const;

  // Over the exact bytes of the message, which is hashed here with SHA-256.
  Es256 verify(ByteView message, ByteView signature) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace voip::crypto
