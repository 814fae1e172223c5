#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analyze/fraud/toll.h"

namespace voip::analyze::fraud {

// What normal was within these inputs: the first half of the calls' time, without what hostile hosts did. Less than ten
// minutes of it are no baseline: then fixed limits stand alone.
class Baseline {
 public:
  struct Account {
    std::uint64_t calls = 0;
    std::set<std::string> countries{};      // of outbound calls
    std::vector<double> abroad_seconds{};   // of answered international calls
    std::map<std::int64_t, double> bins{};  // external calls in 10 minutes, by their number since the begin
  };
  Baseline() = default;
  explicit Baseline(const TollContext& context);

  bool known() const { return bins_ != 0; }
  Timestamp until() const { return until_; }
  const Account* find(const std::string& account) const;
  // Counts of all bins, the empty ones too.
  std::vector<double> counts(const std::string& account) const;
  // A country that several people of the site call from their own phones, at office hours and in the ordinary way,
  // besides this account. Never a premium range.
  bool business(const Destination* destination, const std::string& but) const;
  // A number abroad that more than one of the site called at office hours, or one of them day by day, and whose
  // answer was waited for: somebody they know.
  bool contact(const std::string& number) const;
  // For the report: what stood as baseline, or that nothing did.
  std::string sentence() const;

 private:
  struct Country {
    std::set<std::string> accounts{};
    std::set<std::int64_t> hours{};  // in which it was called
    std::vector<double> rings{};
    std::uint64_t calls = 0;
    std::uint64_t late = 0;  // outside of office hours
  };
  struct Contact {
    std::set<std::string> accounts{};
    std::set<std::int64_t> days{};
    std::vector<double> rings{};
  };
  Timestamp from_{};
  Timestamp until_{};
  std::int64_t bins_ = 0;
  std::map<std::string, Account> accounts_;
  std::map<std::string, Country> countries_;
  std::map<std::string, Contact> contacts_;  // by number
};

}  // namespace voip::analyze::fraud
