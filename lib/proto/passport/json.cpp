#include "proto/passport/json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

namespace voip::passport {

namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxValues = 2048;
constexpr std::size_t kMaxMembers = 256;

// Builds the value from nlohmann's events. The stack holds pointers into items that do not grow while they are open.
class Builder {
 public:
  explicit Builder(JsonText& out) : out_(out) {}

  bool null() { return put({}); }
  bool boolean(bool flag) {
    Json value;
    value.kind = Json::Kind::kBool;
    value.flag = flag;
    return put(std::move(value));
  }
  bool number_integer(std::int64_t integer) {
    Json value;
    value.kind = Json::Kind::kInteger;
    value.integer = integer;
    value.number = static_cast<double>(integer);
    return put(std::move(value));
  }
  bool number_unsigned(std::uint64_t integer) {
    if (std::in_range<std::int64_t>(integer)) return number_integer(static_cast<std::int64_t>(integer));
    return number_float(static_cast<double>(integer), std::to_string(integer));
  }
  bool number_float(double number, const std::string& written) {
    Json value;
    value.kind = Json::Kind::kNumber;
    value.number = number;
    value.text = written;
    return put(std::move(value));
  }
  bool string(std::string& text) {
    Json value;
    value.kind = Json::Kind::kString;
    value.text = std::move(text);
    return put(std::move(value));
  }
  bool binary(std::vector<std::uint8_t>&) { return false; }
  bool start_object(std::size_t) { return open(Json::Kind::kObject); }
  bool start_array(std::size_t) { return open(Json::Kind::kArray); }
  bool key(std::string& name) {
    key_ = std::move(name);
    return true;
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  template <class Exception>
  bool parse_error(std::size_t offset, const std::string&, const Exception&) {
    return fail("not JSON", offset);
  }

 private:
  bool fail(const char* why, std::size_t offset = 0) {
    if (*out_.error == '\0') {
      out_.error = why;
      out_.offset = offset;
    }
    return false;
  }
  bool open(Json::Kind kind) {
    if (open_.size() >= kMaxDepth) return fail("nested too deep");
    Json value;
    value.kind = kind;
    open_.push_back({std::move(value), std::move(key_)});
    return true;
  }
  bool close() {
    Frame done = std::move(open_.back());
    open_.pop_back();
    key_ = std::move(done.key);
    return put(std::move(done.value));
  }
  bool put(Json value) {
    if (++values_ > kMaxValues) return fail("too many values");
    if (open_.empty()) {
      out_.value = std::move(value);
      return true;
    }
    Json& parent = open_.back().value;
    if (parent.is_object()) {
      if (parent.names.size() >= kMaxMembers) return fail("too many members");
      if (std::ranges::find(parent.names, key_) != parent.names.end()) {
        out_.duplicate = true;
        return true;
      }
      parent.names.push_back(std::move(key_));
    }
    parent.items.push_back(std::move(value));
    return true;
  }

  struct Frame {
    Json value;
    std::string key;  // under which it stands in its parent
  };
  JsonText& out_;
  std::vector<Frame> open_;
  std::string key_;
  std::size_t values_ = 0;
};

void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append(std::string& out, const Json& value) {
  switch (value.kind) {
    case Json::Kind::kNull: out += "null"; return;
    case Json::Kind::kBool: out += value.flag ? "true" : "false"; return;
    case Json::Kind::kInteger: out += std::to_string(value.integer); return;
    case Json::Kind::kNumber: out += value.text; return;
    case Json::Kind::kString: append_string(out, value.text); return;
    case Json::Kind::kArray:
      out += '[';
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        if (i != 0) out += ',';
        append(out, value.items[i]);  // the depth was capped when it was read
      }
      out += ']';
      return;
    case Json::Kind::kObject: break;
  }
  std::vector<std::size_t> order(value.names.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return value.names[a] < value.names[b]; });
  out += '{';
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i != 0) out += ',';
    append_string(out, value.names[order[i]]);
    out += ':';
    append(out, value.items[order[i]]);
  }
  out += '}';
}

}  // namespace

const Json* Json::find(std::string_view name) const {
  const auto at = std::ranges::find(names, name);
  return at == names.end() ? nullptr : &items[static_cast<std::size_t>(at - names.begin())];
}

const std::string* Json::find_string(std::string_view name) const {
  const Json* value = find(name);
  return value != nullptr && value->is_string() ? &value->text : nullptr;
}

std::string Json::canonical() const {
  std::string out;
  append(out, *this);
  return out;
}

std::string json_string(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

JsonText parse_json(std::string_view text) {
  JsonText out;
  // nlohmann skips a byte order mark and takes a NUL for the end: what follows would go unseen.
  if (text.starts_with("\xef\xbb\xbf") || text.find('\0') != std::string_view::npos) {
    out.error = "not JSON";
    return out;
  }
  Builder builder{out};
  try {
    out.ok = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  } catch (const nlohmann::json::exception&) {
    out.ok = false;
  }
  if (!out.ok && *out.error == '\0') out.error = "not JSON";
  return out;
}

}  // namespace voip::passport
