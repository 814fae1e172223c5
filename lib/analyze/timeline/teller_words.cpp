#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analyze/timeline/teller.h"

namespace voip::analyze::timeline {

using fraud::Incident;
using fraud::Kind;
using report::Confidence;
using report::Evidence;
using report::Severity;

namespace {

constexpr std::size_t kMostIndicators = 4096;

std::string deed_of(const Incident& one) {
  const std::string where = one.targets.empty() ? std::string() : " of " + join_names(one.targets);
  switch (one.kind) {
    case Kind::kDeregistration: return "removed registrations of " + join_names(one.accounts);
    case Kind::kFlood:
    case Kind::kDistributedFlood: return fmt::format("flooded this site ({} requests)", one.messages);
    case Kind::kMalformedFuzzing: return fmt::format("sent malformed messages ({})", one.messages);
    case Kind::kRtpInjection: return "sent media into calls of others";
    case Kind::kTdos: return fmt::format("tied up the lines{} with {} calls", where, one.calls);
    case Kind::kDialPlanProbe: return fmt::format("probed the dial plan ({} forms)", one.attempts);
    case Kind::kWangiri: return fmt::format("lured call-backs with {} short calls", one.calls);
    case Kind::kRobocalling: return fmt::format("placed {} automatic calls", one.calls);
    case Kind::kCallerIdSpoofing: return fmt::format("called under false numbers ({} calls)", one.calls);
    default: return fmt::format("carried out {}", fraud::to_string(one.kind));
  }
}

}  // namespace

std::string join_addresses(const std::vector<IpAddress>& list, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < list.size() && i < most; ++i) {
    if (i != 0) text += i + 1 == list.size() ? " and " : ", ";
    text += list[i].to_string();
  }
  if (list.size() > most) text += fmt::format(" and {} more", list.size() - most);
  return text;
}
std::string join_names(const std::vector<std::string>& list, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < list.size() && i < most; ++i) {
    if (i != 0) text += i + 1 == list.size() ? " and " : ", ";
    text += list[i];
  }
  if (list.size() > most) text += fmt::format(" and {} more", list.size() - most);
  return text;
}

// How calls were sent away that somebody else had placed; empty: he called himself.
std::string Teller::means() const {
  std::string text;
  const auto add = [&](std::string_view rule, std::string_view words) {
    const bool any = std::ranges::any_of(campaign_->incidents, [&](std::size_t i) {
      const Incident& one = incident(i);
      return one.answered != 0 && std::ranges::any_of(one.checks, [&](const fraud::Fired& fired) {
               return fired.rule->id == rule && fired.confidence != Confidence::kPossible;
             });
    });
    if (any) text += fmt::format("{}{}", text.empty() ? "by " : " and ", words);
  };
  add("FRAUD-060", "transfers (REFER)");
  add("FRAUD-061", "redirects (3xx)");
  add("FRAUD-062", "forwarding");
  return text;
}

// What the gravest incidents say, in one sentence.
void Teller::describe() {
  Campaign& c = *campaign_;
  std::string who = join_addresses(c.actors);
  if (c.decisive.known() && actor(c.taken_by)) {
    // Who got in, before all that helped.
    std::vector<IpAddress> first{c.taken_by};
    if (actor(c.used_by) && c.used_by != c.taken_by) first.push_back(c.used_by);
    who = join_addresses(first);
    if (c.actors.size() > first.size()) who += fmt::format(" (with {} more)", c.actors.size() - first.size());
  }
  if (who.empty()) {
    // A peer only passes on what others do.
    std::vector<IpAddress> through;
    for (const std::size_t i : c.incidents) add_all(through, incident(i).sources);
    who = through.empty() ? std::string("Somebody") : "Somebody behind the peer " + join_addresses(through);
  }
  std::string tool;
  for (const std::size_t i : c.incidents) {
    if (tool.empty()) tool = incident(i).tool;
  }
  if (!tool.empty()) who += fmt::format(" ({})", tool);
  std::vector<std::string> did;
  if (c.decisive.known()) {
    if (entry_kind_ == Kind::kUnauthenticatedCall) {
      did.emplace_back("got through without any credentials");
    } else {
      const std::string account = c.taken_account.empty() ? std::string("an account") : "account " + c.taken_account;
      did.push_back(c.failures_before >= 3
                        ? fmt::format("guessed the password of {} after {} failures", account, c.failures_before)
                        : fmt::format("got into {}", account));
      if (c.takeover.known()) did.emplace_back("took it over");
      if (!c.spread.empty()) did.push_back(fmt::format("also got into {}", join_names(c.spread)));
    }
  }
  const Incident* abuse = nullptr;  // the gravest
  bool outgoing = false;
  for (const std::size_t i : c.incidents) {
    const Incident& one = incident(i);
    if (*phase_of(one.kind) != PhaseKind::kAbuse) continue;
    if (abuse == nullptr || one.lead().severity > abuse->lead().severity) abuse = &one;
    outgoing |= one.answered != 0 && (one.kind == Kind::kTollFraud || one.kind == Kind::kTrafficPumping ||
                                      one.kind == Kind::kTransferAbuse || one.kind == Kind::kSimBox);
  }
  if (c.calls != 0 && outgoing) {
    c.means = means();
    did.push_back(fmt::format("{} {} {} ({:.0f} minutes){}{}", c.means.empty() ? "made" : "brought about", c.calls,
                              c.calls == 1 ? "call" : "calls", c.minutes,
                              c.affected.destinations.empty() ? "" : " to " + join_names(c.affected.destinations),
                              c.means.empty() ? "" : " " + c.means));
  } else if (abuse != nullptr) {
    did.push_back(deed_of(*abuse));
  }
  if (did.empty()) {
    std::uint64_t tried = 0;
    PhaseKind farthest = PhaseKind::kReconnaissance;
    for (const std::size_t i : c.incidents) {
      tried += incident(i).messages;
      farthest = std::max(farthest, *phase_of(incident(i).kind));
    }
    switch (farthest) {
      case PhaseKind::kReconnaissance: did.push_back(fmt::format("scanned this site ({} requests)", tried)); break;
      case PhaseKind::kEnumeration: did.push_back(fmt::format("searched for accounts ({} requests)", tried)); break;
      default: {
        const Incident* worst = nullptr;
        for (const std::size_t i : c.incidents) {
          const bool tries = *phase_of(incident(i).kind) == PhaseKind::kCredentialAccess;
          if (tries && (worst == nullptr || incident(i).lead().severity > worst->lead().severity)) worst = &incident(i);
        }
        const std::string whose = c.accounts.empty() ? std::string() : " of " + join_names(c.accounts);
        if (worst != nullptr && worst->kind == Kind::kDigestLeak) {
          did.push_back(fmt::format("made a phone give away the digest{}, to guess its password offline", whose));
        } else if (worst != nullptr && worst->kind == Kind::kCredentialReplay) {
          did.push_back(fmt::format("replayed credentials{}", whose));
        } else {
          did.push_back(fmt::format("tried passwords{} without success ({} requests)", whose, tried));
        }
        break;
      }
    }
  }
  std::string sentence = who + " ";
  for (std::size_t i = 0; i < did.size(); ++i) {
    if (i != 0) sentence += i + 1 == did.size() ? " and " : ", ";
    sentence += did[i];
  }
  if (c.containment) {
    sentence +=
        fmt::format("; it was stopped{} ({})", c.returned.known() ? ", came back, and was stopped again" : "",
                    c.containment->status == 0 ? std::string("no more answers") : status_text(c.containment->status));
  } else if (c.decisive.known()) {
    sentence += c.returned.known() ? "; it was stopped, and came back" : "";
    sentence += c.ongoing ? "; it goes on at the end of the capture" : "; it ended, why is not seen";
  }
  c.verdict = sentence + ".";

  if (c.decisive.known()) {
    c.proven.emplace_back(entry_kind_ == Kind::kUnauthenticatedCall
                              ? "calls of a stranger were accepted without any credentials"
                              : "a request with the account's credentials was accepted");
  }
  if (c.takeover.known()) c.proven.push_back("the same party registered or called with the account afterwards");
  for (const std::size_t i : c.incidents) {
    const Incident& one = incident(i);
    (one.lead().confidence == Confidence::kCertain ? c.proven : c.probable)
        .push_back(fmt::format("{}: {}", fraud::to_string(one.kind), one.lead().message));
    if (!one.explanation.empty()) {
      c.other_explanations.push_back(fmt::format("{}: {}", fraud::to_string(one.kind), one.explanation));
    }
  }
}

void Teller::list_indicators() {
  std::map<std::pair<std::string_view, std::string>, Indicator> found;
  const auto add = [&found](std::string_view kind, const std::string& value, const Incident& one) {
    if (value.empty() || found.size() >= kMostIndicators) return;
    const auto [at, made] = found.try_emplace({kind, value});
    Indicator& indicator = at->second;
    if (made) indicator = {kind, value, one.first, one.last, one.lead().confidence};
    indicator.first = std::min(indicator.first, one.first);
    indicator.last = std::max(indicator.last, one.last);
    indicator.confidence = std::max(indicator.confidence, one.lead().confidence);
  };
  for (const Incident& one : story_.incidents) {
    const auto phase = phase_of(one.kind);
    if (!phase || one.lead().confidence == Confidence::kPossible) continue;
    for (const IpAddress& source : one.sources) {
      if (!trusted(source)) add("address", source.to_string(), one);
    }
    add("tool", one.tool, one);
    if (one.kind == Kind::kTollFraud || one.kind == Kind::kWangiri || one.kind == Kind::kTrafficPumping) {
      for (const std::string& number : one.numbers) add("number", number, one);
    }
  }
  for (auto& [key, indicator] : found) story_.indicators.push_back(std::move(indicator));
  std::ranges::stable_sort(story_.indicators, {}, &Indicator::first);
}

}  // namespace voip::analyze::timeline
