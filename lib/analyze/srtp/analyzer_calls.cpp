#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analyze/srtp/analyzer_impl.h"
#include "analyze/srtp/content.h"

// What is told of a call, or of a stream without one, once it is over; and what calls show together.
namespace voip::analyze::srtp {

namespace {

void finish_tags(const MediaStream& stream) {
  if (stream.attachment == nullptr) return;
  if (const auto& state = static_cast<const StreamState&>(*stream.attachment); state.auth != nullptr)
    state.auth->finish();
}

std::string name_of_key(const Call& call, const TextKey& identity) {
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

Timestamp end_of(const Call& call) {
  Timestamp end = call.ended.known() ? call.ended : call.last.time;
  if (call.ended.known()) return end;
  for (const auto& stream : call.streams) end = std::max(end, stream->last.time);
  return end;
}

// The call shows keys, and none opens the stream.
bool keys_failed(const MediaStream& stream) {
  constexpr std::uint64_t kEnough = 20;
  const auto* state = static_cast<const StreamState*>(stream.attachment.get());
  return state != nullptr && state->auth != nullptr && !state->auth->proven() && state->auth->tried >= kEnough;
}

void note_sdes_keys(const Call& call, CallRecord& record) {
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

void note_refusals(const Call& call, const session::Legs& legs, CallRecord& record) {
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

// Whether the packet was encrypted, by the first key that verifies it.
std::optional<bool> first_check(const CallKeys& keys, ByteView packet) {
  for (const auto& key : keys.keys) {
    if (const auto check = key->verify_rtcp(packet)) return check->encrypted && key->suite().encrypts();
  }
  return std::nullopt;
}

}  // namespace

void SrtpAnalyzer::Impl::on_call_end(Call& call) {
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

void SrtpAnalyzer::Impl::note_pads(const Call& call, const CallKeys& keys) {
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

void SrtpAnalyzer::Impl::place_anyway(const Call& call, MediaStream& stream, CallRecord& record) {
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

LegRecord SrtpAnalyzer::Impl::record_leg(const Call& call, const Leg& leg) {
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

MediaRecord SrtpAnalyzer::Impl::record_media(const Call& call, const Leg& leg, const session::LegMedia& media) {
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

void SrtpAnalyzer::Impl::read_rtcp(RtcpFlow& flow, const MediaStream& stream) {
  if (flow.attachment == nullptr || stream.attachment == nullptr) return;
  auto& state = static_cast<RtcpState&>(*flow.attachment);
  const auto own = exchanges.pair_keys(flow.key.src, flow.key.dst);
  const auto& beside = static_cast<const StreamState&>(*stream.attachment).pair_keys;
  for (const auto& packet : state.unread) {
    for (const CallKeys* keys : {static_cast<const CallKeys*>(own.get()), static_cast<const CallKeys*>(beside.get())}) {
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

void SrtpAnalyzer::Impl::on_orphan_end(MediaStream& stream, const std::vector<RtcpFlow*>& rtcp) {
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

std::shared_ptr<const report::Content> SrtpAnalyzer::Impl::finish() {
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

}  // namespace voip::analyze::srtp
