#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace voip::sip {

// Finds line ends front to back, 64 bytes at a time. It is the pass that the parser makes over a head; everything it
// costs is paid for each message.
class LineScanner {
 public:
  explicit LineScanner(ByteView bytes) : bytes_(bytes) { load(); }

  // Offset of the next LF; the size of the bytes when there is none. Each is returned once.
  std::size_t next() {
    while (line_feeds_ == 0) {
      if (bytes_.size() - base_ <= kBlock) return bytes_.size();
      base_ += kBlock;
      load();
    }
    const std::size_t at = base_ + static_cast<std::size_t>(std::countr_zero(line_feeds_));
    line_feeds_ &= line_feeds_ - 1;
    if (at != 0 && bytes_[at - 1] == '\r') {
      ++pairs_;
    } else {
      bare_lf_ = true;
    }
    return at;
  }

  // What there was before `end`, which lies one behind the last LF returned, or is the size of the bytes.
  struct Odd {
    bool nul = false;
    bool high = false;
    bool bare_cr = false;
    bool bare_lf = false;
  };
  Odd odd_before(std::size_t end) const {
    const std::uint8_t* at = bytes_.data();
    const std::uint8_t* const stop = at + end;
    Odd odd{.bare_lf = bare_lf_};
    std::size_t returns = 0;
#if defined(__SSE2__)
    __m128i least = _mm_set1_epi8(' ');
    __m128i any = _mm_setzero_si128();
    while (stop - at >= kPart) {
      // A lane counts to 255.
      const std::uint8_t* const rest = at + std::min<std::ptrdiff_t>(255, (stop - at) / kPart) * kPart;
      __m128i lanes = _mm_setzero_si128();
      for (; at != rest; at += kPart) {
        const __m128i part = load_part(at);
        least = _mm_min_epu8(least, part);
        any = _mm_or_si128(any, part);
        lanes = _mm_sub_epi8(lanes, _mm_cmpeq_epi8(part, _mm_set1_epi8('\r')));
      }
      const __m128i sums = _mm_sad_epu8(lanes, _mm_setzero_si128());
      returns += static_cast<std::size_t>(_mm_cvtsi128_si32(sums)) +
                 static_cast<std::size_t>(_mm_cvtsi128_si32(_mm_srli_si128(sums, 8)));
    }
    odd.nul = _mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128())) != 0;
    odd.high = _mm_movemask_epi8(any) != 0;
#endif
    for (; at != stop; ++at) {
      odd.nul |= *at == 0;
      odd.high |= *at >= 0x80;
      returns += *at == '\r' ? 1U : 0U;
    }
    odd.bare_cr = returns != pairs_;
    return odd;
  }

 private:
  static constexpr std::size_t kBlock = 64;

  void load() {
    const std::size_t left = bytes_.size() - base_;
    if (left >= kBlock) {
      line_feeds_ = find_line_feeds(bytes_.data() + base_);
      return;
    }
    std::array<std::uint8_t, kBlock> padded;
    padded.fill(' ');
    std::copy_n(bytes_.data() + base_, left, padded.data());
    line_feeds_ = find_line_feeds(padded.data());
  }

#if defined(__SSE2__)
  static constexpr std::ptrdiff_t kPart = 16;
  static __m128i load_part(const std::uint8_t* at) {
    __m128i part;
    std::memcpy(&part, at, sizeof part);
    return part;
  }
  static std::uint64_t find_line_feeds(const std::uint8_t* at) {
    const __m128i lf = _mm_set1_epi8('\n');
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < kBlock / kPart; ++i) {
      const int found = _mm_movemask_epi8(_mm_cmpeq_epi8(load_part(at + i * kPart), lf));
      bits |= std::uint64_t{static_cast<std::uint32_t>(found)} << (kPart * i);
    }
    return bits;
  }
#else
  static std::uint64_t find_line_feeds(const std::uint8_t* at) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < kBlock; ++i) bits |= std::uint64_t{at[i] == '\n'} << i;
    return bits;
  }
#endif

  ByteView bytes_;
  std::size_t base_ = 0;
  std::uint64_t line_feeds_ = 0;  // of the block at base_, not yet returned
  std::size_t pairs_ = 0;         // CR LF
  bool bare_lf_ = false;
};

}  // namespace voip::sip
