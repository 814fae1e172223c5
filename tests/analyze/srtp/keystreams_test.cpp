#include "analyze/srtp/keystreams.h"

#include <catch2/catch.hpp>

#include <vector>

#include "analyze/srtp/copies.h"
#include "analyze/srtp/sip_facts.h"

using namespace voip;
using namespace voip::analyze::srtp;

namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint8_t next(std::uint64_t& state) {
  // splitmix64: seeds that lie side by side give bytes that have nothing in common.
  std::uint64_t mixed = state += 0x9e3779b97f4a7c15U;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
  return static_cast<std::uint8_t>((mixed ^ (mixed >> 31)) >> 56);
}

Bytes random_bytes(std::uint64_t seed, std::size_t size = 170) {
  std::uint64_t state = seed << 32;
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = next(state);
  return bytes;
}

// A voice has few values near each other; `seed` tells which voice.
Bytes voice(std::uint64_t seed) {
  Bytes bytes = random_bytes(seed, 170);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(0xe0 + byte % 24);
  return bytes;
}

FrameRef frame_at(std::uint64_t number, double seconds) {
  return {.input = 0, .number = number, .time = {1'700'000'000'000'000'000 + static_cast<std::int64_t>(seconds * 1e9)}};
}

// Packets of one stream: keystream by `key` and sequence number, XOR a voice.
void send(KeystreamWatch& watch, std::uint64_t key, std::uint64_t speaker, double from, unsigned count) {
  watch.begin("call" + std::to_string(speaker));
  for (unsigned i = 0; i < count; ++i) {
    Bytes bytes = random_bytes(key * 100'000 + i);
    const Bytes spoken = voice(50'000'000 + speaker * 100'000 + i);
    for (std::size_t k = 0; k < bytes.size(); ++k) bytes[k] = static_cast<std::uint8_t>(bytes[k] ^ spoken[k]);
    watch.add(static_cast<std::uint16_t>(i), bytes, frame_at(i + 1, from + i * 0.02));
  }
  watch.settle();
}

}  // namespace

TEST_CASE("a keystream that serves two voices shows in the XOR of their packets, another does not", "[srtp]") {
  for (const bool same : {true, false}) {
    KeystreamWatch watch;
    send(watch, 1, 1, 0, 120);
    send(watch, same ? 1 : 2, 2, 60, 120);
    REQUIRE(watch.found.size() == (same ? 1U : 0U));
    if (!same) continue;
    CHECK(watch.found[0].pairs == 120);
    CHECK(watch.found[0].call_id == "call2");
    CHECK(watch.found[0].chi_square > 500);
  }
}

TEST_CASE("too short an overlap says nothing of keystreams", "[srtp]") {
  KeystreamWatch watch;
  send(watch, 1, 1, 0, 120);
  send(watch, 1, 2, 60, 90);  // 14400 bytes
  CHECK(watch.found.empty());
}

TEST_CASE("the same packets again are no second use of the keystream", "[srtp]") {
  KeystreamWatch watch;
  send(watch, 1, 1, 0, 120);
  send(watch, 1, 1, 60, 120);
  CHECK(watch.found.empty());
}

TEST_CASE("only what looks random and is as long as PCM is watched", "[srtp]") {
  CHECK(KeystreamTable::fits(random_bytes(1, 170)));
  CHECK(KeystreamTable::fits(random_bytes(1, 90)));
  CHECK_FALSE(KeystreamTable::fits(voice(1)));
  CHECK_FALSE(KeystreamTable::fits(random_bytes(1, 40)));
  CHECK_FALSE(KeystreamTable::fits(random_bytes(1, 1200)));
}

namespace {

CopyTable::Clear clear_stream(CopyTable& table, double from, unsigned count, std::uint64_t seed) {
  CopyTable::Clear clear;
  clear.print = std::make_unique<PayloadPrint>(table.prints);
  for (unsigned i = 0; i < count; ++i)
    clear.print->add(random_bytes(seed + i, 160), frame_at(1000 + i, from + i * 0.02));
  clear.orphan = true;
  return clear;
}

void add_sealed(CopyTable& table, unsigned count, std::uint64_t seed, std::uint64_t stream) {
  for (unsigned i = 0; i < count; i += 8) {
    table.add_sealed({.digest = PayloadPrint::digest_of(random_bytes(seed + i, 160)),
                      .frame = frame_at(i + 1, i * 0.02),
                      .call = 7,
                      .stream = stream});
  }
}

}  // namespace

TEST_CASE("decrypted payloads are found again in a clear stream of the same time", "[srtp]") {
  CopyTable table;
  add_sealed(table, 100, 500, 1);
  table.add_clear(clear_stream(table, 0.3, 100, 500));   // a copy
  table.add_clear(clear_stream(table, 0.3, 100, 9000));  // another voice
  table.add_clear(clear_stream(table, 60, 100, 500));    // the copy a minute later: an announcement, played again
  const auto copies = table.find();
  REQUIRE(copies.size() == 1);
  CHECK(copies[0].call == 7);
  CHECK(copies[0].matches == 13);
}

TEST_CASE("a tone, whose payloads come again and again, ties nothing", "[srtp]") {
  CopyTable table;
  for (unsigned i = 0; i < 30; ++i) {
    table.add_sealed({.digest = PayloadPrint::digest_of(random_bytes(i % 3, 160)),
                      .frame = frame_at(i + 1, i * 0.02),
                      .call = 7,
                      .stream = 1});
  }
  CopyTable::Clear clear;
  clear.print = std::make_unique<PayloadPrint>(table.prints);
  for (unsigned i = 0; i < 30; ++i) clear.print->add(random_bytes(i % 3, 160), frame_at(100 + i, i * 0.02));
  clear.orphan = true;
  table.add_clear(std::move(clear));
  CHECK(table.find().empty());
}

TEST_CASE("silence and short payloads have no print", "[srtp]") {
  CHECK(PayloadPrint::digest_of(Bytes(160, 0xff)) == 0);
  CHECK(PayloadPrint::digest_of(random_bytes(1, 10)) == 0);
  CHECK(PayloadPrint::digest_of(random_bytes(1, 33)) != 0);
}

TEST_CASE("samples of a long stream are thinned out and given back", "[srtp]") {
  std::size_t held = 0;
  {
    SealedSamples samples(held);
    for (unsigned i = 0; i < 100'000; ++i) samples.add(random_bytes(i, 172), 12, frame_at(i + 1, i * 0.02));
    CHECK(held > 30 * 172);
    CHECK(held < 64 * 172);
  }
  CHECK(held == 0);
}

TEST_CASE("a vendor is the first word of the User-Agent", "[srtp]") {
  sip::Parser parser;
  const auto of = [&](const std::string& headers) {
    const std::string text =
        "OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nMax-Forwards: 70\r\nFrom: "
        "<sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n" +
        headers + "Content-Length: 0\r\n\r\n";
    const auto parsed = parser.parse(as_bytes(text));
    REQUIRE(parsed.ok());
    return vendor_of(*parsed);
  };
  CHECK(of("User-Agent: Yealink SIP-T46G 28.83\r\n") == "yealink");
  CHECK(of("Server: Asterisk PBX 18\r\n") == "asterisk");
  CHECK(of("User-Agent: 3CXPhone\r\n").empty());
  CHECK(of("").empty());
}
