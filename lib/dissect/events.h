#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "net/datagram.h"
#include "proto/rtcp/rtcp.h"
#include "proto/rtp/rtp.h"
#include "proto/sip/message.h"

namespace voip::dissect {

// How a SIP message travelled on the hop where it was seen.
enum class Signalling : std::uint8_t { kUdp, kTcp, kTls, kWs, kWss, kSctp, kDtls };
std::string_view to_string(Signalling signalling);  // "udp", "tcp", "tls", "ws", "wss", "sctp", "dtls"
constexpr bool encrypted(Signalling s) {
  return s == Signalling::kTls || s == Signalling::kWss || s == Signalling::kDtls;
}

// One SIP message. All views last until the call returns.
struct SipEvent {
  const sip::MessageView* message = nullptr;  // never null
  ByteView raw;
  Endpoint src;
  Endpoint dst;
  Signalling signalling = Signalling::kUdp;
  net::Provenance provenance = net::Provenance::kWire;
  const net::HepInfo* hep = nullptr;
  bool truncated = false;  // cut by the snap length
  FrameRef frame;          // in which the message was complete, as tshark counts
};

// What a UDP datagram that is no SIP looks like by its first bytes (RFC 7983, RFC 5761, RFC 6189).
enum class MediaKind : std::uint8_t { kRtp, kRtcp, kStun, kDtls, kZrtp, kTurnChannel, kUnknown };

// A TURN server carries the datagram between its client and a peer. The event's datagram keeps the addresses of the
// packet on the wire, client and server.
struct Relay {
  Endpoint peer;         // unknown (default) when the channel's binding was not seen
  bool to_peer = false;  // the client sent it
};

// A datagram that may belong to a call's media. Whether it does is for the session to decide.
struct MediaEvent {
  MediaKind kind = MediaKind::kUnknown;
  const net::Datagram* datagram = nullptr;  // never null
  rtp::PacketView rtp;                      // for kRtp
  const Relay* relay = nullptr;             // null: not through a TURN server
};

// A TLS connection, told when it is over.
struct TlsFlow {
  Endpoint client;
  Endpoint server;
  std::uint16_t version = 0;  // 0x0303, 0x0304; 0 unknown
  std::uint16_t cipher_suite = 0;
  bool opened = false;  // keys were at hand
  bool web_socket = false;
  bool hello = false;        // the ClientHello was seen
  bool established = false;  // both sides went over to encryption
  std::uint64_t offer = 0;   // of the client's version and suites: equal for equal offers; 0: not seen
  FrameRef first;
};

// How a client begins that speaks neither SIP nor media.
enum class Opening : std::uint8_t { kNone, kHttp, kHttpPost, kOtherText, kUnknown };

// A TCP connection (or what a TLS connection carries, where its keys are at hand) with such a client, from its
// beginning. Told when that is known; of a POST once more when SIP is found in its body.
struct OtherStream {
  Opening opening = Opening::kUnknown;
  Endpoint client;
  Endpoint server;
  bool secure = false;
  bool sip_within = false;
  bool begins_segment = false;  // the SIP within, a TCP segment
  FrameRef frame;
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_sip(const SipEvent& event) = 0;
  virtual void on_media(const MediaEvent& event) = 0;
  virtual void on_tls(const TlsFlow& flow) = 0;
  virtual void on_other_stream(const OtherStream&) {}
};

}  // namespace voip::dissect
