#include "analyze/fraud/toll_accounts.h"

#include <algorithm>

#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::size_t kMaxSources = 1024;  // of one account
constexpr std::size_t kMaxAgents = 8;
constexpr std::size_t kMaxHosts = 65536;
constexpr std::size_t kMaxName = 128;

template <class Map, class Key>
void count(Map& map, const Key& key) {
  if (map.size() < kMaxHosts || map.contains(key)) ++map[key];
}

}  // namespace

AccountFacts* AccountLedger::facts_of(std::string_view name) {
  const TextKey key = text_key(name);
  if (AccountFacts** known = index_.find(key)) return *known;
  if (accounts_.size() >= cap_ && !accounts_.contains(name)) {
    ++dropped_;
    return nullptr;
  }
  AccountFacts* facts = &accounts_.try_emplace(std::string(name)).first->second;
  index_.at_or_new(key) = facts;
  return facts;
}

void AccountLedger::on_transaction(const session::Transaction& t) {
  using sip::Method;
  // With one Via the sender is the device itself; more mean that a proxy passes it on.
  if (t.vias > 1) return;
  const bool registers = t.method == Method::kRegister && t.success() && !t.contacts.empty() && !t.contact_star &&
                         t.expires != 0 && t.contacts.front().expires != 0;
  const bool failed = t.login_failed();
  if (!registers && !failed) return;
  std::string_view name = t.account();
  if (name.empty()) name = session::user_of(t.to_uri);
  if (name.empty()) return;
  name = name.substr(0, kMaxName);
  AccountFacts* known_facts = facts_of(name);
  if (known_facts == nullptr) return;
  AccountFacts& facts = *known_facts;
  if (failed && t.challenged()) {
    const auto known = facts.sources.find(t.client.address);
    if (known != facts.sources.end() && known->second.nonce == text_key(t.login()->nonce)) return;
  }
  if (failed) ++facts.failures;
  if (registers) {
    ++facts.registrations;
    count(registrars_, t.server.address);
    count(domains_, to_lower(session::host_of(t.to_uri)));
    const std::string_view agent = t.user_agent.substr(0, kMaxName);
    if (!agent.empty() && facts.user_agents.size() < kMaxAgents &&
        std::ranges::find(facts.user_agents, agent) == facts.user_agents.end())
      facts.user_agents.emplace_back(agent);
  }
  if (facts.sources.size() >= kMaxSources && !facts.sources.contains(t.client.address)) return;
  AccountSource& source = facts.sources[t.client.address];
  if (failed) ++source.failures;
  if (registers) {
    if (source.registrations++ == 0) {
      source.first = t.request;
      source.user_agent = t.user_agent.substr(0, kMaxName);
      count(phones_, t.client.address);
    }
    source.last = t.request;
    if (t.login() != nullptr) source.nonce = text_key(t.login()->nonce);
  }
}

void AccountLedger::restore(const std::string& account, const IpAddress& address, const AccountSource& source) {
  if (accounts_.size() >= cap_ && !accounts_.contains(account)) return;
  AccountFacts& facts = accounts_[account.substr(0, kMaxName)];
  if (facts.sources.size() >= kMaxSources) return;
  facts.registrations += source.registrations;
  facts.failures += source.failures;
  if (!source.user_agent.empty() && facts.user_agents.size() < kMaxAgents &&
      std::ranges::find(facts.user_agents, source.user_agent) == facts.user_agents.end())
    facts.user_agents.push_back(source.user_agent);
  if (source.registrations != 0) count(phones_, address);
  facts.sources[address] = source;
}

void AccountLedger::restore_registrar(const IpAddress& address, std::uint64_t n) {
  if (registrars_.size() < kMaxHosts) registrars_[address] += n;
}

void AccountLedger::restore_domain(const std::string& domain, std::uint64_t n) {
  if (domains_.size() < kMaxHosts) domains_[domain] += n;
}

const AccountFacts* AccountLedger::find(std::string_view account) const {
  const auto at = accounts_.find(account);
  return at == accounts_.end() ? nullptr : &at->second;
}

}  // namespace voip::analyze::fraud
