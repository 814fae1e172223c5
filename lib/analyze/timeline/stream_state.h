#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/frame_ref.h"
#include "session/media.h"

namespace voip::analyze::timeline {

// What the timeline hangs on a stream.
struct StreamState final : session::Attachment {
  FrameRef last{};
  std::uint64_t packets = 0;
  std::uint16_t sequence = 0;
  std::int64_t active_bin = -1;
  std::int64_t lossy_bin = -1;
  std::unique_ptr<session::Attachment> of_fraud;  // what the fraud analyzer hung on it
};

inline StreamState& state_of(session::MediaStream& stream) {
  if (stream.attachment == nullptr) stream.attachment = std::make_unique<StreamState>();
  return static_cast<StreamState&>(*stream.attachment);
}

// A stream has one attachment. While this lives it is the fraud analyzer's, afterwards the timeline's again.
class FraudsTurn {
 public:
  explicit FraudsTurn(session::MediaStream& stream) : stream_(&stream) {
    state_of(stream);
    mine_ = std::exchange(stream.attachment, nullptr);
    stream.attachment = std::move(static_cast<StreamState&>(*mine_).of_fraud);
  }
  FraudsTurn(FraudsTurn&& from) noexcept
      : stream_(std::exchange(from.stream_, nullptr)), mine_(std::move(from.mine_)) {}
  FraudsTurn& operator=(FraudsTurn&&) = delete;
  ~FraudsTurn() {
    if (stream_ == nullptr) return;
    static_cast<StreamState&>(*mine_).of_fraud = std::move(stream_->attachment);
    stream_->attachment = std::move(mine_);
  }

 private:
  session::MediaStream* stream_;
  std::unique_ptr<session::Attachment> mine_;
};

}  // namespace voip::analyze::timeline
