#include "analyze/timeline/story.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/timeline/joining.h"

namespace voip::analyze::timeline {

namespace {

using fraud::Incident;
using fraud::Kind;
using report::Confidence;
using report::Evidence;
using report::Severity;

constexpr std::chrono::minutes kEarly{5};       // TL-003
constexpr std::chrono::minutes kQuiet{30};      // TL-009: no further attempts for so long
constexpr std::chrono::minutes kRealBlock{10};  // refusals between two successes that are a block, not a bad number
constexpr std::chrono::hours kSamePhase{1};
constexpr std::int64_t kSliceNs = 600 * kNsPerSecond;
constexpr std::size_t kMostSlices = 1008;  // a week
constexpr std::size_t kMostIndicators = 4096;

template <class T>
void add_unique(std::vector<T>& list, const T& item) {
  const auto at = std::lower_bound(list.begin(), list.end(), item);
  if (at == list.end() || *at != item) list.insert(at, item);
}
template <class T>
void add_all(std::vector<T>& list, const std::vector<T>& more) {
  list.insert(list.end(), more.begin(), more.end());
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

std::string join_addresses(const std::vector<IpAddress>& list, std::size_t most = 3) {
  std::string text;
  for (std::size_t i = 0; i < list.size() && i < most; ++i) {
    if (i != 0) text += i + 1 == list.size() ? " and " : ", ";
    text += list[i].to_string();
  }
  if (list.size() > most) text += fmt::format(" and {} more", list.size() - most);
  return text;
}
std::string join_names(const std::vector<std::string>& list, std::size_t most = 3) {
  std::string text;
  for (std::size_t i = 0; i < list.size() && i < most; ++i) {
    if (i != 0) text += i + 1 == list.size() ? " and " : ", ";
    text += list[i];
  }
  if (list.size() > most) text += fmt::format(" and {} more", list.size() - most);
  return text;
}

class Teller {
 public:
  Teller(std::vector<Incident> incidents, const std::vector<Track>& tracks, const Record& record,
         const StoryOptions& options)
      : tracks_(tracks), record_(record), options_(options) {
    story_.incidents = std::move(incidents);
  }

  Story run() {
    choose();
    if (story_.campaign) {
      campaign_ = &*story_.campaign;
      gather();
      attack_phases();
      find_decisive();
      compromise_phase();
      containment_phases();
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

 private:
  const Incident& incident(std::size_t i) const { return story_.incidents[i]; }
  bool trusted(const IpAddress& address) const { return options_.trusted && options_.trusted(address); }
  bool actor(const IpAddress& address) const {
    return std::binary_search(campaign_->actors.begin(), campaign_->actors.end(), address);
  }

  // --- which ----------------------------------------------------------------------------------------------------

  struct Weight {
    Severity severity{};
    Confidence confidence{};
    PhaseKind farthest{};
    bool compromised = false;
    std::uint64_t messages = 0;
  };

  Weight weigh(const Chain& chain) const {
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

  void choose() {
    const Chain* best = nullptr;
    Weight most;
    const std::vector<Chain> chains = join_incidents(story_.incidents, options_);
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

  // --- the incidents' own phases --------------------------------------------------------------------------------

  void gather() {
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

  void add_techniques(Phase& phase, Kind kind) {
    for (const std::string_view id : techniques_of(kind)) {
      if (std::ranges::find(phase.attack, id) == phase.attack.end()) phase.attack.push_back(id);
    }
  }

  // Guessing begins with the first password that was tried, whatever the same party did to the account before.
  void begin_with_guess(Phase& phase) const {
    FrameRef first;
    for (const Track& track : tracks_) {
      if (!track.first_failure.known() || !std::ranges::binary_search(phase.actors, track.source)) continue;
      if (!std::ranges::binary_search(phase.accounts, record_.names.text(track.account))) continue;
      if (!first.known() || track.first_failure < first) first = track.first_failure;
    }
    if (first.known() && phase.start < first && first < phase.end) phase.start = first;
  }

  // What was refused after the block belongs to the containment, not to the abuse.
  void end_abuse() {
    if (!campaign_->containment) return;
    const FrameRef stop = campaign_->containment->first;
    for (Phase& phase : story_.phases) {
      if (phase.kind != PhaseKind::kAbuse || phase.end < stop || stop < phase.start) continue;
      std::set<std::string_view> ids;
      for (const std::size_t i : phase.incidents) {
        for (const std::string& id : incident(i).call_ids) ids.insert(id);
      }
      FrameRef last;
      for (const CallRecord& call : record_.calls) {
        if (!(call.begin() < stop) || ids.count(call.call_id) == 0) continue;
        const FrameRef end = call.hung_up != HungUp::kNobody ? call.end : call.begin();
        if (!last.known() || last < end) last = end;
      }
      if (last.known() && phase.start <= last) phase.end = last;
    }
  }

  void attack_phases() {
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

  // --- compromise -----------------------------------------------------------------------------------------------

  const Track* track_of(const IpAddress& source, std::string_view account) const {
    for (const Track& track : tracks_) {
      if (track.source == source && record_.names.text(track.account) == account) return &track;
    }
    return nullptr;
  }

  static FrameRef decisive_of(const Incident& one) {
    for (const Evidence& evidence : one.evidence) {
      if (evidence.note.find("decisive") != std::string::npos) return evidence.frame;
    }
    for (const Evidence& evidence : one.evidence) {
      if (evidence.note.find("success") != std::string::npos || evidence.note.find("accepted") != std::string::npos)
        return evidence.frame;
    }
    return one.evidence.empty() ? one.first : one.evidence.front().frame;
  }

  void find_decisive() {
    for (const std::size_t i : campaign_->incidents) {
      const Incident& one = incident(i);
      if (phase_of(one.kind) != PhaseKind::kCompromise) continue;
      const FrameRef frame = decisive_of(one);
      if (!campaign_->decisive.known() || frame < campaign_->decisive) {
        campaign_->decisive = frame;
        entry_kind_ = one.kind;
        entry_ = i;
        if (!one.accounts.empty()) campaign_->taken_account = one.accounts.front();
        for (const IpAddress& source : one.sources) {
          if (!trusted(source)) {
            campaign_->taken_by = source;
            break;
          }
        }
      }
      // Which of several sources and accounts it was.
      for (const Track& track : tracks_) {
        if (track.first_success == campaign_->decisive) {
          campaign_->taken_account = record_.names.text(track.account);
          campaign_->taken_by = track.source;
        }
      }
    }
    if (!campaign_->decisive.known()) return;
    std::set<std::string> later;
    for (const std::size_t i : campaign_->incidents) {
      if (phase_of(incident(i).kind) != PhaseKind::kCompromise) continue;
      for (const std::string& account : incident(i).accounts) {
        if (account != campaign_->taken_account) later.insert(account);
      }
    }
    campaign_->spread.assign(later.begin(), later.end());
  }

  // The first registration of an actor for the account after `since`, or its first call; the earlier one.
  FrameRef takeover_after(const FrameRef& since, std::string_view account) const {
    FrameRef found;
    const auto take = [&](const FrameRef& frame) {
      if (frame.known() && since < frame && (!found.known() || frame < found)) found = frame;
    };
    for (const Track& track : tracks_) {
      if (record_.names.text(track.account) != account || !actor(track.source)) continue;
      const TextKey* guessed = nullptr;  // the contact of the decisive request, if it was a registration itself
      for (std::size_t k = 0; k < track.registrations.size(); ++k) {
        if (track.registrations[k] == since) guessed = &track.contacts[k];
      }
      for (std::size_t k = 0; k < track.registrations.size(); ++k) {
        if (guessed != nullptr && track.contacts[k] == *guessed) continue;  // only a refresh of what was set then
        take(track.registrations[k]);
      }
      take(track.first_call);
    }
    return found;
  }

  void compromise_phase() {
    for (const std::size_t i : campaign_->incidents) {
      const Incident& one = incident(i);
      if (phase_of(one.kind) != PhaseKind::kCompromise) continue;
      Phase phase{.kind = PhaseKind::kCompromise, .start = decisive_of(one)};
      FrameRef takeover;
      for (const std::string& account : one.accounts) {
        const FrameRef frame = takeover_after(phase.start, account);
        if (frame.known() && (!takeover.known() || frame < takeover)) takeover = frame;
      }
      for (const Track& track : tracks_) {
        const bool took = track.first_call == takeover ||
                          std::ranges::find(track.registrations, takeover) != track.registrations.end();
        if (!takeover.known() || !took) continue;
        add_unique(phase.actors, track.source);
        if (phase.start == campaign_->decisive) campaign_->used_by = track.source;
      }
      phase.end = takeover.known() ? takeover : phase.start;
      for (const IpAddress& source : one.sources) {
        if (!trusted(source)) add_unique(phase.actors, source);
      }
      phase.accounts = one.accounts;
      phase.messages = one.messages;
      phase.incidents.push_back(i);
      phase.evidence.push_back({phase.start, "decisive: the request that was accepted"});
      if (takeover.known()) phase.evidence.push_back({takeover, "take-over"});
      add_techniques(phase, one.kind);
      if (phase.start == campaign_->decisive) campaign_->takeover = takeover;
      story_.phases.push_back(std::move(phase));
    }
  }

  // --- containment ----------------------------------------------------------------------------------------------

  void add_containment(const std::vector<std::pair<const Track*, const Refusals*>>& blocks) {
    if (blocks.empty()) return;
    Phase phase{.kind = PhaseKind::kContainment};
    for (const auto& [track, block] : blocks) {
      if (!phase.start.known() || block->first < phase.start) phase.start = block->first;
      if (!phase.end.known() || phase.end < block->last) phase.end = block->last;
      phase.messages += block->count;
      add_unique(phase.actors, track->source);
      add_unique(phase.accounts, record_.names.text(track->account));
    }
    phase.evidence.push_back({phase.start, "first refusal"});
    if (phase.end != phase.start) phase.evidence.push_back({phase.end, "last refusal"});
    story_.phases.push_back(std::move(phase));
  }

  void containment_phases() {
    if (!campaign_->decisive.known()) return;
    // Those who had success with an account that they took.
    std::vector<const Track*> mine;
    FrameRef last_success;
    for (const Track& track : tracks_) {
      if (!track.first_success.known() || !actor(track.source)) continue;
      mine.push_back(&track);
      if (!last_success.known() || last_success < track.last_success) last_success = track.last_success;
    }
    std::vector<std::pair<const Track*, const Refusals*>> final_blocks;
    std::vector<std::pair<const Track*, const Refusals*>> passing;
    for (const Track* track : mine) {
      if (track->now.count != 0) {
        (last_success < track->now.first ? final_blocks : passing).emplace_back(track, &track->now);
      }
      for (const Refusals& block : track->earlier) {
        if (block.first < campaign_->decisive || block.count < 2) continue;
        if (later_by(block.first.time, block.success_after.time, kRealBlock)) passing.emplace_back(track, &block);
      }
    }
    std::ranges::sort(passing, {}, [](const auto& p) { return p.second->first; });
    for (const auto& block : passing) {
      const FrameRef again = next_success(mine, block.second->last);
      if (!again.known()) continue;
      add_containment({block});
      if (!campaign_->returned.known() || again < campaign_->returned) campaign_->returned = again;
    }
    add_containment(final_blocks);
    if (!final_blocks.empty()) {
      Refusals whole = *final_blocks.front().second;
      for (const auto& [track, block] : final_blocks) {
        if (block->first < whole.first) {
          whole.first = block->first;
          whole.status = block->status;
        }
        whole.last = std::max(whole.last, block->last);
      }
      campaign_->containment = whole;
      campaign_->stopped_by_block = true;
      if (campaign_->end < whole.last) campaign_->end = whole.last;
    }
    const FrameRef over = campaign_->containment ? campaign_->containment->first : FrameRef{};
    const Timestamp until = over.known() ? over.time : record_.last;
    campaign_->dwell_s = std::max(0.0, seconds_between(campaign_->decisive.time, until));
    campaign_->ongoing = !over.known() && !later_by(campaign_->end.time, record_.last, kQuiet);
    if (!over.known() && !campaign_->ongoing) {
      campaign_->dwell_s = std::max(0.0, seconds_between(campaign_->decisive.time, campaign_->end.time));
    }
  }

  static FrameRef next_success(const std::vector<const Track*>& mine, const FrameRef& after) {
    FrameRef found;
    for (const Track* track : mine) {
      for (const FrameRef& frame : {track->first_success, track->first_call, track->last_success}) {
        if (frame.known() && after < frame && (!found.known() || frame < found)) found = frame;
      }
      for (const FrameRef& frame : track->registrations) {
        if (after < frame && (!found.known() || frame < found)) found = frame;
      }
      for (const Refusals& block : track->earlier) {
        const FrameRef frame = block.success_after;
        if (frame.known() && after < frame && (!found.known() || frame < found)) found = frame;
      }
    }
    return found;
  }

  // --- the whole ------------------------------------------------------------------------------------------------

  // The same kind twice is one phase, unless the story went on in between.
  void merge_phases() {
    std::ranges::stable_sort(story_.phases, [](const Phase& a, const Phase& b) {
      return a.start != b.start ? a.start < b.start : a.kind < b.kind;
    });
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
      // A second sign of the same break-in (the new place it is used from) is no new one.
      const bool same_entry = phase.kind == PhaseKind::kCompromise && before != nullptr && phase.start <= before->end;
      if (phase.kind == PhaseKind::kCompromise && before != nullptr && !same_entry) before = nullptr;
      const bool touches = before != nullptr && !later_by(before->end.time, phase.start.time, kSamePhase);
      if (before == nullptr || (!touches && went_on)) {
        merged.push_back(std::move(phase));
        continue;
      }
      if (!same_entry && before->end < phase.end) before->end = phase.end;
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

  // Calls that several incidents name are counted once.
  void measure_abuse() {
    std::map<std::string_view, std::size_t> by_id;
    for (std::size_t i = 0; i < record_.calls.size(); ++i) by_id.emplace(record_.calls[i].call_id, i);
    std::map<std::int64_t, Slice> slices;
    for (Phase& phase : story_.phases) {
      if (phase.kind != PhaseKind::kAbuse) continue;
      std::vector<std::size_t> order = phase.incidents;
      std::ranges::stable_sort(
          order, [this](std::size_t a, std::size_t b) { return incident(a).answered > incident(b).answered; });
      std::set<std::string_view> seen;
      std::set<std::size_t> groups;
      for (const std::size_t i : order) {
        const Incident& one = incident(i);
        const bool fresh =
            std::ranges::none_of(one.call_ids, [&seen](const std::string& id) { return seen.count(id) != 0; });
        if (fresh) {
          phase.calls += one.answered;
          phase.minutes += one.answered_seconds / 60.0;
        }
        for (const std::string& id : one.call_ids) {
          if (!seen.insert(id).second) continue;
          const auto at = by_id.find(id);
          if (at == by_id.end()) continue;
          const CallRecord& call = record_.calls[at->second];
          if (!groups.insert(call.group).second || !call.answered()) continue;
          const double seconds =
              call.end.known() ? std::max(0.0, seconds_between(call.answer.time, call.end.time)) : 0.0;
          if (!fresh) {
            ++phase.calls;
            phase.minutes += seconds / 60.0;
          }
          if (!call.answer.time.known() || slices.size() >= kMostSlices) continue;
          Slice& slice = slices[call.answer.time.ns / kSliceNs];
          ++slice.calls;
          slice.minutes += seconds / 60.0;
        }
      }
      campaign_->calls += phase.calls;
      campaign_->minutes += phase.minutes;
    }
    for (auto& [at, slice] : slices) {
      slice.start = {at * kSliceNs};
      campaign_->activity.push_back(slice);
    }
    for (const std::size_t i : campaign_->incidents) {
      const Incident& one = incident(i);
      if (one.cost && (!campaign_->cost || one.cost->high > campaign_->cost->high)) campaign_->cost = one.cost;
      const PhaseKind kind = *phase_of(one.kind);
      if (kind < PhaseKind::kCompromise) continue;
      add_all(campaign_->affected.accounts, one.accounts);
      add_all(campaign_->affected.numbers, one.numbers);
      add_all(campaign_->affected.destinations, one.destinations);
    }
  }

  void explain_entry() {
    if (!campaign_->decisive.known()) return;
    const std::string& account = campaign_->taken_account;
    std::uint64_t failures = 0;
    std::uint64_t guesses = 0;
    bool leaked = false;
    for (const Track& track : tracks_) {
      if (actor(track.source) && record_.names.text(track.account) == account) failures += track.failures;
    }
    for (const std::size_t i : campaign_->incidents) {
      const Incident& one = incident(i);
      if (phase_of(one.kind) == PhaseKind::kCredentialAccess) {
        guesses += one.attempts;
        leaked |= one.kind == Kind::kDigestLeak && one.has_account(account);
      }
    }
    campaign_->failures_before = failures;
    auto& entry = campaign_->entry;
    if (leaked) {
      entry.push_back(
          {"leaked-digest", Confidence::kProbable,
           fmt::format("a phone answered a stranger's challenge with the digest of {}: its password could be "
                       "guessed offline",
                       account)});
    }
    if (entry_kind_ == Kind::kUnauthenticatedCall) {
      entry.push_back({"open-relay", Confidence::kCertain, "calls were accepted without any credentials"});
    } else if (failures >= 3) {
      entry.push_back(
          {"guessed-password", failures >= 10 ? Confidence::kCertain : Confidence::kProbable,
           fmt::format("{} wrong passwords for {} came from the attacker before the right one", failures, account)});
    } else if (guesses != 0) {
      entry.push_back({"guessed-password", Confidence::kProbable,
                       fmt::format("{} credentials were tried in the same campaign before the right one", guesses)});
    } else {
      entry.push_back(
          {"stolen-credential", Confidence::kPossible,
           fmt::format("no failure for {} was seen before the success: the credential was known beforehand, "
                       "or the guessing is not in this capture",
                       account)});
    }
    if (campaign_->starts_with_capture) {
      entry.push_back({"unknown", Confidence::kPossible, "the campaign may have begun before the capture"});
    }
  }

  void list_resets() {
    const auto add = [this](const std::string& account, std::string_view why, const FrameRef& since, std::string text) {
      for (const AccountToReset& known : campaign_->reset) {
        if (known.account == account) return;
      }
      campaign_->reset.push_back({account, why, since, std::move(text)});
    };
    for (const std::size_t i : campaign_->incidents) {
      if (phase_of(incident(i).kind) != PhaseKind::kCompromise) continue;
      for (const std::string& account : incident(i).accounts) {
        add(account, "confirmed", decisive_of(incident(i)), std::string(fraud::to_string(incident(i).kind)));
      }
    }
    for (const std::size_t i : campaign_->incidents) {
      const PhaseKind kind = *phase_of(incident(i).kind);
      if (kind == PhaseKind::kAbuse && incident(i).kind != Kind::kFlood && incident(i).kind != Kind::kTdos) {
        for (const std::string& account : incident(i).accounts) {
          add(account, "confirmed", incident(i).first, "calls of the fraud were made with it");
        }
      }
    }
    for (const Incident& one : story_.incidents) {
      if (one.kind != Kind::kDigestLeak && one.kind != Kind::kCredentialReplay) continue;
      for (const std::string& account : one.accounts) {
        add(account, "exposed", one.first, std::string(fraud::to_string(one.kind)));
      }
    }
  }

  void describe();
  void list_indicators();

  const std::vector<Track>& tracks_;
  const Record& record_;
  const StoryOptions& options_;
  Story story_;
  Campaign* campaign_ = nullptr;
  Kind entry_kind_ = Kind::kAnomaly;
  std::size_t entry_ = 0;
};

std::string deed_of(const Incident& one) {
  const std::string where = one.targets.empty() ? std::string() : " of " + join_names(one.targets);
  switch (one.kind) {
    case Kind::kDeregistration: return "removed registrations of " + join_names(one.accounts);
    case Kind::kFlood:
    case Kind::kDistributedFlood: return fmt::format("flooded this site ({} requests)", one.messages);
    case Kind::kMalformedFuzzing: return fmt::format("sent malformed messages ({})", one.messages);
    case Kind::kRtpInjection: return "sent media into calls of others";
    case Kind::kTdos: return fmt::format("tied up the lines{} with {} calls", where, one.calls);
    case Kind::kDialPlanProbe: return fmt::format("probed the dial plan ({} forms)", one.attempts);
    case Kind::kWangiri: return fmt::format("lured call-backs with {} short calls", one.calls);
    case Kind::kRobocalling: return fmt::format("placed {} automatic calls", one.calls);
    case Kind::kCallerIdSpoofing: return fmt::format("called under false numbers ({} calls)", one.calls);
    default: return fmt::format("carried out {}", fraud::to_string(one.kind));
  }
}

// What the gravest incidents say, in one sentence.
void Teller::describe() {
  Campaign& c = *campaign_;
  std::string who = join_addresses(c.actors);
  if (who.empty()) {
    // A peer only passes on what others do.
    std::vector<IpAddress> through;
    for (const std::size_t i : c.incidents) add_all(through, incident(i).sources);
    who = through.empty() ? std::string("Somebody") : "Somebody behind the peer " + join_addresses(through);
  }
  std::string tool;
  for (const std::size_t i : c.incidents) {
    if (tool.empty()) tool = incident(i).tool;
  }
  if (!tool.empty()) who += fmt::format(" ({})", tool);
  std::vector<std::string> did;
  if (c.decisive.known()) {
    if (entry_kind_ == Kind::kUnauthenticatedCall) {
      did.emplace_back("placed calls without any credentials");
    } else {
      const std::string account = c.taken_account.empty() ? std::string("an account") : "account " + c.taken_account;
      did.push_back(c.failures_before >= 3
                        ? fmt::format("guessed the password of {} after {} failures", account, c.failures_before)
                        : fmt::format("got into {}", account));
      if (c.takeover.known()) did.emplace_back("took it over");
      if (!c.spread.empty()) did.push_back(fmt::format("also got into {}", join_names(c.spread)));
    }
  }
  const Incident* abuse = nullptr;  // the gravest
  bool outgoing = false;
  for (const std::size_t i : c.incidents) {
    const Incident& one = incident(i);
    if (*phase_of(one.kind) != PhaseKind::kAbuse) continue;
    if (abuse == nullptr || one.lead().severity > abuse->lead().severity) abuse = &one;
    outgoing |= one.answered != 0 && (one.kind == Kind::kTollFraud || one.kind == Kind::kTrafficPumping ||
                                      one.kind == Kind::kTransferAbuse || one.kind == Kind::kSimBox);
  }
  if (c.calls != 0 && outgoing) {
    did.push_back(fmt::format("made {} {} ({:.0f} minutes){}", c.calls, c.calls == 1 ? "call" : "calls", c.minutes,
                              c.affected.destinations.empty() ? "" : " to " + join_names(c.affected.destinations)));
  } else if (abuse != nullptr) {
    did.push_back(deed_of(*abuse));
  }
  if (did.empty()) {
    std::uint64_t tried = 0;
    PhaseKind farthest = PhaseKind::kReconnaissance;
    for (const std::size_t i : c.incidents) {
      tried += incident(i).messages;
      farthest = std::max(farthest, *phase_of(incident(i).kind));
    }
    switch (farthest) {
      case PhaseKind::kReconnaissance: did.push_back(fmt::format("scanned this site ({} requests)", tried)); break;
      case PhaseKind::kEnumeration: did.push_back(fmt::format("searched for accounts ({} requests)", tried)); break;
      default: {
        const Incident* worst = nullptr;
        for (const std::size_t i : c.incidents) {
          const bool tries = *phase_of(incident(i).kind) == PhaseKind::kCredentialAccess;
          if (tries && (worst == nullptr || incident(i).lead().severity > worst->lead().severity)) worst = &incident(i);
        }
        const std::string whose = c.accounts.empty() ? std::string() : " of " + join_names(c.accounts);
        if (worst != nullptr && worst->kind == Kind::kDigestLeak) {
          did.push_back(fmt::format("made a phone give away the digest{}, to guess its password offline", whose));
        } else if (worst != nullptr && worst->kind == Kind::kCredentialReplay) {
          did.push_back(fmt::format("replayed credentials{}", whose));
        } else {
          did.push_back(fmt::format("tried passwords{} without success ({} requests)", whose, tried));
        }
        break;
      }
    }
  }
  std::string sentence = who + " ";
  for (std::size_t i = 0; i < did.size(); ++i) {
    if (i != 0) sentence += i + 1 == did.size() ? " and " : ", ";
    sentence += did[i];
  }
  if (c.containment) {
    sentence += fmt::format("; it was stopped ({})", c.containment->status == 0 ? std::string("no more answers")
                                                                                : status_text(c.containment->status));
  } else if (c.decisive.known()) {
    sentence += c.ongoing ? "; it goes on at the end of the capture" : "; it ended, why is not seen";
  }
  c.verdict = sentence + ".";

  if (c.decisive.known()) c.proven.push_back("a request with the account's credentials was accepted");
  if (c.takeover.known()) c.proven.push_back("the same party registered or called with the account afterwards");
  for (const std::size_t i : c.incidents) {
    const Incident& one = incident(i);
    (one.lead().confidence == Confidence::kCertain ? c.proven : c.probable)
        .push_back(fmt::format("{}: {}", fraud::to_string(one.kind), one.lead().message));
    if (!one.explanation.empty()) {
      c.other_explanations.push_back(fmt::format("{}: {}", fraud::to_string(one.kind), one.explanation));
    }
  }
}

void Teller::list_indicators() {
  std::map<std::pair<std::string_view, std::string>, Indicator> found;
  const auto add = [&found](std::string_view kind, const std::string& value, const Incident& one) {
    if (value.empty() || found.size() >= kMostIndicators) return;
    const auto [at, made] = found.try_emplace({kind, value});
    Indicator& indicator = at->second;
    if (made) indicator = {kind, value, one.first, one.last, one.lead().confidence};
    indicator.first = std::min(indicator.first, one.first);
    indicator.last = std::max(indicator.last, one.last);
    indicator.confidence = std::max(indicator.confidence, one.lead().confidence);
  };
  for (const Incident& one : story_.incidents) {
    const auto phase = phase_of(one.kind);
    if (!phase || one.lead().confidence == Confidence::kPossible) continue;
    for (const IpAddress& source : one.sources) {
      if (!trusted(source)) add("address", source.to_string(), one);
    }
    add("tool", one.tool, one);
    if (one.kind == Kind::kTollFraud || one.kind == Kind::kWangiri || one.kind == Kind::kTrafficPumping) {
      for (const std::string& number : one.numbers) add("number", number, one);
    }
  }
  for (auto& [key, indicator] : found) story_.indicators.push_back(std::move(indicator));
  std::ranges::stable_sort(story_.indicators, {}, &Indicator::first);
}

}  // namespace

std::string_view to_string(PhaseKind kind) {
  switch (kind) {
    case PhaseKind::kReconnaissance: return "reconnaissance";
    case PhaseKind::kEnumeration: return "enumeration";
    case PhaseKind::kCredentialAccess: return "credential-access";
    case PhaseKind::kCompromise: return "compromise";
    case PhaseKind::kAbuse: return "abuse";
    case PhaseKind::kContainment: return "containment";
  }
  return "";
}

std::optional<PhaseKind> phase_of(Kind kind) {
  switch (kind) {
    case Kind::kOptionsScan:
    case Kind::kRegisterScan:
    case Kind::kInviteScan:
    case Kind::kInjection: return PhaseKind::kReconnaissance;
    case Kind::kEnumeration: return PhaseKind::kEnumeration;
    case Kind::kBruteForce:
    case Kind::kPasswordSpraying:
    case Kind::kCredentialStuffing:
    case Kind::kCredentialReplay:
    case Kind::kDigestLeak: return PhaseKind::kCredentialAccess;
    case Kind::kAccountCompromise:
    case Kind::kRegistrationHijack:
    case Kind::kUnauthenticatedCall: return PhaseKind::kCompromise;
    case Kind::kDeregistration:
    case Kind::kDialPlanProbe:
    case Kind::kTollFraud:
    case Kind::kTrafficPumping:
    case Kind::kWangiri:
    case Kind::kRobocalling:
    case Kind::kTransferAbuse:
    case Kind::kCallerIdSpoofing:
    case Kind::kSimBox:
    case Kind::kFlood:
    case Kind::kDistributedFlood:
    case Kind::kTdos:
    case Kind::kMalformedFuzzing:
    case Kind::kRtpInjection: return PhaseKind::kAbuse;
    case Kind::kMisconfiguredDevice:
    case Kind::kAnomaly: break;
  }
  return std::nullopt;
}

// MITRE ATT&CK for Enterprise; written for general systems, so some only come near.
std::vector<std::string_view> techniques_of(Kind kind) {
  switch (kind) {
    case Kind::kOptionsScan: return {"T1595.001", "T1046"};
    case Kind::kRegisterScan:
    case Kind::kInviteScan: return {"T1595.001", "T1046"};
    case Kind::kInjection: return {"T1595.002", "T1190"};
    case Kind::kEnumeration: return {"T1589.001", "T1087"};
    case Kind::kBruteForce: return {"T1110.001"};
    case Kind::kPasswordSpraying: return {"T1110.003"};
    case Kind::kCredentialStuffing: return {"T1110.004"};
    case Kind::kCredentialReplay: return {"T1557"};
    case Kind::kDigestLeak: return {"T1187", "T1110.002"};
    case Kind::kAccountCompromise: return {"T1078"};
    case Kind::kRegistrationHijack: return {"T1078", "T1098"};
    case Kind::kUnauthenticatedCall: return {"T1190"};
    case Kind::kDeregistration: return {"T1499"};
    case Kind::kDialPlanProbe:
    case Kind::kTollFraud:
    case Kind::kTrafficPumping:
    case Kind::kTransferAbuse:
    case Kind::kSimBox: return {"T1496", "T1657"};
    case Kind::kWangiri: return {"T1657"};
    case Kind::kRobocalling:
    case Kind::kCallerIdSpoofing: return {"T1656"};
    case Kind::kFlood:
    case Kind::kDistributedFlood: return {"T1498", "T1499"};
    case Kind::kTdos:
    case Kind::kMalformedFuzzing: return {"T1499"};
    case Kind::kRtpInjection: return {"T1557"};
    case Kind::kMisconfiguredDevice:
    case Kind::kAnomaly: break;
  }
  return {};
}

Story tell_story(std::vector<Incident> incidents, const std::vector<Track>& tracks, const Record& record,
                 const StoryOptions& options) {
  return Teller{std::move(incidents), tracks, record, options}.run();
}

}  // namespace voip::analyze::timeline
