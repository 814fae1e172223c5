#include "crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/codec.h"
#include "base/text.h"

namespace voip::crypto {

namespace {

struct HashInfo {
  std::string_view name;
  const char* openssl_name;
  std::size_t size;
};

const HashInfo& info(Hash hash) {
  static constexpr std::array<HashInfo, 7> kInfo{{{"md5", "MD5", 16},
                                                  {"sha-1", "SHA1", 20},
                                                  {"sha-224", "SHA2-224", 28},
                                                  {"sha-256", "SHA2-256", 32},
                                                  {"sha-384", "SHA2-384", 48},
                                                  {"sha-512", "SHA2-512", 64},
                                                  {"sha-512-256", "SHA2-512/256", 32}}};
  return kInfo[static_cast<std::size_t>(hash) < kInfo.size() ? static_cast<std::size_t>(hash) : 0];
}

// Fetching costs more than hashing a short text, so it is done once. Never freed: the process's end does that.
const EVP_MD* evp(Hash hash) {
  static const auto kFetched = [] {
    std::array<const EVP_MD*, 7> fetched{};
    for (std::size_t i = 0; i < fetched.size(); ++i) {
      fetched[i] = EVP_MD_fetch(nullptr, info(static_cast<Hash>(i)).openssl_name, nullptr);
    }
    return fetched;
  }();
  return kFetched[static_cast<std::size_t>(hash) < kFetched.size() ? static_cast<std::size_t>(hash) : 0];
}

}  // namespace

std::optional<Hash> hash_by_name(std::string_view name) {
  for (std::size_t i = 0; i < 7; ++i) {
    const auto hash = static_cast<Hash>(i);
    if (iequals(name, info(hash).name)) return hash;
  }
  if (iequals(name, "sha1")) return Hash::kSha1;
  if (iequals(name, "sha256")) return Hash::kSha256;
  return std::nullopt;
}

std::string_view to_string(Hash hash) { return info(hash).name; }
std::size_t digest_size(Hash hash) { return info(hash).size; }

std::string Digest::hex() const { return encode_hex(view()); }

Digest digest(Hash hash, ByteView bytes) {
  Digest result;
  unsigned int size = 0;
  const EVP_MD* md = evp(hash);
  if (md != nullptr && EVP_Digest(bytes.data(), bytes.size(), result.bytes.data(), &size, md, nullptr) == 1) {
    result.size = size;
  }
  return result;
}

Digest hmac(Hash hash, ByteView key, ByteView bytes) {
  static constexpr std::uint8_t kNothing = 0;
  Digest result;
  unsigned int size = 0;
  const EVP_MD* md = evp(hash);
  // A null key would mean "the key of the last call" to OpenSSL.
  const std::uint8_t* key_data = key.empty() ? &kNothing : key.data();
  if (md != nullptr && HMAC(md, key_data, static_cast<int>(key.size()), bytes.data(), bytes.size(), result.bytes.data(),
                            &size) != nullptr) {
    result.size = size;
  }
  return result;
}

std::array<std::uint8_t, 20> sha1(ByteView bytes) {
  std::array<std::uint8_t, 20> result{};
  const Digest d = digest(Hash::kSha1, bytes);
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = d.bytes[i];
  return result;
}

std::array<std::uint8_t, 32> sha256(ByteView bytes) {
  std::array<std::uint8_t, 32> result{};
  const Digest d = digest(Hash::kSha256, bytes);
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = d.bytes[i];
  return result;
}

struct Hasher::State {
  Hash hash;
  EVP_MD_CTX* context = EVP_MD_CTX_new();

  explicit State(Hash h) : hash(h) { begin(); }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  void begin() {
    if (context != nullptr && evp(hash) != nullptr) EVP_DigestInit_ex(context, evp(hash), nullptr);
  }
};

Hasher::Hasher(Hash hash) : state_(std::make_unique<State>(hash)) {}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(ByteView bytes) { EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()); }

Digest Hasher::finish() {
  Digest result;
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context, result.bytes.data(), &size) == 1) result.size = size;
  state_->begin();
  return result;
}

Result<std::string> sha256_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rb"), &std::fclose};
  if (file == nullptr) return Error{path + ": " + std::strerror(errno)};
  Hasher hasher{Hash::kSha256};
  std::vector<std::uint8_t> buffer(std::size_t{1} << 18);
  while (true) {
    const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), file.get());
    hasher.update({buffer.data(), n});
    if (n < buffer.size()) break;
  }
  if (std::ferror(file.get()) != 0) return Error{path + ": " + std::strerror(errno)};
  return hasher.finish().hex();
}

bool equal_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace voip::crypto
