#include "analyze/timeline/loss_watch.h"

#include <algorithm>

#include "analyze/timeline/stream_state.h"

namespace voip::analyze::timeline {

namespace {

constexpr std::int64_t kBinNs = 500 * kNsPerMs;
constexpr std::uint64_t kFewestStreams = 3;
constexpr std::uint64_t kFewestPackets = 10;  // of a stream, before it is trusted
// A single lost packet is the network's business; so is a stream that begins anew.
constexpr std::uint16_t kFewestLost = 3;
constexpr std::uint16_t kMostLost = 30000;

}  // namespace

void LossWatch::on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) {
  const FrameRef& frame = event.datagram->frame;
  if (!frame.time.known() || frame.input >= kMostInputs) return;
  if (frame.input >= inputs_.size()) inputs_.resize(frame.input + 1);
  Input& input = inputs_[frame.input];
  StreamState& state = state_of(stream);
  const std::int64_t index = frame.time.ns / kBinNs;
  if (index > input.now.index) enter_bin(input, index);
  if (index < input.now.index) return;  // out of order
  Bin& now = input.now;
  if (state.active_bin != index) {
    ++now.active;
    if (state.active_bin == index - 1) ++now.also_before;
    state.active_bin = index;
  }
  const auto step = static_cast<std::uint16_t>(event.rtp.sequence - state.sequence);
  if (state.packets != 0 && (step == 0 || step > 0x8000)) return;  // again, or late
  const bool lost =
      state.packets >= kFewestPackets && step > kFewestLost && step <= kMostLost && state.last.input == frame.input;
  if (lost) {
    if (state.lossy_bin != index) {
      ++now.lossy;
      if (state.lossy_bin == index - 1) ++now.lossy_before;
      state.lossy_bin = index;
    }
    now.lost += step - 1U;
    if (!now.before.known() || state.last < now.before) now.before = state.last;
    now.after = frame;
  }
  ++state.packets;
  state.sequence = event.rtp.sequence;
  state.last = frame;
}

void LossWatch::enter_bin(Input& input, std::int64_t index) {
  judge(input);
  input.previous = input.now.index == index - 1 ? input.now : Bin{};
  input.now = Bin{.index = index};
}

// The streams of two bins, for what happens at the border of both.
void LossWatch::judge(const Input& input) {
  const Bin& now = input.now;
  const Bin& previous = input.previous;
  const std::uint64_t lossy = now.lossy + previous.lossy - now.lossy_before;
  const std::uint64_t active = now.active + previous.active - now.also_before;
  if (now.lossy == 0 || lossy < kFewestStreams || lossy * 10 < active * 9) return;
  const bool both = previous.lossy != 0;
  MediaHole hole{.before = now.before, .after = now.after, .streams = lossy, .lost = now.lost};
  if (both) {
    hole.before = std::min(hole.before, previous.before);
    hole.lost += previous.lost;
  }
  if (!holes_.empty()) {
    MediaHole& last = holes_.back();
    if (last.after.input == hole.after.input && !(last.after < hole.before)) {  // one hole at the border of two bins
      last.after = std::max(last.after, hole.after);
      last.streams = std::max(last.streams, hole.streams);
      last.lost = std::max(last.lost, hole.lost);
      return;
    }
  }
  if (holes_.size() >= kMostHoles) {
    ++more_;
    return;
  }
  holes_.push_back(hole);
}

std::vector<MediaHole> LossWatch::finish() {
  for (const Input& input : inputs_) judge(input);
  std::ranges::stable_sort(holes_, {}, &MediaHole::before);
  return std::move(holes_);
}

}  // namespace voip::analyze::timeline
