#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/zrtp/zrtp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const voip::ByteView bytes{data, size};
  const auto packet = voip::zrtp::parse(bytes);
  const voip::ByteView body = packet.ok() ? packet->body : bytes;
  (void)voip::zrtp::parse_hello(body).ok();
  (void)voip::zrtp::parse_commit(body).ok();
  (void)voip::zrtp::parse_dh_part(body).ok();
  (void)voip::zrtp::parse_confirm(body).ok();
  (void)voip::zrtp::parse_error_code(body).ok();
  return 0;
}
