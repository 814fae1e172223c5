#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace voip {

// Bytes that somebody else owns.
using ByteView = std::span<const std::uint8_t>;

inline std::string_view as_text(ByteView bytes) {
  // The one place where bytes become characters.
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// At most the first n bytes; never outside.
inline ByteView first_bytes(ByteView bytes, std::size_t n) { return bytes.first(n < bytes.size() ? n : bytes.size()); }

// What is left after the first n bytes; empty when there are fewer.
inline ByteView after_bytes(ByteView bytes, std::size_t n) { return n < bytes.size() ? bytes.subspan(n) : ByteView{}; }

template <std::unsigned_integral T>
constexpr T swap_bytes(T value) {
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  return value;
}

// Loads from bytes that are known to be there (checked by the caller's length test).
// For the packet path, where a cursor's bookkeeping would be paid for each packet.
template <std::unsigned_integral T>
constexpr T load_le(const std::uint8_t* at) {
  if (std::is_constant_evaluated()) {
    T value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;)
      value = static_cast<T>(static_cast<T>(value << (sizeof(T) > 1 ? 8 : 0)) | at[i]);
    return value;
  }
  // One load: compilers don't always make one of a loop over bytes.
  T value;
  std::memcpy(&value, at, sizeof(T));
  return std::endian::native == std::endian::little ? value : swap_bytes(value);
}

template <std::unsigned_integral T>
constexpr T load_be(const std::uint8_t* at) {
  return swap_bytes(load_le<T>(at));
}

inline std::array<std::uint8_t, 2> store_be(std::uint16_t value) {
  return std::bit_cast<std::array<std::uint8_t, 2>>(std::endian::native == std::endian::little ? swap_bytes(value)
                                                                                               : value);
}

// Reads bytes front to back, never outside them. A read past the end gives zero or an empty view,
// marks the cursor failed for good and moves it to the end, so a loop on remaining() stops.
class ByteCursor {
 public:
  ByteCursor() = default;
  explicit ByteCursor(ByteView bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }  // ask once, after the last read
  std::size_t offset() const { return pos_; }
  std::size_t remaining() const { return bytes_.size() - pos_; }
  ByteView rest() const { return bytes_.subspan(pos_); }

  ByteView take(std::size_t n) {
    if (n > remaining()) return fail();  // never pos_ + n: that can wrap
    const ByteView taken = bytes_.subspan(pos_, n);
    pos_ += n;
    return taken;
  }
  void skip(std::size_t n) { (void)take(n); }
  // A child that can't see past its own n bytes.
  ByteCursor sub(std::size_t n) {
    ByteCursor child{take(n)};
    child.ok_ = ok_;
    return child;
  }

  template <std::unsigned_integral T>
  T be() {
    const ByteView taken = take(sizeof(T));
    return taken.empty() ? T{0} : load_be<T>(taken.data());
  }
  template <std::unsigned_integral T>
  T le() {
    const ByteView taken = take(sizeof(T));
    return taken.empty() ? T{0} : load_le<T>(taken.data());
  }
  std::uint32_t be24() {
    const ByteView taken = take(3);
    return taken.empty() ? 0 : (std::uint32_t{taken[0]} << 16) | (std::uint32_t{taken[1]} << 8) | taken[2];
  }
  std::uint64_t be48() {
    const std::uint64_t high = be<std::uint16_t>();
    return (high << 32) | be<std::uint32_t>();
  }

 private:
  ByteView fail() {
    ok_ = false;
    pos_ = bytes_.size();
    return {};
  }

  ByteView bytes_;
  std::size_t pos_ = 0;
  bool ok_ = true;
};

}  // namespace voip
