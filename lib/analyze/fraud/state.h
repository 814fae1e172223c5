#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/fraud/calls.h"
#include "analyze/fraud/profile.h"
#include "analyze/fraud/toll_accounts.h"
#include "base/result.h"

namespace voip::analyze::fraud {

// Rows of plain texts that one detector carries over.
class StateSection {
 public:
  using Row = std::vector<std::string>;
  void add(Row row) { rows_.push_back(std::move(row)); }
  const std::vector<Row>& rows() const { return rows_; }

 private:
  std::vector<Row> rows_;
};

// What one run leaves to the next: JSON, versioned, bounded.
struct State {
  static constexpr std::string_view kSchema = "voip-audit/fraud-state/1";
  static constexpr std::size_t kMaxRows = 200'000;  // of each section, the latest ones

  std::map<std::string, StateSection> sections{};
  Profile history{};

  std::string to_json() const;
  static Result<State> from_json(std::string_view text);
};

// A profile alone: --write-profile and --baseline-traffic.
std::string profile_to_json(const Profile& profile);
Result<Profile> profile_from_json(std::string_view text, std::string_view what);

// Calls that began at or after `from`, and those whose first Call-ID is among `open`; and the other way round. Frames
// come back as those of an earlier run.
void save_calls(const CallTable& calls, Timestamp from, const std::set<std::string>& open, StateSection& section);
CallRecords load_calls(const StateSection& section);
void save_accounts(const AccountLedger& accounts, StateSection& section);
void load_accounts(const StateSection& section, AccountLedger& accounts);

}  // namespace voip::analyze::fraud
