#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analyze/fraud/guessing.h"

namespace voip::analyze::fraud {

using report::Confidence;
using report::Severity;

namespace {

constexpr std::int64_t kSoothedNs = 10 * kNsPerSecond;
constexpr std::uint32_t kStable = 5;     // accepted registrations that show where an account lives
constexpr std::uint32_t kFamily = 8;     // accounts at one address that is no border
constexpr std::size_t kHousehold = 60;   // refusals within the short window that a few devices at one place can cause
constexpr std::size_t kMistyped = 20;    // refusals that somebody may cause who doesn't know the password any more
constexpr std::size_t kRelentless = 60;  // refusals that no user causes
constexpr std::uint32_t kOthers = 3;     // accounts that are at home at an address

}  // namespace

void Guessing::conclude() {
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
  join_campaigns();
  unheard();
  for (const Campaign& campaign : found_) open(campaign);
  distributed_on_one_account();
  distributed_over_many();
  std::vector<char> hostile;  // before the lone ones are told: they don't speak against each other
  for (const Suspect& suspect : suspects_) hostile.push_back(book_.sources()[suspect.source].suspect ? 1 : 0);
  for (std::size_t i = 0; i < suspects_.size(); ++i) lone_success(suspects_[i], hostile[i] != 0);
  for (const Suspect& suspect : suspects_) devices(suspect);
}

void Guessing::map_accounts() {
  for (std::uint32_t i = 0; i < book_.tries().size(); ++i) {
    const Try& one = book_.tries()[i];
    if (one.bad != 0 || one.good != 0) accounts_[one.user].tries.push_back(i);
  }
}

bool Guessing::only_source(const Try& one) const {
  const auto at = accounts_.find(one.user);
  return at == accounts_.end() || at->second.tries.size() <= 1;
}

bool Guessing::used_elsewhere(const Try& one) const {
  const auto at = accounts_.find(one.user);
  if (at == accounts_.end()) return false;
  return std::ranges::any_of(at->second.tries, [&](std::uint32_t other) {
    return book_.tries()[other].source != one.source && book_.tries()[other].good != 0;
  });
}

Guessing::Suspect Guessing::look_at(std::uint32_t index) {
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
      if (const auto at = fates.find(stamp.attempt);
          at != fates.end() && !at->second.bad.empty() && stamp.ns - at->second.bad.back() <= kSoothedNs) {
        ++at->second.soothed;
      }
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

std::size_t Guessing::spray_limit() const { return static_cast<std::size_t>(work_.limits().spray_accounts.count); }

bool Guessing::device(const Source& source, const Fate& fate, std::size_t failing, bool many_devices) const {
  const Try& one = attempt(fate);
  const bool own = work_.site().own(source.address);
  if (one.varied) return false;
  if (fate.habit()) return true;
  if (fate.good_first && !work_.site().networks.empty() && own) return true;
  const bool known = fate.good_first || own || (only_source(one) && !used_elsewhere(one));
  if (!known) return false;
  const bool one_dialog = one.call_ids <= 1 + fate.bad.size() / 20 && fate.bad.size() >= 3;
  // Somebody among others who live there, in one program that never began anew.
  if (one_dialog && only_source(one) && fate.bad.size() < kMistyped && source.registered >= kOthers &&
      !source.signs.attributed()) {
    return true;
  }
  // Many accounts from one host: phones behind it, or an exchange with many lines, each keep to their own dialog.
  if (failing > 3 && source.registered == 0 && !many_devices && !one_dialog) return false;
  const double span_s = static_cast<double>(fate.bad.back() - fate.bad.front()) / 1e9;
  const bool slow = fate.rhythm.median_s >= 10;
  const bool steady = fate.rhythm.intervals >= 3 && fate.rhythm.steady >= 0.8;
  // Answers each new challenge at once, in one dialog, without end: a phone whose stack does not give up.
  if (!slow) return one.call_ids == 1 && fate.bad.size() >= 3 && one.good == 0;
  // A phone that waits longer each time keeps its Call-ID.
  return (steady && (span_s >= 600 || one_dialog || own)) || (one_dialog && (own || fate.good_first || span_s >= 600));
}

// Where the account lives: its other devices there, which nobody told of the new password, fail beside the one that
// works.
bool Guessing::settled(const Source& source, const Fate& fate) const {
  return source.registered <= kFamily && fate.good_first && !attempt(fate).varied &&
         attempt(fate).good_registers >= kStable;
}

// Begins anew with each attempt, keeps no pace and never gives up: no device does so, wherever it stands.
bool Guessing::relentless(const Fate& fate) const {
  return fate.bad.size() >= kRelentless && std::size_t{attempt(fate).call_ids} * 10 >= fate.bad.size() * 9 &&
         fate.rhythm.steady < 0.5;
}

void Guessing::one_source(const Suspect& suspect) {
  const Source& source = book_.sources()[suspect.source];
  const Thresholds& limits = work_.limits();
  std::vector<const Fate*> guessed;
  for (const Fate& fate : suspect.fates) {
    if (fate.device) continue;
    // Its first login was good: a device that had its hour of trouble, unless it goes beyond all measure.
    const bool burst = most_within(fate.bad, limits.fail_burst.span) >= limits.fail_burst.count &&
                       std::size_t{attempt(fate).call_ids} * 2 > fate.bad.size();
    if (fate.good_first && !attempt(fate).varied && !burst && !relentless(fate) && fate.bad.size() < 100 &&
        !used_elsewhere(attempt(fate))) {
      continue;
    }
    if (settled(source, fate) && !relentless(fate) && most_within(fate.bad, limits.fail_burst.span) < kHousehold)
      continue;
    guessed.push_back(&fate);
  }
  if (guessed.empty()) return;
  // An office behind NAT after an outage: most of its accounts log in in the end, after few refusals.
  std::size_t recovered = 0;
  for (const Fate* fate : guessed) {
    if (attempt(*fate).good != 0 && fate->bad.size() < kFailuresBeforeSuccess) ++recovered;
  }
  const bool honest_office = source.registered >= 3 && recovered * 10 >= guessed.size() * 6;
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
    (guessed.size() < spray_limit() || fate->bad.size() >= heavy_from ? heavy : light).push_back(fate);
  }
  if (light.size() < spray_limit()) {
    heavy = guessed;
    light.clear();
  }
  if (!light.empty()) spraying(suspect, light);
  if (!heavy.empty()) brute_force(suspect, heavy);
}

void Guessing::brute_force(const Suspect& suspect, const std::vector<const Fate*>& fates) {
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
  campaign.why =
      fmt::format("{} refused logins for {} from {}", total, accounts_text(campaign.tries), source.address.to_string());
  campaign.explanation = fmt::format(
      "{} logins were refused{}. {}", total, burst ? "" : ", few at a time over a long while",
      std::ranges::any_of(fates, [](const Fate* fate) { return fate->good_first; })
          ? "The account is at home there too, but a device with a wrong password would keep its dialog or its pace: a "
            "program in the same house guesses."
          : "A phone with a wrong password would repeat one account with one secret at a steady interval from a place "
            "where the account is known; this source does not.");
  campaign.burst = burst;
  found_.push_back(std::move(campaign));
}

// A tap that sees requests only: a client that was let in would not log in anew within the minute, each time as if it
// began.
void Guessing::unheard() {
  constexpr double kAgain = 60;  // seconds between two logins, on average
  const std::set<IpAddress> answering = book_.answering();
  for (std::uint32_t i = 0; i < book_.sources().size(); ++i) {
    const Source& source = book_.sources()[i];
    if (!SourceBook::unheard(source, answering) || work_.roles.trusted(source)) continue;
    if (work_.site().own(source.address)) continue;
    for (const std::uint32_t at : source.tries) {
      const LoginMemory* memory = book_.tries()[at].logins.get();
      if (memory == nullptr || memory->silent < work_.limits().fail_slow.count) continue;
      if (memory->silent_ids * 10 < memory->silent * 9) continue;
      const double span = seconds_between(memory->first_silent.time, memory->last_silent.time);
      if (span > kAgain * memory->silent) continue;
      tell_unheard(i, at);
    }
  }
}

void Guessing::tell_unheard(std::uint32_t culprit, std::uint32_t at) {
  const Source& source = book_.sources()[culprit];
  Try& one = book_.tries()[at];
  one.claimed = true;
  const LoginMemory& memory = *one.logins;
  Incident incident;
  incident.kind = Kind::kBruteForce;
  incident.accounts = {book_.text(one.user)};
  incident.entity = "source " + source.address.to_string();
  incident.first = one.first;
  incident.last = one.last;
  incident.attempts = memory.silent;
  incident.messages = book_.requests_of(source, incident.first.time, incident.last.time, {at});
  for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
  incident.evidence = Casework::evidence(incident.first, memory.first_silent, "decisive: first login", incident.last);
  incident.explanation = fmt::format(
      "{} logins for one account, each as if the client had just begun. The capture holds no answer of the server: "
      "whether one of them was accepted can't be told from it. A client that is let in would not come again within the "
      "minute.",
      memory.silent);
  incident.checks.push_back(fired(kBruteForceRule, Severity::kMedium, Confidence::kProbable,
                                  fmt::format("{} logins for account {} from {}, their answers were not captured",
                                              memory.silent, incident.accounts.front(), source.address.to_string())));
  work_.raise(std::move(incident), {culprit});
}

void Guessing::spraying(const Suspect& suspect, const std::vector<const Fate*>& fates) {
  const Thresholds& limits = work_.limits();
  const Source& source = book_.sources()[suspect.source];
  std::vector<std::int64_t> firsts;
  firsts.reserve(fates.size());
  for (const Fate* fate : fates) firsts.push_back(fate->bad.front());
  std::ranges::sort(firsts);
  const bool fast = most_within(firsts, limits.spray_accounts.span) >= spray_limit();
  const bool slow = most_within(firsts, kGuessingDay) >= spray_limit();
  if (!fast && !slow) return;
  Campaign campaign;
  campaign.culprits = {suspect.source};
  for (const Fate* fate : fates) campaign.tries.push_back(fate->attempt);
  add_neighbours(suspect, campaign.tries);
  campaign.entity = "source " + source.address.to_string();
  name_kind(campaign);
  leave_lookups(campaign);
  std::uint64_t total = 0;
  for (const Fate* fate : fates) total += fate->bad.size();
  // As many accounts as are fast a spray, in a day: people who mistype, where somebody belongs there.
  if (!fast && campaign.tries.size() < limits.spray_slow.count &&
      (source.registered != 0 || total < limits.fail_slow.count)) {
    campaign.confidence = Confidence::kPossible;
  }
  campaign.why = fmt::format("{} refused logins over {} accounts from {}", total, campaign.tries.size(),
                             source.address.to_string());
  campaign.explanation +=
      " An office whose phones come back after an outage would succeed with the accounts it had before; this source "
      "does not.";
  campaign.burst = fast;
  found_.push_back(std::move(campaign));
}

// Names that were only asked for, in such a number: that was a search for users. Pairs that leaked are tried as they
// are.
void Guessing::leave_lookups(Campaign& campaign) const {
  if (campaign.kind != Kind::kPasswordSpraying) return;
  const auto asked = [&](std::uint32_t index) {
    return book_.tries()[index].bad == 0 && book_.tries()[index].good == 0;
  };
  const auto lookups = static_cast<std::size_t>(std::ranges::count_if(campaign.tries, asked));
  if (lookups >= work_.limits().enum_users.count && lookups * 2 > campaign.tries.size()) {
    std::erase_if(campaign.tries, asked);
  }
}

void Guessing::add_neighbours(const Suspect& suspect, std::vector<std::uint32_t>& tries) const {
  const Source& source = book_.sources()[suspect.source];
  const std::uint32_t agent = book_.tries()[tries.front()].agent;
  const std::set<std::uint32_t> known(tries.begin(), tries.end());
  for (const std::uint32_t index : source.tries) {
    const Try& one = book_.tries()[index];
    if (known.contains(index) || one.agent != agent) continue;
    const bool missing = one.no_such_user != 0 && one.in_bulk &&
                         (one.methods & (1U << static_cast<unsigned>(sip::Method::kRegister))) != 0;
    const bool hit = one.good != 0 && one.bad == 0 && one.good_registers <= 3;
    if (missing || hit) tries.push_back(index);
  }
}

void Guessing::lone_success(const Suspect& suspect, bool hostile) {
  const Source& source = book_.sources()[suspect.source];
  // An office whose people set up their phones: nearly all that failed there got in, and nobody else has the accounts.
  std::size_t recovered = 0;
  for (const Fate& fate : suspect.fates) {
    const Try& one = attempt(fate);
    recovered += one.good_registers >= 3 && only_source(one) && fate.bad.size() < 10 ? 1U : 0U;
  }
  if (!hostile && source.registered >= 3 && recovered * 10 >= suspect.fates.size() * 8 && !source.signs.attributed()) {
    return;
  }
  for (const Fate& fate : suspect.fates) {
    const Try& one = attempt(fate);
    if (one.claimed || fate.device || fate.good_first || one.good == 0) continue;
    const std::vector<std::int64_t> before(fate.bad.begin(),
                                           fate.bad.begin() + static_cast<std::ptrdiff_t>(fate.bad_before_good));
    if (most_within(before, kGuessingDay) < kFailuresBeforeSuccess) continue;
    if (work_.site().own(source.address)) continue;
    // Steady even if not for long: a phone that somebody repaired.
    if (only_source(one) && fate.rhythm.median_s >= 10 && fate.rhythm.steady >= 0.8) continue;
    book_.tries()[fate.attempt].claimed = true;
    // Nobody else uses the account, and nothing else is odd about the source: as likely its user, mistyping.
    const bool alone = only_source(one) && !hostile && !source.signs.attributed() && fate.bad.size() < 10;
    compromise({fate.attempt}, {suspect.source}, std::nullopt, alone ? Severity::kMedium : Severity::kCritical,
               alone ? Confidence::kPossible : Confidence::kProbable);
  }
}

void Guessing::devices(const Suspect& suspect) {
  const Source& source = book_.sources()[suspect.source];
  for (const Fate& fate : suspect.fates) {
    const Try& one = attempt(fate);
    if (!fate.device || one.claimed || fate.bad.size() < 5 || fate.habit()) continue;
    const double span_s = static_cast<double>(fate.bad.back() - fate.bad.front()) / 1e9;
    if (span_s < 600 && fate.bad.size() < work_.limits().fail_burst.count) continue;
    Incident incident;
    incident.kind = Kind::kMisconfiguredDevice;
    incident.accounts = {name(fate)};
    incident.first = one.first_step.known() ? one.first_step : one.first_bad;
    incident.last = one.last_bad;
    incident.attempts = one.bad;
    incident.messages = SourceBook::requests_between(source, FrameRef(incident.first).time, one.last_bad.time);
    for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
    incident.entity = fmt::format("account {} at {}", name(fate), source.address.to_string());
    incident.evidence = Casework::evidence(one.first_bad, one.first_bad, "decisive: first refused login", one.last_bad);
    incident.explanation = fmt::format(
        "One account fails from one place about every {:.0f} s, as a phone with a wrong password does. A patient "
        "guesser could look the same: check whether the device is the site's own.",
        fate.rhythm.median_s);
    incident.checks.push_back(fired(kMisconfiguredDeviceRule, Severity::kLow, Confidence::kProbable,
                                    fmt::format("account {} was refused {} times at {} for want of the right password",
                                                name(fate), one.bad, source.address.to_string())));
    incident.sources.push_back(source.address);
    work_.findings.incidents.add(std::move(incident));
  }
}

void conclude_guessing(Casework& work) { Guessing(work).conclude(); }

}  // namespace voip::analyze::fraud
