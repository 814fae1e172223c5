#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "report/collector.h"
#include "report/report.h"

namespace voip::policy {

// Whether text fits a pattern in which * stands for anything. In case of letters exact.
bool matches(std::string_view pattern, std::string_view text);

// Applies severities, suppressions and a baseline to findings as they are made.
class Reviewer final : public report::Review {
 public:
  // path_of: the path of an input by its index. at: when to judge expiry; unknown: at the finding's own time.
  Reviewer(const Policy& policy, std::span<const report::Rule* const> rules,
           std::function<std::string(std::uint32_t)> path_of, Timestamp at);
  void set_baseline(std::set<std::string> fingerprints) { baseline_ = std::move(fingerprints); }

  void review(report::Finding& finding) override;
  // What became of the policy; empty without one.
  std::optional<report::AppliedPolicy> applied() const;

 private:
  struct Entry {
    const Suppression* what = nullptr;
    std::vector<const report::Rule*> rules;  // of this tool
    bool all = false;
    std::uint64_t matched = 0;
    std::uint64_t expired = 0;
  };
  bool in_scope(const Suppression& entry, const report::Finding& finding) const;

  const Policy& policy_;
  std::function<std::string(std::uint32_t)> path_of_;
  Timestamp at_;
  std::vector<Entry> entries_;
  std::vector<std::pair<const report::Rule*, report::Severity>> severities_;
  std::set<std::string> baseline_;
};

}  // namespace voip::policy
