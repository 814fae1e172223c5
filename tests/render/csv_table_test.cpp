#include "render/csv_table.h"

#include <catch2/catch.hpp>

#include "render/renderer.h"

using namespace voip;
using namespace voip::render;

namespace {

void stream(report::RecordWriter& out, std::string_view ssrc, std::initializer_list<int> types, bool checked) {
  out.begin_object();
  out.field("ssrc", ssrc);
  out.key("payload_types");
  out.begin_array();
  for (const int type : types) out.value(type);
  out.end_array();
  out.key("auth");
  if (checked) {
    out.begin_object();
    out.field("checked", 7);
    out.end_object();
  } else {
    out.null();
  }
  out.field_time("first_time", Timestamp{1767323045000006000});
  out.end_object();
}

class Calls final : public report::Content {
 public:
  std::string headline() const override { return "calls"; }
  void write_sections(report::RecordWriter& out) const override {
    out.key("calls");
    out.begin_array();
    out.begin_object();
    out.field("call_id", "=1+1\x1b[31m,\"x\"");
    out.field("from", "sip:a");
    out.key("media");
    out.begin_array();
    for (const char* kind : {"audio", "video"}) {
      out.begin_object();
      out.field("kind", kind);
      out.key("streams");
      out.begin_array();
      stream(out, kind, {0, 101}, true);
      out.end_array();
      out.end_object();
    }
    out.end_array();
    out.end_object();
    out.end_array();
    out.key("incident");
    out.begin_object();
    out.key("streams");
    out.begin_array();
    stream(out, "never", {}, false);
    out.end_array();
    out.end_object();
    out.key("orphan_streams");
    out.begin_array();
    stream(out, "orphan", {}, false);
    out.end_array();
    out.field("unsigned", 3);
    out.key("upstreams");
    out.begin_array();
    stream(out, "another word", {}, false);
    out.end_array();
  }
  void write_text(report::TextWriter&) const override {}
};

std::string written(const Table& table, const report::Content* content) {
  report::Report report;
  report.content = content;
  StringOutput out;
  render_csv_table(report, table, out);
  return out.text();
}

}  // namespace

TEST_CASE("A nested list is a table, with what encloses it in front, and orphans have empty cells there", "[render]") {
  const Calls calls;
  CHECK(written({"streams", "call_id,call_from,media_kind,ssrc,payload_types,auth_checked,first_time"}, &calls) ==
        "call_id,call_from,media_kind,ssrc,payload_types,auth_checked,first_time\n"
        "\"'=1+1\\x1b[31m,\"\"x\"\"\",sip:a,audio,audio,0; 101,7,2026-01-02T03:04:05.000006Z\n"
        "\"'=1+1\\x1b[31m,\"\"x\"\"\",sip:a,video,video,0; 101,7,2026-01-02T03:04:05.000006Z\n"
        "\"\",,,orphan,,,2026-01-02T03:04:05.000006Z\n");
}

TEST_CASE("An outer list has the values of the lists inside in one cell", "[render]") {
  const Calls calls;
  CHECK(written({"calls", "from,media_kind,media_streams_ssrc,media_streams_payload_types"}, &calls) ==
        "from,media_kind,media_streams_ssrc,media_streams_payload_types\n"
        "sip:a,audio; video,audio; video,0; 101; 0; 101\n");
}

TEST_CASE("A table without rows, and one of a tool without records, is its head line", "[render]") {
  const Calls calls;
  CHECK(written({"events", "time,kind"}, &calls) == "time,kind\n");
  CHECK(written({"events", "time,kind"}, nullptr) == "time,kind\n");
}
