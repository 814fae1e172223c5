#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "analyze/timeline/clock_watch.h"
#include "analyze/timeline/facts.h"
#include "capture/source.h"
#include "net/stack.h"
#include "proto/hep/hep.h"
#include "session/observer.h"

namespace voip {

// Measures clocks and does nothing else: the run before the one that corrects them.
class ClockRun final : public session::Observer {
 public:
  void on_message(const dissect::SipEvent& event, const session::Call*) override { watch_.on_message(event); }
  void on_copy(const dissect::SipEvent& event) override { watch_.on_message(event); }
  net::HepClock clock() {
    return [this](const FrameRef& carrier, const net::HepInfo& info, Timestamp stamped) {
      carriers_.on_message(carrier, info.capture_id, info.node, stamped);
      return std::int64_t{0};
    };
  }
  std::vector<analyze::timeline::ClockOffset> finish() const {
    auto list = watch_.finish();
    for (auto& offset : carriers_.finish()) list.push_back(std::move(offset));
    return list;
  }

 private:
  analyze::timeline::ClockWatch watch_{1U << 20};
  analyze::timeline::CarrierWatch carriers_;
};

// How late each clock is against the first one that it can be compared with, over others where need be.
class Alignment {
 public:
  explicit Alignment(const std::vector<analyze::timeline::ClockOffset>& offsets) {
    std::map<Place, std::vector<std::pair<Place, Late>>> edges;
    for (const auto& o : offsets) {
      const Place place{o.input, o.of_agent, o.agent, o.node};
      const Place reference{o.reference, o.reference_of_agent, o.reference_agent, o.reference_node};
      edges[place].emplace_back(reference, Late{o.late, -1});
      edges[reference].emplace_back(place, Late{o.late, 1});
    }
    for (const auto& [start, unused] : edges) {
      if (!late_.try_emplace(start).second) continue;
      std::vector<Place> open{start};
      while (!open.empty()) {
        const Place at = open.back();
        open.pop_back();
        for (const auto& [next, more] : edges[at]) {
          const auto [found, made] = late_.try_emplace(next, late_[at]);
          if (!made) continue;
          found->second.push_back(more);
          open.push_back(next);
        }
      }
    }
  }

  bool empty() const { return late_.empty(); }
  std::int64_t of_wire(std::uint32_t input, Timestamp stamped) const {
    return late_at(Place{input, false, 0, std::string()}, stamped);
  }
  std::int64_t of_agent(std::uint32_t input, std::uint32_t agent, std::string_view node, Timestamp stamped) const {
    return late_at(Place{input, true, agent, std::string(node.substr(0, 64))}, stamped);
  }
  std::int64_t most() const {
    std::int64_t most = 0;
    for (const auto& [place, path] : late_) {
      std::int64_t sum = 0;
      for (const Late& late : path)
        sum += std::max(late.sign * late.line.at(late.line.from), late.sign * late.line.at(late.line.to));
      most = std::max(most, sum);
    }
    return most;
  }

 private:
  using Place = std::tuple<std::uint32_t, bool, std::uint32_t, std::string>;
  struct Late {
    analyze::timeline::ClockLine line;
    std::int64_t sign = 1;
  };

  // The lines are over true time: what a clock showed is that and its being late.
  std::int64_t late_at(const Place& place, Timestamp stamped) const {
    const auto at = late_.find(place);
    if (at == late_.end() || !stamped.known()) return 0;
    std::int64_t sum = 0;
    for (int round = 0; round < 2; ++round) {
      const Timestamp true_time{stamped.ns - sum};
      sum = 0;
      for (const Late& late : at->second) sum += late.sign * late.line.at(true_time);
    }
    return sum;
  }

  std::map<Place, std::vector<Late>> late_;  // the way from the first clock
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
    if (packet.frame.time.known()) {
      packet.frame.time.ns -= late(packet);
      last_key_ = packet.frame.time.ns;
    }
    held.packet = packet;
    held.key = last_key_;
    held.serial = serial_++;
    held_bytes_ += held.bytes.size();
    held_.push_back(std::move(held));
    std::push_heap(held_.begin(), held_.end(), later);
  }

  // Of a message in a file of HEP as its agent; what HEP travels in has its own time.
  std::int64_t late(const capture::Packet& packet) const {
    if (packet.link != capture::LinkType::kHepFrame) return alignment_.of_wire(packet.frame.input, packet.frame.time);
    const auto message = hep::parse(packet.bytes, packet.frame.time);
    if (!message) return 0;
    return alignment_.of_agent(packet.frame.input, message->capture_id, message->node, packet.frame.time);
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
