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

// Finds line ends front to back, 64 bytes at a time, and notes odd bytes on the way. It is the one pass that the parser
// makes over a head; everything it costs is paid for each message.
class LineScanner {
 public:
  explicit LineScanner(ByteView bytes) : bytes_(bytes) { load(); }

  // Offset of the next LF; the size of the bytes when there is none. Each is returned once.
  std::size_t next() {
    while (line_feeds_ == 0) {
      if (bytes_.size() - base_ <= kBlock) return bytes_.size();
      settle(~std::uint64_t{0});
      base_ += kBlock;
      load();
    }
    const auto at = static_cast<std::size_t>(std::countr_zero(line_feeds_));
    line_feeds_ &= line_feeds_ - 1;
    return base_ + at;
  }

  // What was seen before `end`, which lies at most one behind the last LF returned, or is the size of the bytes.
  struct Odd {
    bool nul = false;
    bool high = false;
    bool bare_cr = false;
    bool bare_lf = false;
  };
  Odd finish(std::size_t end) {
    const std::size_t used = end - base_;
    settle(used >= kBlock ? ~std::uint64_t{0} : (std::uint64_t{1} << used) - 1);
    if (end == bytes_.size() && !bytes_.empty() && bytes_.back() == '\r') odd_.bare_cr = true;
    return odd_;
  }

 private:
  static constexpr std::size_t kBlock = 64;

  void load() {
    const std::size_t left = bytes_.size() - base_;
    if (left >= kBlock) {
      masks(bytes_.data() + base_);
      return;
    }
    std::array<std::uint8_t, kBlock> padded;
    padded.fill(' ');
    std::copy_n(bytes_.data() + base_, left, padded.data());
    masks(padded.data());
  }

#if defined(__SSE2__)
  struct Block {
    __m128i part[4];
  };
  void masks(const std::uint8_t* at) {
    const __m128i lf = _mm_set1_epi8('\n');
    const __m128i cr = _mm_set1_epi8('\r');
    Block block;
    std::memcpy(&block, at, kBlock);
    const auto& part = block.part;
    line_feeds_ = mask(block, lf);
    carriage_returns_ = mask(block, cr);
    all_line_feeds_ = line_feeds_;
    // NUL and high bytes are rare: one test for the block, the exact places only when it hits.
    const __m128i least = _mm_min_epu8(_mm_min_epu8(part[0], part[1]), _mm_min_epu8(part[2], part[3]));
    const __m128i any = _mm_or_si128(_mm_or_si128(part[0], part[1]), _mm_or_si128(part[2], part[3]));
    const __m128i zero = _mm_setzero_si128();
    nuls_ = _mm_movemask_epi8(_mm_cmpeq_epi8(least, zero)) == 0 ? 0 : mask(block, zero);
    highs_ = 0;
    if (_mm_movemask_epi8(any) != 0) {
      for (std::size_t i = 0; i < 4; ++i) {
        highs_ |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(part[i]))} << (16 * i);
      }
    }
  }
  static std::uint64_t mask(const Block& block, __m128i wanted) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      bits |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(block.part[i], wanted)))}
              << (16 * i);
    }
    return bits;
  }
#else
  void masks(const std::uint8_t* at) {
    line_feeds_ = carriage_returns_ = nuls_ = highs_ = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      const std::uint64_t bit = std::uint64_t{1} << i;
      if (at[i] == '\n') line_feeds_ |= bit;
      if (at[i] == '\r') carriage_returns_ |= bit;
      if (at[i] == 0) nuls_ |= bit;
      if (at[i] >= 0x80) highs_ |= bit;
    }
    all_line_feeds_ = line_feeds_;
  }
#endif

  // Books what the block's bytes under `within` show.
  void settle(std::uint64_t within) {
    const std::uint64_t after_cr = (carriage_returns_ << 1) | carry_;
    if ((all_line_feeds_ & ~after_cr & within) != 0) odd_.bare_lf = true;
    if ((after_cr & ~all_line_feeds_ & within) != 0) odd_.bare_cr = true;
    if ((nuls_ & within) != 0) odd_.nul = true;
    if ((highs_ & within) != 0) odd_.high = true;
    carry_ = carriage_returns_ >> 63;
  }

  ByteView bytes_;
  std::size_t base_ = 0;
  std::uint64_t line_feeds_ = 0;  // not yet returned
  std::uint64_t all_line_feeds_ = 0;
  std::uint64_t carriage_returns_ = 0;
  std::uint64_t nuls_ = 0;
  std::uint64_t highs_ = 0;
  std::uint64_t carry_ = 0;  // the last block ended in CR
  Odd odd_;
};

}  // namespace voip::sip
