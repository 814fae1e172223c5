#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "analyze/timeline/teller.h"

namespace voip::analyze::timeline {

using fraud::Incident;
using fraud::Kind;
using report::Confidence;
using report::Evidence;
using report::Severity;

namespace {

constexpr std::chrono::minutes kQuiet{30};      // TL-009: no further attempts for so long
constexpr std::chrono::minutes kRealBlock{10};  // refusals between two successes that are a block, not a bad number
constexpr std::chrono::seconds kSameRequest{2};

FrameRef decisive_of(const Incident& one) {
  for (const Evidence& evidence : one.evidence) {
    if (evidence.note.find("decisive") != std::string::npos) return evidence.frame;
  }
  for (const Evidence& evidence : one.evidence) {
    if (evidence.note.find("success") != std::string::npos || evidence.note.find("accepted") != std::string::npos)
      return evidence.frame;
  }
  return one.evidence.empty() ? one.first : one.evidence.front().frame;
}

}  // namespace

// The first registration of an actor for the account after `since`, or its first call; the earlier one.
FrameRef Teller::takeover_after(const FrameRef& since, std::string_view account) const {
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

// A proxy passes a request on: what the account's server accepted came in by the attacker's own hop a moment before.
FrameRef Teller::seen_at_the_door(const FrameRef& frame, const std::string& account) const {
  FrameRef found = frame;
  for (const Track& track : tracks_) {
    if (account_of(track) != account || !actor(track.source)) continue;
    const auto take = [&](const FrameRef& f) {
      if (f.known() && f < found && !later_by(f.time, frame.time, kSameRequest)) found = f;
    };
    take(track.first_success);
    take(track.first_call);
    std::ranges::for_each(track.registrations, take);
  }
  return found;
}

// The first answered call of somebody who needed no credentials and had never been let through before.
Teller::Entry Teller::entry_without_login(std::size_t i) const {
  const Incident& one = incident(i);
  Entry entry{.incident = i, .kind = Kind::kUnauthenticatedCall};
  for (const IpAddress& source : one.sources) {
    if (!trusted(source)) add_unique(entry.actors, source);
  }
  if (entry.actors.empty()) return {};
  const std::set<std::string_view> ids(one.call_ids.begin(), one.call_ids.end());
  for (const CallRecord& call : record_.calls) {
    if (!call.answered() || !std::ranges::binary_search(entry.actors, call.actor())) continue;
    if (call.challenges != 0) return {};
    if (call.begin() < one.first) return {};  // he had been a customer before
    if (ids.count(call.call_id) == 0) continue;
    if (!entry.decisive.known() || call.begin() < entry.decisive) entry.decisive = call.begin();
  }
  return entry.decisive.known() ? entry : Entry{};
}

// No sign of a break-in, but of what came of it: somebody abuses an account that is at home elsewhere, or calls without
// any account.
void Teller::add_entries_of_abuse(std::vector<Entry>& list) const {
  const bool known = !list.empty();
  std::set<std::string> accounts;
  for (const Entry& entry : list) accounts.insert(entry.account);
  for (const std::size_t i : campaign_->incidents) {
    const Incident& one = incident(i);
    const bool calls = one.kind == Kind::kTollFraud || one.kind == Kind::kTrafficPumping ||
                       one.kind == Kind::kDialPlanProbe || one.kind == Kind::kTransferAbuse;
    if (!calls || one.answered == 0 || one.lead().confidence == Confidence::kPossible) continue;
    if (one.accounts.empty() && !known) {
      if (Entry entry = entry_without_login(i); entry.decisive.known()) list.push_back(std::move(entry));
    }
    for (const std::string& account : one.accounts) {
      if (accounts.count(account) != 0) continue;
      Entry entry{.account = account, .incident = i, .kind = Kind::kAccountCompromise};
      bool home = false;  // of somebody else
      for (const Track& track : tracks_) {
        if (account_of(track) != account || !track.first_success.known()) continue;
        const bool his = one.has_source(track.source) && actor(track.source);
        if (!his) {
          home |= lives_there(track.source, account, one.first, one.last);
        } else if (!houses_many(track.source)) {
          add_unique(entry.actors, track.source);
          if (!entry.decisive.known() || track.first_success < entry.decisive) entry.decisive = track.first_success;
        }
      }
      if (home && entry.decisive.known()) list.push_back(std::move(entry));
    }
  }
}

// One for each account: an incident may name several, and several incidents one.
std::vector<Teller::Entry> Teller::entries() const {
  std::vector<Entry> list;
  for (const std::size_t i : campaign_->incidents) {
    const Incident& one = incident(i);
    if (phase_of(one.kind) != PhaseKind::kCompromise) continue;
    std::vector<std::string> accounts = one.accounts;
    if (accounts.empty()) accounts.emplace_back();
    for (const std::string& account : accounts) {
      Entry entry{.account = account, .incident = i, .kind = one.kind};
      if (accounts.size() > 1) {
        for (const Track& track : tracks_) {
          const FrameRef& success = track.first_success;
          if (!success.known() || account_of(track) != account || !one.has_source(track.source)) continue;
          if (!entry.decisive.known() || success < entry.decisive) entry.decisive = success;
        }
      }
      if (!entry.decisive.known()) entry.decisive = decisive_of(one);
      entry.decisive = seen_at_the_door(entry.decisive, account);
      for (const Track& track : tracks_) {
        if (one.has_source(track.source) && !trusted(track.source) && account_of(track) == account &&
            track.first_success.known())
          add_unique(entry.actors, track.source);
      }
      if (entry.actors.empty()) {
        for (const IpAddress& source : one.sources) {
          if (!trusted(source)) add_unique(entry.actors, source);
        }
      }
      list.push_back(std::move(entry));
    }
  }
  add_entries_of_abuse(list);
  std::ranges::stable_sort(list, {}, &Entry::decisive);
  return list;
}

void Teller::compromise_phases() {
  std::vector<Entry> all = entries();
  if (all.empty()) return;
  const Entry& first = all.front();
  campaign_->decisive = first.decisive;
  campaign_->taken_account = first.account;
  entry_kind_ = first.kind;
  if (!first.actors.empty()) campaign_->taken_by = first.actors.front();
  for (const Track& track : tracks_) {
    if (track.first_success == campaign_->decisive && actor(track.source) && !first.account.empty()) {
      campaign_->taken_account = account_of(track);
      campaign_->taken_by = track.source;
    }
  }
  std::set<std::string> later;
  for (Entry& entry : all) {
    if (entry.account != campaign_->taken_account && !entry.account.empty()) later.insert(entry.account);
    if (!entry.account.empty()) taken_.try_emplace(entry.account, entry.decisive);
    Phase phase{.kind = PhaseKind::kCompromise, .start = entry.decisive};
    phase.actors = entry.actors;
    entry.takeover = entry.account.empty() ? FrameRef{} : takeover_after(entry.decisive, entry.account);
    if (entry.takeover.known()) {
      for (const Track& track : tracks_) {
        if (account_of(track) != entry.account) continue;
        const bool took = track.first_call == entry.takeover ||
                          std::ranges::find(track.registrations, entry.takeover) != track.registrations.end();
        if (!took) continue;
        add_unique(phase.actors, track.source);
        if (phase.start == campaign_->decisive) campaign_->used_by = track.source;
      }
    }
    phase.end = entry.takeover.known() ? entry.takeover : phase.start;
    if (!entry.account.empty()) phase.accounts = {entry.account};
    phase.messages = entry.takeover.known() ? 2 : 1;  // the guesses before are a phase of their own
    phase.incidents.push_back(entry.incident);
    phase.evidence.push_back({phase.start, "decisive: the request that was accepted"});
    if (entry.takeover.known()) phase.evidence.push_back({entry.takeover, "take-over"});
    add_techniques(phase, entry.kind);
    if (phase.start == campaign_->decisive && !campaign_->takeover.known()) campaign_->takeover = entry.takeover;
    story_.phases.push_back(std::move(phase));
  }
  campaign_->spread.assign(later.begin(), later.end());
  if (campaign_->decisive < campaign_->start) {
    campaign_->start = campaign_->first_hostile = campaign_->decisive;
    campaign_->starts_with_capture = !later_by(record_.first, campaign_->start.time, kEarly);
  }
}

void Teller::add_containment(const std::vector<Block>& blocks) {
  if (blocks.empty()) return;
  Phase phase{.kind = PhaseKind::kContainment};
  for (const auto& [track, block] : blocks) {
    if (!phase.start.known() || block->first < phase.start) phase.start = block->first;
    if (!phase.end.known() || phase.end < block->last) phase.end = block->last;
    phase.messages += block->count;
    add_unique(phase.actors, track->source);
    add_unique(phase.accounts, account_of(*track));
  }
  phase.evidence.push_back({phase.start, "first refusal"});
  if (phase.end != phase.start) phase.evidence.push_back({phase.end, "last refusal"});
  story_.phases.push_back(std::move(phase));
}

// Refused for hours, then guessed at again until it opened: the second break-in is told like the first.
void Teller::add_renewed_guessing(const Track& track, const Refusals& block) {
  Phase guessing{.kind = PhaseKind::kCredentialAccess, .start = block.resumed, .end = block.success_after};
  guessing.actors = {track.source};
  guessing.accounts = {account_of(track)};
  guessing.messages = block.count - block.count_before_pause;
  guessing.evidence.push_back({block.resumed, "first guess after the block"});
  add_techniques(guessing, Kind::kBruteForce);
  Phase success{.kind = PhaseKind::kCompromise, .start = block.success_after, .end = block.success_after};
  if (block.used_after.known()) success.end = block.used_after;
  success.actors = guessing.actors;
  success.accounts = guessing.accounts;
  success.messages = 1;
  success.evidence.push_back({block.success_after, "decisive: the request that was accepted again"});
  add_techniques(success, Kind::kAccountCompromise);
  story_.phases.push_back(std::move(guessing));
  story_.phases.push_back(std::move(success));
}

// In again without guessing: with a password that was known, too, or not changed.
void Teller::add_return(const std::vector<const Track*>& mine, const FrameRef& again) {
  const auto returns = [&again](const Track* t) {
    return t->last_success == again || std::ranges::find(t->registrations, again) != t->registrations.end() ||
           std::ranges::any_of(t->earlier, [&again](const Refusals& block) { return block.success_after == again; });
  };
  const auto who = std::ranges::find_if(mine, returns);
  const bool told = std::ranges::any_of(story_.phases, [&again](const Phase& phase) {
    return phase.kind == PhaseKind::kCompromise && std::abs(seconds_between(phase.start.time, again.time)) <= 2.0;
  });
  if (who == mine.end() || told) return;
  Phase phase{.kind = PhaseKind::kCompromise, .start = again, .end = again};
  phase.actors = {(*who)->source};
  phase.accounts = {account_of(**who)};
  FrameRef used;
  for (const CallRecord& call : record_.calls) {
    const FrameRef begin = call.begin();
    if (call.actor() != (*who)->source || record_.caller_of(call) != phase.accounts.front()) continue;
    // A call that is let through again is abuse, and no new way in.
    if (std::abs(seconds_between(begin.time, again.time)) <= 2.0) return;
    if (again < begin && (!used.known() || begin < used)) used = begin;
  }
  if (used.known()) phase.end = used;
  phase.messages = used.known() ? 2 : 1;
  phase.evidence.push_back({again, "decisive: the request that was accepted again"});
  if (used.known()) phase.evidence.push_back({used, "first call"});
  add_techniques(phase, Kind::kAccountCompromise);
  story_.phases.push_back(std::move(phase));
}

void Teller::containment_phases() {
  if (!campaign_->decisive.known()) return;
  // Those who had success with an account that they took.
  std::vector<const Track*> mine;
  FrameRef last_success;
  for (const Track& track : tracks_) {
    if (!track.first_success.known() || !actor(track.source)) continue;
    // Other accounts of the same address are none of the campaign's business.
    if (!taken_.empty() && taken_.count(account_of(track)) == 0 &&
        !std::ranges::binary_search(campaign_->accounts, account_of(track)))
      continue;
    mine.push_back(&track);
    if (!last_success.known() || last_success < track.last_success) last_success = track.last_success;
  }
  std::vector<Block> final_blocks;
  std::vector<Block> passing;
  for (const Track* track : mine) {
    // One request without an answer may also be the capture's end.
    const bool holds = track->now.count != 0 && (track->now.status != 0 || track->now.count > 1);
    if (holds && last_success < track->now.first) {
      final_blocks.emplace_back(track, &track->now);
    } else if (holds && track->now.count > 1) {
      passing.emplace_back(track, &track->now);
    }
    for (const Refusals& block : track->earlier) {
      if (block.first < campaign_->decisive || block.count < 2) continue;
      if (later_by(block.first.time, block.success_after.time, kRealBlock)) passing.emplace_back(track, &block);
    }
  }
  std::ranges::sort(passing, {}, [](const Block& p) { return p.second->first; });
  for (const Block& block : passing) {
    const FrameRef again = next_success(mine, block.second->last);
    if (!again.known()) continue;
    Refusals held = *block.second;
    constexpr std::uint64_t kGuesses = 3;
    if (held.resumed.known() && held.success_after == again && held.count - held.count_before_pause >= kGuesses) {
      add_renewed_guessing(*block.first, held);
      held.last = held.before_pause;
      held.count = held.count_before_pause;
    } else {
      add_return(mine, again);
    }
    add_containment({{block.first, &held}});
    if (!campaign_->returned.known() || again < campaign_->returned) campaign_->returned = again;
    // Others of the party may have gone on meanwhile: then nothing paused.
    const FrameRef meanwhile = next_success(mine, block.second->first);
    if (!(meanwhile < block.second->last)) pauses_.emplace_back(block.second->first, again);
  }
  std::ranges::sort(pauses_);
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
    whole.count = 0;
    for (const auto& [track, block] : final_blocks) whole.count += block->count;
    campaign_->containment = whole;
    campaign_->stopped_by_block = true;
    if (campaign_->end < whole.last) campaign_->end = whole.last;
  }
  const FrameRef over = campaign_->containment ? campaign_->containment->first : FrameRef{};
  const FrameRef stopped = pauses_.empty() ? over : pauses_.front().first;  // though not for good
  const Timestamp until = stopped.known() ? stopped.time : record_.last;
  campaign_->dwell_s = std::max(0.0, seconds_between(campaign_->decisive.time, until));
  campaign_->ongoing = !over.known() && !later_by(campaign_->end.time, record_.last, kQuiet);
  if (!stopped.known() && !campaign_->ongoing) {
    campaign_->dwell_s = std::max(0.0, seconds_between(campaign_->decisive.time, campaign_->end.time));
  }
}

FrameRef Teller::next_success(const std::vector<const Track*>& mine, const FrameRef& after) {
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

void Teller::explain_entry() {
  if (!campaign_->decisive.known()) return;
  const std::string& account = campaign_->taken_account;
  std::uint64_t failures = 0;
  std::uint64_t guesses = 0;
  std::uint64_t elsewhere = 0;  // with other accounts
  std::uint64_t sprayed = 0;    // of them, those that whoever got in had tried just before
  bool leaked = false;
  bool unauthenticated = false;
  for (const Track& track : tracks_) {
    if (!actor(track.source)) continue;
    if (account_of(track) != account) {
      const bool before = track.first_failure.known() && track.first_failure < campaign_->decisive;
      sprayed += track.source == campaign_->taken_by && before ? 1U : 0U;
      continue;
    }
    failures += track.failures;
    unauthenticated |= track.first_success == campaign_->decisive && track.without_login;
  }
  for (const std::size_t i : campaign_->incidents) {
    const Incident& one = incident(i);
    if (phase_of(one.kind) == PhaseKind::kCredentialAccess) {
      const bool his = one.accounts.empty() || one.has_account(account);
      (his ? guesses : elsewhere) += one.attempts;
      leaked |= one.kind == Kind::kDigestLeak && one.has_account(account);
    }
  }
  campaign_->failures_before = failures;
  auto& entry = campaign_->entry;
  if (leaked) {
    entry.push_back({"leaked-digest", Confidence::kProbable,
                     fmt::format("a phone answered a stranger's challenge with the digest of {}: its password could be "
                                 "guessed offline",
                                 account)});
  }
  if (entry_kind_ == Kind::kUnauthenticatedCall) {
    entry.push_back({"open-relay", Confidence::kCertain, "calls were accepted without any credentials"});
  } else if (unauthenticated) {
    entry.push_back({"unauthenticated-register", Confidence::kCertain,
                     fmt::format("a registration of {} was accepted without any credentials", account)});
  } else if (failures >= 3) {
    entry.push_back(
        {"guessed-password", failures >= 10 ? Confidence::kCertain : Confidence::kProbable,
         fmt::format("{} wrong passwords for {} came from the attacker before the right one", failures, account)});
  } else if (guesses != 0) {
    entry.push_back({"guessed-password", Confidence::kProbable,
                     fmt::format("{} credentials were tried in the same campaign before the right one", guesses)});
  } else {
    constexpr std::uint64_t kSpray = 5;
    if (sprayed >= kSpray) {
      entry.push_back({"guessed-password", Confidence::kProbable,
                       fmt::format("the same address tried {} other accounts before: its first password for {} was "
                                   "right, as one of many or from a list that leaked",
                                   sprayed, account)});
    }
    entry.push_back({"stolen-credential", Confidence::kPossible,
                     fmt::format("no failure for {} was seen before the success: the credential was known beforehand, "
                                 "or the guessing is not in this capture",
                                 account)});
  }
  if (elsewhere != 0 && entry.size() == 1 && entry.back().name == "stolen-credential") {
    entry.push_back({"guessed-password", Confidence::kPossible,
                     fmt::format("{} credentials were tried with other accounts in the same campaign", elsewhere)});
  }
  if (campaign_->starts_with_capture) {
    entry.push_back({"unknown", Confidence::kPossible, "the campaign may have begun before the capture"});
  }
}

void Teller::list_resets() {
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

}  // namespace voip::analyze::timeline
