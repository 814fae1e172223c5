#include "proto/websocket/websocket.h"

#include <algorithm>

#include "base/text.h"

namespace voip::websocket {
namespace {

bool lists(std::string_view value, std::string_view wanted) {
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    if (iequals(trim(value.substr(0, comma)), wanted)) return true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return false;
}

}  // namespace

Parsed<FrameHeader> parse_header(ByteView bytes) {
  ByteCursor in{bytes};
  FrameHeader header;
  const auto flags = in.be<std::uint8_t>();
  const auto mask_and_length = in.be<std::uint8_t>();
  const auto opcode = static_cast<std::uint8_t>(flags & 0x0f);
  header.fin = (flags & 0x80) != 0;
  header.rsv1 = (flags & 0x40) != 0;
  header.opcode = static_cast<Opcode>(opcode);
  header.masked = (mask_and_length & 0x80) != 0;
  header.length = mask_and_length & 0x7f;
  if (in.ok()) {
    if ((flags & 0x30) != 0) return ParseError{Malformed::kUnsupported, 0, "websocket.rsv"};
    if ((opcode > 2 && opcode < 8) || opcode > 10) return ParseError{Malformed::kBadValue, 0, "websocket.opcode"};
    if (is_control(header.opcode) && (header.length > 125 || !header.fin || header.rsv1)) {
      return ParseError{Malformed::kBadLength, 0, "websocket.control"};
    }
  }
  if (header.length == 126) {
    header.length = in.be<std::uint16_t>();
  } else if (header.length == 127) {
    header.length = in.be<std::uint64_t>();
    if (header.length >> 63 != 0) return ParseError{Malformed::kBadLength, 2, "websocket.length"};
  }
  if (header.masked) {
    const ByteView key = in.take(header.key.size());
    std::ranges::copy(key, header.key.begin());
  }
  if (!in.ok()) return ParseError{Malformed::kTruncated, in.offset(), "websocket.header"};
  header.size = in.offset();
  return header;
}

void apply_mask(std::span<std::uint8_t> payload, const std::array<std::uint8_t, 4>& key, std::uint64_t offset) {
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] ^= key[(offset + i) % key.size()];
}

Parsed<Handshake> parse_handshake(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  Handshake handshake;
  std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return ParseError{Malformed::kTruncated, text.size(), "http.start-line"};
  const std::string_view start = trim(text.substr(0, end));
  if (start.starts_with("GET ") && start.ends_with(" HTTP/1.1")) {
    handshake.is_request = true;
  } else if (start.starts_with("HTTP/1.1 ")) {
    handshake.status = parse_number<std::uint16_t>(start.substr(9, 3)).value_or(0);
  } else {
    return ParseError{Malformed::kBadSyntax, 0, "http.start-line"};
  }
  bool upgrade = false;
  for (;;) {
    const std::size_t begin = end + 1;
    end = begin < text.size() ? text.find('\n', begin) : std::string_view::npos;
    if (end == std::string_view::npos) return ParseError{Malformed::kTruncated, text.size(), "http.head"};
    const std::string_view line = trim(text.substr(begin, end - begin));
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = trim(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    if (iequals(name, "Upgrade")) {
      upgrade = lists(value, "websocket");
    } else if (iequals(name, "Sec-WebSocket-Protocol")) {
      handshake.has_protocol = true;
      handshake.sip = handshake.sip || lists(value, "sip");
    } else if (iequals(name, "Host")) {
      handshake.host = value;
    } else if (iequals(name, "Origin")) {
      handshake.origin = value;
    }
  }
  handshake.upgrade = upgrade && (handshake.is_request || handshake.status == 101);
  handshake.size = end + 1;
  return handshake;
}

}  // namespace voip::websocket
