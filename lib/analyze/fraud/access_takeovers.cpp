#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/fraud/access.h"

// Accounts that answer somewhere else than before: who took them over, and who only moved.
namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr std::size_t kMaxEvidence = 16;
constexpr std::size_t kGathered = 3;

}  // namespace

std::string AccessWatch::user_of_home(std::uint32_t home) const {
  const std::string& aor = homes_[home].aor;
  return aor.substr(0, aor.find('@'));
}

std::optional<AccessWatch::Weighed> AccessWatch::weigh(Casework& work, const Takeover& one) const {
  const Source* source = work.book.find(one.now.source);
  const Home& home = homes_[one.home];
  const std::string user = user_of_home(one.home);
  Weighed weighed{.one = &one, .signs = {}, .critical = false};
  unsigned strong = 0;
  if (source != nullptr && source->suspect) {
    strong += 2;
    weighed.signs.emplace_back("the source is suspect for other reasons");
  }
  const bool same_kind = one.before.agent == one.now.agent && one.before.authenticated == one.now.authenticated;
  if (!one.now.authenticated && !same_kind) {
    strong += 2;
    weighed.signs.emplace_back("no credentials were asked for");
  }
  if (hostile_networks_.contains(network_of(one.now.source)) && (source == nullptr || !source->suspect)) {
    strong += 2;
    weighed.signs.emplace_back("a neighbour of the source looked for accounts");
  }
  if (const auto gathered = gathered_.find(one.now.source);
      gathered != gathered_.end() && gathered->second.size() >= kGathered) {
    strong += 2;
    weighed.signs.emplace_back("accounts of several places gather at one address, with other devices");
  }
  if (taken_.contains(one.home)) {
    strong += 2;
    weighed.signs.emplace_back("it was taken over before");
  }
  if (compromised_.contains(user) && (source == nullptr || !source->suspect)) {
    strong += 2;
    weighed.signs.emplace_back("its password was guessed before");
  }
  if (source != nullptr && source->signs.attributed()) {
    strong += 2;
    weighed.signs.emplace_back("its requests carry the signs of an attack program");
  }
  if (std::ranges::any_of(
          replays_, [&](const Replay& replay) { return replay.source == one.now.source && replay.account == user; })) {
    strong += 2;
    weighed.signs.emplace_back("the credentials were replayed");
  }
  const Device* old = nullptr;
  for (const Device& device : home.devices) {
    if (old == nullptr && device.source == one.before.source) old = &device;
  }
  const bool still_there = old != nullptr && one.frame < old->last;
  // The same device in the same hands, somewhere else: the old place falls silent.
  if (same_kind && strong == 0 && !still_there) return std::nullopt;
  // These alone are how people work: a mobile phone beside the desk phone, a laptop in a hotel.
  if (!same_device(one.before.agent, one.now.agent)) weighed.signs.emplace_back("another kind of device");
  if (one.before.registers > 3) weighed.signs.emplace_back("the earlier contact was stable");
  if (still_there) weighed.signs.emplace_back("the earlier device is still there");
  weighed.critical = strong >= 2;
  return weighed;
}

bool AccessWatch::told_as_compromise(Casework& work, const Weighed& one) const {
  const IpAddress& address = one.one->now.source;
  const std::string user = user_of_home(one.one->home);
  const Source* source = work.book.find(address);
  const Try* login = source == nullptr ? nullptr : work.book.find_try(*source, user);
  if (login == nullptr || login->good_registers > 1) return false;
  for (const std::size_t place : source->incidents) {
    Incident& incident = work.findings.incidents.at(place);
    if (incident.kind != Kind::kAccountCompromise || !incident.has_account(user)) continue;
    const report::Rule& rule = one.one->replaced ? kRegistrationHijackRule : kExtraBinding;
    if (std::ranges::find(incident.checks, &rule, &Fired::rule) == incident.checks.end()) {
      Fired check = fired(rule, one.one->replaced ? Severity::kCritical : Severity::kHigh, Confidence::kProbable,
                          fmt::format("the login of {} also set a contact, while the account was registered from {}",
                                      user, one.one->before.source.to_string()));
      check.evidence = {{.frame = one.one->before.last, .note = "the earlier contact"},
                        {.frame = one.one->frame, .note = "the new contact is accepted"}};
      incident.checks.push_back(std::move(check));
    }
    return true;
  }
  return false;
}

void AccessWatch::conclude_takeovers(Casework& work) {
  for (const Incident& incident : work.findings.incidents.all()) {
    if (incident.checks.empty()) continue;
    if (incident.kind == Kind::kAccountCompromise && incident.lead().severity >= Severity::kHigh) {
      compromised_.insert(incident.accounts.begin(), incident.accounts.end());
    }
    if (!looks_for_accounts(incident.kind)) continue;
    for (const IpAddress& source : incident.sources) hostile_networks_.insert(network_of(source));
  }
  std::map<IpAddress, std::vector<const Takeover*>> by_source;
  for (const Takeover& takeover : takeovers_) by_source[takeover.now.source].push_back(&takeover);
  // A line that failed over: several accounts come from one place to another, each with its own device.
  const auto moved_together = [](const std::vector<const Takeover*>& list) {
    return list.size() >= 3 && std::ranges::all_of(list, [&](const Takeover* one) {
             return one->now.agent == one->before.agent && one->now.authenticated &&
                    same_network(one->before.source, list.front()->before.source);
           });
  };
  std::set<IpAddress> innocent;
  for (const auto& [address, list] : by_source) {
    if (work.site().own(address) || moved_together(list)) innocent.insert(address);
  }
  for (const Takeover& one : takeovers_) {
    if (same_device(one.before.agent, one.now.agent)) continue;
    gathered_[one.now.source].insert(network_of(one.before.source));
  }
  std::vector<Weighed> weighed;
  std::set<IpAddress> thieves;
  for (const Takeover& one : takeovers_) {
    if (innocent.contains(one.now.source)) continue;
    auto result = weigh(work, one);
    if (!result) continue;
    if (result->critical) {
      thieves.insert(one.now.source);
      taken_.insert(one.home);
    }
    if (!told_as_compromise(work, *result)) weighed.push_back(std::move(*result));
  }
  // One hand that takes accounts is one campaign; so is a user who comes from many places.
  for (const bool critical : {true, false}) {
    std::map<IpAddress, std::size_t> by_address;
    std::map<std::uint32_t, std::size_t> by_home;
    std::vector<std::size_t> group(weighed.size());
    const auto root = [&](std::size_t i) {
      while (group[i] != i) i = group[i] = group[group[i]];
      return i;
    };
    for (std::size_t i = 0; i < weighed.size(); ++i) {
      group[i] = i;
      if (thieves.contains(weighed[i].one->now.source) != critical) continue;
      for (const std::size_t other : {by_address.emplace(weighed[i].one->now.source, i).first->second,
                                      by_home.emplace(weighed[i].one->home, i).first->second}) {
        group[root(i)] = root(other);
      }
    }
    std::map<std::size_t, std::vector<Weighed>> groups;
    for (std::size_t i = 0; i < weighed.size(); ++i) {
      if (thieves.contains(weighed[i].one->now.source) == critical) groups[root(i)].push_back(weighed[i]);
    }
    for (const auto& [first, list] : groups) raise_takeovers(work, list, critical);
  }
}

void AccessWatch::raise_takeovers(Casework& work, const std::vector<Weighed>& list, bool critical) {
  Incident incident;
  incident.kind = Kind::kRegistrationHijack;
  bool replaced = false;
  std::vector<std::string_view> signs;
  std::vector<std::uint32_t> who;
  std::set<IpAddress> sources;
  const Takeover* lead = list.front().one;
  for (const Weighed& weighed : list) {
    const Takeover& one = *weighed.one;
    if (one.frame < lead->frame) lead = &one;
    incident.accounts.push_back(user_of_home(one.home));
    incident.targets.push_back(one.server.to_string());
    if (!incident.first.known() || one.frame < incident.first) incident.first = one.frame;
    if (!incident.last.known() || incident.last < one.frame) incident.last = one.frame;
    for (const Device& device : homes_[one.home].devices) {
      if (device.source == one.now.source && incident.last < device.last) incident.last = device.last;
    }
    replaced |= one.replaced;
    sources.insert(one.now.source);
    for (const std::string_view sign : weighed.signs) {
      if (std::ranges::find(signs, sign) == signs.end()) signs.push_back(sign);
    }
  }
  bool suspect = false;
  for (const IpAddress& address : sources) {
    const Source* source = work.book.find(address);
    if (source == nullptr) {
      incident.sources.push_back(address);
      continue;
    }
    suspect |= source->suspect;
    who.push_back(work.index_of(*source));
    std::vector<std::uint32_t> tries;
    for (const std::string& account : incident.accounts) {
      if (const Try* login = work.book.find_try(*source, account)) {
        tries.push_back(login->index);
      }
    }
    std::ranges::sort(tries);
    incident.messages += work.book.requests_of(*source, incident.first.time, incident.last.time, tries);
  }
  incident.successes = incident.attempts = list.size();
  const std::string shown = list.size() == 1 || sources.size() == 1 ? lead->now.source.to_string()
                                                                    : fmt::format("{} addresses", sources.size());
  incident.entity = critical ? "source " + lead->now.source.to_string() : "account " + user_of_home(lead->home);
  incident.certain_attacker = critical && suspect;
  incident.evidence = {
      {.frame = lead->before.last, .note = "the earlier contact, from " + lead->before.source.to_string()},
      {.frame = lead->frame, .note = "decisive: the new contact is accepted"}};
  std::set<std::uint32_t> told{lead->home};
  for (const Weighed& weighed : list) {
    if (incident.evidence.size() >= kMaxEvidence || !told.insert(weighed.one->home).second) continue;
    incident.evidence.push_back(
        {.frame = weighed.one->frame,
         .note = fmt::format("decisive: the new contact of {} is accepted", user_of_home(weighed.one->home))});
  }
  if (!(incident.last == lead->frame)) incident.evidence.push_back({.frame = incident.last, .note = "last"});
  std::string why;
  for (const std::string_view words : signs) why += fmt::format("{}{}", why.empty() ? "" : ", ", words);
  incident.explanation = fmt::format(
      "The account is registered from another network while the time of its contact was not over{}{}. A user who "
      "travels would show the same device, and the old contact would fall silent.",
      why.empty() ? "" : ": ", why);
  const report::Rule& rule = replaced ? kRegistrationHijackRule : kExtraBinding;
  const Severity severity = !critical ? Severity::kMedium : replaced ? Severity::kCritical : Severity::kHigh;
  std::vector<std::string> accounts = incident.accounts;
  std::ranges::sort(accounts);
  accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
  incident.checks.push_back(fired(
      rule, severity, critical ? Confidence::kProbable : Confidence::kPossible,
      fmt::format("{} {} now also answers at {} ({}), before at {} ({})", accounts.size() == 1 ? "account" : "accounts",
                  listed(accounts), shown, lead->now.agent, lead->before.source.to_string(), lead->before.agent)));
  work.raise(std::move(incident), who);
}

}  // namespace voip::analyze::fraud
