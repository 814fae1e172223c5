#pragma once

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "analyze/fraud/fraud_analyzer.h"
#include "report/collector.h"

namespace voip::test {

namespace fraud = analyze::fraud;

inline IpAddress host(std::string_view text) { return *IpAddress::parse(text); }

// A site told call by call, as the session room would tell it: a registrar that is also the border, a trunk, phones
// behind one address. Times are seconds after a Monday's midnight (UTC).
class Site {
 public:
  static constexpr std::int64_t kMonday = 1'767'571'200;  // 2026-01-05
  const IpAddress border = host("198.51.100.10");
  const IpAddress trunk = host("203.0.113.50");
  const IpAddress office = host("198.51.100.77");
  const IpAddress thief = host("45.148.10.66");

  struct Call {
    double at = 0;
    std::string user = "101";
    std::string dialled = "0301234567";
    IpAddress from = host("198.51.100.77");
    std::string agent = "Yealink SIP-T42S";
    double ring = 5;
    double talk = 60;     // 0 with a status
    unsigned status = 0;  // of the refusal; 0: answered
    bool login = true;
    bool through = true;  // the border hands it to the trunk, with another Call-ID
    std::string far{};    // the number there; empty: as dialled
    bool cancel = false;
    std::string asserted{};
    std::string diversion{};
    bool caller_hangs_up = true;
    std::optional<IpAddress> outside{};  // the border's other face; none: it has one address
  };

  explicit Site(fraud::Options options = {}) : collector_(fraud::kRules), analyzer_(std::move(options), collector_) {}

  void registers(double at, const std::string& user, const IpAddress& from,
                 const std::string& agent = "Yealink SIP-T42S") {
    session::Transaction t = make(at, sip::Method::kRegister, from, border);
    const std::string to = fmt::format("sip:{}@pbx.example", user);
    const std::string contact = fmt::format("sip:{}@{}", user, from.to_string());
    const std::string id = fmt::format("r{}", serial_);
    t.to_uri = t.from_uri = to;
    t.call_id = id;
    t.user_agent = agent;
    t.contacts.push_back(
        {.uri = contact, .address = contact, .instance = {}, .reg_id = {}, .received = {}, .expires = 3600});
    t.credentials.push_back({.scheme = "Digest",
                             .username = user,
                             .realm = "pbx.example",
                             .nonce = id,
                             .uri = {},
                             .response = "x",
                             .cnonce = {},
                             .nc = {},
                             .qop = {},
                             .algorithm = {},
                             .opaque = {}});
    t.status = 200;
    t.final = frame(at + 0.01);
    analyzer_.on_transaction(t);
  }

  // A phone calls out through the border. Returns the end.
  double calls(const Call& c) {
    const std::string id = fmt::format("c{}@{}", ++serial_, c.from.to_string());
    const double answered = c.at + 0.3 + c.ring;
    invite(c, id, c.at, c.from, border, c.user, c.dialled, c.login, answered);
    const std::string far = c.far.empty() ? c.dialled : c.far;
    const std::string far_id = id + "-b";
    const IpAddress face = c.outside.value_or(border);
    if (c.through) invite(c, far_id, c.at + 0.05, face, trunk, c.user, far, false, answered - 0.01);
    if (c.status != 0 || c.cancel) return answered;
    bye(answered + c.talk, c.from, border, id);
    if (c.through) bye(answered + c.talk + 0.01, face, trunk, far_id);
    return answered + c.talk;
  }

  // From the trunk to a phone, one Call-ID over two hops.
  double comes(Call c, const std::string& caller) {
    const std::string id = fmt::format("i{}", ++serial_);
    const IpAddress from = c.from == office ? trunk : c.from;
    const double answered = c.at + 0.1 + c.ring;
    invite(c, id, c.at, from, border, caller, c.dialled, false, answered);
    if (c.through) invite(c, id, c.at + 0.02, border, office, caller, c.dialled, false, answered - 0.01);
    if (c.status != 0 || c.cancel) return answered;
    bye(answered + c.talk, c.caller_hangs_up ? from : border, c.caller_hangs_up ? border : from, id);
    return answered + c.talk;
  }

  // A working day: eight phones, calls in and out.
  void ordinary_day(double start = 0) {
    for (int n = 1; n <= 8; ++n) registers(start + n, fmt::format("10{}", n), office);
    for (int i = 0; i < 24; ++i) {
      Call c;
      c.at = start + 8 * 3600 + i * 1300;
      c.user = fmt::format("10{}", 1 + i % 8);
      c.talk = 45 + (i * 37) % 300;
      c.ring = 4 + i % 9;
      if (i % 3 == 0) {
        c.dialled = fmt::format("00331427{:05}", i * 311);
        c.far = "+" + c.dialled.substr(2);
        calls(c);
      } else if (i % 3 == 1) {
        c.dialled = fmt::format("0307{:06}", i * 917);
        c.far = "+49" + c.dialled.substr(1);
        calls(c);
      } else {
        c.dialled = "+4930123410" + std::to_string(1 + i % 8);
        comes(c, fmt::format("+49897{:06}", i * 733));
      }
    }
  }

  // Everything else that a test wants to say itself.
  session::Transaction make(double at, sip::Method method, const IpAddress& from, const IpAddress& to) {
    session::Transaction t;
    t.serial = ++serial_;
    t.client = Endpoint(from, 5060);
    t.server = Endpoint(to, 5060);
    t.on_wire = true;
    t.request = frame(at);
    t.method = method;
    t.method_text = sip::to_string(method);
    t.cseq = 1;
    t.vias = from == border ? 2 : 1;
    t.max_forwards = 70;
    t.bytes = 500;
    t.answer_bytes = 350;
    t.answers = 1;
    t.has_allow = true;
    return t;
  }
  FrameRef frame(double at) {
    return {.input = 0,
            .number = ++frames_,
            .time = {static_cast<std::int64_t>((static_cast<double>(kMonday) + at) * 1e3) * 1'000'000}};
  }
  void tell(const session::Transaction& t) { analyzer_.on_transaction(t); }

  const std::vector<fraud::Incident>& finish() {
    content_ = analyzer_.finish();
    collector_.sort();
    for (const fraud::Incident& incident : analyzer_.incidents()) UNSCOPED_INFO(incident.explanation);
    return analyzer_.incidents();
  }
  const std::vector<report::Finding>& findings() const { return collector_.findings(); }
  fraud::FraudAnalyzer& analyzer() { return analyzer_; }
  const report::Content& content() const { return *content_; }

 private:
  void invite(const Call& c, const std::string& id, double at, const IpAddress& from, const IpAddress& to,
              const std::string& caller, const std::string& number, bool login, double answered) {
    const std::string uri = fmt::format("sip:{}@{}", number, to.to_string());
    const std::string from_uri = fmt::format("sip:{}@pbx.example", caller);
    session::Transaction t = make(at, sip::Method::kInvite, from, to);
    t.request_uri = t.to_uri = uri;
    t.from_uri = from_uri;
    t.call_id = id;
    t.user_agent = from == border ? std::string_view("border") : std::string_view(c.agent);
    t.asserted_identity = c.asserted;
    t.diversion = c.diversion;
    if (login) {
      session::Transaction first = t;
      first.serial = ++serial_;
      first.status = 407;
      first.final = frame(at + 0.002);
      analyzer_.on_transaction(first);
      t.request = frame(at + 0.01);
      t.cseq = 2;
      t.credentials.push_back({.scheme = "Digest",
                               .username = c.user,
                               .realm = "pbx.example",
                               .nonce = id,
                               .uri = {},
                               .response = "x",
                               .cnonce = {},
                               .nc = {},
                               .qop = {},
                               .algorithm = {},
                               .opaque = {}});
    }
    t.status = c.cancel ? 487 : c.status != 0 ? c.status : 200;
    t.cancelled = c.cancel;
    if (c.ring > 0 && c.status != 404 && c.status != 403) {
      t.ringing = frame(std::min(at + 0.2, answered));
      t.ringing_status = 180;
    }
    t.final = frame(c.status == 404 || c.status == 403 ? at + 0.05 : answered);
    analyzer_.on_transaction(t);
  }

  void bye(double at, const IpAddress& from, const IpAddress& to, const std::string& id) {
    session::Transaction t = make(at, sip::Method::kBye, from, to);
    t.call_id = id;
    t.in_dialog = true;
    t.status = 200;
    t.final = frame(at + 0.01);
    analyzer_.on_transaction(t);
  }

  report::Collector collector_;
  fraud::FraudAnalyzer analyzer_;
  std::shared_ptr<const report::Content> content_;
  std::uint64_t serial_ = 0;
  std::uint64_t frames_ = 0;
};

inline const fraud::Incident* only(const std::vector<fraud::Incident>& incidents, fraud::Kind kind) {
  const fraud::Incident* found = nullptr;
  for (const fraud::Incident& incident : incidents) {
    if (incident.kind != kind) continue;
    CHECK(found == nullptr);  // one campaign is one incident
    found = &incident;
  }
  return found;
}

inline bool fired(const fraud::Incident& incident, std::string_view id) {
  return std::ranges::any_of(incident.checks, [&](const fraud::Fired& check) { return check.rule->id == id; });
}

inline report::Severity gravest(const std::vector<fraud::Incident>& incidents) {
  report::Severity worst = report::Severity::kInfo;
  for (const fraud::Incident& incident : incidents) worst = std::max(worst, incident.lead().severity);
  return worst;
}

}  // namespace voip::test
