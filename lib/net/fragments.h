#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/diagnostics.h"
#include "base/limits.h"
#include "base/table.h"
#include "net/ip.h"
#include "net/stack.h"

namespace voip::net {

// IP reassembly (RFC 791 section 3.2, RFC 8200 section 4.5), fragments in any order. What came first stays when
// fragments overlap.
class FragmentTable {
 public:
  FragmentTable(const Limits& limits, StackCounters& counters, Diagnostics& diagnostics)
      : limits_(limits), counters_(counters), diagnostics_(diagnostics), trains_(limits.fragment_trains) {}

  // True when the fragment completes its packet: `packet` is then whole, and its payload lasts until the next add() or
  // take_overdue().
  bool add(IpPacket& packet, const FrameRef& frame);

  // A capture filtered by port holds no fragment but the first of each packet. As long as no other kind was seen, a
  // first fragment does not wait long: it is handed out as a packet with its tail missing. True while there are such;
  // `frame` is then the fragment's.
  bool overdue(Timestamp now) const { return now.ns >= next_overdue_ns_ && now.known(); }
  bool take_overdue(Timestamp now, IpPacket& packet, FrameRef& frame);

  // The end of the capture: first fragments come out by take_overdue(), and what remains counts as unfinished.
  void finish();

 private:
  struct Key {
    std::array<std::uint8_t, 16> src{};
    std::array<std::uint8_t, 16> dst{};
    std::uint32_t id = 0;
    std::uint8_t version = 0;
    std::uint8_t protocol = 0;  // 0 for IPv6, where the first fragment alone tells it
    std::uint16_t zero = 0;
  };
  struct KeyHash : TableHash<Key> {};
  friend bool operator==(const Key& a, const Key& b) {
    return a.id == b.id && a.src == b.src && a.dst == b.dst && a.version == b.version && a.protocol == b.protocol;
  }
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  struct Train {
    std::vector<std::uint8_t> bytes;         // up to the highest end seen
    std::vector<Range> have;                 // disjoint, not touching, in order
    std::uint32_t total = 0;                 // 0: the last fragment has not come
    std::uint32_t whole_until = 0xffffffff;  // where the first byte is that the snap length took
    std::uint8_t protocol = 0;
    FrameRef first_frame;  // of offset 0
    std::uint32_t first_end = 0;
  };
  struct Waiting {
    Key key;
    std::int64_t until_ns = 0;
  };

  static Key key_of(const IpPacket& packet);
  void let_go(Train& train, bool evicted);
  void make_room(Timestamp now);
  void set_next_overdue();

  const Limits& limits_;
  StackCounters& counters_;
  Diagnostics& diagnostics_;
  CappedTable<Key, Train, KeyHash> trains_;
  std::size_t held_bytes_ = 0;
  std::vector<std::uint8_t> whole_;  // the packet that was handed out last
  bool later_fragments_seen_ = false;
  std::deque<Waiting> waiting_;  // first fragments, oldest first
  std::int64_t next_overdue_ns_ = INT64_MAX;
};

}  // namespace voip::net
