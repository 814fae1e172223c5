#include "render/csv.h"

#include <fmt/format.h>

#include "base/text.h"
#include "render/escape.h"
#include "report/fingerprint.h"

namespace voip::render {

namespace {

// A spreadsheet takes some beginnings for a formula, also with quotes around. Numbers (+4930..., -1) are left alone.
bool looks_like_formula(std::string_view text) {
  if (text.empty()) return false;
  if (text[0] == '=' || text[0] == '@') return true;
  if (text[0] != '+' && text[0] != '-') return false;
  return text.find_first_not_of("0123456789.", 1) != std::string_view::npos;
}

class Record {
 public:
  void cell(std::string_view untrusted) {
    if (!line_.empty()) line_ += ',';
    std::string text = printable(untrusted);
    if (looks_like_formula(text)) text.insert(0, 1, '\'');
    if (text.find_first_of(",\"\n\r") == std::string::npos && !(text.empty() && line_.empty())) {
      line_ += text;
      return;
    }
    line_ += '"';
    for (const char c : text) {
      if (c == '"') line_ += '"';
      line_ += c;
    }
    line_ += '"';
  }
  void end(Output& out) {
    out.write(line_ + "\n");
    line_.clear();
  }

 private:
  std::string line_;
};

}  // namespace

void render_csv(const report::Report& report, const RenderOptions&, Output& out) {
  out.write(
      "id,name,severity,confidence,status,time,call_id,account,source,destination,message,input,frame,frames,"
      "fingerprint,status_reason\n");
  Record record;
  for (const report::Finding& finding : report.collector->findings()) {
    if (!report.listed(finding)) continue;
    const FrameRef frame = finding.evidence.empty() ? FrameRef{} : finding.evidence.front().frame;
    record.cell(finding.rule->id);
    record.cell(finding.rule->name);
    record.cell(report::to_string(finding.severity));
    record.cell(report::to_string(finding.confidence));
    record.cell(report::to_string(finding.status));
    record.cell(format_utc_exact(frame.time));
    record.cell(finding.call_id);
    record.cell(subject_of(finding, "account"));
    record.cell(subject_of(finding, "source"));
    record.cell(subject_of(finding, "destination"));
    record.cell(finding.message);
    record.cell(path_of(finding, report));
    record.cell(std::to_string(frame.number));
    record.cell(frames_of(finding, report, 20));
    record.cell(report::fingerprint(finding));
    record.cell(finding.status_reason);
    record.end(out);
  }
}

}  // namespace voip::render
