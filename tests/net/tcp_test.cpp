#include <algorithm>
#include <array>

#include "net/support.h"

using namespace voip;
using namespace voip::net::test;

namespace {

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;
constexpr std::uint8_t kAck = 0x10;

// One connection of 192.0.2.1:40000 to 192.0.2.2:5060; each packet has an identification of its own.
class Peers {
 public:
  explicit Peers(Bench& bench, std::uint32_t client = 1000, std::uint32_t server = 5000)
      : client_(client), server_(server), bench_(bench) {}

  void handshake() {
    from_client({}, 0, kSyn);
    from_server({}, 0, kSyn | kAck);
    from_client({}, 1, kAck);
  }
  // at: from the initial sequence number, whose SYN is 0; data begin at 1.
  void from_client(const Bytes& data, std::uint32_t at, std::uint8_t flags = kAck, std::uint32_t acked = 1) {
    send(tcp(data, client_ + at, server_ + acked, flags), 0xc0000201, 0xc0000202, 0);
  }
  void from_server(const Bytes& data, std::uint32_t at, std::uint8_t flags = kAck, std::uint32_t acked = 1) {
    send(tcp(data, server_ + at, client_ + acked, flags, 5060, 40000), 0xc0000202, 0xc0000201, 0);
  }
  // With `cut` bytes of it missing from the capture.
  void from_client_cut(const Bytes& data, std::uint32_t at, std::size_t cut) {
    send(tcp(data, client_ + at, server_ + 1, kAck), 0xc0000201, 0xc0000202, cut);
  }

 private:
  void send(const Bytes& segment, std::uint32_t src, std::uint32_t dst, std::size_t cut) {
    const Bytes packet = ipv4(segment, {.protocol = 6, .id = ++id_, .src = src, .dst = dst});
    bench_.frame(slice(packet, 0, packet.size() - cut), capture::LinkType::kRaw, kNsPerMs, packet.size());
  }

  std::uint32_t client_;
  std::uint32_t server_;
  std::uint16_t id_ = 0;
  Bench& bench_;
};

const Bytes kA = text("aaaaaaaaaa");
const Bytes kB = text("bbbbbbbbbb");
const Bytes kC = text("cccccccccc");
const Bytes kD = text("dddddddddd");
constexpr const char* kAll = "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd";

}  // namespace

TEST_CASE("Both directions of a connection come in order, with one end", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.handshake();
  peers.from_client(kA, 1);
  peers.from_server(kB, 1, kAck, 11);
  peers.from_client(kC, 11, kAck | kFin, 11);
  peers.from_server({}, 11, kAck | kFin, 22);
  peers.from_client({}, 22, kAck, 12);
  REQUIRE(bench.seen.chunks.size() == 3);
  CHECK(bench.seen.chunks[0].direction == 0);
  CHECK(bench.seen.chunks[0].src == endpoint("192.0.2.1", 40000));
  CHECK(bench.seen.chunks[0].dst == endpoint("192.0.2.2", 5060));
  CHECK(bench.seen.chunks[0].frame == 4);
  CHECK_FALSE(bench.seen.chunks[0].mid_stream);
  CHECK(bench.seen.chunks[1].direction == 1);
  CHECK(bench.seen.chunks[1].src == endpoint("192.0.2.2", 5060));
  CHECK_FALSE(bench.seen.chunks[1].mid_stream);
  const std::uint64_t id = bench.seen.chunks[0].connection;
  CHECK(bench.seen.stream(id, 0) == "aaaaaaaaaacccccccccc");
  CHECK(bench.seen.stream(id, 1) == "bbbbbbbbbb");
  CHECK(bench.seen.ends == std::vector<std::uint64_t>{id});
  bench.finish();
  CHECK(bench.seen.ends.size() == 1);
}

TEST_CASE("Four segments give the same bytes in each of their 24 orders, also across the wrap", "[net][tcp]") {
  const std::array<Bytes, 4> data{kA, kB, kC, kD};
  for (const std::uint32_t initial : {1000U, 0xfffffff0U, 0xffffffffU, 0x7ffffff8U}) {
    std::array<std::size_t, 4> order{0, 1, 2, 3};
    do {
      CAPTURE(initial, order);
      Bench bench;
      Peers peers(bench, initial);
      peers.handshake();
      for (const std::size_t i : order) peers.from_client(data[i], static_cast<std::uint32_t>(1 + 10 * i));
      CHECK(bench.seen.stream(1) == kAll);
      for (const SeenChunk& chunk : bench.seen.chunks) CHECK(chunk.lost == 0);
      CHECK(bench.stack.counters().tcp_gaps == 0);
    } while (std::ranges::next_permutation(order).found);
  }
}

TEST_CASE("Retransmissions, whole and partly overlapping, add nothing twice", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.handshake();
  peers.from_client(kA, 1);
  peers.from_client(kA, 1);                    // whole
  peers.from_client(slice(kA, 5, 5) + kB, 6);  // its first half is old
  peers.from_client(kA, 1);                    // old
  peers.from_client(kC + kD, 21);
  peers.from_client(kB + kC, 11);    // old
  peers.from_client({}, 40, kAck);   // a keep-alive without a byte
  peers.from_client(text("d"), 40);  // and one with a byte
  CHECK(bench.seen.stream(1) == kAll);
  CHECK(bench.seen.chunks.size() == 3);
}

TEST_CASE("Overlapping segments behind a hole are joined once it is filled", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.handshake();
  peers.from_client(kC + kD, 21);
  peers.from_client(slice(kB, 5, 5) + kC, 16);
  peers.from_client(kC, 21);
  CHECK(bench.seen.chunks.empty());
  peers.from_client(kA + slice(kB, 0, 7), 1);
  CHECK(bench.seen.stream(1) == kAll);
}

TEST_CASE("A lost segment is told once the other side acknowledges what follows", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.handshake();
  peers.from_client(kA, 1);
  peers.from_client(kC, 21);
  CHECK(bench.seen.stream(1) == "aaaaaaaaaa");
  peers.from_server({}, 1, kAck, 11);  // this does not cover the hole
  CHECK(bench.seen.stream(1) == "aaaaaaaaaa");
  peers.from_server({}, 1, kAck, 31);  // this does, but a tap may show it too early
  CHECK(bench.seen.stream(1) == "aaaaaaaaaa");
  bench.now.ns += 300 * kNsPerMs;
  peers.from_server({}, 1, kAck, 31);
  REQUIRE(bench.seen.chunks.size() == 2);
  CHECK(bench.seen.chunks[1].lost == 10);
  CHECK(bench.seen.chunks[1].bytes == "cccccccccc");
  CHECK(bench.seen.chunks[1].frame == 5);
  peers.from_client(kB, 11);  // too late
  peers.from_client(kD, 31);
  CHECK(bench.seen.stream(1) == "aaaaaaaaaa??????????ccccccccccdddddddddd");
  CHECK(bench.stack.counters().tcp_gaps == 1);
  CHECK(bench.counted("tcp-gap") == 1);
}

TEST_CASE("A hole that was acknowledged before its other side came is told too", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.handshake();
  peers.from_client(kA, 1);
  peers.from_server({}, 1, kAck, 41);
  peers.from_client(kC, 21);
  bench.now.ns += 300 * kNsPerMs;
  peers.from_client(kD, 31);
  CHECK(bench.seen.stream(1) == "aaaaaaaaaa??????????ccccccccccdddddddddd");
}

TEST_CASE("An acknowledgement that a tap shows too early loses nothing", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.handshake();
  peers.from_client(kA, 1);
  peers.from_client(kC, 21);
  peers.from_server({}, 1, kAck, 31);
  peers.from_client(kB, 11);
  peers.from_client(kD, 31);
  CHECK(bench.seen.stream(1) == kAll);
  CHECK(bench.stack.counters().tcp_gaps == 0);
}

TEST_CASE("A hole at the end of the capture, and one before a reset, is told", "[net][tcp]") {
  for (const bool reset : {false, true}) {
    Bench bench;
    Peers peers(bench);
    peers.handshake();
    peers.from_client(kA, 1);
    peers.from_client(kC, 21);
    if (reset) peers.from_server({}, 1, kRst);
    if (!reset) bench.finish();
    CHECK(bench.seen.stream(1) == "aaaaaaaaaa??????????cccccccccc");
    CHECK(bench.seen.ends.size() == 1);
  }
}

TEST_CASE("A lost tail is told when its end is acknowledged", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.handshake();
  peers.from_client(kA, 1);
  peers.from_client({}, 21, kAck | kFin);
  peers.from_server({}, 1, kAck | kFin, 22);
  CHECK(bench.seen.stream(1) == "aaaaaaaaaa??????????");
  CHECK(bench.seen.ends.size() == 1);
}

TEST_CASE("What waits behind a hole is bounded", "[net][tcp]") {
  Limits limits;
  limits.tcp_buffered_per_direction = 10'000;
  Bench bench(limits);
  Peers peers(bench);
  peers.handshake();
  for (std::uint32_t i = 0; i < 20; ++i) peers.from_client(pattern(1000, i), 101 + 1000 * i);
  REQUIRE_FALSE(bench.seen.chunks.empty());
  CHECK(bench.seen.chunks[0].lost == 100);
  CHECK(bench.counted("tcp-hole-too-wide") == 1);
  bench.finish();
  CHECK(bench.seen.stream(1).size() == 20'100);

  limits = {};
  limits.tcp_buffered_bytes = 10'000;
  Bench all(limits);
  Peers others(all);
  others.handshake();
  for (std::uint32_t i = 0; i < 20; ++i) others.from_client(pattern(1000, i), 101 + 2000 * i);
  CHECK_FALSE(all.seen.chunks.empty());
}

TEST_CASE("A hole does not wait for ever", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.handshake();
  peers.from_client(kB, 11);
  bench.now.ns += 31 * kNsPerSecond;
  peers.from_client(kD, 31);
  CHECK(bench.seen.stream(1) == "??????????bbbbbbbbbb??????????dddddddddd");
}

TEST_CASE("A connection may begin in its middle", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.from_client({}, 99, kAck);  // a keep-alive: its number is one too low
  peers.from_client(kA, 100);
  peers.from_client(kB, 110);
  peers.from_server(kC, 500, kAck, 120);
  REQUIRE(bench.seen.chunks.size() == 3);
  CHECK(bench.seen.chunks[0].mid_stream);
  CHECK_FALSE(bench.seen.chunks[1].mid_stream);
  CHECK(bench.seen.chunks[2].mid_stream);
  CHECK(bench.seen.stream(1) == "aaaaaaaaaabbbbbbbbbb");
  CHECK(bench.seen.chunks[0].lost == 0);
}

TEST_CASE("A SYN's answer alone tells where both directions begin", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.from_server({}, 0, kSyn | kAck);
  peers.from_client(kB, 11);
  CHECK(bench.seen.chunks.empty());
  peers.from_client(kA, 1);
  CHECK(bench.seen.stream(1, 1) == "aaaaaaaaaabbbbbbbbbb");
  CHECK_FALSE(bench.seen.chunks[0].mid_stream);
}

TEST_CASE("The same ports again are another connection", "[net][tcp]") {
  Bench bench;
  Peers first(bench, 1000);
  first.handshake();
  first.from_client(kA, 1);
  SECTION("after both closed") {
    first.from_client({}, 11, kAck | kFin);
    first.from_server({}, 1, kAck | kFin, 12);
    CHECK(bench.seen.ends.size() == 1);
  }
  SECTION("after a reset") {
    first.from_server({}, 1, kRst);
    first.from_client(kC, 11);  // on its way when the reset came
    CHECK(bench.seen.ends.size() == 1);
  }
  SECTION("without any end") {}
  Peers second(bench, 900'000, 700'000);
  second.handshake();
  second.from_client({}, 0, kSyn);  // the SYN once more is no third
  second.from_client(kB, 1);
  CHECK(bench.seen.ends.size() == 1);
  CHECK(bench.seen.stream(1) == "aaaaaaaaaa");
  CHECK(bench.seen.stream(2) == "bbbbbbbbbb");
  bench.finish();
  CHECK(bench.seen.ends.size() == 2);
}

TEST_CASE("Numbers that fit nowhere are ignored, until they are another connection's", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  Peers stranger(bench, 0x70000000);
  peers.handshake();
  peers.from_client(kA, 1);
  stranger.from_client(kD, 1);
  peers.from_client(kB, 11);
  CHECK(bench.seen.stream(1) == "aaaaaaaaaabbbbbbbbbb");
  stranger.from_server({}, 1, kAck, 90'000'000);  // an acknowledgement of nothing
  peers.from_client(kD, 31);
  CHECK(bench.seen.stream(1) == "aaaaaaaaaabbbbbbbbbb");
  peers.from_client(kC, 21);
  CHECK(bench.seen.stream(1) == kAll);
  for (std::uint32_t i = 0; i < 3; ++i) stranger.from_client(kA, 1 + 10 * i);
  CHECK(bench.seen.ends.size() == 1);
  CHECK(bench.seen.stream(2) == "aaaaaaaaaa");
}

TEST_CASE("A segment that the snap length cut leaves a gap of the right size", "[net][tcp]") {
  Bench bench;
  Peers peers(bench);
  peers.handshake();
  peers.from_client_cut(kA, 1, 4);
  peers.from_client(kB, 11);
  peers.from_client_cut(kD, 31, 10);  // waits behind a hole, without a byte
  peers.from_client(kC, 21);
  CHECK(bench.seen.stream(1) == "aaaaaa????bbbbbbbbbbcccccccccc");
  bench.finish();
  CHECK(bench.seen.stream(1) == "aaaaaa????bbbbbbbbbbcccccccccc??????????");
}

TEST_CASE("Connections are bounded: the longest idle one ends, and that is counted", "[net][tcp]") {
  Limits limits;
  limits.tcp_connections = 3;
  Bench bench(limits);
  for (std::uint16_t port = 1; port <= 5; ++port) {
    bench.ip(ipv4(tcp(kA, 1, 1, kAck, port), {.protocol = 6, .id = port}));
  }
  CHECK(bench.stack.counters().evicted_connections == 2);
  CHECK(bench.seen.ends == std::vector<std::uint64_t>{1, 2});
  bench.finish();
  CHECK(bench.seen.ends.size() == 5);
}

TEST_CASE("SCTP messages come whole, whatever order their fragments have", "[net][sctp]") {
  const auto data = [](std::uint32_t tsn, std::uint8_t flags, const Bytes& bytes) {
    return hex("00") + be(flags, 1) + be(16 + bytes.size(), 2) + be(tsn, 4) + hex("0000 0000 00000000") + bytes +
           Bytes((4 - bytes.size() % 4) % 4);
  };
  const auto packet = [](const Bytes& chunks, std::uint16_t id) {
    return ipv4(hex("13c413c4 00000007 00000000") + chunks, {.protocol = 132, .id = id});
  };
  std::array<std::size_t, 3> order{0, 1, 2};
  const std::array<Bytes, 3> parts{data(0xffffffff, 2, kA), data(0, 0, kB), data(1, 1, kC)};
  do {
    CAPTURE(order);
    Bench bench;
    std::uint16_t id = 0;
    for (const std::size_t i : order) bench.ip(packet(parts[i], ++id));
    REQUIRE(bench.seen.datagrams.size() == 1);
    CHECK(bench.seen.datagrams[0].payload == "aaaaaaaaaabbbbbbbbbbcccccccccc");
    CHECK(bench.seen.datagrams[0].transport == net::Transport::kSctp);
    bench.ip(packet(parts[1], ++id));  // once more
    // Two messages in one packet, the first with a chunk of another kind before it.
    bench.ip(packet(hex("03000004") + data(2, 3, kA) + data(3, 3, kD), ++id));
    REQUIRE(bench.seen.datagrams.size() == 3);
    CHECK(bench.seen.datagrams[1].payload == "aaaaaaaaaa");
    CHECK(bench.seen.datagrams[2].payload == "dddddddddd");
  } while (std::ranges::next_permutation(order).found);
  Bench bad;
  bad.ip(packet(hex("00030003") + kA, 1));
  CHECK(bad.counted("sctp-bad-length") == 1);
  CHECK(bad.seen.datagrams.empty());
}
