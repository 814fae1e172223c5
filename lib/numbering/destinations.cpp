#include "numbering/destinations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/csv.h"
#include "base/text.h"

namespace voip::numbering {

namespace {

constexpr std::string_view kBuiltIn =
#include "numbering/data/e164.inc"
    ;

constexpr std::size_t kMaxRows = 1'000'000;

constexpr std::array<std::pair<DestinationKind, std::string_view>, 13> kKinds{{
    {DestinationKind::kCountry, "country"},
    {DestinationKind::kNanpGeo, "nanp-geo"},
    {DestinationKind::kNanpForeign, "nanp-foreign"},
    {DestinationKind::kNanpTerritory, "nanp-territory"},
    {DestinationKind::kNanpService, "nanp-service"},
    {DestinationKind::kNanpPattern, "nanp-pattern"},
    {DestinationKind::kPremium, "premium-range"},
    {DestinationKind::kSatellite, "satellite"},
    {DestinationKind::kGlobal, "global"},
    {DestinationKind::kNetwork, "network"},
    {DestinationKind::kShared, "shared"},
    {DestinationKind::kUnassigned, "unassigned"},
    {DestinationKind::kReserved, "reserved"},
}};

constexpr std::array<std::string_view, 4> kTiers{"low", "medium", "high", "critical"};

bool all_digits(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

}  // namespace

std::string_view to_string(Tier tier) { return kTiers[static_cast<std::size_t>(tier)]; }

std::optional<Tier> tier_of(std::string_view name) {
  for (std::size_t i = 0; i < kTiers.size(); ++i) {
    if (iequals(name, kTiers[i])) return static_cast<Tier>(i);
  }
  return std::nullopt;
}

std::string_view to_string(DestinationKind kind) { return kKinds[static_cast<std::size_t>(kind)].second; }

std::optional<DestinationKind> destination_kind_of(std::string_view name) {
  for (const auto& [kind, text] : kKinds) {
    if (iequals(name, text)) return kind;
  }
  return std::nullopt;
}

bool Destination::premium() const {
  return kind == DestinationKind::kPremium || prefix == "1900" || prefix == "1NPA976" || prefix == "979";
}

bool Destination::satellite() const {
  return kind == DestinationKind::kSatellite || kind == DestinationKind::kGlobal || kind == DestinationKind::kNetwork;
}

const Destinations& Destinations::built_in() {
  static const Destinations table = [] {
    auto parsed = parse(kBuiltIn, "built-in table");
    return parsed.ok() ? std::move(*parsed) : Destinations{};
  }();
  return table;
}

Result<Destinations> Destinations::parse(std::string_view csv, std::string_view what) {
  Destinations table;
  CsvReader reader(csv);
  std::vector<std::string> row;
  std::vector<std::string> header;
  const auto column = [&](std::string_view name) {
    const auto at = std::ranges::find_if(header, [&](const std::string& cell) { return iequals(trim(cell), name); });
    return static_cast<std::size_t>(at - header.begin());
  };
  std::size_t prefix = 0;
  std::size_t name = 0;
  std::size_t country = 0;
  std::size_t kind = 0;
  std::size_t tier = 0;
  std::size_t least = 0;
  while (reader.next(row)) {
    if (row.size() == 1 && (trim(row[0]).empty() || row[0][0] == '#')) continue;
    if (header.empty()) {
      header = row;
      prefix = column("prefix");
      name = column("name");
      country = column("iso3166");
      kind = column("kind");
      tier = column("tier");
      least = column("digits");
      if (prefix == header.size() || tier == header.size()) {
        return Error{fmt::format("{}: the first line must name the columns prefix, name, iso3166, kind, tier", what)};
      }
      continue;
    }
    const auto cell = [&](std::size_t at) { return at < row.size() ? trim(row[at]) : std::string_view{}; };
    const auto wrong = [&](std::string_view field) {
      return Error{fmt::format("{}:{}: bad {} \"{}\"", what, reader.line(), field,
                               field == "prefix" ? cell(prefix)
                               : field == "tier" ? cell(tier)
                                                 : cell(kind))};
    };
    Destination destination;
    std::string_view digits = cell(prefix);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    destination.prefix = digits;
    destination.name = cell(name).empty() ? std::string(digits) : std::string(cell(name));
    destination.country = cell(country);
    const auto row_tier = tier_of(cell(tier));
    if (!row_tier) return wrong("tier");
    destination.tier = *row_tier;
    if (!cell(kind).empty()) {
      const auto row_kind = destination_kind_of(cell(kind));
      if (!row_kind) return wrong("kind");
      destination.kind = *row_kind;
    }
    destination.digits = parse_number<std::uint8_t>(cell(least)).value_or(0);
    if (digits.size() > 15) return wrong("prefix");
    if (destination.kind == DestinationKind::kNanpPattern) {
      if (!digits.starts_with("1NPA") || !all_digits(digits.substr(4))) return wrong("prefix");
      table.patterns_.push_back(std::move(destination));
    } else {
      if (!all_digits(digits)) return wrong("prefix");
      table.longest_ = std::max(table.longest_, digits.size());
      table.rows_.push_back(std::move(destination));
    }
    if (table.size() > kMaxRows) return Error{fmt::format("{}: more than {} rows", what, kMaxRows)};
  }
  if (table.rows_.empty()) return Error{fmt::format("{}: no destination in it", what)};
  std::ranges::stable_sort(table.rows_, {}, &Destination::prefix);
  return table;
}

const Destination* Destinations::exact(std::string_view prefix) const {
  const auto at = std::ranges::lower_bound(rows_, prefix, {},
                                           [](const Destination& row) -> std::string_view { return row.prefix; });
  return at != rows_.end() && at->prefix == prefix ? &*at : nullptr;
}

const Destination* Destinations::find(std::string_view e164) const {
  if (e164.starts_with('+')) e164.remove_prefix(1);
  const Destination* best = nullptr;
  for (std::size_t n = std::min(longest_, e164.size()); n > 0 && best == nullptr; --n) {
    best = exact(e164.substr(0, n));
    if (best != nullptr && best->digits > e164.size()) best = nullptr;
  }
  // 1 + area code + exchange + 4 digits. Only where the area code is a place: elsewhere it says more than the exchange.
  const bool place = best == nullptr || best->prefix == "1" || best->kind == DestinationKind::kNanpGeo;
  if (!place || e164.size() != 11 || e164[0] != '1' || e164[1] < '2') return best;
  for (const Destination& pattern : patterns_) {
    const std::string_view exchange = std::string_view(pattern.prefix).substr(4);
    if (!e164.substr(4).starts_with(exchange)) continue;
    // Directory assistance, and the numbers that are kept for examples.
    if (exchange == "555" && (e164.ends_with("5551212") || e164.substr(4).starts_with("55501"))) continue;
    return &pattern;
  }
  return best;
}

std::string_view Destinations::calling_code(std::string_view country) const {
  if (country.starts_with('+')) country.remove_prefix(1);
  if (all_digits(country)) return country;
  const Destination* best = nullptr;
  for (const Destination& row : rows_) {
    if (!iequals(row.country, country) || row.country.empty()) continue;
    if (row.kind != DestinationKind::kCountry && row.kind != DestinationKind::kShared && !row.prefix.starts_with('1'))
      continue;
    if (best == nullptr || row.prefix.size() < best->prefix.size()) best = &row;
  }
  if (best == nullptr) return {};
  return best->prefix[0] == '1' ? std::string_view(best->prefix).substr(0, 1) : std::string_view(best->prefix);
}

}  // namespace voip::numbering
