#include "proto/rtcp/rtcp.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <random>
#include <vector>

namespace voip::rtcp {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes random_bytes(std::mt19937& random, std::size_t n) {
  Bytes bytes(n);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

const Bytes kEmptyRr{0x80, 201, 0, 1, 1, 2, 3, 4};
const Bytes kRr = Bytes{0x81, 201, 0, 7, 1, 2, 3, 4} + Bytes(24, 7);
const Bytes kSr = Bytes{0x80, 200, 0, 6, 1, 2, 3, 4} + Bytes(20, 9);
const Bytes kSdes{0x81, 202, 0, 3, 1, 2, 3, 4, 1, 5, 'a', '@', 'b', '.', 'c', 0};
const Bytes kBye{0x81, 203, 0, 1, 1, 2, 3, 4};
const Bytes kApp{0x80, 204, 0, 2, 1, 2, 3, 4, 'P', 'I', 'N', 'G'};

TEST_CASE("clear RTCP reads as clear, compound, alone and reduced", "[rtcp]") {
  for (const Bytes& bytes :
       {kEmptyRr, kRr, kSr, kBye, kApp, kSr + kSdes, kRr + kSdes + kBye, kEmptyRr + kSdes, kApp + kRr,
        Bytes{0x8f, 206, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}, Bytes{0x80, 207, 0, 1, 1, 2, 3, 4},
        Bytes{0x80, 207, 0, 4, 1, 2, 3, 4, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}}) {
    const auto view = parse(bytes);
    REQUIRE(view.ok());
    CHECK(view->clear);
    CHECK_FALSE(view->srtcp_shaped);
    CHECK(view->ssrc == 0x01020304);
  }
  const Bytes compound = kSr + kSdes;
  const auto view = parse(compound);
  CHECK(view->packets == 2);
  CHECK(view->cname == "a@b.c");
  CHECK(view->first_type == Type::kSr);
}

TEST_CASE("inconsistent contents are not clear RTCP", "[rtcp]") {
  Bytes short_report = kEmptyRr;
  short_report[0] = 0x81;  // one block announced, none there
  CHECK_FALSE(parse(short_report)->clear);
  Bytes open_item = kSdes;
  open_item[9] = 7;  // an item past the end
  CHECK_FALSE(parse(kSr + open_item)->clear);
  Bytes unended = kSdes;
  unended[9] = 6;  // no null item
  CHECK_FALSE(parse(kSr + unended)->clear);
  Bytes reason{0x81, 203, 0, 2, 1, 2, 3, 4, 9, 'x', 'x', 'x'};
  CHECK_FALSE(parse(reason)->clear);
  Bytes app = kApp;
  app[9] = 0x80;
  CHECK_FALSE(parse(app)->clear);
  Bytes padded = kEmptyRr;
  padded[0] = 0xa0;  // padded, but the last byte is no pad count within the packet
  padded[7] = 12;
  CHECK_FALSE(parse(padded + kBye)->clear);
  CHECK_FALSE(parse(kSr + Bytes{0, 0, 0, 0})->clear);
}

TEST_CASE("padding of the last sub-packet is read", "[rtcp]") {
  CHECK(parse(kSr + Bytes{0xa1, 203, 0, 2, 1, 2, 3, 4, 0, 0, 0, 4})->clear);
  CHECK_FALSE(parse(kSr + Bytes{0xa1, 203, 0, 2, 1, 2, 3, 4, 0, 0, 0, 3})->clear);
}

TEST_CASE("no prefix of a clear compound is clear, except at a sub-packet's end", "[rtcp]") {
  const Bytes whole = kRr + kSdes + kBye;
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto view = parse(ByteView{whole}.first(n));
    CHECK(view.ok() == (n >= 8));
    if (view.ok()) CHECK(view->clear == (n == kRr.size() || n == kRr.size() + kSdes.size()));
  }
}

TEST_CASE("SRTCP is never clear, and its index is found", "[rtcp]") {
  std::mt19937 random(20260101);
  const Bytes compounds[] = {kEmptyRr, kRr, kSr, kSr + kSdes, kRr + kSdes + kBye, kApp, kBye, kEmptyRr + kSdes};
  std::size_t clear = 0;
  std::size_t shaped = 0;
  std::size_t found = 0;
  std::size_t total = 0;
  for (int round = 0; round < 20000; ++round) {
    for (const std::size_t tag : {std::size_t{4}, std::size_t{10}, std::size_t{16}}) {
      const Bytes& plain = compounds[random() % std::size(compounds)];
      Bytes packet(plain.begin(), plain.begin() + 8);
      packet = packet + random_bytes(random, plain.size() - 8);
      const auto index = static_cast<std::uint32_t>(random() % 5000);
      const Bytes trailer{0x80, static_cast<std::uint8_t>(index >> 16), static_cast<std::uint8_t>(index >> 8),
                          static_cast<std::uint8_t>(index)};
      packet = tag == 16 ? packet + random_bytes(random, tag) + trailer : packet + trailer + random_bytes(random, tag);
      const auto view = parse(packet);
      REQUIRE(view.ok());
      ++total;
      clear += (view->clear || view->authenticated_clear) ? 1U : 0U;
      shaped += view->srtcp_shaped ? 1U : 0U;
      found += (view->srtcp_tag == tag && view->srtcp_index == index) ? 1U : 0U;
      CHECK(view->cname.empty());
    }
  }
  CHECK(clear == 0);
  CHECK(shaped == total);
  CHECK(found * 1000 >= total * 998);  // a wrong place reads as a likely index once in some thousand
}

TEST_CASE("clear text under an SRTCP trailer is told from both", "[rtcp]") {
  const Bytes trailer{0, 0, 0, 5};  // E off
  const Bytes packet = kSr + kSdes + trailer + Bytes(10, 0xee);
  const auto view = parse(packet);
  REQUIRE(view.ok());
  CHECK_FALSE(view->clear);
  CHECK(view->authenticated_clear);
  CHECK_FALSE(view->srtcp_shaped);
  CHECK(view->cname == "a@b.c");
  const auto index = srtcp_trailer(packet, 10);
  REQUIRE(index.ok());
  CHECK_FALSE(index->encrypted);
  CHECK(index->index == 5);
}

TEST_CASE("a packet too short for a trailer is undecided, not SRTCP", "[rtcp]") {
  for (std::size_t extra = 1; extra < 8; ++extra) {
    const auto view = parse(kEmptyRr + Bytes(extra, 0x55));
    REQUIRE(view.ok());
    CHECK_FALSE(view->clear);
    CHECK_FALSE(view->srtcp_shaped);
  }
  CHECK_FALSE(srtcp_trailer(kEmptyRr + Bytes(7, 0), 4).ok());
  CHECK(srtcp_trailer(kEmptyRr + Bytes(8, 0), 4).ok());
  CHECK_FALSE(srtcp_trailer(kEmptyRr, static_cast<std::size_t>(-1)).ok());
}

TEST_CASE("types 192 to 223 are RTCP, their neighbours RTP", "[rtcp]") {
  CHECK(looks_like_rtcp(Bytes{0x80, 192}));
  CHECK(looks_like_rtcp(Bytes{0x80, 223}));
  CHECK_FALSE(looks_like_rtcp(Bytes{0x80, 191}));
  CHECK_FALSE(looks_like_rtcp(Bytes{0x80, 224}));
  CHECK_FALSE(looks_like_rtcp(Bytes{0x40, 200}));
  CHECK_FALSE(looks_like_rtcp(Bytes{0x80}));
}

}  // namespace
}  // namespace voip::rtcp
