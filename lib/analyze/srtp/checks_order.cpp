#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/checks.h"
#include "analyze/srtp/stream_state.h"

// What the order of a stream's packets tells: SRTP-011, SRTP-029, SRTP-030.
namespace voip::analyze::srtp {

namespace {

const StreamState* state_of_stream(const session::MediaStream& stream) {
  return static_cast<const StreamState*>(stream.attachment.get());
}

Subject subject_of(const StreamRecord& record) {
  return {{"source", record.src.to_string()}, {"destination", record.dst.to_string()}};
}

// Whether the sender's keys changed near that moment.
bool rekeyed_near(const Leg& leg, std::size_t index, const StreamState& state, Timestamp before, Timestamp after) {
  constexpr std::chrono::seconds kNear{2};
  if (state.auth != nullptr) {
    for (std::size_t i = 1; i < state.auth->proofs.size(); ++i) {
      const Timestamp proof = state.auth->proofs[i].time;
      if (!later_by(after, proof, kNear) && !later_by(proof, before, kNear)) return true;
    }
  }
  const Exchange* old_one = in_force(leg, index, before);
  const Exchange* new_one = in_force(leg, index, after + kNear);
  if (old_one == nullptr || new_one == nullptr || old_one == new_one) return false;
  const MediaLine* lines[2][2] = {{line_of(old_one->offer, index), line_of(old_one->answer, index)},
                                  {line_of(new_one->offer, index), line_of(new_one->answer, index)}};
  const auto signature = [](const MediaLine* line) {
    return line != nullptr ? keying_signature(*line) : std::string();
  };
  // Either may have been sent by either side: a swap of roles is no new key.
  const std::string a = signature(lines[0][0]);
  const std::string b = signature(lines[0][1]);
  const std::string c = signature(lines[1][0]);
  const std::string d = signature(lines[1][1]);
  return !((a == c && b == d) || (a == d && b == c));
}

}  // namespace

// SRTP-029.
void check_replay(Findings& out, const Call& call, const JudgedStream& judged) {
  const StreamRecord& record = *judged.record;
  const StreamState* state = state_of_stream(*judged.stream);
  if (record.observed != Observed::kEncrypted || state == nullptr || state->order == nullptr) {
    out.tally(kReplay, record.observed == Observed::kUndetermined ? Verdict::kNotAssessable : Verdict::kNotApplicable);
    return;
  }
  const SequenceWatch& order = *state->order;
  if (order.repeat_count == 0 && order.old_count == 0) {
    out.tally(kReplay, Verdict::kPass);
    return;
  }
  out.tally(kReplay, Verdict::kFail);
  std::vector<Evidence> evidence;
  for (std::size_t i = 0; i < order.repeats.size() && i < 4; ++i) {
    evidence.push_back({order.repeats[i].again, "sent again"});
    evidence.push_back({order.repeats[i].first, "sent first"});
  }
  for (std::size_t i = 0; i < order.old.size() && i < 4; ++i)
    evidence.push_back({order.old[i], "index behind the window"});
  std::string what;
  if (order.repeat_count != 0) what = fmt::format("{} packets come again byte for byte", order.repeat_count);
  if (order.old_count != 0) {
    if (!what.empty()) what += " and ";
    what += fmt::format("{} lie more than 64 behind the highest index", order.old_count);
  }
  out.add(
      kReplay,
      fmt::format("{} to {} (SSRC 0x{:08x}): {}", record.src.to_string(), record.dst.to_string(), record.ssrc, what),
      &call, hosts(record.src, record.dst) + "|replay", std::move(evidence), subject_of(record));
}

// SRTP-030.
void check_reset(Findings& out, const Call& call, const Leg& leg, std::size_t index, const JudgedStream& judged) {
  const StreamRecord& record = *judged.record;
  const StreamState* state = state_of_stream(*judged.stream);
  if (record.observed != Observed::kEncrypted || state == nullptr || state->order == nullptr) {
    out.tally(kSequenceReset,
              record.observed == Observed::kUndetermined ? Verdict::kNotAssessable : Verdict::kNotApplicable);
    return;
  }
  for (const SequenceWatch::Reset& reset : state->order->resets) {
    if (rekeyed_near(leg, index, *state, reset.before.time, reset.after.time)) continue;
    out.tally(kSequenceReset, Verdict::kFail);
    out.add(kSequenceReset,
            fmt::format("{} to {} (SSRC 0x{:08x}): the sequence jumps back from {} to {} and goes on there under the "
                        "same key",
                        record.src.to_string(), record.dst.to_string(), record.ssrc, reset.from, reset.to),
            &call, hosts(record.src, record.dst) + "|reset",
            {{reset.after, "first packet after the jump"}, {reset.before, "highest before"}}, subject_of(record), {},
            state->auth != nullptr && state->auth->proven() ? Confidence::kCertain : Confidence::kProbable);
    return;
  }
  const AuthState* auth = state->auth.get();
  if (auth != nullptr && auth->behind >= 5 && state->order->resets.empty()) {
    out.tally(kSequenceReset, Verdict::kFail);
    out.add(kSequenceReset,
            fmt::format("{} to {} (SSRC 0x{:08x}): {} packets verify only with a rollover counter below the wraps that "
                        "were counted",
                        record.src.to_string(), record.dst.to_string(), record.ssrc, auth->behind),
            &call, hosts(record.src, record.dst) + "|roc", {{auth->first_behind, "first such packet"}},
            subject_of(record));
    return;
  }
  out.tally(kSequenceReset, Verdict::kPass);
}

namespace {

// Clear packets before the stream's protected ones. What has the length of the protected packets less what protection
// adds is clear; where lengths vary the judge's stretches tell.
Span clear_start(const JudgedStream& judged, Timestamp ready, bool answer_is_ready) {
  Span span;
  const StreamRecord& record = *judged.record;
  if (record.observed == Observed::kCleartext) {
    // A stream of its own, over before the keys were there.
    if (record.last.time <= ready) {
      span.packets = record.packets;
      span.first = record.first;
      span.last = record.last;
    }
    return span;
  }
  const StreamState* state = state_of_stream(*judged.stream);
  if (record.observed != Observed::kEncrypted || state == nullptr || state->start == nullptr) return span;
  const StartWatch& start = *state->start;
  const AuthState* auth = state->auth.get();
  std::int64_t overhead = record.overhead.value_or(0);
  if (auth != nullptr && auth->proven())
    overhead = static_cast<std::int64_t>(auth->search.key(*auth->search.proven())->rtp_overhead());
  if (overhead <= 0) return span;
  const bool usual_holds = start.votes * 3 > start.seen;
  if (usual_holds) {
    for (const StartWatch::Run& run : start.runs) {
      if (run.payload_type == 13) continue;
      if (answer_is_ready ? run.first.time > ready : run.size == start.usual) break;
      if (run.size + overhead != start.usual) continue;
      if (span.packets == 0) span.first = run.first;
      span.packets += run.packets;
      span.last = run.last;
    }
    return span;
  }
  if (!judged.stretches.empty() && judged.stretches.front().observed == Observed::kCleartext &&
      (!answer_is_ready || judged.stretches.front().last.time <= ready)) {
    span.packets = judged.stretches.front().packets;
    span.first = judged.stretches.front().first;
    span.last = judged.stretches.front().last;
  }
  return span;
}

}  // namespace

// SRTP-011.
void check_clear_start(Findings& out, const Call& call, const Leg& leg, std::size_t index,
                       const std::vector<JudgedStream>& streams) {
  bool scope = false;
  bool judged_all = true;
  const JudgedStream* worst = nullptr;
  Span worst_span;
  std::string counts;
  const Timestamp answered = call_stands(call, leg, index);
  for (const JudgedStream& judged : streams) {
    const StreamRecord& record = *judged.record;
    if (record.declared != Declared::kSrtp || clear_by_agreement(judged.agreement)) continue;
    scope = true;
    judged_all &= record.observed != Observed::kUndetermined;
    if (!answered.known()) {
      judged_all = false;
      continue;
    }
    const bool sdes = judged.agreement.keying == Keying::kSdes;
    if (record.observed == Observed::kCleartext && out.options().allow_clear_early) continue;
    const Span span = clear_start(judged, answered, sdes);
    if (span.packets == 0) continue;
    if (!counts.empty()) counts += ", ";
    counts += fmt::format("{} from {} ({:.1f} s)", span.packets, record.src.to_string(),
                          seconds_between(span.first.time, span.last.time));
    if (worst == nullptr || span.packets > worst_span.packets) {
      worst = &judged;
      worst_span = span;
    }
  }
  if (!scope) {
    out.tally(kClearBeforeKeys, Verdict::kNotApplicable);
    return;
  }
  if (worst == nullptr || worst_span.packets < 3) {
    out.tally(kClearBeforeKeys, judged_all ? Verdict::kPass : Verdict::kNotAssessable);
    return;
  }
  out.tally(kClearBeforeKeys, Verdict::kFail);
  std::vector<Evidence> evidence{{worst_span.first, "first clear packet"}, {worst_span.last, "last of them"}};
  if (const Exchange* exchange = in_force(leg, index, answered)) evidence.push_back({exchange->answer.frame, "answer"});
  out.add(kClearBeforeKeys, fmt::format("clear packets before the keys were ready: {}", counts), &call,
          hosts(worst->record->src, worst->record->dst) + "|early", std::move(evidence), subject_of(*worst->record), {},
          Confidence::kProbable);
}

}  // namespace voip::analyze::srtp
