#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/mikey/mikey.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = voip::mikey::parse({data, size});
  if (message.ok() && message->payloads.size() > 32) std::abort();
  return 0;
}
