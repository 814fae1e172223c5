#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "analyze/timeline/records.h"
#include "session/transaction.h"

namespace voip::analyze::timeline {

// A stretch in which everything that an address tried with an account was refused or not answered.
struct Refusals {
  FrameRef first{};
  FrameRef last{};
  std::uint64_t count = 0;
  unsigned status = 0;  // of the first; 0: silence
  FrameRef success_after{};
  FrameRef used_after{};  // the next registration elsewhere, or call, behind that success
  // Where the last long pause lies within it: someone who comes back after hours tries anew.
  FrameRef before_pause{};
  FrameRef resumed{};
  std::uint64_t count_before_pause = 0;
};

// OPTIONS of an address before it asked for anything else: how one looks whether somebody is there.
struct Approach {
  FrameRef first{};
  FrameRef last{};
  std::uint64_t count = 0;
};

// What one address did with one account, as far as it decides when it got in and when it was stopped.
struct Track {
  IpAddress source{};
  std::uint32_t account = 0;   // user part, in Names
  std::uint64_t failures = 0;  // refused credentials before the first success
  FrameRef first_failure{};
  FrameRef first_success{};               // credentials accepted, or a call or registration without any
  bool without_login = false;             // that first success was a registration without any
  std::vector<FrameRef> registrations{};  // the first few accepted ones with a contact
  std::vector<TextKey> contacts{};        // of each of those
  FrameRef first_call{};                  // first accepted INVITE
  FrameRef last_success{};
  std::uint64_t successes = 0;
  Refusals now{};                   // since the last success
  std::vector<Refusals> earlier{};  // those that a success ended; the first few
  TextKey contact_after{};          // what the success that ended the last of them registered
  Approach approach{};              // of the address
};

// Follows each pair of address and account.
class ActorLog {
 public:
  ActorLog(std::size_t cap, Names& names) : tracks_(cap), arrivals_(cap), names_(names) {}

  void on_transaction(const session::Transaction& transaction);
  // In the order of first success, then failure.
  std::vector<Track> finish();
  std::uint64_t dropped() const { return tracks_.evicted(); }

 private:
  struct Arrival {
    Approach approach{};
    bool over = false;
  };
  void on_success(Track& track, const session::Transaction& transaction);

  CappedTable<TextKey, Track> tracks_;
  CappedTable<TextKey, Arrival> arrivals_;  // by address
  Names& names_;
};

}  // namespace voip::analyze::timeline
