#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace voip::analyze::srtp {

// What payloads of the usual codecs must look like. All take the payload as it stands in the packet and never read
// outside it.

enum class CodecKind : std::uint8_t {
  kUnknown,
  kPcm8,  // one byte a sample: PCMU, PCMA; also G.722, whose RTP clock is half its sampling rate
  kL16,   // two bytes a sample and channel
  kG726,  // 2 to 5 bits a sample
  kG728,
  kG729,
  kG723,
  kGsm,
  kIlbc,
  kAmr,
  kAmrWb,
  kOpus,
  kSpeex,
  kEvent,  // telephone-event
  kComfortNoise,
  kVideo,  // H.264, H.265, VP8, VP9: a payload header before each fragment
  kRed,    // RFC 2198
};

struct Codec {
  CodecKind kind = CodecKind::kUnknown;
  std::string_view name;         // as the RFCs write it
  std::uint32_t clock_rate = 0;  // 0: unknown
  std::uint8_t channels = 1;
  std::uint8_t bits = 0;  // a sample, of kG726
};

// By the encoding name of SDP, in any case. Unknown names give kUnknown with that name.
Codec codec_by_name(std::string_view encoding, std::uint32_t clock_rate, std::uint8_t channels);
// RFC 3551 table 4 and 5; nothing for dynamic and unassigned types.
std::optional<Codec> codec_by_static_type(std::uint8_t payload_type);

// Payload bytes that `step` ticks of the codec's clock take, for codecs where this is one number. Nothing when the step
// is no whole number of frames.
std::optional<std::uint32_t> expected_bytes(const Codec& codec, std::uint32_t step);

// G.729 annex: bit 26 (P0) guards bits 18 to 23 (the top six of P1), counted from 0 (RFC 3551 section 4.5.6). Whether
// the seven bits' parity is odd: which of both a stream has is constant. Needs 4 bytes from `frame` on.
bool g729_parity(ByteView frame);

// RFC 3551 section 4.5.3: the two low bits of each frame's first byte say its size, 24, 20 or 4; whether frames so read
// end where the payload ends.
bool g723_chain(ByteView payload);

// RFC 4867 section 4.3 and 4.4: CMR, table of contents and speech bits fill the payload exactly, all padding is zero.
// At most eight frames. Interleaving and CRCs are not tried.
bool amr_octet_aligned(ByteView payload, bool wideband);
bool amr_bandwidth_efficient(ByteView payload, bool wideband);

// RFC 4733 section 2.3, of two packets of one event: same event and volume, a duration that grows.
bool event_follows(ByteView before, ByteView payload);

}  // namespace voip::analyze::srtp
