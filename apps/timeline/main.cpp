#include <CLI/CLI.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "aligned_source.h"
#include "analyze/timeline/timeline_analyzer.h"
#include "capture/open.h"
#include "cli/cold.h"
#include "cli/run.h"
#include "cli/tool.h"
#include "cli/version.h"
#include "custody.h"
#include "extract.h"
#include "formats.h"
#include "packet_watch.h"
#include "render/unicode.h"

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
  std::string extract;
  std::string case_directory;
  bool align = false;
  std::optional<Custody::Entry> entry{};  // of --case, once the run has begun
};

void add_options(CLI::App& app, Given& given) {
  timeline::Narrow& narrow = given.analysis.show.narrow;
  app.add_option("--number", narrow.numbers, "Only what concerns this number (repeatable)");
  app.add_option("--account", narrow.accounts, "Only what concerns this account (repeatable)");
  app.add_option("--address", given.addresses, "Only what concerns this address or network (repeatable)");
  app.add_option("--lines", given.analysis.show.lines, "Most lines of the text account; 0: all")->capture_default_str();
  app.add_option("--deadlines", given.deadlines, "Table of notification periods (CSV) in place of the built-in one");
  app.add_option("--regime", given.regimes, "Only notification periods whose id begins so (repeatable)");
  app.add_flag("--align-clocks", given.align, "Correct clocks that differ between inputs (told in any case)");
  app.add_option("--extract", given.extract, "Folder for one capture of each incident and each call chosen");
  app.add_option("--case", given.case_directory, "Folder of a case: this run is added to its custody log");
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

// --extract reads the inputs again and writes one capture for each incident and each call that was asked for.
Status extract(const cli::RunContext& context, const timeline::TimelineContent& content, const std::string& directory,
               report::Coverage& coverage) {
  capture::OpenOptions open;
  open.filter = context.options.source.filter;
  open.from = context.options.source.from;
  open.to = context.options.source.to;
  auto source = capture::open_inputs(context.options.source.inputs, open);
  if (!source) return source.error();
  std::vector<std::string> names;
  for (const capture::InputInfo& input : context.source.inputs()) {
    std::string name;
    unsigned columns = 0;
    render::append_for_terminal(name, input.path, columns);
    names.push_back(std::move(name));
  }
  ExtractFiles files{directory};
  const capture::PcapngWriter writer{fmt::format("timeline {}", cli::kVersion), std::move(names)};
  const ExtractPlan plan{content, writer, files};
  ExtractRun run{**source, plan, files};
  const std::function<void(std::uint64_t)> quiet;
  (void)cli::run_pipeline(
      {context.options, run, context.findings, context.key_logs, context.tls_keys, context.policy, quiet}, run);
  auto made = files.commit();
  if (!made) return made.error();
  coverage.notes.push_back(fmt::format("--extract wrote {} captures to {}", *made, directory));
  if (plan.left_out() != 0) {
    coverage.notes.push_back(
        fmt::format("--extract left out {} calls beyond the first {} files; --call-id, --number, "
                    "--account and --address choose",
                    plan.left_out(), ExtractPlan::kMostFiles));
  }
  return Done{};
}

// --align-clocks: the inputs are read once to measure how their clocks differ.
Result<std::vector<timeline::ClockOffset>> measure_clocks(const cli::RunContext& context) {
  capture::OpenOptions open;
  open.filter = context.options.source.filter;
  open.from = context.options.source.from;
  open.to = context.options.source.to;
  auto source = capture::open_inputs(context.options.source.inputs, open);
  if (!source) return source.error();
  ClockRun run;
  const std::function<void(std::uint64_t)> quiet;
  (void)cli::run_pipeline(
      {context.options, **source, context.findings, context.key_logs, context.tls_keys, context.policy, quiet}, run,
      run.clock());
  return run.finish();
}

// Two runs over the inputs need inputs that can be read twice.
Status can_be_read_again(const std::vector<std::string>& inputs, std::string_view option) {
  for (const std::string& input : inputs) {
    struct stat info {};
    if (input == "-" || (::stat(input.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)))
      return Error{fmt::format("{} reads its inputs twice: {} can be read only once", option,
                               input == "-" ? "standard input" : input)};
  }
  return Done{};
}

Status make_directory(const std::string& path, std::string_view option) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || !std::filesystem::is_directory(path, error))
    return Error{fmt::format("{} {}: {}", option, path, error ? error.message() : std::string("no folder"))};
  if (::access(path.c_str(), W_OK | X_OK) != 0) return Error{fmt::format("{} {}: can't be written", option, path)};
  return Done{};
}

// What -f csv-NAME writes. A column keeps its name and place; new ones come last.
constexpr std::array kTables{
    render::Table{"events", "time,kind,actor,subject,call_id,text,count,until,evidence_frame"},
    render::Table{"phases", "phase,start,end,actors,accounts,numbers,messages,calls,minutes,attack,evidence_frame"},
    render::Table{"calls",
                  "call_id,group,start,answer,end,from,to,dialled,status,duration_s,ended_by,user_agent,media,frame,"
                  "legs_from,legs_to"},
    render::Table{"indicators", "kind,value,first_time,last_time,confidence"},
};

Result<cli::RunOutcome> run(const cli::RunContext& given_context, Given& given) {
  // --call-id narrows what is told; the analysis sees everything.
  cli::CommonOptions options = given_context.options;
  given.analysis.show.narrow.call_ids = std::move(options.call_ids);
  options.call_ids.clear();
  const cli::RunContext context{options,
                                given_context.source,
                                given_context.findings,
                                given_context.key_logs,
                                given_context.tls_keys,
                                given_context.policy,
                                given_context.on_progress};
  if (!given.extract.empty()) {
    if (auto status = can_be_read_again(options.source.inputs, "--extract"); !status) return status.error();
    if (auto status = make_directory(given.extract, "--extract"); !status) return status.error();
  }
  Custody custody{given.case_directory};
  if (!given.case_directory.empty()) {
    if (auto status = make_directory(given.case_directory, "--case"); !status) return status.error();
    if (auto status = custody.read(); !status) return status.error();
  }
  InputWatch integrity;
  integrity.before(context.source.inputs(), options.source.hash || !given.case_directory.empty());
  std::vector<timeline::ClockOffset> measured;
  if (given.align) {
    if (auto status = can_be_read_again(options.source.inputs, "--align-clocks"); !status) return status.error();
    auto offsets = measure_clocks(context);
    if (!offsets) return offsets.error();
    measured = std::move(*offsets);
  }
  const Alignment alignment{measured};
  PacketWatch watch{context.source};
  AlignedSource aligned{watch, alignment};
  capture::PacketSource& source = alignment.empty() ? static_cast<capture::PacketSource&>(watch) : aligned;
  const cli::RunContext watched{options,          source,         context.findings,   context.key_logs,
                                context.tls_keys, context.policy, context.on_progress};
  given.analysis.fraud = analyze::fraud::options_from(context.policy, cli::limits_for(options));
  if (draws(options)) given.analysis.most_steps = 1U << 20;
  timeline::TimelineAnalyzer analyzer(given.analysis, context.findings);
  cli::RunOutcome outcome;
  timeline::CarrierWatch carriers;
  outcome.coverage =
      cli::run_pipeline(watched, analyzer, [&](const FrameRef& carrier, const net::HepInfo& info, Timestamp stamped) {
        if (given.align) return alignment.of_agent(carrier.input, info.capture_id, info.node, stamped);
        carriers.on_message(carrier, info.capture_id, info.node, stamped);
        return std::int64_t{0};
      });
  timeline::Facts facts = watch.facts();
  for (timeline::ClockOffset& offset : carriers.finish()) facts.offsets.push_back(std::move(offset));
  facts.hashes = integrity.after();
  facts.tcp_gaps = outcome.coverage.tcp_gaps;
  for (timeline::ClockOffset& offset : measured) {
    offset.corrected = true;
    facts.offsets.push_back(offset);
  }
  if (aligned.overflowed())
    outcome.coverage.notes.emplace_back(
        "--align-clocks: the clocks differ by too much for this traffic: some packets "
        "could not be put in their order");
  if (!given.case_directory.empty()) {
    facts.custody = custody.sentence();
    facts.custody_broken = custody.broken();
    Custody::Entry& entry = given.entry.emplace();
    for (std::size_t i = 0; i < context.source.inputs().size(); ++i) {
      const auto hash = std::ranges::find(facts.hashes, i, &timeline::InputHash::input);
      entry.inputs.emplace_back(context.source.inputs()[i].path, hash == facts.hashes.end() ? "" : hash->sha256);
    }
    for (const cli::OutputTarget& target : options.outputs) {
      if (target.path != "-") entry.outputs.push_back(target.path);
    }
    for (const std::string* path : {&options.annotate, &options.write_baseline, &options.write_expect}) {
      if (!path->empty()) entry.outputs.push_back(*path);
    }
    entry.policy = options.policy;
    entry.reveals = options.reveal;
  }
  auto content = analyzer.finish(std::move(facts));
  for (const auto& [table, count] : analyzer.dropped()) outcome.coverage.evicted[table] += count;
  if (!given.analysis.show.narrow.call_ids.empty() && content->asked_calls() == 0)
    outcome.coverage.notes.emplace_back("no call with the Call-ID of --call-id was seen");
  if (!given.extract.empty()) {
    if (auto status = extract(context, *content, given.extract, outcome.coverage); !status) return status.error();
  }
  outcome.content = std::move(content);
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  const ColdMemory cold(cli::cold_memory());
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
  tool.tables = kTables;
  tool.run = [&](const cli::RunContext& context) { return run(context, given); };
  const int status = cli::run_tool(argc, argv, tool);
  if (!given.entry) return status;
  given.entry->exit_status = status;
  for (int i = 0; i < argc; ++i) given.entry->command.emplace_back(argv[i]);
  if (auto added = Custody{given.case_directory}.append(*given.entry); !added) {
    fmt::print(stderr, "timeline: --case: {}\n", added.error().message);
    return 2;
  }
  return status;
}
