#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "crypto/srtp_parts.h"

namespace voip::crypto {

namespace srtp_parts {

namespace {

// Fetched once: a fetch costs more than a packet.
const EVP_CIPHER* aes(Mode mode, std::size_t key_size) {
  struct Fetched {
    std::array<std::array<const EVP_CIPHER*, 3>, 3> ciphers{};
    Fetched() {
      static constexpr const char* kNames[3][3] = {{"AES-128-CTR", "AES-192-CTR", "AES-256-CTR"},
                                                   {"AES-128-GCM", "AES-192-GCM", "AES-256-GCM"},
                                                   {"AES-128-ECB", "AES-192-ECB", "AES-256-ECB"}};
      for (std::size_t m = 0; m < 3; ++m) {
        for (std::size_t k = 0; k < 3; ++k) ciphers[m][k] = EVP_CIPHER_fetch(nullptr, kNames[m][k], nullptr);
      }
    }
  };
  static const Fetched kFetched;
  if (key_size != 16 && key_size != 24 && key_size != 32) return nullptr;
  return kFetched.ciphers[static_cast<std::size_t>(mode)][key_size / 8 - 2];
}

}  // namespace

Context make_context(Mode mode, ByteView key, bool encrypt) {
  Context context{EVP_CIPHER_CTX_new()};
  const EVP_CIPHER* cipher = aes(mode, key.size());
  if (context == nullptr || cipher == nullptr ||
      EVP_CipherInit_ex(context.get(), cipher, nullptr, key.data(), nullptr, encrypt ? 1 : 0) != 1) {
    return nullptr;
  }
  // Where there is none to be had, the wish for none would be repeated with each packet.
  if (mode == Mode::kEcb) EVP_CIPHER_CTX_set_padding(context.get(), 0);
  return context;
}

bool fits_rtp(ByteView packet, std::size_t header_size, std::size_t overhead) {
  return packet.size() <= kMaxPacket && header_size >= kRtpFixedHeader && header_size <= packet.size() &&
         packet.size() - header_size >= overhead;
}

bool hmac_matches(const HmacSha1& hmac, std::size_t tag_size, std::size_t mki_size, ByteView packet,
                  std::uint32_t roc) {
  std::array<std::uint8_t, 4> roc_bytes;
  store_be32(roc_bytes.data(), roc);
  const auto expected = hmac.of(packet.first(packet.size() - tag_size - mki_size), roc_bytes);
  return CRYPTO_memcmp(expected.data(), packet.last(tag_size).data(), tag_size) == 0;
}

bool open_gcm(EVP_CIPHER_CTX* context, const Block& iv, ByteView aad, ByteView more_aad, ByteView ciphertext,
              ByteView tag, std::uint8_t* out) {
  if (context == nullptr) return false;
  std::array<std::uint8_t, kGcmTag> expected;
  std::copy(tag.begin(), tag.end(), expected.begin());
  int n = 0;
  std::uint8_t nothing = 0;
  return EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, iv.data()) == 1 &&
         EVP_DecryptUpdate(context, nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1 &&
         (more_aad.empty() ||
          EVP_DecryptUpdate(context, nullptr, &n, more_aad.data(), static_cast<int>(more_aad.size())) == 1) &&
         (ciphertext.empty() ||
          EVP_DecryptUpdate(context, out, &n, ciphertext.data(), static_cast<int>(ciphertext.size())) == 1) &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kGcmTag, expected.data()) == 1 &&
         EVP_DecryptFinal_ex(context, &nothing, &n) == 1;
}

bool open_gcm_rtp(EVP_CIPHER_CTX* context, const Salt& salt, const SrtpParameters& parameters, ByteView packet,
                  std::size_t header_size, std::uint32_t roc, std::uint8_t* out) {
  Block iv{};
  std::copy(packet.begin() + 8, packet.begin() + 12, iv.begin() + 2);
  store_be32(iv.data() + 6, roc);
  iv[10] = packet[2];
  iv[11] = packet[3];
  for (std::size_t i = 0; i < 12; ++i) iv[i] = static_cast<std::uint8_t>(iv[i] ^ salt[i]);
  const ByteView body = packet.subspan(header_size, packet.size() - header_size - kGcmTag - parameters.mki_size);
  const ByteView tag = packet.subspan(header_size + body.size(), kGcmTag);
  if (parameters.unencrypted_srtp) {
    if (!open_gcm(context, iv, packet.first(header_size + body.size()), {}, {}, tag, out)) return false;
    std::copy(body.begin(), body.end(), out);
    return true;
  }
  return open_gcm(context, iv, packet.first(header_size), {}, body, tag, out);
}

}  // namespace srtp_parts

using namespace srtp_parts;

namespace {

constexpr std::size_t kShaBlock = SHA_CBLOCK;  // of SHA-1

// The end of what is hashed: what fills no block, what follows it, and the padding of FIPS 180-4 section 5.1.1.
struct Sha1Tail {
  std::array<std::uint8_t, 2 * kShaBlock> bytes;
  std::size_t size = kShaBlock;

  // before: bytes hashed before `rest`.
  Sha1Tail(std::size_t before, ByteView rest, ByteView more) {
    const std::size_t filled = rest.size() + more.size();
    if (filled + 9 > kShaBlock) size = 2 * kShaBlock;
    const auto behind = std::copy(more.begin(), more.end(), std::copy(rest.begin(), rest.end(), bytes.begin()));
    *behind = 0x80;
    const auto end = bytes.begin() + static_cast<std::ptrdiff_t>(size);
    std::fill(behind + 1, end - 4, std::uint8_t{0});
    store_be32(&*(end - 4), static_cast<std::uint32_t>((before + filled) * 8));
  }
  ByteView view() const { return {bytes.data(), size}; }
};

}  // namespace

struct SrtpTagBench::State {
  struct Slot {
    std::shared_ptr<const SrtpTagCheck> whose;
    Context context;
  };
  std::array<Slot, 256> slots;
  std::vector<std::uint8_t> scratch;
};

SrtpTagBench::SrtpTagBench() : state_(std::make_unique<State>()) {}
SrtpTagBench::~SrtpTagBench() = default;

SrtpTagCheck::SrtpTagCheck(std::unique_ptr<const State> state) : state_(std::move(state)) {}
SrtpTagCheck::~SrtpTagCheck() = default;

bool SrtpTagCheck::verify_rtp(ByteView packet, std::size_t header_size, std::uint32_t roc, SrtpTagBench& bench) const {
  const State& state = *state_;
  if (!fits_rtp(packet, header_size, state.tag_size + state.parameters.mki_size)) return false;
  if (!state.aead) return hmac_matches(state.hmac, state.tag_size, state.parameters.mki_size, packet, roc);
  SrtpTagBench::State& own = *bench.state_;
  SrtpTagBench::State::Slot& slot = own.slots[std::hash<const void*>{}(this) / sizeof *this % own.slots.size()];
  if (slot.whose.get() != this) {
    slot.context = make_context(Mode::kGcm, ByteView{state.key}.first(state.key_size), false);
    slot.whose = shared_from_this();
  }
  if (own.scratch.size() < packet.size()) own.scratch.resize(packet.size());
  return open_gcm_rtp(slot.context.get(), state.salt, state.parameters, packet, header_size, roc, own.scratch.data());
}

namespace {

// Two messages are taken in together if they have as many blocks, whole ones and in the tail.
constexpr std::size_t kPairClasses = 64;

std::size_t pair_class(std::size_t signed_size) {
  const std::size_t tail = signed_size % SHA_CBLOCK + 4 + 9 > SHA_CBLOCK ? 1 : 0;
  return signed_size / SHA_CBLOCK * 2 + tail;
}

}  // namespace

bool SrtpTagCheck::faster_together() { return sha1_pair_available(); }

void SrtpTagCheck::verify_pair(Job& a, Job& b) {
  struct Half {
    const State& state;
    ByteView text;
    Sha1State sha;
    explicit Half(const Job& job)
        : state(*job.check->state_),
          text(job.packet.first(job.packet.size() - state.tag_size - state.parameters.mki_size)),
          sha(state.inner) {}
    Sha1Tail tail(std::size_t whole, std::uint32_t roc) const {
      std::array<std::uint8_t, 4> roc_bytes;
      store_be32(roc_bytes.data(), roc);
      return {SHA_CBLOCK + whole, text.subspan(whole), roc_bytes};
    }
    Sha1Tail digest() const {
      std::array<std::uint8_t, SHA_DIGEST_LENGTH> value;
      for (std::size_t i = 0; i < sha.size(); ++i) store_be32(value.data() + 4 * i, sha[i]);
      return {SHA_CBLOCK, value, {}};
    }
    bool matches(ByteView packet) const {
      std::array<std::uint8_t, SHA_DIGEST_LENGTH> value;
      for (std::size_t i = 0; i < sha.size(); ++i) store_be32(value.data() + 4 * i, sha[i]);
      return CRYPTO_memcmp(value.data(), packet.last(state.tag_size).data(), state.tag_size) == 0;
    }
  };
  Half one(a);
  Half two(b);
  const std::size_t whole = one.text.size() / SHA_CBLOCK * SHA_CBLOCK;
  sha1_pair(one.sha, one.text.first(whole), two.sha, two.text.first(whole));
  sha1_pair(one.sha, one.tail(whole, a.roc).view(), two.sha, two.tail(whole, b.roc).view());
  const Sha1Tail inner_one = one.digest();
  const Sha1Tail inner_two = two.digest();
  one.sha = one.state.outer;
  two.sha = two.state.outer;
  sha1_pair(one.sha, inner_one.view(), two.sha, inner_two.view());
  a.valid = one.matches(a.packet);
  b.valid = two.matches(b.packet);
}

void SrtpTagCheck::verify_rtp(std::span<Job> jobs, SrtpTagBench& bench) {
  std::array<Job*, kPairClasses> alone{};
  const auto one_by_one = [&](Job& job) {
    job.valid = job.check->verify_rtp(job.packet, job.header_size, job.roc, bench);
  };
  const bool pairs = sha1_pair_available();
  for (Job& job : jobs) {
    const State& state = *job.check->state_;
    const std::size_t overhead = state.tag_size + state.parameters.mki_size;
    if (!pairs || state.aead || !fits_rtp(job.packet, job.header_size, overhead)) {
      one_by_one(job);
      continue;
    }
    const std::size_t kind = pair_class(job.packet.size() - overhead);
    if (kind >= kPairClasses) {
      one_by_one(job);
    } else if (alone[kind] == nullptr) {
      alone[kind] = &job;
    } else {
      verify_pair(*std::exchange(alone[kind], nullptr), job);
    }
  }
  for (Job* job : alone) {
    if (job != nullptr) one_by_one(*job);
  }
}

}  // namespace voip::crypto
