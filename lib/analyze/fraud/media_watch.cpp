#include "analyze/fraud/media_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr double kOverlap = 1;  // seconds that the owner of a stream goes on beside a stranger

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
  ++sender.packets;
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

void MediaWatch::on_orphan_end(const session::MediaStream& stream) { note_rate(stream); }

void MediaWatch::on_call_end(const session::Call& call) {
  for (const auto& stream : call.streams) note_rate(*stream);
  if (call.streams.size() < 2 || call.streams.size() > 256) return;
  std::vector<IpAddress> parties;
  for (const session::Hop& hop : call.hops) {
    parties.push_back(hop.caller_side.address);
    parties.push_back(hop.callee_side.address);
  }
  std::vector<IpAddress> described;
  for (const session::SdpUse& use : call.sdp_uses) {
    for (const session::MediaLine& line : use.sdp->media()) {
      described.push_back(line.rtp.address);
      for (const Endpoint& candidate : line.candidates) described.push_back(candidate.address);
    }
  }
  const auto in = [](const std::vector<IpAddress>& list, const IpAddress& address) {
    return std::ranges::find(list, address) != list.end();
  };
  for (const auto& stranger : call.streams) {
    const IpAddress& source = stranger->key.src.address;
    // A few packets do where the other end then sends its audio back to them.
    const bool served = std::ranges::any_of(call.streams, [&](const auto& back) {
      return back->key.src == stranger->key.dst && back->key.dst == stranger->key.src && back->packets >= 10;
    });
    if (stranger->packets < (served ? 3U : 10U) || in(described, source) || in(parties, source)) continue;
    for (const auto& owner : call.streams) {
      if (owner == stranger || !(owner->key.dst == stranger->key.dst) || owner->key.src.address == source) continue;
      // It comes into a stream that runs before and goes on after its beginning.
      if (!(owner->first < stranger->first) || owner->packets < 10 ||
          seconds_between(stranger->first.time, owner->last.time) < kOverlap) {
        continue;
      }
      // Media behind NAT comes from an address that no SDP names: then the owner must be named.
      const bool owned = in(described, owner->key.src.address) || in(parties, owner->key.src.address);
      if (!owned && seconds_between(owner->first.time, stranger->first.time) < 2) continue;
      if (injections_.size() < cap_) {
        injections_.push_back({.source = source,
                               .into = stranger->key.dst,
                               .call_id = call.call_id,
                               .packets = stranger->packets,
                               .first = stranger->first,
                               .last = stranger->last,
                               .stream = owner->last,
                               .certain = owned});
      }
      break;
    }
  }
}

void MediaWatch::conclude(Casework& work) {
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
    // Media of calls whose signalling is not seen has as many packets a port as a call has.
    if (sender.packets > 4 * sender.ports.size()) continue;
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
