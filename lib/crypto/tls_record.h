#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "crypto/kdf.h"
#include "crypto/tls_keys.h"

namespace voip::crypto {

// What of a cipher suite matters to the record layer and the key schedule.
struct TlsSuite {
  enum class Mode : std::uint8_t { kNull, kCbc, kGcm, kCcm, kChaCha };
  Mode mode = Mode::kNull;
  const char* cipher = "";        // as the library names it; empty for kNull
  std::uint8_t key_size = 0;      // bytes, as are all sizes here
  std::uint8_t block_size = 0;    // kCbc
  std::uint8_t tag_size = 0;      // AEAD
  Hash mac = Hash::kSha1;         // kCbc and kNull
  Hash hash = Hash::kSha256;      // of the key schedule from TLS 1.2 on
  bool rsa_key_exchange = false;  // a server's private key opens it

  bool aead() const { return mode != Mode::kNull && mode != Mode::kCbc; }
};

// By its IANA name. Empty for what can't be opened here (RC4, single DES, export ciphers, GOST, ...).
std::optional<TlsSuite> tls_suite(std::string_view iana_name);

constexpr std::uint16_t kTls10 = 0x0301;
constexpr std::uint16_t kTls11 = 0x0302;
constexpr std::uint16_t kTls12 = 0x0303;
constexpr std::uint16_t kTls13 = 0x0304;

// Opens the records of one direction under one set of keys. The caller counts the records. Belongs to one thread.
class TlsOpener {
 public:
  ~TlsOpener();
  TlsOpener(TlsOpener&&) noexcept;
  TlsOpener& operator=(TlsOpener&&) noexcept;

  // TLS 1.3, from a traffic secret (RFC 8446 section 7.3).
  static std::optional<TlsOpener> tls13(const TlsSuite& suite, ByteView traffic_secret);

  struct Opened {
    std::uint8_t type = 0;  // content type; the inner one in TLS 1.3
    ByteView plaintext;     // until the next call
  };
  // `fragment` is the record's body. Empty when it is not authentic under these keys and this sequence number; then
  // nothing has changed and another number may be tried.
  std::optional<Opened> open(std::uint8_t type, std::uint16_t version, ByteView fragment, std::uint64_t sequence);

  // The opener after a KeyUpdate (TLS 1.3); empty before 1.3.
  std::optional<TlsOpener> next() const;
  // Tells of a record that could not be opened: TLS 1.0 needs its end for the next.
  void pass_over(ByteView fragment);

 private:
  friend std::optional<std::pair<TlsOpener, TlsOpener>> tls12_openers(const TlsSuite&, std::uint16_t, bool, ByteView,
                                                                      ByteView, ByteView);
  struct State;
  explicit TlsOpener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Client's and server's openers of TLS 1.0 to 1.2, RFC 5246 section 6.3. encrypt_then_mac: RFC 7366 was agreed.
std::optional<std::pair<TlsOpener, TlsOpener>> tls12_openers(const TlsSuite& suite, std::uint16_t version,
                                                             bool encrypt_then_mac, ByteView master_secret,
                                                             ByteView client_random, ByteView server_random);

// The PRF of a version and suite.
TlsPrf tls_prf_of(const TlsSuite& suite, std::uint16_t version);

// RFC 5246 section 8.1; with session_hash RFC 7627 section 4, else empty.
TlsSecret tls12_master_secret(TlsPrf prf, ByteView premaster, ByteView client_random, ByteView server_random,
                              ByteView session_hash);
// The session hash of RFC 7627 section 3 over the handshake messages given.
std::vector<std::uint8_t> tls12_session_hash(TlsPrf prf, ByteView handshake_messages);

}  // namespace voip::crypto
