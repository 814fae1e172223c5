#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::tls {

enum class ContentType : std::uint8_t { kChangeCipherSpec = 20, kAlert = 21, kHandshake = 22, kApplicationData = 23 };

enum class HandshakeType : std::uint8_t {
  kHelloRequest = 0,
  kClientHello = 1,
  kServerHello = 2,
  kNewSessionTicket = 4,
  kEndOfEarlyData = 5,
  kEncryptedExtensions = 8,
  kCertificate = 11,
  kServerKeyExchange = 12,
  kCertificateRequest = 13,
  kServerHelloDone = 14,
  kCertificateVerify = 15,
  kClientKeyExchange = 16,
  kFinished = 20,
  kKeyUpdate = 24,
};

constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kHandshakeHeader = 4;
constexpr std::size_t kMaxFragment = (1U << 14) + 2048;  // RFC 5246 section 6.2.3; 1.3 allows less

// RFC 5246 section 6.2.1, RFC 8446 section 5.1.
struct RecordView {
  ContentType type = ContentType::kHandshake;
  std::uint16_t version = 0;
  ByteView fragment;
  std::size_t size = 0;  // header included
};
// The first record of `stream`. kTruncated when more bytes are needed.
Parsed<RecordView> parse_record(ByteView stream);
// Whether bytes can begin a record of a connection's start: a handshake record with a ClientHello or ServerHello (as
// far as they are there; at least 3 bytes).
bool starts_handshake(ByteView stream);

// RFC 5246 section 7.4. The first message of `bytes`; kTruncated when more are needed.
struct HandshakeView {
  HandshakeType type = HandshakeType::kHelloRequest;
  ByteView body;
  ByteView raw;  // header included
};
Parsed<HandshakeView> parse_handshake(ByteView bytes);

// RFC 5246 section 7.4.1.2, RFC 8446 section 4.1.2, with the extensions that matter here.
struct ClientHelloView {
  std::uint16_t version = 0;  // legacy_version
  ByteView random;            // 32 bytes
  ByteView session_id;
  ByteView cipher_suites;  // 16 bits each, see value_at()
  ByteView compression;
  std::string_view server_name;   // RFC 6066 section 3
  ByteView alpn;                  // RFC 7301, see alpn_names()
  ByteView supported_versions;    // 16 bits each
  ByteView supported_groups;      // 16 bits each
  ByteView signature_algorithms;  // 16 bits each
  ByteView session_ticket;        // RFC 5077; empty when none is offered
  bool extended_master_secret = false;
  bool encrypt_then_mac = false;
  bool pre_shared_key = false;
  bool early_data = false;
  bool renegotiation_info = false;
};
Parsed<ClientHelloView> parse_client_hello(ByteView body);

// RFC 5246 section 7.4.1.3, RFC 8446 sections 4.1.3 and 4.1.4.
struct ServerHelloView {
  std::uint16_t version = 0;  // the one in use: supported_versions where it stands
  ByteView random;
  ByteView session_id;
  std::uint16_t cipher_suite = 0;
  std::uint8_t compression = 0;
  std::string_view alpn;
  std::uint16_t group = 0;  // key_share; 0 without
  bool hello_retry_request = false;
  bool extended_master_secret = false;
  bool encrypt_then_mac = false;
  bool session_ticket = false;  // one will follow
  bool pre_shared_key = false;
  bool renegotiation_info = false;
};
Parsed<ServerHelloView> parse_server_hello(ByteView body);

// The certificates of a Certificate message, DER, leaf first; at most 16. RFC 5246 section 7.4.2, RFC 8446
// section 4.4.2.
Parsed<std::vector<ByteView>> parse_certificates(ByteView body, bool tls13);

// EncryptedExtensions, RFC 8446 section 4.3.1: the protocol chosen by ALPN, empty when none.
Parsed<std::string_view> parse_encrypted_extensions(ByteView body);

// Ticket of a NewSessionTicket, TLS 1.2 (RFC 5077 section 3.3).
Parsed<ByteView> parse_new_session_ticket(ByteView body);

// Encrypted premaster secret of a ClientKeyExchange with RSA, RFC 5246 section 7.4.7.1.
Parsed<ByteView> parse_rsa_key_exchange(ByteView body);

// ServerKeyExchange, RFC 8422 section 5.4 and RFC 5246 section 7.4.3. Which of the two the cipher suite says.
struct ServerKeyExchangeView {
  std::uint16_t group = 0;  // named curve
  std::size_t dh_prime_bits = 0;
};
Parsed<ServerKeyExchangeView> parse_ecdhe_params(ByteView body);
Parsed<ServerKeyExchangeView> parse_dhe_params(ByteView body);

struct AlertView {
  bool fatal = false;
  std::uint8_t description = 0;
};
Parsed<AlertView> parse_alert(ByteView body);

// Lists of 16-bit numbers.
inline std::size_t value_count(ByteView list) { return list.size() / 2; }
inline std::uint16_t value_at(ByteView list, std::size_t i) { return load_be<std::uint16_t>(list.data() + 2 * i); }
bool contains_value(ByteView list, std::uint16_t value);
// RFC 8701: values that mean nothing and shall be ignored.
constexpr bool is_grease(std::uint16_t value) { return (value & 0x0f0f) == 0x0a0a && (value >> 8) == (value & 0xff); }
// At most 32 names.
std::vector<std::string_view> alpn_names(ByteView list);

}  // namespace voip::tls
