#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "analyze/fraud/guessing.h"
#include "base/text.h"

namespace voip::analyze::fraud {

using report::Confidence;
using report::Severity;

namespace {

constexpr std::size_t kMostEvidence = 16;

}  // namespace

void Guessing::name_kind(Campaign& campaign) const {
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
  const bool stuffing = names.size() >= kStuffingAccounts && few * 10 >= names.size() * 9 && numeric_run(names) < 0.5 &&
                        !short_numbers(names) && (taken != 0 || missing * 2 > names.size());
  campaign.kind = stuffing ? Kind::kCredentialStuffing : Kind::kPasswordSpraying;
  campaign.rule = stuffing ? &kCredentialStuffingRule : &kPasswordSprayingRule;
  campaign.explanation =
      stuffing ? "Many names, one or two attempts each, and the names are no run of extensions: pairs of names and "
                 "passwords that leaked elsewhere are tried here. Whether each name had a password of its own can't "
                 "be seen in the digests."
               : "Many accounts, few attempts each: common passwords are tried on every account.";
}

bool Guessing::short_numbers(const std::vector<std::string>& names) {
  const auto count = std::ranges::count_if(names, [](const std::string& text) {
    return text.size() <= 5 && !text.empty() && std::ranges::all_of(text, is_digit);
  });
  return static_cast<std::size_t>(count) * 2 > names.size();
}

std::string Guessing::accounts_text(const std::vector<std::uint32_t>& tries) const {
  std::vector<std::string> names;
  names.reserve(tries.size());
  for (const std::uint32_t index : tries) names.push_back(book_.text(book_.tries()[index].user));
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return (names.size() == 1 ? "account " : "accounts ") + listed(names);
}

void Guessing::open(const Campaign& campaign) {
  Incident incident;
  incident.kind = campaign.kind;
  incident.entity = campaign.entity;
  incident.explanation = campaign.explanation;
  incident.certain_attacker = campaign.certain;
  FrameRef decisive;
  std::vector<std::uint32_t> taken;
  std::vector<std::uint32_t> tries = campaign.tries;
  std::ranges::sort(tries);
  bool stepped = false;
  for (const std::uint32_t index : campaign.tries) {
    Try& one = book_.tries()[index];
    one.claimed = true;
    incident.accounts.push_back(book_.text(one.user));
    const bool success = one.good != 0 && (one.bad != 0 ? one.first_bad < one.first_good : true);
    // What was logged in later belongs to the use of the account, no longer to the guessing.
    incident.attempts += one.bad + (success ? 1 : 0);
    // What had no answer any more (a limit, a block) belongs to it too.
    const FrameRef& last = !success && one.good == 0       ? one.last
                           : one.last_bad < one.first_good ? one.first_good
                           : one.last_bad.known()          ? one.last_bad
                                                           : one.last;
    // What it asked for before, without credentials and without a login, was looking for users, not guessing.
    const FrameRef& login = one.first_bad.known() ? one.first_bad : one.first_good;
    const FrameRef& first = one.first_step.known() ? one.first_step : login.known() ? login : one.first;
    stepped |= one.first_step.known();
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
    // The request that fetched the first challenge asked for somebody else: an INVITE.
    if (!stepped && source.first < incident.first && seconds_between(source.first.time, incident.first.time) <= 5) {
      incident.first = source.first;
    }
    // Honest accounts behind the same address: it must not be blocked.
    for (const std::uint32_t at : source.tries) {
      const Try& one = book_.tries()[at];
      if (one.good != 0 && !one.claimed) incident.certain_attacker = false;
    }
    incident.messages += book_.requests_of(source, incident.first.time, incident.last.time, tries);
    for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
  }
  incident.evidence = Casework::evidence(incident.first, decisive, "decisive: first refused login", incident.last);
  incident.checks.push_back(fired(*campaign.rule, campaign.severity, campaign.confidence, campaign.why));
  const std::size_t place = work_.raise(std::move(incident), campaign.culprits);
  if (!taken.empty()) compromise(taken, campaign.culprits, place, Severity::kCritical, Confidence::kProbable);
}

void Guessing::compromise(const std::vector<std::uint32_t>& taken, const std::vector<std::uint32_t>& culprits,
                          std::optional<std::size_t> cause, Severity severity, Confidence confidence) {
  Incident incident;
  incident.kind = Kind::kAccountCompromise;
  FrameRef decisive;
  std::vector<std::uint32_t> tries = taken;
  std::ranges::sort(tries);
  std::uint32_t failures = 0;
  std::vector<std::uint32_t> who;
  for (const std::uint32_t index : taken) {
    const Try& one = book_.tries()[index];
    who.push_back(one.source);
    incident.accounts.push_back(book_.text(one.user));
    failures += one.bad;
    if (!decisive.known() || one.first_good < decisive) decisive = one.first_good;
    const FrameRef& first = one.first_bad.known() && one.first_bad < one.first_good ? one.first_bad : one.first_good;
    if (!incident.first.known() || first < incident.first) incident.first = first;
    if (!incident.last.known() || incident.last < one.last_good) incident.last = one.last_good;
    incident.attempts += one.bad + 1;
  }
  std::ranges::sort(who);
  who.erase(std::unique(who.begin(), who.end()), who.end());
  if (who.empty()) who = culprits;
  incident.successes = taken.size();
  for (const std::uint32_t index : who) {
    const Source& source = book_.sources()[index];
    incident.messages += book_.requests_of(source, incident.first.time, incident.last.time, tries);
    for (const Target& target : source.targets) incident.targets.push_back(target.host.to_string());
  }
  incident.certain_attacker = cause.has_value();
  incident.entity = "accounts " + listed(incident.accounts, 1000);
  incident.evidence = {{.frame = decisive, .note = "decisive: the login that was accepted"}};
  if (incident.first.known() && !(incident.first == decisive)) {
    incident.evidence.insert(incident.evidence.begin(), {.frame = incident.first, .note = "first refused login"});
  }
  for (const std::uint32_t index : taken) {
    const Try& one = book_.tries()[index];
    if (one.first_good == decisive || incident.evidence.size() >= kMostEvidence) continue;
    incident.evidence.push_back(
        {.frame = one.first_good,
         .note = fmt::format("decisive: the login of {} that was accepted", book_.text(one.user))});
  }
  const auto told = [&](const report::Evidence& item) { return item.frame == incident.last; };
  if (std::ranges::none_of(incident.evidence, told)) {
    incident.evidence.push_back({.frame = incident.last, .note = "last login"});
  }
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

}  // namespace voip::analyze::fraud
