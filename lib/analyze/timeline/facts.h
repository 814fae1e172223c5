#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/frame_ref.h"

namespace voip::analyze::timeline {

// A stretch without packets where there should be some.
struct Gap {
  std::uint32_t input = 0;
  FrameRef before{};
  FrameRef after{};
  double usual_rate = 0;  // packets a second before it
};

// What the packets of one input show of the input itself.
struct InputFacts {
  std::uint32_t input = 0;
  FrameRef first{};
  FrameRef last{};
  std::uint64_t packets = 0;
  std::uint64_t snapped = 0;
  FrameRef first_snapped{};
  std::uint64_t backwards = 0;  // packets more than 1 ms earlier than their predecessor of the same interface
  std::int64_t worst_backwards_ns = 0;
  FrameRef first_backwards{};
  std::uint64_t longest_same_time = 0;  // packets in a row with one time
  FrameRef first_same_time{};
  std::uint64_t lost_by_capture = 0;
  bool exported = false;  // made by an archive's export
};

// How the clock of one input stands against another's, from messages that both hold.
struct ClockOffset {
  std::uint32_t input = 0;      // later by offset_ns than
  std::uint32_t reference = 0;  // this one
  std::int64_t offset_ns = 0;   // median
  std::int64_t spread_ns = 0;   // median of the distances from it
  std::uint64_t messages = 0;
  FrameRef example{};
  FrameRef example_reference{};
  bool corrected = false;
};

struct InputHash {
  std::uint32_t input = 0;
  std::string sha256{};
  std::string expected{};  // of a NAME.sha256 beside it; empty: none
  bool changed_during_run = false;
};

struct Facts {
  std::vector<InputFacts> inputs{};
  std::vector<Gap> gaps{};
  std::uint64_t more_gaps = 0;
  std::vector<ClockOffset> offsets{};
  std::vector<InputHash> hashes{};
  std::string custody{};  // the head of the custody log after this run; empty: no case
};

}  // namespace voip::analyze::timeline
