#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/rtcp/rtcp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto view = voip::rtcp::parse({data, size});
  if (view.ok() && (view->clear ? 1 : 0) + (view->authenticated_clear ? 1 : 0) + (view->srtcp_shaped ? 1 : 0) > 1)
    std::abort();
  for (const std::size_t tag : {0U, 4U, 10U, 16U}) (void)voip::rtcp::srtcp_trailer({data, size}, tag).ok();
  return 0;
}
