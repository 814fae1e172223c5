#include "crypto/tls_keys.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "base/codec.h"
#include "base/text.h"

namespace voip::crypto {

namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxRsaKeys = 64;
constexpr std::size_t kMaxRsaBytes = 1024;  // 8192 bits

struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct KeyContextFree {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};

TlsSecret TlsSecrets::*member_of(std::string_view label) {
  if (label == "CLIENT_RANDOM") return &TlsSecrets::master;
  if (label == "PMS_CLIENT_RANDOM") return &TlsSecrets::premaster;
  if (label == "CLIENT_EARLY_TRAFFIC_SECRET") return &TlsSecrets::client_early;
  if (label == "CLIENT_HANDSHAKE_TRAFFIC_SECRET") return &TlsSecrets::client_handshake;
  if (label == "SERVER_HANDSHAKE_TRAFFIC_SECRET") return &TlsSecrets::server_handshake;
  if (label == "CLIENT_TRAFFIC_SECRET_0") return &TlsSecrets::client_application;
  if (label == "SERVER_TRAFFIC_SECRET_0") return &TlsSecrets::server_application;
  if (label == "EXPORTER_SECRET") return &TlsSecrets::exporter;
  return nullptr;
}

TextKey key_of(ByteView bytes) { return text_key(as_text(bytes)); }

void no_eviction(const TextKey& /*key*/, TlsSecret& /*secret*/) {}

}  // namespace

bool TlsSecret::assign(ByteView from) {
  if (from.empty() || from.size() > bytes.size()) return false;
  std::copy(from.begin(), from.end(), bytes.begin());
  size = static_cast<std::uint8_t>(from.size());
  return true;
}

struct KeyLog::RsaKeys {
  std::vector<std::unique_ptr<EVP_PKEY, KeyFree>> keys;
};

KeyLog::KeyLog(std::size_t max_sessions)
    : sessions_(max_sessions), resumable_(max_sessions), premasters_(max_sessions), rsa_(std::make_unique<RsaKeys>()) {}
KeyLog::~KeyLog() = default;

TlsSecrets& KeyLog::at(const RandomKey& random) {
  return sessions_.get(random, Timestamp{}, [](const RandomKey& /*key*/, TlsSecrets& /*secrets*/) {});
}

std::size_t KeyLog::add(std::string_view text) {
  std::size_t added = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    if (line.size() <= kMaxLine && add_line(line)) ++added;
  }
  if (added != 0) ++generation_;
  return added;
}

// True when the line told something new.
bool KeyLog::add_line(std::string_view line) {
  TextCursor in{line};
  const std::string_view label = in.word();
  const std::string_view first = in.word();
  const std::string_view second = in.word();
  const auto ignore = [&] {
    ++ignored_lines_;
    return false;
  };
  const auto new_secret = [](TlsSecret& at, ByteView bytes) {
    if (at.known() && std::ranges::equal(at.view(), bytes)) return false;
    return at.assign(bytes);
  };
  if (label == "RSA" && istarts_with(first, "Session-ID:") && istarts_with(second, "Master-Key:")) {
    const auto id = decode_hex(first.substr(11));
    const auto master = decode_hex(second.substr(11));
    if (!id || !master || id->empty() || master->size() != 48) return ignore();
    return new_secret(resumable_.get(key_of(*id), Timestamp{}, no_eviction), *master);
  }
  const auto random = decode_hex(first);
  const auto secret = decode_hex(second);
  if (!random || !secret) return ignore();
  if (label == "RSA") {  // the first 8 bytes of the encrypted premaster secret
    if (random->size() != 8 || secret->size() != 48) return ignore();
    return new_secret(premasters_.get(key_of(*random), Timestamp{}, no_eviction), *secret);
  }
  const auto member = member_of(label);
  if (member == nullptr || random->size() != 32 || secret->empty() || secret->size() > 64 ||
      (member == &TlsSecrets::master && secret->size() != 48)) {
    return ignore();
  }
  RandomKey key;
  std::copy(random->begin(), random->end(), key.bytes.begin());
  return new_secret(at(key).*member, *secret);
}

const TlsSecrets* KeyLog::find(ByteView client_random) const {
  RandomKey key;
  if (client_random.size() != key.bytes.size()) return nullptr;
  std::copy(client_random.begin(), client_random.end(), key.bytes.begin());
  return sessions_.find(key);
}

Status KeyLog::add_rsa_key(std::string_view pem) {
  if (pem.size() > 1U << 20) return Error{"private key: too long"};
  if (rsa_->keys.size() >= kMaxRsaKeys) return Error{"private key: too many keys"};
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  // Never ask on the terminal for a passphrase.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  std::unique_ptr<EVP_PKEY, KeyFree> key{
      bio == nullptr ? nullptr : PEM_read_bio_PrivateKey(bio, nullptr, no_passphrase, nullptr)};
  BIO_free(bio);
  ERR_clear_error();
  if (key == nullptr) return Error{"private key: not a PEM private key without passphrase"};
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return Error{"private key: not an RSA key"};
  if (static_cast<std::size_t>(EVP_PKEY_get_size(key.get())) > kMaxRsaBytes) return Error{"private key: too large"};
  rsa_->keys.push_back(std::move(key));
  ++generation_;
  return Done{};
}

TlsSecret KeyLog::premaster_of(ByteView encrypted_premaster, std::uint16_t client_version) const {
  TlsSecret secret;
  if (encrypted_premaster.size() < 8) return secret;
  if (const TlsSecret* logged = premasters_.find(key_of(encrypted_premaster.first(8)))) return *logged;
  std::array<std::uint8_t, kMaxRsaBytes> clear{};
  for (const auto& key : rsa_->keys) {
    if (static_cast<std::size_t>(EVP_PKEY_get_size(key.get())) != encrypted_premaster.size()) continue;
    const std::unique_ptr<EVP_PKEY_CTX, KeyContextFree> context{
        EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr)};
    std::size_t size = clear.size();
    if (context == nullptr || EVP_PKEY_decrypt_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_decrypt(context.get(), clear.data(), &size, encrypted_premaster.data(), encrypted_premaster.size()) !=
            1) {
      ERR_clear_error();
      continue;
    }
    if (size == 48 && load_be<std::uint16_t>(clear.data()) == client_version) {
      secret.assign(ByteView{clear}.first(size));
      break;
    }
  }
  return secret;
}

void KeyLog::remember(ByteView id_or_ticket, const TlsSecret& master) {
  if (id_or_ticket.empty() || !master.known()) return;
  TlsSecret& known = resumable_.get(key_of(id_or_ticket), Timestamp{}, no_eviction);
  if (known.known() && std::ranges::equal(known.view(), master.view())) return;
  known = master;
}

TlsSecret KeyLog::remembered(ByteView id_or_ticket) const {
  const TlsSecret* found = id_or_ticket.empty() ? nullptr : resumable_.find(key_of(id_or_ticket));
  return found == nullptr ? TlsSecret{} : *found;
}

}  // namespace voip::crypto
