#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::rtcp {

enum class Type : std::uint8_t { kSr = 200, kRr = 201, kSdes = 202, kBye = 203, kApp = 204, kRtpfb = 205, kPsfb = 206, kXr = 207 };

// How a datagram reads as RTCP (RFC 3550 section 6, RFC 3711 section 3.4).
struct CompoundView {
  Type first_type = Type::kSr;
  std::uint32_t ssrc = 0;           // of the first packet's sender
  std::size_t packets = 0;          // sub-packets that parse, whole
  bool clear = false;               // all sub-packets' lengths add up to the datagram exactly, types 192..223, versions 2, and what
                                    // an SDES, BYE, SR or RR holds is consistent
  bool srtcp_shaped = false;        // not clear, and long enough to end in an E flag, index and a 4-, 10- or 16-byte tag
  std::string_view cname;           // of a clear SDES chunk; empty when none
  std::uint32_t srtcp_index = 0;    // E bit cut off; for tag_size bytes of tag at the end see srtcp_trailer()
};

// Whether byte 1 makes it RTCP rather than RTP (RFC 5761 section 4): 192..223.
bool looks_like_rtcp(ByteView datagram);
Parsed<CompoundView> parse(ByteView datagram);

// RFC 3711 section 3.4: the last 4 bytes before MKI and tag.
struct SrtcpTrailer {
  bool encrypted = false;           // E
  std::uint32_t index = 0;          // 31 bits
};
Parsed<SrtcpTrailer> srtcp_trailer(ByteView datagram, std::size_t tag_and_mki_size);

}  // namespace voip::rtcp
