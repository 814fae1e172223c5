#include "crypto/sha1_pair.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#include <algorithm>
#include <utility>
#endif

namespace voip::crypto {

#if defined(__x86_64__)

namespace {

struct Lane {
  __m128i abcd;
  __m128i e;
  __m128i abcd_before;
  __m128i e_before;
  __m128i w[4];
  const std::uint8_t* at;
};

[[gnu::target("sha,sse4.1"), gnu::always_inline]] inline void load(Lane& lane, const Sha1State& state) {
  lane.abcd = _mm_set_epi32(static_cast<int>(state[0]), static_cast<int>(state[1]), static_cast<int>(state[2]),
                            static_cast<int>(state[3]));
  lane.e = _mm_set_epi32(static_cast<int>(state[4]), 0, 0, 0);
}

[[gnu::target("sha,sse4.1"), gnu::always_inline]] inline void store(const Lane& lane, Sha1State& state) {
  state[0] = static_cast<std::uint32_t>(_mm_extract_epi32(lane.abcd, 3));
  state[1] = static_cast<std::uint32_t>(_mm_extract_epi32(lane.abcd, 2));
  state[2] = static_cast<std::uint32_t>(_mm_extract_epi32(lane.abcd, 1));
  state[3] = static_cast<std::uint32_t>(_mm_extract_epi32(lane.abcd, 0));
  state[4] = static_cast<std::uint32_t>(_mm_extract_epi32(lane.e, 3));
}

// Four rounds, numbered from 0 to 19, of FIPS 180-4 section 6.1.2.
template <int kGroup>
[[gnu::target("sha,sse4.1"), gnu::always_inline]] inline void four_rounds(Lane& lane) {
  __m128i& w = lane.w[kGroup % 4];
  if constexpr (kGroup < 4) {
    const __m128i reversed = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    w = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(lane.at) + kGroup), reversed);
  } else {
    w = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(w, lane.w[(kGroup + 1) % 4]), lane.w[(kGroup + 2) % 4]),
                           lane.w[(kGroup + 3) % 4]);
  }
  const __m128i e = kGroup == 0 ? _mm_add_epi32(lane.e, w) : _mm_sha1nexte_epu32(lane.e, w);
  lane.e = lane.abcd;
  lane.abcd = _mm_sha1rnds4_epu32(lane.abcd, e, kGroup / 5);
}

template <int... kGroups>
[[gnu::target("sha,sse4.1"), gnu::always_inline]] inline void all_rounds(std::integer_sequence<int, kGroups...>,
                                                                         Lane& a, Lane& b) {
  ((four_rounds<kGroups>(a), four_rounds<kGroups>(b)), ...);
}

[[gnu::target("sha,sse4.1"), gnu::always_inline]] inline void keep(Lane& lane) {
  lane.abcd_before = lane.abcd;
  lane.e_before = lane.e;
}

[[gnu::target("sha,sse4.1"), gnu::always_inline]] inline void end_block(Lane& lane) {
  lane.e = _mm_sha1nexte_epu32(lane.e, lane.e_before);
  lane.abcd = _mm_add_epi32(lane.abcd, lane.abcd_before);
  lane.at += 64;
}

[[gnu::target("sha,sse4.1")]] void blocks(Sha1State& state_a, ByteView bytes_a, Sha1State& state_b, ByteView bytes_b) {
  Lane a;
  Lane b;
  load(a, state_a);
  load(b, state_b);
  a.at = bytes_a.data();
  b.at = bytes_b.data();
  for (std::size_t left = std::min(bytes_a.size(), bytes_b.size()) / 64; left != 0; --left) {
    keep(a);
    keep(b);
    all_rounds(std::make_integer_sequence<int, 20>{}, a, b);
    end_block(a);
    end_block(b);
  }
  store(a, state_a);
  store(b, state_b);
}

}  // namespace

bool sha1_pair_available() {
  static const bool kAvailable = [] {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
    const bool sha = (b >> 29 & 1) != 0;
    return sha && __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 19 & 1) != 0;  // and SSE4.1
  }();
  return kAvailable;
}

void sha1_pair(Sha1State& a, ByteView blocks_a, Sha1State& b, ByteView blocks_b) { blocks(a, blocks_a, b, blocks_b); }

#else

bool sha1_pair_available() { return false; }
void sha1_pair(Sha1State&, ByteView, Sha1State&, ByteView) {}

#endif

}  // namespace voip::crypto
