#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/endpoint.h"

namespace voip::net {

enum IpProtocol : std::uint8_t {
  kHopByHop = 0,
  kIcmp = 1,
  kIpInIp = 4,
  kTcp = 6,
  kUdp = 17,
  kIpv6InIp = 41,
  kRouting = 43,
  kFragment = 44,
  kGre = 47,
  kEsp = 50,
  kAuthentication = 51,
  kIcmpv6 = 58,
  kNoNext = 59,
  kDestinationOptions = 60,
  kL2tp = 115,
  kSctp = 132,
  kMobility = 135,
  kMplsInIp = 137,
};

// One IP packet, or one fragment: behind the header, and the extension headers before a fragment header.
struct IpPacket {
  IpAddress src;
  IpAddress dst;
  std::uint8_t version = 0;
  std::uint8_t protocol = 0;  // of the payload's first byte
  bool fragment = false;
  bool more_fragments = false;
  std::uint32_t fragment_offset = 0;  // bytes
  std::uint32_t id = 0;
  ByteView payload;
  std::size_t missing = 0;  // bytes behind the payload that the header counts but the capture lacks
};

// Into `packet`, whose protocol and payload are those of the first header: steps over extension headers of IPv6
// (RFC 8200 section 4). Null, or why it can't be read.
const char* skip_extensions(IpPacket& packet);

// bytes: from the IP header on. missing: bytes behind `bytes` that the capture cut. Null, or why it can't be read.
// Without allocation; in line, because each packet passes here.
inline const char* parse_ip(ByteView bytes, std::size_t missing, IpPacket& packet) {
  if (bytes.empty()) return "ip-short";
  packet.version = bytes[0] >> 4;
  if (packet.version == 4) {
    if (bytes.size() < 20) return "ip-short";
    const std::size_t header = std::size_t{4} * (bytes[0] & 0x0f);
    if (header < 20) return "ip-bad-header";
    if (bytes.size() < header) return "ip-short";
    const std::size_t total = load_be<std::uint16_t>(bytes.data() + 2);
    // 0 is segmentation offload: the frame's own length counts.
    if (total != 0) {
      if (total < header) return "ip-bad-header";
      missing = total > bytes.size() ? total - bytes.size() : 0;
    }
    const std::size_t end = total == 0 || total > bytes.size() ? bytes.size() : total;
    const auto offset = load_be<std::uint16_t>(bytes.data() + 6);
    packet.fragment = (offset & 0x3fff) != 0;
    packet.more_fragments = (offset & 0x2000) != 0;
    packet.fragment_offset = (offset & 0x1fffU) * 8;
    packet.id = load_be<std::uint16_t>(bytes.data() + 4);
    packet.protocol = bytes[9];
    packet.src = IpAddress::v4_at(bytes.data() + 12);
    packet.dst = IpAddress::v4_at(bytes.data() + 16);
    packet.payload = bytes.subspan(header, end - header);
    packet.missing = missing;
    return nullptr;
  }
  if (packet.version != 6) return "ip-bad-version";
  if (bytes.size() < 40) return "ip-short";
  packet.src = IpAddress::from_bytes(bytes.subspan(8, 16));
  packet.dst = IpAddress::from_bytes(bytes.subspan(24, 16));
  packet.protocol = bytes[6];
  packet.id = 0;
  packet.fragment = false;
  const std::size_t length = load_be<std::uint16_t>(bytes.data() + 4);
  packet.payload = bytes.subspan(40);
  // 0 is a jumbogram or offload.
  if (length != 0) {
    missing = length > packet.payload.size() ? length - packet.payload.size() : 0;
    packet.payload = first_bytes(packet.payload, length);
  }
  packet.missing = missing;
  switch (packet.protocol) {
    case kHopByHop:
    case kRouting:
    case kFragment:
    case kAuthentication:
    case kDestinationOptions:
    case kMobility: return skip_extensions(packet);
    default: return nullptr;
  }
}

}  // namespace voip::net
