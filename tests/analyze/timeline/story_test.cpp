#include "analyze/timeline/story.h"

#include <catch2/catch.hpp>

#include "analyze/timeline/rules.h"

namespace voip::analyze::timeline {
namespace {

using fraud::Incident;
using fraud::Kind;
using report::Confidence;
using report::Severity;

constexpr std::int64_t kBase = 1'773'100'800;  // 2026-03-10
constexpr double kHour = 3600;

FrameRef at(double seconds) {
  return {.input = 0,
          .number = static_cast<std::uint64_t>(seconds * 10) + 1,
          .time = {kBase * kNsPerSecond + static_cast<std::int64_t>(seconds * 1e9)}};
}

IpAddress host(std::string_view text) { return *IpAddress::parse(text); }

Incident incident(Kind kind, double first, double last, std::string_view source, std::vector<std::string> accounts = {},
                  Severity severity = Severity::kHigh, Confidence confidence = Confidence::kProbable) {
  Incident one;
  one.kind = kind;
  one.checks.push_back({.rule = &kPhaseAssignment, .severity = severity, .confidence = confidence, .message = "seen"});
  one.first = at(first);
  one.last = at(last);
  one.sources = {host(source)};
  one.accounts = std::move(accounts);
  one.messages = 10;
  one.evidence = {{one.first, "first"}, {one.last, "last"}};
  return one;
}

Incident compromise(double when, std::string_view source, const std::string& account) {
  Incident one = incident(Kind::kAccountCompromise, when - 600, when, source, {account}, Severity::kCritical);
  one.successes = 1;
  one.evidence = {{at(when - 600), "first refused login"}, {at(when), "decisive: the login that was accepted"}};
  return one;
}

struct World {
  Record record;
  std::vector<Incident> incidents;
  std::vector<Track> tracks;
  StoryOptions options;

  World() {
    record.first = at(-10 * kHour).time;
    record.last = at(100 * kHour).time;
  }
  Track& track(std::string_view source, std::string_view account) {
    Track track;
    track.source = host(source);
    track.account = record.names.id(account);
    tracks.push_back(track);
    return tracks.back();
  }
  TextPool call_ids;
  void call(const std::string& id, double start, double talk) {
    CallRecord call;
    call.call_id = call_ids.keep(id);
    call.first = call.invite = at(start);
    call.answer = at(start + 5);
    call.end = call.last = at(start + 5 + talk);
    call.hung_up = HungUp::kCaller;
    call.status = 200;
    call.group = static_cast<std::uint32_t>(record.calls.size());
    record.calls.push_back(std::move(call));
  }
  Story tell() { return tell_story(incidents, tracks, record, options); }
};

const Phase* phase(const Story& story, PhaseKind kind) {
  for (const Phase& one : story.phases) {
    if (one.kind == kind) return &one;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("Nothing is claimed when no incident reaches medium, or all are mere possibilities", "[timeline]") {
  World world;
  world.incidents = {incident(Kind::kMisconfiguredDevice, 0, 60, "192.0.2.7", {"1003"}, Severity::kLow),
                     incident(Kind::kOptionsScan, 0, 60, "203.0.113.9", {}, Severity::kLow),
                     incident(Kind::kTollFraud, 0, 60, "192.0.2.8", {"1004"}, Severity::kHigh, Confidence::kPossible)};
  const Story story = world.tell();
  CHECK_FALSE(story.campaign.has_value());
  CHECK(story.phases.empty());
  CHECK(story.incidents.size() == 3);
}

TEST_CASE("A misconfigured phone is part of no attack, even at the same address", "[timeline]") {
  World world;
  world.incidents = {incident(Kind::kMisconfiguredDevice, 0, 60, "203.0.113.9", {"1003"}, Severity::kMedium),
                     incident(Kind::kBruteForce, 100, 900, "203.0.113.9", {"1007"})};
  const Story story = world.tell();
  REQUIRE(story.campaign.has_value());
  CHECK(story.campaign->incidents == std::vector<std::size_t>{1});
}

TEST_CASE("Two who only try the same account have nothing to do with each other", "[timeline]") {
  World world;
  world.incidents = {incident(Kind::kBruteForce, 0, 600, "203.0.113.9", {"100"}),
                     incident(Kind::kBruteForce, 700, 900, "198.51.100.9", {"100"})};
  CHECK(world.tell().campaign->incidents.size() == 1);
}

TEST_CASE("Hostile neighbours in one network are one party, and so are they within 24 hours only", "[timeline]") {
  World world;
  world.incidents = {incident(Kind::kEnumeration, 0, 600, "203.0.113.9"),
                     incident(Kind::kBruteForce, 5 * kHour, 6 * kHour, "203.0.113.77", {"1007"})};
  CHECK(world.tell().campaign->incidents.size() == 2);
  world.incidents[1] = incident(Kind::kBruteForce, 40 * kHour, 41 * kHour, "203.0.113.77", {"1007"});
  CHECK(world.tell().campaign->incidents.size() == 1);
}

TEST_CASE("What follows on an account that was taken belongs to the campaign, however late and from wherever",
          "[timeline]") {
  World world;
  world.incidents = {
      compromise(1000, "203.0.113.9", "1007"),
      incident(Kind::kTollFraud, 80 * kHour, 81 * kHour, "198.51.100.200", {"1007"}, Severity::kCritical)};
  const Story story = world.tell();
  REQUIRE(story.campaign->incidents.size() == 2);
  CHECK(story.campaign->actors.size() == 2);
  CHECK(story.campaign->accounts == std::vector<std::string>{"1007"});
}

TEST_CASE("A peer is never an actor and joins nothing", "[timeline]") {
  World world;
  world.options.trusted = [](const IpAddress& address) { return address == host("198.51.100.5"); };
  world.incidents = {incident(Kind::kWangiri, 0, 600, "198.51.100.5", {}, Severity::kMedium),
                     incident(Kind::kTollFraud, 700, 900, "198.51.100.5", {"1004"}, Severity::kMedium)};
  const Story story = world.tell();
  REQUIRE(story.campaign.has_value());
  CHECK(story.campaign->incidents.size() == 1);
  CHECK(story.campaign->actors.empty());
  for (const Indicator& indicator : story.indicators) CHECK(indicator.value != "198.51.100.5");
}

TEST_CASE("A break-in is graver than a larger scan of the same severity", "[timeline]") {
  World world;
  world.incidents = {incident(Kind::kOptionsScan, 0, 600, "198.51.100.9", {}, Severity::kCritical),
                     compromise(5000, "203.0.113.9", "1007")};
  world.incidents[0].messages = 1'000'000;
  CHECK(world.tell().campaign->taken_account == "1007");
}

TEST_CASE("The compromise lasts from the accepted request to the first registration that is not its refresh",
          "[timeline]") {
  World world;
  world.incidents = {incident(Kind::kBruteForce, 0, 1000, "203.0.113.9", {"1007"}),
                     compromise(1000, "203.0.113.9", "1007")};
  Track& guesser = world.track("203.0.113.9", "1007");
  guesser.failures = 132;
  guesser.first_failure = at(400);
  guesser.first_success = at(1000);
  guesser.last_success = at(5000);
  guesser.registrations = {at(1000), at(2000), at(5000)};
  guesser.contacts = {text_key("a"), text_key("a"), text_key("b")};
  const Story story = world.tell();
  REQUIRE(story.campaign.has_value());
  CHECK(story.campaign->decisive == at(1000));
  CHECK(story.campaign->takeover == at(5000));
  const Phase* taken = phase(story, PhaseKind::kCompromise);
  REQUIRE(taken != nullptr);
  CHECK(taken->start == at(1000));
  CHECK(taken->end == at(5000));
  CHECK(story.campaign->entry.front().name == "guessed-password");
  CHECK(story.campaign->failures_before == 132);
  // Guessing begins with the first password, not with what the same address asked before.
  CHECK(phase(story, PhaseKind::kCredentialAccess)->start == at(400));
}

TEST_CASE("Without failures before it a compromise is not said to be guessed", "[timeline]") {
  World world;
  world.incidents = {compromise(1000, "203.0.113.9", "1007")};
  CHECK(world.tell().campaign->entry.front().name == "stolen-credential");
}

TEST_CASE("The containment runs from the first refusal after the last success to the last one", "[timeline]") {
  World world;
  world.incidents = {compromise(1000, "203.0.113.9", "1007"),
                     incident(Kind::kTollFraud, 2000, 9000, "203.0.113.9", {"1007"}, Severity::kCritical)};
  Track& thief = world.track("203.0.113.9", "1007");
  thief.first_success = at(1000);
  thief.last_success = at(7000);
  thief.now = {.first = at(7500), .last = at(9000), .count = 4, .status = 403};
  const Story story = world.tell();
  const Phase* stopped = phase(story, PhaseKind::kContainment);
  REQUIRE(stopped != nullptr);
  CHECK(stopped->start == at(7500));
  CHECK(stopped->end == at(9000));
  CHECK(story.campaign->dwell_s == Approx(6500));
  CHECK_FALSE(story.campaign->ongoing);
  CHECK_FALSE(story.campaign->returned.known());
}

TEST_CASE("Refusals of a minute between calls are no block, half an hour of them is one, and success after it a return",
          "[timeline]") {
  World world;
  world.incidents = {compromise(1000, "203.0.113.9", "1007"),
                     incident(Kind::kTollFraud, 2000, 20'000, "203.0.113.9", {"1007"}, Severity::kCritical)};
  Track& thief = world.track("203.0.113.9", "1007");
  thief.first_success = at(1000);
  thief.last_success = at(20'000);
  thief.earlier = {{.first = at(3000), .last = at(3030), .count = 3, .status = 403, .success_after = at(3060)}};
  CHECK(phase(world.tell(), PhaseKind::kContainment) == nullptr);
  world.tracks[0].earlier = {
      {.first = at(3000), .last = at(4700), .count = 3, .status = 403, .success_after = at(4800)}};
  const Story story = world.tell();
  CHECK(phase(story, PhaseKind::kContainment) != nullptr);
  CHECK(story.campaign->returned == at(4800));
}

TEST_CASE("Calls that two incidents name are counted once", "[timeline]") {
  World world;
  world.call("a", 2100, 60);
  world.call("b", 2200, 120);
  world.incidents = {compromise(1000, "203.0.113.9", "1007"),
                     incident(Kind::kTollFraud, 2000, 3000, "203.0.113.9", {"1007"}, Severity::kCritical),
                     incident(Kind::kTrafficPumping, 2000, 3000, "203.0.113.9", {"1007"})};
  for (std::size_t i : {1U, 2U}) {
    world.incidents[i].call_ids = {"a", "b"};
    world.incidents[i].calls = world.incidents[i].answered = 2;
    world.incidents[i].answered_seconds = 180;
  }
  const Story story = world.tell();
  CHECK(story.campaign->calls == 2);
  CHECK(story.campaign->minutes == Approx(3.0));
}

TEST_CASE("Calls that were refused after the block do not lengthen the abuse", "[timeline]") {
  World world;
  world.call("a", 2100, 60);
  world.call("late", 8000, 0);
  world.incidents = {compromise(1000, "203.0.113.9", "1007"),
                     incident(Kind::kTollFraud, 2000, 8000, "203.0.113.9", {"1007"}, Severity::kCritical)};
  world.incidents[1].call_ids = {"a", "late"};
  Track& thief = world.track("203.0.113.9", "1007");
  thief.first_success = at(1000);
  thief.last_success = at(2100);
  thief.now = {.first = at(7500), .last = at(8000), .count = 4, .status = 403};
  CHECK(phase(world.tell(), PhaseKind::kAbuse)->end == at(2165));
}

TEST_CASE("Each phase that occurs again after the story went on is told again", "[timeline]") {
  World world;
  world.incidents = {incident(Kind::kOptionsScan, 0, 60, "203.0.113.9"), compromise(4 * kHour, "203.0.113.9", "1007"),
                     incident(Kind::kOptionsScan, 9 * kHour, 9 * kHour + 60, "203.0.113.9")};
  const Story story = world.tell();
  REQUIRE(story.phases.size() == 3);
  CHECK(story.phases[0].kind == PhaseKind::kReconnaissance);
  CHECK(story.phases[2].kind == PhaseKind::kReconnaissance);
  CHECK(story.phases[2].start == at(9 * kHour));
}

TEST_CASE("Further accounts of the attacker are told as spread", "[timeline]") {
  World world;
  world.incidents = {compromise(1000, "203.0.113.9", "1007"), compromise(5000, "203.0.113.9", "1002")};
  const Story story = world.tell();
  CHECK(story.campaign->spread == std::vector<std::string>{"1002"});
  CHECK(story.campaign->reset.size() == 2);
}

TEST_CASE("A user who may only travel is no part of the attack that found his account", "[timeline]") {
  World world;
  world.incidents = {incident(Kind::kEnumeration, 0, 600, "203.0.113.9", {"1003", "1007"}),
                     incident(Kind::kRegistrationHijack, 5000, 5000, "198.51.100.30", {"1003"}, Severity::kMedium,
                              Confidence::kPossible),
                     compromise(9000, "203.0.113.9", "1007")};
  const Story story = world.tell();
  CHECK(story.campaign->incidents == std::vector<std::size_t>{0, 2});
  CHECK(story.campaign->spread.empty());
}

TEST_CASE("A mere possibility that fraud follows on is part of the attack", "[timeline]") {
  World world;
  world.incidents = {incident(Kind::kEnumeration, 0, 600, "203.0.113.9", {"1003"}),
                     incident(Kind::kRegistrationHijack, 5000, 5000, "198.51.100.30", {"1003"}, Severity::kMedium,
                              Confidence::kPossible),
                     incident(Kind::kTollFraud, 6000, 9000, "198.51.100.30", {"1003"}, Severity::kCritical)};
  CHECK(world.tell().campaign->incidents == std::vector<std::size_t>{0, 1, 2});
}

TEST_CASE("A block that did not last parts the abuse, and calls that it refused belong to neither part", "[timeline]") {
  World world;
  world.call("a", 2100, 60);
  world.call("b", 2200, 120);
  world.call("refused", 3000, 0);
  world.record.calls.back().answer = FrameRef{};
  world.call("c", 8100, 300);
  world.incidents = {compromise(1000, "203.0.113.9", "1007"),
                     incident(Kind::kTollFraud, 2000, 8400, "203.0.113.9", {"1007"}, Severity::kCritical)};
  world.incidents[1].call_ids = {"a", "b", "refused", "c"};
  world.incidents[1].answered = 3;
  world.incidents[1].answered_seconds = 480;
  Track& thief = world.track("203.0.113.9", "1007");
  thief.first_success = at(1000);
  thief.last_success = at(8100);
  thief.earlier = {{.first = at(3000), .last = at(4000), .count = 5, .status = 403, .success_after = at(8000)}};
  const Story story = world.tell();
  std::vector<PhaseKind> kinds;
  for (const Phase& one : story.phases) kinds.push_back(one.kind);
  // The login that ended the block is a way in of its own.
  REQUIRE(kinds == std::vector{PhaseKind::kCompromise, PhaseKind::kAbuse, PhaseKind::kContainment,
                               PhaseKind::kCompromise, PhaseKind::kAbuse});
  CHECK(story.phases[1].calls == 2);
  CHECK(story.phases[1].end == at(2325));
  CHECK(story.phases[3].start == at(8000));
  CHECK(story.phases[4].calls == 1);
  CHECK(story.phases[4].minutes == Approx(5.0));
  CHECK(story.campaign->calls == 3);
}

TEST_CASE("Guessing and abuse of an account meet where it was taken", "[timeline]") {
  World world;
  world.call("probe", 500, 0);
  world.record.calls.back().answer = FrameRef{};
  world.call("a", 2100, 60);
  world.incidents = {incident(Kind::kBruteForce, 0, 9000, "203.0.113.9", {"1007"}),
                     compromise(1000, "203.0.113.9", "1007"),
                     incident(Kind::kTollFraud, 500, 2165, "203.0.113.9", {"1007"}, Severity::kCritical)};
  world.incidents[2].call_ids = {"probe", "a"};
  world.incidents[2].answered = 1;
  const Story story = world.tell();
  CHECK(phase(story, PhaseKind::kCredentialAccess)->end == at(1000));
  CHECK(phase(story, PhaseKind::kAbuse)->start == at(2100));
}

}  // namespace voip::analyze::timeline
