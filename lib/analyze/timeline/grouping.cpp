#include <algorithm>
#include <numeric>

#include "analyze/timeline/records.h"
#include "base/text.h"

namespace voip::analyze::timeline {

namespace {

using session::LinkKind;

constexpr std::int64_t kStartWindowNs = 2 * kNsPerSecond;
constexpr std::size_t kNeighbours = 64;

class Groups {
 public:
  explicit Groups(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  // The earlier call leads.
  void join(std::size_t a, std::size_t b) {
    a = root(a);
    b = root(b);
    if (a != b) parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<std::size_t> parent_;
};

Timestamp end_of(const CallRecord& call) { return call.end.known() ? call.end.time : call.last.time; }

bool overlap(const CallRecord& a, const CallRecord& b) {
  if (!a.first.time.known() || !b.first.time.known()) return true;
  return a.first.time <= end_of(b) && b.first.time <= end_of(a);
}

// A correlation header and a HEP correlation id often hold the Call-ID of the other leg.
void join_by_links(const std::vector<CallRecord>& calls, Groups& groups) {
  struct Key {
    TextKey text;
    std::uint64_t kind = 0;
    bool operator==(const Key&) const = default;
  };
  FlatMap<Key, std::size_t> first_with;
  const auto take = [&](const TextKey& text, std::uint64_t kind, std::size_t call) {
    bool made = false;
    std::size_t& other = first_with.at_or_new({text, kind}, &made);
    if (!made && other != call && overlap(calls[other], calls[call])) {
      groups.join(other, call);
    } else {
      other = call;
    }
  };
  const auto correlation = static_cast<std::uint64_t>(LinkKind::kCorrelationHeader);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    take(text_key(calls[i].call_id), correlation, i);
    for (const auto& [kind, text] : calls[i].links) {
      take(text, kind == LinkKind::kHepCorrelation ? correlation : static_cast<std::uint64_t>(kind), i);
    }
  }
}

// The last 7 digits as a number, 10 million added for each digit that there is; 0 for fewer than 3.
std::uint32_t last_digits(std::string_view dialled) {
  std::uint32_t value = 0;
  std::uint32_t count = 0;
  std::uint32_t place = 1;
  for (std::size_t i = dialled.size(); i-- > 0 && count < 7;) {
    if (!is_digit(dialled[i])) continue;
    value += static_cast<std::uint32_t>(dialled[i] - '0') * place;
    place *= 10;
    ++count;
  }
  return count < 3 ? 0 : value + 10'000'000 * count;
}

// Whether y begins where x ends: a B2BUA between them. Two calls that come in by the same way are no legs of each
// other.
bool leads_to(const CallRecord& x, const CallRecord& y) {
  if (x.hops.empty() || y.hops.empty()) return false;
  const Endpoint& end = x.hops.back().to;
  const Endpoint& begin = y.hops.front().from;
  // All on one host: only the ports tell.
  if (x.hops.front().from.address == begin.address) return end == begin && x.hops.front().from != begin;
  return end.address == begin.address;
}

bool same_span(const CallRecord& a, const CallRecord& b) {
  const Timestamp a_end = end_of(a);
  const Timestamp b_end = end_of(b);
  if (!a.begin().time.known() || !b.begin().time.known() || !a_end.known() || !b_end.known()) return false;
  const auto from = std::max(a.begin().time.ns, b.begin().time.ns);
  const auto to = std::min(a_end.ns, b_end.ns);
  const auto longer = std::max(a_end.ns - a.begin().time.ns, b_end.ns - b.begin().time.ns);
  return to > from && longer > 0 && static_cast<double>(to - from) > 0.9 * static_cast<double>(longer);
}

// A leg has one that leads to it and leads to one: calls to the same number at the same time stay apart.
void join_by_heuristic(const std::vector<CallRecord>& calls, const std::vector<std::uint32_t>& digits, Groups& groups) {
  std::vector<bool> leads(calls.size());
  std::vector<bool> follows(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (digits[i] == 0 || !calls[i].begin().time.known()) continue;
    for (std::size_t k = i + 1; k < calls.size() && k < i + kNeighbours; ++k) {
      if (!calls[k].begin().time.known() || calls[k].begin().time.ns - calls[i].begin().time.ns > kStartWindowNs) break;
      if (digits[k] != digits[i] || calls[i].answered() != calls[k].answered()) continue;
      if (groups.root(i) == groups.root(k)) continue;
      if (!same_span(calls[i], calls[k])) continue;
      const bool forth = !leads[i] && !follows[k] && leads_to(calls[i], calls[k]);
      const bool back = !forth && !leads[k] && !follows[i] && leads_to(calls[k], calls[i]);
      if (!forth && !back) continue;
      leads[forth ? i : k] = true;
      follows[forth ? k : i] = true;
      groups.join(i, k);
    }
  }
}

}  // namespace

void group_calls(std::vector<CallRecord>& calls, const Names& names) {
  Groups groups(calls.size());
  join_by_links(calls, groups);
  std::vector<std::uint32_t> digits(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const std::string& dialled = names.text(calls[i].dialled);
    digits[i] = last_digits(dialled.empty() ? user_of(names.text(calls[i].to)) : std::string_view{dialled});
  }
  join_by_heuristic(calls, digits, groups);
  for (std::size_t i = 0; i < calls.size(); ++i) calls[i].group = groups.root(i);
}

}  // namespace voip::analyze::timeline
