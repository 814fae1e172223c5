// A tool that does nothing but what its options say: the tests of what all tools share run it.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "cli/tool.h"

namespace {

using namespace voip;

constexpr report::Rule kBad{.id = "STUB-001",
                            .name = "bad-thing",
                            .severity = report::Severity::kHigh,
                            .title = "A bad thing",
                            .trigger = "Whenever --bad says so.",
                            .rationale = "It is bad.",
                            .remedy = "Don't.",
                            .reference = "RFC 3261"};
constexpr report::Rule kPoor{.id = "STUB-002",
                             .name = "poor-thing",
                             .severity = report::Severity::kLow,
                             .title = "A poor thing",
                             .trigger = "Whenever --poor says so.",
                             .rationale = "It is poor.",
                             .remedy = "Do better.",
                             .reference = "RFC 3550; RFC 3711"};
constexpr std::array kRules{&kBad, &kPoor};

struct Content final : report::Content {
  std::uint64_t packets = 0;
  std::string text;
  std::string headline() const override { return fmt::format("{} packets went by", packets); }
  void write_sections(report::RecordWriter& out) const override {
    out.key("things");
    out.begin_array();
    out.begin_object();
    out.field("packets", packets);
    out.field("text", text);
    out.end_object();
    out.end_array();
  }
  void write_text(report::TextWriter& out) const override {
    out.heading("Things");
    out.begin_line(1);
    out.put(text);
    out.end_line();
  }
};

void render_count(const report::Report& report, const render::RenderOptions&, render::Output& out) {
  const auto* content = static_cast<const Content*>(report.content);
  out.write(
      fmt::format("{} packets, {} findings\n", content == nullptr ? 0 : content->packets, report.collector->total()));
}
constexpr std::array kFormats{render::Format{"count", "packets and findings", render_count}};
constexpr std::array kTables{render::Table{"things", "packets,text"}};

}  // namespace

int main(int argc, char** argv) {
  unsigned bad = 0;
  unsigned poor = 0;
  unsigned lines = 0;
  unsigned slow = 0;
  std::string message = "seen";
  std::string confidence = "certain";
  std::string fail;
  std::string call;
  std::string account;
  std::string source;
  std::string number;
  std::string entity = "thing";
  std::string token;
  std::string plain;
  std::string own_output;
  bool limit = false;
  bool throws = false;
  cli::ToolSpec tool;
  tool.name = "voip-stub";
  tool.purpose = "Does what its options say.";
  tool.rules = kRules;
  tool.add_options = [&](CLI::App& app) {
    app.add_option("--bad", bad, "So many bad findings")->type_name("N");
    app.add_option("--poor", poor, "So many poor findings")->type_name("N");
    app.add_option("--lines", lines, "Length of the text")->type_name("N");
    app.add_option("--message", message, "What they say")->type_name("TEXT");
    app.add_option("--confidence", confidence, "How sure they are")->type_name("LEVEL");
    app.add_option("--fail", fail, "Why the run can't be done")->type_name("TEXT");
    app.add_option("--call", call, "The call they are about")->type_name("ID");
    app.add_option("--account", account, "The account they are about")->type_name("NAME");
    app.add_option("--source", source, "The address they are about")->type_name("ADDRESS");
    app.add_option("--number", number, "The number they are about")->type_name("NUMBER");
    app.add_option("--entity", entity, "What they are about, in fingerprints")->type_name("TEXT");
    app.add_option("--token", token, "Something to read instead of INPUT")->type_name("TEXT");
    app.add_option("--plain", plain, "Print this instead of a report")->type_name("TEXT");
    app.add_option("--own-output", own_output, "A file of the tool's own")->type_name("FILE");
    app.add_option("--slow", slow, "Milliseconds to wait for each packet")->type_name("N");
    app.add_flag("--limit", limit, "Hit a limit");
    app.add_flag("--throw", throws, "Throw something");
  };
  tool.extra_formats = kFormats;
  tool.tables = kTables;
  tool.check_options = [&]() -> Status {
    if (token == "bad") return Error{"--token: 'bad' is no token"};
    return Done{};
  };
  tool.runs_without_input = [&] { return !token.empty(); };
  tool.write_paths = [&] { return std::vector<std::string>{own_output}; };
  tool.run = [&](const cli::RunContext& context) -> Result<cli::RunOutcome> {
    if (!fail.empty()) return Error{fail};
    if (throws) throw std::runtime_error("thrown");
    auto content = std::make_shared<Content>();
    capture::Packet packet;
    FrameRef first;
    while (context.source.next(packet)) {
      if (!first.known()) first = packet.frame;
      context.on_progress(++content->packets);
      if (slow != 0) std::this_thread::sleep_for(std::chrono::milliseconds{slow});
    }
    cli::RunOutcome outcome;
    if (!token.empty()) {
      first = {.input = static_cast<std::uint32_t>(context.source.inputs().size()), .number = 1, .time = {}};
      outcome.more_inputs.push_back({.path = "--token", .format = "token", .bytes = token.size()});
    }
    if (!plain.empty()) outcome.plain = plain + "\n";
    if (context.options.at.known()) content->text += fmt::format("at {}. ", format_utc(context.options.at));
    for (const std::string& log : context.key_logs) content->text += fmt::format("key log of {} bytes. ", log.size());
    if (context.options.reveal) content->text += "revealed. ";
    if (!context.options.call_ids.empty()) content->text += fmt::format("calls {}. ", context.options.call_ids.size());
    content->text.append(lines, 'x');
    std::vector<std::pair<std::string, std::string>> subject;
    if (!account.empty()) subject.emplace_back("account", account);
    if (!source.empty()) subject.emplace_back("source", source);
    if (!number.empty()) subject.emplace_back("number", number);
    const auto add = [&](const report::Rule& rule, unsigned count) {
      for (unsigned i = 0; i < count; ++i) {
        context.findings.add({.rule = &rule,
                              .severity = rule.severity,
                              .confidence = report::confidence_of(confidence).value_or(report::Confidence::kCertain),
                              .message = message,
                              .call_id = call,
                              .subject = subject,
                              .entity = fmt::format("{} {}", entity, i),
                              .evidence = {{.frame = first}}});
      }
      context.findings.tally(rule, report::Verdict::kFail, count);
    };
    add(kBad, bad);
    add(kPoor, poor);
    outcome.coverage.packets = content->packets;
    outcome.coverage.complete = !limit;
    outcome.content = content;
    return outcome;
  };
  return cli::run_tool(argc, argv, tool);
}
