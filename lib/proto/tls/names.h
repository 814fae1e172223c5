#pragma once

#include <cstdint>
#include <string_view>

namespace voip::tls {

// IANA's name ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"); empty when unlisted.
std::string_view cipher_suite_name(std::uint16_t suite);
// "TLS 1.2"; empty when unlisted.
std::string_view version_name(std::uint16_t version);

}  // namespace voip::tls
