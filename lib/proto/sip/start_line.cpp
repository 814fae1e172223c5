#include "proto/sip/start_line.h"

#include "proto/sip/message.h"

namespace voip::sip {
namespace {

// "SIP/" digits "." digits, any case (RFC 3261 section 7.1).
bool is_sip_version(std::string_view text) {
  if (text == kVersion) return true;
  if (text.size() < 7 || !istarts_with(text, "SIP/") || !is_digit(text[4])) return false;
  std::size_t i = 4;
  while (i < text.size() && is_digit(text[i])) ++i;
  if (i >= text.size() || text[i] != '.') return false;
  const std::size_t minor = ++i;
  while (i < text.size() && is_digit(text[i])) ++i;
  return i == text.size() && i > minor;
}

// The form of nearly all start lines: single blanks, the usual version, CR at the end. Not is_sip: look closer.
StartLine split_usual_line(std::string_view line) {
  constexpr std::size_t kAround = 1 + kVersion.size() + 1;  // a blank, the version, CR
  StartLine start;
  if (line.size() <= kAround || line.back() != '\r') return start;
  const std::string_view text = line.substr(0, line.size() - 1);
  if (text.starts_with(kVersion)) {
    constexpr std::size_t kCode = kVersion.size() + 1;
    constexpr std::size_t kReason = kCode + 3;
    if (text.size() <= kReason || text[kCode - 1] != ' ' || text[kReason] != ' ' || is_space(text.back()) ||
        !is_digit(text[kCode]) || !is_digit(text[kCode + 1]) || !is_digit(text[kCode + 2])) {
      return start;
    }
    start.is_sip = true;
    start.version = text.substr(0, kVersion.size());
    start.status = text.substr(kCode, 3);
    start.reason = text.substr(kReason + 1);
    return start;
  }
  const std::size_t version = text.size() - kVersion.size();
  if (text[version - 1] != ' ' || !text.ends_with(kVersion)) return start;
  std::size_t blank = 0;
  while (is_token(text[blank])) ++blank;  // the blank before the version ends it
  if (blank == 0 || text[blank] != ' ' || blank + 1 >= version) return start;
  if (find_blank(text, blank + 1) != version - 1 || blank + 1 == version - 1) return start;
  start.is_sip = start.is_request = true;
  start.method = text.substr(0, blank);
  start.uri = text.substr(blank + 1, version - blank - 2);
  start.version = text.substr(version);
  return start;
}

}  // namespace

std::string_view without_line_end(std::string_view line) {
  while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
  return line;
}

StartLine split_start_line(std::string_view line) {
  StartLine start = split_usual_line(line);
  if (start.is_sip) return start;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  const std::string_view text = without_line_end(line);
  start.odd_blanks = text.size() != line.size();
  std::size_t first = 0;
  while (first < text.size() && is_token(text[first])) ++first;
  if (first == 0 || first >= text.size()) return start;
  if (text[first] == '/') {
    // Status-Line.
    std::size_t end = first;
    while (end < text.size() && !is_blank(text[end])) ++end;
    start.version = text.substr(0, end);
    if (!is_sip_version(start.version) || end == text.size()) return start;
    std::size_t code = end;
    while (code < text.size() && is_blank(text[code])) ++code;
    std::size_t code_end = code;
    while (code_end < text.size() && !is_blank(text[code_end])) ++code_end;
    if (code == text.size() || !is_digit(text[code])) return start;
    start.is_sip = true;
    start.odd_blanks = code != end + 1;  // blanks at the end belong to the reason
    start.status = text.substr(code, code_end - code);
    start.reason = code_end < text.size() ? text.substr(code_end + 1) : std::string_view{};
    return start;
  }
  if (!is_blank(text[first])) return start;
  std::size_t last = text.size();
  while (last > first && !is_blank(text[last - 1])) --last;
  start.version = text.substr(last);
  start.method = text.substr(0, first);
  if (!is_sip_version(start.version)) {
    // A request without its version is still nothing else.
    start.uri = start.version;
    start.version = {};
    start.is_request = start.is_sip = method_of(start.method) != Method::kOther &&
                                      trim(text.substr(first)) == start.uri && istarts_with(start.uri, "sip:");
    return start;
  }
  std::size_t begin = first;
  while (begin < last && is_blank(text[begin])) ++begin;
  std::size_t end = last;
  while (end > begin && is_blank(text[end - 1])) --end;
  if (begin == end) return start;
  if (begin != first + 1 || end + 1 != last || text[first] != ' ' || text[last - 1] != ' ') start.odd_blanks = true;
  start.uri = text.substr(begin, end - begin);
  start.is_sip = true;
  start.is_request = true;
  return start;
}

}  // namespace voip::sip
