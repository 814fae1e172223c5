#include "dissect/classify.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "proto/rtcp/rtcp.h"
#include "proto/rtp/rtp.h"
#include "proto/sip/message.h"

namespace voip::dissect {
namespace {

constexpr std::uint32_t kStunCookie = 0x2112a442;
constexpr std::uint32_t kZrtpCookie = 0x5a525450;  // "ZRTP"
constexpr std::size_t kLongestKeepalive = 8;
constexpr std::size_t kRtcpHeader = 8;

bool is_stun(ByteView payload) {
  return payload.size() >= 20 && load_be<std::uint32_t>(payload.data() + 4) == kStunCookie &&
         load_be<std::uint16_t>(payload.data() + 2) % 4 == 0;
}

bool is_dtls(ByteView payload) {
  // DTLS 1.3 hides type and version of its ciphertext (RFC 9147 section 4): 001xxxxx is all that there is, and a
  // quarter of all UDPTL looks the same. The session knows which it is.
  if (payload.size() < 13 || payload[0] > 26) return false;
  return (payload[1] == 0xfe && payload[2] >= 0xfc) || (payload[1] == 0x01 && payload[2] == 0x00);
}

bool is_turn_channel(ByteView payload) {
  if (payload.size() < 4) return false;
  const std::size_t length = load_be<std::uint16_t>(payload.data() + 2);
  return length <= payload.size() - 4 && payload.size() - 4 - length < 4;  // padded at most
}

bool is_text_start(std::uint8_t byte) { return is_token_char(static_cast<char>(byte)); }

// A first byte that could begin SIP, the bytes behind it could not: 8 of them decide.
bool reads_like_text(ByteView payload) {
  const ByteView head = first_bytes(payload, 8);
  return std::ranges::all_of(head, [](std::uint8_t c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

bool is_keepalive(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t c) { return c == '\r' || c == '\n' || c == 0 || c == ' '; });
}

ByteView without_leading_blank_lines(ByteView bytes) {
  std::size_t skip = 0;
  while (skip < bytes.size() && (bytes[skip] == '\r' || bytes[skip] == '\n')) ++skip;
  return bytes.subspan(skip);
}

FirstBytes classify(ByteView payload, rtp::PacketView& rtp) {
  if (payload.empty()) return FirstBytes::kKeepalive;
  const std::uint8_t first = payload[0];
  switch (first >> 4) {
    case 8:
    case 9:
    case 10:
    case 11: {
      if (payload.size() >= kRtcpHeader && rtcp::looks_like_rtcp(payload)) return FirstBytes::kRtcp;
      ParseError error;
      return rtp::parse_into(payload, rtp, error) ? FirstBytes::kRtp : FirstBytes::kUnknown;
    }
    case 0:
      if (first <= 3 && is_stun(payload)) return FirstBytes::kStun;
      if (first == '\r' || first == '\n') {
        return is_keepalive(payload) ? FirstBytes::kKeepalive : FirstBytes::kText;
      }
      if (first == 0 && payload.size() <= kLongestKeepalive && is_keepalive(payload)) return FirstBytes::kKeepalive;
      return FirstBytes::kUnknown;
    case 1:
      if (first < 20) {
        return payload.size() >= 12 && load_be<std::uint32_t>(payload.data() + 4) == kZrtpCookie ? FirstBytes::kZrtp
                                                                                                 : FirstBytes::kUnknown;
      }
      return is_dtls(payload) ? FirstBytes::kDtls : FirstBytes::kUnknown;
    case 2:
    case 3:
      if (first == ' ' && is_keepalive(payload)) return FirstBytes::kKeepalive;
      if (is_text_start(first) && reads_like_text(payload)) return FirstBytes::kText;
      return FirstBytes::kUnknown;
    case 4:
      if (reads_like_text(payload) && is_text_start(first)) return FirstBytes::kText;
      return is_turn_channel(payload) ? FirstBytes::kTurnChannel : FirstBytes::kUnknown;
    case 5:
    case 6:
    case 7: return is_text_start(first) ? FirstBytes::kText : FirstBytes::kUnknown;
    default: return FirstBytes::kUnknown;
  }
}

TextKind text_kind(ByteView bytes) {
  switch (sip::looks_like_sip(bytes)) {
    case sip::Looks::kYes: return TextKind::kSip;
    case sip::Looks::kNeedMore: return TextKind::kMaybeSip;
    case sip::Looks::kNo: break;
  }
  const std::string_view text = as_text(first_bytes(bytes, 4096));
  const std::string_view line = trim(text.substr(0, text.find('\n')));
  if (line.starts_with("MSRP ")) return TextKind::kMsrp;
  const std::size_t blank = line.rfind(' ');
  const std::string_view last = blank == std::string_view::npos ? std::string_view{} : line.substr(blank + 1);
  const auto speaks = [&](std::string_view protocol) {
    return line.starts_with(protocol) || last.starts_with(protocol);
  };
  if (speaks("HTTP/")) {
    // Over UDP (RFC draft cai-ssdp): NOTIFY * and M-SEARCH *, and their answers with an ST or USN field.
    if (line.starts_with("NOTIFY * ") || line.starts_with("M-SEARCH ")) return TextKind::kSsdp;
    if (line.starts_with("HTTP/") &&
        (text.find("\nST:") != std::string_view::npos || text.find("\nUSN:") != std::string_view::npos ||
         text.find("\nst:") != std::string_view::npos)) {
      return TextKind::kSsdp;
    }
    return TextKind::kHttp;
  }
  if (speaks("RTSP/")) return TextKind::kRtsp;
  if (speaks("ICAP/")) return TextKind::kIcap;
  return TextKind::kOther;
}

TlsLooks looks_like_tls(ByteView bytes) {
  constexpr std::size_t kLargestRecord = 16384 + 2048;
  if (bytes.empty()) return TlsLooks::kMaybe;
  if (bytes[0] < 20 || bytes[0] > 24) return TlsLooks::kNo;
  if (bytes.size() > 1 && bytes[1] != 3) return TlsLooks::kNo;
  if (bytes.size() > 2 && bytes[2] > 4) return TlsLooks::kNo;
  if (bytes.size() < 5) return TlsLooks::kMaybe;
  const std::size_t length = load_be<std::uint16_t>(bytes.data() + 3);
  return length > 0 && length <= kLargestRecord ? TlsLooks::kYes : TlsLooks::kNo;
}

}  // namespace voip::dissect
