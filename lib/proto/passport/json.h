#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace voip::passport {

// A JSON value as it was sent: members in their order, numbers that are no integers as written.
struct Json {
  enum class Kind : std::uint8_t { kNull, kBool, kInteger, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool flag = false;
  std::int64_t integer = 0;
  double number = 0;
  std::string text;                // a string's; a kNumber as written
  std::vector<std::string> names;  // of an object's members, beside items
  std::vector<Json> items;         // of an array; the members' values of an object

  bool is_string() const { return kind == Kind::kString; }
  bool is_array() const { return kind == Kind::kArray; }
  bool is_object() const { return kind == Kind::kObject; }
  // Null when this is no object or has no such member.
  const Json* find(std::string_view name) const;
  const std::string* find_string(std::string_view name) const;
  // RFC 8225 section 9: members in the order of their names, no blanks.
  std::string canonical() const;
};

struct JsonText {
  Json value;
  bool ok = false;
  bool duplicate = false;  // a name stands twice in one object; the first one counts
  std::size_t offset = 0;  // of the error
  const char* error = "";  // static
};

// At most 16 deep, 2,048 values, 256 members in one object. UTF-8 only. Throws nothing.
JsonText parse_json(std::string_view text);

// With quotes, escaped as far as JSON demands.
std::string json_string(std::string_view text);

}  // namespace voip::passport
