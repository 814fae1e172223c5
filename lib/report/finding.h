#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/frame_ref.h"
#include "report/rule.h"

namespace voip::report {

struct Evidence {
  FrameRef frame{};
  std::string note{};  // a few words: "a=crypto", "first clear packet"
};

enum class FindingStatus : std::uint8_t { kNew, kBaselined, kSuppressed };
std::string_view to_string(FindingStatus status);

struct Finding {
  const Rule* rule = nullptr;  // static storage, never null
  Severity severity{};         // the rule's, unless context moved it
  Confidence confidence = Confidence::kCertain;
  std::string message{};  // what was seen, with its values; secrets redacted
  std::string call_id{};  // empty: not about one call
  // Who or what it is about, in a fixed order: {"account", "1001"}, {"source", "192.0.2.1:5060"}. Untrusted text.
  std::vector<std::pair<std::string, std::string>> subject{};
  // The stable entity, for the fingerprint: never a frame, a time or a file name.
  std::string entity{};
  std::vector<Evidence> evidence{};  // never empty; the first is where to look
  FindingStatus status = FindingStatus::kNew;
  std::string status_reason{};  // of a suppression
};

enum class Verdict : std::uint8_t { kFail, kPass, kNotApplicable, kNotAssessable };

// Where analyzers put what they find.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void add(Finding finding) = 0;
  // Counts a subject (call, stream, account) under a check: silence is never a pass.
  virtual void tally(const Rule& rule, Verdict verdict, std::uint64_t subjects = 1) = 0;
};

}  // namespace voip::report
