#include "analyze/fraud/incident.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::array<std::string_view, 29> kNames{"options-scan",
                                                  "register-scan",
                                                  "invite-scan",
                                                  "enumeration",
                                                  "brute-force",
                                                  "password-spraying",
                                                  "credential-stuffing",
                                                  "account-compromise",
                                                  "registration-hijack",
                                                  "deregistration",
                                                  "credential-replay",
                                                  "digest-leak",
                                                  "unauthenticated-call",
                                                  "dial-plan-probe",
                                                  "toll-fraud",
                                                  "traffic-pumping",
                                                  "wangiri",
                                                  "robocalling",
                                                  "transfer-abuse",
                                                  "caller-id-spoofing",
                                                  "sim-box",
                                                  "flood",
                                                  "distributed-flood",
                                                  "tdos",
                                                  "malformed-fuzzing",
                                                  "injection",
                                                  "rtp-injection",
                                                  "misconfigured-device",
                                                  "anomaly"};
static_assert(kNames.size() == static_cast<std::size_t>(Kind::kAnomaly) + 1);

template <class T>
void tidy(std::vector<T>& list) {
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

// Kinds whose accounts are prey taken, not merely tried: others that use them belong to the same story.
bool takes_accounts(Kind kind) {
  switch (kind) {
    case Kind::kAccountCompromise:
    case Kind::kRegistrationHijack:
    case Kind::kCredentialReplay:
    case Kind::kDigestLeak:
    case Kind::kTollFraud:
    case Kind::kDialPlanProbe:
    case Kind::kTransferAbuse:
    case Kind::kTrafficPumping:
    case Kind::kDeregistration: return true;
    default: return false;
  }
}

bool harmless(Kind kind) { return kind == Kind::kMisconfiguredDevice || kind == Kind::kAnomaly; }

}  // namespace

std::string_view to_string(Kind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<Kind> kind_of(std::string_view name) {
  const auto at = std::ranges::find(kNames, name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<Kind>(at - kNames.begin());
}

bool Incident::has_source(const IpAddress& address) const {
  return std::ranges::find(sources, address) != sources.end();
}
bool Incident::has_account(std::string_view account) const {
  return std::ranges::find(accounts, account) != accounts.end();
}

std::size_t IncidentStore::add(Incident incident) {
  tidy(incident.sources);
  tidy(incident.targets);
  tidy(incident.accounts);
  tidy(incident.numbers);
  tidy(incident.destinations);
  incidents_.push_back(std::move(incident));
  return incidents_.size() - 1;
}

void IncidentStore::link(std::size_t a, std::size_t b) {
  if (a == b) return;
  incidents_[a].linked.push_back(b);
  incidents_[b].linked.push_back(a);
}

const Incident* IncidentStore::find(Kind kind, const IpAddress& source) const {
  for (const Incident& incident : incidents_) {
    if (incident.kind == kind && !incident.checks.empty() && incident.has_source(source)) return &incident;
  }
  return nullptr;
}

const Incident* IncidentStore::find(Kind kind, std::string_view account) const {
  for (const Incident& incident : incidents_) {
    if (incident.kind == kind && !incident.checks.empty() && incident.has_account(account)) return &incident;
  }
  return nullptr;
}

void IncidentStore::settle(unsigned join_hours, Timestamp from) {
  for (Incident& incident : incidents_) {
    const auto earlier = [](const report::Evidence& item) { return item.frame.input == kEarlierRun; };
    std::erase_if(incident.evidence, earlier);
    for (Fired& fired : incident.checks) std::erase_if(fired.evidence, earlier);
    if (incident.evidence.empty() && incident.confirmed.known() && incident.confirmed.input != kEarlierRun) {
      incident.evidence.push_back(
          {.frame = incident.confirmed, .note = "what confirms it; it began in earlier inputs"});
    }
    // It ends here, as a call that began before: the frames that decide lie in earlier inputs.
    if (incident.evidence.empty() && incident.last.known() && incident.last.input != kEarlierRun) {
      incident.evidence.push_back({.frame = incident.last, .note = "last; what decides lies in earlier inputs"});
    }
    // Nothing of it is in these inputs: an earlier run has told it.
    const Timestamp latest = std::max(incident.last, incident.confirmed).time;
    if (incident.evidence.empty() || (from.known() && latest < from)) incident.checks.clear();
  }
  // Order first: the links are indexes.
  constexpr std::size_t kGone = static_cast<std::size_t>(-1);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < incidents_.size(); ++i) {
    if (!incidents_[i].checks.empty()) order.push_back(i);
  }
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const Incident& x = incidents_[a];
    const Incident& y = incidents_[b];
    if (const auto c = x.first <=> y.first; c != 0) return c < 0;
    if (x.lead().rule->id != y.lead().rule->id) return x.lead().rule->id < y.lead().rule->id;
    return x.entity < y.entity;
  });
  std::vector<std::size_t> place(incidents_.size(), kGone);
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  std::vector<Incident> sorted;
  sorted.reserve(incidents_.size());
  for (const std::size_t i : order) sorted.push_back(std::move(incidents_[i]));
  incidents_ = std::move(sorted);
  for (Incident& incident : incidents_) {
    for (std::size_t& other : incident.linked) other = place[other];
    std::erase(incident.linked, kGone);
  }

  // What shares an actor or a taken account, one after the other within the gap, is one story.
  std::map<IpAddress, std::vector<std::size_t>> by_source;
  std::map<std::string, std::vector<std::size_t>> by_account;
  for (std::size_t i = 0; i < incidents_.size(); ++i) {
    if (harmless(incidents_[i].kind)) continue;
    for (const IpAddress& source : incidents_[i].sources) by_source[source].push_back(i);
    if (!takes_accounts(incidents_[i].kind)) continue;
    for (const std::string& account : incidents_[i].accounts) by_account[account].push_back(i);
  }
  const auto gap_ns = static_cast<std::int64_t>(join_hours) * 3600 * kNsPerSecond;
  std::set<std::pair<std::size_t, std::size_t>> linked;
  const auto chain = [&](const std::vector<std::size_t>& list) {
    for (std::size_t i = 1; i < list.size(); ++i) {
      // With the latest one before it that was still near; lists are by first frame.
      for (std::size_t k = i; k-- > 0 && i - k <= 16;) {
        const Incident& before = incidents_[list[k]];
        const Incident& after = incidents_[list[i]];
        if (after.first.time.ns - before.last.time.ns <= gap_ns) linked.emplace(list[k], list[i]);
      }
    }
  };
  for (const auto& [source, list] : by_source) chain(list);
  for (const auto& [account, list] : by_account) chain(list);
  for (const auto& [a, b] : linked) link(a, b);
  for (Incident& incident : incidents_) tidy(incident.linked);
}

void IncidentStore::regrade(std::span<const policy::Override> severities) {
  for (Incident& incident : incidents_) {
    for (Fired& fired : incident.checks) {
      for (const policy::Override& wanted : severities) {
        if (iequals(wanted.check, fired.rule->id) || iequals(wanted.check, fired.rule->name))
          fired.severity = wanted.severity;
      }
    }
  }
}

void IncidentStore::report_to(report::Sink& sink) const {
  for (const Incident& incident : incidents_) {
    for (const Fired& fired : incident.checks) {
      report::Finding finding;
      finding.rule = fired.rule;
      finding.severity = fired.severity;
      finding.confidence = fired.confidence;
      finding.message = fired.message;
      if (incident.call_ids.size() == 1) finding.call_id = incident.call_ids.front();
      if (!incident.accounts.empty()) {
        finding.subject.emplace_back(
            "account", incident.accounts.size() == 1
                           ? incident.accounts.front()
                           : fmt::format("{} and {} more", incident.accounts.front(), incident.accounts.size() - 1));
      }
      if (!incident.sources.empty()) {
        // An address and nothing else: programs read it. The message tells how many there are.
        finding.subject.emplace_back("source", incident.sources.front().to_string());
      }
      if (incident.numbers.size() == 1) finding.subject.emplace_back("number", incident.numbers.front());
      if (incident.destinations.size() == 1) finding.subject.emplace_back("destination", incident.destinations.front());
      finding.entity = fmt::format("{}|{}", to_string(incident.kind), incident.entity);
      finding.evidence = fired.evidence.empty() ? incident.evidence : fired.evidence;
      sink.tally(*fired.rule, report::Verdict::kFail);
      sink.add(std::move(finding));
    }
  }
}

}  // namespace voip::analyze::fraud
