#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analyze/stir/options.h"
#include "analyze/stir/record.h"
#include "report/finding.h"

namespace voip::analyze::stir {

// Where the checks put what they find. What is true of a certificate or a signer, and not of one call, is gathered and
// told once, with the number of calls.
class Findings {
 public:
  Findings(const Options& options, report::Sink& sink) : options_(options), sink_(sink) {}
  const Options& options() const { return options_; }

  // Also counts a fail.
  void add(const report::Rule& rule, std::string message, const CallRecord* call, std::string entity,
           std::vector<report::Evidence> evidence, std::optional<report::Severity> severity = {},
           report::Confidence confidence = report::Confidence::kCertain);
  // The notes of one identity, and a tally for each rule that could have fired on it.
  void take(const CallRecord& call, IdentityRecord& identity, std::size_t index);
  void tally(const report::Rule& rule, report::Verdict verdict, std::uint64_t subjects = 1) {
    sink_.tally(rule, verdict, subjects);
  }
  // Tells what was gathered.
  void flush();

 private:
  void tell(const report::Rule& rule, std::string message, const CallRecord* call, std::string entity,
            std::vector<report::Evidence> evidence, std::optional<report::Severity> severity,
            report::Confidence confidence);
  struct Gathered {
    Note note;
    FrameRef frame;
    std::string call_id;
    std::uint64_t calls = 0;
  };
  const Options& options_;
  report::Sink& sink_;
  std::map<std::pair<std::string_view, std::string>, Gathered> gathered_;
};

}  // namespace voip::analyze::stir
