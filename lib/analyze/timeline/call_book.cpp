#include "analyze/timeline/call_book.h"

#include <algorithm>

#include "base/text.h"
#include "proto/sip/fields.h"

namespace voip::analyze::timeline {

namespace {

using sip::Method;

constexpr std::size_t kMostStreams = 16;
constexpr std::size_t kMostSteps = 200;
constexpr std::size_t kMostPoints = 24;
constexpr std::size_t kMostHops = 16;
constexpr std::size_t kMostLinks = 16;
constexpr std::size_t kLongestName = 256;

std::string_view cut(std::string_view text) { return text.substr(0, kLongestName); }

bool has_to_tag(const sip::MessageView& message) { return !sip::tag_of(message.to).empty(); }

}  // namespace

CallRecord* CallBook::record_of(const dissect::SipEvent& event, const session::Call& call) {
  const TextKey key = text_key(call.call_id);
  if (const std::uint32_t* at = index_.find(key)) return &records_[*at];
  if (index_.size() >= caps_.calls) {
    ++dropped_;
    return nullptr;
  }
  std::uint32_t at = 0;
  if (free_.empty()) {
    at = static_cast<std::uint32_t>(records_.size());
    records_.emplace_back();
  } else {
    at = free_.back();
    free_.pop_back();
  }
  index_.at_or_new(key) = at;
  CallRecord& record = records_[at];
  record = {};
  record.call_id = call_ids_.keep(call.call_id);
  record.from = names_.id(cut(call.from));
  record.to = names_.id(cut(call.to));
  record.dialled = names_.id(cut(call.request_user));
  if (event.message->is_request) record.agent = names_.id(cut(event.message->user_agent));
  record.first = event.frame;
  return &record;
}

void CallBook::take_step(CallRecord& record, const dissect::SipEvent& event) {
  if (caps_.steps == 0) return;
  if (record.steps == nullptr) record.steps = std::make_unique<Steps>();
  Steps& steps = *record.steps;
  if (steps_ >= caps_.steps || steps.list.size() >= kMostSteps) {
    ++steps.left_out;
    return;
  }
  const auto point = [&steps](const Endpoint& endpoint) {
    const auto at = std::ranges::find(steps.points, endpoint);
    const auto index = static_cast<std::size_t>(at - steps.points.begin());
    if (at == steps.points.end() && index < kMostPoints) steps.points.push_back(endpoint);
    return std::min(index, kMostPoints - 1);
  };
  const sip::MessageView& message = *event.message;
  Step step{.frame = event.frame,
            .src = static_cast<std::uint16_t>(point(event.src)),
            .dst = static_cast<std::uint16_t>(point(event.dst)),
            .status = static_cast<std::uint16_t>(message.status),
            .method = message.is_request ? message.method : message.cseq_method,
            .sdp = message.content_type.find("sdp") != std::string_view::npos};
  for (auto at = steps.list.rbegin(); at != steps.list.rend(); ++at) {
    if (later_by(at->frame.time, step.frame.time, std::chrono::seconds{32})) break;
    if (at->src == step.src && at->dst == step.dst && at->status == step.status && at->method == step.method) {
      // An INVITE again with credentials is no retransmission, but it follows a challenge.
      const bool retried = std::any_of(steps.list.rbegin(), at, [](const Step& s) { return s.status >= 200; });
      step.again = !retried && step.method != Method::kOther && (step.status == 0 || step.status >= 180);
      break;
    }
  }
  steps.list.push_back(step);
  ++steps_;
}

void CallBook::on_message(const dissect::SipEvent& event, const session::Call& call) {
  CallRecord* record = record_of(event, call);
  if (record == nullptr) return;
  const sip::MessageView& message = *event.message;
  record->last = event.frame;
  if (message.is_request) {
    record->requests_seen = true;
    record->follow_up_seen |=
        message.method == Method::kAck || message.method == Method::kBye || message.method == Method::kPrack;
  } else {
    record->responses_seen = true;
  }
  take_step(*record, event);
  if (message.is_request) {
    switch (message.method) {
      case Method::kInvite:
        if (has_to_tag(message)) break;
        if (!record->invite.known()) record->invite = event.frame;
        // Tried again with credentials: what the challenge said is over.
        if (!record->answered() && (record->status == 401 || record->status == 407) && event.frame != record->invite) {
          record->status = 0;
          record->end = {};
        }
        break;
      case Method::kCancel:
        record->cancelled = true;
        if (record->reason == 0) record->reason = names_.id(cut(message.header(sip::HeaderId::kReason)));
        break;
      case Method::kBye:
        if (record->hung_up != HungUp::kNobody) break;
        record->end = event.frame;
        record->hung_up = text_key(sip::tag_of(message.from)) == call.caller_tag ? HungUp::kCaller : HungUp::kCallee;
        record->reason = names_.id(cut(message.header(sip::HeaderId::kReason)));
        break;
      default: break;
    }
    return;
  }
  if (message.cseq_method != Method::kInvite || message.status < 200 || call.hops.empty()) return;
  if (message.status < 300) {
    // The tracker tells an initial INVITE's 2xx from a re-INVITE's.
    if (!record->answered() && call.answered.known()) {
      record->answer = event.frame;
      record->status = static_cast<std::uint16_t>(message.status);
      if (record->hung_up == HungUp::kNobody) record->end = {};
    }
    return;
  }
  if (record->answered()) return;
  // What the caller was told counts; what a proxy heard from a branch only when nothing else is known.
  const session::Hop& hop = call.hops.front();
  const bool to_caller = event.dst == hop.caller_side || event.dst.address == hop.caller_side.address;
  if (!to_caller && record->status != 0 && record->end.known()) return;
  const bool challenge = message.status == 401 || message.status == 407;
  if (challenge) ++record->challenges;
  record->status = static_cast<std::uint16_t>(message.status);
  record->end = event.frame;
}

void CallBook::take_hops(CallRecord& record, const session::Call& call) {
  for (const session::Hop& hop : call.hops) {
    if (record.hops.size() >= kMostHops) return;
    const auto known = std::ranges::find_if(
        record.hops, [&hop](const HopRecord& h) { return h.from == hop.caller_side && h.to == hop.callee_side; });
    if (known != record.hops.end()) continue;
    HopRecord one{.from = hop.caller_side,
                  .to = hop.callee_side,
                  .signalling = hop.signalling,
                  .on_wire = hop.on_wire,
                  .first = SmallFrame(hop.first)};
    const auto index = static_cast<std::size_t>(&hop - call.hops.data());
    for (const session::DialogLeg& dialog : call.dialogs) {
      if (dialog.hop == index && dialog.final_status != 0) one.status = static_cast<std::uint16_t>(dialog.final_status);
    }
    record.hops.push_back(one);
  }
}

void CallBook::take_keys(CallRecord& record, const session::Call& call) {
  record.described |= !call.sdp_uses.empty();
  for (std::size_t i = 0; i < call.sdp_uses.size() && !record.key_in_clear.known(); ++i) {
    const std::size_t at = i < call.sdp_use_hops.size() ? call.sdp_use_hops[i] : call.hops.size();
    if (at >= call.hops.size() || !call.hops[at].on_wire || dissect::encrypted(call.hops[at].signalling)) continue;
    for (const session::MediaLine& line : call.sdp_uses[i].sdp->media()) {
      if (!line.cryptos.empty()) record.key_in_clear = call.sdp_uses[i].frame;
    }
  }
}

void CallBook::take_streams(CallRecord& record, const session::Call& call) {
  for (const auto& stream : call.streams) {
    if (!stream->proven || stream->packets == 0) continue;
    if (record.streams.size() >= kMostStreams) {
      ++record.more_streams;
      continue;
    }
    StreamRecord one{.src = stream->key.src,
                     .dst = stream->key.dst,
                     .ssrc = stream->ssrc,
                     .packets = stream->packets,
                     .first = stream->first,
                     .last = stream->last};
    for (const session::SdpUse& use : call.sdp_uses) {
      for (const session::MediaLine& line : use.sdp->media()) {
        if (line.rtp != stream->key.dst && line.rtp != stream->key.src) continue;
        for (std::size_t type = 0; type < 128 && one.codec == 0; ++type) {
          if (!stream->payload_types.test(type)) continue;
          const session::Codec* codec = line.codec(static_cast<std::uint8_t>(type));
          if (codec != nullptr && !iequals(codec->encoding, "telephone-event")) {
            one.codec = names_.id(cut(codec->encoding));
          }
        }
      }
      if (one.codec != 0) break;
    }
    record.streams.push_back(one);
  }
  bool forth = !record.streams.empty();
  bool both = false;
  for (const StreamRecord& a : record.streams) {
    for (const StreamRecord& b : record.streams) {
      both |= a.src.address == b.dst.address && a.dst.address == b.src.address && a.src != b.src;
    }
  }
  record.media = both ? Media::kTwoWay : forth ? Media::kOneWay : Media::kNone;
}

void CallBook::on_call_end(const session::Call& call) {
  const TextKey key = text_key(call.call_id);
  const std::uint32_t* at = index_.find(key);
  if (at == nullptr) return;
  CallRecord& record = records_[*at];
  // Junk goes first when room gets short: calls that were never answered and left no media.
  if (!record.answered() && call.streams.empty() && index_.size() > caps_.calls - caps_.calls / 4) {
    ++dropped_;
    free_.push_back(*at);
    record = {};
    record.given_up = true;
    index_.erase(key);
    return;
  }
  take_hops(record, call);
  take_keys(record, call);
  take_streams(record, call);
  record.links.reserve(std::min(record.links.size() + call.links.size(), kMostLinks));
  for (const auto& link : call.links) {
    if (record.links.size() < kMostLinks) record.links.push_back(link);
  }
}

std::pmr::deque<CallRecord> CallBook::finish() {
  index_ = {};
  std::erase_if(records_, [](const CallRecord& record) { return record.given_up; });
  std::ranges::sort(records_, [](const CallRecord& a, const CallRecord& b) {
    const SmallFrame x = a.begin();
    const SmallFrame y = b.begin();
    return x != y ? x < y : a.call_id < b.call_id;
  });
  group_calls(records_, names_);
  if (!any_media_) {
    for (CallRecord& call : records_) call.media = Media::kNotCaptured;
  }
  return std::move(records_);
}

}  // namespace voip::analyze::timeline
