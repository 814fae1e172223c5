#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analyze/srtp/options.h"
#include "analyze/srtp/rules.h"
#include "report/finding.h"
#include "session/call.h"

namespace voip::analyze::srtp {

// Where the checks put what they find; knows the thresholds of this run.
class Findings {
 public:
  Findings(const Options& options, report::Sink& sink) : options_(options), sink_(sink) {}
  const Options& options() const { return options_; }
  // Evidence of unknown frames is dropped; without any left nothing is told. call: null for no call.
  void add(const Rule& rule, std::string message, const session::Call* call, std::string entity,
           std::vector<report::Evidence> evidence, std::vector<std::pair<std::string, std::string>> subject = {},
           std::optional<Severity> severity = {}, report::Confidence confidence = report::Confidence::kCertain);
  void tally(const Rule& rule, report::Verdict verdict, std::uint64_t subjects = 1) {
    sink_.tally(rule, verdict, subjects);
  }

 private:
  bool internal(const std::vector<std::pair<std::string, std::string>>& subject) const;
  const Options& options_;
  report::Sink& sink_;
};

}  // namespace voip::analyze::srtp
