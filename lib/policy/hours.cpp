#include "policy/hours.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace voip::policy {

namespace {

constexpr std::array<std::string_view, 7> kDays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::optional<unsigned> day_of(std::string_view text) {
  const auto* found = std::ranges::find_if(kDays, [&](std::string_view day) { return iequals(day, text); });
  if (found == kDays.end()) return std::nullopt;
  return static_cast<unsigned>(found - kDays.begin());
}

// "Mon-Fri,Sun" as seven flags. Fri-Mon goes over the week's end.
std::optional<std::bitset<7>> days_of(std::string_view text) {
  std::bitset<7> days;
  TextCursor in{text};
  while (true) {
    const std::string_view part = in.until(',');
    const std::size_t dash = part.find('-');
    const auto first = day_of(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : day_of(part.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    for (unsigned day = *first;; day = (day + 1) % 7) {
      days.set(day);
      if (day == *last) break;
    }
    if (in.at_end()) return days;
  }
}

// "07:00" or "24:00" in minutes.
std::optional<unsigned> minute_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto hour = parse_number<unsigned>(text.substr(0, colon));
  const auto minute = parse_number<unsigned>(text.substr(colon + 1));
  if (!hour || !minute || *minute > 59 || *hour > 24 || (*hour == 24 && *minute != 0)) return std::nullopt;
  return *hour * 60 + *minute;
}

}  // namespace

bool Hours::add(std::string_view text) {
  if (iequals(text, "always")) {
    open_.set();
    texts_.emplace_back(text);
    return true;
  }
  TextCursor in{text};
  std::string_view days_text = in.word();
  std::string_view span = in.word();
  if (span.empty()) std::swap(days_text, span);
  in.skip_blanks();
  const auto days = days_text.empty() ? std::bitset<7>{0x7f} : days_of(days_text);
  const std::size_t dash = span.find('-');
  if (!days || dash == std::string_view::npos || !in.at_end()) return false;
  const auto from = minute_of(span.substr(0, dash));
  const auto to = minute_of(span.substr(dash + 1));
  if (!from || !to || *from == *to || *from == kDay) return false;
  const unsigned length = *to > *from ? *to - *from : *to + kDay - *from;
  for (unsigned day = 0; day < 7; ++day) {
    if (!(*days)[day]) continue;
    for (unsigned i = 0; i < length; ++i) open_.set((day * kDay + *from + i) % open_.size());
  }
  texts_.emplace_back(text);
  return true;
}

bool Hours::contains(unsigned weekday, unsigned minute_of_day) const {
  const std::size_t at = std::size_t{weekday} * kDay + minute_of_day;
  return at < open_.size() && open_[at];
}

Hours Hours::office() {
  Hours hours;
  (void)hours.add("Mon-Fri 07:00-20:00");
  return hours;
}

}  // namespace voip::policy
