#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analyze/fraud/casework.h"
#include "session/registration.h"

namespace voip::analyze::fraud {

// The same make of device by its User-Agent, whatever the version.
bool same_device(const std::string& a, const std::string& b);
// Scans, enumeration and guessing.
bool looks_for_accounts(Kind kind);

class RowReader;
class RowWriter;

// What is done with credentials and bindings once somebody has them: replay, leak, take-over, deregistration.
class AccessWatch {
 public:
  explicit AccessWatch(std::size_t cap);

  void on_transaction(const session::Transaction& t, const SourceBook& book);
  void on_registration(const session::RegistrationChange& change, const SourceBook& book);
  void conclude(Casework& work);
  // The places from which accounts are registered, what was done to them, and the latest digest responses.
  void save(StateSection& section) const;
  void load(const StateSection& section);

 private:
  struct Use {  // of one digest response
    IpAddress source;
    TextKey name;    // of the response; all keys are stable_key()
    TextKey target;  // Request-URI and To
    TextKey call_id;
    TextKey agent;
    std::uint64_t shape = 0;
    std::uint32_t cseq = 0;
    FrameRef frame;
    bool uri_fits = false;  // the digest's uri is the Request-URI
  };
  struct Replay {
    IpAddress source;
    IpAddress server;
    std::string account;
    FrameRef original;
    FrameRef frame;
    bool accepted = false;
    bool other_source = false;
  };
  struct Leak {
    IpAddress asker;  // who challenged
    IpAddress phone;
    std::string realm;
    std::string account;  // whose credentials were sent; empty: none were
    FrameRef challenge;
    FrameRef answer;
    bool called = false;  // the asker had called the phone
  };
  // A place from which an account is registered.
  struct Device {
    IpAddress source;
    std::string host;  // of the contact
    std::string agent;
    std::string instance;
    TextKey call_id;  // stable_key()
    std::uint32_t cseq = 0;
    std::uint64_t registers = 0;
    FrameRef first;
    FrameRef last;
    Timestamp expires;
    bool push = false;
    bool authenticated = false;
  };
  struct Home {
    std::string aor;
    std::vector<Device> devices;
  };
  struct Takeover {
    std::uint32_t home = 0;
    Device before;
    Device now;
    IpAddress server;
    bool replaced = false;
    FrameRef frame;
  };
  // What a take-over shows against it.
  struct Weighed {
    const Takeover* one = nullptr;
    std::vector<std::string_view> signs;
    bool critical = false;
  };
  struct Removal {
    std::uint32_t home = 0;
    IpAddress source;
    IpAddress owner;
    IpAddress server;
    std::string agent;
    std::string owner_agent;
    FrameRef frame;
    FrameRef set;  // when the owner had registered
  };

  static void write(RowWriter& row, const Device& device);
  static Device read_device(RowReader& in);
  void save_homes(StateSection& section) const;
  void save_events(StateSection& section) const;
  void save_uses(StateSection& section) const;
  Home* load_home(RowReader& in);  // null: known, or no room
  void load_takeover(RowReader& in);
  void load_removal(RowReader& in);
  void load_replay(RowReader& in);
  void load_leak(RowReader& in);
  void load_use(RowReader& in);
  const std::uint32_t* other_name(std::string_view aor, const IpAddress& registrar) const;
  const std::uint32_t* make_home(const std::string& aor, const IpAddress& registrar);  // null: no room
  void note_use(const session::Transaction& t, const SourceBook& book);
  void note_leak(const session::Transaction& t);
  void note_removal(const session::Transaction& t, const SourceBook& book);
  void conclude_replays(Casework& work);
  void conclude_leaks(Casework& work);
  void conclude_takeovers(Casework& work);
  // Nothing: the device only moved.
  std::optional<Weighed> weigh(Casework& work, const Takeover& one) const;
  // The login that took the account is told already: whether this was all it did.
  bool told_as_compromise(Casework& work, const Weighed& one) const;
  void raise_takeovers(Casework& work, const std::vector<Weighed>& list, bool critical);
  std::string user_of_home(std::uint32_t home) const;
  void conclude_removals(Casework& work);
  void conclude_entries(Casework& work);
  static std::vector<std::uint32_t> culprits(Casework& work, const IpAddress& source);

  std::size_t cap_;
  Timestamp last_;  // seen
  CappedTable<TextKey, Use> uses_;
  std::map<TextKey, Use, TextKeyLess> earlier_uses_;        // of the run before, by name
  CappedTable<TextKey, std::array<IpAddress, 2>> callers_;  // by Call-ID: who called whom
  CappedTable<TextKey, std::uint32_t> asked_nonces_;        // of leaks, by nonce
  std::vector<Replay> replays_;
  std::vector<Leak> leaks_;
  std::vector<Home> homes_;
  FlatMap<TextKey, std::uint32_t> home_index_;
  static constexpr std::uint32_t kSeveral = 0xffffffff;
  FlatMap<TextKey, std::uint32_t> by_user_;  // by user and registrar: the home, or that there are several
  std::vector<Takeover> takeovers_;
  std::vector<Removal> removals_;
  std::vector<Removal> late_removals_;  // of registrations that an earlier run saw: nothing else tells of them
  // Filled at the end.
  std::set<std::string> compromised_;                  // accounts
  std::set<IpAddress> hostile_networks_;               // /24 and /48 of who looked for accounts
  std::set<std::uint32_t> taken_;                      // homes
  std::map<IpAddress, std::set<IpAddress>> gathered_;  // networks whose accounts came to an address, on other devices
};

}  // namespace voip::analyze::fraud
