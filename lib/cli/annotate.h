#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture/open.h"
#include "render/output.h"
#include "report/report.h"

namespace voip::cli {

// Reads the inputs a second time and writes the packets that listed findings point to as pcapng, each finding a comment
// of its packets (draft-ietf-opsawg-pcapng). How many of them were not found again or could not be written.
Result<std::uint64_t> annotate(const report::Report& report, const std::vector<std::string>& inputs,
                               const capture::OpenOptions& options, render::Output& out);

}  // namespace voip::cli
