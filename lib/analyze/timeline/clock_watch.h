#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "analyze/timeline/facts.h"
#include "base/table.h"
#include "session/observer.h"

namespace voip::analyze::timeline {

// Measures how the clocks of inputs differ, from messages that stand in two of them. Copies that are so close that they
// are counted once never come here: such clocks agree.
class ClockWatch {
 public:
  ClockWatch() : seen_(kMost) {}
  void on_message(const dissect::SipEvent& event);
  std::vector<ClockOffset> finish();

 private:
  static constexpr std::size_t kMost = 1U << 16;
  static constexpr std::size_t kMostSamples = 4096;  // of one pair of inputs
  struct Sight {
    FrameRef first;
    bool paired = false;
  };
  struct Pair {
    std::vector<std::int64_t> offsets;
    FrameRef example;
    FrameRef example_reference;
    std::uint64_t messages = 0;
  };
  CappedTable<TextKey, Sight> seen_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Pair> pairs_;
  std::uint32_t most_inputs_ = 0;
};

}  // namespace voip::analyze::timeline
