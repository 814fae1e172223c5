#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/fraud/casework.h"
#include "analyze/fraud/places.h"

// Impossible travel: one account, two countries, too little time between.
namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr double kFlightKmh = 1000;
constexpr double kLeastKm = 300;  // nearer: a mobile network across the border, a line that leaves elsewhere
constexpr std::size_t kCountries = 3;
constexpr std::chrono::hours kDay{24};

struct Login {
  std::int64_t ns = 0;
  std::uint32_t attempt = 0;  // index of the Try
};

class Travel {
 public:
  Travel(Casework& work, const Places& places) : work_(work), book_(work.book), places_(places) {}

  void conclude() {
    std::map<std::uint32_t, std::set<std::uint32_t>> sources;
    for (const Try& one : book_.tries()) {
      if (one.good != 0) sources[one.user].insert(one.source);
    }
    std::map<std::uint32_t, std::vector<Login>> logins;
    for (const Source& source : book_.sources()) {
      for (const Stamp& stamp : source.stamps) {
        if (stamp.outcome != Outcome::kGoodLogin || stamp.attempt >= book_.tries().size()) continue;
        const std::uint32_t user = book_.tries()[stamp.attempt].user;
        if (sources[user].size() > 1) logins[user].push_back({.ns = stamp.ns, .attempt = stamp.attempt});
      }
    }
    std::uint64_t told = 0;
    std::uint64_t known = 0;
    for (const auto& [user, list] : sources) {
      const bool placed = std::ranges::any_of(
          list, [&](std::uint32_t source) { return places_.find(book_.sources()[source].address) != nullptr; });
      known += placed ? 1U : 0U;
      if (const auto at = logins.find(user); at != logins.end() && account(at->second)) ++told;
    }
    if (known > told) work_.findings.sink.tally(kImpossibleTravel, report::Verdict::kPass, known - told);
    if (sources.size() > known) {
      work_.findings.sink.tally(kImpossibleTravel, report::Verdict::kNotAssessable, sources.size() - known);
    }
  }

 private:
  const Places::Place* place_of(const Login& login) const {
    const IpAddress& address = book_.sources()[book_.tries()[login.attempt].source].address;
    return address.is_private() || work_.site().own(address) || work_.site().peers.contains(address)
               ? nullptr
               : places_.find(address);
  }

  bool account(std::vector<Login>& list) {
    std::ranges::stable_sort(list, {}, &Login::ns);
    struct Leg {
      const Login* from = nullptr;
      const Login* to = nullptr;
      double km = 0;
      double hours = 0;
    };
    Leg worst;
    double fastest = kFlightKmh;
    const Login* before = nullptr;
    const Places::Place* there = nullptr;
    std::map<std::string, const Login*> seen;  // by country: the last login
    std::size_t most = 0;
    for (const Login& login : list) {
      const Places::Place* here = place_of(login);
      if (here == nullptr) continue;
      seen[here->country] = &login;
      std::erase_if(
          seen, [&](const auto& item) { return login.ns - item.second->ns > std::chrono::nanoseconds{kDay}.count(); });
      most = std::max(most, seen.size());
      if (there != nullptr && there->country != here->country) {
        const auto km = distance_km(*there, *here);
        const double hours = std::max(static_cast<double>(login.ns - before->ns) / 3.6e12, 1.0 / 3600);
        if (km && *km >= kLeastKm && *km / hours > fastest) {
          fastest = *km / hours;
          worst = {.from = before, .to = &login, .km = *km, .hours = hours};
        }
      }
      before = &login;
      there = here;
    }
    if (worst.to == nullptr && most < kCountries) return false;
    raise(list, worst.from, worst.to, worst.km, worst.hours, most);
    return true;
  }

  void raise(const std::vector<Login>& list, const Login* from, const Login* to, double km, double hours,
             std::size_t countries) {
    Incident incident;
    incident.kind = Kind::kAnomaly;
    const std::string& name = work_.name_of(book_.tries()[list.front().attempt]);
    std::set<std::uint32_t> tries;
    std::set<std::string> places;
    for (const Login& login : list) {
      const Places::Place* place = place_of(login);
      if (place == nullptr) continue;
      tries.insert(login.attempt);
      places.insert(place->country);
    }
    FrameRef decisive;
    for (const std::uint32_t at : tries) {
      const Try& one = book_.tries()[at];
      incident.sources.push_back(book_.sources()[one.source].address);
      for (const Target& target : book_.sources()[one.source].targets) {
        incident.targets.push_back(target.host.to_string());
      }
      if (!incident.first.known() || one.first_good < incident.first) incident.first = one.first_good;
      if (!incident.last.known() || incident.last < one.last_good) incident.last = one.last_good;
      if (to != nullptr ? at == to->attempt : !decisive.known() || decisive < one.first_good) decisive = one.first_good;
      incident.successes += one.good;
    }
    incident.attempts = incident.successes;
    incident.accounts = {name};
    incident.destinations = {};
    incident.entity = "account " + name;
    incident.evidence =
        Casework::evidence(incident.first, decisive, "decisive: accepted from another country", incident.last);
    const std::string shown = listed({places.begin(), places.end()});
    incident.explanation = fmt::format(
        "One account was used in {}{}. A tunnel, a cloud service or a mobile network that leaves in another country "
        "would "
        "look the same, and so would two people who share the account.",
        shown,
        to == nullptr ? " within a day"
                      : fmt::format(": {:.0f} km apart at least, with {:.0f} min between", km, hours * 60));
    std::string message =
        to == nullptr
            ? fmt::format("account {} was used from {} countries within a day: {}", name, countries, shown)
            : fmt::format("account {} was used from {} and {} min later from {}, {:.0f} km away", name,
                          place_of(*from)->country, static_cast<std::uint64_t>(hours * 60), place_of(*to)->country, km);
    incident.checks.push_back(fired(kImpossibleTravel, Severity::kMedium,
                                    to != nullptr ? Confidence::kProbable : Confidence::kPossible, std::move(message)));
    work_.findings.incidents.add(std::move(incident));
  }

  Casework& work_;
  SourceBook& book_;
  const Places& places_;
};

}  // namespace

void conclude_travel(Casework& work, const Places& places) { Travel(work, places).conclude(); }

}  // namespace voip::analyze::fraud
