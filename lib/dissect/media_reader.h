#pragma once

#include "dissect/classify.h"
#include "dissect/events.h"
#include "dissect/tally.h"
#include "dissect/turn.h"

namespace voip::dissect {

// Datagrams that are no SIP, wherever they came from: told by their first bytes, and what a TURN server carries is
// unwrapped.
class MediaReader {
 public:
  explicit MediaReader(Tally& tally) : tally_(tally) {}
  // All but text and keepalives, which are left to the caller, is told to the observer.
  FirstBytes read(const net::Datagram& datagram, Observer& observer);

 private:
  bool relayed(const std::optional<TurnTable::Opened>& opened, const net::Datagram& datagram, Observer& observer);

  Tally& tally_;
  TurnTable turn_;
  MediaEvent at_hand_;  // making one anew for each datagram costs more than all else here
};

}  // namespace voip::dissect
