#include "analyze/fraud/rates.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/csv.h"
#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::size_t kMaxRates = 1'000'000;

std::optional<double> decimal(std::string_view text) {
  double value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || at != text.data() + text.size() || !std::isfinite(value) || value < 0)
    return std::nullopt;
  return value;
}

}  // namespace

Status RateTable::read(std::string_view csv, std::string_view what) {
  CsvReader reader(csv);
  std::vector<std::string> header;
  std::vector<std::string> row;
  std::string currency;
  while (reader.next(row)) {
    if (row.size() == 1 && (trim(row[0]).empty() || row[0][0] == '#')) continue;
    if (header.empty()) {
      for (std::string& cell : row) header.push_back(to_lower(trim(cell)));
      for (const std::string_view needed : {"prefix", "rate_per_min"}) {
        if (std::ranges::find(header, needed) == header.end())
          return Error{fmt::format("{}: the first line must name the columns prefix and rate_per_min", what)};
      }
      continue;
    }
    Rate rate;
    for (std::size_t i = 0; i < row.size() && i < header.size(); ++i) {
      const std::string_view cell = trim(row[i]);
      const std::string& name = header[i];
      if (name == "prefix") {
        rate.prefix = cell.starts_with('+') ? cell.substr(1) : cell;
      } else if (name == "currency") {
        rate.currency = cell;
      } else if (!cell.empty() &&
                 (name == "rate_per_min" || name == "increment_s" || name == "min_s" || name == "connect_fee")) {
        const auto number = decimal(cell);
        if (!number) return Error{fmt::format("{}:{}: bad {} \"{}\"", what, reader.line(), name, cell)};
        (name == "rate_per_min"  ? rate.per_minute
         : name == "increment_s" ? rate.increment_s
         : name == "min_s"       ? rate.minimum_s
                                 : rate.connect_fee) = *number;
      }
    }
    if (rate.prefix.empty() || rate.prefix.size() > 15 || !std::ranges::all_of(rate.prefix, is_digit))
      return Error{fmt::format("{}:{}: bad prefix \"{}\"", what, reader.line(), rate.prefix)};
    if (rate.increment_s < 1) rate.increment_s = 1;
    if (!rate.currency.empty()) {
      if (!currency.empty() && currency != rate.currency)
        return Error{fmt::format("{}:{}: {} and {} in one table; sums need one currency", what, reader.line(), currency,
                                 rate.currency)};
      currency = rate.currency;
    }
    rates_.push_back(std::move(rate));
    if (rates_.size() > kMaxRates) return Error{fmt::format("{}: more than {} rows", what, kMaxRates)};
  }
  if (rates_.empty()) return Error{fmt::format("{}: no rate in it", what)};
  std::ranges::stable_sort(rates_, {}, &Rate::prefix);
  if (!currency.empty()) currency_ = currency;
  return Done{};
}

double RateTable::cost(const Number& number, double seconds) const {
  if (seconds <= 0 || number.e164.empty()) return 0;
  Rate rate;
  if (rates_.empty()) {
    const Tier tier = number.destination != nullptr ? number.destination->tier : Tier::kLow;
    rate.per_minute = placeholder_[static_cast<std::size_t>(tier)];
  } else {
    const std::string_view digits = std::string_view(number.e164).substr(1);
    const Rate* best = nullptr;
    for (std::size_t n = std::min<std::size_t>(digits.size(), 15); n > 0 && best == nullptr; --n) {
      const auto at = std::ranges::lower_bound(rates_, digits.substr(0, n), {},
                                               [](const Rate& r) -> std::string_view { return r.prefix; });
      if (at != rates_.end() && at->prefix == digits.substr(0, n)) best = &*at;
    }
    if (best == nullptr) return 0;
    rate = *best;
  }
  const double billed = std::ceil(std::max(seconds, rate.minimum_s) / rate.increment_s) * rate.increment_s;
  return billed / 60 * rate.per_minute + rate.connect_fee;
}

std::optional<Cost> RateTable::estimate(const std::vector<const PhoneCall*>& sure,
                                        const std::vector<const PhoneCall*>& suspicious) const {
  Cost cost{.currency = currency_, .low = 0, .high = 0, .placeholder = placeholder()};
  bool any = false;
  for (const PhoneCall* call : sure) {
    any |= call->answered();
    cost.low += this->cost(call->number, call->seconds());
  }
  cost.high = cost.low;
  for (const PhoneCall* call : suspicious) {
    any |= call->answered();
    cost.high += this->cost(call->number, call->seconds());
  }
  if (!any) return std::nullopt;
  return cost;
}

}  // namespace voip::analyze::fraud
