#include "session/story.h"

using namespace voip;
using namespace voip::test;
using namespace std::chrono_literals;

TEST_CASE("RTP without signalling is proven by its steps, noise is not", "[session]") {
  Story s;
  s.rtp(at("192.0.2.1", 4000), at("192.0.2.2", 5000), 1, 20);
  s.rtp(at("192.0.2.1", 4002), at("192.0.2.2", 5002), 2, 5);  // too few
  std::uint32_t state = 1;
  for (int i = 0; i < 200; ++i) {
    std::vector<std::uint8_t> bytes(60);
    for (auto& byte : bytes) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::uint8_t>(state >> 24);
    }
    bytes[0] = 0x80;
    bytes[8] = bytes[9] = bytes[10] = bytes[11] = 7;  // one SSRC
    s.media(at("192.0.2.1", 4004), at("192.0.2.2", 5004), bytes, dissect::MediaKind::kRtp);
  }
  s.finish();
  CHECK(s.seen.orphans == std::vector<std::uint32_t>{1});
  CHECK(s.counters().streams == 1);
  CHECK(s.counters().rtp_packets == 20);
}

TEST_CASE("Media that came before its SDP is claimed when the SDP comes", "[session]") {
  Story s;
  s.rtp(at("192.0.2.1", 4000), at("192.0.2.2", 5000), 1, 20);
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000));
  s.rtp(at("192.0.2.1", 4000), at("192.0.2.2", 5000), 1, 20);
  s.finish();
  CHECK(s.seen.orphans.empty());
  CHECK(s.seen.calls.at(0).legs.at(0).streams == std::vector<std::size_t>{1});
}

TEST_CASE("Media from behind a NAT belongs to the call whose SDP names its destination", "[session]") {
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("10.0.0.5", 4000));
  s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000));
  s.rtp(at("198.51.100.7", 61234), at("192.0.2.2", 5000), 1);
  s.rtp(at("192.0.2.2", 5000), at("198.51.100.7", 61234), 2);
  s.finish();
  CHECK(s.seen.orphans.empty());
  CHECK(s.seen.calls.at(0).legs.at(0).streams == std::vector<std::size_t>{2});
}

TEST_CASE("A port that the next call uses again belongs to the next call", "[session]") {
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000), "c1");
  s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000), "c1");
  s.rtp(at("192.0.2.1", 4000), at("192.0.2.2", 5000), 1);
  s.sip(s.alice, s.bob, "BYE", "2 BYE", "a", "b", "", "c1");
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "d", "", sdp_text("192.0.2.1", 4000), "c2");
  s.sip(s.bob, s.alice, "200", "1 INVITE", "d", "e", sdp_text("192.0.2.2", 5000), "c2");
  s.rtp(at("192.0.2.1", 4000), at("192.0.2.2", 5000), 2);
  s.finish();
  REQUIRE(s.seen.calls.size() == 2);
  CHECK(s.seen.calls[0].streams == 1);
  CHECK(s.seen.calls[1].streams == 1);
}

TEST_CASE("Lines that share a port are told apart by payload type", "[session]") {
  Story s;
  const std::string bundle =
      "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=group:BUNDLE 0 1\r\nm=audio 4000 "
      "RTP/AVP 0\r\n"
      "a=mid:0\r\nm=video 4000 RTP/AVP 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n";
  const std::string answer =
      "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\na=group:BUNDLE 0 1\r\nm=audio 5000 "
      "RTP/AVP 0\r\n"
      "a=mid:0\r\nm=video 5000 RTP/AVP 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n";
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", bundle);
  s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", answer);
  s.rtp(at("192.0.2.1", 4000), at("192.0.2.2", 5000), 1, 20, 0);
  s.rtp(at("192.0.2.1", 4000), at("192.0.2.2", 5000), 2, 20, 96);
  s.finish();
  CHECK(s.seen.calls.at(0).legs.at(0).streams == std::vector<std::size_t>{1, 1});
}

TEST_CASE("RTCP is found beside RTP and on its port", "[session]") {
  // RFC 3550: an empty receiver report of SSRC 1.
  const std::vector<std::uint8_t> report{0x80, 201, 0, 1, 0, 0, 0, 1};
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000));
  s.media(at("192.0.2.1", 4001), at("192.0.2.2", 5001), report, dissect::MediaKind::kRtcp);
  s.media(at("192.0.2.1", 4000), at("192.0.2.2", 5000), report, dissect::MediaKind::kRtcp);
  s.rtp(at("203.0.113.1", 4000), at("203.0.113.2", 5000), 1);
  s.media(at("203.0.113.1", 4001), at("203.0.113.2", 5001), report, dissect::MediaKind::kRtcp);
  s.finish();
  CHECK(s.seen.calls.at(0).rtcp == 2);
  CHECK(s.seen.orphans.size() == 1);
  CHECK(s.seen.orphan_rtcp == 1);
}

TEST_CASE("Streams leave memory when they are idle, and come back as the same within a call", "[session]") {
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000));
  s.rtp(at("192.0.2.1", 4000), at("192.0.2.2", 5000), 1);
  s.rtp(at("203.0.113.1", 4000), at("203.0.113.2", 5000), 9);
  s.wait(300s);
  s.rtp(at("192.0.2.1", 4000), at("192.0.2.2", 5000), 1);
  CHECK(s.seen.orphans == std::vector<std::uint32_t>{9});
  s.finish();
  CHECK(s.seen.calls.at(0).streams == 1);
}
