#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace voip::analyze::timeline {

// One row of the table of notification periods. Nothing here is legal advice: whether a regime applies, and when its
// clock starts, a person decides.
struct Deadline {
  std::string id;
  std::string regime;
  std::string who;
  std::string to;
  std::string trigger;
  std::string clock_starts;
  std::string period;  // in words
  std::optional<std::uint32_t> hours;
  std::optional<std::uint32_t> business_days;
  std::string threshold;
  std::string basis;
  std::string status;
  std::string confirmed;  // "looked-up", "known", "unconfirmed"

  // When the period is over if its clock starts then; unknown: it has no fixed length. Business days: Monday to Friday,
  // holidays not known.
  Timestamp due(Timestamp start) const;
};

std::string_view built_in_deadlines();
// CSV with a line of column names (RFC 4180). The error says what is wrong with the table.
Result<std::vector<Deadline>> parse_deadlines(std::string_view csv);
// Rows whose id or regime begins with one of these words (any case); none given: all.
std::vector<Deadline> choose_deadlines(std::vector<Deadline> all, const std::vector<std::string>& regimes);

}  // namespace voip::analyze::timeline
