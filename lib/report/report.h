#pragma once

#include <string>
#include <vector>

#include "report/collector.h"
#include "report/content.h"
#include "report/coverage.h"

namespace voip::report {

inline constexpr std::string_view kSchema = "voip-audit/report/1";

// All that a renderer needs. Borrows the findings and the content; both outlive the rendering.
struct Report {
  std::string tool;
  std::string version;
  std::vector<Input> inputs;
  Coverage coverage;
  const Collector* collector = nullptr;     // sorted; never null
  const Content* content = nullptr;         // null: the tool has no sections of its own
  Severity min_severity = Severity::kInfo;  // findings below are counted, not listed

  bool listed(const Finding& finding) const { return finding.severity >= min_severity; }
  // The sentence of summary.text: the content's, or one made from the counts.
  std::string headline() const;
};

}  // namespace voip::report
