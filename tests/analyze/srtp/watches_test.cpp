#include "analyze/srtp/watches.h"

#include <catch2/catch.hpp>

#include "analyze/srtp/auth.h"

using namespace voip;
using namespace voip::analyze::srtp;

namespace {

FrameRef frame(std::uint64_t number) {
  return {.input = 0, .number = number, .time = {static_cast<std::int64_t>(number) * 20'000'000}};
}

}  // namespace

TEST_CASE("a packet queue keeps the latest packets and gives its room back", "[srtp]") {
  std::size_t held = 0;
  {
    PacketQueue queue(held);
    const std::vector<std::uint8_t> packet(182, 7);
    for (std::uint64_t i = 1; i <= 5000; ++i) queue.add(packet, 12, frame(i), false);
    CHECK(held <= 2 * PacketQueue::kHalfBytes + 1024);
    std::uint64_t last = 0;
    std::uint64_t count = 0;
    bool in_order = true;
    queue.for_each([&](ByteView bytes, std::size_t header, const FrameRef& at, bool) {
      in_order &= bytes.size() == 182 && header == 12 && (last == 0 || at.number == last + 1);
      last = at.number;
      ++count;
    });
    CHECK(in_order);
    CHECK(last == 5000);
    CHECK(count == queue.size());
    CHECK(count > 400);
  }
  CHECK(held == 0);
}

TEST_CASE("all packet queues together stop at their cap", "[srtp]") {
  std::size_t held = PacketQueue::kAllBytes - 100;
  PacketQueue queue(held);
  const std::vector<std::uint8_t> packet(182, 7);
  queue.add(packet, 12, frame(1), false);
  CHECK(queue.empty());
}

TEST_CASE("index samples of two streams meet where they share more than a step", "[srtp]") {
  IndexSamples one;
  IndexSamples two;
  for (std::uint64_t i = 1000; i < 21000; ++i)
    CHECK_FALSE(one.add({.index = i, .digest = i, .key = 0, .frame = frame(i)}));
  for (std::uint64_t i = 18000; i < 19100; ++i)
    (void)two.add({.index = i, .digest = i + 1, .key = 0, .frame = frame(i)});
  CHECK(one.samples().size() <= 32);
  std::size_t shared = 0;
  for (const auto& a : one.samples()) {
    for (const auto& b : two.samples()) shared += a.index == b.index ? 1U : 0U;
  }
  CHECK(shared >= 1);
}

TEST_CASE("an index with two ciphertexts is a pad, with the same one it is a copy", "[srtp]") {
  IndexSamples samples;
  CHECK_FALSE(samples.add({.index = 64, .digest = 5, .key = 0, .frame = frame(1)}));
  CHECK_FALSE(samples.add({.index = 64, .digest = 5, .key = 0, .frame = frame(2)}));
  CHECK_FALSE(samples.add({.index = 64, .digest = 6, .key = 1, .frame = frame(3)}));
  const auto twin = samples.add({.index = 64, .digest = 6, .key = 0, .frame = frame(4)});
  REQUIRE(twin);
  CHECK(twin->number == 1);
}

TEST_CASE("the usual size of a stream is that of its majority", "[srtp]") {
  StartWatch watch;
  const std::vector<std::uint8_t> bytes(200);
  rtp::PacketView packet;
  for (unsigned i = 0; i < 190; ++i) {
    packet.payload = ByteView{bytes}.first(i < 40 ? 160 : 170);
    watch.add(packet, frame(i + 1));
  }
  CHECK(watch.usual == 170);
  REQUIRE(watch.runs.size() == 2);
  CHECK(watch.runs[0].packets == 40);
  CHECK(watch.runs[0].last.number == 40);
}

TEST_CASE("header extensions that run over their end are not read", "[srtp]") {
  ExtensionWatch watch;
  rtp::PacketView packet;
  packet.extension = true;
  packet.extension_profile = 0xBEDE;
  const std::vector<std::uint8_t> data{0x10, 0x55, 0x2f, 1, 2, 3};  // the second says 16 bytes and has 3
  packet.extension_data = data;
  watch.add(packet, frame(1));
  CHECK(watch.elements[1].packets == 1);
  CHECK(watch.elements[2].packets == 0);
  packet.extension_profile = 0xC0DE;
  watch.add(packet, frame(2));
  CHECK(watch.cryptex == 1);
  CHECK(watch.elements[1].packets == 1);
}
