#include "policy/network.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace voip::policy {

namespace {

constexpr unsigned kMappedBits = 96;  // an IPv4 address stands behind ::ffff:0:0/96

// The bits of byte i that a prefix covers.
std::uint8_t mask(unsigned bits, std::size_t i) {
  const auto before = static_cast<unsigned>(8 * i);
  if (bits >= before + 8) return 0xff;
  if (bits <= before) return 0;
  return static_cast<std::uint8_t>(0xff00U >> (bits - before));
}

}  // namespace

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto base = IpAddress::parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  Network network;
  network.base_ = *base;
  if (slash == std::string_view::npos) return network;
  const auto bits = parse_number<unsigned>(text.substr(slash + 1));
  if (!bits || *bits > (base->is_v4() ? 32U : 128U)) return std::nullopt;
  network.bits_ = *bits + (base->is_v4() ? kMappedBits : 0);
  for (std::size_t i = 0; i < 16; ++i) {
    if ((base->bytes()[i] & static_cast<std::uint8_t>(~mask(network.bits_, i))) != 0) return std::nullopt;
  }
  return network;
}

bool Network::contains(const IpAddress& address) const {
  if (base_.is_v4() != address.is_v4()) return false;
  for (std::size_t i = 0; 8 * i < bits_; ++i) {
    if (((base_.bytes()[i] ^ address.bytes()[i]) & mask(bits_, i)) != 0) return false;
  }
  return true;
}

std::string Network::to_string() const {
  if (bits_ == 128) return base_.to_string();
  return fmt::format("{}/{}", base_.to_string(), base_.is_v4() ? bits_ - kMappedBits : bits_);
}

bool Networks::contains(const IpAddress& address) const {
  return std::ranges::any_of(all_, [&](const Network& network) { return network.contains(address); });
}

}  // namespace voip::policy
