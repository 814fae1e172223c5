#include "proto/sdp/sdp.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

using namespace voip;
using sdp::Anomaly;
using sdp::Direction;

namespace {

// RFC 8866 section 5.
constexpr std::string_view kConference =
    "v=0\r\n"
    "o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\n"
    "s=Call to John Smith\r\n"
    "i=SDP Offer #1\r\n"
    "u=http://www.jdoe.example.com/home.html\r\n"
    "e=Jane Doe <jane@jdoe.example.com>\r\n"
    "p=+1 617 555-6011\r\n"
    "c=IN IP4 198.51.100.1\r\n"
    "t=0 0\r\n"
    "m=audio 49170 RTP/AVP 0\r\n"
    "m=audio 49180 RTP/AVP 0\r\n"
    "m=video 51372 RTP/AVP 99\r\n"
    "c=IN IP6 2001:db8::2\r\n"
    "a=rtpmap:99 h263-1998/90000\r\n";

// RFC 4568 section 6.1's shape, with session parameters of section 6.3.
constexpr std::string_view kSdes =
    "v=0\r\n"
    "o=sam 2890844526 2890842807 IN IP4 10.47.16.5\r\n"
    "s=SRTP Discussion\r\n"
    "c=IN IP4 168.2.17.12\r\n"
    "t=2873397496 2873404696\r\n"
    "m=audio 49170 RTP/SAVP 0\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 FEC_ORDER=FEC_SRTP\r\n"
    "a=crypto:2 F8_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZGVm|2^20|1:4;"
    "inline:QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5|2^20|2:4 KDR=23 UNENCRYPTED_SRTCP\r\n";

// RFC 5763 section 7.1's shape: a fingerprint for the session, and ICE as in RFC 8839.
constexpr std::string_view kDtls =
    "v=0\n"
    "o=- 25678 753849 IN IP4 192.0.2.1\n"
    "s=\n"
    "t=0 0\n"
    "c=IN IP4 192.0.2.1\n"
    "a=group:BUNDLE a1 v1\n"
    "a=ice-ufrag:8hhY\n"
    "a=ice-pwd:asd88fgpdd777uzjYhagZg\n"
    "a=setup:actpass\n"
    "a=fingerprint: SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\n"
    "a=sendonly\n"
    "m=audio 54609 UDP/TLS/RTP/SAVPF 109 0 8\n"
    "a=mid:a1\n"
    "a=rtcp-mux\n"
    "a=rtcp:54610 IN IP4 24.23.204.141\n"
    "a=rtpmap:109 opus/48000/2\n"
    "a=fmtp:109 maxplaybackrate=48000; stereo=1\n"
    "a=ptime:60\n"
    "a=candidate:0 1 UDP 2122194687 192.0.2.4 61665 typ host\n"
    "a=candidate:1 1 UDP 1685987071 24.23.204.141 54609 typ srflx raddr 192.0.2.4 rport 61665\n"
    "a=tcap:1 RTP/SAVP\n"
    "a=pcfg:1 t=1\n"
    "a=oldmediaip:192.0.2.4\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 99\n"
    "a=recvonly\n"
    "a=setup:active\n"
    "a=ice-ufrag:vvvv\n"
    "a=fingerprint:sha-256 6B:8B:F0:65\n"
    "a=fingerprint:sha-1 4A:AD\n"
    "a=zrtp-hash:1.10 fe30efd02423cb054e50efd0248742ac\n"
    "a=key-mgmt:mikey AQAFgM0XflABAAAA\n";

std::vector<std::string_view> names(std::span<const sdp::Attribute> attributes) {
  std::vector<std::string_view> result;
  for (const sdp::Attribute& each : attributes) result.push_back(each.name);
  return result;
}

}  // namespace

TEST_CASE("The session's values reach its media, a media section's own come first", "[sdp]") {
  sdp::Parser parser;
  const auto sdp = parser.parse(kConference);
  REQUIRE(sdp.ok());
  CHECK(sdp->anomalies == 0);
  CHECK(sdp->origin_user == "jdoe");
  CHECK(sdp->session_id == "3724394400");
  CHECK(sdp->session_version == "3724394405");
  CHECK(sdp->origin_address == "198.51.100.1");
  CHECK(sdp->session_name == "Call to John Smith");
  REQUIRE(sdp->media.size() == 3);
  CHECK(sdp->media[0].kind == "audio");
  CHECK(sdp->media[0].port == 49170);
  CHECK(sdp->media[0].protocol == "RTP/AVP");
  CHECK(sdp->media[0].formats == "0");
  CHECK(sdp->media[0].connection.address == "198.51.100.1");
  CHECK_FALSE(sdp->media[0].connection.ipv6);
  CHECK(sdp->media[0].rtpmaps.empty());
  CHECK(sdp->media[2].connection.address == "2001:db8::2");
  CHECK(sdp->media[2].connection.ipv6);
  REQUIRE(sdp->media[2].rtpmaps.size() == 1);
  CHECK(sdp->media[2].rtpmaps[0].payload_type == 99);
  CHECK(sdp->media[2].rtpmaps[0].encoding == "h263-1998");
  CHECK(sdp->media[2].rtpmaps[0].clock_rate == 90000);
}

TEST_CASE("SDES keys come with tag, suite, all keys and session parameters", "[sdp]") {
  sdp::Parser parser;
  const auto sdp = parser.parse(kSdes);
  REQUIRE(sdp.ok());
  CHECK(sdp->anomalies == 0);
  REQUIRE(sdp->media.size() == 1);
  const auto cryptos = sdp->media[0].cryptos;
  REQUIRE(cryptos.size() == 2);
  CHECK(cryptos[0].tag == "1");
  CHECK(cryptos[0].suite == "AES_CM_128_HMAC_SHA1_80");
  CHECK(cryptos[0].key_params == "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4");
  CHECK(cryptos[0].session_params == "FEC_ORDER=FEC_SRTP");
  CHECK(cryptos[1].key_params.ends_with("|2^20|2:4"));
  CHECK(cryptos[1].session_params == "KDR=23 UNENCRYPTED_SRTCP");
}

TEST_CASE("Fingerprints, setup, ICE, ZRTP and key management are inherited where a section has none", "[sdp]") {
  sdp::Parser parser;
  const auto sdp = parser.parse(kDtls);
  REQUIRE(sdp.ok());
  CHECK(sdp->anomalies == 0);
  CHECK(sdp->group == "BUNDLE a1 v1");
  REQUIRE(sdp->media.size() == 2);
  const sdp::Media& audio = sdp->media[0];
  CHECK(audio.direction == Direction::kSendOnly);
  CHECK(audio.setup == "actpass");
  REQUIRE(audio.fingerprints.size() == 1);
  CHECK(audio.fingerprints_from_session);
  CHECK(audio.fingerprints[0].hash == "SHA-1");
  CHECK(audio.fingerprints[0].value == "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB");
  CHECK(audio.rtcp_mux);
  CHECK(audio.rtcp_port == 54610);
  CHECK(audio.rtcp_address == "24.23.204.141");
  CHECK(audio.mid == "a1");
  CHECK(audio.ptime == "60");
  CHECK(audio.ice_ufrag == "8hhY");
  CHECK(audio.ice_pwd == "asd88fgpdd777uzjYhagZg");
  REQUIRE(audio.rtpmaps.size() == 1);
  CHECK(audio.rtpmaps[0].parameters == "2");
  REQUIRE(audio.fmtps.size() == 1);
  CHECK(audio.fmtps[0].payload_type == 109);
  CHECK(audio.fmtps[0].parameters == "maxplaybackrate=48000; stereo=1");
  REQUIRE(audio.candidates.size() == 2);
  CHECK(audio.candidates[1].component == 1);
  CHECK(audio.candidates[1].address == "24.23.204.141");
  CHECK(audio.candidates[1].port == 54609);
  CHECK(audio.candidates[1].type == "srflx");
  CHECK(names(audio.attributes) == std::vector<std::string_view>{"mid", "rtcp-mux", "rtcp", "rtpmap", "fmtp", "ptime",
                                                                 "candidate", "candidate", "tcap", "pcfg",
                                                                 "oldmediaip"});
  CHECK(audio.attributes.back().value == "192.0.2.4");
  CHECK(audio.zrtp_hashes.empty());
  const sdp::Media& video = sdp->media[1];
  CHECK(video.direction == Direction::kRecvOnly);
  CHECK(video.setup == "active");
  CHECK_FALSE(video.fingerprints_from_session);
  REQUIRE(video.fingerprints.size() == 2);
  CHECK(video.fingerprints[0].hash == "sha-256");
  CHECK_FALSE(video.rtcp_mux);
  CHECK_FALSE(video.rtcp_port);
  CHECK(video.ice_ufrag == "vvvv");
  CHECK(video.ice_pwd == "asd88fgpdd777uzjYhagZg");
  REQUIRE(video.zrtp_hashes.size() == 1);
  CHECK(video.zrtp_hashes[0] == "1.10 fe30efd02423cb054e50efd0248742ac");
  CHECK(video.key_mgmt == "mikey AQAFgM0XflABAAAA");
  CHECK(names(sdp->attributes) ==
        std::vector<std::string_view>{"group", "ice-ufrag", "ice-pwd", "setup", "fingerprint", "sendonly"});
}

TEST_CASE("Line ends of all kinds are the same text", "[sdp]") {
  std::string lf{kSdes};
  std::erase(lf, '\r');
  std::string cr{kSdes};
  std::erase(cr, '\n');
  sdp::Parser parser;
  for (const std::string& text : {lf, cr}) {
    const auto sdp = parser.parse(text);
    REQUIRE(sdp.ok());
    CHECK(sdp->anomalies == 0);
    REQUIRE(sdp->media.size() == 1);
    CHECK(sdp->media[0].cryptos.size() == 2);
  }
}

TEST_CASE("A parser used again forgets the text before", "[sdp]") {
  sdp::Parser parser;
  REQUIRE(parser.parse(kDtls).ok());
  const auto sdp = parser.parse(kConference);
  REQUIRE(sdp.ok());
  CHECK(sdp->attributes.empty());
  CHECK(sdp->media[0].fingerprints.empty());
  CHECK(sdp->media[0].direction == Direction::kSendRecv);
}

TEST_CASE("Each fault of a line is named, and the rest is read", "[sdp]") {
  struct {
    std::string_view text;
    Anomaly anomaly;
  } const cases[] = {
      {"o=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\n", Anomaly::kNoVersion},
      {"v=1\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\n", Anomaly::kBadVersion},
      {"v=0\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\n", Anomaly::kNoOrigin},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1\nm=audio 1 RTP/AVP 0\n", Anomaly::kBadMedia},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 70000 RTP/AVP 0\n", Anomaly::kBadPort},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN ATM 1.2.3.4\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\n",
       Anomaly::kBadConnection},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nm=audio 1 RTP/AVP 0\n", Anomaly::kNoConnection},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\na=rtpmap:200 x/8000\n", Anomaly::kBadRtpMap},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\na=rtpmap:0 PCMU/zero\n",
       Anomaly::kBadRtpMap},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\na=fmtp:x y\n", Anomaly::kBadFmtp},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\na=crypto:1 AES\n", Anomaly::kBadCrypto},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\na=fingerprint:sha-256\n",
       Anomaly::kBadFingerprint},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\na=candidate:1 1 UDP\n",
       Anomaly::kBadCandidate},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\na=rtcp:x\n", Anomaly::kBadRtcp},
      {"v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\nhello\n", Anomaly::kBadLine},
  };
  for (const auto& each : cases) {
    INFO(sdp::to_string(each.anomaly));
    sdp::Parser parser;
    const auto sdp = parser.parse(each.text);
    REQUIRE(sdp.ok());
    CHECK(sdp->anomalies == std::uint32_t{1} << static_cast<unsigned>(each.anomaly));
    REQUIRE_FALSE(sdp->media.empty());
    CHECK(sdp->media.back().protocol == "RTP/AVP");
  }
  sdp::Parser parser;
  CHECK(parser.parse(std::string_view{"v=0\no=a 1 1 IN IP4 b\0\n", 22})->has(Anomaly::kNulByte));
}

TEST_CASE("Odd but right texts are read", "[sdp]") {
  sdp::Parser parser;
  // Held the old way, a port range, a TTL, a rejected stream without an address, T.38.
  const auto sdp = parser.parse(
      "v=0\no=a 1 1 IN IP4 b\ns=-\nt=0 0\nc=IN IP4 224.2.1.1/127/3\nm=audio 49170/2 RTP/AVP 31 0 \na=inactive\n"
      "m=image 0 udptl t38\nc=IN IP4 0.0.0.0\na=T38FaxVersion:0\n");
  REQUIRE(sdp.ok());
  CHECK(sdp->anomalies == 0);
  REQUIRE(sdp->media.size() == 2);
  CHECK(sdp->media[0].port_count == 2);
  CHECK(sdp->media[0].connection.address == "224.2.1.1");
  CHECK(sdp->media[0].formats == "31 0");
  CHECK(sdp->media[0].direction == Direction::kInactive);
  CHECK(sdp->media[1].connection.address == "0.0.0.0");
  CHECK(sdp->media[1].direction == Direction::kSendRecv);
}

TEST_CASE("A text without a line of SDP is refused", "[sdp]") {
  sdp::Parser parser;
  for (const std::string_view text : {"", "\r\n", "hello", "<?xml version=\"1.0\"?>", "Signal=5\r\nDuration=160\r\n"}) {
    INFO(text);
    CHECK_FALSE(parser.parse(text).ok());
  }
}

TEST_CASE("No prefix crashes", "[sdp]") {
  sdp::Parser parser;
  for (const std::string_view whole : {kConference, kSdes, kDtls}) {
    for (std::size_t n = 0; n <= whole.size(); ++n) {
      const std::string prefix{whole.substr(0, n)};
      const auto sdp = parser.parse(prefix);
      if (sdp) CHECK(sdp->media.size() <= 3);
    }
  }
}

TEST_CASE("Ten thousand media lines and a hundred thousand attributes are bounded and quick", "[sdp]") {
  std::string text = "v=0\no=a 1 1 IN IP4 b\ns=-\nc=IN IP4 1.2.3.4\n";
  for (int i = 0; i < 100000; ++i) text += "a=fingerprint:sha-1 AA\n";
  for (int i = 0; i < 10000; ++i) text += "m=audio 1 RTP/AVP 0\na=candidate:1 1 UDP 1 1.2.3.4 5 typ host\n";
  sdp::Parser parser;
  const auto begin = std::chrono::steady_clock::now();
  const auto sdp = parser.parse(text);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  REQUIRE(sdp.ok());
  CHECK(sdp->media.size() == 64);
  CHECK(sdp->attributes.size() == 1024);
  CHECK(sdp->has(Anomaly::kTooMany));
}

TEST_CASE("Static payload types are those of RFC 3551", "[sdp]") {
  CHECK(sdp::static_payload(0)->encoding == "PCMU");
  CHECK(sdp::static_payload(8)->encoding == "PCMA");
  CHECK(sdp::static_payload(9)->encoding == "G722");
  CHECK(sdp::static_payload(9)->clock_rate == 8000);  // RFC 3551 section 4.5.2: an error that stays
  CHECK(sdp::static_payload(18)->encoding == "G729");
  CHECK(sdp::static_payload(34)->clock_rate == 90000);
  CHECK_FALSE(sdp::static_payload(1));
  CHECK_FALSE(sdp::static_payload(35));
  CHECK_FALSE(sdp::static_payload(96));
  CHECK_FALSE(sdp::static_payload(255));
}
