#pragma once

#include <cstdint>
#include <deque>
#include <memory_resource>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "analyze/fraud/numbers.h"
#include "analyze/fraud/site.h"
#include "base/cold_map.h"
#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "base/hash.h"
#include "base/small_frame.h"
#include "base/table.h"
#include "base/text_pool.h"
#include "session/call.h"
#include "session/grouping.h"
#include "session/observer.h"
#include "session/transaction.h"

namespace voip::analyze::fraud {

// What is kept of calls is small: there may be a million. Their texts lie in the pool of whoever holds them; std::pmr
// containers are for what may lie in a file meanwhile (base/cold_memory.h).

// An initial INVITE between two hosts, repeats with credentials included.
struct CallHop {
  IpAddress from;
  IpAddress to;
  Text dialled{};         // user of the Request-URI
  Text caller{};          // user of From
  Text asserted{};        // user of P-Asserted-Identity; empty: none
  SmallFrame invite{};    // the first
  SmallFrame accepted{};  // the last INVITE of this hop that was answered by 2xx; else by anything but a challenge
  SmallFrame ringing{};
  SmallFrame answer{};  // 2xx
  SmallFrame final{};
  unsigned status = 0;
  std::uint32_t requests = 0;  // INVITEs, retransmissions left out
};

// All that is kept of one Call-ID.
struct CallRecord {
  Text call_id{};
  Text account{};  // digest username of the INVITE on the first hop
  Text user_agent{};
  Text from_host{};
  Text to_user{};
  Text display{};
  Text diversion{};                                                 // user of the first Diversion
  std::pmr::vector<CallHop> hops{};                                 // in the order of their INVITEs
  std::pmr::vector<std::pair<session::LinkKind, TextKey>> links{};  // until the legs are joined
  SmallFrame last{};
  Timestamp end{};             // BYE, CANCEL, refusal, or the last sign of life
  std::uint64_t shape = 0;     // order of the INVITE's header fields
  std::uint32_t requests = 0;  // of the caller on its first hop: retransmissions and ACK left out
  std::uint32_t others = 0;    // of these, all but the INVITEs
  std::uint32_t login_failures = 0;
  std::uint32_t digits = 0;  // INFO requests within
  unsigned most_vias = 0;
  std::int16_t least_max_forwards = 255;
  bool challenged : 1 = false;
  bool logged_in : 1 = false;  // an INVITE with credentials went further than a refusal of them
  bool bye : 1 = false;
  bool ended_by_caller : 1 = false;
  bool cancelled : 1 = false;
  bool transferred : 1 = false;  // REFER or Replaces within
  bool hidden : 1 = false;       // the caller asked for privacy
  bool refuted : 1 = false;      // somebody on the way found the caller's number forged (verstat)

  const CallHop& entry() const { return hops.front(); }
  const CallHop& exit() const;  // the hop farthest from the caller, as far as can be told
};

enum class CallDirection : std::uint8_t { kInternal, kOutbound, kInbound, kTransit, kUnknown };
std::string_view to_string(CallDirection direction);

// A Number whose texts lie in a pool.
struct CalledNumber {
  Text dialled{};
  Text e164{};
  const Destination* destination = nullptr;
  NumberClass kind = NumberClass::kNone;

  bool external() const { return kind == NumberClass::kNational || kind == NumberClass::kInternational; }
  Text shown() const { return e164.empty() ? dialled : e164; }
  operator Number() const { return {.dialled = dialled, .e164 = e164, .kind = kind, .destination = destination}; }
};

// One call, whatever its legs and Call-IDs.
struct PhoneCall {
  std::span<const std::uint32_t> records{};  // in CallTable::records(), the first leads
  Text account{};  // authenticated username, else the caller's user name where it may be one; empty: a stranger
  Text caller{};   // number or name of the caller, as shown (P-Asserted-Identity first)
  Text user_agent{};
  IpAddress source;       // who sent the first INVITE
  IpAddress entry;        // to whom
  IpAddress exit;         // where the call went in the end
  CalledNumber number{};  // called
  SmallFrame invite{};    // first INVITE
  SmallFrame accepted{};  // the INVITE that was answered
  SmallFrame answer_frame{};
  SmallFrame last{};
  Timestamp start{};
  Timestamp ringing{};
  Timestamp answer{};  // unknown: not answered
  Timestamp end{};
  std::uint32_t requests = 0;
  std::uint16_t status = 0;  // final response as the caller got it; 0: none
  CallDirection direction = CallDirection::kUnknown;
  bool authenticated : 1 = false;
  bool challenged : 1 = false;
  bool cancelled : 1 = false;
  bool ended_by_caller : 1 = false;
  bool diverted : 1 = false;
  bool transferred : 1 = false;
  bool open : 1 = false;  // answered, and its end was not seen

  bool answered() const { return answer.known(); }
  double seconds() const { return answered() ? std::max(0.0, seconds_between(answer, end)) : 0.0; }
  double ring_seconds() const { return seconds_between(ringing.known() ? ringing : start, answered() ? answer : end); }
  // Leaves the site, though the number may not tell where to.
  bool external() const {
    return number.external() || (direction == CallDirection::kOutbound && number.kind == NumberClass::kUnknown);
  }
  bool outbound() const { return direction == CallDirection::kOutbound; }
  bool inbound() const { return direction == CallDirection::kInbound; }
};

// The records of all Call-IDs, with their texts.
struct CallRecords {
  TextPool texts{};
  std::pmr::deque<CallRecord> list{};  // in the order of their first INVITEs
};

// Keeps a small record of each Call-ID. Memory: bounded by `cap` records; what is beyond is counted.
class CallCollector {
 public:
  explicit CallCollector(std::size_t cap) : cap_(cap) {}
  void on_transaction(const session::Transaction& t);
  void on_call_end(const session::Call& call);
  // Answers to INVITEs that an earlier run saw: no transaction of this run tells them.
  void on_message(const dissect::SipEvent& event);
  // What an earlier run knew; before the first transaction.
  void restore(CallRecords records);
  // The collector is empty after.
  CallRecords take();
  std::uint64_t dropped() const { return dropped_; }

 private:
  CallRecord* record_of(const session::Transaction& t, bool make);
  CallHop* hop_of(CallRecord& record, const session::Transaction& t);
  void note_caller(CallRecord& record, const session::Transaction& t, bool entry);

  std::size_t cap_;
  std::uint64_t dropped_ = 0;
  std::size_t restored_ = 0;  // the first ones are an earlier run's
  CallRecords records_;
  ColdMap<TextKey> by_id_;
};

// All calls of the inputs.
class CallTable {
 public:
  CallTable() = default;
  // Joins the legs of each call; what depends on the site comes with classify().
  explicit CallTable(CallRecords records);

  // Reads numbers and directions as the site's facts say.
  void classify(const Site& site, const NumberPlan& plan);

  // Takes the account from calls whose caller only claims one.
  template <class Wanted>
  void disown(Wanted wanted) {
    for (PhoneCall& call : calls_) {
      if (!call.authenticated && wanted(call)) call.account.clear();
    }
  }

  const std::pmr::deque<CallRecord>& records() const { return records_.list; }
  const std::pmr::vector<PhoneCall>& calls() const { return calls_; }  // by start
  // Index of the call that a record belongs to.
  std::size_t call_of(std::size_t record) const { return call_of_[record]; }
  // Hosts that pass calls on (proxies, B2BUAs).
  bool relay(const IpAddress& host) const;
  const std::vector<IpAddress>& relays() const { return relays_; }
  // A host that the site exchanges calls with: known by policy, or by how its calls go.
  bool peer(const IpAddress& host) const;

  void set_peers(std::vector<IpAddress> peers) { peers_ = std::move(peers); }

 private:
  void join_legs();
  void learn_relays(const std::vector<session::LegPlace>& places);
  std::set<IpAddress> bare_writers(const NumberPlan& plan) const;
  void fill(PhoneCall& call) const;

  CallRecords records_;
  std::pmr::vector<std::uint32_t> call_of_;
  std::pmr::vector<std::uint32_t> members_;  // of the calls, one after the other
  std::pmr::vector<PhoneCall> calls_;
  std::vector<IpAddress> relays_;  // sorted
  std::vector<IpAddress> peers_;   // sorted
};

// The most calls that went on at one moment. Spans without an end count until their last sign of life.
struct Peak {
  std::uint64_t calls = 0;
  Timestamp at{};
};
Peak concurrency(const std::vector<const PhoneCall*>& calls);

}  // namespace voip::analyze::fraud
