#include "policy/expect.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "policy/keys.h"
#include "policy/suggest.h"
#include "policy/toml.h"

namespace voip::policy {

namespace {

using report::Finding;
using report::Rule;

struct Seen {
  const Finding* first = nullptr;
  std::uint64_t count = 0;
};
using SeenMap = std::map<std::pair<std::string_view, std::string_view>, Seen>;  // by id and Call-ID

SeenMap seen_in(const report::Report& report) {
  SeenMap seen;
  for (const Finding& finding : report.collector->findings()) {
    if (finding.status == report::FindingStatus::kSuppressed) continue;
    Seen& entry = seen[{finding.rule->id, finding.call_id}];
    if (entry.first == nullptr) entry.first = &finding;
    ++entry.count;
  }
  return seen;
}

std::string name_of(const Rule& rule, const std::optional<std::string>& call) {
  std::string text = fmt::format("{} {}", rule.id, rule.name);
  if (call && !call->empty()) text += fmt::format(", call {}", *call);
  if (call && call->empty()) text += ", no call";
  return text;
}

std::string where(const Finding& finding, const report::Report& report) {
  std::string text = ": " + finding.message;
  if (!finding.evidence.empty()) {
    const FrameRef& frame = finding.evidence.front().frame;
    if (frame.input < report.inputs.size())
      text += fmt::format(" ({} #{})", report.inputs[frame.input].path, frame.number);
  }
  return text;
}

class Loader {
 public:
  Loader(const std::string& path, std::span<const Rule* const> rules) : path_(path), rules_(rules) {}

  Result<Expectations> load(const Node& root) {
    Expectations expected;
    expected.path = path_;
    for (const auto& [name, node] : root.members) {
      if (name == "complete" && node.type == Node::Type::kBool) {
        expected.complete = node.flag;
      } else if (name == "ignore" && node.type == Node::Type::kList) {
        for (const Node& item : node.items) {
          const Rule* rule = rule_of(item);
          if (rule == nullptr) return error_;
          expected.ignored.push_back(rule);
        }
      } else if (name == "finding" && node.type == Node::Type::kList) {
        for (const Node& item : node.items) {
          if (!read_entry(item, expected)) return error_;
        }
      } else {
        return wrong(node, fmt::format("'{}' is none of complete = true|false, ignore = [IDS], [[finding]]", name));
      }
    }
    return expected;
  }

 private:
  Error wrong(const Node& node, const std::string& text) {
    error_.message = fmt::format("{}:{}:{}: {}", path_, node.line, node.column, text);
    return error_;
  }

  const Rule* rule_of(const Node& node) {
    std::vector<std::string> known;
    for (const Rule* rule : rules_) {
      if (node.type == Node::Type::kText && (iequals(rule->id, node.text) || iequals(rule->name, node.text)))
        return rule;
      known.emplace_back(rule->id);
      known.emplace_back(rule->name);
    }
    const std::string meant = nearest(node.text, known);
    (void)wrong(node, fmt::format("there is no check '{}'{}", node.text,
                                  meant.empty() ? "" : fmt::format(" (did you mean {}?)", meant)));
    return nullptr;
  }

  bool read_entry(const Node& item, Expectations& expected) {
    Expectations::Entry entry;
    entry.line = item.line;
    for (const auto& [name, node] : item.members) {
      if (name == "id") {
        entry.rule = rule_of(node);
        if (entry.rule == nullptr) return false;
      } else if (name == "call" && node.type == Node::Type::kText) {
        entry.call = node.text;
      } else if (name == "count" && node.type == Node::Type::kInteger && node.integer >= 0) {
        entry.count = static_cast<std::uint64_t>(node.integer);
      } else {
        (void)wrong(node, fmt::format("'{}' is none of id = \"ID\", call = \"CALL-ID\", count = N", name));
        return false;
      }
    }
    if (entry.rule == nullptr) {
      (void)wrong(item, "[[finding]] needs an id");
      return false;
    }
    for (const Expectations::Entry& other : expected.findings) {
      if (other.rule != entry.rule || other.call != entry.call) continue;
      (void)wrong(item, fmt::format("{} is named twice: see line {}", name_of(*entry.rule, entry.call), other.line));
      return false;
    }
    expected.findings.push_back(std::move(entry));
    return true;
  }

  const std::string& path_;
  std::span<const Rule* const> rules_;
  Error error_;
};

}  // namespace

Result<Expectations> load_expectations(std::string_view text, const std::string& path,
                                       std::span<const Rule* const> rules) {
  const auto root = parse_toml(text, path);
  if (!root) return root.error();
  return Loader{path, rules}.load(*root);
}

std::vector<std::string> differences(const Expectations& expected, const report::Report& report) {
  SeenMap seen = seen_in(report);
  for (const Rule* rule : expected.ignored) {
    std::erase_if(seen, [&](const auto& entry) { return entry.first.first == rule->id; });
  }
  std::vector<std::string> lines;
  const auto compare = [&](const Expectations::Entry& entry, std::uint64_t found, const Finding* first) {
    if (found == entry.count) return;
    lines.push_back(fmt::format("{} {}: {} expected, {} found{}", found < entry.count ? '-' : '+',
                                name_of(*entry.rule, entry.call), entry.count, found,
                                found > entry.count && first != nullptr ? where(*first, report) : ""));
  };
  // Those about one call first; what they leave is for those about any.
  for (const Expectations::Entry& entry : expected.findings) {
    if (!entry.call) continue;
    const auto found = seen.find({entry.rule->id, *entry.call});
    compare(entry, found == seen.end() ? 0 : found->second.count, found == seen.end() ? nullptr : found->second.first);
    if (found != seen.end()) seen.erase(found);
  }
  for (const Expectations::Entry& entry : expected.findings) {
    if (entry.call) continue;
    std::uint64_t found = 0;
    const Finding* first = nullptr;
    for (const auto& [key, item] : seen) {
      if (key.first != entry.rule->id) continue;
      found += item.count;
      if (first == nullptr) first = item.first;
    }
    compare(entry, found, first);
    std::erase_if(seen, [&](const auto& item) { return item.first.first == entry.rule->id; });
  }
  for (const auto& [key, item] : seen) {
    lines.push_back(fmt::format("+ {}: 0 expected, {} found{}", name_of(*item.first->rule, std::string{key.second}),
                                item.count, where(*item.first, report)));
  }
  if (expected.complete && !report.coverage.complete) lines.emplace_back("- the run was to be complete");
  if (!expected.complete && report.coverage.complete) lines.emplace_back("+ the run was not to be complete, but is");
  return lines;
}

std::string write_expectations(const report::Report& report) {
  std::string out = fmt::format("# What {} must find, neither less nor more (--expect).\n", report.tool);
  if (!report.coverage.complete) out += "complete = false\n";
  for (const auto& [key, seen] : seen_in(report)) {
    out += fmt::format("\n[[finding]] # {}\nid = {}\ncall = {}\n", seen.first->rule->name, quoted(key.first),
                       quoted(key.second));
    if (seen.count != 1) out += fmt::format("count = {}\n", seen.count);
  }
  return out;
}

}  // namespace voip::policy
