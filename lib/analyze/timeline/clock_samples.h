#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"

namespace voip::analyze::timeline {

// How late one clock is against another: a straight line over time.
struct ClockLine {
  std::int64_t offset_ns = 0;  // at `middle`; a median
  double rate = 0;             // nanoseconds a nanosecond: a clock that runs too fast or too slow
  std::int64_t spread_ns = 0;  // median of the distances from the line
  Timestamp middle{};
  Timestamp from{};
  Timestamp to{};

  std::int64_t at(Timestamp time) const {
    return offset_ns + static_cast<std::int64_t>(rate * static_cast<double>(time.ns - middle.ns));
  }
  std::int64_t drift_ns() const { return at(to) - at(from); }
  std::int64_t most() const { return std::max(at(from), at(to)); }
};

// Differences between two clocks, each with its time; some thousands over the whole span are kept.
class ClockSamples {
 public:
  void add(Timestamp time, std::int64_t late_ns);
  std::uint64_t count() const { return count_; }
  // Empty: too few, or they move about more than they differ (delay and jitter are no clocks). least_ns: smaller
  // differences are none.
  std::optional<ClockLine> line(std::int64_t least_ns) const;

 private:
  static constexpr std::size_t kMost = 4096;

  std::vector<std::pair<Timestamp, std::int64_t>> samples_;
  std::uint64_t count_ = 0;
  std::uint64_t stride_ = 1;
};

}  // namespace voip::analyze::timeline
