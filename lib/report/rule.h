#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace voip::report {

enum class Severity : std::uint8_t { kInfo, kLow, kMedium, kHigh, kCritical };
enum class Confidence : std::uint8_t { kPossible, kProbable, kCertain };
std::string_view to_string(Severity severity);
std::string_view to_string(Confidence confidence);
std::optional<Severity> severity_of(std::string_view name);
std::optional<Confidence> confidence_of(std::string_view name);

// One check of the catalogue. Rules are constants with static storage; --explain, --list-checks, doc/checks.md and
// SARIF all come from these texts, written for someone who has to repair a phone system.
struct Rule {
  std::string_view id{};    // "SRTP-002": never renamed, never reused
  std::string_view name{};  // kebab-case, unique: "sdes-key-in-clear"
  Severity severity = Severity::kInfo;
  std::string_view title{};      // one line
  std::string_view trigger{};    // what makes it fire, and what does not
  std::string_view rationale{};  // why it matters
  std::string_view remedy{};     // what to do, with the directive for kamailio, asterisk, rtpengine where there is one
  std::string_view reference{};  // RFC and section; several separated by "; "
};

}  // namespace voip::report
