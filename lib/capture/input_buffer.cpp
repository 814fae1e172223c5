#include "capture/input_buffer.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

namespace voip::capture {
namespace {
// Room before the aligned part for the start of a record whose rest is still to be read.
constexpr std::size_t kHeadroom = 64U << 10;
constexpr std::size_t kPage = 4096;
}  // namespace

InputBuffer::InputBuffer(std::unique_ptr<ByteSource> source, std::size_t chunk, std::uint64_t* stored_bytes)
    : source_(std::move(source)), stored_bytes_(stored_bytes) {
  const std::size_t headroom = std::min(kHeadroom, chunk);
  capacity_ = chunk + headroom + kPage;
  storage_.reset(new (std::nothrow) std::uint8_t[capacity_]);
  if (!storage_) {
    capacity_ = 0;
    ended_ = out_of_memory_ = true;
    return;
  }
  void* at = storage_.get() + headroom;
  std::size_t space = capacity_ - headroom;
  aligned_ = static_cast<std::uint8_t*>(std::align(kPage, chunk, at, space));
  limit_ = aligned_ + chunk;
  begin_ = end_ = origin_ = aligned_;
}

void InputBuffer::move_to(std::uint8_t* to) {
  const std::size_t kept = available();
  origin_offset_ = offset();
  if (kept != 0) std::memmove(to, begin_, kept);
  begin_ = origin_ = to;
  end_ = to + kept;
}

bool InputBuffer::grow() {
  const std::size_t wanted = std::min(capacity_ * 2, kMaxWanted + kPage);
  if (wanted <= capacity_) return false;
  std::unique_ptr<std::uint8_t[]> larger{new (std::nothrow) std::uint8_t[wanted]};
  if (!larger) {
    out_of_memory_ = true;
    return false;
  }
  move_to(larger.get());
  storage_ = std::move(larger);
  capacity_ = wanted;
  aligned_ = storage_.get();
  limit_ = storage_.get() + capacity_;
  return true;
}

bool InputBuffer::fill(std::size_t n) {
  if (ended_) return false;
  if (available() <= static_cast<std::size_t>(aligned_ - storage_.get())) move_to(aligned_ - available());
  while (available() < n) {
    if (end_ == limit_) {
      // It grows only as bytes are really there: a length that lies costs no memory.
      if (begin_ != storage_.get()) {
        move_to(storage_.get());
      } else if (!grow()) {
        ended_ = true;
        return false;
      }
    }
    const std::size_t got = source_->read({end_, static_cast<std::size_t>(limit_ - end_)});
    if (stored_bytes_ != nullptr) *stored_bytes_ = source_->stored_bytes();
    if (got == 0) {
      ended_ = true;
      return false;
    }
    end_ += got;
  }
  return true;
}

bool InputBuffer::skip(std::uint64_t n) {
  while (n > available()) {
    n -= available();
    begin_ = end_;
    if (!fill(1)) return n == 0;
  }
  begin_ += n;
  return true;
}

}  // namespace voip::capture
