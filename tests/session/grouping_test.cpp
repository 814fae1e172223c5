#include "session/grouping.h"

#include <catch2/catch.hpp>

#include <deque>
#include <string>
#include <vector>

using namespace voip;
using namespace voip::session;

namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

// Legs as an analyzer tells them; times in seconds.
class Story {
 public:
  struct Times {
    double start = 0;
    double answer = -1;  // negative: none
    double end = 60;
    bool ended = true;
  };
  std::size_t add(const char* from, const char* to, const char* caller, const char* called, Times times,
                  std::vector<std::pair<LinkKind, TextKey>> links = {}) {
    Own& own = owned_.emplace_back();
    own.hops = {{Endpoint(ip(from), 0), Endpoint(ip(to), 0)}};
    own.links = std::move(links);
    own.call_id = "call" + std::to_string(legs_.size());
    const auto at = [](double s) { return Timestamp{1'700'000'000'000'000'000 + static_cast<std::int64_t>(s * 1e9)}; };
    legs_.push_back({.call_id = own.call_id,
                     .called = called,
                     .caller = caller,
                     .start = at(times.start),
                     .answer = times.answer < 0 ? Timestamp{} : at(times.answer),
                     .end = at(times.end),
                     .ended = times.ended,
                     .hops = own.hops,
                     .links = own.links,
                     .samples = {}});
    return legs_.size() - 1;
  }
  std::vector<LegPlace> group() const { return group_legs(legs_); }

 private:
  struct Own {
    std::string call_id;
    std::vector<LegHop> hops;
    std::vector<std::pair<LinkKind, TextKey>> links;
  };
  std::deque<Own> owned_;
  std::vector<LegFacts> legs_;
};

constexpr const char* kPhone = "10.0.0.21";
constexpr const char* kPbx = "10.0.0.5";
constexpr const char* kPbxOutside = "198.51.100.5";
constexpr const char* kTrunk = "203.0.113.9";

}  // namespace

TEST_CASE("A host that gets a call and makes one to the same number goes on with it", "[session]") {
  Story legs;
  legs.add(kPhone, kPbx, "201", "0044161496000", {0, 5, 60});
  legs.add(kPbx, kTrunk, "+4930123201", "+44161496000", {0.1, 4.99, 60.01});
  const auto places = legs.group();
  CHECK(places[1].group == 0);
  CHECK(places[1].before == 0);
  CHECK(places[1].by == LinkKind::kHeuristic);
}

TEST_CASE("Calls of one client at one time to one number stay as many as they are", "[session]") {
  Story legs;
  for (int i = 0; i < 5; ++i) {
    const double t = 0.2 * i;
    legs.add(kPhone, kPbx, "201", "0025261555123", {t, t + 3, t + 600});
    legs.add(kPbx, kTrunk, "+4930123201", "+25261555123", {t + 0.05, t + 2.99, t + 600});
  }
  const auto places = legs.group();
  std::size_t firsts = 0;
  for (std::size_t i = 0; i < places.size(); ++i) firsts += places[i].group == i ? 1U : 0U;
  CHECK(firsts == 5);
}

TEST_CASE("A border with an address on each side is one call, answered or refused", "[session]") {
  Story answered;
  answered.add(kPhone, kPbx, "201", "0044161496000", {0, 5, 60});
  answered.add(kPbxOutside, kTrunk, "+4930123201", "+44161496000", {0.1, 4.99, 60.01});
  CHECK(answered.group()[1].group == 0);

  Story refused;
  refused.add(kPhone, kPbx, "201", "0044161496000", {0, -1, 9});
  refused.add(kPbxOutside, kTrunk, "+4930123201", "+44161496000", {0.1, -1, 8.99});
  CHECK(refused.group()[1].group == 0);

  Story apart;
  apart.add(kPhone, kPbx, "201", "0044161496000", {0, -1, 9});
  apart.add(kPbxOutside, kTrunk, "+4930123455", "+44161496000", {0.1, -1, 14});
  CHECK(apart.group()[1].group == 1);
}

TEST_CASE("An inbound call reaches the extension that ends its number", "[session]") {
  Story legs;
  legs.add(kTrunk, kPbxOutside, "+441614960123", "+4930123201", {0, -1, 12});
  legs.add(kPbx, kPhone, "+441614960123", "201", {0.1, -1, 12.3});
  CHECK(legs.group()[1].group == 0);
}

TEST_CASE("A hunt group's forks belong to the call that rings them", "[session]") {
  Story legs;
  legs.add(kTrunk, kPbx, "+441614960123", "+4930123000", {0, 8, 60});
  legs.add(kPbx, "10.0.0.31", "+441614960123", "31", {0.1, -1, 8.1});
  legs.add(kPbx, "10.0.0.32", "+441614960123", "32", {0.1, 7.99, 60});
  legs.add(kPbx, "10.0.0.33", "+441614960123", "33", {0.1, -1, 8.1});
  for (const LegPlace& place : legs.group()) CHECK(place.group == 0);
}

TEST_CASE("A session identifier ties legs that nothing else ties", "[session]") {
  const std::pair<LinkKind, TextKey> id{LinkKind::kSessionId, text_key("00112233445566778899aabbccddeeff")};
  Story legs;
  legs.add(kPhone, kPbx, "201", "9", {0, 1, 60}, {id});
  legs.add(kPbxOutside, kTrunk, "anonymous", "+44161496000", {12, 20, 60}, {id});
  const auto places = legs.group();
  CHECK(places[1].group == 0);
  CHECK(places[1].by == LinkKind::kSessionId);
}

TEST_CASE("An identifier that a client puts into all of its calls ties nothing", "[session]") {
  const std::pair<LinkKind, TextKey> id{LinkKind::kSessionId, text_key("00112233445566778899aabbccddeeff")};
  Story legs;
  for (int i = 0; i < 4; ++i) {
    const double t = 5.0 * i;
    legs.add(kPhone, kPbx, "201",
             i == 0   ? "002477000100"
             : i == 1 ? "002477000101"
             : i == 2 ? "002477000102"
                      : "002477000103",
             {t, t + 2, t + 600}, {id});
  }
  const auto places = legs.group();
  for (std::size_t i = 0; i < places.size(); ++i) CHECK(places[i].group == i);
}

TEST_CASE("The far leg may be stamped first when two taps' clocks differ", "[session]") {
  Story legs;
  legs.add(kPbx, kTrunk, "+4930123201", "+44161496000", {0, 5, 60});
  legs.add(kPhone, kPbx, "201", "0044161496000", {0.08, 5.01, 60.01});
  CHECK(legs.group()[1].group == 0);
}

TEST_CASE("The same number again after the first call ended is another call", "[session]") {
  Story legs;
  legs.add(kPhone, kPbx, "201", "0044161496000", {0, -1, 0.5});
  legs.add(kPbx, kTrunk, "+4930123201", "+44161496000", {0.05, -1, 0.45});
  legs.add(kPhone, kPbx, "201", "0044161496000", {1, -1, 1.6});
  legs.add(kPbx, kTrunk, "+4930123201", "+44161496000", {1.05, -1, 1.55});
  const auto places = legs.group();
  CHECK(places[1].group == 0);
  CHECK(places[2].group == 2);
  CHECK(places[3].group == 2);
}
