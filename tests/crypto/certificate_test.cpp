#include "crypto/certificate.h"

#include <catch2/catch.hpp>

#include "base/codec.h"
#include "crypto/kdf.h"
#include "support/certificates.h"

namespace voip::crypto {
namespace {

using test::kEcCertificate;
using test::kRsaCertificate;

TEST_CASE("a certificate's hashes are those that openssl computes", "[crypto]") {
  const CertificateFacts ec = read_certificate(kEcCertificate);
  CHECK(ec.digest(Hash::kSha256).hex() == "49c50f908cb1b1186ee83d402c1a0bbec8ea253c511293f064b91d089c3da21f");
  CHECK(ec.digest(Hash::kSha1).hex() == "f3b96d177b0eecbb31bd834c4881f46e9ff6964e");
}

TEST_CASE("key, signature and dates of a certificate are told", "[crypto]") {
  const CertificateFacts ec = read_certificate(kEcCertificate);
  REQUIRE(ec.readable);
  CHECK(ec.key_type == KeyType::kEc);
  CHECK(ec.key_bits == 256);
  CHECK(ec.signature_digest == "sha256");
  CHECK(ec.self_signed);
  CHECK(format_utc(ec.not_before, 0) == "2023-01-01T00:00:00Z");
  CHECK(format_utc(ec.not_after, 0) == "2033-01-01T00:00:00Z");
  const CertificateFacts rsa = read_certificate(kRsaCertificate);
  CHECK(rsa.key_type == KeyType::kRsa);
  CHECK(rsa.key_bits == 1024);
  CHECK(rsa.signature_digest == "sha1");
}

TEST_CASE("no prefix of a certificate is readable, and none harms", "[crypto]") {
  for (std::size_t size = 0; size < kEcCertificate.size(); ++size) {
    const CertificateFacts facts = read_certificate(ByteView(kEcCertificate).first(size));
    CHECK_FALSE(facts.readable);
    CHECK(facts.digest(Hash::kSha256).size == 32);
  }
}

// What NSS 3.87 exported on both sides of a DTLS 1.3 handshake, and its exporter secret.
TEST_CASE("the exporter of DTLS 1.3 gives the SRTP keys that NSS gives", "[crypto]") {
  const auto secret = *decode_hex("ec16b3ca37f781c7c1d055a2fa6a6b7cb28a9aba703c3477a2e5d4386be052e0");
  const SrtpSuite* suite = srtp_suite_by_dtls_profile(1);
  REQUIRE(suite != nullptr);
  const auto keys = dtls13_srtp_keys(*suite, Hash::kSha256, secret);
  REQUIRE(keys);
  CHECK(encode_hex(keys->client_key) == "12fea0be4f00fa1d828aabfeed757655");
  CHECK(encode_hex(keys->server_key) == "4a5edf2c1628812803200c4fec765192");
  CHECK(encode_hex(keys->client_salt) == "6e70f93c6fadb95ef29ed3b35742");
  CHECK(encode_hex(keys->server_salt) == "c5c7302b27bb4cda6c63b1f7ee2a");
  CHECK(dtls13_srtp_keys(*suite, Hash::kSha256, secret, false)->client_key != keys->client_key);
}

}  // namespace
}  // namespace voip::crypto
