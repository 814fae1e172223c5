#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "net/layer.h"

namespace voip::net {

// Tunnels directly on IP: GRE with ERSPAN and PPTP, IP in IP, MPLS in IP, L2TPv3. kNothing without a reason: the
// protocol is none of these.
Layer peel_ip_tunnel(std::uint8_t protocol, ByteView payload);

// Tunnels on UDP ports: VXLAN, GENEVE, GTP-U, TZSP, HP-ERM, L2TPv2. A header that does not hold, or no packet behind
// it, gives kNothing: the port is no proof.
Layer peel_udp_tunnel(std::uint16_t source_port, std::uint16_t destination_port, ByteView payload);

// Whether peel_udp_tunnel() is worth a call.
inline bool is_udp_tunnel_port(std::uint16_t source_port, std::uint16_t destination_port) {
  switch (destination_port) {
    case 1701:
    case 2152:
    case 4789:
    case 6081:
    case 7932:
    case 8472:
    case 37008: return true;
    default: return source_port == 1701;
  }
}

}  // namespace voip::net
