// Makes captures of VoIP traffic of any size, with the true counts beside them. The same options and seed give the same
// bytes. Nothing of lib/ is used here: a generator that shared its mistakes with the parsers would hide them.
#include <fmt/format.h>
#include <openssl/evp.h>
#ifdef VOIPGEN_SRTP
#include <srtp2/srtp.h>
#endif

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t kMicrosecond = 1'000;
constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kEpoch = 1'767'225'600 * kSecond;  // 2026-01-01T00:00:00Z
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kPacketTime = 20 * kMillisecond;
constexpr std::uint32_t kSamples = 160;
constexpr std::uint32_t kAccounts = 50'000;
constexpr std::string_view kDomain = "voip.example";

struct Options {
  std::string output;
  std::string truth;
  std::uint32_t calls = 100;
  std::uint32_t registrations = 0;
  std::uint32_t concurrency = 20;
  double duration = 30;
  double srtp = 0;
  double tcp = 0.2;
  double hep = 0;
  std::uint64_t seed = 1;
  bool no_media = false;
  bool nano = false;
  bool pcapng = false;
};

struct Truth {
  std::uint64_t packets = 0, sip = 0, rtp = 0, srtp = 0, rtcp = 0, srtcp = 0, streams = 0, dialogs = 0, hep = 0;
};

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "voipgen: {}\n", why);
  std::exit(2);
}

std::uint8_t low8(std::uint64_t v) { return static_cast<std::uint8_t>(v & 0xff); }

void put16(Bytes& b, std::uint64_t v) {
  b.push_back(low8(v >> 8));
  b.push_back(low8(v));
}
void put32(Bytes& b, std::uint64_t v) {
  put16(b, v >> 16);
  put16(b, v);
}
void put32le(Bytes& b, std::uint64_t v) {
  for (unsigned shift = 0; shift < 32; shift += 8) b.push_back(low8(v >> shift));
}
void set16(Bytes& b, std::size_t at, std::uint64_t v) {
  b[at] = low8(v >> 8);
  b[at + 1] = low8(v);
}
void append(Bytes& b, std::string_view text) { b.insert(b.end(), text.begin(), text.end()); }
void append(Bytes& b, const Bytes& more) { b.insert(b.end(), more.begin(), more.end()); }

// xorshift64*: the standard's distributions differ between libraries, and the bytes must not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U) {
    if (state_ == 0) state_ = 1;
    for (int i = 0; i < 4; ++i) next();
  }
  std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1dU;
  }
  std::uint64_t below(std::uint64_t n) { return (next() >> 16) % n; }
  double unit() { return static_cast<double>(next() >> 11) / 9007199254740992.0; }
  bool chance(double p) { return unit() < p; }
  double exponential(double mean) { return -mean * std::log(1.0 - unit()); }
  std::uint64_t between_ms(std::uint64_t low, std::uint64_t high) {
    return low * kMillisecond + below((high - low) * kMillisecond);
  }
  std::string hex(std::size_t digits) {
    std::string out;
    while (out.size() < digits) out += fmt::format("{:016x}", next());
    return out.substr(0, digits);
  }

 private:
  std::uint64_t state_;
};

std::uint64_t nanoseconds(double seconds) { return static_cast<std::uint64_t>(seconds * 1e9); }

std::string address(std::uint32_t ip) {
  return fmt::format("{}.{}.{}.{}", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

std::string md5(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr) != 1) die("no MD5");
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

std::string base64(const std::array<std::uint8_t, 30>& key) {
  std::array<unsigned char, 41> out{};
  EVP_EncodeBlock(out.data(), key.data(), static_cast<int>(key.size()));
  return std::string(out.begin(), out.begin() + 40);
}

struct Host {
  std::uint32_t ip = 0;
  std::uint16_t port = 0;
  std::string text() const { return fmt::format("{}:{}", address(ip), port); }
  Host next_port() const { return {ip, static_cast<std::uint16_t>(port + 1)}; }
};

constexpr Host kProxy{0xc6336405, 5060};      // 198.51.100.5
constexpr Host kHepAgent{0x0afa0001, 40000};  // 10.250.0.1
constexpr Host kHepServer{0x0afa0002, 9060};  // 10.250.0.2

// The capture file, and frames for it: Ethernet, IPv4 with fragments, UDP, TCP, HEP3.
class Capture {
 public:
  Capture(const Options& options, Truth& truth) : options_(options), truth_(truth) {
    file_ = options.output == "-" ? stdout : std::fopen(options.output.c_str(), "wb");
    if (file_ == nullptr) die("cannot write " + options.output);
    const auto words = [this](std::initializer_list<std::uint64_t> list) {
      for (const std::uint64_t v : list) put32le(out_, v);
    };
    if (!options.pcapng) {
      words({options.nano ? 0xa1b23c4dU : 0xa1b2c3d4U, 0x00040002, 0, 0, 262144, 1});
    } else {
      words({0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28});
      words({1, 32, 1, 262144, 0x00010009, options.nano ? 9U : 6U, 0, 32});  // if_tsresol
    }
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  void close() {
    flush();
    if (std::fflush(file_) != 0 || (file_ != stdout && std::fclose(file_) != 0)) die("write failed");
  }

  void udp(std::uint64_t time, const Host& from, const Host& to, const Bytes& payload) {
    Bytes& l4 = layer4_;
    l4.clear();
    put16(l4, from.port);
    put16(l4, to.port);
    put16(l4, 8 + payload.size());
    put16(l4, 0);
    append(l4, payload);
    const std::uint16_t sum = checksum(l4, pseudo(from, to, 17, l4.size()));
    set16(l4, 6, sum == 0 ? 0xffff : sum);
    ip(time, from, to, 17);
  }

  void tcp(std::uint64_t time, const Host& from, const Host& to, std::uint32_t sequence, std::uint32_t acknowledged,
           std::uint8_t flags, std::string_view data) {
    Bytes& l4 = layer4_;
    l4.clear();
    put16(l4, from.port);
    put16(l4, to.port);
    put32(l4, sequence);
    put32(l4, acknowledged);
    l4.push_back(0x50);
    l4.push_back(flags);
    put32(l4, 64000U << 16);
    put16(l4, 0);
    append(l4, data);
    set16(l4, 16, checksum(l4, pseudo(from, to, 6, l4.size())));
    ip(time, from, to, 6);
  }

  void hep(std::uint64_t time, const Host& from, const Host& to, bool over_tcp, std::uint8_t kind,
           const std::string& call_id, std::string_view data) {
    Bytes message;
    append(message, "HEP3");
    put16(message, 0);
    const auto chunk = [&message](std::uint16_t type, std::size_t size, std::uint64_t value) {
      put16(message, 0);
      put16(message, type);
      put16(message, 6 + size);
      for (std::size_t i = size; i-- > 0;) message.push_back(low8(value >> (8 * i)));
    };
    chunk(1, 1, 2);
    chunk(2, 1, over_tcp ? 6 : 17);
    chunk(3, 4, from.ip);
    chunk(4, 4, to.ip);
    chunk(7, 2, from.port);
    chunk(8, 2, to.port);
    chunk(9, 4, time / kSecond);
    chunk(10, 4, time % kSecond / kMicrosecond);
    chunk(11, 1, kind);
    chunk(12, 4, 77);
    const auto text = [&message](std::uint16_t type, std::string_view value) {
      put16(message, 0);
      put16(message, type);
      put16(message, 6 + value.size());
      append(message, value);
    };
    text(17, call_id);
    text(15, data);
    set16(message, 4, message.size());
    ++truth_.hep;
    udp(time + 100 * kMicrosecond, kHepAgent, kHepServer, message);
  }

 private:
  static std::uint64_t pseudo(const Host& from, const Host& to, std::uint64_t protocol, std::uint64_t size) {
    return (from.ip >> 16) + (from.ip & 0xffff) + (to.ip >> 16) + (to.ip & 0xffff) + protocol + size;
  }

  static std::uint16_t checksum(const Bytes& b, std::uint64_t sum = 0, std::size_t from = 0) {
    std::size_t i = from;
    for (; i + 1 < b.size(); i += 2) sum += static_cast<std::uint64_t>(b[i]) << 8 | b[i + 1];
    if (i < b.size()) sum += static_cast<std::uint64_t>(b[i]) << 8;
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum & 0xffff);
  }

  void ip(std::uint64_t time, const Host& from, const Host& to, std::uint8_t protocol) {
    constexpr std::size_t kRoom = 1480;
    const std::uint16_t id = ++ip_id_;
    for (std::size_t at = 0; at < layer4_.size(); at += kRoom) {
      const std::size_t size = std::min(kRoom, layer4_.size() - at);
      const bool more = at + size < layer4_.size();
      Bytes& f = frame_;
      f.clear();
      put32(f, 0x02000000);
      put16(f, to.ip);
      put32(f, 0x02000000);
      put16(f, from.ip);
      put16(f, 0x0800);
      put16(f, 0x4500);
      put16(f, 20 + size);
      put16(f, id);
      put16(f, (more ? 0x2000U : 0U) | at / 8);
      put16(f, 64U << 8 | protocol);
      put16(f, 0);
      put32(f, from.ip);
      put32(f, to.ip);
      set16(f, 24, checksum(f, 0, 14));
      f.insert(f.end(), layer4_.begin() + static_cast<std::ptrdiff_t>(at),
               layer4_.begin() + static_cast<std::ptrdiff_t>(at + size));
      record(time + at);
    }
  }

  // A burst may run a few microseconds into the next event: the file stays in order of time all the same.
  void record(std::uint64_t time) {
    last_ = std::max(last_, time);
    ++truth_.packets;
    const std::uint64_t stamp = options_.nano ? last_ : last_ / kMicrosecond;
    const std::uint64_t unit = options_.nano ? kSecond : kSecond / kMicrosecond;
    const std::size_t pad = options_.pcapng ? (4 - frame_.size() % 4) % 4 : 0;
    if (options_.pcapng) {
      for (const std::uint64_t v : {std::uint64_t{6}, std::uint64_t{32 + frame_.size() + pad}, std::uint64_t{0}}) {
        put32le(out_, v);
      }
    }
    put32le(out_, options_.pcapng ? stamp >> 32 : stamp / unit);
    put32le(out_, options_.pcapng ? stamp : stamp % unit);
    put32le(out_, frame_.size());
    put32le(out_, frame_.size());
    append(out_, frame_);
    if (options_.pcapng) {
      out_.insert(out_.end(), pad, 0);
      put32le(out_, 32 + frame_.size() + pad);
    }
    if (out_.size() > 1U << 20) flush();
  }

  void flush() {
    if (std::fwrite(out_.data(), 1, out_.size(), file_) != out_.size()) die("write failed");
    out_.clear();
  }

  const Options& options_;
  Truth& truth_;
  std::FILE* file_ = nullptr;
  Bytes out_, frame_, layer4_;
  std::uint64_t last_ = 0;
  std::uint16_t ip_id_ = 0;
};

// Spurts of two wandering tones and noise between pauses, as mu-law: compresses and sounds like talk, roughly.
Bytes speech() {
  Bytes out;
  Random random(7);
  double loud = 0, pitch = 150, phase = 0;
  for (std::uint32_t i = 0; i < 1U << 18; ++i) {
    if (i % 960 == 0) {
      loud = random.chance(0.5) ? 300 + 7000 * random.unit() : 20;
      pitch = 110 + 260 * random.unit();
    }
    phase += pitch * 6.283185307 / 8000;
    const double wave = std::sin(phase) + 0.4 * std::sin(3.1 * phase) + 0.3 * (random.unit() - 0.5);
    const int sample = static_cast<int>(loud * wave);
    const unsigned magnitude = std::min(static_cast<unsigned>(std::abs(sample)) + 132U, 32767U);
    unsigned exponent = 7;
    while (exponent > 0 && (magnitude >> (exponent + 7)) == 0) --exponent;
    out.push_back(low8(~((sample < 0 ? 0x80U : 0U) | exponent << 4 | (magnitude >> (exponent + 3) & 15U))));
  }
  return out;
}

struct World {
  const Options& options;
  Truth& truth;
  Capture& capture;
  const Bytes& audio;
};

// One direction of a call's media.
struct Leg {
  Host from, to;
  std::uint32_t ssrc = 0, timestamp = 0, sent = 0, audio_at = 0;
  std::uint16_t sequence = 0;
  std::uint64_t next_rtp = kNever, next_rtcp = kNever;
  std::array<std::uint8_t, 30> key{};
#ifdef VOIPGEN_SRTP
  srtp_t session = nullptr;
#endif
};

enum class Side : bool { kClient, kServer };

struct Step {
  std::uint64_t time = 0;
  Side from = Side::kClient;
  std::string start;   // the request's method, or the response's code and phrase
  std::string method;  // of CSeq
  std::uint32_t transaction = 0;
  std::string extra;  // more header lines
  Side sdp_of = Side::kClient;
  bool sdp = false, to_tag = true;
  enum class Act { kMessage, kConnect, kDisconnect } act = Act::kMessage;
  bool starts_media = false;
};

// A registration or a call: signalling as a script made up front, media on the beat while it lasts.
class Dialog {
 public:
  Dialog(World& world, std::uint32_t index, std::uint64_t start, bool registration)
      : world_(world), random_(world.options.seed * 1'000'003 + index), index_(index) {
    const Options& options = world.options;
    const std::uint32_t account = index % kAccounts;
    user_ = std::to_string(4'000'000 + account);
    peer_ = std::to_string(7'000'000 + random_.below(1'000'000));
    call_id_ = random_.hex(24);
    tags_ = {random_.hex(10), random_.hex(10)};
    nonce_ = random_.hex(32);
    tcp_ = random_.chance(options.tcp);
    hep_ = random_.chance(options.hep);
    secure_ = !registration && random_.chance(options.srtp);
    client_ = {0x0a200000 + account, 5060};
    if (tcp_) client_.port = static_cast<std::uint16_t>(32768 + std::uint64_t{index} * 13 % 28000);
    sequence_ = {static_cast<std::uint32_t>(random_.next()), static_cast<std::uint32_t>(random_.next())};
    const Host phone{client_.ip, static_cast<std::uint16_t>(16384 + index % 8000 * 2)};
    const Host relay{0xcb007100 + index % 8, static_cast<std::uint16_t>(20000 + index / 8 % 20000 * 2)};
    for (std::size_t i = 0; i < 2; ++i) {
      Leg& leg = legs_[i];
      leg.from = i == 0 ? phone : relay;
      leg.to = i == 0 ? relay : phone;
      leg.ssrc = static_cast<std::uint32_t>(random_.next());
      leg.timestamp = static_cast<std::uint32_t>(random_.next());
      leg.sequence = static_cast<std::uint16_t>(random_.next());
      leg.audio_at = static_cast<std::uint32_t>(random_.below(world.audio.size() - kSamples));
      for (std::uint8_t& byte : leg.key) byte = low8(random_.next() >> 20);
    }
    ++world.truth.dialogs;
    clock_ = start;
    if (tcp_ && !hep_) act(Step::Act::kConnect);
    registration ? script_registration() : script_call();
    if (tcp_ && !hep_) act(Step::Act::kDisconnect);
  }
  Dialog(const Dialog&) = delete;
  Dialog& operator=(const Dialog&) = delete;
#ifdef VOIPGEN_SRTP
  ~Dialog() {
    for (Leg& leg : legs_) {
      if (leg.session != nullptr) srtp_dealloc(leg.session);
    }
  }
#endif

  std::uint64_t next() const {
    std::uint64_t time = at_ < steps_.size() ? steps_[at_].time : kNever;
    for (const Leg& leg : legs_) time = std::min({time, leg.next_rtp, leg.next_rtcp});
    return time;
  }

  void advance() {
    const std::uint64_t time = next();
    for (std::size_t i = 0; i < 2; ++i) {
      if (legs_[i].next_rtp == time) return send_rtp(legs_[i]);
      if (legs_[i].next_rtcp == time) return send_rtcp(legs_[i], legs_[1 - i]);
    }
    const Step& step = steps_[at_++];
    switch (step.act) {
      case Step::Act::kConnect: return connect(step.time);
      case Step::Act::kDisconnect: return disconnect(step.time);
      case Step::Act::kMessage: break;
    }
    send(step.time, step.from, message(step));
    if (step.starts_media && !world_.options.no_media && !hep_) start_media(step.time);
  }

 private:
  void act(Step::Act what) {
    Step step;
    step.act = what;
    clock_ += kMillisecond;
    step.time = clock_;
    steps_.push_back(std::move(step));
    clock_ += 2 * kMillisecond;
  }

  Step& say(std::uint64_t wait, Side from, std::string start, std::string method, std::uint32_t transaction) {
    clock_ += wait;
    Step step;
    step.time = clock_;
    step.from = from;
    step.start = std::move(start);
    step.method = std::move(method);
    step.transaction = transaction;
    steps_.push_back(std::move(step));
    return steps_.back();
  }

  std::string digest(const char* header, const std::string& method, const std::string& uri) {
    const std::string cnonce = random_.hex(12);
    const std::string secret = md5(fmt::format("{}:{}:secret-{}", user_, kDomain, user_));
    const std::string answer =
        md5(fmt::format("{}:{}:00000001:{}:auth:{}", secret, nonce_, cnonce, md5(method + ":" + uri)));
    return fmt::format(
        "{}: Digest username=\"{}\",realm=\"{}\",nonce=\"{}\",uri=\"{}\",response=\"{}\",algorithm=MD5,qop=auth,"
        "nc=00000001,cnonce=\"{}\"\r\n",
        header, user_, kDomain, nonce_, uri, answer, cnonce);
  }

  std::string challenge(const char* header) const {
    return fmt::format("{}: Digest realm=\"{}\",nonce=\"{}\",algorithm=MD5,qop=\"auth\"\r\n", header, kDomain, nonce_);
  }

  void script_registration() {
    for (const std::uint32_t round : {0U, 1U}) {
      Step& request = say(random_.between_ms(5, 40), Side::kClient, "REGISTER", "REGISTER", round);
      request.to_tag = false;
      request.extra = "Expires: 600\r\n";
      if (round == 1) request.extra += digest("Authorization", "REGISTER", fmt::format("sip:{}", kDomain));
      Step& response =
          say(random_.between_ms(1, 9), Side::kServer, round == 0 ? "401 Unauthorized" : "200 OK", "REGISTER", round);
      response.extra = round == 0 ? challenge("WWW-Authenticate")
                                  : fmt::format("Contact: <sip:{}@{}>;expires=600\r\n", user_, client_.text());
    }
  }

  void script_call() {
    const auto invite = [this](std::uint32_t round) -> Step& {
      Step& step = say(random_.between_ms(5, 30), Side::kClient, "INVITE", "INVITE", round);
      step.sdp = true;
      step.to_tag = false;
      step.extra =
          "Supported: replaces, timer\r\nSession-Expires: 1800\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE, INFO, "
          "REFER\r\n";
      return step;
    };
    invite(0);
    say(random_.between_ms(1, 5), Side::kServer, "407 Proxy Authentication Required", "INVITE", 0).extra =
        challenge("Proxy-Authenticate");
    say(random_.between_ms(5, 30), Side::kClient, "ACK", "ACK", 0);
    invite(1).extra += digest("Proxy-Authorization", "INVITE", fmt::format("sip:{}@{}", peer_, kDomain));
    say(random_.between_ms(1, 5), Side::kServer, "100 Trying", "INVITE", 1).to_tag = false;
    say(random_.between_ms(80, 700), Side::kServer, "180 Ringing", "INVITE", 1);
    if (random_.chance(0.12)) {
      say(random_.between_ms(500, 3000), Side::kServer, "486 Busy Here", "INVITE", 1);
      say(random_.between_ms(5, 30), Side::kClient, "ACK", "ACK", 1);
      return;
    }
    Step& answer = say(random_.between_ms(800, 6000), Side::kServer, "200 OK", "INVITE", 1);
    answer.sdp = true;
    answer.sdp_of = Side::kServer;
    say(random_.between_ms(5, 30), Side::kClient, "ACK", "ACK", 2).starts_media = true;
    const double mean = world_.options.duration;
    const std::uint64_t talk = nanoseconds(std::clamp(random_.exponential(mean), std::min(2.0, mean), 6 * mean));
    media_end_ = clock_ + talk;
    if (hep_) script_reports(talk);
    clock_ = media_end_;
    const Side hangs_up = random_.chance(0.5) ? Side::kClient : Side::kServer;
    say(kMillisecond, hangs_up, "BYE", "BYE", 3);
    say(random_.between_ms(5, 30), hangs_up == Side::kClient ? Side::kServer : Side::kClient, "200 OK", "BYE", 3);
  }

  // What an agent tells of the media it sees, every five seconds: one step each, sent as HEP's JSON RTCP.
  void script_reports(std::uint64_t talk) {
    const std::uint64_t start = clock_;
    for (std::uint64_t after = 5 * kSecond; after < talk; after += 5 * kSecond) {
      clock_ = start + after;
      say(0, Side::kClient, {}, {}, 0);
      say(0, Side::kServer, {}, {}, 0);
    }
  }

  std::string sdp(Side side) const {
    const Leg& leg = legs_[side == Side::kClient ? 0 : 1];
    const std::string ip = address(leg.from.ip);
    std::string text = fmt::format(
        "v=0\r\no=- {} 1 IN IP4 {}\r\ns=-\r\nc=IN IP4 {}\r\nt=0 0\r\nm=audio {} {} 0\r\na=rtpmap:0 PCMU/8000\r\n",
        1000 + index_, ip, ip, leg.from.port, secure_ ? "RTP/SAVP" : "RTP/AVP");
    if (secure_) text += fmt::format("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n", base64(leg.key));
    return text + "a=ptime:20\r\na=sendrecv\r\n";
  }

  std::string message(const Step& step) const {
    const bool request = step.start == step.method;
    // Requests of the far end swap From and To; so do the responses to them.
    const bool reversed = (step.from == Side::kServer) == request;
    const std::string near = fmt::format("<sip:{}@{}>;tag={}", user_, kDomain, tags_[0]);
    const std::string far = fmt::format("<sip:{}@{}>{}{}", step.method == "REGISTER" ? user_ : peer_, kDomain,
                                        step.to_tag ? ";tag=" : "", step.to_tag ? tags_[1] : "");
    std::string text;
    if (!request) {
      text = fmt::format("SIP/2.0 {}\r\n", step.start);
    } else {
      std::string target = fmt::format("sip:{}@{}", peer_, kDomain);
      if (step.method == "REGISTER") target = fmt::format("sip:{}", kDomain);
      if (reversed) target = fmt::format("sip:{}@{}", user_, client_.text());
      text = fmt::format("{} {} SIP/2.0\r\n", step.start, target);
    }
    text += fmt::format(
        "Via: SIP/2.0/{} {};branch=z9hG4bK{}{};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n"
        "CSeq: {} {}\r\n",
        tcp_ ? "TCP" : "UDP", (reversed ? kProxy : client_).text(), call_id_.substr(0, 14), step.transaction,
        reversed ? far : near, reversed ? near : far, call_id_,
        100 + step.transaction - (step.transaction == 2 ? 1 : 0), step.method);
    if (step.from == Side::kClient) {
      text += fmt::format("Contact: <sip:{}@{}{}>\r\nUser-Agent: Deskphone/{}.2\r\n", user_, client_.text(),
                          tcp_ ? ";transport=tcp" : "", index_ % 7);
    } else if (step.method == "INVITE" && step.start != "100 Trying") {
      text += fmt::format("Contact: <sip:{}@{}{}>\r\nServer: edge-proxy/3\r\n", peer_, kProxy.text(),
                          tcp_ ? ";transport=tcp" : "");
    }
    text += step.extra;
    const std::string body = step.sdp ? sdp(step.sdp_of) : std::string{};
    if (step.sdp) text += "Content-Type: application/sdp\r\n";
    return text + fmt::format("Content-Length: {}\r\n\r\n", body.size()) + body;
  }

  void send(std::uint64_t time, Side side, const std::string& text) {
    const std::size_t i = side == Side::kClient ? 0 : 1;
    const Host& from = i == 0 ? client_ : kProxy;
    const Host& to = i == 0 ? kProxy : client_;
    if (steps_[at_ - 1].start.empty()) {
      const std::string report =
          fmt::format(R"({{"type":200,"ssrc":{},"report_count":1,"sender_information":{{"packets":{},"octets":{}}},)"
                      R"("report_blocks":[{{"source_ssrc":{},"fraction_lost":0,"packets_lost":0,"ia_jitter":12}}]}})",
                      legs_[i].ssrc, at_ * 250, at_ * 40000, legs_[1 - i].ssrc);
      return world_.capture.hep(time, legs_[i].from.next_port(), legs_[i].to.next_port(), false, 5, call_id_, report);
    }
    ++world_.truth.sip;
    if (hep_) return world_.capture.hep(time, from, to, tcp_, 1, call_id_, text);
    if (!tcp_) return world_.capture.udp(time, from, to, Bytes(text.begin(), text.end()));
    std::size_t room = random_.chance(0.1) ? 60 + random_.below(400) : 1448;  // now and then split in odd places
    for (std::size_t at = 0; at < text.size();) {
      const std::string_view part = std::string_view(text).substr(at, room);
      world_.capture.tcp(time, from, to, sequence_[i], sequence_[1 - i], 0x18, part);
      sequence_[i] += static_cast<std::uint32_t>(part.size());
      at += part.size();
      room = 1448;
    }
    world_.capture.tcp(time + 30 * kMicrosecond, to, from, sequence_[1 - i], sequence_[i], 0x10, {});
  }

  void connect(std::uint64_t time) {
    Capture& capture = world_.capture;
    capture.tcp(time, client_, kProxy, sequence_[0]++, 0, 0x02, {});
    capture.tcp(time + 50 * kMicrosecond, kProxy, client_, sequence_[1]++, sequence_[0], 0x12, {});
    capture.tcp(time + 90 * kMicrosecond, client_, kProxy, sequence_[0], sequence_[1], 0x10, {});
  }

  void disconnect(std::uint64_t time) {
    Capture& capture = world_.capture;
    capture.tcp(time, client_, kProxy, sequence_[0]++, sequence_[1], 0x11, {});
    capture.tcp(time + 50 * kMicrosecond, kProxy, client_, sequence_[1]++, sequence_[0], 0x11, {});
    capture.tcp(time + 90 * kMicrosecond, client_, kProxy, sequence_[0], sequence_[1], 0x10, {});
  }

  void start_media(std::uint64_t time) {
    for (Leg& leg : legs_) {
      ++world_.truth.streams;
      leg.next_rtp = time + kMillisecond + random_.below(kPacketTime);
      leg.next_rtcp = time + kSecond + random_.below(4 * kSecond);
      if (leg.next_rtcp >= media_end_) leg.next_rtcp = kNever;
#ifdef VOIPGEN_SRTP
      if (!secure_) continue;
      srtp_policy_t policy{};
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
      policy.ssrc.type = ssrc_any_outbound;
      policy.key = leg.key.data();
      if (srtp_create(&leg.session, &policy) != srtp_err_status_ok) die("srtp_create failed");
#endif
    }
  }

  void protect([[maybe_unused]] Leg& leg, [[maybe_unused]] Bytes& packet, [[maybe_unused]] bool control) const {
#ifdef VOIPGEN_SRTP
    if (!secure_) return;
    int size = static_cast<int>(packet.size());
    packet.resize(packet.size() + SRTP_MAX_TRAILER_LEN);
    const srtp_err_status_t status = control ? srtp_protect_rtcp(leg.session, packet.data(), &size)
                                             : srtp_protect(leg.session, packet.data(), &size);
    if (status != srtp_err_status_ok) die("srtp_protect failed");
    packet.resize(static_cast<std::size_t>(size));
#endif
  }

  void send_rtp(Leg& leg) {
    const std::uint64_t time = leg.next_rtp;
    Bytes& packet = packet_;
    packet.clear();
    put16(packet, leg.sent == 0 ? 0x8080 : 0x8000);
    put16(packet, leg.sequence++);
    put32(packet, leg.timestamp);
    put32(packet, leg.ssrc);
    const auto voice = world_.audio.begin() + static_cast<std::ptrdiff_t>(leg.audio_at);
    packet.insert(packet.end(), voice, voice + kSamples);
    leg.audio_at = static_cast<std::uint32_t>((leg.audio_at + kSamples) % (world_.audio.size() - kSamples));
    leg.timestamp += kSamples;
    ++leg.sent;
    protect(leg, packet, false);
    // Lost on the way; the first ones never are, so that each stream can be found.
    if (leg.sent <= 10 || !random_.chance(0.001)) {
      ++(secure_ ? world_.truth.srtp : world_.truth.rtp);
      world_.capture.udp(time, leg.from, leg.to, packet);
    }
    leg.next_rtp = time + kPacketTime - kMillisecond + random_.below(2 * kMillisecond);
    if (leg.next_rtp >= media_end_) leg.next_rtp = kNever;
  }

  void send_rtcp(Leg& leg, const Leg& other) {
    const std::uint64_t time = leg.next_rtcp;
    Bytes& packet = packet_;
    packet.clear();
    put32(packet, 0x81c8000c);  // SR with one report block
    put32(packet, leg.ssrc);
    put32(packet, time / kSecond + 2'208'988'800);
    put32(packet, (time % kSecond << 32) / kSecond);
    put32(packet, leg.timestamp);
    put32(packet, leg.sent);
    put32(packet, leg.sent * kSamples);
    put32(packet, other.ssrc);
    put32(packet, 0);
    put32(packet, static_cast<std::uint32_t>(other.sequence - 1));
    put32(packet, 5 + random_.below(40));
    put32(packet, 0);
    put32(packet, 0);
    put32(packet, 0x81ca0004);  // SDES with a CNAME of eight letters
    put32(packet, leg.ssrc);
    put16(packet, 0x0108);
    append(packet, "leg@host");
    put16(packet, 0);
    protect(leg, packet, true);
    ++(secure_ ? world_.truth.srtcp : world_.truth.rtcp);
    world_.capture.udp(time, leg.from.next_port(), leg.to.next_port(), packet);
    leg.next_rtcp = time + 4 * kSecond + random_.below(2 * kSecond);
    if (leg.next_rtcp >= media_end_) leg.next_rtcp = kNever;
  }

  World& world_;
  Random random_;
  std::uint32_t index_;
  std::string user_, peer_, call_id_, nonce_;
  std::array<std::string, 2> tags_;
  bool tcp_ = false, hep_ = false, secure_ = false;
  Host client_;
  std::array<std::uint32_t, 2> sequence_{};
  std::array<Leg, 2> legs_;
  std::vector<Step> steps_;
  std::size_t at_ = 0;
  std::uint64_t clock_ = 0, media_end_ = 0;
  Bytes packet_;
};

void generate(World& world) {
  const Options& options = world.options;
  Random random(options.seed ^ 0x5bd1e995);
  const double gap = options.duration / options.concurrency;
  std::vector<std::tuple<std::uint64_t, std::uint32_t, bool>> arrivals;
  std::uint64_t time = kEpoch;
  for (std::uint32_t i = 0; i < options.calls; ++i) {
    arrivals.emplace_back(time, i, false);
    time += nanoseconds(random.exponential(gap));
  }
  const std::uint64_t span = std::max(time - kEpoch, 10 * kSecond);
  for (std::uint32_t i = 0; i < options.registrations; ++i) {
    arrivals.emplace_back(kEpoch + random.below(span), options.calls + i, true);
  }
  std::sort(arrivals.begin(), arrivals.end());

  using Turn = std::pair<std::uint64_t, std::uint32_t>;  // equal times go by index, so the order is always the same
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns;
  std::vector<std::unique_ptr<Dialog>> dialogs(arrivals.size());
  for (std::size_t arrived = 0; arrived < arrivals.size() || !turns.empty();) {
    if (arrived < arrivals.size() && (turns.empty() || std::get<0>(arrivals[arrived]) <= turns.top().first)) {
      const auto [start, index, registration] = arrivals[arrived++];
      dialogs[index] = std::make_unique<Dialog>(world, index, start, registration);
      turns.emplace(dialogs[index]->next(), index);
      continue;
    }
    const std::uint32_t index = turns.top().second;
    turns.pop();
    dialogs[index]->advance();
    const std::uint64_t next = dialogs[index]->next();
    if (next == kNever) {
      dialogs[index].reset();
    } else {
      turns.emplace(next, index);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Makes captures of VoIP traffic; the same options and seed give the same bytes."};
  app.add_option("-o", options.output, "The capture; - is standard output")->required();
  app.add_option("--truth", options.truth, "JSON of the true counts");
  app.add_option("--calls", options.calls);
  app.add_option("--registrations", options.registrations);
  app.add_option("--duration", options.duration, "Mean talk time, seconds")->check(CLI::Range(0.1, 3600.0));
  app.add_option("--concurrency", options.concurrency, "Calls at a time, about")->check(CLI::Range(1, 1000000));
  app.add_option("--tcp", options.tcp, "Share of dialogs over TCP")->check(CLI::Range(0.0, 1.0));
  app.add_option("--hep", options.hep, "Share of dialogs seen as HEP3 only, without media")
      ->check(CLI::Range(0.0, 1.0));
#ifdef VOIPGEN_SRTP
  app.add_option("--srtp", options.srtp, "Share of calls with SRTP keyed by SDES")->check(CLI::Range(0.0, 1.0));
#endif
  app.add_flag("--no-media", options.no_media);
  app.add_flag("--nano", options.nano, "Nanoseconds");
  app.add_flag("--pcapng", options.pcapng);
  app.add_option("--seed", options.seed);
  CLI11_PARSE(app, argc, argv);
#ifdef VOIPGEN_SRTP
  if (srtp_init() != srtp_err_status_ok) die("srtp_init failed");
#endif
  Truth truth;
  Capture capture(options, truth);
  const Bytes audio = speech();
  World world{options, truth, capture, audio};
  generate(world);
  capture.close();
  if (options.truth.empty()) return 0;
  std::FILE* file = std::fopen(options.truth.c_str(), "w");
  if (file == nullptr) die("cannot write " + options.truth);
  fmt::print(file,
             "{{\"packets\": {}, \"sip\": {}, \"rtp\": {}, \"srtp\": {}, \"rtcp\": {}, \"srtcp\": {}, \"streams\": {}, "
             "\"dialogs\": {}, \"hep\": {}}}\n",
             truth.packets, truth.sip, truth.rtp, truth.srtp, truth.rtcp, truth.srtcp, truth.streams, truth.dialogs,
             truth.hep);
  return std::fclose(file) == 0 ? 0 : 2;
}
