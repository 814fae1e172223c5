#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "analyze/fraud/casework.h"

// Who looks for servers, ports, users: sweeps, scans, enumeration, slow or spread over many sources.
namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;
using sip::Method;

constexpr std::chrono::seconds kTenMinutes{600};
constexpr std::chrono::hours kDay{24};
constexpr std::size_t kScanAors = 10;
constexpr std::size_t kScanRegisters = 20;
constexpr std::size_t kScanInvites = 5;
constexpr std::size_t kPorts = 5;
constexpr std::uint64_t kFlood = 500;

std::uint16_t bit(Method method) { return static_cast<std::uint16_t>(1U << static_cast<unsigned>(method)); }

// Most of the called users end alike: one number behind many prefixes. That is dial-plan probing.
bool prefix_probe(const Casework& work, const std::vector<std::uint32_t>& tries) {
  std::map<std::string, std::size_t> tails;
  std::size_t most = 0;
  for (const std::uint32_t index : tries) {
    const std::string& user = work.name_of(work.book.tries()[index]);
    if (user.size() < 8) continue;
    most = std::max(most, ++tails[user.substr(user.size() - 7)]);
  }
  return most >= 3 && most * 2 >= tries.size();
}

// Puts a source down to the program whose signs it bears: FRAUD-001 to 004.
std::optional<Fired> tool_check(const Source& source) {
  const auto named = source.signs.named();
  const auto built = source.signs.structured();
  const bool by_name = named && *named != Tool::kSipp;
  if (!by_name && !built) return std::nullopt;
  const Tool tool = by_name ? *named : *built;
  const report::Rule& rule = tool == Tool::kNmap     ? kServiceProbe
                             : by_name               ? kKnownScanner
                             : tool == Tool::kSippts ? kSipptsStructure
                                                     : kSipviciousStructure;
  const bool listed_now = source.outcomes[static_cast<std::size_t>(Outcome::kChallenge)] != 0 ||
                          source.outcomes[static_cast<std::size_t>(Outcome::kPassed)] != 0;
  const Severity severity = &rule == &kServiceProbe                 ? Severity::kLow
                            : listed_now && &rule == &kKnownScanner ? Severity::kHigh
                                                                    : Severity::kMedium;
  return fired(rule, severity, Confidence::kProbable,
               fmt::format("{} at {}: {}{}", to_string(tool), source.address.to_string(), source.signs.describe(),
                           listed_now ? "; it was answered, so the host is listed now" : ""));
}

class Recon {
 public:
  explicit Recon(Casework& work) : work_(work), book_(work.book) {}

  void conclude() {
    for (std::uint32_t i = 0; i < book_.sources().size(); ++i) {
      Source& source = book_.sources()[i];
      if (source.outside_dialog == 0 || work_.roles.trusted(source) || at_work(source)) continue;
      if (!sweep(i)) users(i);
    }
    spread();
  }

 private:
  // The site's own hosts, but for attack programs: reconnaissance comes from outside.
  bool at_work(const Source& source) const { return work_.site().own(source.address) && !source.signs.hostile(); }

  // Asked without credentials, and never with them: indexes of Tries.
  std::vector<std::uint32_t> strange_users(const Source& source) const {
    std::vector<std::uint32_t> out;
    for (const std::uint32_t index : source.tries) {
      const Try& one = book_.tries()[index];
      if (one.in_bulk && !one.followed && !one.claimed && one.good == 0 && one.bad == 0) out.push_back(index);
    }
    return out;
  }

  // Users that it found and then guessed passwords for: asked for without a login that followed.
  void add_prey(const Source& source, std::vector<std::uint32_t>& tries) const {
    for (const std::uint32_t index : source.tries) {
      const Try& one = book_.tries()[index];
      if (!one.in_bulk || (one.bad == 0 && one.good == 0)) continue;  // these are not among them yet
      if (one.alone) tries.push_back(index);
    }
  }

  std::vector<std::int64_t> first_times(const std::vector<std::uint32_t>& tries) const {
    std::vector<std::int64_t> times;
    for (const std::uint32_t index : tries) times.push_back(book_.tries()[index].first.time.ns);
    std::ranges::sort(times);
    return times;
  }

  // A host that this one serves or has been asked by is no stranger to it.
  bool stranger(const Source& source, const Target& target) const {
    return !book_.asked(target.host, source.address) && !target.host.multicast();
  }

  void fill(Incident& incident, const Source& source) const {
    incident.first = source.first;
    incident.last = source.last;
    incident.entity = "source " + source.address.to_string();
    incident.messages = source.requests;
    incident.certain_attacker = source.registered == 0 &&
                                source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] == 0 &&
                                !work_.site().own(source.address);
    for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
  }

  bool sweep(std::uint32_t index) {
    const Source& source = book_.sources()[index];
    std::vector<std::int64_t> times;
    std::uint64_t visits = 0;
    std::size_t answering = 0;
    for (const Target& target : source.targets) {
      if (!stranger(source, target)) continue;
      times.push_back(target.first.time.ns);
      visits += target.visits;
      answering += target.answered != 0 ? 1U : 0U;
    }
    std::ranges::sort(times);
    const Thresholds& limits = work_.limits();
    const std::size_t fast = most_within(times, limits.sweep_hosts.span);
    const std::size_t slow = most_within(times, limits.sweep_slow.span);
    // Its business if it logs in, or comes back to the same hosts again and again.
    const bool at_home = source.registered != 0 || source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0;
    const bool few_visits = visits <= 20 * std::max<std::size_t>(1, times.size());
    std::size_t ports = 0;
    std::string host;
    for (const Target& target : source.targets) {
      std::vector<std::int64_t> port_times;
      for (const Timestamp& time : target.port_times) port_times.push_back(time.ns);
      std::ranges::sort(port_times);
      const std::size_t within = most_within(port_times, std::chrono::seconds{60});
      if (within > ports && stranger(source, target)) {
        ports = within;
        host = target.host.to_string();
      }
    }
    const bool horizontal =
        (fast >= limits.sweep_hosts.count || slow >= limits.sweep_slow.count) && few_visits && !at_home;
    const bool vertical = ports >= kPorts && !at_home;
    if (!horizontal && !vertical) return false;
    const bool signs = source.signs.hostile();
    if (!signs && !vertical && asks_its_own(source, times.size())) return false;
    Incident incident;
    incident.kind = scan_kind(source);
    fill(incident, source);
    incident.attempts = horizontal ? times.size() : ports;
    incident.successes = answering;
    for (const std::uint32_t at : strange_users(source)) {
      book_.tries()[at].claimed = true;
    }
    // Hosts that nearly all answer may be a partner's or a monitor's first round: who looks for hosts meets silence.
    const bool doubtful = horizontal && !signs && answering * 10 >= times.size() * 9;
    FrameRef decisive = source.last;
    if (horizontal) {
      std::vector<FrameRef> firsts;
      for (const Target& target : source.targets) firsts.push_back(target.first);
      std::ranges::sort(firsts);
      decisive = firsts[std::min<std::size_t>(firsts.size(), limits.sweep_hosts.count) - 1];
      incident.checks.push_back(
          fired(kHorizontalSweep, Severity::kMedium, doubtful ? Confidence::kPossible : Confidence::kProbable,
                fmt::format("{} asked {} hosts ({} of them within {} s), {} answered", source.address.to_string(),
                            times.size(), fast, limits.sweep_hosts.span.count(), answering)));
    }
    if (vertical) {
      incident.checks.push_back(
          fired(kPortSweep, Severity::kLow, Confidence::kProbable,
                fmt::format("{} tried {} ports of {} within a minute", source.address.to_string(), ports, host)));
    }
    incident.evidence = Casework::evidence(
        incident.first, decisive, horizontal ? "decisive: reaches the limit of hosts" : "decisive", incident.last);
    incident.explanation =
        "It speaks to hosts that never spoke to it, each for the first time, and logs in nowhere. A monitor would come "
        "back to the same hosts at a steady interval.";
    work_.raise(std::move(incident), {index});
    return true;
  }

  // A server that asks by OPTIONS whether its phones are there: each by its own user, and they are.
  bool asks_its_own(const Source& source, std::size_t hosts) const {
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

  struct Answers {
    std::uint64_t requests = 0;
    std::uint64_t answered = 0;
    std::uint64_t refused = 0;  // 401, 403, 404, 407, 480, 484
    std::uint64_t known = 0;
    std::uint64_t unknown = 0;
    std::vector<std::uint32_t> found;  // users that exist, where others do not
  };
  Answers answers(const std::vector<std::uint32_t>& tries) const {
    Answers sum;
    for (const std::uint32_t index : tries) {
      const Try& one = book_.tries()[index];
      sum.requests += one.requests;
      const std::uint64_t all = one.exists + one.no_such_user + one.forbidden + one.other_refusals;
      sum.answered += all;
      sum.refused += all - (one.first_passed.known() ? 1 : 0);
      if (one.exists != 0) ++sum.known;
      if (one.exists == 0 && (one.no_such_user != 0 || one.forbidden != 0 || one.other_refusals != 0)) ++sum.unknown;
    }
    if (sum.unknown != 0) {
      for (const std::uint32_t index : tries) {
        if (book_.tries()[index].exists != 0) sum.found.push_back(index);
      }
    }
    return sum;
  }

  void users(std::uint32_t index) {
    Source& source = book_.sources()[index];
    const std::vector<std::uint32_t> tries = strange_users(source);
    if (tries.size() < kScanInvites) return;
    const Thresholds& limits = work_.limits();
    const std::vector<std::int64_t> times = first_times(tries);
    const Answers sum = answers(tries);
    const bool at_home = source.registered != 0;
    const bool many = most_within(times, limits.enum_users.span) >= limits.enum_users.count ||
                      most_within(times, limits.enum_slow.span) >= limits.enum_slow.count ||
                      (!at_home && most_within(times, kDay) >= limits.enum_users.count);
    if (prefix_probe(work_, tries)) return;
    // Who looks for users asks each once or twice; the same few again and again is a flood.
    if (sum.requests >= kFlood && sum.requests > 10 * tries.size()) return;
    // A block may have ended the answers: then those before it must be many enough.
    std::vector<std::uint32_t> told = tries;
    std::erase_if(told, [&](std::uint32_t at) {
      const Try& one = book_.tries()[at];
      return one.exists + one.no_such_user + one.forbidden + one.other_refusals == 0;
    });
    const bool served = sum.answered * 2 >= sum.requests ||
                        most_within(first_times(told), limits.enum_slow.span) >= limits.enum_users.count;
    const bool refused = served && sum.refused * 10 >= sum.answered * 8;
    if (many && refused) {
      std::vector<std::uint32_t> all = tries;
      add_prey(source, all);
      knock(index, all);
      enumeration(index, all, answers(all));
    } else if (!invite_scan(index, tries)) {
      register_scan(index, tries, times);
    }
  }

  void take(Incident& incident, const std::vector<std::uint32_t>& tries, const Source& source) {
    std::vector<FrameRef> firsts;
    for (const std::uint32_t at : tries) {
      Try& one = book_.tries()[at];
      one.claimed = true;
      firsts.push_back(one.first);
      const FrameRef& end = one.bad != 0 || one.good != 0 ? one.first : one.last;
      if (!incident.first.known() || one.first < incident.first) incident.first = one.first;
      if (!incident.last.known() || incident.last < end) incident.last = end;
    }
    std::vector<std::uint32_t> sorted = tries;
    std::ranges::sort(sorted);
    incident.messages = book_.requests_of(source, incident.first.time, incident.last.time, sorted);
  }

  // A scanning program first asks with OPTIONS whether somebody is at home; the users that it then asks for are another
  // step.
  void knock(std::uint32_t index, std::vector<std::uint32_t>& tries) {
    constexpr std::size_t kMostKnocks = 3;
    const Source& source = book_.sources()[index];
    std::vector<std::uint32_t> knocks;
    for (const std::uint32_t at : tries) {
      const Try& one = book_.tries()[at];
      if (one.methods == bit(Method::kOptions) && one.bad == 0 && one.good == 0) knocks.push_back(at);
    }
    if (!source.signs.hostile() || knocks.empty() || knocks.size() > kMostKnocks ||
        tries.size() - knocks.size() < kScanAors) {
      return;
    }
    std::erase_if(tries, [&](std::uint32_t at) { return std::ranges::find(knocks, at) != knocks.end(); });
    Incident incident;
    incident.kind = Kind::kOptionsScan;
    fill(incident, source);
    incident.first = incident.last = FrameRef{};
    take(incident, knocks, source);
    incident.attempts = knocks.size();
    incident.evidence =
        Casework::evidence(incident.first, incident.first, "decisive: signs of the program", incident.last);
    incident.explanation =
        "OPTIONS to a host that never spoke to it, with the signs of an attack program, before it asks for users. An "
        "agreed "
        "test would be named in the policy.";
    if (auto check = tool_check(source)) incident.checks.push_back(std::move(*check));
    work_.raise(std::move(incident), {index});
  }

  void enumeration(std::uint32_t index, const std::vector<std::uint32_t>& tries, const Answers& sum) {
    Source& source = book_.sources()[index];
    Incident incident;
    incident.kind = Kind::kEnumeration;
    fill(incident, source);
    incident.first = incident.last = FrameRef{};
    take(incident, tries, source);
    incident.attempts = tries.size();
    incident.successes = sum.found.size();
    FrameRef decisive = incident.last;
    std::vector<std::string> names;
    for (const std::uint32_t at : tries) names.push_back(work_.name_of(book_.tries()[at]));
    for (const std::uint32_t at : sum.found) {
      incident.accounts.push_back(work_.name_of(book_.tries()[at]));
      if (book_.tries()[at].first < decisive) decisive = book_.tries()[at].first;
    }
    std::ranges::sort(incident.accounts);
    const bool differ = !sum.found.empty();
    incident.evidence =
        Casework::evidence(incident.first, decisive,
                           differ ? "decisive: first user that is answered otherwise" : "decisive", incident.last);
    incident.checks.push_back(
        fired(kEnumerationRule, differ ? Severity::kHigh : Severity::kMedium, Confidence::kProbable,
              fmt::format("{} tried {} users, {:.0f} % of them in counting order; {}", source.address.to_string(),
                          tries.size(), 100 * numeric_run(names),
                          differ ? "the answers tell that these exist: " + listed(incident.accounts)
                                 : "all were answered alike")));
    if (registers(tries) >= kScanRegisters &&
        source.methods[static_cast<std::size_t>(Method::kRegister)] >= kScanRegisters) {
      incident.checks.push_back(
          fired(kRegistrationScan, Severity::kMedium, Confidence::kProbable,
                fmt::format("REGISTER without credentials for {} addresses of record", registers(tries))));
    }
    if (source.rung != 0) {
      incident.checks.push_back(fired(kInviteScanRule, Severity::kHigh, Confidence::kProbable,
                                      fmt::format("{} without credentials rang or {} answered",
                                                  counted(source.rung, "INVITE"), source.rung == 1 ? "was" : "were")));
    }
    incident.explanation =
        "One source asks for many users in turn and never logs in. A dialler or carrier would call through an account "
        "or trunk, phones behind NAT would log in.";
    work_.raise(std::move(incident), {index});
  }

  std::size_t registers(const std::vector<std::uint32_t>& tries) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        tries, [&](std::uint32_t at) { return (book_.tries()[at].methods & bit(Method::kRegister)) != 0; }));
  }

  bool invite_scan(std::uint32_t index, const std::vector<std::uint32_t>& tries) {
    Source& source = book_.sources()[index];
    std::vector<std::uint32_t> called;
    for (const std::uint32_t at : tries) {
      if ((book_.tries()[at].methods & bit(Method::kInvite)) != 0) called.push_back(at);
    }
    if (called.size() < kScanInvites || called.size() * 2 < tries.size()) return false;
    if (source.registered != 0 || source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0) return false;
    const std::vector<std::int64_t> times = first_times(called);
    std::size_t missing = 0;
    for (const std::uint32_t at : called) missing += book_.tries()[at].no_such_user != 0 ? 1U : 0U;
    // Slowly: twice as many users, half of whom do not exist; or more.
    const std::size_t in_a_day = most_within(times, kDay);
    const bool slow = in_a_day >= 4 * kScanInvites || (in_a_day >= 2 * kScanInvites && missing * 2 >= called.size());
    if (most_within(times, kTenMinutes) < kScanInvites && !slow) return false;
    // A trunk that nobody told us of: many callers, and most of what it brings rings.
    const std::uint64_t invites = source.methods[static_cast<std::size_t>(Method::kInvite)];
    // Nor are telephone numbers that ring: who looks for a way in is refused.
    const auto numbers = std::ranges::count_if(called, [&](std::uint32_t at) {
      const std::string& user = work_.name_of(book_.tries()[at]);
      return user.size() >= 7 && user.find_first_not_of("+0123456789") == std::string::npos;
    });
    const bool telephones = static_cast<std::size_t>(numbers) * 10 >= called.size() * 9;
    if (source.rung * 2 >= invites &&
        (telephones || source.callers.size() * 2 >= std::min<std::uint64_t>(invites, 64))) {
      return false;
    }
    Incident incident;
    incident.kind = Kind::kInviteScan;
    fill(incident, source);
    incident.first = incident.last = FrameRef{};
    take(incident, tries, source);
    incident.attempts = called.size();
    incident.successes = source.rung;
    for (const std::uint32_t at : called) incident.numbers.push_back(work_.name_of(book_.tries()[at]));
    const FrameRef decisive = source.first_rung.known() ? source.first_rung : incident.last;
    incident.evidence = Casework::evidence(incident.first, decisive,
                                           source.rung != 0 ? "decisive: this call rang" : "decisive", incident.last);
    incident.checks.push_back(fired(
        kInviteScanRule, source.rung != 0 ? Severity::kHigh : Severity::kMedium, Confidence::kProbable,
        fmt::format("{} called {} without credentials, {} rang or {} answered", source.address.to_string(),
                    counted(called.size(), "user"), counted(source.rung, "call"), source.rung == 1 ? "was" : "were")));
    incident.explanation =
        "A host that is no trunk or partner by its calls tries one user after the other without logging in.";
    work_.raise(std::move(incident), {index});
    return true;
  }

  void register_scan(std::uint32_t index, const std::vector<std::uint32_t>& tries,
                     const std::vector<std::int64_t>& times) {
    Source& source = book_.sources()[index];
    const std::size_t aors = registers(tries);
    const bool fast = aors >= kScanAors && most_within(times, kTenMinutes) >= kScanAors;
    if (!fast || source.methods[static_cast<std::size_t>(Method::kRegister)] < kScanRegisters) return;
    if (source.registered != 0) return;
    // Phones behind one address that call for a server which is away: each by its own name, again and again.
    const auto again = std::ranges::count_if(tries, [&](std::uint32_t at) { return book_.tries()[at].repeats != 0; });
    if (source.answered * 5 < source.requests && (source.via_hosts.size() * 2 >= aors || source.requests >= 3 * aors ||
                                                  static_cast<std::size_t>(again) * 2 >= aors)) {
      return;
    }
    Incident incident;
    incident.kind = Kind::kRegisterScan;
    fill(incident, source);
    incident.first = incident.last = FrameRef{};
    take(incident, tries, source);
    incident.attempts = aors;
    std::vector<std::string> names;
    for (const std::uint32_t at : tries) names.push_back(work_.name_of(book_.tries()[at]));
    incident.evidence = Casework::evidence(incident.first, incident.last, "decisive: last of them", incident.last);
    incident.checks.push_back(fired(kRegistrationScan, Severity::kMedium, Confidence::kProbable,
                                    fmt::format("{} sent REGISTER without credentials for {} addresses of record: {}",
                                                source.address.to_string(), aors, listed(names, 10))));
    incident.explanation =
        "Many addresses of record, none followed by a login. After an outage known devices would register with "
        "success.";
    work_.raise(std::move(incident), {index});
  }

  // One way to build requests, many sources, each below every limit.
  void spread() {
    std::map<std::uint64_t, std::vector<std::uint32_t>> groups;
    std::map<std::uint64_t, std::size_t> home;
    for (std::uint32_t i = 0; i < book_.sources().size(); ++i) {
      const Source& source = book_.sources()[i];
      if (source.shapes.empty()) continue;
      if (source.registered != 0 || source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0) {
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

  Casework& work_;
  SourceBook& book_;
};

}  // namespace

void conclude_recon(Casework& work) { Recon(work).conclude(); }

void conclude_tools(Casework& work) {
  for (std::uint32_t i = 0; i < work.book.sources().size(); ++i) {
    Source& source = work.book.sources()[i];
    if (source.suspect || work.roles.trusted(source)) continue;
    const auto named = source.signs.named();
    const auto built = source.signs.structured();
    if (!(named && *named != Tool::kSipp) && !built) continue;
    // Told with the dial-plan probe that it makes.
    if (prefix_probe(work, source.tries)) continue;
    // Its user logs in with success from the first try: a test program in honest hands.
    if (source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0 &&
        source.outcomes[static_cast<std::size_t>(Outcome::kBadLogin)] == 0) {
      continue;
    }
    Fired check = *tool_check(source);
    Incident incident;
    incident.kind = scan_kind(source);
    incident.entity = "source " + source.address.to_string();
    incident.first = source.first;
    incident.last = source.last;
    incident.messages = source.requests;
    incident.attempts = source.outside_dialog;
    incident.certain_attacker = !work.site().own(source.address);
    for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
    incident.evidence =
        Casework::evidence(incident.first, source.sign_frame, "decisive: signs of the program", incident.last);
    incident.checks.push_back(std::move(check));
    incident.explanation =
        "Few requests, but they carry the signs of an attack program. An agreed test would be named in the policy.";
    work.raise(std::move(incident), {i});
  }
}

// A call from a host that nobody knows goes through without a challenge: to the outside, or after it had been refused.
void conclude_open_calls(Casework& work) {
  std::map<IpAddress, std::vector<const PhoneCall*>> by_source;
  for (const PhoneCall& call : work.findings.calls.calls()) {
    if (!call.answered() || call.authenticated || call.challenged) continue;
    const Source* source = work.book.find(call.source);
    if (source == nullptr || source->suspect || work.site().own(call.source) || work.roles.trusted(*source)) continue;
    if (source->registered != 0 || source->outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0) continue;
    by_source[call.source].push_back(&call);
  }
  for (const auto& [address, calls] : by_source) {
    const Source& source = *work.book.find(address);
    const bool signs = source.signs.hostile();
    const bool refused = source.outcomes[static_cast<std::size_t>(Outcome::kRefused)] +
                             source.outcomes[static_cast<std::size_t>(Outcome::kChallenge)] >=
                         source.rung;
    // Without signs of an attack: only where the server asks others for credentials, or a stranger dials out; and never
    // within one private network, where phones and gateways are known by their addresses.
    const bool outward =
        std::ranges::any_of(calls, [&](const PhoneCall* call) { return work.roles.trunk_or_peer(call->exit); });
    const bool dialled_out = std::ranges::any_of(calls, [&](const PhoneCall* call) { return call->number.external(); });
    const bool challenges = std::ranges::any_of(calls, [&](const PhoneCall* call) {
      const Host* host = work.book.host(call->entry);
      return host != nullptr && host->invites_challenged != 0;
    });
    if (!signs && (address.is_private() || !outward || (!challenges && !dialled_out))) continue;
    Incident incident;
    incident.kind = Kind::kUnauthenticatedCall;
    for (const PhoneCall* call : calls) {
      if (!incident.first.known() || call->invite < incident.first) incident.first = call->invite;
      if (!incident.last.known() || incident.last < call->last) incident.last = call->last;
      incident.numbers.push_back(call->number.shown());
      incident.targets.push_back(call->entry.to_string());
      incident.answered_seconds += call->seconds();
      if (incident.call_ids.size() < 1024) {
        incident.call_ids.push_back(work.findings.calls.records()[call->records.front()].call_id);
      }
    }
    incident.calls = incident.answered = incident.successes = calls.size();
    incident.attempts = source.methods[static_cast<std::size_t>(Method::kInvite)];
    incident.messages = source.requests;
    incident.entity = "source " + address.to_string();
    incident.certain_attacker = signs;
    const bool sure = signs || refused;
    incident.evidence = Casework::evidence(calls.front()->invite, calls.front()->accepted,
                                           "decisive: accepted without a challenge", incident.last);
    incident.explanation =
        "A host that is no trunk or partner by its calls placed a call without credentials, and it was answered. A "
        "customer's exchange that is trusted by its address would be named as a peer in the policy.";
    incident.checks.push_back(fired(kInviteScanRule, sure ? Severity::kHigh : Severity::kMedium,
                                    sure ? Confidence::kProbable : Confidence::kPossible,
                                    fmt::format("{} placed {} answered {} without credentials", address.to_string(),
                                                calls.size(), calls.size() == 1 ? "call" : "calls")));
    work.raise(std::move(incident), {work.index_of(source)});
  }
}

}  // namespace voip::analyze::fraud
