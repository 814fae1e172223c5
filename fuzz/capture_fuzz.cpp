// Any bytes as an input: format detection, unpackers, readers. Each packet must lie within its limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "capture/open.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace voip;
  capture::OpenOptions options;
  options.max_unpacked_bytes = 4U << 20;
  if (size != 0 && data[size - 1] == 'f') options.filter = "udp port 5060";
  const auto source = capture::open_memory(ByteView{data, size}, options);
  if (!source) return 0;
  capture::Packet packet;
  std::uint64_t number = 0;
  std::uint64_t packets = 0;
  unsigned sum = 0;
  while ((*source)->next(packet)) {
    ++packets;
    if (packet.frame.number <= number || packet.wire_length == 0 || packet.bytes.size() > packet.wire_length)
      std::abort();
    number = packet.frame.number;
    for (const std::uint8_t byte : packet.bytes) sum += byte;
  }
  const capture::InputInfo& info = (*source)->inputs().at(0);
  if (info.packets < packets || info.complete != (info.complete && info.usable) || (*source)->next(packet))
    std::abort();
  if (!info.complete && info.problems.empty()) std::abort();
  return sum == 0xffffffff ? 1 : 0;
}
