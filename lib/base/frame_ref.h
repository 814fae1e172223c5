#pragma once

#include <compare>
#include <cstdint>

#include "base/time.h"

namespace voip {

// Where something was seen. Frames are numbered from 1 within their input, as Wireshark counts.
struct FrameRef {
  std::uint32_t input = 0;   // index in the order of the report's inputs
  std::uint64_t number = 0;  // 0: nowhere
  Timestamp time;

  bool known() const { return number != 0; }
  friend bool operator==(const FrameRef& a, const FrameRef& b) { return a.input == b.input && a.number == b.number; }
  // By time, then input, then number: the order of every report.
  friend std::strong_ordering operator<=>(const FrameRef& a, const FrameRef& b) {
    if (const auto c = a.time <=> b.time; c != 0) return c;
    if (const auto c = a.input <=> b.input; c != 0) return c;
    return a.number <=> b.number;
  }
};

}  // namespace voip
