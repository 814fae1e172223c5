#include <algorithm>

#include "net/support.h"

using namespace voip;
using namespace voip::net::test;
using capture::LinkType;

namespace {

// testdata/net/make_net.py writes these, each with one request inside, and has tshark confirm it.
struct Fixture {
  const char* name;
  bool v6;
};
constexpr Fixture kFixtures[] = {
    {"link-ethernet", false},
    {"link-ethernet-ipv6", true},
    {"link-ethernet-snap", false},
    {"link-null-little", false},
    {"link-null-big", false},
    {"link-null-ipv6", true},
    {"link-loop", false},
    {"link-raw", false},
    {"link-raw-ipv6", true},
    {"link-raw-bsd", false},
    {"link-raw-openbsd", false},
    {"link-ipv4", false},
    {"link-ipv6", true},
    {"link-ppp", false},
    {"link-ppp-short", false},
    {"link-ppp-hdlc", true},
    {"link-pppoe", false},
    {"link-cisco-hdlc", false},
    {"link-frame-relay", false},
    {"link-wlan", false},
    {"link-wlan-qos", false},
    {"link-radiotap", false},
    {"link-sll", false},
    {"link-sll-vlan", false},
    {"link-sll2", false},
    {"link-nflog", false},
    {"link-upper-pdu", false},
    {"link-upper-pdu-ip", false},
    {"vlan", false},
    {"vlan-stacked", false},
    {"vlan-old-stacked", true},
    {"mpls", false},
    {"mpls-ipv6", true},
    {"mpls-pseudowire", false},
    {"mpls-pseudowire-bare", false},
    {"pppoe-session", false},
    {"gre", false},
    {"gre-ipv6", true},
    {"gre-all-options", false},
    {"gre-ethernet", false},
    {"gre-mpls", false},
    {"gre-pptp", false},
    {"erspan-1", false},
    {"erspan-2", false},
    {"erspan-3", false},
    {"erspan-3-platform", false},
    {"ip-in-ip", false},
    {"6in4", true},
    {"4in6", false},
    {"l2tpv3", false},
    {"vxlan", false},
    {"vxlan-linux-port", false},
    {"geneve", false},
    {"geneve-ipv4", false},
    {"gtp", false},
    {"gtp-extension", false},
    {"tzsp", false},
    {"hp-erm", false},
    {"l2tpv2", false},
    {"tunnel-in-tunnel", false},
    {"ipv6-extensions", true},
    {"sctp", false},
};

}  // namespace

TEST_CASE("Each link type and tunnel gives its innermost request and addresses", "[net]") {
  for (const Fixture& fixture : kFixtures) {
    CAPTURE(fixture.name);
    Bench bench;
    feed_pcap(bench, std::string("net/") + fixture.name + ".pcap");
    REQUIRE(bench.seen.datagrams.size() == 1);
    const SeenDatagram& seen = bench.seen.datagrams[0];
    CHECK(seen.src == endpoint(fixture.v6 ? "2001:db8::1" : "192.0.2.1", 5060));
    CHECK(seen.dst == endpoint(fixture.v6 ? "2001:db8::2" : "192.0.2.2", 5060));
    CHECK(seen.payload.starts_with("OPTIONS sip:b@example.org SIP/2.0\r\n"));
    // Ethernet's padding and SCTP's are no part of it.
    CHECK(seen.payload.ends_with("Content-Length: 0\r\n\r\n"));
    CHECK_FALSE(seen.truncated);
    CHECK(seen.frame.number == 1);
    CHECK(seen.transport == (std::string_view(fixture.name) == "sctp" ? net::Transport::kSctp : net::Transport::kUdp));
    CHECK(bench.stack.diagnostics().entries().empty());
  }
}

TEST_CASE("No prefix of a frame gives a whole datagram, and none reads outside it", "[net]") {
  for (const Fixture& fixture : kFixtures) {
    CAPTURE(fixture.name);
    LinkType link{};
    const auto frames = read_pcap(std::string("net/") + fixture.name + ".pcap", link);
    REQUIRE(frames.size() == 1);
    // Two equal prefixes must not pass for a copy.
    net::StackOptions options;
    options.keep_duplicates = true;
    Bench whole({}, options);
    whole.frame(frames[0].bytes, link);
    const std::string payload = whole.seen.datagrams.at(0).payload;
    for (std::size_t size = 0; size < frames[0].bytes.size(); ++size) {
      CAPTURE(size);
      Bench bench({}, options);
      bench.frame(slice(frames[0].bytes, 0, size), link, 1, frames[0].bytes.size());
      bench.finish();
      for (const SeenDatagram& seen : bench.seen.datagrams) {
        // A tunnel's packet that ends too early to be told as such stays a datagram to the tunnel's port.
        if (seen.dst.port() == 5060) CHECK(payload.starts_with(seen.payload));
        // Padding may be missing from a frame whose datagram is whole.
        CHECK((seen.truncated || seen.payload.size() == payload.size()));
      }
      CHECK(bench.stack.counters().snapped == 1);
    }
  }
}

TEST_CASE("A datagram that the snap length cut is marked, and holds what is there", "[net]") {
  Bench bench;
  const Bytes frame = ethernet(ipv4(udp(text("INVITE sip:a@b SIP/2.0\r\nVia: x"))));
  bench.frame(slice(frame, 0, frame.size() - 10), LinkType::kEthernet, 1, frame.size());
  REQUIRE(bench.seen.datagrams.size() == 1);
  CHECK(bench.seen.datagrams[0].truncated);
  CHECK(bench.seen.datagrams[0].payload == "INVITE sip:a@b SIP/2");
  CHECK(bench.stack.counters().snapped == 1);
}

TEST_CASE("Tunnels are peeled up to the limit and no further", "[net]") {
  Limits limits;
  limits.tunnel_depth = 8;
  const auto nested = [](int times) {
    Bytes packet = ipv4(udp(text("OPTIONS sip:x SIP/2.0\r\n\r\n")));
    for (int i = 0; i < times; ++i) packet = ipv4(packet, {.protocol = 4});
    return packet;
  };
  Bench fits(limits);
  fits.ip(nested(8));
  CHECK(fits.seen.datagrams.size() == 1);
  Bench bomb(limits);
  bomb.ip(nested(9));
  bomb.ip(nested(64));
  CHECK(bomb.seen.datagrams.empty());
  CHECK(bomb.counted("tunnel-too-deep") == 2);
}

TEST_CASE("A frame of nothing but tags comes to an end", "[net]") {
  Bytes tags;
  for (int i = 0; i < 300; ++i) tags = tags + hex("00648100");
  Bench bench;
  bench.frame(ethernet(tags, 0x8100));
  CHECK(bench.seen.datagrams.empty());
  CHECK(bench.counted("link-too-deep") == 1);
}

TEST_CASE("Media on a tunnel's port stays media", "[net]") {
  // Each begins like what its port's tunnel begins with, but nothing sound follows.
  const Bytes rtp = hex("8000 0001 00000000 12345678") + pattern(160);
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{1701, 2152, 4789, 6081, 7932, 8472, 37008}) {
    CAPTURE(port);
    Bench bench;
    bench.ip(ipv4(udp(rtp, 20000, port)));
    REQUIRE(bench.seen.datagrams.size() == 1);
    CHECK(bench.seen.datagrams[0].dst.port() == port);
    CHECK(bench.seen.datagrams[0].payload.size() == rtp.size());
  }
  Bench vxlan;
  vxlan.ip(ipv4(udp(hex("0800000000007b00") + pattern(60), 20000, 4789)));
  CHECK(vxlan.seen.datagrams.size() == 1);
  Bench gtp;
  gtp.ip(ipv4(udp(hex("30ff003c00000001") + pattern(60), 2152, 2152)));
  CHECK(gtp.seen.datagrams.size() == 1);
}

TEST_CASE("An ICMP error's quoted packet is no traffic of its own", "[net]") {
  const Bytes quoted = ipv4(udp(text("OPTIONS sip:x SIP/2.0\r\n\r\n")));
  Bench bench;
  bench.ip(ipv4(hex("0303000000000000") + quoted, {.protocol = 1}));
  bench.ip(ipv6(hex("0104000000000000") + quoted, 58));
  bench.finish();
  CHECK(bench.seen.datagrams.empty());
  CHECK(bench.seen.chunks.empty());
  CHECK(bench.counted("icmp") == 2);
}

TEST_CASE("Lengths of zero mean the frame's own length: segmentation offload", "[net]") {
  Bench bench;
  Bytes packet = ipv4(udp(text("abcdef")), {.total = 0});
  bench.ip(packet);
  REQUIRE(bench.seen.datagrams.size() == 1);
  CHECK(bench.seen.datagrams[0].payload == "abcdef");
  CHECK_FALSE(bench.seen.datagrams[0].truncated);
}

TEST_CASE("Lengths that can't be are counted and give nothing", "[net]") {
  Bench bench;
  bench.ip(ipv4(udp(text("abcdef")), {.total = 19}));
  CHECK(bench.counted("ip-bad-header") == 1);
  Bytes short_udp = udp(text("abcdef"));
  short_udp[5] = 7;
  bench.ip(ipv4(short_udp));
  CHECK(bench.counted("udp-bad-length") == 1);
  Bytes bad_tcp = tcp(text("x"), 1, 1, 0x10);
  bad_tcp[12] = 0x40;
  bench.ip(ipv4(bad_tcp, {.protocol = 6}));
  CHECK(bench.counted("tcp-bad-header") == 1);
  bench.ip(hex("55"));
  CHECK(bench.counted("ip-bad-version") == 1);
  bench.ip({});
  CHECK(bench.counted("ip-short") == 1);
  bench.ip(ipv4(text("?"), {.protocol = 50}));
  CHECK(bench.counted("ip-protocol-50") == 1);
  CHECK(bench.seen.datagrams.empty());
}

TEST_CASE("A datagram longer than its packet is a prefix", "[net]") {
  Bench bench;
  Bytes lying = udp(text("abcdef"));
  lying[5] = 100;
  bench.ip(ipv4(lying));
  REQUIRE(bench.seen.datagrams.size() == 1);
  CHECK(bench.seen.datagrams[0].payload == "abcdef");
  CHECK(bench.seen.datagrams[0].truncated);
}

TEST_CASE("A chain of extension headers is bounded", "[net]") {
  Bytes chain;
  for (int i = 0; i < 100; ++i) chain = chain + hex("3c00010400000000");
  Bench bench;
  bench.ip(ipv6(chain, 60));
  CHECK(bench.counted("ip-too-many-headers") == 1);
}
