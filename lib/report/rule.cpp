#include "report/rule.h"

#include <array>
#include <cstddef>

namespace voip::report {

namespace {

constexpr std::array<std::string_view, 5> kSeverities{"info", "low", "medium", "high", "critical"};
constexpr std::array<std::string_view, 3> kConfidences{"possible", "probable", "certain"};

template <class Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Severity severity) { return kSeverities[static_cast<std::size_t>(severity)]; }
std::string_view to_string(Confidence confidence) { return kConfidences[static_cast<std::size_t>(confidence)]; }
std::optional<Severity> severity_of(std::string_view name) { return find_name<Severity>(kSeverities, name); }
std::optional<Confidence> confidence_of(std::string_view name) { return find_name<Confidence>(kConfidences, name); }

}  // namespace voip::report
