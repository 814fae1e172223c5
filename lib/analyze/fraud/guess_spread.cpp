#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "analyze/fraud/guessing.h"

namespace voip::analyze::fraud {

using report::Confidence;
using report::Severity;

bool Guessing::left_over(const Suspect& suspect, const Fate& fate) const {
  return !fate.device && !fate.good_first && !attempt(fate).claimed &&
         !work_.site().own(book_.sources()[suspect.source].address);
}

// Somebody behind the sources is at home here.
bool Guessing::at_home(const Campaign& campaign) const {
  std::vector<std::uint32_t> tries = campaign.tries;
  std::ranges::sort(tries);
  return std::ranges::any_of(campaign.culprits,
                             [&](std::uint32_t at) { return book_.shared(book_.sources()[at], tries); });
}

bool Guessing::meanwhile(const Campaign& a, const Campaign& b) const {
  const Source& one = book_.sources()[a.culprits.front()];
  const Source& other = book_.sources()[b.culprits.front()];
  return one.first < other.last && other.first < one.last;
}

// Fewer than are a distributed attack: neighbours in one network, or enough accounts of one list.
bool Guessing::of_one_hand(const std::vector<std::size_t>& members) const {
  const Campaign& first = found_[members.front()];
  const IpAddress& home = book_.sources()[first.culprits.front()].address;
  if (std::ranges::all_of(members, [&](std::size_t i) {
        return same_network(book_.sources()[found_[i].culprits.front()].address, home);
      })) {
    return true;
  }
  std::set<std::uint32_t> users;
  for (const std::size_t i : members) {
    for (const std::uint32_t at : found_[i].tries) users.insert(book_.tries()[at].user);
  }
  return first.kind != Kind::kBruteForce && users.size() >= work_.limits().spray_slow.count;
}

void Guessing::join_campaigns() {
  // Each with the first one that it shares accounts with: slow ones, or ones that build their requests alike.
  std::vector<std::size_t> group(found_.size());
  for (std::size_t i = 0; i < group.size(); ++i) group[i] = i;
  const auto root = [&](std::size_t i) {
    while (group[i] != i) i = group[i] = group[group[i]];
    return i;
  };
  const auto shape_of = [&](const Campaign& campaign) {
    const Source& source = book_.sources()[campaign.culprits.front()];
    return source.shapes.empty() ? std::uint64_t{0} : source.shapes.front();
  };
  // By account and kind: the last slow one, and the last of each shape.
  std::map<std::tuple<std::uint32_t, Kind, std::uint64_t>, std::size_t> seen;
  for (std::size_t i = 0; i < found_.size(); ++i) {
    const Campaign& campaign = found_[i];
    std::map<std::size_t, std::size_t> shared;
    for (const std::uint32_t at : campaign.tries) {
      const std::uint32_t user = book_.tries()[at].user;
      const auto meet = [&](std::uint64_t key) {
        const auto [known, fresh] = seen.emplace(std::tuple{user, campaign.kind, key}, i);
        if (!fresh) ++shared[root(known->second)];
        known->second = i;
      };
      if (!campaign.burst) meet(0);
      if (const std::uint64_t shape = shape_of(campaign); shape != 0) meet(shape);
    }
    for (const auto& [other, count] : shared) {
      if (count * 2 >= campaign.tries.size()) group[root(other)] = root(i);
    }
  }
  // And those that each have a part of one list, if they build their requests alike.
  std::map<std::uint64_t, std::size_t> lists;
  for (std::size_t i = 0; i < found_.size(); ++i) {
    const std::uint64_t shape = shape_of(found_[i]);
    if (shape == 0 || found_[i].kind == Kind::kBruteForce || at_home(found_[i])) continue;
    const auto [at, fresh] = lists.emplace(shape, i);
    if (!fresh && meanwhile(found_[at->second], found_[i])) group[root(at->second)] = root(i);
  }
  std::map<std::size_t, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < found_.size(); ++i) groups[root(i)].push_back(i);
  std::vector<Campaign> joined;
  std::vector<char> gone(found_.size(), 0);
  for (const auto& [first, members] : groups) {
    if (members.size() < 2 || (members.size() < kDistributedSources && !of_one_hand(members))) continue;
    Campaign whole = found_[members.front()];
    whole.culprits.clear();
    whole.tries.clear();
    whole.confidence = Confidence::kProbable;
    std::set<std::uint32_t> users;
    for (const std::size_t i : members) {
      const Campaign& part = found_[i];
      whole.culprits.insert(whole.culprits.end(), part.culprits.begin(), part.culprits.end());
      whole.tries.insert(whole.tries.end(), part.tries.begin(), part.tries.end());
      whole.severity = std::max(whole.severity, part.severity);
      gone[i] = 1;
      for (const std::uint32_t at : part.tries) users.insert(book_.tries()[at].user);
    }
    // And those who took part too little to be told alone.
    const std::set<std::uint32_t> culprits(whole.culprits.begin(), whole.culprits.end());
    for (const Suspect& suspect : suspects_) {
      if (culprits.contains(suspect.source)) continue;
      bool part = false;
      for (const Fate& fate : suspect.fates) {
        if (!left_over(suspect, fate) || !users.contains(attempt(fate).user) || fate.bad.size() < 3) continue;
        whole.tries.push_back(fate.attempt);
        part = true;
      }
      if (part) whole.culprits.push_back(suspect.source);
    }
    std::size_t bad = 0;
    for (const std::uint32_t at : whole.tries) bad += book_.tries()[at].bad;
    if (whole.kind != Kind::kBruteForce) {
      name_kind(whole);
    } else if (whole.culprits.size() >= kDistributedSources) {
      whole.rule = &kDistributedGuessing;
    }
    whole.entity = fmt::format("distributed {} of {} accounts", to_string(whole.kind), users.size());
    whole.why =
        fmt::format("{} refused logins for {} from {} sources", bad, accounts_text(whole.tries), whole.culprits.size());
    whole.explanation +=
        " Several sources work on the same accounts, or share a list between them: one hand. A user who roams shows "
        "two or three addresses, and gets in.";
    joined.push_back(std::move(whole));
  }
  for (std::size_t i = 0; i < found_.size(); ++i) {
    if (gone[i] == 0) joined.push_back(std::move(found_[i]));
  }
  found_ = std::move(joined);
}

void Guessing::distributed_on_one_account() {
  struct Share {
    std::set<std::uint32_t> culprits;
    std::vector<std::uint32_t> tries;
    std::vector<std::int64_t> times;
    std::vector<std::string> accounts;
  };
  std::map<std::string, Share> by_account;
  for (const Suspect& suspect : suspects_) {
    for (const Fate& fate : suspect.fates) {
      if (!left_over(suspect, fate)) continue;
      Share& share = by_account[name(fate)];
      share.culprits.insert(suspect.source);
      share.tries.push_back(fate.attempt);
      share.times.insert(share.times.end(), fate.bad.begin(), fate.bad.end());
    }
  }
  // The same sources at several accounts are one campaign.
  std::vector<Share> shares;
  std::map<std::uint32_t, std::size_t> last;  // by source: the share that it was seen in last
  for (auto& [account, share] : by_account) {
    if (share.culprits.size() < 2) continue;
    std::map<std::size_t, std::size_t> met;
    for (const std::uint32_t source : share.culprits) {
      if (const auto at = last.find(source); at != last.end()) ++met[at->second];
    }
    std::size_t into = shares.size();
    for (const auto& [other, count] : met) {
      if (count * 2 >= share.culprits.size()) into = other;
    }
    if (into == shares.size()) shares.emplace_back();
    Share& whole = shares[into];
    for (const std::uint32_t source : share.culprits) last[source] = into;
    whole.culprits.insert(share.culprits.begin(), share.culprits.end());
    whole.tries.insert(whole.tries.end(), share.tries.begin(), share.tries.end());
    whole.times.insert(whole.times.end(), share.times.begin(), share.times.end());
    whole.accounts.push_back(account);
  }
  for (Share& share : shares) {
    std::ranges::sort(share.times);
    if (share.culprits.size() < kDistributedSources || most_within(share.times, kGuessingDay) < kDistributedFailures) {
      continue;
    }
    // Many accounts with a guess or two of each source: told by distributed_over_many().
    if (share.accounts.size() >= spray_limit() && share.times.size() < kDistributedFailures * share.accounts.size()) {
      continue;
    }
    Campaign campaign;
    campaign.rule = &kDistributedGuessing;
    campaign.culprits.assign(share.culprits.begin(), share.culprits.end());
    campaign.tries = share.tries;
    campaign.entity = "accounts " + listed(share.accounts, 1000);
    campaign.why = fmt::format("{} refused logins for {} from {} sources", share.times.size(),
                               accounts_text(share.tries), share.culprits.size());
    campaign.explanation =
        "Each source stays below the limits, together they guess the password. A user who roams shows two or three "
        "addresses, not this many, and succeeds.";
    if (share.accounts.size() >= spray_limit()) {
      campaign.kind = Kind::kPasswordSpraying;
      campaign.rule = &kPasswordSprayingRule;
    }
    open(campaign);
  }
}

void Guessing::distributed_over_many() {
  // By fingerprint first; then all that is left, since programs can change theirs with each request.
  map_homes();
  suspect_of_.assign(book_.sources().size(), 0);
  for (std::size_t i = 0; i < suspects_.size(); ++i) {
    suspect_of_[suspects_[i].source] = static_cast<std::uint32_t>(i + 1);
  }
  std::map<std::uint64_t, std::vector<std::uint32_t>> by_shape;
  std::vector<std::uint32_t> members;
  for (std::uint32_t i = 0; i < book_.sources().size(); ++i) {
    const Source& source = book_.sources()[i];
    if (!source.shapes.empty() && stranger(source)) {
      by_shape[source.shapes.front()].push_back(i);
      members.push_back(i);
    }
  }
  // A botnet may mix several programs: they are one campaign.
  std::vector<std::uint32_t> alike;
  bool enough = false;
  for (const auto& [shape, group] : by_shape) {
    if (group.size() < 3 || in_use(shape, group.size())) continue;
    enough |= group.size() >= kDistributedSources;
    alike.insert(alike.end(), group.begin(), group.end());
  }
  std::ranges::sort(alike);
  const std::size_t raised = enough ? cluster(alike, true) : 0;
  if (raised == 0) cluster(members, false);
}

bool Guessing::stranger(const Source& source) const {
  if (source.suspect || work_.roles.trusted(source) || work_.site().own(source.address)) return false;
  bool bad = false;
  for (const std::uint32_t index : source.tries) {
    const Try& one = book_.tries()[index];
    if (one.claimed) return false;
    if (one.good > 3 || (one.good != 0 && one.bad != 0 && one.first_good < one.first_bad)) return false;
    bad |= one.bad != 0 || (one.no_such_user != 0 && one.in_bulk) || one.good != 0;
  }
  if (source.tries.empty() || source.tries.size() > 64 || !bad) return false;
  // A device of its own: one account that it repeats steadily.
  const auto index = static_cast<std::size_t>(&source - book_.sources().data());
  if (const std::uint32_t at = suspect_of_[index]; at != 0) {
    return std::ranges::none_of(suspects_[at - 1].fates, [](const Fate& fate) { return fate.device; });
  }
  return true;
}

bool Guessing::in_use(std::uint64_t shape, std::size_t group) const {
  const auto at = home_shapes_.find(shape);
  return at != home_shapes_.end() && at->second * 4 > group;
}

void Guessing::map_homes() {
  for (const Source& source : book_.sources()) {
    if (source.registered == 0) continue;
    const bool home = std::ranges::any_of(source.tries, [&](std::uint32_t index) {
      const Try& one = book_.tries()[index];
      return one.good_registers >= 2 && one.bad * 4 <= one.good;
    });
    if (!home) continue;
    for (const std::uint64_t shape : source.shapes) ++home_shapes_[shape];
  }
}

std::size_t Guessing::cluster(const std::vector<std::uint32_t>& group, bool fingerprint) {
  Campaign campaign;
  std::map<std::uint32_t, std::uint32_t> per_account;
  std::uint32_t bad = 0;
  std::size_t failing_sources = 0;
  for (const std::uint32_t index : group) {
    bool failing = false;
    for (const std::uint32_t at : book_.sources()[index].tries) {
      const Try& one = book_.tries()[at];
      const bool missing = one.in_bulk && one.no_such_user != 0;
      if (one.bad == 0 && one.good == 0 && !missing) continue;
      per_account[one.user] += one.bad + std::min<std::uint32_t>(one.good, 1);
      bad += one.bad;
      failing |= one.bad != 0 || missing;
      campaign.tries.push_back(at);
    }
    if (!campaign.tries.empty()) campaign.culprits.push_back(index);
    failing_sources += failing ? 1 : 0;
  }
  const std::size_t wanted = fingerprint ? kDistributedSources : 2 * kDistributedSources;
  if (failing_sources < wanted || per_account.size() < kStuffingAccounts || bad < kStuffingAccounts / 2) return 0;
  // One shot each: honest users who mistype repeat themselves.
  std::size_t few = 0;
  for (const auto& [user, attempts] : per_account) few += attempts <= 3 ? 1 : 0;
  if (!fingerprint && few * 10 < per_account.size() * 8) return 0;
  name_kind_of_cluster(campaign, per_account);
  campaign.entity = fmt::format("distributed {}", to_string(campaign.kind));
  campaign.why = fmt::format("{} refused logins over {} accounts from {} sources, each below every limit", bad,
                             per_account.size(), campaign.culprits.size());
  campaign.explanation +=
      fmt::format(" The sources act alike ({}) and none of them was ever at home here.",
                  fingerprint ? "the same order of header fields" : "one or two attempts each, on accounts of others");
  if (!fingerprint) campaign.confidence = Confidence::kProbable;
  open(campaign);
  if (fingerprint) {
    Incident& incident = work_.findings.incidents.at(book_.sources()[campaign.culprits.front()].incidents.front());
    incident.checks.push_back(
        fired(kDistributedRecon, Severity::kMedium, Confidence::kProbable,
              fmt::format("{} sources share one way to build requests", campaign.culprits.size())));
  }
  return 1;
}

void Guessing::name_kind_of_cluster(Campaign& campaign,
                                    const std::map<std::uint32_t, std::uint32_t>& per_account) const {
  std::vector<std::string> names;
  std::size_t few = 0;
  for (const auto& [user, attempts] : per_account) {
    names.push_back(book_.text(user));
    few += attempts <= 2 ? 1 : 0;
  }
  std::size_t missing = 0;
  std::size_t taken = 0;
  for (const std::uint32_t at : campaign.tries) {
    missing += book_.tries()[at].no_such_user != 0 ? 1U : 0U;
    taken += book_.tries()[at].good != 0 ? 1U : 0U;
  }
  const bool stuffing = few * 10 >= names.size() * 8 && numeric_run(names) < 0.5 && !short_numbers(names) &&
                        (taken != 0 || missing * 2 > campaign.tries.size());
  campaign.kind = stuffing ? Kind::kCredentialStuffing : Kind::kPasswordSpraying;
  campaign.rule = stuffing ? &kCredentialStuffingRule : &kPasswordSprayingRule;
  campaign.explanation = stuffing ? "Leaked pairs of names and passwords are tried from many addresses."
                                  : "Common passwords are tried on many accounts from many addresses.";
}

}  // namespace voip::analyze::fraud
