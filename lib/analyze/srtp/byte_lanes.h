#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

// 16 bytes of a payload at a time. The compilers that build this make plain vector instructions of it.
namespace voip::analyze::srtp {

using Lanes = std::uint8_t __attribute__((vector_size(16)));
using LanePairs = std::uint64_t __attribute__((vector_size(16)));

inline Lanes load_lanes(const std::uint8_t* at) {
  Lanes lanes;
  std::memcpy(&lanes, at, sizeof lanes);
  return lanes;
}

// 1 in each lane that is zero, 0 in the others.
inline Lanes zero_lanes(Lanes lanes) { return reinterpret_cast<Lanes>(lanes == 0) & 1; }

// Of lanes whose sum is below 256.
inline unsigned sum_of(Lanes lanes) {
  const auto halves = reinterpret_cast<LanePairs>(lanes);
  return static_cast<unsigned>(((halves[0] + halves[1]) * 0x0101010101010101) >> 56);
}

// How many of the 32 nibbles are equal.
inline unsigned equal_nibbles(Lanes a, Lanes b) {
  const Lanes apart = a ^ b;
  return sum_of(zero_lanes(apart & 0x0f) + zero_lanes(apart & 0xf0));
}

// Lanes 0 to 6 of each half: whether the high nibbles of a byte and its neighbour are equal.
inline Lanes like_neighbours(Lanes bytes) {
  constexpr Lanes kBothInHalf{1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0};
  const Lanes apart = bytes ^ reinterpret_cast<Lanes>(reinterpret_cast<LanePairs>(bytes) >> 8);
  return zero_lanes(apart & 0xf0) & kBothInHalf;
}

// Lanes 0, 2 and 4 of each half: likewise of a byte and the next but one.
inline Lanes like_next_but_one(Lanes bytes) {
  constexpr Lanes kEven{1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0};
  const Lanes apart = bytes ^ reinterpret_cast<Lanes>(reinterpret_cast<LanePairs>(bytes) >> 16);
  return zero_lanes(apart & 0xf0) & kEven;
}

// The neighbour of a byte lies in the next higher bits.
static_assert(std::endian::native == std::endian::little, "byte order of the lanes");

}  // namespace voip::analyze::srtp
