#include <set>

#include "session/story.h"

using namespace voip;
using namespace voip::test;
using namespace std::chrono_literals;

namespace {

const Endpoint kAliceMedia = at("192.0.2.1", 4000);
const Endpoint kBobMedia = at("192.0.2.2", 5000);

void plain_call(Story& s, const std::string& call_id = "c1") {
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000), call_id);
  s.sip(s.bob, s.alice, "180", "1 INVITE", "a", "b", "", call_id);
  s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000), call_id);
  s.sip(s.alice, s.bob, "ACK", "1 ACK", "a", "b", "", call_id);
}

void hang_up(Story& s, const std::string& call_id = "c1") {
  s.sip(s.alice, s.bob, "BYE", "9 BYE", "a", "b", "", call_id);
  s.sip(s.bob, s.alice, "200", "9 BYE", "a", "b", "", call_id);
}

}  // namespace

TEST_CASE("A plain call is one leg with a stream each way, told once, after its linger time", "[session]") {
  Story s;
  plain_call(s);
  s.rtp(kAliceMedia, kBobMedia, 1);
  s.rtp(kBobMedia, kAliceMedia, 2);
  hang_up(s);
  CHECK(s.seen.calls.empty());
  s.wait(80s);
  s.sip(s.alice, s.bob, "OPTIONS", "1 OPTIONS", "x", "", "", "other");
  REQUIRE(s.seen.calls.size() == 1);
  const EndedCall call = s.seen.calls[0];
  CHECK(call.answered);
  CHECK(call.final_status == 200);
  REQUIRE(call.legs.size() == 1);
  CHECK(call.legs[0].streams == std::vector<std::size_t>{2});
  CHECK(call.legs[0].complete == 1);
  s.finish();
  CHECK(s.seen.calls.size() == 1);
  CHECK(s.seen.orphans.empty());
}

TEST_CASE("Retransmissions change nothing", "[session]") {
  Story s;
  for (int i = 0; i < 3; ++i) s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  for (int i = 0; i < 3; ++i) s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000));
  s.finish();
  REQUIRE(s.seen.calls.size() == 1);
  CHECK(s.seen.exchanges == 1);
  CHECK(s.seen.calls[0].legs.at(0).complete == 1);
}

TEST_CASE("A fork that lost is no leg, unless media came from it", "[session]") {
  for (const bool early_media : {false, true}) {
    Story s;
    s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
    s.sip(s.bob, s.alice, "183", "1 INVITE", "a", "b1", sdp_text("192.0.2.3", 6000));
    if (early_media) s.rtp(at("192.0.2.3", 6000), kAliceMedia, 7);
    s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b2", sdp_text("192.0.2.2", 5000));
    s.rtp(kBobMedia, kAliceMedia, 8);
    s.finish();
    REQUIRE(s.seen.calls.size() == 1);
    CHECK(s.seen.calls[0].dialogs == 2);
    CHECK(s.seen.calls[0].legs.size() == (early_media ? 2 : 1));
  }
}

TEST_CASE("An offer in the 200 is answered by the ACK", "[session]") {
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "");
  s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000, "RTP/SAVP"));
  CHECK(s.seen.exchanges == 0);
  s.sip(s.alice, s.bob, "ACK", "1 ACK", "a", "b", sdp_text("192.0.2.1", 4000, "RTP/SAVP"));
  CHECK(s.seen.exchanges == 1);
  s.rtp(kAliceMedia, kBobMedia, 1);
  s.finish();
  CHECK(s.seen.calls.at(0).legs.at(0).complete == 1);
  CHECK(s.seen.calls.at(0).legs.at(0).streams == std::vector<std::size_t>{1});
}

TEST_CASE("An offer in a reliable 183 is answered by the PRACK, and the 200 that repeats it changes nothing",
          "[session]") {
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "");
  s.sip(s.bob, s.alice, "183", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000, "RTP/SAVP"));
  CHECK(s.seen.exchanges == 0);
  s.sip(s.alice, s.bob, "PRACK", "2 PRACK", "a", "b", sdp_text("192.0.2.1", 4000, "RTP/SAVP"));
  CHECK(s.seen.exchanges == 1);
  s.sip(s.bob, s.alice, "200", "2 PRACK", "a", "b");
  s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000, "RTP/SAVP"));
  s.sip(s.alice, s.bob, "ACK", "1 ACK", "a", "b");
  s.finish();
  CHECK(s.seen.exchanges == 1);
  CHECK(s.seen.calls.at(0).legs.at(0).complete == 1);
  CHECK(s.seen.calls.at(0).legs.at(0).last_answer_profile == "RTP/SAVP");
}

TEST_CASE("A PRACK and an UPDATE before the call is answered offer anew, and the last answer holds", "[session]") {
  for (const std::string method : {"PRACK", "UPDATE"}) {
    INFO(method);
    Story s;
    s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000, "RTP/SAVP"));
    s.sip(s.bob, s.alice, "183", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000, "RTP/SAVP"));
    s.sip(s.alice, s.bob, method, "2 " + method, "a", "b", sdp_text("192.0.2.1", 4002));
    s.sip(s.bob, s.alice, "200", "2 " + method, "a", "b", sdp_text("192.0.2.2", 5002));
    s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b");
    s.rtp(at("192.0.2.1", 4002), at("192.0.2.2", 5002), 1);
    s.finish();
    REQUIRE(s.seen.calls.at(0).legs.size() == 1);
    CHECK(s.seen.calls[0].legs[0].complete == 2);
    CHECK(s.seen.calls[0].legs[0].last_answer_profile == "RTP/AVP");
    CHECK(s.seen.calls[0].legs[0].streams == std::vector<std::size_t>{1});
  }
}

TEST_CASE("The 200's SDP replaces that of the 183", "[session]") {
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000, "RTP/SAVP"));
  s.sip(s.bob, s.alice, "183", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000, "RTP/SAVP"));
  s.sip(s.bob, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000, "RTP/AVP"));
  s.finish();
  CHECK(s.seen.calls.at(0).legs.at(0).complete == 1);
  CHECK(s.seen.calls.at(0).legs.at(0).last_answer_profile == "RTP/AVP");
}

TEST_CASE("A re-INVITE makes a second exchange, and a refused one does not", "[session]") {
  for (const bool refused : {false, true}) {
    Story s;
    plain_call(s);
    s.sip(s.alice, s.bob, "INVITE", "2 INVITE", "a", "b", sdp_text("192.0.2.1", 4002, "RTP/SAVP"));
    if (refused) {
      s.sip(s.bob, s.alice, "488", "2 INVITE", "a", "b");
    } else {
      s.sip(s.bob, s.alice, "200", "2 INVITE", "a", "b", sdp_text("192.0.2.2", 5002, "RTP/SAVP"));
    }
    s.finish();
    CHECK(s.seen.calls.at(0).legs.at(0).complete == (refused ? 1 : 2));
    CHECK(s.seen.calls.at(0).legs.at(0).last_answer_profile == (refused ? "RTP/AVP" : "RTP/SAVP"));
    CHECK(s.seen.calls.at(0).final_status == 200);
  }
}

TEST_CASE("The callee may re-INVITE and UPDATE, too", "[session]") {
  Story s;
  plain_call(s);
  s.sip(s.bob, s.alice, "INVITE", "1 INVITE", "b", "a", sdp_text("192.0.2.2", 5004));
  s.sip(s.alice, s.bob, "200", "1 INVITE", "b", "a", sdp_text("192.0.2.1", 4004));
  s.sip(s.bob, s.alice, "UPDATE", "2 UPDATE", "b", "a", sdp_text("192.0.2.2", 5006));
  s.sip(s.alice, s.bob, "200", "2 UPDATE", "b", "a", sdp_text("192.0.2.1", 4006));
  s.rtp(at("192.0.2.1", 4006), at("192.0.2.2", 5006), 3);
  s.finish();
  REQUIRE(s.seen.calls.at(0).legs.size() == 1);
  CHECK(s.seen.calls[0].legs[0].complete == 3);
  CHECK(s.seen.calls[0].legs[0].streams == std::vector<std::size_t>{1});
}

TEST_CASE("A call that is challenged and tried again is one call", "[session]") {
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.bob, s.alice, "407", "1 INVITE", "a", "x");
  s.sip(s.alice, s.bob, "ACK", "1 ACK", "a", "x");
  s.sip(s.alice, s.bob, "INVITE", "2 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.bob, s.alice, "200", "2 INVITE", "a", "b", sdp_text("192.0.2.2", 5000));
  s.finish();
  REQUIRE(s.seen.calls.size() == 1);
  CHECK(s.seen.calls[0].refusals == 0);
  CHECK(s.seen.calls[0].legs.size() == 1);
  CHECK(s.seen.calls[0].answered);
}

TEST_CASE("A retry after a refusal is the same call even with a new From tag", "[session]") {
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.bob, s.alice, "407", "1 INVITE", "a", "x");
  s.sip(s.alice, s.bob, "ACK", "1 ACK", "a", "x");
  s.sip(s.alice, s.bob, "INVITE", "2 INVITE", "a2", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.bob, s.alice, "183", "2 INVITE", "a2", "b", sdp_text("192.0.2.2", 5000));
  s.sip(s.bob, s.alice, "200", "2 INVITE", "a2", "b", sdp_text("192.0.2.2", 5000));
  s.sip(s.alice, s.bob, "ACK", "2 ACK", "a2", "b");
  s.finish();
  REQUIRE(s.seen.calls.size() == 1);
  REQUIRE(s.seen.calls[0].legs.size() == 1);
  CHECK(s.seen.calls[0].dialogs == 1);
  CHECK(s.seen.calls[0].legs[0].complete == 1);
  CHECK(s.seen.calls[0].answered);
}

TEST_CASE("A caller who takes a minute to find the password is still in the same call", "[session]") {
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.bob, s.alice, "407", "1 INVITE", "a", "x");
  s.wait(std::chrono::seconds{60});
  s.sip(s.alice, s.bob, "INVITE", "2 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.bob, s.alice, "403", "2 INVITE", "a", "y");
  s.finish();
  REQUIRE(s.seen.calls.size() == 1);
  CHECK(s.seen.calls[0].final_status == 403);
}

TEST_CASE("A second leg that keeps the Call-ID is no retry while the first is not refused", "[session]") {
  Story s;
  s.sip(s.alice, s.proxy, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.proxy, s.bob, "INVITE", "1 INVITE", "p", "", sdp_text("192.0.2.9", 6000));
  s.sip(s.bob, s.proxy, "200", "1 INVITE", "p", "b", sdp_text("192.0.2.2", 5000));
  s.sip(s.proxy, s.alice, "200", "1 INVITE", "a", "q", sdp_text("192.0.2.9", 6002));
  s.finish();
  REQUIRE(s.seen.calls.size() == 1);
  CHECK(s.seen.calls[0].legs.size() == 2);
}

TEST_CASE("A refused call keeps its offer as a refusal and ends soon", "[session]") {
  Story s;
  s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000, "RTP/SAVP"));
  s.sip(s.bob, s.alice, "488", "1 INVITE", "a", "x");
  s.wait(80s);
  s.sip(s.alice, s.bob, "OPTIONS", "1 OPTIONS", "x", "", "", "other");
  REQUIRE(s.seen.calls.size() == 1);
  CHECK(s.seen.calls[0].refusals == 1);
  CHECK(s.seen.calls[0].final_status == 488);
  CHECK_FALSE(s.seen.calls[0].answered);
}

TEST_CASE("A proxy that leaves the media alone makes no new leg", "[session]") {
  Story s;
  s.sip(s.alice, s.proxy, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.proxy, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000));
  s.sip(s.bob, s.proxy, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000));
  s.sip(s.proxy, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000));
  s.rtp(kAliceMedia, kBobMedia, 1);
  s.rtp(kBobMedia, kAliceMedia, 2);
  s.finish();
  REQUIRE(s.seen.calls.size() == 1);
  REQUIRE(s.seen.calls[0].legs.size() == 1);
  CHECK(s.seen.calls[0].legs[0].hops == 2);
  CHECK(s.seen.calls[0].legs[0].streams == std::vector<std::size_t>{2});
}

TEST_CASE("A relay makes two legs, each with its own streams", "[session]") {
  Story s;
  s.sip(s.alice, s.proxy, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000, "RTP/SAVP"));
  s.sip(s.proxy, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.9", 9000));
  s.sip(s.bob, s.proxy, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.2", 5000));
  s.sip(s.proxy, s.alice, "200", "1 INVITE", "a", "b", sdp_text("192.0.2.9", 9002, "RTP/SAVP"));
  s.rtp(kAliceMedia, at("192.0.2.9", 9002), 1);
  s.rtp(at("192.0.2.9", 9000), kBobMedia, 1);
  s.rtp(kBobMedia, at("192.0.2.9", 9000), 2);
  s.finish();
  REQUIRE(s.seen.calls.at(0).legs.size() == 2);
  std::multiset<std::size_t> streams;
  std::multiset<std::string> profiles;
  for (const auto& leg : s.seen.calls[0].legs) {
    streams.insert(leg.streams.at(0));
    profiles.insert(leg.last_answer_profile);
  }
  CHECK(streams == std::multiset<std::size_t>{1, 2});
  CHECK(profiles == std::multiset<std::string>{"RTP/AVP", "RTP/SAVP"});
}

TEST_CASE("A new connection in mid call is the same hop", "[session]") {
  Story s;
  plain_call(s);
  const Endpoint again = at("192.0.2.1", 33333);
  s.sip(again, s.bob, "INVITE", "2 INVITE", "a", "b", sdp_text("192.0.2.1", 4002));
  s.sip(s.bob, again, "200", "2 INVITE", "a", "b", sdp_text("192.0.2.2", 5002));
  s.finish();
  REQUIRE(s.seen.calls.at(0).legs.size() == 1);
  CHECK(s.seen.calls[0].legs[0].hops == 1);
  CHECK(s.seen.calls[0].legs[0].complete == 2);
}

TEST_CASE("The wire's message and its HEP copy count once, in either order", "[session]") {
  for (const auto first : {net::Provenance::kWire, net::Provenance::kHep}) {
    Story s;
    const auto second = first == net::Provenance::kWire ? net::Provenance::kHep : net::Provenance::kWire;
    s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000), "c1", first);
    s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000), "c1", second);
    CHECK(s.seen.messages == 1);
    CHECK(s.counters().sip_copies == 1);
    // What the wire shows again is a retransmission; several servers may mirror what it showed once.
    s.sip(s.alice, s.bob, "INVITE", "1 INVITE", "a", "", sdp_text("192.0.2.1", 4000), "c1", second);
    CHECK(s.seen.messages == (first == net::Provenance::kWire ? 1 : 2));
  }
}

TEST_CASE("A capture that starts in mid call tells a call for the BYE, and for a re-INVITE", "[session]") {
  Story s;
  hang_up(s, "late");
  s.sip(s.alice, s.bob, "ACK", "1 ACK", "a", "b", "", "straggler");
  s.finish();
  REQUIRE(s.seen.calls.size() == 1);
  CHECK(s.seen.calls[0].call_id == "late");
  CHECK(s.seen.calls[0].legs.empty());
}

TEST_CASE("At the cap the longest idle call goes, is told, and is counted", "[session]") {
  Limits limits;
  limits.calls = 10;
  Story s(limits);
  for (int i = 0; i < 100; ++i) plain_call(s, "c" + std::to_string(i));
  CHECK(s.seen.calls.size() == 90);
  CHECK(s.counters().evicted.at("calls") == 90);
  CHECK(s.seen.calls.front().call_id == "c0");
  s.finish();
  CHECK(s.seen.calls.size() == 100);
}
