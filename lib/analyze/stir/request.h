#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/frame_ref.h"
#include "proto/passport/passport.h"
#include "proto/sdp/sdp.h"
#include "session/observer.h"

namespace voip::analyze::stir {

// One address of a request: From, To, P-Asserted-Identity, Request-URI.
struct Address {
  std::string number;   // canonical; empty when it holds none
  std::string uri;      // normalized (RFC 8224 section 8.5); empty when unreadable
  std::string text;     // URI as sent, without parameters
  std::string display;  // name, without quotes
  std::string verstat;  // TN-Validation-...; empty when there is none
  bool anonymous = false;
};

// Takes a name-addr or a bare URI.
Address read_address(std::string_view value, std::string_view country_code);

// What of a SIP request a PASSporT is held against.
struct Request {
  FrameRef frame;
  Endpoint src;
  Endpoint dst;
  sip::Method method = sip::Method::kOther;
  std::string method_text;
  std::string call_id;
  bool in_dialog = false;  // has a To tag
  // The field stands twice and says two things: which one a phone shows or a router takes is anybody's guess.
  bool from_contradicts = false;
  bool to_contradicts = false;
  Address from;
  Address to;
  Address target;                 // Request-URI
  std::vector<Address> asserted;  // P-Asserted-Identity
  bool has_date = false;
  std::optional<std::int64_t> date;            // seconds since 1970; empty when unreadable or contradictory
  std::vector<std::string> resource_priority;  // values, lower case
  std::string priority;
  std::string attestation;                     // Attestation-Info
  std::vector<passport::MediaKey> media_keys;  // a=fingerprint of its SDP, sorted
  bool has_body = false;
  bool body_known = true;       // false: the capture cut it
  bool head_known = true;       // false: the capture cut the header fields
  bool private_caller = false;  // Privacy: id, user, header or full; an anonymous From
  bool retargeted = false;      // History-Info with more than one entry, or Diversion
  bool emergency = false;       // sos service URN, 911, 112
  bool over_udp = false;
  std::size_t bytes = 0;
  std::vector<std::string> identities;  // values of its Identity header fields, folds taken out
  bool identity_cut = false;            // the capture ends inside one, which is not among them
};

Request read_request(const dissect::SipEvent& event, std::string_view country_code, sdp::Parser& sdp_parser);

// RFC 3261 section 20.17: "Sat, 13 Nov 2010 23:29:00 GMT". Seconds since 1970.
std::optional<std::int64_t> parse_sip_date(std::string_view text);

// RFC 8224 section 8.5. Empty when the text is no URI.
std::string normalize_identity_uri(std::string_view uri);

}  // namespace voip::analyze::stir
