#include "render/csv_record.h"

#include "render/escape.h"

namespace voip::render {

namespace {

// A spreadsheet takes some beginnings for a formula, also with quotes around. Numbers (+4930..., -1) are left alone.
bool looks_like_formula(std::string_view text) {
  if (text.empty()) return false;
  if (text[0] == '=' || text[0] == '@') return true;
  if (text[0] != '+' && text[0] != '-') return false;
  return text.find_first_not_of("0123456789.", 1) != std::string_view::npos;
}

}  // namespace

void CsvRecord::cell(std::string_view untrusted) {
  std::string text = printable(untrusted);
  if (looks_like_formula(text)) text.insert(0, 1, '\'');
  const bool first = !any_;
  if (!first) line_ += ',';
  any_ = true;
  // A record of one empty cell would be an empty line.
  if (text.find_first_of(",\"\n\r") == std::string::npos && !(text.empty() && first)) {
    line_ += text;
    return;
  }
  line_ += '"';
  for (const char c : text) {
    if (c == '"') line_ += '"';
    line_ += c;
  }
  line_ += '"';
}

void CsvRecord::end(Output& out) {
  line_ += '\n';
  out.write(line_);
  line_.clear();
  any_ = false;
}

}  // namespace voip::render
