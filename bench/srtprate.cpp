// The tools' SRTP verification against libsrtp2, on the same packets in the same run, turn by turn: nanoseconds of CPU
// time a packet. libsrtp2 only authenticates too (sec_serv_auth): that is all it is asked to do. Both must find the
// same packets authentic, or there are no figures.
#include <fmt/format.h>
#include <srtp2/srtp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/srtp.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kStreams = 40;
constexpr std::size_t kPacketsPerStream = 1000;
constexpr std::size_t kDamagedEvery = 997;
constexpr std::size_t kPayload = 160;
constexpr std::size_t kHeader = 12;
constexpr unsigned kRounds = 7;

struct Suite {
  std::string_view name;
  void (*policy)(srtp_crypto_policy_t*);
};
constexpr std::array<Suite, 4> kSuites{{
    {"AES_CM_128_HMAC_SHA1_80", srtp_crypto_policy_set_rtp_default},
    {"AES_CM_128_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32},
    {"AES_256_CM_HMAC_SHA1_80", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
    {"AEAD_AES_128_GCM", srtp_crypto_policy_set_aes_gcm_128_16_auth},
}};

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "srtprate: {}\n", why);
  std::exit(2);
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

Bytes key_of(std::size_t stream, std::size_t size) {
  Bytes key(size);
  for (std::size_t i = 0; i < size; ++i) key[i] = static_cast<std::uint8_t>(stream * 31 + i * 7 + 1);
  return key;
}

srtp_t open_session(const Suite& suite, Bytes& key, std::uint32_t ssrc, bool only_authenticate) {
  srtp_policy_t policy{};
  suite.policy(&policy.rtp);
  suite.policy(&policy.rtcp);
  // GCM can't do one without the other.
  if (only_authenticate && policy.rtp.auth_tag_len != 16) policy.rtp.sec_serv = sec_serv_auth;
  policy.ssrc = {.type = ssrc_specific, .value = ssrc};
  policy.key = key.data();
  policy.window_size = 1024;
  srtp_t session = nullptr;
  if (srtp_create(&session, &policy) != srtp_err_status_ok) die("srtp_create failed");
  return session;
}

struct Stream {
  Bytes key;  // with salt
  std::uint32_t ssrc = 0;
  std::vector<Bytes> packets;
};

Stream make_stream(const Suite& suite, const voip::crypto::SrtpSuite& ours, std::size_t number) {
  Stream stream{.key = key_of(number, std::size_t{ours.key_size} + ours.salt_size),
                .ssrc = static_cast<std::uint32_t>(0x1000 + number),
                .packets = {}};
  srtp_t session = open_session(suite, stream.key, stream.ssrc, false);
  std::uint32_t noise = stream.ssrc;
  for (std::size_t i = 1; i <= kPacketsPerStream; ++i) {
    Bytes packet(kHeader + kPayload + SRTP_MAX_TRAILER_LEN);
    packet[0] = 0x80;
    for (std::size_t byte = 0; byte < 4; ++byte) {
      if (byte < 2) packet[2 + byte] = static_cast<std::uint8_t>(i >> (8 - 8 * byte));
      packet[4 + byte] = static_cast<std::uint8_t>((i * 160) >> (24 - 8 * byte));
      packet[8 + byte] = static_cast<std::uint8_t>(stream.ssrc >> (24 - 8 * byte));
    }
    for (std::size_t at = 0; at < kPayload; ++at) {
      noise = noise * 1664525 + 1013904223;
      packet[kHeader + at] = static_cast<std::uint8_t>(noise >> 24);
    }
    int size = static_cast<int>(kHeader + kPayload);
    if (srtp_protect(session, packet.data(), &size) != srtp_err_status_ok) die("srtp_protect failed");
    packet.resize(static_cast<std::size_t>(size));
    if ((number * kPacketsPerStream + i) % kDamagedEvery == 0) packet[kHeader + 5] ^= 1;
    stream.packets.push_back(std::move(packet));
  }
  srtp_dealloc(session);
  return stream;
}

struct Turn {
  double ns = 0;  // a packet
  std::size_t authentic = 0;
};

// As srtp-check does it: some at a time.
Turn our_turn(std::vector<voip::crypto::SrtpKey>& keys, const std::vector<Stream>& streams) {
  Turn turn;
  voip::crypto::SrtpTagBench bench;
  std::vector<voip::crypto::SrtpTagCheck::Job> jobs;
  const double start = cpu_seconds();
  for (std::size_t i = 0; i < kPacketsPerStream; ++i) {
    jobs.clear();
    for (std::size_t s = 0; s < streams.size(); ++s)
      jobs.push_back({keys[s].tag_check().get(), streams[s].packets[i], kHeader, 0});
    voip::crypto::SrtpTagCheck::verify_rtp(jobs, bench);
    for (const auto& job : jobs) turn.authentic += job.valid ? 1U : 0U;
  }
  turn.ns = (cpu_seconds() - start) * 1e9 / static_cast<double>(kPacketsPerStream * streams.size());
  return turn;
}

Turn their_turn(const Suite& suite, std::vector<Stream>& streams) {
  std::vector<srtp_t> sessions;
  for (Stream& stream : streams) sessions.push_back(open_session(suite, stream.key, stream.ssrc, true));
  Turn turn;
  Bytes copy(2048);  // unprotecting changes the packet
  const double start = cpu_seconds();
  for (std::size_t i = 0; i < kPacketsPerStream; ++i) {
    for (std::size_t s = 0; s < streams.size(); ++s) {
      const Bytes& packet = streams[s].packets[i];
      std::copy(packet.begin(), packet.end(), copy.begin());
      int size = static_cast<int>(packet.size());
      turn.authentic += srtp_unprotect(sessions[s], copy.data(), &size) == srtp_err_status_ok ? 1U : 0U;
    }
  }
  turn.ns = (cpu_seconds() - start) * 1e9 / static_cast<double>(kPacketsPerStream * streams.size());
  for (srtp_t session : sessions) srtp_dealloc(session);
  return turn;
}

std::string measure(const Suite& suite) {
  const voip::crypto::SrtpSuite* ours = voip::crypto::srtp_suite_by_sdes_name(suite.name);
  if (ours == nullptr) die(fmt::format("{} is unknown", suite.name));
  std::vector<Stream> streams;
  std::vector<voip::crypto::SrtpKey> keys;
  for (std::size_t s = 0; s < kStreams; ++s) {
    streams.push_back(make_stream(suite, *ours, s));
    const voip::ByteView key{streams.back().key};
    auto made = voip::crypto::SrtpKey::make(*ours, key.first(ours->key_size), key.subspan(ours->key_size));
    if (!made.ok()) die(made.error().message);
    keys.push_back(std::move(*made));
  }
  const std::size_t authentic = kStreams * kPacketsPerStream - kStreams * kPacketsPerStream / kDamagedEvery;
  std::vector<double> our_ns;
  std::vector<double> their_ns;
  for (unsigned round = 0; round < kRounds; ++round) {
    const Turn our = our_turn(keys, streams);
    const Turn their = their_turn(suite, streams);
    if (our.authentic != authentic || their.authentic != authentic)
      die(fmt::format("{}: {} packets are authentic, libsrtp2 says {}, true are {}", suite.name, our.authentic,
                      their.authentic, authentic));
    our_ns.push_back(our.ns);
    their_ns.push_back(their.ns);
  }
  return fmt::format(R"({{"suite": "{}", "ns": {:.0f}, "libsrtp2_ns": {:.0f}}})", suite.name, median(our_ns),
                     median(their_ns));
}

}  // namespace

int main() {
  if (srtp_init() != srtp_err_status_ok) die("srtp_init failed");
  std::string rows;
  for (const Suite& suite : kSuites) rows += (rows.empty() ? "" : ",\n ") + measure(suite);
  fmt::print("[{}]\n", rows);
  return 0;
}
