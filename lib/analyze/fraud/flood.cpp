#include "analyze/fraud/flood.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "analyze/fraud/meetings.h"

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;
using sip::Method;

constexpr std::int64_t kBinNs = 10 * kNsPerSecond;
constexpr std::uint64_t kBurst = 500;  // within any 10 s
constexpr std::size_t kTdosCalls = 10;

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

struct NumberUnderFire;

class Floods {
 public:
  explicit Floods(Casework& work) : work_(work), book_(work.book) {}

  void conclude() {
    for (std::uint32_t i = 0; i < book_.sources().size(); ++i) one_source(i);
  }

  // Calls that keep one number busy.
  void telephones();

 private:
  void tell_telephone(const NumberUnderFire& fire, const std::vector<std::string>& signs);

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

  Casework& work_;
  SourceBook& book_;
};

// How the calls to one number look, all together.
struct NumberUnderFire {
  const std::string& number;
  const std::vector<const PhoneCall*>& calls;
  const Peak& peak;
  std::set<std::string> callers{};
  std::size_t hidden = 0;  // callers that are invalid or withheld
  std::size_t brief = 0;   // not answered, or for seconds
  std::size_t answered = 0;
  std::size_t ended = 0;    // of these
  std::size_t unheard = 0;  // no sign of life from the other end
  double spread = 1;        // coefficient of variation of the answered ones' lengths

  NumberUnderFire(const std::string& dialled, const std::vector<const PhoneCall*>& all, const Peak& at_once);
  std::vector<std::string> signs() const;
};

NumberUnderFire::NumberUnderFire(const std::string& dialled, const std::vector<const PhoneCall*>& all,
                                 const Peak& at_once)
    : number(dialled), calls(all), peak(at_once) {
  double sum = 0;
  double squares = 0;
  for (const PhoneCall* call : calls) {
    callers.insert(call->caller);
    const auto digits = std::ranges::count_if(call->caller, [](char c) { return c >= '0' && c <= '9'; });
    if (digits < 7 || digits > 15 || call->caller.find("nonymous") != std::string::npos) ++hidden;
    if (!call->open && (!call->answered() || call->seconds() < 10)) ++brief;
    if (call->status == 0 && !call->answered() && !call->ringing.known() && !call->cancelled) ++unheard;
    if (!call->answered()) continue;
    ++answered;
    if (call->open) continue;
    ++ended;
    sum += call->seconds();
    squares += call->seconds() * call->seconds();
  }
  const auto n = static_cast<double>(ended);
  const double mean = ended != 0 ? sum / n : 0;
  if (ended > 5 && mean > 0) spread = std::sqrt(std::max(0.0, squares / n - mean * mean)) / mean;
}

// Many at once, or one after the other, each soon given up; and many times what is usual.
bool busy(const std::vector<const PhoneCall*>& calls, const Peak& peak) {
  std::vector<std::int64_t> starts;
  starts.reserve(calls.size());
  for (const PhoneCall* call : calls) starts.push_back(call->start.ns);
  std::ranges::sort(starts);
  if (peak.calls < kTdosCalls && most_within(starts, std::chrono::seconds{60}) < 2 * kTdosCalls) return false;
  // Its usual: the median of the hours in which it was called at all.
  std::map<std::int64_t, std::uint64_t> hours;
  for (const std::int64_t start : starts) ++hours[start / (3600 * kNsPerSecond)];
  std::vector<std::uint64_t> counts;
  counts.reserve(hours.size());
  for (const auto& [hour, count] : hours) counts.push_back(count);
  std::ranges::sort(counts);
  return counts.size() < 3 || counts.back() >= 5 * counts[counts.size() / 2];
}

std::vector<std::string> NumberUnderFire::signs() const {
  const auto n = static_cast<double>(calls.size());
  std::vector<std::string> signs;
  if (static_cast<double>(callers.size()) > 0.8 * n) signs.emplace_back("nearly every call shows another caller");
  if (static_cast<double>(hidden) > 0.3 * n) signs.emplace_back("many callers are invalid or hidden");
  if (static_cast<double>(brief) > 0.8 * n) signs.emplace_back("calls only ring or end within seconds");
  if (spread < 0.1) signs.emplace_back("the calls last equally long");
  return signs;
}

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
  for (const auto& [number, calls] : by_number) {
    if (calls.size() < 2 * kTdosCalls || number.empty()) continue;
    const Peak peak = concurrency(calls);
    if (!busy(calls, peak)) continue;
    const NumberUnderFire fire(number, calls, peak);
    if (fire.unheard * 2 > calls.size()) continue;  // requests that were dropped keep no telephone busy
    const std::vector<std::string> signs = fire.signs();
    if (signs.size() >= 2 && !meetings(calls)) tell_telephone(fire, signs);
  }
}

void Floods::tell_telephone(const NumberUnderFire& fire, const std::vector<std::string>& signs) {
  const std::vector<const PhoneCall*>& calls = fire.calls;
  Incident incident;
  incident.kind = Kind::kTdos;
  for (const PhoneCall* call : calls) {
    if (!incident.first.known() || call->invite < incident.first) incident.first = call->invite;
    if (!incident.last.known() || incident.last < call->last) incident.last = call->last;
    // A trunk only passes such calls on: it is told, but it is no suspect.
    if (book_.find(call->source) != nullptr) incident.sources.push_back(call->source);
    incident.messages += call->requests;
    incident.answered_seconds += call->seconds();
    if (incident.call_ids.size() < 1024) {
      incident.call_ids.push_back(work_.findings.calls.records()[call->records.front()].call_id);
    }
  }
  incident.calls = calls.size();
  incident.attempts = calls.size();
  incident.answered = fire.answered;
  incident.concurrent_peak = fire.peak.calls;
  incident.targets.push_back(fire.number);
  incident.numbers.push_back(fire.number);
  incident.entity = "number " + fire.number;
  incident.evidence =
      Casework::evidence(incident.first, calls[calls.size() / 2]->invite, "decisive: one of many calls", incident.last);
  incident.explanation = fmt::format(
      "{} calls to one number, {} at once; {}. A broadcast or a campaign would have real callers who stay on the line.",
      calls.size(), fire.peak.calls, listed(signs));
  const bool emergency = fire.number == "911" || fire.number == "112" || fire.number == "999";
  incident.checks.push_back(fired(kTdosRule, emergency ? Severity::kCritical : Severity::kHigh, Confidence::kProbable,
                                  fmt::format("{} calls to {}, {} at once, from {} callers", calls.size(), fire.number,
                                              fire.peak.calls, fire.callers.size())));
  work_.findings.incidents.add(std::move(incident));
}

}  // namespace

void conclude_floods(Casework& work) { Floods(work).conclude(); }
void conclude_telephones(Casework& work) { Floods(work).telephones(); }

}  // namespace voip::analyze::fraud
