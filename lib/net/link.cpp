#include "net/layer.h"

namespace voip::net {

namespace {

using capture::LinkType;

constexpr std::uint16_t kIpv4Type = 0x0800;
constexpr std::uint16_t kIpv6Type = 0x86dd;

Layer ip(ByteView bytes) { return {.kind = LayerKind::kIp, .bytes = bytes}; }

Layer ether_type(std::uint16_t type, ByteView bytes) {
  return {.kind = LayerKind::kEtherType, .type = type, .bytes = bytes};
}

Layer of_kind(LayerKind kind, ByteView bytes) { return {.kind = kind, .bytes = bytes}; }

bool is_vlan(std::uint16_t type) {
  return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200 || type == 0x9300;
}

// BSD loopback: an address family in the order of the host that captured, or of the network.
Layer enter_null(ByteView frame) {
  if (frame.size() < 4) return nothing("link-short");
  std::uint32_t family = load_be<std::uint32_t>(frame.data());
  if (family > 0xffff) family = load_le<std::uint32_t>(frame.data());
  switch (family) {
    case 2:
    case 10:
    case 24:
    case 28:
    case 30: return ip(frame.subspan(4));
    default: return nothing("link-unknown");
  }
}

// Attributes in the order of the host that captured; the packet is the one of type 9.
Layer enter_nflog(ByteView frame) {
  ByteCursor in{frame};
  const auto family = in.be<std::uint8_t>();
  const auto version = in.be<std::uint8_t>();
  in.skip(2);
  if (!in.ok()) return nothing("link-short");
  if (version != 0 || (family != 2 && family != 10)) return nothing("link-unknown");
  while (in.remaining() >= 4) {
    const ByteView head = in.take(4);
    std::size_t length = load_le<std::uint16_t>(head.data());
    std::uint16_t type = load_le<std::uint16_t>(head.data() + 2);
    if ((type & 0x7fff) > 0xff) {
      length = load_be<std::uint16_t>(head.data());
      type = load_be<std::uint16_t>(head.data() + 2);
    }
    if (length < 4) return nothing("link-bad-length");
    if ((type & 0x7fff) == 9) return ip(first_bytes(in.rest(), length - 4));
    const std::size_t padded = ((length + 3) & ~std::size_t{3}) - 4;
    if (padded > in.remaining()) break;
    in.skip(padded);
  }
  return nothing("link-short");
}

// IEEE 802.11-2020 section 9.3.2: data frames.
Layer peel_wlan(ByteView frame) {
  if (frame.size() < 24) return nothing("link-short");
  const unsigned control = frame[0];
  const unsigned flags = frame[1];
  if ((control & 0x0c) != 0x08 || (control & 0x40) != 0) return nothing("wlan-no-data");
  if ((flags & 0x40) != 0) return nothing("wlan-encrypted");
  std::size_t header = 24;
  if ((flags & 0x03) == 0x03) header += 6;
  if ((control & 0x80) != 0) {
    if (frame.size() < header + 2) return nothing("link-short");
    if ((frame[header] & 0x80) != 0) return nothing("wlan-aggregate");
    header += 2;
    if ((flags & 0x80) != 0) header += 4;
  }
  return of_kind(LayerKind::kLlc, after_bytes(frame, header));
}

Layer peel_ethernet(ByteView frame) {
  if (frame.size() < 14) return nothing("link-short");
  return ether_type(load_be<std::uint16_t>(frame.data() + 12), frame.subspan(14));
}

Layer peel_ether_type(std::uint16_t type, ByteView bytes) {
  if (type == kIpv4Type || type == kIpv6Type) return ip(bytes);
  if (is_vlan(type)) {
    if (bytes.size() < 4) return nothing("link-short");
    return ether_type(load_be<std::uint16_t>(bytes.data() + 2), bytes.subspan(4));
  }
  switch (type) {
    case 0x8847:
    case 0x8848: return of_kind(LayerKind::kMpls, bytes);
    case 0x8864: return of_kind(LayerKind::kPppoe, bytes);
    case 0x6558: return of_kind(LayerKind::kEthernet, bytes);
    case 0x880b: return of_kind(LayerKind::kPpp, bytes);
    case 0x0806: return nothing("arp");
    case 0x8863: return nothing("pppoe-discovery");
    case 0x88cc: return nothing("lldp");
    case 0x88e5: return nothing("macsec");
    default: break;
  }
  if (type <= 1500) return of_kind(LayerKind::kLlc, first_bytes(bytes, type > 4 ? type : bytes.size()));
  return nothing("link-unknown");
}

Layer peel_llc(ByteView bytes) {
  if (bytes.size() < 8) return nothing("llc");
  if (bytes[0] != 0xaa || bytes[1] != 0xaa || bytes[2] != 0x03) return nothing("llc");
  const unsigned organisation = (unsigned{bytes[3]} << 16) | (unsigned{bytes[4]} << 8) | bytes[5];
  const auto type = load_be<std::uint16_t>(bytes.data() + 6);
  if ((organisation != 0 && organisation != 0xf8) || type <= 1500) return nothing("llc");
  return ether_type(type, bytes.subspan(8));
}

// RFC 1661 section 2, RFC 1662 section 3.1: address, control and the protocol's first byte may be left out.
Layer peel_ppp(ByteView bytes) {
  if (bytes.size() >= 2 && bytes[0] == 0xff && bytes[1] == 0x03) bytes = bytes.subspan(2);
  if (bytes.empty()) return nothing("link-short");
  std::uint16_t protocol = bytes[0];
  std::size_t size = 1;
  if ((protocol & 1) == 0) {
    if (bytes.size() < 2) return nothing("link-short");
    protocol = load_be<std::uint16_t>(bytes.data());
    size = 2;
  }
  switch (protocol) {
    case 0x0021:
    case 0x0057: return ip(bytes.subspan(size));
    case 0x0281:
    case 0x0283: return of_kind(LayerKind::kMpls, bytes.subspan(size));
    default: return nothing("ppp");
  }
}

// RFC 2516 section 4.
Layer peel_pppoe(ByteView bytes) {
  if (bytes.size() < 6) return nothing("link-short");
  if (bytes[0] != 0x11) return nothing("link-unknown");
  if (bytes[1] != 0) return nothing("pppoe-discovery");
  return of_kind(LayerKind::kPpp, first_bytes(bytes.subspan(6), load_be<std::uint16_t>(bytes.data() + 4)));
}

Layer peel_cisco_hdlc(ByteView bytes) {
  if (bytes.size() < 4) return nothing("link-short");
  return ether_type(load_be<std::uint16_t>(bytes.data() + 2), bytes.subspan(4));
}

// RFC 2427 section 3.
Layer peel_frame_relay(ByteView bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && at < 4 && (bytes[at] & 1) == 0) ++at;
  ByteCursor in{after_bytes(bytes, at + 1)};
  if (in.be<std::uint8_t>() != 0x03) return nothing("link-unknown");
  auto id = in.be<std::uint8_t>();
  if (id == 0) id = in.be<std::uint8_t>();
  if (!in.ok()) return nothing("link-short");
  switch (id) {
    case 0xcc:
    case 0x8e: return ip(in.rest());
    case 0x80: {
      const std::uint32_t organisation = in.be24();
      const auto type = in.be<std::uint16_t>();
      if (!in.ok() || organisation != 0) return nothing("link-unknown");
      return ether_type(type, in.rest());
    }
    default: return nothing("link-unknown");
  }
}

// RFC 3032 section 2.1. What follows the last label is not told: IP by its version, else a pseudowire (RFC 4385).
Layer peel_mpls(ByteView bytes) {
  for (;;) {
    if (bytes.size() < 4) return nothing("link-short");
    const bool last = (bytes[2] & 1) != 0;
    bytes = bytes.subspan(4);
    if (last) break;
  }
  if (plausible_ip(bytes)) return ip(bytes);
  if (!bytes.empty() && bytes[0] >> 4 == 0 && plausible_ethernet(after_bytes(bytes, 4))) {
    return of_kind(LayerKind::kEthernet, bytes.subspan(4));
  }
  if (plausible_ethernet(bytes)) return of_kind(LayerKind::kEthernet, bytes);
  return nothing("mpls");
}

}  // namespace

bool plausible_ip(ByteView bytes) {
  if (bytes.size() < 20) return false;
  if (bytes[0] >> 4 == 4) {
    const std::size_t total = load_be<std::uint16_t>(bytes.data() + 2);
    const std::size_t header = std::size_t{4} * (bytes[0] & 0x0f);
    return header >= 20 && (total == 0 || total >= header);
  }
  return bytes[0] >> 4 == 6 && bytes.size() >= 40;
}

bool plausible_ethernet(ByteView bytes) {
  if (bytes.size() < 14) return false;
  const auto type = load_be<std::uint16_t>(bytes.data() + 12);
  if (type == kIpv4Type || type == kIpv6Type) {
    const ByteView inner = bytes.subspan(14);
    return plausible_ip(inner) && (inner[0] >> 4 == 4) == (type == kIpv4Type);
  }
  return is_vlan(type) || type == 0x8847 || type == 0x8848 || type == 0x8863 || type == 0x8864 || type == 0x0806;
}

Layer enter_link(LinkType link, ByteView frame) {
  switch (link) {
    case LinkType::kEthernet: return peel_ethernet(frame);
    case LinkType::kRaw:
    case LinkType::kRawBsd:
    case LinkType::kRawOpenBsd:
    case LinkType::kIpv4:
    case LinkType::kIpv6: return ip(frame);
    case LinkType::kLinuxSll:
      if (frame.size() < 16) return nothing("link-short");
      return ether_type(load_be<std::uint16_t>(frame.data() + 14), frame.subspan(16));
    case LinkType::kLinuxSll2:
      if (frame.size() < 20) return nothing("link-short");
      return ether_type(load_be<std::uint16_t>(frame.data()), frame.subspan(20));
    case LinkType::kNull:
    case LinkType::kLoop: return enter_null(frame);
    case LinkType::kPpp: return peel_ppp(frame);
    case LinkType::kPppHdlc:
      if (frame.size() >= 2 && (frame[0] == 0x0f || frame[0] == 0x8f)) return peel_cisco_hdlc(frame);
      return peel_ppp(frame);
    case LinkType::kPppoe: return peel_pppoe(frame);
    case LinkType::kCiscoHdlc: return peel_cisco_hdlc(frame);
    case LinkType::kFrameRelay: return peel_frame_relay(frame);
    case LinkType::kIeee80211: return peel_wlan(frame);
    case LinkType::kIeee80211Radiotap: return peel_link(of_kind(LayerKind::kRadiotap, frame));
    case LinkType::kNflog: return enter_nflog(frame);
    case LinkType::kUpperPdu:
    case LinkType::kHepFrame: break;
  }
  return nothing("link-unknown");
}

Layer peel_link(const Layer& layer) {
  switch (layer.kind) {
    case LayerKind::kEthernet: return peel_ethernet(layer.bytes);
    case LayerKind::kEtherType: return peel_ether_type(layer.type, layer.bytes);
    case LayerKind::kLlc: return peel_llc(layer.bytes);
    case LayerKind::kPpp: return peel_ppp(layer.bytes);
    case LayerKind::kPppoe: return peel_pppoe(layer.bytes);
    case LayerKind::kCiscoHdlc: return peel_cisco_hdlc(layer.bytes);
    case LayerKind::kFrameRelay: return peel_frame_relay(layer.bytes);
    case LayerKind::kMpls: return peel_mpls(layer.bytes);
    case LayerKind::kWlan: return peel_wlan(layer.bytes);
    case LayerKind::kRadiotap: {
      if (layer.bytes.size() < 8) return nothing("link-short");
      const std::size_t length = load_le<std::uint16_t>(layer.bytes.data() + 2);
      if (length < 8 || length > layer.bytes.size()) return nothing("link-bad-length");
      return peel_wlan(layer.bytes.subspan(length));
    }
    case LayerKind::kIp:
    case LayerKind::kNothing: break;
  }
  return layer;
}

}  // namespace voip::net
