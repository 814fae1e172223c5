#include "proto/rtp/rtp.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <vector>

namespace voip::rtp {
namespace {

// Version 2, padding, extension, two CSRCs, marker, payload type 96.
const std::vector<std::uint8_t> kFull{0xb2, 0xe0, 0x12, 0x34, 0x00, 0x00, 0x03, 0xe8, 0xde, 0xad, 0xbe, 0xef,  //
                                      0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02,                          //
                                      0xbe, 0xde, 0x00, 0x01, 0x10, 0xff, 0x00, 0x00,                          //
                                      0x41, 0x42, 0x43, 0x00, 0x02};

TEST_CASE("an RTP header gives every field where RFC 3550 puts it", "[rtp]") {
  const auto packet = parse(kFull);
  REQUIRE(packet.ok());
  CHECK(packet->marker);
  CHECK(packet->padding);
  CHECK(packet->extension);
  CHECK(packet->payload_type == 96);
  CHECK(packet->csrc_count == 2);
  CHECK(packet->sequence == 0x1234);
  CHECK(packet->timestamp == 1000);
  CHECK(packet->ssrc == 0xdeadbeef);
  CHECK(packet->extension_profile == 0xbede);
  REQUIRE(packet->extension_data.size() == 4);
  CHECK(packet->extension_data[1] == 0xff);
  CHECK(packet->header_size == 28);
  REQUIRE(packet->payload.size() == 5);
  CHECK(packet->payload[0] == 0x41);
  CHECK(without_padding(*packet).size() == 3);
}

TEST_CASE("no prefix that lacks header bytes parses as RTP", "[rtp]") {
  for (std::size_t n = 0; n < kFull.size(); ++n) {
    const auto packet = parse(ByteView{kFull}.first(n));
    CHECK(packet.ok() == (n >= 28));
    if (!packet.ok()) CHECK(packet.error().kind == Malformed::kTruncated);
  }
}

TEST_CASE("another version is no RTP", "[rtp]") {
  auto bytes = kFull;
  bytes[0] = 0x72;
  const auto packet = parse(bytes);
  REQUIRE_FALSE(packet.ok());
  CHECK(packet.error().kind == Malformed::kBadVersion);
}

TEST_CASE("an absurd pad count leaves the payload whole", "[rtp]") {
  auto bytes = kFull;
  bytes.back() = 0;
  CHECK(without_padding(*parse(bytes)).size() == 5);
  bytes.back() = 6;
  CHECK(without_padding(*parse(bytes)).size() == 5);
  bytes.back() = 5;
  CHECK(without_padding(*parse(bytes)).empty());
  bytes[0] = 0x92;  // P bit off
  CHECK(without_padding(*parse(bytes)).size() == 5);
}

TEST_CASE("a payload may be empty", "[rtp]") {
  std::vector<std::uint8_t> bytes(12, 0);
  bytes[0] = 0x80;
  const auto packet = parse(bytes);
  REQUIRE(packet.ok());
  CHECK(packet->payload.empty());
  CHECK(without_padding(*packet).empty());
}

}  // namespace
}  // namespace voip::rtp
