#include <algorithm>
#include <array>

#include "base/text.h"
#include "proto/sip/fields.h"
#include "proto/sip/message.h"

namespace voip::sip {
namespace {

constexpr std::string_view kCookie = "z9hG4bK";  // RFC 3261 section 8.1.1.7

template <std::size_t N>
bool any_of(const std::array<std::string_view, N>& list, std::string_view text) {
  return std::ranges::any_of(list, [text](std::string_view each) { return iequals(each, text); });
}

constexpr auto kSchemes =
    std::to_array<std::string_view>({"sip", "sips", "tel", "urn", "im", "pres", "mailto", "http", "https"});
constexpr auto kAuthSchemes =
    std::to_array<std::string_view>({"Digest", "Basic", "Bearer", "NTLM", "Kerberos", "TLS-DSK"});
// The IANA registry of option tags.
constexpr auto kOptionTags = std::to_array<std::string_view>({
    "100rel",
    "199",
    "answermode",
    "early-session",
    "eventlist",
    "explicitsub",
    "from-change",
    "geolocation-http",
    "geolocation-sip",
    "gin",
    "gruu",
    "histinfo",
    "ice",
    "join",
    "multiple-refer",
    "norefersub",
    "nosub",
    "outbound",
    "path",
    "policy",
    "precondition",
    "pref",
    "privacy",
    "recipient-list-invite",
    "recipient-list-message",
    "recipient-list-subscribe",
    "record-aware",
    "replaces",
    "resource-priority",
    "sdp-anat",
    "sec-agree",
    "siprec",
    "tdialog",
    "timer",
    "trickle-ice",
    "uui",
});
constexpr auto kApplicationTypes = std::to_array<std::string_view>({
    "application/sdp",          "application/isup",
    "application/qsig",         "application/dtmf",
    "application/dtmf-relay",   "application/simple-message-summary",
    "application/vq-rtcpxr",    "application/broadsoft",
    "application/x-broadsoft",  "application/media_control",
    "application/csta",         "application/vnd.3gpp.sms",
    "application/sip",          "application/xml",
    "application/json",         "application/trickle-ice-sdpfrag",
    "application/pkcs7-mime",   "application/pkcs7-signature",
    "application/octet-stream", "application/external",
    "application/hookflash",    "application/gtd",
});

bool is_number(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }
// RFC 3261 section 25.1, delta-seconds: a 32-bit number (section 20.19).
bool is_delta_seconds(std::string_view text) { return parse_number<std::uint32_t>(text).has_value(); }

bool quotes_close(std::string_view value) {
  bool quoted = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (quoted && value[i] == '\\') {
      ++i;
    } else if (value[i] == '"') {
      quoted = !quoted;
    }
  }
  return !quoted;
}

// Header parameters with nothing between two semicolons are nobody's grammar.
bool has_empty_parameter(std::string_view params) {
  bool empty = true;
  bool quoted = false;
  for (std::size_t i = 0; i < params.size(); ++i) {
    const char c = params[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == ';') {
      if (empty) return true;
      empty = true;
    } else if (!is_space(c)) {
      empty = false;
      quoted = c == '"';
    }
  }
  return empty;
}

void inspect_uri(std::string_view text, Anomaly bad, AnomalySet& found) {
  const auto uri = parse_uri(text);
  if (!uri) {
    found.add(bad);
    if (std::string_view{uri.error().field} == "sip.uri.port") found.add(Anomaly::kBadPort);
    return;
  }
  if (!any_of(kSchemes, uri->scheme)) found.add(Anomaly::kUnknownScheme);
}

// One value of From, To, Contact, Route and their kin.
void inspect_address(std::string_view value, bool allow_headers, AnomalySet& found) {
  value = trim(value);
  const auto address = parse_name_addr(value);
  if (!address) {
    found.add(quotes_close(value) ? Anomaly::kBadNameAddr : Anomaly::kUnterminatedQuote);
    return;
  }
  const std::size_t angle = value.starts_with('"') ? value.find('<', address->display.size() + 2) : value.find('<');
  const bool bracketed = angle != std::string_view::npos && address->uri.data() > value.data() + angle;
  if (bracketed) {
    // "< sip:a@b >": blanks belong outside.
    if (address->uri.data() != value.data() + angle + 1 || value.find('>', angle) != angle + 1 + address->uri.size()) {
      found.add(Anomaly::kBadNameAddr);
    }
    if (!value.starts_with('"') &&
        !std::ranges::all_of(address->display, [](char c) { return is_token_char(c) || is_space(c); })) {
      found.add(Anomaly::kBadNameAddr);
    }
  } else if (address->uri.find('?') != std::string_view::npos) {
    found.add(Anomaly::kBadNameAddr);  // RFC 3261 section 20.10: such a URI needs brackets
  }
  if (address->params.data() != nullptr && has_empty_parameter(address->params)) found.add(Anomaly::kBadNameAddr);
  inspect_uri(address->uri, Anomaly::kBadNameAddr, found);
  const auto uri = parse_uri(address->uri);
  if (uri && !allow_headers && !uri->headers.empty()) found.add(Anomaly::kUriWithHeaders);
}

void inspect_via(std::string_view value, AnomalySet& found) {
  const auto via = parse_via(value);
  if (!via) {
    found.add(Anomaly::kBadVia);
    if (std::string_view{via.error().field} == "sip.via.port") found.add(Anomaly::kBadPort);
    return;
  }
  if (!iequals(via->protocol, "SIP") || via->version != "2.0") found.add(Anomaly::kBadVersion);
  if (via->params.data() != nullptr && has_empty_parameter(via->params)) found.add(Anomaly::kBadVia);
  if (via->branch == kCookie) {
    found.add(Anomaly::kEmptyBranch);
  } else if (!istarts_with(via->branch, kCookie)) {
    found.add(Anomaly::kBranchWithoutCookie);
  }
  if (via->host == "255.255.255.255") found.add(Anomaly::kBroadcastAddress);
}

// SIP-date: "Sat, 13 Nov 2010 23:29:00 GMT" (RFC 3261 section 25.1), and nothing else.
bool is_sip_date(std::string_view text) {
  constexpr auto kDays = std::to_array<std::string_view>({"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"});
  constexpr auto kMonths = std::to_array<std::string_view>(
      {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"});
  constexpr std::string_view kShape = "ddd, 00 mmm 0000 00:00:00 GMT";
  if (text.size() != kShape.size() || !text.ends_with(" GMT")) return false;
  if (!any_of(kDays, text.substr(0, 3)) || !any_of(kMonths, text.substr(8, 3))) return false;
  for (std::size_t i = 3; i < kShape.size() - 4; ++i) {
    if (i >= 8 && i < 11) continue;
    if (kShape[i] == '0' ? !is_digit(text[i]) : text[i] != kShape[i]) return false;
  }
  return text.substr(5, 2) <= "31" && text.substr(17, 2) <= "23" && text.substr(20, 2) <= "59" &&
         text.substr(23, 2) <= "60";
}

// warn-code SP warn-agent SP warn-text.
bool is_warning(std::string_view value) {
  TextCursor in{trim(value)};
  const std::string_view code = in.word();
  const std::string_view agent = in.word();
  in.skip_blanks();
  const std::string_view text = in.rest();
  return code.size() == 3 && is_number(code) && !agent.empty() && text.size() >= 2 && text.front() == '"' &&
         text.back() == '"' && quotes_close(text);
}

// 1*DIGIT [ "." *DIGIT ] [ LWS delay ], delay of the same shape.
bool is_timestamp(std::string_view value) {
  TextCursor in{value};
  for (unsigned words = 0; words < 2; ++words) {
    const std::string_view word = in.word();
    if (word.empty()) return words == 1;
    const std::size_t point = word.find('.');
    if (!is_number(word.substr(0, point))) return false;
    if (point != std::string_view::npos && point + 1 < word.size() && !is_number(word.substr(point + 1))) return false;
  }
  in.skip_blanks();
  return in.at_end();
}

void inspect_authorization(const Header& field, AnomalySet& found) {
  const auto parsed = parse_authorization(field.value);
  if (!parsed) {
    found.add(Anomaly::kBadAuthorization);
    return;
  }
  if (!any_of(kAuthSchemes, parsed->scheme)) found.add(Anomaly::kUnsupportedAuthorization);
  if (!iequals(parsed->scheme, "Digest")) return;
  const bool answer = field.id == HeaderId::kAuthorization || field.id == HeaderId::kProxyAuthorization;
  if (parsed->realm.data() == nullptr || parsed->nonce.data() == nullptr ||
      (answer && (parsed->username.empty() || parsed->uri.empty() || parsed->response.data() == nullptr))) {
    found.add(Anomaly::kBadAuthorization);
  }
}

bool is_known_type(std::string_view content_type) {
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  for (const std::string_view family : {"text/", "multipart/", "message/", "image/", "audio/", "video/"}) {
    if (istarts_with(type, family)) return true;
  }
  const auto ends = [type](std::string_view suffix) {
    return type.size() > suffix.size() && iequals(type.substr(type.size() - suffix.size()), suffix);
  };
  return ends("+xml") || ends("+json") || any_of(kApplicationTypes, type);
}

// RFC 3261 section 10.2.2: alone, and only to remove all bindings.
bool is_good_star(const MessageView& message) {
  const std::string_view expires = message.header(HeaderId::kExpires);
  return message.method == Method::kRegister && message.contact == "*" && is_number(expires) &&
         expires.find_first_not_of('0') == std::string_view::npos &&
         std::ranges::count(message.headers, HeaderId::kContact, &Header::id) == 1;
}

void inspect_contact(std::string_view value, AnomalySet& found) {
  inspect_address(value, true, found);
  if (const auto address = parse_name_addr(value)) {
    const auto expires = parameter(address->params, "expires");
    if (expires && !is_delta_seconds(*expires)) found.add(Anomaly::kBadExpires);
  }
}

// From and To hold one address; a comma in them is a broken display name, not a list.
void inspect_party(std::string_view value, AnomalySet& found) {
  if (!quotes_close(value)) found.add(Anomaly::kUnterminatedQuote);
  inspect_address(value, false, found);
}

}  // namespace

AnomalySet inspect(const MessageView& message) {
  AnomalySet found = message.anomalies;
  bool has_star = false;
  if (message.is_request) {
    std::string_view uri = message.request_uri;
    if (uri.starts_with('<') && uri.ends_with('>') && uri.size() > 1) uri = uri.substr(1, uri.size() - 2);
    inspect_uri(uri, Anomaly::kBadRequestUri, found);
    const auto parsed = parse_uri(uri);
    if (parsed && !parsed->headers.empty()) found.add(Anomaly::kUriWithHeaders);
  }
  for (const Header& field : message.headers) {
    const std::string_view value = field.value;
    switch (field.id) {
      case HeaderId::kVia: for_each_value(value, [&](std::string_view each) { inspect_via(each, found); }); break;
      case HeaderId::kFrom:
      case HeaderId::kTo: inspect_party(value, found); break;
      case HeaderId::kContact:
        if (!quotes_close(value)) found.add(Anomaly::kUnterminatedQuote);
        for_each_value(value, [&](std::string_view each) {
          if (trim(each) == "*") {
            has_star = true;
          } else {
            inspect_contact(each, found);
          }
        });
        break;
      case HeaderId::kRoute:
      case HeaderId::kRecordRoute:
      case HeaderId::kPath:
      case HeaderId::kServiceRoute:
      case HeaderId::kPAssertedIdentity:
      case HeaderId::kPPreferredIdentity:
      case HeaderId::kRemotePartyId:
      case HeaderId::kDiversion:
      case HeaderId::kReferTo:
      case HeaderId::kReferredBy:
        if (!quotes_close(value)) found.add(Anomaly::kUnterminatedQuote);
        for_each_value(value, [&](std::string_view each) { inspect_address(each, true, found); });
        break;
      case HeaderId::kExpires:
      case HeaderId::kMinExpires:
        if (!is_delta_seconds(value)) found.add(Anomaly::kBadExpires);
        break;
      case HeaderId::kRetryAfter:
        if (!is_delta_seconds(trim(value.substr(0, value.find_first_of("(;"))))) found.add(Anomaly::kBadExpires);
        break;
      case HeaderId::kDate:
        if (!is_sip_date(value)) found.add(Anomaly::kBadDate);
        break;
      case HeaderId::kWarning:
        for_each_value(value, [&](std::string_view each) {
          if (!is_warning(each)) found.add(Anomaly::kBadWarning);
        });
        break;
      case HeaderId::kAuthorization:
      case HeaderId::kProxyAuthorization:
      case HeaderId::kWwwAuthenticate:
      case HeaderId::kProxyAuthenticate: inspect_authorization(field, found); break;
      case HeaderId::kRequire:
      case HeaderId::kProxyRequire:
        for_each_value(value, [&](std::string_view each) {
          if (!any_of(kOptionTags, trim(each))) found.add(Anomaly::kUnknownRequire);
        });
        break;
      case HeaderId::kOther:
        if (iequals(field.name, "Timestamp") && !is_timestamp(value)) found.add(Anomaly::kBadTimestamp);
        break;
      default: break;
    }
  }
  if (has_star && !is_good_star(message)) found.add(Anomaly::kBadContactStar);
  const bool needs_to_tag = !message.is_request && message.status > 100;
  if ((!message.from.empty() && tag_of(message.from).empty()) ||
      (needs_to_tag && !message.to.empty() && tag_of(message.to).empty())) {
    found.add(Anomaly::kMissingTag);
  }
  if (!message.body.empty()) {
    if (!is_known_type(message.content_type)) found.add(Anomaly::kUnknownContentType);
    if (!message.body_truncated && istarts_with(message.content_type, "multipart/") &&
        !multipart_closes(message.content_type, message.body)) {
      found.add(Anomaly::kBadMultipart);
    }
  }
  return found;
}

}  // namespace voip::sip
