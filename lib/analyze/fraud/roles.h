#pragma once

#include <string>

#include "analyze/fraud/calls.h"
#include "analyze/fraud/site.h"
#include "analyze/fraud/sources.h"

namespace voip::analyze::fraud {

// What the hosts are, by what they do. Asked after the last packet.
class Roles {
 public:
  Roles() = default;
  Roles(const SourceBook& book, const Site& site, const CallTable& calls)
      : book_(&book), site_(&site), calls_(&calls) {}

  // Accepts registrations, or challenges those of three or more addresses of record.
  bool registrar(const IpAddress& address) const;
  // By policy, or by how its calls go.
  bool trunk_or_peer(const IpAddress& address) const;
  // By policy; or it asks the same hosts by OPTIONS again and again, at a steady interval, and gets its answers.
  bool monitor(const IpAddress& address) const;
  // Passes requests on.
  bool relay(const IpAddress& address) const;
  // How many accounts registered with success from there.
  std::uint64_t registered_accounts(const IpAddress& address) const;
  // The attack program that its requests are put down to; empty: none.
  std::string tool(const IpAddress& address) const;
  // Its requests are its work; they are no scan and no flood. Never so with the signs of an attack program.
  bool trusted(const Source& source) const;

 private:
  const SourceBook* book_ = nullptr;
  const Site* site_ = nullptr;
  const CallTable* calls_ = nullptr;
};

// Of moments in seconds: the median interval and the share of intervals within a fifth of it.
struct Rhythm {
  double median_s = 0;
  double steady = 0;
  std::size_t intervals = 0;
};
Rhythm rhythm_of(const std::vector<std::int64_t>& sorted_ns, double join_s);

// The most of the moments that lie within any such span.
std::size_t most_within(const std::vector<std::int64_t>& sorted_ns, std::chrono::seconds span);

// The first address of its /24 (IPv6: /48).
IpAddress network_of(const IpAddress& address);
// The same /24 (IPv6: /48).
bool same_network(const IpAddress& a, const IpAddress& b);

}  // namespace voip::analyze::fraud
