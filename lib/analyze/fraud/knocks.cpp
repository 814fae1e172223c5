#include "analyze/fraud/knocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace voip::analyze::fraud {

namespace {

using dissect::Opening;
using report::Confidence;
using report::Severity;

constexpr std::size_t kMaxServers = 256;
constexpr std::size_t kMaxKnocks = 64;  // of one client
constexpr std::size_t kOffers = 3;      // a client that fails makes the same offer again

std::string_view name_of(Opening opening) {
  switch (opening) {
    case Opening::kHttp:
    case Opening::kHttpPost: return "an HTTP request";
    case Opening::kOtherText: return "another protocol's greeting";
    case Opening::kUnknown: return "bytes that are no SIP";
    case Opening::kNone: break;
  }
  return "a TLS handshake that was left at once";
}

}  // namespace

KnockWatch::Client* KnockWatch::client_of(const IpAddress& address) {
  if (const std::uint32_t* known = index_.find(address)) return &clients_[*known];
  if (clients_.size() >= cap_) return nullptr;
  index_.at_or_new(address) = static_cast<std::uint32_t>(clients_.size());
  clients_.emplace_back();
  clients_.back().address = address;
  return &clients_.back();
}

void KnockWatch::on_message(const dissect::SipEvent& event) {
  using dissect::Signalling;
  if (event.signalling != Signalling::kTcp && event.signalling != Signalling::kTls) return;
  if (!event.message->is_request || servers_.size() >= kMaxServers) return;
  if (std::ranges::find(servers_, event.dst) == servers_.end()) servers_.push_back(event.dst);
}

void KnockWatch::on_other_stream(const dissect::OtherStream& stream) {
  Client* client = client_of(stream.client.address);
  if (client == nullptr) return;
  if (stream.sip_within) {
    if (stream.server.port() != 5060 && stream.server.port() != 5061) return;
    Hidden& hidden = client->hidden;
    if (hidden.count++ == 0) hidden.first = stream.frame;
    hidden.last = stream.frame;
    hidden.begins_segment |= stream.begins_segment;
    if (hidden.servers.size() < kMaxServers &&
        std::ranges::find(hidden.servers, stream.server.address) == hidden.servers.end()) {
      hidden.servers.push_back(stream.server.address);
    }
    return;
  }
  if (client->knocks.size() >= kMaxKnocks) return;
  client->knocks.push_back({.opening = stream.opening,
                            .secure = stream.secure,
                            .established = stream.secure,
                            .offer = 0,
                            .server = stream.server,
                            .frame = stream.frame});
}

void KnockWatch::on_tls(const dissect::TlsFlow& flow) {
  if (flow.opened || !flow.hello) return;
  Client* client = client_of(flow.client.address);
  if (client == nullptr || client->knocks.size() >= kMaxKnocks) return;
  client->knocks.push_back({.opening = Opening::kNone,
                            .secure = true,
                            .established = flow.established,
                            .offer = flow.offer,
                            .server = flow.server,
                            .frame = flow.first});
}

bool KnockWatch::serves_sip(const Endpoint& server) const {
  return server.port() == 5060 || server.port() == 5061 || std::ranges::find(servers_, server) != servers_.end();
}

bool KnockWatch::at_work(const Casework& work, const IpAddress& client) {
  const Site& site = work.site();
  if (site.own(client) || site.peers.contains(client) || site.monitors.contains(client) ||
      site.pentest.contains(client) || work.findings.calls.peer(client)) {
    return true;
  }
  const Source* source = work.book.find(client);
  return source != nullptr &&
         (source->registered != 0 || source->outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0 ||
          work.roles.trusted(*source));
}

void KnockWatch::conclude_probe(Casework& work, const Client& client, std::uint64_t& unread) const {
  std::vector<const Knock*> knocks;
  for (const Knock& knock : client.knocks) {
    if (serves_sip(knock.server)) knocks.push_back(&knock);
  }
  if (knocks.empty() || at_work(work, client.address)) return;
  std::ranges::stable_sort(knocks, {}, [](const Knock* knock) { return knock->frame; });
  std::set<std::string_view> openings;
  std::set<std::uint64_t> offers;  // of handshakes that came to nothing
  const Knock* decisive = nullptr;
  bool sealed = false;
  for (const Knock* knock : knocks) {
    const bool left = knock->opening == Opening::kNone && !knock->established;
    if (knock->opening == Opening::kNone && knock->established) {
      sealed = true;
      continue;
    }
    if (left) offers.insert(knock->offer);
    openings.insert(name_of(knock->opening));
    const bool tells = knock->secure ? !left : knock->opening == Opening::kHttp;
    if (tells && decisive == nullptr) decisive = knock;
  }
  if (decisive == nullptr && openings.size() < 2 && offers.size() < kOffers) {
    if (sealed) ++unread;
    return;
  }
  if (decisive == nullptr) decisive = knocks.back();
  std::vector<std::string> hosts;
  for (const Knock* knock : knocks) hosts.push_back(knock->server.address.to_string());
  std::string list;
  for (const std::string_view opening : openings) list += fmt::format("{}{}", list.empty() ? "" : ", ", opening);
  if (offers.size() >= kOffers) list += fmt::format(" ({} different offers)", offers.size());
  Fired check = fired(kServiceProbe, Severity::kLow, Confidence::kProbable,
                      fmt::format("{} opened {} to {} and sent {}{}", client.address.to_string(),
                                  counted(knocks.size(), "connection"), knocks.front()->server.to_string(), list,
                                  decisive->secure && decisive->established ? " within TLS" : ""));
  check.evidence = {{.frame = decisive->frame, .note = "no SIP on a port of SIP"}};
  tell_beside(work, client.address, std::move(check), knocks.front()->frame, knocks.back()->frame, knocks.size(),
              "Somebody finds out what listens on the ports of SIP. A browser or a health check that nobody named in "
              "the policy would look the same.",
              std::move(hosts));
}

void KnockWatch::conclude_hidden(Casework& work, const Client& client) {
  const Hidden& hidden = client.hidden;
  if (hidden.count == 0) return;
  std::vector<std::string> hosts;
  for (const IpAddress& server : hidden.servers) hosts.push_back(server.to_string());
  Fired check = fired(
      kOddCarrier, Severity::kLow, Confidence::kProbable,
      fmt::format("{} sent {} with a SIP request in its body to port 5060 of {}{}", client.address.to_string(),
                  counted(hidden.count, "HTTP POST"), hidden.servers.front().to_string(),
                  hidden.begins_segment ? "; the request begins a TCP segment, as a gateway would look for it" : ""));
  check.evidence = {{.frame = hidden.first, .note = "SIP in the body of a POST"}};
  tell_beside(work, client.address, std::move(check), hidden.first, hidden.last, hidden.count,
              "This is how a web page makes a browser open ports of its own NAT gateway (NAT slipstreaming): the host "
              "that sent it is the victim, the one that got it served the page. A test of a gateway looks the same.",
              std::move(hosts));
}

void KnockWatch::conclude(Casework& work) {
  std::ranges::sort(clients_, {}, &Client::address);
  std::uint64_t unread = 0;
  for (const Client& client : clients_) {
    conclude_probe(work, client, unread);
    conclude_hidden(work, client);
  }
  // What was said within TLS can't be known without keys.
  if (unread != 0) work.findings.sink.tally(kServiceProbe, report::Verdict::kNotAssessable, unread);
}

}  // namespace voip::analyze::fraud
