#include "analyze/srtp/codec_structure.h"

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace voip::analyze::srtp {
namespace {

using Bytes = std::vector<std::uint8_t>;

// One frame of all-zero speech, CMR 15, Q set.
Bytes octets(unsigned type, std::size_t size) {
  Bytes bytes(size, 0);
  bytes[0] = 0xf0;
  bytes[1] = static_cast<std::uint8_t>((type << 3) | 4);
  return bytes;
}
Bytes bits(unsigned type, std::size_t size) {
  Bytes bytes(size, 0);
  bytes[0] = static_cast<std::uint8_t>(0xf0 | (type >> 1));
  bytes[1] = static_cast<std::uint8_t>(((type & 1) << 7) | 0x40);
  return bytes;
}

// The sizes of RFC 4867 payloads with one frame, by frame type.
TEST_CASE("AMR payloads have exactly the sizes of the RFC", "[codec]") {
  constexpr std::array<std::size_t, 9> kOctets{14, 15, 17, 19, 21, 22, 28, 33, 7};
  constexpr std::array<std::size_t, 9> kBits{14, 15, 16, 18, 20, 22, 27, 32, 7};
  constexpr std::array<std::size_t, 10> kWideOctets{19, 25, 34, 38, 42, 48, 52, 60, 62, 7};
  constexpr std::array<std::size_t, 10> kWideBits{18, 24, 33, 37, 41, 47, 51, 59, 61, 7};
  for (std::size_t size = 2; size < 70; ++size) {
    for (unsigned type = 0; type < 10; ++type) {
      CAPTURE(size, type);
      CHECK(amr_octet_aligned(octets(type, size), true) == (size == kWideOctets[type]));
      CHECK(amr_bandwidth_efficient(bits(type, size), true) == (size == kWideBits[type]));
      if (type == 9) continue;  // not of AMR
      CHECK(amr_octet_aligned(octets(type, size), false) == (size == kOctets[type]));
      CHECK(amr_bandwidth_efficient(bits(type, size), false) == (size == kBits[type]));
    }
    CHECK_FALSE(amr_octet_aligned(octets(9, size), false));
    CHECK_FALSE(amr_bandwidth_efficient(bits(12, size), true));
  }
}

TEST_CASE("AMR padding, mode request and table are checked", "[codec]") {
  Bytes payload = octets(7, 33);
  payload[32] |= 0x08;  // 244 bits leave four of padding
  CHECK_FALSE(amr_octet_aligned(payload, false));
  payload = octets(7, 33);
  payload[32] |= 0x10;
  CHECK(amr_octet_aligned(payload, false));
  payload[0] = 0xf1;
  CHECK_FALSE(amr_octet_aligned(payload, false));
  payload[0] = 0x90;  // no such mode
  CHECK_FALSE(amr_octet_aligned(payload, false));
  payload = bits(7, 32);
  payload[31] |= 1;
  CHECK_FALSE(amr_bandwidth_efficient(payload, false));
  // Two frames of 12.2: F, F 0, then 2 x 31 bytes.
  Bytes two(65, 0);
  two[0] = 0xf0, two[1] = 0xbc, two[2] = 0x3c;
  CHECK(amr_octet_aligned(two, false));
  two[2] = 0xbc;  // an endless table
  CHECK_FALSE(amr_octet_aligned(two, false));
  CHECK_FALSE(amr_octet_aligned(Bytes(40, 0x80), false));
  CHECK_FALSE(amr_bandwidth_efficient(Bytes(64, 0xff), false));
}

TEST_CASE("G.723.1 frames fill the payload by their own sizes", "[codec]") {
  Bytes frame(24, 0);
  CHECK(g723_chain(frame));
  frame[0] = 1;
  CHECK_FALSE(g723_chain(frame));
  frame[20] = 2;  // 20 and 4
  CHECK(g723_chain(frame));
  frame[0] = 3;
  CHECK_FALSE(g723_chain(frame));
  CHECK_FALSE(g723_chain({}));
  CHECK_FALSE(g723_chain(Bytes(23, 0)));
}

TEST_CASE("G.729 parity covers seven bits and no others", "[codec]") {
  for (std::size_t bit = 0; bit < 80; ++bit) {
    Bytes frame(10, 0);
    frame[bit / 8] = static_cast<std::uint8_t>(0x80 >> (bit % 8));
    CAPTURE(bit);
    CHECK(g729_parity(frame) == ((bit >= 18 && bit <= 23) || bit == 26));
  }
  CHECK_FALSE(g729_parity(Bytes(3, 0xff)));
}

TEST_CASE("sizes follow the timestamp step", "[codec]") {
  const auto expect = [](std::string_view name, std::uint32_t step, std::uint8_t channels = 1) {
    return expected_bytes(codec_by_name(name, 8000, channels), step).value_or(0);
  };
  CHECK(expect("PCMU", 160) == 160);
  CHECK(expect("g722", 160) == 160);
  CHECK(expect("L16", 441, 2) == 1764);
  CHECK(expect("G729", 160) == 20);
  CHECK(expect("G729", 100) == 0);
  CHECK(expect("GSM", 320) == 66);
  CHECK(expect("iLBC", 240) == 50);
  CHECK(expect("iLBC", 160) == 38);
  CHECK(expect("G726-24", 160) == 60);
  CHECK(expect("opus", 960) == 0);
  CHECK(expect("PCMU", 0xffffffff) == 0);
  CHECK(codec_by_static_type(18)->name == "G729");
  CHECK_FALSE(codec_by_static_type(96).has_value());
  CHECK(codec_by_name("EVS", 16000, 1).kind == CodecKind::kUnknown);
}

TEST_CASE("a telephone event goes on with the same digit and a longer time", "[codec]") {
  const Bytes first{5, 10, 0, 160};
  CHECK(event_follows(first, Bytes{5, 10, 1, 64}));
  CHECK(event_follows(first, Bytes{5, 0x8a, 0, 160}));  // its end, repeated
  CHECK_FALSE(event_follows(first, Bytes{6, 10, 1, 64}));
  CHECK_FALSE(event_follows(first, Bytes{5, 11, 1, 64}));
  CHECK_FALSE(event_follows(first, Bytes{5, 10, 0, 100}));
  CHECK_FALSE(event_follows(first, Bytes{5, 10, 1}));
}

}  // namespace
}  // namespace voip::analyze::srtp
