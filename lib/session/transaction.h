#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "dissect/events.h"

namespace voip::session {

struct Call;

// Authorization or Proxy-Authorization of a request. Empty: absent.
struct Credentials {
  bool proxy = false;
  std::string_view scheme, username, realm, nonce, uri, response, cnonce, nc, qop, algorithm, opaque;
};

// WWW-Authenticate or Proxy-Authenticate of a response.
struct Challenge {
  bool proxy = false;
  bool stale = false;
  std::string_view scheme, realm, nonce, qop, algorithm, opaque;
};

// One value of a Contact field.
struct ContactValue {
  std::string_view uri;       // with its URI parameters
  std::string_view address;   // scheme, user, host and port only, as sent: what tells bindings apart
  std::string_view instance;  // +sip.instance (RFC 5626)
  std::string_view reg_id;    // reg-id (RFC 5626)
  std::string_view received;  // as some registrars add it
  std::int64_t expires = -1;  // seconds; -1: not given with the contact
  bool push = false;          // pn-provider (RFC 8599)
};

// One SIP transaction on one hop (RFC 3261 section 17): a request, its retransmissions and its answers. All texts are
// its own, each cut to a cap; the whole lives until the observer's call returns.
struct Transaction {
  std::uint64_t serial = 0;  // in the order of the requests
  Endpoint client;           // sender of the request
  Endpoint server;
  dissect::Signalling signalling = dissect::Signalling::kUdp;
  bool on_wire = false;        // not only in HEP
  const Call* call = nullptr;  // when a message of a live call ended it

  // The request.
  FrameRef request;
  sip::Method method = sip::Method::kOther;
  std::uint32_t cseq = 0;
  std::string_view method_text;
  std::string_view request_uri;
  std::string_view from_display, from_uri, from_tag;  // URIs as sent, with parameters
  std::string_view to_display, to_uri, to_tag;
  std::string_view call_id;
  std::string_view user_agent;
  std::string_view branch, sent_by;  // of the top Via; sent_by "host:port" as sent
  std::string_view asserted_identity, privacy, diversion, history_info, refer_to, referred_by, reason_header, subject,
      event_header;
  std::string_view path;    // top Path of a REGISTER
  std::string_view origin;  // more than one Via: where the first sender was, by the last one (received, else its host)
  std::string_view accept;
  std::string_view body_type;
  std::size_t body_bytes = 0;
  std::size_t bytes = 0;  // of the message
  unsigned vias = 0;
  int max_forwards = -1;      // -1: none
  std::int64_t expires = -1;  // Expires; -1: none
  bool in_dialog = false;     // To had a tag
  bool contact_star = false;  // Contact: *
  bool has_record_route = false;
  bool retargeted = false;  // History-Info or a div PASSporT says that it was sent to another number before
  bool has_allow = false;
  bool truncated = false;     // a message was cut by the snap length
  std::uint64_t shape = 0;    // of the order of header names as written, credentials left out; the same in all runs
  sip::AnomalySet anomalies;  // what parsing noticed in the request
  std::vector<ContactValue> contacts;
  std::vector<Credentials> credentials;
  std::uint32_t retransmissions = 0;  // of the request, until the final response
  bool cancelled = false;             // a CANCEL for it was seen

  // The answers.
  FrameRef provisional;  // first 1xx
  FrameRef ringing;      // first 1xx other than 100
  unsigned ringing_status = 0;
  FrameRef final;       // first final response; unknown: none was seen
  unsigned status = 0;  // 0: no final response
  std::string_view reason;
  std::string_view server_name;  // Server (or User-Agent) of the response
  std::string_view answer_to_tag;
  std::string_view warning;
  std::size_t answer_bytes = 0;  // of the final response
  std::uint32_t answers = 0;     // responses of any kind until the final one, that included
  std::int64_t answer_expires = -1;
  std::vector<ContactValue> answer_contacts;
  std::vector<Challenge> challenges;

  bool success() const { return status >= 200 && status < 300; }
  bool challenged() const { return status == 401 || status == 407; }
  bool stale() const;                // challenged, and a challenge says stale=true
  const Credentials* login() const;  // the first Digest credentials, else the first of any scheme; or null
  std::string_view account() const;  // its username; empty without credentials
  // Refused although credentials were sent: 401 or 407 without stale, or 403.
  bool login_failed() const { return !credentials.empty() && ((challenged() && !stale()) || status == 403); }

 private:
  friend class Transactions;
  std::string request_text_;
  std::string answer_text_;
};

// The user part of a SIP or tel URI as sent; empty when there is none.
std::string_view user_of(std::string_view uri);
// Its host, without port; IPv6 without brackets.
std::string_view host_of(std::string_view uri);

}  // namespace voip::session
