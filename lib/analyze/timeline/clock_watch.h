#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "analyze/timeline/facts.h"
#include "base/table.h"
#include "session/observer.h"

namespace voip::analyze::timeline {

// Measures how the clocks of inputs, and of the HEP agents within one, differ: from messages that two of them show.
class ClockWatch {
 public:
  // most: messages that are remembered; as many as pass while one clock is behind another.
  explicit ClockWatch(std::size_t most = 1U << 16) : most_(most), seen_(most) {}
  // Each message, and each copy of one.
  void on_message(const dissect::SipEvent& event);
  std::vector<ClockOffset> finish() const;

 private:
  static constexpr std::size_t kMostPlaces = 256;
  struct Place {
    std::uint32_t input = 0;
    bool hep = false;
    std::uint32_t agent = 0;
    std::string node{};
    bool operator==(const Place&) const = default;
  };
  struct Sight {
    FrameRef first;
    std::uint32_t place = 0;
    std::uint32_t paired = 0;  // the place that showed it too, plus 1
  };
  struct Pair {
    ClockSamples samples;
    FrameRef example;
    FrameRef example_reference;
  };
  std::uint32_t place_of(const dissect::SipEvent& event);

  std::size_t most_;
  CappedTable<TextKey, Sight> seen_;
  std::vector<Place> places_;
  std::uint32_t last_place_ = 0;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Pair> pairs_;  // of places, the earlier input first
};

// By how much clocks differ whose messages stand side by side in the story, uncorrected: then their order may be
// another. Seconds; 0: by less than is worth a word.
double order_doubt_s(const std::vector<ClockOffset>& offsets);
// The same, of one input only.
double order_doubt_s(const std::vector<ClockOffset>& offsets, std::uint32_t input);

// Measures how the clocks of HEP agents differ from that of the capture in which their messages travel.
class CarrierWatch {
 public:
  void on_message(const FrameRef& carrier, std::uint32_t agent, std::string_view node, Timestamp stamped);
  std::vector<ClockOffset> finish() const;

 private:
  static constexpr std::size_t kMostAgents = 256;
  struct Agent {
    ClockSamples samples;
    FrameRef example;
  };
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::string>, Agent, std::less<>> agents_;  // input, id, node
};

}  // namespace voip::analyze::timeline
