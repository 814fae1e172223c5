#include "dissect/dissector.h"

#include "base/text.h"
#include "dissect/classify.h"
#include "dissect/media_reader.h"
#include "dissect/sip_reader.h"
#include "dissect/stream_reader.h"
#include "dissect/tally.h"

namespace voip::dissect {
namespace {

constexpr std::uint8_t kHepSip = 1;
constexpr std::size_t kHepStrayBytes = 4;  // some senders' length is off by a few

Seen hep_type(std::uint8_t type) {
  switch (type) {
    case 5: return Seen::kHepRtcpJson;
    case 32:
    case 33:
    case 34:
    case 35:
    case 38: return Seen::kHepReport;
    case 53: return Seen::kHepDns;
    case 54: return Seen::kHepIsup;
    case 56:
    case 57:
    case 58:
    case 59:
    case 60:
    case 61: return Seen::kHepControl;
    case 100: return Seen::kHepLog;
    default: return Seen::kHepOther;
  }
}

Seen udp_text(TextKind kind) {
  switch (kind) {
    case TextKind::kHttp: return Seen::kUdpHttp;
    case TextKind::kSsdp: return Seen::kUdpSsdp;
    case TextKind::kRtsp: return Seen::kUdpRtsp;
    case TextKind::kMsrp: return Seen::kUdpMsrp;
    case TextKind::kIcap: return Seen::kUdpIcap;
    default: return Seen::kUdpUnknown;
  }
}

// Whether bytes without a whole first line begin like a request or response that is cut.
bool begins_like_cut_sip(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  return text.starts_with("SIP/2.") || sip::method_of(text.substr(0, text.find(' '))) != sip::Method::kOther;
}

}  // namespace

struct Dissector::Impl {
  explicit Impl(const Limits& limits)
      : reader(limits, counters, tally), media(tally), streams(limits, counters, tally, reader, media, tls) {}

  void hep(const net::Datagram& datagram, Observer& observer);
  void sctp(const net::Datagram& datagram, Observer& observer);
  void text(const net::Datagram& datagram, ByteView bytes, Observer& observer);
  static SipOrigin origin_of(const net::Datagram& datagram) {
    return {.src = datagram.src,
            .dst = datagram.dst,
            .signalling = datagram.transport == net::Transport::kSctp  ? Signalling::kSctp
                          : datagram.transport == net::Transport::kTcp ? Signalling::kTcp
                                                                       : Signalling::kUdp,
            .provenance = datagram.provenance,
            .hep = datagram.hep,
            .frame = datagram.frame};
  }

  DissectCounters counters;
  Tally tally;
  SipReader reader;
  TlsContext tls;
  MediaReader media;
  StreamReader streams;
  mutable Diagnostics named;
};

void Dissector::Impl::text(const net::Datagram& datagram, ByteView bytes, Observer& observer) {
  bytes = without_leading_blank_lines(bytes);
  const TextKind kind = text_kind(bytes);
  if (kind == TextKind::kSip) {
    reader.read(bytes, false, datagram.truncated, origin_of(datagram), observer);
    return;
  }
  if (kind == TextKind::kMaybeSip && datagram.truncated && begins_like_cut_sip(bytes)) {
    reader.read(bytes, false, true, origin_of(datagram), observer);
    return;
  }
  const Seen seen = udp_text(kind);
  tally.count(seen, datagram.frame);
  if (seen != Seen::kUdpUnknown) return;
  MediaEvent event;
  event.datagram = &datagram;
  observer.on_media(event);
}

void Dissector::Impl::hep(const net::Datagram& datagram, Observer& observer) {
  if (datagram.hep->payload_type != kHepSip) {
    tally.count(hep_type(datagram.hep->payload_type), datagram.frame);
    return;
  }
  if (is_keepalive(datagram.payload)) {
    tally.count(Seen::kSipKeepalive, datagram.frame);
    return;
  }
  const ByteView bytes = without_leading_blank_lines(datagram.payload);
  for (std::size_t skip = 0; skip <= kHepStrayBytes && skip < bytes.size(); ++skip) {
    const ByteView rest = bytes.subspan(skip);
    const sip::Looks looks = sip::looks_like_sip(rest);
    if (looks == sip::Looks::kYes ||
        (looks == sip::Looks::kNeedMore && datagram.truncated && begins_like_cut_sip(rest))) {
      reader.read(rest, false, datagram.truncated, origin_of(datagram), observer);
      return;
    }
  }
  tally.count(Seen::kHepNotSip, datagram.frame);
}

void Dissector::Impl::sctp(const net::Datagram& datagram, Observer& observer) {
  const ByteView bytes = without_leading_blank_lines(datagram.payload);
  if (is_keepalive(bytes)) {
    tally.count(Seen::kSipKeepalive, datagram.frame);
  } else if (sip::looks_like_sip(bytes) == sip::Looks::kYes) {
    reader.read(bytes, false, datagram.truncated, origin_of(datagram), observer);
  } else {
    tally.count(Seen::kSctpUnknown, datagram.frame);
  }
}

Dissector::Dissector(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
Dissector::~Dissector() = default;

void Dissector::add_key_log(std::string_view text) { impl_->tls.keys.add(text); }

Status Dissector::add_rsa_key(std::string_view pem) { return impl_->tls.keys.add_rsa_key(pem); }

void Dissector::on_datagram(const net::Datagram& datagram, Observer& observer) {
  Impl& impl = *impl_;
  if (datagram.hep != nullptr) return impl.hep(datagram, observer);
  if (datagram.transport == net::Transport::kSctp) return impl.sctp(datagram, observer);
  switch (impl.media.read(datagram, observer)) {
    case FirstBytes::kText: return impl.text(datagram, datagram.payload, observer);
    case FirstBytes::kKeepalive: return impl.tally.count(Seen::kSipKeepalive, datagram.frame);
    default: return;
  }
}

void Dissector::on_stream(const net::StreamChunk& chunk, Observer& observer) {
  impl_->streams.on_chunk(chunk, observer);
}

void Dissector::on_stream_end(std::uint64_t connection, Observer& observer) {
  impl_->streams.on_end(connection, observer);
}

void Dissector::finish(Observer& observer) { impl_->streams.finish(observer); }

const DissectCounters& Dissector::counters() const { return impl_->counters; }

const Diagnostics& Dissector::diagnostics() const {
  impl_->named = impl_->tally.named();
  return impl_->named;
}

}  // namespace voip::dissect
