#include "analyze/srtp/media_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "analyze/srtp/byte_lanes.h"
#include "analyze/srtp/codec_structure.h"
#include "base/text.h"

namespace voip::analyze::srtp {
namespace {

// What is asked of a packet. For uniform random payloads the answers are independent and "yes" has the chance given in
// kChances, exactly or at most.
enum Question : std::uint8_t {
  kFirstByte,   // byte 0 equals that of the packet before: the OFFSET test; TOC, NAL and descriptor bytes
  kSecondByte,  // bytes 1 to 3 likewise
  kThirdByte,
  kFourthByte,
  kFirstNibble,   // high nibble of byte 0 likewise: Speex, GSM
  kTopBit,        // first bit is 0; both sides
  kSameNibbles,   // the first 32 nibbles against the packet before: what an encoder repeats or prefers
  kNeighbours,    // high nibbles of adjacent bytes: sign and segment of adjacent PCM samples
  kStride,        // high nibbles of bytes 0 2 4 ...: 16-bit samples
  kConstant,      // first 16 bytes are one value: digital silence
  kPlausibleGsm,  // high nibble 0xD
  kParity,        // G.729 P0, both sides
  kChain,         // G.723.1 sizes
  kIlbcFlag,      // empty-frame bit 0
  kAmrOctets,
  kAmrBits,
  kAmrWbOctets,
  kAmrWbBits,
  kEventRow,    // telephone-event goes on
  kByteCounts,  // chi-square of byte values; not counted here, see Window::chi
  kQuestions = kByteCounts,
};

struct Chance {
  double yes;
  bool both_sides = false;
  const char* text;
};
constexpr std::array<Chance, kQuestions> kChances{{
    {1.0 / 256, false, "first byte repeats"},
    {1.0 / 256, false, "second byte repeats"},
    {1.0 / 256, false, "third byte repeats"},
    {1.0 / 256, false, "fourth byte repeats"},
    {1.0 / 16, false, "first nibble repeats"},
    {1.0 / 2, true, "first bit is 0"},
    {1.0 / 16, false, "nibbles repeat"},
    {1.0 / 16, false, "neighbouring bytes share their high nibble"},
    {1.0 / 16, false, "alternate bytes share their high nibble"},
    {1.0 / (1ULL << 60), false, "payload is constant"},  // truly 2^-120
    {1.0 / 16, false, "payload begins with GSM's signature"},
    {1.0 / 2, true, "G.729 parity bit holds"},
    // 24 bytes: one frame of 24 (1/4), 20 + 4 and 4 + 20 (1/16 each), six of 4; other sizes less.
    {0.4, false, "G.723.1 frame sizes fill the payload"},
    {1.0 / 2, false, "iLBC empty-frame bit is 0"},
    // CMR's low nibble 2^-4, and per frame type and padding bits 2^-6 with at most two types of one size.
    {1.0 / 512, false, "AMR header and padding fit the size"},
    // F and type 2^-5 for one frame, longer tables add less than as much again.
    {1.0 / 16, false, "AMR header fits the size"},
    {1.0 / 512, false, "AMR-WB header and padding fit the size"},
    {1.0 / 16, false, "AMR-WB header fits the size"},
    // Event 2^-8, volume and reserved bit 2^-8, duration 1601 in 2^16.
    {1.0 / (1 << 20), false, "telephone-event goes on"},
}};

// All decisions are on evidence in nats: -ln of an upper bound (Chernoff) on the chance that random bytes do the like.
// 25 nats: 1.4e-11. A capture of a million windows of ciphertext asks 2e7 questions; one false answer in 3000 such
// captures.
constexpr double kProven = 25;
// Random bytes give 10 nats in one of 20 questions in 1100 windows: below that a window is "as random".
constexpr double kAsRandom = 10;
// With a length that fits the codec without any tag, and a codec whose length is fixed, this much is enough: the length
// itself is the better half of the proof. e^-12 = 6e-6.
constexpr double kBesideLength = 12;
constexpr std::uint64_t kShortStream = 300;
constexpr std::uint32_t kRowBeside = 3;  // bare packets beside tagged ones
// Over a whole stream the random side is asked once for each question: e^-14 * 20 = 2e-5.
constexpr double kStreamAsRandom = 14;

// A window is about a second, so that a change of a second shows: 50 packets at 20 ms, or a second if that is fewer,
// but no less than 16 packets, for nothing less says much.
constexpr std::uint16_t kWindowPackets = 50;
constexpr std::uint16_t kSmallWindow = 16;
constexpr std::int64_t kWindowNs = kNsPerSecond;

// Byte counts are taken in the first windows after each change, then in one of 16: they cost more than all the rest.
constexpr std::uint32_t kDenseWindows = 4;
constexpr std::uint32_t kSparse = 16;
constexpr std::uint32_t kChiBytes = 4000;  // CHI256 needs 16 in each of the 256 bins for the approximation to hold
constexpr std::size_t kTail = 20;          // MKI and tag are not looked at: an MKI is constant and clear

constexpr std::size_t kHead = 16;       // bytes looked at in each packet
constexpr std::size_t kWholeHead = 30;  // from this size on the head ends before a 10-byte tag and a 4-byte MKI
constexpr std::size_t kSlots = 6;       // payload types told apart; others are not judged
constexpr std::size_t kPairs = 8;       // commonest (timestamp step, size) pairs
constexpr std::size_t kSegments = 24;   // changes kept by payload type; then the last segment goes on

// SRTP tags: HMAC-SHA1-32, HMAC-SHA1-80, AEAD; and the longest MKI that is met.
constexpr std::array<std::int32_t, 3> kTagSizes{4, 10, 16};
constexpr std::int32_t kLongestMki = 16;
constexpr std::int32_t kLongestOverhead = 16 + 128;

// Packets that it takes to call a stream encrypted.
constexpr std::uint64_t kMinByLength = 10;  // where each of them is longer by just the tag
// Where a codec with a header should have shown itself: 20 packets of the least telling encoder found (Speex with
// variable rate) give 18 nats, most give 50.
constexpr std::uint64_t kMinByHeader = 20;
constexpr std::uint64_t kMinByBit = 40;      // where one bit a packet should have: 40 ln 2 = 28 nats
constexpr std::uint64_t kMinUnknown = 60;    // where nothing is known; half of that if encryption was agreed upon
constexpr std::uint64_t kLeastUnknown = 16;  // bytes of payload on average, where nothing is known nor agreed upon

// Packets whose own evidence is strong vote on where within a window a change was: +4 and -1 are the logarithms of the
// odds with 0.7 (clear) against 0.01 (random).
constexpr int kVoteYes = 4;
constexpr int kVoteNo = -1;
// A stream's first packets are clear by their votes alone when their sum reaches this: four in a row. A packet of
// random bytes votes with chance 0.006, so the sum gets there with e^(-1.19 * 14) = 6e-8 (Lundberg's inequality), once
// a stream.
constexpr int kLeadIn = 14;

// Sequence numbers that far back are repeats or late; as many of them in a row, and the sender has started anew.
constexpr std::int16_t kReordered = 64;
constexpr std::uint32_t kLongestStep = 200000;  // ticks between packets; more is a pause

struct Count {
  std::uint32_t asked = 0;
  std::uint32_t yes = 0;
  void add(std::uint32_t questions, std::uint32_t answers) {
    asked += questions;
    yes += answers;
  }
};
using Counts = std::array<Count, kQuestions>;

double nats(double yes, double asked, double chance) {
  if (asked == 0) return 0;
  const double share = yes / asked;
  double value = 0;
  if (share > 0) value += yes * std::log(share / chance);
  if (share < 1) value += (asked - yes) * std::log((1 - share) / (1 - chance));
  return value;
}

double nats(const Count& count, Question question) {
  const Chance& chance = kChances[question];
  const double share = count.asked == 0 ? 0 : double{1} * count.yes / count.asked;
  if (share <= chance.yes && !chance.both_sides) return 0;
  return nats(count.yes, count.asked, chance.yes);
}

// Chernoff bound of the chi-square distribution with k degrees of freedom, upper side.
double chi_nats(double chi, double k) { return chi <= k ? 0 : (chi - k - k * std::log(chi / k)) / 2; }

struct Strongest {
  Question question = kQuestions;
  double nats = 0;
};

Strongest strongest(const Counts& counts) {
  Strongest best;
  for (std::uint8_t i = 0; i < kQuestions; ++i) {
    // No more than chi-square, a bound that costs no logarithms and settles most.
    const Chance& chance = kChances[i];
    const double expected = counts[i].asked * chance.yes;
    const double excess = counts[i].yes - expected;
    if ((excess <= 0 && !chance.both_sides) || excess * excess <= best.nats * expected * (1 - chance.yes)) continue;
    const double value = nats(counts[i], Question{i});
    if (value > best.nats) best = {Question{i}, value};
  }
  return best;
}

// How many of the 8 high nibbles of x are zero.
unsigned zero_high_nibbles(std::uint64_t x) {
  const std::uint64_t set = ((x >> 4) | (x >> 5) | (x >> 6) | (x >> 7)) & 0x0101010101010101;
  return 8U - static_cast<unsigned>((set * 0x0101010101010101) >> 56);
}

struct Pair {
  std::uint32_t step = 0;
  std::uint32_t count = 0;
  std::uint16_t size = 0;
};

enum class Class : std::uint8_t { kUnclear, kRandom, kStructured };

// Consecutive windows of one class.
struct Segment {
  Class kind = Class::kUnclear;
  Question question = kQuestions;
  std::uint32_t packets = 0;
  std::uint32_t step = 0;  // of most of its packets
  std::uint16_t size = 0;
  std::uint32_t alike = 0;  // packets of that step and size, less those of others
  float nats = 0;
  FrameRef first;
  FrameRef last;
  // Of its last window: how many packets at the end don't look clear, in case the next window is random.
  std::uint32_t tail = 0;
  FrameRef tail_before{};
  FrameRef tail_first{};
};

struct Window {
  Counts counts;
  std::uint32_t packets = 0;
  FrameRef first;
  FrameRef last;
  // The commonest pair, by majority vote.
  Pair pair;
  // Where it splits best: the first `rise` packets random and the rest clear, or the first `fall` clear and the rest
  // random.
  int score = 0;
  int lowest = 0;
  int highest = 0;
  std::uint32_t rise = 0;
  std::uint32_t fall = 0;
  FrameRef rise_last, rise_next;  // the last random frame, the first clear one
  FrameRef fall_last, fall_next;
};

// Sizes change for good where keys come in: counts up to there.
struct Cut {
  Counts counts;
  std::uint32_t packets = 0;
  FrameRef last;
  FrameRef next;
  Pair before;
};

struct Bins {
  std::array<std::uint16_t, 256> counts{};
  std::uint32_t bytes = 0;
};

struct Slot {
  std::uint8_t payload_type = 0;
  bool have_before = false;
  bool cut_set = false;
  std::uint8_t head_size = 0;
  std::uint8_t flag_byte = 0;  // that may hold iLBC's empty-frame flag, of the packet before
  std::uint16_t run = 0;
  std::uint16_t run_size = 0;
  std::array<std::uint8_t, kHead> head{};
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t cut_packets = 0;    // by the snap length
  std::uint64_t blind_packets = 0;  // of these: not even the head is left
  std::uint32_t windows = 0;        // closed
  std::uint32_t dense_until = kDenseWindows;
  Window window;
  std::unique_ptr<Cut> cut;
  std::unique_ptr<Bins> bins;
  Counts random;  // of windows by class
  Counts unclear;
  Counts structured;
  double random_chi = 0;  // sum, and how many
  std::uint32_t random_chis = 0;
  double structured_chi = 0;
  std::uint32_t structured_chis = 0;
  std::array<Pair, kPairs> pairs{};
  std::uint64_t pair_count = 0;
  std::array<std::uint64_t, 3> by_class{};
  std::vector<Segment> segments;
};

void add_counts(Counts& sum, const Counts& part) {
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i].asked += part[i].asked;
    sum[i].yes += part[i].yes;
  }
}

Counts minus(const Counts& all, const Counts& part) {
  Counts rest = all;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    rest[i].asked -= part[i].asked;
    rest[i].yes -= part[i].yes;
  }
  return rest;
}

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

std::uint64_t load8(const std::uint8_t* at) {
  std::array<std::uint8_t, 8> bytes;
  std::copy_n(at, 8, bytes.begin());
  return std::bit_cast<std::uint64_t>(bytes);
}

void count_pair(Slot& slot, std::uint32_t step, std::uint16_t size) {
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

void vote_pair(Pair& vote, std::uint32_t step, std::uint16_t size) {
  if (vote.count == 0) {
    vote = {.step = step, .count = 1, .size = size};
  } else if (vote.step == step && vote.size == size) {
    ++vote.count;
  } else {
    --vote.count;
  }
}

}  // namespace

struct MediaJudge::State {
  std::array<std::unique_ptr<Slot>, kSlots> slots;
  std::array<std::uint8_t, kSlots> types{};  // of the slots in use: asked for without going there
  std::uint64_t packets = 0;
  // Of the packet before, whatever its payload type.
  bool started = false;
  std::uint8_t payload_type = 0;
  bool sized = false;  // its size may be compared with the step to the next
  std::uint16_t sequence = 0;
  std::uint16_t late = 0;
  std::uint16_t size = 0;
  std::uint32_t timestamp = 0;

  Slot* slot(std::uint8_t payload_type_wanted);
};

Slot* MediaJudge::State::slot(std::uint8_t wanted) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (slots[i] == nullptr) {
      slots[i] = std::make_unique<Slot>();
      slots[i]->payload_type = types[i] = wanted;
    }
    if (types[i] == wanted) return slots[i].get();
  }
  return nullptr;
}

namespace {

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
  append_segment(slot, {.kind = head.kind,
                        .question = head.best.question,
                        .packets = cut.packets,
                        .step = cut.before.step,
                        .size = cut.before.size,
                        .alike = cut.before.count,
                        .nats = static_cast<float>(head.best.nats),
                        .first = window.first,
                        .last = cut.last});
  append_segment(slot, {.kind = tail.kind,
                        .question = tail.best.question,
                        .packets = rest_packets,
                        .step = window.pair.step,
                        .size = window.pair.size,
                        .alike = window.pair.count,
                        .nats = static_cast<float>(tail.best.nats),
                        .first = cut.next,
                        .last = window.last});
  return true;
}

// Takes the open window into the slot's totals and segments.
void close_window(Slot& slot) {
  Window& window = slot.window;
  if (window.packets == 0) return;
  Verdict whole = classify(window.counts, window.packets);
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

  if (close_in_two(slot)) {
    // Done.
  } else if (!structured && slot.segments.empty() && window.highest >= kLeadIn && window.fall < window.packets) {
    // A few clear packets before the keys came, of a codec without a fixed size.
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
  } else {
    add_counts(counts_of(slot, whole.kind), window.counts);
    Segment next{.kind = whole.kind,
                 .question = whole.best.question,
                 .packets = window.packets,
                 .step = window.pair.step,
                 .size = window.pair.size,
                 .alike = window.pair.count,
                 .nats = static_cast<float>(whole.best.nats),
                 .first = window.first,
                 .last = window.last};
    if (structured) {
      // Clear text begins or ends within the window: it is split where the votes of its packets turn, if its neighbour
      // is random.
      if (window.highest >= 3 * kVoteYes && window.fall < window.packets &&
          window.score - window.highest <= 4 * kVoteNo) {
        next.tail = window.packets - window.fall;
        next.tail_before = window.fall_last;
        next.tail_first = window.fall_next;
      }
      if (!slot.segments.empty() && slot.segments.back().kind == Class::kRandom && window.rise > 0 &&
          window.rise < window.packets && window.lowest <= 4 * kVoteNo &&
          window.score - window.lowest >= 3 * kVoteYes) {
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
    }
    append_segment(slot, next);
  }
  window = Window{};
  slot.cut_set = false;
}

// Asks all questions of one packet. Gives whether the packet by itself speaks for clear text. size: of the payload on
// the wire; cut: the capture holds only its beginning.
bool ask(Slot& slot, ByteView payload, std::size_t size, bool cut) {
  Counts& counts = slot.window.counts;
  const bool whole = size >= kWholeHead && payload.size() >= kHead;
  const std::size_t inner = std::min(payload.size(), size > kTail ? size - kTail : 0);  // surely no tag
  if (cut) {
    ++slot.cut_packets;
    slot.blind_packets += size >= kWholeHead && !whole ? 1U : 0U;
  }
  const std::uint8_t first = payload[0];
  const auto count = [&counts](Question question, bool yes) {
    ++counts[question].asked;
    counts[question].yes += yes ? 1U : 0U;
    return yes;
  };
  bool vote = false;

  count(kTopBit, first < 0x80);
  if (slot.have_before) {
    vote |= count(kFirstByte, first == slot.head[0]);
    count(kFirstNibble, (first >> 4) == (slot.head[0] >> 4));
  }
  if (whole) {
    const Lanes head = load_lanes(payload.data());
    if (slot.have_before && slot.head_size == kHead) {
      const unsigned same = equal_nibbles(head, load_lanes(slot.head.data()));
      counts[kSameNibbles].add(32, same);
      vote |= same >= 9;  // 1e-4 by chance
      count(kSecondByte, payload[1] == slot.head[1]);
      count(kThirdByte, payload[2] == slot.head[2]);
      count(kFourthByte, payload[3] == slot.head[3]);
    }
    // 7 pairs in each 8 bytes. Loud noise shares a nibble in 1 of 10
    // pairs instead of 1 of 16: it takes 64 bytes of each packet to see that in one window.
    const unsigned near = sum_of(like_neighbours(head));
    Lanes more{};
    unsigned last = 0;
    std::uint32_t words = 2;
    for (; words < 8 && words * 8 + 16 <= inner; words += 2)
      more += like_neighbours(load_lanes(payload.data() + std::size_t{8} * words));
    if (words < 8 && words * 8 + 8 <= inner) {
      constexpr std::uint64_t kLastByte = 0xff00000000000000;
      const std::uint64_t x = load8(payload.data() + std::size_t{8} * words++);
      last = zero_high_nibbles((x ^ (x >> 8)) | kLastByte);
    }
    counts[kNeighbours].add(7 * words, near + sum_of(more) + last);
    vote |= near >= 6;  // 1e-4
    counts[kStride].add(6, sum_of(like_next_but_one(head)));
    const std::uint64_t a = load8(payload.data());
    vote |= count(kConstant, a == load8(payload.data() + 8) && a == std::rotl(a, 8));
    std::copy_n(payload.begin(), kHead, slot.head.begin());
    slot.head_size = kHead;
  } else {
    slot.head_size = static_cast<std::uint8_t>(std::min<std::size_t>(payload.size(), 4));
    if (size == 4 && !cut && slot.have_before)
      vote |= count(kEventRow, event_follows(first_bytes(slot.head, 4), payload));
    std::copy_n(payload.begin(), slot.head_size, slot.head.begin());
  }
  slot.have_before = true;

  // Rules of narrow codecs; their packets are short.
  constexpr std::size_t kLongest = 140;
  if (size >= 33 && size <= kLongest) count(kPlausibleGsm, (first >> 4) == 0xd);
  if ((size == 10 || size == 12 || (size >= 20 && size <= kLongest)) && payload.size() >= 4)
    count(kParity, g729_parity(payload));
  if (size <= 96 && size >= 4 && !cut) count(kChain, g723_chain(payload));
  // Frames of 38 and 50 bytes, with and without a tag. An MKI may end where the frame would; it never changes.
  std::size_t flag = 0;
  if (size == 38 || size == 42 || size == 48 || size == 54) flag = 37;
  if (size == 50 || size == 60 || size == 66) flag = 49;
  if (flag != 0 && flag < payload.size()) {
    if (slot.run > 1 && payload[flag] != slot.flag_byte) count(kIlbcFlag, (payload[flag] & 1) == 0);
    slot.flag_byte = payload[flag];
  }
  if (size >= 6 && size <= kLongest && !cut) {
    const bool aligned = (first & 0x0f) == 0;
    vote |= count(kAmrOctets, aligned && amr_octet_aligned(payload, false));
    vote |= count(kAmrWbOctets, aligned && amr_octet_aligned(payload, true));
    count(kAmrBits, amr_bandwidth_efficient(payload, false));
    count(kAmrWbBits, amr_bandwidth_efficient(payload, true));
  }

  if (slot.windows < slot.dense_until || slot.windows % kSparse == 0) {
    if (whole) {
      if (slot.bins == nullptr) slot.bins = std::make_unique<Bins>();
      constexpr std::size_t kMost = 96;       // 50 packets give more than kChiBytes
      constexpr std::uint32_t kFull = 60000;  // below what a bin holds
      if (slot.bins->bytes < kFull) {
        const std::size_t n = std::min(kMost, std::max(kHead, inner));
        for (std::size_t i = 0; i < n; ++i) ++slot.bins->counts[payload[i]];
        slot.bins->bytes += static_cast<std::uint32_t>(n);
      }
    }
  }
  return vote;
}

// Whether the sizes change as they do when keys come in or go: both sides steady, a tag's worth apart.
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

}  // namespace

MediaJudge::MediaJudge() = default;
MediaJudge::~MediaJudge() = default;
MediaJudge::MediaJudge(MediaJudge&&) noexcept = default;
MediaJudge& MediaJudge::operator=(MediaJudge&&) noexcept = default;

void MediaJudge::add(const rtp::PacketView& packet, const FrameRef& frame, bool truncated, std::uint32_t missing) {
  if (state_ == nullptr) state_ = std::make_unique<State>();
  State& state = *state_;
  const auto size = static_cast<std::uint16_t>(std::min<std::size_t>(packet.payload.size() + missing, 0xffff));
  const auto ahead = static_cast<std::int16_t>(packet.sequence - state.sequence);
  if (state.started && ahead <= 0 && ahead > -kReordered) {
    // A repeat (mirror port, retransmission) would look like an encoder that repeats itself. A late one adds nothing.
    if (++state.late < kReordered) return;
  }
  state.late = 0;
  Slot* slot = packet.payload.empty() ? nullptr : state.slot(packet.payload_type);
  if (slot != nullptr) {
    const std::uint32_t step = packet.timestamp - state.timestamp;
    const bool follows = state.started && ahead == 1 && state.sized && state.payload_type == packet.payload_type;
    watch_size(*slot, size, frame);
    if (follows && !packet.marker && step != 0 && step < kLongestStep) {
      count_pair(*slot, step, state.size);
      vote_pair(slot->window.pair, step, state.size);
    }
    ++state.packets;
    ++slot->packets;
    slot->bytes += size;
    Window& window = slot->window;
    if (window.packets == 0) window.first = frame;
    if (window.rise == window.packets) window.rise_next = frame;
    if (window.fall == window.packets) window.fall_next = frame;
    window.score += ask(*slot, packet.payload, size, truncated) ? kVoteYes : kVoteNo;
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
        (window.packets >= kSmallWindow &&
         later_by(window.first.time, frame.time, std::chrono::nanoseconds{kWindowNs})))
      close_window(*slot);
  }
  state.started = true;
  state.sized = slot != nullptr && (!truncated || missing != 0) && !packet.padding;
  state.payload_type = packet.payload_type;
  state.sequence = packet.sequence;
  state.timestamp = packet.timestamp;
  state.size = size;
}

std::array<const void*, 2> MediaJudge::hot() const {
  if (state_ == nullptr) return {};
  for (const auto& slot : state_->slots) {
    if (slot != nullptr && slot->payload_type == state_->payload_type) return {state_.get(), slot.get()};
  }
  return {state_.get(), nullptr};
}

std::uint64_t MediaJudge::packets() const { return state_ == nullptr ? 0 : state_->packets; }

namespace {

enum class Role : std::uint8_t { kMedia, kEvent, kComfortNoise };

struct Reading {
  Slot slot;  // a copy with its window closed
  Role role = Role::kMedia;
  Codec codec;
  bool guessed = false;
  bool sized = false;  // the arithmetic of sizes holds for this codec
  std::vector<OverheadCount> overheads;
  std::optional<std::int32_t> overhead;  // of most packets that have a step
  double overhead_share = 0;
  // Its verdict on the bulk.
  Observed observed = Observed::kUndetermined;
  Proof proof = Proof::kNone;
  std::uint64_t clear = 0;
  std::uint64_t encrypted = 0;
  std::string reason;
};

// The question that a clear stream of this codec answers best.
Question telling(const Codec& codec) {
  switch (codec.kind) {
    case CodecKind::kPcm8: return kNeighbours;
    case CodecKind::kL16: return kStride;
    case CodecKind::kG729: return kParity;
    case CodecKind::kG723: return kChain;
    case CodecKind::kGsm: return kPlausibleGsm;
    case CodecKind::kIlbc: return kIlbcFlag;
    case CodecKind::kSpeex: return kFirstNibble;
    case CodecKind::kOpus:
    case CodecKind::kVideo:
    case CodecKind::kRed: return kFirstByte;
    case CodecKind::kAmr: return kAmrBits;
    case CodecKind::kAmrWb: return kAmrWbBits;
    case CodecKind::kEvent: return kEventRow;
    default: return kSameNibbles;
  }
}

// Whether clear frames of it obey a rule without fail, noise or not.
bool has_rule(const Codec& codec) {
  return codec.kind == CodecKind::kG729 || codec.kind == CodecKind::kGsm || codec.kind == CodecKind::kIlbc;
}

Slot closed_copy(const Slot& slot) {
  Slot copy;
  copy.payload_type = slot.payload_type;
  copy.cut_set = slot.cut_set;
  copy.packets = slot.packets;
  copy.bytes = slot.bytes;
  copy.cut_packets = slot.cut_packets;
  copy.blind_packets = slot.blind_packets;
  copy.windows = slot.windows;
  copy.dense_until = slot.dense_until;
  copy.window = slot.window;
  if (slot.cut != nullptr) copy.cut = std::make_unique<Cut>(*slot.cut);
  if (slot.bins != nullptr) copy.bins = std::make_unique<Bins>(*slot.bins);
  copy.random = slot.random;
  copy.unclear = slot.unclear;
  copy.structured = slot.structured;
  copy.random_chi = slot.random_chi;
  copy.random_chis = slot.random_chis;
  copy.structured_chi = slot.structured_chi;
  copy.structured_chis = slot.structured_chis;
  copy.pairs = slot.pairs;
  copy.pair_count = slot.pair_count;
  copy.by_class = slot.by_class;
  copy.segments = slot.segments;
  close_window(copy);
  return copy;
}

bool plausible_tag(std::int32_t overhead, std::optional<unsigned> negotiated) {
  if (negotiated && *negotiated != 0 && overhead == static_cast<std::int32_t>(*negotiated)) return true;
  return std::ranges::any_of(kTagSizes,
                             [=](std::int32_t tag) { return overhead >= tag && overhead <= tag + kLongestMki; });
}

bool exact_tag(std::int32_t overhead) { return std::ranges::find(kTagSizes, overhead) != kTagSizes.end(); }

// Sizes less what the codec needs. Commonest first; pairs that fit no frame are left out.
std::vector<OverheadCount> overheads_of(const Slot& slot, const Codec& codec) {
  std::vector<OverheadCount> found;
  for (const Pair& pair : slot.pairs) {
    if (pair.count == 0) continue;
    const auto expected = expected_bytes(codec, pair.step);
    if (!expected) continue;
    const std::int32_t bytes = std::int32_t{pair.size} - static_cast<std::int32_t>(*expected);
    const auto known = std::ranges::find(found, bytes, &OverheadCount::bytes);
    if (known != found.end()) {
      known->packets += pair.count;
    } else {
      found.push_back({.bytes = bytes, .packets = pair.count});
    }
  }
  std::ranges::sort(found, [](const OverheadCount& a, const OverheadCount& b) {
    return a.packets != b.packets ? a.packets > b.packets : a.bytes < b.bytes;
  });
  return found;
}

// Whether the sizes are those of the codec, bare or with a tag.
bool sizes_fit(const std::vector<OverheadCount>& found, std::uint64_t pairs, std::optional<unsigned> negotiated) {
  std::uint64_t fitting = 0;
  for (const OverheadCount& one : found) {
    if (one.bytes == 0 || plausible_tag(one.bytes, negotiated)) fitting += one.packets;
  }
  return pairs > 0 && fitting * 10 >= pairs * 6;
}

// The codec of a payload type: the first hint whose sizes fit, or that has no sizes; then what other payload types were
// said to be; then a guess.
void choose_codec(Reading& reading, std::span<const CodecHint> hints, std::optional<unsigned> negotiated) {
  const Slot& slot = reading.slot;
  const auto accept = [&](const Codec& codec, bool guessed) {
    auto found = overheads_of(slot, codec);
    if (!sizes_fit(found, slot.pair_count, negotiated)) return false;
    reading.codec = codec;
    reading.guessed = guessed;
    reading.sized = true;
    reading.overheads = std::move(found);
    return true;
  };
  std::optional<Codec> unsized;
  const auto consider = [&](const Codec& codec) {
    if (accept(codec, false)) return true;
    if (!unsized && !expected_bytes(codec, 480)) unsized = codec;
    return false;
  };
  std::optional<Codec> said;
  for (const CodecHint& hint : hints) {
    if (hint.payload_type != slot.payload_type || hint.encoding.empty()) continue;
    const Codec codec = codec_by_name(hint.encoding, hint.clock_rate, hint.channels);
    if (!said) said = codec;
    if (consider(codec)) return;
  }
  if (!said) {
    if (const auto codec = codec_by_static_type(slot.payload_type)) {
      said = codec;
      if (consider(*codec)) return;
    }
  }
  if (unsized && unsized->kind != CodecKind::kUnknown) {
    reading.codec = *unsized;
    return;
  }
  for (const CodecHint& hint : hints) {
    if (hint.payload_type != slot.payload_type &&
        accept(codec_by_name(hint.encoding, hint.clock_rate, hint.channels), true))
      return;
  }
  if (said) {
    reading.codec = *said;
    return;
  }
  // Nobody said anything: sizes that only one usual codec has, bare or under an exact tag.
  struct Guess {
    std::string_view name;
    bool bare_only;  // with a tag it is too like others
  };
  for (const Guess& guess :
       {Guess{"PCMU", false}, Guess{"GSM", false}, Guess{"G729", false}, Guess{"iLBC", false}, Guess{"G726-32", false},
        Guess{"L16", false}, Guess{"G726-16", true}, Guess{"G726-24", true}, Guess{"G726-40", true}}) {
    const Codec codec = codec_by_name(guess.name, 8000, 1);
    const auto found = overheads_of(slot, codec);
    if (found.empty() || found[0].packets * 10 < slot.pair_count * 8) continue;
    if (found[0].bytes != 0 && (guess.bare_only || !exact_tag(found[0].bytes))) continue;
    // Bare, but its rule does not hold: it is another codec.
    const Question rule = telling(codec);
    if (found[0].bytes == 0 && has_rule(codec) && nats(slot.structured[rule], rule) < kProven) continue;
    accept(codec, true);
    if (codec.kind == CodecKind::kPcm8) reading.codec.name = "PCM, 8 bits a sample";
    return;
  }
  // What the structure says.
  const auto holds = [&](Question question) { return nats(slot.structured[question], question) >= kProven; };
  std::string_view name;
  if (holds(kEventRow)) {
    name = "telephone-event";
  } else if (holds(kAmrOctets) || holds(kAmrBits)) {
    name = "AMR";
  } else if (holds(kAmrWbOctets) || holds(kAmrWbBits)) {
    name = "AMR-WB";
  } else if (holds(kChain)) {
    name = "G723";
  }
  if (!name.empty()) {
    reading.codec = codec_by_name(name, 0, 1);
    reading.guessed = true;
  }
}

Role role_of(const Reading& reading) {
  if (reading.codec.kind == CodecKind::kEvent) return Role::kEvent;
  if (reading.codec.kind == CodecKind::kComfortNoise) return Role::kComfortNoise;
  return Role::kMedia;
}

std::optional<std::int32_t> overhead_of(const Reading& reading, const Segment& segment) {
  if (!reading.sized || segment.step == 0) return std::nullopt;
  const auto expected = expected_bytes(reading.codec, segment.step);
  if (!expected) return std::nullopt;
  return std::int32_t{segment.size} - static_cast<std::int32_t>(*expected);
}

std::uint64_t fewest_to_call_encrypted(const Reading& reading, bool agreed) {
  switch (reading.codec.kind) {
    case CodecKind::kOpus:
    case CodecKind::kAmr:
    case CodecKind::kAmrWb:
    case CodecKind::kGsm:
    case CodecKind::kSpeex:
    case CodecKind::kVideo:
    case CodecKind::kRed: return kMinByHeader;
    case CodecKind::kG729:
    case CodecKind::kG723:
    case CodecKind::kIlbc: return kMinByBit;
    default: return agreed ? kMinUnknown / 2 : kMinUnknown;
  }
}

// With the codec known, windows that said nothing by themselves may be told by their length, or belong to their
// neighbours.
void settle_segments(Reading& reading, std::optional<unsigned> negotiated) {
  auto& segments = reading.slot.segments;
  const auto has = [&](Class kind, bool with_tag) {
    return std::ranges::any_of(segments, [&](const Segment& segment) {
      const auto overhead = overhead_of(reading, segment);
      return segment.kind == kind && overhead && (*overhead > 0) == with_tag;
    });
  };
  const auto turn = [&](Segment& segment, Class kind) {
    reading.slot.by_class[static_cast<std::size_t>(segment.kind)] -= segment.packets;
    reading.slot.by_class[static_cast<std::size_t>(kind)] += segment.packets;
    segment.kind = kind;
  };
  // Where no tag was agreed upon, a bare length says nothing.
  const bool length_tells = negotiated != 0U;
  const bool tagged_random = has(Class::kRandom, true);
  for (Segment& segment : segments) {
    const auto overhead = overhead_of(reading, segment);
    if (!overhead || segment.kind == Class::kStructured) continue;
    if (*overhead == 0 && length_tells) {
      // Beside ciphertext with a tag, packets that are all bare are clear: before the keys came, or after they went.
      // With no such neighbour it takes more, and a short stream: a long one has asked too often.
      const bool row = segment.alike + 2 >= segment.packets || segment.alike * 10 >= segment.packets * 9;
      const bool bare_row = tagged_random && segment.alike >= kRowBeside && row;
      const bool told = segment.kind == Class::kUnclear && segment.nats >= kBesideLength &&
                        (tagged_random || reading.slot.packets <= kShortStream);
      // A second of frames that break the codec's rule is not clear, whatever its length.
      const bool broken = segment.kind == Class::kRandom && has_rule(reading.codec);
      if ((bare_row && !broken) || told) turn(segment, Class::kStructured);
    } else if (*overhead > 0 && segment.kind == Class::kUnclear && tagged_random && segment.nats < kAsRandom) {
      turn(segment, Class::kRandom);
    }
  }
  if (length_tells && has(Class::kStructured, false)) {
    for (Segment& segment : segments) {
      // Nothing took a tag away: the same clear codec, with less to tell.
      if (segment.kind != Class::kStructured && overhead_of(reading, segment) == 0) turn(segment, Class::kStructured);
    }
  }
  // A short row at the end or between clear windows, most of it comfort noise, say: too little to call it encrypted.
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto overhead = overhead_of(reading, segments[i]);
    const bool clear_before = i == 0 || segments[i - 1].kind == Class::kStructured;
    const bool clear_after = i + 1 == segments.size() || segments[i + 1].kind == Class::kStructured;
    if (segments[i].kind == Class::kRandom && segments.size() > 1 && clear_before && clear_after &&
        segments[i].packets < fewest_to_call_encrypted(reading, false) && !(overhead && *overhead > 0))
      turn(segments[i], Class::kStructured);
  }
  // Windows past the cap on segments are counted by class only.
  if (length_tells && reading.overhead == 0 && reading.overhead_share >= 0.8 &&
      std::ranges::all_of(segments, [](const Segment& segment) { return segment.kind == Class::kStructured; })) {
    reading.slot.by_class = {};
    reading.slot.by_class[static_cast<std::size_t>(Class::kStructured)] = reading.slot.packets;
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    Segment& segment = segments[i];
    if (segment.kind != Class::kUnclear) continue;
    const Class before = i > 0 ? segments[i - 1].kind : Class::kUnclear;
    const Class after = i + 1 < segments.size() ? segments[i + 1].kind : Class::kUnclear;
    Class near = before == Class::kUnclear ? after : before;
    if (near == Class::kUnclear) continue;
    if (after != Class::kUnclear && after != near) {
      // Between two kinds: clear packets speak with half a nat each, or more.
      if (segment.packets >= kSmallWindow) continue;
      near = segment.nats * 2 >= static_cast<float>(segment.packets) ? Class::kStructured : Class::kRandom;
    }
    if (near == Class::kRandom && segment.nats >= kAsRandom) continue;
    turn(segment, near);
  }
}

// A rule of a codec, or what only a codec's framing gives.
bool structural(const Reading& reading, Question question) {
  switch (question) {
    case kConstant:
    case kPlausibleGsm:
    case kParity:
    case kChain:
    case kIlbcFlag:
    case kAmrOctets:
    case kAmrBits:
    case kAmrWbOctets:
    case kAmrWbBits:
    case kEventRow: return true;
    case kFirstByte:
    case kFirstNibble:
      return reading.codec.kind == CodecKind::kOpus || reading.codec.kind == CodecKind::kVideo ||
             reading.codec.kind == CodecKind::kSpeex || reading.codec.kind == CodecKind::kGsm;
    default: return reading.sized && reading.overhead == 0;
  }
}

std::string_view name_of(const Reading& reading) {
  return reading.codec.name.empty() ? std::string_view{"the codec"} : reading.codec.name;
}

std::string told(const Counts& counts, Question question) {
  const Count& count = counts[question];
  const Chance& chance = kChances[question];
  const double expected = count.asked * chance.yes;
  if (expected < 0.5)
    return fmt::format("{} in {} of {} (by chance in less than one)", chance.text, count.yes, count.asked);
  return fmt::format("{} in {} of {} (by chance in {}{:.0f})", chance.text, count.yes, count.asked,
                     question >= kChain && !chance.both_sides ? "at most " : "", expected);
}

std::string told_size(const Reading& reading) {
  if (!reading.sized || !reading.overhead) return {};
  std::uint64_t all = 0;
  for (const OverheadCount& one : reading.overheads) all += one.packets;
  const auto count = std::ranges::find(reading.overheads, *reading.overhead, &OverheadCount::bytes);
  const std::uint64_t these = count == reading.overheads.end() ? 0 : count->packets;
  if (*reading.overhead == 0)
    return fmt::format("payload is just as long as {} needs in {} of {} packets", name_of(reading), these, all);
  return fmt::format("payload is {} bytes {} than {} needs in {} of {} packets", std::abs(*reading.overhead),
                     *reading.overhead > 0 ? "longer" : "shorter", name_of(reading), these, all);
}

std::string_view tag_name(std::int32_t overhead) {
  switch (overhead) {
    case 4: return "as HMAC-SHA1-32 tags are";
    case 10: return "as HMAC-SHA1-80 tags are";
    case 16: return "as AEAD tags are";
    default: return "as a tag with an MKI may be";
  }
}

std::string joined(std::string_view a, std::string_view b) {
  if (a.empty()) return std::string{b};
  if (b.empty()) return std::string{a};
  return fmt::format("{}; {}", a, b);
}

std::string told_chi(double sum, std::uint32_t windows) {
  if (windows == 0) return {};
  return fmt::format("chi-square of bytes {:.0f} of 255", sum / windows);
}

// The overhead that most packets of the segments of one class have.
void take_overhead_of(Reading& reading, Class kind) {
  std::vector<OverheadCount> found;
  std::uint64_t all = 0;
  for (const Segment& segment : reading.slot.segments) {
    const auto overhead = overhead_of(reading, segment);
    if (segment.kind != kind || !overhead) continue;
    all += segment.packets;
    const auto known = std::ranges::find(found, *overhead, &OverheadCount::bytes);
    if (known == found.end()) {
      found.push_back({.bytes = *overhead, .packets = segment.packets});
    } else {
      known->packets += segment.packets;
    }
  }
  const auto most = std::ranges::max_element(found, {}, &OverheadCount::packets);
  if (most == found.end()) return;
  reading.overhead = most->bytes;
  reading.overhead_share = static_cast<double>(most->packets) / static_cast<double>(all);
}

// The verdict on one payload type's bulk.
void decide(Reading& reading, std::optional<unsigned> negotiated) {
  const Slot& slot = reading.slot;
  const std::uint64_t structured = slot.by_class[static_cast<std::size_t>(Class::kStructured)];
  const std::uint64_t random = slot.by_class[static_cast<std::size_t>(Class::kRandom)];
  const std::uint64_t unclear = slot.by_class[static_cast<std::size_t>(Class::kUnclear)];
  reading.clear = structured;
  // In a mixed stream each part has its own sizes.
  if (structured > 0 && random > 0 && reading.sized)
    take_overhead_of(reading, random > structured ? Class::kRandom : Class::kStructured);
  const std::string size = told_size(reading);
  const bool agreed = negotiated.has_value();
  if (structured > 0 && structured >= random) {
    reading.observed = Observed::kCleartext;
    if (random == 0) reading.clear = slot.packets;
    reading.encrypted = random;
    Strongest best = strongest(slot.structured);
    if (best.nats >= kProven) {
      // What is a rule of the codec is told before what is merely stronger.
      const Question rule = telling(reading.codec);
      if (nats(slot.structured[rule], rule) >= kProven) best.question = rule;
      for (const Question exact : {kAmrOctets, kAmrWbOctets, kConstant}) {
        if (nats(slot.structured[exact], exact) >= best.nats) best.question = exact;
      }
      reading.reason = joined(told(slot.structured, best.question), size);
    } else {
      best.question = kByteCounts;
      reading.reason = joined(told_chi(slot.structured_chi, slot.structured_chis), size);
    }
    if (reading.reason.empty()) reading.reason = fmt::format("payload has the form of {}", name_of(reading));
    reading.proof = structural(reading, best.question) ? Proof::kStructural : Proof::kStatistical;
    if (reading.overhead && *reading.overhead > 0 && plausible_tag(*reading.overhead, negotiated))
      reading.reason += ": readable, followed by what may be a tag";
    return;
  }
  const std::string chi = told_chi(slot.random_chi, slot.random_chis);
  // A codec that shows too little in a second may show it in a minute. In a mixed stream that says nothing: windows at
  // the changes hold some of both.
  Counts all = slot.random;
  add_counts(all, slot.unclear);
  if (const Strongest weak = strongest(all); structured == 0 && weak.nats >= kProven &&
                                             (slot.packets >= kWindowPackets || iequals(reading.codec.name, "t140"))) {
    reading.observed = Observed::kCleartext;
    reading.clear = slot.packets;
    reading.proof = structural(reading, weak.question) ? Proof::kStructural : Proof::kStatistical;
    reading.reason = joined(told(all, weak.question), size);
    return;
  }
  // Where nothing but short windows came together, they are all there is.
  const Counts& judged_counts = random > 0 ? slot.random : all;
  const Strongest best = strongest(judged_counts);
  const Question rule = telling(reading.codec);
  const Question shown = judged_counts[rule].asked > 0 ? rule : kFirstByte;
  const std::string as_random =
      joined(judged_counts[shown].asked > 0 ? told(judged_counts, shown) : std::string{}, chi);
  const std::uint64_t judged = random + unclear;
  const double chi_evidence = slot.random_chis == 0 ? 0 : chi_nats(slot.random_chi, 255.0 * slot.random_chis);
  const double as_random_limit = kStreamAsRandom + (structured > 0 ? 2 * kAsRandom : 0);
  if (best.nats >= as_random_limit || chi_evidence >= as_random_limit) {
    const Question odd = best.question == kQuestions ? kFirstByte : best.question;
    reading.reason =
        joined(fmt::format("neither random nor like a known codec: {}", told(judged_counts, odd)), joined(chi, size));
    return;
  }
  // Bytes that were not captured can't look random; and a length may be that of a tag after clear bytes.
  const bool cut = slot.cut_packets * 2 > slot.packets;
  const bool rule_asked = judged_counts[rule].asked * 2 >= judged;
  if (cut && (slot.blind_packets * 2 > slot.cut_packets || !rule_asked)) {
    reading.reason = joined(
        fmt::format("the capture cut {} of {} packets: too few bytes are left to tell", slot.cut_packets, slot.packets),
        size);
    return;
  }
  const auto encrypted = [&](std::string reason) {
    reading.observed = Observed::kEncrypted;
    reading.proof = Proof::kStatistical;
    reading.encrypted = structured == 0 ? slot.packets : judged;
    reading.reason = std::move(reason);
  };
  if (reading.sized && reading.overhead) {
    if (*reading.overhead == 0) {
      if (negotiated == 0U && judged >= kWindowPackets) {
        encrypted(joined(size, as_random) + ": random bytes without a tag, as agreed");
        return;
      }
      // GSM and G.729 obey their rules whatever they carry: this is not what it is said to be, or it is encrypted.
      // G.726 was guessed from its length alone; its loudest noise shows itself within 300 packets.
      const bool rule_broken =
          has_rule(reading.codec) && reading.codec.kind != CodecKind::kIlbc && judged >= kMinUnknown;
      const bool wrong_guess = reading.guessed && reading.codec.kind == CodecKind::kG726 && judged >= kShortStream;
      if (!rule_broken && !wrong_guess) {
        reading.reason = joined(size, as_random) + ": random bytes without a tag may be noise as well as ciphertext";
        return;
      }
    }
    if (plausible_tag(*reading.overhead, negotiated) && reading.overhead_share >= 0.8) {
      if (judged >= kMinByLength && best.nats < as_random_limit) {
        encrypted(joined(fmt::format("{}, {}", size, tag_name(*reading.overhead)), as_random));
      } else {
        reading.reason = joined(fmt::format("{} packets are too few", judged), size);
      }
      return;
    }
  }
  const std::uint64_t fewest = fewest_to_call_encrypted(reading, agreed);
  if (judged < fewest || random == 0) {
    reading.reason = joined(fmt::format("{} packets are too few, {} are needed", judged, fewest), as_random);
    return;
  }
  // A codec that nobody knows may fill so few bytes that they look random; a tag would not leave it room.
  const std::uint64_t room = slot.packets * (negotiated.value_or(0) + (agreed ? 1U : kLeastUnknown));
  if (reading.codec.kind == CodecKind::kUnknown && slot.bytes < room) {
    reading.reason = joined(fmt::format("payloads of {:.1f} bytes are too short to tell",
                                        static_cast<double>(slot.bytes) / static_cast<double>(slot.packets)),
                            as_random);
    return;
  }
  encrypted(joined(as_random, size));
}

Reading read_slot(const Slot& slot, std::span<const CodecHint> hints, std::optional<unsigned> negotiated) {
  Reading reading;
  reading.slot = closed_copy(slot);
  choose_codec(reading, hints, negotiated);
  reading.role = role_of(reading);
  if (reading.sized && !reading.overheads.empty()) {
    std::uint64_t all = 0;
    for (const OverheadCount& one : reading.overheads) all += one.packets;
    reading.overhead = reading.overheads.front().bytes;
    reading.overhead_share = static_cast<double>(reading.overheads.front().packets) / static_cast<double>(all);
  }
  settle_segments(reading, negotiated);
  decide(reading, negotiated);
  return reading;
}

Observed observed_of(Class kind) {
  switch (kind) {
    case Class::kStructured: return Observed::kCleartext;
    case Class::kRandom: return Observed::kEncrypted;
    default: return Observed::kUndetermined;
  }
}

// Segments of all payload types, as the verdicts on their types allow, in the order of time.
std::vector<Stretch> stretches_of(const std::vector<Reading>& readings) {
  std::vector<Stretch> all;
  for (const Reading& reading : readings) {
    for (const Segment& segment : reading.slot.segments) {
      Observed observed = observed_of(segment.kind);
      // Random segments are ciphertext only if the type as a whole was found to be.
      if (observed == Observed::kEncrypted && reading.observed == Observed::kUndetermined)
        observed = Observed::kUndetermined;
      if (segment.kind != Class::kStructured && reading.observed == Observed::kCleartext && reading.encrypted == 0)
        observed = Observed::kCleartext;
      if (segment.kind == Class::kUnclear && reading.observed == Observed::kEncrypted) observed = Observed::kEncrypted;
      all.push_back({.observed = observed, .first = segment.first, .last = segment.last, .packets = segment.packets});
    }
  }
  std::ranges::stable_sort(all, [](const Stretch& a, const Stretch& b) { return a.first < b.first; });
  std::vector<Stretch> merged;
  for (const Stretch& next : all) {
    if (!merged.empty() && merged.back().observed == next.observed) {
      merged.back().packets += next.packets;
      if (merged.back().last < next.last) merged.back().last = next.last;
    } else {
      merged.push_back(next);
    }
  }
  return merged;
}

}  // namespace

Judgement MediaJudge::judge(std::span<const CodecHint> hints, std::optional<unsigned> negotiated_overhead) const {
  Judgement judgement;
  judgement.reason = "no packets with a payload";
  if (state_ == nullptr || state_->packets == 0) return judgement;
  std::vector<Reading> media;
  std::vector<Reading> others;
  for (const auto& slot : state_->slots) {
    if (slot == nullptr) break;
    Reading reading = read_slot(*slot, hints, negotiated_overhead);
    (reading.role == Role::kMedia ? media : others).push_back(std::move(reading));
  }
  if (media.empty()) std::swap(media, others);
  // The bulk: the payload type with most packets among those that could be judged.
  const Reading* main = &media.front();
  const auto weight = [](const Reading& r) {
    return r.slot.packets * (r.observed == Observed::kUndetermined ? 1 : 1000);
  };
  for (const Reading& reading : media) {
    if (weight(reading) > weight(*main)) main = &reading;
  }
  judgement.packets = state_->packets;
  judgement.observed = main->observed;
  judgement.proof = main->proof;
  judgement.reason = main->reason;
  judgement.codec = main->codec.name;
  judgement.codec_guessed = main->guessed;
  judgement.overhead = main->overhead;
  judgement.overheads = main->overheads;
  for (const Reading& reading : media) {
    judgement.cleartext_packets += reading.clear;
    judgement.encrypted_packets += reading.encrypted;
  }
  // Key presses and comfort noise are too few to judge alone, mostly: they go with the bulk unless they speak.
  for (const Reading& reading : others) {
    if (reading.observed == Observed::kCleartext ||
        (reading.observed == Observed::kUndetermined && main->observed == Observed::kCleartext)) {
      judgement.cleartext_packets += reading.slot.packets;
    } else if (main->observed != Observed::kUndetermined) {
      judgement.encrypted_packets += reading.slot.packets;
    }
  }
  judgement.stretches = stretches_of(media);
  for (const Stretch& stretch : judgement.stretches) {
    if (stretch.observed != Observed::kCleartext) continue;
    if (!judgement.first_clear.known()) judgement.first_clear = stretch.first;
    judgement.last_clear = stretch.last;
  }
  for (const Reading& reading : others) {
    if (reading.observed != Observed::kCleartext || main->observed == Observed::kCleartext) continue;
    if (!judgement.first_clear.known() || reading.slot.segments.front().first < judgement.first_clear)
      judgement.first_clear = reading.slot.segments.front().first;
    if (!judgement.last_clear.known() || judgement.last_clear < reading.slot.segments.back().last)
      judgement.last_clear = reading.slot.segments.back().last;
  }
  if (judgement.observed == Observed::kEncrypted && judgement.cleartext_packets > 0)
    judgement.reason += fmt::format("; {} packets are in clear", judgement.cleartext_packets);
  if (judgement.observed == Observed::kCleartext && judgement.encrypted_packets > 0)
    judgement.reason += fmt::format("; {} packets are encrypted", judgement.encrypted_packets);
  return judgement;
}

}  // namespace voip::analyze::srtp
