#include "proto/sip/fields.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace voip;

TEST_CASE("URIs of all kinds come apart", "[sip]") {
  struct {
    std::string_view text, scheme, user, password, host;
    std::uint16_t port;
    std::string_view params, headers;
  } const cases[] = {
      {"sip:alice@atlanta.com", "sip", "alice", "", "atlanta.com", 0, "", ""},
      {"sip:alice:secretword@atlanta.com;transport=tcp", "sip", "alice", "secretword", "atlanta.com", 0,
       "transport=tcp", ""},
      {"sips:alice@atlanta.com?subject=project%20x&priority=urgent", "sips", "alice", "", "atlanta.com", 0, "",
       "subject=project%20x&priority=urgent"},
      {"sip:+1-212-555-1212:1234@gateway.com;user=phone", "sip", "+1-212-555-1212", "1234", "gateway.com", 0,
       "user=phone", ""},
      {"sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", "sip", "", "", "atlanta.com", 0, "method=REGISTER",
       "to=alice%40atlanta.com"},
      {"sip:alice;day=tuesday@atlanta.com", "sip", "alice;day=tuesday", "", "atlanta.com", 0, "", ""},
      {"SIP:192.0.2.4:5070", "SIP", "", "", "192.0.2.4", 5070, "", ""},
      {"sip:bob@[2001:db8::10]:5070;lr", "sip", "bob", "", "2001:db8::10", 5070, "lr", ""},
      {"sip:[::1]", "sip", "", "", "::1", 0, "", ""},
      {"sip:user@home.example@proxy.example;a=b", "sip", "user@home.example", "", "proxy.example", 0, "a=b", ""},
      {"sip:a@b;x=c@d", "sip", "a", "", "b", 0, "x=c@d", ""},
      {"tel:+1-201-555-0123;phone-context=example.com", "tel", "+1-201-555-0123", "", "", 0,
       "phone-context=example.com", ""},
      {"urn:service:sos.fire", "urn", "service:sos.fire", "", "", 0, "", ""},
      {"soap.beep://192.0.2.103:3002", "soap.beep", "", "", "192.0.2.103", 3002, "", ""},
      {"mailto:a@b.example", "mailto", "a", "", "b.example", 0, "", ""},
  };
  for (const auto& each : cases) {
    INFO(each.text);
    const auto uri = sip::parse_uri(each.text);
    REQUIRE(uri.ok());
    CHECK(uri->scheme == each.scheme);
    CHECK(uri->user == each.user);
    CHECK(uri->password == each.password);
    CHECK(uri->host == each.host);
    CHECK(uri->port == each.port);
    CHECK(uri->params == each.params);
    CHECK(uri->headers == each.headers);
  }
}

TEST_CASE("Broken URIs are refused", "[sip]") {
  for (const std::string_view text : {"", "alice", "sip", "sip:", "sip:@", "sip:alice@", "sip:a@b c", "sip:a@[::1",
                                      "sip:a@[xyz]", "sip:a@b:0", "sip:a@b:65536", "sip:a@b:port", "sip:a@b:",
                                      "sip:a b@c", "1sip:a@b", "*", "sip:a@b>", "tel:", "sip:a@ex ample.com"}) {
    INFO(text);
    CHECK_FALSE(sip::parse_uri(text).ok());
  }
}

TEST_CASE("Without brackets parameters belong to the header, with them to the URI", "[sip]") {
  const auto plain = sip::parse_name_addr("sip:bob@biloxi.com;tag=1");
  REQUIRE(plain.ok());
  CHECK(plain->uri == "sip:bob@biloxi.com");
  CHECK(sip::parameter(plain->params, "tag") == "1");
  const auto bracketed = sip::parse_name_addr("<sip:bob@biloxi.com;tag=1>;tag=2");
  REQUIRE(bracketed.ok());
  CHECK(bracketed->uri == "sip:bob@biloxi.com;tag=1");
  CHECK(sip::parameter(bracketed->params, "tag") == "2");
  CHECK(sip::tag_of("\"a;tag=9 <x>\" <sip:b@c;tag=8>;x=\";tag=7\";tag=6") == "6");
  CHECK(sip::tag_of("<sip:b@c>").empty());
  CHECK(sip::tag_of("sip:b@c;TAG=x") == "x");
  CHECK(sip::tag_of("Bell, A. <sip:b@c>;tag=5") == "5");
}

TEST_CASE("Display names come without quotes, escapes kept", "[sip]") {
  const auto quoted = sip::parse_name_addr("\"A. \\\"B\\\" <c>\" <sip:d@e>");
  REQUIRE(quoted.ok());
  CHECK(quoted->display == "A. \\\"B\\\" <c>");
  CHECK(quoted->uri == "sip:d@e");
  const auto tokens = sip::parse_name_addr("  Alice  Smith <sip:d@e> ");
  REQUIRE(tokens.ok());
  CHECK(tokens->display == "Alice  Smith");
  CHECK_FALSE(sip::parse_name_addr("\"open <sip:a@b>").ok());
  CHECK_FALSE(sip::parse_name_addr("\"a\" sip:a@b").ok());
  CHECK_FALSE(sip::parse_name_addr("<sip:a@b").ok());
  CHECK_FALSE(sip::parse_name_addr("<sip:a@b> x").ok());
  CHECK_FALSE(sip::parse_name_addr("<>").ok());
  CHECK_FALSE(sip::parse_name_addr("").ok());
}

TEST_CASE("Commas in quotes and brackets don't part values", "[sip]") {
  std::vector<std::string_view> values;
  sip::for_each_value("\"a, \\\"b\" <sip:c,d@e>, <sip:f@g>;x=\"h,i\",j",
                      [&](std::string_view v) { values.push_back(v); });
  CHECK(values == std::vector<std::string_view>{"\"a, \\\"b\" <sip:c,d@e>", " <sip:f@g>;x=\"h,i\"", "j"});
}

TEST_CASE("Via comes apart, whatever blanks stand in it", "[sip]") {
  const auto via = sip::parse_via(
      "SIP / 2.0 / TLS\r\n  [2001:db8::9] : 5061 ; branch = z9hG4bKx;rport=99;received=192.0.2.1, SIP/2.0/UDP b");
  REQUIRE(via.ok());
  CHECK(via->protocol == "SIP");
  CHECK(via->version == "2.0");
  CHECK(via->transport == "TLS");
  CHECK(via->host == "2001:db8::9");
  CHECK(via->port == 5061);
  CHECK(via->branch == "z9hG4bKx");
  CHECK(via->rport == "99");
  CHECK(via->received == "192.0.2.1");
  const auto flag = sip::parse_via("SIP/2.0/UDP host.invalid;rport;branch=z9hG4bK1");
  REQUIRE(flag.ok());
  CHECK(flag->rport.empty());
  CHECK(sip::parameter(flag->params, "rport") == "");
  for (const std::string_view text :
       {"", "SIP", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ;branch=x", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a b"}) {
    INFO(text);
    CHECK_FALSE(sip::parse_via(text).ok());
  }
}

TEST_CASE("Parameters are found by name in any case, quoted ones whole", "[sip]") {
  const std::string_view params = ";a=1; B = \"x;c=2\\\"\" ;d;e=;c=3";
  CHECK(sip::parameter(params, "A") == "1");
  CHECK(sip::parameter(params, "b") == "x;c=2\\\"");
  CHECK(sip::parameter(params, "c") == "3");
  CHECK(sip::parameter(params, "d") == "");
  CHECK(sip::parameter(params, "e") == "");
  CHECK_FALSE(sip::parameter(params, "x"));
  CHECK(sip::parameter("a=\"open", "a") == "open");
}

TEST_CASE("Digest credentials come apart", "[sip]") {
  // RFC 3261 section 22.4's shape.
  const auto credentials = sip::parse_authorization(
      "Digest username=\"bob\", realm=\"biloxi.com, \\\"x\\\"\", nonce=\"dcd98b\", uri=\"sip:bob@biloxi.com\", "
      "qop=auth, nc=00000001,"
      "\r\n cnonce=\"0a4f\", response=\"6629\", opaque=\"5ccc\", algorithm=SHA-256, username=\"eve\"");
  REQUIRE(credentials.ok());
  CHECK(credentials->scheme == "Digest");
  CHECK(credentials->username == "bob");
  CHECK(credentials->realm == "biloxi.com, \\\"x\\\"");
  CHECK(credentials->nonce == "dcd98b");
  CHECK(credentials->uri == "sip:bob@biloxi.com");
  CHECK(credentials->qop == "auth");
  CHECK(credentials->nc == "00000001");
  CHECK(credentials->cnonce == "0a4f");
  CHECK(credentials->response == "6629");
  CHECK(credentials->opaque == "5ccc");
  CHECK(credentials->algorithm == "SHA-256");
  const auto challenge =
      sip::parse_authorization("digest realm=\"r\",qop=\"auth,auth-int\",nonce=\"n\",stale=TRUE,domain=\"sip:x\"");
  REQUIRE(challenge.ok());
  CHECK(challenge->qop == "auth,auth-int");
  CHECK(challenge->stale == "TRUE");
  CHECK(challenge->domain == "sip:x");
  const auto open = sip::parse_authorization("Digest realm=\"r");
  REQUIRE(open.ok());
  CHECK(open->realm == "r");
  CHECK_FALSE(sip::parse_authorization("Digest").ok());
  CHECK_FALSE(sip::parse_authorization("").ok());
  CHECK_FALSE(sip::parse_authorization("=x").ok());
}

TEST_CASE("A folded value becomes one line", "[sip]") {
  CHECK(sip::unfold("a \r\n\t b\n c") == "a b c");
  CHECK(sip::unfold("plain  text") == "plain  text");
}

namespace {

const std::string kSiprec =
    "preamble\r\n"
    "--OSS-unique-boundary-42\r\n"
    "Content-Type: application/SDP\r\n"
    "\r\n"
    "v=0\r\n"
    "s=-\r\n"
    "--OSS-unique-boundary-42\r\n"
    "content-type: application/rs-metadata+xml\r\n"
    "Content-Disposition: recording-session\r\n"
    "\r\n"
    "<a>\r\n"
    "--OSS-unique-boundary-4\r\n"
    "</a>\r\n"
    "--OSS-unique-boundary-42--\r\n";

}  // namespace

TEST_CASE("A part of a multipart body is found by type, boundary quoted or not", "[sip]") {
  for (const std::string_view type : {"multipart/mixed;boundary=OSS-unique-boundary-42",
                                      "Multipart/Mixed; a=b ; Boundary=\"OSS-unique-boundary-42\""}) {
    const auto sdp = sip::find_body(type, kSiprec, "application/sdp");
    REQUIRE(sdp);
    CHECK(sdp->content == "v=0\r\ns=-");
    const auto metadata = sip::find_body(type, kSiprec, "application/rs-metadata+xml");
    REQUIRE(metadata);
    CHECK(metadata->disposition == "recording-session");
    CHECK(metadata->content == "<a>\r\n--OSS-unique-boundary-4\r\n</a>");  // another boundary's line is content
    CHECK_FALSE(sip::find_body(type, kSiprec, "application/isup"));
    CHECK(sip::multipart_closes(type, kSiprec));
    CHECK_FALSE(sip::multipart_closes(type, std::string_view{kSiprec}.substr(0, kSiprec.size() - 4)));
  }
  CHECK(sip::find_body("Application/SDP; charset=x", "v=0", "application/sdp")->content == "v=0");
  CHECK_FALSE(sip::find_body("application/sdpx", "v=0", "application/sdp"));
  CHECK(sip::find_body("", "v=0", "application/sdp"));
  CHECK_FALSE(sip::find_body("", "x=0", "application/sdp"));
  // The boundary is told by the body alone.
  CHECK(sip::find_body("multipart/mixed", "--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x--", "application/sdp")
            ->content == "v=0");
  // SIP-I: binary ISUP beside SDP.
  const std::string isup{
      "--b\r\nContent-Type: application/ISUP;version=itu-t92+\r\n\r\n\x01\x00\r\n\n\r\n--b\r\nContent-Type: "
      "application/sdp\r\n\r\nv=0\r\n\r\n--b--",
      113};
  CHECK(sip::find_body("multipart/mixed;boundary=b", isup, "application/isup")->content ==
        std::string_view("\x01\x00\r\n\n", 5));
  CHECK(sip::find_body("multipart/mixed;boundary=b", isup, "application/sdp")->content == "v=0\r\n");
}

TEST_CASE("Multipart bodies nest four deep and no deeper", "[sip]") {
  std::string body = "v=0";
  std::string type = "application/sdp";
  for (int depth = 1; depth <= 6; ++depth) {
    const std::string boundary = "b" + std::to_string(depth);
    std::string outer = "--" + boundary + "\r\nContent-Type: " + type + "\r\n\r\n";
    outer += body;
    outer += "\r\n--" + boundary + "--\r\n";
    body = outer;
    type = "multipart/mixed;boundary=" + boundary;
    INFO(depth);
    CHECK(sip::find_body(type, body, "application/sdp").has_value() == (depth <= 4));
  }
}

TEST_CASE("No prefix of a value crashes its reader", "[sip]") {
  for (const std::string_view whole :
       {std::string_view{"\"A \\\"\" <sip:a:b@[2001:db8::1]:5060;x=y?z=1>;tag=\"q;\\\"\";e"},
        std::string_view{"SIP / 2.0 / UDP [::1] : 5060 ; branch = z9hG4bKx ; a=\"b\""},
        std::string_view{"Digest username=\"a\\\"\", realm=\"b\", nc=1, x"}, std::string_view{kSiprec}}) {
    for (std::size_t n = 0; n <= whole.size(); ++n) {
      const std::string prefix{whole.substr(0, n)};
      (void)sip::parse_uri(prefix);
      (void)sip::parse_name_addr(prefix);
      (void)sip::tag_of(prefix);
      (void)sip::parse_via(prefix);
      (void)sip::parse_authorization(prefix);
      (void)sip::parameter(prefix, "x");
      (void)sip::find_body("multipart/mixed;boundary=OSS-unique-boundary-42", prefix, "application/sdp");
      (void)sip::find_body(prefix, prefix, "application/sdp");
      (void)sip::multipart_closes(prefix, prefix);
    }
  }
}
