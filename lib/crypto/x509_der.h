#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace voip::crypto {

inline constexpr std::uint8_t kDerInteger = 0x02;
inline constexpr std::uint8_t kDerUtf8 = 0x0c;
inline constexpr std::uint8_t kDerIa5 = 0x16;
inline constexpr std::uint8_t kDerSequence = 0x30;
constexpr std::uint8_t der_context(std::uint8_t number) { return static_cast<std::uint8_t>(0xa0 | number); }

// Reads DER elements front to back: tags of one byte, definite and shortest lengths. Fails for good like ByteCursor.
class DerCursor {
 public:
  DerCursor() = default;
  explicit DerCursor(ByteView bytes) : in_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return in_.remaining() == 0; }
  std::size_t offset() const { return in_.offset(); }
  bool next_is(std::uint8_t tag) const { return !at_end() && in_.rest()[0] == tag; }

  // The contents of the next element, which must have this tag.
  ByteView expect(std::uint8_t tag) {
    std::uint8_t found = 0;
    const ByteView body = any(found);
    return ok_ && found == tag ? body : fail();
  }
  ByteView any(std::uint8_t& tag) {
    tag = in_.be<std::uint8_t>();
    if (!in_.ok() || (tag & 0x1f) == 0x1f) return fail();
    std::size_t length = in_.be<std::uint8_t>();
    if (length >= 0x80) {
      const std::size_t octets = length & 0x7f;
      if (octets == 0 || octets > 4) return fail();
      length = 0;
      for (const std::uint8_t byte : in_.take(octets)) length = (length << 8) | byte;
      if (length < 0x80 || (octets > 1 && (length >> (8 * (octets - 1))) == 0)) return fail();
    }
    const ByteView body = in_.take(length);
    return in_.ok() && ok_ ? body : fail();
  }
  // A non-negative INTEGER of up to 64 bits.
  std::optional<std::uint64_t> number() {
    ByteView body = expect(kDerInteger);
    if (!ok_ || body.empty() || (body[0] & 0x80) != 0) return bad_number();
    if (body.size() > 1 && body[0] == 0) {
      if ((body[1] & 0x80) == 0) return bad_number();
      body = body.subspan(1);
    }
    if (body.size() > 8) return bad_number();
    std::uint64_t value = 0;
    for (const std::uint8_t byte : body) value = (value << 8) | byte;
    return value;
  }
  void reject() { fail(); }

 private:
  ByteView fail() {
    ok_ = false;
    in_ = ByteCursor{};
    return {};
  }
  std::optional<std::uint64_t> bad_number() {
    fail();
    return std::nullopt;
  }

  ByteCursor in_;
  bool ok_ = true;
};

}  // namespace voip::crypto
