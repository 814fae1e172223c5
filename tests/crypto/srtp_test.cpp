#include "crypto/srtp.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "base/codec.h"
#include "crypto/digest.h"
#include "support/bytes.h"

using namespace voip;
using crypto::KeyDerivation;
using crypto::SrtpKey;
using crypto::SrtpTraffic;
using Bytes = std::vector<std::uint8_t>;

namespace {

using test::hex;

const crypto::SrtpSuite& suite(std::string_view name) {
  const auto* s = crypto::srtp_suite_by_sdes_name(name);
  REQUIRE(s != nullptr);
  return *s;
}

SrtpKey session_key(std::string_view name, const crypto::SrtpSessionKeys& keys,
                    const crypto::SrtpParameters& parameters = {}) {
  auto key = SrtpKey::from_session_keys(suite(name), keys, keys, parameters);
  REQUIRE(key.ok());
  return std::move(*key);
}

Bytes decrypt(SrtpKey& key, const Bytes& packet, std::size_t header = 12, std::uint32_t roc = 0) {
  Bytes out(packet.size());
  const auto n = key.decrypt_rtp(packet, header, roc, out);
  REQUIRE(n.has_value());
  out.resize(*n);
  return out;
}

const crypto::SrtpParameters kNoTags{.unauthenticated_srtp = true};

}  // namespace

TEST_CASE("session keys of AES-128 are those of RFC 3711 appendix B.3", "[srtp]") {
  const auto keys =
      crypto::derive_srtp_session_keys(suite("AES_CM_128_HMAC_SHA1_80"), hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
                                       hex("0EC675AD498AFEEBB6960B3AABE6"), SrtpTraffic::kRtp);
  REQUIRE(keys.has_value());
  CHECK(encode_hex(keys->cipher_key) == "c61e7a93744f39ee10734afe3ff7a087");
  CHECK(encode_hex(keys->salt) == "30cbbc08863d8c85d49db34a9ae1");
  CHECK(encode_hex(keys->auth_key) == "cebe321f6ff7716b6fd4ab49af256a156d38baa4");
}

TEST_CASE("session keys of AES-256 and AES-192 are those of RFC 6188 sections 7.2 and 7.4", "[srtp]") {
  auto keys = crypto::derive_srtp_session_keys(suite("AES_256_CM_HMAC_SHA1_80"),
                                               hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"),
                                               hex("3b04803de51ee7c96423ab5b78d2"), SrtpTraffic::kRtp);
  REQUIRE(keys.has_value());
  CHECK(encode_hex(keys->cipher_key) == "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4");
  CHECK(encode_hex(keys->salt) == "fa31791685ca444a9e07c6c64e93");
  CHECK(encode_hex(keys->auth_key) == "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
  const Bytes key192 = hex("73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1");
  const Bytes salt192 = hex("c8522f3acd4ce86d5add78edbb11");
  keys = crypto::derive_srtp_session_keys(suite("AES_192_CM_HMAC_SHA1_80"), key192, salt192, SrtpTraffic::kRtp);
  REQUIRE(keys.has_value());
  CHECK(encode_hex(keys->cipher_key) == "31874736a8f1143870c26e4857d8a5b2c4a354407faadabb");
  CHECK(encode_hex(keys->salt) == "2372b82d639b6d8503a47adc0a6c");
  CHECK(encode_hex(keys->auth_key) == "355b10973cd95b9eacf4061c7e1a7151e7cfbfcb");
  const auto other = crypto::derive_srtp_session_keys(suite("AES_192_CM_HMAC_SHA1_80"), key192, salt192,
                                                      SrtpTraffic::kRtp, 0, KeyDerivation::kLibsrtp192);
  REQUIRE(other.has_value());
  CHECK(other->cipher_key != keys->cipher_key);
}

TEST_CASE("AES in counter mode gives the key streams of RFC 3711 B.2 and RFC 6188 sections 7.1 and 7.3", "[srtp]") {
  struct Vector {
    const char* name;
    const char* key;
    const char* stream;
  };
  const Vector vectors[] = {
      {"AES_CM_128_HMAC_SHA1_80", "2B7E151628AED2A6ABF7158809CF4F3C",
       "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0"},
      {"AES_192_CM_HMAC_SHA1_80", "eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7",
       "35096cba4610028dc1b57503804ce37c5de986291dcce161d5165ec4568f5c9a474a40c77894bc17180202272a4c264d"},
      {"AES_256_CM_HMAC_SHA1_80", "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
       "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac63c4868b7096d88421b563b8c94c9a31"}};
  for (const Vector& vector : vectors) {
    INFO(vector.name);
    SrtpKey key = session_key(vector.name, {hex(vector.key), {}, hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD")}, kNoTags);
    Bytes packet(12 + 48);  // SSRC 0, sequence 0; zeros decrypt to the key stream
    packet[0] = 0x80;
    CHECK(encode_hex(decrypt(key, packet)) == vector.stream);
  }
}

TEST_CASE("AES in f8 mode decrypts the packet of RFC 3711 appendix B.1", "[srtp]") {
  // The RFC's salt has 32 bits; filled up with the padding byte it is the same mask.
  const Bytes salt = hex("32f2870d 5555 5555 5555 5555 5555");
  SrtpKey key = session_key("F8_128_HMAC_SHA1_80", {hex("234829008467be186c3de14aae72d62c"), {}, salt}, kNoTags);
  const Bytes packet =
      hex("806e5cba50681de55c621599 019ce7a26e7854014a6366aa95d4eefd 1ad4172a14f9faf455b7f1d4b62bd08f 562c0eef7c4802");
  const Bytes clear = decrypt(key, packet, 12, 0xd462564a);
  CHECK(std::string(clear.begin(), clear.end()) == "pseudorandomness is the next best thing");
}

TEST_CASE("AES-GCM opens and authenticates the RTP and RTCP packets of RFC 7714 sections 16 and 17", "[srtp]") {
  const Bytes rtp =
      hex("8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 "
          "6573");
  const Bytes rtcp =
      hex("81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef "
          "deadbeef");
  const Bytes salt = hex("51756964 2070726f 2071756f");
  const Bytes key128 = hex("000102030405060708090a0b0c0d0e0f");
  const Bytes key256 = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

  struct Vector {
    const char* name;
    Bytes key;
    Bytes rtp;
    Bytes rtcp;
  };
  const Vector vectors[] = {{"AEAD_AES_128_GCM", key128,
                             hex("8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f "
                                 "42a5f47a 51c7d19b 36de3adf 8833899d "
                                 "7f27beb1 6a9152cf 765ee439 0cce"),
                             hex("81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 "
                                 "730d6fda 4ce09b46 86303ded 0bb9275b "
                                 "c84aa458 96cf4d2f c5abf872 45d9eade 800005d4")},
                            {"AEAD_AES_256_GCM", key256,
                             hex("8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 "
                                 "b50b2a02 76ffae0f 1ba63799 b87b7aa3 "
                                 "db36dfff d6b0f9bb 7878d7a7 6c13"),
                             hex("81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 "
                                 "110555be 8415f658 c61de047 6f1b6fad "
                                 "1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4")}};
  for (const Vector& vector : vectors) {
    INFO(vector.name);
    SrtpKey key = session_key(vector.name, {vector.key, {}, salt});
    CHECK(key.verify_rtp(vector.rtp, 12, 0));
    CHECK(decrypt(key, vector.rtp) == Bytes(rtp.begin() + 12, rtp.end()));
    const auto how = key.verify_rtcp(vector.rtcp);
    REQUIRE(how.has_value());
    CHECK((how->index == 0x5d4 && how->encrypted));
    Bytes out(200);
    const auto n = key.decrypt_rtcp(vector.rtcp, *how, out);
    REQUIRE(n == rtcp.size());
    CHECK(std::equal(rtcp.begin(), rtcp.end(), out.begin()));
  }
  // Sections 16.1.3 and 17.3: authenticated, not encrypted.
  const Bytes tagged_rtp =
      hex("8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 "
          "73207472 65732249 3f82d2bc e397e9d7 9e3b19aa 4216");
  const Bytes tagged_rtcp =
      hex("81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef "
          "deadbeef deadbeef 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4");
  SrtpKey key = session_key("AEAD_AES_128_GCM", {key128, {}, salt}, {.unencrypted_srtp = true});
  CHECK(key.verify_rtp(tagged_rtp, 12, 0));
  CHECK(decrypt(key, tagged_rtp) == Bytes(rtp.begin() + 12, rtp.end()));
  const auto how = key.verify_rtcp(tagged_rtcp);
  REQUIRE(how.has_value());
  CHECK_FALSE(how->encrypted);
}

TEST_CASE("a key derivation rate changes the session keys every so many packets", "[srtp]") {
  const Bytes master = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
  const Bytes salt = hex("0EC675AD498AFEEBB6960B3AABE6");
  const auto& s = suite("NULL_HMAC_SHA1_80");
  auto rated = SrtpKey::make(s, master, salt, {.key_derivation_rate = 16});
  REQUIRE(rated.ok());
  for (const std::uint32_t sequence : {0U, 15U, 16U, 40U}) {
    const std::uint32_t roc = 3;
    const auto keys =
        crypto::derive_srtp_session_keys(s, master, salt, SrtpTraffic::kRtp, ((roc << 16) + sequence) / 16);
    REQUIRE(keys.has_value());
    SrtpKey plain = session_key("NULL_HMAC_SHA1_80", *keys);
    Bytes packet = hex("80000000 00000000 00000001 aabbccdd");
    packet[3] = static_cast<std::uint8_t>(sequence);
    Bytes signed_part = packet;
    const Bytes roc_bytes{0, 0, 0, 3};
    signed_part.insert(signed_part.end(), roc_bytes.begin(), roc_bytes.end());
    const auto tag = crypto::hmac(crypto::Hash::kSha1, keys->auth_key, signed_part);
    packet.insert(packet.end(), tag.bytes.begin(), tag.bytes.begin() + 10);
    CHECK(plain.verify_rtp(packet, 12, roc));
    CHECK(rated->verify_rtp(packet, 12, roc));
    auto unrated = SrtpKey::make(s, master, salt);
    CHECK_FALSE(unrated->verify_rtp(packet, 12, roc));
  }
}

TEST_CASE("keys that don't fit their suite are refused with the suite's name", "[srtp]") {
  const Bytes key16(16), salt14(14), key24(24);
  const auto& cm = suite("AES_CM_128_HMAC_SHA1_80");
  CHECK(SrtpKey::make(cm, key16, salt14).ok());
  for (const auto& bad : {SrtpKey::make(cm, key24, salt14), SrtpKey::make(cm, key16, key16),
                          SrtpKey::make(cm, key16, salt14, {.mki_size = 129}),
                          SrtpKey::make(cm, key16, salt14, {.key_derivation_rate = 3}),
                          SrtpKey::make(cm, key16, salt14, {.rtp_tag_size = 5}),
                          SrtpKey::make(cm, key16, salt14, {}, KeyDerivation::kLibsrtp192)}) {
    REQUIRE_FALSE(bad.ok());
    CHECK(bad.error().message.find("AES_CM_128_HMAC_SHA1_80") == 0);
  }
  CHECK_FALSE(SrtpKey::make(suite("SEED_CTR_128_HMAC_SHA1_80"), key16, salt14).ok());
}

TEST_CASE("header sizes and outputs that do not fit are refused, not read past", "[srtp]") {
  auto key = SrtpKey::make(suite("AES_CM_128_HMAC_SHA1_80"), Bytes(16), Bytes(14), {.mki_size = 4});
  const Bytes packet(40, 0x80);
  Bytes out(40);
  CHECK_FALSE(key->verify_rtp(packet, 41, 0));
  CHECK_FALSE(key->verify_rtp(packet, 27, 0));
  CHECK_FALSE(key->verify_rtp(packet, 0, 0));
  CHECK_FALSE(key->verify_rtp(packet, SIZE_MAX, 0));
  CHECK(key->decrypt_rtp(packet, 26, 0, out) == 0U);
  CHECK_FALSE(key->decrypt_rtp(packet, 27, 0, out).has_value());
  CHECK_FALSE(key->decrypt_rtp(packet, 12, 0, std::span{out}.first(13)).has_value());
  CHECK(key->decrypt_rtp(packet, 12, 0, std::span{out}.first(14)) == 14U);
  CHECK_FALSE(key->decrypt_rtcp(packet, {.tag_size = SIZE_MAX}, out).has_value());
  CHECK_FALSE(key->decrypt_rtcp(packet, {.tag_size = 10}, std::span{out}.first(10)).has_value());
}

TEST_CASE("suites are found by either name and by profile number", "[srtp]") {
  CHECK(&suite("AES_CM_256_HMAC_SHA1_32") == &suite("AES_256_CM_HMAC_SHA1_32"));
  CHECK(&suite("aes_cm_128_hmac_sha1_80") == crypto::srtp_suite_by_dtls_profile(1));
  CHECK(crypto::srtp_suite_by_dtls_profile(8)->dtls_name == "SRTP_AEAD_AES_256_GCM");
  CHECK(crypto::srtp_suite_by_dtls_profile(0x000b)->name() == "SRTP_ARIA_128_CTR_HMAC_SHA1_80");
  CHECK(crypto::srtp_suite_by_sdes_name("AES_CM_128_HMAC_SHA1_81") == nullptr);
  CHECK(crypto::srtp_suite_by_sdes_name("") == nullptr);
  CHECK(crypto::srtp_suite_by_dtls_profile(0) == nullptr);
  CHECK(crypto::srtp_suite_by_dtls_profile(3) == nullptr);
  for (const auto& s : crypto::srtp_suites()) CHECK((!s.name().empty() && (!s.supported || s.key_size <= 32)));
}

TEST_CASE("the rollover counter follows the sequence number over wraps, losses and late packets", "[srtp]") {
  crypto::RocTracker tracker;
  CHECK(tracker.estimate(5) == 0);
  tracker.start(1, 65000);
  CHECK(tracker.estimate(65001) == 1);
  CHECK(tracker.estimate(10) == 2);     // wrapped
  CHECK(tracker.estimate(32231) == 2);  // 65000 - 32768 is nearer from above
  CHECK(tracker.estimate(32232) == 1);
  tracker.confirm(2, 10);
  CHECK(tracker.roc() == 2);
  CHECK(tracker.estimate(65535) == 1);  // late, from before the wrap
  tracker.confirm(1, 65535);
  CHECK(tracker.estimate(11) == 2);
  tracker.confirm(2, 9);  // reordered: the highest stays
  CHECK(tracker.highest() == 10);
  CHECK(tracker.estimate(32778) == 2);
  CHECK(tracker.estimate(32779) == 1);
}
