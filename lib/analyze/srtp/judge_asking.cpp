#include <algorithm>
#include <bit>
#include <cmath>

#include "analyze/srtp/byte_lanes.h"
#include "analyze/srtp/judge_parts.h"

namespace voip::analyze::srtp::judging {
namespace {

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
    {0x1p-60, false, "payload is constant"},  // truly 2^-120
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

// Byte counts cost more than all the rest: beyond the dense windows they are taken in one of 16.
constexpr std::uint32_t kSparse = 16;
constexpr std::size_t kTail = 20;       // MKI and tag are not looked at: an MKI is constant and clear
constexpr std::size_t kWholeHead = 30;  // from this size on the head ends before a 10-byte tag and a 4-byte MKI

double nats(double yes, double asked, double chance) {
  if (asked == 0) return 0;
  const double share = yes / asked;
  double value = 0;
  if (share > 0) value += yes * std::log(share / chance);
  if (share < 1) value += (asked - yes) * std::log((1 - share) / (1 - chance));
  return value;
}

// How many of the 8 high nibbles of x are zero.
unsigned zero_high_nibbles(std::uint64_t x) {
  const std::uint64_t set = ((x >> 4) | (x >> 5) | (x >> 6) | (x >> 7)) & 0x0101010101010101;
  return 8U - static_cast<unsigned>((set * 0x0101010101010101) >> 56);
}

std::uint64_t load8(const std::uint8_t* at) {
  std::array<std::uint8_t, 8> bytes;
  std::copy_n(at, 8, bytes.begin());
  return std::bit_cast<std::uint64_t>(bytes);
}

bool count(Slot& slot, Question question, bool yes) {
  slot.window.counts[question].add(1, yes ? 1U : 0U);
  return yes;
}

// Of 16 bytes or more that surely hold no tag.
bool ask_head(Slot& slot, ByteView payload, std::size_t inner) {
  Counts& counts = slot.window.counts;
  bool vote = false;
  const Lanes head = load_lanes(payload.data());
  if (slot.have_before && slot.head_size == kHead) {
    const unsigned same = equal_nibbles(head, load_lanes(slot.head.data()));
    counts[kSameNibbles].add(32, same);
    vote |= same >= 9;  // 1e-4 by chance
    count(slot, kSecondByte, payload[1] == slot.head[1]);
    count(slot, kThirdByte, payload[2] == slot.head[2]);
    count(slot, kFourthByte, payload[3] == slot.head[3]);
  }
  // 7 pairs in each 8 bytes. Loud noise shares a nibble in 1 of 10 pairs instead of 1 of 16: it takes 64 bytes of each
  // packet to see that in one window.
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
  vote |= count(slot, kConstant, a == load8(payload.data() + 8) && a == std::rotl(a, 8));
  std::copy_n(payload.begin(), kHead, slot.head.begin());
  slot.head_size = kHead;
  return vote;
}

// Rules of narrow codecs; their packets are short.
bool ask_codecs(Slot& slot, ByteView payload, std::size_t size, bool cut) {
  constexpr std::size_t kLongest = 140;
  const std::uint8_t first = payload[0];
  bool vote = false;
  if (size >= 33 && size <= kLongest) count(slot, kPlausibleGsm, (first >> 4) == 0xd);
  if ((size == 10 || size == 12 || (size >= 20 && size <= kLongest)) && payload.size() >= 4)
    count(slot, kParity, g729_parity(payload));
  if (size <= 96 && size >= 4 && !cut) count(slot, kChain, g723_chain(payload));
  // Frames of 38 and 50 bytes, with and without a tag. An MKI may end where the frame would; it never changes.
  std::size_t flag = 0;
  if (size == 38 || size == 42 || size == 48 || size == 54) flag = 37;
  if (size == 50 || size == 60 || size == 66) flag = 49;
  if (flag != 0 && flag < payload.size()) {
    if (slot.run > 1 && payload[flag] != slot.flag_byte) count(slot, kIlbcFlag, (payload[flag] & 1) == 0);
    slot.flag_byte = payload[flag];
  }
  if (size >= 6 && size <= kLongest && !cut) {
    const bool aligned = (first & 0x0f) == 0;
    vote |= count(slot, kAmrOctets, aligned && amr_octet_aligned(payload, false));
    vote |= count(slot, kAmrWbOctets, aligned && amr_octet_aligned(payload, true));
    count(slot, kAmrBits, amr_bandwidth_efficient(payload, false));
    count(slot, kAmrWbBits, amr_bandwidth_efficient(payload, true));
  }
  return vote;
}

void count_bytes(Slot& slot, ByteView payload, std::size_t inner) {
  constexpr std::size_t kMost = 96;       // 50 packets give more than chi-square needs
  constexpr std::uint32_t kFull = 60000;  // below what a bin holds
  if (slot.bins == nullptr) slot.bins = std::make_unique<Bins>();
  if (slot.bins->bytes >= kFull) return;
  const std::size_t n = std::min(kMost, std::max(kHead, inner));
  for (std::size_t i = 0; i < n; ++i) ++slot.bins->counts[payload[i]];
  slot.bins->bytes += static_cast<std::uint32_t>(n);
}

}  // namespace

const Chance& chance_of(Question question) { return kChances[question]; }

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

double nats(const Count& count, Question question) {
  const Chance& chance = kChances[question];
  const double share = count.asked == 0 ? 0 : double{1} * count.yes / count.asked;
  if (share <= chance.yes && !chance.both_sides) return 0;
  return nats(count.yes, count.asked, chance.yes);
}

// Chernoff bound of the chi-square distribution with k degrees of freedom, upper side.
double chi_nats(double chi, double k) { return chi <= k ? 0 : (chi - k - k * std::log(chi / k)) / 2; }

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

bool ask(Slot& slot, ByteView payload, std::size_t size, bool cut) {
  const bool whole = size >= kWholeHead && payload.size() >= kHead;
  const std::size_t inner = std::min(payload.size(), size > kTail ? size - kTail : 0);  // surely no tag
  if (cut) {
    ++slot.cut_packets;
    slot.blind_packets += size >= kWholeHead && !whole ? 1U : 0U;
  }
  const std::uint8_t first = payload[0];
  bool vote = false;
  count(slot, kTopBit, first < 0x80);
  if (slot.have_before) {
    vote |= count(slot, kFirstByte, first == slot.head[0]);
    count(slot, kFirstNibble, (first >> 4) == (slot.head[0] >> 4));
  }
  if (whole) {
    vote |= ask_head(slot, payload, inner);
  } else {
    slot.head_size = static_cast<std::uint8_t>(std::min<std::size_t>(payload.size(), 4));
    if (size == 4 && !cut && slot.have_before)
      vote |= count(slot, kEventRow, event_follows(first_bytes(slot.head, 4), payload));
    std::copy_n(payload.begin(), slot.head_size, slot.head.begin());
  }
  slot.have_before = true;
  vote |= ask_codecs(slot, payload, size, cut);
  if (whole && (slot.windows < slot.dense_until || slot.windows % kSparse == 0)) count_bytes(slot, payload, inner);
  return vote;
}

}  // namespace voip::analyze::srtp::judging
