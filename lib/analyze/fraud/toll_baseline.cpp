#include "analyze/fraud/toll_baseline.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyze/fraud/statistics.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::chrono::seconds kLeast{600};
constexpr std::int64_t kBinNs = 600 * kNsPerSecond;
constexpr std::int64_t kHourNs = 3600 * kNsPerSecond;
constexpr std::size_t kPeople = 3;  // others that call a country
constexpr std::size_t kHours = 3;   // different ones
constexpr std::size_t kDays = 3;    // on which one person calls a number
constexpr double kLeastRing = 3;    // seconds: lines that are answered at once are no people

}  // namespace

Baseline::Baseline(const TollContext& context) {
  const auto& calls = context.calls();
  if (calls.empty()) return;
  Timestamp last;
  for (const PhoneCall& call : calls) {
    if (!call.start.known()) continue;
    if (!from_.known()) from_ = call.start;
    if (!last.known() || last < call.start) last = call.start;
  }
  if (!from_.known()) return;
  until_ = {from_.ns + (last.ns - from_.ns) / 2};
  const bool enough = later_by(from_, until_, kLeast);
  if (enough) bins_ = (until_.ns - from_.ns) / kBinNs + 1;

  std::set<IpAddress> hostile;
  std::set<std::string> taken;
  for (const Incident& incident : context.all.incidents.all()) {
    if (incident.checks.empty() || incident.lead().severity < report::Severity::kHigh) continue;
    hostile.insert(incident.sources.begin(), incident.sources.end());
    if (incident.kind == Kind::kAccountCompromise || incident.kind == Kind::kRegistrationHijack)
      taken.insert(incident.accounts.begin(), incident.accounts.end());
  }
  for (const PhoneCall& call : calls) {
    if (!call.start.known() || call.inbound() || call.account.empty() || !call.external()) continue;
    if (hostile.contains(call.source)) continue;
    const Destination* destination = call.number.destination;
    const bool abroad = call.number.kind == NumberClass::kInternational;
    if (destination != nullptr && !destination->country.empty() && !taken.contains(call.account)) {
      Country& country = countries_[destination->country];
      country.accounts.insert(call.account);
      country.hours.insert(call.start.ns / kHourNs);
      ++country.calls;
      if (!context.site().open_at(call.start)) ++country.late;
      if (call.answered()) country.rings.push_back(call.ring_seconds());
      if (abroad && context.site().open_at(call.start)) {
        Contact& contact = contacts_[call.number.e164];
        contact.accounts.insert(call.account);
        contact.days.insert(call.start.ns / (24 * kHourNs));
        if (call.answered()) contact.rings.push_back(call.ring_seconds());
      }
    }
    if (!enough || call.start >= until_) continue;
    Account& account = accounts_[call.account];
    ++account.calls;
    if (destination != nullptr && !destination->country.empty()) account.countries.insert(destination->country);
    if (abroad && call.answered()) account.abroad_seconds.push_back(call.seconds());
    ++account.bins[(call.start.ns - from_.ns) / kBinNs];
  }
}

const Baseline::Account* Baseline::find(const std::string& account) const {
  const auto at = accounts_.find(account);
  return at == accounts_.end() ? nullptr : &at->second;
}

std::vector<double> Baseline::counts(const std::string& account) const {
  constexpr std::int64_t kMostBins = 100'000;  // two years
  std::vector<double> counts(static_cast<std::size_t>(std::min(bins_, kMostBins)), 0.0);
  if (const Account* known = find(account)) {
    for (const auto& [bin, count] : known->bins) {
      if (bin >= 0 && static_cast<std::size_t>(bin) < counts.size()) counts[static_cast<std::size_t>(bin)] = count;
    }
  }
  return counts;
}

bool Baseline::business(const Destination* destination, const std::string& but) const {
  if (destination == nullptr || destination->country.empty() || destination->premium() || destination->satellite() ||
      destination->unassigned())
    return false;
  const auto at = countries_.find(destination->country);
  if (at == countries_.end()) return false;
  const Country& country = at->second;
  const std::size_t others = country.accounts.size() - (country.accounts.contains(but) ? 1U : 0U);
  return others >= kPeople && country.hours.size() >= kHours && country.late * 2 <= country.calls &&
         !country.rings.empty() && median(country.rings) >= kLeastRing;
}

bool Baseline::contact(const std::string& number) const {
  const auto at = contacts_.find(number);
  if (at == contacts_.end()) return false;
  const Contact& one = at->second;
  return (one.accounts.size() >= 2 || one.days.size() >= kDays) && !one.rings.empty() &&
         median(one.rings) >= kLeastRing;
}

std::string Baseline::sentence() const {
  if (!from_.known()) return {};
  if (!known())
    return "baseline: none, fixed limits alone were used; the first half of the inputs is shorter than 10 minutes";
  return fmt::format("baseline: the calls from {} to {}, the first half of the inputs", format_utc(from_, 0),
                     format_utc(until_, 0));
}

}  // namespace voip::analyze::fraud
