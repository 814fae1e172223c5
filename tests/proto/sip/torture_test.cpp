#include <catch2/catch.hpp>

#include <filesystem>
#include <initializer_list>
#include <set>
#include <string>

#include "base/text.h"
#include "proto/sip/fields.h"
#include "proto/sip/message.h"
#include "support/files.h"

using namespace voip;
using sip::Anomaly;

namespace {

std::string read_torture(std::string_view name) {
  return test::file_text(test::testdata("sip/torture/" + std::string(name) + ".dat"));
}

struct Row {
  std::string_view name;
  std::string_view method;  // of the request line or CSeq
  unsigned status;          // 0: a request
  std::string_view call_id;
  std::uint32_t cseq;
  std::string_view from_tag;
  std::initializer_list<Anomaly> anomalies;  // exactly these, of inspect()
};

using enum Anomaly;
const Row kRows[] = {
    // Section 3.1.1: valid. What is listed is odd, not wrong.
    {"wsinv", "INVITE", 0, "wsinv.ndaksdj@192.0.2.1", 9, "98asjd8", {kFoldedLine, kBranchWithoutCookie}},
    {"intmeth",
     "!interesting-Method0123456789_*+`.%indeed'~",
     0,
     "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
     139122385,
     "_token~1'+`*%!-.",
     {kNulByte}},
    {"esc01", "INVITE", 0, "esc01.239409asdfakjkn23onasd0-3234", 234234, "938", {kFoldedLine}},
    {"escnull", "REGISTER", 0, "escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd", 14398234, "839923423", {}},
    {"esc02", "RE%47IST%45R", 0, "esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf", 29344, "f232jadfj23", {}},
    {"lwsdisp", "OPTIONS", 0, "lwsdisp.1234abcd@funky.example.com", 60, "323", {}},
    {"longreq",
     "INVITE",
     0,
     "longreq.onereallyreallyreallyreallyreallyreallyreallyreallyreallyreallyreallyreallyreallyreallyreall"
     "yreallyreallyreallyreallyreallylongcallid",
     3882340,
     "1298298298298298298298298298298298298298298298298298298298298298298298298298298298298298298298298298"
     "2982982982982982982982982982982982982982982982982982424",
     {kBranchWithoutCookie}},
    {"dblreq", "REGISTER", 0, "dblreq.0ha0isndaksdj99sdfafnl3lk233412", 8, "43251j3j324", {kContentLengthTooSmall}},
    {"semiuri", "OPTIONS", 0, "semiuri.0ha0isndaksdj", 8, "33242", {kFoldedLine}},
    {"transports", "OPTIONS", 0, "transports.kijh4akdnaqjkwendsasfdj", 60, "323", {}},
    {"mpart01", "MESSAGE", 0, "3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..", 1, "2fb0dcc9", {}},
    {"unreason", "INVITE", 200, "unreason.1234ksdfak3j2erwedfsASdf", 35, "11141343", {}},
    {"noreason", "INVITE", 100, "noreason.asndj203insdf99223ndf", 35, "39ansfi3", {}},
    // Section 3.1.2: invalid.
    {"badinv01",
     "INVITE",
     0,
     "badinv01.0ha0isndaksdjasdf3234nas",
     8,
     "134161461246",
     {kBadVia, kBadNameAddr, kBranchWithoutCookie}},
    {"clerr", "INVITE", 0, "clerr.0ha0isndaksdjweiafasdk3", 8, "93942939o2", {kContentLengthTooLarge}},
    {"ncl", "INVITE", 0, "ncl.0ha0isndaksdj2193423r542w35", 0, "32394234", {kContentLengthNegative}},
    {"scalar02",
     "REGISTER",
     0,
     "scalar02.23o0pd9vanlq3wnrlnewofjas9ui32",
     0xffffffff,
     "239232jh3",
     {kCSeqOutOfRange, kBadMaxForwards, kFoldedLine, kBadExpires}},
    {"scalarlg",
     "OPTIONS",
     503,
     "scalarlg.noase0of0234hn2qofoaf0232aewf2394r",
     0xffffffff,
     "2easdjfejw",
     {kCSeqOutOfRange, kBadExpires, kBadWarning, kMissingTag}},
    {"quotbal", "INVITE", 0, "quotbal.aksdj", 8, "93334", {kUnterminatedQuote}},
    {"ltgtruri", "INVITE", 0, "ltgtruri.1@192.0.2.5", 1, "39291", {kUriWithAngleBrackets, kBranchWithoutCookie}},
    {"lwsruri",
     "INVITE",
     0,
     "lwsruri.asdfasdoeoi2323-asdfwrn23-asd834rk423",
     2130706432,
     "231413434",
     {kUriWithBlanks}},
    {"lwsstart", "INVITE", 0, "lwsstart.dfknq234oi243099adsdfnawe3@example.com", 1893884, "8814", {kStartLineBlanks}},
    {"trws", "OPTIONS", 0, "trws.oicu34958239neffasdhr2345r", 238923, "329429089", {kStartLineBlanks}},
    {"escruri",
     "INVITE",
     0,
     "escruri.23940-asdfhj-aje3br-234q098w-fawerh2q-h4n5",
     149209342,
     "341518",
     {kUriWithHeaders}},
    {"baddate", "INVITE", 0, "baddate.239423mnsadf3j23lj42--sedfnm234", 1392934, "2234923", {kBadDate}},
    {"regbadct", "REGISTER", 0, "regbadct.k345asrl3fdbv@10.0.0.1", 1, "998332", {kBadNameAddr}},
    {"badaspec", "OPTIONS", 0, "badaspec.sdf0234n2nds0a099u23h3hnnw009cdkne3", 3923239, "433423", {kBadNameAddr}},
    {"baddn", "OPTIONS", 0, "baddn.31415@c.example.com", 3923239, "43", {kNoEndOfHeaders, kBadNameAddr}},
    {"badvers", "OPTIONS", 0, "badvers.31417@c.example.com", 1, "qweoiqpe", {kBadVersion}},
    {"mismatch01", "OPTIONS", 0, "mismatch01.dj0234sxdfl3", 8, "34525", {kCSeqMethodMismatch}},
    {"mismatch02", "NEWMETHOD", 0, "mismatch02.dj0234sxdfl3", 8, "34525", {kCSeqMethodMismatch}},
    {"bigcode", "INVITE", 0, "bigcode.asdof3uj203asdnf3429uasdhfas3ehjasdfas9i", 353494, "39ansfi3", {kBadStatusCode}},
    // Section 3.2 and 3.3: transaction and application layer; section 3.4: the old RFC.
    {"badbranch", "OPTIONS", 0, "badbranch.sadonfo23i420jv0as0derf3j3n", 8, "33242", {kEmptyBranch}},
    {"insuf", "INVITE", 0, "", 193942, "", {kMissingFrom, kMissingTo, kMissingCallId, kMissingMaxForwards}},
    {"unkscm", "OPTIONS", 0, "unkscm.nasdfasser0q239nwsdfasdkl34", 3923423, "384", {kUnknownScheme}},
    {"novelsc", "OPTIONS", 0, "novelsc.asdfasser0q239nwsdfasdkl34", 3923423, "384", {kUnknownScheme}},
    {"unksm2", "REGISTER", 0, "unksm2.daksdj@hyphenated-host.example.com", 234902, "3234233", {kUnknownScheme}},
    {"bext01", "OPTIONS", 0, "bext01.0ha0isndaksdj", 8, "242etr", {kUnknownRequire}},
    {"invut", "INVITE", 0, "invut.0ha0isndaksdjadsfij34n23d", 235448, "8392034", {kUnknownContentType}},
    {"regaut01", "REGISTER", 0, "regaut01.0ha0isndaksdj", 9338, "87321hj23128", {kUnsupportedAuthorization}},
    {"multi01", "INVITE", 0, "multi01.98asdh@192.0.2.1", 5, "3413415", {kDuplicateSingleHeader}},
    {"mcl01",
     "OPTIONS",
     0,
     "mcl01.fhn2323orihawfdoa3o4r52o3irsdf",
     15932,
     "3923942",
     {kDuplicateSingleHeader, kContentLengthTooSmall}},
    {"bcast", "INVITE", 200, "bcast.0384840201234ksdfak3j2erwedfsASdf", 35, "11141343", {kBroadcastAddress}},
    {"zeromf", "OPTIONS", 0, "zeromf.jfasdlfnm2o2l43r5u0asdfas", 39234321, "3ghsd41", {}},
    {"cparam01", "REGISTER", 0, "cparam01.70710@saturn.example.com", 2, "DkfVgjkrtMwaerKKpe", {}},
    {"cparam02", "REGISTER", 0, "cparam02.70710@saturn.example.com", 3, "838293", {}},
    {"regescrt", "REGISTER", 0, "regescrt.k345asrl3fdbv@192.0.2.1", 14398234, "8", {}},
    {"sdp01", "INVITE", 0, "sdp01.ndaksdj9342dasdd", 8, "234", {}},
    {"inv2543",
     "INVITE",
     0,
     "inv2543.1717@ift.client.example.com",
     56,
     "",
     {kMissingMaxForwards, kBranchWithoutCookie, kMissingTag}},
    {"extra-no-version",
     "INVITE",
     0,
     "test.0ha0isndaksdj@192.0.2.1",
     0,
     "",
     {kBadStartLine, kMissingVia, kMissingCSeq, kBadHeaderLine, kBadNameAddr, kMissingTag}},
};

std::string names_of(sip::AnomalySet set) {
  std::string text;
  for (unsigned i = 0; i < sip::kAnomalyCount; ++i) {
    if (set.has(static_cast<Anomaly>(i))) text += std::string(sip::to_string(static_cast<Anomaly>(i))) + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("Each torture message is understood, and its fault is named and no other", "[sip]") {
  sip::Parser parser;
  for (const Row& row : kRows) {
    const std::string bytes = read_torture(row.name);
    INFO(row.name);
    const auto message = parser.parse(as_bytes(bytes));
    REQUIRE(message.ok());
    CHECK(message->method_text == row.method);
    CHECK(message->is_request == (row.status == 0 && row.name != "bigcode"));
    CHECK(message->status == row.status);
    CHECK(message->call_id == row.call_id);
    CHECK(message->cseq_number == row.cseq);
    CHECK(sip::tag_of(message->from) == row.from_tag);
    sip::AnomalySet wanted;
    for (const Anomaly anomaly : row.anomalies) wanted.add(anomaly);
    CHECK(names_of(sip::inspect(*message)) == names_of(wanted));
  }
}

TEST_CASE("Every torture file has its row", "[sip]") {
  std::set<std::string> rows;
  for (const Row& row : kRows) rows.emplace(row.name);
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(TESTDATA_DIR) + "/sip/torture")) {
    if (entry.path().extension() == ".dat") files.insert(entry.path().stem().string());
  }
  CHECK(rows == files);
}

TEST_CASE("The short tortuous INVITE gives its values through folds, blanks and odd cases", "[sip]") {
  const std::string bytes = read_torture("wsinv");
  sip::Parser parser;
  const auto message = parser.parse(as_bytes(bytes));
  REQUIRE(message.ok());
  CHECK(message->request_uri == "sip:vivekg@chair-dnrc.example.com;unknownparam");
  CHECK(message->header(sip::HeaderId::kMaxForwards) == "0068");
  CHECK(message->header(sip::HeaderId::kSubject).empty());
  CHECK(message->body.size() == 150);
  CHECK(message->header("unknownheaderwithunusualvalue") == ";;,,;;,;");
  CHECK(sip::unfold(message->header("NewFangledHeader")) == "newfangled value continued newfangled value");
  CHECK(sip::tag_of(message->to) == "1918181833n");

  const auto from = sip::parse_name_addr(message->from);
  REQUIRE(from.ok());
  CHECK(from->display == "J Rosenberg \\\\\\\"");
  CHECK(from->uri == "sip:jdrosen@example.com");

  const auto via = sip::parse_via(message->via);
  REQUIRE(via.ok());
  CHECK(via->transport == "UDP");
  CHECK(via->host == "192.0.2.2");
  CHECK(via->branch == "390skdjuw");

  std::vector<std::string_view> branches;
  for (const sip::Header& field : message->headers) {
    if (field.id != sip::HeaderId::kVia) continue;
    sip::for_each_value(field.value, [&](std::string_view value) {
      const auto each = sip::parse_via(value);
      REQUIRE(each.ok());
      branches.push_back(each->branch);
    });
  }
  CHECK(branches == std::vector<std::string_view>{"390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"});

  const auto contact = sip::parse_name_addr(message->contact);
  REQUIRE(contact.ok());
  CHECK(contact->display == "Quoted string \\\"\\\"");
  CHECK(sip::parameter(contact->params, "NewParam") == "newvalue");
  CHECK(sip::parameter(contact->params, "secondparam") == "");
  CHECK(sip::parameter(contact->params, "q") == "0.33");
  CHECK_FALSE(sip::parameter(contact->params, "third"));
}

TEST_CASE("A URI's user may hold semicolons, question marks and an escaped address", "[sip]") {
  sip::Parser parser;
  const std::string semicolon = read_torture("semiuri");
  const auto message = parser.parse(as_bytes(semicolon));
  REQUIRE(message.ok());
  const auto uri = sip::parse_uri(message->request_uri);
  REQUIRE(uri.ok());
  CHECK(uri->user == "user;par=u%40example.net");
  CHECK(uri->host == "example.com");
  CHECK(uri->params.empty());

  const std::string wide = read_torture("intmeth");
  const auto odd = parser.parse(as_bytes(wide));
  REQUIRE(odd.ok());
  const auto odd_uri = sip::parse_uri(odd->request_uri);
  REQUIRE(odd_uri.ok());
  CHECK(odd_uri->user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
  CHECK(odd_uri->password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
  CHECK(odd_uri->host == "example.com");
}

TEST_CASE("The multipart MESSAGE has its text and its PKCS part", "[sip]") {
  const std::string bytes = read_torture("mpart01");
  sip::Parser parser;
  const auto message = parser.parse(as_bytes(bytes));
  REQUIRE(message.ok());
  const auto text = sip::find_body(message->content_type, message->body, "text/plain");
  REQUIRE(text);
  CHECK(text->content == "Hello");
  const auto binary = sip::find_body(message->content_type, message->body, "application/octet-stream");
  REQUIRE(binary);
  CHECK(binary->content.size() > 60);
  CHECK_FALSE(sip::find_body(message->content_type, message->body, "application/sdp"));
}
