#pragma once

#include <cstdint>

namespace voip::cli {

enum class ExitStatus : std::uint8_t { kClean = 0, kFindings = 1, kFailed = 2, kIncomplete = 3 };

struct RunFacts {
  bool failed = false;        // usage, no readable input, output not written
  bool complete = true;       // every input read to its end, no limit hit
  std::uint64_t failing = 0;  // findings that reach --fail-on
};

// An error outranks findings: 2, then 3, then 1.
constexpr ExitStatus exit_status(const RunFacts& facts) {
  if (facts.failed) return ExitStatus::kFailed;
  if (!facts.complete) return ExitStatus::kIncomplete;
  return facts.failing > 0 ? ExitStatus::kFindings : ExitStatus::kClean;
}

}  // namespace voip::cli
