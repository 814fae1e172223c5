#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/table.h"
#include "session/observer.h"
#include "session/registrations.h"

namespace voip::session {

// Pairs requests and responses hop by hop (RFC 3261 sections 17.1.3 and 17.2.3; 17.2.3's RFC 2543 rule where a branch
// lacks the cookie) and tells each pair once: when its final response comes, when it is given up 32 s (INVITE: 180 s)
// after its last message, or at the end. An ACK is part of its INVITE; a CANCEL is a transaction of its own.
class Transactions {
 public:
  Transactions(const Limits& limits, Observer& observer);

  // Each message once, in order. call: as in Observer::on_message.
  void take(const dissect::SipEvent& event, const Call* call);
  // Gives up what is idle. Cheap when called often.
  void advance(Timestamp now);
  void finish();

  std::uint64_t evicted() const { return live_.evicted() + invites_.evicted(); }
  std::uint64_t registrations_evicted() const { return registrations_.evicted(); }

 private:
  struct Live {
    std::unique_ptr<Transaction> transaction;
    std::uint64_t digest = 0;  // of the request's content
    bool request_seen = false;
  };
  using Table = CappedTable<TextKey, Live>;

  struct Keys {
    TextKey plain;      // by addresses
    TextKey by_socket;  // ports too: identifiers that a sender uses for all of its requests tell nothing apart
  };
  Keys keys_of(const sip::MessageView& message, const Endpoint& client, const Endpoint& server,
               std::string_view method);
  Table& table_of(std::string_view method) { return method == "INVITE" ? invites_ : live_; }
  // The entry of this request or response; null when there is none. key: under which it lies, or would.
  static Live* find(Table& table, const Keys& keys, const Endpoint& client, const Endpoint& server, TextKey& key);

  void on_request(const dissect::SipEvent& event);
  void on_response(const dissect::SipEvent& event, const Call* call);
  Live& open(Table& table, const TextKey& key);
  static void fill_request(Transaction& to, const dissect::SipEvent& event);
  static void fill_answer(Transaction& to, const dissect::SipEvent& event);
  void tell(Live& live, const Call* call);
  void give_up(Live& live);
  void recycle(Live& live);

  Observer& observer_;
  Registrations registrations_;
  Table live_;
  Table invites_;
  CappedTable<TextKey, std::uint64_t> told_;  // digests, by socket: for retransmissions that come late
  std::vector<std::unique_ptr<Transaction>> spare_;
  std::string scratch_;
  Timestamp now_;
  Timestamp next_sweep_;
  std::uint64_t next_serial_ = 0;
};

}  // namespace voip::session
