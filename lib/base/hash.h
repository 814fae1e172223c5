#pragma once

#include <cstdint>
#include <cstring>
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

// Drawn once per process; nobody can choose keys that collide without it.
struct HashSeeds {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};
extern const HashSeeds kHashSeeds;

// Both halves of the 128 bit product, the step of wyhash and its kin.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Small keys, by their bytes. Inline, because each packet asks several tables and a call would cost more than the work.
template <class Key>
struct TableHash {
  static_assert(std::has_unique_object_representations_v<Key>, "hash keys are hashed by their bytes: no padding");
  std::uint64_t operator()(const Key& key) const {
    constexpr std::size_t kStep = 16;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&key);
    std::uint64_t hash = kHashSeeds.first ^ sizeof(Key);
    if constexpr (sizeof(Key) >= kStep) {
      for (std::size_t i = 0; i + kStep <= sizeof(Key); i += kStep) hash = step(bytes + i, hash);
      if constexpr (sizeof(Key) % kStep != 0) hash = step(bytes + sizeof(Key) - kStep, hash);
    } else {
      std::uint8_t padded[kStep] = {};
      std::memcpy(padded, bytes, sizeof(Key));
      hash = step(padded, hash);
    }
    return fold(hash ^ kHashSeeds.second, 0x9fb21c651e98df25ULL);
  }

 private:
  static std::uint64_t step(const std::uint8_t* at, std::uint64_t hash) {
    std::uint64_t words[2];
    std::memcpy(words, at, sizeof(words));
    return fold(words[0] ^ kHashSeeds.second, words[1] ^ hash);
  }
};
template <>
struct TableHash<TextKey> {
  std::uint64_t operator()(const TextKey& key) const { return key.low; }
};

}  // namespace voip
