#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"

namespace voip::analyze::timeline {

// What of the account is wanted: --call-id, --number, --account, --address. Nothing given: all.
struct Narrow {
  struct Block {
    IpAddress address;
    unsigned bits = 128;  // of the mapped form: an IPv4 prefix plus 96
    bool contains(const IpAddress& other) const;
  };
  std::vector<std::string> call_ids;
  std::vector<std::string> numbers;
  std::vector<std::string> accounts;
  std::vector<Block> addresses;

  bool everything() const { return call_ids.empty() && numbers.empty() && accounts.empty() && addresses.empty(); }
  bool wants_call_id(std::string_view call_id) const;
  // user: as in a URI's user part, or a whole URI.
  bool wants_user(std::string_view user) const;
  bool wants_address(const IpAddress& address) const;

  // "192.0.2.1", "192.0.2.0/24", "2001:db8::/32".
  static std::optional<Block> parse_block(std::string_view text);
};

}  // namespace voip::analyze::timeline
