#include "analyze/fraud/site.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/fraud/calls.h"
#include "analyze/fraud/toll_accounts.h"
#include "base/text.h"
#include "numbering/destinations.h"

namespace voip::analyze::fraud {

namespace {

constexpr double kOrdinaryRing = 5;  // seconds: a person had time to lift the receiver
constexpr double kOrdinaryTalk = 20;

// How a host that neither registers nor passes calls on takes part in calls.
struct HostFacts {
  std::uint64_t calls_in = 0;     // it sent the first INVITE
  std::uint64_t ordinary_in = 0;  // answered like a call between people
  std::uint64_t calls_out = 0;    // the call went there in the end
  std::uint64_t answered_out = 0;
};

std::string join(const std::vector<IpAddress>& addresses, std::size_t most = 6) {
  std::string text;
  for (std::size_t i = 0; i < addresses.size() && i < most; ++i) {
    if (i != 0) text += ", ";
    text += addresses[i].to_string();
  }
  if (addresses.size() > most) text += fmt::format(" and {} more", addresses.size() - most);
  return text;
}

// What pairs of the same number on two hops tell: "0301234567" here, "+49301234567" there.
void learn_prefixes(Site& site, const CallTable& calls, const Destinations& destinations) {
  std::map<std::string, unsigned> international;
  std::map<std::string, unsigned> countries;
  for (const PhoneCall& call : calls.calls()) {
    const std::string dialled = clean_number(calls.records()[call.records.front()].entry().dialled);
    if (dialled.size() < 7 || dialled[0] == '+') continue;
    for (const std::size_t index : call.records) {
      for (const CallHop& hop : calls.records()[index].hops) {
        const std::string full = clean_number(hop.dialled);
        if (full.size() < 9 || full[0] != '+') continue;
        const std::string_view digits = std::string_view(full).substr(1);
        if (dialled.ends_with(digits) && dialled.size() - digits.size() <= 5 && dialled.size() > digits.size()) {
          ++international[dialled.substr(0, dialled.size() - digits.size())];
          continue;
        }
        // National: the rest behind a prefix of at most two digits ends the full number.
        for (std::size_t n = 0; n <= 2 && n + 6 < dialled.size(); ++n) {
          const std::string_view rest = std::string_view(dialled).substr(n);
          if (rest[0] == '0' || !digits.ends_with(rest) || digits.size() - rest.size() > 3) continue;
          const std::string code(digits.substr(0, digits.size() - rest.size()));
          if (!code.empty() && destinations.find(code) != nullptr) ++countries[code];
          break;
        }
      }
    }
  }
  const auto most = [](const auto& counts) {
    return std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; });
  };
  if (site.country.empty() && !countries.empty()) {
    site.country = most(countries)->first;
    site.inferred.push_back(
        fmt::format("country code +{}: numbers dialled without it carried it on the next hop", site.country));
  }
  if (site.international_prefix.empty() && !international.empty()) {
    // The shortest common one: access codes come before it.
    const std::string& seen = most(international)->first;
    const std::size_t at = seen.find("00");
    if (seen.ends_with("011")) {
      site.international_prefix = "011";
    } else if (at != std::string::npos && at + 2 == seen.size()) {
      site.international_prefix = "00";
    }
  }
}

}  // namespace

bool Site::own_number(std::string_view e164) const {
  return std::ranges::any_of(numbers, [&](const std::string& prefix) { return e164.starts_with(prefix); });
}

policy::LocalTime Site::local(Timestamp moment) const {
  return zone != nullptr ? zone->local(moment) : policy::Zone().local(moment);
}

bool Site::open_at(Timestamp moment) const {
  if (!moment.known()) return true;
  const policy::LocalTime here = local(moment);
  return hours.contains(here.weekday, here.minute);
}

namespace {

// The number without its last four digits: what the numbers of one office have in common.
std::string stem_of(const std::string& user) {
  const std::string number = clean_number(user);
  if (number.size() < 8 || !std::ranges::all_of(std::string_view(number).substr(1), is_digit)) return {};
  return last_digits(number.substr(0, number.size() - 4), 6);
}

struct Stems {
  struct Stem {
    std::uint64_t count = 0;
    std::set<std::string> numbers{};  // a few
  };
  std::map<std::string, Stem> stems{};
  std::uint64_t all = 0;
  void add(const std::string& user) {
    const std::string name = stem_of(user);
    if (name.empty() || (stems.size() >= 4096 && !stems.contains(name))) return;
    Stem& stem = stems[name];
    ++stem.count;
    if (stem.numbers.size() < 3) stem.numbers.insert(user);
    ++all;
  }
  // Whether several numbers of one office are most of them. A single number is anybody's.
  bool one_office() const {
    return std::ranges::any_of(stems, [this](const auto& entry) {
      return entry.second.count * 10 >= all * 6 && entry.second.numbers.size() >= 3;
    });
  }
  bool many() const { return stems.size() >= 3 && !one_office(); }
};

// Where nothing but one line between two hosts was captured: the one whose callers, or called numbers, are one
// office's is the site's own.
std::set<IpAddress> own_ends(const CallTable& calls) {
  struct Line {
    Stems callers;
    Stems called;
  };
  std::map<std::pair<IpAddress, IpAddress>, Line> lines;
  for (const PhoneCall& call : calls.calls()) {
    const CallRecord& lead = calls.records()[call.records.front()];
    if (call.records.size() != 1 || lead.hops.size() != 1 || call.challenged) continue;
    Line& line = lines[{call.source, call.exit}];
    const CallHop& hop = lead.entry();
    line.callers.add(hop.asserted.empty() ? hop.caller : hop.asserted);
    line.called.add(hop.dialled);
  }
  std::set<IpAddress> own;
  for (const auto& [ends, line] : lines) {
    if (line.callers.one_office() && line.called.many()) own.insert(ends.first);
    if (line.called.one_office() && line.callers.many()) own.insert(ends.second);
  }
  return own;
}

// The site's own telephone numbers.
std::set<std::string> own_numbers(const CallTable& calls, const std::vector<IpAddress>& peers,
                                  const AccountLedger& accounts, const Destinations& destinations) {
  // Own numbers: what partners call, and it is answered or rings at a phone of ours.
  std::map<std::string, unsigned> seen;  // and how often
  for (const PhoneCall& call : calls.calls()) {
    if (!std::ranges::binary_search(peers, call.source) || std::ranges::binary_search(peers, call.exit)) continue;
    const std::string dialled = clean_number(calls.records()[call.records.front()].entry().dialled);
    if (dialled.size() >= 9 && dialled[0] == '+') {
      ++seen[dialled];
    } else if (dialled.size() >= 11 && dialled[0] != '0' && std::ranges::all_of(dialled, is_digit)) {
      // Too long for a national number without its prefix.
      const Destination* destination = destinations.find(dialled);
      if (destination != nullptr && !destination->unassigned()) ++seen["+" + dialled];
    }
  }
  // And what their phones show as their own number towards partners, unless one shows many.
  std::map<std::string, std::map<std::string, unsigned>> shown;
  for (const PhoneCall& call : calls.calls()) {
    if (std::ranges::binary_search(peers, call.source) || call.diverted) continue;
    const CallRecord& lead = calls.records()[call.records.front()];
    std::map<std::string, unsigned>& numbers = shown[lead.account.empty() ? lead.entry().caller : lead.account];
    for (const std::size_t index : call.records) {
      for (const CallHop& hop : calls.records()[index].hops) {
        if (!std::ranges::binary_search(peers, hop.to)) continue;
        const std::string number = clean_number(hop.asserted.empty() ? hop.caller : hop.asserted);
        if (number.size() >= 9 && number[0] == '+' && (numbers.size() < 8 || numbers.contains(number))) {
          ++numbers[number];
        }
      }
    }
  }
  for (const auto& [account, numbers] : shown) {
    if (numbers.size() > 2) continue;
    for (const auto& [number, times] : numbers) seen[number] += times;
  }
  // One call whose other half was not captured makes a stranger's number look like that: it must come again, or lie in
  // one block with others.
  std::map<std::string, unsigned> blocks;
  for (const auto& [number, times] : seen) ++blocks[stem_of(number)];
  std::set<std::string> own;
  for (const auto& [number, times] : seen) {
    if (times >= 2 || blocks[stem_of(number)] >= 3) own.insert(number);
  }
  // Where numbers end in the extension, every extension has one.
  std::map<std::string, std::set<std::string>> stems;
  for (const auto& [account, numbers] : shown) {
    if (account.size() < 2 || account.size() > 5 || numbers.size() != 1) continue;
    const std::string& number = numbers.begin()->first;
    if (number.ends_with(account)) stems[number.substr(0, number.size() - account.size())].insert(account);
  }
  for (const auto& [stem, extensions] : stems) {
    if (extensions.size() < 2) continue;
    for (const auto& [account, facts] : accounts.accounts()) {
      const bool extension = account.size() == extensions.begin()->size() && std::ranges::all_of(account, is_digit);
      if (extension && facts.registrations != 0) own.insert(stem + account);
    }
  }
  return own;
}

// Registrars, and hosts that pass calls on.
std::set<IpAddress> servers_of(const Site& site, const CallTable& calls, const AccountLedger& accounts) {
  std::set<IpAddress> servers(calls.relays().begin(), calls.relays().end());
  for (const auto& [host, count] : accounts.registrars()) servers.insert(host);
  if (!servers.empty()) return servers;
  for (const IpAddress& host : own_ends(calls)) {
    if (!site.peers.contains(host)) servers.insert(host);
  }
  return servers;
}

// What strangers to the site do with it.
std::map<IpAddress, HostFacts> strangers_of(const CallTable& calls, const AccountLedger& accounts,
                                            const std::set<IpAddress>& servers) {
  std::map<IpAddress, HostFacts> hosts;
  const auto phone = [&](const IpAddress& host) { return accounts.phones().contains(host); };
  for (const PhoneCall& call : calls.calls()) {
    const bool ordinary = call.answered() && (call.ring_seconds() >= kOrdinaryRing || call.seconds() >= kOrdinaryTalk);
    if (!servers.contains(call.source) && !phone(call.source)) {
      HostFacts& from = hosts[call.source];
      ++from.calls_in;
      // A stranger whose calls end at another stranger is no partner but a guest on our trunk.
      if (ordinary && !call.authenticated && (phone(call.exit) || call.exit == call.entry)) ++from.ordinary_in;
    }
    if (!servers.contains(call.exit) && !phone(call.exit) && call.exit != call.source) {
      HostFacts& to = hosts[call.exit];
      const bool through_us = servers.contains(call.entry) || servers.contains(call.source);
      if (through_us) {
        ++to.calls_out;
        to.answered_out += call.answered() ? 1U : 0U;
      }
    }
  }
  return hosts;
}

std::vector<IpAddress> peers_among(const std::map<IpAddress, HostFacts>& hosts, const Site& site) {
  std::vector<IpAddress> peers;
  for (const auto& [host, facts] : hosts) {
    const bool both = facts.calls_in != 0 && facts.calls_out != 0;
    const bool carries = facts.answered_out != 0;
    const bool ordinary = facts.ordinary_in >= 2 && facts.ordinary_in * 2 > facts.calls_in;
    if (site.peers.contains(host) || both || carries || ordinary) peers.push_back(host);
  }
  return peers;
}

void infer_networks(Site& site, const std::set<IpAddress>& servers) {
  if (!site.networks.empty() || servers.empty()) return;
  // Hosts one by one: an attacker may well sit in the same private range.
  for (const IpAddress& host : servers) {
    if (const auto network = Network::parse(host.to_string())) site.networks.add(*network);
  }
  site.inferred.push_back(fmt::format("the site's servers: {} (they answer REGISTER or pass calls on)",
                                      join({servers.begin(), servers.end()})));
}

void infer_country_from_own(Site& site, const std::set<std::string>& own, const Destinations& destinations) {
  std::map<std::string, unsigned> codes;
  for (const std::string& number : own) {
    const Destination* destination = destinations.find(number);
    if (destination == nullptr) continue;
    ++codes[destination->prefix[0] == '1' ? std::string("1") : destination->prefix];
  }
  if (codes.empty()) return;
  const auto most = std::ranges::max_element(codes, {}, [](const auto& entry) { return entry.second; });
  const auto code = destinations.find(most->first);
  site.country = code != nullptr && !code->country.empty() ? code->country : most->first;
  site.inferred.push_back(
      fmt::format("country {}: the numbers that partners call here begin with +{}", site.country, most->first));
}

// Most calls stay in the country: that of most numbers written in full.
void infer_country_from_all(Site& site, const CallTable& calls, const Destinations& destinations) {
  std::map<std::string, unsigned> seen;
  unsigned all = 0;
  for (const PhoneCall& call : calls.calls()) {
    const CallHop& hop = calls.records()[call.records.front()].entry();
    for (const Text& user : {hop.dialled, hop.asserted.empty() ? hop.caller : hop.asserted}) {
      const std::string number = clean_number(user);
      const bool full = number.size() >= 9 && number[0] == '+';
      if (!full && (number.size() < 11 || number[0] == '0' || !std::ranges::all_of(number, is_digit))) continue;
      const Destination* destination = destinations.find(number);
      if (destination == nullptr || destination->unassigned()) continue;
      ++all;
      if (!destination->country.empty() && destination->tier == Tier::kLow) ++seen[destination->country];
    }
  }
  const auto most = std::ranges::max_element(seen, {}, [](const auto& entry) { return entry.second; });
  if (most == seen.end() || most->second < 20 || most->second * 10 < all * 6) return;
  site.country = most->first;
  site.inferred.push_back(fmt::format("country {}: {} of {} numbers are from there", site.country, most->second, all));
}

// Who dials 011 and gets through is in North America.
void infer_country_from_prefix(Site& site, const CallTable& calls, const std::vector<IpAddress>& peers,
                               const Destinations& destinations) {
  if (!site.international_prefix.empty()) return;
  const bool through = std::ranges::any_of(calls.calls(), [&](const PhoneCall& call) {
    const std::string dialled = clean_number(calls.records()[call.records.front()].entry().dialled);
    return call.answered() && dialled.starts_with("011") && dialled.size() >= 12 &&
           std::ranges::binary_search(peers, call.exit) &&
           destinations.find(std::string_view(dialled).substr(3)) != nullptr;
  });
  if (!through) return;
  site.country = "US";
  site.inferred.emplace_back("country: North America, because international calls are dialled with 011");
}

}  // namespace

void infer(Site& site, CallTable& calls, const AccountLedger& accounts, const Destinations& destinations) {
  const std::set<IpAddress> servers = servers_of(site, calls, accounts);
  const std::vector<IpAddress> peers = peers_among(strangers_of(calls, accounts, servers), site);
  if (site.peers.empty() && !peers.empty()) {
    site.inferred.push_back(
        fmt::format("trunks and peers: {} (calls go both ways, or answered outbound calls end there)", join(peers)));
  }
  calls.set_peers(peers);
  infer_networks(site, servers);
  if (site.domains.empty()) {
    for (const auto& [domain, count] : accounts.domains()) site.domains.push_back(domain);
  }

  learn_prefixes(site, calls, destinations);
  const std::set<std::string> own = own_numbers(calls, peers, accounts, destinations);
  if (site.country.empty()) infer_country_from_own(site, own, destinations);
  if (site.country.empty()) infer_country_from_all(site, calls, destinations);
  if (site.country.empty()) infer_country_from_prefix(site, calls, peers, destinations);
  if (site.numbers.empty() && !own.empty()) {
    site.numbers.assign(own.begin(), own.end());
    site.inferred.push_back(
        fmt::format("own numbers: {} that partners call here, or that phones show to them", site.numbers.size()));
  }
}

}  // namespace voip::analyze::fraud
