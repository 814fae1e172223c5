#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "analyze/srtp/judge_parts.h"
#include "base/text.h"

namespace voip::analyze::srtp::judging {
namespace {

// With a length that fits the codec without any tag, and a codec whose length is fixed, this much is enough: the length
// itself is the better half of the proof. e^-12 = 6e-6.
constexpr double kBesideLength = 12;
constexpr std::uint64_t kShortStream = 300;
constexpr std::uint32_t kRowBeside = 3;  // bare packets beside tagged ones
// Chi-square of all bytes of a stream, where no length helps: 350 of 255 in one window (CHI256). Random bytes give that
// once in 10^4 streams, which are then undetermined.
constexpr double kChiAsRandom = 7;
// Over a whole stream the random side is asked once for each question: e^-14 * 20 = 2e-5.
constexpr double kStreamAsRandom = 14;

// Packets that it takes to call a stream encrypted.
constexpr std::uint64_t kMinByLength = 10;  // where each of them is longer by just the tag
// Where a codec with a header should have shown itself: 20 packets of the least telling encoder found (Speex with
// variable rate) give 18 nats, most give 50.
constexpr std::uint64_t kMinByHeader = 20;
constexpr std::uint64_t kMinByBit = 40;   // where one bit a packet should have: 40 ln 2 = 28 nats
constexpr std::uint64_t kMinBroken = 60;  // where a codec's rule is broken
// Where nothing is known at all, by the bytes of a packet: clear vocoders of 1 to 3 kbit/s have passed for random up to
// 120 packets. Half of that where encryption was agreed upon.
struct Fewest {
  std::uint64_t bytes;
  std::uint64_t packets;
};
constexpr std::array<Fewest, 3> kMinUnknown{{{80, 80}, {40, 120}, {0, 240}}};
constexpr std::uint64_t kLongestPause = 60;  // packets between clear ones that may look random
constexpr std::uint64_t kLeastUnknown = 16;  // bytes of payload on average, where nothing is known nor agreed upon

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

std::uint64_t fewest_to_call_encrypted(const Reading& reading, bool promised) {
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
    default: break;
  }
  const std::uint64_t bytes = reading.slot.bytes / std::max<std::uint64_t>(reading.slot.packets, 1);
  const auto least = std::ranges::find_if(kMinUnknown, [&](const Fewest& one) { return bytes >= one.bytes; });
  return promised ? least->packets / 2 : least->packets;
}

// Packets of clear silence or noise that may look random for once.
std::uint64_t longest_pause(const Reading& reading) {
  return std::min(fewest_to_call_encrypted(reading, false), kLongestPause);
}

void turn(Reading& reading, Segment& segment, Class kind) {
  reading.slot.by_class[static_cast<std::size_t>(segment.kind)] -= segment.packets;
  reading.slot.by_class[static_cast<std::size_t>(kind)] += segment.packets;
  segment.kind = kind;
}

bool has_segment(const Reading& reading, Class kind, bool with_tag) {
  return std::ranges::any_of(reading.slot.segments, [&](const Segment& segment) {
    const auto overhead = overhead_of(reading, segment);
    return segment.kind == kind && overhead && (*overhead > 0) == with_tag;
  });
}

// With the codec known, windows that said nothing by themselves may be told by their length.
void settle_by_length(Reading& reading, bool length_tells) {
  auto& segments = reading.slot.segments;
  const bool tagged_random = has_segment(reading, Class::kRandom, true);
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
      if ((bare_row && !broken) || told) turn(reading, segment, Class::kStructured);
    } else if (*overhead > 0 && segment.kind == Class::kUnclear && tagged_random && segment.nats < kAsRandom) {
      turn(reading, segment, Class::kRandom);
    }
  }
  if (!length_tells || !has_segment(reading, Class::kStructured, false)) return;
  for (Segment& segment : segments) {
    // Nothing took a tag away: the same clear codec, with less to tell.
    if (segment.kind != Class::kStructured && overhead_of(reading, segment) == 0)
      turn(reading, segment, Class::kStructured);
  }
}

// A short row at the end or between clear windows, most of it comfort noise, say: too little to call it encrypted.
void settle_short_rows(Reading& reading) {
  auto& segments = reading.slot.segments;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto overhead = overhead_of(reading, segments[i]);
    const bool clear_before = i == 0 || segments[i - 1].kind == Class::kStructured;
    const bool clear_after = i + 1 == segments.size() || segments[i + 1].kind == Class::kStructured;
    if (segments[i].kind == Class::kRandom && segments.size() > 1 && clear_before && clear_after &&
        segments[i].packets < longest_pause(reading) && !(overhead && *overhead > 0))
      turn(reading, segments[i], Class::kStructured);
  }
}

// What is still unclear belongs to its neighbours.
void settle_by_neighbours(Reading& reading) {
  auto& segments = reading.slot.segments;
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
    turn(reading, segment, near);
  }
}

void settle_segments(Reading& reading, std::optional<unsigned> negotiated) {
  const bool length_tells = negotiated != 0U;  // where no tag was agreed upon, a bare length says nothing
  settle_by_length(reading, length_tells);
  settle_short_rows(reading);
  // Windows past the cap on segments are counted by class only.
  if (length_tells && reading.overhead == 0 && reading.overhead_share >= 0.8 &&
      std::ranges::all_of(reading.slot.segments, [](const Segment& s) { return s.kind == Class::kStructured; })) {
    reading.slot.by_class = {};
    reading.slot.by_class[static_cast<std::size_t>(Class::kStructured)] = reading.slot.packets;
  }
  settle_by_neighbours(reading);
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
  const Chance& chance = chance_of(question);
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

// What is to be said of the bulk of one payload type, and what it is said from.
struct Bulk {
  Reading& reading;
  std::optional<unsigned> negotiated;
  std::uint64_t structured;  // packets by class
  std::uint64_t random;
  std::uint64_t unclear;
  std::string size;       // what the sizes tell
  std::string as_random;  // what the questions and the byte counts tell
  Counts counts{};        // of windows that are not clear
  Strongest best{};       // of these
  std::uint64_t judged() const { return random + unclear; }
};

void call_clear(Reading& reading, Proof proof, std::string reason) {
  reading.observed = Observed::kCleartext;
  reading.proof = proof;
  reading.reason = std::move(reason);
}

// Of a codec that nobody knows some windows are clear beyond doubt, and no size ever changed: nothing took a tag.
bool never_sealed(const Reading& reading) {
  if (reading.promised || reading.sized || reading.codec.kind != CodecKind::kUnknown) return false;
  const Pair& most = *std::ranges::max_element(reading.slot.pairs, {}, &Pair::count);
  return most.count * std::uint64_t{10} >= reading.slot.pair_count * 9;
}

// Some of it obeys what random bytes don't.
void decide_structured(Bulk& bulk) {
  Reading& reading = bulk.reading;
  const Slot& slot = reading.slot;
  const bool all_clear = bulk.random == 0 || never_sealed(reading);
  if (all_clear) reading.clear = slot.packets;
  reading.encrypted = all_clear ? 0 : bulk.random;
  Strongest best = strongest(slot.structured);
  std::string reason;
  if (best.nats >= kProven) {
    // What is a rule of the codec is told before what is merely stronger.
    const Question rule = telling(reading.codec);
    if (nats(slot.structured[rule], rule) >= kProven) best.question = rule;
    for (const Question exact : {kAmrOctets, kAmrWbOctets, kConstant}) {
      if (nats(slot.structured[exact], exact) >= best.nats) best.question = exact;
    }
    reason = joined(told(slot.structured, best.question), bulk.size);
  } else {
    best.question = kByteCounts;
    reason = joined(told_chi(slot.structured_chi, slot.structured_chis), bulk.size);
  }
  if (reason.empty()) reason = fmt::format("payload has the form of {}", name_of(reading));
  if (reading.overhead && *reading.overhead > 0 && plausible_tag(*reading.overhead, bulk.negotiated))
    reason += ": readable, followed by what may be a tag";
  call_clear(reading, structural(reading, best.question) ? Proof::kStructural : Proof::kStatistical, std::move(reason));
}

// A codec that shows too little in a second may show it in a minute. In a mixed stream that says nothing: windows at
// the changes hold some of both.
bool decide_as_a_whole(Bulk& bulk, const Counts& all) {
  Reading& reading = bulk.reading;
  const Strongest weak = strongest(all);
  if (bulk.structured > 0 || weak.nats < kProven ||
      (reading.slot.packets < kWindowPackets && !iequals(reading.codec.name, "t140")))
    return false;
  reading.clear = reading.slot.packets;
  call_clear(reading, structural(reading, weak.question) ? Proof::kStructural : Proof::kStatistical,
             joined(told(all, weak.question), bulk.size));
  return true;
}

// Neither like ciphertext nor like clear media, or not enough of it is left.
bool decide_unlike_ciphertext(Bulk& bulk) {
  Reading& reading = bulk.reading;
  const Slot& slot = reading.slot;
  const std::string chi = told_chi(slot.random_chi, slot.random_chis);
  const double chi_evidence = slot.random_chis == 0 ? 0 : chi_nats(slot.random_chi, 255.0 * slot.random_chis);
  const double limit = kStreamAsRandom + (bulk.structured > 0 ? 2 * kAsRandom : 0);
  const bool length_helps = reading.sized && reading.overhead && *reading.overhead > 0;
  if (bulk.best.nats >= limit || chi_evidence >= (length_helps ? limit : kChiAsRandom)) {
    const Question odd = bulk.best.question == kQuestions ? kFirstByte : bulk.best.question;
    reading.reason = joined(fmt::format("neither random nor like a known codec: {}", told(bulk.counts, odd)),
                            joined(chi, bulk.size));
    return true;
  }
  // Bytes that were not captured can't look random; and a length may be that of a tag after clear bytes.
  const bool cut = slot.cut_packets * 2 > slot.packets;
  const bool rule_asked = std::uint64_t{bulk.counts[telling(reading.codec)].asked} * 2 >= bulk.judged();
  if (!cut || (slot.blind_packets * 2 <= slot.cut_packets && rule_asked)) return false;
  reading.reason = joined(
      fmt::format("the capture cut {} of {} packets: too few bytes are left to tell", slot.cut_packets, slot.packets),
      bulk.size);
  return true;
}

void call_encrypted(Bulk& bulk, std::string reason) {
  Reading& reading = bulk.reading;
  reading.observed = Observed::kEncrypted;
  reading.proof = Proof::kStatistical;
  reading.encrypted = bulk.structured == 0 ? reading.slot.packets : bulk.judged();
  reading.reason = std::move(reason);
}

// Random bytes of a codec whose sizes are known.
bool decide_by_length(Bulk& bulk) {
  Reading& reading = bulk.reading;
  if (!reading.sized || !reading.overhead) return false;
  if (*reading.overhead == 0) {
    if (bulk.negotiated == 0U && bulk.judged() >= kWindowPackets) {
      call_encrypted(bulk, joined(bulk.size, bulk.as_random) + ": random bytes without a tag, as agreed");
      return true;
    }
    // GSM and G.729 obey their rules whatever they carry: this is not what it is said to be, or it is encrypted.
    // G.726 was guessed from its length alone; its loudest noise shows itself within 300 packets.
    const bool rule_broken =
        has_rule(reading.codec) && reading.codec.kind != CodecKind::kIlbc && bulk.judged() >= kMinBroken;
    const bool wrong_guess = reading.guessed && reading.codec.kind == CodecKind::kG726 && bulk.judged() >= kShortStream;
    if (rule_broken || wrong_guess) return false;
    reading.reason =
        joined(bulk.size, bulk.as_random) + ": random bytes without a tag may be noise as well as ciphertext";
    return true;
  }
  if (!plausible_tag(*reading.overhead, bulk.negotiated) || reading.overhead_share < 0.8) return false;
  if (bulk.judged() >= kMinByLength) {
    call_encrypted(bulk, joined(fmt::format("{}, {}", bulk.size, tag_name(*reading.overhead)), bulk.as_random));
  } else {
    reading.reason = joined(fmt::format("{} packets are too few", bulk.judged()), bulk.size);
  }
  return true;
}

// Random bytes whose sizes say nothing.
void decide_by_bytes(Bulk& bulk) {
  Reading& reading = bulk.reading;
  const Slot& slot = reading.slot;
  const std::uint64_t fewest = fewest_to_call_encrypted(reading, reading.promised);
  if (bulk.judged() < fewest || bulk.random == 0) {
    reading.reason =
        joined(fmt::format("{} packets are too few, {} are needed", bulk.judged(), fewest), bulk.as_random);
    return;
  }
  // A codec that nobody knows may fill so few bytes that they look random; a tag would not leave it room.
  const std::uint64_t room =
      slot.packets * (reading.promised ? bulk.negotiated.value_or(kTagSizes.front()) + 1U : kLeastUnknown);
  if (reading.codec.kind == CodecKind::kUnknown && slot.bytes < room) {
    reading.reason = joined(fmt::format("payloads of {:.1f} bytes are too short to tell",
                                        static_cast<double>(slot.bytes) / static_cast<double>(slot.packets)),
                            bulk.as_random);
    return;
  }
  call_encrypted(bulk, joined(bulk.as_random, bulk.size));
}

// The verdict on one payload type's bulk.
void decide(Reading& reading, std::optional<unsigned> negotiated) {
  const Slot& slot = reading.slot;
  const auto packets = [&](Class kind) { return slot.by_class[static_cast<std::size_t>(kind)]; };
  Bulk bulk{.reading = reading,
            .negotiated = negotiated,
            .structured = packets(Class::kStructured),
            .random = packets(Class::kRandom),
            .unclear = packets(Class::kUnclear),
            .size = {},
            .as_random = {}};
  reading.clear = bulk.structured;
  // In a mixed stream each part has its own sizes.
  if (bulk.structured > 0 && bulk.random > 0 && reading.sized)
    take_overhead_of(reading, bulk.random > bulk.structured ? Class::kRandom : Class::kStructured);
  bulk.size = told_size(reading);
  if (bulk.structured > 0 && (bulk.structured >= bulk.random || never_sealed(reading))) return decide_structured(bulk);
  Counts all = slot.random;
  add_counts(all, slot.unclear);
  if (decide_as_a_whole(bulk, all)) return;
  // Windows that said nothing by themselves may say something together; where clear ones are near, some hold both.
  bulk.counts = bulk.random > 0 && bulk.structured > 0 ? slot.random : all;
  bulk.best = strongest(bulk.counts);
  const Question rule = telling(reading.codec);
  const Question shown = bulk.counts[rule].asked > 0 ? rule : kFirstByte;
  bulk.as_random = joined(bulk.counts[shown].asked > 0 ? told(bulk.counts, shown) : std::string{},
                          told_chi(slot.random_chi, slot.random_chis));
  if (!decide_unlike_ciphertext(bulk) && !decide_by_length(bulk)) decide_by_bytes(bulk);
}

Observed observed_of(Class kind) {
  switch (kind) {
    case Class::kStructured: return Observed::kCleartext;
    case Class::kRandom: return Observed::kEncrypted;
    default: return Observed::kUndetermined;
  }
}

}  // namespace

Reading read_slot(const Slot& slot, std::span<const CodecHint> hints, std::optional<unsigned> negotiated,
                  bool promised) {
  Reading reading;
  reading.promised = promised;
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

}  // namespace voip::analyze::srtp::judging
