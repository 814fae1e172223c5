#include "net/support.h"

using namespace voip;
using namespace voip::net::test;

namespace {

const Bytes kRequest = text("OPTIONS sip:x@example.org SIP/2.0\r\nCall-ID: 1\r\n\r\n");
constexpr std::int64_t kMs = kNsPerMs;

}  // namespace

TEST_CASE("A second copy within the window is left out and counted, also one that was routed", "[net]") {
  Bench bench;
  bench.frame(ethernet(ipv4(udp(kRequest), {.id = 9})));
  bench.frame(ethernet(hex("00640800") + ipv4(udp(kRequest), {.id = 9, .ttl = 63}), 0x8100),
              capture::LinkType::kEthernet, 10 * kMs);
  CHECK(bench.seen.datagrams.size() == 1);
  CHECK(bench.stack.counters().duplicates == 1);
}

TEST_CASE("A packet of its own is kept: other identification, port, address, payload, or later", "[net]") {
  Bench bench;
  bench.ip(ipv4(udp(kRequest), {.id = 9}));
  bench.ip(ipv4(udp(kRequest), {.id = 10}), kMs);
  bench.ip(ipv4(udp(kRequest, 5062), {.id = 9}), kMs);
  bench.ip(ipv4(udp(kRequest, 5060, 5062), {.id = 9}), kMs);
  bench.ip(ipv4(udp(kRequest), {.id = 9, .src = 0xc0000203}), kMs);
  bench.ip(ipv4(udp(kRequest), {.id = 9, .dst = 0xc0000203}), kMs);
  bench.ip(ipv4(udp(kRequest + text("x")), {.id = 9}), kMs);
  bench.ip(ipv4(udp(kRequest), {.id = 9}), 500 * kMs);
  CHECK(bench.seen.datagrams.size() == 8);
  CHECK(bench.stack.counters().duplicates == 0);
}

TEST_CASE("A steady repetition is not swallowed for ever", "[net]") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.ip(ipv4(udp(kRequest), {.id = 0}), 15 * kMs);
  CHECK(bench.seen.datagrams.size() == 5);
}

TEST_CASE("Media packets that differ in their header alone are no copies", "[net]") {
  Bench bench;
  const Bytes silence(160, 0xff);
  for (std::uint64_t i = 0; i < 10; ++i) {
    bench.ip(ipv4(udp(hex("8000") + be(i, 2) + be(160 * i, 4) + hex("12345678") + silence), {.id = 0}), kMs);
  }
  CHECK(bench.seen.datagrams.size() == 10);
  bench.ip(ipv4(udp(hex("8000") + be(9, 2) + be(1440, 4) + hex("12345678") + silence), {.id = 0}), kMs);
  CHECK(bench.seen.datagrams.size() == 10);
}

TEST_CASE("Copies are kept when that is asked for", "[net]") {
  net::StackOptions options;
  options.keep_duplicates = true;
  Bench bench({}, options);
  bench.ip(ipv4(udp(kRequest)));
  bench.ip(ipv4(udp(kRequest)), kMs);
  CHECK(bench.seen.datagrams.size() == 2);
}

TEST_CASE("Equal acknowledgements without an identification are no copies", "[net]") {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.ip(ipv4(tcp({}, 100, 200, 0x10), {.protocol = 6, .id = 0}), kMs);
  CHECK(bench.stack.counters().duplicates == 0);
  for (int i = 0; i < 3; ++i) bench.ip(ipv4(tcp({}, 100, 200, 0x10), {.protocol = 6, .id = 5}), kMs);
  CHECK(bench.stack.counters().duplicates == 2);
}

TEST_CASE("Copies inside different tunnels are told by their innermost packet", "[net]") {
  Bench bench;
  const Bytes inner = ipv4(udp(kRequest), {.id = 77});
  bench.ip(ipv4(inner, {.protocol = 4, .id = 1}));
  bench.ip(ipv4(inner, {.protocol = 4, .id = 2, .src = 0x0a000001}), kMs);
  CHECK(bench.seen.datagrams.size() == 1);
  CHECK(bench.stack.counters().duplicates == 1);
}

TEST_CASE("Copies of fragments leave the reassembly as it was", "[net]") {
  Bench bench;
  const Bytes whole = udp(pattern(64));
  const Bytes first = ipv4(slice(whole, 0, 32), {.id = 3, .fragment = 0x2000});
  const Bytes second = ipv4(slice(whole, 32, 40), {.id = 3, .fragment = 4});
  bench.ip(first, kMs);
  bench.ip(first, kMs);
  bench.ip(second, kMs);
  bench.ip(second, kMs);
  CHECK(bench.seen.datagrams.size() == 1);
  CHECK(bench.stack.counters().duplicates == 2);
  bench.finish();
  CHECK(bench.stack.counters().fragments_unfinished == 0);
}
