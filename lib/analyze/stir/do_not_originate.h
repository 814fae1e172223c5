#pragma once

#include <set>
#include <string>
#include <string_view>

namespace voip::analyze::stir {

// Numbers that nobody calls from: those that only take calls, and those that nobody was given.
class DoNotOriginate {
 public:
  // A list as a file has it: a number in E.164 a line, with or without plus and separators, or the first column of a
  // CSV; "+1888555*" is a prefix. '#' begins a comment. Gives the number of lines that are neither.
  std::size_t add(std::string_view text);
  bool contains(std::string_view number) const;  // digits, country code first
  std::size_t size() const { return numbers_.size() + prefixes_.size(); }

 private:
  std::set<std::string, std::less<>> numbers_;
  std::set<std::string, std::less<>> prefixes_;
};

}  // namespace voip::analyze::stir
