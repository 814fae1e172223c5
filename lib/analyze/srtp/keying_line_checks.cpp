#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/exchange_checks.h"
#include "analyze/srtp/mikey_checks.h"
#include "analyze/srtp/picture.h"
#include "base/text.h"
#include "crypto/digest.h"

// SRTP-036, 038, 039 (the SDPs' part), 044, 054 and 055: what the SDPs say of keys.
namespace voip::analyze::srtp {

using report::Confidence;
using report::Evidence;
using report::Verdict;
using session::Call;
using session::DialogLeg;
using session::Exchange;
using session::Leg;
using session::MediaLine;
using session::SdpUse;

namespace {

std::string side_of(const SdpUse& use) { return use.status == 0 ? "offer" : "answer"; }

// Every SDP of a leg, offers before their answers; function(use, is_offer).
template <class Function>
void each_use(const Leg& leg, Function&& function) {
  for (const DialogLeg* dialog : leg.path) {
    for (const Exchange& exchange : dialog->exchanges) {
      if (exchange.offer.sdp != nullptr) function(exchange.offer, true);
      if (exchange.answer.sdp != nullptr) function(exchange.answer, false);
    }
  }
  for (const SdpUse* use : leg.lone_offers) {
    if (use->sdp != nullptr) function(*use, true);
  }
}

// SRTP-036 for one m= line of a leg.
void check_presence(Findings& out, const Call& call, const Leg& leg, std::size_t index, Told& told) {
  bool asked = false;
  bool failed = false;
  each_use(leg, [&](const SdpUse& use, bool) {
    const MediaLine* line = line_of(use, index);
    if (failed || line == nullptr || line->port == 0 || !line->dtls_profile()) return;
    asked = true;
    if (!line->fingerprints.empty()) return;
    failed = true;
    out.tally(kDtlsWithoutFingerprint, Verdict::kFail);
    told.insert("no-fingerprint");
    out.add(kDtlsWithoutFingerprint,
            fmt::format("{} m={} {} has no a=fingerprint at media or session level", side_of(use), line->kind,
                        line->protocol),
            &call, line->rtp.address.to_string() + "|fingerprint", {{use.frame, "SDP without fingerprint"}});
  });
  if (asked && !failed) out.tally(kDtlsWithoutFingerprint, Verdict::kPass);
}

// SRTP-036, DTLS that no SDP announced.
void check_unannounced(Findings& out, const CallExchanges& call, Told& told) {
  for (const FlowView& view : call.flows) {
    if (view.state->dtls == nullptr || told.contains("no-fingerprint")) continue;
    const auto& handshakes = view.state->dtls->handshakes();
    const auto seen = std::ranges::find_if(handshakes, [](const DtlsHandshake& h) { return h.server_hello.known(); });
    if (seen == handshakes.end()) continue;
    const SdpUse* use = nullptr;
    bool fingerprint = false;
    for (const auto& lines : view.sides.own) {
      for (const SideLine& side : lines) {
        use = side.use;
        for (const MediaLine& line : side.use->sdp->media()) fingerprint |= !line.fingerprints.empty();
      }
    }
    if (use == nullptr || fingerprint) {
      if (use == nullptr) out.tally(kDtlsWithoutFingerprint, Verdict::kNotAssessable);
      continue;
    }
    out.tally(kDtlsWithoutFingerprint, Verdict::kFail);
    told.insert("no-fingerprint");
    out.add(kDtlsWithoutFingerprint,
            fmt::format("DTLS runs between {} and {}, and no SDP of these ports has an a=fingerprint",
                        view.flow->a.to_string(), view.flow->b.to_string()),
            &call.call, view.flow->a.address.to_string() + '|' + view.flow->b.address.to_string() + "|fingerprint",
            {{seen->server_hello, "ServerHello"}, {use->frame, "SDP without fingerprint"}});
  }
}

// --- SRTP-038 -----------------------------------------------------------------------------------------------------

enum class HashRank : std::uint8_t { kBroken, kSha1, kStrong };

HashRank rank_of(std::string_view name) {
  if (iequals(name, "md5") || iequals(name, "md2")) return HashRank::kBroken;
  return iequals(name, "sha-1") || iequals(name, "sha1") ? HashRank::kSha1 : HashRank::kStrong;
}

void check_hashes(Findings& out, const Call& call, const Leg& leg) {
  Told told;
  each_use(leg, [&](const SdpUse& use, bool) {
    for (const MediaLine& line : use.sdp->media()) {
      if (line.fingerprints.empty() || line.port == 0) continue;
      const std::string side = use.from_caller ? "caller" : "callee";
      HashRank best = HashRank::kBroken;
      std::string_view name;
      for (const sdp::Fingerprint& fingerprint : line.fingerprints) {
        if (name.empty() || rank_of(fingerprint.hash) > best) {
          best = rank_of(fingerprint.hash);
          name = fingerprint.hash;
        }
      }
      if (best == HashRank::kStrong) {
        if (told.insert(side + "|pass").second) out.tally(kWeakFingerprint, Verdict::kPass);
        continue;
      }
      if (!told.insert(side).second) continue;
      out.tally(kWeakFingerprint, Verdict::kFail);
      out.add(kWeakFingerprint,
              fmt::format("the {} of the {} gives no better fingerprint than {}", side_of(use), side, to_lower(name)),
              &call, line.rtp.address.to_string() + "|weak-fingerprint", {{use.frame, "a=fingerprint"}},
              {{"source", line.rtp.to_string()}}, best == HashRank::kBroken ? Severity::kHigh : Severity::kMedium);
    }
  });
}

// --- SRTP-039, what is signalled ----------------------------------------------------------------------------------

void check_setup(Findings& out, const Call& call, const Leg& leg, std::size_t index) {
  Told told;
  bool judged = false;
  bool failed = false;
  const auto fire = [&](std::string message, std::string_view what, std::vector<Evidence> evidence,
                        const MediaLine& line, Severity severity) {
    if (!told.insert(std::string(what)).second) return;
    failed = true;
    out.tally(kSetupConflict, Verdict::kFail);
    out.add(kSetupConflict, std::move(message), &call, line.rtp.address.to_string() + '|' + std::string(what),
            std::move(evidence), {{"source", line.rtp.to_string()}}, severity);
  };
  for (const DialogLeg* dialog : leg.path) {
    bool first = true;
    for (const Exchange& exchange : dialog->exchanges) {
      const MediaLine* offer = line_of(exchange.offer, index);
      const MediaLine* answer = line_of(exchange.answer, index);
      if (offer == nullptr || offer->port == 0 || (offer->fingerprints.empty() && !offer->dtls_profile())) continue;
      const bool initial = std::exchange(first, false);
      if (initial && !offer->setup.empty() && !iequals(offer->setup, "actpass")) {
        judged = true;
        fire(fmt::format("the first offer says a=setup:{} instead of actpass", to_lower(offer->setup)), "offer-setup",
             {{exchange.offer.frame, "offer"}}, *offer, Severity::kLow);
      }
      if (answer == nullptr || answer->port == 0 || (answer->fingerprints.empty() && !answer->dtls_profile())) continue;
      if (answer->setup.empty()) continue;
      judged = true;
      const std::vector<Evidence> both{{exchange.answer.frame, "answer"}, {exchange.offer.frame, "offer"}};
      if (iequals(answer->setup, "actpass") || iequals(answer->setup, "holdconn")) {
        fire(fmt::format("the answer says a=setup:{}: nobody knows who starts", to_lower(answer->setup)),
             "answer-setup", both, *answer, Severity::kMedium);
      } else if (iequals(answer->setup, offer->setup)) {
        fire(fmt::format("both sides say a=setup:{}", to_lower(answer->setup)), "same-setup", both, *answer,
             Severity::kMedium);
      }
    }
  }
  if (judged && !failed) out.tally(kSetupConflict, Verdict::kPass);
}

// --- SRTP-044 -----------------------------------------------------------------------------------------------------

bool bound(const MediaLine& line, const std::vector<std::string>& mky) {
  return std::ranges::any_of(line.fingerprints, [&](const sdp::Fingerprint& fingerprint) {
    std::string value;
    for (const char c : fingerprint.value) {
      if (c != ':') value.push_back(ascii_lower(c));
    }
    return std::ranges::find(mky, value) != mky.end();
  });
}

void check_binding(Findings& out, const Call& call, const std::vector<std::string>& mky) {
  std::vector<Evidence> evidence;
  std::string hops;
  std::set<std::size_t> open;
  bool carried = false;
  bool covered_some = false;
  bool on_wire = false;
  const session::Hop* first = nullptr;
  for (std::size_t i = 0; i < call.sdp_uses.size(); ++i) {
    const SdpUse& use = call.sdp_uses[i];
    if (use.sdp == nullptr) continue;
    bool fingerprints = false;
    bool covered = true;
    for (const MediaLine& line : use.sdp->media()) {
      if (line.fingerprints.empty()) continue;
      fingerprints = true;
      covered &= bound(line, mky);
    }
    if (!fingerprints) continue;
    carried = true;
    const std::size_t number = call.sdp_use_hops[i];
    const session::Hop& hop = call.hops[number];
    if (dissect::encrypted(hop.signalling) ||
        (hop.caller_side.address.loopback() && hop.callee_side.address.loopback()))
      continue;
    if (covered) {
      covered_some = true;
      continue;
    }
    on_wire |= hop.on_wire;
    if (first == nullptr) first = &hop;
    if (open.insert(number).second && open.size() <= 4) {
      hops += fmt::format("{}{} ({} - {})", hops.empty() ? "" : ", ", dissect::to_string(hop.signalling),
                          hop.caller_side.to_string(), hop.callee_side.to_string());
    }
    if (evidence.size() < 4)
      evidence.push_back({use.frame, "a=fingerprint in a " + std::string(use.status == 0 ? "request" : "response")});
  }
  if (!carried) return;
  if (evidence.empty()) return out.tally(kFingerprintUnbound, Verdict::kPass);
  out.tally(kFingerprintUnbound, Verdict::kFail);
  out.add(kFingerprintUnbound,
          fmt::format("the fingerprints of the call travel over {}, and {}", hops,
                      covered_some  ? "an mky claim covers only some of them"
                      : mky.empty() ? "no Identity header holds an mky claim"
                                    : "no mky claim of the call fits them"),
          &call, hosts(first->caller_side, first->callee_side) + "|fingerprint-unbound", std::move(evidence),
          {{"source", first->caller_side.to_string()}, {"destination", first->callee_side.to_string()}}, {},
          on_wire ? Confidence::kCertain : Confidence::kProbable);
}

// --- SRTP-054 -----------------------------------------------------------------------------------------------------

// RFC 7201: by how much one has to trust the signalling.
int strength(Keying keying) {
  switch (keying) {
    case Keying::kDtlsSrtp: return 4;
    case Keying::kZrtp: return 3;
    case Keying::kMikey: return 2;
    case Keying::kSdes: return 1;
    default: return 0;
  }
}

void check_competition(Findings& out, const Call& call, const Leg& leg, std::size_t index, const MediaRecord& media) {
  const Exchange* exchange = nullptr;
  for (const DialogLeg* dialog : leg.path) {
    if ((exchange = last_complete(*dialog, index)) != nullptr) break;
  }
  if (exchange == nullptr) return;
  const MediaLine* offer = line_of(exchange->offer, index);
  const MediaLine* answer = line_of(exchange->answer, index);
  const auto offered = schemes_of(*offer);
  if (offered.size() < 2 || answer->port == 0) {
    return out.tally(kCompetingKeying, Verdict::kNotApplicable);
  }
  if (media.negotiated == Keying::kUnknown) return out.tally(kCompetingKeying, Verdict::kNotAssessable);
  Keying best = Keying::kNone;
  std::string names;
  for (const Keying keying : offered) {
    names += (names.empty() ? "" : ", ") + std::string(to_string(keying));
    if (has_scheme(*answer, keying) && strength(keying) > strength(best)) best = keying;
  }
  const std::vector<Evidence> both{{exchange->offer.frame, "offer"}, {exchange->answer.frame, "answer"}};
  const std::string entity = offer->rtp.address.to_string() + "|competing";
  if (strength(media.negotiated) < strength(best) && !media.streams.empty()) {
    out.tally(kCompetingKeying, Verdict::kFail);
    out.add(kCompetingKeying,
            fmt::format("m={} offers {}; both sides list {}, but {} was used", offer->kind, names, to_string(best),
                        to_string(media.negotiated)),
            &call, entity, both);
    return;
  }
  out.tally(kCompetingKeying, Verdict::kPass);
  if (media.negotiated == Keying::kDtlsSrtp && has_scheme(*offer, Keying::kSdes)) {
    out.add(kCompetingKeying,
            fmt::format("m={} offers {}; DTLS-SRTP was used, and the SDES keys lay open beside it", offer->kind, names),
            &call, entity, both, {}, Severity::kInfo);
  }
}

}  // namespace

void check_keying_lines(Findings& out, const CallExchanges& call, const CallRecord& record,
                        const std::vector<std::string>& mky) {
  Told told;
  const auto& legs = call.legs.legs;
  for (std::size_t l = 0; l < legs.size(); ++l) {
    const Leg& leg = legs[l];
    check_hashes(out, call.call, leg);
    for (std::size_t i = 0; i < leg.media.size(); ++i) {
      check_presence(out, call.call, leg, i, told);
      check_setup(out, call.call, leg, i);
      if (l < record.legs.size() && i < record.legs[l].media.size())
        check_competition(out, call.call, leg, i, record.legs[l].media[i]);
    }
  }
  check_unannounced(out, call, told);
  check_binding(out, call.call, mky);
  check_mikey(out, call.call);
}

}  // namespace voip::analyze::srtp
