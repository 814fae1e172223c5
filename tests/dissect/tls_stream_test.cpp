#include "dissect/tls_stream.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "base/codec.h"
#include "crypto/libssl_oracle.h"
#include "dissect/tls_channel.h"
#include "proto/tls/names.h"

using namespace voip;
using dissect::TlsChunk;
using dissect::TlsConnection;
using dissect::TlsContext;
using Bytes = std::vector<std::uint8_t>;

namespace {

// What came out of a connection.
struct Heard {
  std::string text[2];
  std::string order;  // directions as they came
  int gaps[2] = {0, 0};
  std::vector<std::uint64_t> frames;

  TlsConnection::Sink sink() {
    return [this](const TlsChunk& chunk) {
      text[chunk.direction] += as_text(chunk.bytes);
      order += static_cast<char>('0' + chunk.direction);
      gaps[chunk.direction] += chunk.gap ? 1 : 0;
      frames.push_back(chunk.frame.number);
    };
  }
};

FrameRef frame(std::uint64_t number) { return {0, number, Timestamp{static_cast<std::int64_t>(number)}}; }

const Endpoint kClientEnd{IpAddress::v4(0xc0000201), 50000};
const Endpoint kServerEnd{IpAddress::v4(0xc0000202), 5061};

// Recorded with openssl s_client -early_data and s_server (OpenSSL 3.0), a resumed session of TLS 1.3.
struct Recorded {
  std::uint8_t direction;
  const char* hex;
};
const Recorded kEarlySession[] = {
    {0,
     "160301013f0100013b0303d4db86897bc5ed5a52f5018a9414965d5f2ec76f269393ff33def8a21551fbd120111ef5f4"
     "bc0c04f3ba206d8cf68ca301d2130386af6eba9c290c1e6b694993c1000813021303130100ff010000ea000b00040300"
     "0102000a00160014001d0017001e0019001801000101010201030104002300000016000000170000000d001e001c0403"
     "05030603080708080809080a080b080408050806040105010601002b0003020304002d00020101003300260024001d00"
     "2027beee8655474a5bb618dfd277de75df795cbfd03909d6733b8dba141c1fa83c002a00000029005b00260020716dd9"
     "bb203fe4f2e7339d423186756bdc64268a149087a6287287645a81fd5e1d888fbd0031302bda0ad62e91a91f3bfa5bad"
     "131d4bb10a716fdeaa3ac476b28a43ee4fb56731f442432dba424bcd1f0f1f85095d38ba140303000101170303001f8d"
     "72dc59a6205fc03e2ffcc0ca36e37f190af3fe73ba296737565f99cd0f3f"},
    {1,
     "16030300800200007c03037ab32edb06869b975ab511cc221363b64400bb0e7b94323b71c3bc6c397068d820111ef5f4"
     "bc0c04f3ba206d8cf68ca301d2130386af6eba9c290c1e6b694993c11302000034002b0002030400330024001d00206f"
     "0bf23c55f7031f5035e952da458e84859e9e013e80bc0bc1e6af7fcfb03c03002900020000140303000101170303001b"
     "d72b8c8ac90dd90715ee23f641a08cf5d24f64a3947b2c69dac01717030300450c8509ee060d4ba9eaf34838fa490c00"
     "ae5bc05a08bbb802b0814f1568d6508f141ba7da2217c78da55481ff00f0afa116441b1bd77383929453ca98e41c63e0"
     "a05c8fa936"},
    {0,
     "1703030015e20873603099bf4e98184909276c3a32e42963686d1703030045d2befddad1d8baf45813998b83df110891"
     "041d5f9ad00f63930e34e76bdcd4fe71fab4b9ddd212913f698452e657c848bbd3628476c06f5c60081b21a7bca5e342"
     "9d159371"},
    {1,
     "17030300526ce50d474f60812e9cd56dc366826c241fc04ef7d3d13f1f6aa88b3e5b03afc23cf355beac57918be5f490"
     "ce15ea204221306687d813dd5b51d18e2e6617eafce51577b809c442916f78c0bf37c7baf3ef8d"},
    {0, "1703030024b68a7f9ab62f1e7b3331a72fadb89fd91b2d5d329189b1d11744652044b0dbac9906a837"},
    {0, "170303001319a76118e3a13129f97d271d137cb7f8fc6147"},
    {1, "1703030013a74c3a508c111219fb21e32794bc7339f86388"},
};
const char* const kEarlyKeys =
    "CLIENT_EARLY_TRAFFIC_SECRET "
    "d4db86897bc5ed5a52f5018a9414965d5f2ec76f269393ff33def8a21551fbd1 "
    "8382dcfff4a976278fc543e83da7884b099738d0895145034350856076e773e90ea8a8c95088a06a5ab6da292daeb965"
    "\n"
    "SERVER_HANDSHAKE_TRAFFIC_SECRET "
    "d4db86897bc5ed5a52f5018a9414965d5f2ec76f269393ff33def8a21551fbd1 "
    "55e1ac221c25db09a5ffebe464f1d52662f835538f46bea18d282e15efd65ed589e0f73db03dc5aada5e3bf755599c01"
    "\n"
    "SERVER_TRAFFIC_SECRET_0 "
    "d4db86897bc5ed5a52f5018a9414965d5f2ec76f269393ff33def8a21551fbd1 "
    "2b08e65185acc1e1e380452bf8413a3d192ea990bf35d6317d3cae235beb25fcb771e3221f5296ad0f71c05f807c3edf"
    "\n"
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET "
    "d4db86897bc5ed5a52f5018a9414965d5f2ec76f269393ff33def8a21551fbd1 "
    "ab6e361bbf712a9bada1146fc6502066e3b9fc7b3c57d5e4d62abe1bad4a3d9ffd0450280d489fdb3ea3b9d7efd15486"
    "\n"
    "CLIENT_TRAFFIC_SECRET_0 "
    "d4db86897bc5ed5a52f5018a9414965d5f2ec76f269393ff33def8a21551fbd1 "
    "b3d2ca2d24670e05afd4318b31aa13461f074ec4545e03315a455d5c95b24337623b5aedf0f4fe8bdfe5955f5d7d3377"
    "\n";

#ifdef HAVE_LIBSSL

using test::Libssl;
using test::TlsPair;
using test::TlsSetup;
using test::TlsTalk;

bool oracle_missing() {
  if (Libssl::get() != nullptr) return false;
  WARN("libssl.so.3 is not installed: comparison skipped");
  return true;
}

// step: bytes at a time; 0 feeds segments whole.
void replay(const TlsTalk& talk, TlsConnection& connection, Heard& heard, std::size_t step = 0) {
  const auto sink = heard.sink();
  std::uint64_t number = 0;
  for (const auto& segment : talk.segments) {
    ++number;
    ByteView rest{segment.bytes};
    while (!rest.empty()) {
      const std::size_t n = step == 0 ? rest.size() : std::min(step, rest.size());
      connection.feed(segment.direction, rest.first(n), 0, frame(number), sink);
      rest = rest.subspan(n);
    }
  }
}

bool talk_about(TlsTalk& talk) {
  return talk.handshake() && talk.say(0, "INVITE sip:a@example.test SIP/2.0\r\n\r\n") &&
         talk.say(1, "SIP/2.0 200 OK\r\n\r\n") && talk.say(0, "ACK") && talk.say(1, std::string(20000, 'x')) &&
         talk.say(0, std::string(333, 'y'));
}

void check_opened(const TlsTalk& talk, const Heard& heard, const TlsConnection& connection) {
  CHECK(heard.text[0] == talk.said[0]);
  CHECK(heard.text[1] == talk.said[1]);
  CHECK(heard.gaps[0] + heard.gaps[1] == 0);
  CHECK(connection.opened());
  CHECK(connection.established());
  CHECK_FALSE(connection.gave_up());
  CHECK(connection.records_unopened() == 0);
  CHECK(tls::cipher_suite_name(connection.info().cipher_suite) == talk.suite());
}

// All suites of a version, OpenSSL's names, without those that need more than a certificate or a PSK.
std::vector<std::string> suites(int version) {
  TlsPair pair{{.version = version}};
  std::vector<std::string> names;
  auto* list = Libssl::get()->get_ciphers(pair.context(0));
  for (int i = 0; i < sk_SSL_CIPHER_num(list); ++i) {
    const auto* cipher = sk_SSL_CIPHER_value(list, i);
    const std::string standard = Libssl::get()->cipher_name(cipher);
    if (standard.find("SRP") != std::string::npos || standard.find("_WITH_") == std::string::npos) continue;
    names.emplace_back(Libssl::get()->cipher_openssl_name(cipher));
  }
  return names;
}

#endif

}  // namespace

#ifdef HAVE_LIBSSL

TEST_CASE("TLS 1.2 is opened in every suite that OpenSSL offers, with and without encrypt-then-MAC", "[tls]") {
  if (oracle_missing()) return;
  int opened = 0;
  for (const std::string& name : suites(TLS1_2_VERSION)) {
    const bool cbc = name.find("GCM") == std::string::npos && name.find("CCM") == std::string::npos &&
                     name.find("CHACHA") == std::string::npos;
    for (const bool etm : {true, false}) {
      if (!etm && !cbc) continue;
      TlsPair pair{{.cipher = name,
                    .options = etm ? 0 : SSL_OP_NO_ENCRYPT_THEN_MAC,
                    .ecdsa = name.find("ECDSA") != std::string::npos}};
      INFO(name << (etm ? "" : " without EtM"));
      TlsTalk talk{pair};
      if (!pair.good() || !talk.handshake()) continue;  // anonymous and others that this pair can't do
      REQUIRE(talk_about(talk));
      TlsContext context;
      CHECK(context.keys.add(talk.keylog) >= 1);
      TlsConnection connection{context};
      Heard heard;
      replay(talk, connection, heard);
      check_opened(talk, heard, connection);
      ++opened;
    }
  }
  CHECK(opened > 120);
}

TEST_CASE("TLS 1.0 and 1.1 are opened, and their CBC chains survive a split at every byte", "[tls]") {
  if (oracle_missing()) return;
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    for (const char* name : {"AES128-SHA", "ECDHE-RSA-AES256-SHA", "CAMELLIA128-SHA", "DHE-RSA-AES256-SHA"}) {
      for (const std::uint64_t options : {std::uint64_t{0}, std::uint64_t{SSL_OP_NO_ENCRYPT_THEN_MAC},
                                          std::uint64_t{SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS}}) {
        INFO(version << " " << name << " " << options);
        TlsPair pair{{.version = version, .cipher = name, .options = options}};
        TlsTalk talk{pair};
        REQUIRE(talk_about(talk));
        TlsContext context;
        context.keys.add(talk.keylog);
        TlsConnection connection{context};
        Heard heard;
        replay(talk, connection, heard, 1);
        check_opened(talk, heard, connection);
        CHECK(connection.info().version == version);
      }
    }
  }
}

TEST_CASE("TLS 1.3 is opened in every suite, also after a HelloRetryRequest and with client certificates", "[tls]") {
  if (oracle_missing()) return;
  for (const char* name : {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
                           "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"}) {
    for (const bool more : {false, true}) {
      INFO(name << more);
      TlsPair pair{{.version = TLS1_3_VERSION, .cipher13 = name, .client_certificate = more, .ask_retry = more}};
      TlsTalk talk{pair};
      REQUIRE(talk_about(talk));
      TlsContext context;
      context.keep_certificates = true;
      CHECK(context.keys.add(talk.keylog) >= 5);
      TlsConnection connection{context};
      Heard heard;
      replay(talk, connection, heard, more ? 1 : 0);
      check_opened(talk, heard, connection);
      const auto& info = connection.info();
      CHECK(info.version == 0x0304);
      CHECK(info.client_version == 0x0304);
      CHECK(info.server_name == "sip.example.test");
      CHECK(info.alpn == "sip");
      CHECK(info.group == (more ? 24 : 29));
      CHECK(info.client_certificate_requested == more);
      REQUIRE(info.server_certificates.size() == 1);
      CHECK(info.server_certificates[0] == pair.server_certificate());
      CHECK(info.client_certificates.size() == (more ? 1U : 0U));
    }
  }
}

TEST_CASE("what TLS 1.2 tells in clear is kept: name, ALPN, group, certificates, DH size", "[tls]") {
  if (oracle_missing()) return;
  for (const bool dhe : {false, true}) {
    TlsPair pair{
        {.cipher = dhe ? "DHE-RSA-AES128-GCM-SHA256" : "ECDHE-RSA-AES128-GCM-SHA256", .client_certificate = true}};
    TlsTalk talk{pair};
    REQUIRE(talk_about(talk));
    TlsContext context;  // no keys at all
    context.keep_certificates = true;
    TlsConnection connection{context};
    Heard heard;
    replay(talk, connection, heard);
    const auto& info = connection.info();
    CHECK(connection.handshake_seen());
    CHECK(connection.established());
    CHECK_FALSE(connection.opened());
    CHECK(info.server_name == "sip.example.test");
    CHECK(info.alpn == "sip");
    CHECK(info.version == 0x0303);
    CHECK((dhe ? info.dh_prime_bits >= 1024 && info.group == 0 : info.group != 0));
    CHECK(info.client_certificate_requested);
    REQUIRE(info.server_certificates.size() == 1);
    CHECK(info.server_certificates[0] == pair.server_certificate());
    CHECK(info.client_certificates.size() == 1);
    CHECK_FALSE(info.offered_suites.empty());
    CHECK(heard.text[0].empty());
    connection.finish(heard.sink());
    CHECK(connection.records_unopened() > 4);
    CHECK(context.held_bytes == 0);
  }
}

TEST_CASE("keys that come late open what was held, in the order of the capture and with its frames", "[tls]") {
  if (oracle_missing()) return;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPair pair{{.version = version}};
    TlsTalk talk{pair};
    REQUIRE(talk_about(talk));
    const std::size_t before = talk.segments.size();
    REQUIRE(talk.say(0, "late"));
    TlsContext context;
    TlsConnection connection{context};
    Heard heard, reference;
    const auto sink = heard.sink();
    for (std::size_t i = 0; i < before; ++i) {
      connection.feed(talk.segments[i].direction, talk.segments[i].bytes, 0, frame(i + 1), sink);
    }
    CHECK(heard.order.empty());
    CHECK(connection.held_bytes() > 0);
    CHECK(context.held_bytes >= connection.held_bytes());
    // Line by line, as a growing log would: with some of them there, nothing may be lost.
    std::string_view log{talk.keylog};
    for (std::size_t end = 0; (end = log.find('\n')) != std::string_view::npos; log.remove_prefix(end + 1)) {
      context.keys.add(log.substr(0, end));
      connection.retry(sink);
    }
    CHECK(connection.held_bytes() == 0);
    for (std::size_t i = before; i < talk.segments.size(); ++i) {
      connection.feed(talk.segments[i].direction, talk.segments[i].bytes, 0, frame(i + 1), sink);
    }
    check_opened(talk, heard, connection);
    TlsContext early;
    early.keys.add(talk.keylog);
    TlsConnection other{early};
    replay(talk, other, reference);
    CHECK(heard.order == reference.order);
    CHECK(heard.frames == reference.frames);
    CHECK(context.held_bytes == 0);
  }
}

TEST_CASE("an RSA server key opens RSA key exchange, with and without extended master secret, and its resumption",
          "[tls]") {
  if (oracle_missing()) return;
  for (const std::uint64_t options :
       {std::uint64_t{0}, std::uint64_t{SSL_OP_NO_EXTENDED_MASTER_SECRET}, std::uint64_t{SSL_OP_NO_TICKET}}) {
    for (const int version : {TLS1_VERSION, TLS1_2_VERSION}) {
      TlsPair pair{{.version = version,
                    .cipher = version == TLS1_VERSION ? "AES128-SHA" : "AES256-GCM-SHA384",
                    .options = options,
                    .client_certificate = true}};
      TlsContext context;
      TlsPair stranger{{}};
      REQUIRE(context.keys.add_rsa_key(stranger.server_key_pem()).ok());
      REQUIRE(context.keys.add_rsa_key(pair.server_key_pem()).ok());
      TlsTalk talk{pair};
      REQUIRE(talk_about(talk));
      talk.keep_session();
      {
        TlsConnection connection{context};
        Heard heard;
        replay(talk, connection, heard);
        check_opened(talk, heard, connection);
        CHECK_FALSE(connection.info().resumed);
      }
      TlsTalk again{pair};
      REQUIRE(talk_about(again));
      REQUIRE(again.resumed());
      TlsConnection connection{context};
      Heard heard;
      replay(again, connection, heard);
      check_opened(again, heard, connection);
      CHECK(connection.info().resumed);
    }
  }
}

TEST_CASE("resumed sessions are opened from their own lines of one key log", "[tls]") {
  if (oracle_missing()) return;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::uint64_t options : {std::uint64_t{0}, std::uint64_t{SSL_OP_NO_TICKET}}) {
      TlsPair pair{{.version = version, .options = options}};
      TlsTalk first{pair};
      REQUIRE(talk_about(first));
      first.keep_session();
      TlsTalk second{pair};
      REQUIRE(talk_about(second));
      CHECK(second.resumed());
      TlsContext context;
      context.keys.add("# two sessions\r\n" + first.keylog + "\r\nnonsense\n" + second.keylog);
      for (const TlsTalk* talk : {&second, &first}) {
        TlsConnection connection{context};
        Heard heard;
        replay(*talk, connection, heard);
        check_opened(*talk, heard, connection);
        CHECK(connection.info().resumed == (talk == &second));
      }
    }
  }
}

TEST_CASE("key updates of TLS 1.3 are followed, in either direction and back to back", "[tls]") {
  if (oracle_missing()) return;
  TlsPair pair{{.version = TLS1_3_VERSION}};
  TlsTalk talk{pair};
  REQUIRE(talk_about(talk));
  for (int i = 0; i < 3; ++i) {
    REQUIRE(talk.update_keys(0, i == 1));
    REQUIRE(talk.say(0, "after client update " + std::to_string(i)));
    REQUIRE(talk.say(1, "answer"));
    REQUIRE(talk.update_keys(1, false));
    REQUIRE(talk.say(1, "after server update"));
    REQUIRE(talk.say(0, "still there"));
  }
  TlsContext context;
  context.keys.add(talk.keylog);
  TlsConnection connection{context};
  Heard heard;
  replay(talk, connection, heard, 7);
  check_opened(talk, heard, connection);
}

TEST_CASE("renegotiation in TLS 1.2 changes to the new keys", "[tls]") {
  if (oracle_missing()) return;
  for (const char* name : {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-SHA384"}) {
    TlsPair pair{{.cipher = name}};
    TlsTalk talk{pair};
    REQUIRE(talk_about(talk));
    REQUIRE(talk.renegotiate());
    REQUIRE(talk.say(0, "after"));
    REQUIRE(talk.say(1, "too"));
    TlsContext context;
    context.keys.add(talk.keylog);
    CHECK(context.keys.sessions() == 2);
    TlsConnection connection{context};
    Heard heard;
    replay(talk, connection, heard);
    check_opened(talk, heard, connection);
  }
}

TEST_CASE("after lost bytes the stream is taken up again at the next whole record, and the gap is told", "[tls]") {
  if (oracle_missing()) return;
  struct Case {
    int version;
    const char* cipher;
    std::uint64_t options;
  };
  const Case cases[] = {{TLS1_3_VERSION, "", 0},
                        {TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", 0},
                        {TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305", 0},
                        {TLS1_2_VERSION, "ECDHE-RSA-AES256-SHA", 0},
                        {TLS1_2_VERSION, "ECDHE-RSA-AES256-SHA", SSL_OP_NO_ENCRYPT_THEN_MAC},
                        {TLS1_VERSION, "ECDHE-RSA-AES256-SHA", SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS}};
  for (const Case& c : cases) {
    TlsSetup setup{.version = c.version, .options = c.options};
    if (*c.cipher != '\0') setup.cipher = c.cipher;
    TlsPair pair{setup};
    TlsTalk talk{pair};
    REQUIRE(talk.handshake());
    REQUIRE(talk.say(0, "hello"));
    const std::size_t first = talk.segments.size();
    for (int i = 0; i < 60; ++i) REQUIRE(talk.say(0, "message " + std::to_string(i) + "\n"));
    INFO(c.version << " " << c.cipher);
    // Lost: the segments of messages 10 to 39, and cut into the ones around them.
    for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{9}}) {
      TlsContext context;
      context.keys.add(talk.keylog);
      TlsConnection connection{context};
      Heard heard;
      const auto sink = heard.sink();
      std::uint64_t lost = 0;
      for (std::size_t i = 0; i < talk.segments.size(); ++i) {
        const auto& segment = talk.segments[i];
        ByteView bytes{segment.bytes};
        if (i >= first + 10 && i < first + 40) {
          lost += bytes.size();
          continue;
        }
        if (i == first + 40) {
          lost += cut;
          bytes = bytes.subspan(cut);
        }
        connection.feed(segment.direction, bytes, lost, frame(i + 1), sink);
        lost = 0;
      }
      // Of TLS 1.0 one record more goes, for it begins the chain anew.
      const int from = (cut == 0 ? 40 : 41) + (c.version == TLS1_VERSION ? 1 : 0);
      std::string expected = "hello";
      for (int i = 0; i < 60; ++i) {
        if (i < 10 || i >= from) expected += "message " + std::to_string(i) + "\n";
      }
      CHECK(heard.text[0] == expected);
      CHECK(heard.gaps[0] == 1);
      CHECK_FALSE(connection.gave_up());
    }
  }
}

TEST_CASE("a lost end of the handshake does not cost the application data", "[tls]") {
  if (oracle_missing()) return;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPair pair{{.version = version}};
    TlsTalk talk{pair};
    REQUIRE(talk_about(talk));
    // The client's second flight holds its Finished.
    std::size_t flight = 0;
    for (std::size_t i = 0, seen = 0; i < talk.segments.size(); ++i) {
      if (talk.segments[i].direction == 0 && ++seen == 2) flight = i;
    }
    TlsContext context;
    context.keys.add(talk.keylog);
    TlsConnection connection{context};
    Heard heard;
    const auto sink = heard.sink();
    std::uint64_t lost = 0;
    for (std::size_t i = 0; i < talk.segments.size(); ++i) {
      const auto& segment = talk.segments[i];
      if (i == flight) {
        lost = segment.bytes.size();
        continue;
      }
      const std::uint64_t missing = segment.direction == 0 ? std::exchange(lost, 0) : 0;
      connection.feed(segment.direction, segment.bytes, missing, frame(i + 1), sink);
    }
    INFO(version);
    CHECK(heard.text[0] == talk.said[0]);
    CHECK(heard.text[1] == talk.said[1]);
  }
}

TEST_CASE("wrong keys open nothing, and the right ones that follow open all", "[tls]") {
  if (oracle_missing()) return;
  TlsPair pair{{}};
  TlsTalk talk{pair};
  REQUIRE(talk_about(talk));
  std::string wrong = talk.keylog;
  wrong[wrong.size() - 2] = wrong[wrong.size() - 2] == '0' ? '1' : '0';
  TlsContext context;
  CHECK(context.keys.add(wrong) == 1);
  CHECK(context.keys.add(wrong) == 0);
  TlsConnection connection{context};
  Heard heard;
  replay(talk, connection, heard);
  CHECK_FALSE(connection.opened());
  CHECK(context.keys.add(talk.keylog) == 1);
  connection.retry(heard.sink());
  check_opened(talk, heard, connection);
}

TEST_CASE("a changed byte in a record costs that record alone", "[tls]") {
  if (oracle_missing()) return;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPair pair{{.version = version}};
    TlsTalk talk{pair};
    REQUIRE(talk_about(talk));
    const std::size_t target = talk.segments.size();
    REQUIRE(talk.say(0, "damaged"));
    REQUIRE(talk.say(0, "whole"));
    std::string expected = talk.said[0];
    expected.erase(expected.find("damaged"), 7);
    talk.segments[target].bytes.back() ^= 1;
    TlsContext context;
    context.keys.add(talk.keylog);
    TlsConnection connection{context};
    Heard heard;
    replay(talk, connection, heard);
    CHECK(heard.text[0] == expected);
    CHECK(heard.gaps[0] == 1);
    CHECK(connection.records_unopened() == 1);
  }
}

TEST_CASE("what is held for want of keys is bounded, for one connection and for all", "[tls]") {
  if (oracle_missing()) return;
  TlsPair pair{{}};
  TlsTalk talk{pair};
  REQUIRE(talk_about(talk));
  for (int i = 0; i < 20; ++i) REQUIRE(talk.say(0, std::string(16000, 'z')));
  TlsContext context;
  context.max_held_per_connection = 100000;
  context.max_held_bytes = 150000;
  TlsConnection one{context}, two{context};
  Heard heard;
  const auto sink = heard.sink();
  std::size_t most = 0;
  for (std::size_t i = 0; i < talk.segments.size(); ++i) {
    for (TlsConnection* connection : {&one, &two}) {
      connection->feed(talk.segments[i].direction, talk.segments[i].bytes, 0, frame(i), sink);
      most = std::max(most, connection->held_bytes());
    }
    CHECK(context.held_bytes <= 150000);
  }
  CHECK(most <= 100000);
  CHECK(one.gave_up());
  CHECK(two.gave_up());
  CHECK(context.held_bytes == 0);
  CHECK(one.records_unopened() > 0);
}

TEST_CASE("no cut of a recorded session crashes, and none makes text that was not said", "[tls]") {
  if (oracle_missing()) return;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPair pair{{.version = version}};
    TlsTalk talk{pair};
    REQUIRE((talk.handshake() && talk.say(0, "abc") && talk.say(1, "def")));
    std::uint32_t random = 12345;
    for (int round = 0; round < 300; ++round) {
      TlsContext context;
      context.keys.add(talk.keylog);
      TlsConnection connection{context};
      Heard heard;
      const auto sink = heard.sink();
      for (const auto& segment : talk.segments) {
        Bytes bytes = segment.bytes;
        random = random * 1664525 + 1013904223;
        const std::size_t at = (random >> 8) % bytes.size();
        if (round % 3 == 0) bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << (random % 8)));
        if (round % 3 == 1) bytes.resize(at);
        std::uint64_t lost = round % 3 == 2 && (random >> 20) % 4 == 0 ? 10 : 0;
        connection.feed(segment.direction, bytes, lost, frame(1), sink);
      }
      connection.finish(sink);
      CHECK((heard.text[0].empty() || heard.text[0] == "abc"));
      CHECK((heard.text[1].empty() || heard.text[1] == "def"));
    }
  }
}

#else

TEST_CASE("comparison with OpenSSL's TLS is built", "[tls]") {
  WARN("openssl/ssl.h was not found when this was built: comparison skipped");
}

#endif

TEST_CASE("a connection that is not TLS, or that starts in the middle, is given up at once", "[tls]") {
  for (const char* start : {"INVITE sip:a@b SIP/2.0\r\n", "\x17\x03\x03\x00\x05hello", "\x14\x03\x03\x00\x01\x01"}) {
    TlsContext context;
    TlsConnection connection{context};
    Heard heard;
    connection.feed(0, as_bytes(std::string_view(start, 10)), 0, frame(1), heard.sink());
    CHECK(connection.gave_up());
    CHECK_FALSE(connection.handshake_seen());
    CHECK(heard.order.empty());
  }
  CHECK(TlsConnection::looks_like_tls(Bytes{0x16, 3, 1, 2, 0, 1}));
  CHECK_FALSE(TlsConnection::looks_like_tls(Bytes{0x16, 3, 1, 2, 0, 14}));
  CHECK_FALSE(TlsConnection::looks_like_tls(as_bytes("INVITE")));
}

TEST_CASE("early data of TLS 1.3 is opened, and without its secret the rest still is", "[tls]") {
  for (const bool early_secret : {true, false}) {
    for (const bool late_keys : {false, true}) {
      std::string log{kEarlyKeys};
      if (!early_secret)
        log.erase(log.find("CLIENT_EARLY"), log.find('\n', log.find("CLIENT_EARLY")) - log.find("CLIENT_EARLY"));
      TlsContext context;
      if (!late_keys) context.keys.add(log);
      TlsConnection connection{context};
      Heard heard;
      for (const Recorded& segment : kEarlySession) {
        const auto bytes = decode_hex(segment.hex);
        REQUIRE(bytes.has_value());
        connection.feed(segment.direction, *bytes, 0, frame(1), heard.sink());
      }
      context.keys.add(log);
      connection.finish(heard.sink());
      CHECK(heard.text[0] == std::string(early_secret ? "REGISTER early" : "") + "after the handshake");
      CHECK(heard.text[1].empty());
      CHECK(connection.info().resumed);
      CHECK(connection.records_unopened() == (early_secret ? 0U : 2U));  // and EndOfEarlyData
    }
  }
}

TEST_CASE("a channel gives plaintext with the frame and addresses of its record, and tells client from server",
          "[tls]") {
  struct Plain final : dissect::SecureChannel::Sink {
    std::string text;
    std::vector<std::uint64_t> frames;
    std::vector<std::uint16_t> ports;
    void on_plain(const net::StreamChunk& origin, ByteView plain, bool lost) override {
      CHECK_FALSE(lost);
      text += as_text(plain);
      frames.push_back(origin.frame.number);
      ports.push_back(origin.src.port());
    }
  };
  for (const bool late_keys : {false, true}) {
    TlsContext context;
    if (!late_keys) context.keys.add(kEarlyKeys);
    dissect::TlsChannel channel{context};
    Plain plain;
    std::uint64_t number = 0;
    for (const Recorded& segment : kEarlySession) {
      const auto bytes = *decode_hex(segment.hex);
      net::StreamChunk chunk;
      chunk.direction = segment.direction;
      chunk.src = segment.direction == 0 ? kClientEnd : kServerEnd;
      chunk.dst = segment.direction == 0 ? kServerEnd : kClientEnd;
      chunk.bytes = bytes;
      chunk.frame = frame(++number);
      channel.feed(chunk, plain);
    }
    if (late_keys) {
      CHECK(plain.text.empty());
      CHECK(channel.held() > 0);
      context.keys.add(kEarlyKeys);
      channel.finish(plain);
    }
    CHECK(channel.held() == 0);
    CHECK(plain.text == "REGISTER earlyafter the handshake");
    CHECK(plain.frames == std::vector<std::uint64_t>{1, 5});
    CHECK(plain.ports == std::vector<std::uint16_t>{50000, 50000});
    dissect::TlsFlow flow;
    channel.describe(flow);
    CHECK(flow.opened);
    CHECK(flow.version == 0x0304);
    CHECK(flow.cipher_suite == 0x1302);
    CHECK(flow.client == kClientEnd);
    CHECK(flow.server == kServerEnd);
  }
}
