#include "base/diagnostics.h"

namespace voip {

void Diagnostics::count(std::string_view name, const FrameRef& where, std::uint64_t n) {
  auto at = entries_.find(name);
  if (at == entries_.end()) at = entries_.emplace(std::string(name), Entry{.first = where}).first;
  at->second.count += n;
}

void Diagnostics::count(const ParseError& error, const FrameRef& where) {
  std::string name = error.field;
  name += '.';
  name += to_string(error.kind);
  count(name, where);
}

std::uint64_t Diagnostics::total(std::string_view name) const {
  const auto at = entries_.find(name);
  return at == entries_.end() ? 0 : at->second.count;
}

}  // namespace voip
