#include "analyze/fraud/media_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

// Audio with a fixed payload type: at most 100 packets a second by any usual packet time.
bool fixed_audio(const session::MediaStream& stream) {
  for (const std::size_t type : {0U, 3U, 4U, 8U, 9U, 18U}) {
    if (stream.payload_types.test(type)) return true;
  }
  return false;
}

}  // namespace

void MediaWatch::on_rtp(const session::MediaStream& stream) {
  if (stream.packets != 1 || stream.call != nullptr) return;
  const std::uint32_t* known = index_.find(stream.key.src.address);
  if (known == nullptr) {
    if (senders_.size() >= cap_) return;
    index_.at_or_new(stream.key.src.address) = static_cast<std::uint32_t>(senders_.size());
    senders_.emplace_back(stream.key.src.address, Sender{});
    known = index_.find(stream.key.src.address);
  }
  Sender& sender = senders_[*known].second;
  if (!sender.first.known()) sender.first = stream.first;
  sender.last = stream.first;
  ++sender.streams;
  if (sender.ports.size() < 256 && std::ranges::find(sender.ports, stream.key.dst) == sender.ports.end()) {
    sender.ports.push_back(stream.key.dst);
  }
}

void MediaWatch::note_rate(const session::MediaStream& stream) {
  ++streams_;
  const double seconds = seconds_between(stream.first.time, stream.last.time);
  if (seconds < 10 || floods_.size() >= cap_ || !fixed_audio(stream)) return;
  const double rate = static_cast<double>(stream.packets) / seconds;
  if (rate < 3 * 50 + 1) return;
  floods_.push_back({.source = stream.key.src.address,
                     .into = stream.key.dst,
                     .packets = stream.packets,
                     .rate = rate,
                     .first = stream.first,
                     .last = stream.last});
}

void MediaWatch::on_orphan_end(const session::MediaStream& stream) {
  note_rate(stream);
  if (const std::uint32_t* known = index_.find(stream.key.src.address)) {
    Sender& sender = senders_[*known].second;
    sender.packets += stream.packets;
    sender.last = std::max(sender.last, stream.last);
  }
  ports_.take(stream);
}

void MediaWatch::on_call_end(const session::Call& call) {
  for (const auto& stream : call.streams) note_rate(*stream);
  const bool open = !call.ended.known() && !call.bye_seen;
  if (call.streams.size() < (open ? 1U : 2U) || call.streams.size() > 256) return;
  for (MediaPort& port : ports_of(call)) {
    judge(port);
    if (open) ports_.keep(std::move(port));
  }
}

std::vector<MediaPort> MediaWatch::ports_of(const session::Call& call) {
  std::vector<IpAddress> known;
  const auto name = [&](const IpAddress& address) {
    if (std::ranges::find(known, address) == known.end()) known.push_back(address);
  };
  for (const session::Hop& hop : call.hops) {
    name(hop.caller_side.address);
    name(hop.callee_side.address);
  }
  for (const session::SdpUse& use : call.sdp_uses) {
    for (const session::MediaLine& line : use.sdp->media()) {
      name(line.rtp.address);
      for (const Endpoint& candidate : line.candidates) name(candidate.address);
    }
  }
  std::vector<MediaPort> ports;
  const auto flow = [](const Endpoint& far, const session::MediaStream& stream) {
    return PortFlow{
        .far = far, .ssrc = stream.ssrc, .packets = stream.packets, .first = stream.first, .last = stream.last};
  };
  for (const auto& stream : call.streams) {
    auto at = std::ranges::find(ports, stream->key.dst, &MediaPort::into);
    if (at == ports.end()) {
      ports.push_back({.into = stream->key.dst, .call_id = call.call_id, .known = known, .in = {}, .out = {}});
      at = ports.end() - 1;
    }
    at->in.push_back(flow(stream->key.src, *stream));
  }
  for (const auto& stream : call.streams) {
    const auto at = std::ranges::find(ports, stream->key.src, &MediaPort::into);
    if (at != ports.end()) at->out.push_back(flow(stream->key.dst, *stream));
  }
  return ports;
}

void MediaWatch::judge(const MediaPort& port) {
  for (const PortStranger& one : strangers_in(port)) {
    const IpAddress& source = one.flow->far.address;
    // It may be told already, as far as an earlier run saw it.
    const auto restored = injections_.begin() + static_cast<std::ptrdiff_t>(restored_);
    const auto told = std::find_if(injections_.begin(), restored, [&](const Injection& before) {
      return before.source == source && before.into == port.into && before.call_id == port.call_id &&
             before.first.time.ns == one.flow->first.time.ns;
    });
    if (told != restored) {
      told->packets = one.flow->packets;
      told->last = one.flow->last;
      told->stream = one.owner->last;
    } else if (injections_.size() < cap_) {
      injections_.push_back({.source = source,
                             .into = port.into,
                             .call_id = port.call_id,
                             .packets = one.flow->packets,
                             .first = one.flow->first,
                             .last = one.flow->last,
                             .stream = one.owner->last,
                             .certain = one.owned});
    }
  }
}

void MediaWatch::conclude(Casework& work) {
  for (const MediaPort* port : ports_.continued()) judge(*port);
  const auto culprits = [&](const IpAddress& address) {
    const Source* source = work.book.find(address);
    return source == nullptr ? std::vector<std::uint32_t>{} : std::vector<std::uint32_t>{work.index_of(*source)};
  };
  std::map<IpAddress, std::vector<const Injection*>> injected;
  for (const Injection& one : injections_) injected[one.source].push_back(&one);
  std::map<IpAddress, std::vector<const Flood*>> flooded;
  for (const Flood& one : floods_) flooded[one.source].push_back(&one);
  for (const auto& [address, list] : injected) {
    if (flooded.contains(address)) continue;  // beyond what audio needs: it is to drown the stream
    Incident incident;
    incident.kind = Kind::kRtpInjection;
    for (const Injection* one : list) {
      incident.messages += one->packets;
      incident.targets.push_back(one->into.address.to_string());
      incident.call_ids.push_back(one->call_id);
      if (!incident.first.known() || one->first < incident.first) incident.first = one->first;
      if (!incident.last.known() || incident.last < one->last) incident.last = one->last;
    }
    std::ranges::sort(incident.call_ids);
    incident.call_ids.erase(std::unique(incident.call_ids.begin(), incident.call_ids.end()), incident.call_ids.end());
    incident.calls = incident.attempts = incident.call_ids.size();
    incident.entity = "source " + address.to_string();
    incident.evidence =
        Casework::evidence(incident.first, list.front()->first,
                           "decisive: first packet into a stream that another party sends", incident.last);
    incident.explanation =
        "No SDP of the call names this sender, and the party that it comes between goes on sending. A party behind NAT "
        "that moved would fall silent at its old address.";
    incident.checks.push_back(
        fired(kRtpFlood, Severity::kMedium, list.front()->certain ? Confidence::kProbable : Confidence::kPossible,
              fmt::format("{} sent {} RTP packets into {} running {}", address.to_string(), incident.messages,
                          list.size(), list.size() == 1 ? "stream" : "streams")));
    const auto who = culprits(address);
    if (who.empty()) incident.sources.push_back(address);
    work.raise(std::move(incident), who);
  }
  for (const auto& [address, list] : flooded) {
    Incident incident;
    incident.kind = Kind::kFlood;
    double rate = 0;
    for (const Flood* one : list) {
      incident.messages += one->packets;
      rate = std::max(rate, one->rate);
      incident.targets.push_back(one->into.address.to_string());
      if (!incident.first.known() || one->first < incident.first) incident.first = one->first;
      if (!incident.last.known() || incident.last < one->last) incident.last = one->last;
    }
    incident.entity = "media of " + address.to_string();
    incident.evidence = Casework::evidence(incident.first, incident.first, "decisive: beginning", incident.last);
    incident.explanation = "Audio has 33 to 100 packets a second; this is more than three times as many.";
    incident.checks.push_back(fired(kRtpFlood, Severity::kMedium, Confidence::kProbable,
                                    fmt::format("{} sent {:.0f} RTP packets a second to {}", address.to_string(), rate,
                                                list.front()->into.to_string())));
    const auto who = culprits(address);
    if (who.empty()) incident.sources.push_back(address);
    work.raise(std::move(incident), who);
  }
  for (const auto& [address, sender] : senders_) {
    if (sender.ports.size() < 50 || flooded.contains(address) || injected.contains(address)) continue;
    // Media of calls whose signalling is not seen comes back to the same ports.
    if (sender.streams > 4 * sender.ports.size()) continue;
    const double seconds = seconds_between(sender.first.time, sender.last.time);
    if (seconds > 600) continue;
    Incident incident;
    incident.kind = Kind::kFlood;
    incident.messages = sender.packets;
    incident.attempts = sender.ports.size();
    incident.first = sender.first;
    incident.last = sender.last;
    for (const Endpoint& port : sender.ports) incident.targets.push_back(port.address.to_string());
    incident.entity = "media of " + address.to_string();
    incident.evidence = Casework::evidence(sender.first, sender.first, "decisive: beginning", sender.last);
    incident.explanation =
        "RTP to many ports without a call: it looks for streams to listen to, or keeps a relay busy.";
    incident.checks.push_back(fired(
        kRtpFlood, Severity::kMedium, Confidence::kPossible,
        fmt::format("{} sent RTP to {} or more ports without a session", address.to_string(), sender.ports.size())));
    const auto who = culprits(address);
    if (who.empty()) incident.sources.push_back(address);
    work.raise(std::move(incident), who);
  }
}

}  // namespace voip::analyze::fraud
