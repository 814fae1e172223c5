#include "story.h"

using namespace voip;
using namespace voip::test;
using fraud::Kind;
using report::Severity;

TEST_CASE("an ordinary day of an office raises nothing", "[fraud]") {
  Site site;
  site.ordinary_day();
  CHECK(site.finish().empty());
  // The two sides of the border are one call.
  CHECK(site.analyzer().calls().calls().size() == 24);
  CHECK(site.analyzer().calls().records().size() == 40);
}

TEST_CASE("a stolen account that calls Sierra Leone at night is one incident with its minutes counted once",
          "[fraud]") {
  Site site;
  site.ordinary_day();
  site.registers(26 * 3600, "104", site.thief, "eyeBeam release 1003s");
  for (int i = 0; i < 12; ++i) {
    site.calls({.at = 26 * 3600 + 60.0 * i,
                .user = "104",
                .dialled = fmt::format("00232760000{:02}", i),
                .from = site.thief,
                .agent = "eyeBeam release 1003s",
                .talk = 300,
                .far = fmt::format("+232760000{:02}", i)});
  }
  const auto& incidents = site.finish();
  const auto* toll = only(incidents, Kind::kTollFraud);
  REQUIRE(toll != nullptr);
  CHECK(incidents.size() == 1);
  CHECK(toll->lead().rule->id == "FRAUD-057");
  CHECK(toll->lead().severity == Severity::kCritical);
  CHECK(toll->accounts == std::vector<std::string>{"104"});
  CHECK(toll->sources == std::vector<IpAddress>{site.thief});
  CHECK(toll->destinations == std::vector<std::string>{"Sierra Leone"});
  CHECK(toll->calls == 12);
  CHECK(toll->answered == 12);
  CHECK(toll->answered_seconds == Approx(3600).margin(2));
  CHECK(toll->numbers.front() == "+23276000000");
  CHECK(toll->concurrent_peak == 6);
  REQUIRE(toll->cost);
  CHECK(toll->cost->placeholder);
  CHECK(toll->cost->low == Approx(12 * 5 * 2.5).margin(40));
  for (const char* id : {"FRAUD-041", "FRAUD-047", "FRAUD-048", "FRAUD-050", "FRAUD-068", "FRAUD-069"})
    CHECK(fired(*toll, id));
  CHECK(toll->evidence.size() == 3);
  CHECK(toll->certain_attacker);
  CHECK(site.analyzer().blockable(site.thief));
  CHECK_FALSE(site.analyzer().blockable(site.office));
  CHECK_FALSE(site.analyzer().blockable(site.trunk));
  CHECK_FALSE(site.analyzer().blockable(site.border));
}

TEST_CASE("fraud by the usual device is told by destination, hour and crowd, but its address is not blocked",
          "[fraud]") {
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 6; ++i) {
    site.calls({.at = 23 * 3600 + 30.0 * i,
                .user = "106",
                .dialled = fmt::format("002207300{:03}", i),
                .talk = 600,
                .far = fmt::format("+2207300{:03}", i)});
  }
  const auto* toll = only(site.finish(), Kind::kTollFraud);
  REQUIRE(toll != nullptr);
  CHECK(toll->accounts == std::vector<std::string>{"106"});
  CHECK(toll->calls == 6);
  CHECK_FALSE(toll->certain_attacker);
}

TEST_CASE("one honest call to a risky country by day is a note, not an alarm", "[fraud]") {
  Site site;
  site.ordinary_day();
  site.calls({.at = 11 * 3600, .user = "102", .dialled = "0021671123456", .talk = 500, .far = "+21671123456"});
  const auto& incidents = site.finish();
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].kind == Kind::kAnomaly);
  CHECK(incidents[0].lead().rule->id == "FRAUD-041");
  CHECK(incidents[0].lead().severity <= Severity::kMedium);
}

TEST_CASE("two accounts misused from one address are one campaign", "[fraud]") {
  Site site;
  site.ordinary_day();
  for (const char* user : {"103", "107"}) {
    site.registers(3 * 3600, user, site.thief, "sipcli/v1.8");
    for (int i = 0; i < 4; ++i) {
      site.calls({.at = 3 * 3600 + 100.0 + 90 * i,
                  .user = user,
                  .dialled = fmt::format("0037190{:06}", i * 77 + user[2]),
                  .from = site.thief,
                  .agent = "sipcli/v1.8",
                  .talk = 200});
    }
  }
  const auto* toll = only(site.finish(), Kind::kTollFraud);
  REQUIRE(toll != nullptr);
  CHECK(toll->accounts == std::vector<std::string>{"103", "107"});
  CHECK(toll->calls == 8);
}

TEST_CASE("a stranger whose calls reach the trunk without a password is fraud where others are asked for one",
          "[fraud]") {
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 3; ++i) {
    site.calls({.at = 4 * 3600 + 200.0 * i,
                .user = "777",
                .dialled = fmt::format("0088213100{:03}", i),
                .from = site.thief,
                .agent = "x",
                .talk = 400,
                .login = false});
  }
  const auto& incidents = site.finish();
  const auto* toll = only(incidents, Kind::kTollFraud);
  REQUIRE(toll != nullptr);
  CHECK(fired(*toll, "FRAUD-044"));
  CHECK(toll->certain_attacker);
}

TEST_CASE("where nobody is seen to log in a lone call abroad proves nothing", "[fraud]") {
  Site site;
  site.calls({.at = 10 * 3600,
              .user = "816666",
              .dialled = "+97239287044",
              .from = site.thief,
              .talk = 100,
              .login = false,
              .through = false});
  CHECK(gravest(site.finish()) < Severity::kHigh);
}

TEST_CASE("a premium number is told as one", "[fraud]") {
  Site site;
  site.ordinary_day();
  site.registers(2 * 3600, "108", site.thief, "Zoiper rv2");
  for (int i = 0; i < 3; ++i) {
    site.calls({.at = 2 * 3600 + 30.0 + i * 20,
                .user = "108",
                .dialled = fmt::format("001900555{:04}", i),
                .from = site.thief,
                .agent = "Zoiper rv2",
                .talk = 300,
                .far = fmt::format("+1900555{:04}", i)});
  }
  const auto* toll = only(site.finish(), Kind::kTollFraud);
  REQUIRE(toll != nullptr);
  CHECK(fired(*toll, "FRAUD-042"));
}

TEST_CASE("a policy's list of allowed destinations is enforced, and what it allows is not suspect", "[fraud]") {
  fraud::Options options;
  options.site.allowed_destinations = {"FR", "TN"};
  Site site(options);
  site.ordinary_day();
  site.calls({.at = 10 * 3600, .user = "102", .dialled = "0021671123456", .talk = 500, .far = "+21671123456"});
  site.calls({.at = 11 * 3600, .user = "103", .dialled = "00442079460000", .talk = 30, .far = "+442079460000"});
  const auto& incidents = site.finish();
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].lead().rule->id == "FRAUD-043");
  CHECK(incidents[0].accounts == std::vector<std::string>{"103"});
  CHECK(incidents[0].lead().severity == Severity::kMedium);
}

TEST_CASE("prefixes before one number are probing, with the hole that was found", "[fraud]") {
  Site site;
  site.ordinary_day();
  int i = 0;
  for (const char* form : {"00", "000", "9011", "900", "810"}) {
    const bool hole = std::string_view(form) == "900";
    site.calls({.at = 3 * 3600 + 10.0 * i++,
                .user = "100",
                .dialled = std::string(form) + "972592577956",
                .from = site.thief,
                .agent = "-",
                .ring = hole ? 1.0 : 0.0,
                .talk = 4,
                .status = hole ? 0U : 404U,
                .login = false,
                .through = hole,
                .far = "+972592577956"});
  }
  const auto& incidents = site.finish();
  const auto* probe = only(incidents, Kind::kDialPlanProbe);
  REQUIRE(probe != nullptr);
  CHECK(probe->lead().rule->id == "FRAUD-040");
  CHECK(probe->numbers.size() == 5);
  CHECK(probe->successes == 1);
  CHECK(probe->sources == std::vector<IpAddress>{site.thief});
  CHECK(incidents.size() == 1);
  REQUIRE(probe->evidence.size() == 3);
  CHECK(probe->evidence[1].note.find("900972592577956") != std::string::npos);
}

TEST_CASE("the same probing at one try in two hours is found too", "[fraud]") {
  Site site;
  site.ordinary_day();
  int i = 0;
  for (const char* form : {"00", "000", "9011", "900"}) {
    site.calls({.at = 7200.0 * i++,
                .user = "100",
                .dialled = std::string(form) + "46850109999",
                .from = site.thief,
                .agent = "-",
                .ring = 0,
                .status = 403,
                .login = false,
                .through = false});
  }
  CHECK(only(site.finish(), Kind::kDialPlanProbe) != nullptr);
}

TEST_CASE("a person who forgets the outside line dials two forms, which is no probing", "[fraud]") {
  Site site;
  site.ordinary_day();
  site.calls({.at = 10 * 3600, .dialled = "900442079460000", .ring = 0, .status = 404, .through = false});
  site.calls({.at = 10 * 3600 + 20, .dialled = "00442079460000", .far = "+442079460000"});
  CHECK(only(site.finish(), Kind::kDialPlanProbe) == nullptr);
}

TEST_CASE("three spellings of a number that all get through are no probing", "[fraud]") {
  Site site;
  site.ordinary_day();
  site.calls({.at = 10 * 3600, .dialled = "0301234567", .far = "+49301234567"});
  site.calls({.at = 11 * 3600, .dialled = "+49301234567"});
  site.calls({.at = 12 * 3600, .dialled = "0049301234567", .status = 486, .far = "+49301234567"});
  CHECK(only(site.finish(), Kind::kDialPlanProbe) == nullptr);
}

TEST_CASE("calls that ring once from a risky country lure, and who calls back is told in the same incident",
          "[fraud]") {
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 24; ++i) {
    site.comes(
        {.at = 13 * 3600 + 20.0 * i, .dialled = fmt::format("+493012341{:02}", i % 12), .ring = 0.8, .cancel = true},
        fmt::format("+22245001{:03}", i % 3));
  }
  site.calls({.at = 14 * 3600, .user = "105", .dialled = "0022245001001", .talk = 240, .far = "+22245001001"});
  const auto& incidents = site.finish();
  REQUIRE(incidents.size() == 1);
  const fraud::Incident& lure = incidents[0];
  CHECK(lure.kind == Kind::kWangiri);
  CHECK(lure.lead().severity == Severity::kHigh);
  CHECK(lure.calls == 24);
  CHECK(lure.successes == 1);
  CHECK(lure.numbers.size() == 3);
  CHECK(lure.sources == std::vector<IpAddress>{site.trunk});
  CHECK(lure.accounts == std::vector<std::string>{"105"});
  CHECK(fired(lure, "FRAUD-055"));
  CHECK(lure.answered_seconds == Approx(240).margin(1));
}

TEST_CASE("callers who give up after ringing long are no lure", "[fraud]") {
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 30; ++i) {
    site.comes({.at = 13 * 3600 + 20.0 * i,
                .dialled = fmt::format("+493012341{:02}", (i * 7) % 12),
                .ring = 14.0 + i % 9,
                .cancel = true},
               fmt::format("+22245001{:03}", i % 3));
  }
  CHECK(site.finish().empty());
}

TEST_CASE("a caller from outside with a number of the site is spoofed, a forwarded call is not", "[fraud]") {
  const bool forwarded = GENERATE(false, true);
  Site site;
  site.ordinary_day();
  site.comes(
      {.at = 15 * 3600, .dialled = "+49301234102", .talk = 90, .diversion = forwarded ? "<sip:+49301234105@x>" : ""},
      "+49301234106");
  const auto& incidents = site.finish();
  if (forwarded) {
    CHECK(incidents.empty());
    return;
  }
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].kind == Kind::kCallerIdSpoofing);
  CHECK(incidents[0].lead().severity == Severity::kHigh);
  CHECK(incidents[0].numbers == std::vector<std::string>{"+49301234106"});
}

TEST_CASE("hundreds of short calls with callers that rotate are robocalling", "[fraud]") {
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 220; ++i) {
    site.comes({.at = 12 * 3600 + 4.0 * i,
                .dialled = fmt::format("+493012341{:02}", (i * 7) % 12),
                .ring = 2,
                .talk = 6,
                .caller_hangs_up = false},
               fmt::format("+4930{:07}", 1234000 + i * 37));
  }
  const auto* calls = only(site.finish(), Kind::kRobocalling);
  REQUIRE(calls != nullptr);
  CHECK(calls->lead().severity == Severity::kHigh);
  CHECK(fired(*calls, "FRAUD-059"));
  CHECK(calls->calls >= 220);
}

TEST_CASE("a busy trunk with as many callers who talk like people is no robocaller", "[fraud]") {
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 220; ++i) {
    site.comes({.at = 12 * 3600 + 20.0 * i,
                .dialled = fmt::format("+493012341{:02}", (i * 7) % 12),
                .ring = 4.0 + i % 11,
                .talk = 20.0 + (i * 53) % 400},
               fmt::format("+49{:09}", 301000000 + i * 7919));
  }
  CHECK(gravest(site.finish()) < Severity::kMedium);
}

TEST_CASE("an account that works through a block of numbers in order is told, medium at most", "[fraud]") {
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 12; ++i)
    site.calls({.at = 9 * 3600 + 30.0 * i, .user = "101", .dialled = fmt::format("03055500{:02}", i), .status = 486});
  const auto& incidents = site.finish();
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].kind == Kind::kAnomaly);
  CHECK(incidents[0].lead().rule->id == "FRAUD-051");
  CHECK(incidents[0].lead().severity == Severity::kMedium);
}

TEST_CASE("long calls of the same length from callers that change pump a number", "[fraud]") {
  const bool alike = GENERATE(true, false);
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 24; ++i) {
    site.comes({.at = 9 * 3600 + 400.0 * i,
                .dialled = "+49301234101",
                .ring = 1.0 + i % 3,
                .talk = alike ? 598.0 + i % 5 : 300.0 + (i * 211) % 1500},
               fmt::format("+49170{:07}", i * 104729));
  }
  const auto& incidents = site.finish();
  CHECK((only(incidents, Kind::kTrafficPumping) != nullptr) == alike);
}

TEST_CASE("a stranger's accepted REFER to an expensive number is transfer abuse", "[fraud]") {
  const bool phone = GENERATE(false, true);
  Site site;
  site.ordinary_day();
  session::Transaction t = site.make(10 * 3600, sip::Method::kRefer, phone ? site.office : site.thief, site.border);
  t.call_id = "refer1";
  t.refer_to = "<sip:0023276123456@pbx.example>";
  t.status = 202;
  t.final = site.frame(10 * 3600 + 0.02);
  site.tell(t);
  site.calls({.at = 10 * 3600 + 1,
              .user = "border",
              .dialled = "0023276123456",
              .from = site.border,
              .agent = "border",
              .talk = 700,
              .login = false,
              .through = false});
  const auto& incidents = site.finish();
  const auto* abuse = only(incidents, Kind::kTransferAbuse);
  CHECK((abuse != nullptr) == !phone);
  if (abuse == nullptr) return;
  CHECK(abuse->lead().rule->id == "FRAUD-060");
  CHECK(abuse->successes == 1);
  CHECK(abuse->calls == 1);
  CHECK(abuse->numbers == std::vector<std::string>{"+23276123456"});
}

TEST_CASE("text messages of a stranger to many users are told, a phone's are not", "[fraud]") {
  const bool phone = GENERATE(false, true);
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 12; ++i) {
    session::Transaction t =
        site.make(9 * 3600 + i * 5.0, sip::Method::kMessage, phone ? site.office : site.thief, site.border);
    const std::string to = fmt::format("sip:10{}@pbx.example", i);
    t.to_uri = to;
    t.status = 200;
    t.final = site.frame(9 * 3600 + i * 5.0 + 0.02);
    site.tell(t);
  }
  const auto& incidents = site.finish();
  CHECK(incidents.size() == (phone ? 0U : 1U));
  if (!phone) CHECK(incidents[0].lead().rule->id == "FRAUD-066");
}

TEST_CASE("four emergency calls in a row alarm, one retry does not", "[fraud]") {
  const int count = GENERATE(2, 4);
  Site site;
  site.ordinary_day();
  for (int i = 0; i < count; ++i) site.calls({.at = 9 * 3600 + i * 60.0, .user = "103", .dialled = "112", .talk = 20});
  const auto& incidents = site.finish();
  CHECK(incidents.size() == (count > 3 ? 1U : 0U));
  if (count > 3) CHECK(incidents[0].lead().rule->id == "FRAUD-067");
}

TEST_CASE("calls of one account are counted together by night and day only when they are one campaign", "[fraud]") {
  Site site;
  site.ordinary_day();
  site.registers(26 * 3600, "104", site.thief, "eyeBeam");
  site.calls({.at = 26 * 3600,
              .user = "104",
              .dialled = "0023276000000",
              .from = site.thief,
              .agent = "eyeBeam",
              .talk = 300});
  site.calls({.at = 34 * 3600, .user = "104", .dialled = "0301239999", .talk = 300, .far = "+49301239999"});
  const auto* toll = only(site.finish(), Kind::kTollFraud);
  REQUIRE(toll != nullptr);
  CHECK(toll->calls == 1);  // the user's own call next morning is not the thief's
}
