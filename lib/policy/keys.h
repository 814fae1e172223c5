#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/policy.h"

namespace voip::policy {

// What a value must look like; its place tells the type.
enum class Kind : std::uint8_t {
  kPlain,
  kCountry,
  kDigits,   // a dial prefix
  kZone,     // of the tz database
  kNumbers,  // E.164 prefixes
  kDomains,
  kDestinations,
  kTiers,
  kRates,
};

using Place = std::variant<bool*, std::uint64_t*, double*, std::string*, std::vector<std::string>*,
                           std::vector<double>*, Window*, Networks*, Hosts*, Hours*>;

struct Key {
  std::string_view name{};  // "site.country"
  Kind kind = Kind::kPlain;
  std::string_view help{};     // one sentence or two
  std::string_view used_by{};  // check or tool
  std::string_view example{};  // TOML; empty: the default
  Place (*place)(Policy&) = nullptr;
  std::uint64_t least = 0;  // of a number
  std::uint64_t most = UINT64_MAX;
};

// All keys of [site] and the thresholds, in the order of the example file.
std::span<const Key> keys();

// Keys of [[trunk]] and [[suppress]] with what they mean, for the loader and the example.
struct ListKey {
  std::string_view name{};
  std::string_view help{};
  std::string_view example{};
};
std::span<const ListKey> trunk_keys();
std::span<const ListKey> suppress_keys();

// A value as TOML.
std::string to_toml(const Place& place);
std::string quoted(std::string_view text);

}  // namespace voip::policy
