#include "analyze/timeline/joining.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace voip::analyze::timeline {

namespace {

using fraud::Incident;
using fraud::Kind;

bool takes_account(const Incident& incident) {
  return incident.kind == Kind::kAccountCompromise || incident.kind == Kind::kRegistrationHijack;
}

// Without the last byte (or the last 64 bits): neighbours at one provider.
IpAddress network_of(const IpAddress& address) {
  std::array<std::uint8_t, 16> bytes = address.bytes();
  const std::size_t keep = address.is_v4() ? 15 : 8;
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(keep), bytes.end(), std::uint8_t{0});
  return IpAddress::from_bytes(bytes);
}

class Joiner {
 public:
  Joiner(const std::vector<Incident>& incidents, const StoryOptions& options, const std::set<std::size_t>& apart)
      : incidents_(incidents), options_(options), apart_(apart), parent_(incidents.size()) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }

  std::vector<Chain> run() {
    by_source();
    by_account();
    by_call();
    by_link();
    std::map<std::size_t, Chain> chains;
    for (std::size_t i = 0; i < incidents_.size(); ++i) chains[root(i)].incidents.push_back(i);
    for (const auto& [i, reason] : reasons_) chains[root(i)].joins.push_back(reason);
    std::vector<Chain> list;
    for (auto& [lead, chain] : chains) list.push_back(std::move(chain));
    return list;
  }

 private:
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }

  bool hostile(std::size_t i) const { return phase_of(incidents_[i].kind).has_value() && apart_.count(i) == 0; }

  bool near(std::size_t a, std::size_t b) const {
    const Incident& x = incidents_[a];
    const Incident& y = incidents_[b];
    const std::chrono::hours most{options_.join_hours};
    return !later_by(x.last.time, y.first.time, most) && !later_by(y.last.time, x.first.time, most);
  }

  void join(std::size_t a, std::size_t b, std::string reason) {
    if (!hostile(a) || !hostile(b) || root(a) == root(b)) return;
    const std::size_t x = root(a);
    const std::size_t y = root(b);
    parent_[std::max(x, y)] = std::min(x, y);
    reasons_.emplace_back(b, std::move(reason));
  }

  std::string names(std::size_t a, std::size_t b) const {
    return fmt::format("{} and {}", fraud::to_string(incidents_[a].kind), fraud::to_string(incidents_[b].kind));
  }

  // Neighbours in the list of those that share the key: each with the next, so that many cost little.
  template <class Key, class Reason>
  void join_sharing(const std::map<Key, std::vector<std::size_t>>& sharing, Reason&& reason) {
    for (const auto& [key, members] : sharing) {
      for (std::size_t k = 1; k < members.size(); ++k) {
        if (near(members[k - 1], members[k])) {
          join(members[k - 1], members[k], reason(key, members[k - 1], members[k]));
        }
      }
    }
  }

  void by_source() {
    std::map<IpAddress, std::vector<std::size_t>> same;
    std::map<IpAddress, std::vector<std::size_t>> network;
    for (std::size_t i = 0; i < incidents_.size(); ++i) {
      if (!hostile(i)) continue;
      for (const IpAddress& source : incidents_[i].sources) {
        if (options_.trusted && options_.trusted(source)) continue;
        same[source].push_back(i);
        auto& neighbours = network[network_of(source)];
        if (!source.is_private() && (neighbours.empty() || neighbours.back() != i)) neighbours.push_back(i);
      }
    }
    join_sharing(same, [this](const IpAddress& source, std::size_t a, std::size_t b) {
      return fmt::format("{}: same source {}", names(a, b), source.to_string());
    });
    join_sharing(network, [this](const IpAddress& base, std::size_t a, std::size_t b) {
      return fmt::format("{}: neighbouring sources in {}/{}", names(a, b), base.to_string(), base.is_v4() ? 24 : 64);
    });
  }

  void by_account() {
    std::map<std::string, std::vector<std::size_t>> same;
    for (std::size_t i = 0; i < incidents_.size(); ++i) {
      if (!hostile(i)) continue;
      for (const std::string& account : incidents_[i].accounts) same[account].push_back(i);
    }
    for (const auto& [account, members] : same) {
      std::size_t taken = incidents_.size();
      std::size_t firm = incidents_.size();  // the one before that is more than a possibility
      for (std::size_t k = 0; k < members.size(); ++k) {
        const std::size_t b = members[k];
        if (k != 0) join_by_account(members[k - 1], b, account);
        if (firm != incidents_.size() && (k == 0 || firm != members[k - 1])) join_by_account(firm, b, account);
        // What follows on an account that was taken belongs to it, however late.
        if (taken != incidents_.size() && *phase_of(incidents_[b].kind) >= PhaseKind::kCompromise) {
          join(taken, b, fmt::format("{}: account {} had been taken", names(taken, b), account));
        }
        if (taken == incidents_.size() && takes_account(incidents_[b])) taken = b;
        if (!possible(b)) firm = b;
      }
    }
  }

  bool possible(std::size_t i) const { return incidents_[i].lead().confidence == report::Confidence::kPossible; }

  void join_by_account(std::size_t a, std::size_t b, const std::string& account) {
    const PhaseKind x = *phase_of(incidents_[a].kind);
    const PhaseKind y = *phase_of(incidents_[b].kind);
    // Two who only try the same account (100, admin) have nothing to do with each other.
    const bool only_tries =
        x == y && incidents_[a].successes == 0 && incidents_[b].successes == 0 && x <= PhaseKind::kCredentialAccess;
    // A user who travels is no attacker because somebody has tried his account, too.
    const bool mere_chance = (possible(a) && y < PhaseKind::kCompromise) || (possible(b) && x < PhaseKind::kCompromise);
    if (!only_tries && !mere_chance && near(a, b)) join(a, b, fmt::format("{}: same account {}", names(a, b), account));
  }

  void by_call() {
    std::map<std::string, std::vector<std::size_t>> same;
    for (std::size_t i = 0; i < incidents_.size(); ++i) {
      if (!hostile(i)) continue;
      for (const std::string& call : incidents_[i].call_ids) same[call].push_back(i);
    }
    join_sharing(same, [this](const std::string& call, std::size_t a, std::size_t b) {
      return fmt::format("{}: same call {}", names(a, b), call);
    });
  }

  void by_link() {
    for (std::size_t i = 0; i < incidents_.size(); ++i) {
      for (const std::size_t other : incidents_[i].linked) {
        if (other >= incidents_.size() || other == i || !hostile(i) || !hostile(other)) continue;
        // Those who merely came by at the same time are no part of it.
        const bool grave = *phase_of(incidents_[i].kind) >= PhaseKind::kCompromise ||
                           *phase_of(incidents_[other].kind) >= PhaseKind::kCompromise;
        if (grave && near(i, other)) {
          join(i, other, fmt::format("{}: linked by the analysis", names(i, other)));
        }
      }
    }
  }

  const std::vector<Incident>& incidents_;
  const StoryOptions& options_;
  const std::set<std::size_t>& apart_;
  std::vector<std::size_t> parent_;
  std::vector<std::pair<std::size_t, std::string>> reasons_;
};

}  // namespace

std::vector<Chain> join_incidents(const std::vector<Incident>& incidents, const StoryOptions& options,
                                  const std::set<std::size_t>& apart) {
  return Joiner{incidents, options, apart}.run();
}

}  // namespace voip::analyze::timeline
