#include "analyze/fraud/recon.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

// What all reconnaissance is judged by; and calls that nobody asked to log in.
namespace voip::analyze::fraud {

using report::Confidence;
using report::Severity;
using sip::Method;

// Most of the called users end alike: one number behind many prefixes. That is dial-plan probing.
bool prefix_probe(const Casework& work, const std::vector<std::uint32_t>& tries) {
  std::map<std::string, std::size_t> tails;
  std::size_t most = 0;
  for (const std::uint32_t index : tries) {
    const std::string& user = work.name_of(work.book.tries()[index]);
    if (user.size() < 8) continue;
    most = std::max(most, ++tails[user.substr(user.size() - 7)]);
  }
  return most >= 3 && most * 2 >= tries.size();
}

// Puts a source down to the program whose signs it bears: FRAUD-001 to 004.
std::optional<Fired> tool_check(const Source& source) {
  const auto named = source.signs.named();
  const auto built = source.signs.structured();
  const bool by_name = named && *named != Tool::kSipp;
  if (!by_name && !built) return std::nullopt;
  const Tool tool = by_name ? *named : *built;
  const report::Rule& rule = tool == Tool::kNmap     ? kServiceProbe
                             : by_name               ? kKnownScanner
                             : tool == Tool::kSippts ? kSipptsStructure
                                                     : kSipviciousStructure;
  const bool listed_now = source.outcomes[static_cast<std::size_t>(Outcome::kChallenge)] != 0 ||
                          source.outcomes[static_cast<std::size_t>(Outcome::kPassed)] != 0;
  const Severity severity = &rule == &kServiceProbe                 ? Severity::kLow
                            : listed_now && &rule == &kKnownScanner ? Severity::kHigh
                                                                    : Severity::kMedium;
  return fired(rule, severity, Confidence::kProbable,
               fmt::format("{} at {}: {}{}", to_string(tool), source.address.to_string(), source.signs.describe(),
                           listed_now ? "; it was answered, so the host is listed now" : ""));
}

void Recon::conclude() {
  answering_ = book_.answering();
  for (std::uint32_t i = 0; i < book_.sources().size(); ++i) {
    const Source& source = book_.sources()[i];
    if (source.outside_dialog == 0 || work_.roles.trusted(source) || at_work(source)) continue;
    sweep(i);
    // Where nobody is asked for a password, phones call as they are.
    if (!let_in(source) || source.signs.hostile()) users(i);
  }
  spread();
}

bool Recon::at_home(const Source& source) const {
  return std::ranges::any_of(source.tries, [&](std::uint32_t at) {
    const Try& one = book_.tries()[at];
    return one.good != 0 && !one.claimed;
  });
}

// Asked without credentials, and never with them: indexes of Tries.
std::vector<std::uint32_t> Recon::strange_users(const Source& source) const {
  std::vector<std::uint32_t> out;
  for (const std::uint32_t index : source.tries) {
    const Try& one = book_.tries()[index];
    if (one.in_bulk && !one.followed && !one.claimed && one.good == 0 && one.bad == 0) out.push_back(index);
  }
  return out;
}

// Users that it found and then guessed passwords for: asked for without a login that followed.
void Recon::add_prey(const Source& source, std::vector<std::uint32_t>& tries) const {
  for (const std::uint32_t index : source.tries) {
    const Try& one = book_.tries()[index];
    if (!one.in_bulk || (one.bad == 0 && one.good == 0)) continue;  // these are not among them yet
    if (one.alone) tries.push_back(index);
  }
}

std::vector<std::int64_t> Recon::first_times(const std::vector<std::uint32_t>& tries) const {
  std::vector<std::int64_t> times;
  times.reserve(tries.size());
  for (const std::uint32_t index : tries) times.push_back(book_.tries()[index].first.time.ns);
  std::ranges::sort(times);
  return times;
}

// A host that this one serves or has been asked by is no stranger to it.
bool Recon::stranger(const Source& source, const Target& target) const {
  return !book_.asked(target.host, source.address) && !target.host.multicast();
}

void Recon::fill(Incident& incident, const Source& source) const {
  incident.first = source.first;
  incident.last = source.last;
  incident.entity = "source " + source.address.to_string();
  incident.messages = source.requests;
  incident.certain_attacker = source.registered == 0 &&
                              source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] == 0 &&
                              !work_.site().own(source.address);
  for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
}

Recon::Answers Recon::answers(const std::vector<std::uint32_t>& tries) const {
  Answers sum;
  for (const std::uint32_t index : tries) {
    const Try& one = book_.tries()[index];
    sum.requests += one.requests;
    const std::uint64_t all = one.exists + one.no_such_user + one.forbidden + one.other_refusals;
    sum.answered += all;
    sum.refused += all - (one.first_passed.known() ? 1 : 0);
    if (one.exists != 0) ++sum.known;
    if (one.exists == 0 && (one.no_such_user != 0 || one.forbidden != 0 || one.other_refusals != 0)) ++sum.unknown;
  }
  if (sum.unknown != 0) {
    for (const std::uint32_t index : tries) {
      if (book_.tries()[index].exists != 0) sum.found.push_back(index);
    }
  }
  return sum;
}

void Recon::take(Incident& incident, const std::vector<std::uint32_t>& tries, const Source& source) {
  std::vector<FrameRef> firsts;
  for (const std::uint32_t at : tries) {
    Try& one = book_.tries()[at];
    one.claimed = true;
    firsts.push_back(one.first);
    const FrameRef& end = one.bad != 0 || one.good != 0 ? one.first : one.last;
    if (!incident.first.known() || one.first < incident.first) incident.first = one.first;
    if (!incident.last.known() || incident.last < end) incident.last = end;
  }
  std::vector<std::uint32_t> sorted = tries;
  std::ranges::sort(sorted);
  incident.messages = book_.requests_of(source, incident.first.time, incident.last.time, sorted);
}

std::size_t Recon::registers(const std::vector<std::uint32_t>& tries) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      tries, [&](std::uint32_t at) { return (book_.tries()[at].methods & bit(Method::kRegister)) != 0; }));
}

void conclude_recon(Casework& work) { Recon(work).conclude(); }

void conclude_tools(Casework& work) {
  for (std::uint32_t i = 0; i < work.book.sources().size(); ++i) {
    Source& source = work.book.sources()[i];
    if (source.suspect || work.roles.trusted(source)) continue;
    const auto named = source.signs.named();
    const auto built = source.signs.structured();
    if (!(named && *named != Tool::kSipp) && !built) continue;
    // Told with the dial-plan probe that it makes.
    if (prefix_probe(work, source.tries)) continue;
    // Its user logs in with success from the first try: a test program in honest hands.
    if (source.outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0 &&
        source.outcomes[static_cast<std::size_t>(Outcome::kBadLogin)] == 0) {
      continue;
    }
    Fired check = *tool_check(source);
    Incident incident;
    incident.kind = scan_kind(source);
    incident.entity = "source " + source.address.to_string();
    incident.first = source.first;
    incident.last = source.last;
    incident.messages = source.requests;
    incident.attempts = source.outside_dialog;
    incident.certain_attacker = !work.site().own(source.address);
    for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
    incident.evidence =
        Casework::evidence(incident.first, source.sign_frame, "decisive: signs of the program", incident.last);
    incident.checks.push_back(std::move(check));
    incident.explanation =
        "Few requests, but they carry the signs of an attack program. An agreed test would be named in the policy.";
    work.raise(std::move(incident), {i});
  }
}

// Called three names or more that were refused, each once, before one answered: no partner's misdialling, whose callers
// have telephone numbers.
static bool tried_names(const Casework& work, const Source& source) {
  std::size_t refused = 0;
  for (const std::uint32_t at : source.tries) {
    const Try& one = work.book.tries()[at];
    const bool answered = one.no_such_user + one.forbidden + one.other_refusals + one.exists != 0;
    const bool called = (one.methods & bit(Method::kInvite)) != 0;
    refused += called && answered && !one.first_passed.known() ? 1U : 0U;
  }
  const bool telephones = std::ranges::any_of(source.callers, [&](std::uint32_t id) {
    const std::string& name = work.book.text(id);
    return name.size() >= 7 && name.find_first_not_of("+0123456789") == std::string::npos;
  });
  return refused >= 3 && refused * 2 >= source.tries.size() && !telephones;
}

// A call from a host that nobody knows goes through without a challenge: to the outside, or after it had been refused.
void conclude_open_calls(Casework& work) {
  std::map<IpAddress, std::vector<const PhoneCall*>> by_source;
  for (const PhoneCall& call : work.findings.calls.calls()) {
    if (!call.answered() || call.authenticated || call.challenged) continue;
    const Source* source = work.book.find(call.source);
    if (source == nullptr || source->suspect || work.site().own(call.source) || work.roles.trusted(*source)) continue;
    if (source->registered != 0 || source->outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0) continue;
    by_source[call.source].push_back(&call);
  }
  for (const auto& [address, calls] : by_source) {
    const Source& source = *work.book.find(address);
    const bool signs = source.signs.hostile();
    const bool refused = source.outcomes[static_cast<std::size_t>(Outcome::kRefused)] +
                             source.outcomes[static_cast<std::size_t>(Outcome::kChallenge)] >=
                         source.rung;
    // Without signs of an attack: only where the server asks others for credentials, or a stranger dials out; and never
    // within one private network, where phones and gateways are known by their addresses.
    const bool outward =
        std::ranges::any_of(calls, [&](const PhoneCall* call) { return work.roles.trunk_or_peer(call->exit); });
    const bool dialled_out = std::ranges::any_of(calls, [&](const PhoneCall* call) { return call->number.external(); });
    const bool challenges = std::ranges::any_of(calls, [&](const PhoneCall* call) {
      const Host* host = work.book.host(call->entry);
      return host != nullptr && host->invites_challenged != 0;
    });
    const bool found_inside = tried_names(work, source) && !address.is_private();
    if (!signs && !found_inside && (address.is_private() || !outward || (!challenges && !dialled_out))) continue;
    Incident incident;
    incident.kind = Kind::kUnauthenticatedCall;
    for (const PhoneCall* call : calls) {
      if (!incident.first.known() || call->invite < incident.first) incident.first = call->invite;
      if (!incident.last.known() || incident.last < call->last) incident.last = call->last;
      incident.numbers.push_back(call->number.shown());
      incident.targets.push_back(call->entry.to_string());
      incident.answered_seconds += call->seconds();
      if (incident.call_ids.size() < 1024) {
        incident.call_ids.push_back(work.findings.calls.records()[call->records.front()].call_id);
      }
    }
    incident.calls = incident.answered = incident.successes = calls.size();
    incident.attempts = source.methods[static_cast<std::size_t>(Method::kInvite)];
    incident.messages = source.requests;
    incident.entity = "source " + address.to_string();
    incident.certain_attacker = signs;
    const bool sure = signs || refused;
    incident.evidence = Casework::evidence(calls.front()->invite, calls.front()->accepted,
                                           "decisive: accepted without a challenge", incident.last);
    incident.explanation =
        "A host that is no trunk or partner by its calls placed a call without credentials, and it was answered. A "
        "customer's exchange that is trusted by its address would be named as a peer in the policy.";
    incident.checks.push_back(fired(kInviteScanRule, sure ? Severity::kHigh : Severity::kMedium,
                                    sure ? Confidence::kProbable : Confidence::kPossible,
                                    fmt::format("{} placed {} answered {} without credentials", address.to_string(),
                                                calls.size(), calls.size() == 1 ? "call" : "calls")));
    work.raise(std::move(incident), {work.index_of(source)});
  }
}

}  // namespace voip::analyze::fraud
