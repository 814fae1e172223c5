#include "analyze/timeline/clock_samples.h"

#include <algorithm>
#include <cstdlib>
#include <span>

namespace voip::analyze::timeline {

namespace {

constexpr std::size_t kFewest = 5;
constexpr std::size_t kFewestForDrift = 20;
constexpr std::int64_t kLeastDriftNs = 500 * kNsPerMs;

using Sample = std::pair<Timestamp, std::int64_t>;

std::int64_t median(std::vector<std::int64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class Value>
std::int64_t median_of(std::span<const Sample> samples, Value&& value) {
  std::vector<std::int64_t> values;
  values.reserve(samples.size());
  for (const Sample& sample : samples) values.push_back(value(sample));
  return median(std::move(values));
}

std::int64_t spread_about(const std::vector<Sample>& samples, const ClockLine& line) {
  return median_of(samples, [&line](const Sample& s) { return std::abs(s.second - line.at(s.first)); });
}

// The line through the medians of the first and the last third, where everything lies close to it. A clock that was
// set once makes a step, and no line.
void add_drift(const std::vector<Sample>& samples, ClockLine& flat) {
  const std::size_t third = samples.size() / 3;
  const std::span<const Sample> all{samples};
  const auto point = [](std::span<const Sample> part) {
    return Sample{Timestamp{median_of(part, [](const Sample& s) { return s.first.ns; })},
                  median_of(part, [](const Sample& s) { return s.second; })};
  };
  const Sample first = point(all.first(third));
  const Sample last = point(all.last(third));
  if (!(first.first < last.first)) return;
  ClockLine line = flat;
  line.middle = first.first;
  line.offset_ns = first.second;
  line.rate = static_cast<double>(last.second - first.second) / static_cast<double>(last.first.ns - first.first.ns);
  const Timestamp middle{flat.from.ns + (flat.to.ns - flat.from.ns) / 2};
  line.offset_ns = line.at(middle);
  line.middle = middle;
  line.spread_ns = spread_about(samples, line);
  const std::int64_t drift = std::abs(line.drift_ns());
  if (drift >= kLeastDriftNs && line.spread_ns < drift / 20) flat = line;
}

}  // namespace

void ClockSamples::add(Timestamp time, std::int64_t late_ns) {
  if (count_++ % stride_ != 0) return;
  if (samples_.size() >= kMost) {
    for (std::size_t i = 0; i < samples_.size() / 2; ++i) samples_[i] = samples_[2 * i];
    samples_.resize(samples_.size() / 2);
    stride_ *= 2;
    if ((count_ - 1) % stride_ != 0) return;
  }
  samples_.emplace_back(time, late_ns);
}

std::optional<ClockLine> ClockSamples::line(std::int64_t least_ns) const {
  if (samples_.size() < kFewest) return std::nullopt;
  std::vector<Sample> samples = samples_;
  std::ranges::stable_sort(samples, {}, &Sample::first);
  ClockLine line;
  line.from = line.middle = samples.front().first;
  line.to = samples.back().first;
  line.offset_ns = median_of(samples, [](const Sample& s) { return s.second; });
  line.spread_ns = spread_about(samples, line);
  if (samples.size() >= kFewestForDrift) add_drift(samples, line);
  const std::int64_t largest = std::max(std::abs(line.at(line.from)), std::abs(line.at(line.to)));
  if (largest < least_ns || line.spread_ns * 4 > largest) return std::nullopt;
  return line;
}

}  // namespace voip::analyze::timeline
