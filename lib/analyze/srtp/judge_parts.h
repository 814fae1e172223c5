#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analyze/srtp/codec_structure.h"
#include "analyze/srtp/media_judge.h"
#include "base/bytes.h"
#include "base/frame_ref.h"

// What MediaJudge is made of, for its own files only: judge_asking.cpp asks each packet, judge_windows.cpp counts the
// answers in windows and joins these to segments, judge_codec.cpp finds the codec, judge_deciding.cpp says what it all
// means.
namespace voip::analyze::srtp::judging {

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
const Chance& chance_of(Question question);

// All decisions are on evidence in nats: -ln of an upper bound (Chernoff) on the chance that random bytes do the like.
// 25 nats: 1.4e-11. A capture of a million windows of ciphertext asks 2e7 questions; one false answer in 3000 such
// captures.
inline constexpr double kProven = 25;
// Random bytes give 10 nats in one of 20 questions in 1100 windows: below that a window is "as random".
inline constexpr double kAsRandom = 10;

// A window is about a second, so that a change of a second shows: 50 packets at 20 ms, or a second if that is fewer,
// but no less than 16 packets, for nothing less says much.
inline constexpr std::uint16_t kWindowPackets = 50;
inline constexpr std::uint16_t kSmallWindow = 16;

// Byte counts are taken in the first windows after each change, then in one of 16: they cost more than all the rest.
inline constexpr std::uint32_t kDenseWindows = 4;

inline constexpr std::size_t kHead = 16;  // bytes looked at in each packet
inline constexpr std::size_t kPairs = 8;  // commonest (timestamp step, size) pairs

// SRTP tags: HMAC-SHA1-32, HMAC-SHA1-80, AEAD; and the longest MKI that is met.
inline constexpr std::array<std::int32_t, 3> kTagSizes{4, 10, 16};
inline constexpr std::int32_t kLongestMki = 16;
inline constexpr std::int32_t kLongestOverhead = 16 + 128;

// Packets whose own evidence is strong vote on where within a window a change was: +4 and -1 are the logarithms of the
// odds with 0.7 (clear) against 0.01 (random).
inline constexpr int kVoteYes = 4;
inline constexpr int kVoteNo = -1;

struct Count {
  std::uint32_t asked = 0;
  std::uint32_t yes = 0;
  void add(std::uint32_t questions, std::uint32_t answers) {
    asked += questions;
    yes += answers;
  }
};
using Counts = std::array<Count, kQuestions>;

void add_counts(Counts& sum, const Counts& part);
Counts minus(const Counts& all, const Counts& part);

// Evidence of one question's answers, and of a sum of chi-squares with k degrees of freedom.
double nats(const Count& count, Question question);
double chi_nats(double chi, double k);

struct Strongest {
  Question question = kQuestions;
  double nats = 0;
};
Strongest strongest(const Counts& counts);

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

// judge_asking.cpp

// Asks all questions of one packet. Gives whether the packet by itself speaks for clear text. size: of the payload on
// the wire; cut: the capture holds only its beginning.
bool ask(Slot& slot, ByteView payload, std::size_t size, bool cut);

// judge_windows.cpp

// One packet's timestamp step and size.
void count_pair(Slot& slot, std::uint32_t step, std::uint16_t size);
// Whether the sizes change as they do when keys come in or go: both sides steady, a tag's worth apart.
void watch_size(Slot& slot, std::uint16_t size, const FrameRef& frame);
// A packet that has been asked, into the open window, which is closed when it is full.
void count_packet(Slot& slot, const FrameRef& frame, bool vote);
// Takes the open window into the slot's totals and segments.
void close_window(Slot& slot);

enum class Role : std::uint8_t { kMedia, kEvent, kComfortNoise };

struct Reading {
  bool promised = false;  // encryption, by the signalling
  Slot slot;              // a copy with its window closed
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

// judge_codec.cpp

// The codec of the reading's payload type: the first hint whose sizes fit, or that has no sizes; then what other
// payload types were said to be; then a guess.
void choose_codec(Reading& reading, std::span<const CodecHint> hints, std::optional<unsigned> negotiated);
// The question that a clear stream of this codec answers best.
Question telling(const Codec& codec);
// Whether clear frames of it obey a rule without fail, noise or not.
bool has_rule(const Codec& codec);
// Bytes that a tag with an MKI may take.
bool plausible_tag(std::int32_t overhead, std::optional<unsigned> negotiated);

// judge_deciding.cpp

// All that can be said of one payload type.
Reading read_slot(const Slot& slot, std::span<const CodecHint> hints, std::optional<unsigned> negotiated,
                  bool promised);
// Segments of all payload types, as the verdicts on their types allow, in the order of time.
std::vector<Stretch> stretches_of(const std::vector<Reading>& readings);

}  // namespace voip::analyze::srtp::judging
