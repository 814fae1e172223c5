#include "base/time.h"

#include <fmt/format.h>

#include "base/text.h"

namespace voip {

// Howard Hinnant's well known algorithm for the civil calendar.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto yoe = static_cast<unsigned>(year - era * 400);
  const unsigned doy = (153 * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<std::int64_t>(doe) - 719468;
}

namespace {

struct Civil {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

Civil civil_from_days(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto doe = static_cast<unsigned>(days - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<std::int64_t>(yoe) + era * 400 + (month <= 2 ? 1 : 0), month, doy - (153 * mp + 2) / 5 + 1};
}

}  // namespace

std::string format_utc(Timestamp time, int digits) {
  if (!time.known()) return {};
  std::int64_t seconds = time.ns / kNsPerSecond;
  std::int64_t rest = time.ns % kNsPerSecond;
  if (rest < 0) {
    rest += kNsPerSecond;
    --seconds;
  }
  std::int64_t days = seconds / 86400;
  std::int64_t second_of_day = seconds % 86400;
  if (second_of_day < 0) {
    second_of_day += 86400;
    --days;
  }
  const Civil date = civil_from_days(days);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", date.year, date.month, date.day,
                                 second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
  if (digits > 0) {
    std::int64_t scaled = rest;
    for (int i = digits; i < 9; ++i) scaled /= 10;
    text += fmt::format(".{:0{}}", scaled, digits);
  }
  return text + "Z";
}

std::string format_utc_exact(Timestamp time) { return format_utc(time, time.known() && time.ns % 1000 != 0 ? 9 : 6); }

std::optional<Timestamp> parse_time(std::string_view text) {
  TextCursor in{trim(text)};
  const auto fraction = [&in]() -> std::int64_t {
    if (!in.accept('.')) return 0;
    const std::string_view digits = in.take_while(is_digit);
    std::int64_t value = 0;
    for (std::size_t i = 0; i < 9; ++i) value = value * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    return value;
  };
  if (in.accept('@')) {
    const auto seconds = in.number<std::uint32_t>();
    const std::int64_t ns = fraction();
    if (!in.ok() || !in.at_end()) return std::nullopt;
    return Timestamp{std::int64_t{seconds} * kNsPerSecond + ns};
  }
  const auto year = in.number<std::uint16_t>();
  in.expect('-');
  const auto month = in.number<std::uint8_t>();
  in.expect('-');
  const auto day = in.number<std::uint8_t>();
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  std::int64_t ns = 0;
  std::int64_t offset_s = 0;
  if (in.ok() && (in.accept('T') || in.accept('t') || in.accept(' '))) {
    hour = in.number<std::uint8_t>();
    in.expect(':');
    minute = in.number<std::uint8_t>();
    if (in.accept(':')) {
      second = in.number<std::uint8_t>();
      ns = fraction();
    }
    const char sign = in.peek();
    if (sign == '+' || sign == '-') {
      in.accept(sign);
      const auto hours = in.number<std::uint8_t>();
      in.accept(':');
      const auto minutes = in.number<std::uint8_t>();
      if (hours > 14 || minutes > 59) return std::nullopt;
      offset_s = (std::int64_t{hours} * 3600 + std::int64_t{minutes} * 60) * (sign == '-' ? -1 : 1);
    } else if (!in.accept('Z')) {
      in.accept('z');
    }
  }
  if (!in.ok() || !in.at_end() || year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31 ||
      hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  const std::int64_t seconds = days_from_civil(year, month, day) * 86400 + std::int64_t{hour} * 3600 +
                               std::int64_t{minute} * 60 + second - offset_s;
  return Timestamp{seconds * kNsPerSecond + ns};
}

}  // namespace voip
