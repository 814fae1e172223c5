#include <fmt/format.h>

#include <algorithm>
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

constexpr std::chrono::seconds kSameRequest{2};
constexpr std::int64_t kSliceNs = 600 * kNsPerSecond;
constexpr std::size_t kMostSlices = 1008;  // a week

// Whether a call came after the block, or met it: its first request is a moment earlier than the refused one.
bool blocked(const CallRecord& call, const FrameRef& block) {
  if (!block.known()) return false;
  return block <= call.begin() || (!call.answered() && !later_by(call.begin().time, block.time, kSameRequest));
}

// The digits without leading zeros, last one first: a number as it was dialled, behind whatever prefix, begins like the
// number itself ("0025261...", "901125261..." and "+25261...").
std::string from_the_end(std::string_view dialled) {
  const std::size_t at = dialled.find_first_not_of("+0");
  if (at == std::string_view::npos) return {};
  return {dialled.rbegin(), dialled.rend() - static_cast<std::ptrdiff_t>(at)};
}

}  // namespace

// The calls of an incident that the record knows.
std::vector<std::size_t> Teller::calls_of(const Incident& one) const {
  const std::set<std::string_view> ids(one.call_ids.begin(), one.call_ids.end());
  const bool all = one.call_ids.size() < 1024;
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < record_.calls.size(); ++i) {
    const CallRecord& call = record_.calls[i];
    if (ids.count(call.call_id) != 0 ||
        (!all && one.has_source(call.actor()) && one.has_account(record_.caller_of(call)))) {
      list.push_back(i);
    }
  }
  return list;
}

// Where calls are sent away by somebody, no account stands in them: it is what he had taken.
void Teller::name_users() {
  for (Phase& phase : story_.phases) {
    if (phase.kind != PhaseKind::kAbuse || !phase.accounts.empty()) continue;
    for (const Phase& entry : story_.phases) {
      const auto there = [&phase](const IpAddress& a) { return std::ranges::binary_search(phase.actors, a); };
      if (entry.kind == PhaseKind::kCompromise && std::ranges::any_of(entry.actors, there))
        add_all(phase.accounts, entry.accounts);
    }
  }
}

// Abuse of accounts that were taken begins when they were, and is parted by each block that did not last.
void Teller::split_abuse() {
  std::vector<Phase> parts;
  for (Phase& phase : story_.phases) {
    if (phase.kind != PhaseKind::kAbuse || phase.accounts.empty()) {
      parts.push_back(std::move(phase));
      continue;
    }
    const FrameRef entered = taken_first(phase.accounts);
    FrameRef begin = entered;
    if (begin.known()) begin.time.ns -= std::chrono::nanoseconds{kSameRequest}.count();  // the call may have got in
    const FrameRef stop = campaign_->containment ? campaign_->containment->first : FrameRef{};
    const bool parted = (begin.known() && phase.start < begin) || (stop.known() && stop <= phase.end) ||
                        std::ranges::any_of(pauses_, [&phase](const auto& pause) {
                          return phase.start < pause.first && pause.second <= phase.end;
                        });
    const std::vector<std::size_t> calls =
        parted ? calls_of(incident(phase.incidents.front())) : std::vector<std::size_t>{};
    if (calls.empty()) {
      parts.push_back(std::move(phase));
      continue;
    }
    if (!begin.known() || begin < phase.start) begin = phase.start;
    const std::size_t first_part = parts.size();
    for (std::size_t k = 0; k <= pauses_.size(); ++k) {
      const bool last = k == pauses_.size();
      add_part(phase, calls, begin, last ? stop : pauses_[k].first, parts);
      if (!last) begin = std::max(begin, pauses_[k].second);
    }
    if (parts.size() == first_part) {
      parts.push_back(std::move(phase));
    } else {
      split_.insert(phase.incidents.front());
      // The request that got in comes after the call's first one, which was challenged.
      Phase& first = parts[first_part];
      if (entered.known() && first.start < entered) {
        first.start = entered;
        if (first.end < entered) first.end = entered;
        first.evidence.front().frame = entered;
      }
    }
  }
  story_.phases = std::move(parts);
}

// Whatever the thief calls with an account that he took is abuse, from the first attempt on, though it was refused or
// led nowhere dear.
void Teller::begin_with_first_call() {
  constexpr std::size_t kMost = 64;
  std::vector<std::pair<Phase*, FrameRef>> parts;  // since when each may have begun
  for (Phase& phase : story_.phases) {
    const FrameRef taken = phase.kind == PhaseKind::kAbuse ? taken_first(phase.accounts) : FrameRef{};
    if (!taken.known() || phase.actors.empty() || parts.size() >= kMost) continue;
    FrameRef since = taken;
    for (const auto& [block, success] : pauses_) {
      if (success <= phase.start) since = std::max(since, success);
    }
    parts.emplace_back(&phase, since);
  }
  if (parts.empty()) return;
  for (const CallRecord& call : record_.calls) {
    const FrameRef start = call.begin();
    for (const auto& [phase, since] : parts) {
      if (start < since || !(start < phase->start)) continue;
      if (!std::ranges::binary_search(phase->actors, call.actor()) || houses_many(call.actor())) continue;
      if (!std::ranges::binary_search(phase->accounts, std::string(record_.caller_of(call)))) continue;
      phase->start = start;
      phase->evidence.insert(phase->evidence.begin(), Evidence{start, "first call"});
    }
  }
}

// When the first of these accounts was taken; unknown when one of them never was.
FrameRef Teller::taken_first(const std::vector<std::string>& accounts) const {
  FrameRef first;
  for (const std::string& account : accounts) {
    const auto at = taken_.find(account);
    if (at == taken_.end()) return {};
    if (!first.known() || at->second < first) first = at->second;
  }
  return first;
}

// Guessing at accounts ends when they are taken: what is refused later belongs to the containment.
void Teller::end_guessing() {
  for (Phase& phase : story_.phases) {
    if (phase.kind != PhaseKind::kCredentialAccess || !taken_first(phase.accounts).known()) continue;
    FrameRef last;
    for (const std::string& account : phase.accounts) last = std::max(last, taken_.at(account));
    if (phase.start < last && last < phase.end) phase.end = last;
  }
}

// What of the abuse lies from begin on and before end; nothing where no call was answered.
void Teller::add_part(const Phase& whole, const std::vector<std::size_t>& calls, const FrameRef& begin,
                      const FrameRef& end, std::vector<Phase>& parts) const {
  Phase part{.kind = whole.kind};
  part.attack = whole.attack;
  part.incidents = whole.incidents;
  std::set<std::string> dialled;
  std::uint64_t members = 0;
  bool answered = false;
  for (const std::size_t i : calls) {
    const CallRecord& call = record_.calls[i];
    const FrameRef start = call.begin();
    if (start < begin || blocked(call, end)) continue;
    ++members;
    answered |= call.answered();
    if (!part.start.known() || start < part.start) part.start = start;
    const FrameRef over = call.hung_up != HungUp::kNobody ? call.end : start;
    if (!part.end.known() || part.end < over) part.end = over;
    if (std::string number = from_the_end(record_.callee_of(call)); !number.empty()) dialled.insert(std::move(number));
    if (std::ranges::binary_search(whole.actors, call.actor())) add_unique(part.actors, call.actor());
    const std::string caller{record_.caller_of(call)};
    if (std::ranges::binary_search(whole.accounts, caller)) add_unique(part.accounts, caller);
  }
  if (!answered) return;
  for (const std::string& number : whole.numbers) {
    const std::string tail = from_the_end(number);
    const auto at = dialled.lower_bound(tail);
    if (!tail.empty() && at != dialled.end() && at->starts_with(tail)) part.numbers.push_back(number);
  }
  if (part.actors.empty()) part.actors = whole.actors;
  if (part.accounts.empty()) part.accounts = whole.accounts;
  part.messages = whole.messages * members / calls.size();
  part.evidence.push_back({part.start, "first call"});
  for (const Evidence& evidence : whole.evidence) {
    if (part.start < evidence.frame && evidence.frame <= part.end) part.evidence.push_back(evidence);
  }
  parts.push_back(std::move(part));
}

// What was refused after the block belongs to the containment, not to the abuse.
void Teller::end_abuse() {
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
      if (blocked(call, stop) || ids.count(call.call_id) == 0) continue;
      const FrameRef end = call.hung_up != HungUp::kNobody ? call.end : call.begin();
      if (!last.known() || last < end) last = end;
    }
    if (last.known() && phase.start <= last) phase.end = last;
  }
}

// Calls that several incidents name are counted once.
void Teller::measure_abuse() {
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
      const bool parted = split_.count(i) != 0;  // its sums are of all its parts
      const bool fresh =
          !parted && std::ranges::none_of(one.call_ids, [&seen](const std::string& id) { return seen.count(id) != 0; });
      if (fresh) {
        phase.calls += one.answered;
        phase.minutes += one.answered_seconds / 60.0;
      }
      for (const std::string& id : one.call_ids) {
        if (!seen.insert(id).second) continue;
        const auto at = by_id.find(id);
        if (at == by_id.end()) continue;
        const CallRecord& call = record_.calls[at->second];
        const FrameRef when = call.answered() ? call.answer : call.begin();
        if (parted && (when < phase.start || phase.end < when)) continue;
        if (!groups.insert(call.group).second || !call.answered()) continue;
        const double seconds = call.end.known() ? std::max(0.0, seconds_between(call.answer.time, call.end.time)) : 0.0;
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

}  // namespace voip::analyze::timeline
