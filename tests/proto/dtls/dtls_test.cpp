#include "proto/dtls/dtls.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "support/bytes.h"

namespace voip::dtls {
namespace {

using test::hex;

using Bytes = std::vector<std::uint8_t>;

// Recorded: the client's first datagram and the server's flight of five records, a WebRTC call (DTLS 1.2).
const auto kClient =
    hex("16feff00000000000000000090010000840000000000000084fefd4bf46b94af3b20dcb7ca52337eef1b8b3b149996c9b358"
        "00d1e92a7fa8ab407d00000016c02bc02fcca9cca8c009c013c00ac014009c002f00350100004400170000ff01000100000a"
        "00080006001d00170018000b0002010000230000000d00140012040308040401050308050501080606010201000e00090006"
        "00010008000700");
const auto kServer =
    hex("16fefd00000000000000000050020000440000000000000044fefd638a06259c856f925ea407bdb332638c1caf299dfb70fa"
        "9512b619c8cefae58000c02f00001c00170000ff01000100000b0002010000230000000e0005000200080016fefd00000000"
        "0000000102bd0b0002b100010000000002b10002ae0002ab308202a73082018fa003020102020900bcbaa3acd3d877fb300d"
        "06092a864886f70d01010b050030133111300f06035504030c0868616e676f757473301e170d323231313330313733353138"
        "5a170d3233313230313137333531385a30133111300f06035504030c0868616e676f75747330820122300d06092a864886f7"
        "0d01010105000382010f003082010a0282010100ab5cb12d5e24a8d1dd90049e179c60ede05e72866413d1c42f70b22a79d5"
        "e6deeda18352e0e78685b7106cc3cd48348e9e69476ea75cc3a64426e42088354f2e521846cffab5e0f546b87de6e3f10a58"
        "bf79ac17a1f43ef391b02ddf073eeff54dfd4a91d1fb6d39c8e6080dc49cef5089fb3af3c45cb0313ce87b2374426ace0277"
        "b93e3b3d584266e76197ca632de39f3210fa1e79e8481e72f8c8f6d0ed5fe49a9c901af5cf4cf32ccaf5891b006092415e61"
        "696ef206fb6d5c3d7b405eb8836c0ceb98f4837b9327b52bb729de30086dd08e2c73c682abb021bb02675b085a90bded68a3"
        "7acba736abdf0e933d04094790eb4d78ed7ff2b26c48d2f7d2df0203010001300d06092a864886f70d01010b050003820101"
        "002d15c7be609ddf02b290e1f2991da17bc3a2a7da4a20c990a1299fc7afc9aaaf88b24361e01796bc3cf87f041f9a0c331a"
        "ee4e0866e7808e1d9afd8f90d182a6c0fe2c316ae12998f283b968a1c07667ddfe067803494acd127c8fc8e08df597928f9b"
        "0f2dd38ab4242f78a849f89a6a2a8ce5f7cb70d4b9a613de9df60c1bf1fe8995dfe10ff64f8e9de8b9c5a13b252f0c3834f0"
        "83930858e0c3f0c6b6d749cd9901309ca1ee47f1e18ac77c5d8760e3b21b8e0154b4ac53e9ad17cce3cb8fac943c800bd1ab"
        "c72064a6f20d6b6b51daeb87d1f7a5de479a66310f4707fa1990ece79a68e9edcf557f6c5c1640abd0af69b14a1ea0be600e"
        "583f753570a92b16fefd000000000000000201340c000128000200000000012803001d209b415659f0aac556e91c7b54083d"
        "d6764fde9130d6412c96f13c9b19a80cfa1e08040100910deec6a41bafb3a15b7bf76e68f9d1ce2f93bb13b568eac15ec719"
        "e1d8dab3e5026a602311b994d3bc7bb91af9b8ca59a99236ecd951e7fefe024ac1ae1eab7244feba8eec77951957b1f244a1"
        "54c4ad988e4ad2d47ce43452a9ed17c1dbb2d583aa427861f2b046c757c57c74f92cd61025f37e03f67d8fb71683c1f86f7a"
        "1580f61424df7f080944545f9117f94fc81d030111c2558a709c95b033243bb4ccc3be10449516dd3f155a307126d8a59edf"
        "aab0e3aa1fce15c8e544753176e99e551b13f62762d7382f9fd36120a3f4fde9c47c1a9b40ea70236d9c754f1f34a20908fa"
        "1e6128880f2fdc78b61e0dcea2634f539f6111d18ecaba1996e5e29b16fefd000000000000000300250d0000190003000000"
        "0000190201400012040308040401050308050501080606010201000016fefd0000000000000004000c0e0000000004000000"
        "000000");
// Recorded: a server whose Certificate comes in two fragments, in two datagrams.
const auto kFirstHalf =
    hex("16feff00000000000000010042020000360001000000000036feff7b1bc9c8b5d63ebb8e1cbe4c2bb63526c9c4012d00b49f"
        "a23d29f8609da636c200003500000eff0100010000230000000f00010116feff000000000000000205280b00060b00020000"
        "0000051c00060800060530820601308203e9a0030201020202010e300d06092a864886f70d01010b050030818a310b300906"
        "0355040613024e4f310d300b060355040813044f736c6f310d300b060355040713044f736c6f311b3019060355040a13124f"
        "7065726120536f6674776172652041534131123010060355040b13094f70657261204d6178311530130603550403130c4f70"
        "657261204d6178204341311530130603550429130c4f70657261204d6178204341301e170d3139303432353039353830365a"
        "170d3139303532353039353830365a3077310b3009060355040613024e4f310d300b060355040813044f736c6f310d300b06"
        "0355040713044f736c6f311b3019060355040a13124f7065726120536f6674776172652041534131123010060355040b1309"
        "4f70657261204d617831193017060355040314102a2e6f706572612d6d696e692e6e657430820122300d06092a864886f70d"
        "01010105000382010f003082010a0282010100e44f33e1ef57db97fd8343535864259422abd0a93b38cb2fec26ce4fe6c649"
        "c2fe5cedeffd90837a9bcae296e62072dc967168f3b9da80f0c48b2296678e933e0c87c0e71f24f1df68480fef8888beb8f4"
        "05ea62c1ac1e4f0b238ee269433ab9bd44bbc3110e015f21d803b01fe23980554ba8614b8e10826059dd65514074447ba8d6"
        "c90b4a0caa285ed9d1314dbd77cc5d2c74ebba3b3416d9c9e37eddf8389a77213eb27b9a8abc9034dae92d234867fa6ae9ec"
        "336a5e2ed0d35efd69528904caa990575c02fcf067981d3bfeeb0d3173102a32226f292ee8b6cbd445bfbb02112bf417c3e5"
        "ca45c15c62f9265020b89ba33c2ecc5257c7e708ca980857650203010001a38201813082017d30090603551d130402300030"
        "1106096086480186f8420101040403020640302b06096086480186f842010d041e161c4f70657261204d6178205365727665"
        "72204365727469666963617465301d0603551d0e04160414e8091c79d5cc64a24b12abe3c7e436bd74f86d213081bf060355"
        "1d230481b73081b48014b2a3cb39e5d900a9f6076893469917305f60e0cca18190a4818d30818a310b300906035504061302"
        "4e4f310d300b060355040813044f736c6f310d300b060355040713044f736c6f311b3019060355040a13124f706572612053"
        "6f6674776172652041534131123010060355040b13094f70657261204d6178311530130603550403130c4f70657261204d61"
        "78204341311530130603550429130c4f70657261204d6178204341820900cd2927019af4a3eb30130603551d25040c300a06"
        "082b06010505070301300b0603551d0f0404030205a0302d0603551d110426302482102a2e73616d73756e676d61782e636f"
        "6d82102a2e6f706572612d6d696e692e6e6574300d06092a864886f70d01010b050003820201002cc4c6b3b7dee63f387cf6"
        "e80a167fa0721a8dfbc83073faa00abdb83a0ac2c656dc02e6e837d1b0355cb31012e9f317f95f6b946e9ce1524370f036b7"
        "81c386f56454ea36eb0f559c458e89bced0c9a7eed60e07269ab766dfe9ca3869eaa8a2b4385df1f85e18ced1f364852c529"
        "c577e601d5a4d17d841167da48caaa2098d0bd98919316d16ce9c263b355052c9d97b3a9f944931280a7437404ba3482830a"
        "784b998dbd0c7a6212a1b8945de8afab73d2c86a6d6e7c3b8f3ee857f6a96af23999cf3c5eb90262614555068a5d07a91219"
        "f5c7a3d3e3dfd66a51c5553ba355e15cd5b06b3c0897cfad02720e769afb0c9b640cd99763244ac0ea3a68401641e71e113c"
        "8d8772f0204dae9e721984b7");
const auto kSecondHalf =
    hex("16feff000000000000000300fb0b00060b000200051c0000ef199670f2717feb322e6e64afc245920e455780255ae61566a2"
        "910e4497358db00e8e0947293b6e92b796e37f1d97d3a23dfa56244c531a06cce21d35042d74b0d9f48ea5e6bcaf54fe4056"
        "f7ec7cb0a6f6c640c6386d2d846008f6bea17ecc0d7ff5a4e200f5272ab6360ef64eeb535f8442ccd2eb2b900541dbceacc9"
        "0c4e7e4abd0561d5740a11ce52c1f9a6a156466624318d64c73dd608316a2d9cf73825e0308e1d9473783947d8b637652998"
        "e88ce3bf0c8d95625f4961bd5bc550ef23f8cb0a95f44b6d2a95e32ddf77fabdeb5c8148169ccda30d230fa7a3c0464e559a"
        "68e0c15b99dc06c1dcc77adb4fe816feff0000000000000004000c0e0000000003000000000000");
const auto kVerifyRequest =
    hex("16feff00000000000000000023030000170000000000000017feff1466acf8c1472146e4e7c30876eb9ce1408a10f943");

std::vector<RecordView> records_of(ByteView datagram) {
  std::vector<RecordView> records;
  while (!datagram.empty()) {
    const auto record = parse_record(datagram);
    REQUIRE(record.ok());
    records.push_back(*record);
    datagram = datagram.subspan(record->size);
  }
  return records;
}

std::vector<HandshakeFragmentView> parts_of(ByteView datagram) {
  std::vector<HandshakeFragmentView> parts;
  for (const RecordView& record : records_of(datagram)) {
    if (record.type != ContentType::kHandshake || record.epoch != 0) continue;
    for (ByteView rest = record.fragment; !rest.empty();) {
      const auto part = parse_handshake_fragment(rest);
      REQUIRE(part.ok());
      parts.push_back(*part);
      rest = rest.subspan(part->size);
    }
  }
  return parts;
}

TEST_CASE("a recorded ClientHello gives its SRTP profiles", "[dtls]") {
  CHECK(looks_like_dtls(kClient));
  const auto record = parse_record(kClient);
  REQUIRE(record.ok());
  CHECK(record->version == kDtls10);
  CHECK(record->epoch == 0);
  CHECK(record->size == kClient.size());
  const auto part = parse_handshake_fragment(record->fragment);
  REQUIRE(part.ok());
  CHECK(part->type == HandshakeType::kClientHello);
  CHECK(part->length == 132);
  const auto hello = parse_client_hello(part->fragment);
  REQUIRE(hello.ok());
  CHECK(hello->version == kDtls12);
  CHECK(best_version(*hello) == kDtls12);
  CHECK(value_count(hello->cipher_suites) == 11);
  CHECK(value_at(hello->cipher_suites, 0) == 0xc02b);
  CHECK(hello->extended_master_secret);
  REQUIRE(hello->has_use_srtp);
  REQUIRE(value_count(hello->srtp_profiles) == 3);
  CHECK(value_at(hello->srtp_profiles, 0) == 0x0001);
  CHECK(value_at(hello->srtp_profiles, 2) == 0x0007);
  CHECK(hello->srtp_mki.empty());
}

TEST_CASE("a datagram of five records gives five messages", "[dtls]") {
  const auto parts = parts_of(kServer);
  REQUIRE(parts.size() == 5);
  CHECK(parts[0].type == HandshakeType::kServerHello);
  CHECK(parts[4].type == HandshakeType::kServerHelloDone);
  const auto hello = parse_server_hello(parts[0].fragment);
  REQUIRE(hello.ok());
  CHECK(hello->version == kDtls12);
  CHECK(hello->cipher_suite == 0xc02f);
  CHECK(hello->extended_master_secret);
  CHECK(hello->has_use_srtp);
  CHECK(hello->srtp_profile == 0x0008);
  CHECK_FALSE(hello->hello_retry_request);
  const auto certificates = parse_certificates(parts[1].fragment);
  REQUIRE(certificates.ok());
  REQUIRE(certificates->size() == 1);
  CHECK((*certificates)[0].size() == 683);
  CHECK((*certificates)[0][0] == 0x30);
}

TEST_CASE("a Certificate in two datagrams is put together, whichever comes first", "[dtls]") {
  auto parts = parts_of(kFirstHalf);
  const auto more = parts_of(kSecondHalf);
  parts.insert(parts.end(), more.begin(), more.end());
  for (const bool backwards : {false, true}) {
    HandshakeAssembler assembler;
    std::vector<HandshakeType> types;
    if (backwards) std::ranges::reverse(parts);
    for (const auto& part : parts) {
      const auto message = assembler.add(part);
      if (!message) continue;
      types.push_back(message->type);
      if (message->type != HandshakeType::kCertificate) continue;
      const auto certificates = parse_certificates(message->body);
      REQUIRE(certificates.ok());
      REQUIRE(certificates->size() >= 1);
      CHECK((*certificates)[0][0] == 0x30);
    }
    CHECK(std::ranges::count(types, HandshakeType::kCertificate) == 1);
    CHECK(types.size() == 3);
    // Retransmitted, nothing is told again.
    for (const auto& part : parts) CHECK_FALSE(assembler.add(part).has_value());
    CHECK(assembler.dropped() == 0);
  }
}

TEST_CASE("a new handshake with the same numbers is told again", "[dtls]") {
  HandshakeAssembler assembler;
  Bytes first(60, 1);
  Bytes second(60, 2);
  HandshakeFragmentView part{
      .type = HandshakeType::kClientHello, .length = 60, .message_seq = 0, .offset = 0, .fragment = first, .size = 72};
  CHECK(assembler.add(part).has_value());
  CHECK_FALSE(assembler.add(part).has_value());
  part.fragment = second;
  CHECK(assembler.add(part).has_value());
}

TEST_CASE("the assembler holds no more than it says", "[dtls]") {
  HandshakeAssembler assembler;
  const Bytes one(1, 0);
  for (std::uint16_t seq = 0; seq < 1000; ++seq) {
    CHECK_FALSE(assembler
                    .add({.type = HandshakeType::kCertificate,
                          .length = 20000,
                          .message_seq = seq,
                          .offset = 5,
                          .fragment = one,
                          .size = 13})
                    .has_value());
  }
  CHECK(assembler.dropped() >= 990);
  // Scattered single bytes end, too.
  for (std::uint32_t at = 0; at < 20000; at += 2)
    (void)assembler.add({.type = HandshakeType::kCertificate,
                         .length = 20001,
                         .message_seq = 7,
                         .offset = at,
                         .fragment = one,
                         .size = 13});
  CHECK(assembler.dropped() >= 1000);
  CHECK_FALSE(assembler.add({.type = HandshakeType::kCertificate, .length = 0xffffff, .offset = 0, .fragment = one})
                  .has_value());
  CHECK_FALSE(
      assembler.add({.type = HandshakeType::kCertificate, .length = 4, .offset = 4, .fragment = one}).has_value());
}

TEST_CASE("no prefix of a record or a hello parses", "[dtls]") {
  for (std::size_t n = 0; n < kClient.size(); ++n) {
    const auto record = parse_record(ByteView{kClient}.first(n));
    REQUIRE_FALSE(record.ok());
    CHECK(record.error().kind == Malformed::kTruncated);
  }
  const auto parts = parts_of(kClient);
  // A hello may end after its compression methods: then it has no extensions, and says so.
  std::size_t whole = 0;
  for (std::size_t n = 0; n < parts[0].fragment.size(); ++n)
    whole += parse_client_hello(parts[0].fragment.first(n)).ok() ? 1U : 0U;
  CHECK(whole == 1);
}

TEST_CASE("DTLS 1.3 is seen in the hello and in the unified header", "[dtls]") {
  Bytes hello{0xfe, 0xfd};
  hello.resize(34, 7);
  const Bytes rest{0, 0, 0, 2, 0x13, 0x01, 1, 0, 0, 9, 0, 43, 0, 5, 4, 0xfe, 0xfc, 0xfe, 0xfd};
  hello.insert(hello.end(), rest.begin(), rest.end());
  const auto parsed = parse_client_hello(hello);
  REQUIRE(parsed.ok());
  CHECK(parsed->version == kDtls12);
  CHECK(best_version(*parsed) == kDtls13);
  // 001, no connection id, 16-bit sequence, length, epoch 2.
  const Bytes unified{0x2e, 0x12, 0x34, 0x00, 0x03, 1, 2, 3, 0x2e};
  CHECK(looks_like_dtls(unified));
  const auto record = parse_record(unified);
  REQUIRE(record.ok());
  CHECK(record->unified);
  CHECK(record->epoch == 2);
  CHECK(record->sequence == 0x1234);
  CHECK(record->fragment.size() == 3);
  CHECK(record->size == 8);
  const Bytes with_id{0x3e, 1, 2, 3, 4, 5};
  CHECK(parse_record(with_id).error().kind == Malformed::kUnsupported);
}

TEST_CASE("a ServerHello of DTLS 1.3 says so in its extension", "[dtls]") {
  Bytes hello{0xfe, 0xfd};
  hello.resize(34, 7);
  const Bytes rest{0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 0xfe, 0xfc};
  hello.insert(hello.end(), rest.begin(), rest.end());
  CHECK(parse_server_hello(hello)->version == kDtls13);
  CHECK_FALSE(parse_server_hello(hello)->has_use_srtp);
}

TEST_CASE("a HelloVerifyRequest is a message of its own", "[dtls]") {
  const auto parts = parts_of(kVerifyRequest);
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].type == HandshakeType::kHelloVerifyRequest);
}

TEST_CASE("alerts are read plain only", "[dtls]") {
  CHECK(parse_alert(Bytes{2, 40})->fatal);
  CHECK(alert_name(parse_alert(Bytes{2, 40})->description) == "handshake_failure");
  CHECK_FALSE(parse_alert(Bytes{2, 40, 0}).ok());
  CHECK_FALSE(parse_alert(Bytes{3, 40}).ok());
}

TEST_CASE("profiles tell their tags and whether they encrypt", "[dtls]") {
  REQUIRE(srtp_profile(0x0002) != nullptr);
  CHECK(srtp_profile(0x0002)->rtp_tag_size == 4);
  CHECK(srtp_profile(0x0002)->rtcp_tag_size == 10);
  CHECK_FALSE(srtp_profile(0x0005)->encrypts);
  CHECK(srtp_profile(0x0008)->key_size == 32);
  CHECK(srtp_profile(0x0003) == nullptr);
}

TEST_CASE("RTP, STUN and TLS are no DTLS", "[dtls]") {
  CHECK_FALSE(looks_like_dtls(Bytes(20, 0x80)));
  CHECK_FALSE(looks_like_dtls(Bytes(20, 0x00)));
  Bytes tls(20, 0);
  tls[0] = 22, tls[1] = 3, tls[2] = 3;
  CHECK_FALSE(looks_like_dtls(tls));
}

}  // namespace
}  // namespace voip::dtls
