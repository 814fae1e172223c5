#include "analyze/timeline/clock_watch.h"

#include <algorithm>
#include <cstdlib>

namespace voip::analyze::timeline {

namespace {

constexpr std::size_t kFewest = 5;
constexpr std::int64_t kLeastNs = 50 * kNsPerMs;

std::int64_t median(std::vector<std::int64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void ClockWatch::on_message(const dissect::SipEvent& event) {
  most_inputs_ = std::max(most_inputs_, event.frame.input + 1);
  if (!event.frame.time.known() || (most_inputs_ < 2 && seen_.size() >= kMost / 2)) return;
  const std::string_view text = as_text(event.raw);
  const TextKey key = text_key(text, event.src.to_string(), event.dst.to_string());
  bool made = false;
  Sight& sight = seen_.get(
      key, event.frame.time, [](const TextKey&, Sight&) {}, &made);
  if (made) {
    sight.first = event.frame;
    return;
  }
  // A retransmission within one input says nothing.
  if (sight.first.input == event.frame.input || sight.paired) return;
  sight.paired = true;
  const bool forward = sight.first.input < event.frame.input;
  const FrameRef& reference = forward ? sight.first : event.frame;
  const FrameRef& other = forward ? event.frame : sight.first;
  if (!reference.time.known() || !other.time.known()) return;
  Pair& pair = pairs_[{reference.input, other.input}];
  ++pair.messages;
  if (pair.offsets.size() >= kMostSamples || pairs_.size() > 4096) return;
  if (pair.offsets.empty()) {
    pair.example = other;
    pair.example_reference = reference;
  }
  pair.offsets.push_back(other.time.ns - reference.time.ns);
}

std::vector<ClockOffset> ClockWatch::finish() {
  std::vector<ClockOffset> list;
  for (const auto& [inputs, pair] : pairs_) {
    if (pair.offsets.size() < kFewest) continue;
    ClockOffset offset;
    offset.reference = inputs.first;
    offset.input = inputs.second;
    offset.offset_ns = median(pair.offsets);
    std::vector<std::int64_t> distances;
    for (const std::int64_t value : pair.offsets) distances.push_back(std::abs(value - offset.offset_ns));
    offset.spread_ns = median(distances);
    offset.messages = pair.messages;
    offset.example = pair.example;
    offset.example_reference = pair.example_reference;
    // Delay and jitter are no clocks: the offset must be steady and larger than what moves about it.
    if (std::abs(offset.offset_ns) < kLeastNs || offset.spread_ns * 4 > std::abs(offset.offset_ns)) continue;
    list.push_back(offset);
  }
  return list;
}

}  // namespace voip::analyze::timeline
