#pragma once

#include <array>

#include "analyze/stir/rules_call.h"
#include "analyze/stir/rules_certificate.h"
#include "analyze/stir/rules_token.h"

namespace voip::analyze::stir {

// All of them, in the order of their numbers.
inline constexpr auto kRules = [] {
  std::array<const report::Rule*,
             rules::kTokenRules.size() + rules::kCertificateRules.size() + rules::kCallRules.size()>
      all{};
  std::size_t at = 0;
  for (const report::Rule* rule : rules::kTokenRules) all[at++] = rule;
  for (const report::Rule* rule : rules::kCertificateRules) all[at++] = rule;
  for (const report::Rule* rule : rules::kCallRules) all[at++] = rule;
  return all;
}();

}  // namespace voip::analyze::stir
