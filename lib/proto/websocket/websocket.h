#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::websocket {

enum class Opcode : std::uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };
constexpr bool is_control(Opcode opcode) { return static_cast<std::uint8_t>(opcode) >= 8; }

// RFC 6455 section 5.2: what stands before a frame's payload.
struct FrameHeader {
  bool fin = false;
  bool rsv1 = false;  // permessage-deflate: the message is compressed (RFC 7692 section 6)
  Opcode opcode = Opcode::kText;
  bool masked = false;
  std::array<std::uint8_t, 4> key{};
  std::uint64_t length = 0;  // of the payload
  std::size_t size = 0;      // of this header
};
// kTruncated: more bytes are needed. Refused: RSV2 and RSV3, unassigned opcodes, control frames that are long or in
// pieces.
Parsed<FrameHeader> parse_header(ByteView bytes);

// Masks or unmasks (RFC 6455 section 5.3). offset: of the first byte in the frame's payload.
void apply_mask(std::span<std::uint8_t> payload, const std::array<std::uint8_t, 4>& key, std::uint64_t offset = 0);

// The HTTP head that opens a connection (RFC 6455 section 4, RFC 7118 section 4).
struct Handshake {
  bool is_request = false;
  unsigned status = 0;            // responses
  bool upgrade = false;           // Upgrade: websocket; of a response: with status 101
  bool has_protocol = false;      // there is a Sec-WebSocket-Protocol field
  bool sip = false;               // and it names "sip"
  std::string_view host, origin;  // as sent; empty when missing
  std::size_t size = 0;           // of the head, with its empty line
};
// kTruncated: the head is not whole yet. Other errors: no HTTP/1.1 GET or answer.
Parsed<Handshake> parse_handshake(ByteView bytes);

}  // namespace voip::websocket
