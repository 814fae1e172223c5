#include "proto/zrtp/zrtp.h"

#include <algorithm>

namespace voip::zrtp {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kCrc = 4;
constexpr std::size_t kMessageHeader = 12;  // preamble, length, type block

struct TypeName {
  std::string_view block;
  Type type;
};
constexpr std::array kTypes{
    TypeName{"Hello", Type::kHello},       TypeName{"HelloACK", Type::kHelloAck}, TypeName{"Commit", Type::kCommit},
    TypeName{"DHPart1", Type::kDhPart1},   TypeName{"DHPart2", Type::kDhPart2},   TypeName{"Confirm1", Type::kConfirm1},
    TypeName{"Confirm2", Type::kConfirm2}, TypeName{"Conf2ACK", Type::kConf2Ack}, TypeName{"Error", Type::kError},
    TypeName{"ErrorACK", Type::kErrorAck}, TypeName{"GoClear", Type::kGoClear},   TypeName{"ClearACK", Type::kClearAck},
    TypeName{"SASrelay", Type::kSasRelay}, TypeName{"RelayACK", Type::kRelayAck}, TypeName{"Ping", Type::kPing},
    TypeName{"PingACK", Type::kPingAck},
};

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? (value >> 1) ^ 0x82f63b78U : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr auto kCrcTable = crc_table();

std::uint32_t crc32c(ByteView bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : bytes) crc = kCrcTable[(crc ^ byte) & 0xff] ^ (crc >> 8);
  return ~crc;
}

std::string_view cut(ByteView bytes) {
  std::string_view text = as_text(bytes);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  return text;
}

Names take_names(ByteCursor& in, unsigned count) {
  Names names;
  names.reserve(count);
  for (unsigned i = 0; i < count; ++i) names.push_back(cut(in.take(4)));
  return names;
}

}  // namespace

std::string_view to_string(Type type) {
  const auto known = std::ranges::find(kTypes, type, &TypeName::type);
  return known == kTypes.end() ? "unknown" : known->block;
}

bool looks_like_zrtp(ByteView datagram) {
  return datagram.size() >= kHeader + kMessageHeader + kCrc && (datagram[0] & 0xf0) == 0x10 &&
         load_be<std::uint32_t>(datagram.data() + 4) == kMagicCookie;
}

Parsed<PacketView> parse(ByteView datagram) {
  ByteCursor in{datagram};
  const auto first = in.be<std::uint8_t>();
  in.skip(1);
  PacketView packet;
  packet.sequence = in.be<std::uint16_t>();
  const auto cookie = in.be<std::uint32_t>();
  packet.ssrc = in.be<std::uint32_t>();
  if (!in.ok()) return ParseError{Malformed::kTruncated, datagram.size(), "zrtp.header"};
  if ((first & 0xf0) != 0x10) return ParseError{Malformed::kBadVersion, 0, "zrtp.version"};
  if (cookie != kMagicCookie) return ParseError{Malformed::kBadValue, 4, "zrtp.cookie"};
  const std::size_t start = in.offset();
  const auto preamble = in.be<std::uint16_t>();
  const std::size_t size = std::size_t{4} * in.be<std::uint16_t>();
  const ByteView block = in.take(8);
  if (!in.ok()) return ParseError{Malformed::kTruncated, datagram.size(), "zrtp.message"};
  if (preamble != 0x505a) return ParseError{Malformed::kBadValue, start, "zrtp.preamble"};
  if (size < kMessageHeader) return ParseError{Malformed::kBadLength, start + 2, "zrtp.length"};
  packet.body = in.take(size - kMessageHeader);
  const std::size_t end = in.offset();
  const auto crc = in.be<std::uint32_t>();
  if (!in.ok()) return ParseError{Malformed::kTruncated, datagram.size(), "zrtp.message"};
  packet.message = datagram.subspan(start, size);
  packet.type_block = cut(block);
  const auto known = std::ranges::find(kTypes, packet.type_block, &TypeName::block);
  if (known != kTypes.end()) packet.type = known->type;
  // As in SCTP, the register's low byte goes out first.
  const std::uint32_t computed = crc32c(datagram.first(end));
  packet.crc_ok =
      crc == ((computed >> 24) | ((computed >> 8) & 0xff00) | ((computed << 8) & 0xff0000) | (computed << 24));
  return packet;
}

Parsed<HelloView> parse_hello(ByteView body) {
  ByteCursor in{body};
  HelloView hello;
  hello.version = cut(in.take(4));
  hello.client_id = cut(in.take(16));
  hello.h3 = in.take(32);
  hello.zid = in.take(12);
  const auto flags = in.be<std::uint32_t>();
  hello.signature_capable = (flags & 0x40000000) != 0;
  hello.mitm = (flags & 0x20000000) != 0;
  hello.passive = (flags & 0x10000000) != 0;
  // Section 5.2: no count may be above 7.
  for (const unsigned shift : {16U, 12U, 8U, 4U, 0U}) {
    if (((flags >> shift) & 15U) > 7) return ParseError{Malformed::kTooMany, 64, "zrtp.hello.counts"};
  }
  hello.hashes = take_names(in, (flags >> 16) & 15U);
  hello.ciphers = take_names(in, (flags >> 12) & 15U);
  hello.auth_tags = take_names(in, (flags >> 8) & 15U);
  hello.key_agreements = take_names(in, (flags >> 4) & 15U);
  hello.sas_types = take_names(in, flags & 15U);
  hello.mac = in.take(8);
  if (!in.ok()) return ParseError{Malformed::kBadLength, body.size(), "zrtp.hello"};
  return hello;
}

Parsed<CommitView> parse_commit(ByteView body) {
  ByteCursor in{body};
  CommitView commit;
  commit.h2 = in.take(32);
  commit.zid = in.take(12);
  commit.hash = cut(in.take(4));
  commit.cipher = cut(in.take(4));
  commit.auth_tag = cut(in.take(4));
  commit.key_agreement = cut(in.take(4));
  commit.sas_type = cut(in.take(4));
  if (commit.key_agreement == "Mult" || commit.key_agreement == "Prsh") {
    commit.nonce = in.take(16);
    if (commit.key_agreement == "Prsh") commit.key_id = in.take(8);
  } else {
    commit.hvi = in.take(32);
  }
  commit.mac = in.take(8);
  if (!in.ok()) return ParseError{Malformed::kBadLength, body.size(), "zrtp.commit"};
  return commit;
}

Parsed<DhPartView> parse_dh_part(ByteView body) {
  ByteCursor in{body};
  DhPartView part;
  part.h1 = in.take(32);
  part.rs1_id = in.take(8);
  part.rs2_id = in.take(8);
  part.aux_id = in.take(8);
  part.pbx_id = in.take(8);
  if (!in.ok() || in.remaining() < 8) return ParseError{Malformed::kBadLength, body.size(), "zrtp.dhpart"};
  part.public_value = in.take(in.remaining() - 8);
  part.mac = in.take(8);
  return part;
}

Parsed<ConfirmView> parse_confirm(ByteView body) {
  ByteCursor in{body};
  ConfirmView confirm;
  confirm.mac = in.take(8);
  confirm.iv = in.take(16);
  confirm.encrypted = in.take(in.remaining());
  if (!in.ok() || confirm.encrypted.empty()) return ParseError{Malformed::kBadLength, body.size(), "zrtp.confirm"};
  return confirm;
}

Parsed<std::uint32_t> parse_error_code(ByteView body) {
  if (body.size() < 4) return ParseError{Malformed::kBadLength, body.size(), "zrtp.error"};
  return load_be<std::uint32_t>(body.data());
}

// RFC 6189 table 8.
std::string_view error_text(std::uint32_t code) {
  switch (code) {
    case 0x10: return "malformed packet";
    case 0x20: return "critical software error";
    case 0x30: return "unsupported ZRTP version";
    case 0x40: return "Hello components mismatch";
    case 0x51: return "hash type not supported";
    case 0x52: return "cipher type not supported";
    case 0x53: return "public key exchange not supported";
    case 0x54: return "SRTP authentication tag not supported";
    case 0x55: return "SAS rendering scheme not supported";
    case 0x56: return "no shared secret available, DH mode required";
    case 0x61: return "DH error: bad public value";
    case 0x62: return "DH error: hash commitment mismatch";
    case 0x63: return "relayed SAS from untrusted MiTM";
    case 0x70: return "bad Confirm packet MAC";
    case 0x80: return "nonce reuse";
    case 0x90: return "equal ZIDs in Hello";
    case 0x91: return "SSRC collision";
    case 0xa0: return "service unavailable";
    case 0xb0: return "protocol timeout";
    case 0x100: return "GoClear received but not allowed";
    default: return {};
  }
}

}  // namespace voip::zrtp
