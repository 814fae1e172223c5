#include "policy/suggest.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace voip::policy {

namespace {

constexpr std::size_t kLongest = 64;

// Optimal string alignment: insert, delete, replace, swap of neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> rows(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) rows[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = ascii_lower(a[i - 1]) == ascii_lower(b[j - 1]) ? 0 : 1;
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view typed, std::span<const std::string> words) {
  if (typed.size() > kLongest) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, typed.size() / 3) + 1;
  for (const std::string& word : words) {
    if (word.size() > kLongest) continue;
    // A beginning counts as near: --conf for --confidence.
    const bool begins = typed.size() >= 3 && istarts_with(word, typed);
    const std::size_t d = begins ? 1 : distance(typed, word);
    if (d < best_distance) {
      best_distance = d;
      best = word;
    }
  }
  return best;
}

}  // namespace voip::policy
