#include <catch2/catch.hpp>

#include "analyze/srtp/exchange_wire.h"
#include "analyze/srtp/srtp_story.h"
#include "analyze/srtp/zrtp_flow.h"

using namespace voip;
using namespace voip::test;
using namespace voip::test::wire;
using voip::report::Severity;
using voip::report::Verdict;

namespace {

constexpr auto kZrtp = dissect::MediaKind::kZrtp;
const Bytes kHelloA = zrtp_hello({.seed = 1});
const Bytes kHelloB = zrtp_hello({.seed = 2});

struct ZrtpStory : SrtpStory {
  explicit ZrtpStory(const std::string& a = zrtp_hash(kHelloA), const std::string& b = zrtp_hash(kHelloB)) {
    call(test::sdp("192.0.2.1", 4000, "RTP/AVP", a, "0"), test::sdp("192.0.2.2", 4002, "RTP/AVP", b, "0"));
  }
  void a(const Bytes& message) { keying(kZrtp, alice_rtp, bob_rtp, message); }
  void b(const Bytes& message) { keying(kZrtp, bob_rtp, alice_rtp, message); }
  void hellos(const Bytes& first = kHelloA, const Bytes& second = kHelloB) {
    a(first);
    b(second);
  }
  // Alice initiates.
  void complete(const Bytes& commit = zrtp_commit()) {
    a(commit);
    b(zrtp_packet("DHPart1", Bytes(72, 1)));
    a(zrtp_packet("DHPart2", Bytes(72, 1)));
    b(zrtp_packet("Confirm1", Bytes(64, 1)));
    a(zrtp_packet("Confirm2", Bytes(64, 1)));
    b(zrtp_packet("Conf2ACK", {}));
  }
  void talk(bool clear = false, unsigned count = 100, std::uint16_t from = 1000) {
    const auto payload = clear ? speech() : Bytes{};
    for (unsigned i = 0; i < count; ++i) {
      const auto sequence = static_cast<std::uint16_t>(from + i);
      rtp(alice_rtp, bob_rtp, {.ssrc = 1, .count = 1, .sequence = sequence, .ms = 10, .payload = payload});
      rtp(bob_rtp, alice_rtp, {.ssrc = 2, .count = 1, .sequence = sequence, .ms = 10, .payload = payload, .seed = 2});
    }
  }
};

}  // namespace

TEST_CASE("a completed exchange whose hashes fit is told as unproven only", "[zrtp]") {
  ZrtpStory story;
  story.hellos();
  story.complete();
  story.talk();
  const Told told = story.end();
  CHECK(told.severity("SRTP-052") == Severity::kInfo);
  CHECK(told.message("SRTP-052").find("DH3k AES1/HS80") != std::string::npos);
  CHECK(told.tally("SRTP-049", Verdict::kPass) == 2);
  for (const char* id : {"SRTP-048", "SRTP-049", "SRTP-050", "SRTP-051", "SRTP-053"}) CHECK_FALSE(told.has(id));
}

TEST_CASE("over encrypted signalling fitting hashes prove the exchange", "[zrtp]") {
  SrtpStory story;
  story.signalling = dissect::Signalling::kTls;
  story.call(test::sdp("192.0.2.1", 4000, "RTP/AVP", zrtp_hash(kHelloA), "0"),
             test::sdp("192.0.2.2", 4002, "RTP/AVP", zrtp_hash(kHelloB), "0"));
  story.keying(kZrtp, story.alice_rtp, story.bob_rtp, kHelloA);
  story.keying(kZrtp, story.bob_rtp, story.alice_rtp, kHelloB);
  story.keying(kZrtp, story.bob_rtp, story.alice_rtp, zrtp_packet("Conf2ACK", {}));
  CHECK_FALSE(story.end().has("SRTP-052"));
}

TEST_CASE("Hellos without a Commit are told after ten seconds of media, not before", "[zrtp]") {
  for (const bool longer : {true, false}) {
    ZrtpStory story;
    story.hellos();
    story.talk(true, longer ? 600 : 300);
    const Told told = story.end();
    CHECK(told.has("SRTP-048") == longer);
    if (!longer) CHECK(told.tally("SRTP-048", Verdict::kNotAssessable) == 1);
  }
}

TEST_CASE("a Hello that nobody answers is only an information", "[zrtp]") {
  ZrtpStory story(zrtp_hash(kHelloA), "");
  story.a(kHelloA);
  story.talk(true);
  CHECK(story.end().severity("SRTP-048") == Severity::kInfo);
}

TEST_CASE("a Hello with a wrong CRC is none", "[zrtp]") {
  Bytes broken = kHelloB;
  broken.back() ^= 1U;
  ZrtpStory story;
  story.hellos(kHelloA, broken);
  story.talk(true, 600);
  CHECK(story.end().severity("SRTP-048") == Severity::kInfo);
}

TEST_CASE("a wrong zrtp-hash is grave, a missing one is not, one of several is enough", "[zrtp]") {
  const auto run = [](const std::string& b) {
    ZrtpStory story(zrtp_hash(kHelloA), b);
    story.hellos();
    story.complete();
    story.talk();
    return story.end();
  };
  CHECK(run(zrtp_hash(kHelloA)).severity("SRTP-049") == Severity::kHigh);
  CHECK(run("").severity("SRTP-049") == Severity::kLow);
  CHECK_FALSE(run(zrtp_hash(kHelloA) + zrtp_hash(kHelloB)).has("SRTP-049"));
  CHECK_FALSE(run("a=zrtp-hash:2.00 " + std::string(64, 'a') + "\r\n").has("SRTP-049"));
}

TEST_CASE("weak choices are told, HS32 only lightly where nothing stronger was in common", "[zrtp]") {
  const auto run = [](const Bytes& commit, std::vector<std::string> tags = {"HS32", "HS80"}) {
    const Bytes a = zrtp_hello({.tags = tags, .seed = 1});
    const Bytes b = zrtp_hello({.tags = tags, .seed = 2});
    ZrtpStory story(zrtp_hash(a), zrtp_hash(b));
    story.hellos(a, b);
    story.complete(commit);
    story.talk();
    return story.end();
  };
  CHECK(run(zrtp_commit("DH2k")).severity("SRTP-050") == Severity::kMedium);
  CHECK(run(zrtp_commit("DH3k", "HS32")).severity("SRTP-050") == Severity::kMedium);
  CHECK(run(zrtp_commit("DH3k", "HS32"), {"HS32"}).severity("SRTP-050") == Severity::kLow);
  CHECK(run(zrtp_commit("DH3k", "HS80", "XYZ1")).has("SRTP-050"));
  CHECK_FALSE(run(zrtp_commit("EC25")).has("SRTP-050"));
}

TEST_CASE("of two Commits that cross, the initiator's counts", "[zrtp]") {
  ZrtpStory story;
  story.hellos();
  story.b(zrtp_commit("DH2k", "HS32"));
  story.complete(zrtp_commit("DH3k", "HS80"));
  story.talk();
  const Told told = story.end();
  CHECK_FALSE(told.has("SRTP-050"));
  CHECK(told.message("SRTP-052").find("AES1/HS80") != std::string::npos);
}

TEST_CASE("GoClear that is acknowledged is told, one that is refused is not", "[zrtp]") {
  for (const bool agreed : {true, false}) {
    ZrtpStory story;
    story.hellos();
    story.complete();
    story.talk();
    story.a(zrtp_packet("GoClear", Bytes(8, 1)));
    if (agreed) story.b(zrtp_packet("ClearACK", {}));
    const Told told = story.end();
    CHECK(told.has("SRTP-051") == agreed);
  }
}

TEST_CASE("errors weigh by their code, and the M flag is an information", "[zrtp]") {
  const auto run = [](std::uint8_t code) {
    ZrtpStory story;
    story.hellos();
    story.a(zrtp_commit());
    story.b(zrtp_packet("Error", {0, 0, 0, code}));
    return story.end();
  };
  CHECK(run(0x62).severity("SRTP-053") == Severity::kMedium);
  CHECK(run(0x30).severity("SRTP-053") == Severity::kInfo);
  ZrtpStory story;
  story.hellos(kHelloA, zrtp_hello({.mitm = true, .seed = 2}));
  CHECK(story.end().severity("SRTP-053") == Severity::kInfo);
}

TEST_CASE("keys stand from Conf2ACK to ClearACK, and again after the next", "[zrtp]") {
  analyze::srtp::ZrtpTrack track;
  std::uint64_t frame = 0;
  const auto send = [&](bool from_a, const Bytes& message) {
    ++frame;
    track.add(message, from_a, {.input = 0, .number = frame, .time = {static_cast<std::int64_t>(frame)}});
  };
  send(false, zrtp_packet("Conf2ACK", {}));
  send(false, zrtp_packet("Conf2ACK", {}));
  send(true, zrtp_packet("GoClear", Bytes(8, 1)));
  send(false, zrtp_packet("ClearACK", {}));
  send(true, zrtp_packet("Conf2ACK", {}));
  REQUIRE(track.secure().size() == 2);
  CHECK(track.secure()[0].from.number == 1);
  CHECK(track.secure()[0].until.number == 4);
  CHECK(track.secure()[1].from.number == 5);
  CHECK_FALSE(track.secure()[1].until.known());
}
