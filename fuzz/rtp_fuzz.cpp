#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/rtp/rtp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto packet = voip::rtp::parse({data, size});
  if (packet.ok()) {
    if (packet->header_size + packet->payload.size() != size) std::abort();
    if (voip::rtp::without_padding(*packet).size() > packet->payload.size()) std::abort();
  }
  return 0;
}
