#include "crypto/srtp_search.h"

#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include "crypto/digest.h"

using namespace voip;
using crypto::KeySearch;
using crypto::SrtpKey;
using Verdict = crypto::KeySearch::Verdict;
using Bytes = std::vector<std::uint8_t>;

namespace {

const crypto::SrtpSuite& suite(std::string_view name) { return *crypto::srtp_suite_by_sdes_name(name); }

// A sender of NULL_HMAC packets made with the library's plain HMAC.
struct Sender {
  std::uint8_t seed;
  const char* name = "NULL_HMAC_SHA1_80";

  Bytes master() const { return Bytes(16, seed); }
  std::shared_ptr<SrtpKey> key() const {
    auto made = SrtpKey::make(suite(name), master(), Bytes(14, seed));
    REQUIRE(made.ok());
    return std::make_shared<SrtpKey>(std::move(*made));
  }
  Bytes packet(std::uint32_t roc, std::uint16_t sequence) const {
    const auto keys =
        crypto::derive_srtp_session_keys(suite(name), master(), Bytes(14, seed), crypto::SrtpTraffic::kRtp);
    Bytes bytes{
        0x80, 0, static_cast<std::uint8_t>(sequence >> 8), static_cast<std::uint8_t>(sequence), 1, 2, 3, 4, 5, 6, 7,
        8,    9};
    Bytes all = bytes;
    for (int shift = 24; shift >= 0; shift -= 8) all.push_back(static_cast<std::uint8_t>(roc >> shift));
    const auto tag = crypto::hmac(crypto::Hash::kSha1, keys->auth_key, all);
    bytes.insert(bytes.end(), tag.bytes.begin(),
                 tag.bytes.begin() + static_cast<std::ptrdiff_t>(suite(name).rtp_tag_size));
    return bytes;
  }
};

}  // namespace

TEST_CASE("three different packets prove a key of 80 bits, and the same packet again does not", "[srtp][search]") {
  const Sender wrong{1}, right{2};
  KeySearch search;
  search.add(wrong.key());
  search.add(right.key());
  for (int i = 0; i < 5; ++i) CHECK(search.check(right.packet(0, 7), 12).verdict == Verdict::kValid);
  CHECK_FALSE(search.proven().has_value());
  CHECK_FALSE(search.check(right.packet(0, 8), 12).newly_proven);
  const auto third = search.check(right.packet(0, 9), 12);
  CHECK((third.newly_proven && third.candidate == 1));
  CHECK(search.proven() == 1U);
}

TEST_CASE("eight packets prove a key of 32 bits, seven do not", "[srtp][search]") {
  const Sender sender{3, "NULL_HMAC_SHA1_32"};
  KeySearch search;
  search.add(sender.key());
  for (std::uint16_t i = 1; i <= 7; ++i) search.check(sender.packet(0, i), 12);
  CHECK_FALSE(search.proven().has_value());
  search.check(sender.packet(0, 8), 12);
  CHECK(search.proven() == 0U);
}

TEST_CASE("a stream that is first seen at ROC 8 is found, at ROC 9 it is not", "[srtp][search]") {
  const Sender sender{4};
  for (const std::uint32_t roc : {8U, 9U}) {
    KeySearch search;
    search.add(sender.key());
    for (std::uint16_t i = 0; i < 10; ++i) {
      const auto check = search.check(sender.packet(roc, i), 12);
      CHECK((check.verdict == Verdict::kValid) == (roc == 8));
      if (roc == 8) CHECK(check.roc == 8);
    }
  }
}

TEST_CASE("higher counters are tried once where nothing fits for long, as far as the attempts allow",
          "[srtp][search]") {
  const Sender sender{14};
  const Sender other{15};
  const auto proven = [&](std::uint64_t attempts, unsigned packets) {
    KeySearch search({.far_roc = 300, .far_attempts = &attempts});
    search.add(other.key());
    search.add(sender.key());
    for (std::uint16_t i = 0; i < packets; ++i) search.check(sender.packet(290, i), 12);
    CHECK(search.tried_roc() == 8);  // the second key is not through, or was found on the way
    return search.proven() == 1U;
  };
  CHECK(proven(1000, 66));
  CHECK_FALSE(proven(1000, 63));
  CHECK_FALSE(proven(500, 66));

  std::uint64_t attempts = 600;
  KeySearch search({.far_roc = 300, .far_attempts = &attempts});
  search.add(other.key());
  search.add(sender.key());
  CHECK(search.try_far(sender.packet(301, 1), 12).verdict == Verdict::kUnknown);
  CHECK(search.tried_roc() == 300);
  CHECK(attempts == 600 - 2 * 292);
  CHECK(search.try_far(sender.packet(299, 1), 12).verdict == Verdict::kUnknown);  // once
  CHECK(attempts == 600 - 2 * 292);
}

TEST_CASE("the ROC is followed over the wrap, with late packets, at one tag a packet", "[srtp][search]") {
  const Sender sender{5};
  KeySearch search;
  search.add(sender.key());
  for (std::uint32_t index = 65500; index < 65600; ++index) {
    const std::uint32_t late = index == 65560 ? 65530 : index;  // one from before the wrap
    const auto check = search.check(sender.packet(late >> 16, static_cast<std::uint16_t>(late)), 12);
    CHECK(check.verdict == Verdict::kValid);
    CHECK(check.roc == late >> 16);
  }
  CHECK(search.attempts() == 0);
}

TEST_CASE("a proven key is kept however many packets fail", "[srtp][search]") {
  const Sender sender{6};
  KeySearch search;
  search.add(sender.key());
  std::uint16_t sequence = 0;
  for (int i = 0; i < 3; ++i) search.check(sender.packet(0, ++sequence), 12);
  for (int i = 0; i < 5000; ++i) {
    Bytes bad = sender.packet(0, ++sequence);
    bad[12] ^= 1;
    CHECK(search.check(bad, 12).verdict == Verdict::kInvalid);
  }
  CHECK(search.proven() == 0U);
  CHECK(search.check(sender.packet(0, ++sequence), 12).verdict == Verdict::kValid);
}

TEST_CASE("a gap of more than half the sequence numbers is bridged after a few failures", "[srtp][search]") {
  const Sender sender{7};
  KeySearch search;
  search.add(sender.key());
  for (std::uint16_t i = 0; i < 3; ++i) search.check(sender.packet(0, i), 12);
  int valid = 0;
  for (std::uint16_t i = 50000; i < 50040; ++i) {
    if (search.check(sender.packet(2, i), 12).verdict == Verdict::kValid) ++valid;
  }
  CHECK(valid >= 30);
}

TEST_CASE("a second key takes over once it is proven, and only then", "[srtp][search]") {
  const Sender before{8}, after{9};
  KeySearch search;
  search.add(before.key());
  for (std::uint16_t i = 0; i < 5; ++i) search.check(before.packet(0, i), 12);
  search.add(after.key());
  CHECK(search.check(after.packet(0, 5), 12).candidate == 1);
  CHECK(search.proven() == 0U);
  search.check(after.packet(0, 6), 12);
  CHECK(search.check(after.packet(0, 7), 12).newly_proven);
  CHECK(search.proven() == 1U);
  CHECK(search.check(before.packet(0, 8), 12).verdict == Verdict::kValid);  // the other side was late to change
}

TEST_CASE("work on a stream that fits no key is bounded, and starts anew with a new candidate", "[srtp][search]") {
  const Sender stranger{10}, late{11};
  KeySearch search{{.max_roc = 8, .max_candidates = 4, .max_attempts = 1000}};
  for (std::uint8_t i = 0; i < 3; ++i) CHECK(search.add(Sender{static_cast<std::uint8_t>(20 + i)}.key()).has_value());
  const Bytes packet = stranger.packet(0, 1);
  for (int i = 0; i < 10000; ++i) CHECK(search.check(packet, 12).verdict == Verdict::kUnknown);
  CHECK(search.attempts() <= 1000);
  CHECK(search.exhausted());
  CHECK(search.add(late.key()) == 3U);
  CHECK_FALSE(search.exhausted());
  CHECK_FALSE(search.add(stranger.key()).has_value());
  for (std::uint16_t i = 0; i < 3; ++i) search.check(late.packet(0, i), 12);
  CHECK(search.proven() == 3U);
}

TEST_CASE("a stream that becomes secure after thousands of clear packets is still found", "[srtp][search]") {
  const Sender sender{12};
  KeySearch search;
  search.add(sender.key());
  const Bytes clear(172, 0x80);
  for (int i = 0; i < 3000; ++i) search.check(clear, 12);
  for (std::uint16_t i = 0; i < 100; ++i) search.check(sender.packet(0, i), 12);
  CHECK(search.proven() == 0U);
}

TEST_CASE("keys without a tag are no candidates, short packets no evidence", "[srtp][search]") {
  KeySearch search;
  auto tagless = SrtpKey::make(suite("AES_CM_128_HMAC_SHA1_80"), Bytes(16), Bytes(14), {.unauthenticated_srtp = true});
  CHECK_FALSE(search.add(std::make_shared<SrtpKey>(std::move(*tagless))).has_value());
  search.add(Sender{1}.key());
  for (std::size_t n = 0; n < 24; ++n) CHECK(search.check(Bytes(n, 0x80), 12).verdict == Verdict::kUnknown);
}
