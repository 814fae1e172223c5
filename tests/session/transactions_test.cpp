#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "session/tracker.h"
#include "support/sip_event.h"

using namespace voip;
using session::RegistrationChange;
using Kind = session::RegistrationChange::Kind;

namespace {

struct Told {
  std::string method, account, uri, tool, server, branch, sent_by, call_id;
  unsigned status = 0;
  unsigned ringing = 0;
  std::uint32_t retransmissions = 0;
  std::uint64_t request_frame = 0, final_frame = 0;
  bool login_failed = false, stale = false, in_dialog = false, cancelled = false, has_call = false;
  std::uint64_t shape = 0;
  int port = 0;
};
struct Change {
  Kind kind;
  std::string aor, contact, previous, source;
  std::size_t bindings;
};

class Watcher : public session::Observer {
 public:
  bool wants_transactions() const override { return true; }
  void on_transaction(const session::Transaction& t) override {
    told.push_back({.method = std::string(t.method_text),
                    .account = std::string(t.account()),
                    .uri = std::string(t.request_uri),
                    .tool = std::string(t.user_agent),
                    .server = std::string(t.server_name),
                    .branch = std::string(t.branch),
                    .sent_by = std::string(t.sent_by),
                    .call_id = std::string(t.call_id),
                    .status = t.status,
                    .ringing = t.ringing_status,
                    .retransmissions = t.retransmissions,
                    .request_frame = t.request.number,
                    .final_frame = t.final.number,
                    .login_failed = t.login_failed(),
                    .stale = t.stale(),
                    .in_dialog = t.in_dialog,
                    .cancelled = t.cancelled,
                    .has_call = t.call != nullptr,
                    .shape = t.shape,
                    .port = t.server.port()});
  }
  void on_registration(const RegistrationChange& c) override {
    changes.push_back(
        {c.kind, *c.aor, c.binding.contact, c.previous.contact, c.binding.source.address.to_string(), c.bindings});
  }
  std::vector<Told> told;
  std::vector<Change> changes;
};

Endpoint end(const std::string& address, std::uint16_t port = 5060) { return {*IpAddress::parse(address), port}; }

// A capture of whole messages, each with what it needs and what the test adds.
class Wire {
 public:
  explicit Wire(Limits limits = {}) : tracker_(limits, {}, seen) {}

  struct Message {
    std::string start;  // "REGISTER sip:example.com" or "401 Unauthorized"
    std::string cseq = "1 REGISTER";
    std::string branch = "z9hG4bK1";
    std::vector<std::string> more = {};
    std::string call_id = "c1";
    std::string from = "<sip:100@example.com>;tag=f";
    std::string to = "<sip:100@example.com>";
    std::string body = {};
  };
  void send(const Endpoint& src, const Endpoint& dst, const Message& m,
            net::Provenance provenance = net::Provenance::kWire) {
    const bool request = m.start[0] >= 'A';
    std::string text = request ? m.start + " SIP/2.0\r\n" : "SIP/2.0 " + m.start + "\r\n";
    const Endpoint& client = request ? src : dst;
    text += "Via: SIP/2.0/UDP " + client.to_string() + ";branch=" + m.branch + "\r\nFrom: " + m.from +
            "\r\nTo: " + m.to + "\r\nCall-ID: " + m.call_id + "\r\nCSeq: " + m.cseq + "\r\nMax-Forwards: 70\r\n";
    for (const std::string& line : m.more) text += line + "\r\n";
    text += fmt::format("Content-Length: {}\r\n\r\n{}", m.body.size(), m.body);
    dissect::SipEvent event;
    event.src = src;
    event.dst = dst;
    event.provenance = provenance;
    now_ += 10 * kNsPerMs;
    event.frame = {.input = 0, .number = ++frame_, .time = {now_}};
    test::send_sip(tracker_, parser_, text, event);
  }
  void wait(int seconds) { now_ += seconds * kNsPerSecond; }
  void finish() { tracker_.finish(); }

  // REGISTER and its 200. listed: contacts of the answer.
  void registers(const Endpoint& device, const std::string& contact, const std::vector<std::string>& listed,
                 const std::string& expires = "300", const std::string& aor = "100@example.com") {
    const std::string branch = fmt::format("z9hG4bKr{}", ++serial_);
    const std::string cseq = fmt::format("{} REGISTER", serial_);
    std::vector<std::string> more{"Expires: " + expires};
    if (!contact.empty()) more.push_back("Contact: " + contact);
    std::vector<std::string> answer;
    for (const std::string& one : listed) answer.push_back("Contact: " + one);
    const std::string to = "<sip:" + aor + ">";
    send(device, registrar,
         {.start = "REGISTER sip:example.com", .cseq = cseq, .branch = branch, .more = more, .to = to});
    send(registrar, device, {.start = "200 OK", .cseq = cseq, .branch = branch, .more = answer, .to = to + ";tag=r"});
  }

  Endpoint phone = end("192.0.2.10");
  Endpoint other = end("198.51.100.7");
  Endpoint registrar = end("203.0.113.1");
  Watcher seen;

 private:
  session::Tracker tracker_;
  sip::Parser parser_;
  std::int64_t now_ = 1'700'000'000'000'000'000;
  std::uint64_t frame_ = 0;
  unsigned serial_ = 0;
};

const std::string kDigest =
    "Authorization: Digest username=\"100\", realm=\"x\", nonce=\"n1\", uri=\"sip:example.com\", response=\"00\"";

}  // namespace

TEST_CASE("a request and its final response are told once, with their frames", "[transactions]") {
  Wire wire;
  wire.send(wire.phone, wire.registrar, {.start = "REGISTER sip:example.com", .more = {"User-Agent: Desk 1"}});
  CHECK(wire.seen.told.empty());
  wire.send(wire.registrar, wire.phone, {.start = "401 Unauthorized", .more = {"Server: Reg 2"}});
  REQUIRE(wire.seen.told.size() == 1);
  const Told& told = wire.seen.told[0];
  CHECK(told.method == "REGISTER");
  CHECK(told.status == 401);
  CHECK(told.tool == "Desk 1");
  CHECK(told.server == "Reg 2");
  CHECK(told.branch == "z9hG4bK1");
  CHECK(told.sent_by == "192.0.2.10:5060");
  CHECK(told.request_frame == 1);
  CHECK(told.final_frame == 2);
  CHECK_FALSE(told.login_failed);  // no credentials: the ordinary first step
  wire.finish();
  CHECK(wire.seen.told.size() == 1);
}

TEST_CASE("an IPv6 sent-by keeps its brackets and port", "[transactions]") {
  Wire wire;
  const Endpoint six{*IpAddress::parse("2001:db8::5"), 5070};
  wire.send(six, wire.registrar, {.start = "OPTIONS sip:example.com", .cseq = "1 OPTIONS"});
  wire.finish();
  REQUIRE(wire.seen.told.size() == 1);
  CHECK(wire.seen.told[0].sent_by == "[2001:db8::5]:5070");
}

TEST_CASE("retransmissions are counted, before and after the answer, and told once", "[transactions]") {
  Wire wire;
  const Wire::Message request{.start = "OPTIONS sip:example.com", .cseq = "1 OPTIONS"};
  for (int i = 0; i < 3; ++i) wire.send(wire.phone, wire.registrar, request);
  wire.send(wire.registrar, wire.phone, {.start = "200 OK", .cseq = "1 OPTIONS"});
  wire.send(wire.registrar, wire.phone, {.start = "200 OK", .cseq = "1 OPTIONS"});
  wire.send(wire.phone, wire.registrar, request);
  wire.finish();
  REQUIRE(wire.seen.told.size() == 1);
  CHECK(wire.seen.told[0].retransmissions == 2);
}

TEST_CASE("a retry that keeps branch and CSeq but brings credentials is another transaction", "[transactions]") {
  Wire wire;
  wire.send(wire.phone, wire.registrar, {.start = "REGISTER sip:example.com"});
  wire.send(wire.registrar, wire.phone, {.start = "401 Unauthorized"});
  wire.send(wire.phone, wire.registrar, {.start = "REGISTER sip:example.com", .more = {kDigest}});
  wire.send(wire.registrar, wire.phone, {.start = "403 Forbidden"});
  REQUIRE(wire.seen.told.size() == 2);
  CHECK(wire.seen.told[1].status == 403);
  CHECK(wire.seen.told[1].account == "100");
  CHECK(wire.seen.told[1].login_failed);
}

TEST_CASE("credentials refused as stale are no failed login", "[transactions]") {
  Wire wire;
  wire.send(wire.phone, wire.registrar, {.start = "REGISTER sip:example.com", .more = {kDigest}});
  wire.send(wire.registrar, wire.phone,
            {.start = "401 Unauthorized", .more = {"WWW-Authenticate: Digest realm=\"x\", nonce=\"n2\", stale=TRUE"}});
  REQUIRE(wire.seen.told.size() == 1);
  CHECK(wire.seen.told[0].stale);
  CHECK_FALSE(wire.seen.told[0].login_failed);
}

TEST_CASE("one request sent to many hosts and ports with the same identifiers is many transactions", "[transactions]") {
  Wire wire;
  const Wire::Message probe{.start = "OPTIONS sip:nm", .cseq = "42 OPTIONS", .branch = "foo", .call_id = "50000"};
  wire.send(wire.other, end("203.0.113.1"), probe);
  wire.send(wire.other, end("203.0.113.2"), probe);
  wire.send(wire.other, end("203.0.113.2", 5061), probe);
  wire.send(end("203.0.113.2", 5061), wire.other,
            {.start = "404 Not Found", .cseq = "42 OPTIONS", .branch = "foo", .call_id = "50000"});
  wire.finish();
  REQUIRE(wire.seen.told.size() == 3);
  CHECK(wire.seen.told[0].status == 404);
  CHECK(wire.seen.told[0].port == 5061);
  CHECK(wire.seen.told[1].status == 0);
}

TEST_CASE("an answer from another port of the server still ends its request", "[transactions]") {
  Wire wire;
  wire.send(wire.phone, wire.registrar, {.start = "OPTIONS sip:example.com", .cseq = "1 OPTIONS"});
  wire.send(end("203.0.113.1", 40000), wire.phone, {.start = "200 OK", .cseq = "1 OPTIONS"});
  REQUIRE(wire.seen.told.size() == 1);
  CHECK(wire.seen.told[0].status == 200);
}

TEST_CASE("the ACK of a refusal is no transaction, a CANCEL is one and marks its INVITE", "[transactions]") {
  Wire wire;
  wire.send(wire.phone, wire.registrar, {.start = "INVITE sip:200@example.com", .cseq = "1 INVITE"});
  wire.send(wire.registrar, wire.phone, {.start = "100 Trying", .cseq = "1 INVITE"});
  wire.send(wire.registrar, wire.phone, {.start = "180 Ringing", .cseq = "1 INVITE"});
  wire.send(wire.phone, wire.registrar, {.start = "CANCEL sip:200@example.com", .cseq = "1 CANCEL"});
  wire.send(wire.registrar, wire.phone, {.start = "200 OK", .cseq = "1 CANCEL"});
  wire.send(wire.registrar, wire.phone, {.start = "487 Request Terminated", .cseq = "1 INVITE"});
  wire.send(wire.phone, wire.registrar, {.start = "ACK sip:200@example.com", .cseq = "1 ACK"});
  wire.finish();
  REQUIRE(wire.seen.told.size() == 2);
  CHECK(wire.seen.told[0].method == "CANCEL");
  CHECK(wire.seen.told[1].method == "INVITE");
  CHECK(wire.seen.told[1].cancelled);
  CHECK(wire.seen.told[1].ringing == 180);
  CHECK(wire.seen.told[1].has_call);
}

TEST_CASE("a request without an answer is given up after 32 s, an INVITE after 180 s", "[transactions]") {
  Wire wire;
  wire.send(wire.phone, wire.registrar, {.start = "OPTIONS sip:example.com", .cseq = "1 OPTIONS"});
  wire.send(wire.phone, wire.registrar, {.start = "INVITE sip:200@example.com", .cseq = "1 INVITE", .call_id = "c2"});
  wire.wait(60);
  wire.send(wire.other, wire.registrar, {.start = "OPTIONS sip:example.com", .cseq = "7 OPTIONS", .call_id = "c3"});
  REQUIRE(wire.seen.told.size() == 1);
  CHECK(wire.seen.told[0].method == "OPTIONS");
  CHECK(wire.seen.told[0].status == 0);
  wire.wait(150);
  wire.send(wire.other, wire.registrar, {.start = "OPTIONS sip:example.com", .cseq = "8 OPTIONS", .call_id = "c3"});
  CHECK(wire.seen.told.size() == 3);
}

TEST_CASE("an answer that was stamped before its request is joined to it", "[transactions]") {
  Wire wire;
  wire.send(wire.registrar, wire.phone, {.start = "200 OK"}, net::Provenance::kHep);
  wire.send(wire.phone, wire.registrar, {.start = "REGISTER sip:example.com"}, net::Provenance::kHep);
  REQUIRE(wire.seen.told.size() == 1);
  CHECK(wire.seen.told[0].status == 200);
  CHECK(wire.seen.told[0].request_frame == 2);
}

TEST_CASE("an answer without a request is not told", "[transactions]") {
  Wire wire;
  wire.send(wire.registrar, wire.phone, {.start = "200 OK"});
  wire.finish();
  CHECK(wire.seen.told.empty());
}

TEST_CASE("a request inside a dialog is known by its To tag", "[transactions]") {
  Wire wire;
  wire.send(wire.phone, wire.registrar,
            {.start = "BYE sip:200@example.com", .cseq = "2 BYE", .to = "<sip:200@example.com>;tag=b"});
  wire.send(wire.registrar, wire.phone, {.start = "200 OK", .cseq = "2 BYE"});
  REQUIRE(wire.seen.told.size() == 1);
  CHECK(wire.seen.told[0].in_dialog);
}

TEST_CASE("credentials do not change a request's shape, another header order does", "[transactions]") {
  Wire wire;
  wire.send(wire.phone, wire.registrar, {.start = "REGISTER sip:a", .branch = "z9hG4bKa", .more = {"User-Agent: x"}});
  wire.send(wire.phone, wire.registrar,
            {.start = "REGISTER sip:a", .branch = "z9hG4bKb", .more = {kDigest, "User-Agent: y"}});
  wire.send(wire.phone, wire.registrar,
            {.start = "REGISTER sip:a", .branch = "z9hG4bKc", .more = {"Expires: 3", "User-Agent: x"}});
  wire.finish();
  REQUIRE(wire.seen.told.size() == 3);
  CHECK(wire.seen.told[0].shape == wire.seen.told[1].shape);
  CHECK(wire.seen.told[0].shape != wire.seen.told[2].shape);
}

TEST_CASE("texts longer than their caps are cut and nothing else breaks", "[transactions]") {
  Wire wire;
  const std::string monster(20000, 'u');
  wire.send(wire.phone, wire.registrar,
            {.start = "REGISTER sip:" + monster,
             .more = {"User-Agent: " + monster, "Contact: <sip:" + monster + ">", "Contact: <sip:b@h>;expires=7"}});
  wire.send(wire.registrar, wire.phone, {.start = "200 OK", .more = {"Contact: <sip:" + monster + ">"}});
  REQUIRE(wire.seen.told.size() == 1);
  CHECK(wire.seen.told[0].uri.size() == 256);
  CHECK(wire.seen.told[0].tool.size() == 256);
}

TEST_CASE("a full table gives up the longest idle request instead of growing", "[transactions]") {
  Limits limits;
  limits.transactions = 4;
  Wire wire(limits);
  for (int i = 0; i < 10; ++i) {
    wire.send(wire.phone, wire.registrar,
              {.start = "OPTIONS sip:a", .cseq = "1 OPTIONS", .call_id = fmt::format("c{}", i)});
  }
  REQUIRE(wire.seen.told.size() == 6);
  CHECK(wire.seen.told[0].call_id == "c0");
  wire.finish();
  CHECK(wire.seen.told.size() == 10);
}

TEST_CASE("a binding is added, refreshed and expires", "[registrations]") {
  Wire wire;
  wire.registers(wire.phone, "<sip:100@192.0.2.10:5060>", {"<sip:100@192.0.2.10:5060>;expires=60"});
  wire.wait(30);
  wire.registers(wire.phone, "<sip:100@192.0.2.10:5060>", {"<sip:100@192.0.2.10:5060>;expires=60"});
  wire.wait(120);
  wire.registers(wire.other, "<sip:100@198.51.100.7:5060>", {"<sip:100@198.51.100.7:5060>;expires=60"});
  wire.finish();
  REQUIRE(wire.seen.changes.size() == 4);
  CHECK(wire.seen.changes[0].kind == Kind::kAdded);
  CHECK(wire.seen.changes[0].aor == "100@example.com");
  CHECK(wire.seen.changes[1].kind == Kind::kRefreshed);
  CHECK(wire.seen.changes[2].kind == Kind::kExpired);
  CHECK(wire.seen.changes[3].kind == Kind::kAdded);
  CHECK(wire.seen.changes[3].bindings == 1);
}

TEST_CASE("a contact that takes another's place is a replacement, one beside it an addition", "[registrations]") {
  Wire wire;
  wire.registers(wire.phone, "<sip:100@192.0.2.10>", {"<sip:100@192.0.2.10>;expires=300"});
  wire.registers(wire.other, "<sip:100@198.51.100.7>", {"<sip:100@198.51.100.7>;expires=300"});
  wire.registers(wire.phone, "<sip:100@192.0.2.10>",
                 {"<sip:100@198.51.100.7>;expires=290", "<sip:100@192.0.2.10>;expires=300"});
  REQUIRE(wire.seen.changes.size() == 3);
  CHECK(wire.seen.changes[1].kind == Kind::kReplaced);
  CHECK(wire.seen.changes[1].previous == "sip:100@192.0.2.10");
  CHECK(wire.seen.changes[1].source == "198.51.100.7");
  CHECK(wire.seen.changes[2].kind == Kind::kAdded);
  CHECK(wire.seen.changes[2].bindings == 2);
}

TEST_CASE("bindings from before the capture are revealed, not added", "[registrations]") {
  Wire wire;
  wire.registers(wire.phone, "", {"<sip:100@192.0.2.44>;expires=100"});
  wire.registers(wire.phone, "<sip:100@192.0.2.10>",
                 {"<sip:100@192.0.2.44>;expires=90", "<sip:100@192.0.2.10>;expires=300"});
  REQUIRE(wire.seen.changes.size() == 2);
  CHECK(wire.seen.changes[0].kind == Kind::kRevealed);
  CHECK(wire.seen.changes[0].source == "::");
  CHECK(wire.seen.changes[1].kind == Kind::kAdded);
}

TEST_CASE("a star removes every binding, expires=0 the one it names", "[registrations]") {
  Wire wire;
  wire.registers(wire.phone, "<sip:100@192.0.2.10>", {"<sip:100@192.0.2.10>;expires=300"});
  wire.registers(wire.other, "<sip:100@198.51.100.7>",
                 {"<sip:100@192.0.2.10>;expires=300", "<sip:100@198.51.100.7>;expires=300"});
  wire.registers(wire.phone, "<sip:100@192.0.2.10>;expires=0", {"<sip:100@198.51.100.7>;expires=300"});
  wire.registers(wire.other, "*", {}, "0");
  REQUIRE(wire.seen.changes.size() == 4);
  CHECK(wire.seen.changes[2].kind == Kind::kRemoved);
  CHECK(wire.seen.changes[2].contact == "sip:100@192.0.2.10");
  CHECK(wire.seen.changes[3].kind == Kind::kRemoved);
  CHECK(wire.seen.changes[3].contact == "sip:100@198.51.100.7");
  CHECK(wire.seen.changes[3].bindings == 0);
}

TEST_CASE("a registrar that rewrites the contact keeps one binding, not two", "[registrations]") {
  Wire wire;
  wire.registers(wire.phone, "<sip:100@10.0.0.5:5060>", {"<sip:100@192.0.2.10:61000>;expires=300"});
  wire.registers(wire.phone, "<sip:100@10.0.0.5:5060>", {"<sip:100@192.0.2.10:61000>;expires=300"});
  REQUIRE(wire.seen.changes.size() == 2);
  CHECK(wire.seen.changes[0].kind == Kind::kAdded);
  CHECK(wire.seen.changes[1].kind == Kind::kRefreshed);
}

TEST_CASE("an answer that lists nothing leaves the request's word", "[registrations]") {
  Wire wire;
  wire.registers(wire.phone, "<sip:100@192.0.2.10>", {});
  wire.registers(wire.other, "<sip:100@198.51.100.7>", {});
  REQUIRE(wire.seen.changes.size() == 2);
  CHECK(wire.seen.changes[1].kind == Kind::kAdded);
  CHECK(wire.seen.changes[1].bindings == 2);
}
