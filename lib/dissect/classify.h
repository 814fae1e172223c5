#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "dissect/events.h"

namespace voip::dissect {

// What a UDP payload is by its first bytes. Text is anything that may be SIP: see text_kind().
enum class FirstBytes : std::uint8_t { kRtp, kRtcp, kStun, kDtls, kZrtp, kTurnChannel, kText, kKeepalive, kUnknown };

// RFC 7983 section 7, RFC 5761 section 4. For kRtp the packet is read into `rtp`.
FirstBytes classify(ByteView payload, rtp::PacketView& rtp);

// Text protocols that share SIP's looks.
enum class TextKind : std::uint8_t { kSip, kMaybeSip, kHttp, kSsdp, kRtsp, kMsrp, kIcap, kOther };
// kMaybeSip: more bytes are needed to tell.
TextKind text_kind(ByteView bytes);

// Only CR, LF, NUL and blanks: what phones send to keep a binding open (RFC 5626 section 3.5.1, and habits).
bool is_keepalive(ByteView bytes);
// Without the empty lines that may stand before a start line (RFC 3261 section 7.5).
ByteView without_leading_blank_lines(ByteView bytes);

// Whether a stream's bytes begin with a TLS record (RFC 8446 section 5.1). kMaybe: too few bytes to tell.
enum class TlsLooks : std::uint8_t { kNo, kMaybe, kYes };
TlsLooks looks_like_tls(ByteView bytes);

}  // namespace voip::dissect
