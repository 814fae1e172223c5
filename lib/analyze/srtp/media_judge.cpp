#include "analyze/srtp/media_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "analyze/srtp/judge_parts.h"

namespace voip::analyze::srtp {
namespace {

using judging::Reading;
using judging::Role;
using judging::Slot;

constexpr std::size_t kSlots = 6;  // payload types told apart; others are not judged
// Sequence numbers that far back are repeats or late; as many of them in a row, and the sender has started anew.
constexpr std::int16_t kReordered = 64;
constexpr std::uint32_t kLongestStep = 200000;  // ticks between packets; more is a pause

}  // namespace

struct MediaJudge::State {
  std::array<std::unique_ptr<Slot>, kSlots> slots;
  std::array<std::uint8_t, kSlots> types{};  // of the slots in use: asked for without going there
  std::uint64_t packets = 0;
  // Of the packet before, whatever its payload type.
  bool started = false;
  std::uint8_t payload_type = 0;
  bool sized = false;  // its size may be compared with the step to the next
  std::uint16_t sequence = 0;
  std::uint16_t late = 0;
  std::uint16_t size = 0;
  std::uint32_t timestamp = 0;

  Slot* slot(std::uint8_t payload_type_wanted);
};

Slot* MediaJudge::State::slot(std::uint8_t wanted) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (slots[i] == nullptr) {
      slots[i] = std::make_unique<Slot>();
      slots[i]->payload_type = types[i] = wanted;
    }
    if (types[i] == wanted) return slots[i].get();
  }
  return nullptr;
}

MediaJudge::MediaJudge() = default;
MediaJudge::~MediaJudge() = default;
MediaJudge::MediaJudge(MediaJudge&&) noexcept = default;
MediaJudge& MediaJudge::operator=(MediaJudge&&) noexcept = default;

void MediaJudge::add(const rtp::PacketView& packet, const FrameRef& frame, bool truncated, std::uint32_t missing) {
  if (state_ == nullptr) state_ = std::make_unique<State>();
  State& state = *state_;
  const auto size = static_cast<std::uint16_t>(std::min<std::size_t>(packet.payload.size() + missing, 0xffff));
  const auto ahead = static_cast<std::int16_t>(packet.sequence - state.sequence);
  if (state.started && ahead <= 0 && ahead > -kReordered) {
    // A repeat (mirror port, retransmission) would look like an encoder that repeats itself. A late one adds nothing.
    if (++state.late < kReordered) return;
  }
  state.late = 0;
  Slot* slot = packet.payload.empty() ? nullptr : state.slot(packet.payload_type);
  if (slot != nullptr) {
    const std::uint32_t step = packet.timestamp - state.timestamp;
    const bool follows = state.started && ahead == 1 && state.sized && state.payload_type == packet.payload_type;
    judging::watch_size(*slot, size, frame);
    if (follows && !packet.marker && step != 0 && step < kLongestStep) judging::count_pair(*slot, step, state.size);
    ++state.packets;
    ++slot->packets;
    slot->bytes += size;
    judging::count_packet(*slot, frame, judging::ask(*slot, packet.payload, size, truncated));
  }
  state.started = true;
  state.sized = slot != nullptr && (!truncated || missing != 0) && !packet.padding;
  state.payload_type = packet.payload_type;
  state.sequence = packet.sequence;
  state.timestamp = packet.timestamp;
  state.size = size;
}

std::array<const void*, 2> MediaJudge::hot() const {
  if (state_ == nullptr) return {};
  for (const auto& slot : state_->slots) {
    if (slot != nullptr && slot->payload_type == state_->payload_type) return {state_.get(), slot.get()};
  }
  return {state_.get(), nullptr};
}

std::uint64_t MediaJudge::packets() const { return state_ == nullptr ? 0 : state_->packets; }

namespace {

// The bulk: the payload type with most packets among those that could be judged.
const Reading& bulk_of(const std::vector<Reading>& media) {
  const auto weight = [](const Reading& r) {
    return r.slot.packets * (r.observed == Observed::kUndetermined ? 1 : 1000);
  };
  const Reading* main = &media.front();
  for (const Reading& reading : media) {
    if (weight(reading) > weight(*main)) main = &reading;
  }
  return *main;
}

void count_kinds(Judgement& judgement, const std::vector<Reading>& media, const std::vector<Reading>& others) {
  for (const Reading& reading : media) {
    judgement.cleartext_packets += reading.clear;
    judgement.encrypted_packets += reading.encrypted;
  }
  // Key presses and comfort noise are too few to judge alone, mostly: they go with the bulk unless they speak.
  for (const Reading& reading : others) {
    if (reading.observed == Observed::kCleartext ||
        (reading.observed == Observed::kUndetermined && judgement.observed == Observed::kCleartext)) {
      judgement.cleartext_packets += reading.slot.packets;
    } else if (judgement.observed != Observed::kUndetermined) {
      judgement.encrypted_packets += reading.slot.packets;
    }
  }
}

void find_clear_frames(Judgement& judgement, const std::vector<Reading>& others) {
  for (const Stretch& stretch : judgement.stretches) {
    if (stretch.observed != Observed::kCleartext) continue;
    if (!judgement.first_clear.known()) judgement.first_clear = stretch.first;
    judgement.last_clear = stretch.last;
  }
  if (judgement.observed == Observed::kCleartext) return;
  for (const Reading& reading : others) {
    if (reading.observed != Observed::kCleartext) continue;
    const FrameRef& first = reading.slot.segments.front().first;
    const FrameRef& last = reading.slot.segments.back().last;
    if (!judgement.first_clear.known() || first < judgement.first_clear) judgement.first_clear = first;
    if (!judgement.last_clear.known() || judgement.last_clear < last) judgement.last_clear = last;
  }
}

}  // namespace

Judgement MediaJudge::judge(std::span<const CodecHint> hints, std::optional<unsigned> negotiated_overhead,
                            std::optional<bool> promised) const {
  Judgement judgement;
  judgement.reason = "no packets with a payload";
  if (state_ == nullptr || state_->packets == 0) return judgement;
  std::vector<Reading> media;
  std::vector<Reading> others;
  for (const auto& slot : state_->slots) {
    if (slot == nullptr) break;
    Reading reading =
        judging::read_slot(*slot, hints, negotiated_overhead, promised.value_or(negotiated_overhead.has_value()));
    (reading.role == Role::kMedia ? media : others).push_back(std::move(reading));
  }
  if (media.empty()) std::swap(media, others);
  const Reading& main = bulk_of(media);
  judgement.packets = state_->packets;
  judgement.observed = main.observed;
  judgement.proof = main.proof;
  judgement.reason = main.reason;
  judgement.codec = main.codec.name;
  judgement.codec_guessed = main.guessed;
  judgement.overhead = main.overhead;
  judgement.overheads = main.overheads;
  count_kinds(judgement, media, others);
  judgement.stretches = judging::stretches_of(media);
  find_clear_frames(judgement, others);
  if (judgement.observed == Observed::kEncrypted && judgement.cleartext_packets > 0)
    judgement.reason += fmt::format("; {} packets are in clear", judgement.cleartext_packets);
  if (judgement.observed == Observed::kCleartext && judgement.encrypted_packets > 0)
    judgement.reason += fmt::format("; {} packets are encrypted", judgement.encrypted_packets);
  return judgement;
}

}  // namespace voip::analyze::srtp
