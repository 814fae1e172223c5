#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <memory_resource>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/fraud/fingerprints.h"
#include "analyze/fraud/stable_key.h"
#include "base/cold_map.h"
#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "base/hash.h"
#include "base/small_frame.h"
#include "base/table.h"
#include "session/observer.h"
#include "session/transaction.h"

// Who asked whom for what, and what came of it: the memory of the attack detectors. Forwarded copies of a request are
// left out, so that every request counts once, for its true sender.
namespace voip::analyze::fraud {

class RowReader;
class StateSection;

inline constexpr std::chrono::seconds kForwardWithin{2};  // a host in between sends on what it was asked

enum class Outcome : std::uint8_t {
  kSilent,     // no final response
  kChallenge,  // 401 or 407 to a request without credentials, or stale: the ordinary first step
  kRefused,    // without credentials
  kPassed,     // without credentials: 2xx, or an INVITE that rang
  kBadLogin,   // credentials refused
  kGoodLogin,  // credentials accepted
  kOther,
};

// Texts by number, each kept once. 0: the empty text.
class Texts {
 public:
  explicit Texts(std::size_t cap) : cap_(cap) { texts_.emplace_back(); }
  std::uint32_t id(std::string_view text);
  const std::string& text(std::uint32_t id) const { return texts_[id]; }

 private:
  std::size_t cap_;
  FlatMap<TextKey, std::uint32_t> ids_;
  std::pmr::vector<std::string> texts_;
};

// What tells a device's next login from the next guess; only of those that log in.
struct LoginMemory {
  TextKey call_id;                       // of the last refused login; stable_key()
  std::array<TextKey, 4> good_nonces{};  // the last ones that were accepted: two devices may share the account
  TextKey bad_nonce, bad_response, bad_uri;
  Timestamp unsure_time;
  std::uint32_t unsure_bad = 0;  // refused with a nonce from before the capture: forgiven when the next login passes
  SmallFrame first_silent, last_silent;  // without any answer
  TextKey silent_call_id;
  std::uint32_t silent = 0;
  std::uint32_t silent_ids = 0;  // changes of the Call-ID among these
  std::uint8_t good_at = 0;
};

// One source and one user: an account that it logged in as, or a user whom it asked for.
struct Try {
  std::uint32_t index = 0;  // in SourceBook::tries()
  std::uint32_t source = 0;
  std::uint32_t user = 0;  // in Texts
  SmallFrame first;
  SmallFrame last;
  SmallFrame first_bad, last_bad;    // refused logins
  SmallFrame first_good, last_good;  // accepted ones
  SmallFrame first_passed;           // passed without credentials
  std::uint32_t requests = 0;
  std::uint32_t bad = 0;
  std::uint32_t good = 0;
  std::uint32_t good_registers = 0;
  std::uint32_t forbidden_invites = 0;  // 403 to INVITE with credentials: may be no matter of the password
  std::uint32_t no_such_user = 0;       // 404 or 604
  std::uint32_t exists = 0;             // answers that only a known user gets: 401, 407, 2xx, 180, 480, 486
  std::uint32_t forbidden = 0;          // 403 without credentials
  std::uint32_t other_refusals = 0;     // 484 and the like
  std::uint32_t call_ids = 0;           // changes of the Call-ID among refused logins
  std::uint32_t agent = 0;              // User-Agent, in Texts
  std::uint32_t earlier = 0;            // requests whose stamps an earlier run dropped
  std::uint32_t repeats = 0;            // asked for again in the same dialog, without an answer that led to a login
  std::uint16_t methods = 0;            // bits by sip::Method, of requests without credentials
  bool varied : 1 = false;              // two different responses to one nonce, without cnonce: two passwords
  bool followed : 1 = false;            // asked without credentials, then with: the ordinary way
  bool claimed : 1 = false;             // an incident counts it
  bool in_bulk : 1 = false;             // asked for by REGISTER, INVITE, OPTIONS or SUBSCRIBE without credentials
  bool alone : 1 = false;               // asked for at least once without a login that followed
  bool ask_open : 1 = false;            // the last request without credentials: no login followed so far
  TextKey challenged_nonce;             // the last that was sent to this source for it
  TextKey ask_call_id;                  // stable_key()
  SmallFrame last_ask;
  SmallFrame first_step;  // the request that fetched the challenge for the first refused (else accepted) login
  std::unique_ptr<LoginMemory> logins;
};

struct Target {
  IpAddress host;
  FrameRef first;
  FrameRef last;
  std::uint32_t visits = 0;
  std::uint32_t answered = 0;
  std::vector<std::uint16_t> ports;
  std::vector<Timestamp> port_times;
};

struct Stamp {
  std::int64_t ns = 0;
  std::uint32_t attempt = 0;  // index of the Try
  sip::Method method = sip::Method::kOther;
  Outcome outcome = Outcome::kSilent;
  bool answered = false;
};

struct Source {
  IpAddress address;
  FrameRef first;
  FrameRef last;
  std::uint64_t requests = 0;
  std::uint64_t answered = 0;
  std::uint64_t outside_dialog = 0;
  std::array<std::uint64_t, 16> methods{};  // by sip::Method, requests outside dialogs
  std::array<std::uint64_t, 8> outcomes{};  // by Outcome
  std::uint64_t rung = 0;                   // INVITEs without credentials that rang or were answered
  std::uint64_t accepted_invites = 0;       // of these: 2xx
  FrameRef first_rung, first_accepted;
  std::vector<std::uint32_t> tries;
  std::vector<Target> targets;
  std::pmr::vector<Stamp> stamps;  // sorted by settle()
  std::uint64_t unlogged = 0;      // requests without a stamp
  std::uint64_t earlier = 0;       // of all its Tries, and of none: stamps that an earlier run dropped
  Signs signs;
  std::vector<std::uint32_t> agents;     // User-Agents, few
  std::vector<std::uint64_t> shapes;     // few
  std::vector<std::uint32_t> via_hosts;  // sent-by hosts, up to 64
  std::vector<std::uint32_t> callers;    // From users of its INVITEs without credentials, up to 64
  FrameRef sign_frame;
  std::uint32_t registered = 0;  // accounts that registered with success from here
  bool over_limit = false;
  // Filled at the end.
  bool trusted = false;  // peer, relay, registrar, monitor: what it does is its work
  bool monitor = false;
  bool suspect = false;                // an incident names it
  std::vector<std::size_t> incidents;  // in the store
};

// What a host does as a server.
struct Host {
  std::uint64_t registers_accepted = 0;
  std::uint64_t registers_challenged = 0;
  std::uint64_t invites_answered = 0;
  std::uint64_t invites_challenged = 0;
  std::uint32_t clients = 0;          // hosts that asked it
  std::vector<TextKey> aors;          // up to three
  std::vector<std::uint32_t> realms;  // of its challenges, few
};

class SourceBook {
 public:
  struct Caps {
    std::size_t sources = 1U << 17;
    std::size_t tries = 1U << 18;
    std::size_t targets = 1U << 19;
    std::size_t stamps = 1U << 22;
  };
  SourceBook() : SourceBook(Caps{}) {}
  explicit SourceBook(const Caps& caps);

  // Every message, before its transaction is told.
  void on_message(const dissect::SipEvent& event);
  // Whether the request was seen that this answers.
  bool knows(const sip::MessageView& answer) const;
  // Whether this is the copy of a request that a host in between sent on.
  bool forwarded(const session::Transaction& t) const;
  // Hosts that answered anybody.
  std::set<IpAddress> answering() const;
  // Nobody answered it, and those whom it asked answered nobody else: this tap sees requests only.
  static bool unheard(const Source& source, const std::set<IpAddress>& answering);
  // Nothing that it sent was its own: it stands between, perhaps with another address on the side of those who asked.
  bool only_forwards(const IpAddress& address) const;
  // Passes registrations of others on, with success.
  bool edge(const IpAddress& address) const;
  // Who sent it: the host behind an edge proxy where the Via fields tell.
  IpAddress sender(const session::Transaction& t) const;
  // Returns the source, null when it was left out.
  Source* on_transaction(const session::Transaction& t, Outcome& outcome);
  // After the last packet: sorts the stamps.
  void settle();

  std::vector<Source>& sources() { return sources_; }
  const std::vector<Source>& sources() const { return sources_; }
  Source* find(const IpAddress& address);
  const Source* find(const IpAddress& address) const;
  std::pmr::deque<Try>& tries() { return tries_; }
  const std::pmr::deque<Try>& tries() const { return tries_; }
  const Try* find_try(const Source& source, std::string_view user) const;
  const Host* host(const IpAddress& address) const { return hosts_.find(address); }
  const std::string& text(std::uint32_t id) const { return texts_.text(id); }
  Texts& texts() { return texts_; }
  // Whether the two hosts exchanged requests in this direction.
  bool asked(const IpAddress& client, const IpAddress& server) const;
  // Requests of a source between two moments, both included.
  static std::uint64_t requests_between(const Source& source, Timestamp from, Timestamp to);
  // Of these, what belongs to the given Tries (sorted), where others share the source's address; else all.
  std::uint64_t requests_of(const Source& source, Timestamp from, Timestamp to,
                            const std::vector<std::uint32_t>& tries) const;
  // Somebody behind the address logs in with success with an account that is not among these Tries (sorted).
  bool shared(const Source& source, const std::vector<std::uint32_t>& tries) const;
  std::uint64_t left_out() const { return left_out_; }
  // What the next run wants to know of the sources of the last day: --state.
  void save(StateSection& section) const;
  void load(const StateSection& section);
  Timestamp first_time() const { return first_time_; }
  Timestamp last_time() const { return last_time_; }

 private:
  struct PairKey {
    std::uint64_t source;
    TextKey of;
    bool operator==(const PairKey&) const = default;
  };
  // A request at the end of a file: its answer is in the next one (--state).
  struct Open {
    TextKey key;
    std::int64_t ns = 0;
    IpAddress source;
    std::string user;  // of the Try
    sip::Method method = sip::Method::kOther;
    bool login = false;
  };
  // Who showed a digest response first, and to whom.
  struct Loan {
    IpAddress client;
    IpAddress server;
    Timestamp time;
  };
  struct Path {
    IpAddress client;
    std::array<IpAddress, 4> servers;
    std::uint8_t count = 0;
  };

  // A border that hands credentials on under another Call-ID, perhaps from another address of its own.
  void note_loan(const dissect::SipEvent& event);
  bool borrowed(const session::Transaction& t) const;
  bool was_asked(const IpAddress& host, const session::Transaction& t, std::string_view user) const;
  Source* source_of(const IpAddress& address);
  Try* try_of(Source& source, std::string_view user);
  Target* target_of(Source& source, const Endpoint& server);
  void note_server(const session::Transaction& t, bool new_client);
  void note_target(Source& source, const session::Transaction& t);
  void note_signs(Source& source, const session::Transaction& t);
  // Requests outside of dialogs. Null: they ask for nobody, or there is no room.
  Try* note_login(Source& source, const session::Transaction& t, Outcome& outcome);
  Try* note_without_login(Source& source, const session::Transaction& t, Outcome& outcome);
  void keep_open(const Source& source, const session::Transaction& t, const Try& attempt);
  void stamp(Source& source, const session::Transaction& t, const Try* attempt, Outcome outcome);
  // The answer to a request that an earlier run saw.
  void answer_late(const dissect::SipEvent& event);
  static Outcome judge_late_login(const dissect::SipEvent& event, sip::Method method, Source& source, Try& one);
  void judge_login(const session::Transaction& t, Try& attempt, Outcome& outcome);
  static void note_silent_login(const session::Transaction& t, LoginMemory& memory);
  // What an answer to a request without credentials says of the user. known: only a known user gets it.
  static void count_answer(Try& attempt, unsigned status, bool known);
  static void note_ask(const session::Transaction& t, Try& attempt);
  static void note_login_step(const session::Transaction& t, Try& attempt);
  // attack_state.cpp: rows of --state, by kind.
  std::vector<const Source*> latest_sources(std::int64_t from) const;
  void save_source(const Source& source, std::uint64_t earlier, StateSection& section) const;
  void save_try(const Try& one, std::uint32_t dropped, StateSection& section) const;
  void save_open(StateSection& section) const;
  void save_hosts(StateSection& section) const;
  Source* load_source(RowReader& in);  // null: not a row of a source that is new
  void load_names(Source& source, RowReader& in);
  void load_target(Source& source, RowReader& in);
  Try* load_try(Source& source, RowReader& in);
  void load_stamps(Source& source, std::uint32_t attempt, std::size_t pairs, RowReader& in);
  void load_open(RowReader& in);
  void load_host(RowReader& in);
  static TextKey open_key(std::string_view call_id, std::uint32_t cseq, std::string_view method);
  static TextKey path_key(std::string_view call_id, std::uint32_t cseq, std::string_view method);
  static TextKey asked_key(const IpAddress& host, sip::Method method, std::string_view user);

  Caps caps_;
  Texts texts_;
  std::vector<Source> sources_;
  FlatMap<IpAddress, std::uint32_t> by_address_;
  std::pmr::deque<Try> tries_;
  ColdMap<PairKey> try_index_;
  FlatMap<PairKey, std::uint32_t> target_index_;
  FlatMap<IpAddress, Host> hosts_;
  FlatMap<IpAddress, std::uint32_t> edges_;            // proxies that pass registrations on: how many were accepted
  FlatMap<IpAddress, std::uint32_t> forwarders_;       // copies of others' requests, by who sent them on
  FlatMap<std::uint32_t, std::uint64_t> agent_signs_;  // by User-Agent, in Texts
  CappedTable<TextKey, Path> paths_;
  CappedTable<TextKey, Loan> loans_;                     // by digest response
  FlatMap<IpAddress, std::array<IpAddress, 4>> fronts_;  // of a border's inner address: the outer ones
  std::vector<Open> pending_;                            // of this run, latest last
  std::map<TextKey, Open, TextKeyLess> open_;            // of the run before
  CappedTable<TextKey, Timestamp> asked_;                // when a host was asked for a user
  std::size_t targets_ = 0;
  std::size_t stamps_ = 0;
  std::uint64_t left_out_ = 0;
  Timestamp first_time_;
  Timestamp last_time_;
};

}  // namespace voip::analyze::fraud
