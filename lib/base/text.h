#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace voip {

// ASCII only, whatever the locale: SIP, SDP and TLS names are ASCII.
constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }
constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
// RFC 3261 section 25.1, token.
constexpr bool is_token_char(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '!' || c == '%' || c == '*' || c == '_' ||
         c == '+' || c == '`' || c == '\'' || c == '~';
}

bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
// Without the blanks, tabs and line ends at both ends.
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);

// Offset of the first of two or more characters at or after `from`, the size of the text when there is none. The
// standard find_first_of() calls into the C library for each character.
template <class... Char>
constexpr std::size_t find_any(std::string_view text, std::size_t from, Char... wanted) {
  while (from < text.size() && !((text[from] == wanted) || ...)) ++from;
  return from < text.size() ? from : text.size();
}

// The whole text as a decimal number without sign; empty when it is anything else or too large.
template <std::unsigned_integral T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc{} || at != end) return std::nullopt;
  return value;
}

// Reads text front to back, never outside it. Like ByteCursor it fails for good and stops at the end.
class TextCursor {
 public:
  TextCursor() = default;
  explicit TextCursor(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  bool at_end() const { return pos_ == text_.size(); }
  std::size_t offset() const { return pos_; }
  std::string_view rest() const { return text_.substr(pos_); }
  char peek() const { return pos_ < text_.size() ? text_[pos_] : '\0'; }

  bool accept(char c) {
    if (pos_ >= text_.size() || text_[pos_] != c) return false;
    ++pos_;
    return true;
  }
  bool accept(std::string_view word) {
    if (!rest().starts_with(word)) return false;
    pos_ += word.size();
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail();
  }
  void skip_blanks() {
    while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\t')) ++pos_;
  }
  // Up to (not including) the delimiter, which is consumed; the rest when there is none.
  std::string_view until(char delimiter) {
    const std::size_t end = text_.find(delimiter, pos_);
    const std::string_view taken = text_.substr(pos_, end == std::string_view::npos ? end : end - pos_);
    pos_ = end == std::string_view::npos ? text_.size() : end + 1;
    return taken;
  }
  // The next run of characters without a blank, leading blanks skipped.
  std::string_view word() {
    skip_blanks();
    const std::size_t begin = pos_;
    while (pos_ < text_.size() && text_[pos_] != ' ' && text_[pos_] != '\t') ++pos_;
    return text_.substr(begin, pos_ - begin);
  }
  template <class Predicate>
  std::string_view take_while(Predicate wanted) {
    const std::size_t begin = pos_;
    while (pos_ < text_.size() && wanted(text_[pos_])) ++pos_;
    return text_.substr(begin, pos_ - begin);
  }
  template <std::unsigned_integral T>
  T number() {
    T value = 0;
    const char* begin = text_.data() + pos_;
    const auto [at, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc{}) {
      fail();
      return T{0};
    }
    pos_ += static_cast<std::size_t>(at - begin);
    return value;
  }
  void fail() {
    ok_ = false;
    pos_ = text_.size();
  }

 private:
  std::string_view text_;
  std::size_t pos_ = 0;
  bool ok_ = true;
};

}  // namespace voip
