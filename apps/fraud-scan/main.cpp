#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <array>
#include <fstream>
#include <iterator>

#include "analyze/fraud/emit.h"
#include "analyze/fraud/fraud_analyzer.h"
#include "analyze/fraud/state.h"
#include "analyze/stir/store.h"
#include "cli/cold.h"
#include "cli/output_file.h"
#include "cli/run.h"
#include "cli/tool.h"
#include "signatures.h"

namespace {

using namespace voip;
namespace fraud = analyze::fraud;
namespace stir = analyze::stir;

struct OwnOptions {
  std::string destinations;
  std::string rates;
  std::string places;
  std::string certs;
  std::string baseline;
  std::string profile;
  std::string state;
  std::vector<std::string> emit;  // KIND or KIND=PATH
  fraud::EmitOptions blocks;
};

constexpr std::size_t kLargestFile = 512U << 20;

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{fmt::format("{}: cannot be read", path)};
  std::string text;
  char buffer[65536];
  while (in.read(buffer, sizeof(buffer)) || in.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kLargestFile) return Error{fmt::format("{}: larger than {} MiB", path, kLargestFile >> 20)};
  }
  if (in.bad()) return Error{fmt::format("{}: cannot be read", path)};
  return text;
}

Status write_file(const std::string& path, const std::string& text) {
  auto file = cli::FileOutput::create(path);
  if (!file) return file.error();
  (*file)->write(text);
  return (*file)->commit();
}

Status check(const OwnOptions& own) {
  unsigned printed = 0;
  for (const std::string& item : own.emit) {
    const std::size_t equals = item.find('=');
    if (!fraud::emit_kind_of(item.substr(0, equals)))
      return Error{fmt::format("--emit: \"{}\" is none of {}", item.substr(0, equals), fraud::kEmitKinds)};
    if (equals == std::string::npos && ++printed > 1)
      return Error{"--emit: only one list fits on standard output; give the others a file (KIND=FILE)"};
  }
  return Done{};
}

// Only what a signature says of the caller matters here; how fresh it is stir-verify tells.
stir::Options stir_options(const cli::RunContext& context) {
  stir::Options options;
  options.max_calls = cli::limits_for(context.options).calls;
  options.site = context.policy.site;
  const std::string_view code = fraud::Destinations::built_in().calling_code(context.policy.site.country);
  if (!code.empty()) options.country_code = code;
  return options;
}

Result<cli::RunOutcome> scan(const OwnOptions& own, const cli::RunContext& context) {
  fraud::Options options = fraud::options_from(context.policy, cli::limits_for(context.options));
  if (!own.destinations.empty()) {
    const auto text = read_file(own.destinations);
    if (!text) return text.error();
    auto table = fraud::Destinations::parse(*text, own.destinations);
    if (!table) return table.error();
    options.destinations = std::make_shared<fraud::Destinations>(std::move(*table));
  }
  if (!own.rates.empty()) {
    const auto text = read_file(own.rates);
    if (!text) return text.error();
    auto rates = std::make_shared<fraud::RateTable>(options.limits);
    if (const Status status = rates->read(*text, own.rates); !status) return status.error();
    options.rates = std::move(rates);
  }
  if (!own.places.empty()) {
    const auto text = read_file(own.places);
    if (!text) return text.error();
    auto places = fraud::Places::read(*text, own.places);
    if (!places) return places.error();
    options.places = std::make_shared<fraud::Places>(std::move(*places));
  }
  if (!own.baseline.empty()) {
    const auto text = read_file(own.baseline);
    if (!text) return text.error();
    auto profile = fraud::profile_from_json(*text, own.baseline);
    if (!profile) return profile.error();
    options.history = std::move(*profile);
  }
  fraud::FraudAnalyzer analyzer(std::move(options), context.findings);
  if (!own.state.empty() && std::ifstream(own.state).good()) {
    const auto text = read_file(own.state);
    if (!text) return text.error();
    if (const Status status = analyzer.load_state(*text); !status)
      return Error{fmt::format("{}: {}", own.state, status.error().message)};
  }
  stir::StorePaths paths;
  paths.certs = own.certs;
  auto store = stir::Store::open(paths);
  if (!store) return store.error();
  Signatures signatures(stir_options(context), *store, analyzer);
  cli::RunOutcome outcome;
  outcome.coverage = cli::run_pipeline(context, signatures);
  signatures.finish();
  outcome.content = analyzer.finish();
  for (const auto& [table, count] : analyzer.dropped()) {
    outcome.coverage.evicted[table] += count;
    outcome.coverage.complete = false;
  }
  if (!own.profile.empty()) {
    if (const Status status = write_file(own.profile, fraud::profile_to_json(analyzer.profile())); !status)
      return status.error();
  }
  if (!own.emit.empty()) {
    const auto blocks = fraud::blocks_of(
        analyzer.incidents(), [&](const IpAddress& address) { return analyzer.blockable(address); }, own.blocks);
    for (const std::string& item : own.emit) {
      const std::size_t equals = item.find('=');
      std::string list = fraud::emit(*fraud::emit_kind_of(item.substr(0, equals)), blocks, own.blocks);
      if (equals == std::string::npos) {
        outcome.plain = std::move(list);
      } else if (const Status status = write_file(item.substr(equals + 1), list); !status) {
        return status.error();
      }
    }
  }
  // Last: whoever runs again after a failure starts from the same state.
  if (!own.state.empty()) {
    if (const Status status = write_file(own.state, analyzer.save_state()); !status) return status.error();
  }
  return outcome;
}

// What -f csv-NAME writes. A column keeps its name and place; new ones come last.
constexpr std::array kTables{
    render::Table{"incidents",
                  "kind,severity,confidence,first_time,last_time,sources,targets,accounts,numbers,destinations,"
                  "messages,attempts,successes,calls,answered,minutes,concurrent_peak,estimated_cost_currency,"
                  "estimated_cost_low,estimated_cost_high,tool,finding,checks,explanation,evidence_frame"},
    render::Table{"accounts",
                  "account,sources,registrations,failures,calls,answered,minutes,concurrent_peak,countries,user_agents,"
                  "risk"},
};

}  // namespace

int main(int argc, char** argv) {
  const ColdMemory cold(cli::cold_memory());
  OwnOptions own;
  cli::ToolSpec tool;
  tool.name = "fraud-scan";
  tool.purpose = "Who scans, guesses, floods or steals calls here, did they succeed, and what did it cost?";
  tool.rules = fraud::kRules;
  tool.add_options = [&own](CLI::App& app) {
    app.add_option("--destinations", own.destinations,
                   "CSV of prefixes, countries and tiers in place of the built-in table")
        ->type_name("FILE");
    app.add_option("--rates", own.rates, "CSV of rates for the cost estimate (prefix,rate_per_min,...)")
        ->type_name("FILE");
    app.add_option("--places", own.places,
                   "CSV of networks and their countries (network,country[,latitude,longitude]), or a MaxMind database")
        ->type_name("FILE");
    app.add_option("--certs", own.certs, "Certificates that sign calls: a folder, or a list of URL, tab, file")
        ->type_name("DIR|LIST");
    app.add_option("--baseline-traffic", own.baseline, "What is normal here: a profile that --write-profile wrote")
        ->type_name("FILE");
    app.add_option("--write-profile", own.profile, "Write what was normal in these inputs")->type_name("FILE");
    app.add_option("--state", own.state, "Carry accounts and open campaigns from run to run in this file")
        ->type_name("FILE");
    app.add_option(
           "--emit", own.emit,
           fmt::format("Blocklist of certain attackers ({}), to FILE or instead of the report", fraud::kEmitKinds))
        ->type_name("KIND[=FILE]")
        ->allow_extra_args(false);
    app.add_option("--emit-timeout", own.blocks.seconds, "How long the entries of a blocklist live, in seconds")
        ->check(CLI::Range(1U, 365U * 86'400U));
    app.add_flag("--allow-private", own.blocks.allow_private, "Let blocklists name private addresses too");
  };
  tool.check_options = [&own] { return check(own); };
  tool.read_paths = [&own] {
    std::vector<std::string> paths;
    for (const std::string& path : {own.destinations, own.rates, own.places, own.certs, own.baseline}) {
      if (!path.empty()) paths.push_back(path);
    }
    return paths;
  };
  tool.write_paths = [&own] {
    std::vector<std::string> paths{own.profile, own.state};
    for (const std::string& item : own.emit) {
      if (const std::size_t equals = item.find('='); equals != std::string::npos)
        paths.push_back(item.substr(equals + 1));
    }
    return paths;
  };
  tool.tables = kTables;
  tool.run = [&own](const cli::RunContext& context) { return scan(own, context); };
  return cli::run_tool(argc, argv, tool);
}
