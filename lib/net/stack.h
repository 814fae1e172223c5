#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/diagnostics.h"
#include "base/limits.h"
#include "capture/source.h"
#include "net/datagram.h"

namespace voip::net {

// Told of each HEP message that bears a time; gives how late its sender's clock is, to be taken off that time.
using HepClock = std::function<std::int64_t(const FrameRef& carrier, const HepInfo& info, Timestamp stamped)>;

struct StackOptions {
  bool keep_duplicates = false;
  std::chrono::milliseconds duplicate_window{20};
  HepClock hep_clock{};  // empty: times as sent
};

struct StackCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;       // captured bytes of them
  std::uint64_t duplicates = 0;  // copies left out
  std::uint64_t snapped = 0;     // packets cut by the snap length
  std::uint64_t fragments = 0;
  std::uint64_t fragments_unfinished = 0;
  std::uint64_t tcp_gaps = 0;
  std::uint64_t hep_messages = 0;
  std::uint64_t evicted_fragments = 0;
  std::uint64_t evicted_connections = 0;
};

// Frames in, datagrams and stream bytes out: link layer, tunnels (peeled to the innermost), IP reassembly, duplicate
// removal, TCP and SCTP reassembly, HEP. Nothing is copied or allocated for a plain UDP datagram.
class Stack {
 public:
  Stack(const Limits& limits, const StackOptions& options);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // Calls the handler zero or more times before it returns.
  void feed(const capture::Packet& packet, Handler& handler);
  // The end of the capture: delivers what TCP still holds behind gaps, and ends all streams.
  void finish(Handler& handler);

  const StackCounters& counters() const;
  // Undecoded frames by name: "link-unknown", "ip-protocol-50", "arp", "hep.bad-length", ...
  const Diagnostics& diagnostics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace voip::net
