#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analyze/srtp/auth.h"
#include "analyze/srtp/call_sockets.h"
#include "analyze/srtp/dtls_flow.h"
#include "analyze/srtp/findings.h"
#include "analyze/srtp/records.h"
#include "analyze/srtp/zrtp_flow.h"
#include "base/table.h"
#include "session/observer.h"

// Key exchanges in the media path: DTLS-SRTP and ZRTP.
namespace voip::analyze::srtp {

// What hangs on a live KeyingFlow. Parts are made when first needed.
struct ExchangeState {
  Endpoint a, b;  // as the flow's
  std::unique_ptr<DtlsTrack> dtls;
  std::unique_ptr<ZrtpTrack> zrtp;
  std::vector<std::pair<bool, std::string>> ice_users;  // of STUN requests: whether end a sent it, and its USERNAME
  bool checked = false;                                 // an orphan's: its checks ran
};

// A flow of an ended call with what it showed.
struct FlowView {
  const session::KeyingFlow* flow = nullptr;
  const ExchangeState* state = nullptr;  // never null
  FlowSides sides;
};

// All that the checks look at when a call is over.
struct CallExchanges {
  explicit CallExchanges(const session::Call& c, const session::Legs& l) : call(c), legs(l) {
    if (!c.keying.empty()) sockets = CallSockets(c);
  }
  const session::Call& call;
  const session::Legs& legs;
  CallSockets sockets;  // of a call without key exchanges nothing asks for them
  std::vector<FlowView> flows;

  const FlowView* flow_between(const Endpoint& x, const Endpoint& y) const;
  // One end's lines ([0]: end a) as the other end received them, and those of hops that lie farther from it.
  struct Received {
    std::vector<const SideLine*> lines;
    std::vector<const SideLine*> farther;
  };
  static Received received(const FlowView& view, std::size_t end);
};

class KeyExchanges {
 public:
  explicit KeyExchanges(Findings& findings) : out_(findings) {}

  // Secrets of DTLS handshakes, as in an NSS key log. May come at any time; handshakes before are tried again when
  // their flow goes on.
  void add_key_log(std::string_view text) { log_.add(text); }

  // keys: of the flow's call; null without one. SRTP keys that a handshake gives are appended.
  void on_keying(session::KeyingFlow& flow, const dissect::MediaEvent& event, CallKeys* keys);
  // The keys of handshakes on this socket pair; null: none (yet). For streams of no call.
  std::shared_ptr<CallKeys> pair_keys(const Endpoint& a, const Endpoint& b);

  // When both ends of a socket pair had finished their key exchange; empty: not seen to. For clear media before that.
  static std::optional<FrameRef> secured_at(const session::Call& call, const Endpoint& a, const Endpoint& b);
  // The profile that DTLS selected for one m= line, in IANA's spelling; empty: none, or hidden (DTLS 1.3).
  static std::string dtls_suite(const session::Call& call, const session::Leg& leg, std::size_t index,
                                const std::vector<session::MediaStream*>& streams);
  // Suite of one m= line where DTLS or ZRTP keyed it.
  static void describe(const session::Call& call, const session::Leg& leg, std::size_t index, MediaRecord& record);

  void on_message(const dissect::SipEvent& event, const session::Call* call);
  // SRTP-036 to 055 of one call, whose record is complete.
  void check_call(const session::Call& call, const session::Legs& legs, const CallRecord& record);
  void check_orphan(const StreamRecord& stream);
  // After the last call: what compares calls.
  void finish();

  std::uint64_t evicted() const { return evicted_; }

 private:
  using Pair = std::array<Endpoint, 2>;
  static Pair ordered(const Endpoint& a, const Endpoint& b);
  void export_keys(const session::KeyingFlow& flow, ExchangeState& state, CallKeys* keys);

  Findings& out_;
  crypto::KeyLog log_;
  CertificateCache certificates_;
  CappedTable<Pair, DtlsParts> parts_{1024};
  CappedTable<Pair, std::shared_ptr<ExchangeState>> orphans_{4096};
  CappedTable<Pair, std::shared_ptr<CallKeys>> pair_keys_{16384};
  std::uint64_t evicted_ = 0;

  // SRTP-044: digests of mky claims, by call.
  FlatMap<std::uint64_t, std::vector<std::string>> mky_;
  // SRTP-047: fingerprint -> address -> accounts.
  struct Sharer {
    std::set<std::string> accounts;  // the first few
    FrameRef first;
  };
  std::map<std::string, std::map<IpAddress, Sharer>> sharers_;
  std::map<IpAddress, std::set<std::string>> accounts_at_;
  void note_sharers(const session::Call& call);
};

// Null when nothing was seen.
const ExchangeState* exchange_of(const session::KeyingFlow& flow);

}  // namespace voip::analyze::srtp
