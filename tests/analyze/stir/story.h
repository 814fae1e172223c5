#pragma once

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "analyze/stir/rules.h"
#include "analyze/stir/stir_analyzer.h"
#include "report/collector.h"
#include "session/tracker.h"
#include "support/sip_event.h"

namespace voip::analyze::stir::test {

// Messages told one by one through the session, judged without any certificate: what does not need one.
class Story {
 public:
  explicit Story(Options options = {}) : analyzer(options, store_, collector), tracker_({}, {}, analyzer) {}

  void send(const std::string& start, const std::string& call_id, const std::string& more = "",
            const std::string& cseq = "1 INVITE", const char* src = "198.51.100.1", const char* dst = "198.51.100.2") {
    send_between("+12155550110", "+12155550120", start, call_id, more, src, dst, cseq);
  }
  void send_between(const std::string& from, const std::string& to, const std::string& start,
                    const std::string& call_id, const std::string& more, const char* src, const char* dst,
                    const std::string& cseq = "1 INVITE") {
    now_ns_ += 100'000'000;
    const std::string text = start + "\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK" + std::to_string(frame_ / 2) +
                             "\r\nFrom: <sip:" + from + "@a.example>;tag=1\r\nTo: <sip:" + to +
                             "@b.example>\r\nCall-ID: " + call_id + "\r\nCSeq: " + cseq + "\r\n" + more +
                             "Content-Length: 0\r\n\r\n";
    dissect::SipEvent event;
    event.src = {*IpAddress::parse(src), 5060};
    event.dst = {*IpAddress::parse(dst), 5060};
    event.frame = {.input = 0, .number = ++frame_, .time = {now_ns_}};
    voip::test::send_sip(tracker_, parser_, text, event);
  }
  void wait(std::int64_t seconds) { now_ns_ += seconds * kNsPerSecond; }
  // What x5u leads to: a file of testdata/stir/chains.
  void publish(const std::string& chain) {
    std::ifstream in(std::string(TESTDATA_DIR) + "/stir/chains/" + chain, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    REQUIRE_FALSE(bytes.empty());
    store_.add_certificate("https://c.provider.example/a.pem", as_bytes(bytes));
  }
  const std::vector<CallRecord>& finish() {
    tracker_.finish();
    (void)analyzer.finish();
    collector.sort();
    return analyzer.calls();
  }
  bool told(std::string_view rule) const {
    for (const report::Finding& one : collector.findings()) {
      if (one.rule->id == rule) return true;
    }
    return false;
  }
  // Of the gravest finding of the rule; empty when it is silent.
  std::optional<report::Severity> severity(std::string_view rule) const {
    std::optional<report::Severity> gravest;
    for (const report::Finding& one : collector.findings()) {
      if (one.rule->id == rule) gravest = std::max(gravest.value_or(one.severity), one.severity);
    }
    return gravest;
  }

  report::Collector collector{kRules};

 private:
  Store store_;

 public:
  StirAnalyzer analyzer;

 private:
  session::Tracker tracker_;
  sip::Parser parser_;
  std::int64_t now_ns_ = 1'768'471'200'000'000'000;
  std::uint64_t frame_ = 0;
};

inline std::string token(const std::string& payload, const std::string& ppt = "shaken") {
  const std::string header =
      R"({"alg":"ES256","ppt":")" + ppt + R"(","typ":"passport","x5u":"https://c.provider.example/a.pem"})";
  return passport::encode_base64url(as_bytes(header)) + "." + passport::encode_base64url(as_bytes(payload)) + "." +
         std::string(86, 'A') + ";info=<https://c.provider.example/a.pem>;ppt=" + ppt;
}
inline std::string shaken(std::int64_t iat = 1'768'471'200) {
  return token(fmt::format(R"({{"attest":"A","dest":{{"tn":["12155550120"]}},"iat":{},"orig":{{"tn":"12155550110"}},)"
                           R"("origid":"5a7b1c2e-3f40-4d1e-9a6b-0c1d2e3f4051"}})",
                           iat));
}
inline const std::string kInvite = "INVITE sip:+12155550120@b.example SIP/2.0";

}  // namespace voip::analyze::stir::test
