#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "capture/source.h"

namespace voip::net {

enum class LayerKind : std::uint8_t {
  kNothing,  // no IP below: `reason` says what it was
  kIp,       // version by its first nibble
  kEthernet,
  kEtherType,  // `type` is the EtherType of the bytes
  kLlc,
  kPpp,  // from the protocol field on, or the address and control bytes before it
  kPppoe,
  kCiscoHdlc,
  kFrameRelay,
  kMpls,
  kWlan,
  kRadiotap,
};

// What the bytes behind a header are.
struct Layer {
  LayerKind kind = LayerKind::kNothing;
  std::uint16_t type = 0;
  ByteView bytes{};
  const char* reason = nullptr;  // a name for Diagnostics
};

inline Layer nothing(const char* reason) { return {.reason = reason}; }

// Behind the link header of a frame. Not for kUpperPdu and kHepFrame, which hold no layers.
Layer enter_link(capture::LinkType link, ByteView frame);
// One header further. `layer` is neither kIp nor kNothing.
Layer peel_link(const Layer& layer);

// Whether an Ethernet frame, or an IP packet, may begin here: to tell a tunnel from other bytes on its port.
bool plausible_ethernet(ByteView bytes);
bool plausible_ip(ByteView bytes);

}  // namespace voip::net
