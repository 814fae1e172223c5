#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>

#include "render/checks.h"
#include "render/json.h"
#include "render/json_writer.h"
#include "render/renderer.h"
#include "render/text.h"
#include "render/unicode.h"

using namespace voip;
using namespace voip::render;
using nlohmann::json;

namespace {

constexpr report::Rule kClear{.id = "T-001",
                              .name = "clear-audio",
                              .severity = report::Severity::kHigh,
                              .title = "Audio sent in clear",
                              .trigger = "An RTP stream without SRTP.",
                              .rationale = "Anybody on the path can listen.",
                              .remedy = "Turn SRTP on.\nIn Asterisk: media_encryption=sdes.",
                              .reference = "RFC 3711; RFC 4568 section 8"};
constexpr report::Rule kWeak{.id = "T-002",
                             .name = "weak-tag",
                             .severity = report::Severity::kLow,
                             .title = "Short tag",
                             .trigger = "t",
                             .rationale = "r",
                             .remedy = "Use 80 bits.",
                             .reference = "RFC 3711"};
constexpr std::array kRules{&kClear, &kWeak};

class TwoSections final : public report::Content {
 public:
  std::string headline() const override { return "1 of 2 calls sent clear audio"; }
  void write_sections(report::RecordWriter& out) const override {
    out.key("calls");
    out.begin_array();
    for (const char* id : {"a@x", "b\xff@x"}) {
      out.begin_object();
      out.field("call_id", id);
      out.key("media");
      out.begin_array();
      out.begin_object();
      out.field("kind", "audio");
      out.field("ok", true);
      out.end_object();
      out.end_array();
      out.end_object();
    }
    out.end_array();
    out.key("incident");
    out.begin_object();
    out.field("verdict", "none");
    out.end_object();
    out.field("unsigned", 7);
    out.key("numbers");
    out.begin_array();
    out.value(1.5);
    out.begin_array();
    out.value(2);
    out.end_array();
    out.end_array();
    out.key("phases");
    out.begin_array();
    out.end_array();
  }
  void write_text(report::TextWriter& out) const override {
    out.heading("Calls");
    out.begin_line(1);
    out.put("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");  // three wide characters
    out.column(12);
    out.put("clear", report::Tone::kBad);
    out.end_line();
    out.begin_line(1);
    out.put("abc");
    out.column(12);
    out.put("encrypted", report::Tone::kGood);
    out.end_line();
  }
};

struct Sample {
  report::Collector findings{kRules};
  TwoSections content;
  report::Report report;

  Sample() {
    report.tool = "test-tool";
    report.version = "1.2.3";
    report.inputs = {{.path = "a.pcap",
                      .format = "pcap",
                      .bytes = 1234,
                      .packets = 56,
                      .sha256 = {},
                      .first_time = {1767323045000006000},
                      .last_time = {1767323046123456789},
                      .complete = false,
                      .problems = {"cut off in packet 57"}},
                     {.path = "b.pcap",
                      .format = "",
                      .sha256 = std::string(64, 'a'),
                      .first_time = {},
                      .last_time = {},
                      .problems = {}}};
    report.coverage.packets = 56;
    report.coverage.undecoded = {{"udp-unknown", 4}, {"zero", 0}};
    report.coverage.tls_flows_opaque = 1;
    report.coverage.complete = false;
    report.coverage.notes = {"a note"};
    report.collector = &findings;
    report.content = &content;
  }
  report::Finding& make(const report::Rule& rule, std::uint64_t frame, std::string message) {
    made_.push_back({.rule = &rule,
                     .severity = rule.severity,
                     .message = std::move(message),
                     .call_id = "c@x",
                     .subject = {{"stream", "0x1"}, {"source", "192.0.2.1:5060"}},
                     .entity = "c@x",
                     .evidence = {{.frame = {0, frame, {1767323045000006000}}, .note = "a=crypto"}},
                     .status_reason = {}});
    return made_.back();
  }
  std::string render(void (*function)(const report::Report&, const RenderOptions&, Output&),
                     const RenderOptions& options = {}) {
    for (auto& finding : made_) findings.add(finding);
    made_.clear();
    findings.sort();
    StringOutput out;
    function(report, options, out);
    return out.text();
  }

 private:
  std::vector<report::Finding> made_;
};

std::string golden(const std::string& name) {
  std::ifstream in{std::string{SOURCE_DIR} + "/tests/render/golden/" + name, std::ios::binary};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// UPDATE_GOLDEN=1 in the environment writes what is said now; read the difference before you keep it.
void check_golden(const std::string& got, const std::string& name) {
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream{std::string{SOURCE_DIR} + "/tests/render/golden/" + name, std::ios::binary} << got;
  }
  CHECK(got == golden(name));
}

std::string json_of(std::string_view text) {
  StringOutput out;
  {
    JsonWriter writer{out, JsonWriter::Layout::kLines};
    writer.value(text);
  }
  std::string line = out.text();
  REQUIRE(line.ends_with('\n'));
  line.pop_back();
  return line;
}

std::string safe(std::string_view text, unsigned* columns = nullptr) {
  std::string out;
  unsigned count = 0;
  append_for_terminal(out, text, count);
  if (columns != nullptr) *columns = count;
  return out;
}

}  // namespace

TEST_CASE("UTF-8 is decoded as RFC 3629 has it", "[render]") {
  CHECK(decode_utf8("A").value == U'A');
  CHECK(decode_utf8("\xc3\xa4").value == 0xe4);
  CHECK(decode_utf8("\xf0\x9f\x98\x80").value == 0x1f600);
  for (const char* bad : {"\x80", "\xc0\xaf", "\xc1\xbf", "\xff", "\xfe", "\xf5\x80\x80\x80"}) {
    INFO(bad);
    CHECK_FALSE(decode_utf8(bad).valid);
    CHECK(decode_utf8(bad).length == 1);
  }
  CHECK_FALSE(decode_utf8("\xed\xa0\x80").valid);      // surrogate
  CHECK_FALSE(decode_utf8("\xe0\x9f\xbf").valid);      // overlong
  CHECK_FALSE(decode_utf8("\xf0\x8f\xbf\xbf").valid);  // overlong
  CHECK_FALSE(decode_utf8("\xf4\x90\x80\x80").valid);  // above U+10FFFF
  CHECK_FALSE(decode_utf8("\xf0\x9f\x98").valid);      // cut
  CHECK(decode_utf8("\xf0\x9f\x98").length == 3);
  CHECK(decode_utf8("\xe2\x82x").length == 2);
}

TEST_CASE("JSON text is escaped, and harmless on a terminal", "[render]") {
  CHECK(json_of("a\"b\\c") == R"("a\"b\\c")");
  CHECK(json_of(std::string_view{"\0\n\r\t\x1b", 5}) == "\"\\u0000\\n\\r\\t\\u001b\"");
  CHECK(json_of("\x7f\xc2\x9b") == R"("\u007f\u009b")");
  CHECK(json_of("\xe2\x80\xae") == R"("\u202e")");
  CHECK(json_of("\xf3\xa0\x80\x81") == R"("\udb40\udc01")");
  CHECK(json_of("\xc3\xa4\xf0\x9f\x98\x80") == "\"\xc3\xa4\xf0\x9f\x98\x80\"");
  CHECK(json_of("x\xff\xc3y") == "\"x\xef\xbf\xbd\xef\xbf\xbdy\"");
  CHECK(json::parse(json_of("\xf3\xa0\x80\x81 \xe2\x80\xae")) == "\xf3\xa0\x80\x81 \xe2\x80\xae");
}

TEST_CASE("Any bytes make valid JSON, and valid UTF-8 survives it", "[render]") {
  std::mt19937 random{1};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    const auto length = random() % 40;
    for (unsigned i = 0; i < length; ++i) {
      // A mix of broken and whole sequences.
      if (random() % 3 == 0) {
        append_utf8(text, static_cast<char32_t>(random() % 0xd800));
      } else {
        text += static_cast<char>(random() & 0xff);
      }
    }
    const json parsed = json::parse(json_of(text));  // throws on invalid UTF-8
    bool valid = true;
    for (std::string_view rest{text}; !rest.empty();) {
      const CodePoint c = decode_utf8(rest);
      valid = valid && c.valid;
      rest.remove_prefix(c.length);
    }
    if (valid) CHECK(parsed.get<std::string>() == text);
  }
}

TEST_CASE("Numbers, times and nothing in JSON", "[render]") {
  StringOutput out;
  {
    JsonWriter w{out, JsonWriter::Layout::kLines};
    w.begin_array();
    w.value(std::numeric_limits<std::uint64_t>::max());
    w.value(std::numeric_limits<std::int64_t>::min());
    w.value(0.1);
    w.value(std::numeric_limits<double>::quiet_NaN());
    w.value(std::numeric_limits<double>::infinity());
    w.value("text");
    w.value(false);
    w.time({});
    w.time({1767323045000006000});
    w.time({1767323045000006001});
    w.time({-1});
    w.time({1767323045999999000});
    w.time({1767225599999999000});
    w.begin_object();
    w.end_object();
    w.end_array();
  }
  CHECK(out.text() ==
        "[18446744073709551615, -9223372036854775808, 0.1, null, null, \"text\", false, null, "
        "\"2026-01-02T03:04:05.000006Z\", \"2026-01-02T03:04:05.000006001Z\", \"1969-12-31T23:59:59.999999999Z\", "
        "\"2026-01-02T03:04:05.999999Z\", \"2025-12-31T23:59:59.999999Z\", {}]\n");
}

TEST_CASE("The writer's times are those of the rest of the program", "[render]") {
  std::mt19937_64 random{2};
  for (int i = 0; i < 2000; ++i) {
    const Timestamp time{static_cast<std::int64_t>(random() % 4'000'000'000'000'000'000ULL) -
                         1'000'000'000'000'000'000};
    StringOutput out;
    {
      JsonWriter w{out, JsonWriter::Layout::kLines};
      w.time(time);
    }
    REQUIRE(out.text() == "\"" + format_utc_exact(time) + "\"\n");
  }
}

TEST_CASE("What is not meant for a terminal is shown, not sent", "[render]") {
  CHECK(safe("\x1b[2J") == "\\x1b[2J");
  CHECK(safe("a\nb\r\t") == "a\\nb\\r\\t");
  CHECK(safe("\x7f") == "\\x7f");
  CHECK(safe("\xc2\x9b") == "\\u{009b}");
  CHECK(safe("\xe2\x80\xae"
             "cba") == "\\u{202e}cba");
  CHECK(safe("\xe2\x81\xa6\xef\xbb\xbf") == "\\u{2066}\\u{feff}");
  CHECK(safe("\xf3\xa0\x81\x81") == "\\u{e0041}");
  CHECK(safe("\xff\xc3") == "\\xff\\xc3");
  CHECK(safe("\x9b") == "\\x9b");
  CHECK(safe("J\xc3\xbcrgen") == "J\xc3\xbcrgen");
}

TEST_CASE("Columns are those that a terminal shows", "[render]") {
  unsigned columns = 0;
  (void)safe("abc", &columns);
  CHECK(columns == 3);
  (void)safe("\xe6\x97\xa5\xe6\x9c\xac", &columns);
  CHECK(columns == 4);
  (void)safe("e\xcc\x81", &columns);  // e and a combining acute
  CHECK(columns == 1);
  (void)safe("\xf0\x9f\x98\x80", &columns);
  CHECK(columns == 2);
  (void)safe("\x1b", &columns);
  CHECK(columns == 4);
}

TEST_CASE("The JSON report is the golden one", "[render]") {
  Sample sample;
  sample.make(kClear, 17, "stream \x1b[31m of \xff");
  sample.make(kWeak, 3, "short").subject = {{"account", "1001"}};
  check_golden(sample.render(render_json), "report.json");
}

TEST_CASE("The JSON report parses and lists only what --min-severity lets through, counting all", "[render]") {
  Sample sample;
  sample.make(kClear, 17, "m");
  sample.make(kWeak, 3, "m");
  sample.report.min_severity = report::Severity::kMedium;
  const json j = json::parse(sample.render(render_json));
  REQUIRE(j["findings"].size() == 1);
  CHECK(j["findings"][0]["id"] == "T-001");
  CHECK(j["findings"][0]["references"] == json::parse(R"(["RFC 3711", "RFC 4568 section 8"])"));
  CHECK(j["findings"][0]["subject"]["account"].is_null());
  CHECK(j["findings"][0]["subject"]["source"] == "192.0.2.1:5060");
  CHECK(j["summary"]["findings"]["low"] == 1);
  CHECK(j["checks"].size() == 2);
}

TEST_CASE("NDJSON holds the same objects, run first and summary last", "[render]") {
  Sample sample;
  sample.make(kClear, 17, "m");
  const json whole = json::parse(sample.render(render_json));
  std::istringstream lines{sample.render(render_ndjson)};
  std::vector<json> got;
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.starts_with("{\"type\": \""));
    got.push_back(json::parse(line));
  }
  std::string types;
  for (const json& j : got) types += j["type"].get<std::string>() + " ";
  CHECK(types ==
        "run input input call call incident-summary unsigned number number finding check check coverage summary ");
  const auto without_type = [](json j) {
    j.erase("type");
    return j;
  };
  CHECK(got.front()["schema"] == whole["schema"]);
  CHECK(without_type(got[1]) == whole["inputs"][0]);
  CHECK(without_type(got[3]) == whole["calls"][0]);
  CHECK(without_type(got[4]) == whole["calls"][1]);
  CHECK(without_type(got[5]) == whole["incident"]);
  CHECK(got[6]["value"] == 7);
  CHECK(got[7]["value"] == 1.5);
  CHECK(got[8]["value"] == json::parse("[2]"));
  CHECK(without_type(got[9]) == whole["findings"][0]);
  CHECK(without_type(got[12]) == whole["coverage"]);
  CHECK(without_type(got[13]) == whole["summary"]);
}

TEST_CASE("The text report is the golden one, with and without colour", "[render]") {
  Sample sample;
  for (std::uint64_t i = 1; i <= 12; ++i) sample.make(kWeak, i, "tag of stream " + std::to_string(i) + " has 32 bits");
  report::Finding& hostile = sample.make(kClear, 17,
                                         "call \x1b]0;owned\x07 from \xe2\x80\xae"
                                         "evil\nHIGH T-001 forged line");
  hostile.confidence = report::Confidence::kProbable;
  for (std::uint64_t i = 0; i < 6; ++i)
    hostile.evidence.push_back({.frame = {i % 2 == 0 ? 1U : 0U, 20 + i, {}}, .note = ""});
  check_golden(sample.render(render_text), "report.txt");
  RenderOptions colour;
  colour.colour = true;
  colour.width = 60;
  colour.brief = true;
  check_golden(sample.render(render_text, colour), "report-colour-brief.txt");
}

TEST_CASE("Without findings the text says so, and says nothing of what was all seen", "[render]") {
  Sample sample;
  sample.report.inputs = {{.path = "a.pcap", .sha256 = {}, .first_time = {}, .last_time = {}, .problems = {}}};
  sample.report.coverage = {};
  sample.report.content = nullptr;
  const std::string text = sample.render(render_text);
  CHECK(text == "test-tool: nothing found in what was visible\na.pcap, 0 packets\nno findings\n");
}

TEST_CASE("The text form takes no terminal escape out of any untrusted text", "[render]") {
  std::mt19937 random{3};
  Sample sample;
  for (int round = 0; round < 8; ++round) {
    std::string bytes;
    for (int i = 0; i < 400; ++i) bytes += static_cast<char>(random() & 0xff);
    report::Finding& f = sample.make(round % 2 == 0 ? kClear : kWeak, 1, bytes);
    f.evidence[0].note = bytes;
    f.status_reason = bytes;
  }
  sample.report.inputs[0].path =
      "\x1b[31m\xc2\x9b"
      "2J";
  sample.report.inputs[0].problems = {"\x07\x08"};
  for (const std::string text = sample.render(render_text); const char c : text) {
    REQUIRE((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
    REQUIRE(c != 0x7f);
  }
}

TEST_CASE("Times of the text form follow the zone that was asked for", "[render]") {
  Sample sample;
  RenderOptions options;
  options.format_time = [](Timestamp) { return std::string{"LOCAL"}; };
  const std::string text = sample.render(render_text, options);
  CHECK(text.find("LOCAL to LOCAL") != std::string::npos);
  CHECK(text.find("2026-") == std::string::npos);
}

TEST_CASE("Formats are found by name", "[render]") {
  CHECK(formats().front().name == "text");
  REQUIRE(find_format("ndjson") != nullptr);
  CHECK(find_format("yaml") == nullptr);
  CHECK(find_format("") == nullptr);
}

TEST_CASE("The list of checks comes in the order of ids, in every form", "[render]") {
  constexpr std::array kReversed{&kWeak, &kClear};
  const auto list = [&](ChecksForm form) {
    StringOutput out;
    render_checks(kReversed, "test-tool", form, {}, out);
    return out.text();
  };
  CHECK(list(ChecksForm::kText) ==
        "T-001  high      clear-audio  Audio sent in clear\nT-002  low       weak-tag     Short tag\n");
  const json j = json::parse(list(ChecksForm::kJson));
  REQUIRE(j.size() == 2);
  CHECK(j[0]["id"] == "T-001");
  CHECK(j[1]["severity"] == "low");
  CHECK(list(ChecksForm::kMarkdown).find("## T-002 weak-tag\n") != std::string::npos);
  StringOutput out;
  render_explanation(kClear, ChecksForm::kText, {}, out);
  CHECK(out.text() ==
        "T-001 clear-audio (high)\nAudio sent in clear\n\nFires\n  An RTP stream without SRTP.\n\nWhy it matters\n"
        "  Anybody on the path can listen.\n\nRemedy\n  Turn SRTP on.\n    In Asterisk: "
        "media_encryption=sdes.\n\nReferences\n"
        "  RFC 3711; RFC 4568 section 8\n");
}

namespace {

// As large as a busy hour: what --format json must be fast for.
class ManyCalls final : public report::Content {
 public:
  std::string headline() const override { return "many"; }
  void write_sections(report::RecordWriter& out) const override {
    out.key("calls");
    out.begin_array();
    for (std::uint64_t i = 0; i < 80'000; ++i) {
      const Timestamp at{1767323045000006000 + static_cast<std::int64_t>(i) * 1'000'000};
      out.begin_object();
      out.field("call_id", "a84b4c76e66710-0123456789abcdef@pc33.example.com");
      out.field("group", i);
      out.field("from", "\"Alice\" <sip:alice@example.com>;tag=1928301774");
      out.field("to", "<sip:+4930123456@example.net;user=phone>");
      out.field_time("start", at);
      out.field_time("end", at);
      out.key("media");
      out.begin_array();
      out.begin_object();
      out.field("kind", "audio");
      out.key("streams");
      out.begin_array();
      for (int s = 0; s < 2; ++s) {
        out.begin_object();
        out.field("ssrc", "0x1a2b3c4d");
        out.field("src", "192.0.2.1:4000");
        out.field("dst", "198.51.100.17:35000");
        out.field("packets", i);
        out.field_time("first_time", at);
        out.field_time("last_time", at);
        out.field("reason", "1,234 of 1,234 packets decode as PCMU; no key seen");
        out.end_object();
      }
      out.end_array();
      out.end_object();
      out.end_array();
      out.end_object();
    }
    out.end_array();
  }
  void write_text(report::TextWriter&) const override {}
};

class NullOutput final : public Output {
 public:
  void write(std::string_view bytes) override { bytes_ += bytes.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
};

}  // namespace

TEST_CASE("Rendering many calls needs no memory that grows with them", "[render]") {
  Sample sample;
  const ManyCalls many;
  sample.report.content = &many;
  NullOutput out;
  const auto started = std::chrono::steady_clock::now();
  render_json(sample.report, {}, out);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  CHECK(out.bytes() > 40'000'000);
  // Generous: sanitizers and a busy machine. With -O2 it takes less than a tenth of a second.
  CHECK(took.count() < 30);
  WARN("rendered " << out.bytes() << " bytes in " << took.count() << " s");
}
