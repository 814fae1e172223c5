#include "proto/sip/fields.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "proto/sip/message.h"

namespace voip::sip {
namespace {

constexpr unsigned kMultipartDepth = 4;
constexpr std::size_t kLongestBoundary = 256;  // RFC 2046 section 5.1.1 allows 70

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Offset behind the closing quote of the quoted string that begins at `at`; npos when it is not closed.
std::size_t behind_quotes(std::string_view text, std::size_t at) {
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

// Offset of the first `wanted` outside quotes; the text's size when there is none.
std::size_t find_outside_quotes(std::string_view text, std::size_t at, char wanted) {
  while (at < text.size()) {
    if (text[at] == '"') {
      const std::size_t behind = behind_quotes(text, at);
      if (behind == std::string_view::npos) return text.size();
      at = behind;
    } else if (text[at] == wanted) {
      return at;
    } else {
      ++at;
    }
  }
  return text.size();
}

bool is_host_char(char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_'; }

struct HostPort {
  bool ok = false;
  const char* bad_field = "";
  std::string_view host;
  std::uint16_t port = 0;
  std::size_t end = 0;  // behind it
};

// At `at`: a name, an IPv4 address or an IPv6 address (with or without brackets), and a port. spaces: blanks may stand
// around the colon (Via).
HostPort read_host_port(std::string_view text, std::size_t at, bool spaces) {
  HostPort result;
  std::size_t i = at;
  if (i < text.size() && text[i] == '[') {
    const std::size_t close = text.find(']', i);
    if (close == std::string_view::npos) {
      result.bad_field = "sip.uri.host";
      return result;
    }
    result.host = text.substr(i + 1, close - i - 1);
    const auto is_address_char = [](char c) {
      return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f') || c == ':' || c == '.' || c == '%';
    };
    if (!std::ranges::all_of(result.host, is_address_char)) result.host = {};
    i = close + 1;
  } else {
    while (i < text.size() && is_host_char(text[i])) ++i;
    result.host = text.substr(at, i - at);
  }
  if (result.host.empty()) {
    result.bad_field = "sip.uri.host";
    return result;
  }
  std::size_t colon = spaces ? skip_space(text, i) : i;
  if (colon < text.size() && text[colon] == ':') {
    ++colon;
    if (spaces) colon = skip_space(text, colon);
    std::size_t end = colon;
    while (end < text.size() && is_digit(text[end])) ++end;
    const auto port = parse_number<std::uint16_t>(text.substr(colon, end - colon));
    if (!port || *port == 0) {
      result.bad_field = "sip.uri.port";
      return result;
    }
    result.port = *port;
    i = end;
  }
  result.end = i;
  result.ok = true;
  return result;
}

bool matches_type(std::string_view content_type, std::string_view wanted) {
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  return iequals(type, wanted);
}

std::string_view params_of(std::string_view value) {
  const std::size_t semicolon = find_outside_quotes(value, 0, ';');
  return semicolon < value.size() ? value.substr(semicolon + 1) : std::string_view{};
}

std::string_view boundary_of(std::string_view content_type, std::string_view body) {
  if (const auto named = parameter(params_of(content_type), "boundary"); named && !named->empty()) return *named;
  // Left out by some senders: the first line tells it.
  const std::size_t at = skip_space(body, 0);
  const std::string_view line = trim(body.substr(at, body.substr(at).find('\n')));
  return line.starts_with("--") ? line.substr(2) : std::string_view{};
}

// Where a line that begins with the delimiter starts, from `from` on; npos when there is none.
std::size_t find_delimiter(std::string_view body, std::string_view boundary, std::size_t from) {
  for (std::size_t at = from; at < body.size();) {
    const std::size_t line_end = std::min(body.find('\n', at), body.size());
    const std::string_view line = body.substr(at, line_end - at);
    if (line.starts_with("--") && line.substr(2).starts_with(boundary)) {
      std::string_view behind = line.substr(2 + boundary.size());
      if (behind.starts_with("--")) behind.remove_prefix(2);
      if (trim(behind).empty()) return at;
    }
    at = line_end + 1;
  }
  return std::string_view::npos;
}

// A part's own header fields and content.
BodyPart read_part(std::string_view part) {
  BodyPart result;
  std::size_t at = 0;
  while (at < part.size()) {
    std::size_t end = std::min(part.find('\n', at), part.size());
    if (trim(part.substr(at, end - at)).empty()) {
      at = std::min(end + 1, part.size());
      break;
    }
    while (end + 1 < part.size() && is_blank(part[end + 1])) end = std::min(part.find('\n', end + 1), part.size());
    const std::string_view line = part.substr(at, end - at);
    at = std::min(end + 1, part.size());
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view value = trim(line.substr(colon + 1));
    switch (header_id(trim(line.substr(0, colon)))) {
      case HeaderId::kContentType: result.content_type = value; break;
      case HeaderId::kContentDisposition: result.disposition = value; break;
      default: break;
    }
  }
  result.content = part.substr(at);
  return result;
}

std::optional<BodyPart> find_part(std::string_view content_type, std::string_view body, std::string_view wanted,
                                  unsigned depth) {
  if (!istarts_with(trim(content_type), "multipart/") || depth == 0) return std::nullopt;
  const std::string_view boundary = boundary_of(content_type, body);
  if (boundary.empty() || boundary.size() > kLongestBoundary) return std::nullopt;
  std::size_t delimiter = find_delimiter(body, boundary, 0);
  while (delimiter != std::string_view::npos) {
    const std::size_t line_end = body.find('\n', delimiter);
    const std::string_view line = trim(body.substr(delimiter, line_end - delimiter));
    if (line_end == std::string_view::npos || line.size() > boundary.size() + 2)
      return std::nullopt;  // the closing one
    const std::size_t begin = line_end + 1;
    const std::size_t next = find_delimiter(body, boundary, begin);
    std::string_view part = body.substr(begin, next == std::string_view::npos ? next : next - begin);
    if (next != std::string_view::npos) {
      // The line end before a delimiter belongs to it.
      if (part.ends_with('\n')) part.remove_suffix(1);
      if (part.ends_with('\r')) part.remove_suffix(1);
    }
    const BodyPart read = read_part(part);
    if (matches_type(read.content_type, wanted)) return read;
    if (auto nested = find_part(read.content_type, read.content, wanted, depth - 1)) return nested;
    delimiter = next;
  }
  return std::nullopt;
}

}  // namespace

Parsed<Uri> parse_uri(std::string_view text) {
  Uri uri;
  std::size_t at = 0;
  while (at < text.size() && (is_alpha(text[at]) || (at > 0 && (is_digit(text[at]) || text[at] == '+' ||
                                                                text[at] == '-' || text[at] == '.')))) {
    ++at;
  }
  if (at == 0 || at >= text.size() || text[at] != ':') return ParseError{Malformed::kBadSyntax, at, "sip.uri.scheme"};
  uri.scheme = text.substr(0, at);
  ++at;
  const bool sip = iequals(uri.scheme, "sip") || iequals(uri.scheme, "sips");
  if (!sip) {
    const bool hierarchy = text.substr(at).starts_with("//");
    if (hierarchy) at += 2;
    std::size_t end = find_any(text, at, ';', '?');
    const std::string_view opaque = text.substr(at, end - at);
    const std::size_t sign = opaque.find('@');
    if (hierarchy || sign != std::string_view::npos) {
      std::size_t host_at = at;
      if (sign != std::string_view::npos) {
        uri.user = opaque.substr(0, sign);
        host_at = at + sign + 1;
      }
      const HostPort host = read_host_port(text, host_at, false);
      if (host.ok) {
        uri.host = host.host;
        uri.port = host.port;
      }
    } else {
      uri.user = opaque;
    }
    if (opaque.empty()) return ParseError{Malformed::kMissing, at, "sip.uri.host"};
    if (std::ranges::any_of(text, is_space)) return ParseError{Malformed::kBadSyntax, at, "sip.uri"};
    if (end < text.size() && text[end] == ';') {
      const std::size_t question = std::min(text.find('?', end), text.size());
      uri.params = text.substr(end + 1, question - end - 1);
      end = question;
    }
    if (end < text.size()) uri.headers = text.substr(end + 1);
    return uri;
  }
  // A user part may hold ';' and '?' of its own, but an unescaped '@' ends it. Some senders put a whole address there:
  // then the last '@' before the parameters counts.
  std::size_t sign = text.find('@', at);
  if (sign != std::string_view::npos) {
    const std::size_t stop = find_any(text, sign, ';', '?');
    for (std::size_t more = sign + 1; more < stop; ++more) {
      if (text[more] == '@') sign = more;
    }
    std::string_view user = text.substr(at, sign - at);
    const std::size_t colon = user.find(':');
    if (colon != std::string_view::npos) {
      uri.password = user.substr(colon + 1);
      user = user.substr(0, colon);
    }
    if (std::ranges::any_of(user, is_space)) return ParseError{Malformed::kBadSyntax, at, "sip.uri.user"};
    uri.user = user;
    at = sign + 1;
  }
  const HostPort host = read_host_port(text, at, false);
  if (!host.ok) return ParseError{Malformed::kBadValue, at, host.bad_field};
  uri.host = host.host;
  uri.port = host.port;
  at = host.end;
  if (at < text.size() && text[at] == ';') {
    const std::size_t question = std::min(text.find('?', at), text.size());
    uri.params = text.substr(at + 1, question - at - 1);
    at = question;
  }
  if (at < text.size() && text[at] == '?') {
    uri.headers = text.substr(at + 1);
    at = text.size();
  }
  if (at != text.size()) return ParseError{Malformed::kBadSyntax, at, "sip.uri.host"};
  return uri;
}

Parsed<NameAddr> parse_name_addr(std::string_view value) {
  value = trim(value);
  NameAddr result;
  std::size_t at = 0;
  if (value.starts_with('"')) {
    const std::size_t behind = behind_quotes(value, 0);
    if (behind == std::string_view::npos) return ParseError{Malformed::kBadSyntax, 0, "sip.name-addr.quote"};
    result.display = value.substr(1, behind - 2);
    at = skip_space(value, behind);
    if (at >= value.size() || value[at] != '<') return ParseError{Malformed::kBadSyntax, at, "sip.name-addr"};
  } else {
    const std::size_t stop = find_any(value, 0, '<', ';', '"');
    if (stop < value.size() && value[stop] == '<') {
      result.display = trim(value.substr(0, stop));
      at = stop;
    }
  }
  if (at < value.size() && value[at] == '<') {
    const std::size_t close = value.find('>', at);
    if (close == std::string_view::npos) return ParseError{Malformed::kBadSyntax, at, "sip.name-addr"};
    result.uri = trim(value.substr(at + 1, close - at - 1));
    at = skip_space(value, close + 1);
    if (at < value.size() && value[at] != ';' && value[at] != ',') {
      return ParseError{Malformed::kBadSyntax, at, "sip.name-addr"};
    }
  } else {
    at = find_any(value, 0, ';', ',');
    result.uri = trim(value.substr(0, at));
  }
  if (result.uri.empty()) return ParseError{Malformed::kMissing, at, "sip.name-addr"};
  if (at < value.size() && value[at] == ';') {
    const std::size_t end = find_outside_quotes(value, at, ',');
    result.params = value.substr(at + 1, end - at - 1);
  }
  return result;
}

namespace {

// The usual form, where the tag follows the address at once: "name" <sip:a@b>;tag=xyz. Empty: look closer.
std::string_view usual_tag(std::string_view value) {
  constexpr std::string_view kTag = ";tag=";
  std::size_t at = 0;
  if (value.starts_with('"')) {
    at = value.find('"', 1);
    if (at == std::string_view::npos || value[at - 1] == '\\') return {};
    ++at;
  }
  const std::size_t close = value.find('>', at);
  if (close == std::string_view::npos || value.substr(close + 1, kTag.size()) != kTag) return {};
  if (value.substr(at, close - at).find('"') != std::string_view::npos) return {};
  const std::string_view tag = value.substr(close + 1 + kTag.size());
  std::size_t end = 0;
  while (end < tag.size() && is_token_char(tag[end])) ++end;
  return end == tag.size() || tag[end] == ';' ? tag.substr(0, end) : std::string_view{};
}

}  // namespace

std::string_view tag_of(std::string_view from_or_to) {
  if (const std::string_view tag = usual_tag(from_or_to); !tag.empty()) return tag;
  const auto parsed = parse_name_addr(from_or_to);
  if (parsed) return parameter(parsed->params, "tag").value_or(std::string_view{});
  // A broken address still has its tag behind the last bracket.
  const std::size_t close = from_or_to.rfind('>');
  if (close == std::string_view::npos) return {};
  return parameter(from_or_to.substr(close + 1), "tag").value_or(std::string_view{});
}

Parsed<Via> parse_via(std::string_view value) {
  Via via;
  std::size_t at = skip_space(value, 0);
  const auto part = [&](char stop) {
    const std::size_t begin = at;
    while (at < value.size() && is_token_char(value[at])) ++at;
    const std::string_view token = value.substr(begin, at - begin);
    at = skip_space(value, at);
    if (stop != '\0') {
      if (at >= value.size() || value[at] != stop) return std::string_view{};
      at = skip_space(value, at + 1);
    }
    return token;
  };
  via.protocol = part('/');
  if (via.protocol.empty()) return ParseError{Malformed::kBadSyntax, at, "sip.via.protocol"};
  via.version = part('/');
  if (via.version.empty()) return ParseError{Malformed::kBadSyntax, at, "sip.via.version"};
  via.transport = part('\0');
  if (via.transport.empty()) return ParseError{Malformed::kBadSyntax, at, "sip.via.transport"};
  const HostPort host = read_host_port(value, at, true);
  if (!host.ok) {
    return ParseError{Malformed::kBadValue, at,
                      std::string_view{host.bad_field} == "sip.uri.port" ? "sip.via.port" : "sip.via.host"};
  }
  via.host = host.host;
  via.port = host.port;
  at = skip_space(value, host.end);
  if (at < value.size() && value[at] != ';' && value[at] != ',') {
    return ParseError{Malformed::kBadSyntax, at, "sip.via"};
  }
  if (at < value.size() && value[at] == ';') {
    via.params = value.substr(at + 1, find_outside_quotes(value, at, ',') - at - 1);
    via.branch = parameter(via.params, "branch").value_or(std::string_view{});
    via.received = parameter(via.params, "received").value_or(std::string_view{});
    via.rport = parameter(via.params, "rport").value_or(std::string_view{});
  }
  return via;
}

std::optional<std::string_view> parameter(std::string_view params, std::string_view name) {
  for (std::size_t at = 0; at < params.size();) {
    if (params[at] == ';' || is_space(params[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < params.size() && params[at] != ';' && params[at] != '=') ++at;
    const std::string_view key = trim(params.substr(begin, at - begin));
    std::string_view value;
    if (at < params.size() && params[at] == '=') {
      at = skip_space(params, at + 1);
      const std::size_t value_begin = at;
      if (at < params.size() && params[at] == '"') {
        const std::size_t behind = behind_quotes(params, at);
        if (behind == std::string_view::npos) {
          at = params.size();
          value = params.substr(value_begin + 1);
        } else {
          value = params.substr(value_begin + 1, behind - value_begin - 2);
          at = std::min(params.find(';', behind), params.size());
        }
      } else {
        at = std::min(params.find(';', at), params.size());
        value = trim(params.substr(value_begin, at - value_begin));
      }
    }
    if (iequals(key, name)) return value;
  }
  return std::nullopt;
}

Parsed<Authorization> parse_authorization(std::string_view value) {
  Authorization result;
  value = trim(value);
  std::size_t at = 0;
  while (at < value.size() && is_token_char(value[at])) ++at;
  if (at == 0 || (at < value.size() && !is_space(value[at]))) {
    return ParseError{Malformed::kBadSyntax, at, "sip.authorization.scheme"};
  }
  result.scheme = value.substr(0, at);
  at = skip_space(value, at);
  result.rest = value.substr(at);
  if (result.rest.empty()) return ParseError{Malformed::kMissing, at, "sip.authorization"};

  struct Field {
    std::string_view name;
    std::string_view Authorization::*member;
  };
  static constexpr std::array kFields{
      Field{"username", &Authorization::username}, Field{"realm", &Authorization::realm},
      Field{"nonce", &Authorization::nonce},       Field{"uri", &Authorization::uri},
      Field{"response", &Authorization::response}, Field{"algorithm", &Authorization::algorithm},
      Field{"cnonce", &Authorization::cnonce},     Field{"opaque", &Authorization::opaque},
      Field{"qop", &Authorization::qop},           Field{"nc", &Authorization::nc},
      Field{"domain", &Authorization::domain},     Field{"stale", &Authorization::stale},
  };
  while (at < value.size()) {
    if (value[at] == ',' || is_space(value[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < value.size() && value[at] != '=' && value[at] != ',') ++at;
    if (at >= value.size() || value[at] == ',') continue;
    const std::string_view name = trim(value.substr(begin, at - begin));
    at = skip_space(value, at + 1);
    std::string_view content;
    if (at < value.size() && value[at] == '"') {
      const std::size_t behind = behind_quotes(value, at);
      const std::size_t end = behind == std::string_view::npos ? value.size() : behind;
      content = value.substr(at + 1, end - at - (behind == std::string_view::npos ? 1 : 2));
      at = std::min(value.find(',', end), value.size());
    } else {
      const std::size_t end = std::min(value.find(',', at), value.size());
      content = trim(value.substr(at, end - at));
      at = end;
    }
    for (const Field& field : kFields) {
      // The first one counts: a second is somebody's trick.
      if (iequals(field.name, name) && (result.*field.member).data() == nullptr) result.*field.member = content;
    }
  }
  return result;
}

std::string unfold(std::string_view value) {
  std::string result;
  result.reserve(value.size());
  for (std::size_t i = 0; i < value.size();) {
    if (value[i] == '\r' || value[i] == '\n') {
      while (!result.empty() && is_blank(result.back())) result.pop_back();
      i = skip_space(value, i);
      result += ' ';
    } else {
      result += value[i++];
    }
  }
  return result;
}

std::optional<BodyPart> find_body(std::string_view content_type, std::string_view body, std::string_view wanted) {
  if (matches_type(content_type, wanted)) return BodyPart{content_type, {}, body};
  // A body whose type was left out is still SDP when it reads like it.
  if (content_type.empty()) {
    if (wanted == "application/sdp" && body.starts_with("v=")) return BodyPart{wanted, {}, body};
    return std::nullopt;
  }
  return find_part(content_type, body, wanted, kMultipartDepth);
}

bool multipart_closes(std::string_view content_type, std::string_view body) {
  const std::string_view boundary = boundary_of(content_type, body);
  if (boundary.empty() || boundary.size() > kLongestBoundary) return false;
  for (std::size_t at = find_delimiter(body, boundary, 0); at != std::string_view::npos;) {
    const std::string_view rest = body.substr(at + 2 + boundary.size());
    if (rest.starts_with("--")) return true;
    const std::size_t line_end = rest.find('\n');
    if (line_end == std::string_view::npos) return false;
    at = find_delimiter(body, boundary, at + 2 + boundary.size() + line_end + 1);
  }
  return false;
}

}  // namespace voip::sip
