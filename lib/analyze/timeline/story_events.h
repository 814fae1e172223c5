#pragma once

#include "analyze/timeline/facts.h"
#include "analyze/timeline/record.h"
#include "analyze/timeline/story.h"

namespace voip::analyze::timeline {

// Puts what the story knows among the record's events: scans, the compromise, the take-over, the lock-out, holes.
// What stands against a gap: "1.4 packets a second are usual".
std::string usual_text(const Gap& gap);

void add_story_events(const Story& story, const Facts& facts, Record& record);

}  // namespace voip::analyze::timeline
