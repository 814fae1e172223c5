#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "analyze/fraud/casework.h"
#include "base/text.h"

// Passwords: guessed on one account, tried over many, found. What counts is a request with credentials that was
// refused; who fails but belongs there is told from who guesses by what else is known of both.
namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;

constexpr std::size_t kSprayAccounts = 8;
constexpr std::size_t kStuffingAccounts = 10;
constexpr std::size_t kDistributedSources = 5;
constexpr std::uint32_t kDistributedFailures = 20;
constexpr std::uint32_t kFailuresBeforeSuccess = 5;
constexpr std::chrono::hours kDay{24};

// How one source fared with one account.
struct Fate {
  std::uint32_t attempt = 0;  // index of the Try
  std::vector<std::int64_t> bad;
  std::size_t bad_before_good = 0;
  bool good_first = false;  // its first login was accepted
  bool device = false;
  Rhythm rhythm;
};

struct Suspect {
  std::uint32_t source = 0;
  std::vector<Fate> fates;  // accounts with at least one refused login
};

class Guessing {
 public:
  explicit Guessing(Casework& work) : work_(work), book_(work.book) {}

  void conclude() {
    map_accounts();
    for (std::uint32_t i = 0; i < book_.sources().size(); ++i) {
      const Source& source = book_.sources()[i];
      if (source.outcomes[static_cast<std::size_t>(Outcome::kBadLogin)] == 0) continue;
      Suspect suspect = look_at(i);
      if (suspect.fates.empty()) continue;
      if (work_.roles.trusted(source)) continue;
      one_source(suspect);
      suspects_.push_back(std::move(suspect));
    }
    distributed_on_one_account();
    distributed_over_many();
    for (const Suspect& suspect : suspects_) lone_success(suspect);
    for (const Suspect& suspect : suspects_) devices(suspect);
  }

 private:
  struct Account {
    std::vector<std::uint32_t> tries;  // with logins
  };

  const Try& attempt(const Fate& fate) const { return book_.tries()[fate.attempt]; }
  Try& attempt(const Fate& fate) { return book_.tries()[fate.attempt]; }
  const std::string& name(const Fate& fate) const { return book_.text(attempt(fate).user); }

  void map_accounts() {
    for (std::uint32_t i = 0; i < book_.tries().size(); ++i) {
      const Try& one = book_.tries()[i];
      if (one.bad != 0 || one.good != 0) accounts_[one.user].tries.push_back(i);
    }
  }

  // Nobody else logs in as this account.
  bool only_source(const Try& one) const {
    const auto at = accounts_.find(one.user);
    return at == accounts_.end() || at->second.tries.size() <= 1;
  }
  bool used_elsewhere(const Try& one) const {
    const auto at = accounts_.find(one.user);
    if (at == accounts_.end()) return false;
    return std::ranges::any_of(at->second.tries, [&](std::uint32_t other) {
      return book_.tries()[other].source != one.source && book_.tries()[other].good != 0;
    });
  }

  Suspect look_at(std::uint32_t index) {
    const Source& source = book_.sources()[index];
    Suspect suspect{.source = index, .fates = {}};
    std::map<std::uint32_t, Fate> fates;
    std::map<std::uint32_t, bool> good;
    for (const Stamp& stamp : source.stamps) {
      if (stamp.outcome == Outcome::kBadLogin) {
        Fate& fate = fates[stamp.attempt];
        fate.attempt = stamp.attempt;
        fate.bad.push_back(stamp.ns);
        if (!good[stamp.attempt]) ++fate.bad_before_good;
      } else if (stamp.outcome == Outcome::kGoodLogin) {
        good[stamp.attempt] = true;
        if (!fates.contains(stamp.attempt)) {
          fates[stamp.attempt].attempt = stamp.attempt;
          fates[stamp.attempt].good_first = true;
        }
      }
    }
    for (auto& [at, fate] : fates) {
      const Try& one = book_.tries()[at];
      // Refusals that were forgiven (an old nonce) are not held against it.
      if (fate.bad.size() > one.bad) fate.bad.resize(one.bad);
      fate.bad_before_good = std::min(fate.bad_before_good, fate.bad.size());
      if (fate.bad.empty()) continue;
      fate.rhythm = rhythm_of(fate.bad, 5.0);
      suspect.fates.push_back(fate);
    }
    const std::size_t failing = suspect.fates.size();
    const bool many_devices = source.via_hosts.size() * 2 >= failing || source.agents.size() * 2 >= failing;
    for (Fate& fate : suspect.fates) fate.device = device(source, fate, failing, many_devices);
    return suspect;
  }

  bool device(const Source& source, const Fate& fate, std::size_t failing, bool many_devices) const {
    const Try& one = attempt(fate);
    const bool own = work_.site().own(source.address);
    if (one.varied) return false;
    if (fate.good_first && !work_.site().networks.empty() && own) return true;
    const bool known = fate.good_first || own || (only_source(one) && !used_elsewhere(one));
    if (!known) return false;
    if (failing > 3 && source.registered == 0 && !many_devices) return false;
    const double span_s = static_cast<double>(fate.bad.back() - fate.bad.front()) / 1e9;
    const bool slow = fate.rhythm.median_s >= 10;
    const bool steady = fate.rhythm.intervals >= 3 && fate.rhythm.steady >= 0.8;
    const bool one_dialog = one.call_ids <= 1 + fate.bad.size() / 20 && fate.bad.size() >= 3;
    // Answers each new challenge at once, in one dialog, without end: a phone whose stack does not give up.
    if (!slow) return one.call_ids == 1 && fate.bad.size() >= 3 && one.good == 0;
    // A phone that waits longer each time keeps its Call-ID.
    return (steady && (span_s >= 600 || one_dialog || own)) ||
           (one_dialog && (own || fate.good_first || span_s >= 600));
  }

  // --- one source -----------------------------------------------------------------------------------------------

  struct Campaign {
    Kind kind = Kind::kBruteForce;
    const report::Rule* rule = &kBruteForceRule;
    std::vector<std::uint32_t> culprits;
    std::vector<std::uint32_t> tries;
    std::string why;
    std::string entity;
    Severity severity = Severity::kHigh;
    Confidence confidence = Confidence::kProbable;
    std::string explanation;
    bool certain = true;
  };

  void one_source(const Suspect& suspect) {
    const Source& source = book_.sources()[suspect.source];
    const Thresholds& limits = work_.limits();
    std::vector<const Fate*> guessed;
    for (const Fate& fate : suspect.fates) {
      if (fate.device) continue;
      // Its first login was good: a device that had its hour of trouble, unless it goes beyond all measure.
      const bool burst = most_within(fate.bad, limits.fail_burst.span) >= limits.fail_burst.count &&
                         attempt(fate).call_ids * 2 > fate.bad.size();
      if (fate.good_first && !attempt(fate).varied && !burst && fate.bad.size() < 100 &&
          !used_elsewhere(attempt(fate))) {
        continue;
      }
      guessed.push_back(&fate);
    }
    if (guessed.empty()) return;
    // An office behind NAT after an outage: nearly all of its accounts log in in the end, after few refusals.
    std::size_t recovered = 0;
    for (const Fate* fate : guessed) {
      if (attempt(*fate).good != 0 && fate->bad.size() < kFailuresBeforeSuccess) ++recovered;
    }
    const bool honest_office = source.registered >= 3 && recovered * 10 >= guessed.size() * 9;
    if (honest_office) return;

    std::size_t most = 0;
    std::vector<std::size_t> counts;
    for (const Fate* fate : guessed) {
      counts.push_back(fate->bad.size());
      most = std::max(most, fate->bad.size());
    }
    std::ranges::sort(counts);
    const std::size_t median = counts[counts.size() / 2];
    const std::size_t heavy_from = std::max<std::size_t>(limits.fail_burst.count, 5 * median);
    std::vector<const Fate*> heavy;
    std::vector<const Fate*> light;
    for (const Fate* fate : guessed) {
      (guessed.size() < kSprayAccounts || fate->bad.size() >= heavy_from ? heavy : light).push_back(fate);
    }
    if (light.size() < kSprayAccounts) {
      heavy = guessed;
      light.clear();
    }
    if (!light.empty()) spraying(suspect, light);
    if (!heavy.empty()) brute_force(suspect, heavy);
  }

  void brute_force(const Suspect& suspect, const std::vector<const Fate*>& fates) {
    const Thresholds& limits = work_.limits();
    std::size_t total = 0;
    std::size_t day = 0;
    bool burst = false;
    for (const Fate* fate : fates) {
      total += fate->bad.size();
      burst |= most_within(fate->bad, limits.fail_burst.span) >= limits.fail_burst.count;
      day += most_within(fate->bad, limits.fail_slow.span);
    }
    // Over days: nobody who belongs there is refused that often without ever getting in, while another place does.
    const bool patient = total >= limits.fail_slow.count && std::ranges::all_of(fates, [&](const Fate* fate) {
                           return attempt(*fate).good == 0 && used_elsewhere(attempt(*fate));
                         });
    const bool slow = day >= limits.fail_slow.count || patient;
    if (!burst && !slow) {
      // Guessing over a few accounts, each below the limit, all within the span: together they reach it.
      std::vector<std::int64_t> all;
      for (const Fate* fate : fates) all.insert(all.end(), fate->bad.begin(), fate->bad.end());
      std::ranges::sort(all);
      if (fates.size() < 2 || most_within(all, limits.fail_burst.span) < 2 * limits.fail_burst.count) return;
    }
    Campaign campaign;
    campaign.culprits = {suspect.source};
    for (const Fate* fate : fates) campaign.tries.push_back(fate->attempt);
    if (day >= limits.fail_critical) campaign.severity = Severity::kCritical;
    const Source& source = book_.sources()[suspect.source];
    campaign.entity = "source " + source.address.to_string();
    campaign.why = fmt::format("{} refused logins for {} from {}", total, accounts_text(campaign.tries),
                               source.address.to_string());
    campaign.explanation = fmt::format(
        "{} logins were refused{}. A phone with a wrong password would repeat one account with one secret at a steady "
        "interval from a place where the account is known; this source does not.",
        total, burst ? "" : ", few at a time over a long while");
    open(campaign);
  }

  void spraying(const Suspect& suspect, const std::vector<const Fate*>& fates) {
    const Thresholds& limits = work_.limits();
    const Source& source = book_.sources()[suspect.source];
    std::vector<std::int64_t> firsts;
    for (const Fate* fate : fates) firsts.push_back(fate->bad.front());
    std::ranges::sort(firsts);
    const bool fast = most_within(firsts, limits.spray_accounts.span) >=
                      std::min<std::size_t>(kSprayAccounts, limits.spray_accounts.count);
    const bool slow = most_within(firsts, kDay) >= kSprayAccounts;
    if (!fast && !slow) return;
    Campaign campaign;
    campaign.culprits = {suspect.source};
    for (const Fate* fate : fates) campaign.tries.push_back(fate->attempt);
    add_neighbours(suspect, campaign.tries);
    campaign.entity = "source " + source.address.to_string();
    name_kind(campaign);
    if (!fast && campaign.tries.size() < limits.spray_slow.count && source.registered != 0) {
      campaign.confidence = Confidence::kPossible;
    }
    std::uint64_t total = 0;
    for (const Fate* fate : fates) total += fate->bad.size();
    campaign.why = fmt::format("{} refused logins over {} accounts from {}", total, campaign.tries.size(),
                               source.address.to_string());
    campaign.explanation +=
        " An office whose phones come back after an outage would succeed with the accounts it had before; this source "
        "does not.";
    open(campaign);
  }

  // Accounts that the same hand probed: they do not exist, so no password was sent; or the first password fitted.
  void add_neighbours(const Suspect& suspect, std::vector<std::uint32_t>& tries) const {
    const Source& source = book_.sources()[suspect.source];
    const std::uint32_t agent = book_.tries()[tries.front()].agent;
    for (const std::uint32_t index : source.tries) {
      const Try& one = book_.tries()[index];
      if (std::ranges::find(tries, index) != tries.end() || one.agent != agent) continue;
      const bool missing = one.no_such_user != 0 && one.in_bulk &&
                           (one.methods & (1U << static_cast<unsigned>(sip::Method::kRegister))) != 0;
      const bool hit = one.good != 0 && one.bad == 0 && one.good_registers <= 3;
      if (missing || hit) tries.push_back(index);
    }
  }

  // Stuffing: one or two attempts for each of many real-looking names, one of them good or most of them unknown here.
  void name_kind(Campaign& campaign) const {
    std::vector<std::string> names;
    std::size_t few = 0;
    std::size_t missing = 0;
    std::size_t taken = 0;
    for (const std::uint32_t index : campaign.tries) {
      const Try& one = book_.tries()[index];
      names.push_back(book_.text(one.user));
      if (one.bad + (one.good != 0 ? 1 : 0) <= 2) ++few;
      if (one.no_such_user != 0) ++missing;
      if (one.good != 0) ++taken;
    }
    const bool stuffing = names.size() >= kStuffingAccounts && few * 10 >= names.size() * 9 &&
                          numeric_run(names) < 0.5 && !short_numbers(names) &&
                          (taken != 0 || missing * 2 > names.size());
    campaign.kind = stuffing ? Kind::kCredentialStuffing : Kind::kPasswordSpraying;
    campaign.rule = stuffing ? &kCredentialStuffingRule : &kPasswordSprayingRule;
    campaign.explanation =
        stuffing ? "Many names, one or two attempts each, and the names are no run of extensions: pairs of names and "
                   "passwords that leaked elsewhere are tried here. Whether each name had a password of its own can't "
                   "be seen in the digests."
                 : "Many accounts, few attempts each: common passwords are tried on every account.";
  }

  // Mostly extensions: numbers of up to five digits.
  static bool short_numbers(const std::vector<std::string>& names) {
    const auto count = std::ranges::count_if(names, [](const std::string& text) {
      return text.size() <= 5 && !text.empty() && std::ranges::all_of(text, is_digit);
    });
    return static_cast<std::size_t>(count) * 2 > names.size();
  }

  std::string accounts_text(const std::vector<std::uint32_t>& tries) const {
    std::vector<std::string> names;
    for (const std::uint32_t index : tries) names.push_back(book_.text(book_.tries()[index].user));
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return (names.size() == 1 ? "account " : "accounts ") + listed(names);
  }

  // Adds the campaign, and the compromise when it found a password.
  void open(const Campaign& campaign) {
    Incident incident;
    incident.kind = campaign.kind;
    incident.entity = campaign.entity;
    incident.explanation = campaign.explanation;
    incident.certain_attacker = campaign.certain;
    FrameRef decisive;
    std::vector<std::uint32_t> taken;
    for (const std::uint32_t index : campaign.tries) {
      Try& one = book_.tries()[index];
      one.claimed = true;
      incident.accounts.push_back(book_.text(one.user));
      const bool success = one.good != 0 && (one.bad != 0 ? one.first_bad < one.first_good : true);
      // What was logged in later belongs to the use of the account, no longer to the guessing.
      incident.attempts += one.bad + (success ? 1 : 0);
      const FrameRef& last = success && one.last_bad < one.first_good ? one.first_good
                             : one.last_bad.known()                   ? one.last_bad
                                                                      : one.last;
      // What it asked for long before, without credentials, was looking for users, not guessing.
      const FrameRef& login = one.first_bad.known() ? one.first_bad : one.first_good;
      const FrameRef& first = login.known() && seconds_between(one.first.time, login.time) > 5 ? login : one.first;
      if (!incident.first.known() || first < incident.first) incident.first = first;
      if (!incident.last.known() || incident.last < last) incident.last = last;
      if (one.first_bad.known() && (!decisive.known() || one.first_bad < decisive)) decisive = one.first_bad;
      if (success) {
        ++incident.successes;
        taken.push_back(index);
      }
    }
    for (const std::uint32_t index : campaign.culprits) {
      const Source& source = book_.sources()[index];
      // The request that fetched the first challenge.
      if (source.first < incident.first && seconds_between(source.first.time, incident.first.time) <= 5) {
        incident.first = source.first;
      }
      // Honest accounts behind the same address: it must not be blocked.
      for (const std::uint32_t at : source.tries) {
        const Try& one = book_.tries()[at];
        if (one.good != 0 && !one.claimed) incident.certain_attacker = false;
      }
      incident.messages += SourceBook::requests_between(source, incident.first.time, incident.last.time);
      for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
    }
    incident.evidence = Casework::evidence(incident.first, decisive, "decisive: first refused login", incident.last);
    incident.checks.push_back(fired(*campaign.rule, campaign.severity, campaign.confidence, campaign.why));
    const std::size_t place = work_.raise(std::move(incident), campaign.culprits);
    if (!taken.empty()) compromise(taken, campaign.culprits, place, Severity::kCritical, Confidence::kProbable);
  }

  void compromise(const std::vector<std::uint32_t>& taken, const std::vector<std::uint32_t>& culprits,
                  std::optional<std::size_t> cause, Severity severity, Confidence confidence) {
    Incident incident;
    incident.kind = Kind::kAccountCompromise;
    FrameRef decisive;
    std::uint32_t failures = 0;
    std::vector<std::uint32_t> who;
    for (const std::uint32_t index : taken) {
      const Try& one = book_.tries()[index];
      if (std::ranges::find(who, one.source) == who.end()) who.push_back(one.source);
      incident.accounts.push_back(book_.text(one.user));
      failures += one.bad;
      if (!decisive.known() || one.first_good < decisive) decisive = one.first_good;
      const FrameRef& first = one.first_bad.known() && one.first_bad < one.first_good ? one.first_bad : one.first_good;
      if (!incident.first.known() || first < incident.first) incident.first = first;
      if (!incident.last.known() || incident.last < one.last_good) incident.last = one.last_good;
      incident.attempts += one.bad + 1;
    }
    if (who.empty()) who = culprits;
    incident.successes = taken.size();
    for (const std::uint32_t index : who) {
      const Source& source = book_.sources()[index];
      incident.messages += SourceBook::requests_between(source, incident.first.time, incident.last.time);
      for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
    }
    incident.certain_attacker = cause.has_value();
    incident.entity = "accounts " + listed(incident.accounts, 1000);
    incident.evidence = {{.frame = decisive, .note = "decisive: the login that was accepted"}};
    if (incident.first.known() && !(incident.first == decisive)) {
      incident.evidence.insert(incident.evidence.begin(), {.frame = incident.first, .note = "first refused login"});
    }
    if (!(incident.last == decisive)) incident.evidence.push_back({.frame = incident.last, .note = "last login"});
    const std::string names = accounts_text(taken);
    incident.explanation = fmt::format(
        "After {} refused logins the password of {} was accepted. Whoever sent it holds the account now. If the "
        "rightful user forgot the password, the refusals would come from where the account is used.",
        failures, names);
    incident.checks.push_back(fired(kSuccessAfterFailures, severity, confidence,
                                    fmt::format("{} logged in from {} after {} refused logins", names,
                                                book_.sources()[who.front()].address.to_string(), failures)));
    const std::size_t place = work_.raise(std::move(incident), who);
    if (cause) work_.findings.incidents.link(*cause, place);
  }

  // --- many sources ---------------------------------------------------------------------------------------------

  bool left_over(const Suspect& suspect, const Fate& fate) const {
    return !fate.device && !fate.good_first && !attempt(fate).claimed &&
           !work_.site().own(book_.sources()[suspect.source].address);
  }

  void distributed_on_one_account() {
    struct Share {
      std::vector<std::uint32_t> culprits;
      std::vector<std::uint32_t> tries;
      std::vector<std::int64_t> times;
    };
    std::map<std::string, Share> shares;
    for (const Suspect& suspect : suspects_) {
      for (const Fate& fate : suspect.fates) {
        if (!left_over(suspect, fate)) continue;
        Share& share = shares[name(fate)];
        share.culprits.push_back(suspect.source);
        share.tries.push_back(fate.attempt);
        share.times.insert(share.times.end(), fate.bad.begin(), fate.bad.end());
      }
    }
    for (auto& [account, share] : shares) {
      std::ranges::sort(share.times);
      if (share.culprits.size() < kDistributedSources || most_within(share.times, kDay) < kDistributedFailures)
        continue;
      Campaign campaign;
      campaign.rule = &kDistributedGuessing;
      campaign.culprits = share.culprits;
      campaign.tries = share.tries;
      campaign.entity = "account " + account;
      campaign.why = fmt::format("{} refused logins for account {} from {} sources", share.times.size(), account,
                                 share.culprits.size());
      campaign.explanation =
          "Each source stays below the limits, together they guess one account's password. A user who roams shows "
          "two or three addresses, not this many, and succeeds.";
      open(campaign);
    }
  }

  void distributed_over_many() {
    // By fingerprint first; then all that is left, since programs can change theirs with each request.
    std::map<std::uint64_t, std::vector<std::uint32_t>> by_shape;
    std::vector<std::uint32_t> members;
    for (std::uint32_t i = 0; i < book_.sources().size(); ++i) {
      const Source& source = book_.sources()[i];
      if (!source.shapes.empty() && stranger(source)) {
        by_shape[source.shapes.front()].push_back(i);
        members.push_back(i);
      }
    }
    // A botnet may mix several programs: they are one campaign.
    std::vector<std::uint32_t> alike;
    bool enough = false;
    for (const auto& [shape, group] : by_shape) {
      if (group.size() < 3 || in_use(shape, group.size())) continue;
      enough |= group.size() >= kDistributedSources;
      alike.insert(alike.end(), group.begin(), group.end());
    }
    std::ranges::sort(alike);
    const std::size_t raised = enough ? cluster(alike, true) : 0;
    if (raised == 0) cluster(members, false);
  }

  // Asks for accounts by REGISTER or login, without ever having been at home here.
  bool stranger(const Source& source) const {
    if (source.suspect || work_.roles.trusted(source) || work_.site().own(source.address)) return false;
    bool bad = false;
    for (const std::uint32_t index : source.tries) {
      const Try& one = book_.tries()[index];
      if (one.claimed) return false;
      if (one.good > 3 || (one.good != 0 && one.bad != 0 && one.first_good < one.first_bad)) return false;
      bad |= one.bad != 0 || (one.no_such_user != 0 && one.in_bulk) || one.good != 0;
    }
    if (source.tries.empty() || source.tries.size() > 64 || !bad) return false;
    // A device of its own: one account that it repeats steadily.
    for (const Suspect& suspect : suspects_) {
      if (book_.sources()[suspect.source].address == source.address) {
        return std::ranges::none_of(suspect.fates, [](const Fate& fate) { return fate.device; });
      }
    }
    return true;
  }

  // Whether devices that are at home here build their requests the same way, in number.
  bool in_use(std::uint64_t shape, std::size_t group) const {
    std::size_t home = 0;
    for (const Source& source : book_.sources()) {
      if (source.registered == 0 || std::ranges::find(source.shapes, shape) == source.shapes.end()) continue;
      for (const std::uint32_t index : source.tries) {
        const Try& one = book_.tries()[index];
        if (one.good_registers >= 2 && one.bad * 4 <= one.good) {
          ++home;
          break;
        }
      }
    }
    return home * 4 > group;
  }

  std::size_t cluster(const std::vector<std::uint32_t>& group, bool fingerprint) {
    Campaign campaign;
    std::map<std::uint32_t, std::uint32_t> per_account;
    std::uint32_t bad = 0;
    std::size_t failing_sources = 0;
    for (const std::uint32_t index : group) {
      bool failing = false;
      for (const std::uint32_t at : book_.sources()[index].tries) {
        const Try& one = book_.tries()[at];
        const bool missing = one.in_bulk && one.no_such_user != 0;
        if (one.bad == 0 && one.good == 0 && !missing) continue;
        per_account[one.user] += one.bad + std::min<std::uint32_t>(one.good, 1);
        bad += one.bad;
        failing |= one.bad != 0 || missing;
        campaign.tries.push_back(at);
      }
      if (!campaign.tries.empty()) campaign.culprits.push_back(index);
      failing_sources += failing ? 1 : 0;
    }
    const std::size_t wanted = fingerprint ? kDistributedSources : 2 * kDistributedSources;
    if (failing_sources < wanted || per_account.size() < kStuffingAccounts || bad < kStuffingAccounts / 2) return 0;
    // One shot each: honest users who mistype repeat themselves.
    std::size_t few = 0;
    for (const auto& [user, attempts] : per_account) few += attempts <= 3 ? 1 : 0;
    if (!fingerprint && few * 10 < per_account.size() * 8) return 0;
    name_kind_of_cluster(campaign, per_account);
    std::vector<std::string> agents;
    for (const std::uint32_t at : campaign.tries) {
      const std::string& agent = book_.text(book_.tries()[at].agent);
      if (!agent.empty() && std::ranges::find(agents, agent) == agents.end()) agents.push_back(agent);
    }
    campaign.entity = fmt::format("distributed {}", to_string(campaign.kind));
    campaign.why = fmt::format("{} refused logins over {} accounts from {} sources, each below every limit", bad,
                               per_account.size(), campaign.culprits.size());
    campaign.explanation += fmt::format(
        " The sources act alike ({}) and none of them was ever at home here.",
        fingerprint ? "the same order of header fields" : "one or two attempts each, on accounts of others");
    if (!fingerprint) campaign.confidence = Confidence::kProbable;
    open(campaign);
    if (fingerprint) {
      Incident& incident = work_.findings.incidents.at(book_.sources()[campaign.culprits.front()].incidents.front());
      incident.checks.push_back(
          fired(kDistributedRecon, Severity::kMedium, Confidence::kProbable,
                fmt::format("{} sources share one way to build requests", campaign.culprits.size())));
    }
    return 1;
  }

  void name_kind_of_cluster(Campaign& campaign, const std::map<std::uint32_t, std::uint32_t>& per_account) const {
    std::vector<std::string> names;
    std::size_t few = 0;
    for (const auto& [user, attempts] : per_account) {
      names.push_back(book_.text(user));
      few += attempts <= 2 ? 1 : 0;
    }
    std::size_t missing = 0;
    std::size_t taken = 0;
    for (const std::uint32_t at : campaign.tries) {
      missing += book_.tries()[at].no_such_user != 0 ? 1U : 0U;
      taken += book_.tries()[at].good != 0 ? 1U : 0U;
    }
    const bool stuffing = few * 10 >= names.size() * 8 && numeric_run(names) < 0.5 && !short_numbers(names) &&
                          (taken != 0 || missing * 2 > campaign.tries.size());
    campaign.kind = stuffing ? Kind::kCredentialStuffing : Kind::kPasswordSpraying;
    campaign.rule = stuffing ? &kCredentialStuffingRule : &kPasswordSprayingRule;
    campaign.explanation = stuffing ? "Leaked pairs of names and passwords are tried from many addresses."
                                    : "Common passwords are tried on many accounts from many addresses.";
  }

  // --- the rest -------------------------------------------------------------------------------------------------

  void lone_success(const Suspect& suspect) {
    const Source& source = book_.sources()[suspect.source];
    for (const Fate& fate : suspect.fates) {
      const Try& one = attempt(fate);
      if (one.claimed || fate.device || fate.good_first || one.good == 0) continue;
      const std::vector<std::int64_t> before(fate.bad.begin(),
                                             fate.bad.begin() + static_cast<std::ptrdiff_t>(fate.bad_before_good));
      if (most_within(before, kDay) < kFailuresBeforeSuccess) continue;
      if (work_.site().own(source.address)) continue;
      // Steady even if not for long: a phone that somebody repaired.
      if (only_source(one) && fate.rhythm.median_s >= 10 && fate.rhythm.steady >= 0.8) continue;
      book_.tries()[fate.attempt].claimed = true;
      // Nobody else uses the account, and nothing else is odd about the source: as likely its user, mistyping.
      const bool alone = only_source(one) && !source.suspect && !source.signs.attributed() && fate.bad.size() < 10;
      compromise({fate.attempt}, {suspect.source}, std::nullopt, alone ? Severity::kMedium : Severity::kCritical,
                 alone ? Confidence::kPossible : Confidence::kProbable);
    }
  }

  void devices(const Suspect& suspect) {
    const Source& source = book_.sources()[suspect.source];
    for (const Fate& fate : suspect.fates) {
      const Try& one = attempt(fate);
      if (!fate.device || one.claimed || fate.bad.size() < 5) continue;
      const double span_s = static_cast<double>(fate.bad.back() - fate.bad.front()) / 1e9;
      if (span_s < 600 && fate.bad.size() < work_.limits().fail_burst.count) continue;
      Incident incident;
      incident.kind = Kind::kMisconfiguredDevice;
      incident.accounts = {name(fate)};
      incident.first = one.first_bad;
      incident.last = one.last_bad;
      incident.attempts = fate.bad.size();
      incident.messages = SourceBook::requests_between(source, one.first_bad.time, one.last_bad.time);
      for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
      incident.entity = fmt::format("account {} at {}", name(fate), source.address.to_string());
      incident.evidence =
          Casework::evidence(one.first_bad, one.first_bad, "decisive: first refused login", one.last_bad);
      incident.explanation = fmt::format(
          "One account fails from one place about every {:.0f} s, as a phone with a wrong password does. A patient "
          "guesser could look the same: check whether the device is the site's own.",
          fate.rhythm.median_s);
      incident.checks.push_back(
          fired(kMisconfiguredDeviceRule, Severity::kLow, Confidence::kProbable,
                fmt::format("account {} was refused {} times at {} for want of the right password", name(fate),
                            fate.bad.size(), source.address.to_string())));
      incident.sources.push_back(source.address);
      work_.findings.incidents.add(std::move(incident));
    }
  }

  Casework& work_;
  SourceBook& book_;
  std::map<std::uint32_t, Account> accounts_;
  std::vector<Suspect> suspects_;
};

}  // namespace

void conclude_guessing(Casework& work) { Guessing(work).conclude(); }

}  // namespace voip::analyze::fraud
