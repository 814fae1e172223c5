#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analyze/stir/do_not_originate.h"
#include "base/limits.h"
#include "base/time.h"
#include "policy/policy.h"

namespace voip::analyze::stir {

struct Options {
  std::int64_t freshness_s = 60;
  std::int64_t max_future_s = 5;   // beyond it a finding tells; the verdict follows freshness_s
  std::string country_code = "1";  // for numbers without a plus
  Timestamp at;                    // judge at this time; unknown: at the call's
  std::uint64_t max_unsigned_pct = 20;
  std::int64_t expiry_warn_days = 14;
  bool relax_x5u = false;  // lab: any host will do
  std::size_t max_calls = Limits{}.calls;
  policy::Site site{};
  std::vector<policy::Trunk> trunks{};
  DoNotOriginate do_not_originate{};
};

}  // namespace voip::analyze::stir
