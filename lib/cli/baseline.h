#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "render/output.h"
#include "report/report.h"

namespace voip::cli {

// What a baseline knows of a finding; only the fingerprint decides.
struct BaselineEntry {
  std::string id;
  std::string severity;
  std::string message;
};
using Baseline = std::map<std::string, BaselineEntry>;  // by fingerprint

// path is for messages; a baseline of another tool is an error.
Result<Baseline> read_baseline(std::string_view text, const std::string& path, std::string_view tool);
// What `known` holds and the findings of this run that are not suppressed, one of each fingerprint, in the order of
// ids.
void write_baseline(const report::Report& report, Baseline known, render::Output& out);

}  // namespace voip::cli
