#include "analyze/fraud/places.h"

#include "story.h"

using namespace voip;
using namespace voip::test;
using fraud::Places;

namespace {

constexpr std::string_view kTable =
    "network,country,latitude,longitude\n"
    "# the office\n"
    "81.20.0.0/16,DE\n"
    "\"81.20.30.0\",\"81.20.30.255\",\"at\"\n"
    "203.0.112.0/22,AU,-33.9,151.2\n"
    "2001:db8::/32,FR\n"
    "192.0.2.0/24,ZZ\n";

const Places& table() {
  static const auto places = Places::parse(kTable, "table");
  REQUIRE(places);
  return *places;
}

std::string country(std::string_view address) {
  const Places::Place* place = table().find(host(address));
  return place == nullptr ? std::string() : place->country;
}

}  // namespace

TEST_CASE("the narrowest network around an address gives its country", "[fraud]") {
  CHECK(country("81.20.29.255") == "DE");
  CHECK(country("81.20.30.0") == "AT");
  CHECK(country("81.20.30.255") == "AT");
  CHECK(country("81.20.31.0") == "DE");
  CHECK(country("81.21.0.0").empty());
  CHECK(country("2001:db8:ffff::1") == "FR");
  CHECK(country("192.0.2.1").empty());
  CHECK(country("0.0.0.0").empty());
}

TEST_CASE("a table of places that is none says the line", "[fraud]") {
  CHECK_FALSE(Places::parse("", "t"));
  CHECK_FALSE(Places::parse("network,country\n", "t"));
  const auto bad = Places::parse("10.0.0.0/8,DE\nnonsense,DE\n", "t");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message == "t:2: neither a network nor two addresses");
  CHECK_FALSE(Places::parse("10.0.0.0/33,DE\n10.0.0.0/33,DE\n", "t"));
  CHECK_FALSE(Places::parse("10.0.0.0/8,Germany\n", "t"));
  CHECK_FALSE(Places::parse("10.0.0.0/8,DE\n10.0.0.9,10.0.0.1,DE\n", "t"));
}

TEST_CASE("distances are those of the nearest cities, or of the coordinates where both are given", "[fraud]") {
  const auto of = [](const char* name) {
    Places::Place place;
    place.country = name;
    return place;
  };
  CHECK(*fraud::distance_km(of("DE"), of("DE")) == 0);
  CHECK(*fraud::distance_km(of("DE"), of("AT")) < 600);
  CHECK(*fraud::distance_km(of("DE"), of("AU")) > 12000);
  CHECK_FALSE(fraud::distance_km(of("DE"), of("QQ")));
}

TEST_CASE("an account in Germany and half an hour later in Australia travels impossibly, next day it does not",
          "[fraud]") {
  for (const bool soon : {true, false}) {
    fraud::Options options;
    options.places = std::make_shared<Places>(table());
    Site site(std::move(options));
    for (int i = 0; i < 4; ++i) site.registers(1000.0 + i * 900, "101", host("81.20.77.3"));
    const double arrival = 1000.0 + 3 * 900 + (soon ? 1800 : 20 * 3600);
    site.registers(arrival, "101", host("203.0.113.9"));
    site.registers(arrival + 60, "102", host("81.20.77.3"));
    const auto& incidents = site.finish();
    const auto travel = [](const fraud::Incident& one) { return fired(one, "FRAUD-022"); };
    const auto found = std::ranges::find_if(incidents, travel);
    CHECK((found != incidents.end()) == soon);
    if (found == incidents.end()) continue;
    CHECK(found->kind == fraud::Kind::kAnomaly);
    CHECK(found->lead().severity == report::Severity::kMedium);
    CHECK(found->accounts == std::vector<std::string>{"101"});
    CHECK(found->sources.size() == 2);
    CHECK_FALSE(found->certain_attacker);
  }
}

TEST_CASE("three countries in a day are told without coordinates, two neighbours never", "[fraud]") {
  for (const bool three : {true, false}) {
    fraud::Options options;
    options.places = std::make_shared<Places>(table());
    Site site(std::move(options));
    site.registers(1000, "101", host("81.20.77.3"));
    site.registers(1000 + 8 * 3600, "101", host("81.20.30.3"));
    if (three) site.registers(1000 + 16 * 3600, "101", host("2001:db8::3"));
    const auto& incidents = site.finish();
    CHECK(std::ranges::any_of(incidents, [](const auto& one) { return fired(one, "FRAUD-022"); }) == three);
  }
}
