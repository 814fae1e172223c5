#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "analyze/timeline/timeline_analyzer.h"
#include "base/text.h"
#include "cli/run.h"
#include "cli/tool.h"
#include "crypto/digest.h"
#include "formats.h"
#include "packet_watch.h"

namespace {

using namespace voip;
namespace timeline = analyze::timeline;

// The tool's own options as given.
struct Given {
  timeline::Options analysis;
  std::vector<std::string> addresses;
  std::vector<std::string> regimes;
  std::string deadlines;
  std::string aware_at;
};

void add_options(CLI::App& app, Given& given) {
  timeline::Narrow& narrow = given.analysis.show.narrow;
  app.add_option("--number", narrow.numbers, "Only what concerns this number (repeatable)");
  app.add_option("--account", narrow.accounts, "Only what concerns this account (repeatable)");
  app.add_option("--address", given.addresses, "Only what concerns this address or network (repeatable)");
  app.add_option("--lines", given.analysis.show.lines, "Most lines of the text account; 0: all")->capture_default_str();
  app.add_option("--deadlines", given.deadlines, "Table of notification periods (CSV) in place of the built-in one");
  app.add_option("--regime", given.regimes, "Only notification periods whose id begins so (repeatable)");
  app.add_option("--aware-at", given.aware_at, "When the incident became known; default: the end of the capture");
}

Status check_options(Given& given) {
  for (const std::string& text : given.addresses) {
    const auto block = timeline::Narrow::parse_block(text);
    if (!block) return Error{"--address " + text + ": not an address or network"};
    given.analysis.show.narrow.addresses.push_back(*block);
  }
  if (!given.aware_at.empty()) {
    const auto time = parse_time(given.aware_at);
    if (!time) return Error{"--aware-at " + given.aware_at + ": not a time"};
    given.analysis.aware_at = *time;
  }
  std::string csv{timeline::built_in_deadlines()};
  if (!given.deadlines.empty()) {
    std::ifstream file(given.deadlines, std::ios::binary);
    if (!file) return Error{"can't read " + given.deadlines};
    csv.assign(std::istreambuf_iterator<char>(file), {});
  }
  auto table = timeline::parse_deadlines(csv);
  if (!table) return Error{"--deadlines: " + table.error().message};
  given.analysis.deadlines = timeline::choose_deadlines(std::move(*table), given.regimes);
  if (!given.regimes.empty() && given.analysis.deadlines.empty()) {
    return Error{"--regime: no row of the table begins with " + given.regimes.front()};
  }
  return Done{};
}

// Messages are kept only for who draws them.
bool draws(const cli::CommonOptions& options) {
  return std::ranges::any_of(options.outputs, [](const cli::OutputTarget& target) {
    return target.format == "html" || target.format == "ladder" || target.format == "mermaid";
  });
}

// TL-014: with --hash, or where a file NAME.sha256 lies beside an input.
void hash_inputs(const std::vector<capture::InputInfo>& inputs, bool all, timeline::Facts& facts) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].usable || inputs[i].path == "-" || inputs[i].format == "homer-db") continue;
    timeline::InputHash hash;
    hash.input = static_cast<std::uint32_t>(i);
    if (std::ifstream beside(inputs[i].path + ".sha256"); beside) {
      std::string word(64, '\0');
      beside.read(word.data(), 64);
      for (char& c : word) c = ascii_lower(c);
      if (beside.gcount() == 64 && word.find_first_not_of("0123456789abcdef") == std::string::npos)
        hash.expected = word;
    }
    if (!all && hash.expected.empty()) continue;
    auto digest = crypto::sha256_file(inputs[i].path);
    if (!digest) continue;
    hash.sha256 = *digest;
    facts.hashes.push_back(std::move(hash));
  }
}

}  // namespace

int main(int argc, char** argv) {
  Given given;
  cli::ToolSpec tool;
  tool.name = "timeline";
  tool.purpose = "What happened, in order: who did what to which account, which calls followed, when was it stopped?";
  tool.rules = timeline::kRules;
  tool.add_options = [&](CLI::App& app) { add_options(app, given); };
  tool.extra_formats = kTimelineFormats;
  tool.check_options = [&] { return check_options(given); };
  tool.read_paths = [&] {
    return given.deadlines.empty() ? std::vector<std::string>{} : std::vector<std::string>{given.deadlines};
  };
  tool.run = [&](const cli::RunContext& context) -> Result<cli::RunOutcome> {
    PacketWatch watch{context.source};
    const cli::RunContext watched{context.options,  watch,          context.findings,   context.key_logs,
                                  context.tls_keys, context.policy, context.on_progress};
    given.analysis.fraud = analyze::fraud::options_from(context.policy, cli::limits_for(context.options));
    if (draws(context.options)) given.analysis.most_steps = 1U << 20;
    timeline::TimelineAnalyzer analyzer(given.analysis, context.findings);
    cli::RunOutcome outcome;
    outcome.coverage = cli::run_pipeline(watched, analyzer);
    timeline::Facts facts = watch.facts();
    hash_inputs(context.source.inputs(), context.options.source.hash, facts);
    outcome.content = analyzer.finish(std::move(facts));
    for (const auto& [table, count] : analyzer.dropped()) outcome.coverage.evicted[table] += count;
    return outcome;
  };
  return cli::run_tool(argc, argv, tool);
}
