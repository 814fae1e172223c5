#include "analyze/srtp/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "analyze/srtp/key_exchanges.h"
#include "base/text.h"
#include "crypto/digest.h"

namespace voip::analyze::srtp {

using session::Call;
using session::DialogLeg;
using session::Exchange;
using session::Leg;
using session::MediaLine;
using session::MediaStream;
using session::SdpUse;

const MediaLine* line_of(const SdpUse& use, std::size_t index) {
  return use.sdp != nullptr && index < use.sdp->media().size() ? &use.sdp->media()[index] : nullptr;
}

bool audio_or_video(const MediaLine& line) {
  return (line.kind == "audio" || line.kind == "video") && line.rtp_profile();
}

namespace {

// How much an exchange says about the line's media: a hold, a refusal or fax behind the voice say less than the voice.
int weight_of(const MediaLine& offer, const MediaLine& answer) {
  if (!offer.rtp_profile() || !answer.rtp_profile() || answer.port == 0) return 1;
  const bool held = offer.direction == sdp::Direction::kInactive || answer.direction == sdp::Direction::kInactive;
  return held ? 2 : 3;
}

}  // namespace

const Exchange* last_complete(const DialogLeg& dialog, std::size_t index) {
  const Exchange* best = nullptr;
  int weight = 0;
  for (const Exchange& exchange : dialog.exchanges) {
    const MediaLine* offer = line_of(exchange.offer, index);
    const MediaLine* answer = line_of(exchange.answer, index);
    if (offer == nullptr || answer == nullptr || weight_of(*offer, *answer) < weight) continue;
    best = &exchange;
    weight = weight_of(*offer, *answer);
  }
  return best;
}

Timestamp first_answer(const Leg& leg, std::size_t index) {
  Timestamp first;
  for (const DialogLeg* dialog : leg.path) {
    for (const Exchange& exchange : dialog->exchanges) {
      // A delayed offer stands in the response, and its answer in the ACK: both sides know the keys with the latter.
      if (!exchange.complete() || line_of(exchange.answer, index) == nullptr) continue;
      if (!first.known() || exchange.answer.frame.time < first) first = exchange.answer.frame.time;
    }
  }
  return first;
}

Timestamp call_stands(const Call& call, const Leg& leg, std::size_t index) {
  const Timestamp answer = first_answer(leg, index);
  if (!call.answered.known() && call.final_status >= 300) return {std::numeric_limits<std::int64_t>::max()};
  return answer.known() && call.answered.known() ? std::max(answer, call.answered) : answer;
}

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

namespace {

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

}  // namespace

Agreement agree_in(const Call& call, const MediaLine* offer, const MediaLine* answer) {
  Agreement agreement = agree(offer, answer);
  if (offer == nullptr || answer == nullptr || agreement.rejected) return agreement;
  const bool dtls_alone = agreement.keying == Keying::kNone && offer->dtls_profile() && answer->dtls_profile();
  const bool dtls_beside = agreement.keying == Keying::kSdes && has_scheme(*offer, Keying::kDtlsSrtp) &&
                           has_scheme(*answer, Keying::kDtlsSrtp);
  if ((dtls_alone || dtls_beside) &&
      std::ranges::any_of(call.keying, [](const auto& flow) { return flow->dtls_packets != 0; })) {
    agreement.keying = Keying::kDtlsSrtp;
    agreement.suite.clear();
  }
  return agreement;
}

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
    state.agreement = agree_in(call, state.offer, state.answer);
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
    if (!((flow->a == stream.key.src && flow->b == stream.key.dst) ||
          (flow->a == stream.key.dst && flow->b == stream.key.src)))
      return false;
    const ExchangeState* state = exchange_of(*flow);
    return state != nullptr && state->zrtp != nullptr && state->zrtp->completed();
  });
}

bool zrtp_seen(const Call& call) {
  return std::ranges::any_of(call.keying, [](const auto& flow) { return flow->zrtp_packets != 0; });
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

std::optional<unsigned> overhead_of(const Agreement& agreement) {
  if (agreement.keying == Keying::kDtlsSrtp) return tag_bytes(agreement.suite);
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
  return agreement.suite.find("NULL_") != std::string::npos || agreement.suite.starts_with("SRTP_NULL") ||
         agreement.parameters.find("UNENCRYPTED_SRTP") != std::string::npos;
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
bool plain_by_then(const Leg& leg, std::size_t index, Timestamp when) {
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

}  // namespace voip::analyze::srtp
