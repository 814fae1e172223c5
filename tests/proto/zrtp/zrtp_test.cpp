#include "proto/zrtp/zrtp.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

#include "support/bytes.h"

namespace voip::zrtp {
namespace {

using test::hex;

// Recorded: linphone (bzrtp) calling.
const auto kHello =
    hex("10000cd45a52545002340994505a001e48656c6c6f202020312e3130425a52545076312e3100000000000000a19afc37391d"
        "b1724eee219686ce00ce787badf8ecb80397d72c1c41c76b2f4547b1014e865ac6a1ee9087cf000122215332353641455331"
        "4145533348533830485333324448336b4d756c744233322009601172d553bf38b772369a");
const auto kCommit =
    hex("10000cd75a52545002340994505a001d436f6d6d697420200c70a974b284331556ca55fa5da42c549c17968e5ad7658ac209"
        "3e7658c37b9747b1014e865ac6a1ee9087cf5332353641455331485338304448336b42333220a517fbdaf0c13218db44c201"
        "dfec896bc108e14307b1b824398da358ff2745463d860992ea41f4567563e0bf");
const auto kError = hex("100004b45a52545097b325f2505a00044572726f722020200000006125000ebb");
const auto kErrorAck = hex("100092105a525450eafcef71505a00034572726f7241434bcc34a852");

TEST_CASE("a recorded ZRTP Hello gives its lists and a good checksum", "[zrtp]") {
  CHECK(looks_like_zrtp(kHello));
  const auto packet = parse(kHello);
  REQUIRE(packet.ok());
  CHECK(packet->type == Type::kHello);
  CHECK(packet->sequence == 3284);
  CHECK(packet->ssrc == 0x02340994);
  CHECK(packet->crc_ok);
  CHECK(packet->message.size() == 120);
  CHECK(packet->message[0] == 0x50);
  const auto hello = parse_hello(packet->body);
  REQUIRE(hello.ok());
  CHECK(hello->version == "1.10");
  CHECK(hello->client_id == "BZRTPv1.1");
  CHECK(hello->zid[0] == 0x47);
  CHECK_FALSE(hello->mitm);
  CHECK(hello->hashes == Names{"S256"});
  CHECK(hello->ciphers == Names{"AES1", "AES3"});
  CHECK(hello->auth_tags == Names{"HS80", "HS32"});
  CHECK(hello->key_agreements == Names{"DH3k", "Mult"});
  CHECK(hello->sas_types == Names{"B32"});
  CHECK(hello->mac.back() == 0x38);
}

TEST_CASE("the flags of a Hello are told apart", "[zrtp]") {
  auto bytes = kHello;
  const std::size_t flags = 12 + 12 + 4 + 16 + 32 + 12;
  bytes[flags] = 0x20;
  CHECK(parse_hello(parse(bytes)->body)->mitm);
  CHECK_FALSE(parse(bytes)->crc_ok);
  bytes[flags] = 0x10;
  CHECK(parse_hello(parse(bytes)->body)->passive);
  bytes[flags] = 0x40;
  CHECK(parse_hello(parse(bytes)->body)->signature_capable);
  bytes[flags + 1] = 0x08;  // eight hashes: more than the RFC allows
  const auto hello = parse_hello(parse(bytes)->body);
  REQUIRE_FALSE(hello.ok());
  CHECK(hello.error().kind == Malformed::kTooMany);
}

TEST_CASE("a recorded ZRTP Commit gives the choice", "[zrtp]") {
  const auto packet = parse(kCommit);
  REQUIRE(packet.ok());
  CHECK(packet->crc_ok);
  REQUIRE(packet->type == Type::kCommit);
  const auto commit = parse_commit(packet->body);
  REQUIRE(commit.ok());
  CHECK(commit->hash == "S256");
  CHECK(commit->cipher == "AES1");
  CHECK(commit->auth_tag == "HS80");
  CHECK(commit->key_agreement == "DH3k");
  CHECK(commit->sas_type == "B32");
  CHECK(commit->hvi.size() == 32);
  CHECK(commit->nonce.empty());
  CHECK(commit->mac.back() == 0x56);
}

TEST_CASE("a Commit without DH has a nonce where hvi was", "[zrtp]") {
  const auto packet = parse(kCommit);
  std::vector<std::uint8_t> body(packet->body.begin(), packet->body.end());
  constexpr std::string_view kMult = "Mult";
  std::copy(kMult.begin(), kMult.end(), body.begin() + 32 + 12 + 12);
  body.resize(body.size() - 16);
  const auto commit = parse_commit(body);
  REQUIRE(commit.ok());
  CHECK(commit->nonce.size() == 16);
  CHECK(commit->hvi.empty());
  body.resize(body.size() - 1);
  CHECK_FALSE(parse_commit(body).ok());
}

TEST_CASE("a ZRTP Error carries its code", "[zrtp]") {
  const auto packet = parse(kError);
  REQUIRE(packet.ok());
  CHECK(packet->crc_ok);
  CHECK(packet->type == Type::kError);
  CHECK(*parse_error_code(packet->body) == 0x61);
  CHECK(error_text(0x61) == "DH error: bad public value");
  CHECK(error_text(0x77).empty());
  CHECK(parse(kErrorAck)->type == Type::kErrorAck);
  CHECK(to_string(Type::kErrorAck) == "ErrorACK");
}

TEST_CASE("no prefix of a ZRTP packet parses", "[zrtp]") {
  for (const auto& packet : {kHello, kCommit, kError}) {
    for (std::size_t n = 0; n < packet.size(); ++n) {
      const auto parsed = parse(ByteView{packet}.first(n));
      REQUIRE_FALSE(parsed.ok());
      CHECK(parsed.error().kind == Malformed::kTruncated);
    }
    REQUIRE(parse(packet).ok());
  }
  const auto hello = parse(kHello);
  for (std::size_t n = 0; n < hello->body.size(); ++n) CHECK_FALSE(parse_hello(hello->body.first(n)).ok());
}

TEST_CASE("one flipped bit breaks the checksum", "[zrtp]") {
  for (std::size_t i = 12; i < kHello.size(); i += 7) {
    auto bytes = kHello;
    bytes[i] ^= 0x04;
    const auto packet = parse(bytes);
    if (packet.ok()) CHECK_FALSE(packet->crc_ok);
  }
}

TEST_CASE("RTP and STUN are no ZRTP", "[zrtp]") {
  auto bytes = kHello;
  bytes[0] = 0x80;
  CHECK_FALSE(looks_like_zrtp(bytes));
  CHECK(parse(bytes).error().kind == Malformed::kBadVersion);
  bytes = kHello;
  bytes[4] = 0x21;
  CHECK_FALSE(looks_like_zrtp(bytes));
  CHECK_FALSE(parse(bytes).ok());
}

}  // namespace
}  // namespace voip::zrtp
