#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "capture/byte_source.h"

namespace voip::capture {

// One reused buffer over a source. What data() shows stays in place until the next have() or skip().
class InputBuffer {
 public:
  static constexpr std::size_t kMaxWanted = (256U << 20) + 4096;
  static constexpr std::size_t kDefaultChunk = 512U << 10;

  // chunk: what one read asks for. stored_bytes: kept at what was taken from the source; may be null.
  InputBuffer(std::unique_ptr<ByteSource> source, std::size_t chunk, std::uint64_t* stored_bytes);

  // Whether n bytes (at most kMaxWanted) lie at data(). False: the input ends before, and all that is left lies there.
  bool have(std::size_t n) { return n <= available() || fill(n); }
  const std::uint8_t* data() const { return begin_; }
  std::size_t available() const { return static_cast<std::size_t>(end_ - begin_); }
  ByteView view(std::size_t n) const { return first_bytes({begin_, available()}, n); }
  // n: at most available().
  void advance(std::size_t n) { begin_ += n; }
  // Past bytes that need not lie in the buffer. False: the input ended before.
  bool skip(std::uint64_t n);
  // Of data(), in the unpacked input.
  std::uint64_t offset() const { return origin_offset_ + static_cast<std::uint64_t>(begin_ - origin_); }
  bool out_of_memory() const { return out_of_memory_; }
  const ByteSource& source() const { return *source_; }

 private:
  bool fill(std::size_t n);
  bool grow();
  void move_to(std::uint8_t* to);

  std::unique_ptr<ByteSource> source_;
  std::unique_ptr<std::uint8_t[]> storage_;
  std::size_t capacity_ = 0;
  std::uint8_t* aligned_ = nullptr;  // where reads start, so that the kernel copies to whole pages
  std::uint8_t* limit_ = nullptr;
  std::uint8_t* begin_ = nullptr;
  std::uint8_t* end_ = nullptr;
  std::uint8_t* origin_ = nullptr;
  std::uint64_t origin_offset_ = 0;
  std::uint64_t* stored_bytes_ = nullptr;
  bool ended_ = false;
  bool out_of_memory_ = false;
};

}  // namespace voip::capture
