#include "crypto/tls_record.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace voip::crypto {

namespace {

using Mode = TlsSuite::Mode;

constexpr std::size_t kMaxFragment = (1U << 14) + 2048;

struct ContextFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextFree>;

struct Cipher {
  std::string_view name;  // in the suite's name, after "_WITH_"
  Mode mode;
  const char* library_name;
  std::uint8_t key_size;
  std::uint8_t block_size;
};

constexpr Cipher kCiphers[] = {
    {"AES_128_GCM", Mode::kGcm, "AES-128-GCM", 16, 0},
    {"AES_256_GCM", Mode::kGcm, "AES-256-GCM", 32, 0},
    {"ARIA_128_GCM", Mode::kGcm, "ARIA-128-GCM", 16, 0},
    {"ARIA_256_GCM", Mode::kGcm, "ARIA-256-GCM", 32, 0},
    {"AES_128_CCM", Mode::kCcm, "AES-128-CCM", 16, 0},
    {"AES_256_CCM", Mode::kCcm, "AES-256-CCM", 32, 0},
    {"CHACHA20_POLY1305", Mode::kChaCha, "ChaCha20-Poly1305", 32, 0},
    {"AES_128_CBC", Mode::kCbc, "AES-128-CBC", 16, 16},
    {"AES_256_CBC", Mode::kCbc, "AES-256-CBC", 32, 16},
    {"CAMELLIA_128_CBC", Mode::kCbc, "CAMELLIA-128-CBC", 16, 16},
    {"CAMELLIA_256_CBC", Mode::kCbc, "CAMELLIA-256-CBC", 32, 16},
    {"ARIA_128_CBC", Mode::kCbc, "ARIA-128-CBC", 16, 16},
    {"ARIA_256_CBC", Mode::kCbc, "ARIA-256-CBC", 32, 16},
    {"3DES_EDE_CBC", Mode::kCbc, "DES-EDE3-CBC", 24, 8},
    {"NULL", Mode::kNull, "", 0, 0},
};

std::size_t additional_data(std::array<std::uint8_t, 13>& out, std::uint64_t sequence, std::uint8_t type,
                            std::uint16_t version, std::size_t length) {
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(sequence >> (56 - 8 * i));
  out[8] = type;
  out[9] = static_cast<std::uint8_t>(version >> 8);
  out[10] = static_cast<std::uint8_t>(version);
  out[11] = static_cast<std::uint8_t>(length >> 8);
  out[12] = static_cast<std::uint8_t>(length);
  return out.size();
}

}  // namespace

std::optional<TlsSuite> tls_suite(std::string_view iana_name) {
  TlsSuite suite;
  std::string_view rest = iana_name;
  if (!rest.starts_with("TLS_")) return std::nullopt;
  rest.remove_prefix(4);
  if (const std::size_t with = rest.find("_WITH_"); with != std::string_view::npos) {
    suite.rsa_key_exchange = rest.substr(0, with) == "RSA";
    rest.remove_prefix(with + 6);
  }
  const auto* cipher = std::ranges::find_if(kCiphers, [&](const Cipher& c) {
    return rest.starts_with(c.name) && (rest.size() == c.name.size() || rest[c.name.size()] == '_');
  });
  if (cipher == std::end(kCiphers)) return std::nullopt;
  suite.mode = cipher->mode;
  suite.cipher = cipher->library_name;
  suite.key_size = cipher->key_size;
  suite.block_size = cipher->block_size;
  rest.remove_prefix(std::min(rest.size(), cipher->name.size() + 1));
  if (suite.mode == Mode::kCcm) {
    // "_8" has the short tag; 1.3 names append the hash.
    suite.tag_size = rest.starts_with("8") ? 8 : 16;
    return suite;
  }
  std::optional<Hash> hash;
  if (rest == "MD5") hash = Hash::kMd5;
  if (rest == "SHA") hash = Hash::kSha1;
  if (rest == "SHA256") hash = Hash::kSha256;
  if (rest == "SHA384") hash = Hash::kSha384;
  if (!hash.has_value()) return std::nullopt;
  if (suite.aead()) {
    suite.tag_size = 16;
  } else {
    suite.mac = *hash;
  }
  // RFC 5246 section 5: SHA-256 unless the suite names something stronger.
  suite.hash = *hash == Hash::kSha384 ? Hash::kSha384 : Hash::kSha256;
  return suite;
}

struct TlsOpener::State {
  TlsSuite suite;
  bool tls13 = false;
  bool encrypt_then_mac = false;
  std::uint16_t version = kTls12;
  TlsSecret traffic_secret;           // 1.3
  std::array<std::uint8_t, 16> iv{};  // 1.3 and AEAD: the fixed part; TLS 1.0: the next record's
  std::array<std::uint8_t, 64> mac_key{};
  Context context;
  std::vector<std::uint8_t> plaintext;

  bool set_key(ByteView key) {
    if (suite.mode == Mode::kNull) return true;
    EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, suite.cipher, nullptr);
    context.reset(cipher == nullptr ? nullptr : EVP_CIPHER_CTX_new());
    bool ok = context != nullptr && EVP_DecryptInit_ex(context.get(), cipher, nullptr, nullptr, nullptr) == 1;
    if (suite.mode == Mode::kCcm) {
      ok = ok && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN, 12, nullptr) == 1 &&
           EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, suite.tag_size, nullptr) == 1;
    }
    ok = ok && EVP_DecryptInit_ex(context.get(), nullptr, nullptr, key.data(), nullptr) == 1;
    if (ok && suite.mode == Mode::kCbc) EVP_CIPHER_CTX_set_padding(context.get(), 0);
    EVP_CIPHER_free(cipher);
    ERR_clear_error();
    return ok;
  }

  bool set_traffic_secret(ByteView secret) {
    std::array<std::uint8_t, 32> key{};
    const auto key_part = std::span{key}.first(suite.key_size);
    return traffic_secret.assign(secret) && hkdf_expand_label(suite.hash, secret, "key", {}, key_part) &&
           hkdf_expand_label(suite.hash, secret, "iv", {}, std::span{iv}.first(12)) && set_key(key_part);
  }

  bool aead_open(const std::uint8_t* nonce, ByteView aad, ByteView ciphertext, ByteView tag) {
    EVP_CIPHER_CTX* c = context.get();
    std::array<std::uint8_t, 16> expected{};
    std::copy(tag.begin(), tag.end(), expected.begin());
    plaintext.resize(ciphertext.size() + 16);
    int n = 0;
    const int size = static_cast<int>(ciphertext.size());
    if (suite.mode == Mode::kCcm) {
      // The tag, then the nonce, then the length come first, and the only update decides.
      return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, suite.tag_size, expected.data()) == 1 &&
             EVP_DecryptInit_ex(c, nullptr, nullptr, nullptr, nonce) == 1 &&
             EVP_DecryptUpdate(c, nullptr, &n, nullptr, size) == 1 &&
             EVP_DecryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1 &&
             EVP_DecryptUpdate(c, plaintext.data(), &n, ciphertext.data(), size) == 1;
    }
    return EVP_DecryptInit_ex(c, nullptr, nullptr, nullptr, nonce) == 1 &&
           EVP_DecryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1 &&
           (size == 0 || EVP_DecryptUpdate(c, plaintext.data(), &n, ciphertext.data(), size) == 1) &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, expected.data()) == 1 &&
           EVP_DecryptFinal_ex(c, plaintext.data() + size, &n) == 1;
  }

  void nonce_of(std::uint64_t sequence, std::array<std::uint8_t, 12>& nonce) const {
    std::copy_n(iv.begin(), 12, nonce.begin());
    for (std::size_t i = 0; i < 8; ++i)
      nonce[11 - i] = static_cast<std::uint8_t>(nonce[11 - i] ^ (sequence >> (8 * i)));
  }

  // RFC 8446 section 5.2.
  std::optional<Opened> open13(std::uint8_t type, std::uint16_t record_version, ByteView fragment,
                               std::uint64_t sequence) {
    if (fragment.size() < std::size_t{suite.tag_size} + 1) return std::nullopt;
    const ByteView ciphertext = fragment.first(fragment.size() - suite.tag_size);
    const std::array<std::uint8_t, 5> aad{
        type, static_cast<std::uint8_t>(record_version >> 8), static_cast<std::uint8_t>(record_version),
        static_cast<std::uint8_t>(fragment.size() >> 8), static_cast<std::uint8_t>(fragment.size())};
    std::array<std::uint8_t, 12> nonce{};
    nonce_of(sequence, nonce);
    if (!aead_open(nonce.data(), aad, ciphertext, fragment.last(suite.tag_size))) return std::nullopt;
    // The last byte that is not zero is the type; the zeros behind it are padding.
    std::size_t size = ciphertext.size();
    while (size > 0 && plaintext[size - 1] == 0) --size;
    if (size == 0) return std::nullopt;
    return Opened{plaintext[size - 1], ByteView{plaintext}.first(size - 1)};
  }

  // RFC 5246 section 6.2.3.3, RFC 5288, RFC 6655, RFC 7905.
  std::optional<Opened> open_aead(std::uint8_t type, ByteView fragment, std::uint64_t sequence) {
    const std::size_t explicit_size = suite.mode == Mode::kChaCha ? 0 : 8;
    if (fragment.size() < explicit_size + suite.tag_size) return std::nullopt;
    std::array<std::uint8_t, 12> nonce{};
    if (explicit_size == 0) {
      nonce_of(sequence, nonce);
    } else {
      std::copy_n(iv.begin(), 4, nonce.begin());
      std::copy_n(fragment.begin(), 8, nonce.begin() + 4);
    }
    const ByteView ciphertext = fragment.subspan(explicit_size, fragment.size() - explicit_size - suite.tag_size);
    std::array<std::uint8_t, 13> aad{};
    additional_data(aad, sequence, type, version, ciphertext.size());
    if (!aead_open(nonce.data(), aad, ciphertext, fragment.last(suite.tag_size))) return std::nullopt;
    return Opened{type, ByteView{plaintext}.first(ciphertext.size())};
  }

  Digest mac_of(std::uint8_t type, std::uint64_t sequence, ByteView content) const {
    std::vector<std::uint8_t> text(13 + content.size());
    std::array<std::uint8_t, 13> head{};
    additional_data(head, sequence, type, version, content.size());
    std::copy(head.begin(), head.end(), text.begin());
    std::copy(content.begin(), content.end(), text.begin() + 13);
    return hmac(suite.mac, ByteView{mac_key}.first(digest_size(suite.mac)), text);
  }

  // RFC 5246 section 6.2.3.2 and RFC 7366; TLS 1.0 chains its IVs over the records.
  std::optional<Opened> open_cbc(std::uint8_t type, ByteView fragment, std::uint64_t sequence) {
    const std::size_t mac_size = digest_size(suite.mac);
    const std::size_t iv_size = version >= kTls11 ? suite.block_size : 0;
    ByteView body = fragment;
    if (encrypt_then_mac) {
      if (body.size() < mac_size) return std::nullopt;
      const ByteView tag = body.last(mac_size);
      body = body.first(body.size() - mac_size);
      if (!equal_constant_time(mac_of(type, sequence, body).view(), tag)) return std::nullopt;
    }
    if (body.size() < iv_size + suite.block_size || (body.size() - iv_size) % suite.block_size != 0)
      return std::nullopt;
    const ByteView ciphertext = body.subspan(iv_size);
    plaintext.resize(ciphertext.size() + suite.block_size);
    int n = 0;
    if (EVP_DecryptInit_ex(context.get(), nullptr, nullptr, nullptr, iv_size == 0 ? iv.data() : body.data()) != 1 ||
        EVP_DecryptUpdate(context.get(), plaintext.data(), &n, ciphertext.data(),
                          static_cast<int>(ciphertext.size())) != 1) {
      return std::nullopt;
    }
    std::size_t size = ciphertext.size();
    const std::size_t padding = std::size_t{plaintext[size - 1]} + 1;
    if (padding > size) return std::nullopt;
    for (std::size_t i = size - padding; i < size; ++i) {
      if (plaintext[i] != padding - 1) return std::nullopt;
    }
    size -= padding;
    if (!encrypt_then_mac) {
      if (size < mac_size) return std::nullopt;
      size -= mac_size;
      const ByteView content = ByteView{plaintext}.first(size);
      if (!equal_constant_time(mac_of(type, sequence, content).view(), ByteView{plaintext}.subspan(size, mac_size))) {
        return std::nullopt;
      }
    }
    if (iv_size == 0) std::copy_n(ciphertext.end() - suite.block_size, suite.block_size, iv.begin());
    return Opened{type, ByteView{plaintext}.first(size)};
  }

  std::optional<Opened> open_null(std::uint8_t type, ByteView fragment, std::uint64_t sequence) {
    const std::size_t mac_size = digest_size(suite.mac);
    if (fragment.size() < mac_size) return std::nullopt;
    const ByteView content = fragment.first(fragment.size() - mac_size);
    if (!equal_constant_time(mac_of(type, sequence, content).view(), fragment.last(mac_size))) return std::nullopt;
    plaintext.assign(content.begin(), content.end());
    return Opened{type, plaintext};
  }
};

TlsOpener::TlsOpener(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsOpener::~TlsOpener() = default;
TlsOpener::TlsOpener(TlsOpener&&) noexcept = default;
TlsOpener& TlsOpener::operator=(TlsOpener&&) noexcept = default;

std::optional<TlsOpener> TlsOpener::tls13(const TlsSuite& suite, ByteView traffic_secret) {
  auto state = std::make_unique<State>();
  state->suite = suite;
  state->tls13 = true;
  state->version = kTls13;
  if (!suite.aead() || traffic_secret.size() != digest_size(suite.hash) || !state->set_traffic_secret(traffic_secret)) {
    return std::nullopt;
  }
  return TlsOpener{std::move(state)};
}

std::optional<TlsOpener::Opened> TlsOpener::open(std::uint8_t type, std::uint16_t version, ByteView fragment,
                                                 std::uint64_t sequence) {
  if (fragment.size() > kMaxFragment) return std::nullopt;
  std::optional<Opened> opened;
  if (state_->tls13) {
    opened = state_->open13(type, version, fragment, sequence);
  } else if (state_->suite.aead()) {
    opened = state_->open_aead(type, fragment, sequence);
  } else if (state_->suite.mode == Mode::kCbc) {
    opened = state_->open_cbc(type, fragment, sequence);
  } else {
    opened = state_->open_null(type, fragment, sequence);
  }
  return opened;
}

std::optional<TlsOpener> TlsOpener::next() const {
  if (!state_->tls13) return std::nullopt;
  std::array<std::uint8_t, 64> secret{};
  const auto part = std::span{secret}.first(state_->traffic_secret.size);
  if (!hkdf_expand_label(state_->suite.hash, state_->traffic_secret.view(), "traffic upd", {}, part))
    return std::nullopt;
  return tls13(state_->suite, part);
}

void TlsOpener::pass_over(ByteView fragment) {
  const std::size_t block = state_->suite.block_size;
  if (state_->suite.mode != Mode::kCbc || state_->version >= kTls11 || fragment.size() < block) return;
  const std::size_t mac_size = state_->encrypt_then_mac ? digest_size(state_->suite.mac) : 0;
  if (fragment.size() < block + mac_size) return;
  const ByteView last = fragment.first(fragment.size() - mac_size).last(block);
  std::copy(last.begin(), last.end(), state_->iv.begin());
}

std::optional<std::pair<TlsOpener, TlsOpener>> tls12_openers(const TlsSuite& suite, std::uint16_t version,
                                                             bool encrypt_then_mac, ByteView master_secret,
                                                             ByteView client_random, ByteView server_random) {
  if (suite.aead() && version != kTls12) return std::nullopt;
  const std::size_t mac_size = suite.aead() ? 0 : digest_size(suite.mac);
  const std::size_t iv_size = suite.mode == Mode::kChaCha                    ? 12
                              : suite.aead()                                 ? 4
                              : suite.mode == Mode::kCbc && version < kTls11 ? suite.block_size
                                                                             : 0;
  std::vector<std::uint8_t> block(2 * (mac_size + suite.key_size + iv_size));
  std::vector<std::uint8_t> seed(server_random.begin(), server_random.end());
  seed.insert(seed.end(), client_random.begin(), client_random.end());
  if (!tls_prf(tls_prf_of(suite, version), master_secret, "key expansion", seed, block)) return std::nullopt;
  std::array<std::unique_ptr<TlsOpener::State>, 2> sides;
  ByteCursor in{block};
  for (auto& side : sides) {
    side = std::make_unique<TlsOpener::State>();
    side->suite = suite;
    side->version = version;
    side->encrypt_then_mac = encrypt_then_mac && suite.mode == Mode::kCbc;
    const ByteView key = in.take(mac_size);
    std::copy(key.begin(), key.end(), side->mac_key.begin());
  }
  for (auto& side : sides) {
    if (!side->set_key(in.take(suite.key_size))) return std::nullopt;
  }
  for (auto& side : sides) {
    const ByteView iv = in.take(iv_size);
    std::copy(iv.begin(), iv.end(), side->iv.begin());
  }
  return std::pair{TlsOpener{std::move(sides[0])}, TlsOpener{std::move(sides[1])}};
}

TlsPrf tls_prf_of(const TlsSuite& suite, std::uint16_t version) {
  if (version < kTls12) return TlsPrf::kMd5Sha1;
  return suite.hash == Hash::kSha384 ? TlsPrf::kSha384 : TlsPrf::kSha256;
}

TlsSecret tls12_master_secret(TlsPrf prf, ByteView premaster, ByteView client_random, ByteView server_random,
                              ByteView session_hash) {
  std::array<std::uint8_t, 48> master{};
  bool ok = false;
  if (session_hash.empty()) {
    std::vector<std::uint8_t> seed(client_random.begin(), client_random.end());
    seed.insert(seed.end(), server_random.begin(), server_random.end());
    ok = tls_prf(prf, premaster, "master secret", seed, master);
  } else {
    ok = tls_prf(prf, premaster, "extended master secret", session_hash, master);
  }
  TlsSecret secret;
  if (ok) secret.assign(master);
  return secret;
}

std::vector<std::uint8_t> tls12_session_hash(TlsPrf prf, ByteView handshake_messages) {
  std::vector<std::uint8_t> result;
  const auto append = [&](Hash hash) {
    const Digest d = digest(hash, handshake_messages);
    result.insert(result.end(), d.bytes.begin(), d.bytes.begin() + static_cast<std::ptrdiff_t>(d.size));
  };
  switch (prf) {
    case TlsPrf::kMd5Sha1:
      append(Hash::kMd5);
      append(Hash::kSha1);
      break;
    case TlsPrf::kSha256: append(Hash::kSha256); break;
    case TlsPrf::kSha384: append(Hash::kSha384); break;
  }
  return result;
}

}  // namespace voip::crypto
