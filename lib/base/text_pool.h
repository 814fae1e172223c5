#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstddef>
#include <deque>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/table.h"

namespace voip {

// A text that a TextPool keeps, in eight bytes wherever it stands. Good as long as its pool; the empty one always is.
class Text {
 public:
  Text() = default;

  std::string_view view() const { return at_ == nullptr ? std::string_view{} : *at_; }
  operator std::string_view() const { return view(); }
  operator std::string() const { return std::string(view()); }
  bool empty() const { return at_ == nullptr; }
  std::size_t size() const { return view().size(); }
  auto begin() const { return view().begin(); }
  auto end() const { return view().end(); }
  char operator[](std::size_t i) const { return view()[i]; }
  bool starts_with(std::string_view text) const { return view().starts_with(text); }
  bool starts_with(char c) const { return view().starts_with(c); }
  std::size_t find(std::string_view text) const { return view().find(text); }
  std::string_view substr(std::size_t at, std::size_t n = std::string_view::npos) const { return view().substr(at, n); }
  void clear() { at_ = nullptr; }

  friend bool operator==(const Text& a, const Text& b) { return a.at_ == b.at_ || a.view() == b.view(); }
  friend std::strong_ordering operator<=>(const Text& a, const Text& b) {
    return a.at_ == b.at_ ? std::strong_ordering::equal : a.view() <=> b.view();
  }
  friend bool operator==(const Text& a, std::string_view b) { return a.view() == b; }
  friend bool operator==(const Text& a, const std::string& b) { return a.view() == b; }

 private:
  friend class TextPool;
  explicit Text(const std::string_view* at) : at_(at) {}
  const std::string_view* at_ = nullptr;
};

// Owns texts: no room is lost between them, and none is given back before the pool goes. Texts stay where they are when
// the pool is moved.
class TextPool {
 public:
  // Each text once: for what comes back often.
  Text once(std::string_view text);
  // For what hardly comes twice (a Call-ID): no index.
  Text keep(std::string_view text);

 private:
  std::vector<std::pmr::vector<char>> chunks_;
  char* next_ = nullptr;  // where the last chunk is free
  std::size_t free_ = 0;  // bytes from there on
  std::pmr::deque<std::string_view> texts_;
  FlatMap<TextKey, Text> known_;
};

}  // namespace voip

template <>
struct fmt::formatter<voip::Text> : fmt::formatter<std::string_view> {
  auto format(const voip::Text& text, format_context& context) const {
    return fmt::formatter<std::string_view>::format(text.view(), context);
  }
};
