#include "proto/stun/stun.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

#include "support/bytes.h"

namespace voip::stun {
namespace {

using test::hex;

// Recorded: a browser's ICE check and its answer.
const auto kRequest =
    hex("000100602112a4426f3653685355524a684e466b0006001f65613357745f396141536f6f65676f4b4141694b416941444541"
        "3a386a623600c05700040003000a802a0008c798f641adc04a9f002400046e7f1eff0008001455cc08ee9d10e633cd893835"
        "c973c3b7e7ffeb9d802800044c9a4a83");
const auto kResponse =
    hex("010100502112a4426f3653685355524a684e466b0006001f65613357745f396141536f6f65676f4b4141694b416941444541"
        "3a386a623600002000080001d1727c310f4100080014248c75fafc53cd63b27da7c5f6d164cd920113ca80280004290a14c4");

TEST_CASE("a recorded ICE check gives its credentials and role", "[stun]") {
  CHECK(looks_like_stun(kRequest));
  const auto message = parse(kRequest);
  REQUIRE(message.ok());
  CHECK(message->message_class == Class::kRequest);
  CHECK(message->method == Method::kBinding);
  CHECK(message->username == "ea3Wt_9aASooegoKAAiKAiADEA:8jb6");
  CHECK(message->controlling);
  CHECK_FALSE(message->controlled);
  CHECK(message->priority == 1853824767U);
  CHECK(message->message_integrity);
  CHECK(message->fingerprint_ok == true);
  CHECK_FALSE(message->mapped.has_value());
}

TEST_CASE("a recorded answer gives the reflexive address unmasked", "[stun]") {
  const auto message = parse(kResponse);
  REQUIRE(message.ok());
  CHECK(message->message_class == Class::kSuccess);
  REQUIRE(message->mapped.has_value());
  CHECK(message->mapped->to_string() == "93.35.171.3:61536");
  CHECK(message->fingerprint_ok == true);
}

// RFC 5769 section 2.3.
TEST_CASE("the RFC's IPv6 answer reads as it should", "[stun]") {
  const auto bytes =
      hex("010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a147"
          "0113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed41"
          "80280004c8fb0b4c");
  const auto message = parse(bytes);
  REQUIRE(message.ok());
  CHECK(message->software == "test vector");
  REQUIRE(message->mapped.has_value());
  CHECK(message->mapped->to_string() == "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
  CHECK(message->fingerprint_ok == true);
}

TEST_CASE("a damaged message fails its fingerprint", "[stun]") {
  auto bytes = kRequest;
  bytes[30] ^= 1;
  CHECK(parse(bytes)->fingerprint_ok == false);
}

TEST_CASE("an attribute past the end is refused", "[stun]") {
  auto bytes = kRequest;
  bytes[23] = 0xff;  // USERNAME's length
  const auto message = parse(bytes);
  REQUIRE_FALSE(message.ok());
  CHECK(message.error().kind == Malformed::kBadLength);
}

TEST_CASE("no prefix of a STUN message parses", "[stun]") {
  for (std::size_t n = 0; n < kRequest.size(); ++n) CHECK_FALSE(parse(ByteView{kRequest}.first(n)).ok());
}

TEST_CASE("methods and classes are unpicked from one number", "[stun]") {
  std::vector<std::uint8_t> bytes(20);
  bytes[4] = 0x21, bytes[5] = 0x12, bytes[6] = 0xa4, bytes[7] = 0x42;
  bytes[0] = 0x01, bytes[1] = 0x13;  // Allocate error
  CHECK(parse(bytes)->method == Method::kAllocate);
  CHECK(parse(bytes)->message_class == Class::kError);
  bytes[0] = 0x00, bytes[1] = 0x16;  // Send indication
  CHECK(parse(bytes)->method == Method::kSend);
  CHECK(parse(bytes)->message_class == Class::kIndication);
  bytes[5] = 0x13;
  CHECK_FALSE(parse(bytes).ok());
}

TEST_CASE("use-candidate and an error code are seen", "[stun]") {
  std::vector<std::uint8_t> bytes{0x01, 0x11, 0, 16,   0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6,  7,   8,   9, 10,
                                  11,   12,   0, 0x25, 0,    0,    0,    9,    0, 6, 0, 0, 4, 87, 'n', 'o', 0, 0};
  const auto message = parse(bytes);
  REQUIRE(message.ok());
  CHECK(message->use_candidate);
  CHECK(message->error == 487);
}

TEST_CASE("channel data is bounded by its length", "[stun]") {
  const std::vector<std::uint8_t> bytes{0x40, 0x01, 0, 3, 'a', 'b', 'c', 0};
  const auto data = parse_channel_data(bytes);
  REQUIRE(data.ok());
  CHECK(data->channel == 0x4001);
  CHECK(as_text(data->data) == "abc");
  CHECK_FALSE(parse_channel_data(ByteView{bytes}.first(6)).ok());
  CHECK_FALSE(parse_channel_data(std::vector<std::uint8_t>{0x50, 0, 0, 0}).ok());
}

}  // namespace
}  // namespace voip::stun
