#include <catch2/catch.hpp>

#include "analyze/srtp/srtp_story.h"

using namespace voip::test;
using voip::report::Severity;
using voip::report::Verdict;

namespace {

void both_ways(SrtpStory& story, unsigned count = 150) {
  for (unsigned i = 0; i < count; ++i) {
    story.rtp(story.alice_rtp, story.bob_rtp,
              {.ssrc = 1, .count = 1, .sequence = static_cast<std::uint16_t>(i), .ms = 10});
    story.rtp(story.bob_rtp, story.alice_rtp,
              {.ssrc = 2, .count = 1, .sequence = static_cast<std::uint16_t>(i), .ms = 10, .seed = 2});
  }
}

const std::string kExtmap = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n";
const std::vector<std::uint8_t> kLevel{0xBE, 0xDE, 0, 1, 0x10, 40, 0, 0};

}  // namespace

TEST_CASE("a key over TLS whose message came over UDP before is told, one that only saw TLS is not", "[srtp]") {
  for (const bool bare : {true, false}) {
    SrtpStory story;
    story.signalling = voip::dissect::Signalling::kTls;
    SrtpStory::Extra extra;
    extra.via = std::string("Via: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bKb\r\nVia: SIP/2.0/") +
                (bare ? "UDP" : "TLS") + " 198.51.100.7:5060;branch=z9hG4bKa\r\n";
    story.sip(story.alice, story.bob, "INVITE", "1 INVITE", false, sdp("192.0.2.1", 4000), extra);
    const Told told = story.end();
    CHECK(told.has("SRTP-003") == bare);
    if (!bare) CHECK(told.tally("SRTP-003", Verdict::kPass) == 1);
  }
}

TEST_CASE("a Via of the sender's own loopback is no hop", "[srtp]") {
  SrtpStory story;
  story.signalling = voip::dissect::Signalling::kTls;
  SrtpStory::Extra extra;
  extra.via =
      "Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKb\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa\r\nVia: "
      "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKc\r\n";
  story.sip(story.alice, story.bob, "INVITE", "1 INVITE", false, sdp("192.0.2.1", 4000), extra);
  CHECK_FALSE(story.end().has("SRTP-003"));
}

TEST_CASE("a double Record-Route with a UDP side is told", "[srtp]") {
  SrtpStory story;
  story.signalling = voip::dissect::Signalling::kTls;
  SrtpStory::Extra extra;
  extra.headers = "Record-Route: <sip:192.0.2.1;transport=tls;lr;r2=on>, <sip:192.0.2.1;transport=udp;lr;r2=on>\r\n";
  extra.via = "Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKb\r\n";
  story.sip(story.alice, story.bob, "INVITE", "1 INVITE", false, sdp("192.0.2.1", 4000), extra);
  CHECK(story.end().has("SRTP-003"));
}

TEST_CASE("a sequence that starts anew under one key is told, a wrap and a loss are not", "[srtp]") {
  struct Step {
    std::uint16_t from;
    std::uint16_t to;
    unsigned wait_ms;
    bool fires;
  };
  for (const Step& step : {Step{30000, 500, 0, true}, Step{65450, 14, 0, false}, Step{1000, 1300, 0, false},
                           Step{1000, 3000, 40000, false}}) {
    SrtpStory story;
    story.secure_call();
    both_ways(story, 20);
    story.rtp(story.alice_rtp, story.bob_rtp, {.ssrc = 7, .count = 100, .sequence = step.from, .seed = 3});
    story.wait(std::chrono::milliseconds{step.wait_ms});
    story.rtp(story.alice_rtp, story.bob_rtp, {.ssrc = 7, .count = 100, .sequence = step.to, .seed = 4});
    const Told told = story.end();
    INFO(step.from << " then " << step.to << ": " << told.message("SRTP-030"));
    CHECK(told.has("SRTP-030") == step.fires);
    CHECK_FALSE(told.has("SRTP-029"));
  }
}

TEST_CASE("a sequence that starts anew with a new key in the SDP is no reset", "[srtp]") {
  SrtpStory story;
  story.secure_call();
  story.rtp(story.alice_rtp, story.bob_rtp, {.ssrc = 7, .count = 100, .sequence = 30000, .seed = 3});
  std::string other = kCryptoA;
  other[other.find("inline:") + 9] = 'Z';
  story.sip(story.alice, story.bob, "INVITE", "3 INVITE", true, sdp("192.0.2.1", 4000, "RTP/SAVP", other));
  story.sip(story.bob, story.alice, "200", "3 INVITE", true, sdp("192.0.2.2", 4002, "RTP/SAVP", kCryptoB));
  story.rtp(story.alice_rtp, story.bob_rtp, {.ssrc = 7, .count = 100, .sequence = 500, .seed = 4});
  CHECK_FALSE(story.end().has("SRTP-030"));
}

TEST_CASE("packets that come again after a while are a replay, at once they are not", "[srtp]") {
  for (const bool late : {true, false}) {
    SrtpStory story;
    story.secure_call();
    story.rtp(story.alice_rtp, story.bob_rtp, {.count = 100});
    if (late) story.wait(std::chrono::milliseconds{500});
    story.rtp(story.alice_rtp, story.bob_rtp, {.count = 1, .sequence = 1099, .ms = 1});
    story.rtp(story.alice_rtp, story.bob_rtp, {.count = 50, .sequence = 1100});
    // The generator's bytes depend on the sequence it starts with: only the same start gives the same bytes.
    const Told told = story.end();
    CHECK_FALSE(told.has("SRTP-030"));
    CHECK_FALSE(told.has("SRTP-029"));
  }
  SrtpStory story;
  story.secure_call();
  story.rtp(story.alice_rtp, story.bob_rtp, {.count = 1, .sequence = 1000});
  story.rtp(story.alice_rtp, story.bob_rtp, {.count = 60, .sequence = 1001});
  story.rtp(story.alice_rtp, story.bob_rtp, {.count = 1, .sequence = 1000});
  story.rtp(story.alice_rtp, story.bob_rtp, {.count = 60, .sequence = 1061});
  CHECK(story.end().message("SRTP-029").find("1 packets come again") != std::string::npos);
}

TEST_CASE("cryptex on both sides is kept or told, on one side it means nothing", "[srtp]") {
  struct Shape {
    bool answered;
    std::uint8_t profile;
    bool fires;
  };
  for (const Shape& shape : {Shape{true, 0xBE, true}, Shape{false, 0xBE, false}, Shape{true, 0xC0, false}}) {
    SrtpStory story;
    story.call(sdp("192.0.2.1", 4000, "RTP/SAVP", kCryptoA + kExtmap + "a=cryptex\r\n"),
               sdp("192.0.2.2", 4002, "RTP/SAVP", kCryptoB + kExtmap + (shape.answered ? "a=cryptex\r\n" : "")));
    std::vector<std::uint8_t> extension = kLevel;
    extension[0] = shape.profile;
    story.rtp(story.alice_rtp, story.bob_rtp, {.count = 150, .extension = extension});
    const Told told = story.end();
    CHECK(told.has("SRTP-034") == shape.fires);
    CHECK(told.has("SRTP-033") == (shape.profile == 0xBE));
  }
}

TEST_CASE("an audio level that never changes tells nothing", "[srtp]") {
  SrtpStory story;
  story.call(sdp("192.0.2.1", 4000, "RTP/SAVP", kCryptoA + kExtmap),
             sdp("192.0.2.2", 4002, "RTP/SAVP", kCryptoB + kExtmap));
  // Another extension under another id moves.
  story.rtp(story.alice_rtp, story.bob_rtp, {.count = 150, .extension = {0xBE, 0xDE, 0, 1, 0x20, 40, 0, 0}});
  CHECK_FALSE(story.end().has("SRTP-033"));
}

TEST_CASE("digits in INFO can be read over UDP and not over TLS, and retransmissions count once", "[srtp]") {
  for (const bool tls : {false, true}) {
    SrtpStory story;
    if (tls) story.signalling = voip::dissect::Signalling::kTls;
    story.secure_call();
    SrtpStory::Extra extra;
    extra.content_type = "application/dtmf-relay";
    for (int i = 0; i < 4; ++i) {
      const std::string cseq = std::to_string(10 + i) + " INFO";
      story.sip(story.alice, story.bob, "INFO", cseq, true, "Signal=" + std::to_string(i) + "\r\nDuration=160\r\n",
                extra);
      story.sip(story.alice, story.bob, "INFO", cseq, true, "Signal=" + std::to_string(i) + "\r\nDuration=160\r\n",
                extra);
    }
    const Told told = story.end();
    REQUIRE(told.has("SRTP-035") == !tls);
    if (tls) continue;
    CHECK(told.severity("SRTP-035") == Severity::kHigh);
    CHECK(told.message("SRTP-035").starts_with("4 keypad digits"));
  }
}

TEST_CASE("one keypad digit in clear media is low, two are medium", "[srtp]") {
  for (const unsigned digits : {1U, 2U}) {
    SrtpStory story;
    story.call(sdp("192.0.2.1", 4000, "RTP/AVP", ""), sdp("192.0.2.2", 4002, "RTP/AVP", ""));
    story.rtp(story.alice_rtp, story.bob_rtp, {.payload = SrtpStory::speech()});
    for (unsigned i = 0; i < digits; ++i)
      story.digit(story.alice_rtp, story.bob_rtp, 5, 500000 + 8000 * i, static_cast<std::uint16_t>(1100 + 3 * i));
    story.rtp(story.alice_rtp, story.bob_rtp, {.sequence = 1110, .payload = SrtpStory::speech()});
    CHECK(story.end().severity("SRTP-035") == (digits == 1 ? Severity::kLow : Severity::kMedium));
  }
}

TEST_CASE("media after the BYE is told when it goes on for long, not while it drains", "[srtp]") {
  for (const unsigned packets : {400U, 100U}) {
    SrtpStory story;
    story.secure_call();
    both_ways(story);
    story.bye();
    story.rtp(story.alice_rtp, story.bob_rtp, {.count = packets, .sequence = 150});
    CHECK(story.end().has("SRTP-059") == (packets == 400));
  }
}

TEST_CASE("media after the BYE of a transferred call is not told", "[srtp]") {
  SrtpStory story;
  story.secure_call();
  both_ways(story);
  SrtpStory::Extra extra;
  extra.headers = "Refer-To: <sip:carol@example.com>\r\n";
  story.sip(story.bob, story.alice, "REFER", "5 REFER", true, {}, extra);
  story.bye();
  story.rtp(story.alice_rtp, story.bob_rtp, {.count = 400, .sequence = 150});
  CHECK_FALSE(story.end().has("SRTP-059"));
}

TEST_CASE("a second source is an injection while the first goes on, and a hand-over when it stops", "[srtp]") {
  for (const bool goes_on : {true, false}) {
    SrtpStory story;
    story.secure_call();
    both_ways(story);
    const auto stranger = at("198.51.100.66", 9000);
    story.rtp(stranger, story.alice_rtp, {.ssrc = 99, .count = 5, .seed = 9});
    if (goes_on) story.rtp(story.bob_rtp, story.alice_rtp, {.ssrc = 2, .count = 100, .sequence = 150, .seed = 2});
    const Told told = story.end();
    CHECK(told.has("SRTP-057") == goes_on);
    if (goes_on) CHECK(told.severity("SRTP-057") == Severity::kMedium);
    CHECK_FALSE(told.has("SRTP-056"));
    CHECK_FALSE(told.has("SRTP-058"));
  }
}

TEST_CASE("media through a NAT that no SDP names is no third party", "[srtp]") {
  SrtpStory story;
  story.call(sdp("192.0.2.1", 4000), sdp("10.0.0.5", 4002, "RTP/SAVP", kCryptoB));
  const auto image = at("203.0.113.9", 31000);
  for (unsigned i = 0; i < 100; ++i) {
    const auto sequence = static_cast<std::uint16_t>(i);
    story.rtp(image, story.alice_rtp, {.ssrc = 2, .count = 1, .sequence = sequence, .ms = 10});
    story.rtp(story.alice_rtp, image, {.ssrc = 1, .count = 1, .sequence = sequence, .ms = 10});
  }
  const Told told = story.end();
  for (const char* id : {"SRTP-056", "SRTP-057", "SRTP-058", "SRTP-060"}) CHECK_FALSE(told.has(id));
}

TEST_CASE("both ends with one SSRC is a collision of low severity", "[srtp]") {
  SrtpStory story;
  story.secure_call();
  for (unsigned i = 0; i < 60; ++i) {
    const auto sequence = static_cast<std::uint16_t>(i);
    story.rtp(story.alice_rtp, story.bob_rtp, {.ssrc = 5, .count = 1, .sequence = sequence, .ms = 10});
    story.rtp(story.bob_rtp, story.alice_rtp,
              {.ssrc = 5, .count = 1, .sequence = static_cast<std::uint16_t>(700 + i), .ms = 10, .seed = 2});
  }
  CHECK(story.end().severity("SRTP-058") == Severity::kLow);
}

TEST_CASE("short ICE credentials are told, long ones are not", "[srtp]") {
  for (const bool weak : {true, false}) {
    SrtpStory story;
    const std::string ice = std::string("a=ice-ufrag:abcd\r\na=ice-pwd:") +
                            (weak ? "short" : "abcdefghijklmnopqrstuv") +
                            "\r\na=candidate:1 1 UDP 2130706431 192.0.2.1 4000 typ host\r\n";
    story.call(sdp("192.0.2.1", 4000, "RTP/SAVP", kCryptoA + ice), sdp("192.0.2.2", 4002, "RTP/SAVP", kCryptoB));
    CHECK(story.end().has("SRTP-060") == weak);
  }
}

TEST_CASE("fax and chat beside an encrypted voice are told unless they are protected or refused", "[srtp]") {
  struct Line {
    const char* media;
    bool fires;
  };
  for (const Line& line :
       {Line{"m=image 6000 udptl t38\r\n", true}, Line{"m=image 0 udptl t38\r\n", false},
        Line{"m=image 6000 UDP/TLS/UDPTL t38\r\n", false}, Line{"m=message 7000 TCP/MSRP *\r\n", true},
        Line{"m=message 7000 TCP/TLS/MSRP *\r\n", false}}) {
    SrtpStory story;
    story.call(sdp("192.0.2.1", 4000, "RTP/SAVP", kCryptoA + line.media),
               sdp("192.0.2.2", 4002, "RTP/SAVP", kCryptoB + line.media));
    both_ways(story);
    INFO(line.media);
    CHECK(story.end().has("SRTP-061") == line.fires);
  }
}

TEST_CASE("a recording session in clear is told, one with SRTP is not", "[srtp]") {
  for (const bool clear : {true, false}) {
    SrtpStory story;
    SrtpStory::Extra extra;
    extra.headers = "Require: siprec\r\n";
    const std::string profile = clear ? "RTP/AVP" : "RTP/SAVP";
    story.sip(story.alice, story.bob, "INVITE", "1 INVITE", false,
              sdp("192.0.2.1", 4000, profile, clear ? "" : kCryptoA), extra);
    story.sip(story.bob, story.alice, "200", "1 INVITE", true, sdp("192.0.2.2", 4002, profile, clear ? "" : kCryptoB));
    if (clear) {
      story.rtp(story.alice_rtp, story.bob_rtp, {.count = 150, .payload = SrtpStory::speech()});
    } else {
      story.rtp(story.alice_rtp, story.bob_rtp, {.count = 150});
    }
    const Told told = story.end();
    CHECK(told.has("SRTP-062") == clear);
    CHECK(told.tally("SRTP-062", Verdict::kPass) == (clear ? 0U : 1U));
  }
}

TEST_CASE("two keys in one line need an MKI each", "[srtp]") {
  const std::string one = "Qm0fcYp9XdyR3ovC5eXRH1ZIJxgA1kO2f6u8bNwE";
  const std::string two = "s7TLuZk3dV0eHgXo2mRbW9cyJ4fPqN6iA1wUxKQz";
  const auto offer = [&](const std::string& first, const std::string& second) {
    return "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + one + first + ";inline:" + two + second + "\r\n";
  };
  struct Line {
    std::string crypto;
    bool fires;
  };
  for (const Line& line : {Line{offer("", ""), true}, Line{offer("|2^20|1:4", "|2^20|2:4"), false},
                           Line{offer("|2^20|1:4", "|2^20|1:4"), true}, Line{offer("|2^20|1:129", "|2^20|2:129"), true},
                           Line{offer("|2^20|300:1", "|2^20|2:1"), true}}) {
    SrtpStory story;
    story.sip(story.alice, story.bob, "INVITE", "1 INVITE", false, sdp("192.0.2.1", 4000, "RTP/SAVP", line.crypto));
    INFO(line.crypto);
    CHECK(story.end().has("SRTP-025") == line.fires);
  }
}

TEST_CASE("lifetimes are powers of two or numbers, from 1 to 2^48", "[srtp]") {
  struct Life {
    const char* text;
    bool fires;
  };
  for (const Life& life : {Life{"|2^48", false}, Life{"|2^49", true}, Life{"|0", true}, Life{"|1000000", false},
                           Life{"|2^x", true}, Life{"|forever", true}, Life{"", false}}) {
    SrtpStory story;
    std::string crypto = kCryptoA;
    crypto.insert(crypto.size() - 2, life.text);
    story.sip(story.alice, story.bob, "INVITE", "1 INVITE", false, sdp("192.0.2.1", 4000, "RTP/SAVP", crypto));
    INFO(life.text);
    CHECK(story.end().has("SRTP-026") == life.fires);
  }
}

TEST_CASE("a finding about two trusted hosts weighs one level less, about a stranger it does not", "[srtp]") {
  for (const bool inside : {true, false}) {
    voip::analyze::srtp::Options options;
    options.internal = [inside](const voip::IpAddress& address) {
      return inside || address != *voip::IpAddress::parse("192.0.2.2");
    };
    SrtpStory story(options);
    story.call(sdp("192.0.2.1", 4000, "RTP/AVP", ""), sdp("192.0.2.2", 4002, "RTP/AVP", ""));
    story.rtp(story.alice_rtp, story.bob_rtp, {.count = 100, .payload = SrtpStory::speech()});
    CHECK(story.end().severity("SRTP-001") == (inside ? Severity::kMedium : Severity::kHigh));
  }
}
