#include "render/json_writer.h"

#include <array>
#include <cassert>
#include <charconv>
#include <cmath>

#include "base/bytes.h"
#include "render/unicode.h"

namespace voip::render {

namespace {

// Bytes that a JSON string holds as they are.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned i = 0x20; i < 0x7f; ++i) plain[i] = i != '"' && i != '\\';
  return plain;
}();

// Whether 8 bytes are plain, all at once; false now and then for bytes that are.
bool all_plain(const char* at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x80 * kOnes;
  const std::uint64_t word = load_le<std::uint64_t>(reinterpret_cast<const std::uint8_t*>(at));
  const auto below = [](std::uint64_t w, std::uint64_t limit) { return (w - limit * kOnes) & ~w; };
  const std::uint64_t odd =
      below(word, 0x20) | below(word ^ ('"' * kOnes), 1) | below(word ^ ('\\' * kOnes), 1) | word | (word + kOnes);
  return (odd & kHigh) == 0;
}

void append_u_escape(std::string& out, unsigned unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[(unit >> shift) & 15];
}

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> digits;  // NOLINT: filled by to_chars
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), result.ptr);
}

void append_padded(std::string& out, std::uint64_t number, unsigned width) {
  std::array<char, 9> digits{};
  for (unsigned i = width; i-- > 0;) {
    digits[i] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
  out.append(digits.data(), width);
}

std::string singular(std::string_view name) {
  if (name.size() > 1 && name.ends_with('s') && !name.ends_with("ss")) name.remove_suffix(1);
  return std::string{name};
}

}  // namespace

void JsonWriter::flush() {
  if (buffer_.empty()) return;
  out_.write(buffer_);
  buffer_.clear();
}

void JsonWriter::new_line() {
  buffer_ += '\n';
  buffer_.append(2 * filled_.size(), ' ');
}

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (filled_.empty()) return;
  if (filled_.back()) buffer_ += ',';
  if (layout_ == Layout::kReport && filled_.size() <= 2) {
    new_line();
  } else if (filled_.back()) {
    buffer_ += ' ';
  }
  filled_.back() = true;
}

void JsonWriter::after_value() {
  if (filled_.empty()) buffer_ += '\n';
  if (buffer_.size() >= kFlushAt) flush();
}

void JsonWriter::open(char bracket) {
  before_value();
  buffer_ += bracket;
  filled_.push_back(false);
}

void JsonWriter::close(char bracket) {
  assert(!filled_.empty() && !after_key_);
  const bool had_items = filled_.back();
  filled_.pop_back();
  if (had_items && layout_ == Layout::kReport && filled_.size() < 2) new_line();
  buffer_ += bracket;
  after_value();
}

void JsonWriter::key(std::string_view name) {
  assert(!filled_.empty() && !after_key_);
  before_value();
  text(name);
  buffer_ += ": ";
  after_key_ = true;
}

void JsonWriter::text(std::string_view in) {
  buffer_ += '"';
  std::size_t run = 0;
  for (std::size_t i = 0; i < in.size();) {
    while (i + 8 <= in.size() && all_plain(in.data() + i)) i += 8;
    if (i == in.size()) break;
    const auto byte = static_cast<unsigned char>(in[i]);
    if (kPlain[byte]) {
      ++i;
      continue;
    }
    const CodePoint c = decode_utf8(in.substr(i));
    if (c.valid && c.value >= 0x80 && !is_unsafe(c.value)) {
      i += c.length;
      continue;
    }
    buffer_.append(in, run, i - run);
    i += c.length;
    run = i;
    switch (c.value) {
      case '"': buffer_ += "\\\""; break;
      case '\\': buffer_ += "\\\\"; break;
      case '\n': buffer_ += "\\n"; break;
      case '\r': buffer_ += "\\r"; break;
      case '\t': buffer_ += "\\t"; break;
      default:
        if (!c.valid) {
          buffer_ += "\xef\xbf\xbd";
        } else if (c.value < 0x10000) {
          append_u_escape(buffer_, static_cast<unsigned>(c.value));
        } else {
          const auto rest = static_cast<unsigned>(c.value - 0x10000);
          append_u_escape(buffer_, 0xd800 + (rest >> 10));
          append_u_escape(buffer_, 0xdc00 + (rest & 0x3ff));
        }
    }
  }
  buffer_.append(in, run, in.size() - run);
  buffer_ += '"';
}

void JsonWriter::value(std::string_view in) {
  before_value();
  text(in);
  after_value();
}

void JsonWriter::value(std::uint64_t number) {
  before_value();
  append_number(buffer_, number);
  after_value();
}

void JsonWriter::value(std::int64_t number) {
  before_value();
  append_number(buffer_, number);
  after_value();
}

void JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  before_value();
  append_number(buffer_, number);
  after_value();
}

void JsonWriter::value(bool flag) {
  before_value();
  buffer_ += flag ? "true" : "false";
  after_value();
}

void JsonWriter::null() {
  before_value();
  buffer_ += "null";
  after_value();
}

void JsonWriter::time(Timestamp moment) {
  if (!moment.known()) return null();
  constexpr std::int64_t kNsPerDay = 86400 * kNsPerSecond;
  std::int64_t day = moment.ns / kNsPerDay;
  std::int64_t rest = moment.ns % kNsPerDay;
  if (rest < 0) {
    rest += kNsPerDay;
    --day;
  }
  if (day != day_) {  // reports are in time order: the date rarely changes
    day_text_ = format_utc(moment, 0).substr(0, 11);
    day_ = day;
  }
  before_value();
  buffer_ += '"';
  buffer_ += day_text_;
  const auto second = static_cast<std::uint64_t>(rest / kNsPerSecond);
  const auto fraction = static_cast<std::uint64_t>(rest % kNsPerSecond);
  append_padded(buffer_, second / 3600, 2);
  buffer_ += ':';
  append_padded(buffer_, second / 60 % 60, 2);
  buffer_ += ':';
  append_padded(buffer_, second % 60, 2);
  buffer_ += '.';
  if (fraction % 1000 == 0) {
    append_padded(buffer_, fraction / 1000, 6);
  } else {
    append_padded(buffer_, fraction, 9);
  }
  buffer_ += "Z\"";
  after_value();
}

// A line that is no object by itself is wrapped: {"type": ..., "value": ...}.
bool LineSplitter::begin_wrapped() {
  if (!at_line()) return false;
  out_.begin_object();
  out_.field("type", type_);
  out_.key("value");
  return true;
}

void LineSplitter::end_wrapped(bool wrapped) {
  if (wrapped) out_.end_object();
}

void LineSplitter::key(std::string_view name) {
  if (depth_ == 0) {
    // Its name is that of the items of another section, which are told apart so.
    type_ = name == "incident" ? "incident-summary" : name;
  } else {
    out_.key(name);
  }
}

void LineSplitter::begin_object() {
  const bool line = at_line();
  ++depth_;
  out_.begin_object();
  if (line) out_.field("type", type_);
}

void LineSplitter::end_object() {
  --depth_;
  out_.end_object();
}

void LineSplitter::begin_array() {
  if (depth_ == 0) {
    in_list_ = true;
    depth_ = 1;
    type_ = singular(type_);
    return;
  }
  if (at_line()) wrapped_array_ = begin_wrapped();
  ++depth_;
  out_.begin_array();
}

void LineSplitter::end_array() {
  --depth_;
  if (depth_ == 0 && in_list_) {
    in_list_ = false;
    return;
  }
  out_.end_array();
  if (at_line() && wrapped_array_) {
    wrapped_array_ = false;
    out_.end_object();
  }
}

void LineSplitter::value(std::string_view text) {
  scalar([&] { out_.value(text); });
}
void LineSplitter::value(std::uint64_t number) {
  scalar([&] { out_.value(number); });
}
void LineSplitter::value(std::int64_t number) {
  scalar([&] { out_.value(number); });
}
void LineSplitter::value(double number) {
  scalar([&] { out_.value(number); });
}
void LineSplitter::value(bool flag) {
  scalar([&] { out_.value(flag); });
}
void LineSplitter::null() {
  scalar([&] { out_.null(); });
}
void LineSplitter::time(Timestamp moment) {
  scalar([&] { out_.time(moment); });
}

}  // namespace voip::render
