#include <algorithm>
#include <cmath>
#include <utility>

#include "analyze/srtp/judge_parts.h"

namespace voip::analyze::srtp::judging {
namespace {

constexpr std::int64_t kWindowNs = kNsPerSecond;
constexpr std::uint32_t kChiBytes = 4000;  // CHI256 needs 16 in each of the 256 bins for the approximation to hold
constexpr std::size_t kSegments = 24;      // changes kept by payload type; then the last segment goes on
// A stream's first packets are clear by their votes alone when their sum reaches this: four in a row. A packet of
// random bytes votes with chance 0.006, so the sum gets there with e^(-1.19 * 14) = 6e-8 (Lundberg's inequality), once
// a stream.
constexpr int kLeadIn = 14;

struct Verdict {
  Class kind = Class::kUnclear;
  Strongest best;
};

Verdict classify(const Counts& counts, std::uint32_t packets) {
  Verdict verdict{.best = strongest(counts)};
  if (verdict.best.nats >= kProven) {
    verdict.kind = Class::kStructured;
  } else if (verdict.best.nats < kAsRandom && packets >= kSmallWindow) {
    verdict.kind = Class::kRandom;
  }
  return verdict;
}

void vote_pair(Pair& vote, std::uint32_t step, std::uint16_t size) {
  if (vote.count == 0) {
    vote = {.step = step, .count = 1, .size = size};
  } else if (vote.step == step && vote.size == size) {
    ++vote.count;
  } else {
    --vote.count;
  }
}

Counts& counts_of(Slot& slot, Class kind) {
  return kind == Class::kStructured ? slot.structured : kind == Class::kRandom ? slot.random : slot.unclear;
}

// Whether both have a steady size, apart by what a tag may take.
bool resized(const Segment& before, const Segment& next) {
  const int apart = std::abs(int{before.size} - int{next.size});
  return before.step != 0 && before.step == next.step && apart >= kTagSizes.front() && apart <= kLongestOverhead &&
         before.alike * 2 > before.packets && next.alike * 2 > next.packets;
}

void append_segment(Slot& slot, Segment next) {
  slot.by_class[static_cast<std::size_t>(next.kind)] += next.packets;
  auto& segments = slot.segments;
  if (!segments.empty() && segments.back().kind == Class::kStructured && next.kind == Class::kRandom) {
    Segment& last = segments.back();
    if (last.tail > 0 && last.tail < last.packets) {
      slot.by_class[static_cast<std::size_t>(last.kind)] -= last.tail;
      slot.by_class[static_cast<std::size_t>(next.kind)] += last.tail;
      last.packets -= last.tail;
      last.last = last.tail_before;
      next.packets += last.tail;
      next.first = last.tail_first;
      last.tail = 0;
    }
  }
  if (segments.size() >= kSegments && segments.back().kind != next.kind) {
    segments.back().last = next.last;  // counted by class, no longer told apart
    return;
  }
  const bool apart = segments.size() < kSegments / 2 && !segments.empty() && resized(segments.back(), next);
  if (!segments.empty() && segments.back().kind == next.kind && !apart) {
    Segment& last = segments.back();
    if (next.nats > last.nats) {
      last.nats = next.nats;
      last.question = next.question;
    }
    if (next.packets > last.packets / 2 && next.step != 0) {
      last.step = next.step;
      last.size = next.size;
    }
    last.packets += next.packets;
    last.alike += next.alike;
    last.last = next.last;
    last.tail = next.tail;
    last.tail_before = next.tail_before;
    last.tail_first = next.tail_first;
    return;
  }
  if (!segments.empty()) slot.dense_until = slot.windows + kDenseWindows;
  segments.push_back(next);
}

std::optional<double> chi_square(const Slot& slot) {
  if (slot.bins == nullptr || slot.bins->bytes < kChiBytes) return std::nullopt;
  const double each = slot.bins->bytes / 256.0;
  double chi = 0;
  for (const std::uint16_t n : slot.bins->counts) chi += (n - each) * (n - each) / each;
  return chi;
}

Segment segment_of(const Verdict& verdict, std::uint32_t packets, const Pair& pair, const FrameRef& first,
                   const FrameRef& last) {
  return {.kind = verdict.kind,
          .question = verdict.best.question,
          .packets = packets,
          .step = pair.step,
          .size = pair.size,
          .alike = pair.count,
          .nats = static_cast<float>(verdict.best.nats),
          .first = first,
          .last = last};
}

// The sizes changed within the window: whether its two parts are of two kinds. Takes them if so.
bool close_in_two(Slot& slot) {
  const Window& window = slot.window;
  if (slot.cut == nullptr || !slot.cut_set) return false;
  const Cut& cut = *slot.cut;
  const std::uint32_t rest_packets = window.packets - cut.packets;
  const Counts rest = minus(window.counts, cut.counts);
  const Verdict head = classify(cut.counts, cut.packets);
  const Verdict tail = classify(rest, rest_packets);
  const bool differs = (head.kind == Class::kStructured && tail.kind == Class::kRandom) ||
                       (head.kind == Class::kRandom && tail.kind == Class::kStructured);
  // Few packets before the keys come, or after: whether they are clear is decided by their length, when the codec is
  // known. Both sides have to be steady, else silence suppression would make a segment of each pause.
  const bool steady = cut.before.count * 2 >= cut.packets - 1 && window.pair.count * 2 >= rest_packets - 1;
  const bool early = steady && head.kind != tail.kind;
  if (!differs && !early) return false;
  add_counts(counts_of(slot, head.kind), cut.counts);
  add_counts(counts_of(slot, tail.kind), rest);
  append_segment(slot, segment_of(head, cut.packets, cut.before, window.first, cut.last));
  append_segment(slot, segment_of(tail, rest_packets, window.pair, cut.next, window.last));
  return true;
}

// What the whole window is, by its questions and its byte counts.
Verdict judge_whole(Slot& slot) {
  Verdict whole = classify(slot.window.counts, slot.window.packets);
  const auto chi = chi_square(slot);
  if (chi && whole.kind != Class::kStructured && chi_nats(*chi, 255) >= kProven) {
    whole.kind = Class::kStructured;
    whole.best = {kByteCounts, chi_nats(*chi, 255)};
  }
  // Noise shows in byte counts only; where they were not taken, its windows say nothing, and the next ones take them.
  if (!chi && whole.kind == Class::kRandom && !slot.segments.empty() && slot.segments.back().question == kByteCounts) {
    whole.kind = Class::kUnclear;
    slot.dense_until = std::max(slot.dense_until, slot.windows + kDenseWindows);
  }
  const bool structured = whole.kind == Class::kStructured;
  ++slot.windows;
  if (chi) {
    (structured ? slot.structured_chi : slot.random_chi) += *chi;
    ++(structured ? slot.structured_chis : slot.random_chis);
  }
  if (slot.bins != nullptr && (chi || structured)) {
    if (slot.windows < slot.dense_until) {
      *slot.bins = Bins{};
    } else {
      slot.bins.reset();  // not needed for a while
    }
  }
  return whole;
}

// A few clear packets before the keys came, of a codec without a fixed size. Takes the window if so.
bool close_lead_in(Slot& slot, const Verdict& whole) {
  const Window& window = slot.window;
  if (whole.kind == Class::kStructured || !slot.segments.empty() || window.highest < kLeadIn ||
      window.fall >= window.packets)
    return false;
  add_counts(slot.unclear, window.counts);
  append_segment(slot, {.kind = Class::kStructured,
                        .question = kFirstByte,
                        .packets = window.fall,
                        .first = window.first,
                        .last = window.fall_last});
  append_segment(slot, {.kind = window.packets - window.fall >= kSmallWindow ? Class::kRandom : Class::kUnclear,
                        .packets = window.packets - window.fall,
                        .step = window.pair.step,
                        .size = window.pair.size,
                        .alike = window.pair.count,
                        .first = window.fall_next,
                        .last = window.last});
  return true;
}

// Clear text begins or ends within the window: it is split where the votes of its packets turn, if its neighbour is
// random.
void split_at_votes(Slot& slot, Segment& next) {
  const Window& window = slot.window;
  if (window.highest >= 3 * kVoteYes && window.fall < window.packets && window.score - window.highest <= 4 * kVoteNo) {
    next.tail = window.packets - window.fall;
    next.tail_before = window.fall_last;
    next.tail_first = window.fall_next;
  }
  if (slot.segments.empty() || slot.segments.back().kind != Class::kRandom || window.rise == 0 ||
      window.rise >= window.packets || window.lowest > 4 * kVoteNo || window.score - window.lowest < 3 * kVoteYes)
    return;
  append_segment(slot, {.kind = Class::kRandom,
                        .packets = window.rise,
                        .step = slot.segments.back().step,
                        .size = slot.segments.back().size,
                        .first = window.first,
                        .last = window.rise_last});
  next.packets -= window.rise;
  next.first = window.rise_next;
  if (next.tail >= next.packets) next.tail = 0;
}

void close_whole(Slot& slot, const Verdict& whole) {
  const Window& window = slot.window;
  add_counts(counts_of(slot, whole.kind), window.counts);
  Segment next = segment_of(whole, window.packets, window.pair, window.first, window.last);
  if (whole.kind == Class::kStructured) split_at_votes(slot, next);
  append_segment(slot, next);
}

}  // namespace

void count_pair(Slot& slot, std::uint32_t step, std::uint16_t size) {
  vote_pair(slot.window.pair, step, size);
  ++slot.pair_count;
  Pair* empty = nullptr;
  for (Pair& pair : slot.pairs) {
    if (pair.count == 0) {
      if (empty == nullptr) empty = &pair;
    } else if (pair.step == step && pair.size == size) {
      ++pair.count;
      // Move to the front, one place at a time: the commonest is found at once.
      if (&pair != slot.pairs.data() && (&pair)[-1].count < pair.count) std::swap(pair, (&pair)[-1]);
      return;
    }
  }
  if (empty != nullptr) {
    *empty = {.step = step, .count = 1, .size = size};
    return;
  }
  for (Pair& pair : slot.pairs) --pair.count;
}

void watch_size(Slot& slot, std::uint16_t size, const FrameRef& frame) {
  if (size == slot.run_size) {
    if (slot.run < 1000) ++slot.run;
    return;
  }
  const int apart = std::abs(int{size} - int{slot.run_size});
  if (!slot.cut_set && slot.run >= 3 && slot.window.packets > 0 && apart >= kTagSizes.front() &&
      apart <= kLongestOverhead) {
    if (slot.cut == nullptr) slot.cut = std::make_unique<Cut>();
    *slot.cut = {.counts = slot.window.counts,
                 .packets = slot.window.packets,
                 .last = slot.window.last,
                 .next = frame,
                 .before = slot.window.pair};
    slot.cut_set = true;
    slot.window.pair = {};
  }
  slot.run_size = size;
  slot.run = 1;
}

void count_packet(Slot& slot, const FrameRef& frame, bool vote) {
  Window& window = slot.window;
  if (window.packets == 0) window.first = frame;
  if (window.rise == window.packets) window.rise_next = frame;
  if (window.fall == window.packets) window.fall_next = frame;
  window.score += vote ? kVoteYes : kVoteNo;
  ++window.packets;
  window.last = frame;
  if (window.score < window.lowest) {
    window.lowest = window.score;
    window.rise = window.packets;
    window.rise_last = frame;
  }
  if (window.score > window.highest) {
    window.highest = window.score;
    window.fall = window.packets;
    window.fall_last = frame;
  }
  if (window.packets >= kWindowPackets ||
      (window.packets >= kSmallWindow && later_by(window.first.time, frame.time, std::chrono::nanoseconds{kWindowNs})))
    close_window(slot);
}

void close_window(Slot& slot) {
  if (slot.window.packets == 0) return;
  const Verdict whole = judge_whole(slot);
  if (!close_in_two(slot) && !close_lead_in(slot, whole)) close_whole(slot, whole);
  slot.window = Window{};
  slot.cut_set = false;
}

}  // namespace voip::analyze::srtp::judging
