#include <string>
#include <tuple>

#include "story.h"

// What other hops, other calls and other verifiers make of a signed call.
namespace voip::analyze::stir {
namespace {

using report::Severity;
using test::kInvite;
using test::shaken;
using test::Story;
using test::token;

TEST_CASE("A 428 to the try without Identity is right, though the next try is signed") {
  Story story;
  story.send(kInvite, "c1");
  story.send("SIP/2.0 428 Use Identity Header", "c1", "", "1 INVITE", "198.51.100.2", "198.51.100.1");
  story.send(kInvite, "c1", "Identity: " + shaken() + "\r\n", "2 INVITE");
  story.send(kInvite, "c2", "Identity: " + shaken(1'768'471'000) + "\r\n");
  CHECK(story.finish().at(0).responses.at(0).to_unsigned);
  CHECK_FALSE(story.told("STIR-051"));
}

TEST_CASE("A STIR cause is found behind causes of other protocols, in one header field or in two") {
  for (const char* reason : {"Reason: Q.850;cause=16, STIR;cause=438;text=\"x\"\r\n",
                             "Reason: Q.850;cause=16\r\nReason: SIP ;cause=438\r\n", "Reason: Q.850;cause=16\r\n"}) {
    Story story;
    story.send(kInvite, "c1", "Identity: " + shaken(1'768'471'000) + "\r\n");
    story.send("SIP/2.0 200 OK", "c1", reason, "1 INVITE", "198.51.100.2", "198.51.100.1");
    story.finish();
    INFO(reason);
    CHECK(story.told("STIR-051") == (std::string_view(reason).find("438") != std::string_view::npos));
  }
}

TEST_CASE("A 428 to a signed call with a defect of another kind is wrong") {
  Story story;
  story.send(kInvite, "c1", "Identity: " + shaken(1'768'471'000) + "\r\n");
  story.send("SIP/2.0 428 Use Identity Header", "c1", "", "1 INVITE", "198.51.100.2", "198.51.100.1");
  story.finish();
  CHECK(story.told("STIR-051"));
}

TEST_CASE("A proxy that puts another Identity in place of the one it got has altered it, one that adds to it has not") {
  const std::string first = "Identity: " + shaken() + "\r\n";
  const std::string second = "Identity: " + shaken(1'768'471'201) + "\r\n";
  for (const bool kept : {false, true}) {
    Story story;
    story.send(kInvite, "c1", first);
    story.send(kInvite, "c1", kept ? first + second : second, "1 INVITE", "198.51.100.2", "203.0.113.3");
    story.finish();
    CHECK(story.told("STIR-052") == !kept);
  }
}

TEST_CASE("A stranger with the token and the Call-ID of a call is told when both numbers are others") {
  struct Try {
    const char* from;
    const char* to;
    const char* src;
    bool told;
  };
  for (const Try& one : {Try{"+12155550199", "+12155550198", "192.0.2.66", true},
                         Try{"+12155550110", "+12155550198", "192.0.2.66", false},    // forwarded on
                         Try{"+12155550199", "+12155550198", "198.51.100.2", false},  // by who received it
                         Try{"1001", "1002", "192.0.2.66", false}}) {                 // the inside of a border
    Story story;
    const std::string identity = "Identity: " + shaken() + "\r\n";
    story.send(kInvite, "c1", identity);
    story.send_between(one.from, one.to, kInvite, "c1", identity, one.src, "203.0.113.9");
    story.finish();
    INFO(one.from << " " << one.to << " " << one.src);
    CHECK(story.told("STIR-042") == one.told);
  }
}

TEST_CASE(
    "A request sent again word for word after its time is judged by its own time, one that a proxy sends on is not") {
  const std::string identity = "Identity: " + shaken() + "\r\n";
  const auto judged = [&](std::int64_t pause, const char* src, const char* dst, const std::string& start) {
    Story story;
    story.send(kInvite, "c1", identity);
    story.wait(pause);
    story.send(start, "c1", identity, "1 INVITE", src, dst);
    const CallRecord call = story.finish().at(0);
    return std::tuple{call.verdict, call.identities.size(), story.told("STIR-042")};
  };
  using Told = std::tuple<CallVerdict, std::size_t, bool>;
  const Told once{CallVerdict::kUnverifiable, 1, false};
  // By a stranger, and by whoever made it.
  CHECK(judged(70, "192.0.2.66", "198.51.100.2", kInvite) == Told{CallVerdict::kInvalid, 2, true});
  CHECK(judged(70, "198.51.100.1", "198.51.100.2", kInvite) == Told{CallVerdict::kInvalid, 2, false});
  // Sent again by the transaction's timers; sent on to a telephone when nobody answered; by a hop that was not seen.
  CHECK(judged(20, "198.51.100.1", "198.51.100.2", kInvite) == once);
  CHECK(judged(70, "198.51.100.2", "10.0.0.9", "INVITE sip:200@10.0.0.9 SIP/2.0") == once);
  CHECK(judged(70, "203.0.113.8", "10.0.0.9", kInvite) == once);
  CHECK(judged(70, "203.0.113.8", "198.51.100.2", "INVITE sip:+13015550100@b.example SIP/2.0") == once);
}

TEST_CASE("A new attempt under the Call-ID of the first one with its token and another called number is invalid") {
  for (const char* to : {"+12155550120", "+13015550100"}) {
    Story story;
    story.send(kInvite, "c1", "Identity: " + shaken() + "\r\n");
    story.send_between("+12155550110", to, kInvite, "c1", "Identity: " + shaken() + "\r\n", "198.51.100.1",
                       "198.51.100.2", "2 INVITE");
    const auto& calls = story.finish();
    const bool same = std::string_view(to).ends_with("120");
    CHECK(calls.at(0).identities.size() == (same ? 1 : 2));
    CHECK(calls.at(0).verdict == (same ? CallVerdict::kUnverifiable : CallVerdict::kInvalid));
  }
}

TEST_CASE("Two shaken tokens that disagree are high, two that agree a fact, one beside a div nothing") {
  const auto other = [](const char* attest, const char* orig) {
    return token(fmt::format(R"({{"attest":"{}","dest":{{"tn":["12155550120"]}},"iat":1768471200,"orig":{{"tn":"{}"}},)"
                             R"("origid":"5a7b1c2e-3f40-4d1e-9a6b-0c1d2e3f4052"}})",
                             attest, orig));
  };
  const auto severity = [](const std::string& second) {
    Story story;
    story.send(kInvite, "c1", "Identity: " + shaken() + "\r\nIdentity: " + second + "\r\n");
    story.finish();
    return story.severity("STIR-002");
  };
  CHECK(severity(other("A", "12155550110")) == Severity::kInfo);
  CHECK(severity(other("C", "12155550110")) == Severity::kHigh);
  CHECK(severity(other("A", "12155550199")) == Severity::kHigh);
  const std::string div = token(R"({"dest":{"tn":["12155550121"]},"div":{"tn":"12155550120"},"iat":1768471200,)"
                                R"("orig":{"tn":"12155550110"}})",
                                "div");
  CHECK_FALSE(severity(div).has_value());
}

TEST_CASE(
    "An answer to a call that does not verify is a habit, medium where it says verified, none where it says why") {
  const auto severity = [](const std::string& status, const std::string& more, const std::string& verstat) {
    Story story;
    story.send(kInvite, "c1",
               "P-Asserted-Identity: <tel:+12155550110" + verstat + ">\r\nIdentity: " + shaken(1'768'471'000) + "\r\n");
    story.send("SIP/2.0 " + status, "c1", more, "1 INVITE", "198.51.100.2", "198.51.100.1");
    story.finish();
    return story.severity("STIR-050");
  };
  CHECK(severity("200 OK", "", "") == Severity::kInfo);
  CHECK(severity("403 Stale Date", "", "") == Severity::kInfo);
  CHECK(severity("200 OK", "", ";verstat=TN-Validation-Passed") == Severity::kMedium);
  CHECK_FALSE(severity("200 OK", "", ";verstat=TN-Validation-Failed").has_value());
  CHECK_FALSE(severity("200 OK", "Reason: STIR;cause=403;text=\"Stale Date\"\r\n", "").has_value());
  CHECK_FALSE(severity("486 Busy Here", "", "").has_value());
}

TEST_CASE("verstat by a host that is no peer is high, and a hidden number sent to one") {
  const auto severity = [](const char* rule, const char* peer) {
    Options options;
    if (*peer != '\0') options.site.peers.networks.add(*policy::Network::parse(peer));
    Story story(options);
    story.send(kInvite, "c1",
               "Privacy: id\r\nP-Asserted-Identity: <tel:+12155550110;verstat=TN-Validation-Passed>\r\nIdentity: " +
                   shaken() + "\r\n");
    story.finish();
    return story.severity(rule);
  };
  CHECK(severity("STIR-049", "203.0.113.0/24") == Severity::kHigh);
  CHECK_FALSE(severity("STIR-049", "198.51.100.1/32").has_value());
  CHECK_FALSE(severity("STIR-049", "").has_value());                  // unverifiable here: nothing to hold against it
  CHECK(severity("STIR-054", "198.51.100.1/32") == Severity::kHigh);  // the target is no peer
  CHECK(severity("STIR-054", "198.51.100.2/32") == Severity::kInfo);
  CHECK(severity("STIR-054", "") == Severity::kInfo);
}

TEST_CASE("Towards a device that registered an Identity may be left out, towards one that was refused it may not") {
  for (const char* answer : {"200 OK", "403 Forbidden"}) {
    Story story;
    story.send("REGISTER sip:b.example SIP/2.0", "r1", "", "1 REGISTER", "203.0.113.3", "198.51.100.2");
    story.send(std::string("SIP/2.0 ") + answer, "r1", "", "1 REGISTER", "198.51.100.2", "203.0.113.3");
    story.send(kInvite, "c1", "Identity: " + shaken() + "\r\n");
    story.send(kInvite, "c1", "", "1 INVITE", "198.51.100.2", "203.0.113.3");
    story.finish();
    CHECK(story.told("STIR-052") == (*answer == '4'));
  }
}

TEST_CASE(
    "A customer's call needs no Identity: one with a password, one that is asked for it, one by a registered device") {
  const auto told = [](const std::string& more, const std::string& answer, const std::string& registered) {
    Story story;
    story.send("SIP/2.0 200 OK", "r1", "", "1 REGISTER", "198.51.100.2", registered.c_str());
    story.send(kInvite, "c1", more);
    story.send("SIP/2.0 " + answer, "c1", "", "1 INVITE", "198.51.100.2", "198.51.100.1");
    story.finish();
    return story.told("STIR-001");
  };
  CHECK(told("", "200 OK", "192.0.2.9"));
  CHECK_FALSE(told("", "407 Proxy Authentication Required", "192.0.2.9"));
  CHECK_FALSE(told("Authorization: Digest username=\"a\"\r\n", "200 OK", "192.0.2.9"));
  CHECK_FALSE(told("", "200 OK", "198.51.100.1"));
}

TEST_CASE("There is a summary when there was a call, and none of a registration") {
  for (const bool call : {true, false}) {
    Story story;
    story.send(call ? kInvite : "REGISTER sip:b.example SIP/2.0", "c1", "", call ? "1 INVITE" : "1 REGISTER");
    story.finish();
    CHECK(story.severity("STIR-057") == (call ? std::optional(Severity::kInfo) : std::nullopt));
  }
}

TEST_CASE("Date is low when it lacks, medium when it contradicts, high when a compact form has none") {
  const auto severity = [](const std::string& date, const std::string& identity) {
    Story story;
    story.send(kInvite, "c1", date + "Identity: " + identity + "\r\n");
    story.finish();
    return story.severity("STIR-017");
  };
  const std::string compact = ".." + std::string(86, 'A') + ";info=<https://c.provider.example/a.pem>;alg=ES256";
  CHECK(severity("", shaken()) == Severity::kLow);
  CHECK(severity("Date: Thu, 15 Jan 2026 10:01:01 GMT\r\n", shaken()) == Severity::kMedium);
  CHECK_FALSE(severity("Date: Thu, 15 Jan 2026 10:01:00 GMT\r\n", shaken()).has_value());
  CHECK(severity("", compact) == Severity::kHigh);
}

}  // namespace
}  // namespace voip::analyze::stir
