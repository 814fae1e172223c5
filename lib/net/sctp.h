#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/diagnostics.h"
#include "base/limits.h"
#include "base/table.h"
#include "net/datagram.h"
#include "net/ip.h"
#include "net/stack.h"

namespace voip::net {

// User messages out of SCTP DATA chunks (RFC 9260 section 3.3.1), each as one datagram when its last fragment came.
// Retransmissions are left out; the order of streams is not kept.
class SctpReassembler {
 public:
  SctpReassembler(const Limits& limits, StackCounters& counters, Diagnostics& diagnostics);
  void feed(const IpPacket& packet, const FrameRef& frame, Handler& out);

 private:
  struct Key {
    Endpoint src;
    Endpoint dst;
    std::uint32_t verification_tag = 0;
    bool operator==(const Key&) const = default;
  };
  struct Fragment {
    std::vector<std::uint8_t> bytes;
    bool begin = false;
    bool end = false;
    bool truncated = false;
  };
  struct Flow {
    std::uint32_t newest = 0;  // highest TSN seen
    std::uint64_t seen = 0;    // bit n: newest - n
    bool started = false;
    std::map<std::uint64_t, Fragment> fragments;  // by TSN without its wrap
    std::uint64_t position = 0;                   // of newest
    std::size_t bytes = 0;
  };

  bool is_new(Flow& flow, std::uint32_t tsn);
  void forget(Flow& flow);

  const Limits& limits_;
  StackCounters& counters_;
  Diagnostics& diagnostics_;
  CappedTable<Key, Flow> flows_;
  std::size_t held_bytes_ = 0;
  std::vector<std::uint8_t> message_;
};

}  // namespace voip::net
