#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/diagnostics.h"
#include "base/frame_ref.h"
#include "proto/sip/message.h"

namespace voip::dissect {

// What was seen and not understood, or not looked at.
enum class Seen : std::uint8_t {
  kUdpUnknown,
  kUdpHttp,
  kUdpSsdp,
  kUdpRtsp,
  kUdpMsrp,
  kUdpIcap,
  kTcpUnknown,
  kTcpHttp,
  kTcpRtsp,
  kTcpMsrp,
  kTcpIcap,
  kSctpUnknown,
  kSipKeepalive,
  kSipBadSyntax,
  kSipTruncated,
  kSipStreamGap,
  kSipStreamSkipped,
  kSipTooLong,
  kHepRtcpJson,
  kHepReport,
  kHepLog,
  kHepDns,
  kHepIsup,
  kHepControl,
  kHepOther,
  kHepNotSip,
  kWebSocketCompressed,
  kWebSocketBadFrame,
  kWebSocketNotSip,
  kWebSocketGap,
  kStreamEvicted,
};
inline constexpr std::size_t kSeenCount = static_cast<std::size_t>(Seen::kStreamEvicted) + 1;
std::string_view to_string(Seen seen);  // "udp-unknown"

// Diagnostics for a path that is walked millions of times: counts by number, named only when somebody asks.
class Tally {
 public:
  void count(Seen seen, const FrameRef& where) { add(seen_[static_cast<std::size_t>(seen)], where); }
  void count(sip::AnomalySet anomalies, const FrameRef& where);
  std::uint64_t total(Seen seen) const { return seen_[static_cast<std::size_t>(seen)].count; }
  Diagnostics named() const;

 private:
  static void add(Diagnostics::Entry& entry, const FrameRef& where) {
    if (entry.count++ == 0) entry.first = where;
  }

  std::array<Diagnostics::Entry, kSeenCount> seen_;
  std::array<Diagnostics::Entry, sip::kAnomalyCount> anomalies_;
};

}  // namespace voip::dissect
