#include "policy/policy.h"

#include <algorithm>

#include "base/text.h"

namespace voip::policy {

bool Site::owns_number(std::string_view e164) const {
  if (e164.starts_with('+')) e164.remove_prefix(1);
  return !e164.empty() && std::ranges::any_of(numbers, [&](const std::string& own) {
    return e164.starts_with(std::string_view{own}.substr(1));
  });
}

bool Site::owns_domain(std::string_view domain) const {
  return std::ranges::any_of(domains, [&](const std::string& own) { return iequals(own, domain); });
}

std::optional<report::Severity> Policy::severity_for(const report::Rule& rule) const {
  for (const Override& change : severities) {
    if (iequals(change.check, rule.id) || iequals(change.check, rule.name)) return change.severity;
  }
  return std::nullopt;
}

}  // namespace voip::policy
