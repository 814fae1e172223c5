#include "analyze/stir/across.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <list>
#include <string>
#include <vector>

#include "analyze/stir/rules.h"
#include "report/collector.h"

namespace voip::analyze::stir {
namespace {

constexpr std::int64_t kStart = 1'768'471'200'000'000'000;

// Calls as they come out of the judgement, so that hundreds of them cost nothing: who signed what for whom, and when.
class Calls {
 public:
  struct Spec {
    std::string spc = "709J";
    std::string number = "12155550110";
    std::string attest = "A";
    std::string origid = "5a7b1c2e-3f40-4d1e-9a6b-0c1d2e3f4051";
    CallVerdict verdict = CallVerdict::kValid;
    const char* from = "198.51.100.1";
    std::int64_t at_s = 0;
  };

  void add(const Spec& spec) {
    CallRecord& call = calls_.emplace_back();
    const std::size_t n = calls_.size();
    call.call_id = fmt::format("c{}", n);
    call.frame = {.input = 0, .number = n, .time = {kStart + spec.at_s * kNsPerSecond}};
    call.src = {*IpAddress::parse(spec.from), 5060};
    call.dst = {*IpAddress::parse("203.0.113.1"), 5060};
    call.from_number = spec.number;
    call.to_number = "13012340002";
    call.verdict = spec.verdict;
    if (spec.verdict == CallVerdict::kUnsigned) return;
    IdentityRecord& one = call.identities.emplace_back();
    one.frame = call.frame;
    one.ppt = "shaken";
    one.attest = spec.attest;
    one.origid = spec.origid;
    one.signer_number = spec.number;
    one.verdict = spec.verdict;
    one.certificate = facts_of(spec.spc);
    one.token = one.signing = text_key(fmt::format("token {}", n));
    one.iat = call.frame.time.ns / kNsPerSecond;
    one.dest = {{"13012340002", {}}};
    one.set(Check::kSignature, spec.verdict == CallVerdict::kInvalid ? Outcome::kFail : Outcome::kPass);
    one.set(Check::kReplay, Outcome::kPass);
  }
  void add(std::size_t n, const Spec& spec) {
    for (std::size_t i = 0; i < n; ++i) add(spec);
  }

  // What is told of them, worst first.
  std::vector<report::Finding> told(std::string_view rule, const Options& options = {}) {
    report::Collector collector{kRules};
    Findings findings{options, collector};
    check_signers(findings, calls_);
    check_trunks(findings, calls_);
    check_repeats(findings, calls_);
    findings.flush();
    collector.sort();
    std::vector<report::Finding> out;
    for (const report::Finding& one : collector.findings()) {
      if (one.rule->id == rule) out.push_back(one);
    }
    return out;
  }
  std::vector<CallRecord>& records() { return calls_; }

 private:
  const crypto::X509Facts* facts_of(const std::string& spc) {
    if (spc.empty()) return nullptr;
    crypto::X509Facts& facts = facts_.emplace_back();
    std::string codes;  // one after each comma
    for (std::size_t begin = 0; begin <= spc.size();) {
      const std::size_t end = std::min(spc.find(',', begin), spc.size());
      const std::string one = spc.substr(begin, end - begin);
      codes += fmt::format("\xa0{}\x16{}{}", static_cast<char>(one.size() + 2), static_cast<char>(one.size()), one);
      begin = end + 1;
    }
    const std::string der = fmt::format("\x30{}{}", static_cast<char>(codes.size()), codes);
    facts.tn_list = *crypto::TnAuthList::parse(as_bytes(der));
    facts.has_tn_list = true;
    return &facts;
  }
  std::vector<CallRecord> calls_;
  std::list<crypto::X509Facts> facts_;
};

std::string uuid(std::size_t n) { return fmt::format("5a7b1c2e-3f40-4d1e-9a6b-{:012}", n); }
std::string caller(std::size_t n) { return fmt::format("1215555{:04}", n); }

policy::Trunk trunk(const char* name, const char* network) {
  policy::Trunk out;
  out.name = name;
  out.hosts.networks.add(*policy::Network::parse(network));
  return out;
}

TEST_CASE(
    "One origid for the calls of fifty callers says nothing, and for those of forty-nine it may be one customer") {
  for (const std::size_t callers : {50U, 49U}) {
    Calls calls;
    for (std::size_t i = 0; i < 100; ++i) calls.add({.number = caller(i % callers)});
    const auto told = calls.told("STIR-043");
    REQUIRE(told.size() == 1);
    CHECK(told[0].severity == (callers == 50 ? report::Severity::kMedium : report::Severity::kInfo));
  }
}

TEST_CASE("An origid of its own for each call is told, one for two calls is a habit") {
  for (const std::size_t share : {1U, 2U}) {
    Calls calls;
    for (std::size_t i = 0; i < 100; ++i) calls.add({.number = caller(i % 7), .origid = uuid(i / share)});
    const auto told = calls.told("STIR-043");
    REQUIRE(told.size() == 1);
    CHECK(told[0].severity == (share == 1 ? report::Severity::kMedium : report::Severity::kInfo));
  }
}

TEST_CASE("Ninety-nine calls are too few to speak of origids") {
  Calls calls;
  calls.add(99, {});
  CHECK(calls.told("STIR-043").empty());
}

TEST_CASE("A signer whose level never changes over hosts is told, one that gives another level once is not") {
  for (const char* level : {"A", "B", "C"}) {
    Calls calls;
    calls.add(120, {.attest = level});
    calls.add(80, {.attest = level, .from = "192.0.2.1"});
    CHECK(calls.told("STIR-045").size() == 1);
    calls.add({.attest = *level == 'A' ? "B" : "A"});
    CHECK(calls.told("STIR-045").empty());
  }
  Calls one_host;
  one_host.add(250, {});
  CHECK(one_host.told("STIR-045").empty());
}

TEST_CASE("A for a number that is not the trunk's is implausible, so is C for one that is") {
  Options options;
  options.trunks = {trunk("acme", "198.51.100.0/24")};
  options.trunks[0].numbers = {"+1215555"};
  Calls calls;
  calls.add({.number = "12155550110"});
  calls.add({.number = "13012340001", .attest = "B"});
  calls.add({.number = "13012340001", .from = "192.0.2.1"});  // no trunk of ours
  CHECK(calls.told("STIR-045", options).empty());
  calls.add({.number = "13012340001"});
  REQUIRE(calls.told("STIR-045", options).size() == 1);
  CHECK(calls.told("STIR-045", options)[0].message.find("acme") != std::string::npos);
  calls.add({.number = "12155550111", .attest = "C"});
  CHECK(calls.told("STIR-045", options).size() == 2);
}

TEST_CASE("A trunk's calls signed by a code that is not its own are foreign, unless a gateway says so with B or C") {
  Options options;
  options.trunks = {trunk("acme", "198.51.100.0/24")};
  options.trunks[0].spc = {"709J", "1234"};
  Calls calls;
  calls.add({.spc = "709J"});
  calls.add({.spc = "1234"});
  calls.add({.spc = "777A", .attest = "C"});
  calls.add({.spc = "777A", .from = "192.0.2.1"});
  calls.add({.spc = "777A", .verdict = CallVerdict::kInvalid});  // its signature fails: nobody's
  CHECK(calls.told("STIR-033", options).empty());
  calls.add({.spc = "777A"});
  REQUIRE(calls.told("STIR-033", options).size() == 1);
  CHECK(calls.told("STIR-033", options)[0].confidence == report::Confidence::kProbable);
}

TEST_CASE("One code that vouches for three networks is possible abuse, for two it is not told") {
  Calls calls;
  calls.add({});
  calls.add({.from = "192.0.2.1"});
  calls.add({.attest = "B", .from = "203.0.113.77"});
  CHECK(calls.told("STIR-033").empty());
  calls.add({.from = "203.0.113.77"});
  REQUIRE(calls.told("STIR-033").size() == 1);
  CHECK(calls.told("STIR-033")[0].confidence == report::Confidence::kPossible);
  // Two addresses of one trunk are one origin.
  Options options;
  options.trunks = {trunk("acme", "192.0.2.0/24"), trunk("both", "198.51.100.0/24")};
  options.trunks[1].hosts.networks.add(*policy::Network::parse("203.0.113.0/24"));
  CHECK(calls.told("STIR-033", options).empty());
}

TEST_CASE("A certificate with two codes is its trunk's when one of them is, and foreign when none is") {
  for (const bool foreign : {false, true}) {
    Options options;
    options.trunks.push_back(trunk("carrier", "198.51.100.0/24"));
    options.trunks.back().spc = {"1234"};
    Calls calls;
    calls.add({.spc = foreign ? "709J,56AB" : "709J,1234"});
    CHECK(calls.told("STIR-033", options).size() == (foreign ? 1 : 0));
  }
}

TEST_CASE("A number that two providers sign for within a day is told, a day apart it is not") {
  constexpr std::int64_t kDay = 86400;
  const auto told = [](std::int64_t first, std::int64_t again, std::int64_t second) {
    Calls calls;
    calls.add({.spc = "709J", .attest = "B", .at_s = first});
    if (again != 0) calls.add({.spc = "709J", .attest = "B", .at_s = again});
    calls.add({.spc = "1234", .attest = "B", .at_s = second});
    return calls.told("STIR-047").size();
  };
  CHECK(told(0, 0, kDay) == 1);
  CHECK(told(0, 0, kDay + 1) == 0);
  CHECK(told(0, 3 * kDay, 3 * kDay + 60) == 1);  // the first provider still signs for it
}

TEST_CASE("Three providers and A for one number are high, B is medium") {
  for (const char* attest : {"A", "B"}) {
    Calls calls;
    for (const char* spc : {"709J", "1234", "56AB"}) calls.add({.spc = spc, .attest = attest});
    const auto told = calls.told("STIR-047");
    REQUIRE(told.size() == 1);
    CHECK(told[0].severity == (*attest == 'A' ? report::Severity::kHigh : report::Severity::kMedium));
    CHECK(told[0].evidence.size() == 3);
  }
}

TEST_CASE("Several providers for a number of a trunk that lists their codes are agreed, a code more is not") {
  for (const bool agreed : {true, false}) {
    Options options;
    options.trunks.push_back(trunk("enterprise", "192.0.2.0/24"));
    options.trunks.back().numbers = {"+1215555"};
    options.trunks.back().spc = {"709J", agreed ? "1234" : "56AB"};
    Calls calls;
    calls.add({.spc = "709J"});
    calls.add({.spc = "1234"});
    CHECK(calls.told("STIR-047", options).size() == (agreed ? 0 : 1));
  }
}

TEST_CASE("A signer with more C than all else is told as low, with half of them C it is a fact") {
  Calls calls;
  calls.add(25, {});
  calls.add(24, {.attest = "C"});
  CHECK(calls.told("STIR-046").empty());  // 49 calls
  calls.add({.attest = "C"});
  REQUIRE(calls.told("STIR-046").size() == 1);
  CHECK(calls.told("STIR-046")[0].severity == report::Severity::kInfo);
  calls.add({.attest = "C"});
  CHECK(calls.told("STIR-046")[0].severity == report::Severity::kLow);
}

TEST_CASE("A share of A that rises by thirty points over night is told, by twenty-nine it is not") {
  for (const std::size_t next_day : {80U, 79U}) {
    Calls calls;
    calls.add(50, {});
    calls.add(50, {.attest = "B"});
    calls.add(next_day, {.at_s = 86400});
    calls.add(100 - next_day, {.attest = "B", .at_s = 86400});
    const auto told = calls.told("STIR-046");
    REQUIRE(told.size() == 1);
    CHECK(told[0].severity == (next_day == 80 ? report::Severity::kLow : report::Severity::kInfo));
  }
}

TEST_CASE("A trunk with a fifth of its calls unsigned is a fact, with more it is a finding, from circuits never") {
  for (const bool tdm : {false, true}) {
    Options options;
    options.trunks = {trunk("acme", "198.51.100.0/24")};
    options.trunks[0].tdm = tdm;
    Calls calls;
    calls.add(39, {});
    calls.add(10, {.verdict = CallVerdict::kUnsigned});
    CHECK(calls.told("STIR-048", options).empty());  // 49 calls
    calls.add({});
    REQUIRE(calls.told("STIR-048", options).size() == 1);
    CHECK(calls.told("STIR-048", options)[0].severity == report::Severity::kInfo);
    calls.add({.verdict = CallVerdict::kUnsigned, .from = "198.51.100.9"});
    const auto told = calls.told("STIR-048", options);
    REQUIRE(told.size() == 1);
    CHECK(told[0].severity == (tdm ? report::Severity::kInfo : report::Severity::kMedium));
    CHECK(told[0].message.find("trunk acme sent 51 calls") == 0);
    CHECK(calls.told("STIR-001", options).size() == (tdm ? 0 : 2));
  }
}

TEST_CASE("A customer's unsigned calls are a fact, whatever their share") {
  for (const bool customer : {false, true}) {
    Calls calls;
    calls.add(60, {.verdict = CallVerdict::kUnsigned});
    for (CallRecord& call : calls.records()) call.subscriber = customer;
    const auto told = calls.told("STIR-048");
    REQUIRE(told.size() == 1);
    CHECK(told[0].severity == (customer ? report::Severity::kInfo : report::Severity::kMedium));
  }
}

TEST_CASE("More failed calls of a host than verified ones are high, half of them are not") {
  Calls calls;
  calls.add(30, {});
  calls.add(30, {.verdict = CallVerdict::kInvalid});
  CHECK(calls.told("STIR-048").at(0).severity == report::Severity::kInfo);
  calls.add({.verdict = CallVerdict::kInvalid});
  CHECK(calls.told("STIR-048").at(0).severity == report::Severity::kHigh);
}

TEST_CASE("A single unsigned call on a link is information, a second one a finding") {
  Calls calls;
  calls.add({.verdict = CallVerdict::kUnsigned});
  CHECK(calls.told("STIR-001").at(0).severity == report::Severity::kInfo);
  calls.add({.verdict = CallVerdict::kUnsigned});
  CHECK(calls.told("STIR-001").at(0).severity == report::Severity::kMedium);
}

TEST_CASE("Where nobody signs no Identity is missing, unless one of the two numbers is where they do") {
  Calls calls;
  calls.add(2, {.number = "442079460000", .verdict = CallVerdict::kUnsigned});
  CHECK(calls.told("STIR-001").size() == 1);  // to North America
  for (CallRecord& call : calls.records()) call.to_number = "493012345678";
  CHECK(calls.told("STIR-001").empty());
}

TEST_CASE("The leg of a call that is listed already does not count for its signer again") {
  Calls calls;
  calls.add(30, {});
  calls.add(30, {.from = "192.0.2.1"});
  REQUIRE(calls.told("STIR-046").size() == 1);
  for (std::size_t i = 30; i < 60; ++i) calls.records()[i].onward_leg = true;
  CHECK(calls.told("STIR-046").empty());
}

TEST_CASE("The same time, numbers and origid under a fourth call are a signer's oddity, under a third they are not") {
  Calls calls;
  calls.add(3, {});
  for (CallRecord& call : calls.records()) call.src = {*IpAddress::parse("198.51.100.1"), 5060};
  CHECK(calls.told("STIR-042").empty());
  calls.add({.origid = uuid(2)});
  calls.add({.at_s = 1});
  CHECK(calls.told("STIR-042").empty());
  calls.add({});
  CHECK(calls.told("STIR-042").size() == 1);
}

TEST_CASE("A do-not-originate list is read with plus, separators, prefixes, comments and a heading") {
  DoNotOriginate list;
  CHECK(list.add("number,owner\r\n+1 (800) 829-1040,tax office\n18005551234\n888*  # all\n\n2025550123\n# end\n") == 0);
  CHECK(list.size() == 4);
  for (const char* number : {"18008291040", "18005551234", "88812345", "12025550123"}) CHECK(list.contains(number));
  for (const char* number : {"18008291041", "1888123", "2025550123", ""}) CHECK_FALSE(list.contains(number));
  CHECK(list.add("nonsense\nmore nonsense\n+49*1\n") == 2);  // the first may be a heading
}

}  // namespace
}  // namespace voip::analyze::stir
