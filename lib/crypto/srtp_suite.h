#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace voip::crypto {

enum class SrtpCipher : std::uint8_t { kNull, kAesCm, kAesF8, kAesGcm, kOther };

// What one SRTP crypto suite is made of. One row per suite, however it is negotiated.
struct SrtpSuite {
  std::string_view sdes_name;      // RFC 4568 registry, or what is used in its place; empty: DTLS-SRTP only
  std::string_view sdes_old_name;  // spelling of old drafts that is still sent; empty: none
  std::string_view dtls_name;      // IANA, DTLS-SRTP protection profiles; empty: none
  std::uint16_t dtls_profile = 0;  // 0: none
  SrtpCipher cipher = SrtpCipher::kOther;
  std::uint8_t key_size = 0;  // bytes, as are all sizes here
  std::uint8_t salt_size = 0;
  std::uint8_t rtp_tag_size = 0;
  std::uint8_t rtcp_tag_size = 0;  // as the RFCs say; senders differ
  bool supported = false;          // SrtpKey can use it

  bool aead() const { return cipher == SrtpCipher::kAesGcm; }
  bool encrypts() const { return cipher != SrtpCipher::kNull; }
  // The SDES name, else the DTLS one.
  std::string_view name() const { return sdes_name.empty() ? dtls_name : sdes_name; }
};

std::span<const SrtpSuite> srtp_suites();
// As it stands in a=crypto, in any case. Null when unknown.
const SrtpSuite* srtp_suite_by_sdes_name(std::string_view name);
// The number in use_srtp. Null when unknown.
const SrtpSuite* srtp_suite_by_dtls_profile(std::uint16_t profile);

}  // namespace voip::crypto
