#include <cstdlib>

#include "proto/websocket/websocket.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace voip;
  const ByteView bytes{data, size};
  if (const auto header = websocket::parse_header(bytes)) {
    if (header->size > size || header->size > 14) std::abort();
  }
  if (const auto handshake = websocket::parse_handshake(bytes)) {
    if (handshake->size > size || handshake->origin.size() > size) std::abort();
  }
  return 0;
}
