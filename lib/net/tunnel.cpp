#include "net/tunnel.h"

#include "net/ip.h"

namespace voip::net {

namespace {

Layer ethernet(ByteView bytes) { return {.kind = LayerKind::kEthernet, .bytes = bytes}; }
Layer ip(ByteView bytes) { return {.kind = LayerKind::kIp, .bytes = bytes}; }

// RFC 2784, RFC 2890; RFC 2637 section 4.1 (version 1); draft-foschiano-erspan.
Layer peel_gre(ByteView payload) {
  ByteCursor in{payload};
  const auto flags = in.be<std::uint16_t>();
  const auto type = in.be<std::uint16_t>();
  const bool has_sequence = (flags & 0x1000) != 0;
  if ((flags & 0x4000) != 0) return nothing("gre-routing");
  if ((flags & 0x8000) != 0) in.skip(4);
  if ((flags & 0x2000) != 0) in.skip(4);
  if (has_sequence) in.skip(4);
  const unsigned version = flags & 0x7;
  if (version == 1 && (flags & 0x0080) != 0) in.skip(4);
  if (!in.ok()) return nothing("gre-short");
  if (version > 1 || (version == 1 && type != 0x880b)) return nothing("gre-bad-version");
  switch (type) {
    case 0x88be:  // type I has no header of its own
      if (has_sequence) in.skip(8);
      return in.ok() ? ethernet(in.rest()) : nothing("gre-short");
    case 0x22eb: {
      const ByteView header = in.take(12);
      if (!in.ok()) return nothing("gre-short");
      const auto tail = load_be<std::uint16_t>(header.data() + 10);
      if ((tail & 1) != 0) in.skip(8);
      if (!in.ok()) return nothing("gre-short");
      return ((tail >> 10) & 0x1f) == 2 ? ip(in.rest()) : ethernet(in.rest());
    }
    default: return {.kind = LayerKind::kEtherType, .type = type, .bytes = in.rest()};
  }
}

// RFC 3931 section 4.1.1: the cookie (0, 4 or 8 bytes) and the sublayer (0 or 4) are told in the control channel only.
Layer peel_l2tpv3(ByteView payload) {
  if (payload.size() < 8 || load_be<std::uint32_t>(payload.data()) == 0) return nothing("l2tp-control");
  for (const std::size_t size : {4U, 8U, 12U, 16U}) {
    if (plausible_ethernet(after_bytes(payload, size))) return ethernet(payload.subspan(size));
  }
  return nothing("l2tp");
}

// RFC 2661 section 3.1: data messages.
Layer peel_l2tpv2(ByteView payload) {
  ByteCursor in{payload};
  const auto flags = in.be<std::uint16_t>();
  if ((flags & 0x8000) != 0 || (flags & 0x34ff) != 0x0002) return {};
  if ((flags & 0x4000) != 0) {
    const auto length = in.be<std::uint16_t>();
    if (length > payload.size()) return {};
  }
  in.skip(4);
  if ((flags & 0x0800) != 0) in.skip(4);
  if ((flags & 0x0200) != 0) in.skip(in.be<std::uint16_t>());
  if (!in.ok()) return {};
  const Layer inner = peel_link({.kind = LayerKind::kPpp, .bytes = in.rest()});
  return inner.kind == LayerKind::kIp && plausible_ip(inner.bytes) ? inner : Layer{};
}

// RFC 7348 section 5. The group policy extension sets the first flag and fills bytes 1 to 3.
Layer peel_vxlan(ByteView payload) {
  if (payload.size() < 8 + 14 || (payload[0] & 0x7f) != 0x08 || payload[7] != 0) return {};
  if (payload[0] == 0x08 && (payload[1] | payload[2] | payload[3]) != 0) return {};
  return plausible_ethernet(payload.subspan(8)) ? ethernet(payload.subspan(8)) : Layer{};
}

// RFC 8926 section 3.4.
Layer peel_geneve(ByteView payload) {
  if (payload.size() < 8 || payload[0] >> 6 != 0 || (payload[1] & 0x3f) != 0 || payload[7] != 0) return {};
  const auto type = load_be<std::uint16_t>(payload.data() + 2);
  const ByteView inner = after_bytes(payload, 8 + std::size_t{4} * (payload[0] & 0x3f));
  if (type == 0x6558 && plausible_ethernet(inner)) return ethernet(inner);
  if ((type == 0x0800 || type == 0x86dd) && plausible_ip(inner)) return ip(inner);
  return {};
}

// 3GPP TS 29.281 section 5.1: G-PDU.
Layer peel_gtp(ByteView payload) {
  ByteCursor in{payload};
  const auto flags = in.be<std::uint8_t>();
  const auto type = in.be<std::uint8_t>();
  in.skip(2 + 4);
  if ((flags & 0xf8) != 0x30 || type != 255) return {};
  if ((flags & 0x07) != 0) {
    in.skip(3);
    auto next = in.be<std::uint8_t>();
    if ((flags & 0x04) == 0) next = 0;
    while (next != 0 && in.ok()) {
      const std::size_t length = std::size_t{4} * in.be<std::uint8_t>();
      if (length < 4) return {};
      in.skip(length - 2);
      next = in.be<std::uint8_t>();
    }
  }
  return in.ok() && plausible_ip(in.rest()) ? ip(in.rest()) : Layer{};
}

// TaZmen Sniffer Protocol: version 1, type, protocol of the frame, tags up to one of type 1.
Layer peel_tzsp(ByteView payload) {
  ByteCursor in{payload};
  const auto version = in.be<std::uint8_t>();
  const auto type = in.be<std::uint8_t>();
  const auto protocol = in.be<std::uint16_t>();
  if (!in.ok() || version != 1 || type > 1) return {};
  for (;;) {
    const auto tag = in.be<std::uint8_t>();
    if (!in.ok()) return {};
    if (tag == 1) break;
    if (tag != 0) in.skip(in.be<std::uint8_t>());
  }
  if (protocol == 1) return plausible_ethernet(in.rest()) ? ethernet(in.rest()) : Layer{};
  if (protocol == 0x12) return {.kind = LayerKind::kWlan, .bytes = in.rest()};
  return {};
}

// HP encapsulated remote mirroring: 12 bytes, then the frame.
Layer peel_hp_erm(ByteView payload) {
  const ByteView inner = after_bytes(payload, 12);
  return plausible_ethernet(inner) ? ethernet(inner) : Layer{};
}

}  // namespace

Layer peel_ip_tunnel(std::uint8_t protocol, ByteView payload) {
  switch (protocol) {
    case kIpInIp:
    case kIpv6InIp: return ip(payload);
    case kGre: return peel_gre(payload);
    case kL2tp: return peel_l2tpv3(payload);
    case kMplsInIp: return {.kind = LayerKind::kMpls, .bytes = payload};
    default: return {};
  }
}

Layer peel_udp_tunnel(std::uint16_t source_port, std::uint16_t destination_port, ByteView payload) {
  switch (destination_port) {
    case 2152: return peel_gtp(payload);
    case 4789:
    case 8472: return peel_vxlan(payload);
    case 6081: return peel_geneve(payload);
    case 7932: return peel_hp_erm(payload);
    case 37008: return peel_tzsp(payload);
    case 1701: return peel_l2tpv2(payload);
    default: return source_port == 1701 ? peel_l2tpv2(payload) : Layer{};
  }
}

}  // namespace voip::net
