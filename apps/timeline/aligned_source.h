#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "analyze/timeline/clock_watch.h"
#include "analyze/timeline/facts.h"
#include "capture/source.h"
#include "proto/hep/hep.h"
#include "session/observer.h"

namespace voip {

// Measures clocks and does nothing else: the run before the one that corrects them.
class ClockRun final : public session::Observer {
 public:
  void on_message(const dissect::SipEvent& event, const session::Call*) override { watch_.on_message(event); }
  void on_copy(const dissect::SipEvent& event) override { watch_.on_message(event); }
  std::vector<analyze::timeline::ClockOffset> finish() const { return watch_.finish(); }

 private:
  analyze::timeline::ClockWatch watch_{1U << 20};
};

// How late each clock is against the first one that it can be compared with, over others where need be.
class Alignment {
 public:
  explicit Alignment(const std::vector<analyze::timeline::ClockOffset>& offsets) {
    std::map<Place, std::vector<std::pair<Place, std::int64_t>>> edges;
    for (const auto& o : offsets) {
      const Place place{o.input, o.of_agent, o.agent, o.node};
      const Place reference{o.reference, o.reference_of_agent, o.reference_agent, o.reference_node};
      edges[place].emplace_back(reference, -o.offset_ns);
      edges[reference].emplace_back(place, o.offset_ns);
    }
    std::map<Place, std::int64_t> late;
    for (const auto& [start, unused] : edges) {
      if (!late.try_emplace(start, 0).second) continue;
      std::vector<Place> open{start};
      while (!open.empty()) {
        const Place at = open.back();
        open.pop_back();
        for (const auto& [next, ns] : edges[at]) {
          if (late.try_emplace(next, late[at] + ns).second) open.push_back(next);
        }
      }
    }
    for (const auto& [place, ns] : late) {
      if (ns == 0) continue;
      if (std::get<1>(place)) {
        agents_[place] = ns;
      } else {
        wires_[std::get<0>(place)] = ns;
      }
    }
  }

  bool empty() const { return agents_.empty() && wires_.empty(); }
  std::int64_t of_wire(std::uint32_t input) const {
    const auto at = wires_.find(input);
    return at == wires_.end() ? 0 : at->second;
  }
  std::int64_t of_agent(std::uint32_t input, std::uint32_t agent, std::string_view node) const {
    const auto at = agents_.find({input, true, agent, std::string(node)});
    return at == agents_.end() ? 0 : at->second;
  }
  std::int64_t most() const {
    std::int64_t most = 0;
    for (const auto& [place, ns] : agents_) most = std::max(most, ns);
    for (const auto& [place, ns] : wires_) most = std::max(most, ns);
    return most;
  }

 private:
  using Place = std::tuple<std::uint32_t, bool, std::uint32_t, std::string>;
  std::map<Place, std::int64_t> agents_;
  std::map<std::uint32_t, std::int64_t> wires_;
};

// Packets with their times corrected, in the order of these. What it holds back is bounded: where more would be needed,
// packets go out earlier than their turn.
class AlignedSource final : public capture::PacketSource {
 public:
  AlignedSource(capture::PacketSource& source, const Alignment& alignment)
      : source_(source), alignment_(alignment), most_ns_(alignment.most()) {}

  bool next(capture::Packet& packet) override {
    while (!ended_ && !ready()) pull();
    if (held_.empty()) return false;
    std::pop_heap(held_.begin(), held_.end(), later);
    current_ = std::move(held_.back());
    held_.pop_back();
    held_bytes_ -= current_.bytes.size();
    packet = current_.packet;
    packet.bytes = current_.bytes;
    return true;
  }
  const std::vector<capture::InputInfo>& inputs() const override { return source_.inputs(); }
  const std::vector<capture::Secrets>& secrets() const override { return source_.secrets(); }
  const std::vector<std::string>& notes() const override { return source_.notes(); }
  double progress() const override { return source_.progress(); }
  bool overflowed() const { return overflowed_; }

 private:
  static constexpr std::size_t kMostBytes = 256U << 20;
  struct Held {
    capture::Packet packet;
    std::vector<std::uint8_t> bytes;
    std::int64_t key = 0;
    std::uint64_t serial = 0;
  };
  static bool later(const Held& a, const Held& b) { return std::tie(a.key, a.serial) > std::tie(b.key, b.serial); }

  // Nothing that still comes can be earlier than the first one held.
  bool ready() {
    if (held_.empty()) return false;
    if (held_.front().key <= newest_ - most_ns_) return true;
    if (held_bytes_ < kMostBytes) return false;
    overflowed_ = true;
    return true;
  }

  void pull() {
    capture::Packet packet;
    if (!source_.next(packet)) {
      ended_ = true;
      return;
    }
    Held held;
    held.bytes.assign(packet.bytes.begin(), packet.bytes.end());
    if (packet.frame.time.known()) newest_ = std::max(newest_, packet.frame.time.ns);
    std::int64_t late = alignment_.of_wire(packet.frame.input);
    const std::int64_t agent = correct_hep(packet, held.bytes);
    if (packet.link == capture::LinkType::kHepFrame) late = agent;
    if (packet.frame.time.known()) {
      packet.frame.time.ns -= late;
      last_key_ = packet.frame.time.ns;
    }
    held.packet = packet;
    held.key = last_key_;
    held.serial = serial_++;
    held_bytes_ += held.bytes.size();
    held_.push_back(std::move(held));
    std::push_heap(held_.begin(), held_.end(), later);
  }

  // A HEP message within the packet's bytes, its own time with it. How late its agent is.
  std::int64_t correct_hep(const capture::Packet& packet, std::vector<std::uint8_t>& bytes) const {
    constexpr std::size_t kHeaders = 128;
    const std::string_view text = as_text(bytes);
    const std::size_t at = text.substr(0, kHeaders).find("HEP3");
    if (at == std::string_view::npos) return 0;
    const std::span<std::uint8_t> frame{bytes.data() + at, bytes.size() - at};
    const auto message = hep::parse(frame, packet.frame.time);
    if (!message) return 0;
    const std::int64_t late = alignment_.of_agent(packet.frame.input, message->capture_id, message->node);
    if (late != 0) (void)hep::shift_time(frame, -late);
    return late;
  }

  capture::PacketSource& source_;
  const Alignment& alignment_;
  std::int64_t most_ns_;
  std::vector<Held> held_;  // a heap
  std::size_t held_bytes_ = 0;
  Held current_;
  std::int64_t newest_ = std::numeric_limits<std::int64_t>::min() / 2;
  std::int64_t last_key_ = std::numeric_limits<std::int64_t>::min() / 2;
  std::uint64_t serial_ = 0;
  bool ended_ = false;
  bool overflowed_ = false;
};

}  // namespace voip
