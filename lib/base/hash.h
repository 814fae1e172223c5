#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "base/bytes.h"

namespace voip {

// Hashes of this file are seeded per process, because captures are hostile: never put them in a report,
// and never let their order reach one.
std::uint64_t hash_bytes(ByteView bytes);

// 128 bits: long enough to stand for a text (a Call-ID, a branch) as a table's key.
struct TextKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const TextKey&) const = default;
};
TextKey text_key(std::string_view text);
// Of two or three texts, kept apart: ("ab", "c") and ("a", "bc") differ.
TextKey text_key(std::string_view a, std::string_view b, std::string_view c = {});

template <class Key>
struct TableHash {
  static_assert(std::has_unique_object_representations_v<Key>, "hash keys are hashed by their bytes: no padding");
  std::uint64_t operator()(const Key& key) const {
    return hash_bytes({reinterpret_cast<const std::uint8_t*>(&key), sizeof(Key)});
  }
};
template <>
struct TableHash<TextKey> {
  std::uint64_t operator()(const TextKey& key) const { return key.low; }
};

}  // namespace voip
