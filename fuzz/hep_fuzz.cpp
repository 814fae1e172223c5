#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/hep/hep.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const voip::ByteView bytes{data, size};
  const voip::Timestamp carrier{1'767'225'600 * voip::kNsPerSecond};
  (void)voip::hep::looks_like_v1_or_v2(bytes);
  const auto length = voip::hep::v3_frame_length(bytes);
  if (length && (*length < 6 || !voip::hep::looks_like_v3(bytes))) std::abort();
  for (const voip::Timestamp time : {carrier, voip::Timestamp{}}) {
    const auto message = voip::hep::parse(bytes, time);
    if (!message.ok()) continue;
    if (message->version < 1 || message->version > 3) std::abort();
    if (message->payload.size() + message->trailing > size) std::abort();
    if (message->truncated && message->trailing != 0) std::abort();
    if (!message->payload.empty() &&
        (message->payload.data() < data || message->payload.data() + message->payload.size() > data + size)) {
      std::abort();
    }
    if (message->time.known() && message->time.ns < 0) std::abort();
  }
  return 0;
}
