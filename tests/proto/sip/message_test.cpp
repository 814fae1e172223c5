#include "proto/sip/message.h"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>

#include "base/text.h"

using namespace voip;
using sip::Anomaly;
using sip::HeaderId;
using sip::Looks;
using sip::Method;

namespace {

// RFC 3261 section 24.2, F1.
const std::string kInvite =
    "INVITE sip:bob@biloxi.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8\r\n"
    "Max-Forwards: 70\r\n"
    "To: Bob <sip:bob@biloxi.com>\r\n"
    "From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
    "Call-ID: a84b4c76e66710\r\n"
    "CSeq: 314159 INVITE\r\n"
    "Contact: <sip:alice@pc33.atlanta.com>\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: 5\r\n"
    "\r\n"
    "v=0\r\n";

// F9's shape: several Vias, a Server.
const std::string kAnswer =
    "SIP/2.0 200 OK\r\n"
    "Via: SIP/2.0/UDP server10.biloxi.com;branch=z9hG4bK4b43c2ff8.1;received=192.0.2.3\r\n"
    "Via: SIP/2.0/UDP bigbox3.site3.atlanta.com;branch=z9hG4bK77ef4c2312983.1;received=192.0.2.2\r\n"
    "To: Bob <sip:bob@biloxi.com>;tag=a6c85cf\r\n"
    "From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
    "Call-ID: a84b4c76e66710\r\n"
    "CSeq: 314159 INVITE\r\n"
    "Contact: <sip:bob@192.0.2.4>\r\n"
    "Server: Box/1\r\n"
    "Content-Length: 0\r\n"
    "\r\n";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

sip::AnomalySet anomalies_of(const std::string& text, bool datagram = true, bool cut = false) {
  sip::Parser parser;
  const auto message = parser.parse(as_bytes(text), datagram, cut);
  REQUIRE(message.ok());
  return message->anomalies;
}

}  // namespace

TEST_CASE("An ordinary request has all its fields and nothing odd", "[sip]") {
  sip::Parser parser;
  const auto message = parser.parse(as_bytes(kInvite));
  REQUIRE(message.ok());
  CHECK(message->is_request);
  CHECK(message->method == Method::kInvite);
  CHECK(message->method_text == "INVITE");
  CHECK(message->request_uri == "sip:bob@biloxi.com");
  CHECK(message->headers.size() == 9);
  CHECK(message->headers[1].name == "Max-Forwards");
  CHECK(message->via == "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8");
  CHECK(message->from == "Alice <sip:alice@atlanta.com>;tag=1928301774");
  CHECK(message->to == "Bob <sip:bob@biloxi.com>");
  CHECK(message->call_id == "a84b4c76e66710");
  CHECK(message->cseq_number == 314159);
  CHECK(message->cseq_method == Method::kInvite);
  CHECK(message->contact == "<sip:alice@pc33.atlanta.com>");
  CHECK(message->content_type == "application/sdp");
  CHECK(message->body == "v=0\r\n");
  CHECK(message->content_length == 5);
  CHECK_FALSE(message->body_truncated);
  CHECK(message->anomalies.empty());
  CHECK(sip::inspect(*message).empty());
}

TEST_CASE("A response takes its method from CSeq", "[sip]") {
  sip::Parser parser;
  const auto message = parser.parse(as_bytes(kAnswer));
  REQUIRE(message.ok());
  CHECK_FALSE(message->is_request);
  CHECK(message->status == 200);
  CHECK(message->reason == "OK");
  CHECK(message->method == Method::kInvite);
  CHECK(message->method_text == "INVITE");
  CHECK(message->user_agent == "Box/1");
  CHECK(message->via.find("server10") != std::string_view::npos);
  CHECK(message->anomalies.empty());
}

TEST_CASE("Header names are known in any case, long and compact", "[sip]") {
  CHECK(sip::header_id("Call-ID") == HeaderId::kCallId);
  CHECK(sip::header_id("CALL-ID") == HeaderId::kCallId);
  CHECK(sip::header_id("i") == HeaderId::kCallId);
  CHECK(sip::header_id("I") == HeaderId::kCallId);
  CHECK(sip::header_id("V") == HeaderId::kVia);
  CHECK(sip::header_id("x") == HeaderId::kSessionExpires);
  CHECK(sip::header_id("p-asserted-identity") == HeaderId::kPAssertedIdentity);
  CHECK(sip::header_id("Content-Lengt") == HeaderId::kOther);
  CHECK(sip::header_id("Call\x0dID") == HeaderId::kOther);  // 0x0d | 0x20 is a hyphen
  CHECK(sip::header_id("z") == HeaderId::kOther);
  CHECK(sip::header_id("") == HeaderId::kOther);
}

TEST_CASE("Methods are told case-sensitively", "[sip]") {
  CHECK(sip::method_of("INVITE") == Method::kInvite);
  CHECK(sip::method_of("invite") == Method::kOther);
  CHECK(sip::method_of("INVITEX") == Method::kOther);
  CHECK(sip::to_string(Method::kPublish) == "PUBLISH");
  CHECK(sip::to_string(Method::kOther) == "?");
  CHECK(anomalies_of(replaced(replaced(kInvite, "INVITE", "invite"), "314159 INVITE", "314159 invite"))
            .has(Anomaly::kBadMethodCase));
}

TEST_CASE("Compact forms are the same message", "[sip]") {
  std::string text = kInvite;
  text = replaced(text, "Via:", "v:");
  text = replaced(text, "To:", "t:");
  text = replaced(text, "From:", "f:");
  text = replaced(text, "Call-ID:", "i:");
  text = replaced(text, "Contact:", "m:");
  text = replaced(text, "Content-Type:", "c:");
  text = replaced(text, "Content-Length:", "l:");
  sip::Parser parser;
  const auto message = parser.parse(as_bytes(text));
  REQUIRE(message.ok());
  CHECK(message->call_id == "a84b4c76e66710");
  CHECK(message->contact == "<sip:alice@pc33.atlanta.com>");
  CHECK(message->body == "v=0\r\n");
  CHECK(message->anomalies.empty());
}

TEST_CASE("Each cheap oddity is named, and the message is understood all the same", "[sip]") {
  struct {
    std::string_view from, to;
    Anomaly anomaly;
  } const cases[] = {
      {"Max-Forwards: 70\r\n", "", Anomaly::kMissingMaxForwards},
      {"CSeq: 314159 INVITE\r\n", "", Anomaly::kMissingCSeq},
      {"CSeq: 314159 INVITE", "CSeq: x INVITE", Anomaly::kBadCSeq},
      {"CSeq: 314159 INVITE", "CSeq: 314159INVITE", Anomaly::kBadCSeq},
      {"CSeq: 314159 INVITE", "CSeq: 2147483648 INVITE", Anomaly::kCSeqOutOfRange},
      {"CSeq: 314159 INVITE", "CSeq: 314159 ACK", Anomaly::kCSeqMethodMismatch},
      {"Max-Forwards: 70", "Max-Forwards: 256", Anomaly::kBadMaxForwards},
      {"Max-Forwards: 70", "Max-Forwards: seventy", Anomaly::kBadMaxForwards},
      {"Max-Forwards: 70", "Max-Forwards 70", Anomaly::kBadHeaderLine},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nBad Name: 1", Anomaly::kBadHeaderName},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\n: 1", Anomaly::kEmptyHeaderName},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nMax-Forwards: 70", Anomaly::kDuplicateSingleHeader},
      {"Max-Forwards: 70\r\n", "Max-Forwards: 70\n", Anomaly::kBareLf},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nX: a\rb", Anomaly::kBareCr},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nX: \xff\xfe", Anomaly::kNonUtf8},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nX: \xc0\x80", Anomaly::kNonUtf8},
      {"Max-Forwards: 70", "Max-Forwards:\r\n 70", Anomaly::kFoldedLine},
      {"Content-Length: 5", "Content-Length: 6", Anomaly::kContentLengthTooLarge},
      {"Content-Length: 5", "Content-Length: 1", Anomaly::kContentLengthTooSmall},
      {"Content-Length: 5", "Content-Length: -5", Anomaly::kContentLengthNegative},
      {"Content-Length: 5", "Content-Length: 5 bytes", Anomaly::kBadContentLength},
      {"Content-Length: 5", "Content-Length: 99999999999999999999", Anomaly::kContentLengthTooLarge},
      {"\r\n\r\nv=0\r\n", "\r\n", Anomaly::kNoEndOfHeaders},
      {" SIP/2.0", " sip/2.0", Anomaly::kBadVersion},
      {" SIP/2.0", " SIP/3.0", Anomaly::kBadVersion},
      {"INVITE sip", "INVITE  sip", Anomaly::kStartLineBlanks},
      {"INVITE sip", "INVITE\tsip", Anomaly::kStartLineBlanks},
      {"bob@biloxi.com SIP", "bob@biloxi .com SIP", Anomaly::kUriWithBlanks},
  };
  for (const auto& each : cases) {
    INFO(each.from << " -> " << each.to << ": " << sip::to_string(each.anomaly));
    sip::Parser parser;
    const std::string text = replaced(kInvite, each.from, each.to);
    const auto message = parser.parse(as_bytes(text));
    REQUIRE(message.ok());
    CHECK(message->anomalies.bits() >> static_cast<unsigned>(each.anomaly) == 1);  // it, and none numbered above
    CHECK(message->anomalies.has(each.anomaly));
    CHECK(message->call_id == "a84b4c76e66710");
  }
  CHECK(anomalies_of(replaced(kInvite, "Max-Forwards: 70", "Max-Forwards: 70\r\nX: \xd0\xbd")).empty());
  CHECK(anomalies_of(replaced(kInvite, "Alice", std::string_view{"Al\0ce", 5})).has(Anomaly::kNulByte));
  // A NUL in the body is the body's affair.
  CHECK(anomalies_of(replaced(kInvite, "v=0\r\n", std::string_view{"v\0\xff\r\n", 5})).empty());
}

TEST_CASE("A lone CR or LF, NUL and bytes that are no UTF-8 are seen wherever they lie in a head, and only there",
          "[sip]") {
  // A Subject of every length up to 200 moves what is odd over all places of the blocks that the head is read in.
  struct {
    std::string_view odd;
    Anomaly anomaly;
  } const cases[] = {{"\r", Anomaly::kBareCr},
                     {"\n ", Anomaly::kBareLf},
                     {std::string_view{"\0", 1}, Anomaly::kNulByte},
                     {"\xff", Anomaly::kNonUtf8}};
  sip::Parser parser;
  for (const auto& each : cases) {
    for (std::size_t size = 0; size <= 200; ++size) {
      INFO(sip::to_string(each.anomaly) << " behind " << size);
      const std::string subject = "Max-Forwards: 70\r\nSubject: " + std::string(size, 'x');
      const std::string text = replaced(kInvite, "Max-Forwards: 70", subject + std::string(each.odd) + "y");
      const auto message = parser.parse(as_bytes(text));
      REQUIRE(message.ok());
      CHECK(message->anomalies.has(each.anomaly));
      // The same bytes in the body say nothing of the head.
      std::string behind = replaced(kInvite, "Max-Forwards: 70", subject);
      behind = replaced(behind, "v=0\r\n", std::string("v=") + std::string(each.odd) + "\r\n");
      const auto clean = parser.parse(as_bytes(behind));
      REQUIRE(clean.ok());
      CHECK_FALSE(clean->anomalies.has(each.anomaly));
    }
  }
}

TEST_CASE("A head that ends with CR has a lone CR, at whatever length it ends", "[sip]") {
  sip::Parser parser;
  for (std::size_t size = 0; size <= 200; ++size) {
    INFO(size);
    const std::string text = "OPTIONS sip:a SIP/2.0\r\nSubject: " + std::string(size, 'x') + "\r";
    const auto message = parser.parse(as_bytes(text));
    REQUIRE(message.ok());
    CHECK(message->anomalies.has(Anomaly::kBareCr));
    CHECK(message->anomalies.has(Anomaly::kNoEndOfHeaders));
  }
}

TEST_CASE("Start lines read alike whether they have the usual form or not", "[sip]") {
  struct {
    std::string line;
    std::string_view uri;  // of a request
    unsigned status;
    std::string_view reason;
    bool odd;
  } const cases[] = {
      {"INVITE sip:a@b SIP/2.0\r\n", "sip:a@b", 0, "", false},
      {"INVITE sip:a@b SIP/2.0\n", "sip:a@b", 0, "", false},
      {"INVITE sip:a@b  SIP/2.0\r\n", "sip:a@b", 0, "", true},
      {"INVITE  sip:a@b SIP/2.0\r\n", "sip:a@b", 0, "", true},
      {"INVITE sip:a@b SIP/2.0 \r\n", "sip:a@b", 0, "", true},
      {"INVITE sip:a@b\tSIP/2.0\r\n", "sip:a@b", 0, "", true},
      {"INVITE sip:a b@c SIP/2.0\r\n", "sip:a b@c", 0, "", false},
      {"INVITE sip:a@b;x=0123456789abcdef0123456789 SIP/2.0\r\n", "sip:a@b;x=0123456789abcdef0123456789", 0, "", false},
      {"SIP/2.0 200 OK\r\n", "", 200, "OK", false},
      {"SIP/2.0 200 OK\n", "", 200, "OK", false},
      {"SIP/2.0 200 \r\n", "", 200, "", false},  // the blank is the reason's
      {"SIP/2.0 200\r\n", "", 200, "", false},
      {"SIP/2.0  200 OK\r\n", "", 200, "OK", true},
      {"SIP/2.0 486 Busy Here\r\n", "", 486, "Busy Here", false},
      {"SIP/2.0 486 Busy \r\n", "", 486, "Busy", false},
      {"SIP/2.0 4860 Busy\r\n", "", 0, "Busy", false},
  };
  sip::Parser parser;
  for (const auto& each : cases) {
    INFO(each.line);
    const std::string text = each.line + "Call-ID: a\r\n\r\n";
    const auto message = parser.parse(as_bytes(text));
    REQUIRE(message.ok());
    CHECK(message->is_request == (each.line.front() == 'I'));
    CHECK(message->request_uri == each.uri);
    CHECK(message->status == each.status);
    CHECK(message->reason == each.reason);
    CHECK(message->anomalies.has(Anomaly::kStartLineBlanks) == each.odd);
  }
}

TEST_CASE("Each deep oddity is named by inspect() alone", "[sip]") {
  struct {
    std::string_view from, to;
    Anomaly anomaly;
  } const cases[] = {
      {"sip:bob@biloxi.com SIP", "sip:bob@ SIP", Anomaly::kBadRequestUri},
      {"sip:bob@biloxi.com SIP", "sip:bob@biloxi.com:99999 SIP", Anomaly::kBadPort},
      {"sip:bob@biloxi.com SIP", "gopher:bob@biloxi.com SIP", Anomaly::kUnknownScheme},
      {"sip:bob@biloxi.com SIP", "sip:bob@biloxi.com?Subject=x SIP", Anomaly::kUriWithHeaders},
      {"branch=z9hG4bKnashds8", "branch=nashds8", Anomaly::kBranchWithoutCookie},
      {"branch=z9hG4bKnashds8", "branch=z9hG4bK", Anomaly::kEmptyBranch},
      {"SIP/2.0/UDP pc33", "SIP/2.0 UDP pc33", Anomaly::kBadVia},
      {"pc33.atlanta.com;branch", "pc33.atlanta.com:0;branch", Anomaly::kBadPort},
      {";tag=1928301774", "", Anomaly::kMissingTag},
      {"Alice <sip", "\"Alice <sip", Anomaly::kUnterminatedQuote},
      {"<sip:bob@biloxi.com>", "<sip:bob@biloxi.com", Anomaly::kBadNameAddr},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nExpires: 4294967296", Anomaly::kBadExpires},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nDate: Sat, 13 Nov 2010 23:29:00 CET", Anomaly::kBadDate},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nWarning: 37 isi.edu \"x\"", Anomaly::kBadWarning},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nTimestamp: 5.4.3", Anomaly::kBadTimestamp},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nRequire: 100rel, magic", Anomaly::kUnknownRequire},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nAuthorization: Digest", Anomaly::kBadAuthorization},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nAuthorization: Digest username=\"a\"", Anomaly::kBadAuthorization},
      {"Max-Forwards: 70", "Max-Forwards: 70\r\nAuthorization: Odd x=1", Anomaly::kUnsupportedAuthorization},
      {"application/sdp", "application/odd", Anomaly::kUnknownContentType},
      {"application/sdp", "multipart/mixed;boundary=x", Anomaly::kBadMultipart},
      {"<sip:alice@pc33.atlanta.com>", "*", Anomaly::kBadContactStar},
  };
  for (const auto& each : cases) {
    INFO(each.from << " -> " << each.to << ": " << sip::to_string(each.anomaly));
    sip::Parser parser;
    const std::string text = replaced(kInvite, each.from, each.to);
    const auto message = parser.parse(as_bytes(text));
    REQUIRE(message.ok());
    CHECK_FALSE(message->anomalies.has(each.anomaly));
    CHECK(sip::inspect(*message).has(each.anomaly));
  }
  // Neighbours that are right.
  for (const std::string_view line :
       {"Date: Sat, 13 Nov 2010 23:29:00 GMT", "Expires: 4294967295", "Timestamp: 54.21 0.1", "Require: 100rel,timer",
        "Warning: 307 isi.edu \"Session \\\"x\\\"\", 301 b \"c, d\"",
        "Route: <sip:a;lr>,\"a, b\" <sips:[2001:db8::1]:5061;lr>",
        "Authorization: Digest username=\"\\\"\", realm=\"a,b\", nonce=x, uri=\"sip:b\", response=\"00\""}) {
    INFO(line);
    sip::Parser parser;
    const std::string text =
        replaced(kInvite, "Max-Forwards: 70", std::string("Max-Forwards: 70\r\n") + std::string(line));
    const auto message = parser.parse(as_bytes(text));
    REQUIRE(message.ok());
    CHECK(sip::inspect(*message).bits() == 0);
  }
  std::string remove = replaced(kInvite, "INVITE", "REGISTER");
  remove = replaced(remove, "314159 INVITE", "1 REGISTER");
  remove = replaced(remove, "Contact: <sip:alice@pc33.atlanta.com>", "Contact: *\r\nExpires: 0");
  sip::Parser parser;
  const auto message = parser.parse(as_bytes(remove));
  REQUIRE(message.ok());
  CHECK(sip::inspect(*message).empty());
}

TEST_CASE("What is no SIP is refused, with its place named", "[sip]") {
  sip::Parser parser;
  for (const std::string_view text :
       {"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n", "M-SEARCH * HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n", "OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", "MSRP a786hjs2 SEND\r\n", "REQMOD icap://x/ ICAP/1.0\r\n\r\n",
        "GET /SIP/2.0 HTTP/1.1\r\n\r\n", "", "\r\n", "INVITE\r\n", "INVITE SIP/2.0\r\n", "SIP/2.0\r\n\r\n",
        "SIP/2.0 OK\r\n\r\n", "SIP/x.y 200 OK\r\n\r\n", "INVITE sip:a@b SIP/2\r\n\r\n", "IN VITE\r\n",
        "\x16\x03\x01\x02\x00\x01", "INVITE sip:a@b XSIP/2.0\r\n\r\n"}) {
    INFO(text);
    const auto message = parser.parse(as_bytes(text));
    REQUIRE_FALSE(message.ok());
    CHECK(message.error().kind == Malformed::kBadSyntax);
    CHECK(std::string_view{message.error().field} == "sip");
    CHECK(sip::looks_like_sip(as_bytes(text)) != Looks::kYes);
  }
}

TEST_CASE("SIP is told by its first line, and not before it is known", "[sip]") {
  const auto looks = [](std::string_view text) { return sip::looks_like_sip(as_bytes(text)); };
  CHECK(looks("INVITE sip:a@b SIP/2.0\r\n") == Looks::kYes);
  CHECK(looks("FOO anything at all SIP/2.0\r\n") == Looks::kYes);
  CHECK(looks("SIP/2.0 486 Busy Here\r\n") == Looks::kYes);
  CHECK(looks("SIP/2.0 100 ") == Looks::kYes);
  CHECK(looks("INVITE sip:a@b") == Looks::kNeedMore);
  CHECK(looks("INVI") == Looks::kNeedMore);
  CHECK(looks("INVITE sip:a@b HTTP/1.1") == Looks::kNeedMore);
  CHECK(looks("INVITE sip:a@b HTTP/1.1\r\n") == Looks::kNo);
  CHECK(looks("INVITE sip:a@b\r\n") == Looks::kYes);  // no version: still a known method and a sip: URI
  CHECK(looks("FOO sip:a@b\r\n") == Looks::kNo);
  CHECK(looks("\r\nINVITE sip:a@b SIP/2.0\r\n") == Looks::kNo);
  CHECK(looks("{\"a\":1}") == Looks::kNo);
  CHECK(looks(std::string(300, 'A')) == Looks::kNo);
  CHECK(looks("INVITE " + std::string(20000, 'a')) == Looks::kNo);
}

TEST_CASE("A datagram without Content-Length has the rest as its body, a stream has none", "[sip]") {
  const std::string text = replaced(kInvite, "Content-Length: 5\r\n", "");
  sip::Parser parser;
  const auto datagram = parser.parse(as_bytes(text), true);
  REQUIRE(datagram.ok());
  CHECK(datagram->body == "v=0\r\n");
  CHECK(datagram->content_length == 5);
  CHECK(datagram->anomalies.empty());
  const auto stream = parser.parse(as_bytes(text), false);
  REQUIRE(stream.ok());
  CHECK(stream->body.empty());
  CHECK(stream->anomalies.has(Anomaly::kMissingContentLength));
}

TEST_CASE("Blank lines behind a datagram's message are no fault", "[sip]") {
  CHECK(anomalies_of(kInvite + "\r\n\r\n").empty());
  CHECK(anomalies_of(kInvite + std::string(4, '\0')).empty());
  CHECK(anomalies_of(kInvite + "x").has(Anomaly::kContentLengthTooSmall));
}

TEST_CASE("A cut message has no half values and no faults that the cut made", "[sip]") {
  sip::Parser parser;
  for (std::size_t n = 0; n < kInvite.size(); ++n) {
    INFO(n);
    const auto message = parser.parse(as_bytes(std::string_view{kInvite}.substr(0, n)), true, true);
    if (!message) {
      CHECK(n < 33);
      continue;
    }
    CHECK(message->body_truncated);
    CHECK(message->anomalies.empty());
    CHECK((message->call_id.empty() || message->call_id == "a84b4c76e66710"));
    CHECK((message->from.empty() || message->from == "Alice <sip:alice@atlanta.com>;tag=1928301774"));
    CHECK((message->cseq_number == 0 || message->cseq_number == 314159));
  }
  const auto no_line = parser.parse(as_bytes("INVITE sip:bob@biloxi"), true, true);
  REQUIRE_FALSE(no_line.ok());
  CHECK(no_line.error().kind == Malformed::kTruncated);
}

TEST_CASE("No prefix crashes, and none gives a value that is not in it", "[sip]") {
  sip::Parser parser;
  for (const std::string& whole : {kInvite, kAnswer}) {
    for (std::size_t n = 0; n <= whole.size(); ++n) {
      const std::string prefix = whole.substr(0, n);  // its own storage: reads past it are seen
      const auto message = parser.parse(as_bytes(prefix));
      if (!message) continue;
      CHECK(message->headers.size() <= 10);
      CHECK(message->body.size() <= n);
      (void)sip::inspect(*message);
    }
  }
}

TEST_CASE("Line ends at every place of a block are found", "[sip]") {
  // The scanner works in blocks of 64 bytes: shift the lines through all positions.
  for (std::size_t pad = 0; pad < 130; ++pad) {
    INFO(pad);
    const std::string text =
        replaced(kInvite, "Max-Forwards: 70", "X: " + std::string(pad, 'x') + "\r\nMax-Forwards: 70");
    sip::Parser parser;
    const auto message = parser.parse(as_bytes(text));
    REQUIRE(message.ok());
    CHECK(message->headers.size() == 10);
    CHECK(message->call_id == "a84b4c76e66710");
    CHECK(message->body == "v=0\r\n");
    CHECK(message->anomalies.empty());
    CHECK(anomalies_of(replaced(text, "70\r\n", "70\n")).bits() == std::uint64_t{1} << unsigned(Anomaly::kBareLf));
    CHECK(anomalies_of(replaced(text, "70\r\n", "7\r0\r\n")).has(Anomaly::kBareCr));
  }
}

TEST_CASE("Headers beyond the cap are not kept, but the message's own fields are", "[sip]") {
  std::string many = kInvite;
  std::string junk;
  for (int i = 0; i < 100000; ++i) junk += "X: 1\r\n";
  many = replaced(many, "Via:", junk + "Via:");
  sip::Parser parser{16};
  const auto message = parser.parse(as_bytes(many));
  REQUIRE(message.ok());
  CHECK(message->headers.size() == 16);
  CHECK(message->anomalies.has(Anomaly::kTooManyHeaders));
  CHECK(message->call_id == "a84b4c76e66710");
  CHECK(message->body == "v=0\r\n");
}

TEST_CASE("A header of a megabyte and one of a hundred thousand folds take linear time", "[sip]") {
  const std::string large =
      replaced(kInvite, "Max-Forwards: 70", "X: " + std::string(1 << 20, 'x') + "\r\nMax-Forwards: 70");
  std::string folds = "X: 1";
  for (int i = 0; i < 100000; ++i) folds += "\r\n ,";
  const std::string folded = replaced(kInvite, "Max-Forwards: 70", folds + "\r\nMax-Forwards: 70");
  const std::string contacts = replaced(kInvite, "Contact: ", "Contact: " + std::string(1 << 20, '<') + "\r\nm: ");
  const std::string commas = replaced(kInvite, "Contact: ", "Contact: " + std::string(1 << 20, ',') + "\r\nm: ");
  const std::string quotes = replaced(kInvite, "Contact: ", "Contact: " + std::string(1 << 20, '"') + "\r\nm: ");
  const auto begin = std::chrono::steady_clock::now();
  sip::Parser parser;
  for (const std::string& text : {large, folded, contacts, commas, quotes}) {
    const auto message = parser.parse(as_bytes(text));
    REQUIRE(message.ok());
    CHECK(message->call_id == "a84b4c76e66710");
    (void)sip::inspect(*message);
  }
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));  // quadratic would be minutes
  CHECK(anomalies_of(large).has(Anomaly::kOversizedHeader));
}

TEST_CASE("A stream's message ends by its Content-Length", "[sip]") {
  using State = sip::StreamLength::State;
  const std::string two = kInvite + kAnswer;
  const auto first = sip::stream_length(as_bytes(two), 65536);
  CHECK(first.state == State::kComplete);
  CHECK(first.length == kInvite.size());
  for (std::size_t n = 0; n < kInvite.size(); ++n) {
    INFO(n);
    const auto part = sip::stream_length(as_bytes(std::string_view{kInvite}.substr(0, n)), 65536);
    CHECK(part.state == State::kNeedMore);
    CHECK(part.length == (n >= kInvite.size() - 5 ? kInvite.size() : 0));
  }
  CHECK(sip::stream_length(as_bytes("GET / HTTP/1.1\r\n"), 65536).state == State::kNotSip);
  const auto large =
      sip::stream_length(as_bytes(replaced(kInvite, "Content-Length: 5", "Content-Length: 70000")), 65536);
  CHECK(large.state == State::kNotSip);
  CHECK(large.length > 70000);
}

TEST_CASE("A head that comes byte by byte is scanned once, folded Content-Length and all", "[sip]") {
  using State = sip::StreamLength::State;
  const std::string text = replaced(kInvite, "Content-Length: 5", "Content-Length:\r\n 5");
  sip::HeadScanner scanner;
  for (std::size_t n = 1; n <= text.size(); ++n) {
    INFO(n);
    const auto got = scanner.feed(as_bytes(std::string_view{text}.substr(0, n)), 65536);
    REQUIRE(got.state == (n == text.size() ? State::kComplete : State::kNeedMore));
  }
  std::string head = kInvite.substr(0, kInvite.find("Content-Length"));
  for (int i = 0; i < 30000; ++i) head += "X: 1\r\n";
  const auto begin = std::chrono::steady_clock::now();
  sip::HeadScanner slow;
  for (std::size_t n = 1; n <= head.size(); ++n)
    (void)slow.feed(as_bytes(std::string_view{head}.substr(0, n)), 1 << 20);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

TEST_CASE("Every anomaly has a name of its own", "[sip]") {
  std::vector<std::string_view> names;
  for (unsigned i = 0; i < sip::kAnomalyCount; ++i) names.push_back(sip::to_string(static_cast<Anomaly>(i)));
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  CHECK(std::find(names.begin(), names.end(), "unknown") == names.end());
}
