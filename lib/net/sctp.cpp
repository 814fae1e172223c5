#include "net/sctp.h"

#include <algorithm>

namespace voip::net {

namespace {

constexpr std::uint8_t kData = 0;
constexpr std::size_t kMostFragments = 256;  // of one direction
constexpr std::size_t kFragmentOverhead = 128;

}  // namespace

SctpReassembler::SctpReassembler(const Limits& limits, StackCounters& counters, Diagnostics& diagnostics)
    : limits_(limits), counters_(counters), diagnostics_(diagnostics), flows_(limits.tcp_connections) {}

// Whether the TSN was not met among the last 64; moves the window. Older ones count as met.
bool SctpReassembler::is_new(Flow& flow, std::uint32_t tsn) {
  if (!flow.started) {
    flow.started = true;
    flow.newest = tsn;
    flow.position = (std::uint64_t{1} << 32) + tsn;
    flow.seen = 1;
    return true;
  }
  const auto ahead = static_cast<std::int32_t>(tsn - flow.newest);
  if (ahead > 0) {
    flow.seen = ahead >= 64 ? 1 : (flow.seen << ahead) | 1;
    flow.newest = tsn;
    flow.position += static_cast<std::uint64_t>(ahead);
    return true;
  }
  if (ahead <= -64) return false;
  const std::uint64_t bit = std::uint64_t{1} << -ahead;
  if ((flow.seen & bit) != 0) return false;
  flow.seen |= bit;
  return true;
}

void SctpReassembler::forget(Flow& flow) {
  held_bytes_ -= flow.bytes;
  flow.bytes = 0;
  flow.fragments.clear();
}

void SctpReassembler::feed(const IpPacket& packet, const FrameRef& frame, Handler& out) {
  ByteCursor in{packet.payload};
  const auto source_port = in.be<std::uint16_t>();
  const auto destination_port = in.be<std::uint16_t>();
  Key key;
  key.verification_tag = in.be<std::uint32_t>();
  in.skip(4);
  if (!in.ok()) {
    diagnostics_.count("sctp-short", frame);
    return;
  }
  key.src = Endpoint{packet.src, source_port};
  key.dst = Endpoint{packet.dst, destination_port};
  while (in.remaining() >= 4) {
    const auto type = in.be<std::uint8_t>();
    const auto flags = in.be<std::uint8_t>();
    const std::size_t length = in.be<std::uint16_t>();
    if (length < 4) {
      diagnostics_.count("sctp-bad-length", frame);
      return;
    }
    const bool cut = length - 4 > in.remaining();
    if (cut && packet.missing == 0) {
      diagnostics_.count("sctp-bad-length", frame);
      return;
    }
    ByteCursor chunk{in.take(std::min(length - 4, in.remaining()))};
    in.skip(std::min((4 - length % 4) % 4, in.remaining()));
    if (type != kData) continue;
    const auto tsn = chunk.be<std::uint32_t>();
    chunk.skip(8);  // stream, its sequence, and the payload protocol, for which SIP has no number
    if (!chunk.ok()) {
      diagnostics_.count("sctp-short", frame);
      return;
    }
    const bool begin = (flags & 0x02) != 0;
    const bool end = (flags & 0x01) != 0;
    const auto evict = [this](const Key&, Flow& flow) {
      ++counters_.evicted_connections;
      forget(flow);
    };
    flows_.expire(frame.time, limits_.tcp_idle, [this](const Key&, Flow& flow) { forget(flow); });
    Flow& flow = flows_.get(key, frame.time, evict);
    if (!is_new(flow, tsn)) continue;
    Datagram datagram{.src = key.src, .dst = key.dst, .transport = Transport::kSctp, .frame = frame};
    if (begin && end) {
      datagram.payload = chunk.rest();
      datagram.truncated = cut;
      out.on_datagram(datagram);
      continue;
    }
    const std::uint64_t position = flow.position - (flow.newest - tsn);
    const ByteView bytes = chunk.rest();
    if (flow.fragments.size() >= kMostFragments || flow.bytes + bytes.size() > limits_.tcp_buffered_per_direction ||
        held_bytes_ + bytes.size() > limits_.tcp_buffered_bytes) {
      diagnostics_.count("sctp-fragments-dropped", frame);
      forget(flow);
    }
    const std::size_t cost = bytes.size() + kFragmentOverhead;
    flow.bytes += cost;
    held_bytes_ += cost;
    auto at = flow.fragments.insert_or_assign(position, Fragment{{bytes.begin(), bytes.end()}, begin, end, cut}).first;

    // The run around it, from its begin to its end.
    auto first = at;
    while (!first->second.begin && first != flow.fragments.begin() && std::prev(first)->first + 1 == first->first &&
           !std::prev(first)->second.end) {
      --first;
    }
    auto last = at;
    while (!last->second.end && std::next(last) != flow.fragments.end() && std::next(last)->first == last->first + 1 &&
           !std::next(last)->second.begin) {
      ++last;
    }
    if (!first->second.begin || !last->second.end) continue;
    message_.clear();
    const auto behind = std::next(last);
    for (auto part = first; part != behind; ++part) {
      const Fragment& fragment = part->second;
      if (!datagram.truncated) message_.insert(message_.end(), fragment.bytes.begin(), fragment.bytes.end());
      datagram.truncated = datagram.truncated || fragment.truncated;
      flow.bytes -= fragment.bytes.size() + kFragmentOverhead;
      held_bytes_ -= fragment.bytes.size() + kFragmentOverhead;
    }
    flow.fragments.erase(first, behind);
    datagram.payload = message_;
    out.on_datagram(datagram);
  }
}

}  // namespace voip::net
