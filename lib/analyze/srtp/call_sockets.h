#pragma once

#include <array>
#include <optional>
#include <vector>

#include "session/call.h"

// Who sits behind a socket, as the SDPs of a call tell it.
namespace voip::analyze::srtp {

// One m= line in one SDP of an exchange.
struct SideLine {
  const session::SdpUse* use = nullptr;      // never null once made
  const session::MediaLine* line = nullptr;  // likewise
  std::size_t index = 0;
  const session::SdpUse* other = nullptr;      // the other side's SDP of the exchange; null: not seen
  const session::DialogLeg* dialog = nullptr;  // null: an offer that no dialog took up
  bool caller = false;                         // the line is of the side that sent the call's first INVITE
  bool offer = false;
  // The other side's line; null when it was not seen.
  const session::MediaLine* counterpart() const {
    return other != nullptr && other->sdp != nullptr && index < other->sdp->media().size() ? &other->sdp->media()[index]
                                                                                           : nullptr;
  }
};

// The two ends of a flow. `own` holds the lines that stand for each end ([0]: end a): those that name its socket, else
// the counterparts of those that name the other end's (an end behind NAT).
struct FlowSides {
  std::array<std::vector<SideLine>, 2> own;
  std::array<bool, 2> named{};      // the socket stands in an SDP
  std::optional<bool> a_is_caller;  // empty: not clear
};

class CallSockets {
 public:
  CallSockets() = default;  // names nothing
  explicit CallSockets(const session::Call& call);
  FlowSides sides(const Endpoint& a, const Endpoint& b) const;
  // Whether an SDP of the call names this address, at any port.
  bool names_address(const IpAddress& address) const;
  // Whether some address in the SDPs shares its first 24 bits (64 for IPv6) with this one.
  bool names_network(const IpAddress& address) const;
  bool overflown() const { return overflown_; }

 private:
  struct Entry {
    Endpoint socket;
    SideLine line;
  };
  void add(const session::SdpUse& use, const session::SdpUse* other, const session::DialogLeg* dialog, bool offer);
  void add_entry(const Endpoint& socket, const SideLine& line);
  template <class Function>
  void each_of(const Endpoint& socket, Function&& function) const;

  std::vector<Entry> entries_;        // by socket, then in the order of the exchanges
  std::vector<IpAddress> addresses_;  // sorted
  bool overflown_ = false;
};

}  // namespace voip::analyze::srtp
