#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "base/limits.h"
#include "dissect/events.h"
#include "session/observer.h"

namespace voip::session {

struct TrackerOptions {
  std::vector<std::string> call_ids;  // keep only these calls' signalling and the media it names; empty: all
};

struct TrackerCounters {
  std::uint64_t sip_messages = 0;  // copies left out
  std::uint64_t sip_copies = 0;    // the same message at another place: wire and HEP, two agents, two taps
  std::uint64_t rtp_packets = 0;   // of proven streams
  std::uint64_t rtcp_packets = 0;
  std::uint64_t calls = 0;
  std::uint64_t streams = 0;  // proven ones
  std::map<std::string, std::uint64_t> evicted;
};

// Turns messages and datagrams into calls and media streams. Memory follows what is live, within Limits.
class Tracker final : public dissect::Observer {
 public:
  Tracker(const Limits& limits, const TrackerOptions& options, session::Observer& observer);
  ~Tracker() override;
  Tracker(const Tracker&) = delete;
  Tracker& operator=(const Tracker&) = delete;

  void on_sip(const dissect::SipEvent& event) override;
  void on_media(const dissect::MediaEvent& event) override;
  void on_tls(const dissect::TlsFlow& flow) override;
  void on_other_stream(const dissect::OtherStream& stream) override;
  // The end of the capture: everything that still lives ends, in the order in which it began.
  void finish();

  const TrackerCounters& counters() const;
  const Diagnostics& diagnostics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace voip::session
