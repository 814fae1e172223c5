#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace voip {

// An IPv4 or IPv6 address. IPv4 is kept mapped (::ffff:a.b.c.d), so that one compare serves both.
class IpAddress {
 public:
  IpAddress() = default;  // "::": unknown
  static IpAddress v4(std::uint32_t host_order);
  // 4 bytes in network order. As one store of 16 bytes: a load of 16 right behind two stores of 8 would wait for both,
  // and each packet passes here.
  static IpAddress v4_at(const std::uint8_t* four) {
    using Words __attribute__((vector_size(16))) = std::uint64_t;
    constexpr std::uint64_t kMappedWord = std::endian::native == std::endian::little ? 0xffff0000 : 0xffff;
    const std::uint64_t value = load_le<std::uint32_t>(four);
    const std::uint64_t high = std::endian::native == std::endian::little
                                   ? value << 32 | kMappedWord
                                   : kMappedWord << 32 | load_be<std::uint32_t>(four);
    const Words words{0, high};
    IpAddress address;
    std::memcpy(address.bytes_.data(), &words, sizeof words);
    return address;
  }
  // 4 or 16 bytes in network order; anything else gives the unknown address.
  static IpAddress from_bytes(ByteView bytes);
  // "192.0.2.1", "2001:db8::1" (also in brackets). No names, no zones.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const;
  bool unspecified() const;  // :: or 0.0.0.0
  bool loopback() const;
  bool multicast() const;
  // RFC 1918, RFC 4193, RFC 6598, link-local and loopback.
  bool is_private() const;
  std::uint32_t v4_value() const;  // host order; only when is_v4()
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  std::string to_string() const;
  auto operator<=>(const IpAddress&) const = default;
  // By two words: on the packet path a call to memcmp would cost more than the compare.
  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    std::uint64_t x[2];
    std::uint64_t y[2];
    std::memcpy(x, a.bytes_.data(), sizeof(x));
    std::memcpy(y, b.bytes_.data(), sizeof(y));
    return x[0] == y[0] && x[1] == y[1];
  }

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// An address and a port, 18 bytes without padding: usable as a hash key by its bytes.
struct Endpoint {
  IpAddress address;
  std::array<std::uint8_t, 2> port_bytes{};  // network order

  Endpoint() = default;
  Endpoint(const IpAddress& a, std::uint16_t port) : address(a), port_bytes(store_be(port)) {}
  std::uint16_t port() const { return load_be<std::uint16_t>(port_bytes.data()); }
  // "192.0.2.1:4000", "[2001:db8::1]:4000".
  std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
  friend bool operator==(const Endpoint& a, const Endpoint& b) {
    return a.port_bytes[0] == b.port_bytes[0] && a.port_bytes[1] == b.port_bytes[1] && a.address == b.address;
  }
};
static_assert(sizeof(Endpoint) == 18);

}  // namespace voip
