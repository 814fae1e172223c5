#include <zlib.h>

#include <algorithm>
#include <set>

#include "net/support.h"
#include "support/gzip.h"

using namespace voip;
using namespace voip::net::test;
using capture::LinkType;

namespace {

// Frames of a concatenated archive, by their length word.
std::vector<Bytes> frames_of(const Bytes& archive) {
  std::vector<Bytes> frames;
  for (std::size_t at = 0; at < archive.size();) {
    REQUIRE(archive.size() - at >= 6);
    const std::size_t length = load_be<std::uint16_t>(archive.data() + at + 4);
    frames.push_back(slice(archive, at, length));
    at += length;
  }
  return frames;
}

using voip::test::gzip;

Bytes chunk(std::uint16_t type, const Bytes& value) { return be(0, 2) + be(type, 2) + be(6 + value.size(), 2) + value; }
Bytes hep3(const Bytes& chunks) { return text("HEP3") + be(6 + chunks.size(), 2) + chunks; }

const Bytes kSip = text("OPTIONS sip:x@example.org SIP/2.0\r\nCall-ID: 1\r\n\r\n");

Bytes simple_hep(const Bytes& payload, std::uint16_t payload_chunk = 0x0f) {
  return hep3(chunk(1, hex("02")) + chunk(2, hex("11")) + chunk(3, hex("c6336407")) + chunk(4, hex("c000020a")) +
              chunk(7, be(5070, 2)) + chunk(8, be(5080, 2)) + chunk(9, be(1'767'225'000, 4)) +
              chunk(10, be(123456, 4)) + chunk(11, hex("01")) + chunk(12, be(42, 4)) + chunk(payload_chunk, payload));
}

void feed_stream(Bench& bench, const Bytes& bytes, std::size_t piece, bool syn = true) {
  std::uint16_t id = 0;
  std::uint32_t sequence = 100;
  if (syn) bench.ip(ipv4(tcp({}, sequence++, 0, 2), {.protocol = 6, .id = ++id}), 1000);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const Bytes part = slice(bytes, at, std::min(piece, bytes.size() - at));
    bench.ip(ipv4(tcp(part, sequence, 1, 0x10), {.protocol = 6, .id = ++id}), 1000);
    sequence += static_cast<std::uint32_t>(part.size());
  }
}

}  // namespace

TEST_CASE("HEP on any UDP port gives the inner message, addresses and time", "[net][hep]") {
  Bench bench;
  bench.ip(ipv4(udp(simple_hep(kSip), 5060, 41234)));
  REQUIRE(bench.seen.datagrams.size() == 1);
  const SeenDatagram& seen = bench.seen.datagrams[0];
  CHECK(seen.provenance == net::Provenance::kHep);
  CHECK(seen.payload == std::string(kSip.begin(), kSip.end()));
  CHECK(seen.src == endpoint("198.51.100.7", 5070));
  CHECK(seen.dst == endpoint("192.0.2.10", 5080));
  CHECK(seen.collector_src == endpoint("192.0.2.1", 5060));
  CHECK(seen.collector_dst == endpoint("192.0.2.2", 41234));
  CHECK(seen.frame.time.ns == 1'767'225'000'123'456'000);
  CHECK(seen.frame.number == 1);
  CHECK(seen.capture_id == 42);
  CHECK(seen.hep_version == 3);
  CHECK_FALSE(seen.truncated);
  CHECK(bench.stack.counters().hep_messages == 1);
}

TEST_CASE("Compressed payloads and gzipped frames are opened", "[net][hep]") {
  Bytes zlib(1000);
  uLongf size = zlib.size();
  REQUIRE(compress(zlib.data(), &size, kSip.data(), kSip.size()) == Z_OK);
  zlib.resize(size);
  const Bytes raw = slice(zlib, 2, zlib.size() - 6);
  const Bytes kinds[] = {simple_hep(zlib, 0x10), simple_hep(gzip(kSip), 0x10), simple_hep(raw, 0x10),
                         gzip(simple_hep(kSip))};
  for (const Bytes& frame : kinds) {
    Bench bench;
    bench.ip(ipv4(udp(frame, 9060, 9060)));
    REQUIRE(bench.seen.datagrams.size() == 1);
    CHECK(bench.seen.datagrams[0].payload == std::string(kSip.begin(), kSip.end()));
    CHECK(bench.seen.datagrams[0].src.port() == 5070);
    CHECK_FALSE(bench.seen.datagrams[0].truncated);
  }
}

TEST_CASE("A decompression bomb is refused", "[net][hep]") {
  const Bytes bomb = gzip(Bytes(40'000'000, 'A'));
  REQUIRE(bomb.size() < 60'000);
  Bench bench;
  bench.ip(ipv4(udp(simple_hep(bomb, 0x10), 9060, 9060)));
  CHECK(bench.seen.datagrams.empty());
  CHECK(bench.counted("hep.bad-compression") == 1);
}

TEST_CASE("A server's HEP copies equal what was on the wire", "[net][hep]") {
  Bench wire;
  feed_pcap(wire, "hep/kamailio-hep3-udp.sip-on-the-wire.pcap");
  Bench hep;
  feed_pcap(hep, "hep/kamailio-hep3-udp.pcap");
  std::multiset<std::string> sent;
  for (const SeenDatagram& seen : wire.seen.datagrams) {
    // The same capture holds the copies on their way to the collector, from the SIP port.
    if (seen.provenance == net::Provenance::kWire) sent.insert(seen.payload);
  }
  std::size_t equal = 0;
  std::size_t messages = 0;
  for (const SeenDatagram& seen : hep.seen.datagrams) {
    CHECK(seen.provenance == net::Provenance::kHep);
    CHECK(seen.frame.time.known());
    if (seen.payload_type == 100) continue;
    CHECK(seen.payload_type == 1);
    ++messages;
    if (seen.ip_protocol != 17 || !seen.src.address.is_v4()) continue;
    const auto at = sent.find(seen.payload);
    REQUIRE(at != sent.end());
    sent.erase(at);
    ++equal;
  }
  CHECK(hep.seen.datagrams.size() == 52);
  CHECK(equal == 34);
  CHECK(messages > 34);
  CHECK(hep.stack.counters().hep_messages == 52);
  CHECK(std::ranges::count(wire.seen.datagrams, net::Provenance::kHep, &SeenDatagram::provenance) == 52);
}

TEST_CASE("Versions 1 and 2 from the same server hold as many messages", "[net][hep]") {
  for (const int version : {1, 2}) {
    CAPTURE(version);
    Bench bench;
    feed_pcap(bench, "hep/kamailio-hep" + std::to_string(version) + "-udp.pcap");
    std::size_t messages = 0;
    for (const SeenDatagram& seen : bench.seen.datagrams) {
      CHECK(seen.provenance == net::Provenance::kHep);
      CHECK(seen.frame.time.known());
      if (seen.payload_type == 100) {
        CHECK(seen.hep_version == 3);  // this server writes its log lines in no other
        continue;
      }
      ++messages;
      CHECK(seen.hep_version == version);
      CHECK((seen.payload.starts_with("SIP/2.0 ") || seen.payload.find(" SIP/2.0\r\n") != std::string::npos));
      CHECK(seen.capture_id == (version == 2 ? 2001 : 0));
    }
    CHECK(bench.seen.datagrams.size() == 52);
    CHECK(messages == 43);
  }
}

TEST_CASE("HEP over TCP gives the same messages, however it is cut into segments", "[net][hep]") {
  Bench captured;
  feed_pcap(captured, "hep/kamailio-hep3-tcp.pcap");
  CHECK(captured.seen.datagrams.size() == 52);
  CHECK(captured.seen.chunks.empty());

  const Bytes stream = read_file("hep/kamailio-hep3.hep");
  REQUIRE(frames_of(stream).size() == 52);
  for (const std::size_t piece : {1U, 2U, 3U, 5U, 7U, 100U, 1460U, 30'000U}) {
    CAPTURE(piece);
    Bench bench;
    feed_stream(bench, stream, piece);
    REQUIRE(bench.seen.datagrams.size() == 52);
    for (std::size_t i = 0; i < 52; ++i) {
      CHECK(bench.seen.datagrams[i].payload == captured.seen.datagrams[i].payload);
      CHECK(bench.seen.datagrams[i].src == captured.seen.datagrams[i].src);
    }
    CHECK(bench.seen.chunks.empty());
  }
}

TEST_CASE("A stream that begins with part of the magic only is an ordinary stream", "[net][hep]") {
  Bench bench;
  feed_stream(bench, text("HELLO world"), 2);
  CHECK(bench.seen.stream(1) == "HELLO world");
  Bench short_one;
  feed_stream(short_one, text("HE"), 2);
  CHECK(short_one.seen.chunks.empty());
  short_one.finish();
  CHECK(short_one.seen.stream(1) == "HE");
}

TEST_CASE("Gzip members over TCP hold frames too", "[net][hep]") {
  Bytes stream;
  for (const Bytes& frame : frames_of(read_file("hep/senders.hep"))) stream = stream + gzip(frame);
  for (const std::size_t piece : {200U, 1460U}) {
    Bench bench;
    feed_stream(bench, stream, piece);
    CHECK(bench.seen.datagrams.size() == 17);  // and one keep-alive
    CHECK(bench.counted("hep.keepalive") == 1);
    CHECK(bench.seen.chunks.empty());
  }
}

TEST_CASE("After a loss, and in the middle of a stream, HEP finds its step again", "[net][hep]") {
  const Bytes stream = read_file("hep/kamailio-hep3.hep");
  const auto frames = frames_of(stream);
  Bench middle;
  feed_stream(middle, slice(stream, 100, stream.size() - 100), 3000, false);
  middle.finish();
  CHECK(middle.seen.datagrams.size() == 51);
  CHECK(middle.seen.chunks.empty());

  Bench lossy;
  const std::size_t hole_at = 5000;
  const std::size_t hole = 1460;
  std::uint16_t id = 0;
  lossy.ip(ipv4(tcp({}, 99, 0, 2), {.protocol = 6, .id = ++id}), 1000);
  lossy.ip(ipv4(tcp(slice(stream, 0, hole_at), 100, 1, 0x10), {.protocol = 6, .id = ++id}), 1000);
  const std::size_t behind = hole_at + hole;
  lossy.ip(ipv4(tcp(slice(stream, behind, stream.size() - behind), static_cast<std::uint32_t>(100 + behind), 1, 0x10),
                {.protocol = 6, .id = ++id}),
           1000);
  lossy.finish();
  std::size_t whole = 0;
  std::size_t at = 0;
  bool last_before = false;
  for (const Bytes& frame : frames) {
    if (at + frame.size() <= hole_at || at >= behind) ++whole;
    if (at < hole_at && at + frame.size() > hole_at) last_before = true;
    at += frame.size();
  }
  REQUIRE(last_before);
  std::size_t complete = 0;
  for (const SeenDatagram& seen : lossy.seen.datagrams) complete += seen.truncated ? 0 : 1;
  CHECK(complete == whole);
}

TEST_CASE("Frames of an archive come with their own times and quirks put right", "[net][hep]") {
  const auto frames = frames_of(read_file("hep/senders.hep"));
  std::vector<std::string> names;
  {
    const Bytes list = read_file("hep/senders.names");
    std::string name;
    for (const std::uint8_t c : list) {
      if (c == '\n') {
        names.push_back(name);
        name.clear();
      } else {
        name += static_cast<char>(c);
      }
    }
  }
  REQUIRE(names.size() == frames.size());
  std::map<std::string, SeenDatagram> by_name;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Bench bench;
    bench.now = {1'795'417'300 * kNsPerSecond};
    bench.frame(frames[i], LinkType::kHepFrame, 0);
    REQUIRE(bench.seen.datagrams.size() == (names[i] == "keepalive" ? 0 : 1));
    if (!bench.seen.datagrams.empty()) by_name[names[i]] = bench.seen.datagrams[0];
  }
  CHECK(by_name["asterisk-pjsip"].correlation_id == "ast-call-1");
  CHECK(by_name["asterisk-pjsip"].node == "asterisk");
  CHECK(by_name["asterisk-pjsip"].frame.time.ns == 1'795'417'200'123'000'000);
  CHECK(by_name["asterisk-rtcp"].payload_type == 5);
  CHECK(by_name["rtpengine-ng"].payload_type == 0x3d);
  CHECK(by_name["heplify-sip"].transport == net::Transport::kTcp);
  CHECK(by_name["heplify-sip"].node == "edge-fr-1");
  CHECK(by_name["captagent-zlib"].payload.starts_with("OPTIONS sip:"));
  CHECK(by_name["gzip-payload"].payload == by_name["captagent-zlib"].payload);
  CHECK(by_name["captagent-v6-mos"].src == endpoint("2001:db8::7", 5060));
  CHECK(by_name["sngrep-v3"].capture_id == 2001);
  CHECK(by_name["opensips-json-corr"].payload_type == 100);
  CHECK(by_name["freeswitch-tls"].ip_protocol == 22);
  CHECK(by_name["freeswitch-tls"].transport == net::Transport::kTcp);
  CHECK(by_name["vendor-collision"].payload.starts_with("INVITE "));
  CHECK(by_name["zero-time"].frame.time.ns == 1'795'417'300 * kNsPerSecond);
  CHECK(by_name["usec-overflow"].frame.time.ns == 1'795'417'214'500'000'000);
  CHECK(by_name["log-100"].payload_type == 100);
  CHECK(by_name["rtcpxr-35"].payload_type == 35);
}

TEST_CASE("A cut HEP datagram gives the prefix of its message", "[net][hep]") {
  const Bytes packet = ipv4(udp(simple_hep(kSip)));
  Bench bench;
  bench.frame(slice(packet, 0, packet.size() - 12), LinkType::kRaw, 1, packet.size());
  REQUIRE(bench.seen.datagrams.size() == 1);
  CHECK(bench.seen.datagrams[0].truncated);
  CHECK(bench.seen.datagrams[0].payload == std::string(kSip.begin(), kSip.end() - 12));
}

TEST_CASE("What only begins like HEP stays a datagram of the wire", "[net][hep]") {
  const Bytes others[] = {
      text("HELP ME"),
      hex("0101000c2112a442000102030405060708090a0b00200008"),  // STUN
      hex("02110211") + pattern(60),                            // version 2's bytes, no SIP behind
      hex("01100211 13c413c4 c0000201 c0000202") + pattern(60),
      hex("1f8b0800") + pattern(40),  // gzip of nothing
  };
  for (const Bytes& other : others) {
    Bench bench;
    bench.ip(ipv4(udp(other, 9060, 9060)));
    REQUIRE(bench.seen.datagrams.size() == 1);
    CHECK(bench.seen.datagrams[0].provenance == net::Provenance::kWire);
  }
}
