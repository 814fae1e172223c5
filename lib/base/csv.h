#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace voip {

// Comma-separated values (RFC 4180), front to back; CRLF or LF.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : text_(text) {}

  // The next row's cells; false at the end.
  bool next(std::vector<std::string>& cells) {
    cells.clear();
    if (pos_ >= text_.size()) return false;
    ++line_;
    cells.emplace_back();
    bool quoted = false;
    for (; pos_ < text_.size(); ++pos_) {
      const char c = text_[pos_];
      if (quoted) {
        if (c != '"') {
          cells.back() += c;
        } else if (pos_ + 1 < text_.size() && text_[pos_ + 1] == '"') {
          cells.back() += c;
          ++pos_;
        } else {
          quoted = false;
        }
      } else if (c == '"') {
        quoted = true;
      } else if (c == ',') {
        cells.emplace_back();
      } else if (c == '\n') {
        ++pos_;
        break;
      } else if (c != '\r') {
        cells.back() += c;
      }
    }
    return true;
  }
  std::size_t line() const { return line_; }  // rows so far; the line where nothing was quoted over lines

 private:
  std::string_view text_;
  std::size_t pos_ = 0;
  std::size_t line_ = 0;
};

}  // namespace voip
