#include "analyze/fraud/fraud_analyzer.h"

#include <algorithm>
#include <map>
#include <set>

#include "analyze/fraud/answer_sounds.h"
#include "analyze/fraud/casework.h"
#include "analyze/fraud/content.h"
#include "analyze/fraud/detector.h"
#include "analyze/fraud/state.h"
#include "analyze/fraud/toll.h"
#include "analyze/fraud/toll_baseline.h"
#if __has_include("analyze/fraud/attack_detector.h")
#include "analyze/fraud/attack_detector.h"
#define VOIP_HAS_ATTACKS 1
#endif

namespace voip::analyze::fraud {

struct FraudAnalyzer::Impl {
  Impl(Options o, report::Sink& s)
      : options(std::move(o)),
        sink(s),
        site(options.site),
        collector(options.caps.calls * 2),
        sounds(options.caps.calls),
        ledger(options.caps.calls),
        destinations(options.destinations != nullptr ? *options.destinations : Destinations::built_in()),
        rates(options.rates != nullptr ? *options.rates : RateTable(options.limits)) {
#ifdef VOIP_HAS_ATTACKS
    attacks = std::make_unique<AttackDetector>(site, options.limits, options.caps, options.places);
#endif
  }

  Options options;
  report::Sink& sink;
  Site site;
  CallCollector collector;
  AnswerSounds sounds;
  std::map<std::string, std::string, std::less<>> doubts;  // by Call-ID
  AccountLedger ledger;
  TollNotes notes;
  const Destinations& destinations;
  RateTable rates;
  std::unique_ptr<Detector> attacks;
  CallTable calls;
  IncidentStore incidents;
  std::vector<AccountRow> accounts;
  Profile profile;

  Profile old_history;  // of --state: what calls older than those carried showed
  Timestamp from{};     // first and last moment of these inputs
  Timestamp to{};

  void saw(Timestamp moment) {
    if (!moment.known()) return;
    if (!from.known() || moment < from) from = moment;
    if (!to.known() || to < moment) to = moment;
  }
  void conclude();
  void make_accounts();
  // Of what no incident claims, up to a moment (unknown: all), added to what was known before.
  Profile habits(const Profile& before, Timestamp until) const;
  std::set<std::string> open_campaigns(Timestamp since) const;
};

void FraudAnalyzer::Impl::conclude() {
  calls = CallTable(collector.take());
  infer(site, calls, ledger, destinations);
  const NumberPlan plan(site, destinations);
  calls.classify(site, plan);
  // Where accounts are seen to register, a name alone is none.
  if (!ledger.registrars().empty()) {
    calls.disown([this](const PhoneCall& call) {
      if (site.own(call.source) || ledger.phones().contains(call.source)) return false;
      const AccountFacts* facts = ledger.find(call.account);
      return facts == nullptr || facts->registrations == 0 || !facts->sources.contains(call.source);
    });
  }
  Findings findings{site, options.limits, calls, incidents, sink};
  if (attacks != nullptr) attacks->conclude(findings);
  TollContext context{.all = findings,
                      .accounts = ledger,
                      .notes = notes,
                      .plan = plan,
                      .rates = rates,
                      .sounds = sounds,
                      .doubts = doubts,
                      .history = options.history,
                      .hours_known = options.hours_given,
                      .claimed = std::vector<char>(calls.calls().size(), 0),
                      .baseline = nullptr};
  const Baseline baseline(context);
  context.baseline = &baseline;
  find_toll(context);
  if (std::string said = baseline.sentence(); !said.empty()) site.inferred.push_back(std::move(said));
  confirm_takeovers(incidents);
  incidents.settle(options.limits.join_hours, from);
  incidents.regrade(options.severities);
  make_accounts();
  profile = habits(options.history, {});
  if (!accounts.empty()) sink.tally(kAccountSummary, report::Verdict::kPass, accounts.size());
  if (options.report_findings) incidents.report_to(sink);
}

void FraudAnalyzer::Impl::make_accounts() {
  std::map<std::string, AccountRow> rows;
  std::map<std::string, std::vector<const PhoneCall*>> spans;
  for (const PhoneCall& call : calls.calls()) {
    if (call.inbound() || call.account.empty() || call.status == 401 || call.status == 407) continue;
    AccountRow& row = rows[call.account];
    row.sources.push_back(call.source);
    ++row.calls;
    if (call.answered()) ++row.answered;
    row.seconds += call.seconds();
    spans[call.account].push_back(&call);
    if (call.number.external() && call.number.destination != nullptr) {
      const Destination& destination = *call.number.destination;
      row.countries.push_back(destination.country.empty() ? destination.name : destination.country);
    }
    if (!call.user_agent.empty()) row.user_agents.push_back(call.user_agent);
  }
  for (const auto& [name, facts] : ledger.accounts()) {
    AccountRow& row = rows[name];
    row.registrations = facts.registrations;
    row.failures = facts.failures;
    for (const auto& [address, source] : facts.sources) row.sources.push_back(address);
    row.user_agents.insert(row.user_agents.end(), facts.user_agents.begin(), facts.user_agents.end());
  }
  for (const Incident& incident : incidents.all()) {
    for (const std::string& account : incident.accounts) {
      const auto at = rows.find(account);
      if (at == rows.end()) continue;
      // Merely tried is not taken.
      const bool tried = incident.kind == Kind::kEnumeration || incident.kind == Kind::kBruteForce ||
                         incident.kind == Kind::kPasswordSpraying || incident.kind == Kind::kCredentialStuffing;
      const report::Severity risk =
          tried && incident.successes == 0 ? report::Severity::kLow : incident.lead().severity;
      at->second.risk = std::max(at->second.risk, risk);
    }
  }
  for (auto& [name, row] : rows) {
    row.account = name;
    const auto tidy = [](auto& list) {
      std::ranges::sort(list);
      list.erase(std::unique(list.begin(), list.end()), list.end());
    };
    tidy(row.sources);
    tidy(row.countries);
    tidy(row.user_agents);
    row.concurrent_peak = concurrency(spans[name]).calls;
    accounts.push_back(std::move(row));
  }
  std::ranges::stable_sort(accounts, [](const AccountRow& a, const AccountRow& b) {
    if (a.risk != b.risk) return a.risk > b.risk;
    if (a.seconds > b.seconds || a.seconds < b.seconds) return a.seconds > b.seconds;
    return a.account < b.account;
  });
}

// Call-IDs of grave incidents that were going on since then; none of their calls is anybody's habit.
std::set<std::string> FraudAnalyzer::Impl::open_campaigns(Timestamp since) const {
  std::set<std::string> open;
  for (const Incident& incident : incidents.all()) {
    if (incident.lead().severity < report::Severity::kHigh || incident.last.time < since) continue;
    open.insert(incident.call_ids.begin(), incident.call_ids.end());
  }
  return open;
}

// What is worth remembering as normal: everything that no incident claims.
Profile FraudAnalyzer::Impl::habits(const Profile& before, Timestamp until) const {
  std::set<std::string> guilty;
  std::set<IpAddress> hostile;
  for (const Incident& incident : incidents.all()) {
    if (incident.lead().severity < report::Severity::kHigh) continue;
    hostile.insert(incident.sources.begin(), incident.sources.end());
    guilty.insert(incident.call_ids.begin(), incident.call_ids.end());
  }
  Profile profile_so_far = before;
  std::map<std::string, CallRefs> outbound;
  for (std::size_t i = 0; i < calls.calls().size(); ++i) {
    const PhoneCall& call = calls.calls()[i];
    if (until.known() && call.start >= until) break;
    if (guilty.contains(calls.records()[call.records.front()].call_id)) continue;
    if (!profile_so_far.from.known() || call.start < profile_so_far.from) profile_so_far.from = call.start;
    if (!profile_so_far.to.known() || profile_so_far.to < call.start) profile_so_far.to = call.start;
    if (call.inbound() || call.account.empty() || hostile.contains(call.source)) continue;
    Habit& habit = profile_so_far.habit(call.account);
    ++habit.calls;
    ++habit.sources[call.source.to_string()];
    if (!call.user_agent.empty() && habit.devices.size() < 8) ++habit.devices[call.user_agent];
    if (!call.external()) continue;
    outbound[call.account].push_back(i);
    if (!site.open_at(call.start)) ++habit.off_hours;
    if (call.number.destination != nullptr && !call.number.destination->country.empty())
      ++habit.countries[call.number.destination->country];
  }
  for (const auto& [account, list] : outbound) {
    std::vector<const PhoneCall*> spans;
    for (const std::size_t i : list) spans.push_back(&calls.calls()[i]);
    Habit& habit = profile_so_far.habit(account);
    habit.concurrent_peak = std::max(habit.concurrent_peak, concurrency(spans).calls);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < list.size(); ++i) {
      while (later_by(spans[begin]->start, spans[i]->start, options.limits.velocity_external.span)) ++begin;
      habit.busiest_window = std::max<std::uint64_t>(habit.busiest_window, i - begin + 1);
    }
  }
  return profile_so_far;
}

FraudAnalyzer::FraudAnalyzer(Options options, report::Sink& sink)
    : impl_(std::make_unique<Impl>(std::move(options), sink)) {}
FraudAnalyzer::~FraudAnalyzer() = default;

// Every judgement here is about time: what comes without one (a damaged HEP message, say) is left out.

void FraudAnalyzer::on_message(const dissect::SipEvent& event, const session::Call* call) {
  if (!event.frame.time.known()) return;
  impl_->collector.on_message(event);
  if (impl_->attacks != nullptr) impl_->attacks->on_message(event, call);
}

void FraudAnalyzer::on_transaction(const session::Transaction& transaction) {
  if (!transaction.request.time.known()) return;
  impl_->saw(transaction.request.time);
  impl_->collector.on_transaction(transaction);
  impl_->ledger.on_transaction(transaction);
  impl_->notes.on_transaction(transaction);
  if (impl_->attacks != nullptr) impl_->attacks->on_transaction(transaction);
}

void FraudAnalyzer::on_registration(const session::RegistrationChange& change) {
  if (impl_->attacks != nullptr) impl_->attacks->on_registration(change);
}

void FraudAnalyzer::on_tls(const dissect::TlsFlow& flow) {
  if (flow.first.time.known() && impl_->attacks != nullptr) impl_->attacks->on_tls(flow);
}

void FraudAnalyzer::on_other_stream(const dissect::OtherStream& stream) {
  if (stream.frame.time.known() && impl_->attacks != nullptr) impl_->attacks->on_other_stream(stream);
}

void FraudAnalyzer::on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) {
  if (!event.datagram->frame.time.known()) return;
  impl_->sounds.on_rtp(stream, event);
  if (impl_->attacks != nullptr) impl_->attacks->on_rtp(stream, event);
}

void FraudAnalyzer::on_rtcp(session::RtcpFlow& flow, const dissect::MediaEvent& event) {
  if (!event.datagram->frame.time.known()) return;
  if (impl_->attacks != nullptr) impl_->attacks->on_rtcp(flow, event);
}

void FraudAnalyzer::on_call_end(session::Call& call) {
  if (!call.first.time.known()) return;
  impl_->sounds.on_call_end(call);
  impl_->collector.on_call_end(call);
  if (impl_->attacks != nullptr) impl_->attacks->on_call_end(call);
}

void FraudAnalyzer::on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& rtcp) {
  if (stream.first.time.known()) impl_->saw(stream.first.time);
  if (impl_->attacks != nullptr) impl_->attacks->on_orphan_end(stream, rtcp);
}

void FraudAnalyzer::doubt_caller(std::string_view call_id, std::string why) {
  if (impl_->doubts.size() < impl_->options.caps.calls) impl_->doubts.emplace(call_id, std::move(why));
}

std::shared_ptr<const report::Content> FraudAnalyzer::finish() {
  impl_->conclude();
  auto content =
      std::make_shared<FraudContent>(impl_->incidents.all(), impl_->accounts, impl_->site, impl_->options.limits);
  if (!impl_->from.known()) content->saw_nothing();
  return content;
}

const std::vector<Incident>& FraudAnalyzer::incidents() const { return impl_->incidents.all(); }
const CallTable& FraudAnalyzer::calls() const { return impl_->calls; }
const std::vector<AccountRow>& FraudAnalyzer::accounts() const { return impl_->accounts; }
const Site& FraudAnalyzer::site() const { return impl_->site; }
const Profile& FraudAnalyzer::profile() const { return impl_->profile; }

Status FraudAnalyzer::load_state(std::string_view json) {
  auto state = State::from_json(json);
  if (!state) return state.error();
  impl_->collector.restore(load_calls(state->sections["calls"]));
  load_accounts(state->sections["accounts"], impl_->ledger);
  impl_->notes.load(state->sections["notes"]);
  if (impl_->attacks != nullptr) impl_->attacks->load(state->sections["attacks"]);
  impl_->old_history = std::move(state->history);
  if (impl_->options.history.empty()) impl_->options.history = impl_->old_history;
  return Done{};
}

std::string FraudAnalyzer::save_state() const {
  // Campaigns join over a day; call-backs follow within three.
  constexpr std::int64_t kKeepNs = std::int64_t{72} * 3600 * kNsPerSecond;
  State state;
  const Timestamp until = impl_->to.known() ? impl_->to : Timestamp{0};
  save_calls(impl_->calls, {until.ns - kKeepNs}, impl_->open_campaigns({until.ns - kKeepNs}), state.sections["calls"]);
  impl_->notes.save({until.ns - kKeepNs}, state.sections["notes"]);
  save_accounts(impl_->ledger, state.sections["accounts"]);
  if (impl_->attacks != nullptr) impl_->attacks->save(state.sections["attacks"]);
  state.history = impl_->habits(impl_->old_history, {until.ns - kKeepNs});
  return state.to_json();
}

bool FraudAnalyzer::blockable(const IpAddress& source) const {
  const Impl& impl = *impl_;
  const Site& site = impl.site;
  if (site.own(source) || site.peers.contains(source) || site.monitors.contains(source) ||
      site.pentest.contains(source) || impl.calls.peer(source) || impl.calls.relay(source))
    return false;
  // An account that lives there and was not taken from there: somebody honest shares the address.
  if (!impl.ledger.phones().contains(source)) return true;
  for (const auto& account : impl.ledger.accounts()) {
    const std::string& name = account.first;
    const auto at = account.second.sources.find(source);
    if (at == account.second.sources.end() || at->second.registrations == 0) continue;
    const bool taken = std::ranges::any_of(impl.incidents.all(), [&](const Incident& incident) {
      return incident.certain_attacker && incident.has_source(source) && incident.has_account(name);
    });
    if (!taken) return false;
  }
  return true;
}

std::map<std::string, std::uint64_t> FraudAnalyzer::dropped() const {
  std::map<std::string, std::uint64_t> dropped;
  if (impl_->collector.dropped() != 0) dropped["fraud-calls"] = impl_->collector.dropped();
  if (impl_->ledger.dropped() != 0) dropped["fraud-accounts"] = impl_->ledger.dropped();
  if (impl_->notes.dropped() != 0) dropped["fraud-notes"] = impl_->notes.dropped();
  if (impl_->attacks != nullptr) {
    for (const auto& [table, count] : impl_->attacks->dropped()) dropped[table] += count;
  }
  return dropped;
}

}  // namespace voip::analyze::fraud
