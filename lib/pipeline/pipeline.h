#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/limits.h"
#include "capture/source.h"
#include "net/stack.h"
#include "session/tracker.h"

namespace voip::pipeline {

struct Options {
  Limits limits;
  net::StackOptions stack;
  session::TrackerOptions tracker;
  std::string key_log;                // NSS key log text given by the user
  std::vector<std::string> tls_keys;  // private RSA keys of TLS servers, PEM
  // Called now and then with the packets so far, for progress; may be empty.
  std::function<void(std::uint64_t packets)> on_progress;
};

// What the run saw and could not see; plain counts, for the report's coverage.
struct Totals {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t sip_messages = 0;
  std::uint64_t sip_copies = 0;
  std::uint64_t rtp_packets = 0;
  std::uint64_t rtcp_packets = 0;
  std::uint64_t hep_messages = 0;
  std::uint64_t snapped_packets = 0;
  std::uint64_t tcp_gaps = 0;
  std::uint64_t fragments_unfinished = 0;
  std::uint64_t tls_flows = 0;
  std::uint64_t tls_flows_opaque = 0;
  std::uint64_t calls = 0;
  std::uint64_t streams = 0;
  std::map<std::string, std::uint64_t> undecoded;  // by name
  std::map<std::string, std::uint64_t> evicted;    // by table
};

// The only packet loop: pulls every packet of the source through net, dissect and session into the observer.
Totals run(capture::PacketSource& source, const Options& options, session::Observer& observer);

}  // namespace voip::pipeline
