#include "dissect/media_lane.h"

#include <algorithm>

#include "proto/stun/stun.h"

namespace voip::dissect {
namespace {

constexpr std::size_t kLength = 2;      // RFC 4571
constexpr std::size_t kTurnHead = 4;    // of ChannelData; of STUN, up to its length
constexpr std::size_t kLongest = 4096;  // of the packets that are taken for media
constexpr std::size_t kLongestSample = 3 * kLongest;
constexpr unsigned kInARow = 3;
constexpr unsigned kMostTried = 8;  // packets, empty ones included
constexpr std::size_t kCookieAt = 4;
constexpr std::size_t kKeptCapacity = 4096;  // of an empty buffer

struct Frame {
  bool bad = false;
  std::size_t size = 0;  // on the stream; 0: too few bytes to tell
  ByteView payload{};    // empty: not all there
};

bool is_stun_head(ByteView bytes) {
  return bytes.size() >= kCookieAt + 4 && bytes[0] < 4 &&
         load_be<std::uint32_t>(bytes.data() + kCookieAt) == stun::kMagicCookie;
}

Frame frame_with_length(ByteView bytes) {
  Frame frame;
  if (bytes.size() < kLength) return frame;
  frame.size = kLength + load_be<std::uint16_t>(bytes.data());
  if (frame.size <= bytes.size()) frame.payload = bytes.subspan(kLength, frame.size - kLength);
  return frame;
}

Frame turn_frame(ByteView bytes) {
  Frame frame;
  if (bytes.size() < kTurnHead) return frame;
  const std::size_t length = load_be<std::uint16_t>(bytes.data() + 2);
  std::size_t used = 0;
  if (bytes[0] >= 0x40 && bytes[0] < 0x50) {
    used = kTurnHead + length;
    frame.size = (used + 3) / 4 * 4;
  } else {
    if (bytes.size() < stun::kHeader) {
      frame.bad = bytes[0] >= 4;
      return frame;
    }
    used = frame.size = stun::kHeader + length;
    frame.bad = !is_stun_head(bytes) || length % 4 != 0;
  }
  if (!frame.bad && frame.size <= bytes.size()) frame.payload = bytes.first(used);
  return frame;
}

Frame next_frame(ByteView bytes, Framing framing) {
  return framing == Framing::kTurn ? turn_frame(bytes) : frame_with_length(bytes);
}

// Of a packet that is not all there: whether it may be STUN, ZRTP, DTLS, RTP or RTCP (RFC 7983 section 7).
bool plausible_head(ByteView bytes, Framing framing) {
  std::size_t head = framing == Framing::kLengths ? kLength : 0;
  if (framing == Framing::kTurn && !bytes.empty() && bytes[0] >= 4) head = kTurnHead;
  if (bytes.size() <= head) return true;
  const std::uint8_t first = bytes[head];
  return first < 4 || (first >= 16 && first <= 26) || (first >= 128 && first < 192);
}

// Packets in a row that make sense together.
class Chain {
 public:
  // False: this is no media.
  bool add(ByteView payload) {
    if (++tried_ > kMostTried) return false;
    if (payload.empty()) return true;  // a keepalive
    rtp::PacketView rtp;
    FirstBytes first = classify(payload, rtp);
    if (first == FirstBytes::kTurnChannel) first = classify(payload.subspan(kTurnHead), rtp);
    switch (first) {
      case FirstBytes::kStun: told_ = true; return true;
      case FirstBytes::kRtcp:
      case FirstBytes::kDtls:
      case FirstBytes::kZrtp: ++packets_; return true;
      case FirstBytes::kRtp: break;
      default: return false;
    }
    // Two senders may share a connection, hardly three.
    const auto step = static_cast<std::uint16_t>(rtp.sequence - sequence_);
    follows_ |= have_ && rtp.ssrc == ssrc_ && step > 0 && step < 64;
    have_ = true;
    ssrc_ = rtp.ssrc;
    sequence_ = rtp.sequence;
    ++packets_;
    return true;
  }
  bool told() const { return told_ || (packets_ >= kInARow && (follows_ || !have_)); }

 private:
  bool told_ = false;
  bool follows_ = false;
  bool have_ = false;
  std::uint32_t ssrc_ = 0;
  std::uint16_t sequence_ = 0;
  unsigned packets_ = 0;
  unsigned tried_ = 0;
};

Framing try_framing(ByteView bytes, Framing framing) {
  Chain chain;
  const std::size_t all = bytes.size();
  while (!bytes.empty()) {
    const Frame frame = next_frame(bytes, framing);
    if (frame.bad || frame.size > kLongest) return Framing::kNone;
    if (frame.size == 0 || frame.size > bytes.size()) {
      if (!plausible_head(bytes, framing)) return Framing::kNone;
      break;
    }
    if (!chain.add(frame.payload)) return Framing::kNone;
    if (chain.told()) return framing;
    bytes = bytes.subspan(frame.size);
  }
  return all > kLongestSample ? Framing::kNone : Framing::kMaybe;
}

// Where packets were lost, one that makes sense is enough to go on.
bool plausible_start(ByteView bytes, Framing framing) {
  Chain chain;
  const Frame frame = next_frame(bytes, framing);
  return !frame.bad && !frame.payload.empty() && frame.size <= kLongest && chain.add(frame.payload);
}

}  // namespace

Framing media_framing(ByteView bytes) {
  if (bytes.empty()) return Framing::kMaybe;
  if (is_stun_head(bytes)) return Framing::kTurn;
  if (bytes.size() >= kLength && is_stun_head(bytes.subspan(kLength))) return Framing::kLengths;
  const bool channel = bytes[0] >= 0x40 && bytes[0] < 0x50;
  if (channel) return try_framing(bytes, Framing::kTurn);
  return try_framing(bytes, Framing::kLengths);
}

void MediaLane::feed(const net::Datagram& like, ByteView bytes, Framing framing, bool lost, MediaReader& reader,
                     Observer& observer) {
  if (lost) {
    buffer_.clear();
    synced_ = false;
  }
  if (!synced_) {
    if (!plausible_start(bytes, framing)) return;
    synced_ = true;
  }
  if (buffer_.empty()) {
    const ByteView rest = bytes.subspan(advance(like, bytes, framing, reader, observer));
    buffer_.assign(rest.begin(), rest.end());
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    const std::size_t used = advance(like, buffer_, framing, reader, observer);
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used));
  }
  if (!synced_) buffer_.clear();
  if (buffer_.empty() && buffer_.capacity() > kKeptCapacity) buffer_ = {};
}

std::size_t MediaLane::advance(const net::Datagram& like, ByteView bytes, Framing framing, MediaReader& reader,
                               Observer& observer) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    const Frame frame = next_frame(bytes.subspan(used), framing);
    if (frame.bad) {
      synced_ = false;
      return used;
    }
    if (frame.size == 0 || frame.size > bytes.size() - used) break;
    used += frame.size;
    if (frame.payload.empty()) continue;
    net::Datagram datagram = like;
    datagram.payload = frame.payload;
    (void)reader.read(datagram, observer);
  }
  return used;
}

}  // namespace voip::dissect
