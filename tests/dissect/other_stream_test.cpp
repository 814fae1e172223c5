#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "dissect/dissector.h"
#include "recorder.h"

using namespace voip;
using dissect::Opening;
using test::kAlice;
using test::kBob;

namespace {

class Listener final : public dissect::Observer {
 public:
  void on_sip(const dissect::SipEvent&) override { ++sip; }
  void on_media(const dissect::MediaEvent&) override {}
  void on_tls(const dissect::TlsFlow& flow) override { tls.push_back(flow); }
  void on_other_stream(const dissect::OtherStream& stream) override { told.push_back(stream); }

  std::size_t sip = 0;
  std::vector<dissect::TlsFlow> tls;
  std::vector<dissect::OtherStream> told;
};

struct Connection {
  Listener seen;
  dissect::Dissector dissector{Limits{}};
  std::uint64_t frame = 0;

  void says(std::string_view text, unsigned direction = 0, bool mid_stream = false) {
    net::StreamChunk chunk;
    chunk.connection = 1;
    chunk.direction = static_cast<std::uint8_t>(direction);
    chunk.src = direction == 0 ? kAlice : kBob;
    chunk.dst = direction == 0 ? kBob : kAlice;
    chunk.bytes = as_bytes(text);
    chunk.mid_stream = mid_stream;
    chunk.frame.number = ++frame;
    dissector.on_stream(chunk, seen);
  }
  void end() { dissector.on_stream_end(1, seen); }
};

const std::string kPost = "POST / HTTP/1.1\r\nHost: pbx.example\r\nContent-Length: 3000\r\n\r\n";
const std::string kRegister = "REGISTER sip:pbx.example SIP/2.0\r\nContact: <sip:a@10.0.0.7>\r\n\r\n";

}  // namespace

TEST_CASE("A client that speaks HTTP is told once, a server's answer never", "[dissect]") {
  Connection http;
  http.says("GET / HTTP/1.0\r\n\r\n");
  http.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1);
  http.end();
  REQUIRE(http.seen.told.size() == 1);
  CHECK(http.seen.told[0].opening == Opening::kHttp);
  CHECK(http.seen.told[0].client == kAlice);
  CHECK(http.seen.told[0].frame.number == 1);
}

TEST_CASE("A request in the body of a POST is told with its place in the segment, and is no SIP", "[dissect]") {
  for (const bool begins : {true, false}) {
    Connection post;
    post.says(kPost + std::string(500, 'x'));
    post.says((begins ? "" : "--x\r\n") + kRegister);
    post.says(kRegister);
    post.end();
    REQUIRE(post.seen.told.size() == 2);
    CHECK(post.seen.told[0].opening == Opening::kHttpPost);
    CHECK_FALSE(post.seen.told[0].sip_within);
    CHECK(post.seen.told[1].sip_within);
    CHECK(post.seen.told[1].begins_segment == begins);
    CHECK(post.seen.told[1].frame.number == 2);
    CHECK(post.seen.sip == 0);
  }
}

TEST_CASE("A POST without SIP, and one with a SIP answer in it, hide nothing", "[dissect]") {
  for (const std::string body : {"name=value&other=1\r\n", "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP a\r\n\r\n"}) {
    Connection post;
    post.says(kPost);
    post.says(body);
    post.end();
    CHECK(post.seen.told.size() == 1);
  }
}

TEST_CASE("The middle of a stream, SIP, and WebSocket upgrades are nobody's odd opening", "[dissect]") {
  Connection middle;
  middle.says("GET / HTTP/1.0\r\n\r\n", 0, true);
  middle.end();
  CHECK(middle.seen.told.empty());
  Connection sip;
  sip.says(test::request("c1"));
  sip.end();
  CHECK(sip.seen.told.empty());
  CHECK(sip.seen.sip == 1);
  Connection upgrade;
  upgrade.says(
      "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n");
  upgrade.end();
  CHECK(upgrade.seen.told.empty());
}

TEST_CASE("Equal TLS offers are told as equal, and a handshake that was left is not established", "[dissect]") {
  const auto offer = [](char suite) {
    std::string hello("\x16\x03\x01\x00\x33\x01\x00\x00\x2f\x03\x03", 11);
    hello += std::string(32, 'r') + std::string("\x00\x00\x08", 3) + std::string("\xc0\x2f\xc0", 3) + suite +
             std::string("\x00\x17\x00\x00\x01\x00", 6);
    hello[4] = static_cast<char>(hello.size() - 5);
    hello[8] = static_cast<char>(hello.size() - 9);
    Connection tls;
    tls.says(hello);
    tls.end();
    REQUIRE(tls.seen.tls.size() == 1);
    CHECK(tls.seen.tls[0].hello);
    CHECK_FALSE(tls.seen.tls[0].established);
    return tls.seen.tls[0].offer;
  };
  CHECK(offer('\x30') == offer('\x30'));
  CHECK(offer('\x30') != offer('\x31'));
}
