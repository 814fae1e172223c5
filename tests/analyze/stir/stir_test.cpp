#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "analyze/stir/request.h"
#include "analyze/stir/rules.h"
#include "analyze/stir/stir_analyzer.h"
#include "report/collector.h"
#include "session/tracker.h"

namespace voip::analyze::stir {
namespace {

// Messages told one by one through the session, judged without any certificate: what does not need one.
class Story {
 public:
  explicit Story(Options options = {}) : analyzer(options, store_, collector), tracker_({}, {}, analyzer) {}

  void send(const std::string& start, const std::string& call_id, const std::string& more = "",
            const std::string& cseq = "1 INVITE", const char* src = "198.51.100.1", const char* dst = "198.51.100.2") {
    now_ns_ += 100'000'000;
    const std::string text =
        start + "\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK" + std::to_string(frame_ / 2) +
        "\r\nFrom: <sip:+12155550110@a.example>;tag=1\r\nTo: <sip:+12155550120@b.example>\r\nCall-ID: " + call_id +
        "\r\nCSeq: " + cseq + "\r\n" + more + "Content-Length: 0\r\n\r\n";
    const auto parsed = parser_.parse(as_bytes(text));
    REQUIRE(parsed.ok());
    dissect::SipEvent event;
    event.message = &*parsed;
    event.raw = as_bytes(text);
    event.src = {*IpAddress::parse(src), 5060};
    event.dst = {*IpAddress::parse(dst), 5060};
    event.frame = {.input = 0, .number = ++frame_, .time = {now_ns_}};
    tracker_.on_sip(event);
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

std::string token(const std::string& payload, const std::string& ppt = "shaken") {
  const std::string header =
      R"({"alg":"ES256","ppt":")" + ppt + R"(","typ":"passport","x5u":"https://c.provider.example/a.pem"})";
  return passport::encode_base64url(as_bytes(header)) + "." + passport::encode_base64url(as_bytes(payload)) + "." +
         std::string(86, 'A') + ";info=<https://c.provider.example/a.pem>;ppt=" + ppt;
}
std::string shaken(std::int64_t iat = 1'768'471'200) {
  return token(fmt::format(R"({{"attest":"A","dest":{{"tn":["12155550120"]}},"iat":{},"orig":{{"tn":"12155550110"}},)"
                           R"("origid":"5a7b1c2e-3f40-4d1e-9a6b-0c1d2e3f4051"}})",
                           iat));
}
const std::string kInvite = "INVITE sip:+12155550120@b.example SIP/2.0";

TEST_CASE("Each rule has its number, a name of its own and all its texts") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kRules.size(); ++i) {
    const report::Rule& rule = *kRules[i];
    CHECK(rule.id == fmt::format("STIR-{:03}", i + 1));
    CHECK(names.insert(rule.name).second);
    for (const std::string_view text : {rule.title, rule.trigger, rule.rationale, rule.remedy, rule.reference}) {
      CHECK_FALSE(text.empty());
    }
  }
}

TEST_CASE("Without its certificate a signed call is unverifiable, and what can be judged is") {
  Story story;
  story.send(kInvite, "c1", "Identity: " + shaken() + "\r\n");
  const auto& calls = story.finish();
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].verdict == CallVerdict::kUnverifiable);
  REQUIRE(calls[0].identities.size() == 1);
  const IdentityRecord& one = calls[0].identities[0];
  for (const Check check : {Check::kSyntax, Check::kPpt, Check::kClaims, Check::kAlgorithm, Check::kInfo,
                            Check::kFreshness, Check::kOrig, Check::kDest, Check::kAttest, Check::kOrigid}) {
    INFO(to_string(check));
    CHECK(one[check].outcome == Outcome::kPass);
  }
  CHECK(one[Check::kSignature].outcome == Outcome::kUnknown);
  CHECK(one.certificate_missing);
  CHECK(story.analyzer.certificate_urls() == std::vector<std::string>{"https://c.provider.example/a.pem"});
  CHECK_FALSE(story.told("STIR-024"));
}

TEST_CASE("A stale token is invalid whatever else is unknown") {
  Story story;
  story.send(kInvite, "c1", "Identity: " + shaken(1'768'471'000) + "\r\n");
  const auto& calls = story.finish();
  CHECK(calls.at(0).verdict == CallVerdict::kInvalid);
  CHECK(story.told("STIR-015"));
}

TEST_CASE("A claimed time at the ends of what numbers hold is judged without overflow") {
  for (const std::int64_t iat : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    Story story;
    story.send(kInvite, "c1", "Identity: " + shaken(iat) + "\r\n");
    CHECK(story.finish().at(0).identities.at(0)[Check::kFreshness].outcome == Outcome::kFail);
  }
}

TEST_CASE("Only calls and MESSAGEs are listed, each Call-ID once") {
  Story story;
  story.send("OPTIONS sip:b.example SIP/2.0", "o1", "Identity: " + shaken() + "\r\n", "1 OPTIONS");
  story.send("REGISTER sip:b.example SIP/2.0", "r1", "", "1 REGISTER");
  story.send("SIP/2.0 200 OK", "late", "");
  story.send("MESSAGE sip:+12155550120@b.example SIP/2.0", "m1", "", "1 MESSAGE");
  story.send(kInvite, "c1");
  story.send(kInvite, "c1");
  story.send("SIP/2.0 486 Busy Here", "c1", "", "1 INVITE", "198.51.100.2", "198.51.100.1");
  const auto& calls = story.finish();
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].method == "MESSAGE");
  CHECK(calls[1].call_id == "c1");
  CHECK(calls[1].verdict == CallVerdict::kUnsigned);
  REQUIRE(calls[1].responses.size() == 1);
  CHECK(calls[1].responses[0].code == 486);
  CHECK(calls[1].responses[0].reason == "Busy Here");
}

TEST_CASE("The same header on two legs is listed once, a new one of a later request follows") {
  Story story;
  story.send(kInvite, "c1", "Identity: " + shaken() + "\r\n");
  story.send(kInvite, "c1", "Identity:  " + shaken() + "\r\n", "1 INVITE", "198.51.100.2", "198.51.100.3");
  story.send("UPDATE sip:x SIP/2.0", "c1", "Identity: " + shaken(1'768'471'201) + "\r\n", "2 UPDATE");
  const auto& calls = story.finish();
  REQUIRE(calls.at(0).identities.size() == 2);
  CHECK(calls[0].identities[1].method == "UPDATE");
  CHECK(calls[0].identities[1].frame.number == 3);
}

TEST_CASE("An unknown extension never fails a call for what its claims may mean") {
  Story story;
  story.send(kInvite, "c1",
             "Identity: " + token(R"({"dest":{"tn":["1"]},"iat":1768471200,"orig":{"tn":"2"}})", "zzz") + "\r\n");
  const auto& calls = story.finish();
  CHECK(calls.at(0).verdict == CallVerdict::kUnverifiable);
  CHECK(story.told("STIR-010"));
  CHECK_FALSE(story.told("STIR-019"));
}

TEST_CASE("Two hundred Identity values in one request cost no more than the cap") {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "Identity: " + shaken(1'768'471'200 + i) + "\r\n";
  Story story;
  story.send(kInvite, "c1", many);
  CHECK(story.finish().at(0).identities.size() == 64);
}

TEST_CASE("A bare token is never valid, and a whole header line is understood") {
  Story story;
  story.analyzer.add_bare("Identity: " + shaken() + "\r\n", {.input = 0, .number = 1, .time = {}});
  story.analyzer.add_bare("not a token", {.input = 0, .number = 1, .time = {}});
  const auto& calls = story.finish();
  REQUIRE(calls.size() == 2);
  for (const CallRecord& call : calls) CHECK(call.verdict != CallVerdict::kValid);
  CHECK_FALSE(calls[0].call_id.has_value());
  CHECK(calls[0].identities.at(0).ppt == "shaken");
  CHECK(calls[1].verdict == CallVerdict::kInvalid);
}

TEST_CASE("Addresses give number, URI and verstat, wherever they stand") {
  const auto number = [](const char* text) { return read_address(text, "1").number; };
  CHECK(number("\"A, B\" <sip:+12155550110@h;user=phone>;tag=1") == "12155550110");
  CHECK(number("<tel:+1-215-555-0110;ext=5>") == "12155550110");
  CHECK(number("<sip:2155550110;phone-context=+1@h;user=phone>") == "12155550110");
  CHECK(number("sip:%2b12155550110:secret@h") == "12155550110");
  CHECK(number("<sip:alice@h>").empty());
  CHECK(number("<sip:198.51.100.1>").empty());
  CHECK(number("\"Anonymous\" <sip:anonymous@anonymous.invalid>").empty());
  CHECK(number("<urn:service:sos>").empty());
  CHECK(read_address("<sip:Alice@EXAMPLE.com:5070;x=1?y=2>", "1").uri == "sip:Alice@example.com");
  CHECK(read_address("<tel:+12155550110;verstat=TN-Validation-Passed>", "1").verstat == "TN-Validation-Passed");
  CHECK(read_address("<sip:+12155550110;verstat=No-TN-Validation@h>;tag=2", "1").verstat == "No-TN-Validation");
}

TEST_CASE("A Date is read as RFC 3261 writes it, and nothing else is") {
  CHECK(parse_sip_date("Sat, 13 Nov 2010 23:29:00 GMT") == 1289690940);
  CHECK(parse_sip_date("Thu, 1 Jan 1970 00:00:00 GMT") == 0);
  for (const char* text :
       {"", "yesterday", "Sat, 13 Nov 2010 23:29:00 EST", "Sat, 13 Nov 2010 23:29 GMT", "Sat, 32 Nov 2010 23:29:00 GMT",
        "13 Nov 2010 23:29:00 GMT", "2010-11-13T23:29:00Z", "Sat, 13 Nov 2010 23:29:00 GMT x"}) {
    INFO(text);
    CHECK_FALSE(parse_sip_date(text).has_value());
  }
}

}  // namespace
}  // namespace voip::analyze::stir
