#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "crypto/srtp_suite.h"

namespace voip::crypto {

// The pseudo-random functions of TLS and DTLS: 1.0 and 1.1 (RFC 2246 section 5), 1.2 (RFC 5246 section 5).
enum class TlsPrf : std::uint8_t { kMd5Sha1, kSha256, kSha384 };

// Fills `out`. False when the library refuses.
bool tls_prf(TlsPrf prf, ByteView secret, std::string_view label, ByteView seed, std::span<std::uint8_t> out);

// RFC 8446 section 7.1. `dtls`: the label prefix of DTLS 1.3 (RFC 9147 section 5.9).
bool hkdf_expand_label(Hash hash, ByteView secret, std::string_view label, ByteView context,
                       std::span<std::uint8_t> out, bool dtls = false);

// RFC 5705 section 4 without a context, RFC 8446 section 7.5 with an empty one.
bool tls12_exporter(TlsPrf prf, ByteView master_secret, ByteView client_random, ByteView server_random,
                    std::string_view label, std::span<std::uint8_t> out);
bool tls13_exporter(Hash hash, ByteView exporter_secret, std::string_view label, std::span<std::uint8_t> out,
                    bool dtls = false);

// RFC 5764 section 4.2.
struct DtlsSrtpKeys {
  std::vector<std::uint8_t> client_key;
  std::vector<std::uint8_t> server_key;
  std::vector<std::uint8_t> client_salt;
  std::vector<std::uint8_t> server_salt;
};

// (D)TLS 1.2 and before: the master secret (CLIENT_RANDOM in a key log) and both hellos' randoms. `prf`: kMd5Sha1
// before version 1.2, else as the cipher suite says.
std::optional<DtlsSrtpKeys> dtls_srtp_keys(const SrtpSuite& suite, TlsPrf prf, ByteView master_secret,
                                           ByteView client_random, ByteView server_random);
// DTLS 1.3: EXPORTER_SECRET of the key log and the hash of the cipher suite. `dtls` is there for tests over TLS.
std::optional<DtlsSrtpKeys> dtls13_srtp_keys(const SrtpSuite& suite, Hash hash, ByteView exporter_secret,
                                             bool dtls = true);

}  // namespace voip::crypto
