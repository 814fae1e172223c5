#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "analyze/fraud/casework.h"
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

// Whether some stretch of the window's length shows enough forms.
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

using KeyedCalls = std::vector<std::pair<TextKey, std::size_t>>;

// The calls of long numbers that leave the site.
struct Dialled {
  KeyedCalls by_actor;  // address or account, and tail of the number
  KeyedCalls by_tail;   // of strangers: by the tail alone
};

Dialled long_numbers(const TollContext& context) {
  const auto& calls = context.calls();
  Dialled dialled;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const PhoneCall& call = calls[i];
    if (call.number.dialled.size() < kTail || call.inbound() || context.peer(call.source)) continue;
    const std::string tail = last_digits(call.number.dialled, kTail);
    if (tail.size() < kTail) continue;
    dialled.by_actor.emplace_back(text_key(as_text(call.source.bytes()), tail), i);
    if (!context.phone(call.source) && !context.own(call.source) && !call.authenticated)
      dialled.by_tail.emplace_back(text_key(tail), i);
    if (call.authenticated) dialled.by_actor.emplace_back(text_key("account", call.account, tail), i);
  }
  return dialled;
}

// Adds the wanted ones of the lists that share a key; returns how many keys there were.
template <class Wanted>
std::uint64_t gather(KeyedCalls& all, std::vector<CallRefs>& found, Wanted wanted) {
  std::ranges::sort(all, [](const auto& a, const auto& b) {
    if (a.first.high != b.first.high) return a.first.high < b.first.high;
    return a.first.low != b.first.low ? a.first.low < b.first.low : a.second < b.second;
  });
  std::uint64_t keys = 0;
  std::vector<CallRefs> these;
  for (std::size_t begin = 0; begin < all.size(); ++keys) {
    std::size_t end = begin + 1;
    while (end < all.size() && all[end].first == all[begin].first) ++end;
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
  return keys;
}

// One campaign an actor, whatever numbers it tried; lists that share an address are one.
std::map<std::size_t, std::set<std::size_t>> campaigns_of(const TollContext& context,
                                                          const std::vector<CallRefs>& found) {
  const auto source = [&](std::size_t index) { return context.calls()[index].source.to_string(); };
  NameGroups groups;
  for (const CallRefs& list : found) {
    const std::string lead = source(list.front());
    for (const std::size_t index : list) groups.join(lead, source(index));
  }
  std::map<std::size_t, std::set<std::size_t>> campaigns;
  for (const CallRefs& list : found) {
    for (const std::size_t index : list) campaigns[groups.of(source(index))].insert(index);
  }
  return campaigns;
}

// One campaign that looks for the hole in the dial plan.
struct Probing {
  CallRefs calls{};
  std::set<std::string> forms{};
  std::set<std::string> tails{};
  const PhoneCall* hole = nullptr;  // the first call that was answered
  bool authenticated = false;
};

// What works after the hole was found is use, not probing: the first answered call of each form belongs here.
Probing probing_of(const TollContext& context, const std::set<std::size_t>& campaign) {
  Probing probing;
  std::set<std::string> open_forms;
  for (const std::size_t index : campaign) {
    const PhoneCall& call = context.calls()[index];
    if (open_forms.contains(call.number.dialled)) continue;
    if (call.answered()) open_forms.insert(call.number.dialled);
    probing.calls.push_back(index);
    probing.forms.insert(call.number.dialled);
    probing.tails.insert(last_digits(call.number.dialled, kTail));
    probing.authenticated |= call.authenticated;
    if (probing.hole == nullptr && call.answered()) probing.hole = &call;
  }
  return probing;
}

// Where the number leads is what its answered form says, else one with a prefix that leads abroad.
std::vector<std::string> destinations_of(const TollContext& context, const Probing& probing) {
  if (probing.hole != nullptr && probing.hole->number.destination != nullptr)
    return {destination_name(probing.hole->number)};
  for (const std::size_t index : probing.calls) {
    const Number& number = context.calls()[index].number;
    if (number.kind == NumberClass::kInternational) return {destination_name(number)};
  }
  return {};
}

// May the sources be blocked? Not those that users share, unless a thief holds the account.
bool certain_attackers(const TollContext& context, const Probing& probing, const std::vector<IpAddress>& sources) {
  return std::ranges::none_of(sources, [&](const IpAddress& source) {
    if (context.all.incidents.find(Kind::kAccountCompromise, source) != nullptr) return false;
    return probing.authenticated || context.phone(source) || context.own(source);
  });
}

void add_evidence(const TollContext& context, const Probing& probing, Incident& incident) {
  const PhoneCall& first = context.calls()[probing.calls.front()];
  const PhoneCall& last = context.calls()[probing.calls.back()];
  incident.evidence.push_back({first.invite, fmt::format("first form: {}", first.number.dialled)});
  if (probing.hole != nullptr)
    incident.evidence.push_back(
        {probing.hole->accepted, fmt::format("decisive: {} was answered", probing.hole->number.dialled)});
  if (probing.calls.size() > 1)
    incident.evidence.push_back({last.invite, fmt::format("last form: {}", last.number.dialled)});
}

// Message of the check, explanation of the incident.
void describe(const Probing& probing, Incident& incident) {
  const std::string who = hosts_text(incident.sources);
  const std::string forms = plural(probing.forms.size(), "form", "forms");
  const std::string answered =
      probing.hole == nullptr ? std::string() : fmt::format("{} was answered", probing.hole->number.dialled);
  incident.checks.push_back(
      fired(kDialPlanProbing, report::Severity::kHigh, report::Confidence::kProbable,
            fmt::format("{} dialled {} of {} in {}: {}", who, forms, plural(probing.tails.size(), "number", "numbers"),
                        plural(incident.calls, "call", "calls"), answered.empty() ? "none was answered" : answered)));
  incident.explanation = fmt::format(
      "{} tried {} of the same number (prefixes before the digits {}), most of which the dial plan refused. That is "
      "how "
      "someone looks for the prefix that reaches an outside line. {}A person who tries with and without an access code "
      "dials two forms, not {}.",
      who, forms, list_text({probing.tails.begin(), probing.tails.end()}, 3),
      answered.empty() ? std::string() : fmt::format("The form {}: the hole is open. ", answered),
      probing.forms.size());
}

// Its place in the store.
std::size_t tell_probing(TollContext& context, const Probing& probing) {
  Incident incident;
  incident.kind = Kind::kDialPlanProbe;
  add_calls(context, probing.calls, incident);
  incident.attempts = incident.calls;
  incident.successes = incident.answered;
  incident.numbers.assign(probing.forms.begin(), probing.forms.end());
  incident.destinations = destinations_of(context, probing);
  std::set<IpAddress> sources;
  for (const std::size_t index : probing.calls) {
    const PhoneCall& call = context.calls()[index];
    context.claimed[index] = 1;
    sources.insert(call.source);
    if (call.authenticated) incident.accounts.push_back(call.account);
  }
  incident.sources.assign(sources.begin(), sources.end());
  incident.entity = incident.sources.front().to_string();
  incident.certain_attacker = certain_attackers(context, probing, incident.sources);
  add_evidence(context, probing, incident);
  describe(probing, incident);
  return context.all.incidents.add(std::move(incident));
}

using IncidentsOf = std::map<IpAddress, std::vector<std::size_t>>;

// What strangers did, by address.
IncidentsOf strangers_of(const IncidentStore& incidents) {
  IncidentsOf strangers;
  for (std::size_t k = 0; k < incidents.all().size(); ++k) {
    const Incident& other = incidents.all()[k];
    if (other.checks.empty() || (other.kind != Kind::kInviteScan && other.kind != Kind::kUnauthenticatedCall)) continue;
    for (const IpAddress& source : other.sources) strangers[source].push_back(k);
  }
  return strangers;
}

}  // namespace

void find_probing(TollContext& context) {
  const Outages outages(context.calls());
  Dialled dialled = long_numbers(context);
  std::vector<CallRefs> found;
  const std::uint64_t actors = gather(dialled.by_actor, found, [&](const CallRefs& list) {
    return mostly_refused(context, list, outages) &&
           (enough(context, list, kForms, kFast) || enough(context, list, kForms, kSlow));
  });
  gather(dialled.by_tail, found, [&](const CallRefs& list) {
    return list.size() >= kDistributedForms && mostly_refused(context, list, outages) &&
           enough(context, list, kDistributedForms, kSlow);
  });
  IncidentStore& incidents = context.all.incidents;
  const IncidentsOf strangers = strangers_of(incidents);
  const auto campaigns = campaigns_of(context, found);
  for (const auto& [group, campaign] : campaigns) {
    const std::size_t told = tell_probing(context, probing_of(context, campaign));
    // The same INVITEs told as a scan would be told twice.
    for (const IpAddress& source : incidents.all()[told].sources) {
      const auto list = strangers.find(source);
      if (list == strangers.end()) continue;
      for (const std::size_t k : list->second) {
        if (incidents.all()[k].messages <= incidents.all()[told].messages * 2) incidents.remove(k);
      }
    }
  }
  context.all.sink.tally(kDialPlanProbing, report::Verdict::kPass,
                         actors > campaigns.size() ? actors - campaigns.size() : 0);
}

}  // namespace voip::analyze::fraud
