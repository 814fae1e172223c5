#include "proto/passport/identity.h"

#include <algorithm>

#include "base/text.h"

namespace voip::passport {

namespace {

constexpr std::size_t kMaxValues = 64;

// Where the separator next stands outside quotes and angle brackets; the text's size when nowhere.
std::size_t find_outside(std::string_view text, std::size_t at, char separator) {
  bool quoted = false;
  bool angle = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') {
        ++at;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '<') {
      angle = true;
    } else if (c == '>') {
      angle = false;
    } else if (c == separator && !angle) {
      return at;
    }
  }
  return text.size();
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  return text;
}

class ValueParser {
 public:
  explicit ValueParser(std::string_view text) : text_(text) {}

  IdentityValue parse() {
    std::size_t end = find_outside(text_, 0, ';');
    take_token(trim(text_.substr(0, end)));
    while (end < text_.size()) {
      const std::size_t begin = end + 1;
      end = find_outside(text_, begin, ';');
      take_parameter(trim(text_.substr(begin, end - begin)), begin);
    }
    return std::move(out_);
  }

 private:
  void defect(FieldDefect what, std::size_t at) {
    if (out_.defects.empty()) out_.offset = at;
    if (std::ranges::find(out_.defects, what) == out_.defects.end()) out_.defects.push_back(what);
  }

  void take_token(std::string_view token) {
    out_.token = token;
    if (token.empty()) return defect(FieldDefect::kNoToken, 0);
    if (token.front() == '"') {
      out_.token = unquoted(token);
      return defect(FieldDefect::kQuotedToken, 0);
    }
    const auto blank = std::ranges::find_if(token, is_space);
    if (blank != token.end()) {
      defect(FieldDefect::kBlankInToken, static_cast<std::size_t>(blank - token.begin()));
    }
  }

  void take_parameter(std::string_view parameter, std::size_t at) {
    if (parameter.empty()) return;  // ";;" or a ';' at the end: harmless
    const std::size_t equals = parameter.find('=');
    const std::string_view name = trim(parameter.substr(0, equals));
    if (name.empty() || !std::ranges::all_of(name, is_token_char)) return defect(FieldDefect::kBadParameter, at);
    const bool ours = iequals(name, "info") || iequals(name, "alg") || iequals(name, "ppt");
    if (equals == std::string_view::npos) {
      if (ours) defect(FieldDefect::kBadParameter, at);
      return;
    }
    const std::string_view value = trim(parameter.substr(equals + 1));
    if (iequals(name, "info")) {
      set(out_.info, info_of(value, at), at);
    } else if (iequals(name, "alg")) {
      set(out_.alg, unquoted(value), at);
    } else if (iequals(name, "ppt")) {
      set(out_.ppt, unquoted(value), at);
    }
  }

  std::string_view info_of(std::string_view value, std::size_t at) {
    if (!value.starts_with('<')) {
      defect(FieldDefect::kInfoWithoutBrackets, at);
      return unquoted(value);
    }
    const std::size_t close = value.find('>');
    if (close == std::string_view::npos) {
      defect(FieldDefect::kInfoUnterminated, at);
      return value.substr(1);
    }
    if (!trim(value.substr(close + 1)).empty()) defect(FieldDefect::kBadParameter, at);
    return trim(value.substr(1, close - 1));
  }

  void set(std::optional<std::string_view>& slot, std::string_view value, std::size_t at) {
    if (slot.has_value()) return defect(FieldDefect::kRepeatedParameter, at);
    slot = value;
  }

  std::string_view text_;
  IdentityValue out_;
};

}  // namespace

std::string_view to_string(FieldDefect defect) {
  switch (defect) {
    case FieldDefect::kNoToken: return "there is no token";
    case FieldDefect::kBlankInToken: return "the token is broken by blanks or a folded line";
    case FieldDefect::kQuotedToken: return "the token is quoted, as in RFC 4474";
    case FieldDefect::kInfoWithoutBrackets: return "info is not in angle brackets";
    case FieldDefect::kInfoUnterminated: return "info has no closing bracket";
    case FieldDefect::kBadParameter: return "a parameter is malformed";
    case FieldDefect::kRepeatedParameter: return "a parameter stands twice";
  }
  return "?";
}

std::vector<IdentityValue> parse_identity(std::string_view text) {
  std::vector<IdentityValue> values;
  for (std::size_t begin = 0; begin <= text.size() && values.size() < kMaxValues;) {
    const std::size_t end = find_outside(text, begin, ',');
    const std::string_view one = trim(text.substr(begin, end - begin));
    // An empty element of a list is no value; an empty header field is one without a token.
    if (!one.empty() || (begin == 0 && end == text.size())) values.push_back(ValueParser{one}.parse());
    begin = end + 1;
  }
  return values;
}

}  // namespace voip::passport
