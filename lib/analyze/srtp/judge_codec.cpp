#include <algorithm>
#include <utility>

#include "analyze/srtp/judge_parts.h"

namespace voip::analyze::srtp::judging {
namespace {

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

// Takes the codec if the sizes are its own, bare or with a tag.
bool accept(Reading& reading, const Codec& codec, bool guessed, std::optional<unsigned> negotiated) {
  auto found = overheads_of(reading.slot, codec);
  if (!sizes_fit(found, reading.slot.pair_count, negotiated)) return false;
  reading.codec = codec;
  reading.guessed = guessed;
  reading.sized = true;
  reading.overheads = std::move(found);
  return true;
}

// Whether somebody said what the payload type is.
bool codec_by_word(Reading& reading, std::span<const CodecHint> hints, std::optional<unsigned> negotiated) {
  const std::uint8_t payload_type = reading.slot.payload_type;
  std::optional<Codec> said;
  std::optional<Codec> unsized;
  const auto consider = [&](const Codec& codec) {
    if (!said) said = codec;
    if (accept(reading, codec, false, negotiated)) return true;
    if (!unsized && !expected_bytes(codec, 480)) unsized = codec;
    return false;
  };
  for (const CodecHint& hint : hints) {
    if (hint.payload_type != payload_type || hint.encoding.empty()) continue;
    if (consider(codec_by_name(hint.encoding, hint.clock_rate, hint.channels))) return true;
  }
  if (!said) {
    if (const auto codec = codec_by_static_type(payload_type); codec && consider(*codec)) return true;
  }
  if (unsized && unsized->kind != CodecKind::kUnknown) {
    reading.codec = *unsized;
    return true;
  }
  for (const CodecHint& hint : hints) {
    if (hint.payload_type != payload_type &&
        accept(reading, codec_by_name(hint.encoding, hint.clock_rate, hint.channels), true, negotiated))
      return true;
  }
  if (said) reading.codec = *said;
  return said.has_value();
}

// Sizes that only one usual codec has, bare or under an exact tag.
bool codec_by_size(Reading& reading, std::optional<unsigned> negotiated) {
  const Slot& slot = reading.slot;
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
    accept(reading, codec, true, negotiated);
    if (codec.kind == CodecKind::kPcm8) reading.codec.name = "PCM, 8 bits a sample";
    return true;
  }
  return false;
}

void codec_by_structure(Reading& reading) {
  const auto holds = [&](Question question) { return nats(reading.slot.structured[question], question) >= kProven; };
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

}  // namespace

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

bool has_rule(const Codec& codec) {
  return codec.kind == CodecKind::kG729 || codec.kind == CodecKind::kGsm || codec.kind == CodecKind::kIlbc;
}

bool plausible_tag(std::int32_t overhead, std::optional<unsigned> negotiated) {
  if (negotiated && *negotiated != 0 && overhead == static_cast<std::int32_t>(*negotiated)) return true;
  return std::ranges::any_of(kTagSizes,
                             [=](std::int32_t tag) { return overhead >= tag && overhead <= tag + kLongestMki; });
}

void choose_codec(Reading& reading, std::span<const CodecHint> hints, std::optional<unsigned> negotiated) {
  if (!codec_by_word(reading, hints, negotiated) && !codec_by_size(reading, negotiated)) codec_by_structure(reading);
}

}  // namespace voip::analyze::srtp::judging
