#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "analyze/fraud/rules_toll.h"
#include "analyze/fraud/toll.h"
#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::size_t kTail = 9;  // digits that all forms of one number share
constexpr std::size_t kForms = 3;
constexpr std::size_t kDistributedForms = 4;
constexpr std::chrono::seconds kFast{600};
constexpr std::chrono::seconds kSlow{86'400};

// When a line was out of order: calls of many were refused by errors of servers, whatever they dialled.
class Outages {
 public:
  explicit Outages(const std::pmr::vector<PhoneCall>& calls) {
    for (const PhoneCall& call : calls) {
      if (call.status / 100 == 5 && call.start.known()) errors_.emplace_back(call.start, call.source);
    }
  }
  bool during(const PhoneCall& call) const {
    if (call.status / 100 != 5) return false;
    const auto before = [](const auto& error, Timestamp moment) { return error.first < moment; };
    auto at = std::lower_bound(errors_.begin(), errors_.end(), Timestamp{call.start.ns - kAroundNs}, before);
    std::vector<IpAddress> others;
    for (; at != errors_.end() && at->first.ns <= call.start.ns + kAroundNs; ++at) {
      if (at->second == call.source || std::ranges::find(others, at->second) != others.end()) continue;
      others.push_back(at->second);
      if (others.size() >= kOthers) return true;
    }
    return false;
  }

 private:
  static constexpr std::int64_t kAroundNs = 600 * kNsPerSecond;
  static constexpr std::size_t kOthers = 3;
  std::vector<std::pair<Timestamp, IpAddress>> errors_;  // by time, as the calls are
};

// The dial plan said no, as opposed to a person, a busy line or one that is out of order.
bool refused_by_plan(const PhoneCall& call, const Outages& outages) {
  if (call.answered() || call.cancelled || outages.during(call)) return false;
  switch (call.status) {
    case 180:
    case 408:
    case 480:
    case 486:
    case 487:
    case 600: return false;
    default: return !call.ringing.known() || call.status >= 400;
  }
}

// The users of the site may write a number of their own country in any way that its dial plan knows.
std::string form_of(const TollContext& context, const PhoneCall& call) {
  const Number& number = call.number;
  const bool at_home = context.own(call.source) || context.phone(call.source);
  const bool home_number = !number.e164.empty() && !context.plan.calling_code().empty() &&
                           number.e164.compare(1, context.plan.calling_code().size(), context.plan.calling_code()) == 0;
  return std::string(at_home && home_number ? std::string_view(number.e164) : std::string_view(number.dialled));
}

// The calls of the busiest stretch that shows enough forms; empty when there is none.
bool enough(const TollContext& context, const CallRefs& calls, std::size_t forms, std::chrono::seconds window) {
  std::map<std::string, std::size_t> inside;
  std::size_t begin = 0;
  for (const std::size_t index : calls) {
    const PhoneCall& call = context.calls()[index];
    ++inside[form_of(context, call)];
    while (later_by(context.calls()[calls[begin]].start, call.start, window)) {
      const auto at = inside.find(form_of(context, context.calls()[calls[begin]]));
      if (--at->second == 0) inside.erase(at);
      ++begin;
    }
    if (inside.size() >= forms) return true;
  }
  return false;
}

// Several spellings of one number are several prefixes before the same digits, not several numbers that end alike.
bool mostly_refused(const TollContext& context, const CallRefs& calls, const Outages& outages) {
  std::set<std::string> refused;
  std::set<std::string> forms;
  for (const std::size_t index : calls) {
    const PhoneCall& call = context.calls()[index];
    forms.insert(call.number.dialled);
    if (refused_by_plan(call, outages)) refused.insert(call.number.dialled);
  }
  return refused.size() * 2 > forms.size();
}

}  // namespace

void find_probing(TollContext& context) {
  const auto& calls = context.calls();
  const Outages outages(calls);
  // By actor (address or account) and tail of the number; strangers also by the tail alone.
  std::vector<std::pair<TextKey, std::size_t>> by_actor;
  std::vector<std::pair<TextKey, std::size_t>> by_tail;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const PhoneCall& call = calls[i];
    if (call.number.dialled.size() < kTail || call.inbound() || context.peer(call.source)) continue;
    const std::string tail = last_digits(call.number.dialled, kTail);
    if (tail.size() < kTail) continue;
    by_actor.emplace_back(text_key(as_text(call.source.bytes()), tail), i);
    if (!context.phone(call.source) && !context.own(call.source) && !call.authenticated)
      by_tail.emplace_back(text_key(tail), i);
    if (call.authenticated) by_actor.emplace_back(text_key("account", call.account, tail), i);
  }

  // One campaign an actor, whatever numbers it tried; lists that share an address are one.
  NameGroups groups;
  std::vector<CallRefs> found;
  std::uint64_t actors = 0;
  const auto gather = [&](std::vector<std::pair<TextKey, std::size_t>>& all, auto&& wanted) {
    std::ranges::sort(all, [](const auto& a, const auto& b) {
      if (a.first.high != b.first.high) return a.first.high < b.first.high;
      return a.first.low != b.first.low ? a.first.low < b.first.low : a.second < b.second;
    });
    std::vector<CallRefs> these;
    for (std::size_t begin = 0; begin < all.size();) {
      std::size_t end = begin + 1;
      while (end < all.size() && all[end].first == all[begin].first) ++end;
      ++actors;
      if (end - begin >= kForms) {
        CallRefs list;
        for (std::size_t i = begin; i < end; ++i) list.push_back(all[i].second);
        if (wanted(list)) these.push_back(std::move(list));
      }
      begin = end;
    }
    // Keys differ from run to run, the calls do not.
    std::ranges::sort(these);
    std::ranges::move(these, std::back_inserter(found));
  };
  gather(by_actor, [&](const CallRefs& list) {
    if (!mostly_refused(context, list, outages)) return false;
    return enough(context, list, kForms, kFast) || enough(context, list, kForms, kSlow);
  });
  const std::uint64_t judged = actors;
  gather(by_tail, [&](const CallRefs& list) {
    return list.size() >= kDistributedForms && mostly_refused(context, list, outages) &&
           enough(context, list, kDistributedForms, kSlow);
  });
  for (const CallRefs& list : found) {
    const std::string lead = calls[list.front()].source.to_string();
    for (const std::size_t index : list) groups.join(lead, calls[index].source.to_string());
  }
  std::map<std::size_t, std::set<std::size_t>> campaigns;
  for (const CallRefs& list : found) {
    for (const std::size_t index : list) campaigns[groups.of(calls[index].source.to_string())].insert(index);
  }

  std::map<IpAddress, std::vector<std::size_t>> strangers;
  for (std::size_t k = 0; k < context.all.incidents.all().size(); ++k) {
    const Incident& other = context.all.incidents.all()[k];
    if (other.checks.empty() || (other.kind != Kind::kInviteScan && other.kind != Kind::kUnauthenticatedCall)) continue;
    for (const IpAddress& source : other.sources) strangers[source].push_back(k);
  }
  for (const auto& [group, campaign] : campaigns) {
    // What works after the hole was found is use, not probing: the first answered call of each form belongs here.
    CallRefs probes;
    std::set<std::string> open_forms;
    for (const std::size_t index : campaign) {
      const PhoneCall& call = calls[index];
      if (open_forms.contains(call.number.dialled)) continue;
      if (call.answered()) open_forms.insert(call.number.dialled);
      probes.push_back(index);
    }
    Incident incident;
    incident.kind = Kind::kDialPlanProbe;
    add_calls(context, probes, incident);
    incident.numbers.clear();
    incident.destinations.clear();
    std::set<std::string> tails;
    const PhoneCall* hole = nullptr;
    bool authenticated = false;
    for (const std::size_t index : probes) {
      const PhoneCall& call = calls[index];
      context.claimed[index] = 1;
      incident.numbers.push_back(call.number.dialled);
      incident.sources.push_back(call.source);
      if (call.authenticated) incident.accounts.push_back(call.account);
      tails.insert(last_digits(call.number.dialled, kTail));
      authenticated |= call.authenticated;
      if (hole == nullptr && call.answered()) hole = &call;
    }
    incident.attempts = incident.calls;
    incident.successes = incident.answered;
    // Where the number leads is what its answered form says, else one with a prefix that leads abroad.
    const auto leads = [&](std::size_t index) { return calls[index].number.kind == NumberClass::kInternational; };
    const auto abroad = std::ranges::find_if(probes, leads);
    if (hole != nullptr && hole->number.destination != nullptr) {
      incident.destinations = {destination_name(hole->number)};
    } else if (abroad != probes.end()) {
      incident.destinations = {destination_name(calls[*abroad].number)};
    }
    std::ranges::sort(incident.sources);
    incident.sources.erase(std::unique(incident.sources.begin(), incident.sources.end()), incident.sources.end());
    std::set<std::string> forms(incident.numbers.begin(), incident.numbers.end());
    const PhoneCall& first = calls[probes.front()];
    const PhoneCall& last = calls[probes.back()];
    incident.evidence.push_back({first.invite, fmt::format("first form: {}", first.number.dialled)});
    if (hole != nullptr)
      incident.evidence.push_back({hole->accepted, fmt::format("decisive: {} was answered", hole->number.dialled)});
    if (probes.size() > 1)
      incident.evidence.push_back({last.invite, fmt::format("last form: {}", last.number.dialled)});
    const std::string who = hosts_text(incident.sources);
    Fired fired{
        .rule = &kDialPlanProbing, .severity = report::Severity::kHigh, .confidence = report::Confidence::kProbable};
    fired.message = fmt::format(
        "{} dialled {} of {} in {}: {}", who, plural(forms.size(), "form", "forms"),
        plural(tails.size(), "number", "numbers"), plural(incident.calls, "call", "calls"),
        hole != nullptr ? fmt::format("{} was answered", hole->number.dialled) : std::string("none was answered"));
    incident.checks.push_back(std::move(fired));
    incident.explanation = fmt::format(
        "{} tried {} of the same number (prefixes before the digits {}), most of which the dial plan refused. That is "
        "how "
        "someone looks for the prefix that reaches an outside line. {}A person who tries with and without an access "
        "code "
        "dials two forms, not {}.",
        who, plural(forms.size(), "form", "forms"), list_text({tails.begin(), tails.end()}, 3),
        hole != nullptr ? fmt::format("The form {} was answered: the hole is open. ", hole->number.dialled) : "",
        forms.size());
    incident.entity = incident.sources.front().to_string();
    incident.certain_attacker = std::ranges::none_of(incident.sources, [&](const IpAddress& source) {
      if (context.all.incidents.find(Kind::kAccountCompromise, source) != nullptr) return false;
      if (authenticated) return true;
      return context.phone(source) || context.own(source);
    });
    // The same INVITEs told as a scan would be told twice.
    for (const IpAddress& source : incident.sources) {
      const auto list = strangers.find(source);
      if (list == strangers.end()) continue;
      for (const std::size_t k : list->second) {
        if (context.all.incidents.all()[k].messages <= incident.messages * 2) context.all.incidents.remove(k);
      }
    }
    context.all.incidents.add(std::move(incident));
  }
  context.all.sink.tally(kDialPlanProbing, report::Verdict::kPass,
                         judged > campaigns.size() ? judged - campaigns.size() : 0);
}

}  // namespace voip::analyze::fraud
