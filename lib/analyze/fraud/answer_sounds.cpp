#include "analyze/fraud/answer_sounds.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>
#include <utility>

namespace voip::analyze::fraud {

namespace {

constexpr double kSeconds = 3;                // after the answer
constexpr std::uint64_t kMostPackets = 6000;  // of a stream: two minutes of ringing before the answer
constexpr std::size_t kBlock = 160;           // samples: 20 ms, and a tenth of 500 Hz between two of its frequencies
constexpr unsigned kEnough = 135;             // blocks of the 150
constexpr double kQuiet = 60.0 * 60.0;        // variance: 55 dB below full scale
constexpr double kTone = 0.8;                 // of a block's energy between 350 and 500 Hz
constexpr unsigned kToneBlocks = 20;          // 0.4 s
constexpr unsigned kSoundBlocks = 5;          // that are neither quiet nor such a tone
constexpr std::uint8_t kPcmu = 0;
constexpr std::uint8_t kPcma = 8;

// ITU-T G.711.
int linear(std::uint8_t code, bool mu_law) {
  if (mu_law) {
    code = static_cast<std::uint8_t>(~code);
    const int magnitude = ((((code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84;
    return (code & 0x80) != 0 ? -magnitude : magnitude;
  }
  code ^= 0x55;
  const int segment = (code & 0x70) >> 4;
  const int mantissa = ((code & 0x0f) << 4) + 8;
  const int magnitude = segment == 0 ? mantissa : (mantissa + 0x100) << (segment - 1);
  return (code & 0x80) != 0 ? magnitude : -magnitude;
}

using Block = std::array<std::int16_t, kBlock>;

// The share of a block's energy at 350, 400, 450 and 500 Hz, between which all ring-back tones lie (ITU-T E.180).
double tone_share(const Block& block, double mean, double energy) {
  double in_band = 0;
  for (const unsigned k : {7U, 8U, 9U, 10U}) {
    const double c = 2 * std::cos(2 * std::numbers::pi * k / static_cast<double>(kBlock));
    double s1 = 0;
    double s2 = 0;
    for (const std::int16_t sample : block) s2 = std::exchange(s1, sample - mean + c * s1 - s2);
    in_band += s1 * s1 + s2 * s2 - c * s1 * s2;
  }
  return 2 * in_band / (static_cast<double>(kBlock) * energy);
}

// Hangs on a stream; no other part of this analyzer does. Judges 20 ms at a time.
class Ear final : public session::Attachment {
 public:
  bool done() const { return block_ == nullptr; }
  void stop() { block_.reset(); }

  void hear(ByteView payload, bool mu_law) {
    for (const std::uint8_t byte : payload) {
      (*block_)[filled_++] = static_cast<std::int16_t>(linear(byte, mu_law));
      if (filled_ != kBlock) continue;
      judge();
      if (sound_ >= kSoundBlocks) return stop();
    }
  }

  Heard heard() const {
    if (sound_ >= kSoundBlocks) return Heard::kSound;
    if (blocks_ < kEnough) return Heard::kUnknown;
    return tone_ >= kToneBlocks ? Heard::kRinging : Heard::kNothing;
  }

 private:
  void judge() {
    filled_ = 0;
    ++blocks_;
    double sum = 0;
    double squares = 0;
    for (const std::int16_t sample : *block_) {
      sum += sample;
      squares += static_cast<double>(sample) * sample;
    }
    const double mean = sum / kBlock;
    const double energy = squares - sum * mean;
    if (energy < kQuiet * kBlock) return;
    ++(tone_share(*block_, mean, energy) >= kTone ? tone_ : sound_);
  }

  std::unique_ptr<Block> block_ = std::make_unique<Block>();
  std::size_t filled_ = 0;
  unsigned blocks_ = 0;
  unsigned tone_ = 0;
  unsigned sound_ = 0;
};

bool encrypted_media(const session::Call& call) {
  return std::ranges::any_of(call.sdp_uses, [](const session::SdpUse& use) {
    return use.sdp != nullptr && std::ranges::any_of(use.sdp->media(), [](const session::MediaLine& line) {
             return line.secure_profile() || !line.cryptos.empty();
           });
  });
}

// Whether the caller's side described this socket as its own.
bool of_caller(const session::Call& call, const Endpoint& socket) {
  return std::ranges::any_of(call.sdp_uses, [&](const session::SdpUse& use) {
    return use.from_caller && use.sdp != nullptr &&
           std::ranges::any_of(use.sdp->media(), [&](const session::MediaLine& line) { return line.rtp == socket; });
  });
}

}  // namespace

void AnswerSounds::on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) {
  const std::uint8_t type = event.rtp.payload_type;
  if ((type != kPcmu && type != kPcma) || stream.call == nullptr || stream.packets > kMostPackets) return;
  const Timestamp answered = stream.call->answered;
  if (!answered.known() || event.datagram->truncated || event.rtp.padding) return;
  const double since = seconds_between(answered, event.datagram->frame.time);
  if (since < 0) return;
  auto* ear = static_cast<Ear*>(stream.attachment.get());
  if (ear == nullptr) {
    if (since > kSeconds) return;
    stream.attachment = std::make_unique<Ear>();
    ear = static_cast<Ear*>(stream.attachment.get());
  }
  if (ear->done()) return;
  if (since > kSeconds) {
    ear->stop();
  } else {
    ear->hear(event.rtp.payload, type == kPcmu);
  }
}

void AnswerSounds::on_call_end(const session::Call& call) {
  if (!call.answered.known() || calls_.size() >= cap_) return;
  Call found;
  for (const auto& stream : call.streams) {
    const auto* ear = static_cast<const Ear*>(stream->attachment.get());
    if (ear == nullptr) continue;
    const Heard heard = ear->heard();
    if (of_caller(call, stream->key.dst)) {
      found.callee = std::max(found.callee, heard);
    } else if (of_caller(call, stream->key.src)) {
      found.caller = std::max(found.caller, heard);
    }
  }
  if (found.callee == Heard::kUnknown || encrypted_media(call)) return;
  calls_.at_or_new(text_key(call.call_id)) = found;
}

}  // namespace voip::analyze::fraud
