#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/frame_ref.h"

namespace voip::analyze::srtp {

// The latest packets of one stream that wait for a key, oldest first. Bounded for the stream and, by the counter that
// all queues share, for the run.
class PacketQueue {
 public:
  static constexpr std::size_t kHalfBytes = 96U << 10;
  static constexpr std::size_t kAllBytes = 32U << 20;

  // What a packet costs beside its own bytes.
  static constexpr std::size_t kEntryBytes = 40;

  explicit PacketQueue(std::size_t& held_by_all) : held_by_all_(held_by_all) {}
  ~PacketQueue() { clear(); }
  PacketQueue(const PacketQueue&) = delete;
  PacketQueue& operator=(const PacketQueue&) = delete;

  // failed: it was already counted as a failure.
  void add(ByteView packet, std::size_t header_size, const FrameRef& frame, bool failed);
  std::size_t size() const { return old_.entries.size() + young_.entries.size(); }
  bool empty() const { return old_.entries.empty() && young_.entries.empty(); }
  void clear();

  // function(ByteView packet, std::size_t header_size, const FrameRef& frame, bool failed)
  template <class Function>
  void for_each(Function&& function) const {
    for (const Half* half : {&old_, &young_}) {
      std::size_t at = 0;
      for (const Entry& entry : half->entries) {
        function(ByteView{half->bytes}.subspan(at, entry.size), std::size_t{entry.header_size}, entry.frame,
                 entry.failed);
        at += entry.size;
      }
    }
  }

 private:
  struct Entry {
    FrameRef frame;
    std::uint16_t size = 0;
    std::uint16_t header_size = 0;
    bool failed = false;
  };
  static_assert(sizeof(Entry) <= kEntryBytes);
  struct Half {
    std::vector<std::uint8_t> bytes;
    std::vector<Entry> entries;
    std::size_t held() const { return bytes.size() + entries.size() * sizeof(Entry); }
  };
  void drop(Half& half);

  Half old_;
  Half young_;
  std::size_t& held_by_all_;
};

}  // namespace voip::analyze::srtp
