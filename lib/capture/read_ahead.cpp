#include "capture/read_ahead.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace voip::capture {
namespace {

constexpr std::size_t kChunk = 256U << 10;
constexpr std::size_t kChunks = 4;

class ReadAhead final : public ByteSource {
 public:
  ReadAhead(std::unique_ptr<ByteSource> source, std::shared_ptr<SpareThreads> spare)
      : source_(std::move(source)), spare_(std::move(spare)), stored_(source_->stored_bytes()) {
    if (spare_ == nullptr || spare_->left == 0) return;
    try {
      thread_ = std::thread([this] { work(); });
      --spare_->left;
    } catch (const std::system_error&) {
      // No thread to be had: read() does its work.
    }
  }

  ~ReadAhead() override {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    room_.notify_one();
    thread_.join();
    ++spare_->left;
  }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  std::uint64_t stored_bytes() const override { return stored_; }
  std::string problem() const override { return ended_ ? problem_ : std::string{}; }

  std::size_t read(std::span<std::uint8_t> out) override {
    if (out.empty() || ended_) return 0;
    if (at_ == size_ && !next_chunk()) return 0;
    const ByteView taken = first_bytes(ByteView{chunks_[current_].bytes}.subspan(at_, size_ - at_), out.size());
    std::copy(taken.begin(), taken.end(), out.begin());
    at_ += taken.size();
    return taken.size();
  }

 private:
  struct Chunk {
    std::vector<std::uint8_t> bytes;
    std::size_t size = 0;      // less than kChunk: the last one
    std::uint64_t stored = 0;  // stored_bytes() behind it
  };

  void fill(Chunk& chunk) {
    chunk.bytes.resize(kChunk);
    chunk.size = 0;
    while (chunk.size < kChunk) {
      const std::size_t got = source_->read(std::span{chunk.bytes}.subspan(chunk.size));
      if (got == 0) break;
      chunk.size += got;
    }
    chunk.stored = source_->stored_bytes();
    if (chunk.size < kChunk) problem_ = source_->problem();
  }

  bool next_chunk() {
    if (size_ != 0 && size_ < kChunk) {
      ended_ = true;
      return false;
    }
    if (thread_.joinable()) {
      std::unique_lock lock(mutex_);
      if (size_ != 0) {
        ++taken_;
        room_.notify_one();
      }
      filled_one_.wait(lock, [this] { return filled_ != taken_; });
      current_ = taken_ % kChunks;
    } else {
      fill(chunks_[0]);
    }
    at_ = 0;
    size_ = chunks_[current_].size;
    stored_ = chunks_[current_].stored;
    ended_ = size_ == 0;
    return !ended_;
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      room_.wait(lock, [this] { return stop_ || filled_ - taken_ < kChunks; });
      if (stop_) return;
      Chunk& chunk = chunks_[filled_ % kChunks];
      lock.unlock();
      fill(chunk);
      lock.lock();
      ++filled_;
      filled_one_.notify_one();
      if (chunk.size < kChunk) return;
    }
  }

  std::unique_ptr<ByteSource> source_;  // the thread's, while there is one
  std::shared_ptr<SpareThreads> spare_;
  std::array<Chunk, kChunks> chunks_;
  std::string problem_;  // set before the last chunk is given
  std::thread thread_;
  // The reader's: where it is in its chunk.
  std::size_t current_ = 0;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  std::uint64_t stored_ = 0;
  bool ended_ = false;

  std::mutex mutex_;
  std::condition_variable filled_one_;
  std::condition_variable room_;
  // Under mutex_.
  std::uint64_t filled_ = 0;
  std::uint64_t taken_ = 0;
  bool stop_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> read_ahead(std::unique_ptr<ByteSource> source, std::shared_ptr<SpareThreads> spare) {
  return std::make_unique<ReadAhead>(std::move(source), std::move(spare));
}

}  // namespace voip::capture
