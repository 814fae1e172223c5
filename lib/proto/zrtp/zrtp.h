#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::zrtp {

inline constexpr std::uint32_t kMagicCookie = 0x5a525450;  // "ZRTP"

// RFC 6189 section 5.1.1, by the 8-character type block. An unlisted one is kUnknown and kept in
// PacketView::type_block.
enum class Type : std::uint8_t {
  kUnknown,
  kHello,
  kHelloAck,
  kCommit,
  kDhPart1,
  kDhPart2,
  kConfirm1,
  kConfirm2,
  kConf2Ack,
  kError,
  kErrorAck,
  kGoClear,
  kClearAck,
  kSasRelay,
  kRelayAck,
  kPing,
  kPingAck,
};
// "Hello", "DHPart1", ...; "unknown".
std::string_view to_string(Type type);

// RFC 6189 section 5.
struct PacketView {
  std::uint16_t sequence = 0;
  std::uint32_t ssrc = 0;
  Type type = Type::kUnknown;
  std::string_view type_block;  // 8 characters, trailing blanks cut off
  ByteView message;             // from the preamble to its end: what zrtp-hash covers for a Hello (section 8.1)
  ByteView body;                // after the type block
  bool crc_ok = false;          // CRC-32c (RFC 6189 section 5, RFC 4960 appendix B)
};
bool looks_like_zrtp(ByteView datagram);
Parsed<PacketView> parse(ByteView datagram);

// Four-character names, blanks cut off: "S256", "AES3", "HS80", "EC25", "B32".
using Names = std::vector<std::string_view>;  // at most 7, as the counts go

// RFC 6189 section 5.2.
struct HelloView {
  std::string_view version;    // "1.10"
  std::string_view client_id;  // trailing blanks and nulls cut off
  ByteView h3;
  ByteView zid;                    // 12 bytes
  bool signature_capable = false;  // S
  bool mitm = false;               // M
  bool passive = false;            // P
  Names hashes, ciphers, auth_tags, key_agreements, sas_types;
  ByteView mac;
};
Parsed<HelloView> parse_hello(ByteView body);

// RFC 6189 section 5.4.
struct CommitView {
  ByteView h2;
  ByteView zid;
  std::string_view hash, cipher, auth_tag, key_agreement, sas_type;
  ByteView hvi;     // of DH modes, 32 bytes
  ByteView nonce;   // of Mult and Prsh, 16 bytes
  ByteView key_id;  // of Prsh, 8 bytes
  ByteView mac;
};
Parsed<CommitView> parse_commit(ByteView body);

// RFC 6189 sections 5.5 and 5.6.
struct DhPartView {
  ByteView h1;
  ByteView rs1_id, rs2_id, aux_id, pbx_id;  // 8 bytes each
  ByteView public_value;
  ByteView mac;
};
Parsed<DhPartView> parse_dh_part(ByteView body);

// RFC 6189 section 5.7: what is readable of Confirm1 and Confirm2; the hash H0, flags and expiry are encrypted.
struct ConfirmView {
  ByteView mac;
  ByteView iv;
  ByteView encrypted;
};
Parsed<ConfirmView> parse_confirm(ByteView body);

// RFC 6189 section 5.9.
Parsed<std::uint32_t> parse_error_code(ByteView body);
// "MitM", "retained secret mismatch", ...; empty when unlisted.
std::string_view error_text(std::uint32_t code);

}  // namespace voip::zrtp
