#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::rtp {

// RFC 3550 section 5.1. Of an SRTP packet everything up to `payload` is readable (RFC 3711 section 3.1); its payload then
// holds ciphertext, MKI and tag, and padding is not what the P bit seems to say.
struct PacketView {
  std::uint8_t payload_type = 0;   // 0..127
  bool marker = false;
  bool padding = false;
  bool extension = false;
  std::uint8_t csrc_count = 0;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;     // ticks of the codec's clock
  std::uint32_t ssrc = 0;
  std::uint16_t extension_profile = 0;
  ByteView extension_data;         // RFC 3550 section 5.3.1, without its 4-byte header
  std::size_t header_size = 0;     // bytes before the payload: fixed header, CSRCs, extension
  ByteView payload;                // all that follows, padding included
};
Parsed<PacketView> parse(ByteView datagram);

// Payload without RTP padding (RFC 3550 section 5.1), for cleartext only. The whole payload when the pad count is absurd.
ByteView without_padding(const PacketView& packet);

}  // namespace voip::rtp
