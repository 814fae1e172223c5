#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/hash.h"

namespace voip::analyze::fraud {

// Stands for texts in the files of --state, where keys must be the same in each run; text_key() is not. Who knows this
// function can make texts that collide: good for telling whether two are the same, never as the key of a hash table.
// FNV-1a, two lanes.
template <class... Texts>
TextKey stable_key(const Texts&... texts) {
  TextKey key{.low = 0xcbf29ce484222325ULL, .high = 0x9ae16a3b2f90404fULL};
  const auto feed = [&key](std::string_view text) {
    for (const char c : text) {
      const auto byte = static_cast<std::uint8_t>(c);
      key.low = (key.low ^ byte) * 0x100000001b3ULL;
      key.high = (key.high ^ byte) * 0x9ddfea08eb382d69ULL;
    }
    key.low = (key.low ^ 0x1ffULL) * 0x100000001b3ULL;  // no byte: ("ab", "c") and ("a", "bc") differ
    key.high ^= key.high >> 29;
  };
  (feed(std::string_view(texts)), ...);
  return key;
}

struct TextKeyLess {
  bool operator()(const TextKey& a, const TextKey& b) const {
    return a.high != b.high ? a.high < b.high : a.low < b.low;
  }
};

}  // namespace voip::analyze::fraud
