#pragma once

#include <set>
#include <string>
#include <vector>

#include "analyze/timeline/story.h"

namespace voip::analyze::timeline {

struct Chain {
  std::vector<std::size_t> incidents;  // indexes, in order
  std::vector<std::string> joins;      // a sentence for each edge that was used
};

// TL-002: which incidents are parts of one campaign. Incidents that are no attacks stand alone, and so do those whose
// indexes are in `apart`.
std::vector<Chain> join_incidents(const std::vector<fraud::Incident>& incidents, const StoryOptions& options,
                                  const std::set<std::size_t>& apart);

}  // namespace voip::analyze::timeline
