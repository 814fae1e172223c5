#include "crypto/certificate.h"

#include <catch2/catch.hpp>

#include "base/codec.h"
#include "crypto/kdf.h"

namespace voip::crypto {
namespace {

// EC P-256, SHA-256, 2023-01-01 to 2033-01-01; hashes by the openssl program.
const auto kEc = *decode_hex(
    "308201053081aba003020102020107300a06082a8648ce3d040302300c310a300806035504030c0161301e170d3233303130"
    "313030303030305a170d3333303130313030303030305a300c310a300806035504030c01613059301306072a8648ce3d0201"
    "06082a8648ce3d03010703420004a96ed6602245a754ae0b489c544e3207f91047980d2fa577c9d423477e9e3a0305de2696"
    "c42149b9d12fdeda09ca351f113a34708cebf156acb2fbfa22ab5002300a06082a8648ce3d0403020349003046022100b3db"
    "0f6ea2a8de86631fc1224187df18d54f8e364f49632e105e663fd6957b2c022100cd51318cb6ee9b156e1413569d5181d8ea"
    "ec0bf27cf057865f86b72397618a42");
// RSA 1024, SHA-1.
const auto kRsa = *decode_hex(
    "308201f43082015da00302010202142c49cc4c2667b9544b8b0f10c2197ec65007505c300d06092a864886f70d0101050500"
    "300c310a300806035504030c0177301e170d3236313132333133323330395a170d3336313132303133323330395a300c310a"
    "300806035504030c017730819f300d06092a864886f70d010101050003818d0030818902818100b5a2fda74d8890bc568386"
    "cdc7de65580d6f15b86a1adb13db5504d63dce02f124327a3a9756e8ce34a2ef8195feab7bf476f1678fbfb53066882fb1d9"
    "88f4899644c06b5ab367ac740e62845af2af63b5b3c1650cffc9aef51d4e48c59a877b0c27250cf6022241183e698b86697b"
    "ab07f55439fcf5c92fbadbbce3e5696e150203010001a3533051301d0603551d0e0416041407caa182af36f8d3c9da0cc153"
    "98c6b0eb4e5a83301f0603551d2304183016801407caa182af36f8d3c9da0cc15398c6b0eb4e5a83300f0603551d130101ff"
    "040530030101ff300d06092a864886f70d010105050003818100aaf07f6aa5fb246533e13c3de561bd9d5d38e09943b2a8f3"
    "ae696f03550054dbb1aa18aa6b07a4b0443103563cab242586bf3c174af19e1d05ab429b91ab4b2f22e8276f822a3b1cb6ba"
    "83395c097c8d2afb0835e2a63be31736c518f05484d5f95e883c0dee92218870b5d11f5a871fe6a2e0564bc799f153b167d2"
    "aba64d6d");

TEST_CASE("a certificate's hashes are those that openssl computes", "[crypto]") {
  const CertificateFacts ec = read_certificate(kEc);
  CHECK(ec.digest(Hash::kSha256).hex() == "49c50f908cb1b1186ee83d402c1a0bbec8ea253c511293f064b91d089c3da21f");
  CHECK(ec.digest(Hash::kSha1).hex() == "f3b96d177b0eecbb31bd834c4881f46e9ff6964e");
}

TEST_CASE("key, signature and dates of a certificate are told", "[crypto]") {
  const CertificateFacts ec = read_certificate(kEc);
  REQUIRE(ec.readable);
  CHECK(ec.key_type == KeyType::kEc);
  CHECK(ec.key_bits == 256);
  CHECK(ec.signature_digest == "sha256");
  CHECK(ec.self_signed);
  CHECK(format_utc(ec.not_before, 0) == "2023-01-01T00:00:00Z");
  CHECK(format_utc(ec.not_after, 0) == "2033-01-01T00:00:00Z");
  const CertificateFacts rsa = read_certificate(kRsa);
  CHECK(rsa.key_type == KeyType::kRsa);
  CHECK(rsa.key_bits == 1024);
  CHECK(rsa.signature_digest == "sha1");
}

TEST_CASE("no prefix of a certificate is readable, and none harms", "[crypto]") {
  for (std::size_t size = 0; size < kEc.size(); ++size) {
    const CertificateFacts facts = read_certificate(ByteView(kEc).first(size));
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
