#include "base/text_pool.h"

#include <algorithm>

namespace voip {

namespace {

constexpr std::size_t kChunk = std::size_t{32} << 10;

}  // namespace

Text TextPool::keep(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > free_) {
    free_ = std::max(kChunk, text.size());
    next_ = chunks_.emplace_back(free_).data();
  }
  const std::string_view kept{next_, text.size()};
  next_ = std::ranges::copy(text, next_).out;
  free_ -= text.size();
  return Text(&texts_.emplace_back(kept));
}

Text TextPool::once(std::string_view text) {
  if (text.empty()) return {};
  bool made = false;
  Text& known = known_.at_or_new(text_key(text), &made);
  if (made) known = keep(text);
  return known;
}

}  // namespace voip
