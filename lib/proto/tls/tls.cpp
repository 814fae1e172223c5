#include "proto/tls/tls.h"

#include <bit>

#include "base/tls_fields.h"

namespace voip::tls {

namespace {

constexpr std::size_t kMaxProtocols = 32;

using namespace tls_fields;

template <class Function>
Parsed<bool> each_of(ByteCursor in, const char* field, Function&& take) {
  switch (each_extension(in, take)) {
    case Block::kTooMany: return ParseError{Malformed::kTooMany, in.offset(), field};
    case Block::kMalformed: return ParseError{Malformed::kBadLength, in.offset(), field};
    case Block::kWhole: break;
  }
  return true;
}

ByteView inside8(ByteView data) { return inside<std::uint8_t>(data); }
ByteView inside16(ByteView data) { return inside<std::uint16_t>(data); }

std::string_view server_name(ByteView data) {
  ByteCursor in{inside16(data)};
  const auto type = in.be<std::uint8_t>();
  const ByteView name = in.take(in.be<std::uint16_t>());
  return in.ok() && type == 0 ? as_text(name) : std::string_view{};
}

}  // namespace

Parsed<RecordView> parse_record(ByteView stream) {
  ByteCursor in{stream};
  const auto type = in.be<std::uint8_t>();
  const auto version = in.be<std::uint16_t>();
  const auto length = in.be<std::uint16_t>();
  if (!stream.empty() && (type < 20 || type > 24)) return ParseError{Malformed::kBadValue, 0, "tls.record.type"};
  if (stream.size() >= 2 && stream[1] != 3) return ParseError{Malformed::kBadVersion, 1, "tls.record.version"};
  if (!in.ok()) return ParseError{Malformed::kTruncated, stream.size(), "tls.record.header"};
  if (length > kMaxFragment) return ParseError{Malformed::kBadLength, 3, "tls.record.length"};
  const ByteView fragment = in.take(length);
  if (!in.ok()) return ParseError{Malformed::kTruncated, stream.size(), "tls.record.fragment"};
  return RecordView{static_cast<ContentType>(type), version, fragment, in.offset()};
}

bool starts_handshake(ByteView stream) {
  if (stream.size() < 3 || stream[0] != 22 || stream[1] != 3 || stream[2] > 4) return false;
  if (stream.size() < 6) return true;
  return load_be<std::uint16_t>(stream.data() + 3) <= kMaxFragment && (stream[5] == 1 || stream[5] == 2);
}

Parsed<HandshakeView> parse_handshake(ByteView bytes) {
  ByteCursor in{bytes};
  const auto type = in.be<std::uint8_t>();
  const ByteView body = in.take(in.be24());
  if (!in.ok()) return ParseError{Malformed::kTruncated, bytes.size(), "tls.handshake"};
  return HandshakeView{static_cast<HandshakeType>(type), body, bytes.first(in.offset())};
}

Parsed<ClientHelloView> parse_client_hello(ByteView body) {
  ByteCursor in{body};
  ClientHelloView hello;
  hello.version = in.be<std::uint16_t>();
  hello.random = in.take(32);
  hello.session_id = in.take(in.be<std::uint8_t>());
  hello.cipher_suites = in.take(in.be<std::uint16_t>());
  hello.compression = in.take(in.be<std::uint8_t>());
  if (!in.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.client_hello"};
  if (hello.session_id.size() > 32) return ParseError{Malformed::kBadLength, 34, "tls.client_hello.session_id"};
  if (hello.cipher_suites.size() % 2 != 0)
    return ParseError{Malformed::kBadLength, 0, "tls.client_hello.cipher_suites"};
  if (in.remaining() == 0) return hello;
  ByteCursor extensions = in.sub(in.be<std::uint16_t>());
  if (!in.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.client_hello.extensions"};
  const auto done = each_of(extensions, "tls.client_hello.extensions", [&](std::uint16_t type, ByteView data) {
    switch (type) {
      case kServerName: hello.server_name = server_name(data); break;
      case kAlpn: hello.alpn = inside16(data); break;
      case kSupportedVersions: hello.supported_versions = inside8(data); break;
      case kSupportedGroups: hello.supported_groups = inside16(data); break;
      case kSignatureAlgorithms: hello.signature_algorithms = inside16(data); break;
      case kSessionTicket: hello.session_ticket = data; break;
      case kExtendedMasterSecret: hello.extended_master_secret = true; break;
      case kEncryptThenMac: hello.encrypt_then_mac = true; break;
      case kPreSharedKey: hello.pre_shared_key = true; break;
      case kEarlyData: hello.early_data = true; break;
      case kRenegotiationInfo: hello.renegotiation_info = true; break;
      default: break;
    }
  });
  if (!done.ok()) return done.error();
  return hello;
}

Parsed<ServerHelloView> parse_server_hello(ByteView body) {
  ByteCursor in{body};
  ServerHelloView hello;
  hello.version = in.be<std::uint16_t>();
  hello.random = in.take(32);
  hello.session_id = in.take(in.be<std::uint8_t>());
  hello.cipher_suite = in.be<std::uint16_t>();
  hello.compression = in.be<std::uint8_t>();
  if (!in.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.server_hello"};
  if (hello.session_id.size() > 32) return ParseError{Malformed::kBadLength, 34, "tls.server_hello.session_id"};
  hello.hello_retry_request = is_retry(hello.random);
  if (in.remaining() == 0) return hello;
  ByteCursor extensions = in.sub(in.be<std::uint16_t>());
  if (!in.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.server_hello.extensions"};
  const auto done = each_of(extensions, "tls.server_hello.extensions", [&](std::uint16_t type, ByteView data) {
    switch (type) {
      case kSupportedVersions:
        if (data.size() == 2) hello.version = value_at(data, 0);
        break;
      case kAlpn: hello.alpn = as_text(inside8(inside16(data))); break;
      case kKeyShare:
        if (data.size() >= 2) hello.group = value_at(data, 0);
        break;
      case kExtendedMasterSecret: hello.extended_master_secret = true; break;
      case kEncryptThenMac: hello.encrypt_then_mac = true; break;
      case kSessionTicket: hello.session_ticket = true; break;
      case kPreSharedKey: hello.pre_shared_key = true; break;
      case kRenegotiationInfo: hello.renegotiation_info = true; break;
      default: break;
    }
  });
  if (!done.ok()) return done.error();
  return hello;
}

Parsed<std::vector<ByteView>> parse_certificates(ByteView body, bool tls13) {
  ByteCursor in{body};
  if (tls13) in.skip(in.be<std::uint8_t>());  // certificate_request_context
  ByteCursor list = in.sub(in.be24());
  std::vector<ByteView> certificates;
  while (list.remaining() > 0) {
    if (certificates.size() == kMostCertificates)
      return ParseError{Malformed::kTooMany, list.offset(), "tls.certificate"};
    const ByteView certificate = list.take(list.be24());
    if (tls13) list.skip(list.be<std::uint16_t>());
    if (list.ok()) certificates.push_back(certificate);
  }
  if (!in.ok() || !list.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.certificate"};
  return certificates;
}

Parsed<std::string_view> parse_encrypted_extensions(ByteView body) {
  ByteCursor in{body};
  ByteCursor extensions = in.sub(in.be<std::uint16_t>());
  if (!in.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.encrypted_extensions"};
  std::string_view alpn;
  const auto done = each_of(extensions, "tls.encrypted_extensions", [&](std::uint16_t type, ByteView data) {
    if (type == kAlpn) alpn = as_text(inside8(inside16(data)));
  });
  if (!done.ok()) return done.error();
  return alpn;
}

Parsed<ByteView> parse_new_session_ticket(ByteView body) {
  ByteCursor in{body};
  in.skip(4);  // lifetime
  const ByteView ticket = in.take(in.be<std::uint16_t>());
  if (!in.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.new_session_ticket"};
  return ticket;
}

Parsed<ByteView> parse_rsa_key_exchange(ByteView body) {
  ByteCursor in{body};
  const ByteView secret = in.take(in.be<std::uint16_t>());
  if (!in.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.client_key_exchange"};
  return secret;
}

Parsed<ServerKeyExchangeView> parse_ecdhe_params(ByteView body) {
  ByteCursor in{body};
  ServerKeyExchangeView exchange;
  const auto curve_type = in.be<std::uint8_t>();
  exchange.group = in.be<std::uint16_t>();
  if (!in.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.server_key_exchange"};
  if (curve_type != 3) return ParseError{Malformed::kUnsupported, 0, "tls.server_key_exchange.curve_type"};
  return exchange;
}

Parsed<ServerKeyExchangeView> parse_dhe_params(ByteView body) {
  ByteCursor in{body};
  ByteView prime = in.take(in.be<std::uint16_t>());
  if (!in.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.server_key_exchange"};
  while (!prime.empty() && prime.front() == 0) prime = prime.subspan(1);
  ServerKeyExchangeView exchange;
  if (!prime.empty()) {
    exchange.dh_prime_bits = 8 * (prime.size() - 1) + static_cast<std::size_t>(std::bit_width(unsigned{prime.front()}));
  }
  return exchange;
}

Parsed<AlertView> parse_alert(ByteView body) {
  ByteCursor in{body};
  const auto level = in.be<std::uint8_t>();
  const auto description = in.be<std::uint8_t>();
  if (!in.ok()) return ParseError{Malformed::kBadLength, in.offset(), "tls.alert"};
  if (level != 1 && level != 2) return ParseError{Malformed::kBadValue, 0, "tls.alert.level"};
  return AlertView{level == 2, description};
}

bool contains_value(ByteView list, std::uint16_t value) {
  for (std::size_t i = 0; i < value_count(list); ++i) {
    if (value_at(list, i) == value) return true;
  }
  return false;
}

std::vector<std::string_view> alpn_names(ByteView list) {
  std::vector<std::string_view> names;
  ByteCursor in{list};
  while (in.remaining() > 0 && names.size() < kMaxProtocols) {
    const ByteView name = in.take(in.be<std::uint8_t>());
    if (in.ok()) names.push_back(as_text(name));
  }
  return names;
}

}  // namespace voip::tls
