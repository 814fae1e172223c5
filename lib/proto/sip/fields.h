#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// Parts of header values, read only when somebody asks. All views borrow the value.
namespace voip::sip {

struct Uri {
  std::string_view scheme;  // "sip", "sips", "tel", ... as sent
  std::string_view user;    // without password; for tel: the number
  std::string_view password;
  std::string_view host;     // IPv6 without brackets
  std::uint16_t port = 0;    // 0: not given
  std::string_view params;   // after the first ';', without headers
  std::string_view headers;  // after '?'
};
Parsed<Uri> parse_uri(std::string_view text);

struct NameAddr {
  std::string_view display;  // without quotes; escapes kept
  std::string_view uri;
  std::string_view params;  // header parameters, after the first ';' behind the URI
};
// name-addr or addr-spec (RFC 3261 section 20.10: without brackets, parameters belong to the header).
Parsed<NameAddr> parse_name_addr(std::string_view value);
// The tag parameter of a From or To value; empty when there is none.
std::string_view tag_of(std::string_view from_or_to);

struct Via {
  std::string_view protocol;   // "SIP"
  std::string_view version;    // "2.0"
  std::string_view transport;  // "UDP", as sent
  std::string_view host;
  std::uint16_t port = 0;
  std::string_view branch, received, rport;
  std::string_view params;
};
// The first of the (possibly comma-separated) values.
Parsed<Via> parse_via(std::string_view value);

// A parameter's value, unquoted (escapes kept); nullopt when absent, empty when it has no value. Names: any case.
// params: "a=1;b;c=\"x;y\"", with or without a leading ';'.
std::optional<std::string_view> parameter(std::string_view params, std::string_view name);

// Calls each(value) for every comma-separated value, commas in quotes and angle brackets left alone.
template <class Function>
void for_each_value(std::string_view list, Function&& each);

struct Authorization {
  std::string_view scheme;  // "Digest"
  std::string_view username, realm, nonce, uri, response, algorithm, cnonce, opaque, qop, nc, domain, stale;
  std::string_view rest;  // everything after the scheme
};
// Authorization, Proxy-Authorization, WWW-Authenticate, Proxy-Authenticate (RFC 3261 section 25.1, RFC 7616).
Parsed<Authorization> parse_authorization(std::string_view value);

// Value without line folds (CRLF and blanks become one blank); allocates only when there is a fold.
std::string unfold(std::string_view value);

// One part of a MIME body (RFC 2046).
struct BodyPart {
  std::string_view content_type;
  std::string_view disposition;
  std::string_view content;
};
// The first part of that type ("application/sdp"): the body itself when content_type matches, or a part of a multipart
// body, nested at most 4 deep. Empty when there is none.
std::optional<BodyPart> find_body(std::string_view content_type, std::string_view body, std::string_view wanted);
// Whether a multipart body has its boundary's closing line.
bool multipart_closes(std::string_view content_type, std::string_view body);

template <class Function>
void for_each_value(std::string_view list, Function&& each) {
  bool quoted = false;
  unsigned angle = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '<') {
      angle = 1;
    } else if (c == '>') {
      angle = 0;
    } else if (c == ',' && angle == 0) {
      each(list.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  if (begin <= list.size()) each(list.substr(begin));
}

}  // namespace voip::sip
