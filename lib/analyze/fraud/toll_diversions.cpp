#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "analyze/fraud/casework.h"
#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/toll.h"
#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr std::chrono::seconds kFollows{10};
constexpr std::chrono::seconds kHour{3600};
constexpr std::size_t kMostAfter = 1000;  // calls to look at behind one moment
constexpr unsigned kManyVias = 15;
constexpr int kFewForwards = 20;

bool outsider(const TollContext& context, const IpAddress& host) {
  return !context.phone(host) && !context.own(host) && !context.all.calls.relay(host);
}

// Addresses that took accounts over, or seem to have.
std::set<IpAddress> takers(const TollContext& context) {
  std::set<IpAddress> out;
  for (const Incident& incident : context.all.incidents.all()) {
    if (incident.kind != Kind::kAccountCompromise && incident.kind != Kind::kRegistrationHijack &&
        incident.kind != Kind::kCredentialReplay) {
      continue;
    }
    for (const IpAddress& source : incident.sources) {
      if (!context.own(source)) out.insert(source);
    }
  }
  return out;
}

// Calls that begin within a few seconds of a referral and lead to its number.
CallRefs calls_after(const TollContext& context, const Number& target, Timestamp moment, std::chrono::seconds within,
                     const std::string& but) {
  CallRefs list;
  const std::string tail = last_digits(target.shown(), 9);
  const auto& calls = context.calls();
  const auto begin = std::ranges::lower_bound(calls, moment, {}, &PhoneCall::start);
  std::size_t seen = 0;
  for (auto at = begin; at != calls.end() && seen < kMostAfter && !later_by(moment, at->start, within); ++at, ++seen) {
    if (context.all.calls.records()[at->records.front()].call_id == but) continue;
    if (tail.size() >= 3 && last_digits(at->number.shown(), 9) == tail)
      list.push_back(static_cast<std::size_t>(at - calls.begin()));
  }
  return list;
}

// The REFERs or redirects of one host.
struct ReferralCampaign {
  std::vector<const Referral*> referrals{};
  CallRefs calls{};  // that followed
  std::set<std::string> numbers{};
  std::uint64_t accepted = 0;
};
using ReferralCampaigns = std::map<std::pair<bool, IpAddress>, ReferralCampaign>;  // by redirect or REFER, and asker

bool followed(const Referral& referral) {
  return referral.redirect || (referral.status >= 200 && referral.status < 300);
}

// The calls that a referral led to.
CallRefs calls_of(const TollContext& context, const Referral& referral, const Number& target) {
  if (!followed(referral)) return {};
  CallRefs after =
      calls_after(context, target, referral.request.time, kFollows, referral.redirect ? "" : referral.call_id);
  // A redirect's own call goes on under the same Call-ID, to the new number on a later hop.
  if (referral.redirect) {
    std::erase_if(after, [&](std::size_t i) {
      return !context.own(context.calls()[i].source) && !context.all.calls.relay(context.calls()[i].source);
    });
  }
  return after;
}

void gather_referral(const TollContext& context, const std::set<IpAddress>& thieves, const Referral& referral,
                     ReferralCampaigns& campaigns) {
  const Number target = context.plan.read(referral.target);
  if (!target.external()) return;
  // Users transfer calls; who sits at a taken account sends them where it pays.
  const bool thief = thieves.contains(referral.asker) && target.destination != nullptr &&
                     context.limits().alert_tiers[static_cast<std::size_t>(target.destination->tier)];
  if (!thief && !outsider(context, referral.asker)) return;
  const bool peer = context.peer(referral.asker);
  if (!followed(referral) && peer) return;
  const CallRefs after = calls_of(context, referral, target);
  // Carriers redirect; what nobody follows costs nothing.
  if (referral.redirect && (after.empty() || (peer && !risky(context, context.calls()[after.front()])))) return;
  ReferralCampaign& campaign = campaigns[{referral.redirect, referral.asker}];
  campaign.referrals.push_back(&referral);
  campaign.numbers.insert(target.shown());
  campaign.accepted += followed(referral) ? 1U : 0U;
  campaign.calls.insert(campaign.calls.end(), after.begin(), after.end());
}

Incident incident_of(TollContext& context, const ReferralCampaign& campaign) {
  Incident incident;
  incident.kind = Kind::kTransferAbuse;
  add_calls(context, campaign.calls, incident);
  std::vector<const PhoneCall*> sure;
  for (const std::size_t i : campaign.calls) {
    context.claimed[i] = 1;
    sure.push_back(&context.calls()[i]);
  }
  incident.cost = context.rates.estimate(sure, {});
  incident.targets.clear();
  incident.numbers.assign(campaign.numbers.begin(), campaign.numbers.end());
  incident.attempts = campaign.referrals.size();
  incident.successes = campaign.accepted;
  incident.messages += campaign.referrals.size();
  for (const Referral* referral : campaign.referrals) {
    incident.targets.push_back(referral->asked.to_string());
    if (!referral->account.empty()) incident.accounts.push_back(referral->account);
    if (!incident.first.known() || referral->request < incident.first) incident.first = referral->request;
    if (!incident.last.known() || incident.last < referral->request) incident.last = referral->request;
  }
  return incident;
}

void tell_referrals(TollContext& context, bool redirect, const IpAddress& asker, const ReferralCampaign& campaign) {
  Incident incident = incident_of(context, campaign);
  incident.sources = {asker};
  incident.entity = asker.to_string();
  const std::string message =
      fmt::format("{} {} to {}; {} accepted, {} followed", asker.to_string(),
                  redirect ? fmt::format("redirected {}", plural(campaign.referrals.size(), "call", "calls"))
                           : fmt::format("asked for {}", plural(campaign.referrals.size(), "transfer", "transfers")),
                  list_text(incident.numbers, 4), campaign.accepted, plural(campaign.calls.size(), "call", "calls"));
  incident.checks.push_back(fired(redirect ? kRedirectAbuse : kTransfer,
                                  campaign.accepted != 0 ? Severity::kHigh : Severity::kMedium,
                                  campaign.calls.empty() ? Confidence::kPossible : Confidence::kProbable, message));
  incident.evidence.push_back({campaign.referrals.front()->request, redirect ? "redirected call" : "REFER"});
  if (!campaign.calls.empty())
    incident.evidence.push_back({context.calls()[campaign.calls.front()].invite, "decisive: the call that followed"});
  incident.evidence.push_back({campaign.referrals.back()->request, "last one"});
  incident.explanation = fmt::format(
      "{}. {} {}, and the site pays for the new leg. It could also be a partner's switch that transfers by agreement: "
      "then name it in the policy.",
      message, asker.to_string(),
      outsider(context, asker) ? "is no phone of this site" : "uses an account that seems taken over");
  context.all.incidents.add(std::move(incident));
}

// FRAUD-060 and 061.
void find_referrals(TollContext& context) {
  const std::set<IpAddress> thieves = takers(context);
  ReferralCampaigns campaigns;
  for (const Referral& referral : context.notes.referrals()) gather_referral(context, thieves, referral, campaigns);
  for (auto& [key, campaign] : campaigns) {
    const auto& [redirect, asker] = key;
    if ((!outsider(context, asker) || campaign.accepted == 0) && campaign.referrals.size() < 3) continue;
    std::ranges::sort(campaign.calls);
    campaign.calls.erase(std::unique(campaign.calls.begin(), campaign.calls.end()), campaign.calls.end());
    tell_referrals(context, redirect, asker, campaign);
  }
  const std::size_t judged = context.notes.referrals().size();
  context.all.sink.tally(kTransfer, report::Verdict::kPass, judged - std::min(judged, campaigns.size()));
}

// What one account's calls are forwarded to.
struct Forward {
  CallRefs set{};   // calls that dialled a code
  CallRefs used{};  // calls that came in and went out again
  std::set<std::string> numbers{};
  std::set<std::string> destinations{};

  void lead_to(const Number& number) {
    numbers.insert(number.shown());
    destinations.insert(destination_name(number));
  }
};
using Forwards = std::map<std::string, Forward>;  // by account

// The account behind a whole number: the one whose name ends it.
std::string owner_of(const TollContext& context, const Forwards& forwards, const std::string& number) {
  for (std::size_t n = std::min<std::size_t>(number.size(), 6); n >= 2; --n) {
    std::string tail = number.substr(number.size() - n);
    const AccountFacts* facts = context.accounts.find(tail);
    if ((facts != nullptr && facts->registrations != 0) || forwards.contains(tail)) return tail;
  }
  return number;
}

// Dialled "*72" and the like with a number.
void gather_code(const TollContext& context, std::size_t index, Forwards& forwards) {
  static constexpr std::array<std::string_view, 12> kCodes{"*72",   "*73",  "*90",   "*92",  "**21*", "*21*",
                                                           "**61*", "*61*", "**62*", "*62*", "**67*", "*67*"};
  const PhoneCall& call = context.calls()[index];
  const std::string_view dialled = call.number.dialled;
  const auto code = std::ranges::find_if(kCodes, [&](std::string_view c) { return dialled.starts_with(c); });
  if (code == kCodes.end()) return;
  std::string_view rest = dialled.substr(code->size());
  while (rest.ends_with('#')) rest.remove_suffix(1);
  const Number target = context.plan.read(rest);
  if (!risky(context, target)) return;
  Forward& forward = forwards[call.account];
  forward.set.push_back(index);
  forward.lead_to(target);
}

// Came in, went out again to a risky number.
void gather_forwarded(const TollContext& context, std::size_t index, Forwards& forwards) {
  const PhoneCall& call = context.calls()[index];
  for (const std::size_t at : call.records) {
    const CallRecord& record = context.all.calls.records()[at];
    const Number far = context.plan.read(record.exit().dialled);
    if (far.shown() == call.number.shown() || !risky(context, far)) continue;
    const std::string number = record.diversion.empty() ? call.number.shown() : record.diversion;
    Forward& forward = forwards[owner_of(context, forwards, number)];
    forward.used.push_back(index);
    forward.lead_to(far);
    return;
  }
}

void tell_forward(TollContext& context, const std::string& who, const Forward& forward) {
  const auto& calls = context.calls();
  Incident incident;
  incident.kind = Kind::kTransferAbuse;
  add_calls(context, forward.used.empty() ? forward.set : forward.used, incident);
  incident.accounts = {who};
  incident.numbers.assign(forward.numbers.begin(), forward.numbers.end());
  incident.destinations.assign(forward.destinations.begin(), forward.destinations.end());
  incident.attempts = incident.calls;
  incident.successes = incident.answered;
  incident.entity = who;
  for (const std::size_t i : forward.set) {
    incident.sources.push_back(calls[i].source);
    if (calls[i].invite < incident.first) incident.first = calls[i].invite;
    incident.evidence.push_back({calls[i].invite, fmt::format("{} was dialled", calls[i].number.dialled)});
    if (incident.evidence.size() == 2) break;
  }
  for (const std::size_t i : forward.used) {
    context.claimed[i] = 1;
    incident.sources.push_back(calls[i].source);
  }
  if (!forward.used.empty())
    incident.evidence.push_back({calls[forward.used.front()].invite, "decisive: a call came in and went out again"});
  const bool both = !forward.set.empty() && !forward.used.empty();
  const std::string message =
      fmt::format("calls of {} are forwarded to {} ({}): {} set, {} forwarded", who, list_text(incident.numbers, 3),
                  list_text(incident.destinations, 3), plural(forward.set.size(), "forward", "forwards"),
                  plural(forward.used.size(), "call", "calls"));
  incident.checks.push_back(fired(kForwardAbuse, both || forward.used.size() >= 3 ? Severity::kHigh : Severity::kMedium,
                                  Confidence::kProbable, message));
  incident.explanation = message +
                         ". Forwarding turns a phone into a relay whose calls the site pays for. It could also be a "
                         "user who travels there: ask.";
  context.all.incidents.add(std::move(incident));
}

// FRAUD-062: a code with a number, then inbound calls that leave again.
void find_forwards(TollContext& context) {
  Forwards forwards;
  for (std::size_t i = 0; i < context.calls().size(); ++i) {
    const PhoneCall& call = context.calls()[i];
    if (call.inbound() || call.direction == CallDirection::kTransit) {
      gather_forwarded(context, i, forwards);
    } else if (call.number.dialled.starts_with('*')) {
      gather_code(context, i, forwards);
    }
  }
  for (const auto& [who, forward] : forwards) tell_forward(context, who, forward);
}

// FRAUD-063: one caller, many short answered calls to one number; worse when calls leave again.
void find_voicemail(TollContext& context) {
  const auto& calls = context.calls();
  std::map<std::pair<std::string, std::string>, CallRefs> tries;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const PhoneCall& call = calls[i];
    if (!call.inbound() || !call.answered() || call.seconds() >= 60 || context.claimed[i] != 0) continue;
    if (call.seconds() < 3) continue;
    tries[{call.caller, call.number.dialled}].push_back(i);
  }
  CallRefs leaving;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].outbound() && calls[i].answered() && context.own(calls[i].source)) leaving.push_back(i);
  }
  for (const auto& [key, list] : tries) {
    if (list.size() < 10 || most_within(context, list, kHour) < 10) continue;
    CallRefs out;
    const auto& records = context.all.calls.records();
    std::uint64_t digits = 0;
    for (const std::size_t i : list) {
      for (const std::size_t index : calls[i].records) digits += records[index].digits;
    }
    // A call that leaves while one of theirs goes on, from the host that answered.
    std::set<std::size_t> left;
    for (const std::size_t k : list) {
      const auto begin =
          std::ranges::lower_bound(leaving, calls[k].start, {}, [&](std::size_t i) { return calls[i].start; });
      std::size_t seen = 0;
      for (auto at = begin; at != leaving.end() && seen < kMostAfter; ++at, ++seen) {
        const Timestamp start = calls[*at].start;
        if (later_by(calls[k].start, start, std::chrono::seconds{120}) ||
            start > calls[k].end + std::chrono::seconds{1})
          break;
        left.insert(*at);
      }
    }
    out.assign(left.begin(), left.end());
    Incident incident;
    incident.kind = Kind::kAnomaly;
    add_calls(context, list, incident);
    for (const std::size_t i : list) incident.sources.push_back(calls[i].source);
    incident.numbers = {key.first};
    incident.attempts = list.size();
    incident.successes = out.size();
    const std::string message =
        fmt::format("{} called {} {} times for less than a minute each{}", key.first, key.second, list.size(),
                    digits == 0 ? std::string() : fmt::format(", with {} keypad messages", digits));
    incident.checks.push_back({.rule = &kVoicemail,
                               .severity = Severity::kMedium,
                               .confidence = out.empty() ? Confidence::kPossible : Confidence::kProbable,
                               .message = message,
                               .evidence = {}});
    incident.evidence.push_back({calls[list.front()].invite, "first call"});
    if (!out.empty()) incident.evidence.push_back({calls[out.front()].invite, "decisive: a call that left meanwhile"});
    incident.evidence.push_back({calls[list.back()].invite, "last call"});
    incident.explanation =
        message +
        ". That is how a PIN of a mailbox or of DISA is guessed. It could also be a machine that reports "
        "by phone, or a person whose calls break off.";
    incident.entity = key.first + ">" + key.second;
    context.all.incidents.add(std::move(incident));
  }
}

// FRAUD-064.
void find_loops(TollContext& context) {
  CallRefs loops;
  const auto& records = context.all.calls.records();
  for (std::size_t i = 0; i < context.calls().size(); ++i) {
    for (const std::size_t index : context.calls()[i].records) {
      const CallRecord& record = records[index];
      std::map<IpAddress, std::size_t> visits;
      std::size_t most = 0;
      for (const CallHop& hop : record.hops) most = std::max(most, ++visits[hop.to]);
      const bool worn = record.least_max_forwards < kFewForwards && record.most_vias >= 4;
      if (worn || record.most_vias > kManyVias || most >= 4) {
        loops.push_back(i);
        break;
      }
    }
  }
  context.all.sink.tally(kLoop, report::Verdict::kPass, context.calls().size() - loops.size());
  if (loops.empty()) return;
  Incident incident;
  incident.kind = Kind::kAnomaly;
  add_calls(context, loops, incident);
  for (const std::size_t i : loops) incident.sources.push_back(context.calls()[i].source);
  incident.attempts = incident.calls;
  const std::string message = fmt::format("{} went in circles", plural(loops.size(), "call", "calls"));
  incident.checks.push_back({.rule = &kLoop,
                             .severity = Severity::kMedium,
                             .confidence = Confidence::kProbable,
                             .message = message,
                             .evidence = {}});
  incident.evidence.push_back({context.calls()[loops.front()].invite, "first one"});
  if (loops.size() > 1) incident.evidence.push_back({context.calls()[loops.back()].invite, "last one"});
  incident.explanation =
      message +
      ": Max-Forwards nearly used up, many Via, or one host passed again and again. Mostly a fault of the "
      "routing; it can be built on purpose to multiply calls.";
  incident.entity = "loops";
  context.all.incidents.add(std::move(incident));
}

}  // namespace

void find_diversions(TollContext& context) {
  find_referrals(context);
  for (const report::Rule* rule : {&kRedirectAbuse, &kForwardAbuse, &kVoicemail})
    context.all.sink.tally(*rule, report::Verdict::kPass, context.calls().size());
  find_forwards(context);
  find_voicemail(context);
  find_loops(context);
}

}  // namespace voip::analyze::fraud
