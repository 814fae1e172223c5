#include "analyze/srtp/tag_pool.h"

#include <algorithm>
#include <system_error>

#include "analyze/srtp/auth.h"

namespace voip::analyze::srtp {

namespace {

constexpr unsigned kMostWorkers = 15;  // one walker doesn't feed more

}  // namespace

TagPool::TagPool(unsigned threads, const std::size_t& queued_bytes)
    : threads_(std::clamp(threads, 1U, kMostWorkers + 1)),
      batch_packets_(threads_ == 1 ? kBatchPacketsAlone : kBatchPackets),
      queued_bytes_(&queued_bytes) {
  batches_.resize(std::size_t{2} + std::size_t{2} * threads_);
}

TagPool::~TagPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  published_one_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void TagPool::add(AuthState& stream, const crypto::SrtpTagCheck& check, const crypto::KeySearch::Tried& what,
                  ByteView packet, std::size_t header_size, const FrameRef& frame) {
  auto& slot = batches_[published_ % batches_.size()];
  if (slot == nullptr) {
    slot = std::make_unique<Batch>();
    slot->entries.reserve(kBatchPackets);
    slot->bytes.reserve(kBatchBytes + (kBatchBytes >> 3));
  }
  Batch& open = *slot;
  open.entries.push_back({&stream, &check, frame, what, static_cast<std::uint32_t>(open.bytes.size()),
                          static_cast<std::uint32_t>(packet.size()), static_cast<std::uint32_t>(header_size)});
  open.bytes.insert(open.bytes.end(), packet.begin(), packet.end());
  pending_bytes_ += packet.size() + PacketQueue::kEntryBytes;
  if (open.entries.size() < batch_packets_ && open.bytes.size() < kBatchBytes) return;
  if (!started_) start();
  publish();
  while (step(workers_.empty())) {
  }
  // The next one to fill must be free.
  while (published_ - given_back_ == batches_.size()) (void)step(true);
}

void TagPool::join() {
  if (const auto& open = batches_[published_ % batches_.size()]; open != nullptr && !open->entries.empty()) publish();
  while (given_back_ != published_) (void)step(true);
}

void TagPool::publish() {
  {
    const std::lock_guard lock(mutex_);
    ++published_;
  }
  if (!workers_.empty()) published_one_.notify_one();
}

// Gives the oldest batch back if its tags were checked. Else, if it may wait: checks another, or waits for it.
// False: nothing was done.
bool TagPool::step(bool may_wait) {
  if (given_back_ == published_) return false;
  Batch& oldest = batch(given_back_);
  Batch* mine = nullptr;
  {
    std::unique_lock lock(mutex_);
    if (!oldest.done) {
      if (!may_wait) return false;
      if (claimed_ != published_) {
        mine = &batch(claimed_++);
      } else {
        walker_waits_ = true;
        done_one_.wait(lock, [&] { return oldest.done; });
        walker_waits_ = false;
      }
    }
    if (mine == nullptr) oldest.done = false;
  }
  if (mine != nullptr) {
    check_all(*mine, bench_);
    const std::lock_guard lock(mutex_);
    mine->done = true;
    return true;
  }
  ++given_back_;
  give_back(oldest);
  return true;
}

void TagPool::give_back(Batch& batch) {
  for (const Entry& entry : batch.entries) {
    pending_bytes_ -= entry.size + PacketQueue::kEntryBytes;
    entry.stream->take(batch.packet(entry), entry.header_size, entry.frame, entry.tried);
  }
  batch.entries.clear();
  batch.bytes.clear();
}

void TagPool::check_all(Batch& batch, crypto::SrtpTagBench& bench) {
  batch.jobs.clear();
  for (const Entry& entry : batch.entries)
    batch.jobs.push_back({entry.check, batch.packet(entry), entry.header_size, entry.tried.roc});
  crypto::SrtpTagCheck::verify_rtp(batch.jobs, bench);
  for (std::size_t i = 0; i < batch.entries.size(); ++i) batch.entries[i].tried.valid = batch.jobs[i].valid;
}

void TagPool::start() {
  started_ = true;
  try {
    for (unsigned i = 1; i < threads_; ++i) workers_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // No more threads to be had: the walker does what these don't.
  }
}

void TagPool::work() {
  crypto::SrtpTagBench bench;
  std::unique_lock lock(mutex_);
  for (;;) {
    published_one_.wait(lock, [this] { return stop_ || claimed_ != published_; });
    if (stop_) return;
    Batch& next = batch(claimed_++);
    lock.unlock();
    check_all(next, bench);
    lock.lock();
    next.done = true;
    if (walker_waits_) done_one_.notify_one();
  }
}

}  // namespace voip::analyze::srtp
