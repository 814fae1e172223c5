#include "proto/stun/stun.h"

#include <algorithm>

namespace voip::stun {
namespace {

constexpr std::size_t kMostAttributes = 64;
constexpr std::uint32_t kFingerprintXor = 0x5354554e;

enum Attribute : std::uint16_t {
  kMappedAddress = 0x0001,
  kUsername = 0x0006,
  kMessageIntegrity = 0x0008,
  kErrorCode = 0x0009,
  kChannelNumber = 0x000c,
  kXorPeerAddress = 0x0012,
  kData = 0x0013,
  kRealm = 0x0014,
  kXorRelayedAddress = 0x0016,
  kMessageIntegritySha256 = 0x001c,
  kXorMappedAddress = 0x0020,
  kPriority = 0x0024,
  kUseCandidate = 0x0025,
  kSoftware = 0x8022,
  kFingerprint = 0x8028,
  kIceControlled = 0x8029,
  kIceControlling = 0x802a,
};

// ITU V.42, as zlib's.
constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? (value >> 1) ^ 0xedb88320U : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr auto kCrcTable = crc_table();

std::uint32_t crc32(ByteView bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : bytes) crc = kCrcTable[(crc ^ byte) & 0xff] ^ (crc >> 8);
  return ~crc;
}

// RFC 8489 sections 14.1 and 14.2; `mask` is cookie and transaction id, or empty.
std::optional<Endpoint> address(ByteView value, ByteView mask) {
  ByteCursor in{value};
  in.skip(1);
  const auto family = in.be<std::uint8_t>();
  auto port = in.be<std::uint16_t>();
  const std::size_t size = family == 1 ? 4 : family == 2 ? 16 : 0;
  const ByteView raw = in.take(size);
  if (!in.ok() || size == 0) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(raw, bytes.begin());
  if (!mask.empty()) {
    port = static_cast<std::uint16_t>(port ^ (kMagicCookie >> 16));
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(bytes[i] ^ mask[i]);
  }
  return Endpoint{IpAddress::from_bytes(ByteView{bytes}.first(size)), port};
}

}  // namespace

bool looks_like_stun(ByteView datagram) {
  if (datagram.size() < kHeader || (datagram[0] & 0xc0) != 0) return false;
  if (load_be<std::uint32_t>(datagram.data() + 4) != kMagicCookie) return false;
  return load_be<std::uint16_t>(datagram.data() + 2) % 4 == 0;
}

Parsed<MessageView> parse(ByteView datagram) {
  ByteCursor in{datagram};
  const auto type = in.be<std::uint16_t>();
  const std::size_t length = in.be<std::uint16_t>();
  const auto cookie = in.be<std::uint32_t>();
  MessageView message;
  message.transaction_id = in.take(12);
  if (!in.ok()) return ParseError{Malformed::kTruncated, datagram.size(), "stun.header"};
  if ((type & 0xc000) != 0) return ParseError{Malformed::kBadValue, 0, "stun.type"};
  if (cookie != kMagicCookie) return ParseError{Malformed::kBadValue, 4, "stun.cookie"};
  if (length % 4 != 0) return ParseError{Malformed::kBadLength, 2, "stun.length"};
  if (length > in.remaining()) return ParseError{Malformed::kTruncated, datagram.size(), "stun.attributes"};
  message.message_class = Class{static_cast<std::uint8_t>(((type >> 4) & 1) | ((type >> 7) & 2))};
  message.method =
      Method{static_cast<std::uint16_t>((type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2))};
  const ByteView mask = datagram.subspan(4, 16);

  ByteCursor attributes = in.sub(length);
  for (std::size_t n = 0; attributes.remaining() > 0; ++n) {
    if (n == kMostAttributes) return ParseError{Malformed::kTooMany, kHeader + attributes.offset(), "stun.attributes"};
    const std::size_t at = kHeader + attributes.offset();
    const auto attribute = attributes.be<std::uint16_t>();
    const std::size_t size = attributes.be<std::uint16_t>();
    const ByteView value = attributes.take(size);
    if (size % 4 != 0) attributes.skip(4 - size % 4);
    if (!attributes.ok()) return ParseError{Malformed::kBadLength, at, "stun.attribute"};
    switch (attribute) {
      case kMappedAddress:
        if (!message.mapped) message.mapped = address(value, {});
        break;
      case kXorMappedAddress:
        if (const auto mapped = address(value, mask)) message.mapped = mapped;
        break;
      case kXorRelayedAddress: message.relayed = address(value, mask); break;
      case kXorPeerAddress: message.peer = address(value, mask); break;
      case kUsername: message.username = as_text(value); break;
      case kRealm: message.realm = as_text(value); break;
      case kSoftware: message.software = as_text(value); break;
      case kData: message.data = value; break;
      case kChannelNumber:
        if (value.size() == 4) message.channel = load_be<std::uint16_t>(value.data());
        break;
      case kErrorCode:
        if (value.size() >= 4) message.error = static_cast<std::uint16_t>((value[2] & 7) * 100 + value[3] % 100);
        break;
      case kPriority:
        if (value.size() == 4) message.priority = load_be<std::uint32_t>(value.data());
        break;
      case kUseCandidate: message.use_candidate = true; break;
      case kIceControlled: message.controlled = true; break;
      case kIceControlling: message.controlling = true; break;
      case kMessageIntegrity:
      case kMessageIntegritySha256: message.message_integrity = true; break;
      case kFingerprint:
        // Over all before it; the header's length counts it in, as it stands on the wire when it comes last.
        if (value.size() == 4)
          message.fingerprint_ok =
              (crc32(datagram.first(at)) ^ kFingerprintXor) == load_be<std::uint32_t>(value.data());
        break;
      default: break;
    }
  }
  return message;
}

Parsed<ChannelDataView> parse_channel_data(ByteView datagram) {
  ByteCursor in{datagram};
  const auto channel = in.be<std::uint16_t>();
  const std::size_t length = in.be<std::uint16_t>();
  if (!in.ok()) return ParseError{Malformed::kTruncated, datagram.size(), "turn.channel-data"};
  if (channel < 0x4000 || channel > 0x4fff) return ParseError{Malformed::kBadValue, 0, "turn.channel"};
  if (length > in.remaining()) return ParseError{Malformed::kTruncated, datagram.size(), "turn.channel-data"};
  return ChannelDataView{.channel = channel, .data = in.take(length)};
}

}  // namespace voip::stun
