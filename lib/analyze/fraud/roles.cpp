#include "analyze/fraud/roles.h"

#include <algorithm>
#include <cmath>

namespace voip::analyze::fraud {

bool Roles::registrar(const IpAddress& address) const {
  const Host* host = book_ == nullptr ? nullptr : book_->host(address);
  return host != nullptr &&
         (host->registers_accepted != 0 || (host->registers_challenged != 0 && host->aors.size() >= 3));
}

bool Roles::trunk_or_peer(const IpAddress& address) const {
  return (site_ != nullptr && site_->peers.contains(address)) || (calls_ != nullptr && calls_->peer(address));
}

bool Roles::relay(const IpAddress& address) const {
  return (calls_ != nullptr && calls_->relay(address)) || (book_ != nullptr && book_->edge(address));
}

bool Roles::monitor(const IpAddress& address) const {
  if (site_ != nullptr && site_->monitors.contains(address)) return true;
  const Source* source = book_ == nullptr ? nullptr : book_->find(address);
  if (source == nullptr || source->targets.empty() || source->requests == 0) return false;
  const std::uint64_t options = source->methods[static_cast<std::size_t>(sip::Method::kOptions)];
  // Some of its targets may be down: that is what it is for.
  if (options * 10 < source->outside_dialog * 9 || source->answered * 4 < source->requests) return false;
  std::vector<std::int64_t> times;
  for (const Stamp& stamp : source->stamps) times.push_back(stamp.ns);
  // A round over all its targets counts once.
  const Rhythm rhythm = rhythm_of(times, 4.0);
  return source->requests >= 3 * source->targets.size() && rhythm.intervals >= 3 && rhythm.steady >= 0.7;
}

std::uint64_t Roles::registered_accounts(const IpAddress& address) const {
  const Source* source = book_ == nullptr ? nullptr : book_->find(address);
  return source == nullptr ? 0 : source->registered;
}

std::string Roles::tool(const IpAddress& address) const {
  const Source* source = book_ == nullptr ? nullptr : book_->find(address);
  if (source == nullptr) return {};
  const auto tool = source->signs.attributed();
  return tool ? std::string(to_string(*tool)) : std::string();
}

bool Roles::trusted(const Source& source) const {
  if (site_ != nullptr && (site_->pentest.contains(source.address) || site_->monitors.contains(source.address) ||
                           site_->peers.contains(source.address))) {
    return true;
  }
  if (source.signs.hostile()) return false;
  return trunk_or_peer(source.address) || registrar(source.address) || relay(source.address) || monitor(source.address);
}

Rhythm rhythm_of(const std::vector<std::int64_t>& sorted_ns, double join_s) {
  std::vector<double> gaps;
  std::size_t begin = 0;
  for (std::size_t i = 1; i < sorted_ns.size(); ++i) {
    const double since = static_cast<double>(sorted_ns[i] - sorted_ns[i - 1]) / 1e9;
    if (since <= join_s) continue;
    gaps.push_back(static_cast<double>(sorted_ns[i] - sorted_ns[begin]) / 1e9);
    begin = i;
  }
  Rhythm rhythm;
  rhythm.intervals = gaps.size();
  if (gaps.empty()) return rhythm;
  std::vector<double> sorted = gaps;
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2));
  rhythm.median_s = sorted[sorted.size() / 2];
  const auto near =
      std::ranges::count_if(gaps, [&](double gap) { return std::abs(gap - rhythm.median_s) <= 0.2 * rhythm.median_s; });
  rhythm.steady = static_cast<double>(near) / static_cast<double>(gaps.size());
  return rhythm;
}

std::size_t most_within(const std::vector<std::int64_t>& sorted_ns, std::chrono::seconds span) {
  const std::int64_t width = std::chrono::nanoseconds{span}.count();
  std::size_t best = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < sorted_ns.size(); ++i) {
    while (sorted_ns[i] - sorted_ns[begin] > width) ++begin;
    best = std::max(best, i - begin + 1);
  }
  return best;
}

IpAddress network_of(const IpAddress& address) {
  auto bytes = address.bytes();
  std::fill(bytes.begin() + (address.is_v4() ? 15 : 6), bytes.end(), std::uint8_t{0});
  return IpAddress::from_bytes(bytes);
}

bool same_network(const IpAddress& a, const IpAddress& b) {
  if (a.is_v4() != b.is_v4()) return false;
  const std::size_t bytes = a.is_v4() ? 15 : 6;  // IPv4 is kept mapped: 96 bits and 24
  return std::equal(a.bytes().begin(), a.bytes().begin() + static_cast<std::ptrdiff_t>(bytes), b.bytes().begin());
}

}  // namespace voip::analyze::fraud
