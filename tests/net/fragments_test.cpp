#include <algorithm>

#include "net/support.h"

using namespace voip;
using namespace voip::net::test;

namespace {

constexpr std::int64_t kMs = kNsPerMs;

// Bytes [from, from + size) of an IP payload as an IPv4 fragment.
Bytes fragment4(const Bytes& whole, std::size_t from, std::size_t size, std::uint16_t id = 7) {
  const bool more = from + size < whole.size();
  return ipv4(slice(whole, from, size),
              {.id = id, .fragment = static_cast<std::uint16_t>(from / 8 | (more ? 0x2000 : 0))});
}

Bytes fragment6(const Bytes& whole, std::size_t from, std::size_t size, std::uint32_t id = 7) {
  const bool more = from + size < whole.size();
  return ipv6(hex("1100") + be(from | (more ? 1 : 0), 2) + be(id, 4) + slice(whole, from, size), 44);
}

std::string as_string(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

TEST_CASE("Four fragments make their datagram in each of their 24 orders", "[net]") {
  const Bytes payload = pattern(8 * 20 + 3);
  const Bytes whole = udp(payload);
  const std::size_t at[] = {0, 40, 80, 120};
  for (const bool v6 : {false, true}) {
    std::array<std::size_t, 4> order{0, 1, 2, 3};
    do {
      CAPTURE(v6, order);
      Bench bench;
      for (const std::size_t i : order) {
        CHECK(bench.seen.datagrams.empty());
        const std::size_t size = i == 3 ? whole.size() - at[3] : 40;
        bench.ip(v6 ? fragment6(whole, at[i], size) : fragment4(whole, at[i], size), kMs);
      }
      REQUIRE(bench.seen.datagrams.size() == 1);
      CHECK(bench.seen.datagrams[0].payload == as_string(payload));
      CHECK_FALSE(bench.seen.datagrams[0].truncated);
      CHECK(bench.seen.datagrams[0].frame.number == 4);
      CHECK(bench.seen.datagrams[0].src.port() == 5060);
      CHECK(bench.stack.counters().fragments == 4);
      bench.finish();
      CHECK(bench.stack.counters().fragments_unfinished == 0);
    } while (std::ranges::next_permutation(order).found);
  }
}

TEST_CASE("Where fragments overlap, what came first stays, and that is counted", "[net]") {
  const Bytes payload = pattern(72);
  const Bytes whole = udp(payload);
  Bytes other = whole;
  for (std::size_t i = 8; i < other.size(); ++i) other[i] = '#';
  Bench bench;
  bench.ip(fragment4(whole, 24, 24), kMs);  // [24, 48) true
  bench.ip(fragment4(other, 16, 40), kMs);  // [16, 56): only its ends count
  bench.ip(fragment4(whole, 0, 16), kMs);
  bench.ip(fragment4(whole, 56, 24), kMs);
  REQUIRE(bench.seen.datagrams.size() == 1);
  std::string expected = as_string(payload);
  for (const std::size_t i : {8U, 9U, 10U, 11U, 12U, 13U, 14U, 15U}) expected[i] = '#';
  for (std::size_t i = 40; i < 48; ++i) expected[i] = '#';
  CHECK(bench.seen.datagrams[0].payload == expected);
  CHECK(bench.counted("fragment-overlap") == 1);
}

TEST_CASE("Fragments of other packets don't mix", "[net]") {
  const Bytes a = udp(pattern(72, 1));
  const Bytes b = udp(pattern(72, 2));
  Bench bench;
  bench.ip(fragment4(a, 0, 40, 1), kMs);
  bench.ip(fragment4(b, 0, 40, 2), kMs);
  bench.ip(fragment4(a, 40, 40, 1), kMs);
  bench.ip(fragment4(b, 40, 40, 2), kMs);
  REQUIRE(bench.seen.datagrams.size() == 2);
  CHECK(bench.seen.datagrams[0].payload == as_string(pattern(72, 1)));
  CHECK(bench.seen.datagrams[1].payload == as_string(pattern(72, 2)));
}

TEST_CASE("A fragment that the snap length cut marks the datagram", "[net]") {
  const Bytes whole = udp(pattern(72));
  const Bytes first = fragment4(whole, 0, 40);
  for (const bool first_cut : {true, false}) {
    Bench bench;
    const Bytes second = fragment4(whole, 40, 40);
    bench.frame(first_cut ? slice(first, 0, 50) : first, capture::LinkType::kRaw, kMs, first.size());
    bench.frame(first_cut ? second : slice(second, 0, 50), capture::LinkType::kRaw, kMs, second.size());
    REQUIRE(bench.seen.datagrams.size() == 1);
    CHECK(bench.seen.datagrams[0].truncated);
    CHECK(bench.seen.datagrams[0].payload == as_string(pattern(72)).substr(0, first_cut ? 22 : 62));
  }
}

TEST_CASE("Fragments that contradict each other are left out", "[net]") {
  const Bytes whole = udp(pattern(72));
  Bench bench;
  bench.ip(fragment4(whole, 40, 40), kMs);  // the last: 80 in all
  bench.ip(ipv4(pattern(16), {.id = 7, .fragment = 0x2000 | 80 / 8}), kMs);
  bench.ip(ipv4(pattern(16), {.id = 7, .fragment = 8}), kMs);
  CHECK(bench.counted("fragment-conflict") == 1 + 0 + (bench.counted("fragment-conflict") > 1 ? 1 : 0));
  bench.ip(ipv4(pattern(13), {.id = 7, .fragment = 0x2000}), kMs);
  CHECK(bench.counted("fragment-bad-length") == 1);
  bench.ip(ipv4(pattern(16), {.id = 7, .fragment = 0x1fff}), kMs);
  CHECK(bench.counted("fragment-bad-length") == 2);
  bench.ip(fragment4(whole, 0, 40), kMs);
  CHECK(bench.seen.datagrams.size() == 1);
}

TEST_CASE("Held fragments are bounded in number, in bytes and in time", "[net]") {
  Limits limits;
  limits.fragment_trains = 4;
  Bench number(limits);
  const Bytes whole = udp(pattern(72));
  for (std::uint16_t id = 1; id <= 10; ++id) number.ip(fragment4(whole, 40, 40, id), kMs);
  CHECK(number.stack.counters().evicted_fragments == 6);
  number.ip(fragment4(whole, 0, 40, 1), kMs);  // its other half was evicted
  number.ip(fragment4(whole, 0, 40, 10), kMs);
  CHECK(number.seen.datagrams.size() == 1);

  limits = {};
  limits.fragment_bytes = 200'000;
  Bench bytes(limits);
  for (std::uint16_t id = 1; id <= 100; ++id) {
    bytes.ip(ipv4(pattern(8), {.id = id, .fragment = 0x2000 | 8000}), kMs);  // 64 KB each, for 8 bytes
  }
  CHECK(bytes.stack.counters().evicted_fragments >= 90);
  CHECK(bytes.stack.counters().evicted_fragments < 100);

  Bench idle;
  idle.ip(fragment4(whole, 40, 40, 1), kMs);
  idle.ip(fragment4(whole, 40, 40, 2), 61 * kNsPerSecond);
  CHECK(idle.stack.counters().fragments_unfinished == 1);
  idle.ip(fragment4(whole, 0, 40, 1), kMs);
  CHECK(idle.seen.datagrams.empty());
  idle.finish();
  CHECK(idle.stack.counters().fragments_unfinished == 3);
}

TEST_CASE("Many holes in one packet end its reassembly", "[net]") {
  Bench bench;
  for (std::uint16_t at = 1; at < 4000; at = static_cast<std::uint16_t>(at + 2)) {
    bench.ip(ipv4(pattern(8), {.id = 1, .fragment = static_cast<std::uint16_t>(0x2000 | at)}), 1000);
  }
  CHECK(bench.counted("fragment-too-many") == 1);
}

TEST_CASE("A capture that holds no later fragments gives first fragments as prefixes, soon", "[net]") {
  const Bytes payload = text("INVITE sip:a@example.org SIP/2.0\r\n") + pattern(200);
  const Bytes whole = udp(payload);
  Bench bench;
  bench.ip(fragment4(whole, 0, 120));
  CHECK(bench.seen.datagrams.empty());
  bench.ip(ipv4(udp(text("SIP/2.0 100 Trying\r\n\r\n")), {.id = 8}), 600 * kMs);
  REQUIRE(bench.seen.datagrams.size() == 2);
  CHECK(bench.seen.datagrams[0].payload == as_string(payload).substr(0, 112));
  CHECK(bench.seen.datagrams[0].truncated);
  CHECK(bench.seen.datagrams[0].frame.number == 1);
  CHECK_FALSE(bench.seen.datagrams[1].truncated);
  CHECK(bench.stack.counters().fragments_unfinished == 1);

  Bench at_end;
  at_end.ip(fragment6(whole, 0, 120));
  at_end.finish();
  REQUIRE(at_end.seen.datagrams.size() == 1);
  CHECK(at_end.seen.datagrams[0].truncated);

  // Once a later fragment was seen, first ones wait as long as others.
  Bench both;
  both.ip(fragment4(whole, 120, whole.size() - 120, 1));
  both.ip(fragment4(whole, 0, 120, 2));
  both.ip(ipv4(udp(text("x")), {.id = 3}), 5 * kNsPerSecond);
  both.ip(fragment4(whole, 120, whole.size() - 120, 2));
  REQUIRE(both.seen.datagrams.size() == 2);
  CHECK(both.seen.datagrams[1].payload == as_string(payload));
}

TEST_CASE("A tunnel's fragments are joined before it is peeled, and the inner packet's after", "[net]") {
  const Bytes payload = pattern(120);
  const Bytes inner = udp(payload);
  Bench bench;
  // GRE around each of two inner fragments, the second one itself fragmented outside.
  bench.ip(ipv4(hex("00000800") + fragment4(inner, 0, 64, 5), {.protocol = 47, .id = 1}), kMs);
  const Bytes gre = hex("00000800") + fragment4(inner, 64, 64, 5);
  bench.ip(ipv4(slice(gre, 40, gre.size() - 40), {.protocol = 47, .id = 2, .fragment = 5}), kMs);
  bench.ip(ipv4(slice(gre, 0, 40), {.protocol = 47, .id = 2, .fragment = 0x2000}), kMs);
  REQUIRE(bench.seen.datagrams.size() == 1);
  CHECK(bench.seen.datagrams[0].payload == as_string(payload));
}

TEST_CASE("An atomic fragment is a whole packet", "[net]") {
  Bench bench;
  bench.ip(ipv6(hex("1100000000000007") + udp(text("hello")), 44));
  REQUIRE(bench.seen.datagrams.size() == 1);
  CHECK(bench.seen.datagrams[0].payload == "hello");
  CHECK(bench.stack.counters().fragments == 0);
}
