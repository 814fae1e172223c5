#include "analyze/srtp/srtp_analyzer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "analyze/srtp/auth.h"
#include "analyze/srtp/content.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/table.h"
#include "base/text.h"
#include "crypto/digest.h"

namespace voip::analyze::srtp {

namespace {

using report::Confidence;
using report::Evidence;
using report::Finding;
using report::Verdict;
using session::Call;
using session::DialogLeg;
using session::Exchange;
using session::Hop;
using session::Leg;
using session::MediaLine;
using session::MediaStream;
using session::RtcpFlow;
using session::SdpUse;

constexpr std::size_t kSamplesPerStream = 6;
constexpr std::size_t kMinSampleBytes = 20;

struct StreamState final : session::Attachment {
  MediaJudge judge;
  std::array<MediaSample, 2 * kSamplesPerStream> samples{};
  std::size_t sample_count = 0;
  CallKeys* keys = nullptr;         // of the stream's call, while that lives; null: none looked for yet
  std::unique_ptr<AuthState> auth;  // once the call has shown a key
};

// SRTCP whose tag was verified tells by its E flag whether it was encrypted.
struct RtcpState final : session::Attachment {
  CallKeys* keys = nullptr;
  std::uint64_t verified_clear = 0;
  std::uint64_t verified_encrypted = 0;
  FrameRef first_clear;
  FrameRef last_clear;
};

const MediaLine* line_of(const SdpUse& use, std::size_t index) {
  return use.sdp != nullptr && index < use.sdp->media().size() ? &use.sdp->media()[index] : nullptr;
}

bool audio_or_video(const MediaLine& line) {
  return (line.kind == "audio" || line.kind == "video") && line.rtp_profile();
}

// A leg's exchanges about one m= line as the caller's end saw them.
const Exchange* last_complete(const DialogLeg& dialog, std::size_t index) {
  for (auto at = dialog.exchanges.rbegin(); at != dialog.exchanges.rend(); ++at) {
    if (at->complete() && line_of(at->offer, index) != nullptr && line_of(at->answer, index) != nullptr) return &*at;
  }
  return nullptr;
}

// The exchange that was in force at a moment; the first complete one before any was.
const Exchange* in_force(const Leg& leg, std::size_t index, Timestamp when) {
  const Exchange* found = nullptr;
  for (const DialogLeg* dialog : leg.path) {
    for (const Exchange& exchange : dialog->exchanges) {
      if (!exchange.complete() || line_of(exchange.answer, index) == nullptr) continue;
      if (found == nullptr ||
          (exchange.answer.frame.time <= when && found->answer.frame.time < exchange.answer.frame.time))
        found = &exchange;
    }
    if (found != nullptr) return found;
  }
  return found;
}

bool two_ended_differs(const Leg& leg, std::size_t index) {
  const Exchange* base = nullptr;
  for (const DialogLeg* dialog : leg.path) {
    const Exchange* exchange = last_complete(*dialog, index);
    if (exchange == nullptr) continue;
    if (base == nullptr) {
      base = exchange;
      continue;
    }
    if (keying_signature(*line_of(base->offer, index)) != keying_signature(*line_of(exchange->offer, index)) ||
        keying_signature(*line_of(base->answer, index)) != keying_signature(*line_of(exchange->answer, index))) {
      return true;
    }
  }
  return false;
}

struct LineState {
  Agreement agreement;
  const Exchange* exchange = nullptr;  // the last complete one
  const MediaLine* offer = nullptr;    // of it, or of the offer that nobody answered
  const MediaLine* answer = nullptr;
  bool refused = false;
};

LineState state_of(const Call& call, const Leg& leg, std::size_t index) {
  LineState state;
  for (const DialogLeg* dialog : leg.path) {
    if (const Exchange* exchange = last_complete(*dialog, index)) {
      state.exchange = exchange;
      break;
    }
  }
  if (state.exchange != nullptr) {
    state.offer = line_of(state.exchange->offer, index);
    state.answer = line_of(state.exchange->answer, index);
    state.agreement = agree(state.offer, state.answer);
    // DTLS that ran although a fingerprint was missing (SRTP-036), or although SDES was answered too.
    const bool both_dtls = state.offer->dtls_profile() && state.answer->dtls_profile();
    const bool both_schemes =
        has_scheme(*state.offer, Keying::kDtlsSrtp) && has_scheme(*state.answer, Keying::kDtlsSrtp);
    if (((state.agreement.keying == Keying::kNone && both_dtls) ||
         (state.agreement.keying == Keying::kSdes && both_schemes)) &&
        std::ranges::any_of(call.keying, [](const auto& flow) { return flow->dtls_packets != 0; })) {
      state.agreement.keying = Keying::kDtlsSrtp;
      state.agreement.suite.clear();
    }
    if (two_ended_differs(leg, index)) {
      state.agreement.keying = Keying::kUnknown;
      state.agreement.suite.clear();
    }
    return state;
  }
  for (const DialogLeg* dialog : leg.path) {
    for (const Exchange& exchange : dialog->exchanges) {
      if (state.offer == nullptr) state.offer = line_of(exchange.offer, index);
      if (state.answer == nullptr) state.answer = line_of(exchange.answer, index);
    }
  }
  if (state.offer == nullptr && state.answer == nullptr) {
    for (const SdpUse* use : leg.lone_offers) {
      if (const MediaLine* line = line_of(*use, index)) state.offer = line;
    }
  }
  state.agreement = agree(state.offer, state.answer);
  if (leg.refusal != nullptr || (leg.path.empty() && call.final_status >= 300)) {
    state.refused = true;
    state.agreement.keying = Keying::kNone;
  }
  return state;
}

bool zrtp_secured(const Call& call, const MediaStream& stream) {
  return std::ranges::any_of(call.keying, [&](const auto& flow) {
    return flow->zrtp_secured && ((flow->a == stream.key.src && flow->b == stream.key.dst) ||
                                  (flow->a == stream.key.dst && flow->b == stream.key.src));
  });
}

bool zrtp_seen(const Call& call) {
  return std::ranges::any_of(call.keying, [](const auto& flow) { return flow->zrtp_packets != 0; });
}

void add_hints(const MediaLine* line, std::vector<CodecHint>& hints) {
  if (line == nullptr) return;
  for (const session::Codec& codec : line->codecs) {
    if (codec.encoding.empty()) continue;
    const bool known = std::ranges::any_of(hints, [&](const CodecHint& hint) {
      return hint.payload_type == codec.payload_type && iequals(hint.encoding, codec.encoding) &&
             hint.clock_rate == codec.clock_rate;
    });
    if (!known)
      hints.push_back({.payload_type = codec.payload_type, .encoding = codec.encoding, .clock_rate = codec.clock_rate});
  }
}

std::vector<CodecHint> hints_of(const Leg& leg, std::size_t index) {
  std::vector<CodecHint> hints;
  for (const DialogLeg* dialog : leg.path) {
    for (const Exchange& exchange : dialog->exchanges) {
      add_hints(line_of(exchange.answer, index), hints);
      add_hints(line_of(exchange.offer, index), hints);
    }
  }
  for (const SdpUse* use : leg.lone_offers) add_hints(line_of(*use, index), hints);
  return hints;
}

// Bytes that the agreed SDES suite adds to a packet: tag and MKI.
std::optional<unsigned> overhead_of(const Agreement& agreement) {
  if (agreement.keying != Keying::kSdes || agreement.answered_crypto == nullptr) return std::nullopt;
  auto tag = tag_bytes(agreement.suite);
  if (!tag) return std::nullopt;
  if (agreement.parameters.find("UNAUTHENTICATED_SRTP") != std::string::npos) tag = 0;
  for (const InlineKey& key : inline_keys(*agreement.answered_crypto)) {
    if (const auto length = parse_number<unsigned>(key.mki_length); length && *length <= 128) return *tag + *length;
  }
  return tag;
}

bool clear_by_agreement(const Agreement& agreement) {
  return agreement.suite.starts_with("NULL") || agreement.parameters.find("UNENCRYPTED_SRTP") != std::string::npos;
}

Declared declared_of(const Agreement& agreement, bool zrtp) {
  if (zrtp) return Declared::kSrtp;
  switch (agreement.keying) {
    case Keying::kSdes:
    case Keying::kDtlsSrtp:
    case Keying::kMikey:
    case Keying::kZrtp: return Declared::kSrtp;
    case Keying::kNone: return agreement.secure_profile && !agreement.rejected ? Declared::kSrtp : Declared::kRtp;
    case Keying::kUnknown: return Declared::kUnknown;
  }
  return Declared::kUnknown;
}

void take_judgement(const MediaStream& stream, const Judgement& judgement, StreamRecord& record) {
  record.ssrc = stream.ssrc;
  record.src = stream.key.src;
  record.dst = stream.key.dst;
  record.payload_types = stream.payload_types;
  record.packets = stream.packets;
  record.first = stream.first;
  record.last = stream.last;
  record.observed = judgement.observed;
  switch (judgement.proof) {
    case Proof::kNone: record.proof = Strength::kNone; break;
    case Proof::kStatistical: record.proof = Strength::kStatistical; break;
    case Proof::kStructural: record.proof = Strength::kStructural; break;
  }
  record.reason = judgement.reason;
  record.codec = judgement.codec;
  record.cleartext_packets = judgement.cleartext_packets;
}

void take_rtcp(const RtcpFlow& flow, StreamRecord& record, std::uint64_t& clear, std::uint64_t& encrypted) {
  record.rtcp_packets += flow.packets;
  clear += flow.clear;
  std::uint64_t shaped = flow.encrypted;
  if (flow.attachment != nullptr) {
    // What has an SRTCP trailer looks encrypted; a verified tag knows better.
    const auto& state = static_cast<const RtcpState&>(*flow.attachment);
    clear += state.verified_clear;
    shaped -= std::min(shaped, state.verified_clear);
    shaped = std::max(shaped, state.verified_encrypted);
  }
  encrypted += shaped;
}

RtcpObserved rtcp_verdict(std::uint64_t clear, std::uint64_t encrypted) {
  if (clear != 0 && encrypted != 0) return RtcpObserved::kMixed;
  if (clear != 0) return RtcpObserved::kCleartext;
  return encrypted != 0 ? RtcpObserved::kEncrypted : RtcpObserved::kUndetermined;
}

Protection protection_of(const LegRecord& leg) {
  bool clear = false;
  bool encrypted = false;
  bool any = false;
  for (const MediaRecord& media : leg.media) {
    for (const StreamRecord& stream : media.streams) {
      any = true;
      clear |= stream.observed == Observed::kCleartext;
      encrypted |= stream.observed == Observed::kEncrypted;
    }
  }
  if (!any) return Protection::kNoMedia;
  if (clear && encrypted) return Protection::kMixed;
  if (clear) return Protection::kClear;
  return encrypted ? Protection::kEncrypted : Protection::kUndetermined;
}

std::string hosts(const Endpoint& a, const Endpoint& b) {
  const std::string x = a.address.to_string();
  const std::string y = b.address.to_string();
  return x < y ? x + '|' + y : y + '|' + x;
}

std::string masked_key(const InlineKey& key) {
  if (key.bytes.empty()) return "unreadable key";
  return fmt::format("key {}.. of {} bytes", crypto::digest(crypto::Hash::kSha256, key.bytes).hex().substr(0, 8),
                     key.bytes.size());
}

double seconds_of(const StreamRecord& stream) { return seconds_between(stream.first.time, stream.last.time); }

}  // namespace

std::string_view to_string(Declared declared) {
  switch (declared) {
    case Declared::kRtp: return "rtp";
    case Declared::kSrtp: return "srtp";
    case Declared::kUnknown: break;
  }
  return "unknown";
}
std::string_view to_string(Observed observed) {
  switch (observed) {
    case Observed::kCleartext: return "cleartext";
    case Observed::kEncrypted: return "encrypted";
    case Observed::kUndetermined: break;
  }
  return "undetermined";
}
std::string_view to_string(Strength strength) {
  switch (strength) {
    case Strength::kStatistical: return "statistical";
    case Strength::kStructural: return "structural";
    case Strength::kAuthenticated: return "authenticated";
    case Strength::kNone: break;
  }
  return "none";
}
std::string_view to_string(RtcpObserved observed) {
  switch (observed) {
    case RtcpObserved::kCleartext: return "cleartext";
    case RtcpObserved::kEncrypted: return "encrypted";
    case RtcpObserved::kMixed: return "mixed";
    case RtcpObserved::kUndetermined: break;
  }
  return "undetermined";
}

struct SrtpAnalyzer::Impl {
  Impl(const Options& o, report::Sink& s) : options(o), sink(s) {}

  Options options;
  report::Sink& sink;
  std::vector<CallRecord> calls;
  std::vector<StreamRecord> orphans;
  FlatMap<std::uint64_t, std::unique_ptr<CallKeys>> call_keys;  // by Call::serial

  // --- findings -------------------------------------------------------------------------------------------------

  void add(const Rule& rule, std::string message, const Call* call, std::string entity, std::vector<Evidence> evidence,
           std::vector<std::pair<std::string, std::string>> subject = {}, std::optional<Severity> severity = {},
           Confidence confidence = Confidence::kCertain) {
    std::erase_if(evidence, [](const Evidence& e) { return !e.frame.known(); });
    if (evidence.empty()) return;
    sink.add({.rule = &rule,
              .severity = severity.value_or(rule.severity),
              .confidence = confidence,
              .message = std::move(message),
              .call_id = call != nullptr ? call->call_id : std::string(),
              .subject = std::move(subject),
              .entity = std::move(entity),
              .evidence = std::move(evidence),
              .status_reason = {}});
  }

  // --- streams --------------------------------------------------------------------------------------------------

  CallKeys& keys_of(const Call& call) {
    auto& slot = call_keys.at_or_new(call.serial);
    if (slot == nullptr) slot = std::make_unique<CallKeys>();
    return *slot;
  }

  void authenticate(const MediaStream& stream, StreamState& state, const dissect::MediaEvent& event) {
    const Call& call = *stream.call;
    if (state.keys == nullptr) state.keys = &keys_of(call);
    if (state.keys->uses_read < call.sdp_uses.size()) collect_keys(call, *state.keys);
    if (state.keys->keys.empty()) return;
    if (state.auth == nullptr) state.auth = std::make_unique<AuthState>();
    AuthState& auth = *state.auth;
    for (; auth.keys_added < state.keys->keys.size(); ++auth.keys_added)
      (void)auth.search.add(state.keys->keys[auth.keys_added]);
    auth.check(event.datagram->payload, event.rtp.header_size, event.datagram->frame);
  }

  void on_rtcp(RtcpFlow& flow, const dissect::MediaEvent& event) {
    if (flow.call == nullptr || event.datagram->truncated) return;
    if (flow.attachment == nullptr) flow.attachment = std::make_unique<RtcpState>();
    auto& state = static_cast<RtcpState&>(*flow.attachment);
    if (state.keys == nullptr) state.keys = &keys_of(*flow.call);
    if (state.keys->uses_read < flow.call->sdp_uses.size()) collect_keys(*flow.call, *state.keys);
    for (const auto& key : state.keys->keys) {
      const auto check = key->verify_rtcp(event.datagram->payload);
      if (!check) continue;
      if (check->encrypted && key->suite().encrypts()) {
        ++state.verified_encrypted;
      } else {
        if (state.verified_clear++ == 0) state.first_clear = event.datagram->frame;
        state.last_clear = event.datagram->frame;
      }
      return;
    }
  }

  void on_rtp(MediaStream& stream, const dissect::MediaEvent& event) {
    if (stream.attachment == nullptr) stream.attachment = std::make_unique<StreamState>();
    auto& state = static_cast<StreamState&>(*stream.attachment);
    const net::Datagram& datagram = *event.datagram;
    state.judge.add(event.rtp, datagram.frame, datagram.truncated);
    if (stream.call != nullptr && !datagram.truncated) authenticate(stream, state, event);
    if (state.sample_count < state.samples.size() && event.rtp.sequence % 16 == 0 && !datagram.truncated)
      take_sample(state, event);
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

  static StreamRecord record_stream(const MediaStream& stream, std::span<const CodecHint> hints,
                                    std::optional<unsigned> overhead, std::vector<Stretch>& stretches,
                                    FrameRef& first_clear, FrameRef& last_clear) {
    StreamRecord record;
    Judgement judgement;
    if (stream.attachment != nullptr)
      judgement = static_cast<const StreamState&>(*stream.attachment).judge.judge(hints, overhead);
    take_judgement(stream, judgement, record);
    stretches = std::move(judgement.stretches);
    first_clear = judgement.first_clear;
    last_clear = judgement.last_clear;
    return record;
  }

  // --- calls ----------------------------------------------------------------------------------------------------

  void on_call_end(Call& call) {
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
      check_offers(call, leg);
      check_drops(call, leg);
    }
    for (MediaStream* stream : legs.unplaced) place_anyway(call, *stream, record);
    check_keys_in_clear(call);
    note_refusals(call, legs, record);
    call_keys.erase(call.serial);
    calls.push_back(std::move(record));
  }

  static Timestamp end_of(const Call& call) {
    Timestamp end = call.ended.known() ? call.ended : call.last.time;
    if (call.ended.known()) return end;
    for (const auto& stream : call.streams) end = std::max(end, stream->last.time);
    return end;
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
    StreamRecord kept = record_stream(stream, {}, {}, stretches, first_clear, last_clear);
    attach_rtcp(call, stream, kept, nullptr);
    leg.media.front().streams.push_back(std::move(kept));
    leg.protection = protection_of(leg);
  }

  static void attach_rtcp(const Call& call, const MediaStream& stream, StreamRecord& record,
                          std::vector<const RtcpFlow*>* clear_flows) {
    std::uint64_t clear = 0;
    std::uint64_t encrypted = 0;
    for (const auto& flow : call.rtcp) {
      if (flow->ssrc != stream.ssrc || flow->key.src.address != stream.key.src.address ||
          flow->key.dst.address != stream.key.dst.address)
        continue;
      take_rtcp(*flow, record, clear, encrypted);
      if (flow->clear != 0 && clear_flows != nullptr) clear_flows->push_back(flow.get());
    }
    record.rtcp_observed = rtcp_verdict(clear, encrypted);
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
    bool zrtp = false;
    std::vector<std::pair<const MediaStream*, std::size_t>> sources;
    for (MediaStream* stream : media.streams) {
      const Exchange* exchange = in_force(leg, media.index, stream->first.time);
      const Agreement agreement =
          exchange != nullptr && state.agreement.keying != Keying::kUnknown
              ? agree(line_of(exchange->offer, media.index), line_of(exchange->answer, media.index))
              : state.agreement;
      const bool secured = zrtp_secured(call, *stream);
      zrtp |= secured;
      std::vector<Stretch> stretches;
      FrameRef first_clear;
      FrameRef last_clear;
      StreamRecord kept = record_stream(*stream, hints, overhead_of(agreement), stretches, first_clear, last_clear);
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
      check_tags(call, *stream, agreement, kept);
      std::vector<const RtcpFlow*> clear_rtcp;
      attach_rtcp(call, *stream, kept, &clear_rtcp);
      check_stream(call, leg, media.index, *stream, agreement, kept, stretches, first_clear, last_clear);
      check_rtcp(call, kept, clear_rtcp);
      record.streams.push_back(std::move(kept));
    }
    if (zrtp && record.negotiated == Keying::kNone) {
      record.negotiated = Keying::kZrtp;
      if (std::ranges::find(record.offered, Keying::kZrtp) == record.offered.end())
        record.offered.push_back(Keying::kZrtp);
    }
    check_not_encrypted(call, state, record);
    check_answer(call, leg, media.index, record);
    check_fingerprint(call, leg, media.index);
    return record;
  }

  // Whether the exchange in force at that moment asked for no encryption: what fails then is no forgery.
  static bool plain_by_then(const Leg& leg, std::size_t index, Timestamp when) {
    for (const DialogLeg* dialog : leg.path) {
      const Exchange* last = nullptr;
      for (const Exchange& exchange : dialog->exchanges) {
        if (exchange.complete() && line_of(exchange.answer, index) != nullptr && exchange.answer.frame.time <= when)
          last = &exchange;
      }
      if (last == nullptr) continue;
      const Agreement agreement = agree(line_of(last->offer, index), line_of(last->answer, index));
      return agreement.keying == Keying::kNone && !agreement.secure_profile;
    }
    return false;
  }

  // Verified tags outrank what the bytes look like.
  static void apply_tags(const MediaStream& stream, const Leg& leg, std::size_t index, StreamRecord& record) {
    if (stream.attachment == nullptr) return;
    const auto& state = static_cast<const StreamState&>(*stream.attachment);
    if (state.auth == nullptr || !state.auth->proven()) return;
    const AuthState& auth = *state.auth;
    record.authenticated = true;
    record.valid = auth.valid;
    record.checked = auth.checked;
    for (const FrameRef& frame : auth.failed_frames) {
      if (plain_by_then(leg, index, frame.time)) {
        --record.checked;
      } else {
        record.failed_frames.push_back(frame.number);
      }
    }
    const std::string suite(auth.search.key(*auth.search.proven())->suite().name());
    const bool bulk = auth.valid * 2 >= stream.packets;
    if (!bulk && record.observed != Observed::kEncrypted) return;
    record.proof = Strength::kAuthenticated;
    if (auth.valid_clear * 2 > auth.valid) {
      record.observed = Observed::kCleartext;
      record.cleartext_packets = std::max(record.cleartext_packets, auth.valid_clear);
      record.reason = fmt::format(
          "{} of {} authentication tags verify with a {} key of the signalling, which leaves the payload clear",
          record.valid, record.checked, suite);
      return;
    }
    record.observed = Observed::kEncrypted;
    record.cleartext_packets =
        std::min(record.cleartext_packets, record.packets - std::min(record.packets, record.valid));
    record.reason = fmt::format("{} of {} authentication tags verify with a {} key of the signalling", record.valid,
                                record.checked, suite);
    if (!record.failed_frames.empty()) record.reason += fmt::format("; {} fail", record.checked - record.valid);
  }

  // SRTP-028.
  void check_tags(const Call& call, const MediaStream& stream, const Agreement& agreement, const StreamRecord& record) {
    const auto* state = static_cast<const StreamState*>(stream.attachment.get());
    if (state == nullptr || state->auth == nullptr) return;
    const AuthState& auth = *state->auth;
    const std::vector<std::pair<std::string, std::string>> subject{{"source", record.src.to_string()},
                                                                   {"destination", record.dst.to_string()}};
    if (record.authenticated) {
      const std::uint64_t failed = record.failed_frames.size();
      std::uint64_t run = 0;
      std::vector<Evidence> evidence;
      for (const FrameRef& frame : auth.failed_frames) {
        if (std::ranges::find(record.failed_frames, frame.number) == record.failed_frames.end()) continue;
        if (evidence.size() < 5) evidence.push_back({frame, "tag fails"});
      }
      if (failed == auth.failed) run = auth.longest_failing_run;
      if (failed == 0 || (failed * 100 < record.checked && run < 5)) {
        sink.tally(kTagFailures, Verdict::kPass);
        return;
      }
      sink.tally(kTagFailures, Verdict::kFail);
      add(kTagFailures,
          fmt::format("{} of {} packets from {} to {} (SSRC 0x{:08x}) fail authentication under a proven key", failed,
                      record.checked, record.src.to_string(), record.dst.to_string(), stream.ssrc),
          &call, hosts(record.src, record.dst), std::move(evidence), subject);
      return;
    }
    // Keys were at hand and none fits: another key than the signalled one is in use.
    if (agreement.keying == Keying::kSdes && record.observed == Observed::kEncrypted &&
        auth.checked >= options.min_clear_packets &&
        agreement.parameters.find("UNAUTHENTICATED_SRTP") == std::string::npos) {
      sink.tally(kTagFailures, Verdict::kFail);
      add(kTagFailures,
          fmt::format("none of {} packets from {} to {} (SSRC 0x{:08x}) verifies with the keys of the signalling, "
                      "though they look encrypted: wrong key",
                      auth.checked, record.src.to_string(), record.dst.to_string(), stream.ssrc),
          &call, hosts(record.src, record.dst) + "|wrong-key", {{record.first, "first packet"}}, subject,
          Severity::kMedium, Confidence::kProbable);
      return;
    }
    sink.tally(kTagFailures, Verdict::kNotAssessable);
  }

  // SRTP-001.
  void check_not_encrypted(const Call& call, const LineState& state, const MediaRecord& media) {
    const MediaLine* line = state.answer != nullptr ? state.answer : state.offer;
    if (line == nullptr || !audio_or_video(*line)) return;
    std::uint64_t packets = 0;
    std::uint64_t seen_encrypted = 0;
    const StreamRecord* clearest = nullptr;
    for (const StreamRecord& stream : media.streams) {
      packets += stream.packets;
      if (stream.observed == Observed::kEncrypted) ++seen_encrypted;
      if (stream.observed != Observed::kEncrypted && (clearest == nullptr || stream.packets > clearest->packets))
        clearest = &stream;
    }
    if (state.refused || state.agreement.rejected || state.agreement.inactive) {
      sink.tally(kMediaNotEncrypted, Verdict::kNotApplicable);
      return;
    }
    if (media.negotiated != Keying::kNone && media.negotiated != Keying::kUnknown) {
      sink.tally(kMediaNotEncrypted, Verdict::kPass);
      return;
    }
    if (packets < options.min_unencrypted_packets || clearest == nullptr) {
      sink.tally(kMediaNotEncrypted,
                 clearest == nullptr && seen_encrypted != 0 ? Verdict::kPass : Verdict::kNotAssessable);
      return;
    }
    const bool agreed_plain = media.negotiated == Keying::kNone && !state.agreement.secure_profile;
    const bool seen_clear =
        std::ranges::any_of(media.streams, [&](const StreamRecord& s) { return s.observed == Observed::kCleartext; });
    if (!agreed_plain && !(media.negotiated == Keying::kUnknown && seen_clear)) {
      sink.tally(kMediaNotEncrypted,
                 media.negotiated == Keying::kUnknown ? Verdict::kNotAssessable : Verdict::kNotApplicable);
      return;
    }
    sink.tally(kMediaNotEncrypted, Verdict::kFail);
    std::vector<Evidence> evidence{{clearest->first, "first RTP packet"}};
    if (state.exchange != nullptr) {
      evidence.push_back({state.exchange->offer.frame, "offer"});
      evidence.push_back({state.exchange->answer.frame, "answer"});
    }
    add(kMediaNotEncrypted,
        fmt::format("{} negotiated {} with no keys; {} packets ({:.1f} s) of {} between {} and {}", media.kind,
                    media.profile.empty() ? std::string("nothing that was seen") : media.profile, packets,
                    seconds_of(*clearest), clearest->codec.empty() ? std::string("unknown codec") : clearest->codec,
                    clearest->src.to_string(), clearest->dst.to_string()),
        &call, hosts(clearest->src, clearest->dst), std::move(evidence),
        {{"source", clearest->src.to_string()}, {"destination", clearest->dst.to_string()}});
  }

  // SRTP-004, SRTP-005, and the media half of SRTP-008.
  void check_stream(const Call& call, const Leg& leg, std::size_t index, const MediaStream& stream,
                    const Agreement& agreement, const StreamRecord& record, const std::vector<Stretch>& stretches,
                    const FrameRef& first_clear, const FrameRef& last_clear) {
    const std::vector<std::pair<std::string, std::string>> subject{{"source", record.src.to_string()},
                                                                   {"destination", record.dst.to_string()}};
    const Confidence confidence = record.proof == Strength::kStructural ? Confidence::kCertain : Confidence::kProbable;
    const bool promised = agreement.secure_profile && !agreement.rejected && agreement.keying != Keying::kUnknown;
    if (promised) {
      const FrameRef& from = first_clear.known() ? first_clear : record.first;
      const FrameRef& until = last_clear.known() ? last_clear : record.last;
      const bool enough =
          record.cleartext_packets >= options.min_clear_packets && seconds_between(from.time, until.time) >= 1.0;
      if (enough && !clear_by_agreement(agreement) && !plain_by_then(leg, index, from.time)) {
        sink.tally(kSecureProfileClearMedia, Verdict::kFail);
        add(kSecureProfileClearMedia,
            fmt::format("{} was negotiated{}, but {} of {} packets from {} to {} are clear {}: {}", agreement.profile,
                        agreement.suite.empty() ? std::string() : " with " + agreement.suite, record.cleartext_packets,
                        record.packets, record.src.to_string(), record.dst.to_string(),
                        record.codec.empty() ? std::string("media") : record.codec, record.reason),
            &call, hosts(record.src, record.dst) + "|clear",
            {{first_clear.known() ? first_clear : record.first, "first clear packet"},
             {last_clear, "last clear packet"}},
            subject, {}, confidence);
      } else {
        sink.tally(kSecureProfileClearMedia, clear_by_agreement(agreement)             ? Verdict::kNotApplicable
                                             : record.observed == Observed::kEncrypted ? Verdict::kPass
                                                                                       : Verdict::kNotAssessable);
      }
    } else if (agreement.keying == Keying::kNone && !agreement.rejected) {
      if (record.observed == Observed::kEncrypted && !zrtp_seen(call) && record.declared == Declared::kRtp) {
        sink.tally(kUnnegotiatedEncryption, Verdict::kFail);
        add(kUnnegotiatedEncryption,
            fmt::format("{} without keys was negotiated, yet {} packets from {} to {} look encrypted: {}",
                        agreement.profile, record.packets, record.src.to_string(), record.dst.to_string(),
                        record.reason),
            &call, hosts(record.src, record.dst), {{record.first, "first packet"}}, subject, {}, Confidence::kProbable);
      } else {
        sink.tally(kUnnegotiatedEncryption,
                   record.observed == Observed::kUndetermined ? Verdict::kNotAssessable : Verdict::kPass);
      }
    }
    check_stretches(call, stream, record, stretches, subject);
  }

  // A stream that was encrypted and then clear for a second or more.
  void check_stretches(const Call& call, const MediaStream& stream, const StreamRecord& record,
                       const std::vector<Stretch>& stretches,
                       const std::vector<std::pair<std::string, std::string>>& subject) {
    const Stretch* before = nullptr;
    for (const Stretch& stretch : stretches) {
      if (stretch.observed == Observed::kEncrypted) before = &stretch;
      if (stretch.observed != Observed::kCleartext || before == nullptr) continue;
      const double seconds = seconds_between(stretch.first.time, stretch.last.time);
      if (seconds < 1.0) continue;
      sink.tally(kDroppedMidCall, Verdict::kFail);
      add(kDroppedMidCall,
          fmt::format("media from {} to {} (SSRC 0x{:08x}) was encrypted, then clear for {:.1f} s ({} packets)",
                      record.src.to_string(), record.dst.to_string(), stream.ssrc, seconds, stretch.packets),
          &call, hosts(record.src, record.dst) + "|media",
          {{stretch.first, "first clear packet"},
           {before->last, "last encrypted packet"},
           {stretch.last, "last clear packet"}},
          subject, {}, Confidence::kProbable);
      return;
    }
  }

  // SRTP-031.
  void check_rtcp(const Call& call, const StreamRecord& record, const std::vector<const RtcpFlow*>& clear_flows) {
    if (record.observed != Observed::kEncrypted && record.declared != Declared::kSrtp) {
      sink.tally(kClearRtcp, Verdict::kNotApplicable);
      return;
    }
    if (clear_flows.empty()) {
      sink.tally(kClearRtcp, record.rtcp_observed == RtcpObserved::kEncrypted ? Verdict::kPass
                             : record.rtcp_packets == 0                       ? Verdict::kNotApplicable
                                                                              : Verdict::kNotAssessable);
      return;
    }
    sink.tally(kClearRtcp, Verdict::kFail);
    std::uint64_t clear = 0;
    std::uint64_t all = 0;
    for (const RtcpFlow* flow : clear_flows) {
      clear += flow->clear;
      all += flow->packets;
    }
    const RtcpFlow& first = *clear_flows.front();
    add(kClearRtcp,
        fmt::format("{} of {} RTCP packets from {} to {} are clear beside media that is {}{}", clear, all,
                    first.key.src.to_string(), first.key.dst.to_string(),
                    record.observed == Observed::kEncrypted ? "encrypted" : "negotiated to be encrypted",
                    first.cname.empty() ? "" : "; they show the CNAME"),
        &call, hosts(first.key.src, first.key.dst),
        {{first.first_clear, "first clear RTCP"}, {first.last_clear, "last clear RTCP"}},
        {{"source", first.key.src.to_string()}, {"destination", first.key.dst.to_string()}});
  }

  // SRTP-007.
  void check_answer(const Call& call, const Leg& leg, std::size_t index, const MediaRecord& media) {
    const bool flows = std::ranges::any_of(media.streams, [](const StreamRecord& s) { return s.packets >= 10; });
    for (const DialogLeg* dialog : leg.path) {
      for (const Exchange& exchange : dialog->exchanges) {
        const MediaLine* offer = line_of(exchange.offer, index);
        const MediaLine* answer = line_of(exchange.answer, index);
        if (offer == nullptr || answer == nullptr || !offer->secure_profile() || offer->port == 0) continue;
        if (answer->port == 0) {
          sink.tally(kAnswerDowngrade, Verdict::kNotApplicable);
          continue;
        }
        const bool plain = answer->rtp_profile() && !answer->secure_profile();
        const bool keyless = answer->secure_profile() && carries_keys(*offer) && !carries_keys(*answer) && flows;
        if (!plain && !keyless) {
          sink.tally(kAnswerDowngrade, Verdict::kPass);
          continue;
        }
        sink.tally(kAnswerDowngrade, Verdict::kFail);
        const Hop& hop = call.hops[dialog->hop];
        add(kAnswerDowngrade,
            plain
                ? fmt::format("offer m={} {} was answered with {}, port {}", offer->kind, offer->protocol,
                              answer->protocol, answer->port)
                : fmt::format("offer m={} {} carried keys, its answer has the profile {} but no keys, and media flows",
                              offer->kind, offer->protocol, answer->protocol),
            &call, hosts(hop.caller_side, hop.callee_side),
            {{exchange.answer.frame, "answer"}, {exchange.offer.frame, "offer"}},
            {{"source", hop.callee_side.to_string()}, {"destination", hop.caller_side.to_string()}});
        return;
      }
    }
  }

  // SRTP-036.
  void check_fingerprint(const Call& call, const Leg& leg, std::size_t index) {
    bool asked = false;
    const auto look = [&](const SdpUse& use) {
      const MediaLine* line = line_of(use, index);
      if (line == nullptr || line->port == 0 || !line->dtls_profile()) return false;
      asked = true;
      if (!line->fingerprints.empty()) return false;
      sink.tally(kDtlsWithoutFingerprint, Verdict::kFail);
      add(kDtlsWithoutFingerprint,
          fmt::format("{} m={} {} has no a=fingerprint at media or session level", use.status == 0 ? "offer" : "answer",
                      line->kind, line->protocol),
          &call, line->rtp.address.to_string() + "|fingerprint", {{use.frame, "SDP without fingerprint"}});
      return true;
    };
    for (const DialogLeg* dialog : leg.path) {
      for (const Exchange& exchange : dialog->exchanges) {
        if (look(exchange.offer) || look(exchange.answer)) return;
      }
    }
    for (const SdpUse* use : leg.lone_offers) {
      if (look(*use)) return;
    }
    if (asked) sink.tally(kDtlsWithoutFingerprint, Verdict::kPass);
  }

  // SRTP-006.
  void check_offers(const Call& call, const Leg& leg) {
    std::set<std::size_t> told;
    const auto look = [&](const SdpUse& use, const SdpUse* answer, bool refused) {
      if (use.sdp == nullptr) return;
      for (std::size_t i = 0; i < use.sdp->media().size(); ++i) {
        const MediaLine& line = use.sdp->media()[i];
        if (!audio_or_video(line) || line.port == 0 || line.secure_profile() || told.contains(i)) continue;
        if (!has_scheme(line, Keying::kSdes) && !has_scheme(line, Keying::kDtlsSrtp) && !line.capability_keying)
          continue;
        told.insert(i);
        const MediaLine* reply = answer != nullptr ? line_of(*answer, i) : nullptr;
        std::string_view outcome = "no answer was seen";
        if (refused || (reply != nullptr && reply->port == 0)) {
          outcome = "it was refused";
        } else if (reply != nullptr) {
          outcome =
              carries_keys(*reply) || reply->secure_profile() ? "the answer took it up" : "the answer went on in clear";
        }
        sink.tally(kBestEffort, Verdict::kFail);
        std::vector<Evidence> evidence{{use.frame, "offer"}};
        if (answer != nullptr) evidence.push_back({answer->frame, "answer"});
        const std::string_view what = !line.cryptos.empty()        ? "a=crypto"
                                      : !line.fingerprints.empty() ? "a=fingerprint"
                                                                   : "a capability";
        add(kBestEffort,
            fmt::format("offer m={} {} carries {}: encryption is optional; {}", line.kind, line.protocol, what,
                        outcome),
            &call, line.rtp.address.to_string() + "|optional", std::move(evidence));
      }
    };
    for (const DialogLeg* dialog : leg.path) {
      for (const Exchange& exchange : dialog->exchanges) {
        look(exchange.offer, exchange.answer.sdp != nullptr ? &exchange.answer : nullptr, exchange.refused != 0);
      }
    }
    for (const SdpUse* use : leg.lone_offers) look(*use, nullptr, leg.refusal != nullptr);
    if (told.empty() && !leg.path.empty()) sink.tally(kBestEffort, Verdict::kPass);
  }

  // The signalling half of SRTP-008.
  void check_drops(const Call& call, const Leg& leg) {
    for (const DialogLeg* dialog : leg.path) {
      std::map<std::size_t, const Exchange*> secure;
      for (const Exchange& exchange : dialog->exchanges) {
        if (!exchange.complete()) continue;
        for (std::size_t i = 0; i < exchange.answer.sdp->media().size(); ++i) {
          const Agreement now = agree(line_of(exchange.offer, i), line_of(exchange.answer, i));
          const MediaLine& line = exchange.answer.sdp->media()[i];
          if (now.rejected || now.inactive || !line.rtp_profile()) continue;
          if (now.secure_profile) {
            secure[i] = &exchange;
          } else if (const auto at = secure.find(i); at != secure.end() && now.keying == Keying::kNone) {
            sink.tally(kDroppedMidCall, Verdict::kFail);
            const Hop& hop = call.hops[dialog->hop];
            add(kDroppedMidCall,
                fmt::format("m={} was {} and became {} by {} after {:.1f} s", line.kind,
                            line_of(at->second->answer, i)->protocol, line.protocol, sip::to_string(exchange.method),
                            seconds_between(at->second->answer.frame.time, exchange.answer.frame.time)),
                &call, hosts(hop.caller_side, hop.callee_side),
                {{exchange.offer.frame, "offer without encryption"},
                 {exchange.answer.frame, "its answer"},
                 {at->second->answer.frame, "encrypted until then"}});
            return;
          }
        }
      }
      if (!secure.empty()) {
        sink.tally(kDroppedMidCall, Verdict::kPass);
        return;
      }
    }
  }

  // Whether each line that offered a key was answered with port 0.
  static bool every_line_rejected(const Call& call) {
    bool any = false;
    for (const DialogLeg& dialog : call.dialogs) {
      for (const Exchange& exchange : dialog.exchanges) {
        if (!exchange.complete()) return false;
        for (std::size_t i = 0; i < exchange.offer.sdp->media().size(); ++i) {
          if (exchange.offer.sdp->media()[i].cryptos.empty()) continue;
          const MediaLine* answer = line_of(exchange.answer, i);
          if (answer == nullptr || answer->port != 0) return false;
          any = true;
        }
      }
    }
    return any;
  }

  // SRTP-002.
  void check_keys_in_clear(const Call& call) {
    const std::uint64_t packets = [&] {
      std::uint64_t sum = 0;
      for (const auto& stream : call.streams) sum += stream->packets;
      return sum;
    }();
    const bool refused = !call.answered.known() && (call.final_status >= 300 || !call.refusals.empty());
    const bool never_used = packets == 0 && (refused || every_line_rejected(call));
    for (std::size_t h = 0; h < call.hops.size(); ++h) {
      const Hop& hop = call.hops[h];
      std::vector<Evidence> evidence;
      std::string keys;
      const sdp::Crypto* first = nullptr;
      bool keyed = false;
      for (std::size_t i = 0; i < call.sdp_uses.size(); ++i) {
        if (call.sdp_use_hops[i] != h) continue;
        const SdpUse& use = call.sdp_uses[i];
        bool here = false;
        for (const MediaLine& line : use.sdp->media()) {
          for (const sdp::Crypto& crypto : line.cryptos) {
            const auto inlined = inline_keys(crypto);
            if (inlined.empty()) continue;
            here = true;
            if (first == nullptr) {
              first = &crypto;
              keys = masked_key(inlined.front());
            }
          }
        }
        keyed |= here;
        if (here && evidence.size() < 4)
          evidence.push_back({use.frame, use.status == 0 ? "a=crypto in a request" : "a=crypto in a response"});
      }
      if (!keyed) continue;
      if (dissect::encrypted(hop.signalling)) {
        sink.tally(kSdesInClear, Verdict::kPass);
        continue;
      }
      if (hop.caller_side.address.loopback() && hop.callee_side.address.loopback()) {
        sink.tally(kSdesInClear, Verdict::kNotApplicable);
        continue;
      }
      sink.tally(kSdesInClear, Verdict::kFail);
      add(kSdesInClear,
          fmt::format("SDES key ({}, {}) sent over {} between {} and {}{}{}", canonical_suite(first->suite), keys,
                      dissect::to_string(hop.signalling), hop.caller_side.to_string(), hop.callee_side.to_string(),
                      never_used ? "; the offer was refused and no media used it" : "",
                      hop.on_wire ? "" : "; as a HEP mirror tells, not seen on the wire itself"),
          &call, hosts(hop.caller_side, hop.callee_side), std::move(evidence),
          {{"source", hop.caller_side.to_string()}, {"destination", hop.callee_side.to_string()}},
          never_used ? std::optional(Severity::kLow) : std::nullopt,
          hop.on_wire ? Confidence::kCertain : Confidence::kProbable);
    }
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

  void on_orphan_end(MediaStream& stream, const std::vector<RtcpFlow*>& rtcp) {
    std::vector<Stretch> stretches;
    FrameRef first_clear;
    FrameRef last_clear;
    StreamRecord record = record_stream(stream, {}, {}, stretches, first_clear, last_clear);
    std::uint64_t clear = 0;
    std::uint64_t encrypted = 0;
    for (const RtcpFlow* flow : rtcp) take_rtcp(*flow, record, clear, encrypted);
    record.rtcp_observed = rtcp_verdict(clear, encrypted);
    const std::vector<std::pair<std::string, std::string>> subject{{"source", record.src.to_string()},
                                                                   {"destination", record.dst.to_string()}};
    if (record.observed == Observed::kCleartext && record.packets >= options.min_unencrypted_packets) {
      sink.tally(kMediaNotEncrypted, Verdict::kFail);
      add(kMediaNotEncrypted,
          fmt::format("{} packets ({:.1f} s) of clear {} from {} to {} without signalling in view: {}", record.packets,
                      seconds_of(record), record.codec.empty() ? std::string("media") : record.codec,
                      record.src.to_string(), record.dst.to_string(), record.reason),
          nullptr, hosts(record.src, record.dst),
          {{first_clear.known() ? first_clear : record.first, "first clear packet"}}, subject, {},
          record.proof == Strength::kStructural ? Confidence::kCertain : Confidence::kProbable);
    } else {
      sink.tally(kMediaNotEncrypted,
                 record.observed == Observed::kEncrypted ? Verdict::kPass : Verdict::kNotAssessable);
    }
    std::vector<const RtcpFlow*> clear_flows;
    for (const RtcpFlow* flow : rtcp) {
      if (flow->clear != 0) clear_flows.push_back(flow);
    }
    check_orphan_rtcp(record, clear_flows);
    check_orphan_stretches(stream, record, stretches, subject);
    orphans.push_back(std::move(record));
  }

  void check_orphan_rtcp(const StreamRecord& record, const std::vector<const RtcpFlow*>& clear_flows) {
    static const Call kNoCall;
    if (record.observed == Observed::kEncrypted) check_rtcp(kNoCall, record, clear_flows);
  }
  void check_orphan_stretches(const MediaStream& stream, const StreamRecord& record,
                              const std::vector<Stretch>& stretches,
                              const std::vector<std::pair<std::string, std::string>>& subject) {
    static const Call kNoCall;
    check_stretches(kNoCall, stream, record, stretches, subject);
  }

  // --- across calls ---------------------------------------------------------------------------------------------

  // A finding about a call that is only a record by now.
  void add_late(const Rule& rule, const CallRecord& call, std::string message, std::string entity,
                std::vector<Evidence> evidence, std::optional<Severity> severity, Confidence confidence) {
    Call shadow;
    shadow.call_id = call.call_id;
    add(rule, std::move(message), &shadow, std::move(entity), std::move(evidence), {}, severity, confidence);
  }

  // SRTP-009.
  void check_retries() {
    std::map<std::pair<std::string, std::string>, std::vector<const CallRecord*>> refused;
    for (const CallRecord& call : calls) {
      if (!call.refusals.empty()) refused[{call.from, call.to}].push_back(&call);
    }
    if (refused.empty()) return;
    for (const CallRecord& call : calls) {
      if (!call.clear_success) continue;
      const auto at = refused.find({call.from, call.to});
      if (at == refused.end()) continue;
      for (const CallRecord* before : at->second) {
        for (const SecureRefusal& refusal : before->refusals) {
          const Timestamp again = call.clear_success->time;
          if (again < refusal.refusal.time || later_by(refusal.refusal.time, again, options.retry_window)) continue;
          sink.tally(kClearRetry, Verdict::kFail);
          add_late(kClearRetry, call,
                   fmt::format("{} called {} with SRTP and was refused with {}; {:.1f} s later it called without "
                               "encryption and got through{}",
                               call.from, call.to, refusal.status, seconds_between(refusal.refusal.time, again),
                               before == &call ? "" : " (refused as Call-ID " + before->call_id + ")"),
                   call.from + '|' + call.to,
                   {{*call.clear_success, "offer without encryption"},
                    {refusal.refusal, "refusal"},
                    {refusal.offer, "refused offer"}},
                   {}, Confidence::kCertain);
          goto next_call;
        }
      }
    next_call:;
    }
  }

  // SRTP-010.
  void check_legs() {
    std::map<std::size_t, std::vector<std::pair<const CallRecord*, const LegRecord*>>> groups;
    for (const CallRecord& call : calls) {
      const bool guess = call.group != static_cast<std::size_t>(&call - calls.data()) &&
                         call.linked_by == session::LinkKind::kHeuristic;
      if (guess) continue;
      for (const LegRecord& leg : call.legs) {
        if (leg.protection != Protection::kNoMedia) groups[call.group].emplace_back(&call, &leg);
      }
    }
    for (const auto& [group, legs] : groups) {
      if (legs.size() < 2) {
        sink.tally(kUnequalLegs, Verdict::kNotApplicable);
        continue;
      }
      const std::pair<const CallRecord*, const LegRecord*>* clear = nullptr;
      const std::pair<const CallRecord*, const LegRecord*>* encrypted = nullptr;
      bool unclear = false;
      for (const auto& leg : legs) {
        if (leg.second->protection == Protection::kClear && clear == nullptr) clear = &leg;
        if (leg.second->protection == Protection::kEncrypted && encrypted == nullptr) encrypted = &leg;
        unclear |= leg.second->protection == Protection::kUndetermined;
      }
      if (clear == nullptr || encrypted == nullptr) {
        sink.tally(kUnequalLegs, unclear ? Verdict::kNotAssessable : Verdict::kPass);
        continue;
      }
      const StreamRecord* bare = first_stream(*clear->second, Observed::kCleartext);
      const StreamRecord* sealed = first_stream(*encrypted->second, Observed::kEncrypted);
      if (bare == nullptr || sealed == nullptr) continue;
      sink.tally(kUnequalLegs, Verdict::kFail);
      const bool outside = !bare->src.address.is_private() || !bare->dst.address.is_private();
      add_late(
          kUnequalLegs, *clear->first,
          fmt::format("one leg ({} - {}) is encrypted, another ({} - {}) is clear{}", sealed->src.to_string(),
                      sealed->dst.to_string(), bare->src.to_string(), bare->dst.to_string(),
                      clear->first == encrypted->first ? "" : "; other leg is Call-ID " + encrypted->first->call_id),
          hosts(bare->src, bare->dst), {{bare->first, "clear leg"}, {sealed->first, "encrypted leg"}},
          outside ? Severity::kHigh : Severity::kMedium, Confidence::kCertain);
    }
  }

  static const StreamRecord* first_stream(const LegRecord& leg, Observed observed) {
    for (const MediaRecord& media : leg.media) {
      for (const StreamRecord& stream : media.streams) {
        if (stream.observed == observed) return &stream;
      }
    }
    return nullptr;
  }

  // SRTP-063.
  void tell_coverage() {
    const Summary summary = summarize(calls, orphans);
    FrameRef first;
    const auto look = [&first](const StreamRecord& stream) {
      if (!first.known() || stream.first < first) first = stream.first;
    };
    std::uint64_t packets = 0;
    std::array<std::uint64_t, 3> by_verdict{};
    for (const CallRecord& call : calls) {
      for (const LegRecord& leg : call.legs) {
        for (const MediaRecord& media : leg.media) {
          for (const StreamRecord& stream : media.streams) {
            look(stream);
            packets += stream.packets;
            by_verdict[static_cast<std::size_t>(stream.observed)] += stream.packets;
          }
        }
      }
    }
    for (const StreamRecord& stream : orphans) {
      look(stream);
      packets += stream.packets;
      by_verdict[static_cast<std::size_t>(stream.observed)] += stream.packets;
    }
    if (!first.known() || packets == 0) {
      sink.tally(kCoverage, Verdict::kNotApplicable);
      return;
    }
    sink.tally(kCoverage, Verdict::kFail);
    const auto percent = [packets](std::uint64_t n) {
      return 100.0 * static_cast<double>(n) / static_cast<double>(packets);
    };
    add(kCoverage,
        fmt::format("{} of {} calls with media fully encrypted, {} with clear media, {} undetermined; of all RTP "
                    "packets {:.1f} % encrypted, {:.1f} % clear, {:.1f} % undetermined",
                    summary.encrypted, summary.with_media, summary.clear, summary.undetermined,
                    percent(by_verdict[static_cast<std::size_t>(Observed::kEncrypted)]),
                    percent(by_verdict[static_cast<std::size_t>(Observed::kCleartext)]),
                    percent(by_verdict[static_cast<std::size_t>(Observed::kUndetermined)])),
        nullptr, "capture", {{first, "first media packet"}});
  }

  std::shared_ptr<const report::Content> finish() {
    std::ranges::sort(calls, [](const CallRecord& a, const CallRecord& b) {
      return a.first != b.first ? a.first < b.first : a.serial < b.serial;
    });
    std::ranges::sort(orphans, [](const StreamRecord& a, const StreamRecord& b) { return a.first < b.first; });
    group_calls(calls);
    check_retries();
    check_legs();
    tell_coverage();
    return std::make_shared<SrtpContent>(std::move(calls), std::move(orphans));
  }
};

SrtpAnalyzer::SrtpAnalyzer(const Options& options, report::Sink& sink) : impl_(std::make_unique<Impl>(options, sink)) {}
SrtpAnalyzer::~SrtpAnalyzer() = default;

void SrtpAnalyzer::on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) {
  impl_->on_rtp(stream, event);
}
void SrtpAnalyzer::on_rtcp(RtcpFlow& flow, const dissect::MediaEvent& event) { impl_->on_rtcp(flow, event); }
void SrtpAnalyzer::on_call_end(session::Call& call) { impl_->on_call_end(call); }
void SrtpAnalyzer::on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& rtcp) {
  impl_->on_orphan_end(stream, rtcp);
}
std::shared_ptr<const report::Content> SrtpAnalyzer::finish() { return impl_->finish(); }

}  // namespace voip::analyze::srtp
