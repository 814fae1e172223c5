#include "analyze/srtp/srtp_analyzer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analyze/srtp/auth.h"
#include "analyze/srtp/checks.h"
#include "analyze/srtp/content.h"
#include "analyze/srtp/key_exchanges.h"
#include "analyze/srtp/path_traces.h"
#include "analyze/srtp/stream_record.h"
#include "analyze/srtp/stream_state.h"
#include "analyze/srtp/tag_pool.h"
#include "analyze/srtp/voice_watch.h"
#include "base/hash.h"
#include "base/table.h"
#include "proto/rtcp/rtcp.h"

namespace voip::analyze::srtp {

namespace {

constexpr std::size_t kMinSampleBytes = 20;
constexpr std::size_t kKeysOfOthers = 48;
// Beyond --max-roc, for streams that no key opens: 4096 are 62 days of 50 packets a second. A million tags take about a
// second.
constexpr std::uint32_t kFarRoc = 4096;
constexpr std::uint64_t kFarAttempts = 1'000'000;

constexpr std::size_t kVendorsOfCall = 8;
constexpr std::size_t kUnreadRtcp = 6;
constexpr std::size_t kMostUnreadBytes = 1500;

}  // namespace

struct SrtpAnalyzer::Impl {
  Impl(const Options& o, report::Sink& s) : options(o), findings(options, s), tags(options.threads, queued_bytes) {
    for (const std::string& log : options.key_logs) exchanges.add_key_log(log);
  }

  Options options;
  Findings findings;
  KeyExchanges exchanges{findings};
  std::size_t secrets_read = 0;
  CallRecords calls;
  std::vector<StreamRecord> orphans;
  FlatMap<std::uint64_t, std::unique_ptr<CallKeys>> call_keys;  // by Call::serial
  CallVendors vendors;
  CallKeys others;  // the latest keys of all calls, for streams without one
  std::uint64_t attempts_left = 400'000;
  std::uint64_t far_attempts_left = kFarAttempts;
  SipFacts sip_facts;
  PadTable pads;
  VoiceWatch voices;
  PathTraces path_traces;
  std::size_t queued_bytes = 0;  // by the PacketQueues of all streams
  TagPool tags;

  // --- streams --------------------------------------------------------------------------------------------------

  CallKeys& keys_of(const Call& call) {
    auto& slot = call_keys.at_or_new(call.serial);
    if (slot == nullptr) slot = std::make_unique<CallKeys>();
    return *slot;
  }

  // What the signalling of the stream's call has shown so far; null for a stream without one.
  CallKeys* keys_for(const MediaStream& stream, StreamState& state) {
    if (stream.call == nullptr) return nullptr;
    const Call& call = *stream.call;
    if (state.keys == nullptr) state.keys = &keys_of(call);
    if (state.keys->uses_read < call.sdp_uses.size()) collect_keys(call, *state.keys);
    return state.keys;
  }

  void on_keying(session::KeyingFlow& flow, const dissect::MediaEvent& event) {
    while (options.more_secrets) {
      const std::string_view text = options.more_secrets(secrets_read);
      if (text.empty()) break;
      exchanges.add_key_log(text);
      ++secrets_read;
    }
    exchanges.on_keying(flow, event, flow.call != nullptr ? &keys_of(*flow.call) : nullptr);
  }

  // Handshakes may key streams whose call is out of sight.
  const CallKeys* keys_beside(const MediaStream& stream, StreamState& state, const CallKeys* keys) {
    if (keys == nullptr && state.pair_keys == nullptr)
      state.pair_keys = exchanges.pair_keys(stream.key.src, stream.key.dst);
    return state.pair_keys != nullptr ? state.pair_keys.get() : keys;
  }

  // Keys of other calls: media that no SDP names (behind a relay or NAT) may still be theirs.
  void try_keys_of_others(StreamState& state) {
    if (others.keys.empty() || attempts_left == 0 || state.waiting == nullptr || state.auth != nullptr) return;
    crypto::KeySearch search(
        {.max_roc = options.max_roc, .max_attempts = std::min<std::uint64_t>(8000, attempts_left)});
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

  // A call whose media is out of sight shows its keys in its messages.
  void note_keys(const dissect::SipEvent& event, const Call* call) {
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

  crypto::KeySearchOptions search_options() {
    return {
        .max_roc = options.max_roc, .far_roc = std::max(kFarRoc, options.max_roc), .far_attempts = &far_attempts_left};
  }

  void authenticate(StreamState& state, const CallKeys* keys, const dissect::MediaEvent& event) {
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

  void watch(const MediaStream& stream, StreamState& state, const CallKeys* keys, const dissect::MediaEvent& event) {
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
    if (keys->offered && !keys->first_answer.known() && stream.call->first < stream.first)
      state.before_answer.add(frame);
    if (stream.call->bye_seen && later_by(stream.call->ended, frame.time, options.after_bye))
      state.after_bye.add(frame);
    if (!keys->secure) return;
    if (state.order == nullptr) {
      state.order = std::make_unique<SequenceWatch>();
      state.start = std::make_unique<StartWatch>();
    }
    state.order->add(packet, frame);
    state.start->add(packet, frame);
  }

  void on_rtcp(RtcpFlow& flow, const dissect::MediaEvent& event) {
    if (event.datagram->truncated) return;
    const auto compound = rtcp::parse(event.datagram->payload);
    const bool trailed = compound && compound->authenticated_clear;
    // Keys of a handshake, or of a call that is out of sight, are known by the end of the stream.
    const bool unread =
        flow.call == nullptr && options.verify != Verify::kNone && (!compound || compound->srtcp_shaped);
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

  void on_rtp(MediaStream& stream, const dissect::MediaEvent& event) {
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

  // What a relay leaves as it is: the payload, or SSRC, sequence number and timestamp together.
  static void take_sample(StreamState& state, const dissect::MediaEvent& event) {
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

  // --- calls ----------------------------------------------------------------------------------------------------

  static void finish_tags(const MediaStream& stream) {
    if (stream.attachment == nullptr) return;
    if (const auto& state = static_cast<const StreamState&>(*stream.attachment); state.auth != nullptr)
      state.auth->finish();
  }

  void on_call_end(Call& call) {
    for (const auto& stream : call.streams) finish_tags(*stream);
    const session::Legs legs = session::assemble_legs(call);
    CallRecord record;
    record.serial = call.serial;
    record.call_id = call.call_id;
    record.from = call.from;
    record.to = call.to;
    record.dialled = call.request_user;
    record.first = call.first;
    record.end = end_of(call);
    record.answered = call.answered;
    record.over = call.ended.known();
    record.final_status = call.final_status;
    record.links = call.links;
    for (const auto& stream : call.streams) {
      if (stream->attachment == nullptr) continue;
      const auto& state = static_cast<const StreamState&>(*stream->attachment);
      record.samples.insert(record.samples.end(), state.samples.begin(),
                            state.samples.begin() + static_cast<std::ptrdiff_t>(state.sample_count));
    }
    note_sdes_keys(call, record);

    for (const Leg& leg : legs.legs) {
      record.legs.push_back(record_leg(call, leg));
      check_offers(findings, call, leg);
      check_drops(findings, call, leg);
      check_other_media(findings, call, leg, record.legs.back());
    }
    for (MediaStream* stream : legs.unplaced) place_anyway(call, *stream, record);
    exchanges.check_call(call, legs, record);
    check_keys_in_clear(findings, call);
    const auto* keys = call_keys.find(call.serial);
    check_keys(findings, call, keys != nullptr ? keys->get() : nullptr);
    if (keys != nullptr) note_pads(call, **keys);
    const std::unique_ptr<CallSip> sip = sip_facts.take(call.call_id);
    record.recording = sip != nullptr && sip->recording;
    check_path(findings, call, sip != nullptr && sip->transferred);
    check_outside(findings, call, sip != nullptr && sip->transferred, record);
    check_hop_elsewhere(findings, call, sip.get());
    check_recording(findings, call, sip.get(), record);
    check_changed(findings, call, legs);
    path_traces.note(findings, call, legs);
    if (sip != nullptr) check_sip_digits(findings, &call, *sip);
    std::vector<const RtcpFlow*> rtcp;
    for (const auto& flow : call.rtcp) rtcp.push_back(flow.get());
    check_cname(findings, &call, rtcp, &record);
    note_traces(call, record, keys != nullptr ? keys->get() : nullptr);
    note_refusals(call, legs, record);
    call_keys.erase(call.serial);
    record.vendor = vendors.take(call.serial);
    calls.push_back(std::move(record));
  }

  void note_pads(const Call& call, const CallKeys& keys) {
    for (const auto& stream : call.streams) {
      if (stream->attachment == nullptr) continue;
      const auto& state = static_cast<const StreamState&>(*stream->attachment);
      if (state.auth == nullptr || !state.auth->proven()) {
        findings.tally(kTwoTimePad, keys.secure ? report::Verdict::kNotAssessable : report::Verdict::kNotApplicable);
        continue;
      }
      const AuthState& auth = *state.auth;
      const std::size_t proven = *auth.search.proven();
      PadTable::Stream where{call.call_id, stream->key.src, stream->key.dst, stream->ssrc, {}};
      if (proven < keys.texts.size()) where.masked = name_of_key(call, keys.texts[proven]);
      if (auth.pad) {
        if (proven < keys.texts.size()) pads.padded.push_back(keys.texts[proven]);
        findings.tally(kTwoTimePad, report::Verdict::kFail);
        findings.add(kTwoTimePad,
                     fmt::format("{} to {}: SSRC 0x{:08x} uses one index twice with different ciphertext",
                                 where.src.to_string(), where.dst.to_string(), where.ssrc),
                     &call, hosts(where.src, where.dst) + "|pad",
                     {{(*auth.pad)[1], "second use of the index"}, {(*auth.pad)[0], "first use"}});
      } else {
        findings.tally(kTwoTimePad, report::Verdict::kPass);
      }
      pads.add(std::move(where), auth, keys.texts);
    }
  }

  static std::string name_of_key(const Call& call, const TextKey& identity) {
    for (const SdpUse& use : call.sdp_uses) {
      for (const MediaLine& line : use.sdp->media()) {
        for (const sdp::Crypto& crypto : line.cryptos) {
          for (const InlineKey& key : inline_keys(crypto)) {
            if (key_identity(key) == identity) return masked_key(key);
          }
        }
      }
    }
    return "a key of a handshake";
  }

  static Timestamp end_of(const Call& call) {
    Timestamp end = call.ended.known() ? call.ended : call.last.time;
    if (call.ended.known()) return end;
    for (const auto& stream : call.streams) end = std::max(end, stream->last.time);
    return end;
  }

  // The call shows keys, and none opens the stream.
  static bool keys_failed(const MediaStream& stream) {
    constexpr std::uint64_t kEnough = 20;
    const auto* state = static_cast<const StreamState*>(stream.attachment.get());
    return state != nullptr && state->auth != nullptr && !state->auth->proven() && state->auth->tried >= kEnough;
  }

  // A stream whose sockets an SDP of the call names, though none of its legs does (a fork that lost, a hop unseen).
  void place_anyway(const Call& call, MediaStream& stream, CallRecord& record) {
    if (!stream.proven) return;
    if (record.legs.empty()) record.legs.emplace_back();
    LegRecord& leg = record.legs.front();
    if (leg.media.empty()) leg.media.emplace_back().kind = "audio";
    std::vector<Stretch> stretches;
    FrameRef first_clear;
    FrameRef last_clear;
    StreamRecord kept = record_stream(stream, {}, {}, false, stretches, first_clear, last_clear);
    attach_rtcp(call, stream, kept, nullptr);
    voices.settle(stream, kept, call.serial);
    leg.media.front().streams.push_back(std::move(kept));
    leg.protection = protection_of(leg);
  }

  LegRecord record_leg(const Call& call, const Leg& leg) {
    LegRecord record;
    if (!leg.hops.empty()) {
      const Hop& first = call.hops[leg.hops.front()];
      const Hop& last = call.hops[leg.hops.back()];
      record.signalling = first.signalling;
      record.caller_hop = first.caller_side;
      record.callee_hop = last.callee_side;
    }
    record.answered = leg.confirmed;
    for (const session::LegMedia& media : leg.media) record.media.push_back(record_media(call, leg, media));
    record.protection = protection_of(record);
    return record;
  }

  MediaRecord record_media(const Call& call, const Leg& leg, const session::LegMedia& media) {
    MediaRecord record;
    const LineState state = state_of(call, leg, media.index);
    const MediaLine* shown = state.offer != nullptr ? state.offer : state.answer;
    if (shown != nullptr) record.kind = shown->kind;
    if (state.offer != nullptr) record.offered = schemes_of(*state.offer);
    record.negotiated = state.agreement.keying;
    record.profile = state.agreement.profile;
    record.suite = state.agreement.suite;
    record.parameters = state.agreement.parameters;

    const std::vector<CodecHint> hints = media.streams.empty() ? std::vector<CodecHint>{} : hints_of(leg, media.index);
    const std::string exchanged = KeyExchanges::dtls_suite(call, leg, media.index, media.streams);
    bool zrtp = false;
    std::vector<JudgedStream> judged;
    for (MediaStream* stream : media.streams) {
      const Exchange* exchange = in_force(leg, media.index, stream->first.time);
      Agreement agreement =
          exchange != nullptr && state.agreement.keying != Keying::kUnknown
              ? agree_in(call, line_of(exchange->offer, media.index), line_of(exchange->answer, media.index))
              : state.agreement;
      if (agreement.keying == Keying::kDtlsSrtp) agreement.suite = exchanged;
      const bool secured = zrtp_secured(call, *stream);
      zrtp |= secured;
      std::vector<Stretch> stretches;
      FrameRef first_clear;
      FrameRef last_clear;
      StreamRecord kept = record_stream(*stream, hints, overhead_of(agreement),
                                        declared_of(agreement, secured) == Declared::kSrtp && !keys_failed(*stream),
                                        stretches, first_clear, last_clear);
      kept.declared = declared_of(agreement, secured);
      if (kept.codec.empty()) {
        for (const CodecHint& hint : hints) {
          if (stream->payload_types.test(hint.payload_type)) {
            kept.codec = hint.encoding;
            break;
          }
        }
      }
      apply_tags(*stream, leg, media.index, kept);
      voices.settle(*stream, kept, call.serial);
      check_tags(findings, call, *stream, agreement, kept);
      std::vector<const RtcpFlow*> clear_rtcp;
      attach_rtcp(call, *stream, kept, &clear_rtcp);
      check_stream(findings, call, leg, media.index, *stream, agreement, kept, stretches, first_clear, last_clear);
      check_rtcp(findings, call, kept, clear_rtcp);
      check_mki(findings, call, *stream, agreement, kept);
      check_digits(findings, &call, *stream, hints, kept);
      record.streams.push_back(std::move(kept));
      judged.push_back({stream, nullptr, std::move(agreement), std::move(stretches)});
    }
    for (std::size_t i = 0; i < judged.size(); ++i) {
      judged[i].record = &record.streams[i];
      check_replay(findings, call, judged[i]);
      check_reset(findings, call, leg, media.index, judged[i]);
      check_extensions(findings, call, state, judged[i]);
    }
    if (shown != nullptr && shown->rtp_profile()) check_clear_start(findings, call, leg, media.index, judged);
    if (zrtp && record.negotiated == Keying::kNone) {
      record.negotiated = Keying::kZrtp;
      if (std::ranges::find(record.offered, Keying::kZrtp) == record.offered.end())
        record.offered.push_back(Keying::kZrtp);
    }
    KeyExchanges::describe(call, leg, media.index, record);
    check_not_encrypted(findings, call, state, record);
    check_answer(findings, call, leg, media.index, record);
    if (shown != nullptr && shown->rtp_profile()) {
      check_suites(findings, call, state, record);
      check_parameters(findings, call, state, record);
      check_exchanges(findings, call, leg, media.index);
    }
    return record;
  }

  static void note_sdes_keys(const Call& call, CallRecord& record) {
    std::set<std::string> seen;
    for (const SdpUse& use : call.sdp_uses) {
      for (const MediaLine& line : use.sdp->media()) {
        for (const sdp::Crypto& crypto : line.cryptos) {
          for (const InlineKey& key : inline_keys(crypto)) {
            if (key.bytes.size() < 16 || record.links.size() >= 24 || !seen.emplace(key.text).second) continue;
            record.links.emplace_back(session::LinkKind::kSdesKey, text_key(key.text));
          }
        }
      }
    }
  }

  static void note_refusals(const Call& call, const session::Legs& legs, CallRecord& record) {
    for (const Exchange& refusal : call.refusals) {
      if (refusal.refused != 415 && refusal.refused != 488 && refusal.refused != 606) continue;
      if (refusal.offer.sdp == nullptr) continue;
      const bool secure = std::ranges::any_of(
          refusal.offer.sdp->media(), [](const MediaLine& line) { return line.port != 0 && line.secure_profile(); });
      const bool plain = std::ranges::any_of(refusal.offer.sdp->media(), [](const MediaLine& line) {
        return line.port != 0 && audio_or_video(line) && !line.secure_profile();
      });
      if (secure && !plain) record.refusals.push_back({refusal.refused, refusal.offer.frame, refusal.refused_frame});
    }
    if (!call.answered.known()) return;
    for (const Leg& leg : legs.legs) {
      for (const DialogLeg* dialog : leg.path) {
        if (dialog->exchanges.empty()) continue;
        const Exchange& first = dialog->exchanges.front();
        const MediaLine* offer = line_of(first.offer, 0);
        const MediaLine* answer = line_of(first.answer, 0);
        if (offer != nullptr && answer != nullptr && answer->port != 0 && audio_or_video(*offer) &&
            !offer->secure_profile() && !carries_keys(*offer)) {
          record.clear_success = first.offer.frame;
        }
      }
    }
  }

  // The keys of a stream without a call may open its RTCP.
  void read_rtcp(RtcpFlow& flow, const MediaStream& stream) {
    if (flow.attachment == nullptr || stream.attachment == nullptr) return;
    auto& state = static_cast<RtcpState&>(*flow.attachment);
    const auto own = exchanges.pair_keys(flow.key.src, flow.key.dst);
    const auto& beside = static_cast<const StreamState&>(*stream.attachment).pair_keys;
    for (const auto& packet : state.unread) {
      for (const CallKeys* keys :
           {static_cast<const CallKeys*>(own.get()), static_cast<const CallKeys*>(beside.get())}) {
        if (keys == nullptr) continue;
        const auto check = first_check(*keys, packet);
        if (!check) continue;
        ++(*check ? state.verified_encrypted : state.verified_clear);
        if (!*check) ++state.verified_shaped;
        break;
      }
    }
    state.unread.clear();
  }

  // Whether the packet was encrypted, by the first key that verifies it.
  static std::optional<bool> first_check(const CallKeys& keys, ByteView packet) {
    for (const auto& key : keys.keys) {
      if (const auto check = key->verify_rtcp(packet)) return check->encrypted && key->suite().encrypts();
    }
    return std::nullopt;
  }

  void on_orphan_end(MediaStream& stream, const std::vector<RtcpFlow*>& rtcp) {
    finish_tags(stream);
    std::vector<Stretch> stretches;
    FrameRef first_clear;
    FrameRef last_clear;
    StreamRecord record = record_stream(stream, {}, {}, false, stretches, first_clear, last_clear);
    std::uint64_t clear = 0;
    std::uint64_t encrypted = 0;
    for (RtcpFlow* flow : rtcp) {
      read_rtcp(*flow, stream);
      take_rtcp(*flow, record, clear, encrypted);
    }
    record.rtcp_observed = rtcp_verdict(clear, encrypted);
    apply_tags(stream, {}, 0, record);
    voices.settle(stream, record, 0);
    check_orphan(findings, stream, record, stretches, first_clear, rtcp);
    check_digits(findings, nullptr, stream, {}, record);
    exchanges.check_orphan(record);
    orphans.push_back(std::move(record));
  }

  std::shared_ptr<const report::Content> finish() {
    sort_calls(calls);
    std::ranges::sort(orphans, [](const StreamRecord& a, const StreamRecord& b) { return a.first < b.first; });
    group_calls(calls);
    check_retries(findings, calls);
    check_legs(findings, calls);
    check_choices(findings, calls);
    check_key_reuse(findings, calls, pads);
    check_cnames_over_days(findings, calls);
    check_late_media(findings, calls);
    check_requirement(findings, calls, orphans);
    voices.finish(findings, calls, orphans);
    for (const auto& sip : sip_facts.take_rest()) check_sip_digits(findings, nullptr, *sip);
    exchanges.finish();
    tell_coverage(findings, calls, orphans, vendors.names());
    return std::make_shared<SrtpContent>(std::move(calls), std::move(orphans));
  }
};

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