#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "analyze/srtp/packet_queue.h"
#include "base/bytes.h"
#include "base/frame_ref.h"
#include "crypto/srtp.h"
#include "crypto/srtp_search.h"

namespace voip::analyze::srtp {

struct AuthState;

// Checks the tags of many streams' packets on other threads. One thread (the walker) hands packets over and gets them
// back, all in the order in which they were handed over, while it adds or joins; it works along where the others don't
// keep up. With one thread it does all, which is still faster than packet by packet where SrtpTagCheck can do many at
// once. Threads start when the first batch is full. Memory: about 100 KB for each of two batches and two a thread.
class TagPool {
 public:
  // threads: the walker included. queued_bytes: what all PacketQueues hold.
  TagPool(unsigned threads, const std::size_t& queued_bytes);
  ~TagPool();
  TagPool(const TagPool&) = delete;
  TagPool& operator=(const TagPool&) = delete;

  // Whether to use it at all.
  bool helps() const { return threads_ > 1 || crypto::SrtpTagCheck::faster_together(); }

  // Copies the packet. Gives this one and earlier ones back to AuthState::take(), now or later.
  void add(AuthState& stream, const crypto::SrtpTagCheck& check, const crypto::KeySearch::Tried& what, ByteView packet,
           std::size_t header_size, const FrameRef& frame);
  // Gives all back.
  void join();

  // A packet that fails is queued when it comes back. All queues together are bounded; so that it is the same ones that
  // find no room, whenever they come back, packets are no longer taken when the bound is near.
  bool has_room() const { return *queued_bytes_ + pending_bytes_ + kSlack <= PacketQueue::kAllBytes; }
  // Before a packet is queued by the walker itself.
  void keep_room() {
    if (pending_bytes_ != 0 && !has_room()) join();
  }

 private:
  static constexpr std::size_t kBatchPackets = 512;
  static constexpr std::size_t kBatchPacketsAlone = 64;  // that stay in the nearest cache
  static constexpr std::size_t kBatchBytes = 96U << 10;
  static constexpr std::size_t kSlack = 2U << 16;  // more than a packet costs

  struct Entry {
    AuthState* stream = nullptr;
    const crypto::SrtpTagCheck* check = nullptr;
    FrameRef frame;
    crypto::KeySearch::Tried tried;
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    std::uint32_t header_size = 0;
  };
  struct Batch {
    std::vector<Entry> entries;
    std::vector<std::uint8_t> bytes;
    std::vector<crypto::SrtpTagCheck::Job> jobs;
    bool done = false;  // under mutex_
    ByteView packet(const Entry& entry) const { return ByteView{bytes}.subspan(entry.at, entry.size); }
  };

  static void check_all(Batch& batch, crypto::SrtpTagBench& bench);
  Batch& batch(std::uint64_t number) { return *batches_[number % batches_.size()]; }
  void publish();
  bool step(bool may_wait);
  void give_back(Batch& batch);
  void start();
  void work();

  unsigned threads_;
  std::size_t batch_packets_;
  const std::size_t* queued_bytes_;
  std::size_t pending_bytes_ = 0;
  std::vector<std::unique_ptr<Batch>> batches_;  // a ring; the one after the last published is being filled
  crypto::SrtpTagBench bench_;
  std::vector<std::thread> workers_;
  bool started_ = false;
  std::uint64_t given_back_ = 0;

  std::mutex mutex_;
  std::condition_variable published_one_;
  std::condition_variable done_one_;
  // Under mutex_. Only the walker changes published_, so it may read it without.
  std::uint64_t published_ = 0;
  std::uint64_t claimed_ = 0;
  bool walker_waits_ = false;
  bool stop_ = false;
};

}  // namespace voip::analyze::srtp
