#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "base/hash.h"
#include "base/table.h"
#include "session/transaction.h"

namespace voip::analyze::fraud {

// What one account did from one address, calls left out.
struct AccountSource {
  std::uint64_t registrations = 0;  // accepted ones, refreshes included
  std::uint64_t failures = 0;       // requests whose credentials were refused
  FrameRef first{};                 // first accepted REGISTER
  FrameRef last{};
  std::string user_agent{};  // of the first accepted one
  TextKey nonce{};           // that was accepted last: when it has grown old, a refusal of it is no failure
};

struct AccountFacts {
  std::map<IpAddress, AccountSource> sources{};
  std::vector<std::string> user_agents{};  // in the order of their first sight; at most 8
  std::uint64_t registrations = 0;
  std::uint64_t failures = 0;
};

// Who registers from where. Requests are counted where their sender is seen: behind a proxy they would count twice.
class AccountLedger {
 public:
  explicit AccountLedger(std::size_t cap) : cap_(cap) {}
  void on_transaction(const session::Transaction& t);

  // What an earlier run knew.
  void restore(const std::string& account, const IpAddress& address, const AccountSource& source);
  void restore_registrar(const IpAddress& address, std::uint64_t count);
  void restore_domain(const std::string& domain, std::uint64_t count);

  const std::map<std::string, AccountFacts, std::less<>>& accounts() const { return accounts_; }
  const AccountFacts* find(std::string_view account) const;
  const std::map<IpAddress, std::uint64_t>& registrars() const { return registrars_; }
  const std::map<IpAddress, std::uint64_t>& phones() const { return phones_; }  // accounts that registered from there
  const std::map<std::string, std::uint64_t>& domains() const { return domains_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  std::size_t cap_;
  std::uint64_t dropped_ = 0;
  AccountFacts* facts_of(std::string_view name);  // null: no room

  std::map<std::string, AccountFacts, std::less<>> accounts_;
  FlatMap<TextKey, AccountFacts*> index_;  // into accounts_, whose entries stay where they are
  std::map<IpAddress, std::uint64_t> registrars_;
  std::map<IpAddress, std::uint64_t> phones_;
  std::map<std::string, std::uint64_t> domains_;
};

}  // namespace voip::analyze::fraud
