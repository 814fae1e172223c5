#include "crypto/srtp_suite.h"

#include <array>

#include "base/text.h"

namespace voip::crypto {

namespace {

using enum SrtpCipher;

// RFC 4568 section 6.2, RFC 5669, RFC 5764 section 4.1.2, RFC 6188, RFC 7714, RFC 8269, RFC 8723. The 32 bits of the
// _32 suites are for RTP alone.
constexpr std::array kSuites{
    SrtpSuite{"AES_CM_128_HMAC_SHA1_80", "", "SRTP_AES128_CM_HMAC_SHA1_80", 0x0001, kAesCm, 16, 14, 10, 10, true},
    SrtpSuite{"AES_CM_128_HMAC_SHA1_32", "", "SRTP_AES128_CM_HMAC_SHA1_32", 0x0002, kAesCm, 16, 14, 4, 10, true},
    SrtpSuite{"AES_192_CM_HMAC_SHA1_80", "AES_CM_192_HMAC_SHA1_80", "", 0, kAesCm, 24, 14, 10, 10, true},
    SrtpSuite{"AES_192_CM_HMAC_SHA1_32", "AES_CM_192_HMAC_SHA1_32", "", 0, kAesCm, 24, 14, 4, 10, true},
    SrtpSuite{"AES_256_CM_HMAC_SHA1_80", "AES_CM_256_HMAC_SHA1_80", "", 0, kAesCm, 32, 14, 10, 10, true},
    SrtpSuite{"AES_256_CM_HMAC_SHA1_32", "AES_CM_256_HMAC_SHA1_32", "", 0, kAesCm, 32, 14, 4, 10, true},
    SrtpSuite{"AEAD_AES_128_GCM", "", "SRTP_AEAD_AES_128_GCM", 0x0007, kAesGcm, 16, 12, 16, 16, true},
    SrtpSuite{"AEAD_AES_256_GCM", "", "SRTP_AEAD_AES_256_GCM", 0x0008, kAesGcm, 32, 12, 16, 16, true},
    SrtpSuite{"F8_128_HMAC_SHA1_80", "", "", 0, kAesF8, 16, 14, 10, 10, true},
    SrtpSuite{"F8_128_HMAC_SHA1_32", "", "", 0, kAesF8, 16, 14, 4, 10, true},
    SrtpSuite{"NULL_HMAC_SHA1_80", "", "SRTP_NULL_HMAC_SHA1_80", 0x0005, kNull, 16, 14, 10, 10, true},
    SrtpSuite{"NULL_HMAC_SHA1_32", "", "SRTP_NULL_HMAC_SHA1_32", 0x0006, kNull, 16, 14, 4, 10, true},
    SrtpSuite{"SEED_CTR_128_HMAC_SHA1_80", "", "", 0, kOther, 16, 14, 10, 10, false},
    SrtpSuite{"SEED_128_CCM_80", "", "", 0, kOther, 16, 14, 10, 10, false},
    SrtpSuite{"SEED_128_GCM_96", "", "", 0, kOther, 16, 12, 12, 12, false},
    SrtpSuite{"", "", "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", 0x0009, kOther, 32, 24, 32, 16, false},
    SrtpSuite{"", "", "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM", 0x000a, kOther, 64, 24, 32, 16, false},
    SrtpSuite{"", "", "SRTP_ARIA_128_CTR_HMAC_SHA1_80", 0x000b, kOther, 16, 14, 10, 10, false},
    SrtpSuite{"", "", "SRTP_ARIA_128_CTR_HMAC_SHA1_32", 0x000c, kOther, 16, 14, 4, 10, false},
    SrtpSuite{"", "", "SRTP_ARIA_256_CTR_HMAC_SHA1_80", 0x000d, kOther, 32, 14, 10, 10, false},
    SrtpSuite{"", "", "SRTP_ARIA_256_CTR_HMAC_SHA1_32", 0x000e, kOther, 32, 14, 4, 10, false},
    SrtpSuite{"", "", "SRTP_AEAD_ARIA_128_GCM", 0x000f, kOther, 16, 12, 16, 16, false},
    SrtpSuite{"", "", "SRTP_AEAD_ARIA_256_GCM", 0x0010, kOther, 32, 12, 16, 16, false},
};

}  // namespace

std::span<const SrtpSuite> srtp_suites() { return kSuites; }

const SrtpSuite* srtp_suite_by_sdes_name(std::string_view name) {
  if (name.empty()) return nullptr;
  for (const SrtpSuite& suite : kSuites) {
    if (iequals(name, suite.sdes_name) || iequals(name, suite.sdes_old_name)) return &suite;
  }
  return nullptr;
}

const SrtpSuite* srtp_suite_by_dtls_profile(std::uint16_t profile) {
  if (profile == 0) return nullptr;
  for (const SrtpSuite& suite : kSuites) {
    if (suite.dtls_profile == profile) return &suite;
  }
  return nullptr;
}

}  // namespace voip::crypto
