#include <cmath>

#include "analyze/fraud/emit.h"
#include "analyze/fraud/state.h"
#include "analyze/fraud/statistics.h"
#include "story.h"

using namespace voip;
using namespace voip::test;
using fraud::NumberClass;
using fraud::Tier;

TEST_CASE("the longest prefix says where a number leads", "[fraud]") {
  const auto& table = fraud::Destinations::built_in();
  CHECK(table.size() > 500);
  CHECK(table.find("+23276123456")->country == "SL");
  CHECK(table.find("18765551234")->country == "JM");
  CHECK(table.find("2908123456")->name == "Tristan da Cunha");
  CHECK(table.find("12125557234")->kind == fraud::DestinationKind::kNanpPattern);
  CHECK(table.find("12125551212")->country == "US");
  CHECK(table.find("12129761234")->premium());
  CHECK(table.find("18009761234")->kind == fraud::DestinationKind::kNanpService);
  CHECK(table.find("19005551234")->premium());
  CHECK(table.find("210123456")->unassigned());
  CHECK(table.find("") == nullptr);
  CHECK(table.calling_code("DE") == "49");
  CHECK(table.calling_code("US") == "1");
  CHECK(table.calling_code("JM") == "1");
  CHECK(table.calling_code("44") == "44");
}

TEST_CASE("a premium range with long numbers leaves shorter ones that begin alike alone", "[fraud]") {
  const auto& table = fraud::Destinations::built_in();
  CHECK(table.find("+3531550123456")->premium());
  CHECK(table.find("+35315501234")->name == "Ireland");
  CHECK(table.find("+85290012345")->country == "HK");
  CHECK_FALSE(table.find("+85290012345")->premium());
  const auto own = fraud::Destinations::parse("prefix,tier,digits\n49,low,\n4930,critical,12\n", "x");
  REQUIRE(own.ok());
  CHECK(own->find("493012345678")->tier == fraud::Tier::kCritical);
  CHECK(own->find("4930123456")->tier == fraud::Tier::kLow);
}

TEST_CASE("a table of destinations that is wrong is refused with its line", "[fraud]") {
  CHECK(fraud::Destinations::parse("prefix,tier\n4930,low\n", "x").ok());
  const auto bad = fraud::Destinations::parse("prefix,name,iso3166,kind,tier\n4930,Berlin,DE,country,cheap\n", "x.csv");
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().message.find("x.csv:2") == 0);
  CHECK_FALSE(fraud::Destinations::parse("nonsense", "x").ok());
  CHECK_FALSE(fraud::Destinations::parse("prefix,tier\n12x,low\n", "x").ok());
}

TEST_CASE("numbers are read as the site's dial plan means them", "[fraud]") {
  fraud::Site germany;
  germany.country = "DE";
  const fraud::NumberPlan plan(germany, fraud::Destinations::built_in());
  CHECK(plan.read("0301234567").e164 == "+49301234567");
  CHECK(plan.read("0301234567").kind == NumberClass::kNational);
  CHECK(plan.read("0023276123456").e164 == "+23276123456");
  CHECK(plan.read("+49 (30) 123-4567").e164 == "+49301234567");
  CHECK(plan.read("%2B23276123456;phone-context=x").e164 == "+23276123456");
  CHECK(plan.read("90023276123456").e164 == "+23276123456");
  CHECK(plan.read("123").kind == NumberClass::kExtension);
  CHECK(plan.read("112").kind == NumberClass::kEmergency);
  CHECK(plan.read("*72").kind == NumberClass::kService);
  CHECK(plan.read("alice").kind == NumberClass::kName);
  CHECK(plan.read("").kind == NumberClass::kNone);
  CHECK(plan.read("49301234567").e164 == "+49301234567");

  fraud::Site america;
  america.country = "US";
  const fraud::NumberPlan nanp(america, fraud::Destinations::built_in());
  CHECK(nanp.read("2125550100").e164 == "+12125550100");
  CHECK(nanp.read("18765550100").kind == NumberClass::kInternational);
  CHECK(nanp.read("17875550100").kind == NumberClass::kNational);
  CHECK(nanp.read("011442079460000").e164 == "+442079460000");
  CHECK(nanp.read("9011442079460000").e164 == "+442079460000");

  const fraud::NumberPlan unknown(fraud::Site{}, fraud::Destinations::built_in());
  CHECK(unknown.read("0301234567").e164.empty());
  CHECK(unknown.read("0301234567").shown() == "0301234567");
  CHECK(unknown.read("0023276123456").e164 == "+23276123456");
}

TEST_CASE("the country is learnt from numbers that change on their way", "[fraud]") {
  Site site;
  site.ordinary_day();
  site.finish();
  CHECK(site.analyzer().site().country == "49");
  CHECK(site.analyzer().calls().peer(site.trunk));
  CHECK_FALSE(site.analyzer().calls().peer(site.office));
  CHECK(site.analyzer().site().own(site.border));
}

TEST_CASE("a border with one address on each side makes one call of two, and like calls of others stay apart",
          "[fraud]") {
  Site site;
  const IpAddress outside = *IpAddress::parse("192.0.2.200");
  site.calls({.at = 9 * 3600, .user = "101", .dialled = "0301234567", .far = "900301234999", .outside = outside});
  // Two colleagues call the same number in the same second and hang up at different times.
  site.calls({.at = 10 * 3600, .user = "102", .dialled = "0307654321", .talk = 60, .through = false});
  site.calls({.at = 10 * 3600 + 0.5,
              .user = "103",
              .dialled = "0307654321",
              .from = site.thief,
              .talk = 90,
              .through = false});
  site.finish();
  CHECK(site.analyzer().calls().records().size() == 4);
  CHECK(site.analyzer().calls().calls().size() == 3);
}

TEST_CASE("robust statistics are not moved by the values that they are to find", "[fraud]") {
  CHECK(fraud::median({3, 1, 2}) == 2);
  CHECK(fraud::median({4, 1, 2, 3}) == 2.5);
  CHECK(fraud::median({}) == 0);
  const std::vector<double> sample{10, 11, 9, 10, 12, 10, 9, 500};
  CHECK(fraud::modified_z(sample, 500) > fraud::kOutlier);
  CHECK(fraud::modified_z(sample, 11) < fraud::kOutlier);
  CHECK(std::isfinite(fraud::modified_z({5, 5, 5}, 9)));  // MAD 0
  fraud::Cusum cusum(std::vector<double>(40, 10));
  bool alarm = false;
  for (int i = 0; i < 10; ++i) alarm |= cusum.add(12);
  CHECK(alarm);
  fraud::Ewma few(std::vector<double>(10, 5));
  CHECK_FALSE(few.add(1000));  // too short a baseline never alarms
  fraud::Ewma ewma(std::vector<double>(40, 5));
  CHECK_FALSE(ewma.add(5));
  CHECK(ewma.add(100));
  CHECK(fraud::variation(std::vector<double>{100, 100, 100}) == 0);
}

TEST_CASE("rates bill by increment, minimum and fee, longest prefix first", "[fraud]") {
  fraud::RateTable rates{fraud::Thresholds{}};
  REQUIRE(
      rates
          .read("prefix,rate_per_min,currency,increment_s,min_s,connect_fee\n232,1.2,EUR,60,60,0.1\n2327,6,EUR,1,0,0\n",
                "r")
          .ok());
  fraud::Number number;
  number.e164 = "+23276123456";
  CHECK(rates.cost(number, 61) == Approx(6.1));
  number.e164 = "+23222123456";
  CHECK(rates.cost(number, 61) == Approx(2.5));
  CHECK(rates.cost(number, 0) == 0);
  number.e164 = "+4930123456";
  CHECK(rates.cost(number, 600) == 0);
  fraud::RateTable wrong{fraud::Thresholds{}};
  CHECK_FALSE(wrong.read("prefix,rate_per_min\n232,-1\n", "r").ok());
  CHECK_FALSE(wrong.read("prefix,rate_per_min,currency\n232,1,EUR\n233,1,USD\n", "r").ok());
}

namespace {

// One night of fraud; in one piece, or cut in two with a state between.
void night(Site& site, int from, int to) {
  for (int i = from; i < to; ++i) {
    site.calls({.at = 26 * 3600 + 60.0 * i,
                .user = "104",
                .dialled = fmt::format("00232760000{:02}", i),
                .from = site.thief,
                .agent = "eyeBeam",
                .talk = 300});
  }
}

}  // namespace

TEST_CASE("two files with a state between them tell what one long file tells", "[fraud]") {
  Site whole;
  whole.ordinary_day();
  whole.registers(26 * 3600, "104", whole.thief, "eyeBeam");
  night(whole, 0, 12);
  const fraud::Incident expected = whole.finish().front();

  Site first;
  first.ordinary_day();
  first.registers(26 * 3600, "104", first.thief, "eyeBeam");
  night(first, 0, 5);
  CHECK(first.finish().size() == 1);
  const std::string state = first.analyzer().save_state();

  Site second;
  REQUIRE(second.analyzer().load_state(state).ok());
  night(second, 5, 12);
  const auto& incidents = second.finish();
  REQUIRE(incidents.size() == 1);
  const fraud::Incident& got = incidents.front();
  CHECK(got.kind == expected.kind);
  CHECK(got.calls == expected.calls);
  CHECK(got.messages == expected.messages);
  CHECK(got.answered_seconds == Approx(expected.answered_seconds));
  CHECK(got.concurrent_peak == expected.concurrent_peak);
  CHECK(got.first.time == expected.first.time);
  CHECK(got.numbers == expected.numbers);
  CHECK(got.entity == expected.entity);
  for (const auto& item : got.evidence)
    CHECK(item.frame.input == 0);  // frames of the other file can't be looked up here

  // A third file without anything new stays silent about it.
  Site third;
  REQUIRE(third.analyzer().load_state(second.analyzer().save_state()).ok());
  third.registers(60 * 3600, "101", third.office);
  CHECK(third.finish().empty());
}

TEST_CASE("a state that is none is refused, and hostile ones do no harm", "[fraud]") {
  Site site;
  CHECK_FALSE(site.analyzer().load_state("").ok());
  CHECK_FALSE(site.analyzer().load_state("{}").ok());
  CHECK_FALSE(site.analyzer().load_state(R"({"schema":"voip-audit/fraud-state/9"})").ok());
  CHECK(
      site.analyzer()
          .load_state(
              R"({"schema":"voip-audit/fraud-state/1","history":7,"sections":{"calls":[1,[],["a","b"],[null,{}]],"accounts":[["account"],["x","y"]]}})")
          .ok());
  std::string row = "[\"id\"";
  for (int i = 0; i < 60; ++i) row += ",\"-99999999999999999999\"";
  CHECK(
      site.analyzer().load_state(R"({"schema":"voip-audit/fraud-state/1","sections":{"calls":[)" + row + "]]}}").ok());
  CHECK(site.finish().empty());
}

TEST_CASE("a profile comes back as it was written, and what it holds is no longer new", "[fraud]") {
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 5; ++i)
    site.calls({.at = 9 * 3600 + i * 3000.0, .user = "102", .dialled = "0021671123456", .far = "+21671123456"});
  site.finish();
  const std::string text = fraud::profile_to_json(site.analyzer().profile());
  auto profile = fraud::profile_from_json(text, "p");
  REQUIRE(profile.ok());
  CHECK(fraud::profile_to_json(*profile) == text);
  REQUIRE(profile->find("102") != nullptr);
  CHECK(profile->find("102")->countries.at("TN") == 5);
  CHECK_FALSE(fraud::profile_from_json("[]", "p").ok());

  fraud::Options options;
  options.history = *profile;
  Site later(options);
  later.ordinary_day(7 * 86400);
  later.calls(
      {.at = 7 * 86400 + 9 * 3600.0, .user = "102", .dialled = "0021671123456", .talk = 500, .far = "+21671123456"});
  CHECK(later.finish().empty());
}

TEST_CASE("blocklists name certain attackers only, in the syntax of their readers", "[fraud]") {
  fraud::Incident bad;
  bad.kind = fraud::Kind::kBruteForce;
  bad.checks.push_back(
      {.rule = &fraud::kDialPlanProbing, .severity = report::Severity::kHigh, .message = {}, .evidence = {}});
  bad.sources = {host("45.148.10.66"), host("10.0.0.5"), host("2001:db8::7"), host("192.0.2.1")};
  bad.messages = 31;
  bad.first.time = bad.last.time = {1'767'571'200LL * 1'000'000'000};
  bad.certain_attacker = true;
  fraud::Incident doubtful = bad;
  doubtful.certain_attacker = false;
  doubtful.sources = {host("45.148.10.99")};
  const fraud::EmitOptions options;
  const auto blockable = [](const IpAddress& address) { return address != host("192.0.2.1"); };
  const auto blocks = fraud::blocks_of({bad, doubtful}, blockable, options);
  REQUIRE(blocks.size() == 2);
  const auto text = [&](const char* kind) { return fraud::emit(*fraud::emit_kind_of(kind), blocks, options); };
  CHECK(text("kamailio-address") == "666 45.148.10.66 32 0 FRAUD-040\n666 2001:db8::7 128 0 FRAUD-040\n");
  CHECK(text("asterisk-acl").find("permit=::/0\ndeny=45.148.10.66/32\ndeny=2001:db8::7/128\n") != std::string::npos);
  CHECK(text("nftables")
            .find("add element inet voip block4 { 45.148.10.66 timeout 86400s comment \"fraud-scan:FRAUD-040\" }\n") !=
        std::string::npos);
  CHECK(text("ipset").find("add voip-block6 2001:db8::7 timeout 86400 comment \"fraud-scan:FRAUD-040\" -exist\n") !=
        std::string::npos);
  CHECK(
      text("fail2ban")
          .find("2026-01-05T00:00:00.000Z fraud-scan[0]: BLOCK rule=FRAUD-040 src=45.148.10.66 count=31 window=1\n") !=
      std::string::npos);
  CHECK(text("kamailio-htable")
            .find("kamcmd htable.seti ipban 45.148.10.66 1\nkamcmd htable.setex ipban 45.148.10.66 86400\n") !=
        std::string::npos);
}

TEST_CASE("an incident has the severity that the policy gives its check, by id or by name", "[fraud]") {
  fraud::IncidentStore store;
  fraud::Incident incident;
  incident.kind = fraud::Kind::kDialPlanProbe;
  incident.checks.push_back(
      {.rule = &fraud::kDialPlanProbing, .severity = report::Severity::kHigh, .message = {}, .evidence = {}});
  store.add(std::move(incident));
  const auto graded = [&](const char* check) {
    store.regrade(std::vector<policy::Override>{{.check = check, .severity = report::Severity::kLow, .line = 1}});
    return store.all().front().lead().severity;
  };
  CHECK(graded("FRAUD-041") == report::Severity::kHigh);
  CHECK(graded("fraud-040") == report::Severity::kLow);
  store.regrade(std::vector<policy::Override>{{.check = "dial-plan-probing", .severity = report::Severity::kInfo}});
  CHECK(store.all().front().lead().severity == report::Severity::kInfo);
}

TEST_CASE("incidents that share an actor or a taken account name each other", "[fraud]") {
  fraud::IncidentStore store;
  const auto make = [](fraud::Kind kind, const char* source, const char* account, double hour) {
    fraud::Incident incident;
    incident.kind = kind;
    incident.checks.push_back(
        {.rule = &fraud::kDialPlanProbing, .severity = report::Severity::kHigh, .message = {}, .evidence = {}});
    incident.sources = {host(source)};
    if (*account != 0) incident.accounts = {account};
    const auto ns = static_cast<std::int64_t>(hour * 3600e9);
    incident.first = incident.last = {.input = 0, .number = static_cast<std::uint64_t>(hour * 10) + 1, .time = {ns}};
    incident.evidence.push_back({incident.first, "x"});
    return incident;
  };
  store.add(make(fraud::Kind::kTollFraud, "45.1.1.9", "104", 5));
  store.add(make(fraud::Kind::kAccountCompromise, "45.1.1.1", "104", 4));
  store.add(make(fraud::Kind::kOptionsScan, "45.1.1.1", "", 1));
  store.add(make(fraud::Kind::kBruteForce, "45.1.1.1", "104", 3));
  store.add(make(fraud::Kind::kOptionsScan, "45.1.1.1", "", 90));  // days later: another campaign
  store.add(make(fraud::Kind::kAnomaly, "45.1.1.1", "104", 5));
  const std::size_t gone = store.add(make(fraud::Kind::kInviteScan, "45.1.1.1", "", 2));
  store.remove(gone);
  store.settle();
  const auto& all = store.all();
  REQUIRE(all.size() == 6);
  CHECK(all[0].kind == fraud::Kind::kOptionsScan);
  CHECK(all[0].linked == std::vector<std::size_t>{1, 2});
  CHECK(all[1].kind == fraud::Kind::kBruteForce);
  CHECK(all[2].kind == fraud::Kind::kAccountCompromise);
  CHECK(std::ranges::find(all[2].linked, 3U) != all[2].linked.end());  // the fraud, by its account
  CHECK(all[5].linked.empty());
}
