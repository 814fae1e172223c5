#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"

namespace voip::hep {

// One HEP message (Homer Encapsulation Protocol) of version 1, 2 or 3. Views borrow the frame's bytes.
struct MessageView {
  std::uint8_t version = 0;
  std::uint8_t ip_protocol = 0;  // 0 unknown; 22: TLS or WebSocket marker
  Endpoint src;                  // unknown address or port 0 where the sender left them out
  Endpoint dst;
  Timestamp time;  // unknown: use the carrier's (v1 always, v2/v3 when absent or absurd)
  std::uint8_t payload_type = 1;
  std::uint32_t capture_id = 0;
  ByteView payload;
  bool compressed = false;  // payload came in chunk 0x10: inflate it (zlib, gzip or raw)
  std::string_view correlation_id;
  std::string_view node;
  bool truncated = false;            // the frame's own length exceeds the bytes at hand
  std::size_t trailing = 0;          // bytes behind the frame
  std::uint32_t ignored_chunks = 0;  // of a wrong size, or another vendor's
};

// Whether the bytes begin like HEP3/EEP3/EEP1.
bool looks_like_v3(ByteView bytes);
// Whether a datagram is plausibly HEP v1 or v2 (no magic: version, family, protocol, and a payload that begins like SIP
// or JSON must all fit).
bool looks_like_v1_or_v2(ByteView datagram);
// Total length of the v3 frame at the front (its header's word); empty when it is not v3 or is shorter than its header.
std::optional<std::size_t> v3_frame_length(ByteView bytes);

// carrier_time: of the packet, to judge the byte order and plausibility of v2's time; may be unknown.
Parsed<MessageView> parse(ByteView frame, Timestamp carrier_time);

}  // namespace voip::hep
