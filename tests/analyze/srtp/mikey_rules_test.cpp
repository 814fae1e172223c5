#include <catch2/catch.hpp>

#include "analyze/srtp/exchange_wire.h"
#include "analyze/srtp/srtp_story.h"

using namespace voip::test;
using namespace voip::test::wire;
using voip::report::Severity;
using voip::report::Verdict;

namespace {

// RFC 3830: pre-shared-key message with one SRTP session, T, RAND and the KEMAC.
std::string mikey(const Bytes& kemac, std::uint8_t type = 0, std::uint8_t map = 0) {
  Bytes out{1, type, 5, 0x80, 1, 2, 3, 4, 1, map};
  if (map == 0) out = out + Bytes{0, 0, 0, 0x10, 0, 0, 0, 0, 0};
  out = out + Bytes{11, 0} + Bytes(8, 0xe0) + Bytes{1, 16} + Bytes(16, 7) + kemac;
  return "a=key-mgmt:mikey " + voip::encode_base64(out) + "\r\n";
}
Bytes kemac(std::uint8_t encryption, std::uint8_t mac) {
  const Bytes data = encryption == 0 ? Bytes{0, 0, 0, 16} + Bytes(16, 9) : Bytes(20, 9);
  Bytes out{0, encryption, 0, static_cast<std::uint8_t>(data.size())};
  out = out + data;
  out.push_back(mac);
  return mac == 1 ? out + Bytes(20, 5) : out;
}
Told run(const std::string& line) {
  SrtpStory story;
  story.call(sdp("192.0.2.1", 4000, "RTP/SAVP", line, "0"), sdp("192.0.2.2", 4002, "RTP/SAVP", "", "0"));
  return story.end();
}

}  // namespace

TEST_CASE("a MIKEY key that can be read is critical", "[mikey]") {
  CHECK(run(mikey(kemac(0, 1))).severity("SRTP-055") == Severity::kCritical);
}

TEST_CASE("a KEMAC without a MAC, an unknown mode and a broken message are medium", "[mikey]") {
  CHECK(run(mikey(kemac(1, 0))).severity("SRTP-055") == Severity::kMedium);
  CHECK(run(mikey(kemac(1, 1), 99)).severity("SRTP-055") == Severity::kMedium);
  CHECK(run("a=key-mgmt:mikey AQAF\r\n").severity("SRTP-055") == Severity::kMedium);
  CHECK(run("a=key-mgmt:mikey ***\r\n").severity("SRTP-055") == Severity::kMedium);
}

TEST_CASE("an intact MIKEY message is an information, and its check passes", "[mikey]") {
  const Told told = run(mikey(kemac(1, 1)));
  CHECK(told.severity("SRTP-055") == Severity::kInfo);
  CHECK(told.tally("SRTP-055", Verdict::kPass) == 1);
  CHECK(told.tally("SRTP-055", Verdict::kFail) == 0);
}

TEST_CASE("the weaker of two exchanges that both sides list is told, the stronger only as an information", "[keying]") {
  const std::string both = kCryptoA + fingerprint(kGood) + "a=setup:actpass\r\n";
  const std::string answered = kCryptoB + fingerprint(kOther) + "a=setup:active\r\n";
  const auto told = [&](const std::string& answer) {
    SrtpStory story;
    story.call(sdp("192.0.2.1", 4000, "RTP/SAVP", both, "0"), sdp("192.0.2.2", 4002, "RTP/SAVP", answer, "0"));
    story.rtp(story.alice_rtp, story.bob_rtp, {});
    return story.end();
  };
  CHECK(told(answered).severity("SRTP-054") == Severity::kMedium);
  CHECK_FALSE(told(kCryptoB).has("SRTP-054"));
  CHECK(told(fingerprint(kOther) + "a=setup:active\r\n").severity("SRTP-054") == Severity::kInfo);
}
