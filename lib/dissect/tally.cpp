#include "dissect/tally.h"

#include <bit>
#include <string>

namespace voip::dissect {

std::string_view to_string(Seen seen) {
  switch (seen) {
    case Seen::kUdpUnknown: return "udp-unknown";
    case Seen::kUdpHttp: return "udp-http";
    case Seen::kUdpSsdp: return "udp-ssdp";
    case Seen::kUdpRtsp: return "udp-rtsp";
    case Seen::kUdpMsrp: return "udp-msrp";
    case Seen::kUdpIcap: return "udp-icap";
    case Seen::kTcpUnknown: return "tcp-unknown";
    case Seen::kTcpHttp: return "tcp-http";
    case Seen::kTcpRtsp: return "tcp-rtsp";
    case Seen::kTcpMsrp: return "tcp-msrp";
    case Seen::kTcpIcap: return "tcp-icap";
    case Seen::kSctpUnknown: return "sctp-unknown";
    case Seen::kSipKeepalive: return "sip-keepalive";
    case Seen::kSipBadSyntax: return "sip.bad-syntax";
    case Seen::kSipTruncated: return "sip.truncated";
    case Seen::kSipStreamGap: return "sip-stream-gap";
    case Seen::kSipStreamSkipped: return "sip-stream-skipped";
    case Seen::kSipTooLong: return "sip-too-long";
    case Seen::kHepRtcpJson: return "hep-rtcp-json";
    case Seen::kHepReport: return "hep-report";
    case Seen::kHepLog: return "hep-log";
    case Seen::kHepDns: return "hep-dns";
    case Seen::kHepIsup: return "hep-isup";
    case Seen::kHepControl: return "hep-control";
    case Seen::kHepOther: return "hep-other";
    case Seen::kHepNotSip: return "hep-not-sip";
    case Seen::kWebSocketCompressed: return "websocket-compressed";
    case Seen::kWebSocketBadFrame: return "websocket-bad-frame";
    case Seen::kWebSocketNotSip: return "websocket-not-sip";
    case Seen::kWebSocketGap: return "websocket-gap";
    case Seen::kStreamEvicted: return "stream-evicted";
  }
  return "unknown";
}

void Tally::count(sip::AnomalySet anomalies, const FrameRef& where) {
  for (std::uint64_t bits = anomalies.bits(); bits != 0; bits &= bits - 1) {
    add(anomalies_[static_cast<std::size_t>(std::countr_zero(bits))], where);
  }
}

Diagnostics Tally::named() const {
  Diagnostics diagnostics;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    if (seen_[i].count != 0) diagnostics.count(to_string(static_cast<Seen>(i)), seen_[i].first, seen_[i].count);
  }
  for (std::size_t i = 0; i < anomalies_.size(); ++i) {
    if (anomalies_[i].count == 0) continue;
    std::string name = "sip-anomaly-";
    name += sip::to_string(static_cast<sip::Anomaly>(i));
    diagnostics.count(name, anomalies_[i].first, anomalies_[i].count);
  }
  return diagnostics;
}

}  // namespace voip::dissect
