#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <string>

#include "base/endpoint.h"
#include "base/frame_ref.h"

namespace voip::session {

// What an analyzer hangs on a stream; it lives and dies with the stream.
class Attachment {
 public:
  virtual ~Attachment() = default;
  // What the stream's next packet will read first, for the tracker to fetch early. May be null, even stale.
  std::array<const void*, 2> hot{};
};

struct Call;

struct StreamKey {
  Endpoint src;
  Endpoint dst;
  std::array<std::uint8_t, 4> ssrc{};  // network order
  friend bool operator==(const StreamKey& a, const StreamKey& b) {
    return a.ssrc[0] == b.ssrc[0] && a.ssrc[1] == b.ssrc[1] && a.ssrc[2] == b.ssrc[2] && a.ssrc[3] == b.ssrc[3] &&
           a.src == b.src && a.dst == b.dst;
  }
};

// One RTP or SRTP stream: one SSRC in one direction between two sockets.
struct MediaStream {
  StreamKey key;
  std::uint32_t ssrc = 0;
  Call* call = nullptr;  // whose SDP names one of its ends; null: orphan (so far)
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  // UDP payload
  FrameRef first;
  FrameRef last;
  std::bitset<128> payload_types;
  // Who is at the other side of the TURN server at one end, where one carries the stream; default: none, or not known.
  Endpoint behind;
  bool behind_dst = false;  // the server is dst
  bool truncated = false;   // some packets were cut by the snap length
  bool proven = false;      // named by an SDP, or behaves like RTP over several packets
  // The heuristic for RTP without signalling: steps that a sender of RTP would make, and others.
  std::uint16_t last_sequence = 0;
  std::uint32_t last_timestamp = 0;
  std::uint8_t last_payload_type = 0;
  std::uint16_t good_steps = 0;
  std::uint16_t bad_steps = 0;
  Timestamp touched;
  std::unique_ptr<Attachment> attachment;
};

// The RTCP that one SSRC sent from one socket to another, judged packet by packet.
struct RtcpFlow {
  StreamKey key;
  std::uint32_t ssrc = 0;
  Call* call = nullptr;
  std::uint64_t packets = 0;
  std::uint64_t clear = 0;
  std::uint64_t encrypted = 0;  // the rest could not be told
  FrameRef first;
  FrameRef last;
  FrameRef first_clear;
  FrameRef last_clear;
  std::string cname;   // of the first clear SDES
  bool muxed = false;  // on the socket pair of RTP
  std::unique_ptr<Attachment> attachment;
};

// DTLS or ZRTP between two sockets (both directions are one flow).
struct KeyingFlow {
  Endpoint a;  // sender of the first packet
  Endpoint b;
  Call* call = nullptr;
  std::uint64_t dtls_packets = 0;
  std::uint64_t zrtp_packets = 0;
  std::uint64_t stun_packets = 0;
  FrameRef first;
  FrameRef last;
  bool zrtp_secured = false;  // Conf2ACK seen
  FrameRef zrtp_secured_frame;
  Endpoint behind;        // the peer behind the TURN server at one end; default: none, or not known
  bool behind_b = false;  // the server is b
  std::unique_ptr<Attachment> attachment;
};

}  // namespace voip::session
