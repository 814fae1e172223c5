#include <algorithm>
#include <utility>

#include "session/tracker_impl.h"

namespace voip::session {

namespace {

constexpr std::chrono::seconds kUnansweredIdle{600};
constexpr std::chrono::seconds kRefusedIdle{32};      // 64 x T1: a retry after 401 comes sooner
constexpr std::chrono::seconds kChallengedIdle{180};  // a person may be asked for the password
constexpr std::size_t kMaxSpareCalls = 1024;

}  // namespace

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

std::chrono::seconds Tracker::Impl::idle_limit(const LiveCall& call) const {
  if (call.ended.known()) return limits.call_linger;
  if (call.answered.known()) return limits.call_idle;
  if (!call.refused) return kUnansweredIdle;
  return call.challenged ? kChallengedIdle : kRefusedIdle;
}

void Tracker::Impl::schedule(const LiveCall& call) {
  const std::int64_t idle_at = (call.activity + idle_limit(call)).ns / kNsPerSecond + 1;
  const std::int64_t second = std::clamp(idle_at, reviewed_s + 1, reviewed_s + kReviewEveryS);
  reviews[static_cast<std::size_t>(second) % kBuckets].push_back({call.serial, call.key, &call});
}

void Tracker::Impl::review_until(std::int64_t second) {
  // After a long silence each bucket needs to be emptied only once.
  const std::int64_t from = std::max(reviewed_s + 1, second - static_cast<std::int64_t>(kBuckets) + 1);
  for (std::int64_t s = from; s <= second; ++s) {
    due.clear();
    due.swap(reviews[static_cast<std::size_t>(s) % kBuckets]);
    reviewed_s = s;
    for (std::size_t i = 0; i < due.size(); ++i) {
      if (i + 4 < due.size()) fetch(due[i + 4].probably);
      if (i + 2 < due.size()) fetch_lists_of(due[i + 2]);
      review(due[i]);
    }
  }
}

void Tracker::Impl::review(const Review& item) {
  auto* slot = calls.find(item.key);
  if (slot == nullptr || (*slot)->serial != item.serial) return;
  LiveCall& call = **slot;
  if (later_by(call.activity, now, idle_limit(call))) {
    end_call(call);
  } else {
    schedule(call);
  }
}

// What an end reads first, for a call that will be looked at soon.
void Tracker::Impl::fetch_lists_of(const Review& item) {
  auto* slot = calls.find(item.key);
  if (slot == nullptr) return;
  const LiveCall& call = **slot;
  fetch_lists(call);
  __builtin_prefetch(call.targets.data());
  for (const SdpUse& use : call.sdp_uses) __builtin_prefetch(use.sdp.get());
}

void Tracker::Impl::expire_idle() {
  if (transactions != nullptr) transactions->advance(now);
  streams.expire(now, limits.stream_idle, [this](const StreamKey&, auto& stream) { retire_stream(stream); });
  rtcp_flows.expire(now, limits.stream_idle * 2, [this](const StreamKey&, auto& flow) { retire_rtcp(flow); });
  keying_flows.expire(now, limits.stream_idle * 2, [this](const auto&, auto& flow) { retire_keying(flow); });
}

void Tracker::Impl::finish_transactions() {
  if (transactions == nullptr) return;
  transactions->finish();
  if (transactions->evicted() != 0) counters.evicted["transactions"] += transactions->evicted();
  if (const std::uint64_t n = transactions->registrations_evicted(); n != 0) counters.evicted["registrations"] += n;
}

void Tracker::Impl::close_call(LiveCall& call) {
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

void Tracker::Impl::end_call(LiveCall& call) {
  close_call(call);
  const TextKey key = call.key;
  calls.erase(key, [this](const TextKey&, auto& gone) { keep_spare(std::move(gone)); });
}

void Tracker::Impl::keep_spare(std::unique_ptr<LiveCall> gone) {
  if (spare.size() >= kMaxSpareCalls) return;
  gone->clear();
  spare.push_back(std::move(gone));
}

void Tracker::Impl::finish() {
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

Tracker::Tracker(const Limits& limits, const TrackerOptions& options, session::Observer& observer)
    : impl_(std::make_unique<Impl>(limits, options, observer)) {}
Tracker::~Tracker() = default;

void Tracker::on_sip(const dissect::SipEvent& event) { impl_->on_sip(event); }
void Tracker::on_media(const dissect::MediaEvent& event) { impl_->on_media(event); }
void Tracker::on_tls(const dissect::TlsFlow& flow) { impl_->observer.on_tls(flow); }
void Tracker::on_other_stream(const dissect::OtherStream& stream) { impl_->observer.on_other_stream(stream); }
void Tracker::finish() { impl_->finish(); }
const TrackerCounters& Tracker::counters() const { return impl_->counters; }
const Diagnostics& Tracker::diagnostics() const { return impl_->diagnostics; }

}  // namespace voip::session
