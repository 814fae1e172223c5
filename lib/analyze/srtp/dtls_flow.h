#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "base/table.h"
#include "crypto/certificate.h"
#include "crypto/tls_keys.h"
#include "proto/dtls/dtls.h"

// What a socket pair shows of its DTLS handshakes (RFC 6347, RFC 9147), whatever the order in which the parts come.
namespace voip::analyze::srtp {

using CertificatePtr = std::shared_ptr<const crypto::CertificateFacts>;

// Servers show the same certificate again and again: each is read once.
class CertificateCache {
 public:
  CertificatePtr read(ByteView der);

 private:
  struct Key {
    std::array<std::uint8_t, 32> sha256{};
    bool operator==(const Key&) const = default;
  };
  CappedTable<Key, CertificatePtr> known_{2048};
};

// One end's part in a handshake.
struct DtlsParty {
  CertificatePtr certificate;   // the leaf; null: none seen
  FrameRef certificate_frame;   // in which the message was complete
  bool no_certificate = false;  // a Certificate message without any
  FrameRef cipher_change;       // ChangeCipherSpec; none in 1.3
  FrameRef finished;            // 1.2: handshake record of epoch 1 or more. 1.3: long enough an encrypted record
};

struct DtlsHandshake {
  bool client_is_a = false;  // end a of the flow is the client
  FrameRef first;
  FrameRef client_hello;  // the first one; unknown: not seen
  FrameRef server_hello;
  FrameRef verify_request;
  unsigned client_hellos = 0;  // with repetitions
  DtlsParty client;
  DtlsParty server;
  // From the ClientHello.
  std::uint16_t best_version = 0;
  crypto::TlsRandom client_random{};
  std::vector<std::uint16_t> suites_offered;  // the first ones, as are all lists
  bool client_use_srtp = false;
  std::vector<std::uint16_t> profiles_offered;
  // From the ServerHello.
  std::uint16_t version = 0;
  crypto::TlsRandom server_random{};
  std::uint16_t cipher_suite = 0;
  bool server_use_srtp = false;
  std::uint16_t profile = 0;
  std::size_t mki_size = 0;
  std::vector<std::uint8_t> session_id;
  bool resumed = false;  // the server took up the session that the client named; no certificates then
  bool certificate_requested = false;
  // A plain fatal alert before the end, by whom and what.
  FrameRef alert;
  bool alert_from_client = false;
  std::uint8_t alert_code = 0;
  bool keys_tried = false;  // for the user of this record
  std::uint64_t keys_generation = 0;

  bool hidden() const { return version == dtls::kDtls13; }  // certificates and profile are encrypted
  bool complete() const { return client.finished.known() && server.finished.known(); }
  // When both ends had finished; unknown if they have not.
  FrameRef completed() const {
    if (!complete()) return {};
    return client.finished < server.finished ? server.finished : client.finished;
  }
};

// The parts of handshake messages that wait for the rest, both directions of one flow. Kept apart from DtlsTrack, for
// it can be large: the owner caps how many there are.
struct DtlsParts {
  std::array<dtls::HandshakeAssembler, 2> by_direction;
};

// The handshakes of one socket pair, oldest first. Memory: at most kMostHandshakes of about a kilobyte.
class DtlsTrack {
 public:
  static constexpr std::size_t kMostHandshakes = 8;

  // One datagram. from_a: end a of the flow sent it.
  void add(ByteView datagram, bool from_a, bool truncated, const FrameRef& frame, DtlsParts& parts,
           CertificateCache& certificates);
  std::vector<DtlsHandshake>& handshakes() { return handshakes_; }
  const std::vector<DtlsHandshake>& handshakes() const { return handshakes_; }
  bool truncated() const { return truncated_; }  // the capture cut a datagram: what is missing may have been there
  std::uint64_t left_out() const { return left_out_; }  // handshakes beyond the cap

 private:
  void on_record(const dtls::RecordView& record, bool from_a, const FrameRef& frame, DtlsParts& parts,
                 CertificateCache& certificates);
  void on_message(dtls::HandshakeType type, ByteView body, bool from_a, const FrameRef& frame, DtlsParts& parts,
                  CertificateCache& certificates);
  void on_client_hello(ByteView body, bool from_a, const FrameRef& frame, DtlsParts& parts);
  void on_server_hello(ByteView body, bool from_a, const FrameRef& frame);
  DtlsHandshake& begin(bool client_is_a, const FrameRef& frame);
  DtlsHandshake* current();  // the latest that got a ServerHello, else the latest
  void note_encrypted(bool from_a, std::size_t size, const FrameRef& frame);

  std::vector<DtlsHandshake> handshakes_;
  bool truncated_ = false;
  std::uint64_t left_out_ = 0;
};

}  // namespace voip::analyze::srtp
