#pragma once

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstdint>

#include "base/frame_ref.h"

namespace voip {

// A FrameRef in two words, for what is kept of every call. Inputs beyond a million and frames beyond 17 million million
// are told as the last ones.
class SmallFrame {
 public:
  Timestamp time;

  SmallFrame() = default;
  explicit SmallFrame(const FrameRef& frame)
      : time(frame.time),
        place_(std::uint64_t{std::min(frame.input, kMostInputs)} << kNumberBits | std::min(frame.number, kMostNumber)) {
  }
  // A template, so that `frame = {}` means this type's own default.
  template <std::same_as<FrameRef> Frame>
  SmallFrame& operator=(const Frame& frame) {
    return *this = SmallFrame(frame);
  }
  operator FrameRef() const {
    const auto input = static_cast<std::uint32_t>(place_ >> kNumberBits);
    return {.input = input == kMostInputs ? UINT32_MAX : input, .number = place_ & kMostNumber, .time = time};
  }

  bool known() const { return (place_ & kMostNumber) != 0; }
  friend bool operator==(const SmallFrame& a, const SmallFrame& b) { return a.place_ == b.place_; }
  friend bool operator==(const SmallFrame& a, const FrameRef& b) { return FrameRef(a) == b; }
  friend std::strong_ordering operator<=>(const SmallFrame& a, const SmallFrame& b) {
    if (const auto c = a.time <=> b.time; c != 0) return c;
    return a.place_ <=> b.place_;
  }
  friend std::strong_ordering operator<=>(const SmallFrame& a, const FrameRef& b) { return FrameRef(a) <=> b; }

 private:
  static constexpr unsigned kNumberBits = 44;
  static constexpr std::uint64_t kMostNumber = (std::uint64_t{1} << kNumberBits) - 1;
  static constexpr std::uint32_t kMostInputs = (1U << 20) - 1;

  std::uint64_t place_ = 0;  // input, then number
};
static_assert(sizeof(SmallFrame) == 16);

}  // namespace voip
