#include "report/fingerprint.h"

#include <cstdint>

namespace voip::report {

std::string fnv128_hex(std::string_view text) {
  // The prime is 2^88 + 0x13b, so a product is a shift and a small multiplication on two 64-bit halves.
  constexpr std::uint64_t kSmall = 0x13b;
  std::uint64_t high = 0x6c62272e07bb0142ULL;
  std::uint64_t low = 0x62b821756295c58dULL;
  for (const char c : text) {
    low ^= static_cast<unsigned char>(c);
    const std::uint64_t low_times_small_0 = (low & 0xffffffffU) * kSmall;
    const std::uint64_t low_times_small_1 = (low >> 32) * kSmall + (low_times_small_0 >> 32);
    high = high * kSmall + (low_times_small_1 >> 32) + (low << 24);
    low = (low_times_small_1 << 32) | (low_times_small_0 & 0xffffffffU);
  }
  std::string hex(32, '0');
  for (std::size_t i = 0; i < 16; ++i) {
    hex[15 - i] = "0123456789abcdef"[(high >> (4 * i)) & 15];
    hex[31 - i] = "0123456789abcdef"[(low >> (4 * i)) & 15];
  }
  return hex;
}

std::string fingerprint(const Finding& finding) {
  // 0x1f (unit separator) keeps the parts apart.
  std::string text{finding.rule->id};
  text += '\x1f';
  if (!finding.entity.empty()) {
    text += finding.entity;
  } else {
    text += finding.call_id;
    for (const auto& [key, value] : finding.subject) {
      text += '\x1f';
      text += key;
      text += '=';
      text += value;
    }
  }
  return fnv128_hex(text);
}

}  // namespace voip::report
