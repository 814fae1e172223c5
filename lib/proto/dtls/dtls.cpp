#include "proto/dtls/dtls.h"

#include <algorithm>
#include <utility>

#include "base/tls_fields.h"

namespace voip::dtls {
namespace {

using namespace tls_fields;

// A list with its length in front, 8 or 16 bits wide, of whole 16-bit numbers.
template <std::unsigned_integral Width>
ByteView number_list(ByteView value) {
  const ByteView list = inside<Width>(value);
  return list.first(list.size() / 2 * 2);
}

// RFC 5764 section 4.1.1: profiles and MKI.
void read_use_srtp(ByteView value, ByteView& profiles, ByteView& mki) {
  ByteCursor in{value};
  const ByteView list = in.take(in.be<std::uint16_t>());
  profiles = list.first(list.size() / 2 * 2);
  mki = in.take(in.be<std::uint8_t>());
}

// A missing block is none. False when the block is malformed.
template <class Function>
bool each_of(ByteCursor& in, Function&& take) {
  if (in.remaining() == 0) return true;
  ByteCursor block = in.sub(in.be<std::uint16_t>());
  return each_extension(block, take) == Block::kWhole;
}

// Libraries of 2019 to 2024 (NSS, browsers) speak DTLS 1.3 under a draft's number.
constexpr std::uint16_t settled(std::uint16_t version) { return (version >> 8) == 0x7f ? kDtls13 : version; }

std::uint64_t fnv(HandshakeType type, ByteView bytes) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ static_cast<std::uint8_t>(type);
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

constexpr std::array kProfiles{
    SrtpProfile{0x0001, "SRTP_AES128_CM_HMAC_SHA1_80", 16, 14, 10, 10},
    SrtpProfile{0x0002, "SRTP_AES128_CM_HMAC_SHA1_32", 16, 14, 4, 10},
    SrtpProfile{0x0005, "SRTP_NULL_HMAC_SHA1_80", 0, 0, 10, 10, false},
    SrtpProfile{0x0006, "SRTP_NULL_HMAC_SHA1_32", 0, 0, 4, 10, false},
    SrtpProfile{0x0007, "SRTP_AEAD_AES_128_GCM", 16, 12, 16, 16},
    SrtpProfile{0x0008, "SRTP_AEAD_AES_256_GCM", 32, 12, 16, 16},
    SrtpProfile{0x0009, "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", 32, 24, 32, 16},
    SrtpProfile{0x000a, "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM", 64, 24, 32, 16},
    SrtpProfile{0x000b, "SRTP_ARIA_128_CTR_HMAC_SHA1_80", 16, 14, 10, 10},
    SrtpProfile{0x000c, "SRTP_ARIA_128_CTR_HMAC_SHA1_32", 16, 14, 4, 10},
    SrtpProfile{0x000d, "SRTP_ARIA_256_CTR_HMAC_SHA1_80", 32, 14, 10, 10},
    SrtpProfile{0x000e, "SRTP_ARIA_256_CTR_HMAC_SHA1_32", 32, 14, 4, 10},
    SrtpProfile{0x000f, "SRTP_AEAD_ARIA_128_GCM", 16, 12, 16, 16},
    SrtpProfile{0x0010, "SRTP_AEAD_ARIA_256_GCM", 32, 12, 16, 16},
};

}  // namespace

bool looks_like_dtls(ByteView datagram) {
  if (datagram.empty() || datagram[0] < 20 || datagram[0] > 63) return false;
  if (datagram[0] >= 32) return datagram.size() >= 4;  // unified: no version to check
  return datagram.size() >= 13 && datagram[1] == 0xfe;
}

Parsed<RecordView> parse_record(ByteView datagram) {
  ByteCursor in{datagram};
  const auto first = in.be<std::uint8_t>();
  RecordView record;
  if ((first & 0xe0) == 0x20) {
    // 001CSLEE: connection id, 16-bit sequence number, length, epoch.
    if ((first & 0x10) != 0) return ParseError{Malformed::kUnsupported, 0, "dtls.connection-id"};
    record.unified = true;
    record.type = ContentType::kApplicationData;
    record.epoch = first & 3;
    record.sequence = (first & 8) != 0 ? in.be<std::uint16_t>() : in.be<std::uint8_t>();
    const std::size_t length = (first & 4) != 0 ? in.be<std::uint16_t>() : in.remaining();
    record.fragment = in.take(length);
    if (!in.ok()) return ParseError{Malformed::kTruncated, datagram.size(), "dtls.record"};
    record.size = in.offset();
    return record;
  }
  record.type = ContentType{first};
  record.version = in.be<std::uint16_t>();
  record.epoch = in.be<std::uint16_t>();
  record.sequence = in.be48();
  const std::size_t length = in.be<std::uint16_t>();
  if (!in.ok()) return ParseError{Malformed::kTruncated, datagram.size(), "dtls.record"};
  if (first < 20 || first > 26) return ParseError{Malformed::kBadValue, 0, "dtls.type"};
  if ((record.version >> 8) != 0xfe) return ParseError{Malformed::kBadVersion, 1, "dtls.version"};
  if (record.type == ContentType::kConnectionId) return ParseError{Malformed::kUnsupported, 0, "dtls.connection-id"};
  record.fragment = in.take(length);
  if (!in.ok()) return ParseError{Malformed::kTruncated, datagram.size(), "dtls.record"};
  record.size = in.offset();
  return record;
}

Parsed<HandshakeFragmentView> parse_handshake_fragment(ByteView bytes) {
  ByteCursor in{bytes};
  HandshakeFragmentView part;
  part.type = HandshakeType{in.be<std::uint8_t>()};
  part.length = in.be24();
  part.message_seq = in.be<std::uint16_t>();
  part.offset = in.be24();
  const std::uint32_t size = in.be24();
  part.fragment = in.take(size);
  if (!in.ok()) return ParseError{Malformed::kTruncated, bytes.size(), "dtls.handshake"};
  if (part.offset > part.length || size > part.length - part.offset)
    return ParseError{Malformed::kBadLength, 6, "dtls.handshake.fragment"};
  part.size = in.offset();
  return part;
}

bool HandshakeAssembler::told_before(std::uint16_t message_seq, HandshakeType type, ByteView body) {
  const std::uint64_t hash = fnv(type, body);
  for (std::size_t i = 0; i < std::min(told_count_, told_.size()); ++i) {
    if (told_[i].message_seq == message_seq && told_[i].hash == hash) return true;
  }
  told_[told_count_++ % told_.size()] = {.message_seq = message_seq, .hash = hash};
  return false;
}

std::optional<HandshakeAssembler::Message> HandshakeAssembler::add(const HandshakeFragmentView& part) {
  if (part.length > kMostBytes || part.offset > part.length || part.fragment.size() > part.length - part.offset) {
    ++dropped_;
    return std::nullopt;
  }
  if (part.fragment.size() == part.length) {
    if (told_before(part.message_seq, part.type, part.fragment)) return std::nullopt;
    return Message{part.type, part.message_seq, {part.fragment.begin(), part.fragment.end()}};
  }
  if (part.fragment.empty()) return std::nullopt;
  auto open = std::ranges::find_if(open_, [&](const Open& one) {
    return one.message_seq == part.message_seq && one.type == part.type && one.body.size() == part.length;
  });
  if (open == open_.end()) {
    std::size_t held = part.length;
    for (const Open& one : open_) held += one.body.size();
    while (!open_.empty() && (open_.size() >= kMostOpen || held > kMostBytes)) {
      held -= open_.front().body.size();
      open_.erase(open_.begin());
      ++dropped_;
    }
    open_.push_back({.type = part.type, .message_seq = part.message_seq, .body = {}, .have = {}});
    open_.back().body.resize(part.length);
    open = open_.end() - 1;
  }
  std::ranges::copy(part.fragment, open->body.begin() + static_cast<std::ptrdiff_t>(part.offset));
  Range next{part.offset, part.offset + static_cast<std::uint32_t>(part.fragment.size())};
  std::vector<Range> have;
  have.reserve(open->have.size() + 1);
  for (const Range& range : open->have) {
    if (range.end < next.begin || range.begin > next.end) {
      have.push_back(range);
    } else {
      next.begin = std::min(next.begin, range.begin);
      next.end = std::max(next.end, range.end);
    }
  }
  have.push_back(next);
  constexpr std::size_t kMostRanges = 64;
  if (have.size() > kMostRanges) {
    open_.erase(open);
    ++dropped_;
    return std::nullopt;
  }
  open->have = std::move(have);
  if (next.begin != 0 || next.end != part.length) return std::nullopt;
  Message message{open->type, open->message_seq, std::move(open->body)};
  open_.erase(open);
  if (told_before(message.message_seq, message.type, message.body)) return std::nullopt;
  return message;
}

Parsed<ClientHelloView> parse_client_hello(ByteView body) {
  ByteCursor in{body};
  ClientHelloView hello;
  hello.version = in.be<std::uint16_t>();
  hello.random = in.take(32);
  hello.session_id = in.take(in.be<std::uint8_t>());
  hello.cookie = in.take(in.be<std::uint8_t>());
  hello.cipher_suites = in.take(in.be<std::uint16_t>());
  in.skip(in.be<std::uint8_t>());  // compression
  if (!in.ok()) return ParseError{Malformed::kTruncated, in.offset(), "dtls.client-hello"};
  if ((hello.version >> 8) != 0xfe) return ParseError{Malformed::kBadVersion, 0, "dtls.client-hello.version"};
  if (hello.cipher_suites.size() % 2 != 0) return ParseError{Malformed::kBadLength, 0, "dtls.client-hello.suites"};
  const bool read = each_of(in, [&hello](std::uint16_t type, ByteView value) {
    switch (type) {
      case kUseSrtp:
        hello.has_use_srtp = true;
        read_use_srtp(value, hello.srtp_profiles, hello.srtp_mki);
        break;
      case kSupportedVersions: hello.supported_versions = number_list<std::uint8_t>(value); break;
      case kSupportedGroups: hello.supported_groups = number_list<std::uint16_t>(value); break;
      case kSignatureAlgorithms: hello.signature_algorithms = number_list<std::uint16_t>(value); break;
      case kExtendedMasterSecret: hello.extended_master_secret = true; break;
      case kSessionTicket: hello.session_ticket = !value.empty(); break;
      case kPreSharedKey: hello.pre_shared_key = true; break;
      default: break;
    }
  });
  if (!read) return ParseError{Malformed::kBadLength, in.offset(), "dtls.client-hello.extensions"};
  return hello;
}

std::uint16_t best_version(const ClientHelloView& hello) {
  std::uint16_t best = 0;
  for (std::size_t i = 0; i < value_count(hello.supported_versions); ++i) {
    const std::uint16_t version = settled(value_at(hello.supported_versions, i));
    if ((version == kDtls13 || version == kDtls12 || version == kDtls10) && (best == 0 || version < best))
      best = version;
  }
  return best == 0 ? hello.version : best;
}

Parsed<ServerHelloView> parse_server_hello(ByteView body) {
  ByteCursor in{body};
  ServerHelloView hello;
  hello.version = in.be<std::uint16_t>();
  hello.random = in.take(32);
  hello.session_id = in.take(in.be<std::uint8_t>());
  hello.cipher_suite = in.be<std::uint16_t>();
  in.skip(1);  // compression
  if (!in.ok()) return ParseError{Malformed::kTruncated, in.offset(), "dtls.server-hello"};
  if ((hello.version >> 8) != 0xfe) return ParseError{Malformed::kBadVersion, 0, "dtls.server-hello.version"};
  hello.hello_retry_request = is_retry(hello.random);
  const bool read = each_of(in, [&hello](std::uint16_t type, ByteView value) {
    if (type == kUseSrtp) {
      ByteView profiles;
      hello.has_use_srtp = true;
      read_use_srtp(value, profiles, hello.srtp_mki);
      if (!profiles.empty()) hello.srtp_profile = value_at(profiles, 0);
    } else if (type == kSupportedVersions && value.size() == 2) {
      hello.version = settled(load_be<std::uint16_t>(value.data()));
    } else if (type == kExtendedMasterSecret) {
      hello.extended_master_secret = true;
    }
  });
  if (!read) return ParseError{Malformed::kBadLength, in.offset(), "dtls.server-hello.extensions"};
  return hello;
}

Parsed<std::vector<ByteView>> parse_certificates(ByteView body) {
  ByteCursor in{body};
  ByteCursor list = in.sub(in.be24());
  std::vector<ByteView> certificates;
  while (list.remaining() > 0) {
    if (certificates.size() == kMostCertificates)
      return ParseError{Malformed::kTooMany, list.offset(), "dtls.certificate"};
    const ByteView certificate = list.take(list.be24());
    if (!list.ok()) break;
    certificates.push_back(certificate);
  }
  if (!in.ok() || !list.ok()) return ParseError{Malformed::kTruncated, body.size(), "dtls.certificate"};
  return certificates;
}

Parsed<AlertView> parse_alert(ByteView fragment) {
  if (fragment.size() != 2) return ParseError{Malformed::kBadLength, 0, "dtls.alert"};
  if (fragment[0] != 1 && fragment[0] != 2) return ParseError{Malformed::kBadValue, 0, "dtls.alert.level"};
  return AlertView{.fatal = fragment[0] == 2, .description = fragment[1]};
}

std::string_view alert_name(std::uint8_t description) {
  switch (description) {
    case 0: return "close_notify";
    case 10: return "unexpected_message";
    case 20: return "bad_record_mac";
    case 22: return "record_overflow";
    case 40: return "handshake_failure";
    case 42: return "bad_certificate";
    case 43: return "unsupported_certificate";
    case 44: return "certificate_revoked";
    case 45: return "certificate_expired";
    case 46: return "certificate_unknown";
    case 47: return "illegal_parameter";
    case 48: return "unknown_ca";
    case 49: return "access_denied";
    case 50: return "decode_error";
    case 51: return "decrypt_error";
    case 70: return "protocol_version";
    case 71: return "insufficient_security";
    case 80: return "internal_error";
    case 90: return "user_canceled";
    case 100: return "no_renegotiation";
    case 109: return "missing_extension";
    case 110: return "unsupported_extension";
    case 112: return "unrecognized_name";
    case 113: return "bad_certificate_status_response";
    case 115: return "unknown_psk_identity";
    case 116: return "certificate_required";
    case 120: return "no_application_protocol";
    default: return {};
  }
}

std::string_view version_name(std::uint16_t version) {
  switch (version) {
    case kDtls10: return "DTLS 1.0";
    case kDtls12: return "DTLS 1.2";
    case kDtls13: return "DTLS 1.3";
    default: return {};
  }
}

const SrtpProfile* srtp_profile(std::uint16_t id) {
  const auto known = std::ranges::find(kProfiles, id, &SrtpProfile::id);
  return known == kProfiles.end() ? nullptr : &*known;
}

}  // namespace voip::dtls
