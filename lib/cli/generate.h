#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/tool.h"

namespace voip::cli {

// What --generate knows: completions, the example policy, a table of the options.
std::span<const std::string_view> generated_kinds();
Result<std::string> generate(const CLI::App& app, const ToolSpec& spec, std::string_view kind);

}  // namespace voip::cli
