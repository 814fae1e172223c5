#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/codec.h"

namespace voip::test {

// Bytes as the tests write them down: "81 05 48" or "810548".
inline std::vector<std::uint8_t> hex(std::string_view digits) {
  std::string packed(digits);
  std::erase(packed, ' ');
  return decode_hex(packed).value();
}

}  // namespace voip::test
