#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/collector.h"
#include "report/content.h"
#include "report/coverage.h"

namespace voip::report {

inline constexpr std::string_view kSchema = "voip-audit/report/1";

// What --policy did to this report.
struct AppliedPolicy {
  struct Change {
    std::string key{};  // "fraud.max_call_s", "severity.SRTP-013"
    std::string value{};
    std::string standard{};
  };
  struct Entry {
    unsigned line = 0;  // in the policy's file
    std::vector<std::string> checks{};
    std::string reason{};
    Timestamp expires{};
    std::uint64_t matched = 0;  // findings that it suppressed
    std::uint64_t expired = 0;  // findings that it would have suppressed before it expired
  };
  std::string path{};
  std::vector<Change> changed{};  // what differs from the defaults
  std::vector<Entry> suppressions{};

  // A sentence for each entry that has expired or matched nothing.
  std::vector<std::string> notes() const;
};

// From the first to the last packet of all inputs.
struct Span {
  Timestamp first{};
  Timestamp last{};
  std::uint64_t packets = 0;
};

// All that a renderer needs. Borrows the findings and the content; both outlive the rendering.
struct Report {
  std::string tool;
  std::string version;
  std::vector<Input> inputs;
  Coverage coverage;
  const Collector* collector = nullptr;     // sorted; never null
  const Content* content = nullptr;         // null: the tool has no sections of its own
  Severity min_severity = Severity::kInfo;  // findings below are counted, not listed
  FailPolicy fail_on{};                     // of the run
  int exit_status = 0;                      // of the program
  std::optional<AppliedPolicy> policy{};

  bool listed(const Finding& finding) const { return finding.severity >= min_severity; }
  // Whether this finding makes the run fail.
  bool fails(const Finding& finding) const {
    return fail_on.counts(*finding.rule, finding.severity, finding.confidence, finding.status);
  }
  Span span() const;
  // The sentence of summary.text: the content's, or one made from the counts.
  std::string headline() const;
};

}  // namespace voip::report
