#include "report/report.h"

#include <fmt/format.h>

namespace voip::report {

std::string Report::headline() const {
  if (content != nullptr) return content->headline();
  const std::uint64_t total = collector->total();
  if (total == 0) return "nothing found in what was visible";
  return fmt::format("{} finding{}", total, total == 1 ? "" : "s");
}

}  // namespace voip::report
