#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace voip::cli {

// Says how far a run is: a line on a terminal's standard error once it has taken a second, and a line whenever the
// process gets SIGUSR1. One at a time.
class Progress {
 public:
  // tool outlives this. visible: show the terminal's line.
  Progress(std::string_view tool, bool visible);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // part: 0..1 of the bytes, 0 when it is not known.
  void update(std::uint64_t packets, double part);
  // Takes the line away again.
  void erase();

 private:
  using Clock = std::chrono::steady_clock;

  bool visible_;
  bool shown_ = false;
  Clock::time_point started_;
  Clock::time_point last_;
};

// "45 s", "3 min 20 s", "2 h 5 min".
std::string duration_text(std::chrono::seconds duration);

}  // namespace voip::cli
