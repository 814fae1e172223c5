#include "crypto/kdf.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <array>
#include <memory>

namespace voip::crypto {

namespace {

constexpr std::string_view kSrtpLabel = "EXTRACTOR-dtls_srtp";

struct ContextFree {
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_KDF_CTX, ContextFree>;

Context context_of(const char* name) {
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, name, nullptr);
  Context context{kdf == nullptr ? nullptr : EVP_KDF_CTX_new(kdf)};
  EVP_KDF_free(kdf);  // the context holds its own reference
  return context;
}

// The library's parameters are not const, though it only reads them.
OSSL_PARAM octets(const char* name, ByteView bytes) {
  static std::uint8_t nothing = 0;
  return OSSL_PARAM_construct_octet_string(name, bytes.empty() ? &nothing : const_cast<std::uint8_t*>(bytes.data()),
                                           bytes.size());
}
OSSL_PARAM text(const char* name, const char* value) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}

const char* openssl_name(Hash hash) {
  switch (hash) {
    case Hash::kSha1: return "SHA1";
    case Hash::kSha256: return "SHA256";
    case Hash::kSha384: return "SHA384";
    case Hash::kSha512: return "SHA512";
    default: return "";
  }
}

std::optional<DtlsSrtpKeys> cut(const SrtpSuite& suite, ByteView block) {
  ByteCursor in{block};
  const auto piece = [&](std::size_t n) {
    const ByteView taken = in.take(n);
    return std::vector<std::uint8_t>(taken.begin(), taken.end());
  };
  DtlsSrtpKeys keys;
  keys.client_key = piece(suite.key_size);
  keys.server_key = piece(suite.key_size);
  keys.client_salt = piece(suite.salt_size);
  keys.server_salt = piece(suite.salt_size);
  if (!in.ok()) return std::nullopt;
  return keys;
}

std::size_t block_size(const SrtpSuite& suite) { return 2 * (std::size_t{suite.key_size} + suite.salt_size); }

}  // namespace

bool tls_prf(TlsPrf prf, ByteView secret, std::string_view label, ByteView seed, std::span<std::uint8_t> out) {
  const Context context = context_of("TLS1-PRF");
  const char* digest = prf == TlsPrf::kMd5Sha1 ? "MD5-SHA1" : prf == TlsPrf::kSha256 ? "SHA256" : "SHA384";
  const std::array params{text(OSSL_KDF_PARAM_DIGEST, digest), octets(OSSL_KDF_PARAM_SECRET, secret),
                          octets(OSSL_KDF_PARAM_SEED, as_bytes(label)), octets(OSSL_KDF_PARAM_SEED, seed),
                          OSSL_PARAM_construct_end()};
  return context != nullptr && EVP_KDF_derive(context.get(), out.data(), out.size(), params.data()) == 1;
}

bool hkdf_expand_label(Hash hash, ByteView secret, std::string_view label, ByteView bound, std::span<std::uint8_t> out,
                       bool dtls) {
  const std::string_view prefix = dtls ? "dtls13" : "tls13 ";
  if (prefix.size() + label.size() > 255 || bound.size() > 255 || out.size() > 0xffff) return false;
  std::vector<std::uint8_t> info;
  info.reserve(4 + prefix.size() + label.size() + bound.size());
  info.push_back(static_cast<std::uint8_t>(out.size() >> 8));
  info.push_back(static_cast<std::uint8_t>(out.size()));
  info.push_back(static_cast<std::uint8_t>(prefix.size() + label.size()));
  for (const std::string_view part : {prefix, label}) info.insert(info.end(), part.begin(), part.end());
  info.push_back(static_cast<std::uint8_t>(bound.size()));
  info.insert(info.end(), bound.begin(), bound.end());
  const Context context = context_of("HKDF");
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  const std::array params{OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                          text(OSSL_KDF_PARAM_DIGEST, openssl_name(hash)), octets(OSSL_KDF_PARAM_KEY, secret),
                          octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  return context != nullptr && EVP_KDF_derive(context.get(), out.data(), out.size(), params.data()) == 1;
}

bool tls12_exporter(TlsPrf prf, ByteView master_secret, ByteView client_random, ByteView server_random,
                    std::string_view label, std::span<std::uint8_t> out) {
  std::vector<std::uint8_t> seed(client_random.begin(), client_random.end());
  seed.insert(seed.end(), server_random.begin(), server_random.end());
  return tls_prf(prf, master_secret, label, seed, out);
}

bool tls13_exporter(Hash hash, ByteView exporter_secret, std::string_view label, std::span<std::uint8_t> out,
                    bool dtls) {
  const Digest of_nothing = digest(hash, {});
  std::array<std::uint8_t, 64> derived{};
  const auto secret = std::span{derived}.first(digest_size(hash));
  return hkdf_expand_label(hash, exporter_secret, label, of_nothing.view(), secret, dtls) &&
         hkdf_expand_label(hash, secret, "exporter", of_nothing.view(), out, dtls);
}

std::optional<DtlsSrtpKeys> dtls_srtp_keys(const SrtpSuite& suite, TlsPrf prf, ByteView master_secret,
                                           ByteView client_random, ByteView server_random) {
  std::vector<std::uint8_t> block(block_size(suite));
  if (!tls12_exporter(prf, master_secret, client_random, server_random, kSrtpLabel, block)) return std::nullopt;
  return cut(suite, block);
}

std::optional<DtlsSrtpKeys> dtls13_srtp_keys(const SrtpSuite& suite, Hash hash, ByteView exporter_secret, bool dtls) {
  std::vector<std::uint8_t> block(block_size(suite));
  if (!tls13_exporter(hash, exporter_secret, kSrtpLabel, block, dtls)) return std::nullopt;
  return cut(suite, block);
}

}  // namespace voip::crypto
