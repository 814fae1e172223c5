#include "proto/sip/message.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "proto/sip/header_table.h"
#include "proto/sip/line_scanner.h"
#include "proto/sip/start_line.h"

namespace voip::sip {
namespace {

constexpr std::size_t kLongestFirstLine = 16384;  // of what may still be taken for SIP
constexpr std::size_t kLongestMethod = 256;
constexpr std::size_t kOversizedValue = 8192;
constexpr std::uint32_t kLargestCSeq = 0x7fffffff;  // RFC 3261 section 8.1.1.5

constexpr std::uint64_t bit(HeaderId id) { return std::uint64_t{1} << static_cast<unsigned>(id); }
static_assert(static_cast<unsigned>(HeaderId::kResourcePriority) < 64);

// Header fields that may stand in a message once.
constexpr std::uint64_t kSingle =
    bit(HeaderId::kFrom) | bit(HeaderId::kTo) | bit(HeaderId::kCallId) | bit(HeaderId::kCSeq) |
    bit(HeaderId::kContentLength) | bit(HeaderId::kContentType) | bit(HeaderId::kMaxForwards) |
    bit(HeaderId::kExpires) | bit(HeaderId::kDate) | bit(HeaderId::kUserAgent) | bit(HeaderId::kServer) |
    bit(HeaderId::kContentDisposition) | bit(HeaderId::kRSeq) | bit(HeaderId::kRAck) | bit(HeaderId::kSessionExpires) |
    bit(HeaderId::kMinSe) | bit(HeaderId::kReplaces) | bit(HeaderId::kEvent);

// is_space(), with one comparison for nearly all characters.
constexpr bool blank_or_line_end(char c) { return static_cast<unsigned char>(c) <= ' ' && is_space(c); }

std::size_t find_colon(std::string_view line) {
#if defined(__SSE2__)
  if (line.size() >= 16) {
    __m128i head;
    std::memcpy(&head, line.data(), sizeof head);
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(head, _mm_set1_epi8(':'))));
    if (mask != 0) return static_cast<std::size_t>(std::countr_zero(mask));
  }
#endif
  return line.find(':');
}

bool valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t more = 0;
    if (lead < 0x80) {
      more = 0;
    } else if (lead >= 0xc2 && lead < 0xe0) {
      more = 1;
    } else if (lead >= 0xe0 && lead < 0xf0) {
      more = 2;
    } else if (lead >= 0xf0 && lead < 0xf5) {
      more = 3;
    } else {
      return false;
    }
    if (text.size() - i <= more) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    if (more > 1) {
      // Overlong forms, surrogates and what lies above U+10FFFF.
      const auto second = static_cast<unsigned char>(text[i + 1]);
      if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
          (lead == 0xf4 && second > 0x8f)) {
        return false;
      }
    }
    i += more + 1;
  }
  return true;
}

// Decimal digits only, kept at the largest value when they are more than it holds.
struct Number {
  bool valid = false;
  bool overflow = false;
  std::uint32_t value = 0;
};
Number read_digits(std::string_view text) {
  Number number;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return number;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
    if (value > 0xffffffff) {
      value = 0xffffffff;
      number.overflow = true;
    }
  }
  number.valid = !text.empty();
  number.value = static_cast<std::uint32_t>(value);
  return number;
}

void read_cseq(MessageView& message) {
  std::size_t digits = 0;
  const std::string_view text = message.cseq;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  const Number number = read_digits(text.substr(0, digits));
  const std::string_view method = trim(text.substr(digits));
  message.cseq_number = number.value;
  message.cseq_method = method_of(method);
  if (!number.valid || method.empty() || digits == text.size() || !is_space(text[digits]) ||
      !std::ranges::all_of(method, is_token)) {
    message.anomalies.add(Anomaly::kBadCSeq);
  }
  if (number.overflow || number.value > kLargestCSeq) message.anomalies.add(Anomaly::kCSeqOutOfRange);
  if (message.is_request) {
    if (number.valid && !method.empty() && method != message.method_text) {
      message.anomalies.add(Anomaly::kCSeqMethodMismatch);
    }
  } else {
    message.method = message.cseq_method;
    message.method_text = method;
  }
}

// Where the body is cut, and what its declared length says of it.
void cut_body(MessageView& message, std::string_view length_field, bool has_length, std::string_view rest,
              bool datagram, bool cut) {
  Number declared;
  if (has_length) {
    declared = read_digits(length_field);
    if (!declared.valid) {
      const bool negative = length_field.size() > 1 && length_field.front() == '-' && is_digit(length_field[1]);
      message.anomalies.add(negative ? Anomaly::kContentLengthNegative : Anomaly::kBadContentLength);
    }
  } else if (!datagram) {
    message.anomalies.add(Anomaly::kMissingContentLength);
  }
  if (!declared.valid) {
    message.body = datagram ? rest : std::string_view{};
    message.content_length = message.body.size();
    message.body_truncated = datagram && cut;
    return;
  }
  message.content_length = declared.value;
  message.body = rest.substr(0, declared.value);
  if (rest.size() < declared.value) {
    message.body_truncated = true;
    if (!cut) message.anomalies.add(Anomaly::kContentLengthTooLarge);
  } else if (datagram && rest.size() > declared.value) {
    // Blank lines and NULs behind a message are a habit of many senders, and harmless.
    const std::string_view behind = rest.substr(declared.value);
    if (behind.find_first_not_of(std::string_view{"\r\n\0", 3}) != std::string_view::npos) {
      message.anomalies.add(Anomaly::kContentLengthTooSmall);
    }
  }
}

void judge_start_line(const StartLine& start, MessageView& message) {
  message.is_request = start.is_request;
  if (start.odd_blanks) message.anomalies.add(Anomaly::kStartLineBlanks);
  if (start.version.empty()) {
    message.anomalies.add(Anomaly::kBadStartLine);
  } else if (start.version != kVersion) {
    message.anomalies.add(Anomaly::kBadVersion);
  }
  if (!start.is_request) {
    message.reason = start.reason;
    const Number code = read_digits(start.status);
    if (start.status.size() == 3 && code.valid && code.value >= 100 && code.value <= 699) {
      message.status = code.value;
    } else {
      message.anomalies.add(Anomaly::kBadStatusCode);
    }
    return;
  }
  message.method = method_of(start.method);
  message.method_text = start.method;
  message.request_uri = start.uri;
  if (message.method == Method::kOther) {
    for (auto known = Method::kInvite; known <= Method::kPublish;
         known = static_cast<Method>(static_cast<unsigned>(known) + 1)) {
      if (iequals(to_string(known), start.method)) message.anomalies.add(Anomaly::kBadMethodCase);
    }
  }
  const std::string_view uri = start.uri;
  if (uri.front() == '<' || uri.back() == '>') message.anomalies.add(Anomaly::kUriWithAngleBrackets);
  if (std::ranges::any_of(uri.substr(find_blank(uri, 0)), is_space)) message.anomalies.add(Anomaly::kUriWithBlanks);
}

}  // namespace

std::string_view MessageView::header(HeaderId id) const {
  for (const Header& field : headers) {
    if (field.id == id) return field.value;
  }
  return {};
}

std::string_view MessageView::header(std::string_view name) const {
  for (const Header& field : headers) {
    if (iequals(field.name, name)) return field.value;
  }
  return {};
}

Parsed<MessageView> Parser::parse(ByteView bytes, bool datagram, bool cut) {
  Parsed<MessageView> result{MessageView{}};
  MessageView& message = result.value();
  const std::string_view text = as_text(bytes);
  LineScanner lines{bytes};

  std::size_t line_feed = lines.next();
  const bool only_line = line_feed == text.size();
  const StartLine start = split_start_line(text.substr(0, line_feed));
  if (!start.is_sip || start.method.size() > kLongestMethod || (only_line && cut && start.version.empty())) {
    result = ParseError{only_line && cut ? Malformed::kTruncated : Malformed::kBadSyntax, 0, "sip"};
    return result;
  }
  judge_start_line(start, message);

  std::size_t stored = 0;
  std::size_t room = headers_.size();
  Header* fields = headers_.data();
  std::uint64_t seen = 0;
  // Of each header field in `seen`, its first value. Not set to zero: that would be most of the work on short messages.
  struct Value {
    const char* text;
    std::size_t size;
  };
  std::array<Value, 64> first;
  std::size_t head_end = text.size();
  bool complete = false;
  for (std::size_t begin = line_feed + 1; begin < text.size();) {
    line_feed = lines.next();
    // The line without its end.
    std::size_t end = line_feed;
    if (end > begin && text[end - 1] == '\r') --end;
    if (end == begin && line_feed < text.size()) {
      complete = true;
      head_end = line_feed + 1;
      break;
    }
    // Lines that begin with a blank go on with the value (RFC 3261 section 7.3.1).
    while (line_feed + 1 < text.size() && is_blank(text[line_feed + 1])) {
      message.anomalies.add(Anomaly::kFoldedLine);
      end = line_feed = lines.next();
      if (end > begin && text[end - 1] == '\r') --end;
    }
    if (line_feed >= text.size() && cut) break;  // its last value may be half a value
    const std::string_view line{text.data() + begin, end - begin};
    const std::size_t line_begin = std::exchange(begin, line_feed + 1);

    const std::size_t colon = find_colon(line);
    if (colon >= line.size()) {
      message.anomalies.add(Anomaly::kBadHeaderLine);
      continue;
    }
    std::size_t name_end = colon;
    while (name_end > 0 && is_blank(line[name_end - 1])) --name_end;
    const std::string_view name{line.data(), name_end};
    const HeaderId id = text.size() - line_begin >= 8 ? find_header(name.data(), name.size()) : header_id(name);
    std::size_t value_begin = colon + 1;
    while (value_begin < line.size() && blank_or_line_end(line[value_begin])) ++value_begin;
    std::size_t value_end = line.size();
    while (value_end > value_begin && blank_or_line_end(line[value_end - 1])) --value_end;
    const std::string_view value{line.data() + value_begin, value_end - value_begin};
    if (value.size() > kOversizedValue) message.anomalies.add(Anomaly::kOversizedHeader);
    if (id == HeaderId::kOther) {
      if (name.empty()) {
        message.anomalies.add(Anomaly::kEmptyHeaderName);
      } else if (!std::ranges::all_of(name, is_token)) {
        message.anomalies.add(Anomaly::kBadHeaderName);
      }
    } else if ((seen & bit(id)) != 0) {
      if ((kSingle & bit(id)) != 0) message.anomalies.add(Anomaly::kDuplicateSingleHeader);
    } else {
      seen |= bit(id);
      first[static_cast<unsigned>(id)] = {value.data(), value.size()};
    }
    if (stored == room) {
      if (stored >= max_headers_) {
        message.anomalies.add(Anomaly::kTooManyHeaders);
        continue;
      }
      headers_.resize(std::min(max_headers_, std::max<std::size_t>(32, stored * 2)));
      room = headers_.size();
      fields = headers_.data();
    }
    fields[stored++] = {id, name, value};
  }
  const auto first_of = [&](HeaderId id) {
    if ((seen & bit(id)) == 0) return std::string_view{};
    const Value& value = first[static_cast<unsigned>(id)];
    return std::string_view{value.text, value.size};
  };
  message.via = first_of(HeaderId::kVia);
  message.from = first_of(HeaderId::kFrom);
  message.to = first_of(HeaderId::kTo);
  message.call_id = first_of(HeaderId::kCallId);
  message.cseq = first_of(HeaderId::kCSeq);
  message.contact = first_of(HeaderId::kContact);
  message.content_type = first_of(HeaderId::kContentType);
  message.user_agent = first_of((seen & bit(HeaderId::kUserAgent)) != 0 ? HeaderId::kUserAgent : HeaderId::kServer);
  const std::string_view length_field = first_of(HeaderId::kContentLength);
  message.headers = std::span<const Header>{fields, stored};

  const LineScanner::Odd odd = lines.odd_before(head_end);
  if (odd.nul) message.anomalies.add(Anomaly::kNulByte);
  if (odd.bare_lf) message.anomalies.add(Anomaly::kBareLf);
  if (odd.bare_cr && !(cut && !complete)) message.anomalies.add(Anomaly::kBareCr);
  if (odd.high && !valid_utf8(text.substr(0, head_end))) message.anomalies.add(Anomaly::kNonUtf8);

  if ((seen & bit(HeaderId::kCSeq)) != 0) read_cseq(message);
  if ((seen & bit(HeaderId::kMaxForwards)) != 0) {
    const Number hops = read_digits(first_of(HeaderId::kMaxForwards));
    if (!hops.valid || hops.value > 255) message.anomalies.add(Anomaly::kBadMaxForwards);
  }
  if (!complete && cut) {
    // What lies behind the cut nobody knows.
    message.body_truncated = true;
    const Number declared = read_digits(length_field);
    if (declared.valid) message.content_length = declared.value;
    return result;
  }
  if (!complete) message.anomalies.add(Anomaly::kNoEndOfHeaders);
  if ((seen & bit(HeaderId::kVia)) == 0) message.anomalies.add(Anomaly::kMissingVia);
  if ((seen & bit(HeaderId::kFrom)) == 0) message.anomalies.add(Anomaly::kMissingFrom);
  if ((seen & bit(HeaderId::kTo)) == 0) message.anomalies.add(Anomaly::kMissingTo);
  if ((seen & bit(HeaderId::kCallId)) == 0) message.anomalies.add(Anomaly::kMissingCallId);
  if ((seen & bit(HeaderId::kCSeq)) == 0) message.anomalies.add(Anomaly::kMissingCSeq);
  if (message.is_request && (seen & bit(HeaderId::kMaxForwards)) == 0) {
    message.anomalies.add(Anomaly::kMissingMaxForwards);
  }
  cut_body(message, length_field, (seen & bit(HeaderId::kContentLength)) != 0, text.substr(head_end), datagram, cut);
  return result;
}

Looks looks_like_sip(ByteView bytes) {
  const std::string_view text = as_text(first_bytes(bytes, kLongestFirstLine));
  if (text.size() > 8 && text.starts_with("SIP/2.0 ") && is_digit(text[8])) return Looks::kYes;
  std::size_t first = 0;
  while (first < text.size() && first <= kLongestMethod && is_token(text[first])) ++first;
  if (first > kLongestMethod) return Looks::kNo;
  if (first == text.size()) return Looks::kNeedMore;
  if (first == 0) return Looks::kNo;
  if (text[first] == '/') {
    if (first != 3 || !istarts_with(text, "SIP")) return Looks::kNo;
  } else if (!is_blank(text[first])) {
    return Looks::kNo;
  }
  const std::size_t line_feed = text.find('\n', first);
  if (line_feed == std::string_view::npos) {
    // A line that has its version already needs no end, only that nothing but blanks follow.
    if (const StartLine start = split_start_line(text); start.is_sip && !start.version.empty()) return Looks::kYes;
    return text.size() < kLongestFirstLine ? Looks::kNeedMore : Looks::kNo;
  }
  constexpr std::string_view kUsualEnd = " SIP/2.0\r";
  if (line_feed > first + 1 + kUsualEnd.size() && text[first] == ' ' && is_token(text[first + 1]) &&
      text.substr(line_feed - kUsualEnd.size(), kUsualEnd.size()) == kUsualEnd) {
    return Looks::kYes;
  }
  return split_start_line(text.substr(0, line_feed)).is_sip ? Looks::kYes : Looks::kNo;
}

StreamLength stream_length(ByteView bytes, std::size_t max_bytes) {
  HeadScanner scanner;
  return scanner.feed(bytes, max_bytes);
}

StreamLength HeadScanner::feed(ByteView bytes, std::size_t max_bytes) {
  using State = StreamLength::State;
  const std::string_view text = as_text(bytes);
  if (head_ == 0) {
    if (scanned_ == 0) {
      const Looks looks = looks_like_sip(bytes);
      if (looks == Looks::kNo) return {State::kNotSip, 0};
      if (looks == Looks::kNeedMore || text.find('\n') == std::string_view::npos) {
        return {bytes.size() >= max_bytes ? State::kNotSip : State::kNeedMore, 0};
      }
    }
    // Line by line, each once: scanned_ stays at the beginning of the first line that is not whole.
    const std::size_t from = std::max(scanned_, searched_);
    LineScanner lines{bytes.subspan(from)};
    for (;;) {
      const std::size_t line_feed = from + lines.next();
      if (line_feed == text.size()) {
        searched_ = text.size();
        return {bytes.size() >= max_bytes ? State::kNotSip : State::kNeedMore, 0};
      }
      std::string_view line = text.substr(scanned_, line_feed - scanned_);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      const bool first_line = scanned_ == 0;
      scanned_ = line_feed + 1;
      if (line.empty() && !first_line) {
        head_ = scanned_;
        break;
      }
      if (first_line) continue;
      if (!line.empty() && is_blank(line.front())) {
        // A Content-Length whose digits stand in the next line.
        if (pending_length_) {
          length_ = read_digits(trim(line)).value;
          pending_length_ = trim(line).empty();
        }
        continue;
      }
      pending_length_ = false;
      const char letter = line.empty() ? '\0' : ascii_lower(line.front());
      if ((letter != 'c' && letter != 'l') || has_length_) continue;
      const std::size_t colon = find_colon(line);
      if (colon >= line.size()) continue;
      if (header_id(without_line_end(line.substr(0, colon))) != HeaderId::kContentLength) continue;
      has_length_ = true;
      const std::string_view value = trim(line.substr(colon + 1));
      pending_length_ = value.empty();
      const Number declared = read_digits(value);
      length_ = declared.valid ? declared.value : 0;
    }
  }
  const std::size_t whole = head_ + length_;
  if (whole > max_bytes) return {State::kNotSip, whole};
  if (bytes.size() < whole) return {State::kNeedMore, whole};
  return {State::kComplete, whole};
}

}  // namespace voip::sip
