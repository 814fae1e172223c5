// What libsrtp2 protects must verify and decrypt here, suite by suite.
#include "crypto/srtp.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "libsrtp_oracle.h"

#ifdef HAVE_LIBSRTP

using namespace voip;
using crypto::KeyDerivation;
using crypto::SrtpKey;
using Bytes = std::vector<std::uint8_t>;

namespace {

constexpr std::uint32_t kSsrc = 0xdeadbeef;

struct Suite {
  const char* name;
  test::LibsrtpOptions options;
  KeyDerivation derivation = KeyDerivation::kRfc3711;
};

test::LibsrtpOptions options(srtp_cipher_type_id_t cipher, int key_size, int rtp_tag, int rtcp_tag, bool aead = false,
                             bool null_cipher = false) {
  test::LibsrtpOptions o;
  o.cipher = cipher;
  o.key_size = key_size;
  o.rtp_tag = rtp_tag;
  o.rtcp_tag = rtcp_tag;
  o.aead = aead;
  o.null_cipher = null_cipher;
  return o;
}

std::vector<Suite> suites() {
  return {
      {"AES_CM_128_HMAC_SHA1_80", options(SRTP_AES_ICM_128, 30, 10, 10)},
      {"AES_CM_128_HMAC_SHA1_32", options(SRTP_AES_ICM_128, 30, 4, 10)},
      {"AES_CM_128_HMAC_SHA1_32", options(SRTP_AES_ICM_128, 30, 4, 4)},
      {"AES_192_CM_HMAC_SHA1_80", options(SRTP_AES_ICM_192, 38, 10, 10), KeyDerivation::kLibsrtp192},
      {"AES_192_CM_HMAC_SHA1_32", options(SRTP_AES_ICM_192, 38, 4, 10), KeyDerivation::kLibsrtp192},
      {"AES_256_CM_HMAC_SHA1_80", options(SRTP_AES_ICM_256, 46, 10, 10)},
      {"AES_256_CM_HMAC_SHA1_32", options(SRTP_AES_ICM_256, 46, 4, 10)},
      {"AEAD_AES_128_GCM", options(SRTP_AES_GCM_128, 28, 16, 16, true)},
      {"AEAD_AES_256_GCM", options(SRTP_AES_GCM_256, 44, 16, 16, true)},
      {"NULL_HMAC_SHA1_80", options(SRTP_NULL_CIPHER, 30, 10, 10, false, true)},
      {"NULL_HMAC_SHA1_32", options(SRTP_NULL_CIPHER, 30, 4, 10, false, true)},
  };
}

Bytes pattern(std::size_t size, std::uint8_t start) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(start + i * 7);
  return bytes;
}

struct Packet {
  Bytes bytes;
  std::size_t header = 12;
};

Packet rtp_packet(std::uint16_t sequence, std::size_t payload, std::size_t csrcs = 0, std::size_t extension_words = 0,
                  bool extension = false) {
  Packet p;
  p.bytes = {static_cast<std::uint8_t>(0x80 | (extension ? 0x10 : 0) | csrcs),
             0x08,
             static_cast<std::uint8_t>(sequence >> 8),
             static_cast<std::uint8_t>(sequence),
             0x11,
             0x22,
             0x33,
             0x44,
             kSsrc >> 24,
             (kSsrc >> 16) & 0xff,
             (kSsrc >> 8) & 0xff,
             kSsrc & 0xff};
  const Bytes csrc = pattern(4 * csrcs, 0x41);
  p.bytes.insert(p.bytes.end(), csrc.begin(), csrc.end());
  if (extension) {
    const Bytes head{0xbe, 0xde, 0, static_cast<std::uint8_t>(extension_words)};
    p.bytes.insert(p.bytes.end(), head.begin(), head.end());
    const Bytes data = pattern(4 * extension_words, 0x90);
    p.bytes.insert(p.bytes.end(), data.begin(), data.end());
  }
  p.header = p.bytes.size();
  const Bytes body = pattern(payload, static_cast<std::uint8_t>(sequence));
  p.bytes.insert(p.bytes.end(), body.begin(), body.end());
  return p;
}

Bytes rtcp_packet(std::size_t extra_words) {
  Bytes bytes{0x80,
              0xc8,
              0,
              static_cast<std::uint8_t>(6 + extra_words),
              kSsrc >> 24,
              (kSsrc >> 16) & 0xff,
              (kSsrc >> 8) & 0xff,
              kSsrc & 0xff};
  const Bytes body = pattern(20 + 4 * extra_words, 0x33);
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

SrtpKey make_key(const Suite& suite, const Bytes& key_and_salt, const crypto::SrtpParameters& parameters = {}) {
  const auto* s = crypto::srtp_suite_by_sdes_name(suite.name);
  REQUIRE(s != nullptr);
  REQUIRE(key_and_salt.size() == std::size_t{s->key_size} + s->salt_size);
  auto key = SrtpKey::make(*s, ByteView{key_and_salt}.first(s->key_size), ByteView{key_and_salt}.subspan(s->key_size),
                           parameters, suite.derivation);
  REQUIRE(key.ok());
  return std::move(*key);
}

bool oracle_missing() {
  if (test::Libsrtp::get() != nullptr) return false;
  WARN("libsrtp2.so.1 is not installed: comparison skipped");
  return true;
}

}  // namespace

TEST_CASE("RTP that libsrtp2 protects verifies and decrypts, in every suite, header shape, size and ROC",
          "[srtp][libsrtp]") {
  if (oracle_missing()) return;
  for (const Suite& suite : suites()) {
    for (const bool with_mki : {false, true}) {
      test::LibsrtpOptions o = suite.options;
      crypto::SrtpParameters parameters;
      if (with_mki) {
        o.mki = {1, 2, 3, 4};
        parameters.mki_size = 4;
      }
      const Bytes master = pattern(static_cast<std::size_t>(o.key_size), 0xe1);
      test::LibsrtpSender sender{o, master, kSsrc};
      INFO(suite.name << (with_mki ? " with MKI" : ""));
      REQUIRE(sender.ok());
      SrtpKey key = make_key(suite, master, parameters);
      std::uint16_t sequence = 100;
      for (const std::uint32_t roc : {0U, 1U, 7U, 0x12345678U}) {
        if (roc != 0) REQUIRE(sender.set_roc(kSsrc, roc));
        const std::vector<Packet> packets{rtp_packet(sequence, 160), rtp_packet(sequence, 1),
                                          rtp_packet(sequence, 1200, 3), rtp_packet(sequence, 33, 0, 2, true),
                                          rtp_packet(sequence, 17, 15, 0, true)};
        for (Packet p : packets) {
          p.bytes[3] = static_cast<std::uint8_t>(++sequence);
          const auto sent = sender.rtp(p.bytes);
          REQUIRE(sent.has_value());
          REQUIRE(sent->size() == p.bytes.size() + key.rtp_overhead());
          CHECK(key.verify_rtp(*sent, p.header, roc));
          CHECK_FALSE(key.verify_rtp(*sent, p.header, roc + 1));
          Bytes out(2000, 0xee);
          const auto n = key.decrypt_rtp(*sent, p.header, roc, out);
          REQUIRE(n == p.bytes.size() - p.header);
          CHECK(std::equal(p.bytes.begin() + static_cast<std::ptrdiff_t>(p.header), p.bytes.end(), out.begin()));
          CHECK(out[*n] == 0xee);
        }
      }
    }
  }
}

TEST_CASE("one changed bit anywhere but in the MKI fails the tag, in every suite", "[srtp][libsrtp]") {
  if (oracle_missing()) return;
  for (const Suite& suite : suites()) {
    test::LibsrtpOptions o = suite.options;
    o.mki = {9, 8};
    crypto::SrtpParameters parameters;
    parameters.mki_size = 2;
    const Bytes master = pattern(static_cast<std::size_t>(o.key_size), 0x17);
    test::LibsrtpSender sender{o, master, kSsrc};
    REQUIRE(sender.ok());
    SrtpKey key = make_key(suite, master, parameters);
    const Packet p = rtp_packet(500, 40);
    const auto rtp = sender.rtp(p.bytes);
    const auto rtcp = sender.rtcp(rtcp_packet(2));
    REQUIRE((rtp.has_value() && rtcp.has_value()));
    INFO(suite.name);
    // The MKI stands before the tag with HMAC, last with AEAD.
    const auto in_mki = [&](const Bytes& packet, std::size_t at, int tag) {
      const std::size_t end = packet.size() - (o.aead ? 0 : static_cast<std::size_t>(tag));
      return at >= end - 2 && at < end;
    };
    for (std::size_t i = 0; i < rtp->size(); ++i) {
      Bytes changed = *rtp;
      changed[i] = static_cast<std::uint8_t>(changed[i] ^ (1U << (i % 8)));
      CHECK(key.verify_rtp(changed, p.header, 0) == in_mki(changed, i, o.rtp_tag));
    }
    for (std::size_t i = 0; i < rtcp->size(); ++i) {
      Bytes changed = *rtcp;
      changed[i] = static_cast<std::uint8_t>(changed[i] ^ (1U << (i % 8)));
      CHECK(key.verify_rtcp(changed).has_value() == in_mki(changed, i, o.rtcp_tag));
    }
    for (std::size_t n = 0; n < rtp->size(); ++n) CHECK_FALSE(key.verify_rtp(ByteView{*rtp}.first(n), p.header, 0));
    for (std::size_t n = 0; n < rtcp->size(); ++n) {
      // The first 4 of 10 tag bytes are a tag of 4.
      const bool shorter_tag = o.rtcp_tag == 10 && n + 6 == rtcp->size();
      CHECK(key.verify_rtcp(ByteView{*rtcp}.first(n)).has_value() == shorter_tag);
    }
  }
}

TEST_CASE("SRTCP that libsrtp2 protects verifies and decrypts, and its index counts up from 1", "[srtp][libsrtp]") {
  if (oracle_missing()) return;
  for (const Suite& suite : suites()) {
    for (const bool clear : {false, true}) {
      for (const bool with_mki : {false, true}) {
        test::LibsrtpOptions o = suite.options;
        o.clear_rtcp = clear;
        crypto::SrtpParameters parameters;
        if (with_mki) {
          o.mki = pattern(16, 3);
          parameters.mki_size = 16;
        }
        const Bytes master = pattern(static_cast<std::size_t>(o.key_size), 0x55);
        test::LibsrtpSender sender{o, master, kSsrc};
        REQUIRE(sender.ok());
        SrtpKey key = make_key(suite, master, parameters);
        INFO(suite.name << " clear " << clear << " MKI " << with_mki);
        for (std::uint32_t i = 1; i <= 3; ++i) {
          const Bytes clear_packet = rtcp_packet(i);
          const auto sent = sender.rtcp(clear_packet);
          REQUIRE(sent.has_value());
          const auto how = key.verify_rtcp(*sent);
          REQUIRE(how.has_value());
          CHECK(how->index == i);
          CHECK(how->tag_size == static_cast<std::size_t>(o.rtcp_tag));
          if (!o.null_cipher) CHECK(how->encrypted == !clear);
          Bytes out(200);
          const auto n = key.decrypt_rtcp(*sent, *how, out);
          REQUIRE(n == clear_packet.size());
          CHECK(std::equal(clear_packet.begin(), clear_packet.end(), out.begin()));
        }
      }
    }
  }
}

TEST_CASE("UNENCRYPTED_SRTP is authenticated cleartext", "[srtp][libsrtp]") {
  if (oracle_missing()) return;
  Suite suite{"AES_CM_128_HMAC_SHA1_80", options(SRTP_AES_ICM_128, 30, 10, 10)};
  suite.options.clear_rtp = true;
  crypto::SrtpParameters parameters;
  parameters.unencrypted_srtp = true;
  const Bytes master = pattern(30, 0x77);
  test::LibsrtpSender sender{suite.options, master, kSsrc};
  SrtpKey key = make_key(suite, master, parameters);
  const Packet p = rtp_packet(9, 50);
  const auto sent = sender.rtp(p.bytes);
  REQUIRE(sent.has_value());
  CHECK(key.verify_rtp(*sent, p.header, 0));
  Bytes out(50);
  REQUIRE(key.decrypt_rtp(*sent, p.header, 0, out) == 50U);
  CHECK(std::equal(out.begin(), out.end(), p.bytes.begin() + 12));
}

#else

TEST_CASE("comparison with libsrtp2 is built", "[srtp][libsrtp]") {
  WARN("srtp2/srtp.h was not found when this was built: comparison skipped");
}

#endif
