#include "analyze/srtp/srtp_analyzer.h"
#include "cli/run.h"
#include "cli/tool.h"

int main(int argc, char** argv) {
  using namespace voip;
  cli::ToolSpec tool;
  tool.name = "srtp-check";
  tool.purpose = "Is the media of each call really encrypted, on every leg, and how was it keyed?";
  tool.rules = analyze::srtp::kRules;
  tool.run = [](const cli::RunContext& context) -> Result<cli::RunOutcome> {
    analyze::srtp::SrtpAnalyzer analyzer({}, context.findings);
    cli::RunOutcome outcome;
    outcome.coverage = cli::run_pipeline(context, analyzer);
    outcome.content = analyzer.finish();
    return outcome;
  };
  return cli::run_tool(argc, argv, tool);
}
