#include "proto/passport/passport.h"

#include <catch2/catch.hpp>

#include <string>

#include "proto/passport/identity.h"
#include "proto/passport/number.h"

namespace voip::passport {
namespace {

// RFC 8225 appendix A.1: the header and the payload in canonical form.
constexpr const char* kHeader =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9";
constexpr const char* kPayload =
    "eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn"
    "19";

std::string encoded(const std::string& text) { return encode_base64url(as_bytes(text)); }
std::string token(const std::string& header, const std::string& payload, const std::string& signature = "AAAA") {
  return encoded(header) + "." + encoded(payload) + "." + signature;
}
std::string token_of(const std::string& payload) {
  return token(R"({"alg":"ES256","typ":"passport","x5u":"https://a.example/a.cer"})", payload);
}

bool has(const Passport& passport, TokenDefect defect) {
  for (const TokenProblem& problem : passport.problems) {
    if (problem.defect == defect) return true;
  }
  return false;
}

TEST_CASE("The example of RFC 8225 is read whole and is in canonical form") {
  const std::string text = std::string(kHeader) + "." + kPayload + ".AAAA";
  const Passport passport = parse_passport(text);
  CHECK(passport.form == Form::kFull);
  CHECK(passport.problems.empty());
  CHECK(passport.signing_input == std::string(kHeader) + "." + kPayload);
  const Claims claims = read_claims(passport);
  CHECK(claims.typ == "passport");
  CHECK(claims.alg == "ES256");
  CHECK(claims.x5u == "https://cert.example.org/passport.cer");
  CHECK(claims.iat == 1471375418);
  CHECK(claims.orig.tn == "12155551212");
  REQUIRE(claims.dest.size() == 1);
  CHECK(claims.dest[0].uri == "sip:alice@example.com");
  CHECK(claim_problems(passport, claims, "").empty());
}

TEST_CASE("A byte order mark and bytes behind a NUL are no JSON, and what they hide is not read") {
  for (const std::string& payload : {std::string("\xef\xbb\xbf{\"iat\":1}"),
                                     std::string("{\"iat\":1}\0{\"iat\":2}", 19), std::string("{\"iat\":1}\0", 10)}) {
    const Passport passport = parse_passport(token_of(payload));
    CHECK(has(passport, TokenDefect::kNotJson));
    CHECK_FALSE(read_claims(passport).iat.has_value());
  }
}

TEST_CASE("Whoever does not know what crit demands refuses the token, and ppt is known") {
  const auto defect = [](const std::string& crit) {
    const std::string text = token(
        R"({"alg":"ES256",)" + crit + R"("ppt":"shaken","typ":"passport","x5u":"https://a.example/a.cer"})", "{}");
    return has(parse_passport(text), TokenDefect::kCritical);
  };
  for (const char* bad : {R"("b64":false,"crit":["b64"],)", R"("crit":["exp"],)", R"("crit":[],)", R"("crit":"ppt",)",
                          R"("crit":["ppt","x"],)", R"("crit":[1],)"}) {
    INFO(bad);
    CHECK(defect(bad));
  }
  CHECK_FALSE(defect(R"("crit":["ppt"],)"));
  CHECK_FALSE(defect(""));
}

TEST_CASE("The compact form is made again as RFC 8225 writes it") {
  Rebuilt parts;
  parts.x5u = "https://cert.example.org/passport.cer";
  parts.iat = 1471375418;
  parts.orig.tn = "12155551212";
  parts.dest.uri = "sip:alice@example.com";
  CHECK(rebuild(parts).text == std::string(kHeader) + "." + kPayload);
  parts.media_keys = {{"sha-256", "02AB"}, {"sha-256", "4AAD"}};
  CHECK(rebuild(parts).payload ==
        R"({"dest":{"uri":["sip:alice@example.com"]},"iat":1471375418,)"
        R"("mky":[{"alg":"sha-256","dig":"02AB"},{"alg":"sha-256","dig":"4AAD"}],"orig":{"tn":"12155551212"}})");
}

TEST_CASE("The shaken example of RFC 8588 has all claims that its type demands") {
  const std::string payload =
      R"({"attest":"A","dest":{"tn":["12155550131"]},"iat":1443208345,"orig":{"tn":"12155550121"},)"
      R"("origid":"123e4567-e89b-12d3-a456-426655440000"})";
  const std::string text = token(
      R"({"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cert.example.org/passport.cer"})", payload);
  const Passport passport = parse_passport(text);
  const Claims claims = read_claims(passport);
  CHECK(passport.problems.empty());
  CHECK(claim_problems(passport, claims, "shaken").empty());
  CHECK(claims.attest == "A");
  CHECK(claims.origid == "123e4567-e89b-12d3-a456-426655440000");
}

TEST_CASE(
    "Claims as the RFCs of the extensions write them are whole, and without what makes the extension they are not") {
  struct Example {
    const char* ppt;
    const char* claims;
    const char* without;
  };
  for (
      const Example& one :
      {// RFC 8443 section 3
       Example{
           "rph",
           R"({"dest":{"uri":["sip:12125551213@example.com"]},"iat":1443208345,"orig":{"tn":"12155551212"},"rph":{"auth":["ets.0","wps.0"]}})",
           R"({"dest":{"uri":["sip:12125551213@example.com"]},"iat":1443208345,"orig":{"tn":"12155551212"},"rph":{}})"},
       // RFC 8946 sections 3 and 5
       Example{
           "div",
           R"({"dest":{"tn":["12155551214"]},"div":{"tn":"121555551213"},"iat":1443208345,"orig":{"tn":"12155551212"}})",
           R"({"dest":{"tn":["12155551214"]},"iat":1443208345,"orig":{"tn":"12155551212"}})"},
       Example{
           "div-o",
           R"({"dest":{"tn":["12155551214"]},"div":{"tn":"121555551213"},"iat":1443208345,"opt":"a.b.c","orig":{"tn":"12155551212"}})",
           R"({"dest":{"tn":["12155551214"]},"div":{"tn":"121555551213"},"iat":1443208345,"orig":{"tn":"12155551212"}})"},
       // RFC 9795 sections 5 and 10
       Example{
           "rcd",
           R"({"crn":"Rendezvous for Little Nellie","dest":{"tn":["12155551001"]},"iat":1443208345,"orig":{"tn":"12025551000"},"rcd":{"nam":"Q Branch Spy Gadgets"}})",
           R"({"dest":{"tn":["12155551001"]},"iat":1443208345,"orig":{"tn":"12025551000"},"rcd":{"jcl":"https://example.com/qbranch.json"}})"}}) {
    INFO(one.ppt);
    const std::string header = std::string(R"({"alg":"ES256","ppt":")") + one.ppt +
                               R"(","typ":"passport","x5u":"https://cert.example.org/passport.cer"})";
    for (const bool whole : {true, false}) {
      const std::string text = token(header, whole ? one.claims : one.without);
      const Passport passport = parse_passport(text);
      CHECK(passport.problems.empty());
      CHECK(claim_problems(passport, read_claims(passport), one.ppt).empty() == whole);
    }
  }
}

TEST_CASE("No prefix of a token is a well-formed one") {
  const std::string whole = std::string(kHeader) + "." + kPayload + ".AAAA";
  for (std::size_t n = 0; n + 3 < whole.size(); ++n) {
    const Passport passport = parse_passport(std::string_view(whole).substr(0, n));
    INFO(n);
    CHECK(passport.malformed());
  }
}

TEST_CASE("What is not base64url without padding is malformed, and read all the same") {
  const std::string padded = encoded(R"({"a":1})") + "==." + kPayload + ".AAAA";
  CHECK(has(parse_passport(padded), TokenDefect::kNotBase64Url));
  CHECK(parse_passport(padded).header.is_object());
  const std::string plus = std::string(kHeader) + "." + kPayload + ".AA+/";
  CHECK(has(parse_passport(plus), TokenDefect::kNotBase64Url));
  CHECK(parse_passport(plus).signature.size() == 3);
  // The last character's left-over bits must be zero.
  CHECK(has(parse_passport(std::string(kHeader) + "." + kPayload + ".AB"), TokenDefect::kNotBase64Url));
  CHECK(has(parse_passport(std::string(kHeader) + "." + kPayload + ".A*"), TokenDefect::kUndecodable));
}

TEST_CASE("A key that stands twice is malformed, at any depth, and the first counts") {
  const std::string text = token_of(R"({"orig":{"tn":"1","tn":"2"}})");
  const Passport passport = parse_passport(text);
  CHECK(has(passport, TokenDefect::kDuplicateKey));
  CHECK(read_claims(passport).orig.tn == "1");
  CHECK_FALSE(has(parse_passport(token_of(R"({"a":{"tn":"1"},"b":{"tn":"2"}})")), TokenDefect::kDuplicateKey));
}

TEST_CASE("Blanks, order and needless escapes are told but not malformed") {
  for (const char* payload : {R"({ "a":1})", R"({"b":1,"a":2})", R"({"a":"\/"})"}) {
    const Passport passport = parse_passport(token_of(payload));
    INFO(payload);
    CHECK(has(passport, TokenDefect::kNotCanonical));
    CHECK_FALSE(passport.malformed());
  }
  CHECK(parse_passport(token_of(R"({"a":"x","b":[1,true,null]})")).problems.empty());
}

TEST_CASE("JSON that is nested too deep or has too many values is refused") {
  CHECK_FALSE(parse_json(std::string(40, '[') + std::string(40, ']')).ok);
  std::string many = "[0";
  for (int i = 0; i < 5000; ++i) many += ",0";
  CHECK_FALSE(parse_json(many + "]").ok);
  CHECK_FALSE(parse_json("{\"a\":\"\xff\"}").ok);
  CHECK_FALSE(parse_json("{} {}").ok);
  CHECK(parse_json("{\"a\":[[[1]]]}").ok);
}

TEST_CASE("typ in another case is told, another typ or none is malformed") {
  const auto with = [](const std::string& header) { return parse_passport(token(header, "{}")); };
  CHECK(has(with(R"({"typ":"PASSporT"})"), TokenDefect::kTypCase));
  CHECK_FALSE(with(R"({"typ":"PASSporT"})").malformed());
  CHECK(has(with(R"({"typ":"JWT"})"), TokenDefect::kWrongTyp));
  CHECK(has(with(R"({"alg":"ES256"})"), TokenDefect::kNoTyp));
}

TEST_CASE("Claims of the wrong type are told by name") {
  const auto problems = [](const std::string& payload, std::string_view ppt) {
    const std::string text = token_of(payload);
    const Passport passport = parse_passport(text);
    const Claims claims = read_claims(passport);
    std::string out;
    for (const std::string& one : claim_problems(passport, claims, ppt)) out += one + ";";
    return out;
  };
  CHECK(problems(R"({"dest":{"tn":["1"]},"iat":1,"orig":{"tn":"1"}})", "").empty());
  CHECK(problems(R"({"dest":{"tn":"1"},"iat":1,"orig":{"tn":"1"}})", "") == "dest is not a list of tn or uri;");
  CHECK(problems(R"({"dest":{"tn":[]},"iat":1,"orig":{"tn":"1"}})", "") == "dest is not a list of tn or uri;");
  CHECK(problems(R"({"dest":{"tn":["1"]},"iat":"1","orig":{"tn":"1"}})", "") == "iat is not a number;");
  CHECK(problems(R"({"dest":{"tn":["1"]},"iat":1,"orig":{"tn":"1","uri":"sip:a@b"}})", "") ==
        "orig is not one tn or one uri;");
  CHECK(problems(R"({"dest":{"tn":["1"]},"iat":1,"orig":{"tn":["1"]}})", "") == "orig is not one tn or one uri;");
  CHECK(problems(R"({"dest":{"tn":["1"]},"iat":1,"orig":{"tn":"1"}})", "shaken") ==
        "attest is missing;origid is missing;");
  CHECK(problems(R"({"dest":{"tn":["1"]},"iat":1,"orig":{"tn":"1"}})", "div") == "div is missing;");
  CHECK(problems(R"({"dest":{"tn":["1"]},"iat":1,"orig":{"tn":"1"},"rcd":{}})", "rcd") ==
        "rcd is not an object with nam;");
}

TEST_CASE("An Identity value is parted from its parameters, in any order and with blanks") {
  const auto values =
      parse_identity("a.b.c ; ppt=\"shaken\" ; alg = ES256;info=<https://x.example/a;b,c?d>;more=\"x;,y\"");
  REQUIRE(values.size() == 1);
  CHECK(values[0].defects.empty());
  CHECK(values[0].token == "a.b.c");
  CHECK(values[0].ppt == "shaken");
  CHECK(values[0].alg == "ES256");
  CHECK(values[0].info == "https://x.example/a;b,c?d");
}

TEST_CASE("A list joined by commas gives each value its own parameters") {
  const auto values = parse_identity("a.b.c;info=<https://x/1>, d.e.f;info=<https://x/2,3>;ppt=div,");
  REQUIRE(values.size() == 2);
  CHECK(values[0].info == "https://x/1");
  CHECK_FALSE(values[0].ppt.has_value());
  CHECK(values[1].token == "d.e.f");
  CHECK(values[1].info == "https://x/2,3");
}

TEST_CASE("A header field that is malformed says how") {
  const auto first = [](std::string_view text) {
    const auto values = parse_identity(text);
    REQUIRE(values.size() == 1);
    REQUIRE_FALSE(values[0].defects.empty());
    return values[0].defects[0];
  };
  CHECK(first("") == FieldDefect::kNoToken);
  CHECK(first("a.b .c;info=<x>") == FieldDefect::kBlankInToken);
  CHECK(first("\"abc=\";info=<x>") == FieldDefect::kQuotedToken);
  CHECK(first("a.b.c;info=https://x") == FieldDefect::kInfoWithoutBrackets);
  CHECK(first("a.b.c;info=<https://x") == FieldDefect::kInfoUnterminated);
  CHECK(first("a.b.c;info=<x>;info=<y>") == FieldDefect::kRepeatedParameter);
  CHECK(first("a.b.c;info") == FieldDefect::kBadParameter);
}

TEST_CASE("Numbers are brought to the form that PASSporTs have") {
  CHECK(canonical_number("+1 (215) 555-0110", "1") == "12155550110");
  CHECK(canonical_number("215.555.0110", "1") == "12155550110");
  CHECK(canonical_number("12155550110", "1") == "12155550110");
  CHECK(canonical_number("01144207946000", "1") == "44207946000");
  CHECK(canonical_number("+44 20 7946 0000", "1") == "442079460000");
  CHECK(canonical_number("020 7946 0000", "44") == "442079460000");
  CHECK(canonical_number("442079460000", "44") == "442079460000");
  CHECK(canonical_number("0033 1 23 45 67 89", "44") == "33123456789");
  CHECK(canonical_number("06 1234 5678", "39") == "390612345678");
  CHECK(canonical_number("2155550110", "44", "+1") == "12155550110");
  CHECK(canonical_number("911", "1") == "911");
  CHECK(canonical_number("*67", "1") == "*67");
  CHECK(canonical_number("alice", "1").empty());
  CHECK(canonical_number("+1800FLOWERS", "1").empty());
  CHECK(canonical_number("", "1").empty());
}

TEST_CASE("Media keys are compared without colons and case, as a set") {
  const auto keys = [](const char* text) { return read_media_keys(parse_json(text).value); };
  const auto a = keys(R"([{"alg":"sha-256","dig":"4a:aD"},{"alg":"SHA-256","dig":"02AB"}])");
  REQUIRE(a.has_value());
  CHECK(*a ==
        *keys(R"([{"alg":"sha-256","dig":"02AB"},{"alg":"sha-256","dig":"4AAD"},{"alg":"sha-256","dig":"02ab"}])"));
  CHECK_FALSE(keys("[]").has_value());
  CHECK_FALSE(keys(R"([{"alg":"sha-256"}])").has_value());
  CHECK_FALSE(keys(R"({"alg":"sha-256","dig":"02AB"})").has_value());
}

}  // namespace
}  // namespace voip::passport
