#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "analyze/fraud/casework.h"

namespace voip::analyze::fraud {

// Requests beyond measure, from one source or from many.
void conclude_floods(Casework& work);
// From many: each sends little, together they are too much.
void conclude_distributed_floods(Casework& work);
// Calls that keep one number busy; after all that names suspects.
void conclude_telephones(Casework& work);

struct Arrival {
  std::int64_t ns = 0;
  std::uint32_t source = 0;
};
// When requests of many sources went beyond measure.
struct Surge {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::size_t sources = 0;   // the most within a minute
  std::size_t requests = 0;  // likewise
  bool drift = false;        // seen against what was usual; else by fixed limits
};
// 100 sources and 500 requests within a minute. arrivals: by time.
std::optional<Surge> surge(const std::vector<Arrival>& arrivals);
// Below that, what stands out from the first half of the time (EWMA and CUSUM over bins of 10 s), for a minute at
// least, from 30 sources or more and three times as many as usual. Nothing where the baseline is shorter than ten
// minutes.
std::optional<Surge> drifting_surge(const std::vector<Arrival>& arrivals, Timestamp begin, Timestamp end);

}  // namespace voip::analyze::fraud
