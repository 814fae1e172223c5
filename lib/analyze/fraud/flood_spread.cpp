#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "analyze/fraud/flood.h"
#include "analyze/fraud/statistics.h"

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;
using sip::Method;

constexpr std::int64_t kMinuteNs = 60 * kNsPerSecond;
constexpr std::int64_t kBinNs = 10 * kNsPerSecond;
constexpr std::int64_t kBaselineNs = 600 * kNsPerSecond;
constexpr std::int64_t kMostBins = 200'000;  // three weeks
constexpr std::size_t kManySources = 100;
constexpr std::size_t kManyRequests = 500;
constexpr std::size_t kSomeSources = 30;
constexpr std::size_t kSomeRequests = 300;

// The minute that ends with each arrival, one after the other.
class LastMinute {
 public:
  explicit LastMinute(std::span<const Arrival> arrivals) : arrivals_(arrivals) {}

  bool next() {
    if (end_ == arrivals_.size()) return false;
    const Arrival& now = arrivals_[end_++];
    ++inside_[now.source];
    for (; now.ns - arrivals_[begin_].ns > kMinuteNs; ++begin_) {
      const auto gone = inside_.find(arrivals_[begin_].source);
      if (--gone->second == 0) inside_.erase(gone);
    }
    return true;
  }
  std::size_t sources() const { return inside_.size(); }
  std::size_t requests() const { return end_ - begin_; }
  std::int64_t begin_ns() const { return arrivals_[begin_].ns; }
  std::int64_t end_ns() const { return arrivals_[end_ - 1].ns; }

 private:
  std::span<const Arrival> arrivals_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::map<std::uint32_t, std::size_t> inside_;  // by source
};

void widen(Surge& surge, const LastMinute& minute) {
  surge.sources = std::max(surge.sources, minute.sources());
  surge.requests = std::max(surge.requests, minute.requests());
}

// Sources that do nothing else than take part.
struct Crowd {
  std::vector<Arrival> arrivals;
  std::vector<std::uint32_t> members;
  std::set<std::uint32_t> users;
  std::size_t alike = 0;  // that build their requests in the commonest way
};

Crowd crowd_of(const Casework& work, Method method) {
  Crowd crowd;
  std::map<std::uint64_t, std::size_t> shapes;
  for (std::uint32_t i = 0; i < work.book.sources().size(); ++i) {
    const Source& source = work.book.sources()[i];
    if (source.registered != 0 || source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0 ||
        work.roles.trusted(source) || source.suspect || work.site().own(source.address)) {
      continue;
    }
    if (source.methods[static_cast<std::size_t>(method)] * 10 < source.requests * 9) continue;
    crowd.members.push_back(i);
    if (!source.shapes.empty()) ++shapes[source.shapes.front()];
    for (const Stamp& stamp : source.stamps) crowd.arrivals.push_back({stamp.ns, i});
    for (const std::uint32_t at : source.tries) crowd.users.insert(work.book.tries()[at].user);
  }
  for (const auto& [shape, count] : shapes) crowd.alike = std::max(crowd.alike, count);
  std::ranges::sort(crowd.arrivals, [](const Arrival& a, const Arrival& b) {
    return a.ns != b.ns ? a.ns < b.ns : a.source < b.source;
  });
  return crowd;
}

void tell(Casework& work, Method method, const Crowd& crowd, const Surge& surge) {
  Incident incident;
  incident.kind = Kind::kDistributedFlood;
  std::vector<std::uint32_t> culprits;
  for (const std::uint32_t i : crowd.members) {
    const Source& source = work.book.sources()[i];
    const std::uint64_t here = SourceBook::requests_between(source, {surge.from}, {surge.to});
    if (here == 0) continue;
    culprits.push_back(i);
    incident.messages += here;
    if (!incident.first.known() || source.first < incident.first) incident.first = source.first;
    if (!incident.last.known() || incident.last < source.last) incident.last = source.last;
    for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
  }
  incident.attempts = incident.messages;
  incident.entity = fmt::format("distributed {}", sip::to_string(method));
  incident.evidence = Casework::evidence(incident.first, incident.first, "decisive: beginning", incident.last);
  incident.explanation = fmt::format(
      "Each source sends little, together they send {} requests within a minute{}. After an outage the devices would "
      "be known and would register with success; these never do.{}",
      surge.requests, surge.drift ? ", far from what was usual here (EWMA and CUSUM over the first half)" : "",
      crowd.alike * 10 >= crowd.members.size() * 8 ? " Nearly all requests are built alike." : "");
  incident.checks.push_back(
      fired(kDistributedFloodRule, Severity::kHigh, Confidence::kProbable,
            fmt::format("{} {} requests from {} sources within a minute, {} in all", surge.requests,
                        sip::to_string(method), surge.sources, incident.messages)));
  work.raise(std::move(incident), culprits);
}

}  // namespace

std::optional<Surge> surge(const std::vector<Arrival>& arrivals) {
  Surge found;
  for (LastMinute minute(arrivals); minute.next();) {
    if (minute.sources() < kManySources || minute.requests() < kManyRequests) continue;
    if (found.requests == 0) found.from = minute.begin_ns();
    found.to = minute.end_ns();
    widen(found, minute);
  }
  if (found.requests == 0) return std::nullopt;
  return found;
}

std::optional<Surge> drifting_surge(const std::vector<Arrival>& arrivals, Timestamp begin, Timestamp end) {
  if (arrivals.size() < kSomeRequests || !begin.known() || !end.known()) return std::nullopt;
  const std::int64_t span = end.ns - begin.ns;
  if (span / 2 < kBaselineNs || span / kBinNs >= kMostBins) return std::nullopt;
  const auto place = [&](std::int64_t ns) {
    return static_cast<std::size_t>(std::max<std::int64_t>(0, ns - begin.ns) / kBinNs);
  };
  std::vector<double> counts(place(end.ns) + 1, 0.0);
  std::vector<std::set<std::uint32_t>> minutes(counts.size() / 6 + 1);
  for (const Arrival& one : arrivals) {
    const std::size_t bin = std::min(place(one.ns), counts.size() - 1);
    ++counts[bin];
    minutes[bin / 6].insert(one.source);
  }
  const std::vector<double> usual(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2));
  std::vector<double> usual_sources;
  for (std::size_t i = 0; i < minutes.size() / 2; ++i) usual_sources.push_back(static_cast<double>(minutes[i].size()));
  Ewma level(usual);
  Cusum sum(usual);
  // From the first alarm of either until both have been silent for a minute.
  constexpr std::size_t kSilent = 6;
  Surge now;
  std::size_t last_alarm = 0;
  const auto judged = [&]() -> bool {
    if (now.requests == 0 || now.to - now.from < kMinuteNs) return false;
    const auto from = std::ranges::lower_bound(arrivals, now.from, {}, &Arrival::ns);
    const auto to = std::ranges::upper_bound(arrivals, now.to, {}, &Arrival::ns);
    if (to - from < static_cast<std::ptrdiff_t>(kSomeRequests)) return false;
    Surge seen{.from = now.from, .to = now.to};
    for (LastMinute minute({from, to}); minute.next();) widen(seen, minute);
    if (seen.sources < kSomeSources) return false;
    if (static_cast<double>(seen.sources) <= 3 * median(usual_sources)) return false;
    now = seen;
    now.drift = true;
    return true;
  };
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const bool high = level.add(counts[i]);
    const bool sudden = sum.add(counts[i]);
    if ((high || sudden) && counts[i] > 0) {
      const std::int64_t at = begin.ns + static_cast<std::int64_t>(i) * kBinNs;
      if (now.requests == 0) now.from = at;
      now.to = at + kBinNs;
      now.requests = 1;
      last_alarm = i;
    } else if (now.requests != 0 && i - last_alarm > kSilent) {
      if (judged()) return now;
      now = {};
    }
  }
  if (judged()) return now;
  return std::nullopt;
}

void conclude_distributed_floods(Casework& work) {
  Timestamp begin = work.book.first_time();  // or that of an earlier run
  for (const Source& source : work.book.sources()) {
    if (source.first.time.known() && source.first.time < begin) begin = source.first.time;
  }
  for (const Method method : {Method::kInvite, Method::kRegister, Method::kOptions}) {
    const Crowd crowd = crowd_of(work, method);
    if (crowd.members.size() < kSomeSources) continue;
    auto found = surge(crowd.arrivals);
    if (!found) found = drifting_surge(crowd.arrivals, begin, work.book.last_time());
    if (!found) continue;
    // Phones that call for a server which is away: each its own user, a try or two a minute.
    const bool own_users = crowd.users.size() <= crowd.members.size() + crowd.members.size() / 4;
    if (method == Method::kRegister && own_users && found->requests < 5 * found->sources) continue;
    tell(work, method, crowd, *found);
  }
}

}  // namespace voip::analyze::fraud
