#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "report/report.h"

namespace voip::policy {

// What a capture must show, neither less nor more (--expect FILE.toml).
struct Expectations {
  struct Entry {
    const report::Rule* rule = nullptr;
    std::optional<std::string> call{};  // empty text: about no call; not given: whatever call
    std::uint64_t count = 1;
    unsigned line = 0;
  };
  std::string path{};
  bool complete = true;                        // whether the run must be complete
  std::vector<const report::Rule*> ignored{};  // not looked at
  std::vector<Entry> findings{};
};

Result<Expectations> load_expectations(std::string_view text, const std::string& path,
                                       std::span<const report::Rule* const> rules);

// A line for each difference: "- " what is missing, "+ " what was not expected. Suppressed findings are not there.
std::vector<std::string> differences(const Expectations& expected, const report::Report& report);

// What this report shows, as such a file.
std::string write_expectations(const report::Report& report);

}  // namespace voip::policy
