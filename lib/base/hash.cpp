#include "base/hash.h"

#define XXH_INLINE_ALL
#include <sys/random.h>
#include <xxhash.h>

#include <array>

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

// What XXH3 makes of the seed for texts of more than 240 bytes; it would make it anew for each.
using Secret = std::array<std::uint8_t, XXH_SECRET_DEFAULT_SIZE>;
const Secret kSecret = [] {
  Secret secret{};
  XXH3_generateSecret_fromSeed(secret.data(), kSeed);
  return secret;
}();

XXH128_hash_t hash128(const void* bytes, std::size_t size) {
  return XXH3_128bits_withSecretandSeed(bytes, size, kSecret.data(), kSecret.size(), kSeed);
}

}  // namespace

const HashSeeds kHashSeeds{draw_seed(), draw_seed() | 1};

std::uint64_t hash_bytes(ByteView bytes) {
  return XXH3_64bits_withSecretandSeed(bytes.data(), bytes.size(), kSecret.data(), kSecret.size(), kSeed);
}

TextKey text_key(std::string_view text) {
  const XXH128_hash_t h = hash128(text.data(), text.size());
  return {h.low64, h.high64};
}

TextKey text_key(std::string_view a, std::string_view b, std::string_view c) {
  const TextKey parts[3] = {text_key(a), text_key(b), text_key(c)};
  const XXH128_hash_t h = hash128(parts, sizeof(parts));
  return {h.low64, h.high64};
}

}  // namespace voip
