#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::rtcp {

enum class Type : std::uint8_t {
  kSr = 200,
  kRr = 201,
  kSdes = 202,
  kBye = 203,
  kApp = 204,
  kRtpfb = 205,
  kPsfb = 206,
  kXr = 207
};

// How a whole datagram reads as RTCP (RFC 3550 section 6, RFC 3711 section 3.4). At most one of clear,
// authenticated_clear and srtcp_shaped holds; none: undecided.
struct CompoundView {
  Type first_type = Type::kSr;
  std::uint32_t ssrc = 0;   // of the first packet's sender
  std::size_t packets = 0;  // sub-packets that parse, whole, from the front
  // All sub-packets' lengths add up to the datagram exactly, types 192..223, versions 2, and what an SDES, BYE, SR, RR,
  // APP, feedback or XR packet holds is consistent. Never so for SRTCP, up to chance: SRTCP leaves the first length
  // field as it was and appends at least 4 bytes, so what follows the first sub-packet (ciphertext, tag or index) would
  // have to read as a chain of sub-packets that ends exactly at the end. A random header does with
  // 2^-2 (version) * 2^-3 (type) * 2^-16 (length) = 2^-21, longer chains add less than 1 % to that (each link costs
  // 2^-21 again), and a trailer of index and 4-byte tag alone never does while the index is below 12.5 million.
  bool clear = false;
  // Two or more sub-packets read as above and leave 8, 14 or 20 bytes: clear text with an SRTCP trailer, as
  // UNENCRYPTED_SRTCP or a NULL cipher sends it. Chance for ciphertext: the same 2^-21.
  bool authenticated_clear = false;
  // Neither of these, and long enough to end in an E flag, index and a 4-, 10- or 16-byte tag.
  bool srtcp_shaped = false;
  std::string_view cname;         // of a readable SDES chunk; empty when none
  std::uint32_t srtcp_index = 0;  // of srtcp_shaped; E bit cut off; for another place see srtcp_trailer()
  std::size_t srtcp_tag = 0;  // tag bytes (4, 10 or 16) with which the index reads below 2^20 and E as 1; 0 when none
};

// Whether byte 1 makes it RTCP rather than RTP (RFC 5761 section 4): 192..223.
bool looks_like_rtcp(ByteView datagram);
// `datagram` must be whole: a packet cut by the snap length reads as SRTCP.
Parsed<CompoundView> parse(ByteView datagram);

// RFC 3711 section 3.4: the last 4 bytes before MKI and tag. With AEAD the tag comes first and the index stands before
// the MKI alone (RFC 7714 section 9.3).
struct SrtcpTrailer {
  bool encrypted = false;   // E
  std::uint32_t index = 0;  // 31 bits
};
Parsed<SrtcpTrailer> srtcp_trailer(ByteView datagram, std::size_t tag_and_mki_size);

}  // namespace voip::rtcp
