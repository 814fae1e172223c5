#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/tool.h"

namespace voip::cli {

enum class Action : std::uint8_t { kRun, kPrint, kListChecks, kExplain, kDumpPolicy };

struct CommandLine {
  Action action = Action::kRun;
  CommonOptions options;
  std::string files_from;                      // path, "-" or empty: still to be read
  std::string text;                            // kPrint: help or version
  std::string list_format = "text";            // kListChecks, kExplain
  std::vector<const report::Rule*> explained;  // kExplain
  std::shared_ptr<CLI::App> app;               // a main may ask its options later whether they were given
};

// A format of all tools or of this one; null when there is none.
const render::Format* find_format(const ToolSpec& spec, std::string_view name);
// What --format takes, in the order of --help.
std::vector<std::string> format_names(const ToolSpec& spec);
// The table that a format's name like "csv-calls" means; null when it means none.
const render::Table* find_table(const ToolSpec& spec, std::string_view name);

// Checks everything that can be checked without touching a file. The error is one sentence for the user.
Result<CommandLine> parse_command_line(int argc, const char* const* argv, const ToolSpec& spec);

}  // namespace voip::cli
