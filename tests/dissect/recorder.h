#pragma once

#include <string>
#include <vector>

#include "base/limits.h"
#include "dissect/dissector.h"

namespace voip::test {

struct SipSeen {
  std::string raw, call_id, body;
  unsigned status = 0;
  dissect::Signalling signalling = dissect::Signalling::kUdp;
  bool truncated = false;
  std::uint64_t frame = 0;
  Endpoint src, dst;
  sip::AnomalySet anomalies;
  bool operator==(const SipSeen& other) const {
    return raw == other.raw && call_id == other.call_id && body == other.body && signalling == other.signalling &&
           truncated == other.truncated && src == other.src && dst == other.dst &&
           anomalies.bits() == other.anomalies.bits();
  }
};

// Keeps what it was told.
class Recorder final : public dissect::Observer {
 public:
  void on_sip(const dissect::SipEvent& event) override {
    const auto text = as_text(event.raw);
    sip.push_back({std::string(text), std::string(event.message->call_id), std::string(event.message->body),
                   event.message->status, event.signalling, event.truncated, event.frame.number, event.src, event.dst,
                   event.message->anomalies});
  }
  void on_media(const dissect::MediaEvent& event) override {
    media.push_back(event.kind);
    last_rtp = event.rtp;
  }
  void on_tls(const dissect::TlsFlow& flow) override { tls.push_back(flow); }

  std::vector<SipSeen> sip;
  std::vector<dissect::MediaKind> media;
  rtp::PacketView last_rtp;  // its views are stale
  std::vector<dissect::TlsFlow> tls;
};

inline const Endpoint kAlice{IpAddress::v4(0xc0000201), 5060};
inline const Endpoint kBob{IpAddress::v4(0xc0000202), 5060};

inline std::string request(std::string_view call_id, std::string_view body = "", std::string_view via = "TCP") {
  std::string text = "MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/";
  text += std::string(via) + " 192.0.2.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\n";
  text += "To: <sip:bob@example.com>\r\nCall-ID: " + std::string(call_id) + "\r\nCSeq: 1 MESSAGE\r\n";
  text += "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  return text;
}

}  // namespace voip::test
