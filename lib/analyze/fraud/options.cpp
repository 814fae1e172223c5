#include <fmt/format.h>

#include <algorithm>

#include "analyze/fraud/fraud_analyzer.h"

namespace voip::analyze::fraud {

Options options_from(const policy::Policy& policy, const Limits& caps) {
  Options options;
  options.caps = caps;
  options.severities = policy.severities;
  Site& site = options.site;
  const policy::Site& given = policy.site;
  site.country = given.country;
  site.international_prefix = given.international_prefix;
  site.national_prefix = given.national_prefix;
  site.access_codes = given.access_codes;
  site.networks = given.networks;
  for (const policy::Network& network : given.internal.all()) site.networks.add(network);
  for (const policy::Network& network : given.edges.networks.all()) site.networks.add(network);
  site.peers = given.peers.networks;
  for (const policy::Trunk& trunk : policy.trunks) {
    for (const policy::Network& network : trunk.hosts.networks.all()) site.peers.add(network);
  }
  site.monitors = given.monitors.networks;
  site.pentest = given.pentest.networks;
  site.domains = given.domains;
  site.numbers = given.numbers;
  site.hours = given.hours;
  site.timezone = given.timezone;
  if (!given.timezone.empty()) {
    // Names were checked when the policy was read.
    if (auto zone = policy::Zone::load(given.timezone)) site.zone = std::make_shared<policy::Zone>(std::move(*zone));
  }
  options.hours_given = policy.given("site.hours") || policy.given("site.timezone");
  site.allowed_destinations = given.allowed_destinations;
  site.blocked_destinations = given.blocked_destinations;

  Thresholds& limits = options.limits;
  const auto& from = policy.limits.fraud;
  const auto window = [](const policy::Window& w) { return Window{w.count, w.within}; };
  limits.fail_burst = window(from.fail_burst);
  limits.fail_slow = window(from.fail_burst_slow);
  limits.fail_critical = from.fail_critical;
  limits.spray_accounts = window(from.spray_accounts);
  limits.spray_slow = window(from.spray_accounts_slow);
  limits.enum_users = window(from.enum_users);
  limits.enum_slow = window(from.enum_users_slow);
  limits.sweep_hosts = window(from.sweep_hosts);
  limits.sweep_slow = window(from.sweep_hosts_slow);
  const auto small = [](std::uint64_t value) {
    return static_cast<unsigned>(std::min<std::uint64_t>(value, 1U << 30));
  };
  limits.flood_invite = small(from.flood_floor.invite);
  limits.flood_register = small(from.flood_floor.register_);
  limits.flood_options = small(from.flood_floor.options);
  limits.flood_all = small(from.flood_floor.all);
  limits.max_concurrent = small(from.max_concurrent);
  limits.max_concurrent_risky = small(from.max_concurrent_risky);
  limits.velocity_international = window(from.velocity_international);
  limits.velocity_external = window(from.velocity_external);
  limits.max_call = std::chrono::seconds{small(from.max_call_s)};
  limits.max_call_international = std::chrono::seconds{small(from.max_call_international_s)};
  limits.alert_tiers = {};
  for (const std::string& name : from.alert_tiers) {
    if (const auto tier = tier_of(name)) limits.alert_tiers[static_cast<std::size_t>(*tier)] = true;
  }
  for (std::size_t i = 0; i < limits.placeholder_rates.size() && i < from.rates.placeholder.size(); ++i)
    limits.placeholder_rates[i] = from.rates.placeholder[i];
  limits.placeholder_currency = from.rates.currency;
  limits.join_hours = small(policy.limits.timeline.join_h);
  for (const auto& [key, line] : policy.lines) {
    if (key.starts_with("fraud.")) limits.changed.push_back(fmt::format("{} is set by the policy", key));
  }
  return options;
}

}  // namespace voip::analyze::fraud
