#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace voip::numbering {

// How often fraud goes there. A judgement, never a published ranking.
enum class Tier : std::uint8_t { kLow, kMedium, kHigh, kCritical };
std::string_view to_string(Tier tier);
std::optional<Tier> tier_of(std::string_view name);

enum class DestinationKind : std::uint8_t {
  kCountry,
  kNanpGeo,
  kNanpForeign,  // another country behind an area code that looks domestic
  kNanpTerritory,
  kNanpService,
  kNanpPattern,
  kPremium,
  kSatellite,
  kGlobal,
  kNetwork,
  kShared,
  kUnassigned,
  kReserved,
};
std::string_view to_string(DestinationKind kind);
std::optional<DestinationKind> destination_kind_of(std::string_view name);

struct Destination {
  std::string prefix{};   // digits; patterns "1NPA976"
  std::string name{};     // country or service
  std::string country{};  // ISO 3166; empty where there is none
  DestinationKind kind = DestinationKind::kCountry;
  Tier tier = Tier::kLow;
  std::uint8_t digits = 0;  // of the whole number, at least: shorter ones that begin alike are something else

  // Who answers is paid for it: premium ranges, 1-900, 976.
  bool premium() const;
  bool satellite() const;  // also global and network codes
  bool unassigned() const { return kind == DestinationKind::kUnassigned || kind == DestinationKind::kReserved; }
};

// Prefix table; the longest prefix wins.
class Destinations {
 public:
  // The table that comes with the product.
  static const Destinations& built_in();
  // CSV with the columns prefix, name, iso3166, kind, tier and, if wanted, digits (more are ignored). what: names it in
  // the error.
  static Result<Destinations> parse(std::string_view csv, std::string_view what);

  // e164: digits with or without a leading plus. Null when no prefix fits.
  const Destination* find(std::string_view e164) const;
  // The calling code of a country: "DE" or "49" gives "49". NANP countries give "1". Empty when unknown.
  std::string_view calling_code(std::string_view country) const;
  std::size_t size() const { return rows_.size() + patterns_.size(); }

 private:
  const Destination* exact(std::string_view prefix) const;

  std::vector<Destination> rows_;  // by prefix
  std::vector<Destination> patterns_;
  std::size_t longest_ = 0;
};

}  // namespace voip::numbering
