#include "base/hash.h"

#define XXH_INLINE_ALL
#include <sys/random.h>
#include <xxhash.h>

namespace voip {

namespace {

std::uint64_t draw_seed() {
  std::uint64_t seed = 0x9e3779b97f4a7c15ULL;
  if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed)) {
    // Without entropy the tables still work; only their resistance to chosen keys is weaker.
    seed ^= reinterpret_cast<std::uintptr_t>(&seed);
  }
  return seed;
}

const std::uint64_t kSeed = draw_seed();

}  // namespace

const HashSeeds kHashSeeds{draw_seed(), draw_seed() | 1};

std::uint64_t hash_bytes(ByteView bytes) { return XXH3_64bits_withSeed(bytes.data(), bytes.size(), kSeed); }

TextKey text_key(std::string_view text) {
  const XXH128_hash_t h = XXH3_128bits_withSeed(text.data(), text.size(), kSeed);
  return {h.low64, h.high64};
}

TextKey text_key(std::string_view a, std::string_view b, std::string_view c) {
  const TextKey parts[3] = {text_key(a), text_key(b), text_key(c)};
  const XXH128_hash_t h = XXH3_128bits_withSeed(parts, sizeof(parts), kSeed);
  return {h.low64, h.high64};
}

}  // namespace voip
