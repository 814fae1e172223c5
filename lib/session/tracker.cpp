#include "session/tracker.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/table.h"
#include "base/text.h"
#include "proto/sip/fields.h"
#include "session/transactions.h"

namespace voip::session {

namespace {

using dissect::MediaEvent;
using dissect::MediaKind;
using dissect::SipEvent;
using sip::HeaderId;
using sip::Method;

constexpr std::size_t kMaxDialogs = 64;
constexpr std::size_t kMaxExchanges = 64;
constexpr std::size_t kMaxPending = 16;
constexpr std::size_t kMaxSdpUses = 128;
constexpr std::size_t kMaxTargets = 256;
constexpr std::size_t kMaxRefusals = 16;
constexpr std::size_t kMaxStreamsPerCall = 4096;
constexpr std::chrono::seconds kUnansweredIdle{600};
constexpr std::chrono::seconds kRefusedIdle{32};  // 64 x T1: a retry after 401 comes sooner
constexpr std::chrono::seconds kCopyWindow{2};
constexpr std::size_t kMaxSpareCalls = 1024;
constexpr std::uint16_t kProvenSteps = 8;
constexpr std::int64_t kTouchEveryNs = kNsPerSecond;

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

void LiveCall::clear() {
  // All that is not a container starts anew; the containers are emptied in place.
  Call fresh;
  const auto keep = [](auto& fresh_one, auto& used) {
    used.clear();
    fresh_one = std::move(used);
  };
  keep(fresh.call_id, call_id);
  keep(fresh.from, from);
  keep(fresh.to, to);
  keep(fresh.request_user, request_user);
  keep(fresh.hops, hops);
  keep(fresh.dialogs, dialogs);
  keep(fresh.refusals, refusals);
  keep(fresh.early_offers, early_offers);
  keep(fresh.sdp_uses, sdp_uses);
  keep(fresh.sdp_use_hops, sdp_use_hops);
  keep(fresh.links, links);
  keep(fresh.streams, streams);
  keep(fresh.rtcp, rtcp);
  keep(fresh.keying, keying);
  static_cast<Call&>(*this) = std::move(fresh);
  key = {};
  activity = {};
  targets.clear();
  pending.clear();
  stream_keys.clear();
  rtcp_keys.clear();
  keying_keys.clear();
  refused = challenged = false;
}

// Asks for all of a call's memory at once; it has not been looked at for thousands of messages.
void fetch(const LiveCall* call) {
  constexpr std::size_t kLine = 64;
  const auto* begin = reinterpret_cast<const char*>(call);
  for (std::size_t at = 0; at < sizeof(LiveCall); at += kLine) __builtin_prefetch(begin + at);
}
void fetch_lists(const LiveCall& call) {
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
    constexpr std::size_t kLine = 64;
    const auto lines = [](const void* at, std::size_t count) {
      const auto* byte = static_cast<const char*>(at);
      for (std::size_t i = 0; i < count; ++i) __builtin_prefetch(byte + i * kLine);
    };
    lines(stream, 4);
    lines(hot[0], 2);
    lines(hot[1], 2);
    lines(hot[2], 8);
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

// The last messages seen, to know a HEP mirror of a packet that the wire showed too (and the other way round).
struct SeenMessage {
  std::uint64_t digest = 0;
  std::int64_t time_ns = Timestamp::kUnknownNs;
  net::Provenance provenance = net::Provenance::kWire;
  bool paired = false;  // HEP's, and the wire has shown its own
};

bool makes_call(Method method) {
  switch (method) {
    case Method::kInvite:
    case Method::kAck:
    case Method::kBye:
    case Method::kCancel:
    case Method::kPrack:
    case Method::kUpdate: return true;
    default: return false;
  }
}

std::string uri_without_parameters(std::string_view name_addr) {
  const auto parsed = sip::parse_name_addr(name_addr);
  if (!parsed) return std::string(trim(name_addr.substr(0, name_addr.find(';'))));
  const std::string_view uri = parsed->uri;
  return std::string(uri.substr(0, find_any(uri, 0, ';', '?')));
}

std::array<Endpoint, 2> ordered(const Endpoint& a, const Endpoint& b) {
  return a < b ? std::array{a, b} : std::array{b, a};
}

}  // namespace

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
    seen.resize(8192);
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
  std::vector<SeenMessage> seen;
  std::vector<TextKey> wanted;  // of options.call_ids
  Timestamp now;
  Timestamp next_sweep;
  std::uint64_t next_serial = 0;
  Tags current;
  bool tags_known = false;
  std::unique_ptr<Transactions> transactions;  // only where the observer wants them

  // --- time -----------------------------------------------------------------------------------------------------

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

  std::chrono::seconds idle_limit(const LiveCall& call) const {
    if (call.ended.known()) return limits.call_linger;
    if (call.answered.known()) return limits.call_idle;
    return call.refused ? kRefusedIdle : kUnansweredIdle;
  }

  void schedule(const LiveCall& call) {
    const std::int64_t idle_at = (call.activity + idle_limit(call)).ns / kNsPerSecond + 1;
    const std::int64_t second = std::clamp(idle_at, reviewed_s + 1, reviewed_s + kReviewEveryS);
    reviews[static_cast<std::size_t>(second) % kBuckets].push_back({call.serial, call.key, &call});
  }

  void review_until(std::int64_t second) {
    // After a long silence each bucket needs to be emptied only once.
    const std::int64_t from = std::max(reviewed_s + 1, second - static_cast<std::int64_t>(kBuckets) + 1);
    for (std::int64_t s = from; s <= second; ++s) {
      due.clear();
      due.swap(reviews[static_cast<std::size_t>(s) % kBuckets]);
      reviewed_s = s;
      for (std::size_t i = 0; i < due.size(); ++i) {
        if (i + 2 < due.size()) fetch(due[i + 2].probably);
        review(due[i]);
      }
    }
  }

  void review(const Review& item) {
    auto* slot = calls.find(item.key);
    if (slot == nullptr || (*slot)->serial != item.serial) return;
    LiveCall& call = **slot;
    if (later_by(call.activity, now, idle_limit(call))) {
      end_call(call);
    } else {
      schedule(call);
    }
  }

  void expire_idle() {
    if (transactions != nullptr) transactions->advance(now);
    streams.expire(now, limits.stream_idle, [this](const StreamKey&, auto& stream) { retire_stream(stream); });
    rtcp_flows.expire(now, limits.stream_idle * 2, [this](const StreamKey&, auto& flow) { retire_rtcp(flow); });
    keying_flows.expire(now, limits.stream_idle * 2, [this](const auto&, auto& flow) { retire_keying(flow); });
  }

  void finish_transactions() {
    if (transactions == nullptr) return;
    transactions->finish();
    if (transactions->evicted() != 0) counters.evicted["transactions"] += transactions->evicted();
    if (const std::uint64_t n = transactions->registrations_evicted(); n != 0) counters.evicted["registrations"] += n;
  }

  // --- calls ----------------------------------------------------------------------------------------------------

  // Tells the call's end with all that belongs to it.
  void close_call(LiveCall& call) {
    for (const StreamKey& key : call.stream_keys) {
      streams.erase(key, [&](const StreamKey&, auto& stream) {
        shortcuts.erase(key);
        if (stream->call == &call) call.streams.push_back(std::move(stream));
      });
    }
    for (const StreamKey& key : call.rtcp_keys) {
      rtcp_flows.erase(key, [&](const StreamKey&, auto& flow) {
        if (flow->call == &call) call.rtcp.push_back(std::move(flow));
      });
    }
    for (const auto& key : call.keying_keys) {
      keying_flows.erase(key, [&](const auto&, auto& flow) {
        if (flow->call == &call) call.keying.push_back(std::move(flow));
      });
    }
    const auto by_first_frame = [](const auto& x, const auto& y) { return x->first < y->first; };
    std::ranges::sort(call.streams, by_first_frame);
    std::ranges::sort(call.rtcp, by_first_frame);
    std::ranges::sort(call.keying, by_first_frame);
    for (const Endpoint& endpoint : call.targets) {
      if (const Target* target = targets.find(endpoint); target != nullptr && target->call == &call)
        targets.erase(endpoint);
    }
    observer.on_call_end(call);
  }

  void end_call(LiveCall& call) {
    close_call(call);
    const TextKey key = call.key;
    calls.erase(key, [this](const TextKey&, auto& gone) { keep_spare(std::move(gone)); });
  }

  void keep_spare(std::unique_ptr<LiveCall> gone) {
    if (spare.size() >= kMaxSpareCalls) return;
    gone->clear();
    spare.push_back(std::move(gone));
  }

  LiveCall& new_call(const TextKey& key, const SipEvent& event) {
    auto& slot = calls.get(key, now, [this](const TextKey&, auto& gone) {
      ++counters.evicted["calls"];
      close_call(*gone);
    });
    if (spare.empty()) {
      slot = std::make_unique<LiveCall>();
    } else {
      slot = std::move(spare.back());
      spare.pop_back();
    }
    LiveCall& call = *slot;
    const sip::MessageView& message = *event.message;
    call.key = key;
    call.serial = next_serial++;
    call.call_id = message.call_id;
    call.from = uri_without_parameters(message.from);
    call.to = uri_without_parameters(message.to);
    if (message.is_request) {
      if (const auto uri = sip::parse_uri(message.request_uri)) call.request_user = uri->user;
    }
    call.caller_tag = tags(message).from_key;
    call.first = event.frame;
    call.activity = now;
    ++counters.calls;
    note_links(call, event);
    schedule(call);
    return call;
  }

  static void note_links(Call& call, const SipEvent& event) {
    const sip::MessageView& message = *event.message;
    for (const sip::Header& header : message.headers) {
      switch (header.id) {
        case HeaderId::kSessionId: {
          // RFC 7989: "local;remote=other"; either half alone may be the nil UUID while it is unknown.
          const std::string_view local = trim(header.value.substr(0, header.value.find(';')));
          for (const std::string_view half : {local, sip::parameter(header.value, "remote").value_or("")}) {
            if (half.size() == 32 && half.find_first_not_of('0') != std::string_view::npos) {
              add_link(call, LinkKind::kSessionId, text_key(to_lower(half)));
            }
          }
          break;
        }
        case HeaderId::kXCid:
          if (!header.value.empty()) add_link(call, LinkKind::kCorrelationHeader, text_key(header.value));
          break;
        case HeaderId::kPChargingVector:
          if (const auto icid = sip::parameter(header.value, "icid-value"); icid && !icid->empty()) {
            add_link(call, LinkKind::kChargingVector, text_key(*icid));
          }
          break;
        default: break;
      }
    }
    if (event.hep != nullptr && !event.hep->correlation_id.empty()) {
      add_link(call, LinkKind::kHepCorrelation, text_key(event.hep->correlation_id));
    }
  }

  static void add_link(Call& call, LinkKind kind, const TextKey& key) {
    if (call.links.size() >= 16) return;
    const std::pair link{kind, key};
    if (std::ranges::find(call.links, link) == call.links.end()) call.links.push_back(link);
  }

  // --- hops -----------------------------------------------------------------------------------------------------

  // Finds the stretch of path that the message went, or makes it. Returns hops.size() when the cap is reached.
  std::size_t hop_of(LiveCall& call, const SipEvent& event) {
    std::size_t same_hosts = call.hops.size();
    std::size_t candidates = 0;
    for (std::size_t i = 0; i < call.hops.size(); ++i) {
      const Hop& hop = call.hops[i];
      if ((hop.caller_side == event.src && hop.callee_side == event.dst) ||
          (hop.caller_side == event.dst && hop.callee_side == event.src)) {
        return i;
      }
      const bool hosts =
          (hop.caller_side.address == event.src.address && hop.callee_side.address == event.dst.address) ||
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

  // Requests of the caller and responses to them travel with the caller's tag in From.
  bool sent_by_caller(const LiveCall& call, const sip::MessageView& message) {
    const bool caller_is_from = tags(message).from_key == call.caller_tag;
    return message.is_request ? caller_is_from : !caller_is_from;
  }

  TextKey remote_tag(const LiveCall& call, const sip::MessageView& message) {
    const Tags& both = tags(message);
    if (both.from_key != call.caller_tag) return both.from.empty() ? TextKey{} : both.from_key;
    return both.to.empty() ? TextKey{} : text_key(both.to);
  }

  // The tags of the message at hand, looked up when first asked for.
  const Tags& tags(const sip::MessageView& message) {
    if (!tags_known) {
      current.from = sip::tag_of(message.from);
      current.to = sip::tag_of(message.to);
      current.from_key = text_key(current.from);
      tags_known = true;
    }
    return current;
  }

  DialogLeg* dialog_of(LiveCall& call, std::size_t hop, const TextKey& tag, const FrameRef& frame, bool make) {
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

  // --- messages -------------------------------------------------------------------------------------------------

  bool is_copy(const SipEvent& event, const TextKey& call_key) {
    // Where it went, which message of its call it is, and its length tell it apart: hashing all of it costs time.
    struct Parts {
      std::uint64_t call;
      std::uint64_t size;
      std::uint32_t cseq;
      std::uint32_t kind;
      Endpoint src;
      Endpoint dst;
      std::uint32_t rest;
    };
    static_assert(std::has_unique_object_representations_v<Parts>);
    const sip::MessageView& message = *event.message;
    const Parts parts{
        .call = message.call_id.empty() ? hash_bytes(event.raw) : call_key.low,
        .size = event.raw.size(),
        .cseq = message.cseq_number,
        .kind = message.status | static_cast<std::uint32_t>(message.method) << 16,
        .src = event.src,
        .dst = event.dst,
        .rest = 0,
    };
    const std::uint64_t digest = hash_bytes({reinterpret_cast<const std::uint8_t*>(&parts), sizeof(parts)});
    SeenMessage& slot = seen[digest & (seen.size() - 1)];
    const bool near = slot.digest == digest && event.frame.time.known() && slot.time_ns != Timestamp::kUnknownNs &&
                      std::abs(event.frame.time.ns - slot.time_ns) <= std::chrono::nanoseconds{kCopyWindow}.count();
    // Several servers may mirror what the wire showed once; the wire shows what HEP told only once.
    const bool copy = near && slot.provenance != event.provenance && !slot.paired;
    if (copy) {
      slot.paired = event.provenance == net::Provenance::kWire;
    } else {
      slot = {digest, event.frame.time.ns, event.provenance, false};
    }
    return copy;
  }

  void on_sip(const SipEvent& event) {
    advance(event.frame.time);
    const sip::MessageView& message = *event.message;
    const TextKey key = text_key(message.call_id);
    tags_known = false;
    if (!wanted.empty() && std::ranges::find(wanted, key) == wanted.end()) return;
    LiveCall* call = nullptr;
    if (!message.call_id.empty() &&
        makes_call(message.cseq_method == Method::kOther ? message.method : message.cseq_method)) {
      if (auto* slot = calls.find_and_touch(key, now)) {
        call = slot->get();
        fetch(call);
      }
    }
    if (is_copy(event, key)) {
      ++counters.sip_copies;
      // The wire's copy of what HEP told first: now the hop is known to be on the wire.
      if (event.provenance == net::Provenance::kWire) {
        if (auto* slot = calls.find(key)) {
          const std::size_t hop = hop_of(**slot, event);
          if (hop < (*slot)->hops.size()) (*slot)->hops[hop].on_wire = true;
        }
      }
      return;
    }
    ++counters.sip_messages;
    if (call == nullptr && !message.call_id.empty() &&
        makes_call(message.cseq_method == Method::kOther ? message.method : message.cseq_method)) {
      call = begin_call(key, event);
    }
    if (call != nullptr) {
      fetch_lists(*call);
      take_message(*call, event);
    }
    observer.on_message(event, call);
    if (transactions != nullptr) transactions->take(event, call);
  }

  // Null: nothing begins with this message.
  LiveCall* begin_call(const TextKey& key, const SipEvent& event) {
    const sip::MessageView& message = *event.message;
    const bool begins = (message.cseq_method == Method::kInvite && message.method != Method::kAck) ||
                        message.cseq_method == Method::kBye;
    if (!begins && message.body.empty()) return nullptr;  // a straggler
    return &new_call(key, event);
  }

  void take_message(LiveCall& call, const SipEvent& event) {
    const sip::MessageView& message = *event.message;
    call.last = event.frame;
    call.truncated |= event.truncated;
    if (now.known()) call.activity = now;
    const std::size_t hop_index = hop_of(call, event);
    if (hop_index >= call.hops.size()) return;
    Hop& hop = call.hops[hop_index];
    hop.on_wire |= event.provenance == net::Provenance::kWire;
    SdpUse use;
    if (!message.body.empty()) {
      if (const auto part = sip::find_body(message.content_type, message.body, "application/sdp")) {
        const bool from_caller =
            event.src == hop.caller_side || (event.dst != hop.caller_side && sent_by_caller(call, message));
        use = {.sdp = body_of(call, part->content),
               .frame = event.frame,
               .from_caller = from_caller,
               .method = message.method,
               .status = message.status};
        if (use.sdp != nullptr) {
          note_sdp(call, hop_index, use);
        }
      }
    }
    if (message.is_request) {
      on_request(call, hop_index, message, use, event);
    } else {
      on_response(call, hop_index, message, use, event);
    }
  }

  SdpPtr body_of(LiveCall& call, std::string_view text) {
    const TextKey digest = text_key(text);
    for (const SdpUse& use : call.sdp_uses) {
      if (use.sdp->digest() == digest) return use.sdp;
    }
    SdpPtr body = SdpBody::make(text, sdp_parser, digest);
    if (body == nullptr) return nullptr;
    for (const MediaLine& line : body->media()) add_targets(call, line);
    return body;
  }

  void note_sdp(LiveCall& call, std::size_t hop, const SdpUse& use) {
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

  // The socket goes over from a call that ended: what flows there from now on is another stream, even if all of its
  // numbers are the same.
  void release_streams(LiveCall& before, const Endpoint& endpoint) {
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

  void add_target(LiveCall& call, const Endpoint& endpoint, bool rtp) {
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

  void add_targets(LiveCall& call, const MediaLine& line) {
    if (line.port == 0) return;
    const bool rtp = line.rtp_profile();
    add_target(call, line.rtp, rtp);
    if (!rtp) return;
    for (const Endpoint& candidate : line.candidates) add_target(call, candidate, true);
    if (!line.rtcp_mux) add_target(call, line.rtcp, false);
  }

  Pending* find_pending(LiveCall& call, std::size_t hop, Method method, std::uint32_t cseq, bool from_caller) {
    for (auto at = call.pending.rbegin(); at != call.pending.rend(); ++at) {
      if (at->hop == hop && at->method == method && at->cseq == cseq && at->from_caller == from_caller) return &*at;
    }
    return nullptr;
  }

  void on_request(LiveCall& call, std::size_t hop, const sip::MessageView& message, const SdpUse& use,
                  const SipEvent& event) {
    const Method method = message.method;
    const bool from_caller = event.src == call.hops[hop].caller_side ||
                             (event.dst != call.hops[hop].caller_side && sent_by_caller(call, message));
    if (method == Method::kBye) {
      call.bye_seen = true;
      if (!call.ended.known()) {
        call.ended = event.frame.time;
      }
      return;
    }
    if (method == Method::kAck || method == Method::kPrack) {
      if (use.sdp != nullptr && answer_in_request(call, hop, message, use)) return;
      if (method == Method::kAck) return;
    }
    if (method != Method::kInvite && method != Method::kUpdate && method != Method::kPrack) return;
    if (method == Method::kPrack && use.sdp == nullptr) return;
    if (method == Method::kInvite) call.hops[hop].invite_seen = true;
    if (find_pending(call, hop, method, message.cseq_number, from_caller) != nullptr) return;  // a retransmission
    const bool initial = method == Method::kInvite && tags(message).to.empty();
    if (initial) {
      // A new attempt (after 401, say) supersedes what a refusal said.
      call.refused = call.challenged = false;
      if (!call.answered.known()) call.ended = {};
    }
    if (call.pending.size() >= kMaxPending) call.pending.erase(call.pending.begin());
    call.pending.push_back({.hop = hop,
                            .method = method,
                            .cseq = message.cseq_number,
                            .from_caller = from_caller,
                            .offer = use,
                            .answered = false,
                            .initial = initial});
    if (use.sdp == nullptr) return;
    if (initial) {
      note_early_offer(call, hop, use);
      return;
    }
    if (DialogLeg* dialog = dialog_of(call, hop, remote_tag(call, message), event.frame, true)) {
      add_exchange(call, *dialog, {.offer = use, .method = method, .cseq = message.cseq_number});
    }
  }

  static void note_early_offer(LiveCall& call, std::size_t hop, const SdpUse& use) {
    for (std::size_t i = 0; i < call.early_offers.size(); ++i) {
      // One a hop: the retry with credentials takes the place of the first.
      for (std::size_t k = 0; k < call.sdp_uses.size(); ++k) {
        if (call.sdp_uses[k].frame == call.early_offers[i].frame && call.sdp_use_hops[k] == hop) {
          call.early_offers[i] = use;
          return;
        }
      }
    }
    if (call.early_offers.size() < kMaxRefusals) call.early_offers.push_back(use);
  }

  static Exchange* add_exchange(LiveCall& call, DialogLeg& dialog, Exchange exchange) {
    if (dialog.exchanges.size() >= kMaxExchanges) {
      // Session refreshes without end: keep how it began and how it stands.
      call.over_limit = true;
      dialog.exchanges.erase(dialog.exchanges.begin() + kMaxExchanges / 2);
    }
    dialog.exchanges.push_back(std::move(exchange));
    return &dialog.exchanges.back();
  }

  // The SDP of an ACK or PRACK answers an offer that came in a response.
  bool answer_in_request(LiveCall& call, std::size_t hop, const sip::MessageView& message, const SdpUse& use) {
    DialogLeg* dialog = dialog_of(call, hop, remote_tag(call, message), {}, false);
    if (dialog == nullptr) return false;
    for (auto at = dialog->exchanges.rbegin(); at != dialog->exchanges.rend(); ++at) {
      if (at->offer.sdp == nullptr || at->answer.sdp != nullptr || at->offer.status == 0 ||
          at->offer.from_caller == use.from_caller)
        continue;
      at->answer = use;
      announce(call, *dialog, static_cast<std::size_t>(&*at - dialog->exchanges.data()));
      return true;
    }
    return false;
  }

  void announce(LiveCall& call, DialogLeg& dialog, std::size_t index) { observer.on_offer_answer(call, dialog, index); }

  void on_response(LiveCall& call, std::size_t hop, const sip::MessageView& message, const SdpUse& use,
                   const SipEvent& event) {
    const Method method = message.cseq_method;
    const bool request_from_caller = event.dst == call.hops[hop].caller_side ||
                                     (event.src != call.hops[hop].caller_side && !sent_by_caller(call, message));
    Pending* pending = find_pending(call, hop, method, message.cseq_number, request_from_caller);
    if (method == Method::kInvite && message.status > 100) invite_progress(call, hop, message, pending, event);
    if (message.status >= 300) {
      if (pending != nullptr) refuse(call, hop, message, *pending, event);
      return;
    }
    if (use.sdp == nullptr || message.status <= 100) return;
    DialogLeg* dialog = dialog_of(call, hop, remote_tag(call, message), event.frame, true);
    if (dialog == nullptr) return;
    // The exchange that this transaction began in this dialog, if any.
    for (auto at = dialog->exchanges.rbegin(); at != dialog->exchanges.rend(); ++at) {
      if (at->method != method || at->cseq != message.cseq_number) continue;
      SdpUse& mine = at->offer.status != 0 ? at->offer : at->answer;
      if (mine.sdp != nullptr && mine.from_caller != use.from_caller) continue;
      const bool news = mine.sdp != use.sdp;
      if (news) {
        mine = use;  // a 200 may say something else than the 183 before it: the last word counts
        if (at->complete()) announce(call, *dialog, static_cast<std::size_t>(&*at - dialog->exchanges.data()));
      }
      return;
    }
    Exchange exchange{.method = method, .cseq = message.cseq_number};
    if (pending != nullptr && pending->offer.sdp == nullptr) {
      exchange.offer = use;  // delayed offer: ACK or PRACK will answer
    } else {
      if (pending != nullptr) exchange.offer = pending->offer;
      exchange.answer = use;
    }
    add_exchange(call, *dialog, std::move(exchange));
    if (dialog->exchanges.back().complete()) announce(call, *dialog, dialog->exchanges.size() - 1);
  }

  void invite_progress(LiveCall& call, std::size_t hop, const sip::MessageView& message, Pending* pending,
                       const SipEvent& event) {
    const bool initial = pending == nullptr || pending->initial;
    if (message.status < 200) {
      if (DialogLeg* dialog =
              dialog_of(call, hop, remote_tag(call, message), event.frame, initial && !tags(message).to.empty())) {
        dialog->early = true;
      }
      return;
    }
    if (!initial) return;
    call.final_status = message.status;
    if (message.status < 300) {
      if (!call.answered.known()) call.answered = event.frame.time;
      call.refused = false;
      if (!call.bye_seen) call.ended = {};
      if (DialogLeg* dialog = dialog_of(call, hop, remote_tag(call, message), event.frame, true)) {
        dialog->confirmed = true;
        dialog->final_status = message.status;
      }
      return;
    }
    if (call.answered.known()) return;  // another branch of a fork lost
    call.refused = true;
    call.challenged = message.status == 401 || message.status == 407;
    if (!call.challenged) call.ended = event.frame.time;
  }

  void refuse(LiveCall& call, std::size_t hop, const sip::MessageView& message, const Pending& pending,
              const SipEvent& event) {
    if (pending.offer.sdp == nullptr) return;
    if (!pending.initial) {
      DialogLeg* dialog = dialog_of(call, hop, remote_tag(call, message), {}, false);
      if (dialog == nullptr) return;
      for (Exchange& exchange : dialog->exchanges) {
        if (exchange.method == pending.method && exchange.cseq == pending.cseq && exchange.answer.sdp == nullptr) {
          exchange.refused = message.status;
          exchange.refused_frame = event.frame;
        }
      }
      return;
    }
    if (message.status == 401 || message.status == 407) return;
    for (const Exchange& known : call.refusals) {
      if (known.refused == message.status && known.offer.frame == pending.offer.frame) return;
    }
    if (call.refusals.size() >= kMaxRefusals) return;
    Exchange refusal{.offer = pending.offer, .method = pending.method, .cseq = pending.cseq};
    refusal.refused = message.status;
    refusal.refused_frame = event.frame;
    call.refusals.push_back(std::move(refusal));
  }

  // --- media ----------------------------------------------------------------------------------------------------

  const Target* target_of(const Endpoint& src, const Endpoint& dst) const {
    if (targets.size() == 0) return nullptr;
    // What an SDP asks for is where to send to; the source is only where the same party usually sends from.
    if (const Target* target = targets.find(dst)) return target;
    return targets.find(src);
  }

  void on_media(const MediaEvent& event) {
    advance(event.datagram->frame.time);
    switch (event.kind) {
      case MediaKind::kRtp: on_rtp(event); break;
      case MediaKind::kRtcp: on_rtcp(event); break;
      case MediaKind::kDtls:
      case MediaKind::kZrtp:
      case MediaKind::kStun: on_keying(event); break;
      case MediaKind::kTurnChannel:
      case MediaKind::kUnknown: {
        const Target* target = target_of(event.datagram->src, event.datagram->dst);
        diagnostics.count(target == nullptr ? "udp-unknown"
                          : target->rtp     ? "udp-on-media-port"
                                            : "udp-on-other-media-port",
                          event.datagram->frame);
        break;
      }
    }
  }

  void bind(MediaStream& stream) {
    const Target* target = target_of(stream.key.src, stream.key.dst);
    if (target == nullptr || !target->rtp || target->call->stream_keys.size() >= kMaxStreamsPerCall) return;
    stream.call = target->call;
    target->call->stream_keys.push_back(stream.key);
    prove(stream);
  }

  void prove(MediaStream& stream) {
    if (stream.proven) return;
    stream.proven = true;
    ++counters.streams;
    counters.rtp_packets += stream.packets;
  }

  void on_rtp(const MediaEvent& event) {
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

  std::unique_ptr<MediaStream> make_stream(const StreamKey& key, const rtp::PacketView& packet,
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

  void touch(MediaStream& stream) {
    stream.touched = now;
    streams.touch(stream.key, now);
    if (stream.call == nullptr) bind(stream);
    if (stream.call != nullptr && now.known()) static_cast<LiveCall*>(stream.call)->activity = now;
  }

  void weigh_step(MediaStream& stream, const rtp::PacketView& packet) {
    const auto step = static_cast<std::uint16_t>(packet.sequence - stream.last_sequence);
    const auto ticks = static_cast<std::int32_t>(packet.timestamp - stream.last_timestamp);
    const bool good = step >= 1 && step <= 16 && ticks > -360000 && ticks < 1800000 &&
                      (packet.payload_type == stream.last_payload_type ||
                       stream.payload_types.test(packet.payload_type) || stream.payload_types.count() < 3);
    (good ? stream.good_steps : stream.bad_steps)++;
    if (stream.good_steps >= kProvenSteps && stream.good_steps >= 4 * stream.bad_steps) prove(stream);
  }

  void retire_stream(std::unique_ptr<MediaStream>& stream) {
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

  void on_rtcp(const MediaEvent& event) {
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
      const Target* target = target_of(datagram.src, datagram.dst);
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

  static void judge_rtcp(RtcpFlow& flow, const net::Datagram& datagram) {
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

  void retire_rtcp(std::unique_ptr<RtcpFlow>& flow) {
    if (flow->call != nullptr) flow->call->rtcp.push_back(std::move(flow));
  }

  void on_keying(const MediaEvent& event) {
    const net::Datagram& datagram = *event.datagram;
    const Target* target = target_of(datagram.src, datagram.dst);
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

  // RFC 6189 sections 5 and 5.8: the message type follows the 12 bytes of header, the preamble and the length.
  static bool is_conf2ack(ByteView payload) {
    return payload.size() >= 28 && as_text(payload.subspan(16, 8)) == "Conf2ACK";
  }

  void retire_keying(std::unique_ptr<KeyingFlow>& flow) {
    if (flow->call != nullptr) flow->call->keying.push_back(std::move(flow));
  }

  void finish() {
    finish_transactions();
    std::vector<LiveCall*> live;
    calls.for_each([&](const TextKey&, auto& call) { live.push_back(call.get()); });
    std::ranges::sort(live, {}, &LiveCall::serial);
    // Streams first look for a call that came to be known late.
    streams.for_each([&](const StreamKey&, auto& stream) {
      if (stream->call == nullptr) bind(*stream);
    });
    for (LiveCall* call : live) end_call(*call);
    std::vector<std::unique_ptr<MediaStream>> orphans;
    streams.drain([&](const StreamKey&, auto& stream) { orphans.push_back(std::move(stream)); });
    std::ranges::sort(orphans, [](const auto& a, const auto& b) { return a->first < b->first; });
    for (auto& stream : orphans) retire_stream(stream);
    rtcp_flows.drain([](const StreamKey&, auto&) {});
    keying_flows.drain([](const auto&, auto&) {});
  }
};

Tracker::Tracker(const Limits& limits, const TrackerOptions& options, session::Observer& observer)
    : impl_(std::make_unique<Impl>(limits, options, observer)) {}
Tracker::~Tracker() = default;

void Tracker::on_sip(const dissect::SipEvent& event) { impl_->on_sip(event); }
void Tracker::on_media(const dissect::MediaEvent& event) { impl_->on_media(event); }
void Tracker::on_tls(const dissect::TlsFlow& flow) { impl_->observer.on_tls(flow); }
void Tracker::finish() { impl_->finish(); }
const TrackerCounters& Tracker::counters() const { return impl_->counters; }
const Diagnostics& Tracker::diagnostics() const { return impl_->diagnostics; }

}  // namespace voip::session
