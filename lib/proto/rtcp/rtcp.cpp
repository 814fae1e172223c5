#include "proto/rtcp/rtcp.h"

#include <algorithm>
#include <array>

namespace voip::rtcp {
namespace {

// SSRC words may well be missing from a lone BYE without sources; 4 bytes of header are all that RTCP asks for, but
// SRTCP needs the SSRC, so nothing below 8 bytes is read.
constexpr std::size_t kSmallest = 8;
constexpr std::size_t kReportBlock = 24;

// RFC 3550 section 6.5: chunks of SSRC and items, each chunk ended by a null item and filled to 32 bits.
bool sdes_holds(ByteView body, unsigned chunks, std::string_view& cname) {
  std::size_t at = 0;
  for (unsigned i = 0; i < chunks; ++i) {
    if (body.size() - at < 4) return false;
    at += 4;
    for (;;) {
      if (at >= body.size()) return false;
      const std::uint8_t item = body[at];
      if (item == 0) break;
      if (body.size() - at < 2 || body.size() - at - 2 < body[at + 1]) return false;
      if (item == 1 && cname.empty()) cname = as_text(body.subspan(at + 2, body[at + 1]));
      at += 2 + std::size_t{body[at + 1]};
    }
    at = (at / 4 + 1) * 4;  // what fills up should be null too; not all senders clear it
    if (at > body.size()) return false;
  }
  return at == body.size();
}

// RFC 3550 section 6.6.
bool bye_holds(ByteView body, unsigned sources) {
  const std::size_t listed = std::size_t{4} * sources;
  if (body.size() < listed) return false;
  const ByteView reason = body.subspan(listed);
  return reason.empty() || std::size_t{reason[0]} + 1 <= reason.size();
}

// RFC 3611 section 2: blocks of type, type-specific and a length in words.
bool xr_holds(ByteView body) {
  if (body.size() < 4) return false;
  std::size_t at = 4;
  while (at < body.size()) {
    if (body.size() - at < 4) return false;
    const std::size_t words = load_be<std::uint16_t>(body.data() + at + 2);
    if (words * 4 > body.size() - at - 4) return false;
    at += 4 + words * 4;
  }
  return true;
}

// body: the sub-packet without its 4-byte header and without padding.
bool body_holds(std::uint8_t type, unsigned count, ByteView body, std::string_view& cname) {
  switch (Type{type}) {
    case Type::kSr: return body.size() >= 24 + kReportBlock * count;
    case Type::kRr: return body.size() >= 4 + kReportBlock * count;
    case Type::kSdes: return sdes_holds(body, count, cname);
    case Type::kBye: return bye_holds(body, count);
    case Type::kApp:
      return body.size() >= 8 && std::ranges::all_of(body.subspan(4, 4), [](auto c) { return c >= 0x20 && c < 0x7f; });
    case Type::kRtpfb:
    case Type::kPsfb: return body.size() >= 8;
    case Type::kXr: return xr_holds(body);
  }
  return true;  // a type that nobody described to us: its length has to do
}

// Reads one sub-packet at the front. Gives its size, 0 when it is none.
std::size_t sub_packet(ByteView rest, std::string_view& cname) {
  if (rest.size() < 4 || (rest[0] >> 6) != 2 || rest[1] < 192 || rest[1] > 223) return 0;
  const std::size_t size = (std::size_t{load_be<std::uint16_t>(rest.data() + 2)} + 1) * 4;
  if (size > rest.size()) return 0;
  ByteView body = rest.subspan(4, size - 4);
  if ((rest[0] & 0x20) != 0) {
    // RFC 3550 section 6.4.1: only the last of a compound is padded, by a multiple of four.
    if (size != rest.size() || body.empty()) return 0;
    const std::size_t pad = body.back();
    if (pad == 0 || pad % 4 != 0 || pad > body.size()) return 0;
    body = body.first(body.size() - pad);
  }
  return body_holds(rest[1], rest[0] & 0x1f, body, cname) ? size : 0;
}

// Trailers of SRTCP without MKI: index and tag.
constexpr std::array<std::size_t, 3> kTags{4, 10, 16};
// RFC 3711 section 3.2.1 starts the index at 0: a million RTCP packets are weeks of call.
constexpr std::uint32_t kLikelyIndex = 1U << 20;

void read_trailer(ByteView datagram, CompoundView& view) {
  for (const std::size_t tag : kTags) {
    const auto trailer = srtcp_trailer(datagram, tag == 16 ? 0 : tag);
    if (!trailer.ok() || datagram.size() < kSmallest + 4 + tag || !trailer->encrypted || trailer->index >= kLikelyIndex)
      continue;
    if (view.srtcp_tag != 0 && trailer->index >= view.srtcp_index) continue;
    view.srtcp_tag = tag;
    view.srtcp_index = trailer->index;
  }
}

}  // namespace

bool looks_like_rtcp(ByteView datagram) {
  return datagram.size() >= 2 && (datagram[0] >> 6) == 2 && datagram[1] >= 192 && datagram[1] <= 223;
}

Parsed<CompoundView> parse(ByteView datagram) {
  if (datagram.size() < kSmallest) return ParseError{Malformed::kTruncated, datagram.size(), "rtcp.header"};
  if ((datagram[0] >> 6) != 2) return ParseError{Malformed::kBadVersion, 0, "rtcp.version"};
  if (!looks_like_rtcp(datagram)) return ParseError{Malformed::kBadValue, 1, "rtcp.type"};
  CompoundView view;
  view.first_type = Type{datagram[1]};
  view.ssrc = load_be<std::uint32_t>(datagram.data() + 4);
  std::size_t at = 0;
  while (at < datagram.size()) {
    std::string_view cname;
    const std::size_t size = sub_packet(datagram.subspan(at), cname);
    if (size == 0) break;
    if (view.cname.empty()) view.cname = cname;
    at += size;
    ++view.packets;
  }
  const std::size_t left = datagram.size() - at;
  if (view.packets > 0 && left == 0) {
    view.clear = true;
    return view;
  }
  if (view.packets >= 2 && (left == 8 || left == 14 || left == 20)) {
    view.authenticated_clear = true;
    return view;
  }
  // What the first header says of its own length must leave room for the trailer, for that header is never encrypted.
  const std::size_t first = (std::size_t{load_be<std::uint16_t>(datagram.data() + 2)} + 1) * 4;
  if (first >= kSmallest && first + 4 + kTags.front() <= datagram.size()) {
    view.srtcp_shaped = true;
    read_trailer(datagram, view);
  }
  if (view.packets < 2) view.cname = {};  // a lone clear header with an SDES read into ciphertext
  return view;
}

Parsed<SrtcpTrailer> srtcp_trailer(ByteView datagram, std::size_t tag_and_mki_size) {
  if (datagram.size() < kSmallest + 4 || datagram.size() - kSmallest - 4 < tag_and_mki_size)
    return ParseError{Malformed::kTruncated, datagram.size(), "srtcp.index"};
  const auto word = load_be<std::uint32_t>(datagram.data() + datagram.size() - tag_and_mki_size - 4);
  return SrtcpTrailer{.encrypted = (word >> 31) != 0, .index = word & 0x7fffffffU};
}

}  // namespace voip::rtcp
