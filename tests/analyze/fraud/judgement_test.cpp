#include "analyze/fraud/flood.h"
#include "analyze/fraud/injections.h"
#include "analyze/fraud/meetings.h"
#include "analyze/fraud/stable_key.h"
#include "story.h"

// What speaks for somebody honest, and what speaks against.

using namespace voip;
using namespace voip::test;
using fraud::Kind;
using report::Severity;

namespace {

constexpr std::int64_t kStart = 1'780'000'000 * kNsPerSecond;

// count requests from as many sources as there are, evenly over some seconds.
std::vector<fraud::Arrival> spread(std::size_t count, std::uint32_t sources, double over_s, double from_s = 0) {
  std::vector<fraud::Arrival> list;
  for (std::size_t i = 0; i < count; ++i) {
    const double at = from_s + over_s * static_cast<double>(i) / static_cast<double>(count);
    list.push_back({kStart + static_cast<std::int64_t>(at * 1e9), static_cast<std::uint32_t>(i) % sources});
  }
  return list;
}

// Guests of a conference: each joins at a moment and stays.
std::vector<fraud::PhoneCall> guests(std::size_t count, double every_s, double stay_s) {
  std::vector<fraud::PhoneCall> calls(count);
  for (std::size_t i = 0; i < count; ++i) {
    calls[i].start = {kStart + static_cast<std::int64_t>(every_s * 1e9 * static_cast<double>(i))};
    calls[i].answer = calls[i].start;
    calls[i].end = {calls[i].start.ns + static_cast<std::int64_t>(stay_s * 1e9)};
  }
  return calls;
}

bool meet(const std::vector<fraud::PhoneCall>& calls) {
  std::vector<const fraud::PhoneCall*> list;
  for (const fraud::PhoneCall& call : calls) list.push_back(&call);
  return fraud::meetings(list);
}

}  // namespace

TEST_CASE("a drop-in centre drops no table, and a platform in a User-Agent is no command", "[fraud]") {
  using namespace fraud;
  CHECK_FALSE(looks_like_sql("o'brien; drop-in centre"));
  CHECK(looks_like_sql("x'; drop table users"));
  CHECK_FALSE(looks_like_shell("softphone (linux; python 3.11; curl/8.1)"));
  CHECK_FALSE(looks_like_shell("edge;id=5;ls=2"));
  CHECK(looks_like_shell("a;id"));
  CHECK(looks_like_shell("a; python -c 'import os'"));
  CHECK(looks_like_shell("a;curl http://x/y"));
}

TEST_CASE("a number with a host behind it is dialled elsewhere, a name with its domain is only a name", "[fraud]") {
  using fraud::looks_like_dialplan;
  CHECK(looks_like_dialplan("0049301234567%4045.9.9.9"));
  CHECK_FALSE(looks_like_dialplan("sips%3Auser%40example.com"));
  CHECK_FALSE(looks_like_dialplan("anna%40example.com"));
  CHECK_FALSE(looks_like_dialplan("1001%40tenant.example"));
  CHECK(looks_like_dialplan("1001&PJSIP"));
}

TEST_CASE("one line that ends otherwise than the others is odd, a message typed with LF is not", "[fraud]") {
  CHECK(fraud::mixed_line_ends("INVITE sip:a SIP/2.0\r\nVia: x\nFrom: y\r\nTo: z\r\n"));
  CHECK(fraud::mixed_line_ends("INVITE sip:a SIP/2.0\r\nVia: x\rFrom: y\r\nTo: z\r\n"));
  CHECK_FALSE(fraud::mixed_line_ends("INVITE sip:a SIP/2.0\nVia: x\nFrom: y\nTo: z\n"));
  CHECK_FALSE(fraud::mixed_line_ends("INVITE sip:a SIP/2.0\r\nVia: x\r\n"));
}

TEST_CASE("a hundred sources with five hundred requests in a minute are a surge, one source less is none", "[fraud]") {
  CHECK(fraud::surge(spread(500, 100, 50)).has_value());
  CHECK_FALSE(fraud::surge(spread(500, 99, 50)).has_value());
  CHECK_FALSE(fraud::surge(spread(499, 100, 50)).has_value());
  CHECK_FALSE(fraud::surge(spread(500, 100, 120)).has_value());
}

TEST_CASE("a slow surge shows against what was usual, and only with a baseline, sources and persistence", "[fraud]") {
  const Timestamp begin{kStart};
  const Timestamp end{kStart + 7200 * kNsPerSecond};
  const auto quiet_then = [](std::vector<fraud::Arrival> attack) {
    std::vector<fraud::Arrival> all = spread(40, 3, 3600);
    all.insert(all.end(), attack.begin(), attack.end());
    return all;
  };
  const auto found = fraud::drifting_surge(quiet_then(spread(900, 60, 600, 5000)), begin, end);
  REQUIRE(found.has_value());
  CHECK(found->drift);
  CHECK(found->sources == 60);
  CHECK(found->from <= kStart + 5030 * kNsPerSecond);
  CHECK(found->to >= kStart + 5590 * kNsPerSecond);
  // Few sources; few requests; too short; as before; no time to learn what is usual.
  CHECK_FALSE(fraud::drifting_surge(quiet_then(spread(900, 29, 600, 5000)), begin, end).has_value());
  CHECK_FALSE(fraud::drifting_surge(quiet_then(spread(250, 60, 600, 5000)), begin, end).has_value());
  CHECK_FALSE(fraud::drifting_surge(quiet_then(spread(900, 60, 8, 5000)), begin, end).has_value());
  CHECK_FALSE(fraud::drifting_surge(spread(10'800, 60, 7200), begin, end).has_value());
  CHECK_FALSE(fraud::drifting_surge(spread(900, 60, 600, 500), begin, {kStart + 1199 * kNsPerSecond}).has_value());
}

TEST_CASE("people who join together and stay meet, and who is replaced when he leaves, or leaves soon, does not",
          "[fraud]") {
  CHECK(meet(guests(25, 5, 2700)));
  CHECK_FALSE(meet(guests(25, 5, 60)));
  CHECK_FALSE(meet(guests(60, 240, 605)));
  // Two meetings on two days; a new round every hour is no meeting.
  const auto rounds = [](std::size_t count, double apart_s) {
    std::vector<fraud::PhoneCall> all;
    for (std::size_t k = 0; k < count; ++k) {
      for (fraud::PhoneCall& call : guests(20, 5, 1500)) {
        const auto shift = static_cast<std::int64_t>(apart_s * static_cast<double>(k)) * kNsPerSecond;
        for (Timestamp* moment : {&call.start, &call.answer, &call.end}) moment->ns += shift;
        all.push_back(std::move(call));
      }
    }
    return all;
  };
  CHECK(meet(rounds(2, 86'400)));
  CHECK_FALSE(meet(rounds(8, 3600)));
}

TEST_CASE("keys of --state are the same in each run and keep texts apart", "[fraud]") {
  CHECK(fraud::stable_key("a").low == 0x089cc907b5467a69ULL);
  CHECK(fraud::stable_key("ab", "c") != fraud::stable_key("a", "bc"));
  CHECK(fraud::stable_key("ab") != fraud::stable_key("ab", ""));
}

TEST_CASE("two thieves who share nothing but one range of numbers are two campaigns", "[fraud]") {
  const bool same_program = GENERATE(false, true);
  Site site;
  site.ordinary_day();
  const auto other = *IpAddress::parse("91.200.7.9");
  for (const auto& [user, from, agent] : {std::tuple{"103", site.thief, "sipcli/v1.8"},
                                          std::tuple{"107", other, same_program ? "sipcli/v1.8" : "MicroSIP/3.21"}}) {
    site.registers(3 * 3600, user, from, agent);
    for (int i = 0; i < 6; ++i) {
      site.calls({.at = 3 * 3600 + 100.0 + 90 * i,
                  .user = user,
                  .dialled = fmt::format("0096077{:05}", i * 77 + user[2]),
                  .from = from,
                  .agent = agent,
                  .talk = 200});
    }
  }
  const auto& incidents = site.finish();
  const auto thefts = std::ranges::count(incidents, Kind::kTollFraud, &fraud::Incident::kind);
  CHECK(thefts == (same_program ? 1 : 2));
}

TEST_CASE("a dialler of the house that reaches a few expensive numbers among many others is none", "[fraud]") {
  // Stolen calls are put through; a dialler fails there as often as elsewhere.
  const bool put_through = GENERATE(false, true);
  Site site;
  site.ordinary_day();
  for (int i = 0; i < 260; ++i) {
    const bool risky = i % 8 == 0;
    const bool fails = risky && put_through ? false : i % 2 == 0 ? i % 16 != 0 : true;
    site.calls({.at = 9 * 3600 + 40.0 * i,
                .user = "108",
                .dialled = risky ? fmt::format("0096077{:05}", i * 7) : fmt::format("0307{:06}", i * 917),
                .ring = 12,
                .talk = 30,
                .status = fails ? 486U : 0U});
  }
  const auto& incidents = site.finish();
  CHECK(std::ranges::any_of(incidents, [](const fraud::Incident& one) { return one.kind == Kind::kTollFraud; }) ==
        put_through);
}

TEST_CASE("a line that is out of order for all is no answer of the dial plan", "[fraud]") {
  const bool all = GENERATE(false, true);
  Site site;
  site.ordinary_day();
  for (int n = 1; n <= 8; ++n) {
    const auto phone = *IpAddress::parse(fmt::format("198.51.100.{}", 100 + n));
    site.registers(11 * 3600, fmt::format("10{}", n), phone);
    if (!all && n != 3) continue;
    int i = 0;
    for (const char* form : {"00", "011", "9011", "+"}) {
      site.calls({.at = 12 * 3600 + 20.0 * i++ + n,
                  .user = fmt::format("10{}", n),
                  .dialled = fmt::format("{}97259227752{}", form, n),
                  .from = phone,
                  .ring = 0.1,
                  .talk = 0,
                  .status = 503,
                  .through = false});
    }
  }
  const auto& incidents = site.finish();
  CHECK(std::ranges::any_of(incidents, [](const fraud::Incident& one) { return one.kind == Kind::kDialPlanProbe; }) ==
        !all);
}
