#include "cli/tool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <new>
#include <optional>
#include <sstream>

#include "capture/open.h"
#include "cli/command_line.h"
#include "cli/exit_status.h"
#include "cli/hash.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/version.h"
#include "cli/zone.h"
#include "crypto/tls_keys.h"
#include "render/checks.h"
#include "render/renderer.h"
#include "render/unicode.h"
#include "report/report.h"

namespace voip::cli {

namespace {

constexpr std::size_t kLargestText = 256U << 20;  // of a key log or a list of files

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

bool wants_colour(const CommonOptions& options, bool terminal) {
  if (options.colour != Colour::kAuto) return options.colour == Colour::kAlways;
  const char* kind = std::getenv("TERM");  // NOLINT: no thread has been started
  return terminal && !environment_has("NO_COLOR") && !(kind != nullptr && std::string_view{kind} == "dumb");
}

render::RenderOptions options_for(const CommonOptions& options, bool to_stdout) {
  render::RenderOptions render;
  const bool terminal = to_stdout && ::isatty(STDOUT_FILENO) == 1;
  render.colour = wants_colour(options, terminal);
  render.brief = options.quiet;
  struct winsize size {};
  if (terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
    render.width = std::clamp<unsigned>(size.ws_col, 60, 140);
  }
  if (!options.zone.empty()) render.format_time = format_local;
  return render;
}

Result<std::string> read_text(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return Error{fmt::format("can't read {}", path)};
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::string text;
  std::string piece(64U << 10, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount() > 0) {
    text.append(piece, 0, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kLargestText) return Error{fmt::format("{} is larger than {} MiB", path, kLargestText >> 20)};
  }
  if (in.bad() || (text.empty() && path != "-" && !in.eof())) return Error{fmt::format("can't read {}", path)};
  return text;
}

// A name a line; a list with NUL bytes in it (find -print0) is split at those.
void append_names(std::string_view text, std::vector<std::string>& names) {
  const char end = text.find('\0') != std::string_view::npos ? '\0' : '\n';
  while (!text.empty()) {
    const std::size_t at = text.find(end);
    std::string_view name = text.substr(0, at);
    if (end == '\n' && name.ends_with('\r')) name.remove_suffix(1);
    if (!name.empty()) names.emplace_back(name);
    text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  }
}

std::string sentence(const capture::InputInfo& info) {
  std::string text = info.path + ": ";
  for (std::size_t i = 0; i < info.problems.size(); ++i) text += (i == 0 ? "" : "; ") + info.problems[i];
  if (info.problems.empty()) text += info.usable ? "incomplete" : "can't be read";
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

class Run {
 public:
  Run(const ToolSpec& spec, CommandLine& line) : spec_(spec), line_(line), options_(line.options) {}

  // The exit status, or why there is no report.
  Result<ExitStatus> go() {
    if (!options_.zone.empty()) {
      if (auto status = use_zone(options_.zone); !status) return status.error();
    }
    if (auto status = read_lists(); !status) return status.error();
    if (auto status = check_outputs(); !status) return status.error();
    capture::OpenOptions open;
    open.filter = options_.source.filter;
    open.from = options_.source.from;
    open.to = options_.source.to;
    auto source = capture::open_inputs(options_.source.inputs, open);
    if (!source) return source.error();
    if (auto status = check_inputs((*source)->inputs()); !status) return status.error();

    report::Collector findings{spec_.rules};
    auto outcome = pull(**source, findings);
    if (!outcome) return outcome.error();
    if (auto status = check_inputs((*source)->inputs()); !status) return status.error();
    findings.sort();
    const report::Report report = make_report(**source, *outcome, findings);
    if (auto status = write_outputs(report); !status) return status.error();
    return exit_status(
        {.failed = false, .complete = report.coverage.complete, .failing = findings.failing(options_.fail_on)});
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
    return Done{};
  }

  Status check_outputs() const {
    for (const OutputTarget& target : options_.outputs) {
      if (target.path == "-") continue;
      if (auto status = check_output_path(target.path, read_paths_); !status) return status;
    }
    return Done{};
  }

  // At least one input must be readable. Folders have opened by now: their files may not be overwritten either.
  Status check_inputs(const std::vector<capture::InputInfo>& inputs) {
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
    std::optional<ProgressSource> progress;
    if (options_.progress && !options_.quiet && ::isatty(STDERR_FILENO) == 1) progress.emplace(source);
    capture::PacketSource& pulled = progress ? static_cast<capture::PacketSource&>(*progress) : source;
    return spec_.run({options_, pulled, findings, key_logs_, tls_keys_});
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
    for (const auto& [table, count] : report.coverage.evicted) {
      if (count != 0) report.coverage.complete = false;
    }
    const auto add_notes = [&report](const std::vector<std::string>& notes) {
      report.coverage.notes.insert(report.coverage.notes.end(), notes.begin(), notes.end());
    };
    add_notes(source.notes());
    if (options_.source.hash) add_notes(hash_inputs(report.inputs));
    if (findings.dropped() != 0) {
      report.coverage.complete = false;
      add_notes(findings.notes());
    }
    return report;
  }

  Status write_outputs(const report::Report& report) {
    for (const OutputTarget& target : options_.outputs) {
      const render::Format* format = render::find_format(target.format);
      if (target.path == "-") {
        StandardOutput out;
        format->render(report, options_for(options_, true), out);
        if (auto status = out.status(); !status) return status;
        continue;
      }
      auto file = FileOutput::create(target.path);
      if (!file) return file.error();
      format->render(report, options_for(options_, false), **file);
      if (auto status = (*file)->commit(); !status) return status;
    }
    return Done{};
  }

  const ToolSpec& spec_;
  CommandLine& line_;
  CommonOptions& options_;
  std::vector<std::string> key_logs_;
  std::vector<std::string> tls_keys_;
  std::vector<std::string> read_paths_;
};

int run(int argc, const char* const* argv, const ToolSpec& spec) {
  hold_standard_files();
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe shows as EPIPE, see StandardOutput
  auto line = parse_command_line(argc, argv, spec);
  if (!line) {
    say(spec.name, line.error().message);
    return static_cast<int>(ExitStatus::kFailed);
  }
  switch (line->action) {
    case Action::kPrint: {
      StandardOutput out;
      out.write(line->text);
      return print(spec.name, out);
    }
    case Action::kListChecks:
    case Action::kExplain: return show_checks(*line, spec);
    case Action::kRun: break;
  }
  const auto status = Run{spec, *line}.go();
  if (!status) {
    say(spec.name, status.error().message);
    return static_cast<int>(ExitStatus::kFailed);
  }
  return static_cast<int>(*status);
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
