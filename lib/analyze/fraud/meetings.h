#pragma once

#include <vector>

#include "analyze/fraud/calls.h"

namespace voip::analyze::fraud {

// Whether calls to one number are people who meet in a conference: they come together, stay, and nobody comes after
// them, a few times at most. Who blocks a line, or is paid for minutes, calls again where a call ended.
// calls: by start, all to the same number.
bool meetings(const std::vector<const PhoneCall*>& calls);

}  // namespace voip::analyze::fraud
