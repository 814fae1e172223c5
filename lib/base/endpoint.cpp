#include "base/endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

namespace voip {

namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress address;
  std::ranges::copy(kMapped, address.bytes_.begin());
  for (unsigned i = 0; i < 4; ++i) address.bytes_[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return address;
}

IpAddress IpAddress::from_bytes(ByteView bytes) {
  IpAddress address;
  if (bytes.size() == 4) {
    std::ranges::copy(kMapped, address.bytes_.begin());
    std::ranges::copy(bytes, address.bytes_.begin() + 12);
  } else if (bytes.size() == 16) {
    std::ranges::copy(bytes, address.bytes_.begin());
  }
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  std::array<char, INET6_ADDRSTRLEN + 1> terminated{};
  if (text.size() >= terminated.size()) return std::nullopt;
  std::ranges::copy(text, terminated.begin());
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::array<std::uint8_t, 16> raw{};
  if (inet_pton(AF_INET, terminated.data(), raw.data()) == 1) return from_bytes(ByteView{raw}.first(4));
  if (inet_pton(AF_INET6, terminated.data(), raw.data()) == 1) return from_bytes(raw);
  return std::nullopt;
}

bool IpAddress::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin()); }

bool IpAddress::unspecified() const { return *this == IpAddress{} || (is_v4() && v4_value() == 0); }

bool IpAddress::loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  IpAddress one;
  one.bytes_[15] = 1;
  return *this == one;
}

bool IpAddress::multicast() const { return is_v4() ? (bytes_[12] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }

bool IpAddress::is_private() const {
  if (loopback()) return true;
  if (!is_v4()) return (bytes_[0] & 0xfe) == 0xfc || (bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80);
  const std::uint32_t value = v4_value();
  return (value >> 24) == 10 || (value >> 20) == 0xac1 || (value >> 16) == 0xc0a8 ||
         (value >> 22) == (0x64400000U >> 22) || (value >> 16) == 0xa9fe;
}

std::uint32_t IpAddress::v4_value() const { return load_be<std::uint32_t>(bytes_.data() + 12); }

std::string IpAddress::to_string() const {
  if (is_v4()) return fmt::format("{}.{}.{}.{}", bytes_[12], bytes_[13], bytes_[14], bytes_[15]);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::string Endpoint::to_string() const {
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port())
                         : fmt::format("[{}]:{}", address.to_string(), port());
}

}  // namespace voip
