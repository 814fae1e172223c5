#include "analyze/fraud/profile.h"

namespace voip::analyze::fraud {

const Habit* Profile::find(std::string_view account) const {
  const auto at = habits_.find(account);
  return at == habits_.end() ? nullptr : &at->second;
}

}  // namespace voip::analyze::fraud
