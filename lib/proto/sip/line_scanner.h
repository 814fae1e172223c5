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
    // The blocks hold more than what lies before `end`: when they have nothing odd, it has nothing odd.
    const bool cut_pair = open_return_ != 0 && end == bytes_.size();
    return unpaired_ == 0 && extremes_ == 0 && !cut_pair ? Odd{} : look_before(end);
  }

 private:
  static constexpr std::size_t kBlock = 64;

  void load() {
    const std::size_t left = bytes_.size() - base_;
    if (left >= kBlock) {
      take(bytes_.data() + base_);
      return;
    }
    std::array<std::uint8_t, kBlock> padded;
    padded.fill(' ');
    std::copy_n(bytes_.data() + base_, left, padded.data());
    take(padded.data());
  }

  void take(const std::uint8_t* at) {
    std::uint64_t feeds = 0;
    std::uint64_t returns = 0;
#if defined(__SSE2__)
    constexpr std::size_t kPart = 16;
    __m128i least = _mm_set1_epi8(' ');
    __m128i any = _mm_setzero_si128();
    for (std::size_t i = 0; i < kBlock; i += kPart) {
      __m128i part;
      std::memcpy(&part, at + i, sizeof part);
      least = _mm_min_epu8(least, part);
      any = _mm_or_si128(any, part);
      const auto mask = [&](char c) {
        const int found = _mm_movemask_epi8(_mm_cmpeq_epi8(part, _mm_set1_epi8(c)));
        return std::uint64_t{static_cast<std::uint32_t>(found)} << i;
      };
      feeds |= mask('\n');
      returns |= mask('\r');
    }
    extremes_ |= _mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128())) | _mm_movemask_epi8(any);
#else
    for (std::size_t i = 0; i < kBlock; ++i) {
      feeds |= std::uint64_t{at[i] == '\n'} << i;
      returns |= std::uint64_t{at[i] == '\r'} << i;
      extremes_ |= at[i] == 0 || at[i] >= 0x80 ? 1 : 0;
    }
#endif
    line_feeds_ = feeds;
    unpaired_ |= feeds ^ (returns << 1 | open_return_);
    open_return_ = returns >> (kBlock - 1);
  }

  Odd look_before(std::size_t end) const {
    Odd odd;
    bool after_return = false;
    for (const std::uint8_t byte : bytes_.first(end)) {
      odd.nul |= byte == 0;
      odd.high |= byte >= 0x80;
      if (byte == '\n') {
        odd.bare_lf |= !after_return;
      } else {
        odd.bare_cr |= after_return;
      }
      after_return = byte == '\r';
    }
    odd.bare_cr |= after_return;
    return odd;
  }

  ByteView bytes_;
  std::size_t base_ = 0;
  std::uint64_t line_feeds_ = 0;   // of the block at base_, not yet returned
  std::uint64_t open_return_ = 0;  // 1: the block at base_ ends with CR
  std::uint64_t unpaired_ = 0;     // not 0: a CR or LF alone in a block up to that at base_
  int extremes_ = 0;               // not 0: NUL, or a byte above 0x7f
};

}  // namespace voip::sip
