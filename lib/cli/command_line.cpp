#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/text.h"
#include "cli/generate.h"
#include "cli/version.h"
#include "policy/suggest.h"
#include "render/renderer.h"

namespace voip::cli {

namespace {

// Threads that nobody asked for: more help little, and reports that run side by side have other uses for the cores.
constexpr unsigned kMostThreadsUnasked = 8;

constexpr const char* kInput = "Input";
constexpr const char* kOutput = "Output";
constexpr const char* kVerdict = "Verdict and exit status";
constexpr const char* kRun = "Run";
constexpr const char* kAbout = "About";
constexpr std::string_view kTablePrefix = "csv-";

// What the user typed, before it is understood.
struct Typed {
  std::vector<std::string> inputs;
  std::string files_from;
  std::vector<std::string> key_logs;
  std::vector<std::string> tls_keys;
  std::string filter;
  std::string from;
  std::string to;
  std::vector<std::string> call_ids;
  std::string format;
  std::vector<std::string> outputs;
  std::string min_severity;
  std::string zone;
  std::string colour;
  std::vector<std::string> fail_on;
  std::string min_confidence;
  std::string threads;
  std::string max_memory;
  std::vector<std::string> explain;
  std::string at;
  std::string generate;
  bool list_checks = false;
  bool dump_policy = false;
};

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode) const override {
    std::string text = fmt::format("{}\n\nUsage: {} [OPTIONS] INPUT...\n", app->get_description(), name);
    std::vector<std::string> groups;
    for (const char* group : {kInput, kOutput, kVerdict, kRun}) groups.emplace_back(group);
    for (const CLI::Option* option : app->get_options()) {
      const std::string group = option->get_group();
      // A tool's own options first; an empty group hides.
      if (!group.empty() && group != kAbout && std::ranges::find(groups, group) == groups.end()) {
        groups.insert(groups.begin(), group);
      }
    }
    groups.emplace_back(kAbout);
    for (const std::string& group : groups) {
      std::string lines;
      for (const CLI::Option* option : app->get_options()) {
        if (option->get_group() == group && option->nonpositional()) lines += line_of(*option);
      }
      if (!lines.empty()) text += fmt::format("\n{}:\n{}", group == "Options" ? "Options of this tool" : group, lines);
    }
    return text + "\n" + app->get_footer() + "\n";
  }

 private:
  static std::string line_of(const CLI::Option& option) {
    constexpr std::size_t kColumn = 30;
    constexpr std::size_t kWidth = 100;
    std::string names;
    for (const std::string& name : option.get_snames()) names += "-" + name;
    names = names.empty() ? "    " : names + (option.get_lnames().empty() ? "  " : ", ");
    for (const std::string& name : option.get_lnames()) names += "--" + name;
    if (option.get_type_size() != 0 && option.get_expected_max() > 0) names += " " + option.get_type_name();
    std::string text = "  " + names;
    if (text.size() + 2 > kColumn) {
      text += "\n" + std::string(kColumn, ' ');
    } else {
      text.append(kColumn - text.size(), ' ');
    }
    std::size_t column = kColumn;
    TextCursor in{option.get_description()};
    for (std::string_view word = in.word(); !word.empty(); word = in.word()) {
      if (column + 1 + word.size() > kWidth) {
        text += "\n" + std::string(kColumn, ' ');
        column = kColumn;
      }
      if (column > kColumn) {
        text += ' ';
        ++column;
      }
      text += word;
      column += word.size();
    }
    return text + "\n";
  }
};

void add_shared_options(CLI::App& app, const ToolSpec& spec, Typed& typed, CommonOptions& options) {
  const auto text = [&app](const char* group, const std::string& names, std::string& into, const char* type,
                           const std::string& help) {
    app.add_option(names, into, help)->group(group)->type_name(type)->take_last();
  };
  const auto texts = [&app](const char* group, const std::string& names, std::vector<std::string>& into,
                            const char* type, const std::string& help) {
    app.add_option(names, into, help)->group(group)->type_name(type)->allow_extra_args(false);
  };
  const auto flag = [&app](const char* group, const std::string& names, bool& into, const std::string& help) {
    app.add_flag(names, into, help)->group(group)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  };
  app.add_option("INPUT", typed.inputs, "Captures, folders of captures, or - for standard input")->group(kInput);
  text(kInput, "--files-from", typed.files_from, "FILE", "Read more inputs from FILE, one a line; - is standard input");
  texts(kInput, "--keylog", typed.key_logs, "FILE", "TLS secrets (NSS key log); may be repeated");
  texts(kInput, "--tls-key", typed.tls_keys, "FILE",
        "Private RSA key of a TLS server (PEM), opens RSA key exchange only; may be repeated");
  text(kInput, "--filter", typed.filter, "BPF", "Only packets that this libpcap expression takes");
  texts(kInput, "--call-id", typed.call_ids, "ID", "Only this call; may be repeated");
  text(kInput, "--from", typed.from, "TIME", "Only packets from TIME on (RFC 3339, or @seconds since 1970)");
  text(kInput, "--to", typed.to, "TIME", "Only packets before TIME");
  flag(kInput, "--keep-duplicates", options.source.keep_duplicates, "Count a packet again that was captured twice");
  flag(kInput, "--hash", options.source.hash, "Put the SHA-256 of each input into the report");

  text(kOutput, "-f,--format", typed.format, "FORMAT",
       fmt::format("{}; default text", fmt::join(format_names(spec), ", ")));
  texts(kOutput, "-o,--output", typed.outputs, "[FORMAT=]PATH",
        "Write the report to PATH, - is standard output; may be repeated with other formats");
  text(kOutput, "--min-severity", typed.min_severity, "LEVEL",
       "List only findings of LEVEL (critical|high|medium|low|info) and above; all are still counted");
  text(kOutput, "--tz", typed.zone, "ZONE",
       "Show times in ZONE (Europe/Paris, local), text and HTML only; default UTC");
  text(kOutput, "--color", typed.colour, "WHEN", "auto|always|never; auto is on a terminal without NO_COLOR");
  text(kOutput, "--annotate", options.annotate, "OUT.pcapng",
       "Write the packets that findings point to, each with its finding as a comment");
  flag(kOutput, "--reveal", options.reveal, "Show keys, credentials and dialled PINs in full");

  texts(kVerdict, "--fail-on", typed.fail_on, "WHAT",
        "Exit with 1 on a finding of this LEVEL or above, or of these checks: LEVEL|ID,...|never (default high)");
  text(kVerdict, "--min-confidence", typed.min_confidence, "LEVEL",
       "Only findings at least that sure count for --fail-on: certain|probable|possible (default probable)");

  text(kVerdict, "--policy", options.policy, "FILE.toml",
       "What the site says of itself: facts, thresholds, severities, suppressions");
  flag(kVerdict, "--dump-policy", typed.dump_policy, "Show the policy in force, and where each value comes from");
  text(kVerdict, "--at", typed.at, "TIME", "Judge certificates and expiries at TIME instead of the call's time");
  text(kVerdict, "--baseline", options.baseline, "FILE", "Findings in FILE are known: shown as such, never failing");
  text(kVerdict, "--write-baseline", options.write_baseline, "FILE", "Write the findings of this run as a baseline");
  text(kVerdict, "--expect", options.expect, "FILE.toml",
       "Exit with 0 if exactly the findings that FILE names were found, else with 1 and the difference");
  text(kVerdict, "--write-expect", options.write_expect, "FILE.toml", "Write the findings of this run as expectations");

  text(kRun, "--threads", typed.threads, "N", "At most N threads; the report is the same for any N");
  text(kRun, "--max-memory", typed.max_memory, "SIZE", "Scale all tables to about SIZE (512M, 2G; default about 1G)");
  app.add_flag_callback(
         "--no-progress", [&options] { options.progress = false; }, "No progress line on a terminal")
      ->group(kRun)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  flag(kRun, "-q,--quiet", options.quiet, "Only errors on standard error; text shows the verdict and the findings");
  app.add_flag("-v,--verbose", options.verbose, "Say more on standard error; may be repeated")->group(kRun);

  flag(kAbout, "--list-checks", typed.list_checks, "List every check of this tool (also with --format json)");
  texts(kAbout, "--explain", typed.explain, "ID", "Explain a check, by its id or name");
  text(kAbout, "--generate", typed.generate, "WHAT", fmt::format("Print {}", fmt::join(generated_kinds(), ", ")));
}

std::string unknown_option(const CLI::App& app, const std::string& typed) {
  const std::string name = typed.substr(0, typed.find('='));
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& word : option->get_lnames()) known.push_back("--" + word);
  }
  const std::string meant = name.starts_with("--") ? policy::nearest(name, known) : std::string{};
  return fmt::format("unknown option {}{}", name, meant.empty() ? "" : fmt::format(" (did you mean {}?)", meant));
}

Error bad_value(std::string_view option, std::string_view value, std::string_view wanted) {
  return Error{fmt::format("{}: '{}' is not {}", option, value, wanted)};
}

const report::Rule* find_rule(const ToolSpec& spec, std::string_view name) {
  for (const report::Rule* rule : spec.rules) {
    if (iequals(rule->id, name) || iequals(rule->name, name)) return rule;
  }
  return nullptr;
}

Error no_such_check(const ToolSpec& spec, const std::string& typed) {
  std::vector<std::string> known;
  for (const report::Rule* rule : spec.rules) {
    known.emplace_back(rule->id);
    known.emplace_back(rule->name);
  }
  const std::string meant = policy::nearest(typed, known);
  return Error{fmt::format("--explain: {} has no check '{}'{}", spec.name, typed,
                           meant.empty() ? " (see --list-checks)" : fmt::format(" (did you mean {}?)", meant))};
}

Status read_fail_on(const Typed& typed, const ToolSpec& spec, report::FailPolicy& policy) {
  if (typed.fail_on.empty()) return Done{};
  policy.level.reset();
  for (const std::string& list : typed.fail_on) {
    std::string_view rest{list};
    while (true) {
      const std::size_t comma = rest.find(',');
      const std::string word{trim(rest.substr(0, comma))};
      if (iequals(word, "never")) {
        policy.never = true;
      } else if (const auto level = report::severity_of(to_lower(word))) {
        policy.level = policy.level ? std::min(*policy.level, *level) : *level;
      } else if (const report::Rule* rule = find_rule(spec, word)) {
        policy.rules.push_back(rule);
      } else {
        std::vector<std::string> known{"critical", "high", "medium", "low", "info", "never"};
        for (const report::Rule* each : spec.rules) {
          known.emplace_back(each->id);
          known.emplace_back(each->name);
        }
        const std::string meant = policy::nearest(word, known);
        return Error{fmt::format("--fail-on: '{}' is no level, no check of {} and not never{}", word, spec.name,
                                 meant.empty() ? "" : fmt::format(" (did you mean {}?)", meant))};
      }
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  if (policy.never && (policy.level || !policy.rules.empty())) {
    return Error{"--fail-on: 'never' does not go with anything else"};
  }
  return Done{};
}

// "did you mean" for one word of a list, or the list.
std::string one_of(std::string_view typed, std::span<const std::string> words) {
  const std::string meant = policy::nearest(typed, words);
  return meant.empty() ? fmt::format(" (one of {})", fmt::join(words, ", "))
                       : fmt::format(" (did you mean {}?)", meant);
}

Error unknown_format(const ToolSpec& spec, std::string_view option, std::string_view name) {
  if (name == "ormat") return Error{"unknown option -format (did you mean --format?)"};
  return Error{fmt::format("{}: unknown format '{}'{}", option, name, one_of(name, format_names(spec)))};
}

// "json", "csv-calls": what may stand before = in --output.
bool looks_like_format(std::string_view prefix) {
  const bool table = prefix.starts_with(kTablePrefix);
  if (table) prefix.remove_prefix(kTablePrefix.size());
  return std::ranges::all_of(prefix, [table](char c) { return is_alpha(c) || (table && c == '_'); });
}

Status read_outputs(const Typed& typed, const ToolSpec& spec, CommonOptions& options) {
  const std::string format =
      typed.format.empty() ? std::string{render::formats().front().name} : to_lower(typed.format);
  if (find_format(spec, format) == nullptr) return unknown_format(spec, "--format", typed.format);
  bool format_used = false;
  for (const std::string& typed_output : typed.outputs) {
    OutputTarget target{format, typed_output};
    const std::size_t equals = typed_output.find('=');
    const std::string prefix = typed_output.substr(0, equals);
    if (equals != std::string::npos && !prefix.empty() && looks_like_format(prefix)) {
      if (find_format(spec, prefix) == nullptr) {
        return Error{fmt::format("--output: unknown format '{}' in {}{}; ./{} is a file of that name", prefix,
                                 typed_output, one_of(prefix, format_names(spec)), typed_output)};
      }
      target = {prefix, typed_output.substr(equals + 1)};
    } else {
      format_used = true;
    }
    if (target.path.empty()) return Error{fmt::format("--output: '{}' names no file", typed_output)};
    for (const OutputTarget& other : options.outputs) {
      if (other.path == target.path) return Error{fmt::format("--output: {} is named twice", target.path)};
    }
    options.outputs.push_back(std::move(target));
  }
  // What --expect says takes the place of the report, unless one is asked for.
  const bool only_differences = !options.expect.empty() && options.outputs.empty() && typed.format.empty();
  // -f names the format of standard output, unless an -o without a format has taken it.
  const bool for_stdout = !only_differences && (options.outputs.empty() || (!typed.format.empty() && !format_used));
  const bool to_stdout = std::ranges::any_of(options.outputs, [](const OutputTarget& t) { return t.path == "-"; });
  if (for_stdout && to_stdout) return Error{"--output: standard output can take one report only"};
  if (for_stdout) options.outputs.push_back({format, "-"});
  std::vector<std::string> taken;
  for (const OutputTarget& other : options.outputs) taken.push_back(other.path);
  for (const std::string* path : {&options.write_baseline, &options.write_expect, &options.annotate}) {
    if (path->empty()) continue;
    if (std::ranges::find(taken, *path) != taken.end())
      return Error{fmt::format("{} is named twice as an output", *path == "-" ? "standard output" : *path)};
    taken.push_back(*path);
  }
  return Done{};
}

Status read_time(const std::string& option, const std::string& typed, Timestamp& into) {
  if (typed.empty()) return Done{};
  const auto time = parse_time(typed);
  if (!time) return bad_value(option, typed, "a time (2026-01-02T03:04:05Z, or @seconds since 1970)");
  into = *time;
  return Done{};
}

Status read_values(const Typed& typed, const ToolSpec& spec, CommonOptions& options) {
  options.source.inputs = typed.inputs;
  options.source.key_logs = typed.key_logs;
  options.source.tls_keys = typed.tls_keys;
  options.source.filter = typed.filter;
  options.call_ids = typed.call_ids;
  options.zone = typed.zone;
  if (auto status = read_time("--from", typed.from, options.source.from); !status) return status;
  if (auto status = read_time("--to", typed.to, options.source.to); !status) return status;
  if (auto status = read_time("--at", typed.at, options.at); !status) return status;
  if (options.source.from.known() && options.source.to.known() && options.source.from >= options.source.to) {
    return Error{"--from is not before --to"};
  }
  if (!typed.min_severity.empty()) {
    const auto level = report::severity_of(to_lower(typed.min_severity));
    if (!level) return bad_value("--min-severity", typed.min_severity, "one of critical, high, medium, low, info");
    options.min_severity = *level;
  }
  if (!typed.min_confidence.empty()) {
    const auto level = report::confidence_of(to_lower(typed.min_confidence));
    if (!level) return bad_value("--min-confidence", typed.min_confidence, "one of certain, probable, possible");
    options.fail_on.min_confidence = *level;
  }
  if (!typed.colour.empty()) {
    constexpr std::array<std::string_view, 3> kNames{"auto", "always", "never"};
    const auto* found = std::ranges::find(kNames, to_lower(typed.colour));
    if (found == kNames.end()) return bad_value("--color", typed.colour, "one of auto, always, never");
    options.colour = static_cast<Colour>(found - kNames.begin());
  }
  if (!typed.threads.empty()) {
    const auto n = parse_number<unsigned>(typed.threads);
    if (!n || *n == 0 || *n > 1024) return bad_value("--threads", typed.threads, "a number from 1 to 1024");
    options.threads = *n;
  } else {
    options.threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreadsUnasked);
  }
  if (!typed.max_memory.empty()) {
    const auto size = parse_size(typed.max_memory);
    if (!size || *size < (16U << 20)) return bad_value("--max-memory", typed.max_memory, "a size of at least 16M");
    options.max_memory = *size;
  }
  const std::array<std::pair<std::string_view, const std::string*>, 3> papers{
      {{"--policy", &options.policy}, {"--baseline", &options.baseline}, {"--expect", &options.expect}}};
  for (const auto& [option, path] : papers) {
    if (*path == "-") return Error{fmt::format("{}: standard input is for captures, name a file", option)};
  }
  if (auto status = read_fail_on(typed, spec, options.fail_on); !status) return status;
  return read_outputs(typed, spec, options);
}

}  // namespace

std::vector<std::string> format_names(const ToolSpec& spec) {
  std::vector<std::string> names;
  for (const render::Format& format : render::formats()) names.emplace_back(format.name);
  for (const render::Format& format : spec.extra_formats) names.emplace_back(format.name);
  for (const render::Table& table : spec.tables) names.push_back(fmt::format("{}{}", kTablePrefix, table.name));
  return names;
}

const render::Table* find_table(const ToolSpec& spec, std::string_view name) {
  if (!name.starts_with(kTablePrefix)) return nullptr;
  const auto table = std::ranges::find(spec.tables, name.substr(kTablePrefix.size()), &render::Table::name);
  return table == spec.tables.end() ? nullptr : &*table;
}

const render::Format* find_format(const ToolSpec& spec, std::string_view name) {
  if (find_table(spec, name) != nullptr) return render::find_format("csv");
  const auto extra = std::ranges::find(spec.extra_formats, name, &render::Format::name);
  return extra != spec.extra_formats.end() ? &*extra : render::find_format(name);
}

namespace {

std::shared_ptr<CLI::App> make_app(const ToolSpec& spec, Typed& typed, CommonOptions& options) {
  auto app = std::make_shared<CLI::App>(std::string{spec.purpose}, std::string{spec.name});
  app->formatter(std::make_shared<HelpFormatter>());
  app->set_help_flag("-h,--help", "Show this help")->group(kAbout);
  app->set_version_flag("--version", fmt::format("{} {}", spec.name, kVersion), "Show the version")->group(kAbout);
  app->footer(
      fmt::format("Exit status: 0 nothing reached --fail-on, 1 something did, 2 could not run, 3 incomplete run.\n"
                  "See man {}, and man voip-audit for what all tools share.",
                  spec.name));
  app->allow_extras();
  add_shared_options(*app, spec, typed, options);
  if (spec.add_options) spec.add_options(*app);
  return app;
}

// Reads the words. Action::kPrint: they ask for a text only. CLI11 throws; nothing of it leaves this function.
Status read_words(int argc, const char* const* argv, const ToolSpec& spec, Typed& typed, CommandLine& line) {
  const auto print = [&line](std::string text) {
    line.action = Action::kPrint;
    line.text = std::move(text);
    return Status{Done{}};
  };
  try {
    line.app = make_app(spec, typed, line.options);
    try {
      line.app->parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      return print(line.app->help());
    } catch (const CLI::CallForVersion& version) {
      return print(std::string{version.what()} + "\n");
    }
    for (const std::string& word : line.app->remaining()) {
      if (word != "--") return Error{unknown_option(*line.app, word)};  // CLI11 leaves the mark itself among the rest
    }
    if (typed.generate.empty()) return Done{};
    auto made = generate(*line.app, spec, typed.generate);
    if (!made) return made.error();
    return print(std::move(*made));
  } catch (const CLI::Error& error) {
    return Error{error.what()};
  }
}

// --list-checks and --explain.
Status read_checks(const ToolSpec& spec, const Typed& typed, CommandLine& line) {
  line.action = typed.list_checks ? Action::kListChecks : Action::kExplain;
  if (!typed.format.empty()) line.list_format = to_lower(typed.format);
  constexpr std::array<std::string_view, 4> kForms{"text", "json", "ndjson", "markdown"};
  if (std::ranges::find(kForms, line.list_format) == kForms.end()) {
    return Error{
        fmt::format("--format: '{}' is no format for a list of checks (text|json|ndjson|markdown)", typed.format)};
  }
  for (const std::string& name : typed.explain) {
    const report::Rule* rule = find_rule(spec, name);
    if (rule == nullptr) return no_such_check(spec, name);
    line.explained.push_back(rule);
  }
  Typed plain = typed;
  plain.format.clear();
  return read_values(plain, spec, line.options);
}

Status check_inputs(const ToolSpec& spec, const CommandLine& line) {
  const std::vector<std::string>& inputs = line.options.source.inputs;
  const bool needs_input = !(spec.runs_without_input && spec.runs_without_input());
  if (needs_input && inputs.empty() && line.files_from.empty()) {
    return Error{fmt::format("no input: name captures, folders or - (see {} --help)", spec.name)};
  }
  if (std::ranges::count(inputs, "-") + (line.files_from == "-" ? 1 : 0) > 1) {
    return Error{"standard input can be read only once"};
  }
  return Done{};
}

}  // namespace

Result<CommandLine> parse_command_line(int argc, const char* const* argv, const ToolSpec& spec) {
  CommandLine line;
  Typed typed;
  if (auto status = read_words(argc, argv, spec, typed, line); !status) return status.error();
  if (line.action == Action::kPrint) return line;
  if (typed.list_checks || !typed.explain.empty()) {
    if (auto status = read_checks(spec, typed, line); !status) return status.error();
    return line;
  }
  if (auto status = read_values(typed, spec, line.options); !status) return status.error();
  line.files_from = typed.files_from;
  if (typed.dump_policy) {
    line.action = Action::kDumpPolicy;
    return line;
  }
  if (spec.check_options) {
    if (auto status = spec.check_options(); !status) return status.error();
  }
  if (auto status = check_inputs(spec, line); !status) return status.error();
  return line;
}

}  // namespace voip::cli
