#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/fraud/incident.h"

namespace voip::analyze::fraud {

enum class EmitKind : std::uint8_t { kNftables, kIpset, kFail2ban, kKamailioHtable, kKamailioAddress, kAsteriskAcl };
std::optional<EmitKind> emit_kind_of(std::string_view name);
inline constexpr std::string_view kEmitKinds =
    "nftables, ipset, fail2ban, kamailio-htable, kamailio-address, asterisk-acl";

// An address to block, and for what.
struct Block {
  IpAddress address;
  std::string_view rule;  // id of the leading check
  std::uint64_t count = 0;
  std::int64_t window_s = 0;
  Timestamp last{};
};

struct EmitOptions {
  bool allow_private = false;  // RFC 1918 and the like too
  std::size_t max_entries = 65536;
  unsigned seconds = 86'400;  // how long the entries live
};

// The certain attackers of the incidents, in the order of their addresses. blockable: whether a host does nothing but
// harm.
std::vector<Block> blocks_of(const std::vector<Incident>& incidents,
                             const std::function<bool(const IpAddress&)>& blockable, const EmitOptions& options);
// The list in the syntax of the program that is to read it. Nothing is ever run by us.
std::string emit(EmitKind kind, const std::vector<Block>& blocks, const EmitOptions& options);

}  // namespace voip::analyze::fraud
