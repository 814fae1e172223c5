#include "analyze/timeline/clock_watch.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <type_traits>

namespace voip::analyze::timeline {

namespace {

constexpr std::int64_t kLeastNs = 50 * kNsPerMs;
// Agents gather messages, collectors are far away: what is less may be the way.
constexpr std::int64_t kLeastOnTheWayNs = 2 * kNsPerSecond;

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
  if (pairs_.size() > 4096) return;
  if (pair.samples.count() == 0) {
    pair.example = other;
    pair.example_reference = reference;
  }
  pair.samples.add(reference.time, other.time.ns - reference.time.ns);
}

std::vector<ClockOffset> ClockWatch::finish() const {
  std::vector<ClockOffset> list;
  for (const auto& [places, pair] : pairs_) {
    const auto late = pair.samples.line(kLeastNs);
    if (!late) continue;
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
    offset.late = *late;
    offset.messages = pair.samples.count();
    offset.example = pair.example;
    offset.example_reference = pair.example_reference;
    list.push_back(std::move(offset));
  }
  std::ranges::sort(list, [](const ClockOffset& a, const ClockOffset& b) {
    return std::tie(a.input, a.agent, a.node, a.reference, a.reference_agent, a.reference_node) <
           std::tie(b.input, b.agent, b.node, b.reference, b.reference_agent, b.reference_node);
  });
  return list;
}

namespace {

template <class Touches>
double worst_doubt_s(const std::vector<ClockOffset>& offsets, Touches&& touches) {
  constexpr double kWorthAWord = 2;
  double worst = 0;
  for (const ClockOffset& offset : offsets) {
    if (offset.corrected || offset.alone || !touches(offset)) continue;
    for (const Timestamp time : {offset.late.from, offset.late.middle, offset.late.to})
      worst = std::max(worst, std::abs(static_cast<double>(offset.late.at(time))) / 1e9);
  }
  return worst > kWorthAWord ? worst : 0;
}

}  // namespace

double order_doubt_s(const std::vector<ClockOffset>& offsets) {
  return worst_doubt_s(offsets, [](const ClockOffset&) { return true; });
}
double order_doubt_s(const std::vector<ClockOffset>& offsets, std::uint32_t input) {
  return worst_doubt_s(offsets, [input](const ClockOffset& o) { return o.input == input || o.reference == input; });
}

void CarrierWatch::on_message(const FrameRef& carrier, std::uint32_t agent, std::string_view node, Timestamp stamped) {
  if (!carrier.time.known() || stamped == carrier.time) return;  // a file of HEP has no other times
  const std::tuple<std::uint32_t, std::uint32_t, std::string> key{carrier.input, agent,
                                                                  std::string(node.substr(0, 64))};
  auto at = agents_.find(key);
  if (at == agents_.end()) {
    if (agents_.size() >= kMostAgents) return;
    at = agents_.try_emplace(key).first;
    at->second.example = carrier;
  }
  at->second.samples.add(carrier.time, stamped.ns - carrier.time.ns);
}

std::vector<ClockOffset> CarrierWatch::finish() const {
  std::vector<ClockOffset> list;
  for (const auto& [key, agent] : agents_) {
    const auto late = agent.samples.line(kLeastOnTheWayNs);
    if (!late) continue;
    ClockOffset offset;
    offset.input = offset.reference = std::get<0>(key);
    offset.late = *late;
    offset.by_carrier = true;
    const auto beside = [input = offset.input](const auto& other) { return std::get<0>(other.first) == input; };
    offset.alone = std::ranges::count_if(agents_, beside) == 1;
    offset.messages = agent.samples.count();
    offset.of_agent = true;
    offset.agent = std::get<1>(key);
    offset.node = std::get<2>(key);
    offset.example = offset.example_reference = agent.example;
    list.push_back(std::move(offset));
  }
  return list;
}

}  // namespace voip::analyze::timeline
