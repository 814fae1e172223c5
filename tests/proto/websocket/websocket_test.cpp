#include "proto/websocket/websocket.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "support/bytes.h"

using namespace voip;
using test::hex;
using websocket::Opcode;

TEST_CASE("The frames of RFC 6455 section 5.7 are read", "[websocket]") {
  const auto plain = hex("81 05 48 65 6c 6c 6f");
  const auto unmasked = websocket::parse_header(plain);
  REQUIRE(unmasked.ok());
  CHECK(unmasked->fin);
  CHECK(unmasked->opcode == Opcode::kText);
  CHECK_FALSE(unmasked->masked);
  CHECK(unmasked->length == 5);
  CHECK(unmasked->size == 2);

  auto hello = hex("81 85 37 fa 21 3d 7f 9f 4d 51 58");
  const auto masked = websocket::parse_header(hello);
  REQUIRE(masked.ok());
  CHECK(masked->masked);
  CHECK(masked->size == 6);
  websocket::apply_mask(std::span{hello}.subspan(6), masked->key);
  CHECK(as_text(std::span{hello}.subspan(6)) == "Hello");

  const auto first = websocket::parse_header(hex("01 03 48 65 6c"));
  REQUIRE(first.ok());
  CHECK_FALSE(first->fin);
  const auto last = websocket::parse_header(hex("80 02 6c 6f"));
  REQUIRE(last.ok());
  CHECK(last->opcode == Opcode::kContinuation);
  CHECK(last->fin);

  const auto ping = websocket::parse_header(hex("89 05 48 65 6c 6c 6f"));
  REQUIRE(ping.ok());
  CHECK(websocket::is_control(ping->opcode));

  const auto medium = websocket::parse_header(hex("82 7e 01 00"));
  REQUIRE(medium.ok());
  CHECK(medium->length == 256);
  CHECK(medium->size == 4);
  const auto large = websocket::parse_header(hex("82 7f 00 00 00 00 00 01 00 00"));
  REQUIRE(large.ok());
  CHECK(large->length == 65536);
  CHECK(large->size == 10);
}

TEST_CASE("A mask goes on where the piece before it ended", "[websocket]") {
  const std::array<std::uint8_t, 4> key{1, 2, 3, 4};
  std::vector<std::uint8_t> whole(11, 0);
  websocket::apply_mask(whole, key);
  std::vector<std::uint8_t> pieces(11, 0);
  websocket::apply_mask(std::span{pieces}.first(3), key);
  websocket::apply_mask(std::span{pieces}.subspan(3), key, 3);
  CHECK(whole == pieces);
  CHECK(whole[4] == 1);
}

TEST_CASE("No prefix of a frame's header parses", "[websocket]") {
  const auto whole = hex("82 ff 00 00 00 00 00 01 00 00 01 02 03 04");
  REQUIRE(websocket::parse_header(whole).ok());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::vector<std::uint8_t> prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    const auto header = websocket::parse_header(prefix);
    REQUIRE_FALSE(header.ok());
    CHECK(header.error().kind == Malformed::kTruncated);
  }
}

TEST_CASE("Frames that no endpoint may send are refused", "[websocket]") {
  const auto error = [](std::string_view bytes) {
    const auto header = websocket::parse_header(hex(bytes));
    REQUIRE_FALSE(header.ok());
    return header.error().kind;
  };
  CHECK(error("a1 05") == Malformed::kUnsupported);                        // RSV2
  CHECK(error("83 05") == Malformed::kBadValue);                           // opcode 3
  CHECK(error("8b 05") == Malformed::kBadValue);                           // opcode 11
  CHECK(error("09 05") == Malformed::kBadLength);                          // a ping in pieces
  CHECK(error("89 7e 00 80") == Malformed::kBadLength);                    // a long ping
  CHECK(error("82 7f 80 00 00 00 00 00 00 00") == Malformed::kBadLength);  // a negative length
  CHECK(websocket::parse_header(hex("c1 05"))->rsv1);                      // compressed: for the reader to decide
}

TEST_CASE("The handshake of RFC 7118 section 4.1 is known for SIP", "[websocket]") {
  const std::string request =
      "GET / HTTP/1.1\r\n"
      "Host: sip-ws.example.com\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Origin: http://www.example.com\r\n"
      "Sec-WebSocket-Protocol: sip\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n";
  const std::string with_frames = request + "rest";
  const auto opened = websocket::parse_handshake(as_bytes(with_frames));
  REQUIRE(opened.ok());
  CHECK(opened->is_request);
  CHECK(opened->upgrade);
  CHECK(opened->has_protocol);
  CHECK(opened->sip);
  CHECK(opened->host == "sip-ws.example.com");
  CHECK(opened->origin == "http://www.example.com");
  CHECK(opened->size == request.size());

  const auto answer =
      websocket::parse_handshake(as_bytes("HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: "
                                          "Upgrade\r\nsec-websocket-protocol: SIP\r\n\r\n"));
  REQUIRE(answer.ok());
  CHECK(answer->status == 101);
  CHECK(answer->upgrade);
  CHECK(answer->sip);

  const auto refused = websocket::parse_handshake(as_bytes("HTTP/1.1 403 Forbidden\r\nUpgrade: websocket\r\n\r\n"));
  REQUIRE(refused.ok());
  CHECK_FALSE(refused->upgrade);
  const auto other = websocket::parse_handshake(
      as_bytes("GET / HTTP/1.1\r\nUpgrade: h2c, websocket\r\nSec-WebSocket-Protocol: xmpp, sipx\r\n\r\n"));
  REQUIRE(other.ok());
  CHECK(other->upgrade);
  CHECK(other->has_protocol);
  CHECK_FALSE(other->sip);

  for (std::size_t n = 0; n < request.size(); ++n) {
    INFO(n);
    const auto part = websocket::parse_handshake(as_bytes(std::string_view{request}.substr(0, n)));
    REQUIRE_FALSE(part.ok());
    CHECK(part.error().kind == Malformed::kTruncated);
  }
  CHECK(websocket::parse_handshake(as_bytes("POST / HTTP/1.1\r\n\r\n")).error().kind == Malformed::kBadSyntax);
}
