#include "analyze/srtp/tag_pool.h"

#include <catch2/catch.hpp>

#include <deque>
#include <random>

#include "analyze/srtp/auth.h"
#include "crypto/digest.h"

using namespace voip;
using namespace voip::analyze::srtp;

namespace {

struct Sender {
  std::shared_ptr<crypto::SrtpKey> key;
  crypto::SrtpSessionKeys session;
  std::size_t tag = 10;
};

Sender sender(std::string_view suite_name, std::uint8_t seed, const crypto::SrtpParameters& parameters = {}) {
  const crypto::SrtpSuite& suite = *crypto::srtp_suite_by_sdes_name(suite_name);
  const std::vector<std::uint8_t> key(suite.key_size, seed);
  const std::vector<std::uint8_t> salt(suite.salt_size, static_cast<std::uint8_t>(seed + 1));
  auto made = crypto::SrtpKey::make(suite, key, salt, parameters);
  return {std::make_shared<crypto::SrtpKey>(std::move(*made)),
          *crypto::derive_srtp_session_keys(suite, key, salt, crypto::SrtpTraffic::kRtp), suite.rtp_tag_size};
}

std::vector<std::uint8_t> packet(const Sender& from, std::uint32_t ssrc, std::uint64_t index, std::uint8_t content,
                                 std::size_t size = 60) {
  std::vector<std::uint8_t> bytes(size, static_cast<std::uint8_t>(index * 7 + content));
  bytes[0] = 0x80;
  bytes[1] = 0;
  bytes[2] = static_cast<std::uint8_t>(index >> 8);
  bytes[3] = static_cast<std::uint8_t>(index);
  for (unsigned i = 0; i < 4; ++i) bytes[8 + i] = static_cast<std::uint8_t>(ssrc >> (24 - 8 * i));
  std::vector<std::uint8_t> signed_bytes = bytes;
  for (unsigned i = 0; i < 4; ++i) signed_bytes.push_back(static_cast<std::uint8_t>(index >> (40 - 8 * i)));
  const crypto::Digest mac = crypto::hmac(crypto::Hash::kSha1, from.session.auth_key, signed_bytes);
  const ByteView tag = mac.view().first(from.tag);
  bytes.insert(bytes.end(), tag.begin(), tag.end());
  return bytes;
}

struct Sent {
  std::size_t stream = 0;
  std::vector<std::uint8_t> bytes;
  std::vector<std::size_t> keys;  // shown to all streams before this packet
};

// Streams with all that a check may meet after the proof of a key: damage alone and in runs, other orders, copies, a
// new key that is shown before or after its use, indexes that begin anew, wraps that the sender does not count, jumps,
// one index with two ciphertexts.
std::vector<Sent> story(const std::vector<Sender>& senders, std::size_t streams, std::size_t packets,
                        std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  struct Live {
    std::size_t key = 0;
    std::uint64_t index = 0;
    unsigned damaged = 0;
    unsigned odd = 0;
  };
  std::vector<Live> live(streams);
  for (Live& one : live) {
    one.key = below(2);
    one.index = (std::uint64_t{below(3)} << 16) + 60000 + below(5000);
    one.odd = 20 + below(400);  // one packet in so many is odd
  }
  std::vector<Sent> sent;
  std::size_t shown = 2;
  for (std::size_t i = 0; i < packets; ++i) {
    Sent next;
    if (i == 0) next.keys = {0, 1};
    next.stream = below(static_cast<std::uint32_t>(streams));
    Live& from = live[next.stream];
    ++from.index;
    std::uint64_t index = from.index;
    std::uint8_t content = 0;
    if (below(from.odd) == 0) {
      switch (below(10)) {
        case 0: from.damaged = 1; break;
        case 1: from.damaged = 5 + below(30); break;
        case 2: index -= below(40); break;
        case 3: from.index += below(70000); break;
        case 4: from.index &= 0xffff; break;
        case 5: from.index = (from.index & 0xffff) | 0xfff0; break;
        case 6: from.key = below(static_cast<std::uint32_t>(senders.size())); break;
        case 7:
          from.key = below(static_cast<std::uint32_t>(senders.size()));
          from.index = below(100);
          break;
        case 8:
          content = 9;
          index &= ~std::uint64_t{0xff};
          break;
        default:
          if (shown < senders.size()) next.keys.push_back(shown++);
      }
    }
    next.bytes = packet(senders[from.key], static_cast<std::uint32_t>(next.stream), index, content);
    if (from.damaged != 0) {
      --from.damaged;
      next.bytes[20] ^= 1;
    }
    sent.push_back(std::move(next));
  }
  return sent;
}

FrameRef frame(std::size_t number) {
  return {.input = 0, .number = number + 1, .time = {static_cast<std::int64_t>(number) * 1'000'000}};
}

// All that the report could tell of a stream, as text.
std::string told(const AuthState& auth) {
  std::string text;
  const auto add = [&](std::uint64_t value) { text += std::to_string(value) + ' '; };
  add(auth.search.proven() ? *auth.search.proven() + 1 : 0);
  for (const std::uint64_t value :
       {auth.tried, auth.checked, auth.valid, auth.valid_clear, auth.failed, auth.longest_failing_run, auth.failing_run,
        auth.highest_index, auth.behind, auth.first_valid.number, auth.first_behind.number, auth.search.attempts()})
    add(value);
  for (const FrameRef& at : auth.failed_frames) add(at.number);
  text += '|';
  for (const FrameRef& at : auth.proofs) add(at.number);
  for (const std::uint64_t value : auth.valid_by_key) add(value);
  text += '|';
  for (const auto& sample : auth.samples.samples()) text += std::to_string(sample.index + sample.digest + sample.key);
  if (auth.pad) add((*auth.pad)[0].number), add((*auth.pad)[1].number);
  text += '|';
  if (auth.waiting != nullptr)
    auth.waiting->for_each(
        [&](ByteView, std::size_t, const FrameRef& at, bool failed) { add(at.number * 2 + failed); });
  return text;
}

struct Outcome {
  std::vector<std::string> streams;
  std::size_t queued = 0;
  std::uint64_t failed = 0;
  std::size_t proofs = 0;
  std::uint64_t behind = 0;
};

// threads: 0 checks each packet at once.
Outcome run(const std::vector<Sender>& senders, const std::vector<Sent>& sent, std::size_t streams, unsigned threads,
            std::size_t already_queued, bool sampling = false) {
  Outcome outcome;
  outcome.queued = already_queued;
  {
    TagPool pool(std::max(threads, 1U), outcome.queued);
    CallKeys keys;
    std::deque<AuthState> states;
    for (std::size_t i = 0; i < streams; ++i)
      states.emplace_back(crypto::KeySearchOptions{}, sampling, std::make_unique<PacketQueue>(outcome.queued),
                          threads != 0 ? &pool : nullptr);
    for (std::size_t i = 0; i < sent.size(); ++i) {
      for (const std::size_t key : sent[i].keys) (void)keys.add(senders[key].key);
      pool.keep_room();
      states[sent[i].stream].add_keys(keys);
      states[sent[i].stream].check(sent[i].bytes, 12, frame(i));
    }
    for (AuthState& state : states) {
      state.join();
      outcome.streams.push_back(told(state));
      outcome.failed += state.failed;
      outcome.proofs += state.proofs.size();
      outcome.behind += state.behind;
    }
  }
  return outcome;
}

std::vector<Sender> senders() {
  return {sender("AES_CM_128_HMAC_SHA1_80", 1), sender("AES_CM_128_HMAC_SHA1_32", 20),
          sender("AES_256_CM_HMAC_SHA1_80", 40), sender("NULL_HMAC_SHA1_80", 60), sender("F8_128_HMAC_SHA1_80", 80)};
}

}  // namespace

TEST_CASE("any number of threads finds of every stream what packet by packet finds", "[srtp][threads]") {
  const std::vector<Sender> all = senders();
  std::uint64_t failed = 0;
  std::size_t proofs = 0;
  std::uint64_t behind = 0;
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    const std::size_t streams = seed % 2 == 0 ? 3 : 40;
    const std::vector<Sent> sent = story(all, streams, 20'000, seed);
    const bool sampling = seed == 5;
    const Outcome one = run(all, sent, streams, 0, 0, sampling);
    CHECK(one.queued == 0);
    failed += one.failed;
    proofs += one.proofs - std::min(one.proofs, streams);
    behind += one.behind;
    for (const unsigned threads : {1U, 2U, 5U}) {
      INFO("seed " << seed << ", " << threads << " threads");
      const Outcome many = run(all, sent, streams, threads, 0, sampling);
      CHECK(many.streams == one.streams);
      CHECK(many.queued == 0);
    }
  }
  // The story holds what it is about.
  CHECK(failed > 1000);
  CHECK(proofs > 20);
  CHECK(behind > 20);
}

TEST_CASE("where the queues' room runs out, the same packets find none with any number of threads", "[srtp][threads]") {
  const std::vector<Sender> all = senders();
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    const std::vector<Sent> sent = story(all, 30, 12'000, seed);
    for (const std::size_t room : {std::size_t{20'000}, std::size_t{200'000}, std::size_t{400'000}}) {
      const std::size_t queued = PacketQueue::kAllBytes - room;
      const Outcome one = run(all, sent, 30, 0, queued);
      INFO("seed " << seed << ", room " << room);
      CHECK(run(all, sent, 30, 1, queued).streams == one.streams);
      CHECK(run(all, sent, 30, 4, queued).streams == one.streams);
      CHECK(one.queued == queued);
    }
  }
}

TEST_CASE("a stream that ends with packets under way takes them with it", "[srtp][threads]") {
  const std::vector<Sender> all = senders();
  std::size_t queued = 0;
  TagPool pool(3, queued);
  CallKeys keys;
  (void)keys.add(all[0].key);
  AuthState stays({}, false, std::make_unique<PacketQueue>(queued), &pool);
  stays.add_keys(keys);
  for (std::size_t i = 0; i < 3000; ++i) {
    AuthState goes({}, false, std::make_unique<PacketQueue>(queued), &pool);
    goes.add_keys(keys);
    for (std::uint64_t index = 1; index <= 5; ++index) goes.check(packet(all[0], 5, index, 0), 12, frame(i));
    stays.check(packet(all[0], 6, i, 0), 12, frame(i));
  }
  stays.join();
  CHECK(stays.valid == 3000);
  CHECK(stays.failed == 0);
}

TEST_CASE("tags checked together are found as one by one, whatever their sizes and order", "[srtp][threads]") {
  const std::vector<Sender> all = senders();
  std::mt19937 random(7);
  std::vector<std::vector<std::uint8_t>> packets;
  std::vector<crypto::SrtpTagCheck::Job> jobs;
  std::vector<bool> expected;
  packets.reserve(3000);
  for (std::size_t i = 0; i < 3000; ++i) {
    const Sender& from = all[random() % all.size()];
    const std::size_t size = i < 400 ? 12 + i : 12 + random() % 2500;
    packets.push_back(packet(from, 9, 70'000 + i, 0, size));
    if (i % 7 == 0) packets.back()[random() % packets.back().size()] ^= 0x10;
    if (i % 50 == 1) packets.back().resize(random() % 14);
    jobs.push_back({from.key->tag_check().get(), packets.back(), 12, i % 11 == 0 ? 3U : 1U});
    expected.push_back(from.key->verify_rtp(packets.back(), 12, jobs.back().roc));
  }
  crypto::SrtpTagBench bench;
  crypto::SrtpTagCheck::verify_rtp(jobs, bench);
  std::size_t valid = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    INFO(i);
    CHECK(jobs[i].valid == expected[i]);
    valid += expected[i] ? 1U : 0U;
  }
  CHECK(valid > 2000);
  CHECK(valid < 2800);
}

TEST_CASE("a key's shared check says what the key says", "[srtp][threads]") {
  crypto::SrtpTagBench bench;
  for (const Sender& from : senders()) {
    const auto& check = from.key->tag_check();
    REQUIRE(check != nullptr);
    CHECK(check == from.key->tag_check());
    auto bytes = packet(from, 9, 70'000, 0);
    CHECK(check->verify_rtp(bytes, 12, 1, bench));
    CHECK_FALSE(check->verify_rtp(bytes, 12, 0, bench));
    CHECK_FALSE(check->verify_rtp(bytes, bytes.size(), 1, bench));
    bytes.back() ^= 1;
    CHECK_FALSE(check->verify_rtp(bytes, 12, 1, bench));
    bytes.resize(from.tag);
    CHECK_FALSE(check->verify_rtp(bytes, 0, 1, bench));
  }
  // Keys that change on the way can't be shared.
  CHECK(sender("AES_CM_128_HMAC_SHA1_80", 1, {.key_derivation_rate = 256}).key->tag_check() == nullptr);
  CHECK(sender("AES_CM_128_HMAC_SHA1_80", 1, {.unauthenticated_srtp = true}).key->tag_check() == nullptr);
}
