#pragma once

#include <chrono>

#include "capture/source.h"

namespace voip::cli {

// Passes packets through and says on a terminal's standard error how far the run is, once it has taken a second.
class ProgressSource final : public capture::PacketSource {
 public:
  explicit ProgressSource(capture::PacketSource& source) : source_(source), started_(Clock::now()) {}
  ~ProgressSource() override { erase(); }
  ProgressSource(const ProgressSource&) = delete;
  ProgressSource& operator=(const ProgressSource&) = delete;

  bool next(capture::Packet& packet) override {
    if ((++packets_ & 0xfff) == 0) show();
    return source_.next(packet);
  }
  const std::vector<capture::InputInfo>& inputs() const override { return source_.inputs(); }
  const std::vector<capture::Secrets>& secrets() const override { return source_.secrets(); }
  const std::vector<std::string>& notes() const override { return source_.notes(); }
  double progress() const override { return source_.progress(); }
  // Takes the line away again.
  void erase();

 private:
  using Clock = std::chrono::steady_clock;
  void show();

  capture::PacketSource& source_;
  Clock::time_point started_;
  Clock::time_point shown_;
  std::uint64_t packets_ = 0;
  bool visible_ = false;
};

}  // namespace voip::cli
