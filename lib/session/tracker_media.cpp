#include <algorithm>
#include <utility>

#include "session/tracker_impl.h"

namespace voip::session {

namespace {

constexpr std::size_t kMaxStreamsPerCall = 4096;
constexpr std::uint16_t kProvenSteps = 8;
constexpr std::int64_t kTouchEveryNs = kNsPerSecond;

std::array<Endpoint, 2> ordered(const Endpoint& a, const Endpoint& b) {
  return a < b ? std::array{a, b} : std::array{b, a};
}

}  // namespace

void Tracker::Impl::on_media(const MediaEvent& event) {
  advance(event.datagram->frame.time);
  switch (event.kind) {
    case MediaKind::kRtp: on_rtp(event); break;
    case MediaKind::kRtcp: on_rtcp(event); break;
    case MediaKind::kDtls:
    case MediaKind::kZrtp:
    case MediaKind::kStun: on_keying(event); break;
    case MediaKind::kTurnChannel: diagnostics.count("turn-channel-unknown", event.datagram->frame); break;
    case MediaKind::kUnknown: {
      // Counted as unknown already; of those, what came where an SDP asked for media.
      const Target* target = target_of(event);
      if (target == nullptr) break;
      diagnostics.count(target->rtp ? "unknown-on-media-port" : "unknown-on-other-media-port", event.datagram->frame);
      break;
    }
  }
}

void Tracker::Impl::bind(MediaStream& stream) {
  const Target* target = target_of(stream.key.src, stream.key.dst);
  if (target == nullptr && stream.behind != Endpoint{}) target = targets.find(stream.behind);
  if (target == nullptr || !target->rtp || target->call->stream_keys.size() >= kMaxStreamsPerCall) return;
  stream.call = target->call;
  target->call->stream_keys.push_back(stream.key);
  prove(stream);
}

void Tracker::Impl::on_rtp(const MediaEvent& event) {
  const net::Datagram& datagram = *event.datagram;
  const rtp::PacketView& packet = event.rtp;
  StreamKey key{datagram.src, datagram.dst, {}};
  for (unsigned i = 0; i < 4; ++i) key.ssrc[i] = static_cast<std::uint8_t>(packet.ssrc >> (24 - 8 * i));
  Shortcut* shortcut = shortcuts.find(key);
  if (shortcut == nullptr) {
    auto& slot = streams.get(key, now, [this](const StreamKey&, auto& gone) {
      ++counters.evicted["media-streams"];
      retire_stream(gone);
    });
    slot = make_stream(key, packet, datagram);
    if (event.relay != nullptr) {
      slot->behind = event.relay->peer;
      slot->behind_dst = event.relay->to_peer;
    }
    shortcut = &shortcuts.at_or_new(key);
    shortcut->stream = slot.get();
  }
  shortcut->fetch();
  MediaStream& stream = *shortcut->stream;
  if (stream.packets % 64 == 3 && stream.attachment != nullptr) {
    shortcut->hot = {stream.attachment.get(), stream.attachment->hot[0], stream.attachment->hot[1]};
  }
  if (!stream.touched.known() || now.ns - stream.touched.ns > kTouchEveryNs) touch(stream);
  if (stream.packets != 0) {
    if (!stream.proven) weigh_step(stream, packet);
  } else {
    stream.first = datagram.frame;
  }
  ++stream.packets;
  if (stream.proven) ++counters.rtp_packets;
  stream.bytes += datagram.payload.size();
  stream.last = datagram.frame;
  stream.truncated |= datagram.truncated;
  stream.payload_types.set(packet.payload_type);
  stream.last_sequence = packet.sequence;
  stream.last_timestamp = packet.timestamp;
  stream.last_payload_type = packet.payload_type;
  observer.on_rtp(stream, event);
}

std::unique_ptr<MediaStream> Tracker::Impl::make_stream(const StreamKey& key, const rtp::PacketView& packet,
                                                        const net::Datagram& datagram) {
  // A stream of a live call that went quiet for long comes back as the same.
  if (const Target* target = target_of(key.src, key.dst); target != nullptr && target->call != nullptr) {
    for (auto& old : target->call->streams) {
      if (old->key == key) {
        auto stream = std::move(old);
        std::erase(target->call->streams, nullptr);
        return stream;
      }
    }
  }
  auto stream = std::make_unique<MediaStream>();
  stream->key = key;
  stream->ssrc = packet.ssrc;
  stream->first = datagram.frame;
  return stream;
}

void Tracker::Impl::touch(MediaStream& stream) {
  stream.touched = now;
  streams.touch(stream.key, now);
  if (stream.call == nullptr) bind(stream);
  if (stream.call != nullptr && now.known()) static_cast<LiveCall*>(stream.call)->activity = now;
}

void Tracker::Impl::weigh_step(MediaStream& stream, const rtp::PacketView& packet) {
  const auto step = static_cast<std::uint16_t>(packet.sequence - stream.last_sequence);
  const auto ticks = static_cast<std::int32_t>(packet.timestamp - stream.last_timestamp);
  const bool good = step >= 1 && step <= 16 && ticks > -360000 && ticks < 1800000 &&
                    (packet.payload_type == stream.last_payload_type ||
                     stream.payload_types.test(packet.payload_type) || stream.payload_types.count() < 3);
  (good ? stream.good_steps : stream.bad_steps)++;
  if (stream.good_steps >= kProvenSteps && stream.good_steps >= 4 * stream.bad_steps) prove(stream);
}

void Tracker::Impl::retire_stream(std::unique_ptr<MediaStream>& stream) {
  shortcuts.erase(stream->key);
  if (stream->call == nullptr) bind(*stream);
  if (stream->call != nullptr) {
    stream->call->streams.push_back(std::move(stream));
    return;
  }
  if (!stream->proven) {
    diagnostics.count("udp-unknown", stream->first, stream->packets);
    return;
  }
  if (!wanted.empty()) return;
  std::vector<RtcpFlow*> rtcp;
  const auto beside = [&](std::uint16_t step) {
    StreamKey key = stream->key;
    key.src = Endpoint(key.src.address, static_cast<std::uint16_t>(key.src.port() + step));
    key.dst = Endpoint(key.dst.address, static_cast<std::uint16_t>(key.dst.port() + step));
    if (auto* flow = rtcp_flows.find(key); flow != nullptr && (*flow)->call == nullptr) rtcp.push_back(flow->get());
  };
  beside(0);
  beside(1);
  observer.on_orphan_end(*stream, rtcp);
}

void Tracker::Impl::on_rtcp(const MediaEvent& event) {
  const net::Datagram& datagram = *event.datagram;
  if (datagram.payload.size() < 8) return;
  ++counters.rtcp_packets;
  StreamKey key{datagram.src, datagram.dst, {}};
  std::ranges::copy(datagram.payload.subspan(4, 4), key.ssrc.begin());
  auto* slot = rtcp_flows.find(key);
  if (slot == nullptr) {
    slot = &rtcp_flows.get(key, now, [this](const StreamKey&, auto& gone) {
      ++counters.evicted["rtcp-flows"];
      retire_rtcp(gone);
    });
    *slot = std::make_unique<RtcpFlow>();
    (*slot)->key = key;
    (*slot)->ssrc = load_be<std::uint32_t>(key.ssrc.data());
    (*slot)->first = datagram.frame;
  }
  RtcpFlow& flow = **slot;
  rtcp_flows.touch(key, now);
  if (flow.call == nullptr) {
    const Target* target = target_of(event);
    if (target != nullptr && target->call->rtcp_keys.size() < kMaxStreamsPerCall) {
      flow.call = target->call;
      target->call->rtcp_keys.push_back(key);
    }
  }
  if (flow.call != nullptr && now.known()) static_cast<LiveCall*>(flow.call)->activity = now;
  ++flow.packets;
  flow.last = datagram.frame;
  judge_rtcp(flow, datagram);
  observer.on_rtcp(flow, event);
}

void Tracker::Impl::judge_rtcp(RtcpFlow& flow, const net::Datagram& datagram) {
  if (datagram.truncated) return;
  const auto compound = rtcp::parse(datagram.payload);
  if (!compound) return;
  if (compound->clear) {
    if (flow.clear++ == 0) flow.first_clear = datagram.frame;
    flow.last_clear = datagram.frame;
    if (flow.cname.empty()) flow.cname = compound->cname;
  } else if (compound->srtcp_shaped) {
    ++flow.encrypted;
  }
}

void Tracker::Impl::retire_rtcp(std::unique_ptr<RtcpFlow>& flow) {
  if (flow->call != nullptr) flow->call->rtcp.push_back(std::move(flow));
}

void Tracker::Impl::on_keying(const MediaEvent& event) {
  const net::Datagram& datagram = *event.datagram;
  const Target* target = target_of(event);
  if (event.kind == MediaKind::kStun && (target == nullptr || !target->rtp)) {
    diagnostics.count("stun", datagram.frame);
    return;
  }
  const auto key = ordered(datagram.src, datagram.dst);
  auto* slot = keying_flows.find(key);
  if (slot == nullptr) {
    slot = &keying_flows.get(key, now, [this](const auto&, auto& gone) {
      ++counters.evicted["keying-flows"];
      retire_keying(gone);
    });
    *slot = std::make_unique<KeyingFlow>();
    (*slot)->a = datagram.src;
    (*slot)->b = datagram.dst;
    (*slot)->first = datagram.frame;
    if (event.relay != nullptr) {
      (*slot)->behind = event.relay->peer;
      (*slot)->behind_b = event.relay->to_peer;
    }
  }
  KeyingFlow& flow = **slot;
  keying_flows.touch(key, now);
  if (flow.call == nullptr && target != nullptr && target->call->keying_keys.size() < kMaxStreamsPerCall) {
    flow.call = target->call;
    target->call->keying_keys.push_back(key);
  }
  flow.last = datagram.frame;
  switch (event.kind) {
    case MediaKind::kDtls: ++flow.dtls_packets; break;
    case MediaKind::kZrtp:
      ++flow.zrtp_packets;
      if (!flow.zrtp_secured && is_conf2ack(datagram.payload)) {
        flow.zrtp_secured = true;
        flow.zrtp_secured_frame = datagram.frame;
      }
      break;
    default: ++flow.stun_packets; break;
  }
  observer.on_keying(flow, event);
}

bool Tracker::Impl::is_conf2ack(ByteView payload) {
  return payload.size() >= 28 && as_text(payload.subspan(16, 8)) == "Conf2ACK";
}

void Tracker::Impl::retire_keying(std::unique_ptr<KeyingFlow>& flow) {
  if (flow->call != nullptr) flow->call->keying.push_back(std::move(flow));
}

}  // namespace voip::session
