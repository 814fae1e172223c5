#include "proto/tls/tls.h"

#include <catch2/catch.hpp>

#include <deque>
#include <string>
#include <vector>

#include "base/codec.h"
#include "proto/tls/names.h"
#include "support/bytes.h"

using namespace voip;
using Bytes = std::vector<std::uint8_t>;

namespace {

using test::hex;

// For results that are views: these bytes outlive the test.
ByteView kept(const std::string& text) {
  static std::deque<Bytes> bytes;
  return bytes.emplace_back(hex(text));
}

// RFC 8448 section 3, simple 1-RTT handshake: the messages without their record headers.
const char* const kClientHello =
    "010000c0 0303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7 00 0006 1301 1303 1302 0100 0091"
    "0000000b0009000006736572766572 ff01000100 000a00140012001d0017001800190100010101020103 0104 0023 0000"
    "00330026 0024 001d 0020 99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c 002b0003020304"
    "000d0020001e040305030603020308040805080604010501060102010402050206020202 002d00020101 001c00024001";
const char* const kServerHello =
    "02000056 0303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e"
    "00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f 002b00020304";

template <class Parse>
void every_prefix_fails(const Bytes& whole, Parse parse) {
  for (std::size_t n = 0; n < whole.size(); ++n) {
    INFO(n);
    CHECK_FALSE(parse(ByteView{whole}.first(n)).ok());
  }
}

}  // namespace

TEST_CASE("the ClientHello of RFC 8448 section 3 is read", "[tls]") {
  const Bytes bytes = hex(kClientHello);
  const auto message = tls::parse_handshake(bytes);
  REQUIRE(message.ok());
  CHECK(message->type == tls::HandshakeType::kClientHello);
  CHECK(message->raw.size() == bytes.size());
  const auto hello = tls::parse_client_hello(message->body);
  REQUIRE(hello.ok());
  CHECK(hello->version == 0x0303);
  CHECK(encode_hex(hello->random) == "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7");
  CHECK(hello->session_id.empty());
  CHECK(tls::value_count(hello->cipher_suites) == 3);
  CHECK(tls::value_at(hello->cipher_suites, 1) == 0x1303);
  CHECK(hello->server_name == "server");
  CHECK(tls::contains_value(hello->supported_versions, 0x0304));
  CHECK(tls::value_count(hello->supported_groups) == 9);
  CHECK(tls::contains_value(hello->signature_algorithms, 0x0804));
  CHECK(hello->renegotiation_info);
  CHECK_FALSE(hello->early_data);
  CHECK_FALSE(hello->extended_master_secret);
  every_prefix_fails(bytes, tls::parse_handshake);
  const Bytes body(message->body.begin(), message->body.end());
  for (std::size_t n = 0; n < body.size(); ++n) {
    // Extensions are optional, so the prefix that ends before them is a hello; no other is.
    CHECK(tls::parse_client_hello(ByteView{body}.first(n)).ok() == (n == 45));
  }
}

TEST_CASE("the ServerHello of RFC 8448 section 3 is read, and its version is that of the extension", "[tls]") {
  const Bytes bytes = hex(kServerHello);
  const auto message = tls::parse_handshake(bytes);
  REQUIRE(message.ok());
  const auto hello = tls::parse_server_hello(message->body);
  REQUIRE(hello.ok());
  CHECK(hello->version == 0x0304);
  CHECK(hello->cipher_suite == 0x1301);
  CHECK(hello->group == 0x001d);
  CHECK_FALSE(hello->hello_retry_request);
  Bytes retry(message->body.begin(), message->body.end());
  const Bytes random = hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
  std::copy(random.begin(), random.end(), retry.begin() + 2);
  CHECK(tls::parse_server_hello(retry)->hello_retry_request);
  retry[2] ^= 1;
  CHECK_FALSE(tls::parse_server_hello(retry)->hello_retry_request);
}

TEST_CASE("records are cut off at their length, cut ones wait, wrong ones fail", "[tls]") {
  const Bytes record = hex("16 0301 0003 aabbcc 17");
  const auto parsed = tls::parse_record(record);
  REQUIRE(parsed.ok());
  CHECK(parsed->type == tls::ContentType::kHandshake);
  CHECK(parsed->size == 8);
  CHECK(encode_hex(parsed->fragment) == "aabbcc");
  for (std::size_t n = 0; n < 8; ++n) {
    const auto cut = tls::parse_record(ByteView{record}.first(n));
    REQUIRE_FALSE(cut.ok());
    CHECK(cut.error().kind == Malformed::kTruncated);
  }
  CHECK(tls::parse_record(kept("19 0301")).error().kind == Malformed::kBadValue);
  CHECK(tls::parse_record(kept("16 0201")).error().kind == Malformed::kBadVersion);
  CHECK(tls::parse_record(kept("16 0303 4801")).error().kind == Malformed::kBadLength);
  CHECK(tls::parse_record(kept("16 0303 4800")).error().kind == Malformed::kTruncated);
}

TEST_CASE("lists that run over their bounds are refused", "[tls]") {
  // A hello's fixed part with one suite, then extensions.
  const std::string start = "0303" + std::string(64, '0') + "00 0002 1301 0100";
  CHECK(tls::parse_client_hello(kept(start)).ok());
  CHECK(tls::parse_client_hello(kept(start + "0004 00230000")).ok());
  CHECK_FALSE(tls::parse_client_hello(kept(start + "0005 00230000")).ok());
  CHECK_FALSE(tls::parse_client_hello(kept(start + "0004 00230001")).ok());
  CHECK_FALSE(tls::parse_client_hello(kept("0303" + std::string(64, '0') + "00 0003 130113 0100")).ok());
  CHECK_FALSE(
      tls::parse_client_hello(kept("0303" + std::string(64, '0') + "21" + std::string(66, '0') + "0002 1301 0100"))
          .ok());
  std::string many;
  for (int i = 0; i < 129; ++i) many += "fafa0000";
  CHECK(tls::parse_client_hello(kept(start + "0204" + many)).error().kind == Malformed::kTooMany);
}

TEST_CASE("certificate lists of 1.2 and 1.3 are told apart", "[tls]") {
  const auto two = tls::parse_certificates(kept("000009 000001aa 000002bbcc"), false);
  REQUIRE(two.ok());
  REQUIRE(two->size() == 2);
  CHECK(encode_hex((*two)[1]) == "bbcc");
  const auto one = tls::parse_certificates(kept("00 000007 000001aa 0001 ff"), true);
  REQUIRE(one.ok());
  CHECK(one->size() == 1);
  CHECK_FALSE(tls::parse_certificates(kept("000009 000001aa 000003bbcc"), false).ok());
  CHECK_FALSE(tls::parse_certificates(kept("00000a 000001aa 000002bbcc"), false).ok());
  CHECK(tls::parse_certificates(kept("000000"), false)->empty());
  std::string many;
  for (int i = 0; i < 17; ++i) many += "000001aa";
  CHECK(tls::parse_certificates(kept("000044" + many), false).error().kind == Malformed::kTooMany);
}

TEST_CASE("the small messages are read and their prefixes refused", "[tls]") {
  const Bytes ticket = hex("00000e10 0003 aabbcc");
  CHECK(encode_hex(*tls::parse_new_session_ticket(ticket)) == "aabbcc");
  every_prefix_fails(ticket, tls::parse_new_session_ticket);
  const Bytes exchange = hex("0002 abcd");
  CHECK(encode_hex(*tls::parse_rsa_key_exchange(exchange)) == "abcd");
  every_prefix_fails(exchange, tls::parse_rsa_key_exchange);
  CHECK(tls::parse_ecdhe_params(kept("03 0017 41"))->group == 23);
  CHECK_FALSE(tls::parse_ecdhe_params(kept("01 0017")).ok());
  CHECK(tls::parse_dhe_params(kept("0003 007fff 0001 02"))->dh_prime_bits == 15);
  CHECK(tls::parse_dhe_params(kept("0000"))->dh_prime_bits == 0);
  CHECK_FALSE(tls::parse_dhe_params(kept("0003 007f")).ok());
  CHECK(tls::parse_alert(kept("02 28"))->fatal);
  CHECK(tls::parse_alert(kept("01 00"))->description == 0);
  CHECK_FALSE(tls::parse_alert(kept("03 00")).ok());
  CHECK(*tls::parse_encrypted_extensions(kept("000a 0010 0006 0004 03736970")) == "sip");
  CHECK_FALSE(tls::parse_encrypted_extensions(kept("000b 0010 0006 0004 03736970")).ok());
  CHECK(tls::alpn_names(kept("03736970 026832")) == std::vector<std::string_view>{"sip", "h2"});
  CHECK(tls::alpn_names(kept("03736970 056832")) == std::vector<std::string_view>{"sip"});
}

TEST_CASE("a start of TLS is told from other first bytes", "[tls]") {
  CHECK(tls::starts_handshake(hex("160301")));
  CHECK(tls::starts_handshake(hex("16030100c001")));
  CHECK(tls::starts_handshake(hex("16030300c002")));
  CHECK_FALSE(tls::starts_handshake(hex("1603")));
  CHECK_FALSE(tls::starts_handshake(hex("16030300c00b")));
  CHECK_FALSE(tls::starts_handshake(hex("17030300c001")));
  CHECK_FALSE(tls::starts_handshake(hex("160301ffff01")));
  CHECK_FALSE(tls::starts_handshake(hex("16fefd000000")));  // DTLS
}

TEST_CASE("names are IANA's, and GREASE has none", "[tls]") {
  CHECK(tls::cipher_suite_name(0x1301) == "TLS_AES_128_GCM_SHA256");
  CHECK(tls::cipher_suite_name(0xc02f) == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  CHECK(tls::cipher_suite_name(0x0000) == "TLS_NULL_WITH_NULL_NULL");
  CHECK(tls::cipher_suite_name(0x0a0a).empty());
  CHECK(tls::cipher_suite_name(0xffff).empty());
  CHECK(tls::is_grease(0x0a0a));
  CHECK(tls::is_grease(0xfafa));
  CHECK_FALSE(tls::is_grease(0x1301));
  CHECK_FALSE(tls::is_grease(0x0a1a));
  CHECK(tls::version_name(0x0303) == "TLS 1.2");
  CHECK(tls::version_name(0x7f17).empty());
}
