#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::rtp {

// RFC 3550 section 5.1. Of an SRTP packet everything up to `payload` is readable (RFC 3711 section 3.1); its payload
// then holds ciphertext, MKI and tag, and padding is not what the P bit seems to say.
struct PacketView {
  std::uint8_t payload_type = 0;  // 0..127
  bool marker = false;
  bool padding = false;
  bool extension = false;
  std::uint8_t csrc_count = 0;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;  // ticks of the codec's clock
  std::uint32_t ssrc = 0;
  std::uint16_t extension_profile = 0;
  ByteView extension_data;      // RFC 3550 section 5.3.1, without its 4-byte header
  std::size_t header_size = 0;  // bytes before the payload: fixed header, CSRCs, extension
  ByteView payload;             // all that follows, padding included
};

inline constexpr std::size_t kFixedHeader = 12;

// Into `packet`, all of whose fields it sets. Inline and by hand, not by cursor: it runs once for each media packet.
inline bool parse_into(ByteView datagram, PacketView& packet, ParseError& error) {
  const auto fail = [&error](Malformed kind, std::size_t offset, const char* field) {
    error = {kind, offset, field};
    return false;
  };
  if (datagram.size() < kFixedHeader) return fail(Malformed::kTruncated, datagram.size(), "rtp.header");
  const std::uint8_t* bytes = datagram.data();
  if ((bytes[0] >> 6) != 2) return fail(Malformed::kBadVersion, 0, "rtp.version");
  packet.padding = (bytes[0] & 0x20) != 0;
  packet.extension = (bytes[0] & 0x10) != 0;
  packet.csrc_count = bytes[0] & 0x0f;
  packet.marker = (bytes[1] & 0x80) != 0;
  packet.payload_type = bytes[1] & 0x7f;
  packet.sequence = load_be<std::uint16_t>(bytes + 2);
  packet.timestamp = load_be<std::uint32_t>(bytes + 4);
  packet.ssrc = load_be<std::uint32_t>(bytes + 8);
  packet.extension_profile = 0;
  packet.extension_data = {};
  std::size_t header = kFixedHeader + std::size_t{4} * packet.csrc_count;
  if (header > datagram.size()) return fail(Malformed::kTruncated, datagram.size(), "rtp.csrc");
  if (packet.extension) {
    if (datagram.size() - header < 4) return fail(Malformed::kTruncated, datagram.size(), "rtp.extension");
    packet.extension_profile = load_be<std::uint16_t>(bytes + header);
    const std::size_t length = std::size_t{4} * load_be<std::uint16_t>(bytes + header + 2);
    header += 4;
    if (datagram.size() - header < length) return fail(Malformed::kTruncated, datagram.size(), "rtp.extension");
    packet.extension_data = datagram.subspan(header, length);
    header += length;
  }
  packet.header_size = header;
  packet.payload = datagram.subspan(header);
  return true;
}

inline Parsed<PacketView> parse(ByteView datagram) {
  PacketView packet;
  ParseError error;
  if (!parse_into(datagram, packet, error)) return error;
  return packet;
}

// Payload without RTP padding (RFC 3550 section 5.1), for cleartext only. The whole payload when the pad count is
// absurd.
inline ByteView without_padding(const PacketView& packet) {
  if (!packet.padding || packet.payload.empty()) return packet.payload;
  const std::size_t pad = packet.payload.back();
  if (pad == 0 || pad > packet.payload.size()) return packet.payload;
  return packet.payload.first(packet.payload.size() - pad);
}

}  // namespace voip::rtp
