#include "story.h"

using namespace voip;
using namespace voip::test;
using fraud::Kind;
using report::Severity;

TEST_CASE("a foreign number inside the North American plan is told when it was dialled like a domestic one",
          "[fraud]") {
  fraud::Options options;
  options.site.country = "US";
  Site site(options);
  site.ordinary_day();
  site.calls({.at = 10 * 3600, .user = "102", .dialled = "18765550100", .talk = 200});
  site.calls({.at = 11 * 3600, .user = "103", .dialled = "17875550100", .talk = 200});
  const auto& incidents = site.finish();
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].accounts == std::vector<std::string>{"102"});
  CHECK(fired(incidents[0], "FRAUD-045"));
  CHECK(incidents[0].lead().severity <= Severity::kMedium);
}

TEST_CASE("a country that an account with a history never called is a note", "[fraud]") {
  fraud::Options options;
  fraud::Habit& habit = options.history.habit("102");
  habit.calls = 40;
  habit.countries["FR"] = 40;
  habit.sources["198.51.100.77"] = 40;
  habit.devices["Yealink SIP-T42S"] = 40;
  Site site(options);
  site.ordinary_day();
  site.calls({.at = 10 * 3600, .user = "102", .dialled = "00442079460000", .talk = 100, .far = "+442079460000"});
  const auto& incidents = site.finish();
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].lead().rule->id == "FRAUD-046");
  CHECK(incidents[0].lead().severity == Severity::kLow);
}

TEST_CASE("ten international attempts in five minutes are faster than a person dials, nine are not", "[fraud]") {
  const int count = GENERATE(9, 10);
  Site site;
  site.ordinary_day();
  site.registers(20 * 3600, "105", site.thief, "x-lite");
  for (int i = 0; i < count; ++i) {
    site.calls({.at = 20 * 3600 + 25.0 * i,
                .user = "105",
                .dialled = fmt::format("0044790012{:04}", i * 371),
                .from = site.thief,
                .agent = "x-lite",
                .talk = 15});
  }
  const auto& incidents = site.finish();
  const bool found = std::ranges::any_of(incidents, [](const fraud::Incident& i) { return fired(i, "FRAUD-049"); });
  CHECK(found == (count == 10));
}

TEST_CASE("an account whose normal is many calls at once is left alone", "[fraud]") {
  fraud::Options options;
  fraud::Habit& habit = options.history.habit("103");
  habit.calls = 400;
  habit.concurrent_peak = 12;
  habit.busiest_window = 40;
  habit.countries = {{"GB", 200}, {"FR", 100}, {"DE", 100}};
  habit.sources["198.51.100.77"] = 400;
  habit.devices["Yealink SIP-T42S"] = 400;
  Site known(options);
  Site unknown;
  for (Site* site : {&known, &unknown}) {
    site->ordinary_day();
    for (int i = 0; i < 10; ++i)
      site->calls({.at = 10 * 3600 + 5.0 * i,
                   .user = "103",
                   .dialled = fmt::format("0044207946{:04}", i * 371),
                   .talk = 120.0 + 40 * i});
  }
  CHECK(known.finish().empty());
  const auto& incidents = unknown.finish();
  REQUIRE_FALSE(incidents.empty());
  CHECK(fired(incidents[0], "FRAUD-048"));
}

TEST_CASE("sixty failing attempts of an account within an hour are told, medium at most", "[fraud]") {
  const unsigned status = GENERATE(503U, 486U);
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 60; ++i) {
    site.calls({.at = 10 * 3600 + 50.0 * i,
                .user = "104",
                .dialled = fmt::format("0305{:06}", (i * 7919) % 900000),
                .ring = status == 503 ? 0.0 : 3.0,
                .talk = 60,
                .status = i % 2 == 0 ? status : 0U});
  }
  const auto& incidents = site.finish();
  // Busy lines are reached lines: NER stays whole, and half of the calls are answered.
  CHECK(incidents.size() == (status == 503 ? 1U : 0U));
  if (status != 503) return;
  CHECK(incidents[0].lead().rule->id == "FRAUD-052");
  CHECK(incidents[0].lead().severity == Severity::kMedium);
}

TEST_CASE("a block of numbers that all answer at once may be answered by somebody else", "[fraud]") {
  const bool one_number = GENERATE(false, true);
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 24; ++i) {
    site.calls({.at = 9 * 3600 + 600.0 * i,
                .user = fmt::format("10{}", 1 + i % 8),
                .dialled = one_number ? "0891112233" : fmt::format("08911122{:02}", (i * 13) % 24),
                .ring = 0.2,
                .talk = 40.0 + i * 7});
  }
  const auto& incidents = site.finish();
  const bool found = std::ranges::any_of(incidents, [](const fraud::Incident& i) { return fired(i, "FRAUD-053"); });
  CHECK(found == !one_number);  // one number is a voice menu
}

TEST_CASE("minutes that pour into one block of a medium tier are pumped", "[fraud]") {
  const bool bridge = GENERATE(false, true);
  fraud::Options options;
  options.site.country = "US";
  Site site(options);
  site.ordinary_day();
  for (int i = 0; i < 12; ++i) {
    site.calls({.at = 8 * 3600 + 2500.0 * i,
                .user = "107",
                .dialled = bridge ? "12125550123" : fmt::format("1712432{:04}", 900 + i % 3),
                .talk = 1800});
  }
  CHECK((only(site.finish(), Kind::kTrafficPumping) != nullptr) == !bridge);
}

TEST_CASE("a few callers that call everybody and are never called look like a SIM box", "[fraud]") {
  const bool called_back = GENERATE(false, true);
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 40; ++i) {
    site.comes({.at = 9 * 3600 + 500.0 * i,
                .dialled = fmt::format("+49301234{:03}", 200 + i),
                .ring = 4.0 + i % 5,
                .talk = 60.0 + (i * 41) % 200},
               fmt::format("+4917012345{:02}", i % 3));
  }
  if (called_back) {
    for (int k = 0; k < 3; ++k)
      site.calls({.at = 18 * 3600 + 90.0 * k,
                  .user = "101",
                  .dialled = fmt::format("017012345{:02}", k),
                  .far = fmt::format("+4917012345{:02}", k)});
  }
  const auto* box = only(site.finish(), Kind::kSimBox);
  CHECK((box != nullptr) == !called_back);
  if (box != nullptr) {
    CHECK(box->lead().severity == Severity::kLow);
    CHECK(box->numbers.size() == 3);
  }
}

TEST_CASE("a forwarding code to a risky number, then calls that leave again, is abuse", "[fraud]") {
  const bool risky = GENERATE(true, false);
  Site site;
  site.ordinary_day();
  const std::string number = risky ? "0023276555555" : "0033142705598";
  site.calls({.at = 9 * 3600, .user = "106", .dialled = "*72" + number, .ring = 0, .talk = 3, .through = false});
  for (int i = 0; i < 3; ++i) {
    const std::string id = fmt::format("fw{}", i);
    for (const bool out : {false, true}) {
      session::Transaction t = site.make(10 * 3600 + 900.0 * i + (out ? 0.05 : 0), sip::Method::kInvite,
                                         out ? site.border : site.trunk, out ? site.trunk : site.border);
      const std::string uri = out ? fmt::format("sip:+{}@x", number.substr(2)) : std::string("sip:+49301234106@x");
      t.request_uri = uri;
      t.to_uri = "sip:+49301234106@x";
      t.from_uri = "sip:+4915112345678@x";
      t.call_id = id;
      if (out) t.diversion = "<sip:106@x>";
      t.ringing = site.frame(10 * 3600 + 900.0 * i + 1);
      t.ringing_status = 180;
      t.status = 200;
      t.final = site.frame(10 * 3600 + 900.0 * i + (out ? 4 : 4.1));
      site.tell(t);
    }
    for (const bool out : {false, true}) {
      session::Transaction t = site.make(10 * 3600 + 900.0 * i + 604, sip::Method::kBye, out ? site.border : site.trunk,
                                         out ? site.trunk : site.border);
      t.call_id = id;
      t.in_dialog = true;
      t.status = 200;
      t.final = site.frame(10 * 3600 + 900.0 * i + 604.1);
      site.tell(t);
    }
  }
  const auto& incidents = site.finish();
  const auto* abuse = only(incidents, Kind::kTransferAbuse);
  CHECK((abuse != nullptr) == risky);
  if (abuse == nullptr) return;
  CHECK(abuse->lead().rule->id == "FRAUD-062");
  CHECK(abuse->lead().severity == Severity::kHigh);
  CHECK(abuse->accounts == std::vector<std::string>{"106"});
  CHECK(abuse->calls == 3);
  CHECK(abuse->numbers == std::vector<std::string>{"+23276555555"});
}

TEST_CASE("one caller who tries a mailbox a dozen times in an hour is told, a caller with long calls is not",
          "[fraud]") {
  const double talk = GENERATE(20.0, 120.0);
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 12; ++i)
    site.comes({.at = 12 * 3600 + 200.0 * i, .dialled = "+49301234199", .ring = 1.0, .talk = talk}, "+491701234567");
  const auto& incidents = site.finish();
  CHECK(incidents.size() == (talk < 60 ? 1U : 0U));
  if (talk < 60) CHECK(incidents[0].lead().rule->id == "FRAUD-063");
}

TEST_CASE("a call that passes one host again and again is a loop", "[fraud]") {
  const int rounds = GENERATE(1, 5);
  Site site;
  site.ordinary_day();
  const IpAddress inner = host("198.51.100.11");
  for (int i = 0; i < rounds; ++i) {
    for (const bool back : {false, true}) {
      session::Transaction t =
          site.make(10 * 3600 + 0.1 * i, sip::Method::kInvite, back ? inner : site.border, back ? site.border : inner);
      t.request_uri = t.to_uri = "sip:+49301234101@x";
      t.from_uri = "sip:+4915112345678@x";
      t.call_id = "loop";
      t.vias = static_cast<unsigned>(2 + 2 * i);
      t.max_forwards = rounds == 1 ? 60 : 19 - i;
      t.status = 483;
      t.final = site.frame(10 * 3600 + 1);
      site.tell(t);
    }
  }
  const auto& incidents = site.finish();
  const bool found = std::ranges::any_of(incidents, [](const fraud::Incident& i) { return fired(i, "FRAUD-064"); });
  CHECK(found == (rounds > 1));
}

TEST_CASE("a redirect of a stranger that the border follows to a risky number is abuse", "[fraud]") {
  const bool followed = GENERATE(true, false);
  Site site;
  site.ordinary_day();
  session::Transaction t = site.make(10 * 3600, sip::Method::kInvite, site.border, site.thief);
  t.request_uri = t.to_uri = "sip:friend@45.148.10.66";
  t.from_uri = "sip:104@pbx.example";
  t.call_id = "redirected";
  t.status = 302;
  t.final = site.frame(10 * 3600 + 0.2);
  t.answer_contacts.push_back(
      {.uri = "sip:+23276123456@45.148.10.66", .address = {}, .instance = {}, .reg_id = {}, .received = {}});
  site.tell(t);
  if (followed) {
    site.calls({.at = 10 * 3600 + 0.5,
                .user = "104",
                .dialled = "+23276123456",
                .from = site.border,
                .agent = "border",
                .talk = 900,
                .login = false,
                .through = false});
  }
  const auto* abuse = only(site.finish(), Kind::kTransferAbuse);
  CHECK((abuse != nullptr) == followed);
  if (abuse != nullptr) {
    CHECK(abuse->lead().rule->id == "FRAUD-061");
    CHECK(abuse->sources == std::vector<IpAddress>{site.thief});
  }
}
