#pragma once

#include "base/limits.h"
#include "dissect/dissector.h"
#include "dissect/events.h"
#include "dissect/tally.h"
#include "proto/sip/message.h"

namespace voip::dissect {

// Where a message came from: all of a SipEvent but the message.
struct SipOrigin {
  Endpoint src;
  Endpoint dst;
  Signalling signalling = Signalling::kUdp;
  net::Provenance provenance = net::Provenance::kWire;
  const net::HepInfo* hep = nullptr;
  FrameRef frame;
};

// Parses messages whose bounds are known, counts them and tells the observer.
class SipReader {
 public:
  SipReader(const Limits& limits, DissectCounters& counters, Tally& tally)
      : parser_(limits.sip_headers), counters_(counters), tally_(tally) {}

  // framed: the bytes end where a stream's framing says; else they are a datagram or a WebSocket message.
  // cut: the end is missing. False: no SIP (counted).
  bool read(ByteView bytes, bool framed, bool cut, const SipOrigin& origin, Observer& observer);

 private:
  sip::Parser parser_;
  DissectCounters& counters_;
  Tally& tally_;
};

// How a message that a HEP packet told of travelled: the top Via knows better than HEP's IP protocol, which has no
// number for TLS or WebSocket (and some agents report TLS as TCP or UDP).
Signalling signalling_of_hep(std::uint8_t ip_protocol, std::string_view via);

}  // namespace voip::dissect
