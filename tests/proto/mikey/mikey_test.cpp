#include "proto/mikey/mikey.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <vector>

namespace voip::mikey {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Written by hand after RFC 3830 sections 6.1 to 6.13: pre-shared key, one session, T, SP (NULL cipher), RAND, KEMAC.
Bytes header(std::uint8_t type, std::uint8_t next) {
  return {1, type, next, 0x80, 0xde, 0xad, 0xbe, 0xef, 1, 0, /* session */ 0, 0x11, 0x22, 0x33, 0x44, 0, 0, 0, 5};
}
const Bytes kTime = Bytes{10, 0} + Bytes(8, 0x55);
const Bytes kPolicy{11, 0, 0, 0, 9, 0, 1, 0, 2, 1, 1, 11, 1, 10};
const Bytes kRand = Bytes{1, 16} + Bytes(16, 0x77);
const Bytes kKeyData = Bytes{0, 0x00, 0, 16} + Bytes(16, 0x99);
const Bytes kNullKemac = Bytes{0, 0, 0, 20} + kKeyData + Bytes{0};
const Bytes kAesKemac = Bytes{0, 1, 0, 20} + Bytes(20, 0x42) + Bytes{1} + Bytes(20, 0x24);

TEST_CASE("a MIKEY message with a NULL KEMAC shows a readable key", "[mikey]") {
  const auto message = parse(header(0, 5) + kTime + kPolicy + kRand + kNullKemac);
  REQUIRE(message.ok());
  CHECK(message->type == DataType::kPskInit);
  CHECK(message->verification);
  CHECK(message->csb_id == 0xdeadbeef);
  REQUIRE(message->sessions.size() == 1);
  CHECK(message->sessions[0].ssrc == 0x11223344);
  CHECK(message->sessions[0].roc == 5);
  CHECK(message->whole);
  CHECK(message->kemac);
  CHECK(message->encryption == Encryption::kNull);
  CHECK(message->mac == Mac::kNull);
  CHECK(message->readable_key);
  REQUIRE(message->policies.size() == 1);
  CHECK(message->policies[0].encryption == 0);
  CHECK(message->policies[0].authentication == 1);
  CHECK(message->policies[0].tag_length == 10);
  CHECK(message->payloads == std::vector{Payload::kT, Payload::kSp, Payload::kRand, Payload::kKemac});
}

TEST_CASE("an encrypted KEMAC has no readable key", "[mikey]") {
  const auto message = parse(header(0, 5) + kTime + kPolicy + kRand + kAesKemac);
  REQUIRE(message.ok());
  CHECK(message->encryption == Encryption::kAesCm128);
  CHECK(message->mac == Mac::kHmacSha1_160);
  CHECK_FALSE(message->readable_key);
  CHECK(message->whole);
}

TEST_CASE("a DH payload is as long as its group says", "[mikey]") {
  const Bytes dh = Bytes{0, 2} + Bytes(128, 1) + Bytes{0};
  const auto message = parse(header(4, 3) + dh);
  REQUIRE(message.ok());
  CHECK(message->dh_group == 2);
  CHECK(message->whole);
  CHECK_FALSE(parse(header(4, 3) + Bytes{0, 0} + Bytes(128, 1) + Bytes{0}).ok());
}

TEST_CASE("a signature ends the chain", "[mikey]") {
  const auto message = parse(header(2, 6) + Bytes{4, 0, 0, 3, 'b', 'o', 'b'} + Bytes{0x00, 2, 9, 9});
  REQUIRE(message.ok());
  CHECK(message->whole);
  CHECK(message->payloads == std::vector{Payload::kId, Payload::kSign});
  CHECK(to_string(message->type) == "public key");
}

TEST_CASE("an unknown payload is kept as not followed", "[mikey]") {
  const auto message = parse(header(0, 99) + Bytes(10, 0));
  REQUIRE(message.ok());
  CHECK_FALSE(message->whole);
}

TEST_CASE("no prefix of a MIKEY message parses", "[mikey]") {
  const Bytes whole = header(0, 5) + kTime + kPolicy + kRand + kAesKemac;
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK_FALSE(parse(ByteView{whole}.first(n)).ok());
}

TEST_CASE("an endless chain is cut off", "[mikey]") {
  Bytes many = header(0, 11);
  for (int i = 0; i < 200; ++i) many = many + Bytes{11, 0};
  const auto message = parse(many);
  REQUIRE_FALSE(message.ok());
  CHECK(message.error().kind == Malformed::kTooMany);
}

TEST_CASE("another version is no MIKEY", "[mikey]") {
  Bytes bytes = header(0, 0);
  CHECK(parse(bytes).ok());
  bytes[0] = 2;
  CHECK(parse(bytes).error().kind == Malformed::kBadVersion);
}

}  // namespace
}  // namespace voip::mikey
