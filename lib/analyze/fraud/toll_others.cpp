#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/toll.h"

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr std::chrono::seconds kTenMinutes{600};
constexpr std::size_t kReceivers = 10;
constexpr std::size_t kEmergencies = 3;

// FRAUD-066.
void find_messages(TollContext& context) {
  for (const auto& [source, sender] : context.notes.senders()) {
    if (context.own(source) || context.peer(source) || context.phone(source)) {
      context.all.sink.tally(kMessageSpam, report::Verdict::kPass);
      continue;
    }
    auto sent = sender.sent;
    std::ranges::sort(sent);
    std::map<std::string, std::size_t> inside;
    std::size_t begin = 0;
    std::size_t most = 0;
    for (const auto& [time, user] : sent) {
      ++inside[user];
      while (later_by(sent[begin].first, time, kTenMinutes)) {
        const auto at = inside.find(sent[begin].second);
        if (--at->second == 0) inside.erase(at);
        ++begin;
      }
      most = std::max(most, inside.size());
    }
    const bool open = sender.accepted != 0 && sender.authenticated == 0;
    if (most < kReceivers && !open) {
      context.all.sink.tally(kMessageSpam, report::Verdict::kPass);
      continue;
    }
    Incident incident;
    incident.kind = Kind::kAnomaly;
    incident.first = sender.first;
    incident.last = sender.last;
    incident.sources = {source};
    for (const IpAddress& target : sender.targets) incident.targets.push_back(target.to_string());
    incident.messages = sender.messages;
    incident.attempts = sender.messages;
    incident.successes = sender.accepted;
    std::set<std::string> users;
    for (const auto& [time, user] : sent) users.insert(user);
    const std::string message = fmt::format(
        "{} sent {} to {}, {} accepted{}", source.to_string(), plural(sender.messages, "text message", "text messages"),
        plural(users.size(), "user", "users"), sender.accepted, open ? ", no password asked" : "");
    incident.checks.push_back({.rule = &kMessageSpam,
                               .severity = most >= kReceivers ? Severity::kMedium : Severity::kLow,
                               .confidence = Confidence::kProbable,
                               .message = message,
                               .evidence = {}});
    incident.evidence.push_back({sender.first, "first MESSAGE"});
    if (sender.first_accepted.known()) incident.evidence.push_back({sender.first_accepted, "decisive: accepted"});
    incident.evidence.push_back({sender.last, "last MESSAGE"});
    incident.explanation =
        message +
        ". The sender is no phone and no partner of this site. It could also be a text gateway that nobody "
        "named in the policy.";
    incident.entity = source.to_string();
    context.all.incidents.add(std::move(incident));
  }
}

// Dialled like emergency calls, but mostly refused as no number at all: 9999 is an extension that is gone.
std::set<std::string> no_numbers(const TollContext& context) {
  std::map<std::string, std::array<std::size_t, 2>> fates;  // all, refused
  for (const PhoneCall& call : context.calls()) {
    if (call.number.kind != NumberClass::kEmergency) continue;
    auto& [all, refused] = fates[std::string(call.number.dialled)];
    ++all;
    refused += call.status == 404 || call.status == 410 || call.status == 484 || call.status == 604 ? 1U : 0U;
  }
  std::set<std::string> out;
  for (const auto& [number, count] : fates) {
    if (count[1] * 2 > count[0]) out.insert(number);
  }
  return out;
}

// FRAUD-067. Never grounds to block anybody.
void find_emergencies(TollContext& context) {
  const std::set<std::string> unknown = no_numbers(context);
  std::map<std::string, CallRefs> by_account;
  for (std::size_t i = 0; i < context.calls().size(); ++i) {
    const PhoneCall& call = context.calls()[i];
    if (call.number.kind != NumberClass::kEmergency) continue;
    if (unknown.contains(std::string(call.number.dialled))) continue;
    by_account[call.account.empty() ? call.source.to_string() : call.account].push_back(i);
  }
  for (const auto& [account, list] : by_account) {
    if (most_within(context, list, kTenMinutes) <= kEmergencies) {
      context.all.sink.tally(kEmergencyAbuse, report::Verdict::kPass);
      continue;
    }
    Incident incident;
    incident.kind = Kind::kTdos;
    add_calls(context, list, incident);
    if (!context.calls()[list.front()].account.empty()) incident.accounts = {account};
    for (const std::size_t i : list) {
      incident.sources.push_back(context.calls()[i].source);
      context.claimed[i] = 1;
    }
    incident.targets = incident.numbers;
    incident.attempts = incident.calls;
    incident.successes = incident.answered;
    const std::string message =
        fmt::format("{} made {} to {} within 10 minutes", account,
                    plural(most_within(context, list, kTenMinutes), "call", "calls"), list_text(incident.numbers, 3));
    incident.checks.push_back({.rule = &kEmergencyAbuse,
                               .severity = Severity::kCritical,
                               .confidence = Confidence::kProbable,
                               .message = message,
                               .evidence = {}});
    incident.evidence.push_back({context.calls()[list.front()].invite, "first emergency call"});
    incident.evidence.push_back({context.calls()[list.back()].invite, "last emergency call"});
    incident.explanation =
        message +
        ". A person has to look now: it may be a true emergency whose calls break off, a faulty device, or an "
        "attack on the emergency service. Never block emergency calls by machine.";
    incident.entity = account;
    context.all.incidents.add(std::move(incident));
  }
}

}  // namespace

void find_others(TollContext& context) {
  find_messages(context);
  find_emergencies(context);
}

}  // namespace voip::analyze::fraud
