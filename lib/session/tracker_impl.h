#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/hash.h"
#include "base/table.h"
#include "session/copy_filter.h"
#include "session/tracker.h"
#include "session/transactions.h"

// What the tracker is made of: tracker.cpp has time and ends, tracker_calls.cpp what messages do to a call,
// tracker_paths.cpp where they went and which sockets their SDPs name, tracker_media.cpp the media.
namespace voip::session {

using dissect::MediaEvent;
using dissect::MediaKind;
using dissect::SipEvent;
using sip::HeaderId;
using sip::Method;

// A request whose SDP (or whose lack of one) decides what the SDP of its responses is.
struct Pending {
  std::size_t hop = 0;
  Method method = Method::kOther;
  std::uint32_t cseq = 0;
  bool from_caller = false;
  SdpUse offer;  // offer.sdp null: the request carried none
  bool answered = false;
  bool initial = false;  // an INVITE without a To tag
};

struct LiveCall : Call {
  TextKey key;
  Timestamp activity;
  std::vector<Endpoint> targets;
  std::vector<Pending> pending;
  std::vector<StreamKey> stream_keys;
  std::vector<StreamKey> rtcp_keys;
  std::vector<std::array<Endpoint, 2>> keying_keys;
  bool refused = false;     // the last word on the initial INVITE was a refusal
  bool challenged = false;  // that word was 401 or 407

  // As new, but with the storage of the strings and lists kept.
  void clear();
};

// Asks for memory that will be read soon. It may be gone: fetching never reads.
inline void fetch_lines(const void* at, std::size_t count) {
  constexpr std::size_t kLine = 64;
  if (at == nullptr) return;
  const auto* byte = static_cast<const char*>(at);
  for (std::size_t i = 0; i < count; ++i) __builtin_prefetch(byte + i * kLine);
}
// All of a call at once; it has not been looked at for thousands of messages.
inline void fetch(const LiveCall* call) { fetch_lines(call, (sizeof(LiveCall) + 63) / 64); }
inline void fetch_lists(const LiveCall& call) {
  __builtin_prefetch(call.hops.data());
  __builtin_prefetch(call.pending.data());
  __builtin_prefetch(call.dialogs.data());
  __builtin_prefetch(call.sdp_uses.data());
}

struct Tags {
  std::string_view from;
  std::string_view to;
  TextKey from_key;
};

struct Target {
  LiveCall* call = nullptr;
  bool rtp = false;
};

// The way to a live stream without a detour, and what its next packet will need. A capture holds thousands of streams
// whose packets alternate: each step from pointer to pointer waits for memory, so all is asked for at once.
struct Shortcut {
  MediaStream* stream = nullptr;
  std::array<const void*, 3> hot{};  // the attachment, and what it names

  void fetch() const {
    fetch_lines(stream, 4);
    fetch_lines(hot[0], 2);
    fetch_lines(hot[1], 2);
    fetch_lines(hot[2], 8);
  }
};

// A call to look at again when its second comes.
struct Review {
  std::uint64_t serial = 0;
  TextKey key;
  const LiveCall* probably = nullptr;  // may be gone: only for a prefetch
};
// Each live call is looked at this often: the coarseness of all idle times, and the number of one-second buckets.
constexpr std::int64_t kReviewEveryS = 32;
constexpr std::size_t kBuckets = 64;
static_assert(kBuckets > kReviewEveryS);

struct Tracker::Impl {
  Impl(const Limits& l, const TrackerOptions& o, session::Observer& obs)
      : limits(l),
        observer(obs),
        sdp_parser(l.sdp_media, l.sdp_attributes),
        calls(l.calls),
        streams(l.media_streams),
        rtcp_flows(l.media_streams),
        keying_flows(l.media_streams) {
    for (const std::string& id : o.call_ids) wanted.push_back(text_key(id));
    if (obs.wants_transactions()) transactions = std::make_unique<Transactions>(l, obs);
  }
  Limits limits;
  session::Observer& observer;
  TrackerCounters counters;
  Diagnostics diagnostics;
  sdp::Parser sdp_parser;
  CappedTable<TextKey, std::unique_ptr<LiveCall>> calls;
  CappedTable<StreamKey, std::unique_ptr<MediaStream>> streams;
  FlatMap<StreamKey, Shortcut> shortcuts;  // of all in `streams`
  CappedTable<StreamKey, std::unique_ptr<RtcpFlow>> rtcp_flows;
  CappedTable<std::array<Endpoint, 2>, std::unique_ptr<KeyingFlow>> keying_flows;
  FlatMap<Endpoint, Target> targets;
  std::array<std::vector<Review>, kBuckets> reviews;  // by second, modulo
  std::vector<Review> due;
  std::int64_t reviewed_s = 0;                   // up to this second
  std::vector<std::unique_ptr<LiveCall>> spare;  // ended ones, kept for their storage
  CopyFilter copies;
  std::vector<TextKey> wanted;  // of options.call_ids
  Timestamp now;
  Timestamp next_sweep;
  std::uint64_t next_serial = 0;
  Tags current;
  bool tags_known = false;
  std::unique_ptr<Transactions> transactions;  // only where the observer wants them

  // --- time ---
  void advance(Timestamp time) {
    if (!time.known() || (now.known() && time <= now)) return;
    const bool first = !now.known();
    now = time;
    const std::int64_t second = now.ns / kNsPerSecond;
    if (first) reviewed_s = second;
    if (second > reviewed_s) review_until(second);
    if (!next_sweep.known() || now >= next_sweep) {
      next_sweep = now + std::chrono::seconds{5};
      expire_idle();
    }
  }

  std::chrono::seconds idle_limit(const LiveCall& call) const;
  void schedule(const LiveCall& call);
  void review_until(std::int64_t second);
  void review(const Review& item);
  void fetch_lists_of(const Review& item);
  void expire_idle();
  void finish_transactions();

  // --- calls ---
  // Tells the call's end with all that belongs to it.
  void close_call(LiveCall& call);
  void end_call(LiveCall& call);
  void keep_spare(std::unique_ptr<LiveCall> gone);
  LiveCall& new_call(const TextKey& key, const SipEvent& event);
  static void note_links(Call& call, const SipEvent& event);
  static void add_link(Call& call, LinkKind kind, const TextKey& key);

  // --- hops ---
  // Finds the stretch of path that the message went, or makes it. Returns hops.size() when the cap is reached.
  std::size_t hop_of(LiveCall& call, const SipEvent& event);
  // Requests of the caller and responses to them travel with the caller's tag in From.
  bool sent_by_caller(const LiveCall& call, const sip::MessageView& message);
  TextKey remote_tag(const LiveCall& call, const sip::MessageView& message);
  // The tags of the message at hand, looked up when first asked for.
  const Tags& tags(const sip::MessageView& message);
  DialogLeg* dialog_of(LiveCall& call, std::size_t hop, const TextKey& tag, const FrameRef& frame, bool make);

  // --- messages ---
  void on_sip(const SipEvent& event);
  // Null: nothing begins with this message.
  LiveCall* begin_call(const TextKey& key, const SipEvent& event);
  bool begins_again(const LiveCall& call, const SipEvent& event);
  void take_message(LiveCall& call, const SipEvent& event);
  SdpPtr body_of(LiveCall& call, std::string_view text);
  void note_sdp(LiveCall& call, std::size_t hop, const SdpUse& use);
  // The socket goes over from a call that ended: what flows there from now on is another stream, even if all of its
  // numbers are the same.
  void release_streams(LiveCall& before, const Endpoint& endpoint);
  void add_target(LiveCall& call, const Endpoint& endpoint, bool rtp);
  void add_targets(LiveCall& call, const MediaLine& line);
  Pending* find_pending(LiveCall& call, std::size_t hop, Method method, std::uint32_t cseq, bool from_caller);
  void on_request(LiveCall& call, std::size_t hop, const sip::MessageView& message, const SdpUse& use,
                  const SipEvent& event);
  static void note_early_offer(LiveCall& call, std::size_t hop, const SdpUse& use);
  static Exchange* add_exchange(LiveCall& call, DialogLeg& dialog, Exchange exchange);
  // The SDP of an ACK or PRACK answers an offer that came in a response.
  bool answer_in_request(LiveCall& call, std::size_t hop, const sip::MessageView& message, const SdpUse& use);
  void announce(LiveCall& call, DialogLeg& dialog, std::size_t index) { observer.on_offer_answer(call, dialog, index); }
  void on_response(LiveCall& call, std::size_t hop, const sip::MessageView& message, const SdpUse& use,
                   const SipEvent& event);
  void invite_progress(LiveCall& call, std::size_t hop, const sip::MessageView& message, Pending* pending,
                       const SipEvent& event);
  void refuse(LiveCall& call, std::size_t hop, const sip::MessageView& message, const Pending& pending,
              const SipEvent& event);

  // --- media ---
  const Target* target_of(const Endpoint& src, const Endpoint& dst) const {
    if (targets.size() == 0) return nullptr;
    // What an SDP asks for is where to send to; the source is only where the same party usually sends from.
    if (const Target* target = targets.find(dst)) return target;
    return targets.find(src);
  }

  const Target* target_of(const MediaEvent& event) const {
    const Target* target = target_of(event.datagram->src, event.datagram->dst);
    if (target == nullptr && event.relay != nullptr && targets.size() != 0) target = targets.find(event.relay->peer);
    return target;
  }

  void on_media(const MediaEvent& event);
  void bind(MediaStream& stream);

  void prove(MediaStream& stream) {
    if (stream.proven) return;
    stream.proven = true;
    ++counters.streams;
    counters.rtp_packets += stream.packets;
  }

  void on_rtp(const MediaEvent& event);
  std::unique_ptr<MediaStream> make_stream(const StreamKey& key, const rtp::PacketView& packet,
                                           const net::Datagram& datagram);
  void touch(MediaStream& stream);
  void weigh_step(MediaStream& stream, const rtp::PacketView& packet);
  void retire_stream(std::unique_ptr<MediaStream>& stream);
  void on_rtcp(const MediaEvent& event);
  static void judge_rtcp(RtcpFlow& flow, const net::Datagram& datagram);
  void retire_rtcp(std::unique_ptr<RtcpFlow>& flow);
  void on_keying(const MediaEvent& event);
  // RFC 6189 sections 5 and 5.8: the message type follows the 12 bytes of header, the preamble and the length.
  static bool is_conf2ack(ByteView payload);
  void retire_keying(std::unique_ptr<KeyingFlow>& flow);
  void finish();
};

}  // namespace voip::session
