#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/result.h"
#include "base/table.h"

namespace voip::crypto {

using TlsRandom = std::array<std::uint8_t, 32>;

// A secret of up to 64 bytes; empty when not known.
struct TlsSecret {
  std::array<std::uint8_t, 64> bytes{};
  std::uint8_t size = 0;

  bool known() const { return size != 0; }
  ByteView view() const { return {bytes.data(), size}; }
  bool assign(ByteView from);  // false when it does not fit
};

// What a key log tells of one handshake. RFC 9850 names the labels.
struct TlsSecrets {
  TlsSecret master;        // CLIENT_RANDOM: TLS and DTLS up to 1.2
  TlsSecret premaster;     // PMS_CLIENT_RANDOM
  TlsSecret client_early;  // the rest: 1.3
  TlsSecret client_handshake;
  TlsSecret server_handshake;
  TlsSecret client_application;  // ..._TRAFFIC_SECRET_0
  TlsSecret server_application;
  TlsSecret exporter;
};

// Secrets from NSS key logs (SSLKEYLOGFILE, or the secrets block of a pcapng) and RSA server keys, for any number of
// sessions. Comments, CRLF, unknown labels and lines that make no sense are passed over. Beyond `max_sessions` the
// oldest go first. Belongs to one thread.
class KeyLog {
 public:
  explicit KeyLog(std::size_t max_sessions = std::size_t{1} << 18);
  ~KeyLog();
  KeyLog(const KeyLog&) = delete;
  KeyLog& operator=(const KeyLog&) = delete;

  // The same lines may come again. Returns how many secrets were new.
  std::size_t add(std::string_view text);
  // Grows whenever something new was learned: what could not be opened before may be tried again.
  std::uint64_t generation() const { return generation_; }
  std::size_t sessions() const { return sessions_.size(); }
  std::uint64_t ignored_lines() const { return ignored_lines_; }

  const TlsSecrets* find(ByteView client_random) const;

  // Private key of an RSA server certificate, PEM without a passphrase. The error says what is wrong with it.
  Status add_rsa_key(std::string_view pem);
  // The premaster secret of a ClientKeyExchange with RSA key exchange: from the log ("RSA" lines), else decrypted with
  // the keys above. client_version is what the ClientHello asked for; a key that does not fit gives another.
  TlsSecret premaster_of(ByteView encrypted_premaster, std::uint16_t client_version) const;

  // Master secrets by session id or ticket, for resumption where the log has only the first handshake.
  void remember(ByteView id_or_ticket, const TlsSecret& master);
  TlsSecret remembered(ByteView id_or_ticket) const;

 private:
  struct RsaKeys;
  struct RandomKey {
    TlsRandom bytes{};
    bool operator==(const RandomKey&) const = default;
  };
  bool add_line(std::string_view line);
  TlsSecrets& at(const RandomKey& random);

  mutable CappedTable<RandomKey, TlsSecrets> sessions_;
  mutable CappedTable<TextKey, TlsSecret> resumable_;   // by session id or ticket
  mutable CappedTable<TextKey, TlsSecret> premasters_;  // by the first bytes of their encryption
  std::unique_ptr<RsaKeys> rsa_;
  std::uint64_t generation_ = 0;
  std::uint64_t ignored_lines_ = 0;
};

}  // namespace voip::crypto
