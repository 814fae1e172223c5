#include "crypto/tls_keys.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "base/codec.h"
#include "crypto/kdf.h"
#include "crypto/tls_record.h"
#include "libssl_oracle.h"

using namespace voip;
using crypto::KeyLog;
using Bytes = std::vector<std::uint8_t>;

namespace {

std::string repeat(char digit, std::size_t bytes) { return std::string(2 * bytes, digit); }
Bytes random_of(char digit) { return *decode_hex(repeat(digit, 32)); }

}  // namespace

TEST_CASE("key log lines are kept by client random, whatever comments and blanks stand around them", "[keylog]") {
  KeyLog log;
  const std::string text = "# comment\r\n\r\n  CLIENT_RANDOM " + repeat('a', 32) + " " + repeat('1', 48) +
                           "\r\nCLIENT_TRAFFIC_SECRET_0 " + repeat('B', 32) + "  " + repeat('2', 32) +
                           "\nSERVER_HANDSHAKE_TRAFFIC_SECRET " + repeat('b', 32) + "\t" + repeat('3', 48) +
                           "\nEXPORTER_SECRET " + repeat('b', 32) + " " + repeat('4', 32);
  CHECK(log.add(text) == 4);
  CHECK(log.sessions() == 2);
  CHECK(log.ignored_lines() == 0);
  const auto* a = log.find(random_of('a'));
  REQUIRE(a != nullptr);
  CHECK(encode_hex(a->master.view()) == repeat('1', 48));
  CHECK_FALSE(a->exporter.known());
  const auto* b = log.find(random_of('b'));
  REQUIRE(b != nullptr);
  CHECK(b->client_application.size == 32);
  CHECK(b->server_handshake.size == 48);
  CHECK(b->exporter.known());
  CHECK_FALSE(b->client_handshake.known());
  CHECK(log.find(random_of('c')) == nullptr);
  CHECK(log.find(Bytes(31)) == nullptr);
  const auto generation = log.generation();
  CHECK(log.add(text) == 0);
  CHECK(log.generation() == generation);
}

TEST_CASE("lines that make no sense are counted and passed over", "[keylog]") {
  KeyLog log;
  const std::string random = repeat('a', 32);
  CHECK(log.add("CLIENT_RANDOM " + random +
                "\n"  // no secret
                "CLIENT_RANDOM " +
                random + " " + repeat('1', 47) +
                "\n"  // short master
                "CLIENT_RANDOM " +
                random.substr(2) + " " + repeat('1', 48) +
                "\n"
                "CLIENT_RANDOM " +
                random + " " + repeat('x', 48) +
                "\n"  // not hex
                "EXPORTER_SECRET " +
                random + " " + repeat('1', 65) +
                "\n"  // long
                "WHAT_EVER " +
                random + " " + repeat('1', 48) +
                "\n"
                "RSA Session-ID:zz Master-Key:" +
                repeat('1', 48) +
                "\n"
                "RSA 0102 " +
                repeat('1', 48) + "\n") == 0);
  CHECK(log.ignored_lines() == 8);
  CHECK(log.add("CLIENT_RANDOM " + std::string(5000, 'a')) == 0);
  CHECK(log.add(std::string("CLIENT_RANDOM \0\0\0", 17)) == 0);
  CHECK(log.sessions() == 0);
}

TEST_CASE("a key log of any length keeps the newest sessions only", "[keylog]") {
  KeyLog log{100};
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    std::string random = repeat('0', 32);
    const std::string number = std::to_string(1000 + i);
    random.replace(0, number.size(), number);
    text += "CLIENT_RANDOM " + random + " " + repeat('1', 48) + "\n";
  }
  CHECK(log.add(text) == 1000);
  CHECK(log.sessions() == 100);
  std::string last = repeat('0', 32);
  last.replace(0, 4, "1999");
  CHECK(log.find(*decode_hex(last)) != nullptr);
  last.replace(0, 4, "1000");
  CHECK(log.find(*decode_hex(last)) == nullptr);
}

TEST_CASE("old RSA lines and remembered sessions are found", "[keylog]") {
  KeyLog log;
  CHECK(log.add("RSA 0102030405060708 " + repeat('7', 48) + "\nRSA Session-ID:abcd Master-Key:" + repeat('8', 48)) ==
        2);
  const Bytes encrypted{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  CHECK(encode_hex(log.premaster_of(encrypted, 0x0303).view()) == repeat('7', 48));
  CHECK_FALSE(log.premaster_of(Bytes{1, 2, 3}, 0x0303).known());
  CHECK(encode_hex(log.remembered(Bytes{0xab, 0xcd}).view()) == repeat('8', 48));
  CHECK_FALSE(log.remembered({}).known());
  crypto::TlsSecret master;
  CHECK_FALSE(master.assign(Bytes(65)));
  REQUIRE(master.assign(Bytes(48, 5)));
  log.remember(Bytes{1}, master);
  log.remember({}, master);
  CHECK(log.remembered(Bytes{1}).view().size() == 48);
  CHECK_FALSE(log.remembered({}).known());
}

TEST_CASE("keys that are no RSA private keys are refused with a reason", "[keylog]") {
  KeyLog log;
  CHECK_FALSE(log.add_rsa_key("").ok());
  CHECK_FALSE(log.add_rsa_key("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").ok());
  const std::string p256 =
      "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4foAoGCCqGSM49\n"
      "AwEHoUQDQgAEelk44v8iNg==\n-----END EC PRIVATE KEY-----\n";
  CHECK_FALSE(log.add_rsa_key(p256).ok());
}

TEST_CASE("suites are taken apart by their names", "[tls]") {
  using Mode = crypto::TlsSuite::Mode;
  const auto gcm = crypto::tls_suite("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
  REQUIRE(gcm.has_value());
  CHECK(
      (gcm->mode == Mode::kGcm && gcm->key_size == 32 && gcm->hash == crypto::Hash::kSha384 && !gcm->rsa_key_exchange));
  const auto cbc = crypto::tls_suite("TLS_RSA_WITH_AES_128_CBC_SHA");
  REQUIRE(cbc.has_value());
  CHECK((cbc->mode == Mode::kCbc && cbc->mac == crypto::Hash::kSha1 && cbc->hash == crypto::Hash::kSha256));
  CHECK(cbc->rsa_key_exchange);
  const auto sha384 = crypto::tls_suite("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384");
  CHECK((sha384->mac == crypto::Hash::kSha384 && sha384->hash == crypto::Hash::kSha384));
  CHECK(crypto::tls_suite("TLS_AES_128_CCM_8_SHA256")->tag_size == 8);
  CHECK(crypto::tls_suite("TLS_RSA_WITH_AES_128_CCM")->tag_size == 16);
  CHECK(crypto::tls_suite("TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA")->block_size == 8);
  CHECK_FALSE(crypto::tls_suite("TLS_DHE_PSK_WITH_AES_128_CBC_SHA")->rsa_key_exchange);
  for (const char* name :
       {"", "TLS_", "TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_DES_CBC_SHA", "TLS_RSA_WITH_AES_128_GCM",
        "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", "TLS_RSA_EXPORT_WITH_RC4_40_MD5", "TLS_FALLBACK_SCSV"}) {
    INFO(name);
    CHECK_FALSE(crypto::tls_suite(name).has_value());
  }
}

#ifdef HAVE_LIBSSL

TEST_CASE("SRTP keys from a key log are those that OpenSSL exports, for each version and profile", "[srtp][kdf]") {
  if (test::Libssl::get() == nullptr) {
    WARN("libssl.so.3 is not installed: comparison skipped");
    return;
  }
  struct Case {
    bool dtls;
    int version;
    const char* cipher;
    crypto::TlsPrf prf;
    crypto::Hash hash;
  };
  using crypto::TlsPrf;
  const Case cases[] = {
      {true, DTLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", TlsPrf::kSha256, crypto::Hash::kSha256},
      {true, DTLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384", TlsPrf::kSha384, crypto::Hash::kSha384},
      {true, DTLS1_2_VERSION, "ECDHE-RSA-AES128-SHA", TlsPrf::kSha256, crypto::Hash::kSha256},
      {true, DTLS1_VERSION, "ECDHE-RSA-AES128-SHA", TlsPrf::kMd5Sha1, crypto::Hash::kSha1},
      {false, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", TlsPrf::kSha256, crypto::Hash::kSha256},
      {false, TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", TlsPrf::kSha384, crypto::Hash::kSha384},
  };
  for (const Case& c : cases) {
    test::TlsSetup setup;
    setup.dtls = c.dtls;
    setup.version = c.version;
    (c.version == TLS1_3_VERSION ? setup.cipher13 : setup.cipher) = c.cipher;
    if (c.dtls) setup.srtp_profiles = "SRTP_AES128_CM_SHA1_80";
    test::TlsPair pair{setup};
    test::TlsTalk talk{pair};
    INFO(c.cipher << " " << c.version);
    REQUIRE(talk.handshake());
    KeyLog log;
    CHECK(log.add(talk.keylog) >= 1);
    const auto* secrets = log.find(talk.random(0));
    REQUIRE(secrets != nullptr);
    for (const auto& suite : crypto::srtp_suites()) {
      if (suite.dtls_profile == 0) continue;
      const std::size_t size = 2 * (std::size_t{suite.key_size} + suite.salt_size);
      const auto keys =
          c.version == TLS1_3_VERSION
              ? crypto::dtls13_srtp_keys(suite, c.hash, secrets->exporter.view(), false)
              : crypto::dtls_srtp_keys(suite, c.prf, secrets->master.view(), talk.random(0), talk.random(1));
      REQUIRE(keys.has_value());
      Bytes block;
      for (const Bytes* part : {&keys->client_key, &keys->server_key, &keys->client_salt, &keys->server_salt}) {
        block.insert(block.end(), part->begin(), part->end());
      }
      CHECK(block == talk.exported("EXTRACTOR-dtls_srtp", size));
      CHECK(keys->client_key.size() == suite.key_size);
      CHECK(keys->server_salt.size() == suite.salt_size);
    }
  }
}

#endif

TEST_CASE("DTLS 1.3 labels differ from those of TLS 1.3", "[kdf]") {
  Bytes tls(16), dtls(16);
  const Bytes secret(32, 1);
  REQUIRE(crypto::hkdf_expand_label(crypto::Hash::kSha256, secret, "key", {}, tls));
  REQUIRE(crypto::hkdf_expand_label(crypto::Hash::kSha256, secret, "key", {}, dtls, true));
  CHECK(tls != dtls);
  CHECK_FALSE(crypto::hkdf_expand_label(crypto::Hash::kSha256, secret, std::string(250, 'x'), {}, tls));
}

TEST_CASE("HKDF-Expand-Label gives the traffic keys of RFC 8448 section 3", "[kdf]") {
  const Bytes secret = *decode_hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
  Bytes key(16), iv(12);
  REQUIRE(crypto::hkdf_expand_label(crypto::Hash::kSha256, secret, "key", {}, key));
  REQUIRE(crypto::hkdf_expand_label(crypto::Hash::kSha256, secret, "iv", {}, iv));
  CHECK(encode_hex(key) == "3fce516009c21727d0f2e4e86ee403bc");
  CHECK(encode_hex(iv) == "5d313eb2671276ee13000b30");
}
