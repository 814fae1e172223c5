#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/frame_ref.h"

namespace voip::net {

enum class Transport : std::uint8_t { kUdp, kTcp, kSctp };

// Where the bytes were seen. HEP is not the wire: it mirrors what a server handled, already decrypted.
enum class Provenance : std::uint8_t { kWire, kHep };

// What a HEP header tells of its payload. Views end with the packet.
struct HepInfo {
  std::uint8_t version = 0;       // 1, 2, 3
  std::uint8_t payload_type = 1;  // 1 SIP, 5 RTCP as JSON, 34/35 reports, 100 log
  std::uint8_t ip_protocol = 17;  // 17 UDP, 6 TCP, 132 SCTP, 22 "TLS or WebSocket"
  std::uint32_t capture_id = 0;
  std::string_view correlation_id{};
  std::string_view node{};
  Endpoint collector_src{};  // of the packet that carried it
  Endpoint collector_dst{};
};

// One datagram, or one HEP message, with the innermost addresses. The payload lasts until the next packet.
struct Datagram {
  Endpoint src{};
  Endpoint dst{};
  Transport transport = Transport::kUdp;
  Provenance provenance = Provenance::kWire;
  ByteView payload{};
  bool truncated = false;        // the capture cut it: payload is a prefix
  std::uint32_t missing = 0;     // bytes that were cut off, where the headers tell
  FrameRef frame{};              // of the last fragment; frame.time is the HEP time for HEP
  const HepInfo* hep = nullptr;  // set when provenance is kHep
};

// In-order bytes of one direction of one TCP connection (or SCTP stream). The bytes last until the next packet.
struct StreamChunk {
  std::uint64_t connection = 0;  // unique in the run, never reused
  std::uint8_t direction = 0;    // 0: as the first packet seen went; 1: the other
  Endpoint src{};
  Endpoint dst{};
  Transport transport = Transport::kTcp;
  ByteView bytes{};         // may be empty when only `lost` is told
  std::uint64_t lost = 0;   // bytes missing right before these (a gap that nothing filled)
  bool mid_stream = false;  // the first chunk of a direction whose SYN was not seen
  FrameRef frame{};         // that carried the last of the bytes
};

// Downstream of net. Nothing here may keep a view.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void on_datagram(const Datagram& datagram) = 0;
  virtual void on_stream(const StreamChunk& chunk) = 0;
  // FIN from both, RST, eviction, or the end of the capture.
  virtual void on_stream_end(std::uint64_t connection) = 0;
};

}  // namespace voip::net
