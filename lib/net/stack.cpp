#include "net/stack.h"

#include <fmt/format.h>

#include "net/duplicates.h"
#include "net/exported_pdu.h"
#include "net/fragments.h"
#include "net/hep_carrier.h"
#include "net/ip.h"
#include "net/layer.h"
#include "net/sctp.h"
#include "net/tcp.h"
#include "net/tunnel.h"

namespace voip::net {

namespace {

constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kTcpHeader = 20;
// Tags and labels of one frame; each is some bytes long, so this is generous.
constexpr int kMostLinkLayers = 64;

bool is_bare_tcp(const IpPacket& packet) {
  const ByteView segment = packet.payload;
  return packet.protocol == kTcp && segment.size() >= kTcpHeader &&
         segment.size() <= std::size_t{4} * (segment[12] >> 4);
}

}  // namespace

struct Stack::Impl {
  Impl(const Limits& given_limits, const StackOptions& given_options)
      : limits(given_limits), options(given_options), duplicates(given_options.duplicate_window) {}

  void feed(const capture::Packet& packet, Handler& out);
  // What lies behind a link or tunnel header, down to a transport.
  void walk(Layer& layer, std::size_t missing, const FrameRef& frame, Handler& out);
  // True when a tunnel goes on inside.
  bool udp(const IpPacket& packet, const FrameRef& frame, Handler& out, Layer& inner);
  void tcp_segment(const IpPacket& packet, const FrameRef& frame, Handler& out);
  void exported_pdu(const capture::Packet& packet, Handler& out);
  void release_first_fragments(Timestamp now, Handler& out);
  bool is_duplicate(const IpPacket& packet, const FrameRef& frame);

  const Limits limits;
  const StackOptions options;
  StackCounters counters;
  Diagnostics diagnostics;
  DuplicateFilter duplicates;
  HepCarrier hep{counters, diagnostics, options.hep_clock};
  FragmentTable fragments{limits, counters, diagnostics};
  TcpReassembler tcp{limits, counters, diagnostics, hep};
  SctpReassembler sctp{limits, counters, diagnostics};
};

bool Stack::Impl::is_duplicate(const IpPacket& packet, const FrameRef& frame) {
  if (options.keep_duplicates) return false;
  // Equal acknowledgements say something, and without an identification they can't be told from copies.
  if (packet.id == 0 && !packet.fragment && is_bare_tcp(packet)) return false;
  if (!duplicates.seen(duplicate_hash(packet), frame.time)) return false;
  ++counters.duplicates;
  return true;
}

inline bool Stack::Impl::udp(const IpPacket& packet, const FrameRef& frame, Handler& out, Layer& inner) {
  const ByteView bytes = packet.payload;
  if (bytes.size() < kUdpHeader) {
    diagnostics.count("udp-short", frame);
    return false;
  }
  const auto source_port = load_be<std::uint16_t>(bytes.data());
  const auto destination_port = load_be<std::uint16_t>(bytes.data() + 2);
  const std::size_t length = load_be<std::uint16_t>(bytes.data() + 4);
  ByteView payload = bytes.subspan(kUdpHeader);
  std::size_t missing = packet.missing;
  // 0 is a jumbogram or offload: IP's length counts.
  if (length != 0) {
    if (length < kUdpHeader) {
      diagnostics.count("udp-bad-length", frame);
      return false;
    }
    missing = length - kUdpHeader > payload.size() ? length - kUdpHeader - payload.size() : 0;
    payload = first_bytes(payload, length - kUdpHeader);
  }
  if (is_udp_tunnel_port(source_port, destination_port)) {
    inner = peel_udp_tunnel(source_port, destination_port, payload);
    if (inner.kind != LayerKind::kNothing) return true;
  }
  if (is_duplicate(packet, frame)) return false;
  const Endpoint src{packet.src, source_port};
  const Endpoint dst{packet.dst, destination_port};
  if (hep.take(payload, {.src = src, .dst = dst, .frame = frame, .truncated = missing != 0}, out)) return false;
  out.on_datagram({.src = src,
                   .dst = dst,
                   .payload = payload,
                   .truncated = missing != 0,
                   .missing = static_cast<std::uint32_t>(missing),
                   .frame = frame});
  return false;
}

// RFC 9293 section 3.1.
void Stack::Impl::tcp_segment(const IpPacket& packet, const FrameRef& frame, Handler& out) {
  const ByteView bytes = packet.payload;
  if (bytes.size() < kTcpHeader) {
    diagnostics.count("tcp-short", frame);
    return;
  }
  const std::size_t header = std::size_t{4} * (bytes[12] >> 4);
  if (header < kTcpHeader || header > bytes.size() + packet.missing) {
    diagnostics.count("tcp-bad-header", frame);
    return;
  }
  if (is_duplicate(packet, frame)) return;
  TcpSegment segment;
  segment.src = Endpoint{packet.src, load_be<std::uint16_t>(bytes.data())};
  segment.dst = Endpoint{packet.dst, load_be<std::uint16_t>(bytes.data() + 2)};
  segment.sequence = load_be<std::uint32_t>(bytes.data() + 4);
  segment.acknowledgment = load_be<std::uint32_t>(bytes.data() + 8);
  segment.flags = bytes[13];
  segment.payload = after_bytes(bytes, header);
  segment.missing = header > bytes.size() ? packet.missing - (header - bytes.size()) : packet.missing;
  segment.frame = frame;
  tcp.feed(segment, out);
}

void Stack::Impl::walk(Layer& layer, std::size_t missing, const FrameRef& frame, Handler& out) {
  for (std::size_t depth = 0;; ++depth) {
    for (int links = 0; layer.kind != LayerKind::kIp; ++links) {
      if (layer.kind == LayerKind::kNothing || links == kMostLinkLayers) {
        diagnostics.count(layer.kind == LayerKind::kNothing ? layer.reason : "link-too-deep", frame);
        return;
      }
      layer = peel_link(layer);
    }
    if (depth > limits.tunnel_depth) {
      diagnostics.count("tunnel-too-deep", frame);
      return;
    }
    IpPacket packet;
    if (const char* reason = parse_ip(layer.bytes, missing, packet); reason != nullptr) {
      diagnostics.count(reason, frame);
      return;
    }
    while (packet.fragment) {
      if (is_duplicate(packet, frame)) return;
      if (!fragments.add(packet, frame)) return;
      if (packet.version != 6) break;
      if (const char* reason = skip_extensions(packet); reason != nullptr) {
        diagnostics.count(reason, frame);
        return;
      }
      // A fragment of fragments: each round needs a train of its own, and a packet ends one at most.
      if (packet.fragment) {
        diagnostics.count("fragment-nested", frame);
        return;
      }
    }
    missing = packet.missing;
    Layer inner;
    switch (packet.protocol) {
      case kUdp:
        if (!udp(packet, frame, out, inner)) return;
        break;
      case kTcp: tcp_segment(packet, frame, out); return;
      case kSctp:
        if (!is_duplicate(packet, frame)) sctp.feed(packet, frame, out);
        return;
      case kIcmp:
      case kIcmpv6: diagnostics.count("icmp", frame); return;
      case kNoNext: return;
      default:
        inner = peel_ip_tunnel(packet.protocol, packet.payload);
        if (inner.kind == LayerKind::kNothing && inner.reason == nullptr) {
          diagnostics.count(fmt::format("ip-protocol-{}", packet.protocol), frame);
          return;
        }
    }
    layer = inner;
  }
}

void Stack::Impl::exported_pdu(const capture::Packet& packet, Handler& out) {
  ExportedPdu pdu = read_exported_pdu(packet.bytes);
  const std::size_t missing = packet.snapped() ? packet.wire_length - packet.bytes.size() : 0;
  if (pdu.layer.kind != LayerKind::kNothing) {
    walk(pdu.layer, missing, packet.frame, out);
    return;
  }
  if (pdu.layer.reason != nullptr) {
    diagnostics.count(pdu.layer.reason, packet.frame);
    return;
  }
  if (hep.take(pdu.payload, {.src = pdu.src, .dst = pdu.dst, .frame = packet.frame, .truncated = packet.snapped()},
               out)) {
    return;
  }
  out.on_datagram({.src = pdu.src,
                   .dst = pdu.dst,
                   .transport = pdu.transport,
                   .payload = pdu.payload,
                   .truncated = packet.snapped(),
                   .frame = packet.frame});
}

void Stack::Impl::release_first_fragments(Timestamp now, Handler& out) {
  IpPacket packet;
  FrameRef frame;
  while (fragments.take_overdue(now, packet, frame)) {
    Layer inner;
    if (packet.version == 6 && skip_extensions(packet) != nullptr) continue;
    if (packet.protocol == kUdp && !packet.fragment) (void)udp(packet, frame, out, inner);
  }
}

void Stack::Impl::feed(const capture::Packet& packet, Handler& out) {
  ++counters.packets;
  counters.bytes += packet.bytes.size();
  std::size_t missing = 0;
  if (packet.snapped()) {
    ++counters.snapped;
    missing = packet.wire_length - packet.bytes.size();
  }
  if (fragments.overdue(packet.frame.time)) release_first_fragments(packet.frame.time, out);
  switch (packet.link) {
    case capture::LinkType::kHepFrame:
      hep.deliver(packet.bytes, {.frame = packet.frame, .truncated = packet.snapped()}, out);
      return;
    case capture::LinkType::kUpperPdu: exported_pdu(packet, out); return;
    default: break;
  }
  // Nearly all frames, without a call.
  if (packet.link == capture::LinkType::kEthernet && packet.bytes.size() >= 34 &&
      load_be<std::uint16_t>(packet.bytes.data() + 12) == 0x0800) {
    Layer ip{.kind = LayerKind::kIp, .bytes = packet.bytes.subspan(14)};
    walk(ip, missing, packet.frame, out);
    return;
  }
  Layer link = enter_link(packet.link, packet.bytes);
  walk(link, missing, packet.frame, out);
}

Stack::Stack(const Limits& limits, const StackOptions& options) : impl_(std::make_unique<Impl>(limits, options)) {}
Stack::~Stack() = default;

void Stack::feed(const capture::Packet& packet, Handler& handler) { impl_->feed(packet, handler); }

void Stack::finish(Handler& handler) {
  impl_->release_first_fragments(Timestamp{INT64_MAX}, handler);
  impl_->fragments.finish();
  impl_->tcp.finish(handler);
}

const StackCounters& Stack::counters() const { return impl_->counters; }
const Diagnostics& Stack::diagnostics() const { return impl_->diagnostics; }

}  // namespace voip::net
