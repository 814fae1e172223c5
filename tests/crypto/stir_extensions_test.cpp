#include "crypto/stir_extensions.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "base/codec.h"

using namespace voip;
using crypto::ClaimConstraints;
using crypto::TnAuthList;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes tlv(std::uint8_t tag, const Bytes& body) {
  Bytes all{tag};
  if (body.size() >= 0x80) {
    all.push_back(0x82);
    all.push_back(static_cast<std::uint8_t>(body.size() >> 8));
  }
  all.push_back(static_cast<std::uint8_t>(body.size()));
  all.insert(all.end(), body.begin(), body.end());
  return all;
}
Bytes text(std::uint8_t tag, std::string_view value) { return tlv(tag, Bytes(value.begin(), value.end())); }
Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
Bytes spc(std::string_view code) { return tlv(0xa0, text(0x16, code)); }
Bytes one(std::string_view number) { return tlv(0xa2, text(0x16, number)); }
Bytes range(std::string_view start, const Bytes& count, const Bytes& more = {}) {
  return tlv(0xa1, tlv(0x30, text(0x16, start) + tlv(2, count) + more));
}
Bytes list(const Bytes& entries) { return tlv(0x30, entries); }
bool good(const Bytes& der) { return TnAuthList::parse(der).ok(); }
std::string field(const Bytes& der) {
  const auto parsed = TnAuthList::parse(der);
  return parsed.ok() ? "" : parsed.error().field;
}

}  // namespace

TEST_CASE("a TNAuthList as providers' certificates have it is read", "[tnauthlist]") {
  // From a certificate in use: one service provider code.
  const auto parsed = TnAuthList::parse(*decode_hex("3008a006160437303941"));
  REQUIRE(parsed.ok());
  CHECK(parsed->spcs() == std::vector<std::string>{"709A"});
  CHECK(parsed->has_spc());
  CHECK_FALSE(parsed->has_numbers());
  CHECK_FALSE(parsed->names("12155550100"));
}

TEST_CASE("a range names its count of numbers of its own length", "[tnauthlist]") {
  const auto parsed =
      TnAuthList::parse(list(range("1215555", {0x02}) + range("00", {0x64}) + one("*67#") + one("911")));
  REQUIRE(parsed.ok());
  CHECK(parsed->names("1215555"));
  CHECK(parsed->names("1215556"));
  CHECK_FALSE(parsed->names("1215557"));
  CHECK_FALSE(parsed->names("01215555"));
  CHECK(parsed->names("99"));
  CHECK_FALSE(parsed->names("099"));
  CHECK_FALSE(parsed->names("100"));
  CHECK(parsed->names("*67#"));
  CHECK_FALSE(parsed->names("*67"));
  CHECK(parsed->names("911"));
  CHECK_FALSE(parsed->names(""));
  CHECK_FALSE(parsed->names("+911"));
  CHECK_FALSE(parsed->names("9111111111111111111111"));
  REQUIRE(parsed->entries().size() == 4);
  CHECK(to_string(parsed->entries()[0]) == "1215555+2");
}

TEST_CASE("what is not strict DER or outside of the RFC's sizes is malformed", "[tnauthlist]") {
  CHECK(good(list(spc("1234"))));
  CHECK(field(list({})) == "tnauthlist.entries");
  CHECK_FALSE(good({}));
  CHECK_FALSE(good(list(spc("1234")) + Bytes{0}));
  CHECK_FALSE(good(list(spc(""))));
  CHECK_FALSE(good(list(spc("12\n4"))));
  CHECK_FALSE(good(list(tlv(0x80, {'1', '2'}))));                        // IMPLICIT
  CHECK_FALSE(good(list(tlv(0xa0, text(0x0c, "1234")))));                // UTF8String
  CHECK_FALSE(good(list(tlv(0xa0, text(0x16, "1234") + Bytes{5, 0}))));  // more than one element
  CHECK_FALSE(good(list(tlv(0xa3, text(0x16, "1234")))));
  CHECK_FALSE(good(list(one("+12155550100"))));
  CHECK_FALSE(good(list(one("1234567890123456"))));
  CHECK(good(list(one("123456789012345"))));
  CHECK_FALSE(good(list(one("1215555x"))));
  // Lengths: not the shortest form, indefinite, longer than what is there.
  CHECK_FALSE(good({0x30, 0x81, 0x08, 0xa0, 0x06, 0x16, 0x04, '7', '0', '9', 'A'}));
  CHECK_FALSE(good({0x30, 0x80, 0xa0, 0x06, 0x16, 0x04, '7', '0', '9', 'A', 0, 0}));
  CHECK_FALSE(good({0x30, 0x09, 0xa0, 0x06, 0x16, 0x04, '7', '0', '9', 'A'}));
}

TEST_CASE("a range's count is a positive number that stays within the digits", "[tnauthlist]") {
  CHECK(good(list(range("990", {10}))));
  CHECK(field(list(range("990", {11}))) == "tnauthlist.range.count");
  CHECK_FALSE(good(list(range("990", {1}))));
  CHECK_FALSE(good(list(range("990", {0}))));
  CHECK_FALSE(good(list(range("990", {0xff}))));        // -1
  CHECK_FALSE(good(list(range("990", {0x00, 0x02}))));  // not the shortest form
  CHECK_FALSE(good(list(range("990", {}))));
  CHECK_FALSE(good(list(range("1", {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}))));
  CHECK_FALSE(good(list(range("1", {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}))));
  CHECK(good(list(range("12155550100", {0x00, 0xc8}))));
  CHECK(good(list(range("12155550100", {100}, {0x05, 0x00}))));  // room for later fields
  CHECK_FALSE(good(list(range("*67", {2}))));
}

TEST_CASE("no prefix of a TNAuthList is one", "[tnauthlist]") {
  const Bytes whole = list(spc("1234") + range("12155550100", {100}) + one("12155559999"));
  REQUIRE(good(whole));
  for (std::size_t n = 0; n < whole.size(); ++n)
    CHECK_FALSE(good(Bytes(whole.begin(), whole.begin() + static_cast<long>(n))));
}

TEST_CASE("a list encompasses what lies in it, over the seams of its ranges", "[tnauthlist]") {
  const auto make = [](const Bytes& entries) { return *TnAuthList::parse(list(entries)); };
  const TnAuthList parent = make(range("200", {50}) + range("100", {100}) + one("250") + one("*1"));
  CHECK(parent.encompasses(parent));
  CHECK(parent.encompasses(make(range("150", {101}))));
  CHECK_FALSE(parent.encompasses(make(range("150", {102}))));
  CHECK_FALSE(parent.encompasses(make(one("099"))));
  CHECK_FALSE(parent.encompasses(make(one("0100"))));
  CHECK(parent.encompasses(make(one("*1"))));
  CHECK_FALSE(parent.encompasses(make(one("*2"))));
  CHECK_FALSE(parent.encompasses(make(one("100") + spc("1234"))));
  const TnAuthList provider = make(spc("1234") + spc("5678"));
  CHECK(provider.encompasses(make(spc("5678"))));
  CHECK(provider.encompasses(make(one("999"))));
  CHECK_FALSE(provider.encompasses(make(spc("5679"))));
}

TEST_CASE("claim constraints are read by their RFCs, tags explicit and in order", "[constraints]") {
  const Bytes include = tlv(0xa0, tlv(0x30, text(0x16, "attest")));
  const Bytes permitted =
      tlv(0xa1, tlv(0x30, tlv(0x30, text(0x16, "attest") + tlv(0x30, text(0x0c, "B") + text(0x0c, "A")))));
  const Bytes exclude = tlv(0xa2, tlv(0x30, text(0x16, "rcd")));
  const auto parsed = ClaimConstraints::parse(tlv(0x30, include + permitted + exclude), true);
  REQUIRE(parsed.ok());
  CHECK(parsed->must_include == std::vector<std::string>{"attest"});
  REQUIRE(parsed->permitted.size() == 1);
  CHECK(parsed->permitted[0].values == std::vector<std::string>{"A", "B"});
  CHECK(parsed->must_exclude == std::vector<std::string>{"rcd"});

  const auto reads = [](const Bytes& body, bool enhanced) {
    return ClaimConstraints::parse(tlv(0x30, body), enhanced).ok();
  };
  CHECK(reads(include + permitted, false));
  CHECK_FALSE(reads(include + permitted + exclude, false));  // RFC 8226 has no mustExclude
  CHECK_FALSE(reads({}, false));
  CHECK_FALSE(reads({}, true));
  CHECK(reads(exclude, true));
  CHECK_FALSE(reads(permitted + include, true));
  CHECK_FALSE(reads(include + include, true));
  CHECK_FALSE(reads(tlv(0xa0, tlv(0x30, {})), true));
  CHECK_FALSE(reads(tlv(0xa0, text(0x16, "attest")), true));
  CHECK_FALSE(reads(tlv(0xa1, tlv(0x30, tlv(0x30, text(0x16, "attest") + tlv(0x30, {})))), true));
  CHECK_FALSE(reads(tlv(0xa1, tlv(0x30, tlv(0x30, text(0x16, "a") + tlv(0x30, text(0x0c, "\xc0\xaf"))))), true));
  CHECK_FALSE(reads(tlv(0xa1, tlv(0x30, tlv(0x30, text(0x16, "a") + tlv(0x30, text(0x0c, "\xed\xa0\x80"))))), true));
  CHECK(reads(tlv(0xa1, tlv(0x30, tlv(0x30, text(0x16, "a") + tlv(0x30, text(0x0c, "\xc3\xa9\xf0\x9f\x93\x9e"))))),
              true));
  const Bytes whole = tlv(0x30, include + permitted + exclude);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CHECK_FALSE(ClaimConstraints::parse(first_bytes(whole, n), true).ok());
  }
}
