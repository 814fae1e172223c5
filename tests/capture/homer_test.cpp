#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>

#include "capture/homer_db.h"
#include "capture/homer_export.h"
#include "capture/homer_json.h"
#include "capture/homer_row.h"
#include "proto/hep/hep.h"
#include "support.h"

namespace voip::capture {
namespace {

std::string homer(const std::string& name) { return std::string(TESTDATA_DIR) + "/timeline/homer7/" + name; }

struct Message {
  std::string path;
  FrameRef frame;
  Endpoint src;
  Endpoint dst;
  std::string payload;
};

std::vector<Message> read_all(PacketSource& source) {
  std::vector<Message> all;
  Packet packet;
  while (source.next(packet)) {
    REQUIRE(packet.link == LinkType::kHepFrame);
    const auto message = hep::parse(packet.bytes, packet.frame.time);
    REQUIRE(message.ok());
    all.push_back({source.inputs()[packet.frame.input].path, packet.frame, message->src, message->dst,
                   std::string(as_text(message->payload))});
  }
  return all;
}

std::vector<Message> read_file_messages(const std::string& path) {
  auto source = open_inputs({path}, {});
  REQUIRE(source.ok());
  auto all = read_all(**source);
  CHECK((*source)->inputs()[0].complete);
  return all;
}

std::vector<Message> read_text(const std::string& text) {
  auto source = open_memory(as_bytes(text), {});
  REQUIRE(source.ok());
  return read_all(**source);
}

// What a command prints; its status in `status`.
std::string output_of(const std::string& command, int& status) {
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 512> piece{};
  while (std::fgets(piece.data(), static_cast<int>(piece.size()), pipe) != nullptr) text += piece.data();
  status = ::pclose(pipe);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// A private server, stopped and removed at the end of the test.
class Cluster {
 public:
  Cluster() {
    int status = 0;
    url_ = output_of(fmt::format("{} start {} 2>&1", script(), dir_.path().string()), status);
    started_ = status == 0;
  }
  ~Cluster() {
    int status = 0;
    if (started_) output_of(fmt::format("{} stop {}", script(), dir_.path().string()), status);
  }
  bool started() const { return started_; }
  const std::string& url() const { return url_; }
  void sql(const std::string& text) {
    int status = 0;
    const std::string said =
        output_of(fmt::format("{} sql {} \"{}\" 2>&1", script(), dir_.path().string(), text), status);
    INFO(said);
    REQUIRE(status == 0);
  }

 private:
  static std::string script() { return std::string(SOURCE_DIR) + "/tests/capture/homer_cluster.sh"; }
  test::TempDir dir_;
  std::string url_;
  bool started_ = false;
};

}  // namespace

TEST_CASE("A transaction exported as JSON gives each message with its own addresses and microseconds", "[homer]") {
  const auto messages = read_file_messages(homer("export-transaction.json"));
  REQUIRE(messages.size() == 8);
  CHECK(format_utc(messages[0].frame.time) == "2026-11-23T07:01:00.908578Z");
  CHECK(messages[0].src.to_string() == "127.0.0.1:15963");
  CHECK(messages[0].dst.to_string() == "127.0.0.1:15961");
  CHECK(messages[0].payload.starts_with("INVITE sip:33123456789@127.0.0.1:15961 SIP/2.0\r\n"));
  CHECK(messages[7].payload.starts_with("ACK "));
}

TEST_CASE("The text export holds the same messages as the JSON export", "[homer]") {
  const auto json = read_file_messages(homer("export-transaction.json"));
  const auto text = read_file_messages(homer("export.txt"));
  REQUIRE(text.size() == json.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    CHECK(text[i].frame.time == json[i].frame.time);
    CHECK(text[i].src == json[i].src);
    CHECK(text[i].dst == json[i].dst);
    CHECK(text[i].payload == json[i].payload);
  }
}

TEST_CASE("The pcap export is told to be no capture of the wire", "[homer]") {
  auto source = open_inputs({homer("export.pcap")}, {});
  REQUIRE(source.ok());
  Packet packet;
  while ((*source)->next(packet)) {
  }
  REQUIRE((*source)->inputs()[0].problems.size() == 1);
  CHECK((*source)->inputs()[0].problems[0].find("export of Homer") != std::string::npos);
  CHECK((*source)->inputs()[0].complete);
}

TEST_CASE("Exported messages come out in the order of their times, not of the file", "[homer]") {
  const auto messages = read_text(
      R"({"data":{"messages":[
        {"raw":"BYE sip:b SIP/2.0\r\n\r\n","srcIp":"192.0.2.1","dstIp":"192.0.2.2","micro_ts":1700000002000000},
        {"raw":"INVITE sip:b SIP/2.0\r\n\r\n","srcIp":"192.0.2.1","dstIp":"192.0.2.2","micro_ts":1.700000001e15}]},"total":2})");
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].payload.starts_with("INVITE"));
  CHECK(messages[0].frame.number == 2);
}

TEST_CASE("No prefix of an export crashes the reader or invents a message", "[homer]") {
  for (const char* name : {"export-transaction.json", "export.txt"}) {
    const test::Bytes bytes = test::read_file(homer(name));
    for (std::size_t n = 0; n < bytes.size(); n += 7) {
      auto source = open_memory(first_bytes(bytes, n), {});
      if (!source.ok()) continue;
      Packet packet;
      std::size_t count = 0;
      while ((*source)->next(packet)) ++count;
      CHECK(count <= 8);
    }
  }
}

TEST_CASE("JSON that nests without end is refused, not followed", "[homer]") {
  const std::string deep = "{\"data\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  HomerJson in{deep};
  REQUIRE(in.enter('{'));
  std::string key;
  REQUIRE(in.member(key));
  in.skip();
  CHECK_FALSE(in.ok());
}

TEST_CASE("JSON strings keep what they hold: escapes, surrogates, quotes", "[homer]") {
  HomerJson in{R"("a\"b\\\n\u00e9\ud83d\ude00\ud800")"};
  std::string text;
  REQUIRE(in.string(text));
  CHECK(text == "a\"b\\\n\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd");
}

TEST_CASE("A time in the wrong byte order is put right, a plausible one is left alone", "[homer]") {
  HomerRow row;
  row.seconds = swap_bytes(1'795'417'260);
  row.micros = swap_bytes(908'578);
  row.correlation_id = "\x01\x02";
  row.fix_time();
  CHECK(row.swapped);
  CHECK(format_utc(row.time()) == "2026-11-23T07:01:00.908578Z");
  CHECK(row.correlation_id.empty());

  HomerRow sane;
  sane.seconds = 1'795'417'260;
  sane.micros = 908'578;
  sane.fix_time();
  CHECK_FALSE(sane.swapped);

  // More than a second's microseconds, but the seconds make sense as they are and the swapped ones do not.
  HomerRow carry;
  carry.seconds = 1'795'417'260;
  carry.micros = 1'500'000;
  carry.fix_time();
  CHECK_FALSE(carry.swapped);
  CHECK(format_utc(carry.time()) == "2026-11-23T07:01:01.500000Z");
}

TEST_CASE("Stray bytes before the start line are cut off, and never more than four", "[homer]") {
  const auto payload_of = [](const std::string& raw) {
    HomerRow row;
    row.src = row.dst = *IpAddress::parse("192.0.2.1");
    row.raw = raw;
    std::vector<std::uint8_t> frame;
    bool cut = false;
    row.to_frame(frame, cut);
    const auto message = hep::parse(frame, {});
    REQUIRE(message.ok());
    return std::string(as_text(message->payload));
  };
  CHECK(payload_of("\x01\x02INVITE sip:a SIP/2.0\r\n\r\n").starts_with("INVITE sip:a"));
  CHECK(payload_of("xSIP/2.0 200 OK\r\n\r\n").starts_with("SIP/2.0 200"));
  CHECK(payload_of("12345INVITE sip:a SIP/2.0\r\n\r\n").starts_with("12345"));
}

TEST_CASE("A password in a database's URL is never shown", "[homer]") {
  CHECK(HomerDb::masked("postgresql://me:geheim@db/homer_data") == "postgresql://me:***@db/homer_data");
  CHECK(HomerDb::masked("postgres://db/x?user=me&password=geheim&a=b") == "postgres://db/x?user=me&password=***&a=b");
  CHECK(HomerDb::masked("postgresql://me@db:5433/x") == "postgresql://me@db:5433/x");
  CHECK(HomerDb::is_url("postgres://x/y"));
  CHECK_FALSE(HomerDb::is_url("./postgresql"));
}

TEST_CASE("A database that is not there makes the input unusable, with a sentence and without the password",
          "[homer]") {
  auto source = open_inputs({"postgresql://me:geheim@/nothing?host=/nonexistent"}, {});
  REQUIRE(source.ok());
  Packet packet;
  CHECK_FALSE((*source)->next(packet));
  const InputInfo& info = (*source)->inputs()[0];
  CHECK_FALSE(info.usable);
  REQUIRE(info.problems.size() == 1);
  CHECK(info.problems[0].find("can't be opened") != std::string::npos);
  CHECK((info.path + info.problems[0]).find("geheim") == std::string::npos);
}

TEST_CASE("A Homer 7 database is read in order of time, from one snapshot, within the time asked for", "[homer][db]") {
  Cluster cluster;
  if (!cluster.started()) {
    // Said aloud; where tests must be complete it is a failure.
    WARN("PostgreSQL is not installed: the database source was not tested (" << cluster.url() << ")");
    if (std::getenv("CI") != nullptr) FAIL("PostgreSQL is missing");
    return;
  }
  {
    // Its transaction ends with it: what follows changes tables.
    auto source = open_inputs({cluster.url()}, {});
    REQUIRE(source.ok());
    const auto all = read_all(**source);
    CHECK(all.size() == 33);
    for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i - 1].frame.time <= all[i].frame.time);
    std::size_t calls = 0;
    bool first_invite = true;
    for (const Message& message : all) {
      calls += message.path.ends_with("#hep_proto_1_call") ? 1U : 0U;
      CHECK(message.frame.number != 0);
      if (!message.payload.starts_with("INVITE sip:33123456789@127.0.0.1:15961") || !std::exchange(first_invite, false))
        continue;
      CHECK(format_utc(message.frame.time) == "2026-11-23T07:01:00.908578Z");
      CHECK(message.src.to_string() == "127.0.0.1:15963");
    }
    CHECK_FALSE(first_invite);
    CHECK(calls == 19);
    for (const InputInfo& info : (*source)->inputs()) CHECK(info.complete);
  }

  SECTION("--from and --to leave the rest out") {
    OpenOptions options;
    options.from = *parse_time("2026-11-23T07:01:00.9Z");
    options.to = *parse_time("2026-11-23T07:01:02Z");
    auto part = open_inputs({cluster.url()}, options);
    REQUIRE(part.ok());
    const auto some = read_all(**part);
    CHECK(some.size() > 5);
    CHECK(some.size() < 33);
    for (const Message& message : some) CHECK((options.from <= message.frame.time && message.frame.time < options.to));
  }

  SECTION("rows of HEP version 2 with swapped times come in their true place") {
    cluster.sql(
        "CREATE TABLE odd PARTITION OF hep_proto_1_call DEFAULT; INSERT INTO hep_proto_1_call "
        "(sid,create_date,protocol_header,data_header,raw) VALUES ('v2','2061-11-30Z', "
        "jsonb_build_object('srcIp','192.0.2.1',"
        "'dstIp','192.0.2.2','srcPort',5060,'dstPort',5060,'protocol',17,'payloadType',1,'timeSeconds'," +
        std::to_string(swap_bytes(1'795'417'261)) + ",'timeUseconds'," + std::to_string(swap_bytes(100'000)) +
        "), '{}', 'OPTIONS sip:x SIP/2.0')");
    auto again = open_inputs({cluster.url()}, {});
    REQUIRE(again.ok());
    const auto more = read_all(**again);
    CHECK(more.size() == 34);
    bool found = false;
    for (std::size_t i = 1; i < more.size(); ++i) {
      CHECK(more[i - 1].frame.time <= more[i].frame.time);
      if (!more[i].payload.starts_with("OPTIONS sip:x ")) continue;
      found = true;
      CHECK(format_utc(more[i].frame.time) == "2026-11-23T07:01:01.100000Z");
    }
    CHECK(found);
  }

  SECTION("tables of several fetches each are told row by row in order of time, none twice and none left out") {
    constexpr std::size_t kRows = 5000;
    for (const char* table : {"hep_proto_1_call", "hep_proto_1_registration"}) {
      cluster.sql(fmt::format(
          "INSERT INTO {0} (sid,create_date,protocol_header,data_header,raw) SELECT 'many', t, jsonb_build_object("
          "'srcIp','192.0.2.1','dstIp','192.0.2.2','srcPort',5060,'dstPort',5060,'protocol',17,'payloadType',1,"
          "'timeSeconds',floor(extract(epoch from t)),'timeUseconds',i % 1000 * 1000), '{{}}', "
          "'OPTIONS sip:{0}-' || i || ' SIP/2.0' FROM (SELECT i, '2026-11-23T08:00Z'::timestamptz + i * interval '1 "
          "ms' "
          "AS t FROM generate_series(1, {1}) AS i) AS rows",
          table, kRows));
    }
    auto again = open_inputs({cluster.url()}, {});
    REQUIRE(again.ok());
    const auto more = read_all(**again);
    REQUIRE(more.size() == 33 + 2 * kRows);
    std::set<std::string> seen;
    for (std::size_t i = 1; i < more.size(); ++i) {
      REQUIRE(more[i - 1].frame.time <= more[i].frame.time);
      if (more[i].payload.starts_with("OPTIONS sip:hep_proto_")) seen.insert(more[i].payload);
    }
    CHECK(seen.size() == 2 * kRows);
  }

  SECTION("a table of another shape is told, and the others are read") {
    cluster.sql("CREATE TABLE hep_proto_53_default (id bigint, what text)");
    auto again = open_inputs({cluster.url()}, {});
    REQUIRE(again.ok());
    CHECK(read_all(**again).size() == 33);
    REQUIRE((*again)->notes().size() == 1);
    CHECK((*again)->notes()[0].find("hep_proto_53_default") != std::string::npos);
  }

  SECTION("a database without Homer's tables is refused with a sentence") {
    std::string url = cluster.url();
    url.replace(url.find("homer_data"), 10, "postgres");
    auto wrong = open_inputs({url}, {});
    REQUIRE(wrong.ok());
    CHECK_FALSE((*wrong)->inputs()[0].usable);
    CHECK((*wrong)->inputs()[0].problems[0].find("hep_proto_") != std::string::npos);
  }
}

}  // namespace voip::capture
