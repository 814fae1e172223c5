#include "report/finding.h"

namespace voip::report {

std::string_view to_string(FindingStatus status) {
  switch (status) {
    case FindingStatus::kNew: return "new";
    case FindingStatus::kBaselined: return "baselined";
    case FindingStatus::kSuppressed: return "suppressed";
  }
  return "new";
}

}  // namespace voip::report
