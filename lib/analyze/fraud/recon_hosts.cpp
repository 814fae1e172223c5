#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analyze/fraud/recon.h"

// Hosts and ports that are asked one after the other, by one source or by many that are built alike.

namespace voip::analyze::fraud {

using report::Confidence;
using report::Severity;
using sip::Method;

namespace {

constexpr std::size_t kPorts = 5;
constexpr std::uint32_t kSeldom = 20;   // visits of one host
constexpr std::uint32_t kResident = 3;  // registrations

}  // namespace

Recon::Visits Recon::visits(const Source& source) const {
  Visits seen;
  std::vector<std::int64_t> times;
  std::size_t seldom = 0;
  for (const Target& target : source.targets) {
    if (!stranger(source, target)) continue;
    seen.firsts.push_back(target.first);
    times.push_back(target.first.time.ns);
    seen.answering += target.answered != 0 ? 1U : 0U;
    seldom += target.visits <= kSeldom ? 1U : 0U;
    std::vector<std::int64_t> port_times;
    for (const Timestamp& time : target.port_times) port_times.push_back(time.ns);
    std::ranges::sort(port_times);
    const std::size_t within = most_within(port_times, std::chrono::seconds{60});
    if (within > seen.ports) {
      seen.ports = within;
      seen.port_host = target.host.to_string();
    }
  }
  std::ranges::sort(seen.firsts);
  std::ranges::sort(times);
  const Thresholds& limits = work_.limits();
  seen.fast = most_within(times, limits.sweep_hosts.span);
  const bool many =
      seen.fast >= limits.sweep_hosts.count || most_within(times, limits.sweep_slow.span) >= limits.sweep_slow.count;
  // Who comes back to the same hosts again and again has business there.
  seen.horizontal = many && seldom * 10 >= times.size() * 8;
  seen.vertical = seen.ports >= kPorts;
  return seen;
}

void Recon::sweep(std::uint32_t index) {
  const Source& source = book_.sources()[index];
  if (at_home(source)) return;
  const Visits seen = visits(source);
  if (!seen.horizontal && !seen.vertical) return;
  const std::size_t hosts = seen.firsts.size();
  const bool signs = source.signs.hostile();
  if (!signs && !seen.vertical && asks_its_own(source, hosts)) return;
  Incident incident;
  incident.kind = scan_kind(source);
  fill(incident, source);
  incident.attempts = seen.horizontal ? hosts : seen.ports;
  incident.successes = seen.answering;
  std::vector<std::uint32_t> asked = strange_users(source);
  if (seen.horizontal) {
    // What it then does to the hosts that it found is another step: users in turn, passwords.
    const auto later = [&](std::uint32_t at) { return seen.firsts.back() < book_.tries()[at].first; };
    if (source.suspect || static_cast<std::size_t>(std::ranges::count_if(asked, later)) >= kScanAors) {
      std::erase_if(asked, later);
      incident.last = seen.firsts.back();
      incident.messages = SourceBook::requests_between(source, incident.first.time, incident.last.time);
      incident.kind = scan_kind(source, incident.last.time);
    }
  }
  for (const std::uint32_t at : asked) book_.tries()[at].claimed = true;
  // Hosts that nearly all answer may be a partner's or a monitor's first round: who looks for hosts meets silence.
  const bool doubtful = seen.horizontal && !signs && seen.answering * 10 >= hosts * 9;
  FrameRef decisive = incident.last;
  if (seen.horizontal) {
    decisive = seen.firsts[std::min<std::size_t>(hosts, work_.limits().sweep_hosts.count) - 1];
    incident.checks.push_back(
        fired(kHorizontalSweep, Severity::kMedium, doubtful ? Confidence::kPossible : Confidence::kProbable,
              fmt::format("{} asked {} hosts ({} of them within {} s), {} answered", source.address.to_string(), hosts,
                          seen.fast, work_.limits().sweep_hosts.span.count(), seen.answering)));
  }
  // Phones that ring for a stranger are in reach of whoever calls them.
  if (seen.horizontal && incident.kind == Kind::kInviteScan && source.rung != 0 && !doubtful &&
      !source.address.is_private()) {
    incident.checks.insert(
        incident.checks.begin(),
        fired(kInviteScanRule, Severity::kHigh, Confidence::kProbable,
              fmt::format("{} without credentials from {} rang or {} answered", counted(source.rung, "INVITE"),
                          source.address.to_string(), source.rung == 1 ? "was" : "were")));
  }
  if (seen.vertical) {
    incident.checks.push_back(fired(kPortSweep, Severity::kLow, Confidence::kProbable,
                                    fmt::format("{} tried {} ports of {} within a minute", source.address.to_string(),
                                                seen.ports, seen.port_host)));
  }
  incident.evidence = Casework::evidence(
      incident.first, decisive, seen.horizontal ? "decisive: reaches the limit of hosts" : "decisive", incident.last);
  incident.explanation =
      "It speaks to hosts that never spoke to it, each for the first time, and no account of its own is known. A "
      "monitor would come back to the same hosts at a steady interval.";
  work_.raise(std::move(incident), {index});
}

// A server that asks by OPTIONS whether its phones are there: each by its own user, and they are.
bool Recon::asks_its_own(const Source& source, std::size_t hosts) const {
  std::size_t users = 0;
  std::size_t there = 0;
  for (const std::uint32_t index : source.tries) {
    const Try& one = book_.tries()[index];
    if (one.methods != bit(Method::kOptions)) return false;
    ++users;
    if (one.first_passed.known()) ++there;
  }
  return users * 5 >= hosts * 4 && there * 2 >= users;
}

// Registers without a password, again and again.
bool Recon::let_in(const Source& source) const {
  return std::ranges::any_of(source.tries, [&](std::uint32_t at) {
    const Try& one = book_.tries()[at];
    return one.first_passed.known() && one.requests >= kResident && (one.methods & bit(Method::kRegister)) != 0;
  });
}

bool Recon::resident(const Source& source) const {
  return source.registered != 0 || source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0 ||
         let_in(source);
}

// One way to build requests, many sources, each below every limit.
void Recon::spread() {
  std::map<std::uint64_t, std::vector<std::uint32_t>> groups;
  std::map<std::uint64_t, std::size_t> home;
  for (std::uint32_t i = 0; i < book_.sources().size(); ++i) {
    const Source& source = book_.sources()[i];
    if (source.shapes.empty()) continue;
    if (resident(source)) {
      for (const std::uint64_t shape : source.shapes) ++home[shape];
      continue;
    }
    if (source.suspect || work_.roles.trusted(source) || work_.site().own(source.address)) continue;
    groups[source.shapes.front()].push_back(i);
  }
  for (const auto& [shape, members] : groups) {
    if (members.size() < 5) continue;
    if (const auto at = home.find(shape); at != home.end() && at->second * 4 > members.size()) continue;
    std::vector<std::uint32_t> tries;
    std::vector<IpAddress> hosts;
    Incident incident;
    std::map<std::uint32_t, bool> users;
    for (const std::uint32_t index : members) {
      const Source& source = book_.sources()[index];
      for (const std::uint32_t at : strange_users(source)) {
        tries.push_back(at);
        users[book_.tries()[at].user] = true;
      }
      for (const Target& target : source.targets) {
        if (stranger(source, target)) hosts.push_back(target.host);
      }
    }
    std::ranges::sort(hosts);
    hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
    const Answers sum = answers(tries);
    if (repeats_itself(sum, users.size())) continue;
    const bool by_users = users.size() >= work_.limits().enum_users.count && !prefix_probe(work_, tries);
    const bool by_hosts = hosts.size() >= work_.limits().sweep_slow.count;
    if (!by_users && !by_hosts) continue;
    // Each source at its own user: devices that never got through. Scanners are answered, and share the work.
    const bool turned_away = sum.answered != 0 && sum.refused * 10 >= sum.answered * 8;
    if (by_users && !by_hosts && users.size() <= members.size() + members.size() / 4 && !turned_away) continue;
    const bool named = by_users && sum.answered * 2 >= sum.requests && sum.refused * 10 >= sum.answered * 8;
    incident.kind = named ? Kind::kEnumeration : scan_kind(book_.sources()[members.front()]);
    incident.entity = fmt::format("distributed {} of {} hosts", to_string(incident.kind), hosts.size());
    incident.attempts = named ? users.size() : hosts.size();
    for (const std::uint32_t index : members) {
      const Source& source = book_.sources()[index];
      incident.messages += source.requests;
      if (!incident.first.known() || source.first < incident.first) incident.first = source.first;
      if (!incident.last.known() || incident.last < source.last) incident.last = source.last;
    }
    for (const std::uint32_t at : tries) book_.tries()[at].claimed = true;
    for (const IpAddress& host : hosts) incident.targets.push_back(host.to_string());
    for (const std::uint32_t at : sum.found) incident.accounts.push_back(work_.name_of(book_.tries()[at]));
    std::ranges::sort(incident.accounts);
    incident.accounts.erase(std::unique(incident.accounts.begin(), incident.accounts.end()), incident.accounts.end());
    incident.successes = incident.accounts.size();
    incident.evidence =
        Casework::evidence(incident.first, incident.first, "decisive: one of many alike", incident.last);
    incident.checks.push_back(fired(
        kDistributedRecon, Severity::kMedium, Confidence::kProbable,
        fmt::format("{} sources that build their requests alike tried {} users at {} hosts, each of them only a few",
                    members.size(), users.size(), hosts.size())));
    if (named) {
      incident.checks.push_back(fired(kEnumerationRule, sum.found.empty() ? Severity::kMedium : Severity::kHigh,
                                      Confidence::kProbable, fmt::format("{} users tried", users.size())));
    }
    incident.explanation =
        "Each source stays below the limits; what they share (order of header fields, names) shows one hand. No "
        "device that is at home here has that form.";
    work_.raise(std::move(incident), members);
  }
}

}  // namespace voip::analyze::fraud
