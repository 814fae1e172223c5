#include "analyze/timeline/teller.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace voip::analyze::timeline {

using fraud::Incident;
using fraud::Kind;
using report::Confidence;
using report::Evidence;
using report::Severity;

namespace {

constexpr std::chrono::hours kSamePhase{1};

}  // namespace

Teller::Weight Teller::weigh(const Chain& chain) const {
  Weight w;
  bool any = false;
  for (const std::size_t i : chain.incidents) {
    const auto phase = phase_of(incident(i).kind);
    const fraud::Fired& lead = incident(i).lead();
    if (!phase || lead.confidence == Confidence::kPossible) continue;
    if (!any || lead.severity > w.severity) w.confidence = lead.confidence;
    w.severity = any ? std::max(w.severity, lead.severity) : lead.severity;
    w.farthest = std::max(w.farthest, *phase);
    w.compromised |= *phase == PhaseKind::kCompromise;
    w.messages += incident(i).messages;
    any = true;
  }
  if (!any) w.severity = Severity::kInfo;
  return w;
}

// An office, or a network's way out: several accounts are used from there.
bool Teller::houses_many(const IpAddress& address) const {
  constexpr std::ptrdiff_t kMany = 3;
  return std::ranges::count_if(tracks_, [&address](const Track& track) {
           return track.source == address && track.first_success.known();
         }) >= kMany;
}

// Whether this is where the account is at home: with others, or all the time that the abuse lasts.
bool Teller::lives_there(const IpAddress& address, std::string_view account, const FrameRef& from,
                         const FrameRef& to) const {
  constexpr std::uint64_t kOften = 10;
  return houses_many(address) || std::ranges::any_of(tracks_, [&](const Track& track) {
           return track.source == address && account_of(track) == account && track.successes >= kOften &&
                  track.first_success < from && to < track.last_success;
         });
}

// Where the thief was there first, the rightful phone looks like the one that takes the account over: it is not, when
// the account is abused from elsewhere and goes on to be used at home.
std::set<std::size_t> Teller::mistaken() const {
  std::set<std::size_t> list;
  for (std::size_t i = 0; i < story_.incidents.size(); ++i) {
    const Incident& hijack = incident(i);
    if (hijack.kind != Kind::kRegistrationHijack || hijack.lead().confidence != Confidence::kPossible) continue;
    for (const Incident& abuse : story_.incidents) {
      if (phase_of(abuse.kind) != PhaseKind::kAbuse || abuse.lead().confidence == Confidence::kPossible) continue;
      const auto his = [&abuse](const IpAddress& source) { return abuse.has_source(source); };
      if (std::ranges::any_of(hijack.sources, his)) continue;
      const bool home = std::ranges::all_of(hijack.accounts, [&](const std::string& account) {
        return abuse.has_account(account) && std::ranges::all_of(hijack.sources, [&](const IpAddress& source) {
                 return lives_there(source, account, abuse.first, abuse.last);
               });
      });
      if (home && !hijack.accounts.empty()) list.insert(i);
    }
  }
  return list;
}

void Teller::choose() {
  const Chain* best = nullptr;
  Weight most;
  const std::vector<Chain> chains = join_incidents(story_.incidents, options_, mistaken());
  for (const Chain& chain : chains) {
    const Weight w = weigh(chain);
    if (w.severity < Severity::kMedium) continue;
    const auto order = [](const Weight& x) { return std::tuple{x.severity, x.compromised, x.farthest, x.messages}; };
    if (best != nullptr && order(w) <= order(most)) continue;
    best = &chain;
    most = w;
  }
  if (best == nullptr) return;
  Campaign& campaign = story_.campaign.emplace();
  campaign.incidents = best->incidents;
  campaign.joins = best->joins;
  campaign.severity = most.severity;
  campaign.confidence = most.confidence;
}

void Teller::gather() {
  for (const std::size_t i : campaign_->incidents) {
    const Incident& one = incident(i);
    for (const IpAddress& source : one.sources) {
      if (!trusted(source)) campaign_->actors.push_back(source);
    }
    if (!campaign_->start.known() || one.first < campaign_->start) campaign_->start = one.first;
    if (!campaign_->end.known() || campaign_->end < one.last) campaign_->end = one.last;
    const PhaseKind phase = *phase_of(one.kind);
    if (phase >= PhaseKind::kCompromise) {
      campaign_->accounts.insert(campaign_->accounts.end(), one.accounts.begin(), one.accounts.end());
    }
  }
  add_all(campaign_->actors, {});
  add_all(campaign_->accounts, {});
  campaign_->first_hostile = campaign_->start;
  campaign_->starts_with_capture = !later_by(record_.first, campaign_->start.time, kEarly);
  // Nobody got in: those whose door was tried.
  if (campaign_->accounts.empty()) {
    for (const std::size_t i : campaign_->incidents) {
      if (incident(i).accounts.size() <= 16) add_all(campaign_->accounts, incident(i).accounts);
    }
  }
}

// Who attacks later looks first whether somebody is there; too little for a scan of its own.
void Teller::add_approach() {
  Phase phase{.kind = PhaseKind::kReconnaissance};
  for (const Track& track : tracks_) {
    const Approach& approach = track.approach;
    if (!approach.first.known() || !actor(track.source) || track.source.is_private()) continue;
    if (std::ranges::binary_search(phase.actors, track.source)) continue;  // told with another account
    const bool told = std::ranges::any_of(campaign_->incidents, [&](std::size_t i) {
      return incident(i).has_source(track.source) && incident(i).first <= approach.first;
    });
    const bool near = !later_by(approach.last.time, campaign_->start.time, std::chrono::hours{options_.join_hours});
    if (told || !near || lives_there(track.source, account_of(track), campaign_->start, campaign_->end)) continue;
    add_unique(phase.actors, track.source);
    if (!phase.start.known() || approach.first < phase.start) phase.start = approach.first;
    if (!phase.end.known() || phase.end < approach.last) phase.end = approach.last;
    phase.messages += approach.count;
  }
  if (!phase.start.known()) return;
  phase.evidence.push_back({phase.start, "first"});
  add_techniques(phase, Kind::kOptionsScan);
  if (phase.start < campaign_->start) {
    campaign_->start = campaign_->first_hostile = phase.start;
    campaign_->starts_with_capture = !later_by(record_.first, phase.start.time, kEarly);
  }
  story_.phases.push_back(std::move(phase));
}

void Teller::add_techniques(Phase& phase, Kind kind) {
  for (const std::string_view id : techniques_of(kind)) {
    if (std::ranges::find(phase.attack, id) == phase.attack.end()) phase.attack.push_back(id);
  }
}

// Guessing begins with the first password that was tried, whatever the same party did to the account before.
void Teller::begin_with_guess(Phase& phase) const {
  FrameRef first;
  for (const Track& track : tracks_) {
    if (!track.first_failure.known() || !std::ranges::binary_search(phase.actors, track.source)) continue;
    if (!std::ranges::binary_search(phase.accounts, account_of(track))) continue;
    if (!first.known() || track.first_failure < first) first = track.first_failure;
  }
  if (first.known() && phase.start < first && first < phase.end) phase.start = first;
}

void Teller::attack_phases() {
  for (const std::size_t i : campaign_->incidents) {
    const Incident& one = incident(i);
    const PhaseKind kind = *phase_of(one.kind);
    if (kind == PhaseKind::kCompromise) continue;  // its own rules
    Phase phase{.kind = kind, .start = one.first, .end = one.last};
    for (const IpAddress& source : one.sources) {
      if (!trusted(source)) add_unique(phase.actors, source);
    }
    phase.accounts = one.accounts;
    phase.numbers = one.numbers;
    phase.messages = one.messages;
    phase.incidents.push_back(i);
    phase.evidence = one.evidence;
    if (kind == PhaseKind::kCredentialAccess) begin_with_guess(phase);
    if (phase.evidence.empty()) phase.evidence.push_back({one.first, "first"});
    add_techniques(phase, one.kind);
    story_.phases.push_back(std::move(phase));
  }
}

// The same kind twice is one phase, unless the story went on in between.
void Teller::merge_phases() {
  std::ranges::stable_sort(story_.phases, [](const Phase& a, const Phase& b) {
    return a.start != b.start ? a.start < b.start : a.kind < b.kind;
  });
  const auto only_probes = [this](const Phase& phase) {
    return std::ranges::all_of(phase.incidents,
                               [this](std::size_t i) { return incident(i).kind == Kind::kDialPlanProbe; });
  };
  const auto paused = [this](const FrameRef& from, const FrameRef& to) {
    return std::ranges::any_of(pauses_, [&](const auto& pause) { return from < pause.first && pause.second <= to; });
  };
  std::vector<Phase> merged;
  for (Phase& phase : story_.phases) {
    Phase* before = nullptr;
    bool went_on = false;
    for (auto at = merged.rbegin(); at != merged.rend(); ++at) {
      if (at->kind == phase.kind) {
        before = &*at;
        break;
      }
      if (later_by(at->start.time, phase.start.time, kSamePhase)) went_on |= at->kind > phase.kind;
    }
    bool one = before != nullptr;
    bool longer = true;
    if (before != nullptr) {
      const bool touches = !later_by(before->end.time, phase.start.time, kSamePhase);
      switch (phase.kind) {
        case PhaseKind::kCompromise: {
          // A second sign of the same break-in (the new place it is used from) is no new one; further accounts that
          // fall soon after are.
          const bool same = phase.accounts == before->accounts;
          one = !paused(before->start, phase.start) && (same || touches);
          longer = !same;
          break;
        }
        case PhaseKind::kContainment: one = phase.start <= before->end; break;
        case PhaseKind::kAbuse:
          // What was tried at the door before it opened is not what was done behind it.
          if (before->start < campaign_->decisive && campaign_->decisive < phase.start && only_probes(*before)) {
            one = false;
            break;
          }
          [[fallthrough]];
        default: one = (touches || !went_on) && !paused(before->start, phase.start);
      }
    }
    if (!one) {
      merged.push_back(std::move(phase));
      continue;
    }
    if (longer && before->end < phase.end) before->end = phase.end;
    add_all(before->actors, phase.actors);
    add_all(before->accounts, phase.accounts);
    add_all(before->numbers, phase.numbers);
    before->messages += phase.messages;
    before->incidents.insert(before->incidents.end(), phase.incidents.begin(), phase.incidents.end());
    for (const std::string_view id : phase.attack) {
      if (std::ranges::find(before->attack, id) == before->attack.end()) before->attack.push_back(id);
    }
    for (const Evidence& evidence : phase.evidence) {
      if (before->evidence.size() < 32) before->evidence.push_back(evidence);
    }
  }
  story_.phases = std::move(merged);
}

Story Teller::run() {
  choose();
  if (story_.campaign) {
    campaign_ = &*story_.campaign;
    gather();
    add_approach();
    attack_phases();
    compromise_phases();
    containment_phases();
    end_guessing();
    name_users();
    split_abuse();
    begin_with_first_call();
    merge_phases();
    end_abuse();
    measure_abuse();
    explain_entry();
    list_resets();
    describe();
  }
  list_indicators();
  return std::move(story_);
}

}  // namespace voip::analyze::timeline
