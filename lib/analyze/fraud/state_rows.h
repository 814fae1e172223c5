#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "analyze/fraud/incident.h"
#include "analyze/fraud/state.h"
#include "base/hash.h"
#include "base/text.h"

// How rows of --state are written and read back; what was read comes from a file that anybody may have changed.
namespace voip::analyze::fraud {

// One row: its letter, then cells.
class RowWriter {
 public:
  explicit RowWriter(char letter) { row_.emplace_back(1, letter); }
  RowWriter& text(std::string_view value) {
    row_.emplace_back(value);
    return *this;
  }
  RowWriter& number(std::uint64_t value) { return text(fmt::format("{}", value)); }
  RowWriter& key(const TextKey& value) { return number(value.low).number(value.high); }
  RowWriter& address(const IpAddress& value) { return text(value.to_string()); }
  RowWriter& flag(bool value) { return number(value ? 1 : 0); }
  RowWriter& time(Timestamp value) { return text(value.known() ? fmt::format("{}", value.ns) : std::string()); }
  RowWriter& frame(const FrameRef& value) {
    return time(value.known() ? value.time : Timestamp{}).number(value.number);
  }
  StateSection::Row take() { return std::move(row_); }

 private:
  StateSection::Row row_;
};

// Cells in their order; what is missing or no number is empty, 0 or unknown.
class RowReader {
 public:
  explicit RowReader(const StateSection::Row& row) : row_(row) {}
  std::string_view text() { return at_ < row_.size() ? std::string_view(row_[at_++]) : std::string_view{}; }
  std::uint64_t number() { return parse_number<std::uint64_t>(text()).value_or(0); }
  IpAddress address() { return IpAddress::parse(text()).value_or(IpAddress{}); }
  TextKey key() {
    TextKey value;
    value.low = number();
    value.high = number();
    return value;
  }
  bool more() const { return at_ < row_.size(); }
  std::uint32_t count() { return static_cast<std::uint32_t>(std::min<std::uint64_t>(number(), UINT32_MAX)); }
  bool flag() { return number() != 0; }
  Timestamp time() {
    const auto ns = parse_number<std::uint64_t>(text());
    if (!ns) return {};
    return {static_cast<std::int64_t>(std::min<std::uint64_t>(*ns, INT64_MAX))};
  }
  FrameRef frame() {
    const Timestamp moment = time();
    const std::uint64_t at = number();
    if (!moment.known() || at == 0) return {};
    return {.input = kEarlierRun, .number = at, .time = moment};
  }

 private:
  const StateSection::Row& row_;
  std::size_t at_ = 1;
};

}  // namespace voip::analyze::fraud
