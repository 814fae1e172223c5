#pragma once

#include <array>

#include "analyze/fraud/rules_toll.h"
#if __has_include("analyze/fraud/rules_attack.h")
#include "analyze/fraud/rules_attack.h"
#endif

namespace voip::analyze::fraud {

#if __has_include("analyze/fraud/rules_attack.h")
inline constexpr auto kRules = [] {
  std::array<const report::Rule*, kAttackRules.size() + kTollRules.size()> all{};
  std::size_t n = 0;
  for (const report::Rule* rule : kAttackRules) all[n++] = rule;
  for (const report::Rule* rule : kTollRules) all[n++] = rule;
  return all;
}();
#else
inline constexpr auto kRules = kTollRules;
#endif

}  // namespace voip::analyze::fraud
