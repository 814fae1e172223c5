#include "report/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace voip::report {

std::vector<std::string> AppliedPolicy::notes() const {
  std::vector<std::string> notes;
  for (const Entry& entry : suppressions) {
    const std::string who =
        fmt::format("{}:{}: the suppression of {} ({})", path, entry.line, fmt::join(entry.checks, ", "), entry.reason);
    if (entry.expired != 0) {
      notes.push_back(fmt::format("{} has expired on {}: {} finding{} count again", who,
                                  format_utc(entry.expires, 0).substr(0, 10), entry.expired,
                                  entry.expired == 1 ? "" : "s"));
    } else if (entry.matched == 0) {
      notes.push_back(who + " matched nothing");
    }
  }
  return notes;
}

Span Report::span() const {
  Span span;
  for (const Input& input : inputs) {
    span.packets += input.packets;
    if (input.first_time.known() && (!span.first.known() || input.first_time < span.first))
      span.first = input.first_time;
    if (input.last_time.known() && (!span.last.known() || input.last_time > span.last)) span.last = input.last_time;
  }
  return span;
}

std::string Report::headline() const {
  if (content != nullptr) return content->headline();
  const std::uint64_t total = collector->total();
  if (total == 0) return "nothing found in what was visible";
  return fmt::format("{} finding{}", total, total == 1 ? "" : "s");
}

}  // namespace voip::report
