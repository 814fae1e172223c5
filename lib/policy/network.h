#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"

namespace voip::policy {

// An address with a prefix length, of either family.
class Network {
 public:
  // "192.0.2.0/24", "2001:db8::/32"; a bare address is a network of one. Bits behind the prefix must be zero.
  static std::optional<Network> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  std::string to_string() const;
  friend bool operator==(const Network&, const Network&) = default;

 private:
  IpAddress base_;
  unsigned bits_ = 128;  // of the 128 of a mapped address
};

class Networks {
 public:
  void add(const Network& network) { all_.push_back(network); }
  bool contains(const IpAddress& address) const;
  bool empty() const { return all_.empty(); }
  const std::vector<Network>& all() const { return all_; }

 private:
  std::vector<Network> all_;
};

// Machines by address, network or name.
struct Hosts {
  Networks networks;
  std::vector<std::string> names;  // lower case

  bool empty() const { return networks.empty() && names.empty(); }
  bool contains(const IpAddress& address) const { return networks.contains(address); }
};

}  // namespace voip::policy
