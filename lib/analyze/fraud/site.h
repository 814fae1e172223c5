#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "numbering/destinations.h"
#include "policy/hours.h"
#include "policy/network.h"
#include "policy/zone.h"

namespace voip::analyze::fraud {

using numbering::Destination;
using numbering::destination_kind_of;
using numbering::DestinationKind;
using numbering::Destinations;
using numbering::Tier;
using numbering::tier_of;
using numbering::to_string;

using policy::Network;
using policy::Networks;

// What is known of the site: given by the policy, or inferred from the traffic (and said to be).
struct Site {
  std::string country{};                    // ISO 3166 ("DE"); empty: unknown
  std::string international_prefix{};       // "00", "011"
  std::string national_prefix{};            // "0", "1"
  std::vector<std::string> access_codes{};  // dialled for an outside line: "9", "0"
  Networks networks{};                      // the site's own
  Networks peers{};                         // trunks and partners
  Networks monitors{};
  Networks pentest{};
  std::vector<std::string> domains{};  // lower case
  std::vector<std::string> numbers{};  // prefixes of own numbers, "+4930123456"
  policy::Hours hours = policy::Hours::office();
  std::string timezone{};                           // its name; empty: UTC
  std::shared_ptr<const policy::Zone> zone{};       // null: UTC
  std::vector<std::string> allowed_destinations{};  // countries ("FR"), prefixes ("+33"), kinds ("premium")
  std::vector<std::string> blocked_destinations{};
  std::vector<std::string> inferred{};  // sentences: what was taken from the traffic, not from the policy

  bool own(const IpAddress& address) const { return networks.contains(address); }
  bool own_number(std::string_view e164) const;
  bool open_at(Timestamp moment) const;
  policy::LocalTime local(Timestamp moment) const;
};

// Section names and defaults of the policy file's [fraud].
struct Window {
  std::uint64_t count = 0;
  std::chrono::seconds span{};
};
struct Thresholds {
  Window fail_burst{10, std::chrono::seconds{600}};
  Window fail_slow{30, std::chrono::hours{24}};
  std::uint64_t fail_critical = 1000;  // within 24 h
  Window spray_accounts{8, std::chrono::seconds{600}};
  Window spray_slow{20, std::chrono::hours{24}};
  Window enum_users{20, std::chrono::seconds{60}};
  Window enum_slow{50, std::chrono::seconds{600}};
  Window sweep_hosts{5, std::chrono::seconds{60}};
  Window sweep_slow{20, std::chrono::hours{24}};
  unsigned flood_invite = 10;  // a second
  unsigned flood_register = 15;
  unsigned flood_options = 15;
  unsigned flood_all = 50;
  unsigned max_concurrent = 5;
  unsigned max_concurrent_risky = 2;
  Window velocity_international{10, std::chrono::seconds{300}};
  Window velocity_external{30, std::chrono::seconds{300}};
  std::chrono::seconds max_call{14400};
  std::chrono::seconds max_call_international{3600};
  std::array<bool, 4> alert_tiers{false, false, true, true};        // by Tier
  std::array<double, 4> placeholder_rates{0.02, 0.15, 0.60, 2.50};  // USD a minute, by Tier
  std::string placeholder_currency = "USD";
  unsigned join_hours = 24;
  std::vector<std::string> changed{};  // "fraud.max_concurrent = 20": what differs from the defaults, for the report
};

class CallTable;
class AccountLedger;

// Fills in what the policy left open from what the traffic shows: the site's hosts, peers, country, numbers. Says so in
// site.inferred. Peers are told to the table too.
void infer(Site& site, CallTable& calls, const AccountLedger& accounts, const Destinations& destinations);

}  // namespace voip::analyze::fraud
