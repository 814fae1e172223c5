#include "dissect/sip_reader.h"

#include "base/text.h"
#include "proto/sip/fields.h"

namespace voip::dissect {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kTlsOrWebSocket = 22;
constexpr std::uint8_t kSctp = 132;

// The sent-protocol's transport of the top Via.
std::string_view via_transport(std::string_view via) {
  constexpr std::string_view kUsual = "SIP/2.0/";
  if (via.starts_with(kUsual)) {
    const std::string_view rest = via.substr(kUsual.size());
    return rest.substr(0, find_any(rest, 0, ' ', '\t', '\r', '\n', '/'));
  }
  const auto parsed = sip::parse_via(via);
  return parsed ? parsed->transport : std::string_view{};
}

bool mismatch(Signalling signalling, std::string_view via) {
  const std::string_view transport = via_transport(via);
  if (transport.empty()) return false;
  switch (signalling) {
    case Signalling::kUdp: return !iequals(transport, "UDP");
    case Signalling::kTcp: return !iequals(transport, "TCP");
    case Signalling::kTls: return !iequals(transport, "TLS");
    case Signalling::kWs:
    case Signalling::kWss: return !iequals(transport, "WS") && !iequals(transport, "WSS");
    case Signalling::kSctp: return !iequals(transport, "SCTP");
    case Signalling::kDtls: return false;
  }
  return false;
}

}  // namespace

std::string_view to_string(Signalling signalling) {
  switch (signalling) {
    case Signalling::kUdp: return "udp";
    case Signalling::kTcp: return "tcp";
    case Signalling::kTls: return "tls";
    case Signalling::kWs: return "ws";
    case Signalling::kWss: return "wss";
    case Signalling::kSctp: return "sctp";
    case Signalling::kDtls: return "dtls";
  }
  return "?";
}

Signalling signalling_of_hep(std::uint8_t ip_protocol, std::string_view via) {
  const std::string_view transport = via_transport(via);
  if (iequals(transport, "TLS") || iequals(transport, "TLS-SCTP")) return Signalling::kTls;
  if (iequals(transport, "WSS")) return Signalling::kWss;
  if (iequals(transport, "WS")) return Signalling::kWs;
  if (istarts_with(transport, "DTLS")) return Signalling::kDtls;
  switch (ip_protocol) {
    case kTcp: return Signalling::kTcp;
    case kSctp: return Signalling::kSctp;
    case kTlsOrWebSocket: return Signalling::kTls;
    default: return Signalling::kUdp;
  }
}

bool SipReader::read(ByteView bytes, bool framed, bool cut, const SipOrigin& origin, Observer& observer) {
  auto parsed = parser_.parse(bytes, !framed, cut);
  if (!parsed) {
    if (parsed.error().kind == Malformed::kTruncated) ++counters_.sip_truncated;
    tally_.count(parsed.error().kind == Malformed::kTruncated ? Seen::kSipTruncated : Seen::kSipBadSyntax,
                 origin.frame);
    return false;
  }
  sip::MessageView& message = *parsed;
  SipEvent event;
  event.message = &message;
  event.raw = bytes;
  event.src = origin.src;
  event.dst = origin.dst;
  event.provenance = origin.provenance;
  event.hep = origin.hep;
  event.frame = origin.frame;
  event.truncated = cut;
  if (origin.hep != nullptr) {
    event.signalling = signalling_of_hep(origin.hep->ip_protocol, message.via);
  } else {
    event.signalling = origin.signalling;
    if (mismatch(origin.signalling, message.via)) message.anomalies.add(sip::Anomaly::kTransportMismatch);
  }
  ++counters_.sip_messages;
  if (cut) ++counters_.sip_truncated;
  if (!message.anomalies.empty()) tally_.count(message.anomalies, origin.frame);
  observer.on_sip(event);
  return true;
}

}  // namespace voip::dissect
