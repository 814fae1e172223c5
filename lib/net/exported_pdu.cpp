#include "net/exported_pdu.h"

#include <string_view>

namespace voip::net {

namespace {

// epan/exported_pdu.h of Wireshark.
enum class Tag : std::uint16_t {
  kEnd = 0,
  kDissector = 12,
  kHeuristicDissector = 13,
  kSource4 = 20,
  kDestination4 = 21,
  kSource6 = 22,
  kDestination6 = 23,
  kPortType = 24,
  kSourcePort = 25,
  kDestinationPort = 26,
};

}  // namespace

ExportedPdu read_exported_pdu(ByteView frame) {
  ExportedPdu pdu;
  IpAddress src;
  IpAddress dst;
  std::uint32_t source_port = 0;
  std::uint32_t destination_port = 0;
  std::string_view name;
  ByteCursor in{frame};
  for (;;) {
    const auto tag = static_cast<Tag>(in.be<std::uint16_t>());
    const auto length = in.be<std::uint16_t>();
    const ByteView value = in.take(length);
    if (!in.ok()) {
      pdu.layer = nothing("exported-pdu-short");
      return pdu;
    }
    if (tag == Tag::kEnd) break;
    ByteCursor number{value};
    switch (tag) {
      case Tag::kDissector:
      case Tag::kHeuristicDissector:
        name = as_text(value);
        name = name.substr(0, name.find('\0'));
        break;
      case Tag::kSource4:
      case Tag::kSource6: src = IpAddress::from_bytes(value); break;
      case Tag::kDestination4:
      case Tag::kDestination6: dst = IpAddress::from_bytes(value); break;
      case Tag::kPortType: {
        const auto type = number.be<std::uint32_t>();
        if (type == 1) pdu.transport = Transport::kSctp;
        if (type == 2) pdu.transport = Transport::kTcp;
        break;
      }
      case Tag::kSourcePort: source_port = number.be<std::uint32_t>(); break;
      case Tag::kDestinationPort: destination_port = number.be<std::uint32_t>(); break;
      default: break;
    }
  }
  pdu.src = Endpoint{src, static_cast<std::uint16_t>(source_port)};
  pdu.dst = Endpoint{dst, static_cast<std::uint16_t>(destination_port)};
  pdu.payload = in.rest();
  if (name == "ip" || name == "ipv6" || name == "raw_ip") pdu.layer = {.kind = LayerKind::kIp, .bytes = pdu.payload};
  if (name == "eth" || name == "eth_withoutfcs" || name == "eth_maybefcs") {
    pdu.layer = {.kind = LayerKind::kEthernet, .bytes = pdu.payload};
  }
  return pdu;
}

}  // namespace voip::net
