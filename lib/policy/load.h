#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "policy/policy.h"

namespace voip::policy {

// Reads a policy. rules: the checks of this tool; an id or name that is nearly one of them is an error, one of another
// tool is fine. The error names file, line and column, and what was probably meant.
Result<Policy> load_policy(std::string_view text, const std::string& path, std::span<const report::Rule* const> rules);

// The whole policy as TOML that load_policy takes, each value with where it comes from.
std::string dump_policy(const Policy& policy);
// doc/policy.example.toml: every key, commented out.
std::string example_policy();

}  // namespace voip::policy
