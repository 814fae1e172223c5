#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace voip::policy {

// A TOML document as plain values, in the order of the file. toml++ stays behind this header.
struct Node {
  enum class Type : std::uint8_t { kBool, kInteger, kReal, kText, kMoment, kList, kTable };
  Type type = Type::kTable;
  unsigned line = 0;
  unsigned column = 0;
  bool flag = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text{};  // of kText; of kMoment as RFC 3339
  std::vector<Node> items{};
  std::vector<std::pair<std::string, Node>> members{};

  const Node* find(std::string_view name) const;
};

// The error names the file, line and column.
Result<Node> parse_toml(std::string_view text, const std::string& path);

}  // namespace voip::policy
