#include <set>
#include <string>
#include <vector>

#include "analyze/stir/request.h"
#include "story.h"

namespace voip::analyze::stir {
namespace {

using test::kInvite;
using test::shaken;
using test::Story;
using test::token;

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

TEST_CASE("Two From that differ leave the caller open, the same one twice does not") {
  for (const bool other : {true, false}) {
    Story story;
    story.send(kInvite, "c1",
               std::string("f: <sip:+1215555011") + (other ? "9" : "0") + "@a.example>;tag=1\r\nIdentity: " + shaken() +
                   "\r\n");
    const Outcome orig = story.finish().at(0).identities.at(0)[Check::kOrig].outcome;
    CHECK(orig == (other ? Outcome::kUnknown : Outcome::kPass));
  }
}

TEST_CASE("Two To that differ leave the called number open, and two Date are none") {
  Story story;
  story.send(kInvite, "c1", "To: <sip:+12155550199@b.example>\r\nIdentity: " + shaken() + "\r\n");
  story.send(
      kInvite, "c2",
      "Date: Thu, 15 Jan 2026 10:00:00 GMT\r\nDate: Thu, 15 Jan 2026 12:00:00 GMT\r\nIdentity: " + shaken() + "\r\n");
  const auto& calls = story.finish();
  CHECK(calls.at(0).identities.at(0)[Check::kDest].outcome == Outcome::kUnknown);
  CHECK(calls.at(1).identities.at(0)[Check::kFreshness].outcome == Outcome::kPass);
  CHECK(story.told("STIR-017"));
}

TEST_CASE("A parameter in another case is told as low, and the token's own case decides") {
  const auto judged = [](const std::string& tail) {
    Story story;
    story.send(kInvite, "c1", "Identity: " + shaken().substr(0, shaken().find(";ppt")) + tail + "\r\n");
    const IdentityRecord one = story.finish().at(0).identities.at(0);
    for (const report::Finding& told : story.collector.findings()) {
      if (told.rule->id == "STIR-006" || told.rule->id == "STIR-007") CHECK(told.severity == report::Severity::kLow);
    }
    return std::pair{one[Check::kPpt].outcome, one[Check::kAlgorithm].outcome};
  };
  CHECK(judged(";ppt=SHAKEN") == std::pair{Outcome::kWarn, Outcome::kPass});
  CHECK(judged(";ppt=shaken;alg=es256") == std::pair{Outcome::kPass, Outcome::kWarn});
  CHECK(judged(";ppt=shaken;alg=ES256") == std::pair{Outcome::kPass, Outcome::kPass});
}

TEST_CASE("An origid without a character is told, as one that is no UUID is") {
  for (const std::string id : {"", "customer", "5a7b1c2e-3f40-4d1e-9a6b-0c1d2e3f4051"}) {
    Story story;
    story.send(kInvite, "c1",
               "Identity: " +
                   token(R"({"attest":"A","dest":{"tn":["12155550120"]},"iat":1768471200,"orig":{"tn":"12155550110"},)"
                         R"("origid":")" +
                         id + R"("})") +
                   "\r\n");
    const auto outcome = story.finish().at(0).identities.at(0)[Check::kOrigid].outcome;
    CHECK(story.told("STIR-014") == (id.size() != 36));
    CHECK(outcome == (id.empty() ? Outcome::kFail : id.size() == 36 ? Outcome::kPass : Outcome::kWarn));
  }
}

TEST_CASE("A in the name of numbers that nobody has is told, for all others it is not") {
  Options options;
  options.do_not_originate.add("+18008291040\n");
  const auto told = [&](const std::string& number) {
    Story story(options);
    story.send(kInvite, "c1",
               "Identity: " +
                   token(R"({"attest":"A","dest":{"tn":["12155550120"]},"iat":1768471200,"orig":{"tn":")" + number +
                         R"("},"origid":"5a7b1c2e-3f40-4d1e-9a6b-0c1d2e3f4051"})") +
                   "\r\n");
    story.finish();
    return story.told("STIR-044");
  };
  for (const char* bad :
       {"10155550110", "12150550110", "19115550110", "12159110110", "1215555", "121555501100", "911", "0012155550110",
        "1001", "18008291040", "*67", "4412345678901234", "21055512345", "99912345678"}) {
    INFO(bad);
    CHECK(told(bad));
  }
  for (const char* good : {"12155550110", "18004115555", "442079460000", "18008291041", "2155550110", "49301234",
                           "21255512345", "8816123456789"}) {
    INFO(good);
    CHECK_FALSE(told(good));
  }
}

TEST_CASE(
    "A certificate that ends within a fortnight is told as low, one that has ended as high, a later end not at all") {
  for (const auto& [at, severity] : {std::pair{"2024-06-16T00:00:00Z", report::Severity::kInfo},
                                     {"2024-06-20T00:00:00Z", report::Severity::kLow},
                                     {"2024-07-02T00:00:00Z", report::Severity::kHigh}}) {
    Options options;
    options.at = *parse_time(at);
    Story story(options);
    story.publish("expired.pem");  // until 2024-07-01
    story.send(kInvite, "c1", "Identity: " + shaken() + "\r\n");
    story.finish();
    INFO(at);
    CHECK(story.told("STIR-027") == (severity != report::Severity::kInfo));
    for (const report::Finding& one : story.collector.findings()) {
      if (one.rule->id == "STIR-027") CHECK(one.severity == severity);
    }
  }
}

TEST_CASE("A subject without SHAKEN, code and organization is off the profile, a delegate's may be") {
  for (const auto& [chain, told] :
       {std::pair{"bare_subject.pem", true}, {"good.pem", false}, {"delegate.pem", false}}) {
    Story story;
    story.publish(chain);
    story.send(kInvite, "c1", "Identity: " + shaken() + "\r\n");
    story.finish();
    INFO(chain);
    CHECK(story.told("STIR-030") == told);
  }
}

TEST_CASE("A token that is out of order in its JSON is told as such, one in order is not") {
  for (const bool ordered : {true, false}) {
    Story story;
    story.send(
        kInvite, "c1",
        "Identity: " +
            token(
                ordered
                    ? R"({"attest":"A","dest":{"tn":["12155550120"]},"iat":1768471200,"orig":{"tn":"12155550110"},"origid":"5a7b1c2e-3f40-4d1e-9a6b-0c1d2e3f4051"})"
                    : R"({"orig":{"tn":"12155550110"},"dest":{"tn":["12155550120"]},"iat":1768471200,"attest":"A","origid":"5a7b1c2e-3f40-4d1e-9a6b-0c1d2e3f4051"})") +
            "\r\n");
    story.finish();
    CHECK(story.told("STIR-011") == !ordered);
  }
}

TEST_CASE("A URI whose user is a telephone number should be a tn, a name should not") {
  for (const char* user : {"+12155550110", "alice", "1001"}) {
    Story story;
    story.send(
        kInvite, "c1",
        "Identity: " +
            token(fmt::format(
                      R"({{"dest":{{"tn":["12155550120"]}},"iat":1768471200,"orig":{{"uri":"sip:{}@a.example"}}}})",
                      user),
                  "rph") +
            "\r\n");
    story.finish();
    CHECK(story.told("STIR-055") == (*user == '+'));
  }
}

TEST_CASE("A certificate from a test host is told, unless the policy speaks of a lab") {
  const auto told = [](const std::string& host, bool lab) {
    Options options;
    options.relax_x5u = lab;
    Story story(options);
    std::string header = "Identity: " + shaken() + "\r\n";
    // The parameter alone changes: x5u is what counts, so the token is made with it.
    const std::string url = "https://" + host + "/a.pem";
    header = "Identity: " +
             passport::encode_base64url(
                 as_bytes(R"({"alg":"ES256","ppt":"shaken","typ":"passport","x5u":")" + url + R"("})")) +
             "." + shaken().substr(shaken().find('.') + 1, shaken().find(';') - shaken().find('.') - 1) + ";info=<" +
             url + ">;ppt=shaken\r\n";
    story.send(kInvite, "c1", header);
    story.finish();
    return story.told("STIR-056");
  };
  for (const char* bad :
       {"certs.example.com", "example.org", "sti-test.carrier.net", "staging.carrier.net", "localhost"}) {
    INFO(bad);
    CHECK(told(bad, false));
    CHECK_FALSE(told(bad, true));
  }
  for (const char* good : {"certs.carrier.net", "contest.carrier.net", "notexample.com", "attest.carrier.net"}) {
    INFO(good);
    CHECK_FALSE(told(good, false));
  }
}

TEST_CASE("Addresses give number, URI and verstat, wherever they stand") {
  const auto number = [](const char* text) { return read_address(text, "1").number; };
  CHECK(number("\"A, B\" <sip:+12155550110@h;user=phone>;tag=1") == "12155550110");
  CHECK(number("<tel:+1-215-555-0110;ext=5>") == "12155550110");
  CHECK(number("<sip:2155550110;phone-context=+1@h;user=phone>") == "12155550110");
  CHECK(number("<tel:911;phone-context=+1>") == "911");
  CHECK(number("<tel:5550110;phone-context=+1215>") == "12155550110");
  CHECK(number("sip:%2b12155550110:secret@h") == "12155550110");
  CHECK(number("<sip:alice@h>").empty());
  CHECK(number("<sip:198.51.100.1>").empty());
  CHECK(number("\"Anonymous\" <sip:anonymous@anonymous.invalid>").empty());
  CHECK(number("\"Anonymous\" <sip:+12155550110@h>") == "12155550110");
  CHECK(read_address("\"Anonymous\" <sip:+12155550110@h>", "1").anonymous);
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
