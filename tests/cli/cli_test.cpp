#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "cli/command_line.h"
#include "cli/exit_status.h"
#include "cli/version.h"
#include "cli/zone.h"
#include "policy/suggest.h"

using namespace voip;
using namespace voip::cli;

namespace {

constexpr report::Rule kOne{.id = "T-001", .name = "one-thing", .severity = report::Severity::kHigh};
constexpr std::array kRules{&kOne};
constexpr std::array kTables{render::Table{"calls", "a"}, render::Table{"orphan_streams", "b"}};

ToolSpec spec() {
  ToolSpec tool;
  tool.name = "tool";
  tool.purpose = "Test.";
  tool.rules = kRules;
  tool.tables = kTables;
  return tool;
}

Result<CommandLine> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "tool");
  return parse_command_line(static_cast<int>(words.size()), words.data(), spec());
}

std::string targets(const Result<CommandLine>& line) {
  if (!line) return line.error().message;
  std::string text;
  for (const OutputTarget& target : line->options.outputs) text += target.format + ">" + target.path + " ";
  return text;
}

}  // namespace

TEST_CASE("An error outranks findings: 2, then 3, then 1", "[cli]") {
  struct Row {
    RunFacts facts;
    int status;
  };
  for (const Row& row : {Row{{false, true, 0}, 0}, Row{{false, true, 1}, 1}, Row{{false, false, 0}, 3},
                         Row{{false, false, 256}, 3}, Row{{true, true, 0}, 2}, Row{{true, false, 5}, 2},
                         Row{{false, true, 256}, 1}, Row{{false, true, 1ULL << 40}, 1}}) {
    CHECK(static_cast<int>(exit_status(row.facts)) == row.status);
  }
}

TEST_CASE("A report goes to standard output unless a path is named for it", "[cli]") {
  CHECK(targets(parse({"a"})) == "text>- ");
  CHECK(targets(parse({"-f", "json", "a"})) == "json>- ");
  CHECK(targets(parse({"-f", "JSON", "a"})) == "json>- ");
  CHECK(targets(parse({"-f", "json", "-o", "x", "a"})) == "json>x ");
  CHECK(targets(parse({"-o", "json=x", "a"})) == "json>x ");
  CHECK(targets(parse({"-o", "json=x", "-o", "ndjson=y", "a"})) == "json>x ndjson>y ");
  CHECK(targets(parse({"-f", "text", "-o", "json=x", "a"})) == "json>x text>- ");
  CHECK(targets(parse({"-f", "text", "-o", "json=x", "-o", "y", "a"})) == "json>x text>y ");
  CHECK(targets(parse({"-o", "json=-", "-o", "text=x", "a"})) == "json>- text>x ");
  CHECK(targets(parse({"-o", "./json=x", "a"})) == "text>./json=x ");
  CHECK(targets(parse({"-o", "dir/a=b", "a"})) == "text>dir/a=b ");
  CHECK_FALSE(parse({"-o", "json=x", "-o", "text=x", "a"}).ok());
}

TEST_CASE("A table of the tool's records is a format by the name csv-NAME, and nothing else is", "[cli]") {
  CHECK(targets(parse({"-f", "csv-calls", "a"})) == "csv-calls>- ");
  CHECK(targets(parse({"-o", "csv-orphan_streams=x=y", "-o", "csv=z", "a"})) == "csv-orphan_streams>x=y csv>z ");
  CHECK(targets(parse({"-f", "csv-call", "a"})) == "--format: unknown format 'csv-call' (did you mean csv-calls?)");
  CHECK_FALSE(parse({"-f", "json:calls", "a"}).ok());
  CHECK_FALSE(parse({"-o", "csv-=x", "a"}).ok());
  CHECK(find_table(spec(), "csv-calls")->columns == "a");
  CHECK(find_table(spec(), "csv") == nullptr);
}

TEST_CASE("Standard output takes one thing only", "[cli]") {
  CHECK_FALSE(parse({"--write-baseline", "-", "a"}).ok());
  CHECK_FALSE(parse({"-o", "json=-", "--annotate", "-", "a"}).ok());
  CHECK(targets(parse({"--write-baseline", "-", "-o", "json=x", "a"})) == "json>x ");
  CHECK_FALSE(parse({"--write-baseline", "-", "--write-expect", "-", "-o", "json=x", "a"}).ok());
}

TEST_CASE("An -o takes one value and leaves the inputs alone", "[cli]") {
  const auto line = parse({"-o", "json=x", "a", "b", "--keylog", "k", "c", "--", "-d"});
  REQUIRE(line.ok());
  CHECK(line->options.source.inputs == std::vector<std::string>{"a", "b", "c", "-d"});
  CHECK(line->options.source.key_logs == std::vector<std::string>{"k"});
  const auto dash = parse({"-f", "json", "-"});
  REQUIRE(dash.ok());
  CHECK(dash->options.source.inputs == std::vector<std::string>{"-"});
}

TEST_CASE("The last of two values counts", "[cli]") {
  const auto line =
      parse({"-f", "json", "--threads", "2", "-f", "text", "--threads", "3", "--reveal", "--reveal", "a"});
  REQUIRE(line.ok());
  CHECK(targets(line) == "text>- ");
  CHECK(line->options.threads == 3);
  CHECK(line->options.reveal);
}

TEST_CASE("The option --fail-on takes levels, ids and names, in any case", "[cli]") {
  const auto policy = [](const char* text) {
    const auto line = parse({"--fail-on", text, "a"});
    INFO(text);
    REQUIRE(line.ok());
    return line->options.fail_on;
  };
  CHECK(parse({"a"})->options.fail_on.level == report::Severity::kHigh);
  CHECK(policy("low").level == report::Severity::kLow);
  CHECK(policy("high, LOW").level == report::Severity::kLow);
  CHECK_FALSE(policy("T-001").level);
  CHECK(policy("t-001").rules == std::vector<const report::Rule*>{&kOne});
  CHECK(policy("critical,One-Thing").rules.size() == 1);
  CHECK(policy("never").never);
  CHECK_FALSE(parse({"--fail-on", "", "a"}).ok());
  CHECK_FALSE(parse({"--fail-on", "high,", "a"}).ok());
  CHECK_FALSE(parse({"--fail-on", "T-002", "a"}).ok());
}

TEST_CASE("What is not understood is said, and nothing is thrown", "[cli]") {
  CHECK(parse({"--keylgo", "x", "a"}).error().message == "unknown option --keylgo (did you mean --keylog?)");
  CHECK(parse({"--keylgo=x", "a"}).error().message == "unknown option --keylgo (did you mean --keylog?)");
  CHECK(parse({"--entirely-else", "a"}).error().message == "unknown option --entirely-else");
  CHECK_FALSE(parse({"-f"}).ok());
  CHECK_FALSE(parse({"--hash=maybe", "a"}).ok());
  CHECK_FALSE(parse({}).ok());
  CHECK(parse({"--help", "--nonsense"})->action == Action::kPrint);
  CHECK(parse({"--list-checks"})->action == Action::kListChecks);
  CHECK_FALSE(parse({"--list-checks", "-f", "yaml"}).ok());
  CHECK_FALSE(parse({"--list-checks", "--color", "sometimes"}).ok());
}

TEST_CASE("Every option that the tools share is taken, and its value kept", "[cli]") {
  const auto line = parse({"--policy", "p", "--baseline", "b", "--write-baseline", "w", "--expect", "e",
                           "--write-expect", "x", "--annotate", "a", "--at", "2026-01-02T03:04:05Z", "in"});
  REQUIRE(line.ok());
  const CommonOptions& options = line->options;
  CHECK(options.policy == "p");
  CHECK(options.baseline == "b");
  CHECK(options.write_baseline == "w");
  CHECK(options.expect == "e");
  CHECK(options.write_expect == "x");
  CHECK(options.annotate == "a");
  CHECK(options.at.ns == 1767323045LL * kNsPerSecond);
  CHECK_FALSE(parse({"--at", "noon", "in"}).ok());
  CHECK_FALSE(parse({"--write-baseline", "x", "-o", "json=x", "in"}).ok());
}

TEST_CASE("Expectations take the place of the report unless one is asked for", "[cli]") {
  CHECK(targets(parse({"--expect", "e", "in"})).empty());
  CHECK(targets(parse({"--expect", "e", "-f", "json", "in"})) == "json>- ");
  CHECK(targets(parse({"--expect", "e", "-o", "json=r", "in"})) == "json>r ");
}

TEST_CASE("Sizes have suffixes that are powers of 1024", "[cli]") {
  CHECK(parse_size("1500000") == 1500000U);
  CHECK(parse_size("512M") == 512ULL << 20);
  CHECK(parse_size("2g") == 2ULL << 30);
  CHECK(parse_size("2GiB") == 2ULL << 30);
  CHECK(parse_size("1kB") == 1024U);
  CHECK(parse_size("17179869183G") == 17179869183ULL << 30);
  for (const char* bad : {"", "M", "-1", "1.5G", "1X", "5 G", "1GG", "17179869184G", "99999999999999999999"}) {
    INFO(bad);
    CHECK_FALSE(parse_size(bad));
  }
}

TEST_CASE("The option --max-memory moves the tables and leaves depths and times alone", "[cli]") {
  const Limits usual;
  CommonOptions options;
  CHECK(limits_for(options).calls == usual.calls);
  options.max_memory = 512ULL << 20;
  const Limits half = limits_for(options);
  CHECK(half.calls == usual.calls / 2);
  CHECK(half.media_streams == usual.media_streams / 2);
  CHECK(half.tunnel_depth == usual.tunnel_depth);
  CHECK(half.call_idle == usual.call_idle);
  options.max_memory = 1;
  CHECK(limits_for(options).fragment_trains >= 64);
}

TEST_CASE("The nearest word is a word that could have been meant", "[cli]") {
  const std::vector<std::string> words{"--format", "--from", "--filter", "--fail-on", "--min-severity"};
  CHECK(policy::nearest("--fromat", words) == "--format");
  CHECK(policy::nearest("--form", words) == "--format");
  CHECK(policy::nearest("--MIN-SEVERITY", words) == "--min-severity");
  CHECK(policy::nearest("--color", words).empty());
  CHECK(policy::nearest(std::string(100'000, 'x'), words).empty());
}

TEST_CASE("Local times carry their offset, also before 1970 and in a half-hour zone", "[cli]") {
  const auto in = [](const char* zone, std::int64_t ns) {
    REQUIRE(use_zone(zone).ok());
    return format_local({ns});
  };
  constexpr std::int64_t kJanuary = 1767323045000006000;
  CHECK(in("UTC", kJanuary) == "2026-01-02T03:04:05.000006Z");
  CHECK(in("Europe/Paris", kJanuary) == "2026-01-02T04:04:05.000006+01:00");
  CHECK(in("Europe/Paris", kJanuary + 180LL * 86400 * kNsPerSecond) == "2026-07-01T05:04:05.000006+02:00");
  CHECK(in("America/St_Johns", kJanuary) == "2026-01-01T23:34:05.000006-03:30");
  CHECK(in("America/New_York", -1) == "1969-12-31T18:59:59.999999999-05:00");
  CHECK_FALSE(use_zone("Nowhere/Land").ok());
  CHECK_FALSE(use_zone("").ok());
  CHECK_FALSE(use_zone("/etc/localtime").ok());
  CHECK_FALSE(use_zone("Europe").ok());
  CHECK(use_zone("UTC").ok());
}

TEST_CASE("The version is the project's", "[cli]") {
  std::ifstream file{std::string{SOURCE_DIR} + "/CMakeLists.txt"};
  std::stringstream text;
  text << file.rdbuf();
  CHECK(text.str().find("VERSION " + std::string{kVersion} + " LANGUAGES") != std::string::npos);
}
