#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace voip {

// What bounds memory and work, whatever a capture holds. Each table that reaches its cap drops its longest idle
// entry and counts that by name (coverage.evicted).
struct Limits {
  // net
  std::size_t tunnel_depth = 8;
  std::size_t fragment_trains = 4096;      // datagrams under reassembly
  std::size_t fragment_bytes = 32U << 20;  // held by all of them
  std::chrono::seconds fragment_idle{60};
  std::size_t tcp_connections = 65536;
  std::size_t tcp_buffered_bytes = 64U << 20;  // out-of-order bytes of all connections
  std::size_t tcp_buffered_per_direction = 1U << 20;
  std::chrono::seconds tcp_idle{3600};
  // dissect
  std::size_t sip_message_bytes = 256U << 10;  // one message on a stream
  std::size_t sip_headers = 512;
  std::size_t sdp_media = 64;
  std::size_t sdp_attributes = 1024;
  std::size_t websocket_frame_bytes = 1U << 20;
  // session
  std::size_t transactions = 1U << 18;
  std::size_t calls = 1U << 17;  // live ones
  std::size_t hops_per_call = 64;
  std::size_t media_streams = 1U << 18;  // live ones
  std::chrono::seconds call_idle{4 * 3600};
  std::chrono::seconds call_linger{32};  // after its end, for stragglers and late media
  std::chrono::seconds stream_idle{120};
};

}  // namespace voip
