#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/diagnostics.h"
#include "base/limits.h"
#include "base/table.h"
#include "net/datagram.h"
#include "net/hep_carrier.h"
#include "net/stack.h"

namespace voip::net {

struct TcpSegment {
  static constexpr std::uint8_t kFin = 0x01;
  static constexpr std::uint8_t kSyn = 0x02;
  static constexpr std::uint8_t kRst = 0x04;
  static constexpr std::uint8_t kAck = 0x10;

  Endpoint src;
  Endpoint dst;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = 0;
  ByteView payload;
  std::size_t missing = 0;  // bytes behind the payload that the capture cut
  FrameRef frame;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

// Both directions of all connections, in order and without repetition (RFC 9293). A hole is given up once the other
// side acknowledges what lies behind it, or when too much, or for too long, waits behind it.
class TcpReassembler {
 public:
  TcpReassembler(const Limits& limits, StackCounters& counters, Diagnostics& diagnostics, HepCarrier& hep);
  ~TcpReassembler();

  void feed(const TcpSegment& segment, Handler& out);
  void finish(Handler& out);

 private:
  struct Held {
    std::vector<std::uint8_t> bytes;
    std::size_t missing = 0;
    FrameRef frame;
  };
  // What waits behind holes, by position.
  struct Waiting {
    std::map<std::uint64_t, Held> held;
    std::size_t bytes = 0;
  };
  // Positions are sequence numbers without their wrap.
  struct Direction {
    std::uint64_t begin = 0;           // of the first byte
    std::uint64_t next = 0;            // of the byte that is wanted
    std::uint64_t acked = 0;           // behind all that the other side says it has
    std::uint64_t fin = 0;             // behind the last byte
    std::uint64_t lost = 0;            // not yet told
    std::unique_ptr<Waiting> waiting;  // null, or not empty: connections are many, holes are rare
    std::unique_ptr<HepStream> hep;
    std::array<std::uint8_t, 4> undecided{};
    std::uint8_t undecided_size = 0;
    std::uint8_t strays = 0;  // segments in a row that fit nowhere
    bool started = false;     // `next` is known
    bool mid_stream = false;
    bool fin_seen = false;
    bool finished = false;
    bool judged = false;  // HEP or not is known
  };
  struct Connection {
    std::uint64_t id = 0;
    std::array<Endpoint, 2> ends;  // of the first packet: its source, its destination
    bool closed = false;
    Timestamp touched;
    FrameRef last_frame;
    std::array<Direction, 2> directions;
  };
  struct Key {
    Endpoint low;
    Endpoint high;
    bool operator==(const Key&) const = default;
  };

  Connection* find_or_open(const Key& key, const TcpSegment& segment, Handler& out);
  void open(Connection& connection, const TcpSegment& segment);
  void take(Connection& connection, unsigned direction, const TcpSegment& segment, Handler& out);
  void hold(Connection& connection, unsigned direction, std::uint64_t position, const TcpSegment& segment,
            Handler& out);
  void drain(Connection& connection, unsigned direction, Handler& out);
  // Up to the first held bytes.
  void give_up_hole(Connection& connection, unsigned direction, Handler& out);
  void give_up_acked(Connection& connection, unsigned direction, Handler& out);
  void give_up_all(Connection& connection, unsigned direction, Handler& out);
  void deliver(Connection& connection, unsigned direction, ByteView bytes, const FrameRef& frame, Handler& out);
  void close(Connection& connection, Handler& out);

  const Limits& limits_;
  StackCounters& counters_;
  Diagnostics& diagnostics_;
  HepCarrier& hep_;
  CappedTable<Key, Connection> connections_;
  std::uint64_t next_id_ = 1;
  std::size_t held_bytes_ = 0;
};

}  // namespace voip::net
