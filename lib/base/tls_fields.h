#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/bytes.h"

// What the hello messages of TLS and DTLS have in common (RFC 8446 section 4).
namespace voip::tls_fields {

// Section 4.2 and the IANA registry; those that are looked at.
enum Extension : std::uint16_t {
  kServerName = 0,
  kSupportedGroups = 10,
  kSignatureAlgorithms = 13,
  kUseSrtp = 14,
  kAlpn = 16,
  kEncryptThenMac = 22,
  kExtendedMasterSecret = 23,
  kSessionTicket = 35,
  kPreSharedKey = 41,
  kEarlyData = 42,
  kSupportedVersions = 43,
  kKeyShare = 51,
  kRenegotiationInfo = 0xff01,
};

constexpr std::size_t kMostExtensions = 128;
constexpr std::size_t kMostCertificates = 16;

// Section 4.1.3: a ServerHello with the SHA-256 of "HelloRetryRequest" as its random is one.
inline constexpr std::array<std::uint8_t, 32> kRetryRandom{
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
inline bool is_retry(ByteView random) { return std::ranges::equal(random, kRetryRandom); }

// How a block of extensions ended.
enum class Block : std::uint8_t { kWhole, kMalformed, kTooMany };

// Calls take(type, data) for each extension of the block that is all of `in`.
template <class Function>
Block each_extension(ByteCursor& in, Function&& take) {
  for (std::size_t i = 0; in.remaining() > 0; ++i) {
    if (i == kMostExtensions) return Block::kTooMany;
    const auto type = in.be<std::uint16_t>();
    const ByteView data = in.take(in.be<std::uint16_t>());
    if (!in.ok()) return Block::kMalformed;
    take(type, data);
  }
  return in.ok() ? Block::kWhole : Block::kMalformed;
}

// What follows a length of 8 or 16 bits; empty when it does not fit.
template <std::unsigned_integral Width>
ByteView inside(ByteView data) {
  ByteCursor in{data};
  return in.take(in.be<Width>());
}

}  // namespace voip::tls_fields
