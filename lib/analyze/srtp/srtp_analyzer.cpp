#include "analyze/srtp/srtp_analyzer.h"

#include <algorithm>

#include "analyze/srtp/analyzer_impl.h"
#include "base/hash.h"
#include "proto/rtcp/rtcp.h"

namespace voip::analyze::srtp {

namespace {

constexpr std::size_t kMinSampleBytes = 20;
constexpr std::size_t kKeysOfOthers = 48;
// Beyond --max-roc, for streams that no key opens: 4096 are 62 days of 50 packets a second.
constexpr std::uint32_t kFarRoc = 4096;

constexpr std::size_t kVendorsOfCall = 8;
constexpr std::size_t kUnreadRtcp = 6;
constexpr std::size_t kMostUnreadBytes = 1500;

// What a relay leaves as it is: the payload, or SSRC, sequence number and timestamp together.
void take_sample(StreamState& state, const dissect::MediaEvent& event) {
  const ByteView payload = event.rtp.payload;
  if (payload.size() < kMinSampleBytes) return;
  std::size_t changes = 0;
  for (std::size_t i = 1; i < payload.size(); ++i) changes += payload[i] != payload[i - 1] ? 1U : 0U;
  if (changes < payload.size() / 4) return;  // silence is the same in every call
  const std::int64_t time = event.datagram->frame.time.ns;
  const std::uint64_t header = hash_bytes(event.datagram->payload.subspan(2, 10));
  state.samples[state.sample_count++] = {hash_bytes(payload), time};
  if (state.sample_count < state.samples.size()) state.samples[state.sample_count++] = {header, time};
}

}  // namespace

CallKeys& SrtpAnalyzer::Impl::keys_of(const Call& call) {
  auto& slot = call_keys.at_or_new(call.serial);
  if (slot == nullptr) slot = std::make_unique<CallKeys>();
  return *slot;
}

CallKeys* SrtpAnalyzer::Impl::keys_for(const MediaStream& stream, StreamState& state) {
  if (stream.call == nullptr) return nullptr;
  const Call& call = *stream.call;
  if (state.keys == nullptr) state.keys = &keys_of(call);
  if (state.keys->uses_read < call.sdp_uses.size()) collect_keys(call, *state.keys);
  return state.keys;
}

void SrtpAnalyzer::Impl::on_keying(session::KeyingFlow& flow, const dissect::MediaEvent& event) {
  while (options.more_secrets) {
    const std::string_view text = options.more_secrets(secrets_read);
    if (text.empty()) break;
    exchanges.add_key_log(text);
    ++secrets_read;
  }
  exchanges.on_keying(flow, event, flow.call != nullptr ? &keys_of(*flow.call) : nullptr);
}

const CallKeys* SrtpAnalyzer::Impl::keys_beside(const MediaStream& stream, StreamState& state, const CallKeys* keys) {
  if (keys == nullptr && state.pair_keys == nullptr)
    state.pair_keys = exchanges.pair_keys(stream.key.src, stream.key.dst);
  return state.pair_keys != nullptr ? state.pair_keys.get() : keys;
}

void SrtpAnalyzer::Impl::try_keys_of_others(StreamState& state) {
  if (others.keys.empty() || attempts_left == 0 || state.waiting == nullptr || state.auth != nullptr) return;
  crypto::KeySearch search({.max_roc = options.max_roc, .max_attempts = std::min<std::uint64_t>(8000, attempts_left)});
  for (auto key = others.keys.rbegin(); key != others.keys.rend(); ++key) (void)search.add(*key);
  const std::size_t skip = state.waiting->size() - std::min<std::size_t>(state.waiting->size(), 12);
  std::size_t at = 0;
  state.waiting->for_each([&](ByteView packet, std::size_t header_size, const FrameRef&, bool) {
    if (at++ >= skip && !search.proven()) (void)search.check(packet, header_size);
  });
  attempts_left -= std::min(attempts_left, search.attempts());
  if (!search.proven()) return;
  const std::size_t index = others.keys.size() - 1 - *search.proven();
  state.pair_keys = std::make_shared<CallKeys>();
  (void)state.pair_keys->add(others.keys[index], others.texts[index]);
}

void SrtpAnalyzer::Impl::note_keys(const dissect::SipEvent& event, const Call* call) {
  if (call == nullptr || options.verify == Verify::kNone) return;
  if (call->sdp_uses.empty() || call->sdp_uses.back().frame != event.frame) return;
  const auto& lines = call->sdp_uses.back().sdp->media();
  if (std::ranges::all_of(lines, [](const MediaLine& line) { return line.cryptos.empty(); })) return;
  CallKeys& keys = keys_of(*call);
  if (keys.vendors.size() < kVendorsOfCall) {
    std::string vendor = vendor_of(*event.message);
    if (!vendor.empty()) keys.vendors.emplace_back(event.frame, std::move(vendor));
  }
  const std::size_t before = keys.keys.size();
  collect_keys(*call, keys);
  for (std::size_t i = before; i < keys.keys.size(); ++i) {
    if (others.keys.size() >= kKeysOfOthers) {
      others.keys.erase(others.keys.begin());
      others.texts.erase(others.texts.begin());
    }
    (void)others.add(keys.keys[i], keys.texts[i]);
  }
}

crypto::KeySearchOptions SrtpAnalyzer::Impl::search_options() {
  return {
      .max_roc = options.max_roc, .far_roc = std::max(kFarRoc, options.max_roc), .far_attempts = &far_attempts_left};
}

void SrtpAnalyzer::Impl::authenticate(StreamState& state, const CallKeys* keys, const dissect::MediaEvent& event) {
  if (options.verify == Verify::kNone) return;
  tags.keep_room();
  const ByteView packet = event.datagram->payload;
  const std::size_t header_size = event.rtp.header_size;
  if (keys == nullptr || keys->keys.empty()) {
    // The key may be shown later: by an answer that comes after the media, a re-INVITE, a handshake.
    if (keys != nullptr && keys->offered && !keys->secure) {
      state.waiting.reset();
      return;
    }
    if (state.waiting == nullptr) state.waiting = std::make_unique<PacketQueue>(queued_bytes);
    state.waiting->add(packet, header_size, event.datagram->frame, false);
    return;
  }
  if (state.auth == nullptr) {
    if (state.waiting == nullptr) state.waiting = std::make_unique<PacketQueue>(queued_bytes);
    state.auth = std::make_unique<AuthState>(search_options(), options.verify == Verify::kSample,
                                             std::move(state.waiting), tags.helps() ? &tags : nullptr);
  }
  AuthState& auth = *state.auth;
  auth.answered = keys->first_answer;
  auth.add_keys(*keys);
  auth.check(packet, header_size, event.datagram->frame);
}

void SrtpAnalyzer::Impl::watch(const MediaStream& stream, StreamState& state, const CallKeys* keys,
                               const dissect::MediaEvent& event) {
  const rtp::PacketView& packet = event.rtp;
  const FrameRef& frame = event.datagram->frame;
  if (packet.extension) {
    if (state.extensions == nullptr) state.extensions = std::make_unique<ExtensionWatch>();
    state.extensions->add(packet, frame);
  }
  const bool tagged = state.auth != nullptr && state.auth->valid_clear != 0;
  if (DigitWatch::fits(packet) && (packet.payload.size() == 4 || tagged)) {
    if (state.digits == nullptr) state.digits = std::make_unique<DigitWatch>();
    state.digits->add(packet, frame);
  }
  if (keys == nullptr) return;
  // Media that is older than the call was there before: a re-INVITE, in a capture that began late.
  if (keys->offered && !keys->first_answer.known() && stream.call->first < stream.first) state.before_answer.add(frame);
  if (stream.call->bye_seen && later_by(stream.call->ended, frame.time, options.after_bye)) state.after_bye.add(frame);
  if (!keys->secure) return;
  if (state.order == nullptr) {
    state.order = std::make_unique<SequenceWatch>();
    state.start = std::make_unique<StartWatch>();
  }
  state.order->add(packet, frame);
  state.start->add(packet, frame);
}

void SrtpAnalyzer::Impl::on_rtcp(RtcpFlow& flow, const dissect::MediaEvent& event) {
  if (event.datagram->truncated) return;
  const auto compound = rtcp::parse(event.datagram->payload);
  const bool trailed = compound && compound->authenticated_clear;
  // Keys of a handshake, or of a call that is out of sight, are known by the end of the stream.
  const bool unread = flow.call == nullptr && options.verify != Verify::kNone && (!compound || compound->srtcp_shaped);
  if (flow.call == nullptr && !trailed && !unread && flow.attachment == nullptr) return;
  if (flow.attachment == nullptr) flow.attachment = std::make_unique<RtcpState>();
  auto& state = static_cast<RtcpState&>(*flow.attachment);
  const auto note_clear = [&] {
    if (!state.first_clear.known()) state.first_clear = event.datagram->frame;
    state.last_clear = event.datagram->frame;
    if (trailed && state.cname.empty()) state.cname = compound->cname;
  };
  if (flow.call != nullptr && options.verify != Verify::kNone) {
    if (state.keys == nullptr) state.keys = &keys_of(*flow.call);
    if (state.keys->uses_read < flow.call->sdp_uses.size()) collect_keys(*flow.call, *state.keys);
    for (const auto& key : state.keys->keys) {
      const auto check = key->verify_rtcp(event.datagram->payload);
      if (!check) continue;
      if (check->encrypted && key->suite().encrypts()) {
        ++state.verified_encrypted;
      } else {
        ++state.verified_clear;
        if (compound && compound->srtcp_shaped) ++state.verified_shaped;
        note_clear();
      }
      return;
    }
  }
  if (unread && state.unread.size() < kUnreadRtcp && event.datagram->payload.size() <= kMostUnreadBytes)
    state.unread.emplace_back(event.datagram->payload.begin(), event.datagram->payload.end());
  if (!trailed) return;
  ++state.trailed;
  note_clear();
}

void SrtpAnalyzer::Impl::on_rtp(MediaStream& stream, const dissect::MediaEvent& event) {
  if (stream.attachment == nullptr) stream.attachment = std::make_unique<StreamState>();
  auto& state = static_cast<StreamState&>(*stream.attachment);
  const net::Datagram& datagram = *event.datagram;
  state.judge.add(event.rtp, datagram.frame, datagram.truncated, datagram.missing);
  if (stream.packets % 64 == 2) state.hot = state.judge.hot();
  if (datagram.truncated) return;
  CallKeys* keys = keys_for(stream, state);
  watch(stream, state, keys, event);
  const CallKeys* fitting = keys_beside(stream, state, keys);
  authenticate(state, fitting, event);
  voices.on_packet(stream, state, keys, fitting, event);
  if (stream.call == nullptr && state.pair_keys == nullptr &&
      (stream.packets == 24 || stream.packets == 200 || stream.packets == 1600))
    try_keys_of_others(state);
  if (state.sample_count < state.samples.size() && event.rtp.sequence % 16 == 0) take_sample(state, event);
}
SrtpAnalyzer::SrtpAnalyzer(const Options& options, report::Sink& sink) : impl_(std::make_unique<Impl>(options, sink)) {}
SrtpAnalyzer::~SrtpAnalyzer() = default;

void SrtpAnalyzer::on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) {
  impl_->on_rtp(stream, event);
}
void SrtpAnalyzer::on_rtcp(RtcpFlow& flow, const dissect::MediaEvent& event) { impl_->on_rtcp(flow, event); }
void SrtpAnalyzer::on_keying(session::KeyingFlow& flow, const dissect::MediaEvent& event) {
  impl_->on_keying(flow, event);
}
void SrtpAnalyzer::on_message(const dissect::SipEvent& event, const session::Call* call) {
  impl_->exchanges.on_message(event, call);
  impl_->sip_facts.on_message(event);
  impl_->note_keys(event, call);
  impl_->vendors.note(event, call);
}
void SrtpAnalyzer::on_call_end(session::Call& call) { impl_->on_call_end(call); }
void SrtpAnalyzer::on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& rtcp) {
  impl_->on_orphan_end(stream, rtcp);
}
std::uint64_t SrtpAnalyzer::evicted_handshakes() const { return impl_->exchanges.evicted(); }
std::shared_ptr<const report::Content> SrtpAnalyzer::finish() { return impl_->finish(); }

}  // namespace voip::analyze::srtp