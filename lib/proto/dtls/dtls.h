#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::dtls {

inline constexpr std::uint16_t kDtls10 = 0xfeff;
inline constexpr std::uint16_t kDtls12 = 0xfefd;
inline constexpr std::uint16_t kDtls13 = 0xfefc;

enum class ContentType : std::uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
  kConnectionId = 25,  // RFC 9146
  kAck = 26,           // RFC 9147 section 7
};

enum class HandshakeType : std::uint8_t {
  kHelloRequest = 0,
  kClientHello = 1,
  kServerHello = 2,
  kHelloVerifyRequest = 3,
  kNewSessionTicket = 4,
  kEncryptedExtensions = 8,
  kCertificate = 11,
  kServerKeyExchange = 12,
  kCertificateRequest = 13,
  kServerHelloDone = 14,
  kCertificateVerify = 15,
  kClientKeyExchange = 16,
  kFinished = 20,
};

// RFC 7983: the first byte of DTLS on a media port is 20..63.
bool looks_like_dtls(ByteView datagram);

// RFC 6347 section 4.1, and the unified header of RFC 9147 section 4.
struct RecordView {
  ContentType type = ContentType::kHandshake;  // of a unified header: unknown, kApplicationData stands for it
  bool unified = false;                        // DTLS 1.3, encrypted
  std::uint16_t version = 0;                   // as it stands there; 0 when unified
  std::uint16_t epoch = 0;                     // when unified its two low bits
  std::uint64_t sequence = 0;                  // when unified encrypted, and as many bits as there are
  ByteView fragment;                           // ciphertext from epoch 1 on
  std::size_t size = 0;                        // header included: the next record begins there
};
// The first record of `datagram`; a datagram may hold several. A unified header with a connection id is kUnsupported,
// for its length is known to the peers only.
Parsed<RecordView> parse_record(ByteView datagram);

// RFC 6347 section 4.2.2. The first message, or part of one, of a plain handshake record; a record may hold several.
struct HandshakeFragmentView {
  HandshakeType type = HandshakeType::kHelloRequest;
  std::uint32_t length = 0;  // of the whole body
  std::uint16_t message_seq = 0;
  std::uint32_t offset = 0;
  ByteView fragment;
  std::size_t size = 0;  // header included
};
Parsed<HandshakeFragmentView> parse_handshake_fragment(ByteView bytes);

// Puts the plain handshake messages of one direction together again. Holds at most kMostOpen messages and kMostBytes
// bytes; what doesn't fit is dropped and counted.
class HandshakeAssembler {
 public:
  static constexpr std::size_t kMostOpen = 6;
  static constexpr std::size_t kMostBytes = std::size_t{64} << 10;

  struct Message {
    HandshakeType type = HandshakeType::kHelloRequest;
    std::uint16_t message_seq = 0;
    std::vector<std::uint8_t> body;
  };
  // The message that this part completes. A repeated message (same number and content) is told once.
  std::optional<Message> add(const HandshakeFragmentView& part);
  std::uint64_t dropped() const { return dropped_; }
  bool waiting() const { return !open_.empty(); }  // for parts of a message

 private:
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  struct Open {
    HandshakeType type = HandshakeType::kHelloRequest;
    std::uint16_t message_seq = 0;
    std::vector<std::uint8_t> body;
    std::vector<Range> have;  // sorted, apart
  };
  struct Told {
    std::uint16_t message_seq = 0;
    std::uint64_t hash = 0;
  };
  bool told_before(std::uint16_t message_seq, HandshakeType type, ByteView body);

  std::vector<Open> open_;  // oldest first
  std::array<Told, 16> told_{};
  std::size_t told_count_ = 0;
  std::uint64_t dropped_ = 0;
};

// RFC 6347 section 4.2.1, RFC 5246 section 7.4.1.2. Lists are of 16-bit numbers, see value_at().
struct ClientHelloView {
  std::uint16_t version = 0;  // client_version: the legacy one when supported_versions is there
  ByteView random;
  ByteView session_id;
  ByteView cookie;
  ByteView cipher_suites;
  ByteView supported_versions;  // RFC 8446 section 4.2.1
  ByteView supported_groups;
  ByteView signature_algorithms;
  bool has_use_srtp = false;  // RFC 5764 section 4.1.1
  ByteView srtp_profiles;
  ByteView srtp_mki;
  bool extended_master_secret = false;
  bool session_ticket = false;  // a ticket is presented
  bool pre_shared_key = false;
};
Parsed<ClientHelloView> parse_client_hello(ByteView body);
// The best version that a ClientHello offers, a draft of 1.3 as kDtls13, which is below kDtls12 as a number.
std::uint16_t best_version(const ClientHelloView& hello);

struct ServerHelloView {
  std::uint16_t version = 0;  // chosen: supported_versions where it stands; a draft of 1.3 counts as kDtls13
  ByteView random;
  ByteView session_id;
  std::uint16_t cipher_suite = 0;
  bool has_use_srtp = false;  // in DTLS 1.3 it is in EncryptedExtensions, out of sight
  std::uint16_t srtp_profile = 0;
  ByteView srtp_mki;
  bool extended_master_secret = false;
  bool hello_retry_request = false;  // RFC 8446 section 4.1.3
};
Parsed<ServerHelloView> parse_server_hello(ByteView body);

// DER, leaf first, at most 16; RFC 5246 section 7.4.2.
Parsed<std::vector<ByteView>> parse_certificates(ByteView body);

struct AlertView {
  bool fatal = false;
  std::uint8_t description = 0;
};
// Of a plain record; encrypted ones don't have 2 bytes.
Parsed<AlertView> parse_alert(ByteView fragment);
// "handshake_failure"; empty when unlisted.
std::string_view alert_name(std::uint8_t description);

// "DTLS 1.2"; empty when unlisted.
std::string_view version_name(std::uint16_t version);

// IANA's DTLS-SRTP protection profiles (RFC 5764 section 4.1.2, RFC 7714 section 14.2, RFC 8269 section 6, RFC 8723).
struct SrtpProfile {
  std::uint16_t id = 0;
  std::string_view name;
  std::uint8_t key_size = 0;
  std::uint8_t salt_size = 0;
  std::uint8_t rtp_tag_size = 0;
  std::uint8_t rtcp_tag_size = 0;
  bool encrypts = true;
};
// Null when unlisted.
const SrtpProfile* srtp_profile(std::uint16_t id);

inline std::size_t value_count(ByteView list) { return list.size() / 2; }
inline std::uint16_t value_at(ByteView list, std::size_t i) { return load_be<std::uint16_t>(list.data() + 2 * i); }

}  // namespace voip::dtls
