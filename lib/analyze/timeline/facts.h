#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyze/timeline/clock_samples.h"
#include "base/endpoint.h"
#include "base/frame_ref.h"

namespace voip::analyze::timeline {

// A stretch without packets where there should be some.
struct Gap {
  std::uint32_t input = 0;
  FrameRef before{};
  FrameRef after{};
  double usual_rate = 0;       // packets a second before it
  double longest_other_s = 0;  // of a slow capture: no other silence was longer
};

// A moment at which all media streams lack packets.
struct MediaHole {
  FrameRef before{};
  FrameRef after{};
  std::uint64_t streams = 0;
  std::uint64_t lost = 0;  // packets, by their sequence numbers
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
  bool exported = false;              // made by an archive's export
  std::string application{};          // that wrote the file, by its own word
  std::string editing{};              // what that program does with captures; empty: it takes them
  std::uint64_t wrong_checksums = 0;  // of senders whose others are right
  FrameRef first_wrong_checksum{};
  std::uint64_t interfaces_back = 0;  // packets of another interface more than 1 s earlier than their predecessor
  FrameRef first_interface_back{};
};

// How the clock of one input stands against another's, from messages that both hold; or that of a HEP agent against the
// capture which carried its messages.
struct ClockOffset {
  std::uint32_t input = 0;      // later by late.offset_ns than
  std::uint32_t reference = 0;  // this one
  ClockLine late{};
  bool by_carrier = false;  // the same input, taken on the way to the collector
  std::uint64_t messages = 0;
  bool of_agent = false;  // of one HEP agent of the input only: this one
  std::uint32_t agent = 0;
  std::string node{};
  bool reference_of_agent = false;
  std::uint32_t reference_agent = 0;
  std::string reference_node{};
  FrameRef example{};
  FrameRef example_reference{};
  bool alone = false;  // by_carrier: no other agent's messages stand beside those of this one
  bool corrected = false;
};

// How far the Date headers of one sender are from the capture's times.
struct DateOffset {
  IpAddress sender{};
  bool rtcp = false;           // told by sender reports, not by Date headers
  std::int64_t offset_ns = 0;  // median; positive: the sender's time is later
  std::uint64_t messages = 0;
  FrameRef example{};
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
  std::vector<MediaHole> media_holes{};
  std::uint64_t more_media_holes = 0;
  std::vector<ClockOffset> offsets{};
  std::vector<DateOffset> dates{};
  std::vector<InputHash> hashes{};
  std::string custody{};        // how this run stands in the custody log; empty: no case
  bool custody_broken = false;  // its chain does not hold
  std::uint64_t tcp_gaps = 0;   // places where bytes of a TCP stream are missing
};

}  // namespace voip::analyze::timeline
