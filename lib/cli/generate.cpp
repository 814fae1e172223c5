#include "cli/generate.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "cli/command_line.h"
#include "policy/load.h"

namespace voip::cli {

namespace {

constexpr std::array<std::string_view, 5> kKinds{"complete-bash", "complete-zsh", "complete-fish", "policy-example",
                                                 "options"};

// What may follow an option.
enum class Takes : std::uint8_t { kNothing, kAnything, kWords, kFile };

struct Entry {
  std::string short_name;  // without dash; may be empty
  std::string long_name;
  std::string type;
  std::string help;
  Takes takes = Takes::kNothing;
  std::vector<std::string> words;  // of kWords
  bool repeats = false;
};

std::vector<std::string> checks_of(const ToolSpec& spec) {
  std::vector<std::string> words;
  for (const report::Rule* rule : spec.rules) {
    words.emplace_back(rule->id);
    words.emplace_back(rule->name);
  }
  return words;
}

std::vector<std::string> words_for(const std::string& name, const ToolSpec& spec) {
  std::vector<std::string> levels{"critical", "high", "medium", "low", "info"};
  if (name == "format") return format_names(spec);
  if (name == "min-severity") return levels;
  if (name == "min-confidence") return {"certain", "probable", "possible"};
  if (name == "color") return {"auto", "always", "never"};
  if (name == "explain") return checks_of(spec);
  if (name == "generate") return {kKinds.begin(), kKinds.end()};
  if (name == "fail-on") {
    std::vector<std::string> words = levels;
    words.emplace_back("never");
    for (std::string& check : checks_of(spec)) words.push_back(std::move(check));
    return words;
  }
  return {};
}

bool is_path(const std::string& type) {
  for (const std::string_view word : {"FILE", "DIR", "PATH", "OUT"}) {
    if (type.find(word) != std::string::npos) return true;
  }
  return false;
}

std::vector<Entry> entries_of(const CLI::App& app, const ToolSpec& spec) {
  std::vector<Entry> entries;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional() || option->get_group().empty() || option->get_lnames().empty()) continue;
    Entry entry;
    entry.long_name = option->get_lnames().front();
    if (!option->get_snames().empty()) entry.short_name = option->get_snames().front();
    entry.help = option->get_description();
    entry.repeats = option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll ||
                    option->get_multi_option_policy() == CLI::MultiOptionPolicy::Throw;
    if (option->get_type_size() != 0 && option->get_expected_max() > 0) {
      entry.type = option->get_type_name();
      entry.words = words_for(entry.long_name, spec);
      entry.takes = !entry.words.empty() ? Takes::kWords : is_path(entry.type) ? Takes::kFile : Takes::kAnything;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

// Inside single quotes of a shell.
std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string function_name(std::string_view tool) {
  std::string name{tool};
  std::ranges::replace(name, '-', '_');
  return "_" + name;
}

std::string bash(const std::vector<Entry>& entries, const ToolSpec& spec) {
  const std::string function = function_name(spec.name);
  std::string options;
  std::string cases;
  for (const Entry& entry : entries) {
    if (!entry.short_name.empty()) options += fmt::format("-{} ", entry.short_name);
    options += fmt::format("--{} ", entry.long_name);
    if (entry.takes == Takes::kNothing) continue;
    std::string patterns = "--" + entry.long_name;
    if (!entry.short_name.empty()) patterns = fmt::format("-{}|{}", entry.short_name, patterns);
    switch (entry.takes) {
      case Takes::kWords:
        cases += fmt::format("    {})\n      COMPREPLY=($(compgen -W {} -- \"$word\"))\n      return ;;\n", patterns,
                             single_quoted(fmt::format("{}", fmt::join(entry.words, " "))));
        break;
      case Takes::kFile:
        cases += fmt::format(
            "    {})\n      compopt -o filenames 2>/dev/null\n      COMPREPLY=($(compgen -f -- "
            "\"${{word#*=}}\"))\n      return ;;\n",
            patterns);
        break;
      default: cases += fmt::format("    {})\n      return ;;\n", patterns);
    }
  }
  options.pop_back();
  return fmt::format(
      "# bash completion for {0}; made by {0} --generate complete-bash\n"
      "{1}() {{\n"
      "  local word=\"${{COMP_WORDS[COMP_CWORD]}}\" before=\"${{COMP_WORDS[COMP_CWORD-1]}}\"\n"
      "  COMPREPLY=()\n"
      "  if [[ $before == \"=\" ]]; then before=\"${{COMP_WORDS[COMP_CWORD-2]}}\"; fi\n"
      "  if [[ $word == \"=\" ]]; then word=\"\"; fi\n"
      "  case \"$before\" in\n{2}  esac\n"
      "  if [[ $word == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W {3} -- \"$word\"))\n"
      "  else\n"
      "    compopt -o filenames 2>/dev/null\n"
      "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
      "  fi\n"
      "}}\n"
      "complete -F {1} {0}\n",
      spec.name, function, cases, single_quoted(options));
}

// Inside [...] of a zsh specification.
std::string zsh_help(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh(const std::vector<Entry>& entries, const ToolSpec& spec) {
  std::string lines;
  for (const Entry& entry : entries) {
    std::string action;
    switch (entry.takes) {
      case Takes::kNothing: break;
      case Takes::kWords: action = fmt::format(":{}:({})", zsh_help(entry.type), fmt::join(entry.words, " ")); break;
      case Takes::kFile: action = fmt::format(":{}:_files", zsh_help(entry.type)); break;
      case Takes::kAnything: action = fmt::format(":{}: ", zsh_help(entry.type)); break;
    }
    const std::string rest = fmt::format("[{}]{}", zsh_help(entry.help), action);
    const std::string_view equals = entry.takes == Takes::kNothing ? "" : "=";
    lines += fmt::format("  {} \\\n", single_quoted(fmt::format("*--{}{}{}", entry.long_name, equals, rest)));
    if (!entry.short_name.empty()) {
      lines += fmt::format("  {} \\\n", single_quoted(fmt::format("*-{}{}{}", entry.short_name,
                                                                  entry.takes == Takes::kNothing ? "" : "+", rest)));
    }
  }
  return fmt::format(
      "#compdef {0}\n# zsh completion for {0}; made by {0} --generate complete-zsh\n"
      "_arguments -s -S \\\n{1}  '*:INPUT:_files'\n",
      spec.name, lines);
}

std::string fish(const std::vector<Entry>& entries, const ToolSpec& spec) {
  // Inside single quotes fish knows two escapes.
  const auto quote = [](std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    return out + "'";
  };
  std::string out = fmt::format("# fish completion for {0}; made by {0} --generate complete-fish\n", spec.name);
  for (const Entry& entry : entries) {
    out += fmt::format("complete -c {}", spec.name);
    if (!entry.short_name.empty()) out += fmt::format(" -s {}", entry.short_name);
    out += fmt::format(" -l {}", entry.long_name);
    switch (entry.takes) {
      case Takes::kNothing: break;
      case Takes::kWords: out += fmt::format(" -x -a {}", quote(fmt::format("{}", fmt::join(entry.words, " ")))); break;
      case Takes::kFile: out += " -r -F"; break;
      case Takes::kAnything: out += " -x"; break;
    }
    out += fmt::format(" -d {}\n", quote(entry.help));
  }
  return out;
}

// For tests and other makers of papers: names, what follows, help; separated by tabs.
std::string table(const std::vector<Entry>& entries) {
  std::string out;
  for (const Entry& entry : entries) {
    out += fmt::format("{}\t--{}\t{}\t{}\n", entry.short_name.empty() ? "" : "-" + entry.short_name, entry.long_name,
                       entry.type, entry.help);
  }
  return out;
}

}  // namespace

std::span<const std::string_view> generated_kinds() { return kKinds; }

Result<std::string> generate(const CLI::App& app, const ToolSpec& spec, std::string_view kind) {
  const std::vector<Entry> entries = entries_of(app, spec);
  if (kind == "complete-bash") return bash(entries, spec);
  if (kind == "complete-zsh") return zsh(entries, spec);
  if (kind == "complete-fish") return fish(entries, spec);
  if (kind == "policy-example") return policy::example_policy();
  if (kind == "options") return table(entries);
  return Error{fmt::format("--generate: '{}' is none of {}", kind, fmt::join(kKinds, ", "))};
}

}  // namespace voip::cli
