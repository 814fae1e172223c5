#include "render/csv_table.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "render/csv_record.h"

namespace voip::render {

namespace {

struct Node {
  enum class Kind : std::uint8_t { kScalar, kObject, kList };
  Kind kind = Kind::kScalar;
  std::string name{};  // of a member; empty in a list
  std::string text{};  // of a scalar; null is empty
  std::vector<Node> children{};
};

// By column.
using Cells = std::map<std::string, std::string, std::less<>>;

std::vector<std::string_view> split(std::string_view columns) {
  std::vector<std::string_view> names;
  while (!columns.empty()) {
    const std::size_t comma = columns.find(',');
    names.push_back(columns.substr(0, comma));
    columns = comma == std::string_view::npos ? std::string_view{} : columns.substr(comma + 1);
  }
  return names;
}

// "calls" holds calls.
std::string_view singular(std::string_view list) {
  if (list.ends_with("ies")) return list.substr(0, list.size() - 3);
  return list.ends_with('s') ? list.substr(0, list.size() - 1) : list;
}

bool bears(std::string_view list, std::string_view table) {
  return list == table ||
         (list.size() > table.size() && list.ends_with(table) && list[list.size() - table.size() - 1] == '_');
}

// depth: the analyzers' records are shallow; the bound is against our own mistakes.
constexpr unsigned kDeepest = 16;

void flatten(const Node& node, const std::string& column, Cells& cells, unsigned depth) {
  if (depth > kDeepest) return;
  switch (node.kind) {
    case Node::Kind::kScalar: {
      const auto [cell, made] = cells.try_emplace(column, node.text);
      if (!made) cell->second += "; " + node.text;
      break;
    }
    case Node::Kind::kObject:
      for (const Node& child : node.children) {
        flatten(child, column.empty() ? child.name : column + "_" + child.name, cells, depth + 1);
      }
      break;
    case Node::Kind::kList:
      for (const Node& child : node.children) flatten(child, column, cells, depth + 1);
      break;
  }
}

// Builds the tree of one item of a section at a time, and writes its rows.
class TableWriter final : public report::RecordWriter {
 public:
  TableWriter(const Table& table, Output& out) : name_(table.name), columns_(split(table.columns)), out_(out) {
    for (const std::string_view column : columns_) record_.cell(column);
    record_.end(out_);
  }

  using RecordWriter::value;
  void begin_object() override { open(Node::Kind::kObject); }
  void end_object() override { close(); }
  void begin_array() override { open(Node::Kind::kList); }
  void end_array() override { close(); }
  void key(std::string_view name) override {
    if (stack_.empty()) section_ = name;
    key_ = name;
  }
  void value(std::string_view text) override { scalar(std::string{text}); }
  void value(std::uint64_t number) override { scalar(fmt::to_string(number)); }
  void value(std::int64_t number) override { scalar(fmt::to_string(number)); }
  void value(double number) override { scalar(std::isfinite(number) ? fmt::format("{}", number) : std::string{}); }
  void value(bool flag) override { scalar(flag ? "true" : "false"); }
  void null() override { scalar({}); }
  void time(Timestamp moment) override { scalar(moment.known() ? format_utc_exact(moment) : std::string{}); }

 private:
  void open(Node::Kind kind) {
    // The list of a section itself is not kept, only the item that is being written.
    if (stack_.empty() && !in_section_ && kind == Node::Kind::kList) {
      in_section_ = true;
      key_.clear();
      return;
    }
    if (stack_.empty()) {
      root_ = {kind, {}, {}, {}};
      stack_.push_back(&root_);
    } else {
      std::vector<Node>& siblings = stack_.back()->children;
      siblings.push_back({kind, std::move(key_), {}, {}});
      stack_.push_back(&siblings.back());  // siblings grow again only after this one is closed
    }
    key_.clear();
  }
  void close() {
    if (stack_.empty()) {
      in_section_ = false;
      return;
    }
    stack_.pop_back();
    if (!stack_.empty() || root_.kind != Node::Kind::kObject) return;
    if (in_section_) rows(root_, section_, {}, 0);
  }
  void scalar(std::string text) {
    if (!stack_.empty()) stack_.back()->children.push_back({Node::Kind::kScalar, std::move(key_), std::move(text), {}});
    key_.clear();
  }

  void rows(const Node& item, std::string_view list, const Cells& around, unsigned depth) {
    if (depth > kDeepest) return;
    if (bears(list, name_)) {
      Cells cells = around;
      flatten(item, {}, cells, 0);
      for (const std::string_view column : columns_) {
        const auto cell = cells.find(column);
        record_.cell(cell == cells.end() ? std::string_view{} : std::string_view{cell->second});
      }
      record_.end(out_);
      return;
    }
    Cells inner = around;
    const std::string prefix = std::string{singular(list)} + "_";
    for (const Node& child : item.children) {
      if (child.kind == Node::Kind::kList && !child.children.empty() &&
          child.children.front().kind == Node::Kind::kObject) {
        continue;
      }
      Cells own;
      flatten(child, child.name, own, 0);
      for (auto& [column, text] : own) {
        inner.insert_or_assign(column.starts_with(prefix) ? column : prefix + column, std::move(text));
      }
    }
    for (const Node& child : item.children) {
      if (child.kind != Node::Kind::kList) continue;
      for (const Node& each : child.children) {
        if (each.kind == Node::Kind::kObject) rows(each, child.name, inner, depth + 1);
      }
    }
  }

  std::string_view name_;
  std::vector<std::string_view> columns_;
  Output& out_;
  CsvRecord record_;
  std::string section_;
  std::string key_;
  bool in_section_ = false;
  Node root_;
  std::vector<Node*> stack_;  // open ones, the root first
};

}  // namespace

void render_csv_table(const report::Report& report, const Table& table, Output& out) {
  TableWriter writer{table, out};
  if (report.content != nullptr) report.content->write_sections(writer);
}

}  // namespace voip::render
