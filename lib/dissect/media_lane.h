#pragma once

#include <cstdint>
#include <vector>

#include "dissect/media_reader.h"
#include "net/datagram.h"

namespace voip::dissect {

// How packets of media stand one behind the other in a stream.
enum class Framing : std::uint8_t {
  kNone,     // it is no media
  kMaybe,    // more bytes are needed to tell
  kLengths,  // RFC 4571, ICE over TCP (RFC 6544): 16 bits of length before each
  kTurn,     // RFC 8656 section 12.5: STUN messages, and ChannelData padded to 4 bytes
};
// By bytes that begin where a packet does, or may. Never wrong about text or TLS; others are taken for media only when
// three packets in a row make sense.
Framing media_framing(ByteView bytes);

// One direction of a connection that carries media.
class MediaLane {
 public:
  // like: addresses, transport and frame of the bytes. lost: some are missing before them.
  void feed(const net::Datagram& like, ByteView bytes, Framing framing, bool lost, MediaReader& reader,
            Observer& observer);
  std::size_t held() const { return buffer_.capacity(); }
  void drop() {
    buffer_ = {};
    synced_ = false;
  }

 private:
  std::size_t advance(const net::Datagram& like, ByteView bytes, Framing framing, MediaReader& reader,
                      Observer& observer);

  bool synced_ = true;  // the bytes to come begin where a packet does
  std::vector<std::uint8_t> buffer_;
};

}  // namespace voip::dissect
