#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analyze/fraud/calls.h"
#include "analyze/fraud/incident.h"
#include "analyze/fraud/site.h"
#include "base/result.h"

namespace voip::analyze::fraud {

// What a minute to a prefix costs.
struct Rate {
  std::string prefix{};  // digits
  double per_minute = 0;
  std::string currency{};
  double increment_s = 60;
  double minimum_s = 0;
  double connect_fee = 0;
};

class RateTable {
 public:
  // No table: placeholder rates by tier.
  explicit RateTable(const Thresholds& limits)
      : placeholder_(limits.placeholder_rates), currency_(limits.placeholder_currency) {}
  // CSV with the columns prefix, rate_per_min, currency, increment_s, min_s, connect_fee; the last four may be left
  // out.
  Status read(std::string_view csv, std::string_view what);

  bool placeholder() const { return rates_.empty(); }
  const std::string& currency() const { return currency_; }
  // Of one call of so many seconds; nothing for a number without a rate.
  double cost(const Number& number, double seconds) const;
  // Of a campaign: low counts the answered calls of `sure`, high also those of `suspicious`.
  std::optional<Cost> estimate(const std::vector<const PhoneCall*>& sure,
                               const std::vector<const PhoneCall*>& suspicious) const;

 private:
  std::vector<Rate> rates_;  // by prefix
  std::array<double, 4> placeholder_;
  std::string currency_;
};

}  // namespace voip::analyze::fraud
