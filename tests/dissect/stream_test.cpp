#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "proto/websocket/websocket.h"
#include "recorder.h"

using namespace voip;
using dissect::Signalling;
using sip::Anomaly;
using test::kAlice;
using test::kBob;
using test::request;

namespace {

struct Run {
  test::Recorder seen;
  Limits limits;
  dissect::Dissector dissector;
  std::uint64_t frame = 0;
  std::uint64_t connection = 1;

  explicit Run(const Limits& with = {}) : limits(with), dissector(with) {}

  net::StreamChunk chunk(unsigned direction, std::string_view text) {
    net::StreamChunk result;
    result.connection = connection;
    result.direction = static_cast<std::uint8_t>(direction);
    result.src = direction == 0 ? kAlice : kBob;
    result.dst = direction == 0 ? kBob : kAlice;
    result.bytes = as_bytes(text);
    result.frame.number = ++frame;
    return result;
  }
  void feed(std::string_view text, unsigned direction = 0, std::uint64_t lost = 0, bool mid_stream = false) {
    const std::string own(text);  // reads past the chunk, or after it, are seen
    net::StreamChunk fed = chunk(direction, own);
    fed.lost = lost;
    fed.mid_stream = mid_stream;
    dissector.on_stream(fed, seen);
  }
  void end() { dissector.on_stream_end(connection, seen); }
  std::uint64_t total(std::string_view name) const { return dissector.diagnostics().total(name); }
  std::vector<std::string> call_ids() const {
    std::vector<std::string> ids;
    for (const auto& each : seen.sip) ids.push_back(each.call_id);
    return ids;
  }
};

using Ids = std::vector<std::string>;

// RFC 6455 section 5.2.
std::string ws_frame(std::string_view payload, bool masked, unsigned opcode = 1, bool fin = true, bool rsv1 = false,
                     std::size_t length_bytes = 0) {
  std::string frame;
  frame += static_cast<char>((fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | static_cast<int>(opcode));
  const char mask = masked ? static_cast<char>(0x80) : '\0';
  const std::size_t n = payload.size();
  if (length_bytes == 8 || n > 65535) {
    frame += static_cast<char>(mask | 127);
    for (int shift = 56; shift >= 0; shift -= 8) frame += static_cast<char>(std::uint64_t{n} >> shift);
  } else if (n > 125) {
    frame += static_cast<char>(mask | 126);
    frame += static_cast<char>(n >> 8);
    frame += static_cast<char>(n);
  } else {
    frame += static_cast<char>(mask | static_cast<char>(n));
  }
  const char key[4] = {'\x37', '\xfa', '\x21', '\x3d'};
  if (masked) frame.append(key, 4);
  for (std::size_t i = 0; i < n; ++i) frame += masked ? static_cast<char>(payload[i] ^ key[i % 4]) : payload[i];
  return frame;
}

const std::string kUpgrade =
    "GET / HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n";
const std::string kUpgraded =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n";

}  // namespace

TEST_CASE("Three messages in one segment are three events of that frame", "[dissect]") {
  Run run;
  run.feed(request("c1", "one") + request("c2") + request("c3", "three"));
  CHECK(run.call_ids() == Ids{"c1", "c2", "c3"});
  for (const auto& each : run.seen.sip) {
    CHECK(each.frame == 1);
    CHECK(each.signalling == Signalling::kTcp);
    CHECK(each.anomalies.empty());
  }
  CHECK(run.seen.sip[2].body == "three");
  run.end();
  CHECK(run.seen.sip.size() == 3);
  CHECK(run.dissector.diagnostics().entries().empty());
}

TEST_CASE("A message cut at any byte gives the same event, with the frame that completed it", "[dissect]") {
  Run whole;
  const std::string text = "\r\n\r\n" + request("c1", "hello\r\n\r\nMESSAGE x SIP/2.0\r\n") + request("c2");
  whole.feed(text);
  REQUIRE(whole.seen.sip.size() == 2);
  const std::size_t first_end = 4 + whole.seen.sip[0].raw.size();
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    INFO(cut);
    Run run;
    run.feed(std::string_view{text}.substr(0, cut));
    run.feed(std::string_view{text}.substr(cut));
    REQUIRE(run.seen.sip == whole.seen.sip);
    CHECK(run.seen.sip[0].frame == (cut < first_end ? 2 : 1));
    CHECK(run.seen.sip[1].frame == 2);
  }
}

TEST_CASE("A message that comes byte by byte is complete with its last byte", "[dissect]") {
  Run run;
  const std::string text = request("c1", "hello") + request("c2", "x");
  for (const char& c : text) run.feed({&c, 1});
  REQUIRE(run.call_ids() == Ids{"c1", "c2"});
  CHECK(run.seen.sip[0].frame == request("c1", "hello").size());
  CHECK(run.seen.sip[1].frame == text.size());
}

TEST_CASE("Both directions are read apart", "[dissect]") {
  Run run;
  const std::string a = request("c1", "aaaa");
  const std::string b = request("c2", "bbbb");
  for (std::size_t i = 0; i < a.size(); i += 7) {
    run.feed(std::string_view{a}.substr(i, 7), 0);
    run.feed(std::string_view{b}.substr(i, 7), 1);
  }
  CHECK(run.call_ids() == Ids{"c1", "c2"});
  CHECK(run.seen.sip[0].src == kAlice);
  CHECK(run.seen.sip[1].src == kBob);
}

TEST_CASE("Blank lines between messages are keepalives", "[dissect]") {
  Run run;
  run.feed("\r\n\r\n");
  run.feed("\r\n", 1);
  run.feed(request("c1"));
  run.feed("\r\n\r\n" + request("c2"));
  CHECK(run.call_ids() == Ids{"c1", "c2"});
  CHECK(run.total("sip-keepalive") == 3);
}

TEST_CASE("A message that a gap cut is told as truncated, and the next one is found", "[dissect]") {
  const std::string first = request("c1", std::string(100, 'x'));
  const std::string second = request("c2");
  SECTION("in the body, the rest of it lost") {
    Run run;
    run.feed(std::string_view{first}.substr(0, first.size() - 60));
    run.feed(second, 0, 60);
    REQUIRE(run.call_ids() == Ids{"c1", "c2"});
    CHECK(run.seen.sip[0].truncated);
    CHECK(run.seen.sip[0].body == std::string(40, 'x'));
    CHECK(run.seen.sip[0].frame == 1);
    CHECK_FALSE(run.seen.sip[1].truncated);
    CHECK(run.total("sip-stream-gap") == 1);
  }
  SECTION("in the body, and its end comes") {
    Run run;
    // The rest of the body looks like a message, and is none.
    const std::string body = std::string(100, 'x') + "\nSIP/2.0 100 Trying\r\n\r\n";
    const std::string fragment = request("c1", body);
    run.feed(std::string_view{fragment}.substr(0, fragment.size() - 80));
    run.feed(fragment.substr(fragment.size() - 60) + second, 0, 20);
    CHECK(run.call_ids() == Ids{"c1", "c2"});
  }
  SECTION("in the body, and in the next message") {
    Run run;
    run.feed(std::string_view{first}.substr(0, first.size() - 60));
    run.feed(second.substr(30) + request("c3"), 0, 90);
    CHECK(run.call_ids() == Ids{"c1", "c3"});
  }
  SECTION("in the head") {
    Run run;
    const std::size_t cut = first.find("Max-Forwards") + 3;
    run.feed(std::string_view{first}.substr(0, cut));
    run.feed(first.substr(cut + 10) + second, 0, 10);
    REQUIRE(run.call_ids() == Ids{"", "c2"});
    CHECK(run.seen.sip[0].truncated);
  }
  SECTION("between messages") {
    Run run;
    run.feed(first);
    run.feed(second.substr(50) + request("c3"), 0, 50);
    CHECK(run.call_ids() == Ids{"c1", "c3"});
  }
  SECTION("told without bytes") {
    Run run;
    run.feed(std::string_view{first}.substr(0, first.size() - 60));
    run.feed("", 0, 60);
    run.feed(second);
    CHECK(run.call_ids() == Ids{"c1", "c2"});
  }
}

TEST_CASE("A stream entered in its middle goes on at the next start line", "[dissect]") {
  const std::string first = request("c1", "half");
  for (std::size_t cut = 1; cut < first.size(); ++cut) {
    INFO(cut);
    Run run;
    run.feed(first.substr(cut) + request("c2") + request("c3"), 0, 0, true);
    CHECK(run.call_ids() == Ids{"c2", "c3"});
  }
  Run run;  // in pieces, the start line cut in two
  const std::string text = first.substr(100) + request("c2");
  const std::size_t cut = first.size() - 100 + 10;
  run.feed(std::string_view{text}.substr(0, cut), 0, 0, true);
  run.feed(std::string_view{text}.substr(cut));
  CHECK(run.call_ids() == Ids{"c2"});
}

TEST_CASE("A start line right behind a body is found, one too long is passed over", "[dissect]") {
  Run run;
  run.feed("</xml>" + request("c1"), 0, 0, true);
  CHECK(run.call_ids() == Ids{"c1"});
  Run answer;
  answer.feed("}SIP/2.0 200 OK\r\nCall-ID: c1\r\nContent-Length: 0\r\n\r\n", 0, 0, true);
  CHECK(answer.call_ids() == Ids{"c1"});
  Run endless;
  endless.feed("BYE sip:" + std::string(20000, 'a') + " SIP/2.0\r\n\r\n" + request("c1"), 0, 0, true);
  CHECK(endless.call_ids() == Ids{"c1"});
}

TEST_CASE("A stream that begins with something else is not searched for SIP", "[dissect]") {
  struct {
    std::string text;
    std::string_view name;
  } const cases[] = {
      {"220 mail.example.com ESMTP\r\nMESSAGE sip:a SIP/2.0\r\n\r\n", "tcp-unknown"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + request("c1"), "tcp-http"},
      {"HTTP/1.1 200 OK\r\n\r\n" + request("c1"), "tcp-http"},
      {"OPTIONS rtsp://a RTSP/1.0\r\nCSeq: 1\r\n\r\n" + request("c1"), "tcp-rtsp"},
      {"MSRP a786hjs2 SEND\r\n" + request("c1"), "tcp-msrp"},
      {"REQMOD icap://a ICAP/1.0\r\n\r\n" + request("c1"), "tcp-icap"},
      {std::string("\x00\x01\x02\x03", 4) + request("c1"), "tcp-unknown"},
  };
  for (const auto& each : cases) {
    INFO(each.text);
    Run run;
    run.feed(each.text);
    run.feed(request("c2"));
    run.feed("x", 1);
    run.end();
    CHECK(run.seen.sip.empty());
    CHECK(run.total(each.name) == 1);
    CHECK(run.dissector.diagnostics().entries().size() == 1);
  }
}

TEST_CASE("A stream entered in its middle is given up when no SIP comes", "[dissect]") {
  Run run;
  const std::string block(65536, '\x01');
  for (int i = 0; i < 8; ++i) run.feed(block, 0, 0, i == 0);
  run.feed("\r\n" + request("c1"));
  CHECK(run.seen.sip.empty());
  CHECK(run.total("tcp-unknown") == 1);
}

TEST_CASE("One direction's SIP makes the other's middle worth searching", "[dissect]") {
  Run run;
  run.feed(std::string(300000, '\x01'), 1, 0, true);  // given up
  run.feed(request("c1"), 0, 0, true);
  run.feed("rest of something\r\n" + request("c2"), 1);
  CHECK(run.call_ids() == Ids{"c1", "c2"});
}

TEST_CASE("Bytes that no Content-Length covers are skipped and counted", "[dissect]") {
  std::string lying = request("c1", "0123456789");
  lying.replace(lying.find("Content-Length: 10"), 18, "Content-Length: 02");
  Run run;
  run.feed(lying + "\r\n" + request("c2"));
  CHECK(run.call_ids() == Ids{"c1", "c2"});
  CHECK(run.total("sip-stream-skipped") == 1);
}

TEST_CASE("What the end of a connection cut is told as truncated", "[dissect]") {
  Run run;
  const std::string text = request("c1", "hello");
  run.feed(std::string_view{text}.substr(0, text.size() - 1));
  CHECK(run.seen.sip.empty());
  SECTION("by its end") { run.end(); }
  SECTION("by the capture's end") { run.dissector.finish(run.seen); }
  REQUIRE(run.seen.sip.size() == 1);
  CHECK(run.seen.sip[0].truncated);
  CHECK(run.seen.sip[0].frame == 1);
  CHECK(run.dissector.counters().sip_truncated == 1);
}

TEST_CASE("A message above the cap is told once, cut, and the stream goes on", "[dissect]") {
  Limits limits;
  limits.sip_message_bytes = 4096;
  SECTION("by its Content-Length") {
    Run run{limits};
    run.feed(request("c1", std::string(8000, 'x')) + "\r\n" + request("c2"));
    CHECK(run.call_ids() == Ids{"c1", "c2"});
    CHECK(run.seen.sip[0].truncated);
    CHECK(run.total("sip-too-long") == 1);
  }
  SECTION("by an endless head") {
    Run run{limits};
    run.feed("MESSAGE sip:a SIP/2.0\r\nCall-ID: c1\r\n");
    for (int i = 0; i < 1000; ++i) run.feed("X: aaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    run.feed("\r\n" + request("c2"));
    CHECK(run.call_ids() == Ids{"c1", "c2"});
    CHECK(run.seen.sip[0].truncated);
  }
}

TEST_CASE("Hostile streams take linear time", "[dissect]") {
  const auto begin = std::chrono::steady_clock::now();
  {
    Run run;  // a head in 100,000 small pieces
    run.feed("MESSAGE sip:a SIP/2.0\r\nCall-ID: c1\r\n");
    for (int i = 0; i < 100000; ++i) run.feed("X\r\n");
    run.feed("\r\n");
    run.end();
  }
  {
    Run run;  // searching for a start line through lines that almost are one
    std::string almost = "x";
    for (int i = 0; i < 100000; ++i) almost += "\nMESSAGE sip:a SIP/2";
    run.feed(almost, 0, 0, true);
    run.feed(almost + request("c1"));
    CHECK(run.call_ids().empty());
  }
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(8));
}

TEST_CASE("What all streams hold is bounded", "[dissect]") {
  Limits limits;
  limits.tcp_buffered_bytes = 1U << 20;
  Run run{limits};
  const std::string part = "MESSAGE sip:a SIP/2.0\r\nCall-ID: c\r\nX: " + std::string(50000, 'x');
  for (run.connection = 1; run.connection < 200; ++run.connection) run.feed(part);
  CHECK(run.dissector.counters().evicted_streams > 100);
  CHECK(run.total("stream-evicted") == run.dissector.counters().evicted_streams);
  run.connection = 1;  // dropped, but it goes on at the next message
  run.feed("yyy\r\n\r\n" + request("c1"));
  CHECK(run.call_ids() == Ids{"c1"});
}

TEST_CASE("The table of connections is bounded", "[dissect]") {
  Limits limits;
  limits.tcp_connections = 4;
  Run run{limits};
  const std::string text = request("c1", "hello");
  for (run.connection = 1; run.connection <= 6; ++run.connection)
    run.feed(std::string_view{text}.substr(0, text.size() - 1));
  CHECK(run.dissector.counters().evicted_streams == 2);
  CHECK(run.seen.sip.size() == 2);  // told as truncated when they went
}

TEST_CASE("SIP comes through a WebSocket: masked up, plain down", "[dissect]") {
  Run run;
  run.feed(kUpgrade);
  run.feed(kUpgraded, 1);
  run.feed(ws_frame(request("c1", "hi", "WS"), true));
  run.feed(ws_frame(request("c2", "", "WSS"), false, 2) + ws_frame("", false, 9) +
               ws_frame(request("c3", "", "WS"), false, 1, true, false, 8),
           1);
  REQUIRE(run.call_ids() == Ids{"c1", "c2", "c3"});
  for (const auto& each : run.seen.sip) {
    CHECK(each.signalling == Signalling::kWs);
    CHECK(each.anomalies.empty());
    CHECK_FALSE(each.truncated);
  }
  CHECK(run.seen.sip[0].body == "hi");
  CHECK(run.seen.sip[0].src == kAlice);
  CHECK(run.seen.sip[1].src == kBob);
  CHECK(run.dissector.diagnostics().entries().empty());
}

TEST_CASE("A WebSocket message in pieces, with a ping between, cut at any byte", "[dissect]") {
  const std::string message = request("c1", "hello", "WS");
  const std::string frames = ws_frame(message.substr(0, 30), true, 1, false) + ws_frame("ping", true, 9) +
                             ws_frame("", true, 0, false) + ws_frame(message.substr(30, 200), true, 0, false) +
                             ws_frame(message.substr(230), true, 0, true) + ws_frame(request("c2", "", "WS"), true);
  const std::string text = kUpgrade + frames;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    INFO(cut);
    Run run;
    run.feed(std::string_view{text}.substr(0, cut));
    run.feed(std::string_view{text}.substr(cut));
    REQUIRE(run.call_ids() == Ids{"c1", "c2"});
    CHECK(run.seen.sip[0].raw == message);
    CHECK(run.dissector.diagnostics().entries().empty());
  }
}

TEST_CASE("A WebSocket for something else is left alone", "[dissect]") {
  std::string other = kUpgrade;
  other.replace(other.find(": sip"), 5, ": xmpp");
  Run run;
  run.feed(other);
  run.feed(ws_frame(request("c1"), true));
  CHECK(run.seen.sip.empty());
  CHECK(run.total("tcp-http") == 1);
  // Without a subprotocol its messages decide.
  std::string none = kUpgrade;
  none.erase(none.find("Sec-WebSocket-Protocol"), std::string_view{"Sec-WebSocket-Protocol: sip\r\n"}.size());
  Run chat;
  chat.feed(none);
  chat.feed(ws_frame("{\"chat\":1}", true));
  chat.feed(ws_frame(request("c1", "", "WS"), true));
  CHECK(chat.seen.sip.empty());
  CHECK(chat.total("websocket-not-sip") == 1);
  Run silent;
  silent.feed(none);
  silent.feed(ws_frame(request("c1", "", "WS"), true));
  CHECK(silent.call_ids() == Ids{"c1"});
}

TEST_CASE("Compressed, broken and overlong WebSocket messages are counted, and pass", "[dissect]") {
  Limits limits;
  limits.websocket_frame_bytes = 2048;
  Run run{limits};
  run.feed(kUpgrade);
  run.feed(ws_frame("\x01\x02\x03", true, 1, true, true));
  CHECK(run.total("websocket-compressed") == 1);
  run.feed(ws_frame(request("c1", std::string(4000, 'x'), "WS"), true));
  CHECK(run.total("sip-too-long") == 1);
  run.feed(ws_frame(std::string(2000, 'x'), true, 1, false) + ws_frame(std::string(2000, 'x'), true, 0, true));
  CHECK(run.total("sip-too-long") == 2);
  run.feed(ws_frame("tail", true, 0));
  CHECK(run.total("websocket-bad-frame") == 1);
  run.feed(ws_frame("\r\n\r\n", true));
  CHECK(run.total("sip-keepalive") == 1);
  run.feed(ws_frame(request("c2", "", "WS"), true));
  CHECK(run.call_ids() == Ids{"c2"});
  run.feed("\xff\xff\xff\xff");
  CHECK(run.total("websocket-bad-frame") == 2);
  run.feed(ws_frame(request("c3", "", "WS"), true));  // met again at a segment's start
  CHECK(run.call_ids() == Ids{"c2", "c3"});
}

TEST_CASE("A WebSocket entered in its middle is met where a segment begins with SIP", "[dissect]") {
  Run run;
  run.feed(ws_frame(request("c1", "", "WS"), true), 0, 0, true);
  run.feed(ws_frame(request("c2", "", "WS"), false), 1, 0, true);
  CHECK(run.call_ids() == Ids{"c1", "c2"});
  CHECK(run.seen.sip[0].signalling == Signalling::kWs);
  Run other;
  other.feed(ws_frame("{\"json\":1} and some more of it", true), 0, 0, true);
  CHECK(other.seen.sip.empty());
}

TEST_CASE("A gap inside a WebSocket frame costs that message only", "[dissect]") {
  Run run;
  run.feed(kUpgrade);
  const std::string frame = ws_frame(request("c1", std::string(100, 'x'), "WS"), true);
  run.feed(std::string_view{frame}.substr(0, frame.size() - 50));
  run.feed(frame.substr(frame.size() - 20) + ws_frame(request("c2", "", "WS"), true), 0, 30);
  REQUIRE(run.call_ids() == Ids{"c1", "c2"});
  CHECK(run.seen.sip[0].truncated);
  CHECK(run.seen.sip[0].body == std::string(50, 'x'));
  CHECK_FALSE(run.seen.sip[1].truncated);
  CHECK(run.total("websocket-gap") == 1);
  // A gap of unknown ground: the next segment that begins with SIP.
  run.feed("zz", 0, 1000);
  run.feed(ws_frame(request("c3", "", "WS"), true));
  CHECK(run.call_ids() == Ids{"c1", "c2", "c3"});
}

TEST_CASE("TLS is told from plain, and reported once at its end", "[dissect]") {
  const std::string client_hello{"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", 11};
  const std::string data{"\x17\x03\x03\x00\x02xy", 7};
  SECTION("in one piece") {
    Run run;
    run.feed(client_hello);
    run.feed(data, 1);
    CHECK(run.seen.tls.empty());
    run.end();
    REQUIRE(run.seen.tls.size() == 1);
    CHECK(run.seen.tls[0].client == kAlice);
    CHECK(run.seen.tls[0].server == kBob);
    CHECK_FALSE(run.seen.tls[0].opened);
    CHECK(run.seen.tls[0].first.number == 1);
    CHECK(run.dissector.counters().tls_flows == 1);
    CHECK(run.dissector.counters().tls_flows_opaque == 1);
    CHECK(run.dissector.diagnostics().entries().empty());
  }
  SECTION("byte by byte") {
    Run run;
    for (const char& c : client_hello) run.feed({&c, 1});
    run.dissector.finish(run.seen);
    CHECK(run.seen.tls.size() == 1);
    CHECK(run.seen.sip.empty());
  }
  SECTION("its text is nobody's SIP") {
    Run run;
    run.feed(client_hello);
    run.feed(request("c1"));
    run.feed(request("c2"), 1);
    run.end();
    CHECK(run.seen.sip.empty());
  }
}

TEST_CASE("A stream of SCTP is SIP over SCTP", "[dissect]") {
  Run run;
  const std::string text = request("c1", "", "SCTP");
  net::StreamChunk chunk = run.chunk(0, text);
  chunk.transport = net::Transport::kSctp;
  run.dissector.on_stream(chunk, run.seen);
  REQUIRE(run.seen.sip.size() == 1);
  CHECK(run.seen.sip[0].signalling == Signalling::kSctp);
}

TEST_CASE("A connection's number used again after its end is a new connection", "[dissect]") {
  Run run;
  run.feed("SSH-2.0-x\r\n");
  run.end();
  run.feed(request("c1"));
  CHECK(run.call_ids() == Ids{"c1"});
}
