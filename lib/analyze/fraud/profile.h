#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"

namespace voip::analyze::fraud {

class CallTable;
struct Site;

// The habits of one account.
struct Habit {
  std::uint64_t calls = 0;
  std::uint64_t off_hours = 0;  // of its outbound calls
  std::uint64_t concurrent_peak = 0;
  std::uint64_t busiest_window = 0;                  // most external attempts within 5 minutes
  std::map<std::string, std::uint64_t> countries{};  // outbound calls
  std::map<std::string, std::uint64_t> sources{};    // addresses
  std::map<std::string, std::uint64_t> devices{};    // User-Agents
};

// What normal was: written by --write-profile, read by --baseline-traffic.
class Profile {
 public:
  const Habit* find(std::string_view account) const;
  Habit& habit(const std::string& account) { return habits_[account]; }
  bool empty() const { return habits_.empty(); }
  const std::map<std::string, Habit, std::less<>>& habits() const { return habits_; }
  Timestamp from{};
  Timestamp to{};

 private:
  std::map<std::string, Habit, std::less<>> habits_;
};

}  // namespace voip::analyze::fraud
