#include "net/ip.h"

namespace voip::net {

const char* skip_extensions(IpPacket& packet) {
  ByteCursor in{packet.payload};
  // More than RFC 8200 section 4.1 can mean, and a bound.
  for (int header = 0; header < 16; ++header) {
    switch (packet.protocol) {
      case kHopByHop:
      case kRouting:
      case kDestinationOptions:
      case kMobility: {
        const auto next = in.be<std::uint8_t>();
        const std::size_t length = in.be<std::uint8_t>();
        in.skip(length * 8 + 6);
        if (!in.ok()) return "ip-short";
        packet.protocol = next;
        break;
      }
      case kAuthentication: {
        const auto next = in.be<std::uint8_t>();
        const std::size_t length = in.be<std::uint8_t>();
        in.skip((length + 2) * 4 - 2);
        if (!in.ok()) return "ip-short";
        packet.protocol = next;
        break;
      }
      case kFragment: {
        const auto next = in.be<std::uint8_t>();
        in.skip(1);
        const auto offset = in.be<std::uint16_t>();
        packet.id = in.be<std::uint32_t>();
        if (!in.ok()) return "ip-short";
        packet.protocol = next;
        packet.fragment_offset = offset & 0xfff8U;
        packet.more_fragments = (offset & 1) != 0;
        if (packet.fragment_offset != 0 || packet.more_fragments) {
          packet.fragment = true;
          packet.payload = in.rest();
          return nullptr;
        }
        break;  // an atomic fragment (RFC 6946) is whole
      }
      default: packet.payload = in.rest(); return nullptr;
    }
  }
  return "ip-too-many-headers";
}

}  // namespace voip::net
