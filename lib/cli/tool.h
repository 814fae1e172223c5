#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/source.h"
#include "cli/options.h"
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
};

// What a run gives back, besides its findings.
struct RunOutcome {
  report::Coverage coverage;  // complete = false when a limit was hit; the inputs' own state is added by run_tool
  std::shared_ptr<const report::Content> content;
};

struct ToolSpec {
  std::string_view name;
  std::string_view purpose;  // one sentence
  std::span<const report::Rule* const> rules;
  std::function<void(CLI::App&)> add_options;  // the tool's own; may be empty
  std::function<Result<RunOutcome>(const RunContext&)> run;
};

// The whole program: options, inputs, run, reports, exit status. Throws nothing.
int run_tool(int argc, const char* const* argv, const ToolSpec& spec);

}  // namespace voip::cli
