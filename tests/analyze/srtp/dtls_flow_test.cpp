#include "analyze/srtp/dtls_flow.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "analyze/srtp/exchange_wire.h"

namespace voip::analyze::srtp {
namespace {

using namespace test::wire;

// Feeds datagrams, numbering frames from 1.
struct Tap {
  DtlsTrack track;
  DtlsParts parts;
  CertificateCache certificates;
  std::uint64_t frame = 0;

  void send(bool from_a, const Bytes& datagram) {
    ++frame;
    track.add(datagram, from_a, false, {.input = 0, .number = frame, .time = {static_cast<std::int64_t>(frame) * 1000}},
              parts, certificates);
  }
  const DtlsHandshake& only() const {
    REQUIRE(track.handshakes().size() == 1);
    return track.handshakes().front();
  }
};

// Client b, server a.
void whole(Tap& tap, std::uint8_t random = 1) {
  tap.send(false, client_hello({.random = random}));
  tap.send(true, server_hello({.random = static_cast<std::uint8_t>(random + 1)}) + certificate(kGood));
  tap.send(false, certificate(kOther) + change_cipher() + finished());
  tap.send(true, change_cipher() + finished());
}

TEST_CASE("a handshake of four datagrams with several records each is read whole", "[dtls]") {
  Tap tap;
  whole(tap);
  const DtlsHandshake& seen = tap.only();
  CHECK_FALSE(seen.client_is_a);
  CHECK(seen.version == dtls::kDtls12);
  CHECK(seen.cipher_suite == 0xc02b);
  CHECK(seen.profile == 1);
  CHECK(seen.profiles_offered == std::vector<std::uint16_t>{1, 7});
  CHECK(seen.client_hello.number == 1);
  CHECK(seen.server.certificate_frame.number == 2);
  CHECK(seen.client.certificate_frame.number == 3);
  CHECK(seen.completed().number == 4);
  CHECK(seen.server.certificate->digest(crypto::Hash::kSha256).hex() ==
        crypto::digest(crypto::Hash::kSha256, kGood).hex());
  CHECK(seen.client.certificate != seen.server.certificate);
}

TEST_CASE("parts of a Certificate make it whole in any order, repeated and overlapping", "[dtls]") {
  const Bytes body = certificate_body(kGood);
  std::vector<std::pair<std::size_t, std::size_t>> pieces{{0, 100}, {100, 100}, {150, 80}, {200, body.size() - 200}};
  std::ranges::sort(pieces);
  do {
    Tap tap;
    tap.send(false, client_hello());
    tap.send(true, server_hello());
    for (const auto& [from, size] : pieces) tap.send(true, record(22, 0, part(11, 1, body, from, size)));
    for (const auto& [from, size] : pieces) tap.send(true, record(22, 0, part(11, 1, body, from, size)));
    REQUIRE(tap.only().server.certificate != nullptr);
    CHECK(tap.only().server.certificate_frame.number <= 6);  // the middle part is not needed
    CHECK(tap.only().server.certificate->readable);
  } while (std::ranges::next_permutation(pieces).found);
}

TEST_CASE("a missing part leaves the Certificate unread", "[dtls]") {
  const Bytes body = certificate_body(kGood);
  Tap tap;
  tap.send(false, client_hello());
  tap.send(true, server_hello());
  tap.send(true, record(22, 0, part(11, 1, body, 0, 100)));
  tap.send(true, record(22, 0, part(11, 1, body, 101, body.size() - 101)));
  CHECK(tap.only().server.certificate == nullptr);
}

TEST_CASE("a repeated flight and a cookie are no new handshake", "[dtls]") {
  Tap tap;
  tap.send(false, client_hello());
  tap.send(true, message(3, 0, {0xfe, 0xff, 4, 1, 2, 3, 4}));
  tap.send(false, client_hello({}, 1));
  tap.send(true, server_hello({.random = 2}, 1));
  tap.send(false, client_hello({}, 1));
  tap.send(true, server_hello({.random = 2}, 1));
  CHECK(tap.only().verify_request.number == 2);
  CHECK(tap.only().client_hello.number == 1);
  CHECK(tap.only().server_hello.number == 4);
}

TEST_CASE(
    "a second ClientHello with another random is a second handshake, and parts of the first don't complete its "
    "messages",
    "[dtls]") {
  const Bytes body = certificate_body(kGood);
  const Bytes other = certificate_body(kOther);
  REQUIRE(body.size() == other.size());
  Tap tap;
  tap.send(false, client_hello({.random = 1}));
  tap.send(true, server_hello({.random = 2}));
  tap.send(true, record(22, 0, part(11, 1, body, 0, 200)));
  tap.send(false, client_hello({.random = 5}));
  tap.send(true, server_hello({.random = 6}));
  tap.send(true, record(22, 0, part(11, 1, other, 200, other.size() - 200)));
  REQUIRE(tap.track.handshakes().size() == 2);
  CHECK(tap.track.handshakes()[1].server.certificate == nullptr);
  tap.send(true, record(22, 0, part(11, 1, other, 0, 200)));
  REQUIRE(tap.track.handshakes()[1].server.certificate != nullptr);
  CHECK(tap.track.handshakes()[1].server.certificate->digest(crypto::Hash::kSha1).hex() ==
        crypto::digest(crypto::Hash::kSha1, kOther).hex());
}

TEST_CASE("a rekey on the same sockets is told beside the handshake before it", "[dtls]") {
  Tap tap;
  whole(tap, 1);
  whole(tap, 11);
  REQUIRE(tap.track.handshakes().size() == 2);
  CHECK(tap.track.handshakes()[0].completed().number == 4);
  CHECK(tap.track.handshakes()[1].completed().number == 8);
}

TEST_CASE("a server that starts over answers the same ClientHello in a new handshake", "[dtls]") {
  Tap tap;
  tap.send(false, client_hello());
  tap.send(true, server_hello({.random = 2}));
  tap.send(true, server_hello({.random = 9}));
  REQUIRE(tap.track.handshakes().size() == 2);
  CHECK(tap.track.handshakes()[1].client_random == tap.track.handshakes()[0].client_random);
  CHECK(tap.track.handshakes()[1].client_use_srtp);
}

TEST_CASE("a server's answer that the capture shows before the ClientHello belongs to it", "[dtls]") {
  Tap tap;
  tap.send(true, server_hello());
  tap.send(false, client_hello());
  CHECK(tap.only().client_hello.number == 2);
  CHECK(tap.only().server_hello.number == 1);
  CHECK(tap.only().client_use_srtp);
}

TEST_CASE("supported_versions decides for DTLS 1.3, also under a draft's number", "[dtls]") {
  for (const std::uint16_t version : {std::uint16_t{0xfefc}, std::uint16_t{0x7f2b}}) {
    Tap tap;
    tap.send(false, client_hello({.supported_version = version}));
    tap.send(true, server_hello({.random = 2, .suites = {0x1301}, .use_srtp = false, .supported_version = version}));
    CHECK(tap.only().hidden());
    CHECK(tap.only().best_version == dtls::kDtls13);
    Bytes unified{0x2e, 0, 1, 0, 80};
    tap.send(false, unified + Bytes(80, 7));
    CHECK_FALSE(tap.only().complete());
    tap.send(true, unified + Bytes(80, 7));
    CHECK(tap.only().complete());
  }
}

TEST_CASE("an encrypted alert of DTLS 1.3 is no Finished", "[dtls]") {
  Tap tap;
  tap.send(false, client_hello({.supported_version = 0xfefc}));
  tap.send(true, server_hello({.random = 2, .suites = {0x1301}, .use_srtp = false, .supported_version = 0xfefc}));
  const Bytes small = Bytes{0x2e, 0, 1, 0, 19} + Bytes(19, 7);
  tap.send(false, small);
  tap.send(true, Bytes{0x2e, 0, 1, 0, 80} + Bytes(80, 7));
  CHECK_FALSE(tap.only().complete());
}

TEST_CASE("a fatal alert before the end is kept, a later one and a warning are not", "[dtls]") {
  Tap tap;
  tap.send(false, client_hello());
  tap.send(true, record(21, 0, {1, 0}));
  CHECK_FALSE(tap.only().alert.known());
  tap.send(true, alert(40));
  CHECK(tap.only().alert.number == 3);
  CHECK_FALSE(tap.only().alert_from_client);
  Tap done;
  whole(done);
  done.send(true, alert(40));
  CHECK_FALSE(done.only().alert.known());
}

TEST_CASE("any number of ClientHellos keeps to the cap, and the one that was answered stays", "[dtls]") {
  Tap tap;
  whole(tap, 1);
  for (unsigned i = 0; i < 200; ++i) tap.send(false, client_hello({.random = static_cast<std::uint8_t>(20 + i)}));
  CHECK(tap.track.handshakes().size() == DtlsTrack::kMostHandshakes);
  CHECK(tap.track.handshakes().front().complete());
  CHECK(tap.track.left_out() == 193);
}

TEST_CASE("no prefix of a flight harms", "[dtls]") {
  const Bytes flight = server_hello() + certificate(kGood) + change_cipher() + finished();
  for (std::size_t size = 0; size <= flight.size(); ++size) {
    Tap tap;
    tap.send(false, client_hello());
    tap.send(true, Bytes(flight.begin(), flight.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK(tap.only().server.finished.known() == (size == flight.size()));
  }
}

}  // namespace
}  // namespace voip::analyze::srtp
