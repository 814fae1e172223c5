#include "capture/homer_json.h"

#include <charconv>
#include <cmath>

namespace voip::capture {

namespace {

constexpr std::size_t kDeepest = 64;

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// Header values are a few characters long: a plain loop is faster than a search.
bool of_number(char c) { return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E'; }

}  // namespace

std::size_t HomerJson::end_of_run() const {
  std::size_t end = pos_;
  while (end < text_.size() && text_[end] != '"' && text_[end] != '\\') ++end;
  return end;
}

bool HomerJson::fail() {
  ok_ = false;
  pos_ = text_.size();
  return false;
}

void HomerJson::blanks() {
  while (pos_ < text_.size() &&
         (text_[pos_] == ' ' || text_[pos_] == '\t' || text_[pos_] == '\r' || text_[pos_] == '\n'))
    ++pos_;
}

char HomerJson::peek() {
  blanks();
  return pos_ < text_.size() ? text_[pos_] : '\0';
}

bool HomerJson::enter(char bracket) {
  if (peek() != bracket) return fail();
  ++pos_;
  fresh_ = true;
  return true;
}

bool HomerJson::member(std::string& key) {
  if (peek() == '}') {
    ++pos_;
    fresh_ = false;
    return false;
  }
  if (!fresh_) {
    if (peek() != ',') return fail();
    ++pos_;
  }
  fresh_ = false;
  if (peek() != '"' || !string(key) || peek() != ':') return fail();
  ++pos_;
  return ok_;
}

bool HomerJson::element() {
  if (peek() == ']') {
    ++pos_;
    fresh_ = false;
    return false;
  }
  if (!fresh_) {
    if (peek() != ',') return fail();
    ++pos_;
  }
  fresh_ = false;
  return peek() != '\0' || fail();
}

std::optional<std::uint32_t> HomerJson::hex4() {
  if (text_.size() - pos_ < 4) return std::nullopt;
  std::uint32_t value = 0;
  const char* begin = text_.data() + pos_;
  const auto [at, error] = std::from_chars(begin, begin + 4, value, 16);
  if (error != std::errc{} || at != begin + 4) return std::nullopt;
  pos_ += 4;
  return value;
}

bool HomerJson::escape(std::string& out) {
  if (pos_ >= text_.size()) return fail();
  const char c = text_[pos_++];
  switch (c) {
    case '"':
    case '\\':
    case '/': out += c; return true;
    case 'b': out += '\b'; return true;
    case 'f': out += '\f'; return true;
    case 'n': out += '\n'; return true;
    case 'r': out += '\r'; return true;
    case 't': out += '\t'; return true;
    case 'u': break;
    default: return fail();
  }
  auto value = hex4();
  if (!value) return fail();
  if (*value >= 0xd800 && *value < 0xdc00 && text_.substr(pos_).starts_with("\\u")) {
    const std::size_t back = pos_;
    pos_ += 2;
    const auto low = hex4();
    if (low && *low >= 0xdc00 && *low < 0xe000) {
      *value = 0x10000 + ((*value - 0xd800) << 10) + (*low - 0xdc00);
    } else {
      pos_ = back;
    }
  }
  append_utf8(out, *value >= 0xd800 && *value < 0xe000 ? 0xfffdU : *value);
  return true;
}

bool HomerJson::string(std::string& out) {
  out.clear();
  if (peek() != '"') return fail();
  ++pos_;
  for (;;) {
    const std::size_t end = end_of_run();
    if (end == text_.size()) return fail();
    out.append(text_, pos_, end - pos_);
    pos_ = end + 1;
    if (text_[end] == '"') return true;
    if (!escape(out)) return false;
  }
}

std::optional<std::int64_t> HomerJson::whole() {
  std::string quoted;
  std::string_view number;
  if (peek() == '"') {
    if (!string(quoted)) return std::nullopt;
    number = quoted;
  } else {
    const std::size_t begin = pos_;
    while (pos_ < text_.size() && of_number(text_[pos_])) ++pos_;
    number = text_.substr(begin, pos_ - begin);
    if (number.empty()) {
      skip();
      return std::nullopt;
    }
  }
  std::int64_t value = 0;
  const char* end = number.data() + number.size();
  if (const auto [at, error] = std::from_chars(number.data(), end, value); error == std::errc{} && at == end)
    return value;
  double real = 0;
  const auto [at, error] = std::from_chars(number.data(), end, real);
  if (error != std::errc{} || at != end || !(std::abs(real) < 9e18)) return std::nullopt;
  return static_cast<std::int64_t>(real);
}

void HomerJson::skip_string() {
  ++pos_;
  for (;;) {
    const std::size_t end = end_of_run();
    if (end == text_.size() || (text_[end] == '\\' && end + 1 >= text_.size())) {
      fail();
      return;
    }
    pos_ = end + (text_[end] == '"' ? 1 : 2);
    if (text_[end] == '"') return;
  }
}

void HomerJson::skip() {
  std::size_t depth = 0;
  do {
    const char c = peek();
    switch (c) {
      case '\0': fail(); return;
      case '"': skip_string(); break;
      case '{':
      case '[':
        ++pos_;
        if (++depth > kDeepest) fail();
        break;
      case '}':
      case ']':
        if (depth == 0) {
          fail();
          return;
        }
        ++pos_;
        --depth;
        break;
      case ',':
      case ':':
        if (depth == 0) {
          fail();
          return;
        }
        ++pos_;
        break;
      default: {
        const std::size_t end = text_.find_first_of(",:]}[{\" \t\r\n", pos_);
        pos_ = end == std::string_view::npos ? text_.size() : end;
        break;
      }
    }
  } while (ok_ && depth != 0);
}

}  // namespace voip::capture
