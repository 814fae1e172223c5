#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/stun/stun.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const voip::ByteView bytes{data, size};
  const auto message = voip::stun::parse(bytes);
  if (message.ok() && !voip::stun::looks_like_stun(bytes)) std::abort();
  (void)voip::stun::parse_channel_data(bytes).ok();
  return 0;
}
