#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace voip::capture {

// Pulls values out of JSON text (RFC 8259) front to back, without building a tree. What is not wanted is skipped
// without recursion. Anything odd fails for good; then every question answers no.
class HomerJson {
 public:
  explicit HomerJson(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  // '{', '[', '"', a digit or '-', 't', 'f', 'n'; 0 at the end.
  char peek();
  // Steps into a container.
  bool enter(char bracket);
  // Before each member of an object: its name to `key`. False at the closing bracket, which is taken.
  bool member(std::string& key);
  // Before each element of a list. False at the closing bracket, which is taken.
  bool element();
  // A string, its escapes resolved; bytes that are no UTF-8 are kept.
  bool string(std::string& out);
  // A number, or a string that holds one, cut to a whole number.
  std::optional<std::int64_t> whole();
  // Takes one value, whatever it is.
  void skip();

 private:
  void blanks();
  bool fail();
  // Where the plain characters of a string end, from pos_ on.
  std::size_t end_of_run() const;
  bool escape(std::string& out);
  std::optional<std::uint32_t> hex4();
  void skip_string();

  std::string_view text_;
  std::size_t pos_ = 0;
  bool ok_ = true;
  bool fresh_ = false;  // right behind an opening bracket
};

}  // namespace voip::capture
