#include "analyze/srtp/codec_structure.h"

#include <array>
#include <bit>

#include "base/text.h"

namespace voip::analyze::srtp {
namespace {

struct Named {
  std::string_view name;
  CodecKind kind;
  std::uint8_t bits = 0;
};

constexpr std::array kNames{
    Named{"PCMU", CodecKind::kPcm8},
    Named{"PCMA", CodecKind::kPcm8},
    Named{"G722", CodecKind::kPcm8},
    Named{"L8", CodecKind::kPcm8},
    Named{"CLEARMODE", CodecKind::kPcm8},
    Named{"L16", CodecKind::kL16},
    Named{"G726-16", CodecKind::kG726, 2},
    Named{"AAL2-G726-16", CodecKind::kG726, 2},
    Named{"G726-24", CodecKind::kG726, 3},
    Named{"AAL2-G726-24", CodecKind::kG726, 3},
    Named{"G726-32", CodecKind::kG726, 4},
    Named{"AAL2-G726-32", CodecKind::kG726, 4},
    Named{"G721", CodecKind::kG726, 4},
    Named{"G726-40", CodecKind::kG726, 5},
    Named{"AAL2-G726-40", CodecKind::kG726, 5},
    Named{"G728", CodecKind::kG728},
    Named{"G729", CodecKind::kG729},
    Named{"G729A", CodecKind::kG729},
    Named{"G723", CodecKind::kG723},
    Named{"G7231", CodecKind::kG723},
    Named{"GSM", CodecKind::kGsm},
    Named{"iLBC", CodecKind::kIlbc},
    Named{"AMR", CodecKind::kAmr},
    Named{"AMR-WB", CodecKind::kAmrWb},
    Named{"opus", CodecKind::kOpus},
    Named{"speex", CodecKind::kSpeex},
    Named{"telephone-event", CodecKind::kEvent},
    Named{"CN", CodecKind::kComfortNoise},
    Named{"H264", CodecKind::kVideo},
    Named{"H265", CodecKind::kVideo},
    Named{"VP8", CodecKind::kVideo},
    Named{"VP9", CodecKind::kVideo},
    Named{"H263", CodecKind::kVideo},
    Named{"H263-1998", CodecKind::kVideo},
    Named{"H263-2000", CodecKind::kVideo},
    Named{"H261", CodecKind::kUnknown},  // its header (RFC 4587) has no field that stays
    Named{"red", CodecKind::kRed},
};

struct StaticType {
  std::uint8_t payload_type;
  std::string_view name;
  std::uint32_t clock_rate;
  std::uint8_t channels = 1;
};

constexpr std::array kStaticTypes{
    StaticType{0, "PCMU", 8000},     StaticType{2, "G721", 8000},   StaticType{3, "GSM", 8000},
    StaticType{4, "G723", 8000},     StaticType{8, "PCMA", 8000},   StaticType{9, "G722", 8000},
    StaticType{10, "L16", 44100, 2}, StaticType{11, "L16", 44100},  StaticType{13, "CN", 8000},
    StaticType{15, "G728", 8000},    StaticType{18, "G729", 8000},  StaticType{19, "CN", 8000},
    StaticType{31, "H261", 90000},   StaticType{34, "H263", 90000},
};

// Speech bits by frame type, RFC 4867 table 1 (from TS 26.101 table 1a) and TS 26.201 table 2. Type 15: no data.
constexpr std::uint16_t kNone = 0xffff;
constexpr std::array<std::uint16_t, 16> kAmrBits{95, 103,   118,   134,   148,   159,   204,   244,
                                                 39, kNone, kNone, kNone, kNone, kNone, kNone, 0};
constexpr std::array<std::uint16_t, 16> kAmrWbBits{132, 177, 253,   285,   317,   365,   397, 461,
                                                   477, 40,  kNone, kNone, kNone, kNone, 0,   0};
constexpr std::size_t kMostFrames = 8;

bool known_mode_request(unsigned cmr, bool wideband) { return cmr == 15 || cmr <= (wideband ? 8U : 7U); }

// The six bits of a table-of-contents entry; the caller knows that they are there.
unsigned entry_at(ByteView bytes, std::size_t bit) {
  const std::size_t at = bit / 8;
  const unsigned pair = (unsigned{bytes[at]} << 8) | (at + 1 < bytes.size() ? bytes[at + 1] : 0U);
  return (pair >> (10 - bit % 8)) & 0x3fU;
}

}  // namespace

Codec codec_by_name(std::string_view encoding, std::uint32_t clock_rate, std::uint8_t channels) {
  for (const Named& known : kNames) {
    if (iequals(known.name, encoding))
      return {
          .kind = known.kind, .name = known.name, .clock_rate = clock_rate, .channels = channels, .bits = known.bits};
  }
  return {.kind = CodecKind::kUnknown, .name = encoding, .clock_rate = clock_rate, .channels = channels};
}

std::optional<Codec> codec_by_static_type(std::uint8_t payload_type) {
  for (const StaticType& known : kStaticTypes) {
    if (known.payload_type == payload_type) return codec_by_name(known.name, known.clock_rate, known.channels);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> expected_bytes(const Codec& codec, std::uint32_t step) {
  // No packet holds more than a second or two; this also keeps the products below from wrapping.
  if (step == 0 || step > 200000) return std::nullopt;
  const auto frames = [step](std::uint32_t samples, std::uint32_t bytes) -> std::optional<std::uint32_t> {
    if (step % samples != 0) return std::nullopt;
    return step / samples * bytes;
  };
  switch (codec.kind) {
    case CodecKind::kPcm8: return step * (codec.channels == 0 ? 1U : codec.channels);
    case CodecKind::kL16: return step * 2U * (codec.channels == 0 ? 1U : codec.channels);
    case CodecKind::kG726: return step % 8 == 0 ? std::optional{step / 8 * codec.bits} : std::nullopt;
    case CodecKind::kG728: return frames(20, 5);
    case CodecKind::kG729: return frames(80, 10);
    case CodecKind::kGsm: return frames(160, 33);
    case CodecKind::kIlbc: return step % 240 == 0 && step % 160 != 0 ? frames(240, 50) : frames(160, 38);
    default: return std::nullopt;
  }
}

bool g729_parity(ByteView frame) {
  if (frame.size() < 4) return false;
  const unsigned guarded = ((frame[2] & 0x3fU) << 1) | ((frame[3] >> 5) & 1U);
  return std::popcount(guarded) % 2 != 0;
}

bool g723_chain(ByteView payload) {
  constexpr std::array<std::size_t, 4> kSizes{24, 20, 4, 0};
  std::size_t at = 0;
  while (at < payload.size()) {
    const std::size_t size = kSizes[payload[at] & 3U];
    if (size == 0 || size > payload.size() - at) return false;
    at += size;
  }
  return at > 0;
}

bool amr_octet_aligned(ByteView payload, bool wideband) {
  if (payload.size() < 2 || (payload[0] & 0x0f) != 0 || !known_mode_request(payload[0] >> 4, wideband)) return false;
  const auto& table = wideband ? kAmrWbBits : kAmrBits;
  std::array<std::uint16_t, kMostFrames> bits{};
  std::size_t frames = 0;
  std::size_t at = 1;
  for (bool more = true; more; ++at) {
    if (at >= payload.size() || frames == kMostFrames) return false;
    const std::uint8_t entry = payload[at];
    bits[frames] = table[(entry >> 3) & 15U];
    if ((entry & 3) != 0 || bits[frames] == kNone) return false;
    ++frames;
    more = (entry & 0x80) != 0;
  }
  for (std::size_t i = 0; i < frames; ++i) {
    const std::size_t bytes = (bits[i] + 7U) / 8U;
    if (bytes > payload.size() - at) return false;
    at += bytes;
    // The frame's last byte is filled with zeros (RFC 4867 section 4.4.3).
    if (bits[i] % 8 != 0 && (payload[at - 1] & (0xffU >> (bits[i] % 8))) != 0) return false;
  }
  return at == payload.size();
}

bool amr_bandwidth_efficient(ByteView payload, bool wideband) {
  if (payload.size() < 2 || !known_mode_request(payload[0] >> 4, wideband)) return false;
  const auto& table = wideband ? kAmrWbBits : kAmrBits;
  const std::size_t have = payload.size() * 8;
  std::size_t at = 4;
  std::size_t speech = 0;
  std::size_t frames = 0;
  for (bool more = true; more; at += 6) {
    if (at + 6 > have || frames == kMostFrames) return false;
    const unsigned entry = entry_at(payload, at);
    const std::uint16_t bits = table[(entry >> 1) & 15U];
    if (bits == kNone) return false;
    speech += bits;
    ++frames;
    more = (entry & 0x20) != 0;
  }
  const std::size_t used = at + speech;
  if ((used + 7) / 8 != payload.size()) return false;
  return used % 8 == 0 || (payload.back() & (0xffU >> (used % 8))) == 0;
}

bool event_follows(ByteView before, ByteView payload) {
  if (before.size() != 4 || payload.size() != 4 || before[0] != payload[0]) return false;
  if (((before[1] ^ payload[1]) & 0x7f) != 0 || (payload[1] & 0x40) != 0) return false;
  const auto grown = static_cast<std::uint16_t>(load_be<std::uint16_t>(payload.data() + 2) -
                                                load_be<std::uint16_t>(before.data() + 2));
  return grown <= 1600;  // 200 ms of 8 kHz: no sender reports less often
}

}  // namespace voip::analyze::srtp
