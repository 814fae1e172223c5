#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/frame_ref.h"
#include "crypto/tls_keys.h"
#include "crypto/tls_record.h"
#include "proto/tls/tls.h"

namespace voip::dissect {

// What all TLS connections of a run share.
struct TlsContext {
  crypto::KeyLog keys;
  // Encrypted bytes that wait for keys which may still come.
  std::size_t max_held_bytes = 16U << 20;
  std::size_t max_held_per_connection = 256U << 10;
  bool keep_certificates = false;
  std::size_t held_bytes = 0;  // by all connections; they keep the count
};

// What the handshake told.
struct TlsInfo {
  std::uint16_t version = 0;  // 0x0301..0x0304; 0 before the ServerHello
  std::uint16_t cipher_suite = 0;
  std::uint16_t group = 0;        // of the key exchange; 0 when unknown
  std::size_t dh_prime_bits = 0;  // with finite-field DH up to 1.2
  std::string server_name;
  std::string alpn;  // as chosen
  bool resumed = false;
  bool client_certificate_requested = false;
  std::uint16_t client_version = 0;           // the highest that was offered
  std::vector<std::uint16_t> offered_suites;  // at most 256
  std::optional<tls::AlertView> fatal_alert;  // the first
  // DER, leaf first; when asked for, at most 64 KiB each.
  std::vector<std::vector<std::uint8_t>> server_certificates;
  std::vector<std::vector<std::uint8_t>> client_certificates;
};

// Decrypted application data, or the news that some is missing right before `bytes`.
struct TlsChunk {
  std::uint8_t direction = 0;
  ByteView bytes;  // until the call returns
  bool gap = false;
  FrameRef frame;  // that completed the record
};

// One TLS connection (1.0 to 1.3), opened with the context's keys. Records that come before their keys are held back,
// in order, until the keys are there or a limit is reached. Bytes lost on the way cost the records they belong to; the
// rest is found again as long as the keys stay the same.
class TlsConnection {
 public:
  using Sink = std::function<void(const TlsChunk&)>;

  // The context outlives the connection.
  explicit TlsConnection(TlsContext& context);
  ~TlsConnection();
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  // Whether the first bytes of a direction look like TLS; give it at least 6, when there are.
  static bool looks_like_tls(ByteView first_bytes) { return tls::starts_handshake(first_bytes); }

  // In-order bytes of direction 0 or 1. lost: bytes missing right before them.
  void feed(std::uint8_t direction, ByteView bytes, std::uint64_t lost, const FrameRef& frame, const Sink& sink);
  // Tries what is held once more; for when keys have come without new bytes, and at the end of the connection.
  void retry(const Sink& sink);
  // The connection is over: what is still held can't be opened.
  void finish(const Sink& sink);

  bool handshake_seen() const { return handshake_seen_; }  // a ServerHello after its ClientHello
  bool established() const;                                // both sides have gone over to encryption
  bool opened() const { return records_opened_ > 0; }      // keys were at hand and right
  bool gave_up() const { return gave_up_; }                // no TLS, no start, unsupported suite, or too much was held
  const TlsInfo& info() const { return info_; }
  // Bytes held for want of keys.
  std::size_t held_bytes() const { return held_bytes_; }
  bool hello_seen() const { return hs_->client_hello; }
  // Direction in which the client sends; meaningful once its hello was seen.
  std::uint8_t client_direction() const { return client_; }
  std::uint64_t records_opened() const { return records_opened_; }
  // Encrypted records that could not be opened, so far and finally.
  std::uint64_t records_unopened() const { return records_unopened_; }

 private:
  enum class Epoch : std::uint8_t { kPlain, kMaster, kEarly, kHandshake, kApplication };
  enum class Outcome : std::uint8_t { kDone, kBlocked };

  struct Side {
    std::vector<std::uint8_t> partial;    // of a record
    std::vector<std::uint8_t> handshake;  // of a handshake message
    bool resync = false;                  // look for the next record's start
    bool gap = false;                     // to be told with the next chunk
    bool lost_count = false;              // the sequence number is not known for sure
    bool verified = false;                // the opener has opened something
    std::uint64_t lost = 0;               // bytes, since the number was known
    Epoch epoch = Epoch::kPlain;
    std::optional<crypto::TlsOpener> opener;
    std::uint64_t sequence = 0;
    std::uint32_t failures = 0;  // in a row
  };

  struct Handshake {
    bool client_hello = false;
    bool server_hello = false;
    std::array<std::uint8_t, 32> client_random{};
    std::array<std::uint8_t, 32> server_random{};
    std::uint16_t hello_version = 0;
    std::uint16_t version = 0;
    std::optional<crypto::TlsSuite> suite;
    bool supported = false;
    bool early_data = false;
    bool encrypt_then_mac = false;
    bool extended_master_secret = false;
    bool ecdhe = false;
    std::vector<std::uint8_t> offered_session_id;
    std::vector<std::uint8_t> offered_ticket;
    std::vector<std::uint8_t> session_id;
    std::vector<std::uint8_t> new_ticket;
    std::vector<std::uint8_t> transcript;
    bool transcript_cut = false;
    std::vector<std::uint8_t> encrypted_premaster;
    std::vector<std::uint8_t> session_hash;
    std::array<std::optional<crypto::TlsOpener>, 2> openers;  // by direction; up to 1.2
    bool derived = false;
    std::optional<std::uint64_t> bad_keys;  // generation of the keys that did not fit
  };

  struct Held {
    std::uint8_t direction = 0;
    std::vector<std::uint8_t> record;  // empty: a gap
    std::uint64_t lost = 0;
    FrameRef frame;
    bool done = false;
  };

  void take_records(std::uint8_t direction, ByteView bytes, std::size_t& used, const FrameRef& frame, const Sink& sink);
  void take_record(std::uint8_t direction, const tls::RecordView& record, ByteView raw, const FrameRef& frame,
                   const Sink& sink);
  void hold(std::uint8_t direction, ByteView raw, std::uint64_t lost, const FrameRef& frame);
  void release_held(const Sink& sink);
  bool pass_over_held(const Sink& sink);
  void note_gap(std::uint8_t direction, std::uint64_t lost);
  Outcome process(std::uint8_t direction, const tls::RecordView& record, const FrameRef& frame, const Sink& sink);
  Outcome open_master(std::uint8_t direction, const tls::RecordView& record, const FrameRef& frame, const Sink& sink);
  Outcome open13(std::uint8_t direction, const tls::RecordView& record, const FrameRef& frame, const Sink& sink);
  std::optional<crypto::TlsOpener::Opened> try_open(Side& side, const tls::RecordView& record);
  std::optional<crypto::TlsOpener> opener13(std::uint8_t direction, Epoch epoch) const;
  void deliver(std::uint8_t direction, const crypto::TlsOpener::Opened& opened, const FrameRef& frame,
               const Sink& sink);
  void fail_record(Side& side, const tls::RecordView& record);
  static void start_epoch(Side& side, Epoch epoch);
  void drop_transcript();
  bool derive_openers();
  crypto::TlsSecret find_master() const;
  void take_handshake(std::uint8_t direction, ByteView bytes);
  void on_message(std::uint8_t direction, const tls::HandshakeView& message);
  void on_client_hello(std::uint8_t direction, ByteView body);
  void on_server_hello(ByteView body);
  void on_certificate(std::uint8_t direction, ByteView body);
  void add_to_transcript(const tls::HandshakeView& message);
  void on_alert(ByteView body);
  void give_up();

  TlsContext& context_;
  std::array<Side, 2> sides_;
  std::unique_ptr<Handshake> hs_;
  std::deque<Held> held_;
  std::array<std::size_t, 2> waiting_{};  // of them, by direction
  std::size_t held_bytes_ = 0;
  std::uint64_t tried_generation_ = 0;
  std::uint64_t trial_budget_;  // bytes that guessing sequence numbers may still decrypt
  std::uint64_t records_opened_ = 0;
  std::uint64_t records_unopened_ = 0;
  std::uint8_t client_ = 0;
  std::uint32_t passes_ = 0;
  bool handshake_seen_ = false;
  bool gave_up_ = false;
  bool in_order_ = true;
  bool state_changed_ = false;  // a hello came that may unblock what is held
  TlsInfo info_;
};

}  // namespace voip::dissect
