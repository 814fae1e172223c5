#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "session/transaction.h"

namespace voip::analyze::fraud {

class StateSection;

// A REFER or 3xx: somebody asks that a call go elsewhere.
struct Referral {
  FrameRef request{};
  FrameRef final{};
  IpAddress asker;  // who sent the REFER or the 3xx
  IpAddress asked;
  std::string call_id{};
  std::string target{};  // user of Refer-To or of the 3xx Contact
  std::string referred_by{};
  std::string account{};
  unsigned status = 0;
  bool redirect = false;  // a 3xx
  bool in_dialog = false;
};

// MESSAGE requests of one source.
struct MessageSender {
  FrameRef first{};
  FrameRef last{};
  std::uint64_t messages = 0;
  std::uint64_t accepted = 0;
  std::uint64_t authenticated = 0;
  std::vector<std::pair<Timestamp, std::string>> sent{};  // to whom; capped
  std::vector<IpAddress> targets{};
  FrameRef first_accepted{};
};

// What else the toll checks remember: referrals and text messages. Capped.
class TollNotes {
 public:
  void on_transaction(const session::Transaction& t);
  const std::vector<Referral>& referrals() const { return referrals_; }
  const std::map<IpAddress, MessageSender>& senders() const { return senders_; }
  std::uint64_t dropped() const { return dropped_; }
  // What happened from a moment on, for the next run.
  void save(Timestamp from, StateSection& section) const;
  void load(const StateSection& section);

 private:
  std::vector<Referral> referrals_;
  std::map<IpAddress, MessageSender> senders_;
  std::uint64_t dropped_ = 0;
};

}  // namespace voip::analyze::fraud
