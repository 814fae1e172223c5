#include "policy/zone.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/text.h"

namespace voip::policy {

namespace {

constexpr std::size_t kLargestFile = 1U << 20;
constexpr std::int64_t kDay = 86400;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

std::int64_t year_of(std::int64_t days) {
  std::int64_t year = 1970 + days / 366;
  while (days_from_civil(year + 1, 1, 1) <= days) ++year;
  while (days_from_civil(year, 1, 1) > days) --year;
  return year;
}

// 1970-01-01 was a Thursday; 0 is Monday.
unsigned weekday_of(std::int64_t days) { return static_cast<unsigned>(((days + 3) % 7 + 7) % 7); }

// [+-]hh[:mm[:ss]] in seconds.
int clock_text(TextCursor& in) {
  const int sign = in.accept('-') ? -1 : 1;
  in.accept('+');
  int seconds = 3600 * static_cast<int>(in.number<std::uint8_t>());
  if (in.accept(':')) seconds += 60 * static_cast<int>(in.number<std::uint8_t>());
  if (in.accept(':')) seconds += static_cast<int>(in.number<std::uint8_t>());
  return sign * seconds;
}

void skip_name(TextCursor& in) {
  if (in.accept('<')) {
    (void)in.until('>');
  } else if (in.take_while(is_alpha).empty()) {
    in.fail();
  }
}

struct Counts {
  std::uint32_t utc = 0, standard = 0, leaps = 0, times = 0, types = 0, chars = 0;
};

bool read_head(ByteCursor& in, Counts& counts) {
  const std::string_view magic = as_text(in.take(4));
  in.skip(16);
  counts.utc = in.be<std::uint32_t>();
  counts.standard = in.be<std::uint32_t>();
  counts.leaps = in.be<std::uint32_t>();
  counts.times = in.be<std::uint32_t>();
  counts.types = in.be<std::uint32_t>();
  counts.chars = in.be<std::uint32_t>();
  return in.ok() && magic == "TZif";
}

}  // namespace

// The TZ text behind the data, RFC 8536 section 3.3: CET-1CEST,M3.5.0,M10.5.0/3.
bool Zone::read_rule(std::string_view text) {
  TextCursor in{text};
  skip_name(in);
  standard_ = -clock_text(in);
  if (!in.ok()) return false;
  if (in.at_end()) return true;
  skip_name(in);
  summer_ = in.peek() == ',' ? standard_ + 3600 : -clock_text(in);
  const auto rule = [&in](Rule& into) {
    in.expect(',');
    in.expect('M');
    into.month = in.number<std::uint8_t>();
    in.expect('.');
    into.week = in.number<std::uint8_t>();
    in.expect('.');
    into.day = in.number<std::uint8_t>();
    into.second = in.accept('/') ? clock_text(in) : 7200;
    return in.ok() && into.month >= 1 && into.month <= 12 && into.week >= 1 && into.week <= 5 && into.day <= 6;
  };
  has_summer_ = rule(to_summer_) && rule(to_standard_) && in.at_end();
  return has_summer_;
}

int Zone::by_rule(std::int64_t seconds) const {
  if (!has_summer_) return standard_;
  const std::int64_t year = year_of(floor_div(seconds + standard_, kDay));
  const auto moment = [year](const Rule& rule, int offset) {
    const std::int64_t first = days_from_civil(year, rule.month, 1);
    const unsigned wanted = (rule.day + 6) % 7;  // the rule counts from Sunday
    std::int64_t day = first + (wanted + 7 - weekday_of(first)) % 7 + 7 * (static_cast<std::int64_t>(rule.week) - 1);
    const std::int64_t next =
        rule.month == 12 ? days_from_civil(year + 1, 1, 1) : days_from_civil(year, rule.month + 1, 1);
    while (day >= next) day -= 7;
    return day * kDay + rule.second - offset;
  };
  const std::int64_t summer = moment(to_summer_, standard_);
  const std::int64_t standard = moment(to_standard_, summer_);
  const bool in_summer =
      summer < standard ? seconds >= summer && seconds < standard : seconds >= summer || seconds < standard;
  return in_summer ? summer_ : standard_;
}

Result<Zone> Zone::parse(ByteView file, const std::string& name) {
  const Error bad{fmt::format("the time zone file of '{}' can't be read", name)};
  ByteCursor in{file};
  Counts counts;
  if (!read_head(in, counts)) return bad;
  in.skip(std::size_t{counts.times} * 5 + std::size_t{counts.types} * 6 + counts.chars + std::size_t{counts.leaps} * 8 +
          counts.standard + counts.utc);
  if (!read_head(in, counts) || counts.times > 100'000 || counts.types == 0 || counts.types > 256) return bad;
  std::vector<std::int64_t> times;
  for (std::uint32_t i = 0; i < counts.times && in.ok(); ++i)
    times.push_back(static_cast<std::int64_t>(in.be<std::uint64_t>()));
  const ByteView kinds = in.take(counts.times);
  std::vector<int> offsets;
  for (std::uint32_t i = 0; i < counts.types && in.ok(); ++i) {
    offsets.push_back(static_cast<int>(in.be<std::uint32_t>()));
    in.skip(2);
  }
  in.skip(counts.chars + std::size_t{counts.leaps} * 12 + counts.standard + counts.utc);
  if (!in.ok()) return bad;
  Zone zone;
  zone.first_offset_ = offsets[0];
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (kinds[i] >= offsets.size()) return bad;
    zone.changes_.push_back({times[i], offsets[kinds[i]]});
  }
  if (!std::ranges::is_sorted(zone.changes_, {}, &Change::at)) return bad;
  const std::string_view footer = trim(as_text(in.rest()));
  zone.has_rule_ = !footer.empty() && zone.read_rule(footer);
  return zone;
}

Result<Zone> Zone::load(const std::string& name) {
  if (name.empty() || name == "UTC") return Zone{};
  const bool plain = name[0] != '/' && name.find("..") == std::string::npos && std::ranges::all_of(name, [](char c) {
                       return is_alpha(c) || is_digit(c) || c == '/' || c == '_' || c == '-' || c == '+';
                     });
  const std::string path = "/usr/share/zoneinfo/" + name;
  std::error_code error;
  std::ifstream file;
  if (plain && std::filesystem::is_regular_file(path, error)) file.open(path, std::ios::binary);
  std::string bytes;
  if (file.is_open()) bytes.assign(std::istreambuf_iterator<char>{file}, {});
  if (bytes.empty() || bytes.size() > kLargestFile) return Error{fmt::format("unknown time zone '{}'", name)};
  return parse(as_bytes(bytes), name);
}

int Zone::offset_s(Timestamp moment) const {
  if (!moment.known()) return 0;
  const std::int64_t seconds = floor_div(moment.ns, kNsPerSecond);
  const auto after = std::ranges::upper_bound(changes_, seconds, {}, &Change::at);
  if (after == changes_.end() && has_rule_) return by_rule(seconds);
  return after == changes_.begin() ? first_offset_ : std::prev(after)->offset_s;
}

LocalTime Zone::local(Timestamp moment) const {
  LocalTime local;
  if (!moment.known()) return local;
  local.offset_s = offset_s(moment);
  const std::int64_t seconds = floor_div(moment.ns, kNsPerSecond) + local.offset_s;
  const std::int64_t days = floor_div(seconds, kDay);
  local.weekday = weekday_of(days);
  local.minute = static_cast<unsigned>((seconds - days * kDay) / 60);
  return local;
}

}  // namespace voip::policy
