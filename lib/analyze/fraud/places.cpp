#include "analyze/fraud/places.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <tuple>

#include "analyze/fraud/maxmind.h"
#include "base/csv.h"
#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::size_t kMaxRanges = 8'000'000;
constexpr double kEarthKm = 6371;

struct City {
  const char* country;
  float latitude;
  float longitude;
};
constexpr City kCities[] = {
#include "analyze/fraud/data/cities.inc"
};

double radians(double degrees) { return degrees * 3.14159265358979323846 / 180; }

double between(double latitude_a, double longitude_a, double latitude_b, double longitude_b) {
  const double up = std::sin(radians(latitude_b - latitude_a) / 2);
  const double along = std::sin(radians(longitude_b - longitude_a) / 2);
  const double h = up * up + std::cos(radians(latitude_a)) * std::cos(radians(latitude_b)) * along * along;
  return 2 * kEarthKm * std::asin(std::min(1.0, std::sqrt(h)));
}

std::vector<std::pair<double, double>> points_of(const Places::Place& place) {
  if (place.exact) return {{place.latitude, place.longitude}};
  std::vector<std::pair<double, double>> points;
  for (const City& city : kCities) {
    if (place.country == city.country) points.emplace_back(city.latitude, city.longitude);
  }
  return points;
}

// The first and last address of "192.0.2.0/24".
std::optional<std::pair<IpAddress, IpAddress>> network_of(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto base = IpAddress::parse(text.substr(0, slash));
  auto bits = parse_number<unsigned>(text.substr(slash + 1));
  if (!base || !bits || *bits > (base->is_v4() ? 32U : 128U)) return std::nullopt;
  if (base->is_v4()) *bits += 96;
  std::array<std::uint8_t, 16> first = base->bytes();
  std::array<std::uint8_t, 16> last = first;
  for (unsigned bit = *bits; bit < 128; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> bit % 8);
    first[bit / 8] = static_cast<std::uint8_t>(first[bit / 8] & ~mask);
    last[bit / 8] = static_cast<std::uint8_t>(last[bit / 8] | mask);
  }
  return std::pair{IpAddress::from_bytes(first), IpAddress::from_bytes(last)};
}

}  // namespace

Result<Places> Places::parse(std::string_view text, std::string_view what) {
  Places places;
  std::map<std::tuple<std::string, bool, float, float>, std::uint32_t> known;
  CsvReader rows(text);
  std::vector<std::string> cells;
  while (rows.next(cells)) {
    for (std::string& cell : cells) cell = std::string(trim(cell));
    if (cells.front().empty() || cells.front().starts_with('#')) continue;
    Range range;
    std::size_t at = 1;
    if (const auto network = network_of(cells.front())) {
      std::tie(range.first, range.last) = *network;
    } else {
      const auto first = IpAddress::parse(cells.front());
      const auto last = cells.size() > 1 ? IpAddress::parse(cells[1]) : std::nullopt;
      if (!first || !last || *last < *first || first->is_v4() != last->is_v4()) {
        if (rows.line() == 1) continue;  // titles
        return Error{fmt::format("{}:{}: neither a network nor two addresses", what, rows.line())};
      }
      range.first = *first;
      range.last = *last;
      at = 2;
    }
    const std::string country = at < cells.size() ? to_lower(cells[at]) : std::string();
    if (country.empty() || country == "zz" || country == "-") continue;
    if (country.size() != 2) return Error{fmt::format("{}:{}: no country of two letters", what, rows.line())};
    Place place;
    for (const char c : country) place.country.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    if (at + 2 < cells.size()) {
      const auto number = [](const std::string& cell, float most) -> std::optional<float> {
        float value = 0;
        const auto read = std::from_chars(cell.data(), cell.data() + cell.size(), value);
        if (read.ec != std::errc() || !(std::abs(value) <= most)) return std::nullopt;
        return value;
      };
      const auto latitude = number(cells[at + 1], 90);
      const auto longitude = number(cells[at + 2], 180);
      if (latitude && longitude) {
        place.exact = true;
        place.latitude = *latitude;
        place.longitude = *longitude;
      }
    }
    if (places.ranges_.size() >= kMaxRanges) return Error{fmt::format("{}: more than {} lines", what, kMaxRanges)};
    const auto [entry, fresh] = known.emplace(std::tuple{place.country, place.exact, place.latitude, place.longitude},
                                              static_cast<std::uint32_t>(places.places_.size()));
    if (fresh) places.places_.push_back(std::move(place));
    range.place = entry->second;
    places.ranges_.push_back(range);
  }
  if (places.ranges_.empty()) return Error{fmt::format("{}: no line \"network,country\"", what)};
  std::ranges::stable_sort(places.ranges_, [](const Range& a, const Range& b) {
    return a.first != b.first ? a.first < b.first : b.last < a.last;
  });
  std::vector<std::uint32_t> open;
  for (std::uint32_t i = 0; i < places.ranges_.size(); ++i) {
    while (!open.empty() && places.ranges_[open.back()].last < places.ranges_[i].first) open.pop_back();
    places.ranges_[i].around = open.empty() ? 0 : open.back() + 1;
    open.push_back(i);
  }
  return places;
}

Result<Places> Places::read(std::string_view content, const std::string& path) {
  if (!MaxMind::is_one(content)) return parse(content, path);
  auto database = MaxMind::open(path);
  if (!database) return database.error();
  Places places;
  places.database_ = std::move(*database);
  return places;
}

const Places::Place* Places::find(const IpAddress& address) const {
  if (database_ != nullptr) return database_->find(address);
  const auto behind = std::ranges::upper_bound(ranges_, address, {}, &Range::first);
  auto at = static_cast<std::uint32_t>(behind - ranges_.begin());
  while (at != 0) {
    const Range& range = ranges_[at - 1];
    if (!(range.last < address)) return &places_[range.place];
    at = range.around;
  }
  return nullptr;
}

std::optional<double> distance_km(const Places::Place& a, const Places::Place& b) {
  if (a.country == b.country && !(a.exact && b.exact)) return 0.0;
  const auto from = points_of(a);
  const auto to = points_of(b);
  if (from.empty() || to.empty()) return std::nullopt;
  double least = 1e9;
  for (const auto& [latitude_a, longitude_a] : from) {
    for (const auto& [latitude_b, longitude_b] : to) {
      least = std::min(least, between(latitude_a, longitude_a, latitude_b, longitude_b));
    }
  }
  return least;
}

}  // namespace voip::analyze::fraud
