#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "analyze/timeline/event_log.h"
#include "session/registration.h"
#include "session/transaction.h"

namespace voip::analyze::timeline {

// Tells registrations: what was accepted and changed something, and what was refused. A refresh that changes nothing is
// counted only.
class RegistrationBook {
 public:
  RegistrationBook(EventLog& log, Names& names) : log_(log), names_(names) {}

  // A REGISTER just as its client sent it: what a proxy passes on of it is the same registration, and so is what a
  // B2BUA sends on under a Call-ID of its own with the same credentials.
  void on_first_hop(std::string_view call_id, std::uint32_t cseq, std::string_view credentials, Timestamp time);
  void on_transaction(const session::Transaction& transaction);
  void on_registration(const session::RegistrationChange& change);

  std::uint64_t accounts() const { return accounts_.size(); }
  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t refused() const { return refused_; }

 private:
  struct Login {
    TextKey call{};
    Timestamp time{};
  };
  bool passed_on(const session::Transaction& transaction) const;
  bool told_before(const session::RegistrationChange& change);

  EventLog& log_;
  Names& names_;
  FlatMap<TextKey, std::uint8_t> accounts_;
  FlatMap<TextKey, std::uint8_t> first_hops_;
  FlatMap<TextKey, std::uint8_t> older_hops_;
  FlatMap<TextKey, Login> logins_;         // by credentials: where they were seen first
  FlatMap<TextKey, std::uint8_t> echoes_;  // what a B2BUA sent on
  FlatMap<TextKey, std::int64_t> told_;    // when a change was told, to know its echo on the next hop
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace voip::analyze::timeline
