#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "recorder.h"
#include "support/bytes.h"

using namespace voip;
using dissect::MediaKind;
using dissect::Signalling;
using sip::Anomaly;
using test::hex;
using test::kAlice;
using test::kBob;

namespace {

struct Run {
  test::Recorder seen;
  dissect::Dissector dissector{Limits{}};
  std::uint64_t frame = 0;

  void feed(ByteView payload, bool truncated = false, const net::HepInfo* hep = nullptr,
            net::Transport transport = net::Transport::kUdp) {
    net::Datagram datagram;
    datagram.src = kAlice;
    datagram.dst = kBob;
    datagram.transport = transport;
    datagram.payload = payload;
    datagram.truncated = truncated;
    datagram.hep = hep;
    datagram.provenance = hep != nullptr ? net::Provenance::kHep : net::Provenance::kWire;
    datagram.frame.number = ++frame;
    dissector.on_datagram(datagram, seen);
  }
  void feed(std::string_view text) { feed(as_bytes(text)); }
  std::uint64_t total(std::string_view name) const { return dissector.diagnostics().total(name); }
};

}  // namespace

TEST_CASE("A SIP datagram is one event with its place", "[dissect]") {
  Run run;
  const std::string text = test::request("c1", "hello", "UDP");
  run.feed(text);
  REQUIRE(run.seen.sip.size() == 1);
  const auto& event = run.seen.sip[0];
  CHECK(event.call_id == "c1");
  CHECK(event.body == "hello");
  CHECK(event.raw == text);
  CHECK(event.src == kAlice);
  CHECK(event.dst == kBob);
  CHECK(event.signalling == Signalling::kUdp);
  CHECK(event.frame == 1);
  CHECK_FALSE(event.truncated);
  CHECK(event.anomalies.empty());
  CHECK(run.seen.media.empty());
  CHECK(run.dissector.counters().sip_messages == 1);
  CHECK(run.dissector.diagnostics().entries().empty());
}

TEST_CASE("Blank lines before a datagram's message are passed over, those alone are a keepalive", "[dissect]") {
  Run run;
  run.feed("\r\n\r\n" + test::request("c1", "", "UDP"));
  REQUIRE(run.seen.sip.size() == 1);
  CHECK(run.seen.sip[0].raw.starts_with("MESSAGE"));
  run.feed("\r\n\r\n");
  run.feed("\r\n");
  run.feed(std::string(1, '\0'));
  run.feed(std::string(4, '\0'));
  run.feed("");
  CHECK(run.total("sip-keepalive") == 5);
  CHECK(run.seen.sip.size() == 1);
  CHECK(run.seen.media.empty());
}

TEST_CASE("Two messages in a datagram are one, with an anomaly", "[dissect]") {
  Run run;
  run.feed(test::request("c1", "", "UDP") + test::request("c2", "", "UDP"));
  REQUIRE(run.seen.sip.size() == 1);
  CHECK(run.seen.sip[0].call_id == "c1");
  CHECK(run.seen.sip[0].anomalies.has(Anomaly::kContentLengthTooSmall));
  CHECK(run.total("sip-anomaly-content-length-too-small") == 1);
}

TEST_CASE("First bytes tell media apart", "[dissect]") {
  struct {
    const char* what;
    std::string_view bytes;
    MediaKind kind;
  } const cases[] = {
      {"RTP", "80 00 00 01 00 00 00 a0 12 34 56 78 ff ff", MediaKind::kRtp},
      {"RTP with the marker", "80 88 00 01 00 00 00 a0 12 34 56 78", MediaKind::kRtp},
      {"RTCP SR", "80 c8 00 06 12 34 56 78 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
       MediaKind::kRtcp},
      {"RTCP empty RR", "80 c9 00 01 12 34 56 78", MediaKind::kRtcp},
      {"STUN", "00 01 00 00 21 12 a4 42 00 01 02 03 04 05 06 07 08 09 0a 0b", MediaKind::kStun},
      {"STUN without the cookie", "00 01 00 00 01 02 03 04 00 01 02 03 04 05 06 07 08 09 0a 0b", MediaKind::kUnknown},
      {"DTLS 1.0", "16 fe ff 00 00 00 00 00 00 00 00 00 01 01", MediaKind::kDtls},
      {"DTLS 1.2", "17 fe fd 00 01 00 00 00 00 00 00 00 01 01", MediaKind::kDtls},
      {"TLS over UDP?", "16 03 01 00 00 00 00 00 00 00 00 00 01 01", MediaKind::kUnknown},
      {"ZRTP", "10 00 00 01 5a 52 54 50 12 34 56 78 50 5a", MediaKind::kZrtp},
      {"ZRTP without the cookie", "10 00 00 01 5a 52 54 51 12 34 56 78 50 5a", MediaKind::kUnknown},
      {"TURN ChannelData", "40 00 00 04 80 00 00 01", MediaKind::kTurnChannel},
      {"TURN ChannelData, padded", "4f ff 00 03 80 00 00 01", MediaKind::kTurnChannel},
      {"TURN ChannelData of a wrong length", "40 00 00 09 80 00 00 01", MediaKind::kUnknown},
      {"RTP that is too short", "80 00 00 01 00 00 00 a0 12 34 56", MediaKind::kUnknown},
      {"version 3", "c0 00 00 01 00 00 00 a0 12 34 56 78", MediaKind::kUnknown},
      {"UDPTL that could be DTLS 1.3", "20 01 01 00 00 06 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e",
       MediaKind::kUnknown},
      {"UDPTL", "00 00 01 00 00 06 00 01 02", MediaKind::kUnknown},
  };
  for (const auto& each : cases) {
    INFO(each.what);
    Run run;
    run.feed(hex(each.bytes));
    REQUIRE(run.seen.media.size() == 1);
    CHECK(run.seen.media[0] == each.kind);
    CHECK(run.total("udp-unknown") == (each.kind == MediaKind::kUnknown ? 1 : 0));
    CHECK(run.seen.sip.empty());
  }
  Run run;
  run.feed(hex("80 88 00 01 00 00 00 a0 12 34 56 78 aa"));
  CHECK(run.seen.last_rtp.payload_type == 8);
  CHECK(run.seen.last_rtp.marker);
  CHECK(run.seen.last_rtp.ssrc == 0x12345678);
  CHECK(run.seen.last_rtp.payload.size() == 1);
}

TEST_CASE("Methods that begin in TURN's and DTLS' ranges are still SIP", "[dissect]") {
  for (const char* method :
       {"ACK", "BYE", "CANCEL", "INFO", "MESSAGE", "NOTIFY", "OPTIONS", "!odd", "%49", "9x", "register"}) {
    INFO(method);
    Run run;
    run.feed(std::string(method) + " sip:a SIP/2.0\r\nCall-ID: x\r\n\r\n");
    CHECK(run.seen.sip.size() == 1);
  }
}

TEST_CASE("Text protocols that look like SIP are named and passed over", "[dissect]") {
  struct {
    std::string_view text, name;
  } const cases[] = {
      {"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\n\r\n", "udp-ssdp"},
      {"M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\n\r\n", "udp-ssdp"},
      {"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:x\r\n\r\n", "udp-ssdp"},
      {"HTTP/1.1 200 OK\r\n\r\n", "udp-http"},
      {"GET /sip HTTP/1.1\r\n\r\n", "udp-http"},
      {"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "udp-rtsp"},
      {"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", "udp-rtsp"},
      {"MSRP a786hjs2 SEND\r\nTo-Path: msrp://x\r\n", "udp-msrp"},
      {"OPTIONS icap://x/ ICAP/1.0\r\n\r\n", "udp-icap"},
  };
  for (const auto& each : cases) {
    INFO(each.text);
    Run run;
    run.feed(each.text);
    CHECK(run.total(each.name) == 1);
    CHECK(run.seen.sip.empty());
    CHECK(run.seen.media.empty());
  }
  Run run;
  run.feed("hello");
  CHECK(run.total("udp-unknown") == 1);
  CHECK(run.seen.media == std::vector{MediaKind::kUnknown});
}

TEST_CASE("A datagram that the snap length cut is read as far as it goes", "[dissect]") {
  const std::string text = test::request("c1", "hello", "UDP");
  Run run;
  run.feed(as_bytes(std::string_view{text}.substr(0, 200)), true);
  REQUIRE(run.seen.sip.size() == 1);
  CHECK(run.seen.sip[0].truncated);
  CHECK(run.seen.sip[0].anomalies.empty());
  run.feed(as_bytes(std::string_view{text}.substr(0, 20)), true);
  CHECK(run.seen.sip.size() == 1);
  CHECK(run.total("sip.truncated") == 1);
  CHECK(run.dissector.counters().sip_truncated == 2);
  run.feed(as_bytes("random words of some other protocol"), true);
  CHECK(run.dissector.counters().sip_truncated == 2);
}

TEST_CASE("A hop in HEP is what the top Via says when HEP can't say it", "[dissect]") {
  struct {
    std::uint8_t protocol;
    std::string_view via;
    Signalling signalling;
  } const cases[] = {
      {17, "UDP", Signalling::kUdp},    {17, "TLS", Signalling::kTls}, {17, "WSS", Signalling::kWss},
      {6, "TCP", Signalling::kTcp},     {6, "TLS", Signalling::kTls},  {22, "TLS", Signalling::kTls},
      {22, "WS", Signalling::kWs},      {22, "wss", Signalling::kWss}, {22, "UDP", Signalling::kTls},
      {132, "SCTP", Signalling::kSctp},
  };
  for (const auto& each : cases) {
    INFO(int{each.protocol} << " " << each.via);
    Run run;
    net::HepInfo hep;
    hep.ip_protocol = each.protocol;
    run.feed(as_bytes(test::request("c", "", each.via)), false, &hep);
    REQUIRE(run.seen.sip.size() == 1);
    CHECK(run.seen.sip[0].signalling == each.signalling);
    CHECK_FALSE(run.seen.sip[0].anomalies.has(Anomaly::kTransportMismatch));
  }
}

TEST_CASE("HEP payloads other than SIP are counted by what they are", "[dissect]") {
  Run run;
  net::HepInfo hep;
  const auto feed = [&](std::uint8_t type, std::string_view payload) {
    hep.payload_type = type;
    run.feed(as_bytes(payload), false, &hep);
  };
  feed(5, "{\"ssrc\":1}");
  feed(34, "{}");
  feed(35, "VQSessionReport");
  feed(100, "a log line");
  feed(53, "{}");
  feed(0x3d, "d2:okeok");
  feed(200, "x");
  feed(1, "not sip");
  feed(1, "\r\n\r\n");
  feed(5, test::request("c1"));  // the type counts, not the looks
  CHECK(run.total("hep-rtcp-json") == 2);
  CHECK(run.total("hep-report") == 2);
  CHECK(run.total("hep-log") == 1);
  CHECK(run.total("hep-dns") == 1);
  CHECK(run.total("hep-control") == 1);
  CHECK(run.total("hep-other") == 1);
  CHECK(run.total("hep-not-sip") == 1);
  CHECK(run.total("sip-keepalive") == 1);
  CHECK(run.seen.sip.empty());
  CHECK(run.seen.media.empty());
  feed(1, "\x01\x02" + test::request("c2"));  // a version 2 sender's stray bytes
  CHECK(run.seen.sip.size() == 1);
}

TEST_CASE("A Via that names another transport than the wire's is an anomaly", "[dissect]") {
  Run run;
  run.feed(test::request("c1", "", "TCP"));
  REQUIRE(run.seen.sip.size() == 1);
  CHECK(run.seen.sip[0].anomalies.has(Anomaly::kTransportMismatch));
  CHECK(run.total("sip-anomaly-transport-mismatch") == 1);
}

TEST_CASE("SCTP messages are SIP or nothing", "[dissect]") {
  Run run;
  run.feed(as_bytes(test::request("c1", "", "SCTP")), false, nullptr, net::Transport::kSctp);
  run.feed(hex("80 00 00 01 00 00 00 a0 12 34 56 78"), false, nullptr, net::Transport::kSctp);
  REQUIRE(run.seen.sip.size() == 1);
  CHECK(run.seen.sip[0].signalling == Signalling::kSctp);
  CHECK(run.seen.sip[0].anomalies.empty());
  CHECK(run.total("sctp-unknown") == 1);
  CHECK(run.seen.media.empty());
}
