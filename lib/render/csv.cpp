#include "render/csv.h"

#include <fmt/format.h>

#include "render/csv_record.h"
#include "render/csv_table.h"
#include "render/escape.h"
#include "report/fingerprint.h"

namespace voip::render {

void render_csv(const report::Report& report, const RenderOptions& options, Output& out) {
  if (options.table != nullptr) return render_csv_table(report, *options.table, out);
  out.write(
      "id,name,severity,confidence,status,time,call_id,account,source,destination,message,input,frame,frames,"
      "fingerprint,status_reason\n");
  CsvRecord record;
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
