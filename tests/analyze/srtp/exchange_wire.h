#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "crypto/digest.h"
#include "support/certificates.h"

// DTLS and ZRTP messages as the tests want them on the wire.
namespace voip::test::wire {

using Bytes = std::vector<std::uint8_t>;

// EC P-256, signed with SHA-256, 2023 to 2033.
inline const Bytes& kGood = kEcCertificate;
// Likewise, another key.
inline const Bytes kOther = *decode_hex(
    "308201053081aba003020102020107300a06082a8648ce3d040302300c310a300806035504030c0162301e170d3233303130"
    "313030303030305a170d3333303130313030303030305a300c310a300806035504030c01623059301306072a8648ce3d0201"
    "06082a8648ce3d03010703420004edaed0b1eb63180a450ffd57697df454d8b9a5b25109e4da965b78f78813568157afdb3a"
    "0df8b6caed60074d9f4b27417e171977571f04c9f4726cba0d712341300a06082a8648ce3d04030203490030460221008f6f"
    "992c2ee2bd40ca59bc7f1cb7ec24a385899ead386e325fde299b6b929e660221008e585c4bd82b50a6041d360eb34c8ff5d9"
    "0d1661799f62ae744cbe490b7fd570");
// EC P-256, 2001 to 2002.
inline const Bytes kExpired = *decode_hex(
    "308201083081afa003020102020107300a06082a8648ce3d040302300e310c300a06035504030c036f6c64301e170d303130"
    "3130313030303030305a170d3032303130313030303030305a300e310c300a06035504030c036f6c643059301306072a8648"
    "ce3d020106082a8648ce3d030107034200046ece8c282e3d35b77b77392f39a7c6cb316e18c314ef2e76a77189042dd2b9ee"
    "448ab09ac751f368cb74e37515cace8bae90bd08fa728b8627808ee67dc18d75300a06082a8648ce3d040302034800304502"
    "2022f7fe261aebef890a6f48c896316b0d9a33f2aa82ab4a88dd86b63f53ff1bb4022100c248da7bfe7c1932584eb36e4093"
    "946d79843c89fd1dd8b4d2d95fe3a13420a6");
// RSA 1024, signed with SHA-1.
inline const Bytes& kWeak = kRsaCertificate;

inline void put(Bytes& out, std::uint64_t value, unsigned size) {
  for (unsigned i = size; i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// "a=fingerprint:sha-256 AB:CD:..."
inline std::string fingerprint(const Bytes& certificate, crypto::Hash hash = crypto::Hash::kSha256) {
  std::string text = "a=fingerprint:" + std::string(crypto::to_string(hash)) + " ";
  const std::string hex = crypto::digest(hash, certificate).hex();
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    if (i != 0) text += ':';
    for (const char c : hex.substr(i, 2)) text += c >= 'a' ? static_cast<char>(c - 32) : c;
  }
  return text + "\r\n";
}

inline Bytes record(std::uint8_t type, unsigned epoch, const Bytes& fragment, std::uint16_t version = 0xfefd) {
  Bytes out{type};
  put(out, version, 2);
  put(out, epoch, 2);
  put(out, 0, 6);
  put(out, fragment.size(), 2);
  return out + fragment;
}
// One part of a handshake message: bytes [from, from + size) of the body.
inline Bytes part(std::uint8_t type, unsigned seq, const Bytes& body, std::size_t from, std::size_t size) {
  Bytes out{type};
  put(out, body.size(), 3);
  put(out, seq, 2);
  put(out, from, 3);
  put(out, size, 3);
  return out + Bytes(body.begin() + static_cast<std::ptrdiff_t>(from),
                     body.begin() + static_cast<std::ptrdiff_t>(from + size));
}
inline Bytes message(std::uint8_t type, unsigned seq, const Bytes& body, std::uint16_t version = 0xfefd) {
  return record(22, 0, part(type, seq, body, 0, body.size()), version);
}

struct Hello {
  std::uint8_t random = 1;  // of all 32 bytes
  std::uint16_t version = 0xfefd;
  std::vector<std::uint16_t> suites{0xc02b, 0xc02f};
  bool use_srtp = true;
  std::vector<std::uint16_t> profiles{1, 7};
  std::uint16_t supported_version = 0;  // of the extension; 0: none
  Bytes session_id{};
  std::uint16_t record_version = 0xfefd;
};
inline Bytes extensions(const Hello& hello, bool client) {
  Bytes list;
  if (hello.use_srtp) {
    Bytes profiles;
    for (const std::uint16_t profile : hello.profiles) put(profiles, profile, 2);
    put(list, 14, 2);
    put(list, profiles.size() + 3, 2);
    put(list, profiles.size(), 2);
    list = list + profiles;
    list.push_back(0);
  }
  if (hello.supported_version != 0) {
    put(list, 43, 2);
    put(list, client ? 3 : 2, 2);
    if (client) list.push_back(2);
    put(list, hello.supported_version, 2);
  }
  Bytes out;
  put(out, list.size(), 2);
  return out + list;
}
inline Bytes client_hello(const Hello& hello = {}, unsigned seq = 0) {
  Bytes body;
  put(body, hello.version, 2);
  body.insert(body.end(), 32, hello.random);
  body.push_back(static_cast<std::uint8_t>(hello.session_id.size()));
  body = body + hello.session_id;
  body.push_back(0);
  put(body, hello.suites.size() * 2, 2);
  for (const std::uint16_t suite : hello.suites) put(body, suite, 2);
  put(body, 0x0100, 2);
  return message(1, seq, body + extensions(hello, true), hello.record_version);
}
// suites.front() and profiles.front() are the chosen ones.
inline Bytes server_hello(const Hello& hello = {.random = 2}, unsigned seq = 0) {
  Bytes body;
  put(body, hello.version, 2);
  body.insert(body.end(), 32, hello.random);
  body.push_back(static_cast<std::uint8_t>(hello.session_id.size()));
  body = body + hello.session_id;
  put(body, hello.suites.front(), 2);
  body.push_back(0);
  Hello chosen = hello;
  chosen.profiles.resize(1);
  return message(2, seq, body + extensions(chosen, false));
}
inline Bytes certificate_body(const Bytes& certificate) {
  Bytes body;
  put(body, certificate.size() + 3, 3);
  put(body, certificate.size(), 3);
  return body + certificate;
}
inline Bytes certificate(const Bytes& der, unsigned seq = 1) { return message(11, seq, certificate_body(der)); }
inline Bytes change_cipher() { return record(20, 0, {1}); }
inline Bytes finished() { return record(22, 1, Bytes(40, 0xa5)); }
inline Bytes alert(std::uint8_t code) { return record(21, 0, {2, code}); }

// RFC 6189 section 5, with a right CRC unless told otherwise.
inline Bytes zrtp_packet(std::string_view type, const Bytes& body, bool good = true) {
  Bytes out{0x10, 0, 0, 1};
  put(out, 0x5a525450, 4);
  put(out, 0x11223344, 4);
  put(out, 0x505a, 2);
  put(out, 3 + body.size() / 4, 2);
  for (std::size_t i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(i < type.size() ? type[i] : ' '));
  out = out + body;
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : out) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78U : crc >> 1;
  }
  crc = ~crc ^ (good ? 0U : 1U);
  for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
  return out;
}
inline void name(Bytes& out, std::string_view text, std::size_t size = 4) {
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(i < text.size() ? text[i] : ' '));
}
struct ZrtpHello {
  std::string version = "1.10";
  bool mitm = false;
  std::vector<std::string> tags{"HS32", "HS80"};
  std::uint8_t seed = 0;
};
inline Bytes zrtp_hello(const ZrtpHello& what = {}) {
  Bytes body;
  name(body, what.version);
  name(body, "Test", 16);
  body.insert(body.end(), 32, what.seed);
  body.insert(body.end(), 12, 0x22);
  put(body,
      (what.mitm ? 0x20000000U : 0U) | 1U << 16 | 1U << 12 | static_cast<unsigned>(what.tags.size()) << 8 | 2U << 4 |
          1U,
      4);
  name(body, "S256");
  name(body, "AES1");
  for (const std::string& tag : what.tags) name(body, tag);
  name(body, "DH3k");
  name(body, "DH2k");
  name(body, "B32 ");
  body.insert(body.end(), 8, 0x33);
  return zrtp_packet("Hello", body);
}
inline Bytes zrtp_commit(std::string_view key_agreement = "DH3k", std::string_view tag = "HS80",
                         std::string_view cipher = "AES1") {
  Bytes body(44, 0x44);
  for (const std::string_view part : {std::string_view("S256"), cipher, tag, key_agreement, std::string_view("B32 ")})
    name(body, part);
  body.insert(body.end(), key_agreement == "Mult" ? 16 : 32, 0x55);
  body.insert(body.end(), 8, 0x66);
  return zrtp_packet("Commit", body);
}
// "a=zrtp-hash:1.10 ..." of a whole datagram.
inline std::string zrtp_hash(const Bytes& hello) {
  const ByteView message = ByteView(hello).subspan(12, hello.size() - 16);
  return "a=zrtp-hash:1.10 " + encode_hex(crypto::sha256(message)) + "\r\n";
}

}  // namespace voip::test::wire
