#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/diagnostics.h"
#include "base/limits.h"
#include "base/result.h"
#include "dissect/events.h"
#include "net/datagram.h"

namespace voip::dissect {

struct DissectCounters {
  std::uint64_t sip_messages = 0;
  std::uint64_t sip_truncated = 0;
  std::uint64_t tls_flows = 0;         // TCP flows that speak TLS
  std::uint64_t tls_flows_opaque = 0;  // of them not opened
  std::uint64_t evicted_streams = 0;   // stream buffers dropped at the cap
};

// Tells protocols apart and finds where messages end in streams. Media is told by its first bytes only, and passed on
// without copy; SIP is parsed. TLS is opened when secrets are at hand.
class Dissector {
 public:
  explicit Dissector(const Limits& limits);
  ~Dissector();
  Dissector(const Dissector&) = delete;
  Dissector& operator=(const Dissector&) = delete;

  // NSS key log text; may be called at any time and with the same lines again.
  void add_key_log(std::string_view text);
  // Private key of an RSA server certificate, PEM: opens handshakes with RSA key exchange (TLS 1.0 to 1.2).
  Status add_rsa_key(std::string_view pem);

  void on_datagram(const net::Datagram& datagram, Observer& observer);
  void on_stream(const net::StreamChunk& chunk, Observer& observer);
  void on_stream_end(std::uint64_t connection, Observer& observer);
  void finish(Observer& observer);

  const DissectCounters& counters() const;
  // By name: "udp-unknown", "tcp-unknown", "sip.bad-syntax", "sip-anomaly-content-length-too-large", ...
  const Diagnostics& diagnostics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace voip::dissect
