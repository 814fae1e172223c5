#include "cli/zone.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "base/text.h"

namespace voip::cli {

Status use_zone(const std::string& zone) {
  if (zone != "local") {
    // The C library takes any text and silently means UTC by what it does not know.
    const bool plain = !zone.empty() && zone[0] != '/' && zone.find("..") == std::string::npos &&
                       std::ranges::all_of(zone, [](char c) {
                         return is_alpha(c) || is_digit(c) || c == '/' || c == '_' || c == '-' || c == '+';
                       });
    std::error_code error;
    if (zone != "UTC" && !(plain && std::filesystem::is_regular_file("/usr/share/zoneinfo/" + zone, error))) {
      return Error{fmt::format("unknown time zone '{}'", zone)};
    }
    ::setenv("TZ", zone == "UTC" ? "UTC0" : (":" + zone).c_str(), 1);
  }
  ::tzset();
  return Done{};
}

std::string format_local(Timestamp moment) {
  if (!moment.known()) return "?";
  std::int64_t seconds = moment.ns / kNsPerSecond;
  if (moment.ns % kNsPerSecond < 0) --seconds;
  const std::time_t at = seconds;
  std::tm parts{};
  if (::localtime_r(&at, &parts) == nullptr) return format_utc_exact(moment);
  // Local time is UTC moved by the offset: the rest of the text is base's.
  const std::int64_t offset = parts.tm_gmtoff;
  std::string text = format_utc_exact({moment.ns + offset * kNsPerSecond});
  text.pop_back();
  if (offset == 0) return text + "Z";
  const std::int64_t minutes = (offset < 0 ? -offset : offset) / 60;
  return text + fmt::format("{}{:02}:{:02}", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

}  // namespace voip::cli
