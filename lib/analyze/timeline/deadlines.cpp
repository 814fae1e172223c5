#include "analyze/timeline/deadlines.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace voip::analyze::timeline {

namespace {

constexpr std::size_t kMostRows = 10'000;

// One record of RFC 4180; quotes may hold commas and line ends.
bool next_record(std::string_view& csv, std::vector<std::string>& fields) {
  fields.clear();
  if (csv.empty()) return false;
  std::string field;
  bool quoted = false;
  std::size_t at = 0;
  for (; at < csv.size(); ++at) {
    const char c = csv[at];
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (at + 1 < csv.size() && csv[at + 1] == '"') {
        field += '"';
        ++at;
      } else {
        quoted = false;
      }
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == ',') {
      fields.push_back(std::move(field));
      field.clear();
    } else if (c == '\n') {
      ++at;
      break;
    } else if (c != '\r') {
      field += c;
    }
  }
  fields.push_back(std::move(field));
  csv.remove_prefix(at);
  return true;
}

}  // namespace

Timestamp Deadline::due(Timestamp start) const {
  if (!start.known()) return {};
  if (hours) return start + std::chrono::hours{*hours};
  if (!business_days) return {};
  constexpr std::int64_t kDayNs = 86400 * kNsPerSecond;
  Timestamp at = start;
  for (std::uint32_t left = std::min<std::uint32_t>(*business_days, 3650); left != 0;) {
    at.ns += kDayNs;
    // 1970-01-01 was a Thursday.
    const std::int64_t weekday = ((at.ns / kDayNs) % 7 + 7 + 3) % 7;  // 0: Monday
    if (weekday < 5) --left;
  }
  return at;
}

Result<std::vector<Deadline>> parse_deadlines(std::string_view csv) {
  std::vector<std::string> names;
  if (!next_record(csv, names)) return Error{"the table of deadlines is empty"};
  const auto column = [&names](std::string_view name) {
    const auto at = std::ranges::find_if(names, [name](const std::string& n) { return iequals(trim(n), name); });
    return static_cast<std::size_t>(at - names.begin());
  };
  for (const std::string_view needed : {"id", "regime", "clock_starts", "deadline"}) {
    if (column(needed) == names.size()) return Error{fmt::format("the table of deadlines has no column {}", needed)};
  }
  std::vector<Deadline> table;
  std::vector<std::string> fields;
  while (next_record(csv, fields)) {
    if (fields.size() == 1 && trim(fields[0]).empty()) continue;
    const auto text = [&](std::string_view name) {
      const std::size_t at = column(name);
      return at < fields.size() ? std::string(trim(fields[at])) : std::string();
    };
    if (table.size() >= kMostRows) return Error{fmt::format("the table of deadlines has more than {} rows", kMostRows)};
    Deadline row;
    row.id = text("id");
    row.regime = text("regime");
    row.who = text("who_notifies");
    row.to = text("to_whom");
    row.trigger = text("trigger");
    row.clock_starts = text("clock_starts");
    row.period = text("deadline");
    row.hours = parse_number<std::uint32_t>(text("deadline_hours"));
    row.business_days = parse_number<std::uint32_t>(text("business_days"));
    row.threshold = text("threshold");
    row.basis = text("legal_basis");
    const auto status = std::ranges::find_if(names, [](const std::string& n) { return n.starts_with("status"); });
    if (status != names.end()) row.status = text(*status);
    row.confirmed = text("confirmed");
    table.push_back(std::move(row));
  }
  return table;
}

std::vector<Deadline> choose_deadlines(std::vector<Deadline> all, const std::vector<std::string>& regimes) {
  if (regimes.empty()) return all;
  std::erase_if(all, [&regimes](const Deadline& row) {
    return std::ranges::none_of(regimes, [&row](const std::string& wanted) {
      return istarts_with(row.id, wanted) || istarts_with(row.regime, wanted);
    });
  });
  return all;
}

}  // namespace voip::analyze::timeline
