#pragma once

#include <string>

#include "cli/options.h"
#include "cli/tool.h"

namespace voip::cli {

enum class Action : std::uint8_t { kRun, kPrint, kListChecks, kExplain };

struct CommandLine {
  Action action = Action::kRun;
  CommonOptions options;
  std::string files_from;                      // path, "-" or empty: still to be read
  std::string text;                            // kPrint: help or version
  std::string list_format = "text";            // kListChecks, kExplain
  std::vector<const report::Rule*> explained;  // kExplain
};

// Checks everything that can be checked without touching a file. The error is one sentence for the user.
Result<CommandLine> parse_command_line(int argc, const char* const* argv, const ToolSpec& spec);

}  // namespace voip::cli
