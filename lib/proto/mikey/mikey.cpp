#include "proto/mikey/mikey.h"

namespace voip::mikey {
namespace {

constexpr std::size_t kMostPayloads = 32;
constexpr std::size_t kMostPolicies = 16;

SrtpPolicy read_policy(std::uint8_t number, ByteView parameters) {
  SrtpPolicy policy;
  policy.number = number;
  ByteCursor in{parameters};
  while (in.remaining() >= 2) {
    const auto type = in.be<std::uint8_t>();
    const ByteView value = in.take(in.be<std::uint8_t>());
    if (!in.ok() || value.empty()) break;
    const std::uint8_t last = value.back();
    switch (type) {
      case 0: policy.encryption = last; break;
      case 1: policy.encryption_key_length = last; break;
      case 2: policy.authentication = last; break;
      case 7: policy.srtp_encryption = last != 0; break;
      case 8: policy.srtcp_encryption = last != 0; break;
      case 10: policy.srtp_authentication = last != 0; break;
      case 11: policy.tag_length = last; break;
      default: break;
    }
  }
  return policy;
}

// Section 6.2: the key data sub-payload, section 6.13: next payload, type and validity, length, key. Types 0 to 3 are
// TGK and TEK, with and without salt.
bool holds_key(ByteView data) {
  ByteCursor in{data};
  in.skip(1);
  const auto type = in.be<std::uint8_t>();
  const std::size_t size = in.be<std::uint16_t>();
  in.skip(size);
  return in.ok() && size > 0 && (type >> 4) <= 3;
}

}  // namespace

std::string_view to_string(DataType type) {
  switch (type) {
    case DataType::kPskInit:
    case DataType::kPskResponse: return "pre-shared key";
    case DataType::kPkInit:
    case DataType::kPkResponse: return "public key";
    case DataType::kDhInit:
    case DataType::kDhResponse: return "Diffie-Hellman";
    case DataType::kError: return "error";
    case DataType::kDhHmacInit:
    case DataType::kDhHmacResponse: return "Diffie-Hellman with HMAC";
    case DataType::kRsaRInit:
    case DataType::kRsaRResponse: return "RSA-R";
    case DataType::kSakke: return "SAKKE";
  }
  return "unknown";
}

Parsed<MessageView> parse(ByteView bytes) {
  ByteCursor in{bytes};
  MessageView message;
  message.version = in.be<std::uint8_t>();
  message.type = DataType{in.be<std::uint8_t>()};
  auto next = in.be<std::uint8_t>();
  const auto flags = in.be<std::uint8_t>();
  message.verification = (flags & 0x80) != 0;
  message.prf = flags & 0x7f;
  message.csb_id = in.be<std::uint32_t>();
  const std::size_t sessions = in.be<std::uint8_t>();
  message.map_type = in.be<std::uint8_t>();
  if (!in.ok()) return ParseError{Malformed::kTruncated, bytes.size(), "mikey.header"};
  if (message.version != 1) return ParseError{Malformed::kBadVersion, 0, "mikey.version"};
  if (message.map_type == 0) {
    for (std::size_t i = 0; i < sessions; ++i) {
      CryptoSession session;
      session.policy = in.be<std::uint8_t>();
      session.ssrc = in.be<std::uint32_t>();
      session.roc = in.be<std::uint32_t>();
      if (!in.ok()) return ParseError{Malformed::kTruncated, bytes.size(), "mikey.map"};
      message.sessions.push_back(session);
    }
  } else if (sessions != 0) {
    return message;  // GENERIC-ID and its like: where the map ends is not known here
  }

  while (next != 0) {
    if (message.payloads.size() == kMostPayloads) return ParseError{Malformed::kTooMany, in.offset(), "mikey.payloads"};
    const Payload payload{next};
    const std::size_t at = in.offset();
    if (payload == Payload::kSign) {  // 6.5: comes last and has no next payload
      in.skip(in.be<std::uint16_t>() & 0x0fffU);
      next = 0;
    } else {
      next = in.be<std::uint8_t>();
      switch (payload) {
        case Payload::kKemac: {  // 6.2
          message.kemac = true;
          message.encryption = Encryption{in.be<std::uint8_t>()};
          const ByteView data = in.take(in.be<std::uint16_t>());
          message.mac = Mac{in.be<std::uint8_t>()};
          if (message.mac == Mac::kHmacSha1_160) in.skip(20);
          if (message.encryption == Encryption::kNull && in.ok()) message.readable_key = holds_key(data);
          break;
        }
        case Payload::kPke: in.skip(in.be<std::uint16_t>() & 0x3fffU); break;  // 6.3
        case Payload::kDh: {                                                   // 6.4
          const auto group = in.be<std::uint8_t>();
          if (group > 2) {
            message.payloads.push_back(payload);
            message.dh_group = group;
            return message;  // the size of the value goes by the group
          }
          message.dh_group = group;
          in.skip(group == 0 ? 192 : group == 1 ? 96 : 128);
          const auto validity = in.be<std::uint8_t>() & 0x0fU;
          if (validity == 1) in.skip(in.be<std::uint8_t>());
          if (validity == 2) {
            in.skip(in.be<std::uint8_t>());
            in.skip(in.be<std::uint8_t>());
          }
          break;
        }
        case Payload::kT: in.skip(in.be<std::uint8_t>() == 2 ? 4 : 8); break;  // 6.6
        case Payload::kId:                                                     // 6.7
        case Payload::kCert:
        case Payload::kGeneralExt:  // 6.15
          in.skip(1);
          in.skip(in.be<std::uint16_t>());
          break;
        case Payload::kChash: in.skip(in.be<std::uint8_t>() == 1 ? 16 : 20); break;  // 6.8
        case Payload::kV:                                                            // 6.9
          if (in.be<std::uint8_t>() == 1) in.skip(20);
          break;
        case Payload::kSp: {  // 6.10
          const auto number = in.be<std::uint8_t>();
          const auto protocol = in.be<std::uint8_t>();
          const ByteView parameters = in.take(in.be<std::uint16_t>());
          if (protocol == 0 && message.policies.size() < kMostPolicies)
            message.policies.push_back(read_policy(number, parameters));
          break;
        }
        case Payload::kRand: in.skip(in.be<std::uint8_t>()); break;  // 6.11
        case Payload::kErr:                                          // 6.12
          message.error = in.be<std::uint8_t>();
          in.skip(2);
          break;
        default: return message;
      }
    }
    if (!in.ok()) return ParseError{Malformed::kTruncated, at, "mikey.payload"};
    message.payloads.push_back(payload);
  }
  message.whole = true;
  return message;
}

}  // namespace voip::mikey
