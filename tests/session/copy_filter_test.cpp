#include "session/copy_filter.h"

#include <catch2/catch.hpp>

#include <string>

#include "base/hash.h"
#include "proto/sip/message.h"

namespace voip::session {
namespace {

// One message at one place: input and agent (0: the wire).
class Places {
 public:
  bool copy(std::uint32_t input, std::uint32_t agent, double seconds, unsigned call = 1, unsigned branch = 1) {
    const std::string text = "OPTIONS sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK-" +
                             std::to_string(branch) + "\r\nCall-ID: c" + std::to_string(call) +
                             "\r\nCSeq: 1 OPTIONS\r\nFrom: <sip:b@x>;tag=1\r\nTo: <sip:a@x>\r\n\r\n";
    const auto parsed = parser_.parse(as_bytes(text));
    REQUIRE(parsed.ok());
    const sip::MessageView& message = *parsed;
    net::HepInfo hep;
    hep.capture_id = agent;
    dissect::SipEvent event;
    event.message = &message;
    event.raw = as_bytes(text);
    event.src = Endpoint(*IpAddress::parse("192.0.2.9"), 5060);
    event.dst = Endpoint(*IpAddress::parse("192.0.2.1"), 5060);
    if (agent != 0) {
      event.hep = &hep;
      event.provenance = net::Provenance::kHep;
    }
    event.frame = {
        .input = input, .number = ++number_, .time = {static_cast<std::int64_t>((1e9 + seconds) * 1e6) * 1000}};
    return filter_.is_copy(event);
  }

 private:
  sip::Parser parser_;
  CopyFilter filter_;
  std::uint64_t number_ = 0;
};

}  // namespace

TEST_CASE("A message of one agent that comes again is a retransmission, of another agent a copy", "[copies]") {
  Places at;
  CHECK_FALSE(at.copy(0, 2001, 0));
  CHECK_FALSE(at.copy(0, 2001, 0.5));
  CHECK(at.copy(0, 77, 1.7));
  CHECK(at.copy(0, 77, 2.2));
  CHECK_FALSE(at.copy(0, 77, 3.2));  // the first agent has told it twice only
}

TEST_CASE("Three agents and the wire tell one message", "[copies]") {
  Places at;
  CHECK_FALSE(at.copy(0, 5, 0));
  CHECK(at.copy(0, 6, 0.01));
  CHECK(at.copy(1, 5, 0.02));
  CHECK(at.copy(1, 0, 0.03));
  CHECK_FALSE(at.copy(1, 0, 0.53));
}

TEST_CASE("The same message in the next file of a rotation, a minute later, is no copy", "[copies]") {
  Places at;
  CHECK_FALSE(at.copy(0, 0, 0));
  CHECK_FALSE(at.copy(1, 0, 60));
  CHECK_FALSE(at.copy(1, 0, 120));
}

TEST_CASE("Tries of one guesser that differ in the branch alone are no copies", "[copies]") {
  Places at;
  CHECK_FALSE(at.copy(0, 0, 0, 1, 1));
  CHECK_FALSE(at.copy(1, 0, 0.2, 1, 2));
  CHECK(at.copy(1, 0, 0.2, 1, 1));
}

TEST_CASE("A clock that is 40 s off is learned from the first messages, then its copies are known", "[copies]") {
  Places at;
  unsigned fresh = 0;
  for (unsigned i = 0; i < 100; ++i) {
    at.copy(0, 0, i, i);
    if (i >= 40 && !at.copy(1, 0, i, i - 40)) ++fresh;
  }
  CHECK(fresh == 3);
}

TEST_CASE("A retransmission that the mirror tells a moment before the wire counts once", "[copies]") {
  Places at;
  CHECK_FALSE(at.copy(0, 0, 0));
  CHECK(at.copy(1, 77, 0.0001));
  CHECK(at.copy(1, 77, 0.5));
  CHECK_FALSE(at.copy(0, 0, 0.5001));
  CHECK_FALSE(at.copy(0, 0, 1.5));
  CHECK(at.copy(1, 77, 1.5001));
}

TEST_CASE("A clock that drifts away stays known", "[copies]") {
  Places at;
  unsigned fresh = 0;
  for (unsigned i = 0; i < 2000; ++i) {
    at.copy(0, 0, i * 20, i);
    if (!at.copy(1, 0, i * 20 + 3 + i * 0.005, i)) ++fresh;  // a quarter of a second in a thousand
  }
  CHECK(fresh == 3);
}

TEST_CASE("Distances without a steady offset are never learned", "[copies]") {
  Places at;
  for (unsigned i = 0; i < 50; ++i) {
    at.copy(0, 0, i * 100, i);
    CHECK_FALSE(at.copy(1, 0, i * 100 + 5 + (i * 7 % 13), i));
  }
}

}  // namespace voip::session
