#include "analyze/srtp/media_judge.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace voip::analyze::srtp {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Random = std::mt19937;

std::uint8_t byte(Random& random) { return static_cast<std::uint8_t>(random() >> 16); }
Bytes random_bytes(Random& random, std::size_t n) {
  Bytes bytes(n);
  std::ranges::generate(bytes, [&] { return byte(random); });
  return bytes;
}

// ITU-T G.711, as the sampled-data codecs send it.
std::uint8_t mu_law(double sample) {
  const int sign = sample < 0 ? 0x80 : 0;
  int value = static_cast<int>(std::min(std::abs(sample) * 8031, 8031.0)) + 33;
  int segment = 0;
  while ((value >> (segment + 6)) != 0) ++segment;
  return static_cast<std::uint8_t>(~(sign | (segment << 4) | ((value >> (segment + 1)) & 15)));
}

// Something that rises and falls as speech does: two tones of changing strength.
struct Voice {
  std::size_t at = 0;
  Bytes operator()(Random&) {
    Bytes bytes(160);
    for (auto& out : bytes) {
      const double t = static_cast<double>(at++) / 8000;
      const double loud = 0.25 * (1 + std::sin(t * 9)) * (std::sin(t * 2.1) > -0.6 ? 1 : 0.002);
      out = mu_law(loud * (0.6 * std::sin(t * 1300) + 0.3 * std::sin(t * 4400)));
    }
    return bytes;
  }
};
struct WhiteNoise {
  double level;
  Bytes operator()(Random& random) {
    std::normal_distribution<double> normal(0, level);
    Bytes bytes(160);
    std::ranges::generate(bytes, [&] { return mu_law(normal(random)); });
    return bytes;
  }
};

using Encoder = std::function<Bytes(Random&)>;

struct Sender {
  explicit Sender(std::uint32_t seed) : random(seed) {}
  Random random;
  MediaJudge judge;
  std::uint8_t payload_type = 0;
  std::uint32_t step = 160;
  std::uint16_t sequence = 65500;  // wraps soon
  std::uint32_t timestamp = 0xfffff000;
  std::uint64_t frame = 0;
  std::int64_t now = 1'000 * kNsPerSecond;
  bool marker = false;

  void send(const Bytes& payload) {
    rtp::PacketView packet;
    packet.payload_type = payload_type;
    packet.sequence = sequence++;
    packet.timestamp = timestamp;
    packet.marker = marker;
    packet.payload = payload;
    timestamp += step;
    now += 20 * kNsPerMs;
    judge.add(packet, {0, ++frame, {now}});
  }
  void clear(std::size_t packets, const Encoder& encoder) {
    for (std::size_t i = 0; i < packets; ++i) send(encoder(random));
  }
  // What SRTP makes of it: as many random bytes, an MKI, and a tag.
  void encrypted(std::size_t packets, const Encoder& encoder, std::size_t tag, const Bytes& mki = {}) {
    for (std::size_t i = 0; i < packets; ++i) {
      Bytes payload = random_bytes(random, encoder(random).size());
      const Bytes tail = random_bytes(random, tag);
      if (tag != 16) payload.insert(payload.end(), mki.begin(), mki.end());
      payload.insert(payload.end(), tail.begin(), tail.end());
      if (tag == 16) payload.insert(payload.end(), mki.begin(), mki.end());
      send(payload);
    }
  }
};

const std::vector<CodecHint> kPcmu{{.payload_type = 0, .encoding = "PCMU", .clock_rate = 8000}};
const std::vector<CodecHint> kOpus{{.payload_type = 111, .encoding = "opus", .clock_rate = 48000, .channels = 2}};

// Payloads built after the formats, random where an encoder's bits are near random.
Bytes g729(Random& random) {
  Bytes payload;
  for (int frame = 0; frame < 2; ++frame) {
    Bytes bytes = random_bytes(random, 10);
    unsigned guarded = bytes[2] & 0x3fU;
    unsigned ones = 0;
    for (; guarded != 0; guarded >>= 1) ones += guarded & 1U;
    bytes[3] = static_cast<std::uint8_t>((bytes[3] & 0xdf) | (ones % 2 == 0 ? 0x20 : 0));
    payload.insert(payload.end(), bytes.begin(), bytes.end());
  }
  return payload;
}
Bytes g723(Random& random) {
  Bytes bytes = random_bytes(random, 24);
  bytes[0] &= 0xfc;
  return bytes;
}
Bytes gsm(Random& random) {
  Bytes bytes = random_bytes(random, 33);
  bytes[0] = static_cast<std::uint8_t>(0xd0 | (bytes[0] & 15));
  return bytes;
}
Bytes ilbc(Random& random) {
  Bytes bytes = random_bytes(random, 38);
  bytes[37] &= 0xfe;
  return bytes;
}
Bytes amr_octets(Random& random) {  // 12.2
  Bytes bytes = random_bytes(random, 33);
  bytes[0] = 0xf0;
  bytes[1] = 0x3c;
  bytes[32] &= 0xf0;  // 244 bits
  return bytes;
}
Bytes amr_bits(Random& random) {  // 7.95: 4 + 6 + 159 bits
  Bytes bytes = random_bytes(random, 22);
  bytes[0] = 0xf2;
  bytes[1] = static_cast<std::uint8_t>(0xc0 | (bytes[1] & 0x3f));
  bytes[21] &= 0x80;
  return bytes;
}
Bytes opus(Random& random) {
  Bytes bytes = random_bytes(random, 40 + random() % 60);
  bytes[0] = 0x78;
  return bytes;
}
Bytes opus_dtx(Random& random) { return random() % 3 == 0 ? opus(random) : Bytes{0x78}; }
Bytes speex(Random& random) {
  Bytes bytes = random_bytes(random, 38);
  bytes[0] = static_cast<std::uint8_t>(0x28 | (bytes[0] & 7));  // narrow band, mode 5
  return bytes;
}
Bytes h264(Random& random) {
  Bytes bytes = random_bytes(random, 200 + random() % 1000);
  bytes[0] = 0x7c;  // FU-A
  bytes[1] = random() % 8 == 0 ? 0x81 : 0x01;
  return bytes;
}
Bytes vp8(Random& random) {
  Bytes bytes = random_bytes(random, 300 + random() % 800);
  bytes[0] = random() % 6 == 0 ? 0x90 : 0x80;
  bytes[1] = 0x80;
  return bytes;
}

struct Known {
  const char* name;
  std::uint8_t payload_type;
  std::uint32_t clock_rate;
  std::uint32_t step;
  Encoder encoder;
};
std::vector<Known> codecs() {
  return {{"PCMU", 0, 8000, 160, Voice{}},     {"PCMA", 8, 8000, 160, Voice{}},  {"G729", 18, 8000, 160, g729},
          {"G723", 4, 8000, 240, g723},        {"GSM", 3, 8000, 160, gsm},       {"iLBC", 97, 8000, 160, ilbc},
          {"AMR", 98, 8000, 160, amr_octets},  {"AMR", 98, 8000, 160, amr_bits}, {"opus", 111, 48000, 960, opus},
          {"opus", 111, 48000, 960, opus_dtx}, {"speex", 110, 8000, 160, speex}, {"H264", 99, 90000, 3600, h264},
          {"VP8", 100, 90000, 3600, vp8}};
}

TEST_CASE("each codec is told from its ciphertext, with signalling and without", "[judge]") {
  std::uint32_t seed = 1;
  for (const Known& codec : codecs()) {
    CAPTURE(codec.name);
    const CodecHint hint{.payload_type = codec.payload_type, .encoding = codec.name, .clock_rate = codec.clock_rate};
    Sender plain(seed++);
    plain.payload_type = codec.payload_type;
    plain.step = codec.step;
    plain.clear(250, codec.encoder);
    for (const auto& hints : {std::vector{hint}, std::vector<CodecHint>{}}) {
      const auto judgement = plain.judge.judge(hints);
      CAPTURE(judgement.reason);
      CHECK(judgement.observed == Observed::kCleartext);
      CHECK(judgement.proof != Proof::kNone);
      CHECK(judgement.cleartext_packets == judgement.packets);
      CHECK(judgement.first_clear.number == 1);
      CHECK(judgement.stretches.size() == 1);
    }
    CHECK(plain.judge.judge(std::vector{hint}).codec == codec.name);

    for (const std::size_t tag : {std::size_t{4}, std::size_t{10}, std::size_t{16}}) {
      CAPTURE(tag);
      Sender secret(seed++);
      secret.payload_type = codec.payload_type;
      secret.step = codec.step;
      secret.encrypted(250, codec.encoder, tag);
      for (const auto& hints : {std::vector{hint}, std::vector<CodecHint>{}}) {
        const auto judgement = secret.judge.judge(hints);
        CAPTURE(judgement.reason);
        CHECK(judgement.observed != Observed::kCleartext);
        if (!hints.empty()) {
          CHECK(judgement.observed == Observed::kEncrypted);
          CHECK(judgement.encrypted_packets == 250);
          CHECK(judgement.cleartext_packets == 0);
        }
      }
    }
  }
}

TEST_CASE("the reason tells the tag and the numbers", "[judge]") {
  Sender secret(100);
  secret.encrypted(300, Voice{}, 10);
  const auto judgement = secret.judge.judge(kPcmu, 10);
  CHECK(judgement.overhead == 10);
  CHECK(judgement.reason.find("10 bytes longer than PCMU needs in 299 of 299 packets") != std::string::npos);
  CHECK(judgement.reason.find("HMAC-SHA1-80") != std::string::npos);
  CHECK(judgement.reason.find("chi-square") != std::string::npos);
  REQUIRE(judgement.overheads.size() == 1);
  CHECK(judgement.overheads[0].packets == 299);
}

TEST_CASE("an MKI adds to the overhead and is no structure", "[judge]") {
  for (const std::size_t tag : {std::size_t{4}, std::size_t{10}, std::size_t{16}}) {
    Sender secret(200 + static_cast<std::uint32_t>(tag));
    secret.encrypted(300, Voice{}, tag, {1, 2, 3, 4});
    const auto judgement = secret.judge.judge(kPcmu, static_cast<unsigned>(tag) + 4);
    CHECK(judgement.observed == Observed::kEncrypted);
    CHECK(judgement.overhead == static_cast<std::int32_t>(tag) + 4);
    Sender sparse(300 + static_cast<std::uint32_t>(tag));
    sparse.payload_type = 111;
    sparse.encrypted(300, opus_dtx, tag, {1, 2, 3, 4});
    CHECK(sparse.judge.judge(kOpus).observed == Observed::kEncrypted);
  }
}

TEST_CASE("a clear payload under a tag is clear, and the tag is told", "[judge]") {
  Sender null(7);
  for (int i = 0; i < 200; ++i) {
    static Voice voice;
    Bytes payload = voice(null.random);
    const Bytes tag = random_bytes(null.random, 10);
    payload.insert(payload.end(), tag.begin(), tag.end());
    null.send(payload);
  }
  const auto judgement = null.judge.judge(kPcmu, 10);
  CHECK(judgement.observed == Observed::kCleartext);
  CHECK(judgement.overhead == 10);
  CHECK(judgement.reason.find("tag") != std::string::npos);
}

TEST_CASE("noise in PCMU is clear at any loudness", "[judge]") {
  std::uint32_t seed = 40;
  for (const double level : {0.0005, 0.003, 0.02, 0.1, 0.3, 1.0, 4.0}) {
    CAPTURE(level);
    Sender noise(seed++);
    noise.clear(600, WhiteNoise{level});
    const auto judgement = noise.judge.judge(kPcmu);
    CAPTURE(judgement.reason);
    CHECK(judgement.observed == Observed::kCleartext);
    CHECK(judgement.stretches.size() == 1);
  }
}

TEST_CASE("random bytes without a tag are neither clear nor encrypted, unless no tag was agreed", "[judge]") {
  for (std::uint32_t seed = 50; seed < 60; ++seed) {
    Sender bare(seed);
    bare.encrypted(400, Voice{}, 0);
    CHECK(bare.judge.judge(kPcmu).observed == Observed::kUndetermined);
    CHECK(bare.judge.judge(kPcmu, 10).observed == Observed::kUndetermined);
    CHECK(bare.judge.judge({}).observed == Observed::kUndetermined);
    const auto agreed = bare.judge.judge(kPcmu, 0);
    CHECK(agreed.observed == Observed::kEncrypted);
    CHECK(agreed.overhead == 0);
  }
}

TEST_CASE("digital silence is clear, from the first second on", "[judge]") {
  for (const std::uint8_t level : {std::uint8_t{0xff}, std::uint8_t{0x7f}, std::uint8_t{0xd5}, std::uint8_t{0}}) {
    Sender silence(1);
    silence.clear(12, [level](Random&) { return Bytes(160, level); });
    const auto judgement = silence.judge.judge(kPcmu);
    CHECK(judgement.observed == Observed::kCleartext);
    CHECK(judgement.proof == Proof::kStructural);
  }
}

TEST_CASE("few packets are undetermined, or right", "[judge]") {
  std::uint32_t seed = 1000;
  for (const Known& codec : codecs()) {
    const CodecHint hint{.payload_type = codec.payload_type, .encoding = codec.name, .clock_rate = codec.clock_rate};
    for (const std::size_t packets : {1U, 2U, 5U, 9U, 15U, 16U, 20U, 30U}) {
      CAPTURE(codec.name, packets);
      Sender plain(seed++);
      plain.payload_type = codec.payload_type;
      plain.step = codec.step;
      plain.clear(packets, codec.encoder);
      CHECK(plain.judge.judge(std::vector{hint}).observed != Observed::kEncrypted);
      CHECK(plain.judge.judge({}).observed != Observed::kEncrypted);
      Sender secret(seed++);
      secret.payload_type = codec.payload_type;
      secret.step = codec.step;
      secret.encrypted(packets, codec.encoder, 10);
      CHECK(secret.judge.judge(std::vector{hint}).observed != Observed::kCleartext);
      CHECK(secret.judge.judge({}).observed != Observed::kCleartext);
    }
  }
  CHECK(MediaJudge{}.judge(kPcmu).observed == Observed::kUndetermined);
  CHECK_FALSE(MediaJudge{}.judge(kPcmu).reason.empty());
}

TEST_CASE("a wrong hint does not turn the verdict", "[judge]") {
  const std::vector<CodecHint> wrong{{.payload_type = 0, .encoding = "opus", .clock_rate = 48000},
                                     {.payload_type = 111, .encoding = "PCMU", .clock_rate = 8000}};
  Sender plain(3);
  plain.clear(250, Voice{});
  CHECK(plain.judge.judge(wrong).observed == Observed::kCleartext);
  Sender secret(4);
  secret.encrypted(250, Voice{}, 10);
  CHECK(secret.judge.judge(wrong).observed == Observed::kEncrypted);
  Sender other(5);
  other.payload_type = 111;
  other.step = 960;
  other.clear(250, opus);
  CHECK(other.judge.judge(wrong).observed == Observed::kCleartext);
  Sender hidden(6);
  hidden.payload_type = 111;
  hidden.step = 960;
  hidden.encrypted(250, opus, 10);
  CHECK(hidden.judge.judge(wrong).observed == Observed::kEncrypted);
}

TEST_CASE("packets before the keys are counted and placed", "[judge]") {
  for (const std::size_t before : {std::size_t{4}, std::size_t{25}, std::size_t{60}, std::size_t{130}}) {
    CAPTURE(before);
    Sender call(static_cast<std::uint32_t>(before));
    Voice voice;
    call.clear(before, std::ref(voice));
    call.encrypted(500, std::ref(voice), 10);
    const auto judgement = call.judge.judge(kPcmu, 10);
    CAPTURE(judgement.reason);
    CHECK(judgement.observed == Observed::kEncrypted);
    CHECK(judgement.cleartext_packets == before);
    CHECK(judgement.first_clear.number == 1);
    CHECK(judgement.last_clear.number == before);
    REQUIRE(judgement.stretches.size() == 2);
    CHECK(judgement.stretches[1].first.number == before + 1);
    CHECK(judgement.stretches[1].packets == 500);
  }
}

TEST_CASE("a second in clear amid ciphertext is found, of each codec", "[judge]") {
  std::uint32_t seed = 2000;
  for (const Known& codec : codecs()) {
    CAPTURE(codec.name);
    const CodecHint hint{.payload_type = codec.payload_type, .encoding = codec.name, .clock_rate = codec.clock_rate};
    Sender call(seed++);
    call.payload_type = codec.payload_type;
    call.step = codec.step;
    call.encrypted(1000, codec.encoder, 10);
    call.clear(110, codec.encoder);
    call.encrypted(1000, codec.encoder, 10);
    const auto judgement = call.judge.judge(std::vector{hint}, 10);
    CAPTURE(judgement.reason);
    CHECK(judgement.observed == Observed::kEncrypted);
    CHECK(judgement.cleartext_packets >= 60);
    CHECK(judgement.cleartext_packets <= 160);
    CHECK(judgement.first_clear.number >= 950);
    CHECK(judgement.first_clear.number <= 1050);
    CHECK(judgement.last_clear.number >= 1060);
    CHECK(judgement.last_clear.number <= 1160);
    CHECK(judgement.stretches.size() == 3);
  }
}

TEST_CASE("clear text after the keys were dropped is found", "[judge]") {
  Sender call(9);
  Voice voice;
  call.encrypted(400, std::ref(voice), 4);
  call.clear(900, std::ref(voice));
  const auto judgement = call.judge.judge(kPcmu, 4);
  CHECK(judgement.observed == Observed::kCleartext);
  REQUIRE(judgement.stretches.size() == 2);
  CHECK(judgement.stretches[0].observed == Observed::kEncrypted);
  CHECK(judgement.stretches[1].first.number == 401);
  CHECK(judgement.encrypted_packets == 400);
}

TEST_CASE("without a tag agreed upon, a bare length says nothing of a change", "[judge]") {
  Sender call(13);
  Voice voice;
  call.encrypted(700, std::ref(voice), 0);
  call.clear(400, std::ref(voice));
  const auto judgement = call.judge.judge(kPcmu, 0);
  CAPTURE(judgement.reason);
  CHECK(judgement.observed == Observed::kEncrypted);
  REQUIRE(judgement.stretches.size() == 2);
  CHECK(judgement.stretches[1].observed == Observed::kCleartext);
  CHECK(judgement.cleartext_packets >= 350);
  CHECK(judgement.cleartext_packets <= 450);
}

TEST_CASE("a mirrored stream is not structure", "[judge]") {
  for (const bool delayed : {false, true}) {
    Random random(77);
    MediaJudge judge;
    std::vector<Bytes> sent;
    const auto send = [&](std::size_t i) {
      rtp::PacketView packet;
      packet.sequence = static_cast<std::uint16_t>(i);
      packet.timestamp = static_cast<std::uint32_t>(i * 160);
      packet.payload = sent[i];
      judge.add(packet, {0, i + 1, {static_cast<std::int64_t>(i) * 20 * kNsPerMs}});
    };
    for (std::size_t i = 0; i < 300; ++i) {
      sent.push_back(random_bytes(random, 170));
      send(i);
      if (!delayed) send(i);
      if (delayed && i >= 2) send(i - 2);
    }
    CHECK(judge.packets() == 300);
    CHECK(judge.judge(kPcmu).observed == Observed::kEncrypted);
  }
}

TEST_CASE("a sender that starts anew is judged on", "[judge]") {
  Sender call(12);
  call.encrypted(200, Voice{}, 10);
  call.sequence = static_cast<std::uint16_t>(call.sequence - 3000);
  call.encrypted(200, Voice{}, 10);
  CHECK(call.judge.packets() == 400);
  call.sequence = static_cast<std::uint16_t>(call.sequence - 30);  // looks late at first
  call.encrypted(200, Voice{}, 10);
  CHECK(call.judge.packets() >= 530);
  CHECK(call.judge.judge(kPcmu).observed == Observed::kEncrypted);
}

TEST_CASE("key presses alone are judged by their form", "[judge]") {
  const std::vector<CodecHint> hints{{.payload_type = 101, .encoding = "telephone-event", .clock_rate = 8000}};
  const auto press = [](Sender& call, std::uint8_t digit, bool secret) {
    for (std::uint16_t n = 1; n <= 6; ++n) {
      Bytes payload{digit, static_cast<std::uint8_t>(n >= 4 ? 0x8a : 0x0a), static_cast<std::uint8_t>((n * 160) >> 8),
                    static_cast<std::uint8_t>(n * 160)};
      if (secret) payload = random_bytes(call.random, 14);
      call.step = 0;
      call.send(payload);
    }
    call.timestamp += 8000;
  };
  Sender plain(20);
  plain.payload_type = 101;
  for (std::uint8_t digit = 0; digit < 3; ++digit) press(plain, digit, false);
  CHECK(plain.judge.judge(hints).observed == Observed::kCleartext);
  CHECK(plain.judge.judge({}).codec == "telephone-event");
  Sender secret(21);
  secret.payload_type = 101;
  for (std::uint8_t digit = 0; digit < 5; ++digit) press(secret, digit, true);
  CHECK(secret.judge.judge(hints).observed != Observed::kCleartext);
}

TEST_CASE("clear key presses within ciphertext are counted, and do not make it clear", "[judge]") {
  const std::vector<CodecHint> hints{{.payload_type = 0, .encoding = "PCMU", .clock_rate = 8000},
                                     {.payload_type = 101, .encoding = "telephone-event", .clock_rate = 8000}};
  Sender call(22);
  Voice voice;
  call.encrypted(200, std::ref(voice), 10);
  call.payload_type = 101;
  for (std::uint16_t n = 1; n <= 12; ++n)
    call.send({5, 10, static_cast<std::uint8_t>((n * 160) >> 8), static_cast<std::uint8_t>(n * 160)});
  call.payload_type = 0;
  call.encrypted(200, std::ref(voice), 10);
  const auto judgement = call.judge.judge(hints, 10);
  CHECK(judgement.observed == Observed::kEncrypted);
  CHECK(judgement.cleartext_packets == 12);
  CHECK(judgement.first_clear.number == 201);
  CHECK(judgement.codec == "PCMU");
}

TEST_CASE("comfort noise and silence suppression do not break the tag arithmetic", "[judge]") {
  const std::vector<CodecHint> hints{{.payload_type = 18, .encoding = "G729", .clock_rate = 8000}};
  Sender call(23);
  call.payload_type = 18;
  for (int i = 0; i < 400; ++i) {
    const bool quiet = i % 10 == 9;
    call.send(random_bytes(call.random, (quiet ? 2U : 20U) + 10U));
    call.marker = quiet;
    if (quiet) call.timestamp += 1600;
  }
  const auto judgement = call.judge.judge(hints, 10);
  CHECK(judgement.observed == Observed::kEncrypted);
  CHECK(judgement.overhead == 10);
}

TEST_CASE("padding and truncation leave the sizes out", "[judge]") {
  Random random(31);
  MediaJudge judge;
  for (std::size_t i = 0; i < 200; ++i) {
    const Bytes payload = random_bytes(random, i % 2 == 0 ? 176 : 60);
    rtp::PacketView packet;
    packet.sequence = static_cast<std::uint16_t>(i);
    packet.timestamp = static_cast<std::uint32_t>(i * 160);
    packet.padding = i % 2 == 0;
    packet.payload = payload;
    judge.add(packet, {0, i + 1, {static_cast<std::int64_t>(i) * 20 * kNsPerMs}}, i % 2 != 0);
  }
  const auto judgement = judge.judge(kPcmu);
  CHECK_FALSE(judgement.overhead.has_value());
}

TEST_CASE("a snap length that leaves too few bytes makes nothing encrypted", "[judge]") {
  Random random(37);
  const auto judged = [&](std::size_t left, bool encrypted, std::size_t tag) {
    MediaJudge judge;
    std::uint8_t level = 0x80;
    for (std::size_t i = 0; i < 200; ++i) {
      Bytes payload = random_bytes(random, 160 + tag);
      // Loud speech: the first sample says nothing, its neighbours share sign and segment.
      if (!encrypted) {
        for (std::size_t k = 0; k < 160; ++k) {
          if (k % 8 == 0) level = static_cast<std::uint8_t>(random() & 0xf0U);
          payload[k] = static_cast<std::uint8_t>(level | (payload[k] & 0x0fU));
        }
      }
      payload.resize(left);
      rtp::PacketView packet;
      packet.sequence = static_cast<std::uint16_t>(i);
      packet.timestamp = static_cast<std::uint32_t>(i * 160);
      packet.payload = payload;
      judge.add(packet, {0, i + 1, {static_cast<std::int64_t>(i) * 20 * kNsPerMs}}, true,
                static_cast<std::uint32_t>(160 + tag - left));
    }
    return judge.judge(kPcmu).observed;
  };
  // An Ethernet frame cut at 62 bytes leaves 8, at 70 bytes 16.
  for (const std::size_t left : {4U, 8U, 15U}) {
    CAPTURE(left);
    CHECK(judged(left, false, 0) == Observed::kUndetermined);
    CHECK(judged(left, false, 10) == Observed::kUndetermined);  // a tag without a cipher
    CHECK(judged(left, true, 10) == Observed::kUndetermined);
  }
  for (const std::size_t left : {16U, 42U, 100U}) {
    CAPTURE(left);
    CHECK(judged(left, false, 0) == Observed::kCleartext);
    CHECK(judged(left, false, 10) == Observed::kCleartext);
    CHECK(judged(left, true, 10) == Observed::kEncrypted);
  }
}

TEST_CASE("random payloads of any size are never clear", "[judge][slow]") {
  Random sizes(99);
  std::size_t clear = 0;
  for (std::uint32_t seed = 0; seed < 1500; ++seed) {
    Sender call(5000 + seed);
    const std::size_t fixed = 1 + sizes() % 200;
    const bool varied = seed % 3 == 0;
    call.payload_type = static_cast<std::uint8_t>(seed % 128);
    const std::size_t packets = 20 + sizes() % 200;
    for (std::size_t i = 0; i < packets; ++i) call.send(random_bytes(call.random, varied ? 1 + sizes() % 200 : fixed));
    const auto judgement = call.judge.judge({});
    if (judgement.observed == Observed::kCleartext) {
      CAPTURE(seed, fixed, varied, judgement.reason);
      CHECK(judgement.observed != Observed::kCleartext);
      ++clear;
    }
    CHECK(judgement.cleartext_packets == 0);
  }
  CHECK(clear == 0);
}

// A vocoder of few bits, whose first byte has one of 64 values: 120 packets of it look random.
Bytes vocoder(Random& random) {
  Bytes payload = random_bytes(random, 20);
  payload[0] = static_cast<std::uint8_t>(payload[0] & 0x3f) | 0x80;
  return payload;
}

TEST_CASE("a codec that nobody named is not called encrypted before it had room to show itself", "[judge]") {
  std::size_t told_clear = 0;
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    for (const std::size_t packets : {61U, 100U, 200U, 600U}) {
      Sender sender{seed};
      sender.payload_type = 97;
      sender.clear(packets, vocoder);
      const Judgement judgement = sender.judge.judge({});
      CHECK(judgement.observed != Observed::kEncrypted);
      told_clear += judgement.observed == Observed::kCleartext ? 1U : 0U;
    }
    Sender sealed{seed};
    sealed.payload_type = 97;
    sealed.encrypted(250, vocoder, 10);
    CHECK(sealed.judge.judge({}).observed != Observed::kCleartext);
    Sender larger{seed};
    larger.payload_type = 97;
    larger.encrypted(
        100, [](Random& random) { return random_bytes(random, 80 + random() % 60); }, 10);
    CHECK(larger.judge.judge({}).observed == Observed::kEncrypted);
    Sender promised{seed};  // half as many will do where encryption was agreed, and nothing speaks against it
    promised.payload_type = 97;
    promised.encrypted(
        60, [](Random& random) { return random_bytes(random, 80 + random() % 60); }, 10);
    CHECK(promised.judge.judge({}).observed == Observed::kUndetermined);
    CHECK(promised.judge.judge({}, {}, true).observed == Observed::kEncrypted);
    CHECK(promised.judge.judge({}, 10, false).observed == Observed::kUndetermined);
  }
  CHECK(told_clear > 0);
}

TEST_CASE("of an unknown codec that never changes its size a second beyond doubt makes the rest clear", "[judge]") {
  const auto some = [](Random& random) { return random_bytes(random, 45); };
  const auto quiet = [](Random&) { return Bytes(45, 0x11); };
  Sender sender{3};
  sender.payload_type = 97;
  sender.clear(250, some);
  sender.clear(50, quiet);
  sender.clear(250, some);
  const Judgement judgement = sender.judge.judge({});
  CHECK(judgement.observed == Observed::kCleartext);
  CHECK(judgement.encrypted_packets == 0);

  Sender keyed{3};  // the size changes with the tag
  keyed.payload_type = 97;
  keyed.clear(50, quiet);
  keyed.encrypted(400, some, 10);
  CHECK(keyed.judge.judge({}).observed == Observed::kEncrypted);
  CHECK(keyed.judge.judge({}).cleartext_packets == 50);
}

TEST_CASE("bytes that are a little too uneven for ciphertext leave an unknown codec undetermined", "[judge]") {
  Sender sender{5};
  sender.payload_type = 97;
  sender.clear(100, [](Random& random) {
    Bytes payload = random_bytes(random, 160);
    for (std::size_t i = 3; i < payload.size(); i += 3) payload[i] = static_cast<std::uint8_t>(payload[i] / 2 + 40);
    return payload;
  });
  CHECK(sender.judge.judge({}).observed != Observed::kEncrypted);
}

TEST_CASE("many payload types and changes stay bounded and consistent", "[judge]") {
  Sender call(61);
  Voice voice;
  for (int i = 0; i < 200; ++i) {
    call.payload_type = static_cast<std::uint8_t>(i % 9);
    if (i % 2 == 0) {
      call.clear(60, std::ref(voice));
    } else {
      call.encrypted(60, std::ref(voice), 10);
    }
  }
  const auto judgement = call.judge.judge(kPcmu);
  CHECK(judgement.stretches.size() <= 200);
  CHECK(judgement.cleartext_packets + judgement.encrypted_packets <= judgement.packets);
}

}  // namespace
}  // namespace voip::analyze::srtp
