#include "analyze/srtp/watches.h"

#include <algorithm>
#include <cstdlib>

#include "base/bytes.h"

namespace voip::analyze::srtp {

namespace {

constexpr std::size_t kRunOfRestart = 8;
constexpr std::size_t kMaxEvents = 512;

std::uint64_t tail_of(ByteView payload) {
  if (payload.size() >= 8) return load_be<std::uint64_t>(payload.data() + payload.size() - 8);
  std::uint64_t tail = payload.size();
  for (const std::uint8_t byte : payload) tail = tail << 8 | byte;
  return tail;
}

}  // namespace

SequenceWatch::Slot SequenceWatch::slot_of(std::uint64_t tail, std::uint16_t sequence, const FrameRef& frame) {
  return {.tail = tail,
          .time_ns = frame.time.ns,
          .number = frame.number <= UINT32_MAX ? static_cast<std::uint32_t>(frame.number) : 0,
          .input = static_cast<std::uint16_t>(frame.input),
          .sequence = sequence};
}

void SequenceWatch::advance(std::uint16_t sequence, const FrameRef& frame) {
  highest_ = sequence;
  highest_frame_ = frame;
}

void SequenceWatch::stray(std::uint16_t sequence, const FrameRef& frame) {
  if (!run_.empty() && sequence == run_next_) {
    run_.push_back(frame);
    run_next_ = static_cast<std::uint16_t>(sequence + 1);
    if (run_.size() < kRunOfRestart) return;
    ++reset_count;
    if (resets.size() < kKept) resets.push_back({highest_frame_, run_.front(), highest_, run_begin_});
    old_count -= std::min<std::uint64_t>(old_count, run_.size() - 1);
    std::erase_if(old, [this](const FrameRef& f) { return std::ranges::find(run_, f) != run_.end(); });
    advance(sequence, frame);
    run_.clear();
    return;
  }
  run_.assign(1, frame);
  run_begin_ = sequence;
  run_next_ = static_cast<std::uint16_t>(sequence + 1);
}

void SequenceWatch::add(const rtp::PacketView& packet, const FrameRef& frame) {
  const std::uint16_t sequence = packet.sequence;
  const std::uint64_t tail = tail_of(packet.payload);
  Slot& slot = ring_[sequence % kRing];
  if (!begun_) {
    begun_ = true;
    advance(sequence, frame);
    slot = slot_of(tail, sequence, frame);
    return;
  }
  const auto step = static_cast<std::int16_t>(sequence - highest_);
  const double gap = seconds_between(highest_frame_.time, frame.time);
  // Numerically lower, no wrap, and no silence that would explain a wrap: it began anew.
  const bool far_back = sequence < highest_ && !(highest_ > 65000 && sequence < 500) && step > 0 &&
                        gap * 1000 < static_cast<double>(step);
  if (step > 0 && !far_back) {
    advance(sequence, frame);
    run_.clear();
    slot = slot_of(tail, sequence, frame);
    return;
  }
  if (slot.number != 0 && slot.sequence == sequence && slot.tail == tail) {
    if (later_by(Timestamp{slot.time_ns}, frame.time, std::chrono::milliseconds{200})) {
      ++repeat_count;
      if (repeats.size() < kKept) repeats.push_back({slot.frame(), frame});
    }
    return;
  }
  const int back = far_back ? 65536 - step : -step;
  if (back <= 64) {
    slot = slot_of(tail, sequence, frame);
    return;
  }
  const bool goes_on = !run_.empty() && sequence == run_next_;
  ++old_count;
  if (old.size() < kKept) old.push_back(frame);
  if (back > 100 || goes_on) stray(sequence, frame);
}

void ExtensionWatch::add(const rtp::PacketView& packet, const FrameRef& frame) {
  switch (packet.extension_profile) {
    case 0xBEDE: ++one_byte; break;
    case 0xC0DE:
    case 0xC2DE: ++cryptex; return;
    default:
      if ((packet.extension_profile & 0xfff0) != 0x1000) return;
      ++two_byte;
      break;
  }
  if (!first_clear.known()) first_clear = frame;
  const bool one = packet.extension_profile == 0xBEDE;
  const ByteView data = packet.extension_data;
  for (std::size_t i = 0; i < data.size();) {
    if (data[i] == 0) {
      ++i;  // padding
      continue;
    }
    const unsigned id = one ? data[i] >> 4 : data[i];
    if (one && id == 15) return;
    if (!one && i + 1 >= data.size()) return;
    const std::size_t length = one ? std::size_t{data[i] & 0x0fU} + 1 : data[i + 1];
    i += one ? 1 : 2;
    if (length > data.size() - i) return;
    if (id < elements.size() && length != 0) {
      Element& element = elements[id];
      const std::uint8_t value = data[i];
      if (element.packets != 0) {
        element.changes += value != element.last ? 1U : 0U;
        element.rises_far += std::abs((value & 0x7f) - (element.last & 0x7f)) > 48 ? 1U : 0U;
      } else {
        element.first = frame;
        element.size = static_cast<std::uint8_t>(length);
      }
      element.values.set(value);
      element.last = value;
      ++element.packets;
    }
    i += length;
  }
}

bool DigitWatch::fits(const rtp::PacketView& packet) {
  const ByteView payload = packet.payload;
  // Event 0..15, the reserved bit 0.
  // With 4, 10 or 16 bytes more where a tag follows and nothing is encrypted.
  const std::size_t size = payload.size();
  return (size == 4 || size == 8 || size == 14 || size == 20) && payload[0] <= 15 && (payload[1] & 0x40) == 0;
}

void DigitWatch::add(const rtp::PacketView& packet, const FrameRef& frame) {
  if (!events.empty() && events.back().timestamp == packet.timestamp && events.back().event == packet.payload[0] &&
      events.back().payload_type == packet.payload_type) {
    if (events.back().packets < 0xffff) ++events.back().packets;
    return;
  }
  if (events.size() >= kMaxEvents) {
    ++dropped;
    return;
  }
  events.push_back({.payload_type = packet.payload_type,
                    .event = packet.payload[0],
                    .size = static_cast<std::uint8_t>(packet.payload.size()),
                    .packets = 1,
                    .timestamp = packet.timestamp,
                    .frame = frame});
}

void StartWatch::add(const rtp::PacketView& packet, const FrameRef& frame) {
  const auto size = static_cast<std::uint16_t>(std::min<std::size_t>(packet.payload.size(), 0xffff));
  ++seen;
  if (!runs.empty() && runs.back().size == size && runs.back().payload_type == packet.payload_type) {
    ++runs.back().packets;
    runs.back().last = frame;
  } else if (runs.size() < kCap) {
    runs.push_back({frame, frame, 1, size, packet.payload_type});
  }
  if (size == usual) {
    ++votes;
  } else if (votes == 0) {
    usual = size;
    votes = 1;
  } else {
    --votes;
  }
}

}  // namespace voip::analyze::srtp
