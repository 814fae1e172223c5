#include <catch2/catch.hpp>

#include "analyze/timeline/actor_log.h"
#include "analyze/timeline/date_watch.h"
#include "analyze/timeline/deadlines.h"
#include "analyze/timeline/event_log.h"
#include "analyze/timeline/narrow.h"
#include "analyze/timeline/pictures.h"

namespace voip::analyze::timeline {
namespace {

FrameRef at(double seconds) {
  return {.input = 0,
          .number = static_cast<std::uint64_t>(seconds * 10) + 1,
          .time = {1'773'100'800 * kNsPerSecond + static_cast<std::int64_t>(seconds * 1e9)}};
}
IpAddress host(std::string_view text) { return *IpAddress::parse(text); }

Event refused(Names& names, double when, std::string_view account) {
  Event event;
  event.kind = EventKind::kRegisterFailed;
  event.first = at(when);
  event.actor = host("203.0.113.9");
  event.subject = names.id(account);
  event.text = "refused";
  return event;
}

session::Transaction login(double when, unsigned status, sip::Method method = sip::Method::kRegister) {
  session::Transaction t;
  t.method = method;
  t.client = Endpoint(host("203.0.113.9"), 5060);
  t.request = at(when);
  t.final = at(when + 0.1);
  t.status = status;
  t.to_uri = t.from_uri = "sip:1007@pbx.example";
  session::Credentials credentials;
  credentials.scheme = "Digest";
  credentials.username = "1007";
  t.credentials.push_back(credentials);
  return t;
}

Text call_id(const std::string& text) {
  static TextPool pool;
  return pool.once(text);
}

CallRecord call(Names& names, double start, std::uint16_t status) {
  CallRecord record;
  record.call_id = call_id("call-" + std::to_string(start));
  record.from = names.id("sip:1001@pbx.example");
  record.to = names.id("sip:+4930123456@pbx.example");
  record.dialled = names.id("0030123456");
  record.first = record.invite = at(start);
  record.last = record.end = at(start + 1);
  record.status = status;
  HopRecord hop;
  hop.from = Endpoint(host("203.0.113.9"), 5060);
  hop.to = Endpoint(host("192.0.2.10"), 5060);
  record.hops.push_back(hop);
  return record;
}

}  // namespace

TEST_CASE("The same event within a minute is counted, a later one is told anew", "[timeline]") {
  Names names;
  EventLog log(100, names);
  log.add(refused(names, 0, "1007"));
  log.add(refused(names, 50, "1007"));
  log.add(refused(names, 100, "1007"));
  log.add(refused(names, 300, "1007"));
  const auto events = log.finish();
  REQUIRE(events.size() == 2);
  CHECK(events[0].count == 3);
  CHECK(events[0].last == at(100));
  CHECK(events[1].count == 1);
}

TEST_CASE("A flood over many accounts leaves a few lines with all of it counted", "[timeline]") {
  Names names;
  EventLog log(1000, names);
  for (int i = 0; i < 5000; ++i) log.add(refused(names, i * 0.1, "user" + std::to_string(i)));
  const auto events = log.finish();
  CHECK(events.size() <= 25);
  std::uint64_t total = 0;
  for (const Event& event : events) total += event.count;
  CHECK(total == 5000);
}

TEST_CASE("A full log drops and counts", "[timeline]") {
  Names names;
  EventLog log(2, names);
  for (int i = 0; i < 5; ++i) log.add(refused(names, i * 1000.0, "1007"));
  CHECK(log.dropped() == 3);
  CHECK(log.finish().size() == 2);
}

TEST_CASE("Refused logins before the first success are failures, later ones a block", "[timeline]") {
  Names names;
  ActorLog log(100, names);
  for (int i = 0; i < 5; ++i) log.on_transaction(login(i, 401));
  log.on_transaction(login(10, 200));
  log.on_transaction(login(20, 403));
  log.on_transaction(login(30, 403));
  const auto tracks = log.finish();
  REQUIRE(tracks.size() == 1);
  CHECK(tracks[0].failures == 5);
  CHECK(tracks[0].first_success == at(10));
  CHECK(tracks[0].now.count == 2);
  CHECK(tracks[0].now.first == at(20));
  CHECK(tracks[0].now.status == 403);
}

TEST_CASE("A challenge to a request without credentials is no failure", "[timeline]") {
  Names names;
  ActorLog log(100, names);
  session::Transaction t = login(0, 401);
  t.credentials.clear();
  log.on_transaction(t);
  CHECK(log.finish().empty());
}

TEST_CASE("Success after refusals ends their stretch and keeps it", "[timeline]") {
  Names names;
  ActorLog log(100, names);
  log.on_transaction(login(0, 200));
  log.on_transaction(login(10, 403));
  log.on_transaction(login(900, 200));
  const auto tracks = log.finish();
  REQUIRE(tracks.size() == 1);
  CHECK(tracks[0].now.count == 0);
  REQUIRE(tracks[0].earlier.size() == 1);
  CHECK(tracks[0].earlier[0].success_after == at(900));
}

TEST_CASE("A call has its begin and its failure as events, ten in a row from one address are one", "[timeline]") {
  for (const std::size_t calls : {9U, 10U}) {
    Record record;
    for (std::size_t i = 0; i < calls; ++i) {
      record.calls.push_back(call(record.names, static_cast<double>(i), 404));
      record.calls.back().group = static_cast<std::uint32_t>(i);
    }
    std::vector<Told> told;
    record.tell({}, [&told](const Told& one) { told.push_back(one); });
    if (calls == 9) {
      CHECK(told.size() == 18);
      CHECK(told[0].kind == EventKind::kCallStart);
      CHECK(told[0].subject == "0030123456");
    } else {
      REQUIRE(told.size() == 1);
      CHECK(told[0].kind == EventKind::kProbe);
      CHECK(told[0].count == 10);
    }
  }
}

TEST_CASE("Narrowing by number compares the last digits, by account the whole name, by address the network",
          "[timeline]") {
  Narrow narrow;
  narrow.numbers = {"+49 30 123456"};
  CHECK(narrow.wants_user("004930123456"));
  CHECK(narrow.wants_user("+4930123456"));
  CHECK_FALSE(narrow.wants_user("30123457"));
  CHECK_FALSE(narrow.wants_user("alice"));
  Narrow account;
  account.accounts = {"1007"};
  CHECK(account.wants_user("sip:1007@pbx.example"));
  CHECK_FALSE(account.wants_user("sip:11007@pbx.example"));
  Narrow address;
  address.addresses = {*Narrow::parse_block("203.0.113.0/24"), *Narrow::parse_block("2001:db8::/32")};
  CHECK(address.wants_address(host("203.0.113.200")));
  CHECK_FALSE(address.wants_address(host("203.0.114.1")));
  CHECK(address.wants_address(host("2001:db8:1::1")));
  CHECK_FALSE(Narrow::parse_block("203.0.113.0/33"));
  CHECK_FALSE(Narrow::parse_block("example.com"));
}

TEST_CASE("Business days skip the weekend, hours do not", "[timeline]") {
  Deadline row;
  row.business_days = 4;
  const Timestamp thursday = *parse_time("2026-03-12T10:00:00Z");
  CHECK(format_utc(row.due(thursday), 0) == "2026-03-18T10:00:00Z");
  row.hours = 72;
  CHECK(format_utc(row.due(thursday), 0) == "2026-03-15T10:00:00Z");
  CHECK_FALSE(Deadline{}.due(thursday).known());
}

TEST_CASE("The table of deadlines is read with quotes and checked for its columns", "[timeline]") {
  const auto built_in = parse_deadlines(built_in_deadlines());
  REQUIRE(built_in.ok());
  CHECK(built_in->size() == 54);
  const auto gdpr = choose_deadlines(*built_in, {"gdpr-sa"});
  REQUIRE(gdpr.size() == 1);
  CHECK(gdpr[0].hours == 72U);
  CHECK(gdpr[0].confirmed == "known");
  const auto own =
      parse_deadlines("id,regime,clock_starts,deadline,deadline_hours\nX,\"Us, \"\"ours\"\"\",now,soon,5\n");
  REQUIRE(own.ok());
  CHECK((*own)[0].regime == "Us, \"ours\"");
  CHECK_FALSE(parse_deadlines("a,b\n1,2\n").ok());
  CHECK_FALSE(parse_deadlines("").ok());
}

TEST_CASE("A Reason is told with its protocol, and a comma in its words ends nothing", "[timeline]") {
  const auto end_of = [](std::string_view reason) {
    Record record;
    CallRecord one = call(record.names, 0, 200);
    one.answer = at(0.5);
    one.hung_up = HungUp::kCallee;
    one.reason = record.names.id(reason);
    record.calls.push_back(std::move(one));
    std::string text;
    record.tell({}, [&text](const Told& told) {
      if (told.kind == EventKind::kCallEnd) text = told.text;
    });
    return text.substr(text.find("; ") + 2);
  };
  CHECK(end_of("Q.850;cause=16;text=\"Normal, cleared\"") == "the callee hung up (Q.850 cause 16, Normal, cleared)");
  CHECK(end_of("SIP;text=\"Call completed elsewhere\", Q.850;cause=26") ==
        "the callee hung up (SIP: Call completed elsewhere)");
  CHECK(end_of("Q.850;cause=16;text=\"(16)\"") == "the callee hung up (Q.850 cause 16)");
  CHECK(end_of("preemption") == "the callee hung up (preemption)");
}

TEST_CASE("Nothing from a capture can break out of a Mermaid diagram", "[timeline]") {
  Record record;
  CallRecord one = call(record.names, 0, 200);
  one.dialled = record.names.id("x\n  participant evil; %%{init}%%\"<script>");
  one.steps = std::make_unique<Steps>();
  one.steps->points = {one.hops[0].from, one.hops[0].to};
  Step step;
  step.frame = at(0);
  step.dst = 1;
  step.method = sip::Method::kInvite;
  one.steps->list = {step};
  record.calls.push_back(std::move(one));
  const TimelineContent content{{}, std::move(record), {}, {}, {}, {}};
  std::vector<std::string> lines;
  write_mermaid(content, [&lines](const std::string& line) { lines.push_back(line); });
  CHECK(lines.size() == 5);
  for (const std::string& line : lines) {
    CHECK(line.find_first_of("\n;%{}<\"") == std::string::npos);
  }
}

TEST_CASE("Legs over a B2BUA are one call, and calls to one number at once through one proxy are many", "[timeline]") {
  const auto leg = [](Names& names, const std::string& id, double start, std::string_view from, std::string_view to) {
    CallRecord record = call(names, start, 200);
    record.call_id = call_id(id);
    record.answer = at(start + 1);
    record.last = record.end = at(start + 60);
    record.hops[0].from = Endpoint(host(from), 5060);
    record.hops[0].to = Endpoint(host(to), 5060);
    return record;
  };
  Names names;
  std::pmr::deque<CallRecord> calls;
  calls.push_back(leg(names, "a1", 0, "203.0.113.50", "192.0.2.10"));
  calls.push_back(leg(names, "a2", 0.1, "203.0.113.50", "192.0.2.10"));
  calls.push_back(leg(names, "b1", 0.2, "192.0.2.10", "192.0.2.101"));
  calls.push_back(leg(names, "b2", 0.3, "192.0.2.10", "192.0.2.101"));
  group_calls(calls, names);
  CHECK(calls[0].group == 0);
  CHECK(calls[1].group == 1);
  CHECK(calls[2].group == 0);
  CHECK(calls[3].group == 1);

  // The same Call-ID on both sides of a proxy: each call has both hops, and they share them.
  std::pmr::deque<CallRecord> proxied;
  for (int i = 0; i < 20; ++i) {
    proxied.push_back(leg(names, "p" + std::to_string(i), i * 0.05, "203.0.113.50", "192.0.2.10"));
    proxied.back().hops.push_back(leg(names, "", 0, "192.0.2.10", "192.0.2.101").hops[0]);
  }
  group_calls(proxied, names);
  for (std::size_t i = 0; i < proxied.size(); ++i) CHECK(proxied[i].group == i);
}

// A sender report (RFC 3550 section 6.4.1) of somebody whose clock stands `late` seconds after the capture's.
void hear_report(DateWatch& watch, std::string_view address, double when, std::int64_t late, bool since_boot = false) {
  const std::int64_t unix_s = at(when).time.ns / kNsPerSecond + late;
  const auto ntp = static_cast<std::uint32_t>(since_boot ? static_cast<std::int64_t>(when) : unix_s + 2208988800);
  std::array<std::uint8_t, 28> bytes{0x80, 200, 0, 6};
  for (std::size_t i = 0; i < 4; ++i) bytes[8 + i] = static_cast<std::uint8_t>(ntp >> (24 - 8 * i));
  net::Datagram datagram;
  datagram.src = Endpoint(host(address), 20001);
  datagram.frame = at(when);
  datagram.payload = bytes;
  dissect::MediaEvent event;
  event.datagram = &datagram;
  watch.on_rtcp(event);
}

TEST_CASE("A clock that is off shows in sender reports, and one that counts from its start is none", "[timeline]") {
  DateWatch watch;
  for (int i = 0; i < 6; ++i) {
    hear_report(watch, "192.0.2.1", 5.0 * i, 0);
    hear_report(watch, "192.0.2.2", 5.0 * i, -95);
    hear_report(watch, "192.0.2.3", 5.0 * i, 0, true);
    if (i < 4) hear_report(watch, "192.0.2.4", 5.0 * i, -95);
  }
  const auto found = watch.finish();
  REQUIRE(found.size() == 1);
  CHECK(found[0].sender == host("192.0.2.2"));
  CHECK(found[0].rtcp);
  CHECK(found[0].messages == 6);
  CHECK(std::abs(found[0].offset_ns + 95 * kNsPerSecond) <= kNsPerSecond);
}

}  // namespace voip::analyze::timeline
