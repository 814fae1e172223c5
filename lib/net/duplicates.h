#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "net/ip.h"

namespace voip::net {

// Tells the second copy of a packet (a mirror port, two interfaces of one host) from a packet of its own. Small and of
// fixed size: one cache line is read per packet, and in a flood the oldest entries give way.
class DuplicateFilter {
 public:
  explicit DuplicateFilter(std::chrono::nanoseconds window) : window_(ticks(window.count())), buckets_(kBuckets) {}

  // Whether this hash was met within the window, before or (in merged captures) after `now`; else it is noted. The
  // first copy's time stays, so a steady repetition is not swallowed for ever. Without a time nothing is a copy.
  bool seen(std::uint64_t hash, Timestamp now) {
    if (!now.known()) return false;
    Bucket& bucket = buckets_[hash & (kBuckets - 1)];
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    const std::uint32_t time = ticks(now.ns);
    for (Entry& entry : bucket.entries) {
      if (entry.tag != tag) continue;
      if (time - entry.time + window_ <= 2 * window_) return true;
      entry.time = time;
      return false;
    }
    bucket.entries[bucket.oldest] = {tag, time};
    bucket.oldest = bucket.oldest + 1 == kEntries ? 0 : bucket.oldest + 1;
    return false;
  }

 private:
  static constexpr std::size_t kBuckets = 1024;
  static constexpr std::size_t kEntries = 7;
  struct Entry {
    std::uint32_t tag = 0;
    std::uint32_t time = 0;  // ticks: 65.5 us each, wrapping after three days
  };
  struct alignas(64) Bucket {
    std::array<Entry, kEntries> entries;
    std::uint32_t oldest = 0;
  };
  static_assert(sizeof(Bucket) == 64);

  static std::uint32_t ticks(std::int64_t ns) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(ns) >> 16);
  }

  std::uint32_t window_;
  std::vector<Bucket> buckets_;
};

// Of what makes two packets the same: addresses, protocol, identification, place of the fragment, ports and payload.
// Hop limit, checksums and traffic class may differ on a routed copy.
std::uint64_t duplicate_hash(const IpPacket& packet);

}  // namespace voip::net
