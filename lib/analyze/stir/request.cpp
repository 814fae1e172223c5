#include "analyze/stir/request.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "proto/passport/number.h"
#include "proto/sip/fields.h"

namespace voip::analyze::stir {

namespace {

using sip::HeaderId;

constexpr std::size_t kMaxAsserted = 16;
constexpr std::size_t kMaxIdentities = 64;
constexpr std::size_t kMaxText = 512;

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  c = ascii_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

bool is_anonymous(const sip::Uri& uri, std::string_view display) {
  return iequals(uri.host, "anonymous.invalid") || iequals(uri.user, "anonymous") || iequals(display, "anonymous");
}

// The number in a URI, canonical. A SIP user part counts when it is written like one, with or without user=phone: most
// trunks leave that out.
std::string number_of(const sip::Uri& uri, std::string_view country_code) {
  const bool tel = iequals(uri.scheme, "tel");
  if (!tel && !iequals(uri.scheme, "sip") && !iequals(uri.scheme, "sips")) return {};
  const std::string user = percent_decoded(uri.user);
  const std::size_t end = user.find(';');
  std::string_view context;
  if (const auto own = sip::parameter(std::string_view(user).substr(std::min(end, user.size())), "phone-context")) {
    context = *own;
  } else if (const auto outer = sip::parameter(uri.params, "phone-context")) {
    context = *outer;
  }
  const std::string_view number = std::string_view(user).substr(0, end);
  // A name may consist of separators or be a single star: a number has a digit.
  if (std::ranges::none_of(number, is_digit)) return {};
  return passport::canonical_number(number, country_code, context);
}

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};

template <class Function>
void for_each_header(const sip::MessageView& message, HeaderId id, Function&& each) {
  for (const sip::Header& header : message.headers) {
    if (header.id == id) each(header.value);
  }
}

// Whether a field that may stand once stands again with another value.
bool contradicts(const sip::MessageView& message, HeaderId id) {
  std::optional<std::string_view> first;
  for (const sip::Header& header : message.headers) {
    if (header.id != id) continue;
    if (!first.has_value()) first = trim(header.value);
    if (trim(header.value) != *first) return true;
  }
  return false;
}

void read_fingerprints(Request& out, const sip::MessageView& message, sdp::Parser& parser) {
  const auto part = sip::find_body(message.content_type, message.body, "application/sdp");
  if (!part) return;
  const auto description = parser.parse(part->content);
  if (!description) return;
  for (const sdp::Media& media : description->media) {
    for (const sdp::Fingerprint& one : media.fingerprints) {
      passport::MediaKey key{to_lower(one.hash), {}};
      for (const char c : one.value) {
        if (c != ':') key.dig += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      }
      out.media_keys.push_back(std::move(key));
    }
  }
  std::ranges::sort(out.media_keys);
  out.media_keys.erase(std::unique(out.media_keys.begin(), out.media_keys.end()), out.media_keys.end());
}

void read_identities(Request& out, const sip::MessageView& message) {
  for_each_header(message, HeaderId::kIdentity, [&](std::string_view value) {
    if (out.identities.size() < kMaxIdentities) out.identities.push_back(sip::unfold(value));
  });
}

bool emergency_service(const Request& request) {
  const auto is_sos = [](const Address& address) { return istarts_with(address.text, "urn:service:sos"); };
  const auto dialled = [](const Address& address) {
    return address.number == "911" || address.number == "112" || address.number == "999";
  };
  return is_sos(request.target) || is_sos(request.to) || dialled(request.target) || dialled(request.to);
}

}  // namespace

std::string normalize_identity_uri(std::string_view text) {
  const auto uri = sip::parse_uri(trim(text));
  if (!uri) return {};
  std::string out = to_lower(uri->scheme) + ":";
  if (iequals(uri->scheme, "sip") || iequals(uri->scheme, "sips")) {
    if (!uri->user.empty()) {
      const std::string user = percent_decoded(uri->user);
      out += user.substr(0, user.find(';'));
      out += '@';
    }
    return out + to_lower(uri->host);
  }
  if (iequals(uri->scheme, "tel")) return out + std::string(uri->user);
  return to_lower(trim(text));
}

Address read_address(std::string_view value, std::string_view country_code) {
  Address out;
  std::string_view uri_text = trim(value);
  std::string_view header_params;
  if (const auto both = sip::parse_name_addr(uri_text)) {
    out.display = std::string(trim(both->display).substr(0, kMaxText));
    uri_text = both->uri;
    header_params = both->params;
  }
  const auto uri = sip::parse_uri(uri_text);
  if (!uri) {
    out.text = std::string(uri_text.substr(0, kMaxText));
    return out;
  }
  out.text = std::string(uri_text.substr(
      0,
      std::min(kMaxText, uri_text.find(';', uri_text.find('@') == std::string_view::npos ? 0 : uri_text.find('@')))));
  out.uri = normalize_identity_uri(uri_text);
  out.anonymous = is_anonymous(*uri, out.display);
  // Who is shown as anonymous may be sent with the number all the same.
  out.number = number_of(*uri, country_code);
  const std::size_t in_user = uri->user.find(';');
  const std::string_view user_params =
      in_user == std::string_view::npos ? std::string_view{} : uri->user.substr(in_user);
  for (const std::string_view params : {uri->params, user_params, header_params}) {
    if (const auto verstat = sip::parameter(params, "verstat"); verstat && out.verstat.empty()) {
      out.verstat = std::string(verstat->substr(0, kMaxText));
    }
  }
  return out;
}

std::optional<std::int64_t> parse_sip_date(std::string_view text) {
  text = trim(text);
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos || comma > 9) return std::nullopt;
  TextCursor in{text.substr(comma + 1)};
  const auto day = parse_number<unsigned>(in.word());
  const std::string month = to_lower(in.word());
  const auto year = parse_number<unsigned>(in.word());
  const std::string_view clock = in.word();
  const std::string_view zone = in.word();
  if (!in.rest().empty() || !(iequals(zone, "GMT") || iequals(zone, "UTC"))) return std::nullopt;
  const auto found = std::ranges::find(kMonths, month);
  if (!day || !year || found == kMonths.end() || *day < 1 || *day > 31 || *year < 1970 || *year > 9999) {
    return std::nullopt;
  }
  if (clock.size() != 8 || clock[2] != ':' || clock[5] != ':') return std::nullopt;
  const auto hour = parse_number<unsigned>(clock.substr(0, 2));
  const auto minute = parse_number<unsigned>(clock.substr(3, 2));
  const auto second = parse_number<unsigned>(clock.substr(6, 2));
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto days = days_from_civil(*year, static_cast<unsigned>(found - kMonths.begin()) + 1, *day);
  return days * 86400 + static_cast<std::int64_t>(*hour) * 3600 + static_cast<std::int64_t>(*minute) * 60 + *second;
}

Request read_request(const dissect::SipEvent& event, std::string_view country_code, sdp::Parser& sdp_parser) {
  const sip::MessageView& message = *event.message;
  Request out;
  out.frame = event.frame;
  out.src = event.src;
  out.dst = event.dst;
  out.method = message.method;
  out.method_text = std::string(message.method_text.substr(0, 32));
  out.call_id = std::string(message.call_id);
  out.in_dialog = !sip::tag_of(message.to).empty();
  out.from = read_address(sip::unfold(message.from), country_code);
  out.to = read_address(sip::unfold(message.to), country_code);
  out.target = read_address(message.request_uri, country_code);
  out.from_contradicts = contradicts(message, HeaderId::kFrom);
  out.to_contradicts = contradicts(message, HeaderId::kTo);
  for_each_header(message, HeaderId::kPAssertedIdentity, [&](std::string_view value) {
    const std::string whole = sip::unfold(value);
    sip::for_each_value(whole, [&](std::string_view one) {
      if (out.asserted.size() < kMaxAsserted && !trim(one).empty()) {
        out.asserted.push_back(read_address(one, country_code));
      }
    });
  });
  if (const std::string_view date = message.header(HeaderId::kDate); !date.empty()) {
    out.has_date = true;
    if (!contradicts(message, HeaderId::kDate)) out.date = parse_sip_date(sip::unfold(date));
  }
  for_each_header(message, HeaderId::kResourcePriority, [&](std::string_view value) {
    sip::for_each_value(value, [&](std::string_view one) {
      if (!trim(one).empty() && out.resource_priority.size() < kMaxIdentities) {
        out.resource_priority.push_back(to_lower(trim(one)));
      }
    });
  });
  std::ranges::sort(out.resource_priority);
  out.priority = to_lower(trim(message.header("Priority")).substr(0, kMaxText));
  out.attestation = std::string(trim(message.header(HeaderId::kAttestationInfo)).substr(0, kMaxText));
  out.has_body = message.content_length != 0;
  out.body_known = !message.body_truncated;
  const std::string_view raw = as_text(event.raw);
  if (event.truncated && raw.find("\r\n\r\n") == std::string_view::npos && raw.find("\n\n") == std::string_view::npos) {
    // The line that was cut is not among the header fields.
    out.head_known = false;
    const std::string_view last = raw.substr(raw.rfind('\n') + 1);
    out.identity_cut = istarts_with(last, "identity") || istarts_with(last, "y:") || istarts_with(last, "y :");
  }
  read_fingerprints(out, message, sdp_parser);
  const std::string privacy = to_lower(message.header(HeaderId::kPrivacy));
  out.private_caller = out.from.anonymous;
  for (const std::string_view word : {"id", "user", "header", "full"}) {
    if (privacy.find(word) != std::string::npos) out.private_caller = true;
  }
  std::size_t history = 0;
  for_each_header(message, HeaderId::kHistoryInfo,
                  [&](std::string_view value) { sip::for_each_value(value, [&](std::string_view) { ++history; }); });
  out.retargeted = history > 1 || !message.header(HeaderId::kDiversion).empty();
  out.emergency = emergency_service(out);
  out.over_udp = event.signalling == dissect::Signalling::kUdp;
  out.bytes = event.raw.size();
  read_identities(out, message);
  return out;
}

}  // namespace voip::analyze::stir
