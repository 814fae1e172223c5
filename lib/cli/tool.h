#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/source.h"
#include "cli/options.h"
#include "policy/policy.h"
#include "render/renderer.h"
#include "report/collector.h"
#include "report/content.h"
#include "report/coverage.h"

namespace CLI {
class App;
}

namespace voip::cli {

// What one run works with. All of it outlives the run.
struct RunContext {
  const CommonOptions& options;
  capture::PacketSource& source;  // pull until it is empty
  report::Collector& findings;
  const std::vector<std::string>& key_logs;  // contents of the --keylog files
  const std::vector<std::string>& tls_keys;  // contents of the --tls-key files; each was readable as an RSA key
  const policy::Policy& policy;              // the defaults where the user gave none
  // To be called now and then with the packets read; run_pipeline does.
  const std::function<void(std::uint64_t)>& on_progress;
};

// What a run gives back, besides its findings.
struct RunOutcome {
  report::Coverage coverage;  // complete = false when a limit was hit; the inputs' own state is added by run_tool
  std::shared_ptr<const report::Content> content;
  // What was read besides captures (--token TEXT); evidence counts them after the source's inputs.
  std::vector<report::Input> more_inputs = {};
  // Printed as it is to standard output in place of the report (--list-x5u). Reports to files are still written;
  // without one the exit status knows no findings.
  std::optional<std::string> plain = {};
};

struct ToolSpec {
  std::string_view name;
  std::string_view purpose;  // one sentence
  std::span<const report::Rule* const> rules;
  std::function<void(CLI::App&)> add_options;  // the tool's own; may be empty
  std::function<Result<RunOutcome>(const RunContext&)> run;
  // All that follows may be left out.
  std::span<const render::Format> extra_formats;  // beside those of all tools
  std::span<const render::Table> tables;          // what -f csv-NAME can write
  // After the options were read, before anything is opened.
  std::function<Status()> check_options;
  // Whether the options given make a run without INPUT possible; the source is empty then.
  std::function<bool()> runs_without_input;
  // Files that the tool's own options name: no report may replace them.
  std::function<std::vector<std::string>()> read_paths;
  // Files that the tool writes itself: none may be an input, or the same as another output. "" and "-" are passed over.
  std::function<std::vector<std::string>()> write_paths;
};

// The whole program: options, inputs, run, reports, exit status. Throws nothing.
int run_tool(int argc, const char* const* argv, const ToolSpec& spec);

}  // namespace voip::cli
