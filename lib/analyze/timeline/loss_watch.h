#pragma once

#include <cstdint>
#include <vector>

#include "analyze/timeline/facts.h"
#include "session/media.h"
#include "session/observer.h"

namespace voip::analyze::timeline {

// Finds moments at which all media streams of an input lack packets: then the capture missed them, not the network.
class LossWatch {
 public:
  void on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event);
  // In the order of time.
  std::vector<MediaHole> finish();
  std::uint64_t more() const { return more_; }

 private:
  static constexpr std::size_t kMostInputs = 1024;
  static constexpr std::size_t kMostHoles = 50;

  // Streams within one stretch of time.
  struct Bin {
    std::int64_t index = -1;
    std::uint64_t active = 0;
    std::uint64_t also_before = 0;  // active in the bin before, too
    std::uint64_t lossy = 0;
    std::uint64_t lossy_before = 0;  // lossy in the bin before, too
    std::uint64_t lost = 0;          // packets
    FrameRef before{};               // the earliest begin of a loss
    FrameRef after{};                // the last end of one
  };
  struct Input {
    Bin now{};
    Bin previous{};
  };
  void enter_bin(Input& input, std::int64_t index);
  void judge(const Input& input);

  std::vector<Input> inputs_;
  std::vector<MediaHole> holes_;
  std::uint64_t more_ = 0;
};

}  // namespace voip::analyze::timeline
