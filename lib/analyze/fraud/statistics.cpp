#include "analyze/fraud/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace voip::analyze::fraud {

namespace {

constexpr double kNormal = 0.6745;   // a normal sample's MAD in standard deviations
constexpr double kToSigma = 1.4826;  // and back
constexpr double kMeanToSigma = 1.2533;
constexpr double kWeight = 0.2;
constexpr std::size_t kBaselineBins = 30;

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 != 0) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

double median_deviation(const std::vector<double>& values) {
  const double middle = median(values);
  std::vector<double> distances;
  distances.reserve(values.size());
  for (const double value : values) distances.push_back(std::abs(value - middle));
  return median(std::move(distances));
}

double modified_z(const std::vector<double>& sample, double x, double floor) {
  if (sample.empty()) return 0;
  const double middle = median(sample);
  double scale = median_deviation(sample);
  if (scale > 0) return kNormal * (x - middle) / std::max(scale, floor * kNormal);
  double sum = 0;
  for (const double value : sample) sum += std::abs(value - middle);
  scale = std::max(kMeanToSigma * sum / static_cast<double>(sample.size()), floor);
  return (x - middle) / scale;
}

Ewma::Ewma(const std::vector<double>& baseline) : ready_(baseline.size() >= kBaselineBins) {
  level_ = median(baseline);
  const double sigma = std::max(kToSigma * median_deviation(baseline), 1.0);
  limit_ = level_ + 3 * sigma * std::sqrt(kWeight / (2 - kWeight));
}

bool Ewma::add(double value) {
  level_ = kWeight * value + (1 - kWeight) * level_;
  return ready_ && level_ > limit_;
}

Cusum::Cusum(const std::vector<double>& baseline)
    : median_(median(baseline)), deviation_(std::max(kToSigma * median_deviation(baseline), 1.0)) {}

bool Cusum::add(double value) {
  sum_ = std::max(0.0, sum_ + value - median_ - 0.5 * deviation_);
  if (sum_ <= 5 * deviation_) return false;
  sum_ = 0;
  return true;
}

double variation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (mean == 0) return 0;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (n - 1)) / std::abs(mean);
}

}  // namespace voip::analyze::fraud
