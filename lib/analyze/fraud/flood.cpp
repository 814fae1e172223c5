#include "analyze/fraud/flood.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;
using sip::Method;

constexpr std::int64_t kBinNs = 10 * kNsPerSecond;
constexpr std::uint64_t kBurst = 500;  // within any 10 s
constexpr std::size_t kManySources = 100;
constexpr std::uint64_t kManyRequests = 500;
constexpr std::size_t kTdosCalls = 10;
constexpr double kOverlap = 1;  // seconds that the owner of a stream goes on beside a stranger

struct Busy {
  std::uint64_t rate_bins = 0;  // most consecutive bins above the floor
  std::uint64_t most = 0;       // within any 10 s
  std::int64_t at = 0;
  Method method = Method::kOther;  // kOther: all
};

// Bins above floor * 10 in a row, and the busiest 10 s.
Busy peak_of(const std::vector<std::int64_t>& times, unsigned floor) {
  Busy peak;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    while (times[i] - times[begin] >= kBinNs) ++begin;
    if (i - begin + 1 > peak.most) {
      peak.most = i - begin + 1;
      peak.at = times[begin];
    }
  }
  std::uint64_t run = 0;
  std::int64_t last_bin = 0;
  for (std::size_t i = 0; i < times.size();) {
    const std::int64_t bin = times[i] / kBinNs;
    std::size_t end = i;
    while (end < times.size() && times[end] / kBinNs == bin) ++end;
    const bool over = end - i >= std::uint64_t{floor} * 10;
    run = !over ? 0 : (run != 0 && bin == last_bin + 1) ? run + 1 : 1;
    last_bin = bin;
    peak.rate_bins = std::max(peak.rate_bins, run);
    i = end;
  }
  return peak;
}

class Floods {
 public:
  explicit Floods(Casework& work) : work_(work), book_(work.book) {}

  void conclude() {
    for (std::uint32_t i = 0; i < book_.sources().size(); ++i) one_source(i);
    distributed();
  }

  // Calls that keep one number busy.
  void telephones();

 private:
  void one_source(std::uint32_t index) {
    Source& source = book_.sources()[index];
    if (source.requests < 200 || source.stamps.size() < 200 || work_.roles.trusted(source)) return;
    if (work_.site().own(source.address) && !source.signs.hostile()) return;
    const Thresholds& limits = work_.limits();
    const std::array<std::pair<Method, unsigned>, 4> floors{
        std::pair{Method::kInvite, limits.flood_invite}, std::pair{Method::kRegister, limits.flood_register},
        std::pair{Method::kOptions, limits.flood_options}, std::pair{Method::kOther, limits.flood_all}};
    Busy best;
    bool flood = false;
    std::uint64_t unanswered = 0;
    for (const auto& [method, floor] : floors) {
      std::vector<std::int64_t> times;
      for (const Stamp& stamp : source.stamps) {
        if (method == Method::kOther || stamp.method == method) times.push_back(stamp.ns);
      }
      if (times.size() < 200) continue;
      Busy peak = peak_of(times, floor);
      peak.method = method;
      if (peak.rate_bins >= 2 || peak.most >= kBurst) {
        flood = true;
        if (peak.most > best.most) best = peak;
      }
    }
    if (!flood) return;
    for (const Stamp& stamp : source.stamps) unanswered += stamp.answered ? 0U : 1U;
    // An office that comes back after an outage, or a busy partner, logs in and is served.
    const std::uint64_t good = source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)];
    const std::uint64_t first_steps = source.outcomes[static_cast<std::size_t>(Outcome::kChallenge)];
    if (source.registered >= 3 && (good + first_steps) * 10 >= source.requests * 8) return;
    if (office_returns(source)) return;
    const bool answered_none = unanswered == source.stamps.size();
    std::string message = fmt::format("{} sent {} requests, {} within 10 s at its busiest; {} had no answer",
                                      source.address.to_string(), source.requests, best.most, unanswered);
    const Severity severity = answered_none ? Severity::kMedium : Severity::kHigh;
    if (source.suspect && !source.incidents.empty()) {
      // A detail of the scan or the guessing that made all these requests.
      Incident& incident = work_.findings.incidents.at(source.incidents.front());
      if (best.most < 3000) {
        incident.checks.push_back(fired(kSourceFlood, severity, Confidence::kProbable, std::move(message)));
        return;
      }
      if (incident.kind == Kind::kEnumeration || incident.kind == Kind::kRegisterScan ||
          incident.kind == Kind::kInviteScan) {
        // At this rate the users are padding: the flood is what it is about.
        incident.kind = Kind::kFlood;
        incident.accounts.clear();
        incident.checks.insert(incident.checks.begin(),
                               fired(kSourceFlood, severity, Confidence::kProbable, std::move(message)));
        return;
      }
    }
    Incident incident;
    incident.kind = Kind::kFlood;
    incident.first = source.first;
    incident.last = source.last;
    incident.messages = source.stamps.size() + source.unlogged;
    incident.attempts = incident.messages;
    for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
    incident.entity = "source " + source.address.to_string();
    incident.certain_attacker = source.registered == 0 && unanswered * 2 < source.stamps.size();
    incident.evidence = Casework::evidence(source.first, source.first, "decisive: beginning of the flood", source.last);
    incident.explanation =
        "More requests than any phone or office sends, and no logins that would explain them. The source address of "
        "UDP "
        "requests can be forged.";
    if (unanswered != 0) {
      incident.explanation +=
          fmt::format(" {} requests had no answer: a limit is at work, or the server gave up.", unanswered);
    }
    incident.checks.push_back(fired(kSourceFlood, severity, Confidence::kProbable, std::move(message)));
    work_.raise(std::move(incident), {index});
  }

  // Many devices behind one address that call for a server which was away: each registers by its own name, a few times,
  // and most of them get in or say again what they said before.
  bool office_returns(const Source& source) const {
    if (source.methods[static_cast<std::size_t>(Method::kRegister)] * 10 < source.outside_dialog * 9) return false;
    std::size_t users = 0;
    std::size_t steady = 0;
    std::uint64_t most = 0;
    for (const std::uint32_t at : source.tries) {
      const Try& one = book_.tries()[at];
      ++users;
      steady += one.good_registers != 0 || one.repeats != 0 ? 1U : 0U;
      most = std::max<std::uint64_t>(most, one.requests);
    }
    const double hours = 1 + seconds_between(source.first.time, source.last.time) / 3600;
    return users >= 20 && steady * 10 >= users * 7 && static_cast<double>(most) <= 120 * hours;
  }

  // Sources that do nothing else than take part.
  void distributed() {
    for (const Method method : {Method::kInvite, Method::kRegister, Method::kOptions}) {
      struct Request {
        std::int64_t ns;
        std::uint32_t source;
      };
      std::vector<Request> requests;
      std::map<std::uint64_t, std::size_t> shapes;
      std::size_t members = 0;
      std::set<std::uint32_t> users;
      for (std::uint32_t i = 0; i < book_.sources().size(); ++i) {
        const Source& source = book_.sources()[i];
        if (source.registered != 0 || source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0 ||
            work_.roles.trusted(source) || source.suspect) {
          continue;
        }
        if (source.methods[static_cast<std::size_t>(method)] * 10 < source.requests * 9) continue;
        ++members;
        if (!source.shapes.empty()) ++shapes[source.shapes.front()];
        for (const Stamp& stamp : source.stamps) requests.push_back({stamp.ns, i});
        for (const std::uint32_t at : source.tries) users.insert(book_.tries()[at].user);
      }
      if (members < kManySources || requests.size() < kManyRequests) continue;
      std::ranges::sort(requests, [](const Request& a, const Request& b) {
        return a.ns != b.ns ? a.ns < b.ns : a.source < b.source;
      });
      std::map<std::uint32_t, std::size_t> inside;
      std::size_t begin = 0;
      std::int64_t from = 0;
      std::int64_t to = 0;
      std::size_t most_sources = 0;
      std::size_t most_requests = 0;
      for (std::size_t i = 0; i < requests.size(); ++i) {
        ++inside[requests[i].source];
        while (requests[i].ns - requests[begin].ns > 60 * kNsPerSecond) {
          if (--inside[requests[begin].source] == 0) inside.erase(requests[begin].source);
          ++begin;
        }
        if (inside.size() >= kManySources && i - begin + 1 >= kManyRequests) {
          if (from == 0) from = requests[begin].ns;
          to = requests[i].ns;
          most_sources = std::max(most_sources, inside.size());
          most_requests = std::max(most_requests, i - begin + 1);
        }
      }
      if (from == 0) continue;
      // Phones that call for a server which is away: each its own user, a try or two a minute.
      std::size_t alike = 0;
      for (const auto& [shape, count] : shapes) alike = std::max(alike, count);
      const bool own_users = users.size() <= members + members / 4;
      if (method == Method::kRegister && own_users && most_requests < 5 * most_sources) continue;
      Incident incident;
      incident.kind = Kind::kDistributedFlood;
      std::vector<std::uint32_t> culprits;
      for (std::uint32_t i = 0; i < book_.sources().size(); ++i) {
        const Source& source = book_.sources()[i];
        if (source.registered != 0 || source.suspect || work_.roles.trusted(source) ||
            source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0 ||
            source.methods[static_cast<std::size_t>(method)] * 10 < source.requests * 9) {
          continue;
        }
        const std::uint64_t here = SourceBook::requests_between(source, {from}, {to});
        if (here == 0) continue;
        culprits.push_back(i);
        incident.messages += here;
        if (!incident.first.known() || source.first < incident.first) incident.first = source.first;
        if (!incident.last.known() || incident.last < source.last) incident.last = source.last;
        for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
      }
      incident.attempts = incident.messages;
      incident.entity = fmt::format("distributed {}", sip::to_string(method));
      incident.evidence = Casework::evidence(incident.first, incident.first, "decisive: beginning", incident.last);
      incident.explanation = fmt::format(
          "Each source sends little, together they send {} requests within a minute. After an outage the devices would "
          "be known and would register with success; these never do.{}",
          most_requests, alike * 10 >= members * 8 ? " Nearly all requests are built alike." : "");
      incident.checks.push_back(
          fired(kDistributedFloodRule, Severity::kHigh, Confidence::kProbable,
                fmt::format("{} {} requests from {} sources within a minute, {} in all", most_requests,
                            sip::to_string(method), most_sources, incident.messages)));
      work_.raise(std::move(incident), culprits);
    }
  }

  Casework& work_;
  SourceBook& book_;
};

void Floods::telephones() {
  std::map<std::string, std::vector<const PhoneCall*>> by_number;
  for (const PhoneCall& call : work_.findings.calls.calls()) {
    if (call.outbound() || call.authenticated) continue;
    if (call.status == 401 || call.status == 407) continue;  // a login that was refused
    // What a scan or flood of requests sent is told with it.
    if (const Source* source = book_.find(call.source); source != nullptr && source->suspect) continue;
    const auto& records = work_.findings.calls.records();
    by_number[records[call.records.front()].entry().dialled].push_back(&call);
  }
  for (auto& [number, calls] : by_number) {
    if (calls.size() < 2 * kTdosCalls || number.empty()) continue;
    const auto peak = concurrency(calls);
    // Or one call after the other, each soon given up.
    std::vector<std::int64_t> starts;
    for (const PhoneCall* call : calls) starts.push_back(call->start.ns);
    std::ranges::sort(starts);
    const std::size_t busiest = most_within(starts, std::chrono::seconds{60});
    if (peak.calls < kTdosCalls && busiest < 2 * kTdosCalls) continue;
    // Its usual: the median of the hours in which it was called at all, the busiest left out.
    std::map<std::int64_t, std::uint64_t> hours;
    for (const std::int64_t start : starts) ++hours[start / (3600 * kNsPerSecond)];
    std::vector<std::uint64_t> counts;
    std::uint64_t most = 0;
    for (const auto& [hour, count] : hours) {
      counts.push_back(count);
      most = std::max(most, count);
    }
    std::ranges::sort(counts);
    const std::uint64_t usual = counts.size() < 3 ? 0 : counts[counts.size() / 2];
    if (usual != 0 && most < 5 * usual) continue;
    std::set<std::string> callers;
    std::size_t hidden = 0;
    std::size_t brief = 0;
    std::size_t answered = 0;
    double sum = 0;
    double squares = 0;
    for (const PhoneCall* call : calls) {
      callers.insert(call->caller);
      const auto digits = std::ranges::count_if(call->caller, [](char c) { return c >= '0' && c <= '9'; });
      if (digits < 7 || digits > 15 || call->caller.find("nonymous") != std::string::npos) ++hidden;
      if (!call->answered() || call->seconds() < 10) ++brief;
      if (call->answered()) {
        ++answered;
        sum += call->seconds();
        squares += call->seconds() * call->seconds();
      }
    }
    const auto n = static_cast<double>(calls.size());
    const double mean = answered != 0 ? sum / static_cast<double>(answered) : 0;
    const double spread = answered > 5 && mean > 0
                              ? std::sqrt(std::max(0.0, squares / static_cast<double>(answered) - mean * mean)) / mean
                              : 1;
    std::vector<std::string> signs;
    if (static_cast<double>(callers.size()) > 0.8 * n) signs.emplace_back("nearly every call shows another caller");
    if (static_cast<double>(hidden) > 0.3 * n) signs.emplace_back("many callers are invalid or hidden");
    if (static_cast<double>(brief) > 0.8 * n) signs.emplace_back("calls only ring or end within seconds");
    if (spread < 0.1) signs.emplace_back("the calls last equally long");
    if (signs.size() < 2) continue;
    Incident incident;
    incident.kind = Kind::kTdos;
    std::set<std::uint32_t> culprits;
    for (const PhoneCall* call : calls) {
      if (!incident.first.known() || call->invite < incident.first) incident.first = call->invite;
      if (!incident.last.known() || incident.last < call->last) incident.last = call->last;
      if (const Source* source = book_.find(call->source)) {
        const std::uint32_t index = work_.index_of(*source);
        culprits.insert(index);
      }
      incident.messages += call->requests;
      incident.answered_seconds += call->seconds();
      if (incident.call_ids.size() < 1024) {
        incident.call_ids.push_back(work_.findings.calls.records()[call->records.front()].call_id);
      }
    }
    incident.calls = calls.size();
    incident.attempts = calls.size();
    incident.answered = answered;
    incident.concurrent_peak = peak.calls;
    incident.targets.push_back(number);
    incident.numbers.push_back(number);
    incident.entity = "number " + number;
    incident.evidence = Casework::evidence(incident.first, calls[calls.size() / 2]->invite,
                                           "decisive: one of many calls", incident.last);
    incident.explanation = fmt::format(
        "{} calls to one number, {} at once; {}. A broadcast or a campaign would have real callers who stay on the "
        "line.",
        calls.size(), peak.calls, listed(signs));
    const bool emergency = number == "911" || number == "112" || number == "999";
    incident.checks.push_back(fired(
        kTdosRule, emergency ? Severity::kCritical : Severity::kHigh, Confidence::kProbable,
        fmt::format("{} calls to {}, {} at once, from {} callers", calls.size(), number, peak.calls, callers.size())));
    // A trunk only passes such calls on: it is told, but it is no suspect.
    for (const std::uint32_t index : culprits) incident.sources.push_back(book_.sources()[index].address);
    work_.findings.incidents.add(std::move(incident));
  }
}

// Audio with a fixed payload type: at most 100 packets a second by any usual packet time.
bool fixed_audio(const session::MediaStream& stream) {
  for (const std::size_t type : {0U, 3U, 4U, 8U, 9U, 18U}) {
    if (stream.payload_types.test(type)) return true;
  }
  return false;
}

}  // namespace

void conclude_floods(Casework& work) { Floods(work).conclude(); }
void conclude_telephones(Casework& work) { Floods(work).telephones(); }

void MediaWatch::on_rtp(const session::MediaStream& stream) {
  if (stream.packets != 1 || stream.call != nullptr) return;
  const std::uint32_t* known = index_.find(stream.key.src.address);
  if (known == nullptr) {
    if (senders_.size() >= cap_) return;
    index_.at_or_new(stream.key.src.address) = static_cast<std::uint32_t>(senders_.size());
    senders_.emplace_back(stream.key.src.address, Sender{});
    known = index_.find(stream.key.src.address);
  }
  Sender& sender = senders_[*known].second;
  if (!sender.first.known()) sender.first = stream.first;
  sender.last = stream.first;
  ++sender.packets;
  if (sender.ports.size() < 256 && std::ranges::find(sender.ports, stream.key.dst) == sender.ports.end()) {
    sender.ports.push_back(stream.key.dst);
  }
}

void MediaWatch::note_rate(const session::MediaStream& stream) {
  ++streams_;
  const double seconds = seconds_between(stream.first.time, stream.last.time);
  if (seconds < 10 || floods_.size() >= cap_ || !fixed_audio(stream)) return;
  const double rate = static_cast<double>(stream.packets) / seconds;
  if (rate < 3 * 50 + 1) return;
  floods_.push_back({.source = stream.key.src.address,
                     .into = stream.key.dst,
                     .packets = stream.packets,
                     .rate = rate,
                     .first = stream.first,
                     .last = stream.last});
}

void MediaWatch::on_orphan_end(const session::MediaStream& stream) { note_rate(stream); }

void MediaWatch::on_call_end(const session::Call& call) {
  for (const auto& stream : call.streams) note_rate(*stream);
  if (call.streams.size() < 2 || call.streams.size() > 256) return;
  std::vector<IpAddress> parties;
  for (const session::Hop& hop : call.hops) {
    parties.push_back(hop.caller_side.address);
    parties.push_back(hop.callee_side.address);
  }
  std::vector<IpAddress> described;
  for (const session::SdpUse& use : call.sdp_uses) {
    for (const session::MediaLine& line : use.sdp->media()) {
      described.push_back(line.rtp.address);
      for (const Endpoint& candidate : line.candidates) described.push_back(candidate.address);
    }
  }
  const auto in = [](const std::vector<IpAddress>& list, const IpAddress& address) {
    return std::ranges::find(list, address) != list.end();
  };
  for (const auto& stranger : call.streams) {
    const IpAddress& source = stranger->key.src.address;
    // A few packets do where the other end then sends its audio back to them.
    const bool served = std::ranges::any_of(call.streams, [&](const auto& back) {
      return back->key.src == stranger->key.dst && back->key.dst == stranger->key.src && back->packets >= 10;
    });
    if (stranger->packets < (served ? 3U : 10U) || in(described, source) || in(parties, source)) continue;
    for (const auto& owner : call.streams) {
      if (owner == stranger || !(owner->key.dst == stranger->key.dst) || owner->key.src.address == source) continue;
      // It comes into a stream that runs before and goes on after its beginning.
      if (!(owner->first < stranger->first) || owner->packets < 10 ||
          seconds_between(stranger->first.time, owner->last.time) < kOverlap) {
        continue;
      }
      // Media behind NAT comes from an address that no SDP names: then the owner must be named.
      const bool owned = in(described, owner->key.src.address) || in(parties, owner->key.src.address);
      if (!owned && seconds_between(owner->first.time, stranger->first.time) < 2) continue;
      if (injections_.size() < cap_) {
        injections_.push_back({.source = source,
                               .into = stranger->key.dst,
                               .call_id = call.call_id,
                               .packets = stranger->packets,
                               .first = stranger->first,
                               .last = stranger->last,
                               .stream = owner->last,
                               .certain = owned});
      }
      break;
    }
  }
}

void MediaWatch::conclude(Casework& work) {
  const auto culprits = [&](const IpAddress& address) {
    const Source* source = work.book.find(address);
    return source == nullptr ? std::vector<std::uint32_t>{} : std::vector<std::uint32_t>{work.index_of(*source)};
  };
  std::map<IpAddress, std::vector<const Injection*>> injected;
  for (const Injection& one : injections_) injected[one.source].push_back(&one);
  std::map<IpAddress, std::vector<const Flood*>> flooded;
  for (const Flood& one : floods_) flooded[one.source].push_back(&one);
  for (const auto& [address, list] : injected) {
    if (flooded.contains(address)) continue;  // beyond what audio needs: it is to drown the stream
    Incident incident;
    incident.kind = Kind::kRtpInjection;
    for (const Injection* one : list) {
      incident.messages += one->packets;
      incident.targets.push_back(one->into.address.to_string());
      incident.call_ids.push_back(one->call_id);
      if (!incident.first.known() || one->first < incident.first) incident.first = one->first;
      if (!incident.last.known() || incident.last < one->last) incident.last = one->last;
    }
    incident.calls = list.size();
    incident.attempts = list.size();
    incident.entity = "source " + address.to_string();
    incident.evidence =
        Casework::evidence(incident.first, list.front()->first,
                           "decisive: first packet into a stream that another party sends", incident.last);
    incident.explanation =
        "No SDP of the call names this sender, and the party that it comes between goes on sending. A party behind NAT "
        "that moved would fall silent at its old address.";
    incident.checks.push_back(
        fired(kRtpFlood, Severity::kMedium, list.front()->certain ? Confidence::kProbable : Confidence::kPossible,
              fmt::format("{} sent {} RTP packets into {} running {}", address.to_string(), incident.messages,
                          list.size(), list.size() == 1 ? "stream" : "streams")));
    const auto who = culprits(address);
    if (who.empty()) incident.sources.push_back(address);
    work.raise(std::move(incident), who);
  }
  for (const auto& [address, list] : flooded) {
    Incident incident;
    incident.kind = Kind::kFlood;
    double rate = 0;
    for (const Flood* one : list) {
      incident.messages += one->packets;
      rate = std::max(rate, one->rate);
      incident.targets.push_back(one->into.address.to_string());
      if (!incident.first.known() || one->first < incident.first) incident.first = one->first;
      if (!incident.last.known() || incident.last < one->last) incident.last = one->last;
    }
    incident.entity = "media of " + address.to_string();
    incident.evidence = Casework::evidence(incident.first, incident.first, "decisive: beginning", incident.last);
    incident.explanation = "Audio has 33 to 100 packets a second; this is more than three times as many.";
    incident.checks.push_back(fired(kRtpFlood, Severity::kMedium, Confidence::kProbable,
                                    fmt::format("{} sent {:.0f} RTP packets a second to {}", address.to_string(), rate,
                                                list.front()->into.to_string())));
    const auto who = culprits(address);
    if (who.empty()) incident.sources.push_back(address);
    work.raise(std::move(incident), who);
  }
  for (const auto& [address, sender] : senders_) {
    if (sender.ports.size() < 50 || flooded.contains(address) || injected.contains(address)) continue;
    // Media of calls whose signalling is not seen has as many packets a port as a call has.
    if (sender.packets > 4 * sender.ports.size()) continue;
    const double seconds = seconds_between(sender.first.time, sender.last.time);
    if (seconds > 600) continue;
    Incident incident;
    incident.kind = Kind::kFlood;
    incident.messages = sender.packets;
    incident.attempts = sender.ports.size();
    incident.first = sender.first;
    incident.last = sender.last;
    for (const Endpoint& port : sender.ports) incident.targets.push_back(port.address.to_string());
    incident.entity = "media of " + address.to_string();
    incident.evidence = Casework::evidence(sender.first, sender.first, "decisive: beginning", sender.last);
    incident.explanation =
        "RTP to many ports without a call: it looks for streams to listen to, or keeps a relay busy.";
    incident.checks.push_back(fired(
        kRtpFlood, Severity::kMedium, Confidence::kPossible,
        fmt::format("{} sent RTP to {} or more ports without a session", address.to_string(), sender.ports.size())));
    const auto who = culprits(address);
    if (who.empty()) incident.sources.push_back(address);
    work.raise(std::move(incident), who);
  }
}

}  // namespace voip::analyze::fraud
