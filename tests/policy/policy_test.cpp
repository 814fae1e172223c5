#include "policy/policy.h"

#include <catch2/catch.hpp>

#include <fstream>
#include <set>
#include <sstream>

#include "policy/keys.h"
#include "policy/load.h"
#include "policy/zone.h"

using namespace voip;
using namespace voip::policy;

namespace {

constexpr report::Rule kOne{.id = "SRTP-001", .name = "media-not-encrypted", .severity = report::Severity::kHigh};
constexpr report::Rule kTag{.id = "SRTP-013", .name = "short-tag", .severity = report::Severity::kMedium};
constexpr std::array kRules{&kOne, &kTag};

Result<Policy> load(const std::string& text) { return load_policy(text, "p.toml", kRules); }

std::string problem_of(const std::string& text) {
  const auto policy = load(text);
  return policy ? "fine" : policy.error().message;
}

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

Timestamp at(const char* text) { return *parse_time(text); }

}  // namespace

TEST_CASE("A network holds its addresses and no neighbour's", "[policy]") {
  const Network office = *Network::parse("192.0.2.64/26");
  CHECK(office.contains(ip("192.0.2.64")));
  CHECK(office.contains(ip("192.0.2.127")));
  CHECK_FALSE(office.contains(ip("192.0.2.63")));
  CHECK_FALSE(office.contains(ip("192.0.2.128")));
  CHECK_FALSE(office.contains(ip("::ffff:0:0")));
  const Network six = *Network::parse("2001:db8::/33");
  CHECK(six.contains(ip("2001:db8:7fff::1")));
  CHECK_FALSE(six.contains(ip("2001:db8:8000::1")));
  CHECK(Network::parse("0.0.0.0/0")->contains(ip("203.0.113.9")));
  CHECK_FALSE(Network::parse("0.0.0.0/0")->contains(ip("2001:db8::1")));
  CHECK_FALSE(Network::parse("::/0")->contains(ip("192.0.2.1")));
  CHECK(Network::parse("192.0.2.7")->contains(ip("192.0.2.7")));
  for (const char* bad : {"", "192.0.2.1/24", "192.0.2.0/33", "2001:db8::/129", "192.0.2.0/", "x/8", "192.0.2.0/-1"}) {
    INFO(bad);
    CHECK_FALSE(Network::parse(bad));
  }
}

TEST_CASE("Networks are written as they are read", "[policy]") {
  for (const char* text : {"192.0.2.0/24", "192.0.2.1", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1", "::/0"}) {
    CHECK(Network::parse(text)->to_string() == text);
  }
}

TEST_CASE("Working hours begin and end at their minute, also over midnight and the week's end", "[policy]") {
  Hours hours;
  REQUIRE(hours.add("Mon-Fri 07:00-20:00"));
  CHECK(hours.contains(0, 7 * 60));
  CHECK_FALSE(hours.contains(0, 7 * 60 - 1));
  CHECK(hours.contains(4, 20 * 60 - 1));
  CHECK_FALSE(hours.contains(4, 20 * 60));
  CHECK_FALSE(hours.contains(5, 12 * 60));
  REQUIRE(hours.add("Sun 22:00-06:00"));
  CHECK(hours.contains(6, 23 * 60));
  CHECK(hours.contains(0, 5 * 60 + 59));
  CHECK_FALSE(hours.contains(0, 6 * 60));
  Hours turned;
  REQUIRE(turned.add("Sat-Mon 00:00-24:00"));
  CHECK(turned.contains(6, 0));
  CHECK(turned.contains(0, 1439));
  CHECK_FALSE(turned.contains(1, 0));
  for (const char* bad : {"", "Mon", "Mon 8-17", "Foo 08:00-17:00", "Mon 08:00-08:00", "Mon 24:00-08:00",
                          "Mon 08:60-09:00", "Mon 08:00-17:00 x", "Mon- 08:00-17:00"}) {
    INFO(bad);
    CHECK_FALSE(turned.add(bad));
  }
}

TEST_CASE("Local time follows the zone's rule far beyond its table", "[policy]") {
  const auto paris = Zone::load("Europe/Paris");
  if (!paris) {
    WARN("no zone files on this machine");
    return;
  }
  CHECK(paris->offset_s(at("2026-03-29T00:59:59Z")) == 3600);
  CHECK(paris->offset_s(at("2026-03-29T01:00:00Z")) == 7200);
  CHECK(paris->offset_s(at("2026-10-25T00:59:59Z")) == 7200);
  CHECK(paris->offset_s(at("2026-10-25T01:00:00Z")) == 3600);
  CHECK(paris->offset_s(at("2150-07-01T00:00:00Z")) == 7200);
  CHECK(paris->offset_s(at("2150-12-01T00:00:00Z")) == 3600);
  const LocalTime local = paris->local(at("2026-11-22T23:30:00Z"));
  CHECK(local.weekday == 0);  // Monday there, Sunday in UTC
  CHECK(local.minute == 30);
  const auto sydney = Zone::load("Australia/Sydney");
  CHECK(sydney->offset_s(at("2100-01-15T00:00:00Z")) == 11 * 3600);
  CHECK(sydney->offset_s(at("2100-07-15T00:00:00Z")) == 10 * 3600);
  CHECK(Zone::load("Asia/Kolkata")->local(at("2026-01-01T00:00:00Z")).minute == 330);
  CHECK(Zone::load("America/St_Johns")->offset_s(at("2060-01-01T00:00:00Z")) == -12600);
}

TEST_CASE("What is no zone is refused, and no cut zone file crashes", "[policy]") {
  for (const char* bad : {"Mars/Phobos", "../../etc/passwd", "/etc/passwd", "Europe"})
    CHECK_FALSE(Zone::load(bad).ok());
  CHECK(Zone::load("")->offset_s(at("2026-07-01T00:00:00Z")) == 0);
  std::ifstream file("/usr/share/zoneinfo/Europe/Paris", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  std::size_t good = 0;
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto zone = Zone::parse(as_bytes(std::string_view{bytes}.substr(0, n)), "cut");
    if (!zone) continue;
    ++good;
    (void)zone->offset_s(at("2026-07-01T00:00:00Z"));
    (void)zone->offset_s({INT64_MIN + 1});
    (void)zone->offset_s({INT64_MAX});
  }
  CHECK(good < 64);  // only within the rule behind the data
}

TEST_CASE("A policy's facts are read", "[policy]") {
  const auto policy = load(R"(
[site]
country = "us"
networks = ["192.0.2.0/24", "2001:db8::1"]
domains = "Example.COM"
numbers = ["+1212555*"]
peers = ["198.51.100.0/24", "sip.Carrier.example"]
hours = "Sat 09:00-13:00"
timezone = "UTC"
blocked_destinations = ["ky", "tier:critical", "+1876*"]
[fraud]
fail_burst = "5 in 2 min"
flood_floor.register = 3
rates = { currency = "EUR", placeholder = [0, 1, 2.5, 3] }
[fcc]
min_signed_pct = 97.5
[[trunk]]
name = "a"
hosts = ["198.51.100.1"]
spc = "709J"
tdm = true
)");
  REQUIRE(problem_of("") == "fine");
  REQUIRE(policy.ok());
  const Site& site = policy->site;
  CHECK(site.country == "US");
  CHECK(site.networks.contains(ip("192.0.2.200")));
  CHECK(site.domains == std::vector<std::string>{"example.com"});
  CHECK(site.numbers == std::vector<std::string>{"+1212555"});
  CHECK(site.peers.contains(ip("198.51.100.9")));
  CHECK(site.peers.names == std::vector<std::string>{"sip.carrier.example"});
  CHECK(site.hours.contains(5, 600));
  CHECK_FALSE(site.hours.contains(0, 600));
  CHECK(site.blocked_destinations == std::vector<std::string>{"KY", "tier:critical", "+1876"});
  CHECK(policy->limits.fraud.fail_burst == Window{5, std::chrono::minutes{2}});
  CHECK(policy->limits.fraud.flood_floor.register_ == 3);
  CHECK(policy->limits.fraud.flood_floor.invite == 10);
  CHECK(policy->limits.fraud.rates.currency == "EUR");
  CHECK(policy->limits.fcc.min_signed_pct == 97.5);
  CHECK(policy->given("site.networks"));
  CHECK(policy->given("fraud.flood_floor.register"));
  CHECK_FALSE(policy->given("fraud.max_call_s"));
  REQUIRE(policy->trunks.size() == 1);
  CHECK(policy->trunks[0].tdm);
  CHECK(policy->trunks[0].spc == std::vector<std::string>{"709J"});
}

TEST_CASE("An unknown key is an error with its line and what was meant", "[policy]") {
  CHECK(problem_of("[site]\n\ncontry = \"US\"\n") ==
        "p.toml:3:1: unknown key site.contry (did you mean site.country?)");
  CHECK(problem_of("[srpt]\nmin_tag_bits = 80\n").find("did you mean srtp?") != std::string::npos);
  CHECK(problem_of("min_tag_bits = 80\n").find("p.toml:1:1: unknown key min_tag_bits") == 0);
  CHECK(problem_of("[fraud.flood_floor]\nnotify = 1\n").find("unknown key fraud.flood_floor.notify") !=
        std::string::npos);
  CHECK(problem_of("site = 3\n").find("p.toml:1:1: ") == 0);
  CHECK(problem_of("[site\n").find("p.toml:1:") == 0);
  CHECK(problem_of("[site]\ncountry = \"US\"\ncountry = \"CA\"\n").find("p.toml:3:") == 0);
  CHECK(problem_of("[[suppress]]\nchek = \"SRTP-001\"\nreason = \"r\"\n").find("did you mean check?") !=
        std::string::npos);
}

TEST_CASE("No broken TOML ends the program", "[policy]") {
  for (const std::string bad :
       {"[.a]", "[=]", "[\x01]", "[", "[[", "[[a", "a.", "a = ", "a = [", "a = {", "a = {=1}", "\xff",
        "a = \"\\uD800\"", "a = 99999999999999999999", "a = 2026-13-01", "a = \"\"\"x"}) {
    INFO(bad);
    CHECK(problem_of(bad).starts_with("p.toml:"));
  }
  CHECK(problem_of("a = " + std::string(10'000, '[')).starts_with("p.toml:"));
  CHECK(problem_of(std::string(20'000, 'a') + "." + std::string(20'000, 'b') + " = 1").starts_with("p.toml:"));
  std::string deep = "a";
  for (int i = 0; i < 5000; ++i) deep += ".a";
  CHECK(problem_of(deep + " = 1").starts_with("p.toml:"));
  CHECK(problem_of("[" + deep + "]\nx = 1").starts_with("p.toml:"));
}

TEST_CASE("A value that makes no sense is an error", "[policy]") {
  for (const char* bad : {"[site]\ncountry = \"USA\"",
                          "[site]\ncountry = 1",
                          "[site]\nnetworks = [\"10.0.0.1/8\"]",
                          "[site]\nnetworks = [1]",
                          "[site]\nnumbers = [\"2125550\"]",
                          "[site]\npeers = [\"bad host\"]",
                          "[site]\nhours = [\"Mon 9-5\"]",
                          "[site]\ntimezone = \"Mars/Phobos\"",
                          "[site]\nallowed_destinations = [\"USA\"]",
                          "[srtp]\nmin_tag_bits = -1",
                          "[srtp]\nmin_tag_bits = 80.0",
                          "[srtp]\nrequire_aead = 1",
                          "[fraud]\nfail_burst = 10",
                          "[fraud]\nfail_burst = \"10 in 600\"",
                          "[fraud]\nfail_burst = \"0 in 600 s\"",
                          "[fraud]\nalert_tiers = [\"extreme\"]",
                          "[fraud.rates]\nplaceholder = [1, 2]",
                          "[fcc]\nmin_signed_pct = 101.0",
                          "[fcc]\nmin_signed_pct = nan",
                          "[severity]\n\"SRTP-001\" = \"huge\"",
                          "[severity]\n\"SRTP-999\" = \"low\"",
                          "severity = 1",
                          "suppress = 1",
                          "[[suppress]]\ncheck = \"SRTP-001\"\nreason = \" \"",
                          "[[suppress]]\nreason = \"r\"",
                          "[[suppress]]\ncheck = \"SRTP-001\"\nreason = \"r\"\nexpires = \"soon\"",
                          "[[trunk]]\nhosts = []",
                          "[[trunk]]\nname = \"a\"\ncps = -1"}) {
    INFO(bad);
    CHECK(problem_of(bad).starts_with("p.toml:"));
  }
}

TEST_CASE("Checks of other tools are not this tool's business", "[policy]") {
  CHECK(problem_of("[severity]\n\"FRAUD-001\" = \"low\"\nknown-scanner-by-name = \"low\"") == "fine");
  const auto policy = load("[severity]\nmedia-not-encrypted = \"low\"");
  REQUIRE(policy.ok());
  REQUIRE(policy->severities.size() == 1);
  CHECK(policy->severities[0].check == "media-not-encrypted");
  CHECK(policy->severities[0].severity == report::Severity::kLow);
  CHECK(problem_of("[severity]\nmedia-not-encrypt = \"low\"").find("did you mean media-not-encrypted?") !=
        std::string::npos);
}

TEST_CASE("A dumped policy is read back as the same policy", "[policy]") {
  const std::string text = R"([site]
country = "DE"
hours = ["Mon-Fri 08:00-18:00", "Sat 09:00-12:00"]
peers = ["198.51.100.0/24", "sip.carrier.example"]
[fraud]
fail_burst = "7 in 90 s"
[fraud.rates]
placeholder = [0.5, 1, 2, 3]
[severity]
"SRTP-001" = "low"
[[trunk]]
name = "a \"b\""
numbers = ["+49"]
wholesale = true
[[suppress]]
check = "SRTP-001"
reason = "line\nbreak"
expires = 2027-01-31T12:00:00Z
number = "+49"
)";
  const auto first = load(text);
  REQUIRE(first.ok());
  const std::string dumped = dump_policy(*first);
  CHECK(dumped.find("# p.toml:2") != std::string::npos);
  const auto second = load(dumped);
  REQUIRE(problem_of(dumped) == "fine");
  const auto without_origin = [](const std::string& dump) {
    std::istringstream in(dump);
    std::string out;
    for (std::string line; std::getline(in, line);) out += line.substr(0, line.find('#')) + "\n";
    return out;
  };
  CHECK(without_origin(dump_policy(*second)) == without_origin(dumped));
  CHECK(second->suppressions[0].expires == at("2027-01-31T12:00:00Z"));
  CHECK(second->suppressions[0].reason == "line\nbreak");
}

TEST_CASE("Every key has one name, a place of its own and words", "[policy]") {
  std::set<std::string_view> names;
  std::set<const void*> places;
  Policy policy;
  for (const Key& key : keys()) {
    INFO(key.name);
    CHECK(names.insert(key.name).second);
    CHECK(std::visit([&](const auto* place) { return places.insert(place).second; }, key.place(policy)));
    CHECK(key.help.ends_with('.'));
    CHECK_FALSE(key.used_by.empty());
  }
}

TEST_CASE("The example policy with every line in force is a policy", "[policy]") {
  std::istringstream in(example_policy());
  std::string text;
  for (std::string line; std::getline(in, line);) {
    // A key that is commented out has no blank behind its #.
    text += line.starts_with('#') && line.size() > 1 && line[1] != ' ' ? line.substr(1) : line;
    text += '\n';
  }
  CHECK(problem_of(text) == "fine");
  const auto policy = load(text);
  REQUIRE(policy.ok());
  CHECK(policy->suppressions.size() == 1);
  CHECK(policy->trunks.size() == 1);
  for (const Key& key : keys()) {
    INFO(key.name);
    CHECK(policy->given(key.name));
  }
}

TEST_CASE("The example policy as it stands changes nothing, and doc/ holds it", "[policy]") {
  const auto policy = load(example_policy());
  REQUIRE(policy.ok());
  CHECK(policy->lines.empty());
  CHECK(dump_policy(*policy) == dump_policy(Policy{}));
  std::ifstream file(std::string{SOURCE_DIR} + "/doc/policy.example.toml");
  const std::string kept{std::istreambuf_iterator<char>{file}, {}};
  CHECK(kept == example_policy());
}
