#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace voip::analyze::fraud {

// Robust statistics: none of them is moved much by the few values that it is meant to find.

double median(std::vector<double> values);  // 0 for none
// Median of the distances from the median.
double median_deviation(const std::vector<double>& values);

// Modified z-score of x against a sample: 0.6745 (x - median) / MAD. Where the MAD is 0, 1.2533 times the mean absolute
// deviation stands for it, and at least `floor`.
double modified_z(const std::vector<double>& sample, double x, double floor = 1.0);
inline constexpr double kOutlier = 3.5;

// Exponentially weighted mean of binned counts with an alarm limit from a baseline; weight 0.2, 3 deviations.
class Ewma {
 public:
  // At least 30 bins; fewer: never alarms.
  explicit Ewma(const std::vector<double>& baseline);
  bool ready() const { return ready_; }
  bool add(double value);  // whether the alarm is on
  double level() const { return level_; }
  double limit() const { return limit_; }

 private:
  bool ready_ = false;
  double level_ = 0;
  double limit_ = 0;
};

// Cumulative sum of what lies above the median by half a deviation; alarms at 5 deviations and starts anew.
class Cusum {
 public:
  explicit Cusum(const std::vector<double>& baseline);
  bool add(double value);

 private:
  double median_ = 0;
  double deviation_ = 1;
  double sum_ = 0;
};

// Standard deviation over mean; 0 for fewer than two values or a mean of 0.
double variation(std::span<const double> values);

}  // namespace voip::analyze::fraud
