#include "analyze/fraud/numbers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::size_t kMaxDigits = 15;  // ITU-T E.164
constexpr std::size_t kLongestExtension = 6;
constexpr std::size_t kMaxUser = 64;

// ITU-T Operational Bulletin: what is not "00" (international) and "0" (national).
struct DialPlan {
  std::string_view code;
  std::string_view international;
  std::string_view national;
};
constexpr std::array<DialPlan, 34> kPlans{{
    {"1", "011", "1"},   {"7", "810", "8"},   {"375", "810", "8"}, {"992", "810", "8"}, {"993", "810", "8"},
    {"61", "0011", "0"}, {"81", "010", "0"},  {"82", "001", "0"},  {"62", "001", "0"},  {"65", "001", ""},
    {"852", "001", ""},  {"66", "001", "0"},  {"855", "001", "0"}, {"886", "002", "0"}, {"55", "0015", "0"},
    {"57", "009", "0"},  {"254", "000", "0"}, {"255", "000", "0"}, {"256", "000", "0"}, {"53", "119", "0"},
    {"972", "00", "0"},  {"36", "00", "06"},  {"370", "00", "8"},  {"52", "00", "01"},  {"39", "00", ""},
    {"34", "00", ""},    {"45", "00", ""},    {"47", "00", ""},    {"351", "00", ""},   {"30", "00", ""},
    {"420", "00", ""},   {"48", "00", ""},    {"352", "00", ""},   {"371", "00", ""},
}};

constexpr std::array<std::string_view, 9> kEmergency{"911",  "112", "999",  "9911", "9112",
                                                     "0112", "sos", "9999", "0911"};

bool digits_only(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// NANP: NPA-NXX-XXXX.
bool nanp_ten(std::string_view digits) { return digits.size() == 10 && digits[0] >= '2' && digits[3] >= '2'; }

}  // namespace

std::string clean_number(std::string_view user) {
  std::string text;
  user = user.substr(0, std::min(user.find(';'), kMaxUser));
  for (std::size_t i = 0; i < user.size(); ++i) {
    char c = user[i];
    if (c == '%' && i + 2 < user.size() && hex_value(user[i + 1]) >= 0 && hex_value(user[i + 2]) >= 0) {
      c = static_cast<char>(hex_value(user[i + 1]) * 16 + hex_value(user[i + 2]));
      i += 2;
    }
    // "+44 (0)20": the national prefix in brackets is not dialled from abroad.
    if (c == '(' && text.starts_with('+') && user.substr(i).starts_with("(0)")) {
      i += 2;
      continue;
    }
    // RFC 3966: visual separators mean nothing.
    if (c == '-' || c == '.' || c == '(' || c == ')' || c == ' ') continue;
    text += c;
  }
  // Names keep their separators.
  const bool number = std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '+' || c == '*' || c == '#'; });
  return number ? text : std::string(user);
}

std::string last_digits(std::string_view text, std::size_t n) {
  std::string digits;
  for (std::size_t i = text.size(); i-- > 0 && digits.size() < n;) {
    if (is_digit(text[i])) digits += text[i];
  }
  std::ranges::reverse(digits);
  return digits;
}

NumberPlan::NumberPlan(const Site& site, const Destinations& destinations)
    : destinations_(destinations), calling_code_(destinations.calling_code(site.country)) {
  const auto plan = std::ranges::find(kPlans, calling_code_, &DialPlan::code);
  if (!site.international_prefix.empty()) {
    international_prefixes_ = {site.international_prefix};
  } else if (plan != kPlans.end()) {
    international_prefixes_ = {std::string(plan->international)};
    if (plan->international == "001") international_prefixes_.emplace_back("00");
  } else if (!calling_code_.empty()) {
    international_prefixes_ = {"00"};
  } else {
    international_prefixes_ = {"00", "011"};
  }
  if (!site.national_prefix.empty()) {
    national_prefix_ = site.national_prefix;
  } else if (plan != kPlans.end()) {
    national_prefix_ = plan->national;
  } else {
    national_prefix_ = "0";
  }
  access_codes_ = site.access_codes;
  keeps_zero_ = calling_code_ == "39" || calling_code_ == "378";
}

// A number that its digits lead somewhere: known prefix, plausible length.
bool NumberPlan::place(std::string_view digits, Number& number) const {
  if (!digits_only(digits) || digits.size() > kMaxDigits || digits.size() < 7 || digits[0] == '0') return false;
  const Destination* destination = destinations_.find(digits);
  if (destination == nullptr) return false;
  if (digits[0] == '1' && digits.size() != 11) return false;
  number.e164 = "+" + std::string(digits);
  number.destination = destination;
  const bool own = !calling_code_.empty() && digits.starts_with(calling_code_) &&
                   (calling_code_ != "1" || destination->kind != DestinationKind::kNanpForeign);
  number.kind = own ? NumberClass::kNational : NumberClass::kInternational;
  return true;
}

bool NumberPlan::international(std::string_view digits, Number& number) const {
  for (const std::string& prefix : international_prefixes_) {
    if (digits.starts_with(prefix) && place(digits.substr(prefix.size()), number)) return true;
  }
  return false;
}

bool NumberPlan::national(std::string_view digits, Number& number) const {
  if (calling_code_.empty()) return false;
  if (calling_code_ == "1") {
    if (nanp_ten(digits)) return place("1" + std::string(digits), number);
    return digits.size() == 11 && digits[0] == '1' && nanp_ten(digits.substr(1)) && place(digits, number);
  }
  if (keeps_zero_)
    return digits.size() >= 8 && digits.size() <= 11 && place(calling_code_ + std::string(digits), number);
  if (national_prefix_.empty()) {
    return digits.size() >= 8 && digits.size() <= 10 && digits[0] != '0' &&
           place(calling_code_ + std::string(digits), number);
  }
  if (!digits.starts_with(national_prefix_)) return false;
  const std::string_view rest = digits.substr(national_prefix_.size());
  return rest.size() >= 6 && rest.size() <= 12 && rest[0] != '0' && place(calling_code_ + std::string(rest), number);
}

Number NumberPlan::read(std::string_view user) const {
  Number number;
  number.dialled = clean_number(user);
  const std::string_view text = number.dialled;
  if (text.empty()) return number;
  if (std::ranges::find(kEmergency, text) != kEmergency.end()) {
    number.kind = NumberClass::kEmergency;
    return number;
  }
  if (text[0] == '+') {
    if (place(text.substr(1), number)) return number;
    number.kind = digits_only(text.substr(1)) ? NumberClass::kUnknown : NumberClass::kName;
    // A code that no table knows is still abroad.
    if (digits_only(text.substr(1)) && text.size() > 7 && text.size() <= kMaxDigits + 1) {
      number.e164 = text;
      number.kind = NumberClass::kInternational;
    }
    return number;
  }
  if (!std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '*' || c == '#' || c == '+'; })) {
    number.kind = NumberClass::kName;
    return number;
  }
  if (!digits_only(text)) {
    number.kind = NumberClass::kService;
    // A number behind a star or hash: the tail after the last of them ("*67" and "1#" before 011...).
    const std::size_t tail = text.find_last_of("*#+");
    if (tail != std::string_view::npos && text.size() - tail > 8) {
      const std::string_view rest = text.substr(tail + 1);
      if (!international(rest, number) && !(text[tail] == '+' && place(rest, number))) (void)national(rest, number);
    }
    return number;
  }
  if (text.size() <= kLongestExtension) {
    number.kind = NumberClass::kExtension;
    return number;
  }
  if (international(text, number)) return number;
  if (national(text, number)) return number;
  // An outside line first: the site's codes, or one or two digits before an international prefix.
  for (const std::string& code : access_codes_) {
    if (!code.empty() && text.starts_with(code) &&
        (international(text.substr(code.size()), number) || national(text.substr(code.size()), number)))
      return number;
  }
  if (access_codes_.empty()) {
    for (std::size_t n = 1; n <= 3 && n + 9 < text.size(); ++n) {
      if (international(text.substr(n), number)) return number;
    }
    if (text[0] == '9' && national(text.substr(1), number)) return number;
  }
  // Without any prefix, as trunks send it; a leading zero would be a prefix.
  if (text.size() >= 10 && text[0] != '0' && place(text, number) && !number.destination->unassigned()) return number;
  number.e164.clear();
  number.destination = nullptr;
  number.kind = NumberClass::kUnknown;
  return number;
}

}  // namespace voip::analyze::fraud
