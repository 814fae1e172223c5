#pragma once

#include <array>
#include <map>
#include <vector>

#include "analyze/timeline/facts.h"
#include "capture/source.h"

namespace voip {

// Hands packets on and notes what they show of their input: order, equal times, holes, cuts.
class PacketWatch final : public capture::PacketSource {
 public:
  explicit PacketWatch(capture::PacketSource& source) : source_(source) {}

  bool next(capture::Packet& packet) override {
    if (!source_.next(packet)) return false;
    note(packet);
    return true;
  }
  const std::vector<capture::InputInfo>& inputs() const override { return source_.inputs(); }
  const std::vector<capture::Secrets>& secrets() const override { return source_.secrets(); }
  const std::vector<std::string>& notes() const override { return source_.notes(); }
  double progress() const override { return source_.progress(); }

  // After the last packet.
  analyze::timeline::Facts facts() const {
    analyze::timeline::Facts facts;
    facts.gaps = gaps_;
    facts.more_gaps = more_gaps_;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      analyze::timeline::InputFacts input = states_[i].facts;
      input.input = static_cast<std::uint32_t>(i);
      if (i < inputs().size()) input.lost_by_capture = inputs()[i].dropped_by_capture;
      facts.inputs.push_back(input);
    }
    return facts;
  }

 private:
  static constexpr std::int64_t kGapNs = 60 * kNsPerSecond;
  static constexpr std::size_t kMinutes = 10;
  static constexpr std::size_t kMostGaps = 50;

  struct State {
    analyze::timeline::InputFacts facts;
    std::vector<Timestamp> last_of_interface;
    std::uint64_t same_time = 1;
    FrameRef same_first;
    // Packets of the last ten minutes, minute by minute, for the usual rate.
    std::array<std::uint64_t, kMinutes> minutes{};
    std::int64_t minute = -1;
  };

  double usual_rate(const State& state) const {
    std::uint64_t packets = 0;
    for (const std::uint64_t n : state.minutes) packets += n;
    const double span = seconds_between(state.facts.first.time, state.facts.last.time);
    const double seconds = span < 600 ? span : 600.0;
    return seconds < 60 ? 0 : static_cast<double>(packets) / seconds;
  }

  void note(const capture::Packet& packet) {
    const FrameRef& frame = packet.frame;
    if (frame.input >= states_.size()) states_.resize(frame.input + 1);
    State& state = states_[frame.input];
    analyze::timeline::InputFacts& facts = state.facts;
    ++facts.packets;
    if (packet.snapped() && facts.snapped++ == 0) facts.first_snapped = frame;
    if (!frame.time.known()) return;
    if (!facts.first.known()) {
      facts.first = facts.last = state.same_first = frame;
    } else {
      if (frame.time == facts.last.time) {
        if (++state.same_time > facts.longest_same_time) {
          facts.longest_same_time = state.same_time;
          facts.first_same_time = state.same_first;
        }
      } else {
        state.same_time = 1;
        state.same_first = frame;
        if (frame.time.ns - facts.last.time.ns >= kGapNs) note_gap(state, frame);
      }
      note_order(state, packet);
    }
    const std::int64_t minute = frame.time.ns / kGapNs;
    for (; state.minute < minute; ++state.minute) {
      if (minute - state.minute > static_cast<std::int64_t>(kMinutes)) {
        state.minutes.fill(0);
        state.minute = minute - 1;
      }
      state.minutes[static_cast<std::size_t>((state.minute + 1) % static_cast<std::int64_t>(kMinutes))] = 0;
    }
    ++state.minutes[static_cast<std::size_t>(minute % static_cast<std::int64_t>(kMinutes))];
    if (facts.last.time <= frame.time) facts.last = frame;
  }

  void note_gap(const State& state, const FrameRef& frame) {
    const double rate = usual_rate(state);
    if (rate <= 1.0) return;
    if (gaps_.size() >= kMostGaps) {
      ++more_gaps_;
      return;
    }
    gaps_.push_back({frame.input, state.facts.last, frame, rate});
  }

  static void note_order(State& state, const capture::Packet& packet) {
    auto& last = state.last_of_interface;
    if (packet.interface >= 4096 || packet.link == capture::LinkType::kHepFrame) return;
    if (packet.interface >= last.size()) last.resize(packet.interface + 1);
    Timestamp& before = last[packet.interface];
    if (before.known() && before.ns - packet.frame.time.ns > kNsPerMs) {
      if (state.facts.backwards++ == 0) state.facts.first_backwards = packet.frame;
      state.facts.worst_backwards_ns = std::max(state.facts.worst_backwards_ns, before.ns - packet.frame.time.ns);
    }
    if (!before.known() || before < packet.frame.time) before = packet.frame.time;
  }

  capture::PacketSource& source_;
  std::vector<State> states_;
  std::vector<analyze::timeline::Gap> gaps_;
  std::uint64_t more_gaps_ = 0;
};

}  // namespace voip
