#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "analyze/timeline/facts.h"
#include "capture/source.h"
#include "input_marks.h"

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
    for (const State& state : states_) add_slow_gaps(state, facts.gaps);
    std::ranges::sort(facts.gaps, {}, [](const auto& gap) { return gap.before; });
    for (std::size_t i = 0; i < states_.size(); ++i) {
      analyze::timeline::InputFacts input = states_[i].facts;
      input.input = static_cast<std::uint32_t>(i);
      if (i < inputs().size()) {
        input.lost_by_capture = inputs()[i].dropped_by_capture;
        input.application = application_of(inputs()[i].path);
        input.editing = editing_of(input.application);
      }
      for (const auto& [host, sums] : states_[i].sums) {
        // A sender whose checksums are never right leaves them to its network card.
        if (sums.good < 20 || sums.bad == 0 || sums.bad * 5 > sums.good) continue;
        if (input.wrong_checksums == 0 || sums.first_bad < input.first_wrong_checksum)
          input.first_wrong_checksum = sums.first_bad;
        input.wrong_checksums += sums.bad;
      }
      facts.inputs.push_back(input);
    }
    return facts;
  }

 private:
  static constexpr std::int64_t kGapNs = 60 * kNsPerSecond;
  static constexpr std::size_t kMinutes = 10;
  static constexpr std::size_t kMostGaps = 50;
  static constexpr std::size_t kSilences = 6;  // the longest ones of each input

  // UDP checksums of SIP that one host sent.
  struct Sums {
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
    FrameRef first_bad;
  };
  struct State {
    analyze::timeline::InputFacts facts;
    std::map<std::array<std::uint8_t, 4>, Sums> sums;
    std::uint32_t interface = 0;
    std::vector<Timestamp> last_of_interface;
    std::uint64_t same_time = 1;
    FrameRef same_first;
    // Packets of the last ten minutes, minute by minute, for the usual rate.
    std::array<std::uint64_t, kMinutes> minutes{};
    std::int64_t minute = -1;
    std::vector<analyze::timeline::Gap> silences;  // the longest, longest first
  };

  static std::int64_t length_of(const analyze::timeline::Gap& gap) { return gap.after.time.ns - gap.before.time.ns; }

  static void note_silence(State& state, const FrameRef& frame) {
    const analyze::timeline::Gap silence{frame.input, state.facts.last, frame};
    auto& list = state.silences;
    if (list.size() == kSilences && length_of(silence) <= length_of(list.back())) return;
    if (list.size() == kSilences) list.pop_back();
    const auto longer = [](const auto& a, const auto& b) { return length_of(a) > length_of(b); };
    list.insert(std::upper_bound(list.begin(), list.end(), silence, longer), silence);
  }

  // Holes of a capture that is too slow to be judged by its rate: some silences are longer by far than all others.
  // Where as much as a night is silent, nobody may have spoken.
  void add_slow_gaps(const State& state, std::vector<analyze::timeline::Gap>& gaps) const {
    constexpr std::uint64_t kEnough = 1000;  // packets
    const auto& list = state.silences;
    if (state.facts.packets < kEnough || list.size() < kSilences) return;
    const std::int64_t span = state.facts.last.time.ns - state.facts.first.time.ns;
    std::int64_t silent = 0;
    std::size_t holes = 0;
    for (std::size_t k = 0; k + 1 < list.size(); ++k) {
      silent += length_of(list[k]);
      const bool apart = length_of(list[k]) >= kGapNs && length_of(list[k]) / 10 >= length_of(list[k + 1]);
      if (apart && silent < span / 20) holes = k + 1;
    }
    for (std::size_t k = 0; k < holes; ++k) {
      analyze::timeline::Gap gap = list[k];
      if (std::ranges::any_of(gaps, [&gap](const auto& told) { return told.after == gap.after; })) continue;
      gap.longest_other_s = static_cast<double>(length_of(list[holes])) / 1e9;
      gap.usual_rate = static_cast<double>(state.facts.packets) * 1e9 / static_cast<double>(span);
      gaps.push_back(gap);
    }
  }

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
    note_checksum(state, packet);
    if (facts.packets == 1) facts.exported = made_by_homer(packet);
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
        if (facts.last.time < frame.time) note_silence(state, frame);
        if (frame.time.ns - facts.last.time.ns >= kGapNs) note_gap(state, frame);
      }
      note_order(state, packet);
      if (packet.interface != state.interface && facts.last.time.ns - frame.time.ns > kNsPerSecond) {
        if (facts.interfaces_back++ == 0) facts.first_interface_back = frame;
      }
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
    state.interface = packet.interface;
  }

  // Homer's export has these MAC addresses.
  static bool made_by_homer(const capture::Packet& packet) {
    constexpr std::array<std::uint8_t, 12> kAddresses{0x06, 0x3d, 0x20, 0x12, 0x10, 0x20,
                                                      0x02, 0x5d, 0x69, 0x74, 0x20, 0x12};
    return packet.link == capture::LinkType::kEthernet && packet.bytes.size() >= kAddresses.size() &&
           std::ranges::equal(packet.bytes.first(kAddresses.size()), kAddresses);
  }

  // Only of SIP in whole UDP packets over IPv4 and Ethernet: what an editor would change.
  static void note_checksum(State& state, const capture::Packet& packet) {
    constexpr std::size_t kHosts = 4096;
    const ByteView in = packet.bytes;
    if (packet.link != capture::LinkType::kEthernet || in.size() < 60 || packet.snapped()) return;
    if (in[12] != 8 || in[13] != 0 || in[14] != 0x45 || in[23] != 17 || (in[20] & 0x3f) != 0 || in[21] != 0) return;
    const std::uint8_t first = in[42];
    if (first < 'A' || first > 'Z') return;
    const std::size_t length = load_be<std::uint16_t>(in.data() + 38);
    if (length < 8 || 34 + length > in.size() || (in[40] == 0 && in[41] == 0)) return;
    std::uint32_t sum = 17 + static_cast<std::uint32_t>(length);
    const ByteView summed = in.subspan(26, 8 + length);  // both addresses, then the datagram
    for (std::size_t i = 0; i + 1 < summed.size(); i += 2) sum += load_be<std::uint16_t>(summed.data() + i);
    if (summed.size() % 2 != 0) sum += static_cast<std::uint32_t>(summed.back()) << 8;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    const std::array<std::uint8_t, 4> host{in[26], in[27], in[28], in[29]};
    if (state.sums.size() >= kHosts && state.sums.count(host) == 0) return;
    Sums& sums = state.sums[host];
    if (sum == 0xffff) {
      ++sums.good;
    } else if (sums.bad++ == 0) {
      sums.first_bad = packet.frame;
    }
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
