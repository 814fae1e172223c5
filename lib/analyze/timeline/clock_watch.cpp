#include "analyze/timeline/clock_watch.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <type_traits>

namespace voip::analyze::timeline {

namespace {

constexpr std::size_t kFewest = 5;
constexpr std::int64_t kLeastNs = 50 * kNsPerMs;

std::int64_t median(std::vector<std::int64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

TextKey key_of(const dissect::SipEvent& event) {
  struct Way {
    Endpoint src;
    Endpoint dst;
  };
  static_assert(std::has_unique_object_representations_v<Way>);
  const Way way{event.src, event.dst};
  return text_key(as_text(event.raw), as_text({reinterpret_cast<const std::uint8_t*>(&way), sizeof(way)}));
}

}  // namespace

std::uint32_t ClockWatch::place_of(const dissect::SipEvent& event) {
  const bool hep = event.hep != nullptr;
  const auto is = [&](const Place& place) {
    return place.input == event.frame.input && place.hep == hep &&
           (!hep || (place.agent == event.hep->capture_id && place.node == event.hep->node));
  };
  if (last_place_ < places_.size() && is(places_[last_place_])) return last_place_;
  const auto at = std::ranges::find_if(places_, is);
  last_place_ = static_cast<std::uint32_t>(at - places_.begin());
  if (at == places_.end()) {
    if (places_.size() >= kMostPlaces) return last_place_ = kMostPlaces;
    Place place{.input = event.frame.input, .hep = hep};
    if (hep) {
      place.agent = event.hep->capture_id;
      place.node = event.hep->node.substr(0, 64);
    }
    places_.push_back(std::move(place));
  }
  return last_place_;
}

void ClockWatch::on_message(const dissect::SipEvent& event) {
  if (!event.frame.time.known()) return;
  const std::uint32_t place = place_of(event);
  if (place >= kMostPlaces || (places_.size() < 2 && seen_.size() >= most_ / 2)) return;
  bool made = false;
  Sight& sight = seen_.get(
      key_of(event), event.frame.time, [](const TextKey&, Sight&) {}, &made);
  if (made) {
    sight.first = event.frame;
    sight.place = place;
    return;
  }
  // A retransmission at one place says nothing.
  if (sight.place == place || sight.paired == place + 1) return;
  sight.paired = place + 1;
  const bool forward = std::pair{sight.first.input, sight.place} < std::pair{event.frame.input, place};
  const FrameRef& reference = forward ? sight.first : event.frame;
  const FrameRef& other = forward ? event.frame : sight.first;
  Pair& pair = pairs_[forward ? std::pair{sight.place, place} : std::pair{place, sight.place}];
  ++pair.messages;
  if (pair.offsets.size() >= kMostSamples || pairs_.size() > 4096) return;
  if (pair.offsets.empty()) {
    pair.example = other;
    pair.example_reference = reference;
  }
  pair.offsets.push_back(other.time.ns - reference.time.ns);
}

std::vector<ClockOffset> ClockWatch::finish() const {
  std::vector<ClockOffset> list;
  for (const auto& [places, pair] : pairs_) {
    if (pair.offsets.size() < kFewest) continue;
    const Place& reference = places_[places.first];
    const Place& other = places_[places.second];
    ClockOffset offset;
    offset.reference = reference.input;
    offset.input = other.input;
    offset.of_agent = other.hep;
    offset.agent = other.agent;
    offset.node = other.node;
    offset.reference_of_agent = reference.hep;
    offset.reference_agent = reference.agent;
    offset.reference_node = reference.node;
    offset.offset_ns = median(pair.offsets);
    std::vector<std::int64_t> distances;
    for (const std::int64_t value : pair.offsets) distances.push_back(std::abs(value - offset.offset_ns));
    offset.spread_ns = median(distances);
    offset.messages = pair.messages;
    offset.example = pair.example;
    offset.example_reference = pair.example_reference;
    // Delay and jitter are no clocks: the offset must be steady and larger than what moves about it.
    if (std::abs(offset.offset_ns) < kLeastNs || offset.spread_ns * 4 > std::abs(offset.offset_ns)) continue;
    list.push_back(std::move(offset));
  }
  std::ranges::sort(list, [](const ClockOffset& a, const ClockOffset& b) {
    return std::tie(a.input, a.agent, a.node, a.reference, a.reference_agent, a.reference_node) <
           std::tie(b.input, b.agent, b.node, b.reference, b.reference_agent, b.reference_node);
  });
  return list;
}

}  // namespace voip::analyze::timeline
