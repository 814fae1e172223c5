#include "analyze/stir/do_not_originate.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "proto/passport/number.h"

namespace voip::analyze::stir {

namespace {

constexpr std::size_t kMaxNumbers = 4'000'000;

}  // namespace

std::size_t DoNotOriginate::add(std::string_view text) {
  std::size_t unread = 0;
  bool first_line = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = trim(line.substr(0, line.find('#')));
    line = trim(line.substr(0, line.find_first_of(",;\t")));
    if (line.size() >= 2 && line.front() == '"' && line.back() == '"') line = trim(line.substr(1, line.size() - 2));
    if (line.empty()) continue;
    const bool heading = std::exchange(first_line, false);
    const bool prefix = line.ends_with('*');
    if (prefix) line.remove_suffix(1);
    const std::string digits = passport::bare_number(line);
    if (digits.empty() || !std::ranges::all_of(digits, is_digit) || size() >= kMaxNumbers) {
      if (!heading) ++unread;  // a CSV begins with the names of its columns
      continue;
    }
    // Lists of one country leave its code out.
    const std::string whole = !prefix && digits.size() == 10 && !line.starts_with('+') ? "1" + digits : digits;
    (prefix ? prefixes_ : numbers_).insert(whole);
  }
  return unread;
}

bool DoNotOriginate::contains(std::string_view number) const {
  if (numbers_.contains(number)) return true;
  for (std::size_t length = 1; !prefixes_.empty() && length <= number.size(); ++length) {
    if (prefixes_.contains(number.substr(0, length))) return true;
  }
  return false;
}

}  // namespace voip::analyze::stir
