#include "policy/toml.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

// toml++ 3.3 asserts (and, without assertions, assumes) what a file can break, as in "[=]", and has the right error
// ready behind the assertion.
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 32
#include <toml++/toml.h>

namespace voip::policy {

namespace {

constexpr std::size_t kMostDots = 64;

// The parts of a dotted key are nested tables, which the parser does not cap. Whether all of them are short; texts with
// that many dots are no texts of ours.
bool short_keys(std::string_view text) {
  std::size_t dots = 0;
  for (const char c : text) {
    if (c == '.') {
      if (++dots > kMostDots) return false;
    } else if (std::string_view{"\n,=[]{}#"}.find(c) != std::string_view::npos) {
      dots = 0;
    }
  }
  return true;
}

Node convert(const toml::node& from) {
  Node node;
  node.line = from.source().begin.line;
  node.column = from.source().begin.column;
  if (const auto* flag = from.as_boolean()) {
    node.type = Node::Type::kBool;
    node.flag = flag->get();
  } else if (const auto* integer = from.as_integer()) {
    node.type = Node::Type::kInteger;
    node.integer = integer->get();
    node.real = static_cast<double>(node.integer);
  } else if (const auto* real = from.as_floating_point()) {
    node.type = Node::Type::kReal;
    node.real = real->get();
  } else if (const auto* text = from.as_string()) {
    node.type = Node::Type::kText;
    node.text = text->get();
  } else if (const auto* list = from.as_array()) {
    node.type = Node::Type::kList;
    for (const toml::node& item : *list) node.items.push_back(convert(item));
  } else if (const auto* table = from.as_table()) {
    node.type = Node::Type::kTable;
    for (const auto& [name, member] : *table) {
      Node child = convert(member);
      // A key's own place is a better pointer than its value's.
      child.line = name.source().begin.line;
      child.column = name.source().begin.column;
      node.members.emplace_back(std::string{name.str()}, std::move(child));
    }
    // toml++ sorts by name.
    std::ranges::stable_sort(node.members, [](const auto& a, const auto& b) {
      return std::pair{a.second.line, a.second.column} < std::pair{b.second.line, b.second.column};
    });
  } else {
    node.type = Node::Type::kMoment;
    std::ostringstream out;
    out.imbue(std::locale::classic());
    if (const auto* day = from.as_date()) out << day->get();
    if (const auto* moment = from.as_date_time()) out << moment->get();
    if (const auto* time = from.as_time()) out << time->get();
    node.text = out.str();
  }
  return node;
}

}  // namespace

const Node* Node::find(std::string_view name) const {
  const auto found = std::ranges::find_if(members, [&](const auto& member) { return member.first == name; });
  return found == members.end() ? nullptr : &found->second;
}

Result<Node> parse_toml(std::string_view text, const std::string& path) {
  if (!short_keys(text)) return Error{fmt::format("{}:1:1: a key has more than {} parts", path, kMostDots)};
  const toml::parse_result result = toml::parse(text, path);
  if (!result) {
    const auto& where = result.error().source().begin;
    return Error{fmt::format("{}:{}:{}: {}", path, where.line, where.column, result.error().description())};
  }
  return convert(result.table());
}

}  // namespace voip::policy
