#pragma once

#include <vector>

#include "analyze/timeline/content.h"
#include "report/finding.h"

namespace voip::analyze::timeline {

// TL-001 to TL-020: what the story and the inputs themselves give to report.
void report_story(const Story& story, const Record& record, const std::vector<Clock>& clocks,
                  const std::string& clock_assumption, report::Sink& sink);
// Of the inputs themselves, and of what lay open in them.
void report_facts(const Facts& facts, const Record& record, report::Sink& sink);

}  // namespace voip::analyze::timeline
