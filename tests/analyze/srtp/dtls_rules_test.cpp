#include <catch2/catch.hpp>

#include "analyze/srtp/exchange_wire.h"
#include "analyze/srtp/srtp_story.h"

using namespace voip;
using namespace voip::test;
using namespace voip::test::wire;
using voip::report::Severity;
using voip::report::Verdict;

namespace {

constexpr auto kDtls = dissect::MediaKind::kDtls;
const std::string kActpass = "a=setup:actpass\r\n";
const std::string kActive = "a=setup:active\r\n";
const std::string kPassive = "a=setup:passive\r\n";

std::string dtls_sdp(const std::string& address, unsigned port, const std::string& lines,
                     const std::string& profile = "UDP/TLS/RTP/SAVP") {
  return test::sdp(address, port, profile, lines, "0");
}
std::string offer(const std::string& lines = fingerprint(kGood) + kActpass) {
  return dtls_sdp("192.0.2.1", 4000, lines);
}
std::string answer(const std::string& lines = fingerprint(kOther) + kActive) {
  return dtls_sdp("192.0.2.2", 4002, lines);
}

// Bob is the client, alice (kGood) the server.
void shake(SrtpStory& story, const Bytes& server = kGood, const Bytes& client = kOther, const Hello& hello = {},
           const Hello& reply = {.random = 2}) {
  story.keying(kDtls, story.bob_rtp, story.alice_rtp, client_hello(hello));
  story.keying(kDtls, story.alice_rtp, story.bob_rtp, server_hello(reply) + certificate(server));
  story.keying(kDtls, story.bob_rtp, story.alice_rtp, certificate(client) + change_cipher() + finished());
  story.keying(kDtls, story.alice_rtp, story.bob_rtp, change_cipher() + finished());
}
void talk(SrtpStory& story, bool clear = false) {
  const auto payload = clear ? SrtpStory::speech() : Bytes{};
  story.rtp(story.alice_rtp, story.bob_rtp, {.ssrc = 1, .payload = payload});
  story.rtp(story.bob_rtp, story.alice_rtp, {.ssrc = 2, .payload = payload, .seed = 2});
}

Told plain(const std::string& offered, const std::string& answered, const Hello& hello = {},
           const Hello& reply = {.random = 2}, const Bytes& server = kGood, const Bytes& client = kOther) {
  SrtpStory story;
  story.call(offered, answered);
  shake(story, server, client, hello, reply);
  talk(story);
  story.bye();
  return story.end();
}

}  // namespace

TEST_CASE("certificates that fit the fingerprints of both sides pass", "[dtls]") {
  const Told told = plain(offer(), answer());
  CHECK_FALSE(told.has("SRTP-037"));
  CHECK(told.tally("SRTP-037", Verdict::kPass) == 2);
  for (const char* id :
       {"SRTP-036", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-043", "SRTP-045", "SRTP-046"})
    CHECK_FALSE(told.has(id));
}

TEST_CASE("a certificate that fits none of its side's fingerprints is told for the side that showed it", "[dtls]") {
  const Told server = plain(offer(), answer(), {}, {.random = 2}, kExpired, kOther);
  CHECK(server.severity("SRTP-037") == Severity::kCritical);
  CHECK(server.message("SRTP-037").find("192.0.2.1:4000") != std::string::npos);
  const Told client = plain(offer(), answer(), {}, {.random = 2}, kGood, kExpired);
  CHECK(client.count("SRTP-037") == 1);
  CHECK(client.message("SRTP-037").find("192.0.2.2:4002") != std::string::npos);
}

TEST_CASE("one of several fingerprints is enough, whatever its hash and case", "[dtls]") {
  const Told told =
      plain(offer(fingerprint(kOther) + fingerprint(kGood, crypto::Hash::kSha1) + kActpass),
            answer("a=fingerprint:SHA-256 " + crypto::digest(crypto::Hash::kSha256, kOther).hex() + "\r\n" + kActive));
  CHECK_FALSE(told.has("SRTP-037"));
}

TEST_CASE("a fingerprint of an unknown hash is neither a fit nor a mismatch", "[dtls]") {
  const Told told = plain(offer("a=fingerprint:sha3-256 AB:CD\r\n" + kActpass), answer());
  CHECK_FALSE(told.has("SRTP-037"));
  CHECK(told.tally("SRTP-037", Verdict::kNotAssessable) == 1);
}

TEST_CASE("the fingerprints of a fork with another address don't count for the phone that answered", "[dtls]") {
  SrtpStory story;
  story.sip(story.alice, story.bob, "INVITE", "1 INVITE", false, offer());
  SrtpStory::Extra extra;
  story.sip(story.bob, story.alice, "183", "1 INVITE", true,
            dtls_sdp("192.0.2.9", 4002, fingerprint(kExpired) + kActive));
  story.sip(story.bob, story.alice, "200", "1 INVITE", true, answer());
  shake(story);
  CHECK_FALSE(story.end().has("SRTP-037"));
}

TEST_CASE("a peer behind NAT is judged by what the other side's exchange says of it", "[dtls]") {
  for (const bool right : {true, false}) {
    SrtpStory story;
    // Bob's SDP holds his private address, his packets come from elsewhere.
    story.call(offer(), dtls_sdp("10.9.9.9", 4002, fingerprint(right ? kOther : kExpired) + kActive));
    story.bob_rtp = test::at("203.0.113.9", 30000);
    shake(story);
    talk(story);
    const Told told = story.end();
    CHECK(told.has("SRTP-037") != right);
    CHECK_FALSE(told.has("SRTP-046"));
  }
}

TEST_CASE("a resumed session shows no certificate: not assessable", "[dtls]") {
  SrtpStory story;
  story.call(offer(), answer());
  const Bytes id(32, 9);
  story.keying(kDtls, story.bob_rtp, story.alice_rtp, client_hello({.session_id = id}));
  story.keying(kDtls, story.alice_rtp, story.bob_rtp,
               server_hello({.random = 2, .session_id = id}) + change_cipher() + finished());
  story.keying(kDtls, story.bob_rtp, story.alice_rtp, change_cipher() + finished());
  talk(story);
  const Told told = story.end();
  CHECK_FALSE(told.has("SRTP-037"));
  CHECK(told.tally("SRTP-037", Verdict::kNotAssessable) == 2);
  CHECK_FALSE(told.has("SRTP-045"));
}

TEST_CASE("DTLS 1.3 hides certificates and profile, and is no finding", "[dtls]") {
  const Told told = plain(offer(), answer(), {.supported_version = 0xfefc},
                          {.random = 2, .suites = {0x1301}, .use_srtp = false, .supported_version = 0xfefc}, {}, {});
  CHECK_FALSE(told.has("SRTP-037"));
  CHECK_FALSE(told.has("SRTP-040"));
  CHECK(told.tally("SRTP-040", Verdict::kNotAssessable) == 1);
}

TEST_CASE("DTLS on ports whose SDPs hold no fingerprint is told, and one fingerprint at session level is enough",
          "[dtls]") {
  const std::string bare = test::sdp("192.0.2.1", 4000, "RTP/AVP", "", "0");
  CHECK(plain(bare, test::sdp("192.0.2.2", 4002, "RTP/AVP", "", "0")).severity("SRTP-036") == Severity::kHigh);
  std::string with = offer(kActpass);
  with.insert(with.find("m=audio"), fingerprint(kGood));
  CHECK_FALSE(plain(with, answer()).has("SRTP-036"));
  CHECK(plain(offer(kActpass), answer()).has("SRTP-036"));
}

TEST_CASE("the strongest fingerprint of a side decides: md5 is worse than sha-1, beside sha-256 neither counts",
          "[dtls]") {
  const auto of = [](crypto::Hash hash) { return fingerprint(kGood, hash); };
  CHECK(plain(offer(of(crypto::Hash::kMd5) + kActpass), answer()).severity("SRTP-038") == Severity::kHigh);
  CHECK(plain(offer(of(crypto::Hash::kSha1) + kActpass), answer()).severity("SRTP-038") == Severity::kMedium);
  CHECK_FALSE(plain(offer(of(crypto::Hash::kSha1) + of(crypto::Hash::kSha256) + kActpass), answer()).has("SRTP-038"));
}

TEST_CASE("setup roles: conflicts are told, the discouraged offer only as low, right pairs not at all", "[dtls]") {
  const std::string a = fingerprint(kGood);
  const std::string b = fingerprint(kOther);
  CHECK(plain(offer(a + kActpass), answer(b + "a=setup:actpass\r\n")).severity("SRTP-039") == Severity::kMedium);
  CHECK(plain(offer(a + kActpass), answer(b + "a=setup:holdconn\r\n")).has("SRTP-039"));
  const Told both = plain(offer(a + kActive), answer(b + kActive));
  CHECK(both.count("SRTP-039") == 2);
  const Told discouraged = plain(offer(a + kPassive), answer(b + kActive));
  CHECK(discouraged.severity("SRTP-039") == Severity::kLow);
  CHECK(discouraged.count("SRTP-039") == 1);
}

TEST_CASE("a ClientHello of the passive side is told, one of the active offerer is not", "[dtls]") {
  const Told told = plain(offer(), answer(fingerprint(kOther) + kPassive));
  CHECK(told.message("SRTP-039").find("192.0.2.2:4002 sends the ClientHello") != std::string::npos);
  SrtpStory story;
  story.call(offer(), answer(fingerprint(kOther) + kPassive));
  std::swap(story.alice_rtp, story.bob_rtp);
  shake(story, kOther, kGood);
  CHECK_FALSE(story.end().has("SRTP-039"));
}

TEST_CASE("a re-offer that keeps its role is no discouraged offer", "[dtls]") {
  SrtpStory story;
  story.call(offer(), answer());
  shake(story);
  story.sip(story.alice, story.bob, "INVITE", "3 INVITE", true, offer(fingerprint(kGood) + kPassive));
  story.sip(story.bob, story.alice, "200", "3 INVITE", true, answer());
  CHECK_FALSE(story.end().has("SRTP-039"));
}

TEST_CASE("use_srtp that one side leaves out is told", "[dtls]") {
  CHECK(plain(offer(), answer(), {}, {.random = 2, .use_srtp = false}).message("SRTP-040").find("ServerHello") !=
        std::string::npos);
  CHECK(plain(offer(), answer(), {.use_srtp = false}, {.random = 2, .use_srtp = false}).severity("SRTP-040") ==
        Severity::kHigh);
}

TEST_CASE("a data channel needs no use_srtp", "[dtls]") {
  SrtpStory story;
  const auto data = [](const std::string& address, unsigned port, const std::string& lines) {
    return "v=0\r\no=- 1 1 IN IP4 " + address + "\r\ns=-\r\nc=IN IP4 " + address + "\r\nt=0 0\r\nm=application " +
           std::to_string(port) + " UDP/DTLS/SCTP webrtc-datachannel\r\n" + lines;
  };
  story.call(data("192.0.2.1", 4000, fingerprint(kGood) + kActpass),
             data("192.0.2.2", 4002, fingerprint(kOther) + kActive));
  shake(story, kGood, kOther, {.use_srtp = false}, {.random = 2, .use_srtp = false});
  CHECK_FALSE(story.end().has("SRTP-040"));
}

TEST_CASE("the version that counts is that of the hellos, not of the record", "[dtls]") {
  CHECK_FALSE(plain(offer(), answer(), {.record_version = 0xfeff}).has("SRTP-041"));
  CHECK(plain(offer(), answer(), {.version = 0xfeff}, {.random = 2, .version = 0xfeff}).severity("SRTP-041") ==
        Severity::kHigh);
  CHECK(plain(offer(), answer(), {}, {.random = 2, .version = 0xfeff}).has("SRTP-041"));
}

TEST_CASE("weak suites are told when chosen, by their degree, not when only offered", "[dtls]") {
  const auto chosen = [](std::vector<std::uint16_t> offered, std::uint16_t suite) {
    return plain(offer(), answer(), {.suites = std::move(offered)}, {.random = 2, .suites = {suite}});
  };
  CHECK(chosen({0x002f}, 0x002f).severity("SRTP-042") == Severity::kMedium);          // RSA key exchange
  CHECK(chosen({0x003b}, 0x003b).severity("SRTP-042") == Severity::kHigh);            // NULL
  CHECK(chosen({0xc012}, 0xc012).severity("SRTP-042") == Severity::kHigh);            // 3DES
  CHECK(chosen({0xc02f, 0xc013}, 0xc013).severity("SRTP-042") == Severity::kMedium);  // CBC-SHA beside GCM
  CHECK_FALSE(chosen({0xc013}, 0xc013).has("SRTP-042"));                              // nothing better was there
  CHECK_FALSE(chosen({0xc02b, 0x003b, 0x002f}, 0xc02b).has("SRTP-042"));
}

TEST_CASE("a weak certificate is told, an expired one is not", "[dtls]") {
  const Told weak = plain(offer(fingerprint(kWeak) + kActpass), answer(), {}, {.random = 2}, kWeak);
  CHECK(weak.message("SRTP-043").find("RSA key of 1024 bits, signed with sha1") != std::string::npos);
  CHECK_FALSE(plain(offer(fingerprint(kExpired) + kActpass), answer(), {}, {.random = 2}, kExpired).has("SRTP-043"));
}

TEST_CASE("fingerprints over UDP are unbound, over TLS they are not", "[dtls]") {
  CHECK(plain(offer(), answer()).severity("SRTP-044") == Severity::kMedium);
  SrtpStory story;
  story.signalling = dissect::Signalling::kTls;
  story.call(offer(), answer());
  const Told told = story.end();
  CHECK_FALSE(told.has("SRTP-044"));
  CHECK(told.tally("SRTP-044", Verdict::kPass) == 1);
}

TEST_CASE("media after a handshake that failed is told, and not where it finished on the other component", "[dtls]") {
  for (const bool beside : {false, true}) {
    SrtpStory story;
    story.call(offer(), answer());
    story.keying(kDtls, story.bob_rtp, story.alice_rtp, client_hello());
    story.keying(kDtls, story.alice_rtp, story.bob_rtp, alert(40));
    if (beside) {
      story.alice_rtp = test::at("192.0.2.1", 4001);
      story.bob_rtp = test::at("192.0.2.2", 4003);
      shake(story);
      story.alice_rtp = test::at("192.0.2.1", 4000);
      story.bob_rtp = test::at("192.0.2.2", 4002);
    }
    talk(story, true);
    const Told told = story.end();
    CHECK(told.has("SRTP-045") != beside);
    if (!beside) CHECK(told.message("SRTP-045").find("handshake_failure") != std::string::npos);
  }
}

TEST_CASE("DTLS-SRTP that never began is told over clear media, and not over encrypted", "[dtls]") {
  for (const bool clear : {true, false}) {
    SrtpStory story;
    story.call(offer(), answer());
    talk(story, clear);
    CHECK(story.end().has("SRTP-045") == clear);
  }
}

TEST_CASE("a tap that sees one direction only can't say that DTLS never finished", "[dtls]") {
  SrtpStory story;
  story.call(offer(), answer());
  story.keying(kDtls, story.bob_rtp, story.alice_rtp, client_hello());
  story.keying(kDtls, story.bob_rtp, story.alice_rtp, change_cipher() + finished());
  story.rtp(story.bob_rtp, story.alice_rtp, {.ssrc = 2, .seed = 2});
  const Told told = story.end();
  CHECK_FALSE(told.has("SRTP-045"));
  CHECK(told.tally("SRTP-045", Verdict::kNotAssessable) == 1);
}

TEST_CASE("a stranger's ClientHello beside the named peer is told, and its certificate is no mismatch", "[dtls]") {
  for (const bool late : {false, true}) {
    SrtpStory story;
    story.call(offer(), answer());
    if (late) story.wait(std::chrono::milliseconds{40'000});
    const Endpoint carol = test::at("203.0.113.66", 5555);
    story.keying(kDtls, carol, story.alice_rtp, client_hello({.random = 77}));
    story.keying(kDtls, story.alice_rtp, carol, server_hello({.random = 78}) + certificate(kGood));
    story.keying(kDtls, carol, story.alice_rtp, certificate(kExpired) + change_cipher() + finished());
    shake(story);
    talk(story);
    const Told told = story.end();
    CHECK(told.has("SRTP-046") != late);
    if (!late) {
      CHECK(told.severity("SRTP-046") == Severity::kHigh);
      CHECK_FALSE(told.has("SRTP-037"));
    }
  }
}

TEST_CASE("three phones of one account may share a certificate", "[dtls]") {
  SrtpStory story;
  for (unsigned i = 0; i < 3; ++i) {
    const std::string address = "198.51.100." + std::to_string(10 + 30 * i);
    SrtpStory::Extra extra;
    extra.call_id = "c" + std::to_string(i);
    extra.via = "Via: SIP/2.0/UDP " + address + ":5060;branch=z9hG4bK" + extra.call_id + "\r\n";
    story.sip(test::at(address, 5060), story.bob, "INVITE", "1 INVITE", false,
              dtls_sdp(address, 4000, fingerprint(kGood) + kActpass), extra);
  }
  const Told told = story.end();
  CHECK_FALSE(told.has("SRTP-047"));
  CHECK(told.tally("SRTP-047", Verdict::kPass) == 1);
}

TEST_CASE("with ICE and BUNDLE the candidates name the sockets, and one transport serves all lines", "[dtls]") {
  const auto webrtc = [](const std::string& address, unsigned port, const std::string& fingerprints) {
    const std::string transport =
        "a=ice-ufrag:" + std::string(port == 4000 ? "ALic" : "bobU") +
        "\r\na=ice-pwd:0123456789abcdef012345\r\na=rtcp-mux\r\na=candidate:1 1 udp 2130706431 " + address + " " +
        std::to_string(port) + " typ host\r\n";
    return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
           "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n" +
           transport + fingerprints +
           "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n" + transport +
           fingerprints;
  };
  for (const bool right : {true, false}) {
    SrtpStory story;
    story.call(webrtc("192.0.2.1", 4000, fingerprint(kGood) + kActpass),
               webrtc("192.0.2.2", 4002, fingerprint(right ? kOther : kExpired) + kActive));
    shake(story);
    talk(story);
    const Told told = story.end();
    CHECK(told.has("SRTP-037") != right);
    if (right) CHECK(told.tally("SRTP-037", Verdict::kPass) == 2);
    CHECK_FALSE(told.has("SRTP-045"));
    CHECK_FALSE(told.has("SRTP-046"));
  }
}
