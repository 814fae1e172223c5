#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace voip {

// A moment of the capture: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted. Never the machine's clock.
struct Timestamp {
  std::int64_t ns = kUnknownNs;

  static constexpr std::int64_t kUnknownNs = std::numeric_limits<std::int64_t>::min();
  constexpr bool known() const { return ns != kUnknownNs; }
  auto operator<=>(const Timestamp&) const = default;
};

inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::int64_t kNsPerMs = 1'000'000;

constexpr Timestamp operator+(Timestamp t, std::chrono::nanoseconds d) { return {t.ns + d.count()}; }
// b - a in seconds; 0 when either is unknown.
constexpr double seconds_between(Timestamp a, Timestamp b) {
  return a.known() && b.known() ? static_cast<double>(b.ns - a.ns) / 1e9 : 0.0;
}
// Whether b lies more than d after a. Unknown times are never apart.
constexpr bool later_by(Timestamp a, Timestamp b, std::chrono::nanoseconds d) {
  return a.known() && b.known() && b.ns > a.ns && b.ns - a.ns > d.count();
}

// RFC 3339 in UTC with Z. digits: 0, 3, 6 or 9 after the point. An unknown time gives an empty text.
std::string format_utc(Timestamp time, int digits = 6);
// As few of 6 or 9 digits as keep the value.
std::string format_utc_exact(Timestamp time);
// RFC 3339 (2026-01-02T03:04:05.5Z, with offset, a blank for T) or seconds since 1970 (@1767323045.5).
std::optional<Timestamp> parse_time(std::string_view text);
// Seconds from days: proleptic Gregorian calendar. month 1..12, day 1..31.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day);

}  // namespace voip
