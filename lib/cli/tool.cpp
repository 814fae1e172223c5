#include "cli/tool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <system_error>

#include "capture/open.h"
#include "cli/annotate.h"
#include "cli/baseline.h"
#include "cli/command_line.h"
#include "cli/exit_status.h"
#include "cli/files.h"
#include "cli/hash.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/version.h"
#include "cli/zone.h"
#include "crypto/tls_keys.h"
#include "policy/expect.h"
#include "policy/load.h"
#include "policy/review.h"
#include "render/checks.h"
#include "render/monitoring.h"
#include "render/renderer.h"
#include "render/unicode.h"
#include "report/report.h"

namespace voip::cli {

namespace {

constexpr std::size_t kLargestPolicy = 16U << 20;

// One line on standard error.
void say(std::string_view tool, std::string_view text) {
  std::string line = fmt::format("{}: ", tool);
  unsigned columns = 0;
  render::append_for_terminal(line, text, columns);
  line += '\n';
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

// A program may be started with its standard files closed. Then the first file opened would become one of them, and a
// report could end up inside an input.
void hold_standard_files() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    // Opened the wrong way round, so that using it is still an error.
    [[maybe_unused]] const int opened = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

bool environment_has(const char* name) {
  const char* text = std::getenv(name);  // NOLINT: no thread has been started
  return text != nullptr && *text != '\0';
}

// See https://no-color.org and https://bixense.com/clicolors: refusing goes before forcing.
bool wants_colour(const CommonOptions& options, bool to_stdout, bool terminal) {
  if (options.colour != Colour::kAuto) return options.colour == Colour::kAlways;
  if (environment_has("NO_COLOR")) return false;
  const char* force = std::getenv("CLICOLOR_FORCE");  // NOLINT: no thread has been started
  if (to_stdout && force != nullptr && *force != '\0' && std::string_view{force} != "0") return true;
  const char* kind = std::getenv("TERM");  // NOLINT: as above
  return terminal && !(kind != nullptr && std::string_view{kind} == "dumb");
}

render::RenderOptions options_for(const CommonOptions& options, bool to_stdout) {
  render::RenderOptions render;
  const bool terminal = to_stdout && ::isatty(STDOUT_FILENO) == 1;
  render.colour = wants_colour(options, to_stdout, terminal);
  render.brief = options.quiet;
  struct winsize size {};
  if (terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
    render.width = std::clamp<unsigned>(size.ws_col, 60, 140);
  }
  if (!options.zone.empty()) render.format_time = format_local;
  return render;
}

std::string sentence(const capture::InputInfo& info) {
  std::string text = info.path + ": ";
  for (std::size_t i = 0; i < info.problems.size(); ++i) text += (i == 0 ? "" : "; ") + info.problems[i];
  if (info.problems.empty()) text += info.usable ? "incomplete" : "can't be read";
  if (info.usable || info.path == "-") return text;
  if (const std::string similar = similar_file(info.path); !similar.empty()) {
    if (text.ends_with('.')) text.pop_back();
    text += similar;
  }
  return text;
}

report::Input to_input(const capture::InputInfo& info) {
  report::Input input;
  input.path = info.path;
  input.format = info.format;
  input.bytes = info.bytes;
  input.packets = info.packets;
  input.sha256 = info.sha256;
  input.first_time = info.first_time;
  input.last_time = info.last_time;
  input.complete = info.complete && info.usable;
  input.problems = info.problems;
  if (!info.usable && input.problems.empty()) input.problems.emplace_back("can't be read");
  if (info.dropped_by_capture != 0) {
    input.problems.push_back(fmt::format("the capture itself lost {} packets", info.dropped_by_capture));
  }
  return input;
}

int print(std::string_view tool, StandardOutput& out) {
  if (const Status status = out.status(); !status) {
    say(tool, status.error().message);
    return static_cast<int>(ExitStatus::kFailed);
  }
  return static_cast<int>(ExitStatus::kClean);
}

int show_checks(const CommandLine& line, const ToolSpec& spec) {
  StandardOutput out;
  const render::RenderOptions options = options_for(line.options, true);
  const auto form = line.list_format == "json"       ? render::ChecksForm::kJson
                    : line.list_format == "ndjson"   ? render::ChecksForm::kNdjson
                    : line.list_format == "markdown" ? render::ChecksForm::kMarkdown
                                                     : render::ChecksForm::kText;
  if (line.action == Action::kListChecks) {
    render::render_checks(spec.rules, spec.name, form, options, out);
  } else {
    bool first = true;
    for (const report::Rule* rule : line.explained) {
      if (!first && form == render::ChecksForm::kText) out.write("\n");
      render::render_explanation(*rule, form, options, out);
      first = false;
    }
  }
  return print(spec.name, out);
}

// The plugin convention holds when standard output is for Nagios.
bool wants_nagios(const CommonOptions& options) {
  return std::ranges::any_of(options.outputs,
                             [](const OutputTarget& t) { return t.path == "-" && t.format == "nagios"; });
}

// The same for a command line that could not be read.
bool wanted_nagios(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word{argv[i]};
    if (word == "-fnagios" || word == "--format=nagios") return true;
    if ((word == "-f" || word == "--format") && i + 1 < argc && std::string_view{argv[i + 1]} == "nagios") return true;
  }
  return false;
}

int fail(std::string_view tool, const std::string& message, bool nagios) {
  say(tool, message);
  if (!nagios) return static_cast<int>(ExitStatus::kFailed);
  StandardOutput out;
  out.write(render::nagios_failure(tool, message));
  return static_cast<int>(render::NagiosStatus::kUnknown);
}

// Leaves the defaults where no policy is given.
Status load_policy_file(const CommonOptions& options, const ToolSpec& spec, policy::Policy& policy) {
  if (options.policy.empty()) return Done{};
  const auto text = read_text(options.policy);
  if (!text) return text.error();
  if (text->size() > kLargestPolicy) return Error{fmt::format("{} is too large for a policy", options.policy)};
  auto loaded = policy::load_policy(*text, options.policy, spec.rules);
  if (!loaded) return loaded.error();
  policy = std::move(*loaded);
  return Done{};
}

class Run {
 public:
  Run(const ToolSpec& spec, CommandLine& line) : spec_(spec), line_(line), options_(line.options) {}

  // The exit status, or why there is no report.
  Result<int> go() {
    if (!options_.zone.empty()) {
      if (auto status = use_zone(options_.zone); !status) return status.error();
    }
    if (auto status = read_lists(); !status) return status.error();
    if (auto status = read_papers(); !status) return status.error();
    if (auto status = check_outputs(); !status) return status.error();
    capture::OpenOptions open;
    open.filter = options_.source.filter;
    open.from = options_.source.from;
    open.to = options_.source.to;
    open.threads = options_.threads;
    auto opened = capture::open_inputs(options_.source.inputs, open);
    if (!opened) return opened.error();
    capture::PacketSource& source = **opened;
    if (auto status = check_inputs(source.inputs()); !status) return status.error();

    report::Collector findings{spec_.rules};
    policy::Reviewer reviewer{policy_, spec_.rules,
                              [&source](std::uint32_t input) {
                                return input < source.inputs().size() ? source.inputs()[input].path : std::string{};
                              },
                              options_.at};
    std::set<std::string> fingerprints;
    for (const auto& [fingerprint, entry] : baseline_) fingerprints.insert(fingerprint);
    reviewer.set_baseline(std::move(fingerprints));
    findings.set_review(&reviewer);
    auto outcome = pull(source, findings);
    if (!outcome) return outcome.error();
    if (auto status = check_inputs(source.inputs()); !status) return status.error();
    findings.sort();
    report::Report report = make_report(source, *outcome, findings);
    report.policy = reviewer.applied();
    if (outcome->plain) {
      StandardOutput out;
      out.write(*outcome->plain);
      if (auto printed = out.status(); !printed) return printed.error();
      std::erase_if(options_.outputs, [](const OutputTarget& target) { return target.path == "-"; });
      const bool papers = !options_.write_baseline.empty() || !options_.write_expect.empty() ||
                          !options_.annotate.empty() || expected_.has_value();
      // No report, no verdict.
      if (options_.outputs.empty() && !papers)
        return static_cast<int>(exit_status({.failed = false, .complete = report.coverage.complete, .failing = 0}));
    }
    std::vector<std::string> differences;
    if (expected_) differences = policy::differences(*expected_, report);
    const ExitStatus status = status_of(report, differences);
    report.exit_status = static_cast<int>(status);
    if (wants_nagios(options_)) report.exit_status = static_cast<int>(render::nagios_status(report));
    if (auto written = write_outputs(report); !written) return written.error();
    if (auto written = write_papers(report, open); !written) return written.error();
    if (expected_) {
      if (auto written = tell_differences(differences); !written) return written.error();
    }
    return report.exit_status;
  }

 private:
  Status read_lists() {
    if (!line_.files_from.empty()) {
      const auto names = read_text(line_.files_from);
      if (!names) return names.error();
      append_names(*names, options_.source.inputs);
      if (options_.source.inputs.empty())
        return Error{fmt::format("--files-from {}: no input named", line_.files_from)};
    }
    if (std::ranges::count(options_.source.inputs, "-") + (line_.files_from == "-" ? 1 : 0) > 1) {
      return Error{"standard input can be read only once"};
    }
    for (const std::string& path : options_.source.key_logs) {
      auto text = read_text(path);
      if (!text) return text.error();
      key_logs_.push_back(std::move(*text));
    }
    for (const std::string& path : options_.source.tls_keys) {
      auto text = read_text(path);
      if (!text) return text.error();
      crypto::KeyLog trial;
      if (auto status = trial.add_rsa_key(*text); !status)
        return Error{fmt::format("--tls-key {}: {}", path, status.error().message)};
      tls_keys_.push_back(std::move(*text));
    }
    read_paths_ = options_.source.inputs;
    read_paths_.insert(read_paths_.end(), options_.source.key_logs.begin(), options_.source.key_logs.end());
    read_paths_.insert(read_paths_.end(), options_.source.tls_keys.begin(), options_.source.tls_keys.end());
    read_paths_.push_back(line_.files_from);
    if (spec_.read_paths) {
      const std::vector<std::string> more = spec_.read_paths();
      read_paths_.insert(read_paths_.end(), more.begin(), more.end());
    }
    return Done{};
  }

  Status read_papers() {
    if (auto status = load_policy_file(options_, spec_, policy_); !status) return status;
    if (!options_.policy.empty()) read_paths_.push_back(options_.policy);
    if (!options_.baseline.empty()) {
      const auto text = read_text(options_.baseline);
      if (!text) return text.error();
      auto known = read_baseline(*text, options_.baseline, spec_.name);
      if (!known) return known.error();
      baseline_ = std::move(*known);
      // --write-baseline may bring it up to date.
      std::error_code error;
      if (!std::filesystem::equivalent(options_.baseline, options_.write_baseline, error))
        read_paths_.push_back(options_.baseline);
    }
    if (!options_.expect.empty()) {
      const auto text = read_text(options_.expect);
      if (!text) return text.error();
      auto expected = policy::load_expectations(*text, options_.expect, spec_.rules);
      if (!expected) return expected.error();
      expected_ = std::move(*expected);
      read_paths_.push_back(options_.expect);
    }
    if (!options_.annotate.empty()) {
      for (const std::string& input : options_.source.inputs) {
        struct stat info {};
        if (input == "-" || (::stat(input.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))) {
          return Error{fmt::format("--annotate reads its inputs twice: {} can be read only once",
                                   input == "-" ? "standard input" : input)};
        }
      }
    }
    return Done{};
  }

  Status check_outputs() const {
    std::vector<std::string> paths{options_.write_baseline, options_.write_expect, options_.annotate};
    for (const OutputTarget& target : options_.outputs) paths.push_back(target.path);
    if (spec_.write_paths) {
      const std::vector<std::string> own = spec_.write_paths();
      paths.insert(paths.end(), own.begin(), own.end());
    }
    std::map<std::string, const std::string*> taken;
    for (const std::string& path : paths) {
      if (path.empty() || path == "-") continue;
      if (auto status = check_output_path(path, read_paths_); !status) return status;
      const std::string identity = output_identity(path);
      if (identity.empty()) continue;  // a device takes any number
      if (const auto [other, made] = taken.emplace(identity, &path); !made)
        return Error{fmt::format("{} and {} are the same file: each output needs its own", *other->second, path)};
    }
    return Done{};
  }

  // At least one input must be readable. Folders have opened by now: their files may not be overwritten either.
  Status check_inputs(const std::vector<capture::InputInfo>& inputs) {
    if (options_.source.inputs.empty()) return Done{};  // a tool that runs without
    if (inputs.empty()) return Error{fmt::format("no capture in {}", options_.source.inputs.front())};
    const bool any = std::ranges::any_of(inputs, &capture::InputInfo::usable);
    if (!any) {
      for (std::size_t i = 0; i + 1 < inputs.size(); ++i) say(spec_.name, sentence(inputs[i]));
      return Error{sentence(inputs.back())};
    }
    for (const capture::InputInfo& input : inputs) read_paths_.push_back(input.path);
    return check_outputs();
  }

  Result<RunOutcome> pull(capture::PacketSource& source, report::Collector& findings) {
    Progress progress{spec_.name, options_.progress && !options_.quiet && ::isatty(STDERR_FILENO) == 1};
    const std::function<void(std::uint64_t)> on_progress = [&](std::uint64_t packets) {
      progress.update(packets, source.progress());
    };
    return spec_.run({options_, source, findings, key_logs_, tls_keys_, policy_, on_progress});
  }

  report::Report make_report(const capture::PacketSource& source, const RunOutcome& outcome,
                             const report::Collector& findings) {
    report::Report report;
    report.tool = spec_.name;
    report.version = kVersion;
    report.coverage = outcome.coverage;
    report.collector = &findings;
    report.content = outcome.content.get();
    report.min_severity = options_.min_severity;
    report.fail_on = options_.fail_on;
    for (const capture::InputInfo& info : source.inputs()) {
      report.inputs.push_back(to_input(info));
      if (!report.inputs.back().complete) {
        report.coverage.complete = false;
        if (!options_.quiet) say(spec_.name, sentence(info));
      }
      if (options_.verbose > 0) {
        say(spec_.name,
            fmt::format("{}: {}{}{}, {} packets, {} bytes", info.path, info.format,
                        info.compression.empty() ? "" : " in ", info.compression, info.packets, info.bytes));
      }
    }
    for (const report::Input& input : outcome.more_inputs) {
      report.inputs.push_back(input);
      if (!input.complete) report.coverage.complete = false;
    }
    for (const auto& [table, count] : report.coverage.evicted) {
      if (count != 0) report.coverage.complete = false;
    }
    const auto add_notes = [&report](const std::vector<std::string>& notes) {
      report.coverage.notes.insert(report.coverage.notes.end(), notes.begin(), notes.end());
    };
    add_notes(source.notes());
    if (const std::string note = nothing_read(report); !note.empty()) report.coverage.notes.push_back(note);
    if (options_.source.hash) add_notes(hash_inputs(report.inputs));
    if (findings.dropped() != 0) {
      report.coverage.complete = false;
      add_notes(findings.notes());
    }
    return report;
  }

  // Why there was nothing to judge, where that is plain.
  std::string nothing_read(const report::Report& report) const {
    const auto [first, last, packets] = report.span();
    if (report.coverage.packets != 0 || options_.source.inputs.empty()) return {};
    if (packets == 0) return "the inputs hold no packets";
    if (!options_.source.filter.empty())
      return fmt::format("--filter '{}' takes none of {} packets", options_.source.filter, packets);
    const bool window = options_.source.from.known() || options_.source.to.known();
    if (!window || !first.known()) return {};
    return fmt::format("none of {} packets lies between --from and --to: the inputs go from {} to {}", packets,
                       format_utc_exact(first), format_utc_exact(last));
  }

  ExitStatus status_of(const report::Report& report, const std::vector<std::string>& differences) const {
    if (expected_) {
      return exit_status({.failed = false,
                          .complete = report.coverage.complete || !expected_->complete,
                          .failing = differences.size()});
    }
    return exit_status({.failed = false,
                        .complete = report.coverage.complete,
                        .failing = report.collector->failing(options_.fail_on)});
  }

  // With a file, or standard output.
  Status write_to(const std::string& path, const std::function<void(render::Output&)>& write) {
    if (path == "-") {
      StandardOutput out;
      write(out);
      return out.status();
    }
    auto file = FileOutput::create(path);
    if (!file) return file.error();
    write(**file);
    return (*file)->commit();
  }

  Status write_outputs(const report::Report& report) {
    for (const OutputTarget& target : options_.outputs) {
      const render::Format* format = find_format(spec_, target.format);
      auto status = write_to(target.path, [&](render::Output& out) {
        render::RenderOptions options = options_for(options_, target.path == "-");
        options.table = find_table(spec_, target.format);
        format->render(report, options, out);
      });
      if (!status) return status;
    }
    return Done{};
  }

  Status write_papers(const report::Report& report, const capture::OpenOptions& open) {
    if (!options_.write_baseline.empty()) {
      auto status =
          write_to(options_.write_baseline, [&](render::Output& out) { write_baseline(report, baseline_, out); });
      if (!status) return status;
    }
    if (!options_.write_expect.empty()) {
      auto status =
          write_to(options_.write_expect, [&](render::Output& out) { out.write(policy::write_expectations(report)); });
      if (!status) return status;
    }
    if (options_.annotate.empty()) return Done{};
    if (options_.annotate == "-") {
      StandardOutput out;
      if (auto written = write_annotated(report, open, out); !written) return written.error();
      return out.status();
    }
    auto file = FileOutput::create(options_.annotate);
    if (!file) return file.error();
    if (auto written = write_annotated(report, open, **file); !written) return written.error();
    return (*file)->commit();
  }

  Status write_annotated(const report::Report& report, const capture::OpenOptions& open, render::Output& out) const {
    const auto missing = annotate(report, options_.source.inputs, open, out);
    if (!missing) return missing.error();
    if (*missing != 0) say(spec_.name, fmt::format("--annotate: {} packets could not be written", *missing));
    return Done{};
  }

  // Where the report would stand, or beside it on standard error.
  Status tell_differences(const std::vector<std::string>& differences) const {
    std::string text;
    const auto line = [&text](std::string_view words) {
      unsigned columns = 0;
      render::append_for_terminal(text, words, columns);
      text += '\n';
    };
    if (differences.empty()) {
      line(fmt::format("as expected by {}", options_.expect));
    } else {
      line(fmt::format("not as expected by {}:", options_.expect));
      for (const std::string& difference : differences) line(difference);
    }
    const bool taken = std::ranges::any_of(options_.outputs, [](const OutputTarget& t) { return t.path == "-"; });
    if (taken) {
      if (!differences.empty()) [[maybe_unused]]
        const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
      return Done{};
    }
    StandardOutput out;
    out.write(text);
    return out.status();
  }

  const ToolSpec& spec_;
  CommandLine& line_;
  CommonOptions& options_;
  std::vector<std::string> key_logs_;
  std::vector<std::string> tls_keys_;
  std::vector<std::string> read_paths_;
  policy::Policy policy_;
  Baseline baseline_;
  std::optional<policy::Expectations> expected_;
};

int show_policy(const CommandLine& line, const ToolSpec& spec) {
  policy::Policy policy;
  if (auto status = load_policy_file(line.options, spec, policy); !status) {
    say(spec.name, status.error().message);
    return static_cast<int>(ExitStatus::kFailed);
  }
  StandardOutput out;
  out.write(policy::dump_policy(policy));
  return print(spec.name, out);
}

int run(int argc, const char* const* argv, const ToolSpec& spec) {
  hold_standard_files();
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe shows as EPIPE, see StandardOutput
  auto line = parse_command_line(argc, argv, spec);
  if (!line) return fail(spec.name, line.error().message, wanted_nagios(argc, argv));
  switch (line->action) {
    case Action::kPrint: {
      StandardOutput out;
      out.write(line->text);
      return print(spec.name, out);
    }
    case Action::kListChecks:
    case Action::kExplain: return show_checks(*line, spec);
    case Action::kDumpPolicy: return show_policy(*line, spec);
    case Action::kRun: break;
  }
  const bool nagios = wants_nagios(line->options);
  const auto status = Run{spec, *line}.go();
  return status ? *status : fail(spec.name, status.error().message, nagios);
}

}  // namespace

int run_tool(int argc, const char* const* argv, const ToolSpec& spec) {
  // No exception is expected here; if one comes, it is a status and a sentence, not an abort.
  try {
    return run(argc, argv, spec);
  } catch (const std::bad_alloc&) {
    say(spec.name, "out of memory");
  } catch (const std::exception& error) {
    say(spec.name, fmt::format("internal error: {}", error.what()));
  }
  return static_cast<int>(ExitStatus::kFailed);
}

}  // namespace voip::cli
