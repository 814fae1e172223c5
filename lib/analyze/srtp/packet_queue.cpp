#include "analyze/srtp/packet_queue.h"

#include <utility>

namespace voip::analyze::srtp {

void PacketQueue::drop(Half& half) {
  held_by_all_ -= half.held();
  half = Half{};
}

void PacketQueue::clear() {
  drop(old_);
  drop(young_);
}

void PacketQueue::add(ByteView packet, std::size_t header_size, const FrameRef& frame, bool failed) {
  if (packet.size() > 0xffff || header_size > packet.size()) return;
  if (young_.held() >= kHalfBytes) {
    drop(old_);
    std::swap(old_, young_);
  }
  const std::size_t cost = packet.size() + sizeof(Entry);
  if (held_by_all_ + cost > kAllBytes) return;
  young_.bytes.insert(young_.bytes.end(), packet.begin(), packet.end());
  young_.entries.push_back(
      {frame, static_cast<std::uint16_t>(packet.size()), static_cast<std::uint16_t>(header_size), failed});
  held_by_all_ += cost;
}

}  // namespace voip::analyze::srtp
