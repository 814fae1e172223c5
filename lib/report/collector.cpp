#include "report/collector.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace voip::report {

bool FailPolicy::counts(const Rule& rule, Severity severity, Confidence confidence, FindingStatus status) const {
  if (never || status != FindingStatus::kNew || confidence < min_confidence) return false;
  if (level && severity >= *level) return true;
  return std::ranges::any_of(rules, [&](const Rule* wanted) { return wanted->id == rule.id; });
}

Collector::Collector(std::span<const Rule* const> rules, Caps caps) : caps_(caps) {
  for (const Rule* rule : rules) (void)of(*rule);
}

Collector::PerRule& Collector::of(const Rule& rule) {
  PerRule*& known = by_address_.at_or_new(&rule);
  if (known == nullptr) {
    known = &rules_[rule.id];
    known->rule = &rule;
  }
  return *known;
}

void Collector::add(Finding finding) {
  assert(finding.rule != nullptr && !finding.evidence.empty());
  if (review_ != nullptr) review_->review(finding);
  PerRule& entry = of(*finding.rule);
  ++entry.added[static_cast<std::size_t>(finding.severity)][static_cast<std::size_t>(finding.confidence)]
               [static_cast<std::size_t>(finding.status)];
  ++entry.total;
  if (entry.kept >= caps_.per_rule || findings_.size() >= caps_.all) return;
  ++entry.kept;
  findings_.push_back(std::move(finding));
}

void Collector::tally(const Rule& rule, Verdict verdict, std::uint64_t subjects) {
  of(rule).subjects[static_cast<std::size_t>(verdict)] += subjects;
}

void Collector::sort() {
  // Stable, and with the text last, so that nothing but the capture decides.
  const auto first = [](const Finding& f) { return f.evidence.empty() ? FrameRef{} : f.evidence.front().frame; };
  std::ranges::stable_sort(findings_, [&](const Finding& a, const Finding& b) {
    if (const auto order = first(a) <=> first(b); order != 0) return order < 0;
    if (a.rule->id != b.rule->id) return a.rule->id < b.rule->id;
    if (a.entity != b.entity) return a.entity < b.entity;
    return a.message < b.message;
  });
}

std::vector<CheckTally> Collector::checks() const {
  std::vector<CheckTally> checks;
  checks.reserve(rules_.size());
  for (const auto& [id, entry] : rules_) {
    checks.push_back({entry.rule, entry.subjects});
    // Whoever told findings and counted no subject at all has failed something. Beside a pass they are facts.
    auto& subjects = checks.back().subjects;
    if (std::ranges::all_of(subjects, [](std::uint64_t n) { return n == 0; }))
      subjects[static_cast<std::size_t>(Verdict::kFail)] = entry.total;
  }
  return checks;
}

std::uint64_t Collector::count(Severity severity) const {
  std::uint64_t sum = 0;
  for (const auto& [id, entry] : rules_) {
    for (const auto& by_status : entry.added[static_cast<std::size_t>(severity)]) {
      for (const std::uint64_t n : by_status) sum += n;
    }
  }
  return sum;
}

std::uint64_t Collector::total() const {
  std::uint64_t sum = 0;
  for (const auto& [id, entry] : rules_) sum += entry.total;
  return sum;
}

std::uint64_t Collector::count(FindingStatus status) const {
  std::uint64_t sum = 0;
  for (const auto& [id, entry] : rules_) {
    for (const auto& by_confidence : entry.added) {
      for (const auto& by_status : by_confidence) sum += by_status[static_cast<std::size_t>(status)];
    }
  }
  return sum;
}

std::uint64_t Collector::fresh(const Rule& rule, Severity severity) const {
  const auto found = rules_.find(rule.id);
  if (found == rules_.end()) return 0;
  std::uint64_t sum = 0;
  for (const auto& by_status : found->second.added[static_cast<std::size_t>(severity)]) {
    sum += by_status[static_cast<std::size_t>(FindingStatus::kNew)];
  }
  return sum;
}

std::vector<std::string> Collector::notes() const {
  std::vector<std::string> notes;
  for (const auto& [id, entry] : rules_) {
    if (entry.kept == entry.total) continue;
    notes.push_back(fmt::format("{} ({}): {} of {} findings are listed, the others only counted", id, entry.rule->name,
                                entry.kept, entry.total));
  }
  return notes;
}

std::uint64_t Collector::failing(const FailPolicy& policy) const {
  std::uint64_t sum = 0;
  for (const auto& [id, entry] : rules_) {
    for (std::size_t severity = 0; severity < 5; ++severity) {
      for (std::size_t confidence = 0; confidence < 3; ++confidence) {
        for (std::size_t status = 0; status < 3; ++status) {
          const std::uint64_t n = entry.added[severity][confidence][status];
          if (n != 0 && policy.counts(*entry.rule, static_cast<Severity>(severity), static_cast<Confidence>(confidence),
                                      static_cast<FindingStatus>(status))) {
            sum += n;
          }
        }
      }
    }
  }
  return sum;
}

}  // namespace voip::report
