#include "proto/passport/number.h"

#include <algorithm>

#include "base/text.h"

namespace voip::passport {

namespace {

constexpr std::size_t kMaxDigits = 32;
constexpr std::size_t kShortest = 7;  // digits; below are service codes and extensions, which have no country

constexpr bool is_separator(char c) {
  return c == '-' || c == '.' || c == '(' || c == ')' || c == ' ' || c == '\t' || c == '/';
}

// 911, 988, 112: dialled within a country, no part of a longer number (RFC 8224 section 8.3 leaves them as they are).
bool is_service_code(std::string_view digits) {
  if (digits.size() != 3 || !std::ranges::all_of(digits, is_digit)) return false;
  return (digits[0] >= '2' && digits[1] == '1' && digits[2] == '1') || digits == "988" || digits == "112" ||
         digits == "999";
}

std::string north_american(std::string digits) {
  if (digits.starts_with("011") && digits.size() > 10) return digits.substr(3);
  if (digits.size() == 10 && digits[0] >= '2') return "1" + digits;
  return digits;
}

// Trunk prefixes: most countries have 0; Italy and its neighbours dial it as part of the number.
std::string elsewhere(std::string digits, std::string_view country_code) {
  if (digits.starts_with("00") && digits.size() > 9) return digits.substr(2);
  const bool keeps_zero = country_code == "39" || country_code == "378" || country_code == "379";
  if (digits[0] == '0' && !keeps_zero) return std::string(country_code) + digits.substr(1);
  if (country_code == "7" && digits[0] == '8' && digits.size() == 11) return "7" + digits.substr(1);
  if (digits.starts_with(country_code) && digits.size() >= country_code.size() + 8) return digits;
  if (digits.size() > 11) return digits;  // longer than national numbers are: with a country code already
  return std::string(country_code) + digits;
}

}  // namespace

std::string bare_number(std::string_view text) {
  std::string digits;
  if (text.starts_with('+')) text.remove_prefix(1);
  for (const char c : text) {
    if (is_separator(c)) continue;
    if (!is_digit(c) && c != '*' && c != '#') return {};
    if (digits.size() == kMaxDigits) return {};
    digits += c;
  }
  return digits;
}

bool is_canonical_tn(std::string_view text) {
  return !text.empty() && text.size() <= kMaxDigits &&
         std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '*' || c == '#'; });
}

std::string canonical_number(std::string_view text, std::string_view country_code, std::string_view context) {
  text = trim(text);
  std::string digits = bare_number(text);
  if (digits.empty() || text.starts_with('+')) return digits;
  if (context.starts_with('+')) {
    if (is_service_code(digits)) return digits;
    const std::string prefix = bare_number(context);
    if (prefix.size() < 4 && digits.starts_with(prefix) && digits.size() >= prefix.size() + 8) return digits;
    if (digits[0] == '0' && prefix != "1" && prefix != "39") digits.erase(0, 1);
    return prefix + digits;
  }
  if (digits.size() < kShortest || digits.find_first_not_of("0123456789") != std::string::npos) return digits;
  if (country_code.empty()) return digits;
  if (country_code == "1") return north_american(std::move(digits));
  return elsewhere(std::move(digits), country_code);
}

}  // namespace voip::passport
