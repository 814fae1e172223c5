#pragma once

// What the SRTP transforms are made of. For crypto/srtp*.cpp only.

// SHA1_* is deprecated in favour of EVP_MAC. But only it lets the state after the key's pads be kept and copied as a
// plain value: 185 ns a packet, where a kept EVP_MAC takes 326 ns, and every packet of a capture goes through here.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "crypto/sha1_pair.h"
#include "crypto/srtp.h"

namespace voip::crypto {

namespace srtp_parts {

constexpr std::size_t kBlock = 16;
constexpr std::size_t kRtpFixedHeader = 12;
constexpr std::size_t kGcmTag = 16;
constexpr std::size_t kMaxPacket = 1U << 16;

using Block = std::array<std::uint8_t, kBlock>;
using Salt = std::array<std::uint8_t, 14>;

struct ContextFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextFree>;

enum class Mode : std::uint8_t { kCtr, kGcm, kEcb };

// Null when OpenSSL refuses.
Context make_context(Mode mode, ByteView key, bool encrypt);

inline void store_be32(std::uint8_t* at, std::uint32_t value) {
  for (int i = 3; i >= 0; --i, value >>= 8) at[i] = static_cast<std::uint8_t>(value);
}

// HMAC-SHA1 with the states after the two pads kept.
struct HmacSha1 {
  SHA_CTX inner;
  SHA_CTX outer;

  void set_key(ByteView key) {  // at most a block long
    std::array<std::uint8_t, SHA_CBLOCK> pad{};
    std::copy(key.begin(), key.end(), pad.begin());
    for (std::uint8_t& byte : pad) byte ^= 0x36;
    SHA1_Init(&inner);
    SHA1_Update(&inner, pad.data(), pad.size());
    for (std::uint8_t& byte : pad) byte ^= 0x36 ^ 0x5c;
    SHA1_Init(&outer);
    SHA1_Update(&outer, pad.data(), pad.size());
  }

  std::array<std::uint8_t, SHA_DIGEST_LENGTH> of(ByteView bytes, ByteView more) const {
    std::array<std::uint8_t, SHA_DIGEST_LENGTH> value;
    SHA_CTX state = inner;
    SHA1_Update(&state, bytes.data(), bytes.size());
    if (!more.empty()) SHA1_Update(&state, more.data(), more.size());
    SHA1_Final(value.data(), &state);
    state = outer;
    SHA1_Update(&state, value.data(), value.size());
    SHA1_Final(value.data(), &state);
    return value;
  }
};

bool fits_rtp(ByteView packet, std::size_t header_size, std::size_t overhead);

// RFC 3711 section 4.2.1.
bool hmac_matches(const HmacSha1& hmac, std::size_t tag_size, std::size_t mki_size, ByteView packet, std::uint32_t roc);

// RFC 7714 section 8. Decrypts to `out`, which is as large as the ciphertext, and says whether the tag was right.
bool open_gcm(EVP_CIPHER_CTX* context, const Block& iv, ByteView aad, ByteView more_aad, ByteView ciphertext,
              ByteView tag, std::uint8_t* out);
bool open_gcm_rtp(EVP_CIPHER_CTX* context, const Salt& salt, const SrtpParameters& parameters, ByteView packet,
                  std::size_t header_size, std::uint32_t roc, std::uint8_t* out);

}  // namespace srtp_parts

struct SrtpTagCheck::State {
  SrtpParameters parameters;
  std::size_t tag_size = 0;
  bool aead = false;
  srtp_parts::HmacSha1 hmac;  // unless aead
  Sha1State inner{};          // of hmac, as are
  Sha1State outer{};
  std::size_t key_size = 0;
  std::array<std::uint8_t, 32> key{};
  srtp_parts::Salt salt{};

  ~State() {
    OPENSSL_cleanse(key.data(), key.size());
    OPENSSL_cleanse(&hmac, sizeof hmac);
    OPENSSL_cleanse(inner.data(), sizeof inner);
    OPENSSL_cleanse(outer.data(), sizeof outer);
  }
};

}  // namespace voip::crypto
