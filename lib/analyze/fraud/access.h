#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analyze/fraud/casework.h"
#include "session/registration.h"

namespace voip::analyze::fraud {

// What is done with credentials and bindings once somebody has them: replay, leak, take-over, deregistration.
class AccessWatch {
 public:
  explicit AccessWatch(std::size_t cap);

  void on_transaction(const session::Transaction& t, const SourceBook& book);
  void on_registration(const session::RegistrationChange& change, const SourceBook& book);
  void conclude(Casework& work);
  // The places from which accounts are registered.
  void save(StateSection& section) const;
  void load(const StateSection& section);

 private:
  struct Use {  // of one digest response
    IpAddress source;
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

  void note_use(const session::Transaction& t);
  void note_leak(const session::Transaction& t);
  void conclude_replays(Casework& work);
  void conclude_leaks(Casework& work);
  void conclude_takeovers(Casework& work);
  void conclude_removals(Casework& work);
  void conclude_entries(Casework& work);
  static std::vector<std::uint32_t> culprits(Casework& work, const IpAddress& source);

  std::size_t cap_;
  CappedTable<TextKey, Use> uses_;
  CappedTable<TextKey, std::array<IpAddress, 2>> callers_;  // by Call-ID: who called whom
  CappedTable<TextKey, std::uint32_t> asked_nonces_;        // of leaks, by nonce
  std::vector<Replay> replays_;
  std::vector<Leak> leaks_;
  std::vector<Home> homes_;
  FlatMap<TextKey, std::uint32_t> home_index_;
  std::vector<Takeover> takeovers_;
  std::vector<Removal> removals_;
};

}  // namespace voip::analyze::fraud
