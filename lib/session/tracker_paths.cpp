#include <algorithm>

#include "proto/sip/fields.h"
#include "session/tracker_impl.h"

namespace voip::session {

namespace {

constexpr std::size_t kMaxDialogs = 64;
constexpr std::size_t kMaxSdpUses = 128;
constexpr std::size_t kMaxTargets = 256;

}  // namespace

std::size_t Tracker::Impl::hop_of(LiveCall& call, const SipEvent& event) {
  std::size_t same_hosts = call.hops.size();
  std::size_t candidates = 0;
  for (std::size_t i = 0; i < call.hops.size(); ++i) {
    const Hop& hop = call.hops[i];
    if ((hop.caller_side == event.src && hop.callee_side == event.dst) ||
        (hop.caller_side == event.dst && hop.callee_side == event.src)) {
      return i;
    }
    const bool hosts = (hop.caller_side.address == event.src.address && hop.callee_side.address == event.dst.address) ||
                       (hop.caller_side.address == event.dst.address && hop.callee_side.address == event.src.address);
    if (hosts && event.src.address != event.dst.address) {
      same_hosts = i;
      ++candidates;
    }
  }
  // A connection that was set up anew in mid-call, or a sender that uses another port for each request.
  const bool first_invite =
      event.message->is_request && event.message->method == Method::kInvite && tags(*event.message).to.empty();
  if (candidates == 1 && !first_invite) return same_hosts;
  if (call.hops.size() >= limits.hops_per_call) {
    call.over_limit = true;
    return call.hops.size();
  }
  const bool from_caller = sent_by_caller(call, *event.message);
  call.hops.push_back({.caller_side = from_caller ? event.src : event.dst,
                       .callee_side = from_caller ? event.dst : event.src,
                       .signalling = event.signalling,
                       .first = event.frame});
  return call.hops.size() - 1;
}

bool Tracker::Impl::sent_by_caller(const LiveCall& call, const sip::MessageView& message) {
  const bool caller_is_from = tags(message).from_key == call.caller_tag;
  return message.is_request ? caller_is_from : !caller_is_from;
}

TextKey Tracker::Impl::remote_tag(const LiveCall& call, const sip::MessageView& message) {
  const Tags& both = tags(message);
  if (both.from_key != call.caller_tag) return both.from.empty() ? TextKey{} : both.from_key;
  return both.to.empty() ? TextKey{} : text_key(both.to);
}

const Tags& Tracker::Impl::tags(const sip::MessageView& message) {
  if (!tags_known) {
    current.from = sip::tag_of(message.from);
    current.to = sip::tag_of(message.to);
    current.from_key = text_key(current.from);
    tags_known = true;
  }
  return current;
}

DialogLeg* Tracker::Impl::dialog_of(LiveCall& call, std::size_t hop, const TextKey& tag, const FrameRef& frame,
                                    bool make) {
  for (DialogLeg& dialog : call.dialogs) {
    if (dialog.hop == hop && dialog.remote_tag == tag) return &dialog;
  }
  if (!make) return nullptr;
  if (call.dialogs.size() >= kMaxDialogs) {
    call.over_limit = true;
    return nullptr;
  }
  DialogLeg& dialog = call.dialogs.emplace_back();
  dialog.hop = hop;
  dialog.remote_tag = tag;
  dialog.first = frame;
  return &dialog;
}

SdpPtr Tracker::Impl::body_of(LiveCall& call, std::string_view text) {
  const TextKey digest = text_key(text);
  for (const SdpUse& use : call.sdp_uses) {
    if (use.sdp->digest() == digest) return use.sdp;
  }
  SdpPtr body = SdpBody::make(text, sdp_parser, digest);
  if (body == nullptr) return nullptr;
  for (const MediaLine& line : body->media()) add_targets(call, line);
  return body;
}

void Tracker::Impl::note_sdp(LiveCall& call, std::size_t hop, const SdpUse& use) {
  for (std::size_t i = 0; i < call.sdp_uses.size(); ++i) {
    if (call.sdp_uses[i].sdp == use.sdp && call.sdp_use_hops[i] == hop &&
        call.sdp_uses[i].from_caller == use.from_caller)
      return;
  }
  if (call.sdp_uses.size() >= kMaxSdpUses) {
    call.over_limit = true;
    return;
  }
  call.sdp_uses.push_back(use);
  call.sdp_use_hops.push_back(hop);
}

void Tracker::Impl::release_streams(LiveCall& before, const Endpoint& endpoint) {
  std::erase_if(before.stream_keys, [&](const StreamKey& key) {
    if (key.src != endpoint && key.dst != endpoint) return false;
    auto* stream = streams.find(key);
    if (stream == nullptr || (*stream)->call != &before) return false;
    shortcuts.erase(key);
    before.streams.push_back(std::move(*stream));
    streams.erase(key);
    return true;
  });
}

void Tracker::Impl::add_target(LiveCall& call, const Endpoint& endpoint, bool rtp) {
  if (endpoint.port() == 0 || endpoint.address.unspecified() || call.targets.size() >= kMaxTargets) return;
  bool made = false;
  Target& target = targets.at_or_new(endpoint, &made);
  // RTCP's guessed port never takes an RTP port from another call that lives.
  if (!made && target.call != &call && !rtp && target.call != nullptr && !target.call->ended.known()) return;
  if (made || target.call != &call) {
    if (!made && target.call != nullptr && target.call->ended.known()) release_streams(*target.call, endpoint);
    target.call = &call;
    target.rtp = rtp;
    call.targets.push_back(endpoint);
  } else {
    target.rtp |= rtp;
  }
}

void Tracker::Impl::add_targets(LiveCall& call, const MediaLine& line) {
  if (line.port == 0) return;
  const bool rtp = line.rtp_profile();
  add_target(call, line.rtp, rtp);
  if (!rtp) return;
  for (const Endpoint& candidate : line.candidates) add_target(call, candidate, true);
  if (!line.rtcp_mux) add_target(call, line.rtcp, false);
}

}  // namespace voip::session
