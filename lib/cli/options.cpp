#include "cli/options.h"

#include <algorithm>

#include "base/text.h"

namespace voip::cli {

Limits limits_for(const CommonOptions& options) {
  Limits limits;
  if (options.max_memory == 0) return limits;
  constexpr double kMeantFor = 1024.0 * 1024.0 * 1024.0;
  const double factor = std::clamp(static_cast<double>(options.max_memory) / kMeantFor, 1.0 / 64, 64.0);
  const auto scale = [factor](std::size_t& cap) {
    cap = std::max<std::size_t>(64, static_cast<std::size_t>(static_cast<double>(cap) * factor));
  };
  scale(limits.fragment_trains);
  scale(limits.fragment_bytes);
  scale(limits.tcp_connections);
  scale(limits.tcp_buffered_bytes);
  scale(limits.transactions);
  scale(limits.calls);
  scale(limits.media_streams);
  return limits;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  TextCursor in{text};
  const auto number = in.number<std::uint64_t>();
  if (!in.ok()) return std::nullopt;
  unsigned shift = 0;
  const std::string suffix = to_lower(in.rest());
  if (!suffix.empty() && suffix != "b") {
    const std::size_t power = std::string_view{"kmgt"}.find(suffix[0]);
    const std::string_view rest = std::string_view{suffix}.substr(1);
    if (power == std::string_view::npos || (!rest.empty() && rest != "b" && rest != "ib")) return std::nullopt;
    shift = 10 * (static_cast<unsigned>(power) + 1);
  }
  if (shift != 0 && number > (UINT64_MAX >> shift)) return std::nullopt;
  return number << shift;
}

}  // namespace voip::cli
