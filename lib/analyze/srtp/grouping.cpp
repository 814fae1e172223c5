#include <algorithm>
#include <numeric>

#include "analyze/srtp/records.h"
#include "base/table.h"
#include "base/text.h"

namespace voip::analyze::srtp {

namespace {

using session::LinkKind;

constexpr std::int64_t kSampleWindowNs = 2 * kNsPerSecond;
constexpr std::int64_t kHeuristicStartNs = 2 * kNsPerSecond;
constexpr std::size_t kSharedSamples = 2;

class Groups {
 public:
  explicit Groups(std::size_t n) : parent_(n), link_(n, LinkKind::kHeuristic) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  // The earlier call leads.
  void join(std::size_t a, std::size_t b, LinkKind kind) {
    a = root(a);
    b = root(b);
    if (a == b) return;
    if (b < a) std::swap(a, b);
    parent_[b] = a;
    link_[b] = kind;
  }
  LinkKind link(std::size_t i) const { return link_[i]; }

 private:
  std::vector<std::size_t> parent_;
  std::vector<LinkKind> link_;
};

bool overlap(const CallRecord& a, const CallRecord& b) {
  if (!a.first.time.known() || !b.first.time.known() || !a.end.known() || !b.end.known()) return true;
  return a.first.time <= b.end && b.first.time <= a.end;
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

bool host_in_common(const CallRecord& a, const CallRecord& b) {
  for (const LegRecord& x : a.legs) {
    for (const LegRecord& y : b.legs) {
      for (const Endpoint* p : {&x.caller_hop, &x.callee_hop}) {
        if (p->address == y.caller_hop.address || p->address == y.callee_hop.address) return true;
      }
    }
  }
  return false;
}

// Overlap above 90 % of the longer one.
bool same_span(const CallRecord& a, const CallRecord& b) {
  if (!a.end.known() || !b.end.known() || !a.first.time.known() || !b.first.time.known()) return false;
  const auto begin = std::max(a.first.time.ns, b.first.time.ns);
  const auto end = std::min(a.end.ns, b.end.ns);
  const auto longer = std::max(a.end.ns - a.first.time.ns, b.end.ns - b.first.time.ns);
  return end > begin && longer > 0 && static_cast<double>(end - begin) > 0.9 * static_cast<double>(longer);
}

void join_by_links(const CallRecords& calls, Groups& groups) {
  struct Key {
    TextKey text;
    std::uint64_t kind = 0;
    bool operator==(const Key&) const = default;
  };
  FlatMap<Key, std::size_t> first_with;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const auto& [kind, text] : calls[i].links) {
      bool made = false;
      std::size_t& other = first_with.at_or_new({text, static_cast<std::uint64_t>(kind)}, &made);
      // An identifier that comes back after its call ended is another call (a key that does is SRTP-020).
      if (!made && overlap(calls[other], calls[i])) {
        groups.join(other, i, kind);
      } else {
        other = i;
      }
    }
  }
}

void join_by_media(const CallRecords& calls, Groups& groups) {
  struct Seen {
    std::uint64_t key;
    std::int64_t time_ns;
    std::size_t call;
  };
  std::vector<Seen> samples;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const MediaSample& sample : calls[i].samples) samples.push_back({sample.key, sample.time_ns, i});
  }
  std::ranges::sort(samples, [](const Seen& a, const Seen& b) {
    return a.key != b.key ? a.key < b.key : a.time_ns != b.time_ns ? a.time_ns < b.time_ns : a.call < b.call;
  });
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const Seen& a = samples[i - 1];
    const Seen& b = samples[i];
    if (a.key == b.key && a.call != b.call && b.time_ns - a.time_ns <= kSampleWindowNs)
      pairs.emplace_back(std::minmax(a.call, b.call));
  }
  std::ranges::sort(pairs);
  for (std::size_t i = 0; i < pairs.size();) {
    std::size_t n = 1;
    while (i + n < pairs.size() && pairs[i + n] == pairs[i]) ++n;
    if (n >= kSharedSamples) groups.join(pairs[i].first, pairs[i].second, LinkKind::kMedia);
    i += n;
  }
}

void join_by_heuristic(const CallRecords& calls, Groups& groups) {
  std::vector<std::uint32_t> digits(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) digits[i] = last_digits(calls[i].dialled);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (digits[i] == 0 || !calls[i].first.time.known()) continue;
    for (std::size_t k = i + 1; k < calls.size() && k < i + 64; ++k) {
      if (!calls[k].first.time.known() || calls[k].first.time.ns - calls[i].first.time.ns > kHeuristicStartNs) break;
      if (digits[k] != digits[i] || groups.root(i) == groups.root(k)) continue;
      if (same_span(calls[i], calls[k]) && host_in_common(calls[i], calls[k])) {
        groups.join(i, k, LinkKind::kHeuristic);
      }
    }
  }
}

}  // namespace

void group_calls(CallRecords& calls) {
  Groups groups(calls.size());
  join_by_links(calls, groups);
  join_by_media(calls, groups);
  join_by_heuristic(calls, groups);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    calls[i].group = groups.root(i);
    calls[i].linked_by = groups.link(i);
  }
}

}  // namespace voip::analyze::srtp
