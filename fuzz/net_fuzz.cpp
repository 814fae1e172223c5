#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "net/stack.h"

// The first byte chooses the link type. Then frames: two bytes of length, one of time passed, one of bytes that the
// snap length took, the frame.
namespace {

using voip::capture::LinkType;

constexpr LinkType kLinks[] = {
    LinkType::kEthernet,
    LinkType::kRaw,
    LinkType::kNull,
    LinkType::kPpp,
    LinkType::kPppHdlc,
    LinkType::kPppoe,
    LinkType::kCiscoHdlc,
    LinkType::kIeee80211,
    LinkType::kFrameRelay,
    LinkType::kLinuxSll,
    LinkType::kIeee80211Radiotap,
    LinkType::kNflog,
    LinkType::kUpperPdu,
    LinkType::kLinuxSll2,
    LinkType::kHepFrame,
};

// Touches each byte it is given, and holds what the interface promises.
class Checker : public voip::net::Handler {
 public:
  void on_datagram(const voip::net::Datagram& datagram) override {
    for (const std::uint8_t byte : datagram.payload) sum_ += byte;
    if ((datagram.hep != nullptr) != (datagram.provenance == voip::net::Provenance::kHep)) std::abort();
    if (datagram.hep == nullptr) return;
    for (const char c : datagram.hep->correlation_id) sum_ += static_cast<unsigned char>(c);
    for (const char c : datagram.hep->node) sum_ += static_cast<unsigned char>(c);
  }
  void on_stream(const voip::net::StreamChunk& chunk) override {
    for (const std::uint8_t byte : chunk.bytes) sum_ += byte;
    if (chunk.connection <= last_end_ && chunk.connection == ended_) std::abort();
    if (chunk.bytes.empty() && chunk.lost == 0) std::abort();
  }
  void on_stream_end(std::uint64_t connection) override {
    if (connection == ended_) std::abort();
    ended_ = connection;
    last_end_ = connection;
  }
  std::uint64_t sum() const { return sum_; }

 private:
  std::uint64_t sum_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t last_end_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  voip::ByteCursor in{{data, size}};
  const LinkType link = kLinks[in.be<std::uint8_t>() % std::size(kLinks)];
  voip::Limits limits;
  limits.fragment_trains = 8;
  limits.fragment_bytes = 1U << 18;
  limits.tcp_connections = 4;
  limits.tcp_buffered_per_direction = 4096;
  limits.tcp_buffered_bytes = 8192;
  voip::net::Stack stack(limits, {});
  Checker checker;
  voip::Timestamp now{1'767'225'600 * voip::kNsPerSecond};
  std::uint64_t number = 0;
  while (in.remaining() >= 4) {
    const std::size_t length = in.be<std::uint16_t>();
    now.ns += std::int64_t{in.be<std::uint8_t>()} * voip::kNsPerMs * 10;
    const std::size_t cut = in.be<std::uint8_t>();
    voip::capture::Packet packet;
    packet.bytes = in.take(length < in.remaining() ? length : in.remaining());
    packet.wire_length = static_cast<std::uint32_t>(packet.bytes.size() + cut);
    packet.link = link;
    packet.frame = {.input = 0, .number = ++number, .time = now};
    stack.feed(packet, checker);
  }
  stack.finish(checker);
  if (stack.counters().packets != number) std::abort();
  return checker.sum() == 0xffffffffffffffffULL ? 1 : 0;
}
