#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/exchange_checks.h"
#include "base/codec.h"
#include "base/text.h"

// SRTP-048 to 053.
namespace voip::analyze::srtp {

using report::Confidence;
using report::Evidence;
using report::Verdict;
using session::Call;
using session::KeyingFlow;

namespace {

constexpr std::chrono::seconds kCommitWait{10};

const Endpoint& end_of(const KeyingFlow& flow, bool a) { return a ? flow.a : flow.b; }

std::vector<const StreamRecord*> streams_on(const CallRecord& record, const KeyingFlow& flow) {
  std::vector<const StreamRecord*> found;
  for (const LegRecord& leg : record.legs) {
    for (const MediaRecord& media : leg.media) {
      for (const StreamRecord& stream : media.streams) {
        if ((stream.src == flow.a && stream.dst == flow.b) || (stream.src == flow.b && stream.dst == flow.a))
          found.push_back(&stream);
      }
    }
  }
  return found;
}

bool keyed_otherwise(const CallRecord& record, const KeyingFlow& flow) {
  for (const LegRecord& leg : record.legs) {
    for (const MediaRecord& media : leg.media) {
      const bool here = std::ranges::any_of(media.streams, [&](const StreamRecord& s) {
        return (s.src == flow.a && s.dst == flow.b) || (s.src == flow.b && s.dst == flow.a);
      });
      if (here && (media.negotiated == Keying::kSdes || media.negotiated == Keying::kDtlsSrtp)) return true;
    }
  }
  return false;
}

std::string entity_of(const KeyingFlow& flow) {
  const std::string a = flow.a.address.to_string();
  const std::string b = flow.b.address.to_string();
  return a < b ? a + '|' + b : b + '|' + a;
}

std::vector<std::pair<std::string, std::string>> subject_of(const KeyingFlow& flow, bool from_a = true) {
  return {{"source", end_of(flow, from_a).to_string()}, {"destination", end_of(flow, !from_a).to_string()}};
}

std::string hello_text(const ZrtpHello& hello) {
  return fmt::format("version {} \"{}\"", hello.version, hello.client_id);
}

// SRTP-048.
void check_start(Findings& out, const Call& call, const FlowView& view, const CallRecord& record) {
  const ZrtpTrack& zrtp = *view.state->zrtp;
  const ZrtpParty& a = zrtp.party(true);
  const ZrtpParty& b = zrtp.party(false);
  if (a.hellos.empty() && b.hellos.empty()) return;
  if (zrtp.completed() || a.commit.frame.known() || b.commit.frame.known()) {
    return out.tally(kZrtpNoCommit, Verdict::kPass);
  }
  const auto streams = streams_on(record, *view.flow);
  const bool encrypted =
      std::ranges::any_of(streams, [](const auto* s) { return s->observed == Observed::kEncrypted; });
  if (encrypted || keyed_otherwise(record, *view.flow)) return out.tally(kZrtpNoCommit, Verdict::kNotApplicable);
  FrameRef last;
  for (const StreamRecord* stream : streams) {
    if (!last.known() || last < stream->last) last = stream->last;
  }
  const bool both = !a.hellos.empty() && !b.hellos.empty();
  const FrameRef first_a = a.hellos.empty() ? FrameRef{} : a.hellos.front().frame;
  const FrameRef first_b = b.hellos.empty() ? FrameRef{} : b.hellos.front().frame;
  const FrameRef& ready = !both ? (first_a.known() ? first_a : first_b) : first_a < first_b ? first_b : first_a;
  const bool waited = last.known() && (later_by(ready.time, last.time, kCommitWait - std::chrono::milliseconds{500}));
  if (both && !waited) return out.tally(kZrtpNoCommit, Verdict::kNotAssessable);
  if (!both && streams.empty()) return out.tally(kZrtpNoCommit, Verdict::kNotAssessable);
  out.tally(kZrtpNoCommit, both ? Verdict::kFail : Verdict::kPass);
  if (both) {
    out.add(kZrtpNoCommit,
            fmt::format("{} ({} Hello, {}) and {} ({} Hello, {}) could start ZRTP and never did; media went on for "
                        "{:.1f} s",
                        view.flow->a.to_string(), a.hello_count, hello_text(a.hellos.front()), view.flow->b.to_string(),
                        b.hello_count, hello_text(b.hellos.front()), seconds_between(ready.time, last.time)),
            &call, entity_of(*view.flow) + "|zrtp-no-commit",
            {{first_a, "Hello"}, {first_b, "Hello of the other side"}, {last, "last media packet"}},
            subject_of(*view.flow));
    return;
  }
  const bool from_a = !a.hellos.empty();
  const ZrtpParty& one = zrtp.party(from_a);
  out.add(kZrtpNoCommit,
          fmt::format("{} sent {} ZRTP Hello ({}); {} never answered with one: it knows no ZRTP, or it was dropped",
                      end_of(*view.flow, from_a).to_string(), one.hello_count, hello_text(one.hellos.front()),
                      end_of(*view.flow, !from_a).to_string()),
          &call, entity_of(*view.flow) + "|zrtp-one-sided", {{one.hellos.front().frame, "Hello"}},
          subject_of(*view.flow, from_a), Severity::kInfo);
}

// a=zrtp-hash values of one end's SDPs, as the other end received them: version and hash.
struct SignalledHash {
  std::string_view version;
  std::string_view hash;
  FrameRef frame;
};

std::vector<SignalledHash> signalled_hashes(const FlowView& view, std::size_t end, FrameRef& sdp_frame) {
  std::vector<SignalledHash> hashes;
  for (const SideLine* side : CallExchanges::received(view, end).lines) {
    sdp_frame = side->use->frame;
    for (const std::string_view value : side->line->zrtp_hashes) {
      TextCursor words{value};
      SignalledHash hash{.version = words.word(), .hash = {}, .frame = side->use->frame};
      hash.hash = words.word();
      hashes.push_back(hash);
    }
  }
  return hashes;
}

enum class HashFit : std::uint8_t { kUnknown, kFits, kWrong, kMissing };

// SRTP-049 for one end; tells how its Hello fits.
HashFit check_hash(Findings& out, const CallExchanges& call, const FlowView& view, std::size_t end) {
  const ZrtpParty& party = view.state->zrtp->party(end == 0);
  if (party.hellos.empty()) return HashFit::kUnknown;
  if (!view.sides.a_is_caller) {
    out.tally(kZrtpHash, Verdict::kNotAssessable);
    return HashFit::kUnknown;
  }
  FrameRef sdp_frame;
  const auto hashes = signalled_hashes(view, end, sdp_frame);
  const Endpoint& owner = end_of(*view.flow, end == 0);
  if (!sdp_frame.known()) {
    out.tally(kZrtpHash, Verdict::kNotAssessable);
    return HashFit::kUnknown;
  }
  const std::string entity = owner.address.to_string() + "|zrtp-hash";
  if (hashes.empty()) {
    out.tally(kZrtpHash, Verdict::kFail);
    out.add(kZrtpHash, fmt::format("{} sends a ZRTP Hello, but its SDP holds no a=zrtp-hash", owner.to_string()),
            &call.call, entity, {{party.hellos.front().frame, "Hello"}, {sdp_frame, "SDP without zrtp-hash"}},
            subject_of(*view.flow, end == 0), Severity::kLow);
    return HashFit::kMissing;
  }
  const ZrtpHello* comparable = nullptr;
  for (const ZrtpHello& hello : party.hellos) {
    const std::string digest = encode_hex(hello.sha256);
    for (const SignalledHash& hash : hashes) {
      if (iequals(hash.hash, digest)) {
        out.tally(kZrtpHash, Verdict::kPass);
        return HashFit::kFits;
      }
      if (hash.version == hello.version) comparable = &hello;
    }
  }
  if (comparable == nullptr) {
    // Only versions that the other side did not ask for: nothing to compare.
    out.tally(kZrtpHash, Verdict::kNotAssessable);
    return HashFit::kUnknown;
  }
  out.tally(kZrtpHash, Verdict::kFail);
  out.add(kZrtpHash,
          fmt::format("the ZRTP Hello of {} has SHA-256 {}, its a=zrtp-hash says {}; the exchange {}",
                      owner.to_string(), encode_hex(comparable->sha256), to_lower(hashes.back().hash),
                      view.state->zrtp->completed() ? "completed all the same" : "did not complete"),
          &call.call, entity, {{comparable->frame, "Hello"}, {hashes.back().frame, "a=zrtp-hash"}},
          subject_of(*view.flow, end == 0));
  return HashFit::kWrong;
}

bool among(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool listed(const ZrtpParty& party, std::vector<std::string> ZrtpHello::*list, std::string_view name) {
  return std::ranges::any_of(party.hellos, [&](const ZrtpHello& hello) {
    return std::ranges::find(hello.*list, name) != (hello.*list).end();
  });
}

bool stronger_tag_in_common(const ZrtpParty& a, const ZrtpParty& b) {
  for (const std::string_view tag : {"HS80", "SK64"}) {
    if (listed(a, &ZrtpHello::auth_tags, tag) && listed(b, &ZrtpHello::auth_tags, tag)) return true;
  }
  return false;
}

// SRTP-050.
void check_choices(Findings& out, const Call& call, const FlowView& view) {
  const ZrtpTrack& zrtp = *view.state->zrtp;
  const ZrtpCommit* commit = zrtp.chosen();
  if (commit == nullptr) {
    if (zrtp.messages() != 0) out.tally(kZrtpWeak, Verdict::kNotAssessable);
    return;
  }
  const ZrtpParty& a = zrtp.party(true);
  const ZrtpParty& b = zrtp.party(false);
  std::string why;
  bool only_tag = true;
  const auto blame = [&why](std::string text) { why += (why.empty() ? "" : ", ") + std::move(text); };
  if (commit->key_agreement == "DH2k") {
    only_tag = false;
    blame("key agreement DH2k");
  }
  // A key agreement before this one, in this exchange or on another flow of the call, gives them their secret.
  bool earlier = false;
  for (const auto& flow : call.keying) {
    const ExchangeState* other = exchange_of(*flow);
    if (other == nullptr || other->zrtp == nullptr) continue;
    for (const bool end : {true, false}) {
      const FrameRef& dh = other->zrtp->party(end).dh_part2;
      earlier |= dh.known() && dh.time <= commit->frame.time;
    }
  }
  if ((commit->key_agreement == "Prsh" || commit->key_agreement == "Mult") && !earlier) {
    only_tag = false;
    blame(commit->key_agreement == "Prsh" ? "Prsh without a key agreement in this call"
                                          : "Mult though no DH session was seen");
  }
  if (!among(commit->cipher, {"AES1", "AES2", "AES3", "2FS1", "2FS2", "2FS3"})) {
    only_tag = false;
    blame("cipher " + commit->cipher);
  }
  if (!among(commit->hash, {"S256", "S384"})) {
    only_tag = false;
    blame("hash " + commit->hash);
  }
  for (const ZrtpParty* party : {&a, &b}) {
    for (const ZrtpHello& hello : party->hellos) {
      if (hello.version.size() == 4 && hello.version < "1.10") {
        only_tag = false;
        blame("version " + hello.version);
      }
    }
  }
  bool excused = false;
  if (commit->auth_tag == "HS32") {
    blame("tag HS32");
    excused = !stronger_tag_in_common(a, b);
  }
  if (why.empty()) return out.tally(kZrtpWeak, Verdict::kPass);
  out.tally(kZrtpWeak, Verdict::kFail);
  std::string lists;
  for (const bool end : {true, false}) {
    const ZrtpParty& party = zrtp.party(end);
    if (party.hellos.empty()) continue;
    const ZrtpHello& hello = party.hellos.front();
    std::string names;
    for (const auto* list : {&hello.key_agreements, &hello.ciphers, &hello.auth_tags}) {
      for (const std::string& name : *list) names += ' ' + name;
    }
    lists += fmt::format("; {} lists{}", end_of(*view.flow, end).to_string(), names);
  }
  out.add(
      kZrtpWeak,
      fmt::format("ZRTP between {} and {} chose {} {} {} {}: {}{}", view.flow->a.to_string(), view.flow->b.to_string(),
                  commit->key_agreement, commit->cipher, commit->hash, commit->auth_tag, why, lists),
      &call, entity_of(*view.flow) + "|zrtp-weak", {{commit->frame, "Commit"}},
      subject_of(*view.flow, zrtp.initiator_is_a()),
      only_tag && excused ? std::optional(Severity::kLow) : std::nullopt);
}

// SRTP-051.
void check_clear(Findings& out, const Call& call, const FlowView& view, const CallRecord& record) {
  const ZrtpTrack& zrtp = *view.state->zrtp;
  FrameRef go;
  FrameRef ack;
  bool by_a = true;
  for (const bool end : {true, false}) {
    const ZrtpParty& party = zrtp.party(end);
    if (party.go_clear.known() && (!go.known() || party.go_clear < go)) {
      go = party.go_clear;
      by_a = end;
    }
    if (party.clear_ack.known() && (!ack.known() || party.clear_ack < ack)) ack = party.clear_ack;
  }
  if (!zrtp.completed() && !go.known()) {
    if (zrtp.messages() != 0) out.tally(kZrtpGoClear, Verdict::kNotApplicable);
    return;
  }
  // Clear media after the keys stood: counted where the stream's own verdict saw it begin late enough.
  const FrameRef secured = zrtp.completed() ? zrtp.secure().front().from : FrameRef{};
  std::uint64_t packets = 0;
  double seconds = 0;
  FrameRef first;
  FrameRef last;
  for (const StreamRecord* stream : streams_on(record, *view.flow)) {
    for (const Stretch& stretch : stream->clear_stretches) {
      // What began before the keys stood is no fall back.
      if (!secured.known() || stretch.first < secured) continue;
      packets += stretch.packets;
      seconds = std::max(seconds, seconds_between(stretch.first.time, stretch.last.time));
      if (!first.known() || stretch.first < first) first = stretch.first;
      if (!last.known() || last < stretch.last) last = stretch.last;
    }
  }
  const bool agreed = go.known() && ack.known();
  if (!agreed && packets < 10) {
    return out.tally(kZrtpGoClear, go.known() ? Verdict::kNotAssessable : Verdict::kPass);
  }
  out.tally(kZrtpGoClear, Verdict::kFail);
  std::string message = agreed ? fmt::format("{} sent GoClear and {} agreed", end_of(*view.flow, by_a).to_string(),
                                             end_of(*view.flow, !by_a).to_string())
                               : fmt::format("media between {} and {} is clear after ZRTP had completed",
                                             view.flow->a.to_string(), view.flow->b.to_string());
  if (packets != 0) message += fmt::format("; {} packets of clear media follow in {:.1f} s", packets, seconds);
  if (agreed && zrtp.secure().size() > 1) message += "; it was secured again later";
  out.add(kZrtpGoClear, std::move(message), &call, entity_of(*view.flow) + "|go-clear",
          {{go, "GoClear"},
           {ack, "ClearACK"},
           {secured, "Conf2ACK"},
           {first, "clear media begins"},
           {last, "last clear packet"}},
          subject_of(*view.flow, by_a), {}, agreed ? Confidence::kCertain : Confidence::kProbable);
}

// SRTP-052, which also tells when the media was secured.
void check_authenticity(Findings& out, const CallExchanges& call, const FlowView& view, const CallRecord& record,
                        HashFit a, HashFit b) {
  const ZrtpTrack& zrtp = *view.state->zrtp;
  if (!zrtp.completed()) return;
  const bool protected_path =
      !call.call.hops.empty() &&
      std::ranges::all_of(call.call.hops, [](const session::Hop& hop) { return dissect::encrypted(hop.signalling); });
  if (a == HashFit::kFits && b == HashFit::kFits && protected_path) return out.tally(kZrtpUnproven, Verdict::kPass);
  out.tally(kZrtpUnproven, Verdict::kFail);
  const FrameRef& secured = zrtp.secure().front().from;
  std::uint64_t clear = 0;
  FrameRef first;
  for (const StreamRecord* stream : streams_on(record, *view.flow)) {
    clear += stream->cleartext_packets;
    if (!first.known() || stream->first < first) first = stream->first;
  }
  const ZrtpCommit* commit = zrtp.chosen();
  out.add(
      kZrtpUnproven,
      fmt::format("ZRTP between {} and {} completed{}{}{}; whether the users compared the string can't be seen{}",
                  view.flow->a.to_string(), view.flow->b.to_string(),
                  commit != nullptr ? fmt::format(" with {} {}", commit->key_agreement, zrtp.suite()) : std::string(),
                  first.known() && first < secured
                      ? fmt::format(" {:.2f} s after the first media packet", seconds_between(first.time, secured.time))
                      : std::string(),
                  clear != 0 ? fmt::format(" ({} packets of it are clear)", clear) : std::string(),
                  a == HashFit::kFits && b == HashFit::kFits
                      ? "; zrtp-hash fits on both sides, over signalling that anyone could change"
                      : ""),
      &call.call, entity_of(*view.flow) + "|zrtp-unproven", {{secured, "Conf2ACK"}}, subject_of(*view.flow));
}

// SRTP-053.
void check_trouble(Findings& out, const Call& call, const FlowView& view) {
  const ZrtpTrack& zrtp = *view.state->zrtp;
  if (zrtp.messages() == 0) return;
  bool failed = false;
  for (const bool end : {true, false}) {
    const ZrtpParty& party = zrtp.party(end);
    const std::string who = end_of(*view.flow, end).to_string();
    const std::string name = end_of(*view.flow, end).address.to_string();
    if (party.error.known()) {
      const bool grave = party.error_code == 0x61 || party.error_code == 0x62 || party.error_code == 0x63 ||
                         party.error_code == 0x70 || party.error_code == 0x80;
      failed |= grave;
      const std::string_view text = zrtp::error_text(party.error_code);
      out.add(kZrtpTrouble,
              fmt::format("{} sent a ZRTP Error 0x{:02x}{}{}", who, party.error_code, text.empty() ? "" : ": ", text),
              &call, name + "|zrtp-error", {{party.error, "Error"}}, subject_of(*view.flow, end),
              grave ? std::nullopt : std::optional(Severity::kInfo));
    }
    const auto mitm = std::ranges::find_if(party.hellos, &ZrtpHello::mitm);
    if (mitm != party.hellos.end()) {
      out.add(kZrtpTrouble,
              fmt::format("{} says in its Hello (M flag) that it is a trusted PBX in the middle ({})", who,
                          hello_text(*mitm)),
              &call, name + "|zrtp-mitm", {{mitm->frame, "Hello with the M flag"}}, subject_of(*view.flow, end),
              Severity::kInfo);
    }
    if (party.sas_relay.known()) {
      out.add(kZrtpTrouble, fmt::format("{} relays the short string of another leg (SASrelay)", who), &call,
              name + "|zrtp-sas-relay", {{party.sas_relay, "SASrelay"}}, subject_of(*view.flow, end), Severity::kInfo);
    }
  }
  out.tally(kZrtpTrouble, failed ? Verdict::kFail : Verdict::kPass);
}

}  // namespace

void check_zrtp(Findings& out, const CallExchanges& call, const CallRecord& record) {
  for (const FlowView& view : call.flows) {
    if (view.state->zrtp == nullptr) continue;
    check_start(out, call.call, view, record);
    const HashFit a = check_hash(out, call, view, 0);
    const HashFit b = check_hash(out, call, view, 1);
    check_choices(out, call.call, view);
    check_clear(out, call.call, view, record);
    check_authenticity(out, call, view, record, a, b);
    check_trouble(out, call.call, view);
  }
}

}  // namespace voip::analyze::srtp
