#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/table.h"
#include "report/finding.h"

namespace voip::report {

// Which findings make a run fail (--fail-on, --min-confidence). Only new ones count.
struct FailPolicy {
  bool never = false;
  std::optional<Severity> level = Severity::kHigh;  // at or above
  std::vector<const Rule*> rules;                   // these at any severity
  Confidence min_confidence = Confidence::kProbable;

  bool counts(const Rule& rule, Severity severity, Confidence confidence, FindingStatus status) const;
};

// What became of one check.
struct CheckTally {
  const Rule* rule = nullptr;
  std::array<std::uint64_t, 4> subjects{};  // by Verdict

  std::uint64_t count(Verdict verdict) const { return subjects[static_cast<std::size_t>(verdict)]; }
};

// Looks at each finding before it counts, and may change its severity and status.
class Review {
 public:
  virtual ~Review() = default;
  virtual void review(Finding& finding) = 0;
};

// Gathers what the analyzers find. Counts everything; keeps at most so many findings, the first ones of each rule.
class Collector final : public Sink {
 public:
  struct Caps {
    std::size_t per_rule = 100'000;
    std::size_t all = 300'000;
  };

  // rules: static storage; each gets its line in checks(), also when nothing is ever told about it.
  explicit Collector(std::span<const Rule* const> rules) : Collector(rules, Caps{}) {}
  Collector(std::span<const Rule* const> rules, Caps caps);

  // Outlives the last add(); null: none.
  void set_review(Review* review) { review_ = review; }
  void add(Finding finding) override;
  void tally(const Rule& rule, Verdict verdict, std::uint64_t subjects = 1) override;

  // Puts the kept findings in the order of every report: first frame's time, input and number, then rule id. Call it
  // once, after the last add().
  void sort();
  const std::vector<Finding>& findings() const { return findings_; }
  // In the order of ids.
  std::vector<CheckTally> checks() const;
  // All that were added, kept or not, whatever their status.
  std::uint64_t count(Severity severity) const;
  std::uint64_t total() const;
  std::uint64_t count(FindingStatus status) const;
  // New ones of this rule and severity.
  std::uint64_t fresh(const Rule& rule, Severity severity) const;
  // Added but not kept.
  std::uint64_t dropped() const { return total() - findings_.size(); }
  // One sentence for each rule that lost findings to a cap; empty when none did.
  std::vector<std::string> notes() const;
  // How many of all that were added reach the policy.
  std::uint64_t failing(const FailPolicy& policy) const;

 private:
  struct PerRule {
    const Rule* rule = nullptr;
    std::array<std::uint64_t, 4> subjects{};
    std::array<std::array<std::array<std::uint64_t, 3>, 3>, 5> added{};  // [severity][confidence][status]
    std::uint64_t kept = 0;
    std::uint64_t total = 0;
  };
  PerRule& of(const Rule& rule);

  Caps caps_;
  Review* review_ = nullptr;
  std::map<std::string_view, PerRule> rules_;
  FlatMap<const Rule*, PerRule*> by_address_;  // to those
  std::vector<Finding> findings_;
};

}  // namespace voip::report
