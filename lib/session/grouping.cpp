#include "session/grouping.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <optional>

#include "base/table.h"
#include "base/text.h"

namespace voip::session {

namespace {

constexpr std::int64_t kStartWindowNs = 2 * kNsPerSecond;
constexpr std::int64_t kSameMomentNs = 500 * kNsPerMs;
constexpr std::int64_t kVerySameMomentNs = 200 * kNsPerMs;
constexpr std::int64_t kClockSkewNs = 200 * kNsPerMs;  // of two taps: the far leg may seem to begin first
constexpr std::int64_t kSampleWindowNs = 2 * kNsPerSecond;
constexpr std::size_t kSharedSamples = 2;
constexpr std::size_t kLookBack = 64;
constexpr std::size_t kLegsOfLink = 64;
constexpr std::uint32_t kNone = 0xffffffff;

class Groups {
 public:
  explicit Groups(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  // The earlier one leads. False when they were together already.
  bool join(std::size_t a, std::size_t b) {
    a = root(a);
    b = root(b);
    if (a == b) return false;
    parent_[std::max(a, b)] = std::min(a, b);
    return true;
  }

 private:
  std::vector<std::size_t> parent_;
};

// The last 7 digits as a number, 10 million added for each digit that there is; 0 for fewer than 3.
std::uint32_t last_digits(std::string_view user) {
  user = user.substr(0, user.find(';'));
  std::uint32_t value = 0;
  std::uint32_t count = 0;
  std::uint32_t place = 1;
  for (std::size_t i = user.size(); i-- > 0 && count < 7;) {
    if (!is_digit(user[i])) continue;
    value += static_cast<std::uint32_t>(user[i] - '0') * place;
    place *= 10;
    ++count;
  }
  return count < 3 ? 0 : value + 10'000'000 * count;
}

bool overlap(const LegFacts& a, const LegFacts& b) {
  if (!a.start.known() || !b.start.known() || !a.end.known() || !b.end.known()) return true;
  return a.start <= b.end && b.start <= a.end;
}

bool near(Timestamp a, Timestamp b, std::int64_t within) { return std::abs(a.ns - b.ns) < within; }

// Both are answered at one moment and end at one moment: the two sides of a B2BUA. The far side answers first.
bool same_moments(const LegFacts& near_side, const LegFacts& far_side, std::int64_t within) {
  if (!near_side.answer.known() || !far_side.answer.known() || near_side.ended != far_side.ended) return false;
  if (near_side.answer < far_side.answer || !near(near_side.answer, far_side.answer, within)) return false;
  return !near_side.ended || near(near_side.end, far_side.end, within);
}

// Both were refused or given up at one moment.
bool refused_together(const LegFacts& near_side, const LegFacts& far_side, std::int64_t within) {
  if (near_side.answer.known() || far_side.answer.known() || !near_side.ended || !far_side.ended) return false;
  return near(near_side.end, far_side.end, within);
}

// An extension on one side may be the end of a whole number on the other.
bool ends_alike(std::string_view a, std::string_view b) {
  a = a.substr(0, a.find(';'));
  b = b.substr(0, b.find(';'));
  if (a.size() > b.size()) std::swap(a, b);
  if (a.size() < 2) return false;
  return b.ends_with(a) && std::ranges::all_of(a, is_digit);
}

bool same_path(const LegFacts& a, const LegFacts& b) {
  return !a.hops.empty() && !b.hops.empty() && a.hops.front().from.address == b.hops.front().from.address &&
         a.hops.front().to.address == b.hops.front().to.address;
}

bool reaches(const LegFacts& leg, const IpAddress& host) {
  return std::ranges::any_of(leg.hops, [&](const LegHop& hop) { return hop.to.address == host; });
}

// Two calls of one client to one server, both answered, at the same time, are two calls, whatever their headers say.
bool two_calls(const LegFacts& a, const LegFacts& b) {
  return same_path(a, b) && a.answer.known() && b.answer.known() && a.answer < b.end && b.answer < a.end;
}

class Grouper {
 public:
  explicit Grouper(std::span<const LegFacts> legs)
      : legs_(legs), groups_(legs.size()), places_(legs.size()), continued_(legs.size(), 0), digits_(legs.size()) {
    for (std::size_t i = 0; i < legs.size(); ++i) {
      places_[i] = {i, i, LinkKind::kHeuristic};
      digits_[i] = last_digits(legs[i].called);
    }
  }

  std::vector<LegPlace> run() {
    by_links();
    by_media();
    by_heuristic();
    for (std::size_t i = 0; i < legs_.size(); ++i) places_[i].group = groups_.root(i);
    return std::move(places_);
  }

 private:
  void join(std::size_t before, std::size_t after, LinkKind by) {
    const std::size_t a = groups_.root(before);
    const std::size_t b = groups_.root(after);
    if (!groups_.join(a, b)) return;
    // The first of the later group goes on from the other one.
    LegPlace& place = places_[std::max(a, b)];
    place.before = a > b ? after : before;
    place.by = by;
    continued_[before] = 1;
  }

  void by_links();
  void by_media();
  void by_heuristic();
  std::optional<std::size_t> continues(std::size_t i);
  std::optional<std::size_t> led_by_later(std::size_t i);

  // Legs of the last seconds by some key, latest first. Two tables take turns, so that memory follows the rate.
  class Recent {
   public:
    void advance(Timestamp now) {
      if (begun_.known() && now.ns - begun_.ns <= 2 * kStartWindowNs) return;
      std::swap(young_, old_);
      young_.clear();
      young_chain_.swap(old_chain_);
      young_chain_.clear();
      begun_ = now;
    }
    void add(const TextKey& key, std::uint32_t leg) {
      bool made = false;
      std::uint32_t& head = young_.at_or_new(key, &made);
      const std::uint32_t next = made ? kNone : head;
      head = static_cast<std::uint32_t>(young_chain_.size());
      young_chain_.push_back({leg, next});
    }
    // each(leg) until it says false.
    template <class Each>
    void look(const TextKey& key, Each&& each) {
      if (!walk(young_, young_chain_, key, each)) return;
      walk(old_, old_chain_, key, each);
    }

   private:
    struct Item {
      std::uint32_t leg;
      std::uint32_t next;
    };
    template <class Each>
    static bool walk(const FlatMap<TextKey, std::uint32_t>& table, const std::vector<Item>& chain, const TextKey& key,
                     Each& each) {
      const std::uint32_t* head = table.find(key);
      if (head == nullptr) return true;
      std::size_t seen = 0;
      for (std::uint32_t at = *head; at != kNone && seen < kLookBack; at = chain[at].next, ++seen) {
        if (!each(chain[at].leg)) return false;
      }
      return true;
    }
    FlatMap<TextKey, std::uint32_t> young_, old_;
    std::vector<Item> young_chain_, old_chain_;
    Timestamp begun_;
  };

  enum class What : std::uint64_t { kNumberAt, kCallerAt, kHost, kNumber, kCaller, kFrom };
  // Of one kind of question: about a number or a caller, at a host or anywhere.
  static TextKey key(What what, const IpAddress& host, std::uint64_t text) {
    const auto& bytes = host.bytes();
    const std::uint64_t seed = static_cast<std::uint64_t>(what) << 56 ^ text;
    const auto half = [&](std::size_t at) { return load_be<std::uint64_t>(bytes.data() + at); };
    return {fold(half(0) ^ seed ^ kHashSeeds.first, half(8) ^ kHashSeeds.second),
            fold(half(8) ^ kHashSeeds.first, half(0) ^ seed ^ kHashSeeds.second)};
  }
  static std::uint64_t caller_value(std::string_view caller) {
    if (caller.empty() || iequals(caller, "anonymous")) return 0;
    const std::uint32_t digits = last_digits(caller);
    // Numbers are written in many ways; names in one.
    if (digits >= 50'000'000) return digits;
    return text_key(caller).low | 1;
  }

  std::span<const LegFacts> legs_;
  Groups groups_;
  std::vector<LegPlace> places_;
  std::vector<char> continued_;
  std::vector<std::uint32_t> digits_;
  Recent recent_;
};

// A correlation header and a HEP correlation id often hold the Call-ID of the other leg.
void Grouper::by_links() {
  struct Key {
    TextKey text;
    std::uint64_t kind = 0;
    bool operator==(const Key&) const = default;
  };
  struct Use {
    std::vector<std::uint32_t> legs;  // the latest of them that go on at one time
    bool worthless = false;
  };
  FlatMap<Key, std::uint32_t> index;
  std::vector<Use> uses;
  const bool any = std::ranges::any_of(legs_, [](const LegFacts& leg) { return !leg.links.empty(); });
  if (!any) return;
  const auto of = [](LinkKind kind) {
    return static_cast<std::uint64_t>(kind == LinkKind::kHepCorrelation ? LinkKind::kCorrelationHeader : kind);
  };
  // Once to see what they are worth, once to join.
  for (const bool joining : {false, true}) {
    for (Use& use : uses) use.legs.clear();
    for (std::uint32_t i = 0; i < legs_.size(); ++i) {
      const auto take = [&](const TextKey& text, LinkKind kind) {
        bool made = false;
        std::uint32_t& at = index.at_or_new({text, of(kind)}, &made);
        if (made) {
          at = static_cast<std::uint32_t>(uses.size());
          uses.emplace_back();
        }
        Use& use = uses[at];
        if (use.worthless) return;
        // An identifier that comes back after its call ended is another call (a key that does is SRTP-020).
        std::erase_if(use.legs, [&](std::uint32_t k) { return !overlap(legs_[k], legs_[i]); });
        if (!joining) {
          use.worthless = use.legs.size() >= kLegsOfLink || std::ranges::any_of(use.legs, [&](std::uint32_t k) {
                            return k != i && two_calls(legs_[k], legs_[i]);
                          });
        } else if (!use.legs.empty() && use.legs.back() != i) {
          std::uint32_t before = use.legs.front();
          for (const std::uint32_t k : use.legs) {
            if (!legs_[i].hops.empty() && reaches(legs_[k], legs_[i].hops.front().from.address)) before = k;
          }
          join(before, i, kind);
        }
        if (use.legs.empty() || use.legs.back() != i) use.legs.push_back(i);
      };
      take(text_key(legs_[i].call_id), LinkKind::kCorrelationHeader);
      for (const auto& [kind, text] : legs_[i].links) take(text, kind);
    }
  }
}

void Grouper::by_media() {
  struct Seen {
    std::uint64_t key;
    std::int64_t time_ns;
    std::size_t leg;
  };
  std::vector<Seen> samples;
  for (std::size_t i = 0; i < legs_.size(); ++i) {
    for (const LegSample& sample : legs_[i].samples) samples.push_back({sample.key, sample.time_ns, i});
  }
  std::ranges::sort(samples, [](const Seen& a, const Seen& b) {
    return a.key != b.key ? a.key < b.key : a.time_ns != b.time_ns ? a.time_ns < b.time_ns : a.leg < b.leg;
  });
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const Seen& a = samples[i - 1];
    const Seen& b = samples[i];
    if (a.key == b.key && a.leg != b.leg && b.time_ns - a.time_ns <= kSampleWindowNs)
      pairs.emplace_back(std::minmax(a.leg, b.leg));
  }
  std::ranges::sort(pairs);
  for (std::size_t i = 0; i < pairs.size();) {
    std::size_t n = 1;
    while (i + n < pairs.size() && pairs[i + n] == pairs[i]) ++n;
    if (n >= kSharedSamples) join(pairs[i].first, pairs[i].second, LinkKind::kMedia);
    i += n;
  }
}

// The earlier leg that this one goes on from.
std::optional<std::size_t> Grouper::continues(std::size_t i) {
  const LegFacts& leg = legs_[i];
  const IpAddress& host = leg.hops.front().from.address;
  const std::uint64_t caller = caller_value(leg.caller);
  std::optional<std::size_t> best;
  const auto in_time = [&](const LegFacts& other) { return leg.start.ns - other.start.ns <= kStartWindowNs; };
  // Of several, one that nothing goes on from yet, and of these the one that waits longest.
  const auto consider = [&](std::size_t k) {
    if (!best || continued_[k] == 0 || continued_[*best] != 0) best = k;
  };
  const auto chained = [&](std::uint32_t k) {
    if (!in_time(legs_[k])) return false;
    if (overlap(legs_[k], leg) && (continued_[k] == 0 || !best)) consider(k);
    return true;
  };
  if (digits_[i] != 0) recent_.look(key(What::kNumberAt, host, digits_[i]), chained);
  if (!best && caller != 0) recent_.look(key(What::kCallerAt, host, caller), chained);
  if (best) return best;
  // Neither number nor caller survived: only the moments of answer and end tell.
  if (leg.answer.known()) {
    recent_.look(key(What::kHost, host, 0), [&](std::uint32_t k) {
      if (!in_time(legs_[k])) return false;
      if (continued_[k] == 0 && overlap(legs_[k], leg) && same_moments(legs_[k], leg, kVerySameMomentNs)) best = k;
      return true;
    });
    if (best) return best;
  }
  // A border with one address on each side.
  const auto border = [&](bool number) {
    return [&, number](std::uint32_t k) {
      const LegFacts& other = legs_[k];
      if (!in_time(other)) return false;
      if (other.hops.front().from.address == host || other.hops.front().to.address == leg.hops.front().to.address)
        return true;
      if (!overlap(other, leg)) return true;
      const bool alike =
          number ? (caller != 0 && caller_value(other.caller) == caller) || ends_alike(other.caller, leg.caller)
                 : ends_alike(other.called, leg.called);
      if (same_moments(other, leg, kSameMomentNs) ||
          refused_together(other, leg, alike ? kSameMomentNs : kVerySameMomentNs))
        consider(k);
      return true;
    };
  };
  if (digits_[i] != 0) recent_.look(key(What::kNumber, {}, digits_[i]), border(true));
  if (!best && caller != 0) recent_.look(key(What::kCaller, {}, caller), border(false));
  return best;
}

// Two taps whose clocks differ: the leg that leads here was stamped before the one that leads it.
std::optional<std::size_t> Grouper::led_by_later(std::size_t i) {
  const LegFacts& leg = legs_[i];
  std::optional<std::size_t> found;
  if (digits_[i] == 0) return found;
  for (const LegHop& hop : leg.hops) {
    recent_.look(key(What::kFrom, hop.to.address, digits_[i]), [&](std::uint32_t k) {
      if (leg.start.ns - legs_[k].start.ns > kClockSkewNs) return false;
      const bool first = places_[k].before == k && groups_.root(k) == k;
      const bool fits = leg.answer.known() == legs_[k].answer.known() &&
                        (!leg.answer.known() || near(leg.answer, legs_[k].answer, kSameMomentNs));
      if (first && fits && !reaches(legs_[k], leg.hops.front().from.address)) found = k;
      return true;
    });
    if (found) break;
  }
  return found;
}

void Grouper::by_heuristic() {
  for (std::size_t i = 0; i < legs_.size(); ++i) {
    const LegFacts& leg = legs_[i];
    if (!leg.start.known() || leg.hops.empty()) continue;
    recent_.advance(leg.start);
    if (places_[i].before == i) {
      if (const auto before = continues(i)) {
        join(*before, i, LinkKind::kHeuristic);
      } else if (const auto after = led_by_later(i)) {
        join(i, *after, LinkKind::kHeuristic);
      }
    }
    const auto id = static_cast<std::uint32_t>(i);
    const std::uint64_t caller = caller_value(leg.caller);
    if (digits_[i] != 0) {
      recent_.add(key(What::kNumber, {}, digits_[i]), id);
      recent_.add(key(What::kFrom, leg.hops.front().from.address, digits_[i]), id);
    }
    if (caller != 0) recent_.add(key(What::kCaller, {}, caller), id);
    for (std::size_t h = 0; h < leg.hops.size(); ++h) {
      const IpAddress& to = leg.hops[h].to.address;
      const auto again =
          std::ranges::any_of(leg.hops.first(h), [&](const LegHop& hop) { return hop.to.address == to; });
      if (again) continue;
      if (digits_[i] != 0) recent_.add(key(What::kNumberAt, to, digits_[i]), id);
      if (caller != 0) recent_.add(key(What::kCallerAt, to, caller), id);
      recent_.add(key(What::kHost, to, 0), id);
    }
  }
}

}  // namespace

std::vector<LegPlace> group_legs(std::span<const LegFacts> legs) { return Grouper(legs).run(); }

}  // namespace voip::session
