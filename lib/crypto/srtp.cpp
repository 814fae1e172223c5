#include "crypto/srtp.h"

#include <algorithm>
#include <array>
#include <bit>

#include "crypto/srtp_parts.h"

namespace voip::crypto {

using namespace srtp_parts;

namespace {

constexpr std::size_t kAuthKeySize = 20;
constexpr std::size_t kRtcpHeader = 8;  // of the first packet, up to the SSRC: stays in clear
constexpr std::size_t kRtcpIndex = 4;

void xor_be(std::uint8_t* at, std::size_t size, std::uint64_t value) {
  for (std::size_t i = size; i-- > 0; value >>= 8) at[i] = static_cast<std::uint8_t>(at[i] ^ (value & 0xff));
}

Sha1State sha1_state(const SHA_CTX& context) { return {context.h0, context.h1, context.h2, context.h3, context.h4}; }

// Encrypts whole blocks, or any length in counter mode.
bool run(EVP_CIPHER_CTX* context, const std::uint8_t* iv, ByteView in, std::uint8_t* out) {
  int n = 0;
  if (iv != nullptr && EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, iv, -1) != 1) return false;
  return in.empty() || EVP_CipherUpdate(context, out, &n, in.data(), static_cast<int>(in.size())) == 1;
}

// S(j) = E(k, IV' ^ j ^ S(j-1)), a block of key stream at a time.
bool f8_with(EVP_CIPHER_CTX* ecb, ByteView key, ByteView salt, ByteView iv, ByteView in, std::span<std::uint8_t> out) {
  std::array<std::uint8_t, 32> masked{};
  for (std::size_t i = 0; i < key.size(); ++i) {
    masked[i] = static_cast<std::uint8_t>(key[i] ^ (i < salt.size() ? salt[i] : 0x55));
  }
  const Context mask = make_context(Mode::kEcb, {masked.data(), key.size()}, true);
  Block start{};
  if (mask == nullptr || !run(mask.get(), nullptr, iv, start.data())) return false;
  Block stream{};
  for (std::size_t at = 0, j = 0; at < in.size(); at += kBlock, ++j) {
    for (std::size_t i = 0; i < kBlock; ++i) stream[i] = static_cast<std::uint8_t>(stream[i] ^ start[i]);
    xor_be(stream.data() + 8, 8, j);
    Block next{};
    if (!run(ecb, nullptr, stream, next.data())) return false;
    stream = next;
    for (std::size_t i = 0; i < kBlock && at + i < in.size(); ++i) {
      out[at + i] = static_cast<std::uint8_t>(in[at + i] ^ stream[i]);
    }
  }
  return true;
}

// RFC 3711 section 4.3.3 with AES-CM, RFC 6188 section 3 for the longer keys, RFC 7714 section 11 for salts of 12
// bytes.
bool derive_bytes(EVP_CIPHER_CTX* prf, ByteView master_salt, std::uint8_t label, std::uint64_t r,
                  std::span<std::uint8_t> out) {
  static constexpr std::array<std::uint8_t, 32> kZeros{};
  Block iv{};
  std::copy(master_salt.begin(), master_salt.end(), iv.begin());
  iv[7] = static_cast<std::uint8_t>(iv[7] ^ label);
  xor_be(iv.data() + 8, 6, r);
  return run(prf, iv.data(), ByteView{kZeros}.first(out.size()), out.data());
}

struct Derived {
  std::array<std::uint8_t, 32> key{};
  std::array<std::uint8_t, kAuthKeySize> auth{};
  std::array<std::uint8_t, 14> salt{};
};

bool derive(const SrtpSuite& suite, ByteView master_key, ByteView master_salt, SrtpTraffic traffic, std::uint64_t r,
            KeyDerivation derivation, Derived& to) {
  std::array<std::uint8_t, 32> key{};
  std::array<std::uint8_t, 14> salt{};
  std::size_t key_size = master_key.size();
  std::copy(master_key.begin(), master_key.end(), key.begin());
  if (derivation == KeyDerivation::kLibsrtp192) {
    // What follows the 24 key bytes in its buffer, the salt, is taken for the rest of a key of 32.
    std::copy_n(master_salt.begin(), 8, key.begin() + 24);
    std::copy(master_salt.begin() + 8, master_salt.end(), salt.begin());
    key_size = key.size();
  } else {
    std::copy(master_salt.begin(), master_salt.end(), salt.begin());
  }
  const Context prf = make_context(Mode::kCtr, {key.data(), key_size}, true);
  const std::uint8_t label = traffic == SrtpTraffic::kRtp ? 0 : 3;
  return prf != nullptr && derive_bytes(prf.get(), salt, label, r, std::span{to.key}.first(suite.key_size)) &&
         derive_bytes(prf.get(), salt, static_cast<std::uint8_t>(label + 1), r, to.auth) &&
         derive_bytes(prf.get(), salt, static_cast<std::uint8_t>(label + 2), r,
                      std::span{to.salt}.first(suite.salt_size));
}

}  // namespace

// What protects the RTP or the RTCP packets of one master key.
struct SrtpKey::Side {
  bool derived = false;
  bool usable = false;
  std::uint64_t r = 0;  // index / key derivation rate, of the keys below
  std::array<std::uint8_t, 32> key{};
  std::array<std::uint8_t, 14> salt{};
  HmacSha1 hmac;
  Context cipher;  // counter mode or GCM; block mode for f8
};

struct SrtpKey::State {
  const SrtpSuite* suite = nullptr;
  SrtpParameters parameters;
  KeyDerivation derivation = KeyDerivation::kRfc3711;
  std::array<std::uint8_t, 32> master_key{};
  std::array<std::uint8_t, 14> master_salt{};
  std::size_t rtp_tag = 0;
  std::size_t rtcp_tag = 0;
  std::uint8_t rate_shift = 0;
  Side rtp;
  Side rtcp;
  std::vector<std::uint8_t> scratch;  // AEAD: what verification decrypts and nobody wants
  std::shared_ptr<const SrtpTagCheck> tag_check;

  void set(const SrtpSuite& its_suite, const SrtpParameters& its_parameters);

  Side* side(SrtpTraffic traffic, std::uint64_t index) {
    Side& s = traffic == SrtpTraffic::kRtp ? rtp : rtcp;
    const std::uint64_t r = parameters.key_derivation_rate == 0 ? 0 : index >> rate_shift;
    if (!s.derived || s.r != r) prepare(s, traffic, r);
    return s.usable ? &s : nullptr;
  }

  void prepare(Side& s, SrtpTraffic traffic, std::uint64_t r) {
    Derived keys;
    s.derived = true;
    s.r = r;
    s.cipher = nullptr;
    s.usable = derive(*suite, ByteView{master_key}.first(suite->key_size),
                      ByteView{master_salt}.first(suite->salt_size), traffic, r, derivation, keys);
    if (!s.usable) return;
    s.key = keys.key;
    s.salt = keys.salt;
    s.hmac.set_key(keys.auth);
  }

  // Not made before something is to be decrypted: most keys of a capture only ever authenticate.
  EVP_CIPHER_CTX* cipher(Side& s) {
    if (s.cipher == nullptr) {
      const Mode mode = suite->cipher == SrtpCipher::kAesGcm  ? Mode::kGcm
                        : suite->cipher == SrtpCipher::kAesF8 ? Mode::kEcb
                                                              : Mode::kCtr;
      s.cipher = make_context(mode, ByteView{s.key}.first(suite->key_size), mode != Mode::kGcm);
    }
    return s.cipher.get();
  }

  bool gcm_rtp(ByteView packet, std::size_t header_size, std::uint32_t roc, std::uint8_t* out) {
    Side* s = side(SrtpTraffic::kRtp, rtp_index(packet, roc));
    if (s == nullptr) return false;
    return open_gcm_rtp(cipher(*s), s->salt, parameters, packet, header_size, roc, out);
  }

  // RFC 7714 section 9: the index word stands behind the tag and is authenticated as well.
  bool gcm_rtcp(ByteView packet, std::uint8_t* out) {
    const std::size_t trailer = packet.size() - parameters.mki_size - kRtcpIndex;
    const ByteView word = packet.subspan(trailer, kRtcpIndex);
    const std::uint32_t index = load_be<std::uint32_t>(word.data()) & 0x7fffffff;
    Side* s = side(SrtpTraffic::kRtcp, index);
    if (s == nullptr) return false;
    Block iv{};
    std::copy(packet.begin() + 4, packet.begin() + 8, iv.begin() + 2);
    store_be32(iv.data() + 8, index);
    for (std::size_t i = 0; i < 12; ++i) iv[i] = static_cast<std::uint8_t>(iv[i] ^ s->salt[i]);
    const ByteView tag = packet.subspan(trailer - kGcmTag, kGcmTag);
    const bool encrypted = (word[0] & 0x80) != 0;
    const std::size_t clear = encrypted ? kRtcpHeader : trailer - kGcmTag;
    return open_gcm(cipher(*s), iv, packet.first(clear), word, packet.subspan(clear, trailer - kGcmTag - clear), tag,
                    out);
  }

  static std::uint64_t rtp_index(ByteView packet, std::uint32_t roc) {
    return (std::uint64_t{roc} << 16) | load_be<std::uint16_t>(packet.data() + 2);
  }

  bool fits_rtp(ByteView packet, std::size_t header_size) const {
    return srtp_parts::fits_rtp(packet, header_size, rtp_tag + parameters.mki_size);
  }

  bool fits_rtcp(ByteView packet, std::size_t tag_size) const {
    return packet.size() <= kMaxPacket && packet.size() >= kRtcpHeader + kRtcpIndex + parameters.mki_size + tag_size;
  }

  // RFC 3711 section 4.1.1; the counter itself is the last two bytes.
  bool counter_mode(Side& s, std::uint32_t ssrc, std::uint64_t index, ByteView in, std::uint8_t* out) {
    Block iv{};
    std::copy(s.salt.begin(), s.salt.end(), iv.begin());
    xor_be(iv.data() + 4, 4, ssrc);
    xor_be(iv.data() + 8, 6, index);
    EVP_CIPHER_CTX* context = cipher(s);
    return context != nullptr && run(context, iv.data(), in, out);
  }

  bool f8(Side& s, const Block& iv, ByteView in, std::span<std::uint8_t> out) {
    EVP_CIPHER_CTX* context = cipher(s);
    return context != nullptr && f8_with(context, ByteView{s.key}.first(suite->key_size), s.salt, iv, in, out);
  }
};

SrtpKey::SrtpKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
SrtpKey::~SrtpKey() {
  if (state_ == nullptr) return;
  OPENSSL_cleanse(state_->master_key.data(), state_->master_key.size());
  for (Side* s : {&state_->rtp, &state_->rtcp}) OPENSSL_cleanse(s->key.data(), s->key.size());
}
SrtpKey::SrtpKey(SrtpKey&&) noexcept = default;
SrtpKey& SrtpKey::operator=(SrtpKey&&) noexcept = default;

namespace {

// What does not fit, or null.
const char* complaint(const SrtpSuite& suite, const SrtpParameters& parameters) {
  const auto hmac_tag = [](std::size_t size) { return size == 0 || size == 4 || size == 10; };
  const std::uint32_t rate = parameters.key_derivation_rate;
  if (!suite.supported) return "suite is not supported";
  if (parameters.mki_size > 128) return "MKI is longer than 128 bytes";
  if (rate != 0 && (!std::has_single_bit(rate) || rate > 1U << 24)) return "key derivation rate is no power of two";
  if (!hmac_tag(parameters.rtp_tag_size.value_or(0)) || !hmac_tag(parameters.rtcp_tag_size.value_or(0))) {
    return "tag size is none of 0, 4 and 10";
  }
  return nullptr;
}

Error error_of(const SrtpSuite& suite, const char* why) { return {std::string(suite.name()) + ": " + why}; }

}  // namespace

void SrtpKey::State::set(const SrtpSuite& its_suite, const SrtpParameters& its_parameters) {
  suite = &its_suite;
  parameters = its_parameters;
  const std::uint32_t rate = parameters.key_derivation_rate;
  rate_shift = rate == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(std::countr_zero(rate));
  rtp_tag = suite->rtp_tag_size;
  rtcp_tag = suite->rtcp_tag_size;
  if (suite->aead()) return;
  rtp_tag = parameters.unauthenticated_srtp ? 0 : parameters.rtp_tag_size.value_or(rtp_tag);
  rtcp_tag = parameters.rtcp_tag_size.value_or(rtcp_tag);
}

Result<SrtpKey> SrtpKey::make(const SrtpSuite& suite, ByteView master_key, ByteView master_salt,
                              const SrtpParameters& parameters, KeyDerivation derivation) {
  if (const char* why = complaint(suite, parameters)) return error_of(suite, why);
  if (master_key.size() != suite.key_size) return error_of(suite, "master key has the wrong size");
  if (master_salt.size() != suite.salt_size) return error_of(suite, "master salt has the wrong size");
  if (derivation == KeyDerivation::kLibsrtp192 && suite.key_size != 24) {
    return error_of(suite, "that derivation is for AES-192");
  }
  auto state = std::make_unique<State>();
  state->set(suite, parameters);
  state->derivation = derivation;
  std::copy(master_key.begin(), master_key.end(), state->master_key.begin());
  std::copy(master_salt.begin(), master_salt.end(), state->master_salt.begin());
  return SrtpKey{std::move(state)};
}

Result<SrtpKey> SrtpKey::from_session_keys(const SrtpSuite& suite, const SrtpSessionKeys& rtp,
                                           const SrtpSessionKeys& rtcp, const SrtpParameters& parameters) {
  if (const char* why = complaint(suite, parameters)) return error_of(suite, why);
  auto state = std::make_unique<State>();
  state->set(suite, parameters);
  state->parameters.key_derivation_rate = 0;
  for (const bool is_rtp : {true, false}) {
    const SrtpSessionKeys& from = is_rtp ? rtp : rtcp;
    Side& side = is_rtp ? state->rtp : state->rtcp;
    if (from.cipher_key.size() != suite.key_size || from.salt.size() != suite.salt_size ||
        from.auth_key.size() > SHA_CBLOCK) {
      return error_of(suite, "session keys have the wrong sizes");
    }
    std::copy(from.cipher_key.begin(), from.cipher_key.end(), side.key.begin());
    std::copy(from.salt.begin(), from.salt.end(), side.salt.begin());
    side.hmac.set_key(from.auth_key);
    side.derived = side.usable = true;
  }
  return SrtpKey{std::move(state)};
}

const SrtpSuite& SrtpKey::suite() const { return *state_->suite; }
const SrtpParameters& SrtpKey::parameters() const { return state_->parameters; }
KeyDerivation SrtpKey::derivation() const { return state_->derivation; }
std::size_t SrtpKey::rtp_tag_size() const { return state_->rtp_tag; }
std::size_t SrtpKey::rtp_overhead() const { return state_->rtp_tag + state_->parameters.mki_size; }

bool SrtpKey::verify_rtp(ByteView packet, std::size_t header_size, std::uint32_t roc) {
  State& state = *state_;
  if (state.rtp_tag == 0 || !state.fits_rtp(packet, header_size)) return false;
  if (state.suite->aead()) {
    if (state.scratch.size() < packet.size()) state.scratch.resize(packet.size());
    return state.gcm_rtp(packet, header_size, roc, state.scratch.data());
  }
  const Side* side = state.side(SrtpTraffic::kRtp, State::rtp_index(packet, roc));
  if (side == nullptr) return false;
  return hmac_matches(side->hmac, state.rtp_tag, state.parameters.mki_size, packet, roc);
}

const std::shared_ptr<const SrtpTagCheck>& SrtpKey::tag_check() {
  State& state = *state_;
  if (state.tag_check != nullptr || state.rtp_tag == 0 || state.parameters.key_derivation_rate != 0)
    return state.tag_check;
  const Side* side = state.side(SrtpTraffic::kRtp, 0);
  if (side == nullptr) return state.tag_check;
  auto shared = std::make_unique<SrtpTagCheck::State>();
  shared->parameters = state.parameters;
  shared->tag_size = state.rtp_tag;
  shared->aead = state.suite->aead();
  shared->hmac = side->hmac;
  shared->inner = sha1_state(side->hmac.inner);
  shared->outer = sha1_state(side->hmac.outer);
  shared->key_size = state.suite->key_size;
  shared->key = side->key;
  shared->salt = side->salt;
  state.tag_check.reset(new SrtpTagCheck(std::move(shared)));  // private constructor
  return state.tag_check;
}

std::optional<std::size_t> SrtpKey::decrypt_rtp(ByteView packet, std::size_t header_size, std::uint32_t roc,
                                                std::span<std::uint8_t> out) {
  State& state = *state_;
  if (!state.fits_rtp(packet, header_size)) return std::nullopt;
  const ByteView body = packet.subspan(header_size, packet.size() - header_size - rtp_overhead());
  if (out.size() < body.size()) return std::nullopt;
  if (state.suite->aead()) {
    if (!state.gcm_rtp(packet, header_size, roc, out.data())) return std::nullopt;
    return body.size();
  }
  if (!state.suite->encrypts() || state.parameters.unencrypted_srtp) {
    std::copy(body.begin(), body.end(), out.begin());
    return body.size();
  }
  Side* side = state.side(SrtpTraffic::kRtp, State::rtp_index(packet, roc));
  if (side == nullptr) return std::nullopt;
  bool done = false;
  if (state.suite->cipher == SrtpCipher::kAesF8) {
    Block iv{};
    std::copy(packet.begin() + 1, packet.begin() + kRtpFixedHeader, iv.begin() + 1);
    store_be32(iv.data() + 12, roc);
    done = state.f8(*side, iv, body, out);
  } else {
    done = state.counter_mode(*side, load_be<std::uint32_t>(packet.data() + 8), State::rtp_index(packet, roc), body,
                              out.data());
  }
  return done ? std::optional{body.size()} : std::nullopt;
}

std::optional<SrtcpCheck> SrtpKey::verify_rtcp(ByteView packet) {
  State& state = *state_;
  const std::size_t mki = state.parameters.mki_size;
  const auto word_at = [&](std::size_t from_end) { return load_be<std::uint32_t>(packet.last(from_end).data()); };
  if (state.suite->aead()) {
    if (!state.fits_rtcp(packet, kGcmTag)) return std::nullopt;
    if (state.scratch.size() < packet.size()) state.scratch.resize(packet.size());
    if (!state.gcm_rtcp(packet, state.scratch.data())) return std::nullopt;
    const std::uint32_t word = word_at(kRtcpIndex + mki);
    return SrtcpCheck{word & 0x7fffffff, (word >> 31) != 0, kGcmTag};
  }
  // RFC 4568 and RFC 5764 keep 80 bits for RTCP with the _32 suites; baresip and linphone do not.
  const std::array<std::size_t, 3> sizes{state.rtcp_tag, 10, 4};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::size_t tag = sizes[i];
    if (tag == 0 || (i > 0 && tag == sizes[0]) || !state.fits_rtcp(packet, tag)) continue;
    const std::uint32_t word = word_at(kRtcpIndex + mki + tag);
    const std::uint32_t index = word & 0x7fffffff;
    const Side* side = state.side(SrtpTraffic::kRtcp, index);
    if (side == nullptr) return std::nullopt;
    const auto expected = side->hmac.of(packet.first(packet.size() - mki - tag), {});
    if (CRYPTO_memcmp(expected.data(), packet.last(tag).data(), tag) == 0) {
      return SrtcpCheck{index, (word >> 31) != 0, tag};
    }
  }
  return std::nullopt;
}

std::optional<std::size_t> SrtpKey::decrypt_rtcp(ByteView packet, const SrtcpCheck& how, std::span<std::uint8_t> out) {
  State& state = *state_;
  const std::size_t mki = state.parameters.mki_size;
  const std::size_t tag = state.suite->aead() ? kGcmTag : how.tag_size;
  if (tag > kGcmTag || !state.fits_rtcp(packet, tag)) return std::nullopt;
  const std::size_t size = packet.size() - kRtcpIndex - mki - tag;
  if (out.size() < size) return std::nullopt;
  std::copy_n(packet.begin(), size, out.begin());
  if (state.suite->aead()) {
    if (!state.gcm_rtcp(packet, out.data() + kRtcpHeader)) return std::nullopt;
    return size;
  }
  if (!state.suite->encrypts() || !how.encrypted) return size;
  Side* side = state.side(SrtpTraffic::kRtcp, how.index);
  if (side == nullptr) return std::nullopt;
  const ByteView body = packet.subspan(kRtcpHeader, size - kRtcpHeader);
  bool done = false;
  if (state.suite->cipher == SrtpCipher::kAesF8) {
    Block iv{};  // RFC 3711 section 4.1.2.3
    store_be32(iv.data() + 4, how.index | 0x80000000U);
    std::copy_n(packet.begin(), kRtcpHeader, iv.begin() + 8);
    done = state.f8(*side, iv, body, out.subspan(kRtcpHeader));
  } else {
    done =
        state.counter_mode(*side, load_be<std::uint32_t>(packet.data() + 4), how.index, body, out.data() + kRtcpHeader);
  }
  return done ? std::optional{size} : std::nullopt;
}

std::optional<SrtpSessionKeys> derive_srtp_session_keys(const SrtpSuite& suite, ByteView master_key,
                                                        ByteView master_salt, SrtpTraffic traffic, std::uint64_t r,
                                                        KeyDerivation derivation) {
  Derived keys;
  if (!suite.supported || master_key.size() != suite.key_size || master_salt.size() != suite.salt_size ||
      !derive(suite, master_key, master_salt, traffic, r, derivation, keys)) {
    return std::nullopt;
  }
  SrtpSessionKeys result;
  result.cipher_key.assign(keys.key.begin(), keys.key.begin() + suite.key_size);
  result.salt.assign(keys.salt.begin(), keys.salt.begin() + suite.salt_size);
  if (!suite.aead()) result.auth_key.assign(keys.auth.begin(), keys.auth.end());
  return result;
}

void RocTracker::start(std::uint32_t roc, std::uint16_t sequence) {
  started_ = true;
  roc_ = roc;
  highest_ = sequence;
}

std::uint32_t RocTracker::estimate(std::uint16_t sequence) const {
  const int step = int{sequence} - int{highest_};
  if (highest_ < 0x8000) return step > 0x8000 ? roc_ - 1 : roc_;
  return step < -0x8000 ? roc_ + 1 : roc_;
}

void RocTracker::confirm(std::uint32_t roc, std::uint16_t sequence) {
  if (!started_ || roc == roc_ + 1) {
    start(roc, sequence);
  } else if (roc == roc_) {
    highest_ = std::max(highest_, sequence);
  }
}

}  // namespace voip::crypto
