#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/diagnostics.h"
#include "net/datagram.h"
#include "net/stack.h"

namespace voip::net {

// Who carried HEP, and when.
struct Carrier {
  Endpoint src{};
  Endpoint dst{};
  FrameRef frame{};
  bool truncated = false;
};

// HEP messages out of datagrams, and out of frames that a HepStream cut from a stream.
class HepCarrier {
 public:
  HepCarrier(StackCounters& counters, Diagnostics& diagnostics, const HepClock& clock);
  ~HepCarrier();

  // Whether a datagram is HEP (plain, gzipped, any version), on any port: a server sends it from its SIP port too. Its
  // message, if it holds one, was delivered. The first byte decides for nearly all others.
  bool take(ByteView datagram, const Carrier& carrier, Handler& out) {
    if (datagram.empty()) return false;
    switch (datagram[0]) {
      case 'H':
      case 'E':
      case 0x1f:
      case 1:
      case 2: return take_likely(datagram, carrier, out);
      default: return false;
    }
  }
  // One frame, known to be HEP.
  void deliver(ByteView frame, const Carrier& carrier, Handler& out);
  void count(std::string_view name, const Carrier& carrier) { diagnostics_.count(name, carrier.frame); }

 private:
  bool take_likely(ByteView datagram, const Carrier& carrier, Handler& out);

  StackCounters& counters_;
  Diagnostics& diagnostics_;
  const HepClock& clock_;
  std::vector<std::uint8_t> frame_;    // inflated
  std::vector<std::uint8_t> payload_;  // inflated
};

// One direction of a stream that carries HEP frames back to back, or gzip members with frames inside.
class HepStream {
 public:
  enum class Kind : std::uint8_t { kNo, kFrames, kGzip, kTooShort };
  // What a stream is that begins with these bytes. When it begins in its middle, `offset` is where the first frame is.
  static Kind judge(ByteView bytes, bool mid_stream, std::size_t& offset);

  explicit HepStream(Kind kind);
  ~HepStream();
  // lost: bytes missing before these.
  void feed(ByteView bytes, std::uint64_t lost, const Carrier& carrier, HepCarrier& out_of, Handler& out);
  // The end: what is left is a frame without its tail.
  void finish(const Carrier& carrier, HepCarrier& out_of, Handler& out);

 private:
  struct Inflater;
  void feed_frames(ByteView bytes, const Carrier& carrier, HepCarrier& out_of, Handler& out);
  void feed_gzip(ByteView bytes, const Carrier& carrier, HepCarrier& out_of, Handler& out);
  // Cuts frames off the front; what it leaves is an unfinished frame.
  std::size_t cut(ByteView bytes, const Carrier& carrier, HepCarrier& out_of, Handler& out);

  std::vector<std::uint8_t> held_;  // less than one frame
  bool seeking_ = false;            // the place in the stream is lost
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace voip::net
