#include <fmt/format.h>

#include <algorithm>

#include "analyze/fraud/recon.h"

// Users that are asked for in turn: enumeration, scans by INVITE and REGISTER.

namespace voip::analyze::fraud {

using report::Confidence;
using report::Severity;
using sip::Method;

namespace {

constexpr std::chrono::seconds kTenMinutes{600};
constexpr std::size_t kScanRegisters = 20;
constexpr std::size_t kScanInvites = 5;
constexpr std::uint64_t kFlood = 500;
constexpr std::size_t kTelephoneDigits = 10;  // more than extensions have anywhere

bool telephone(const std::string& user, std::size_t digits) {
  return user.size() >= digits && user.find_first_not_of("+0123456789") == std::string::npos;
}

}  // namespace

// Who looks for users asks each once or twice; the same few again and again is a flood.
bool Recon::repeats_itself(const Answers& sum, std::size_t users) {
  return sum.requests >= kFlood && sum.requests > 10 * users;
}

void Recon::users(std::uint32_t index) {
  Source& source = book_.sources()[index];
  const std::vector<std::uint32_t> tries = strange_users(source);
  if (tries.size() < kScanInvites) return;
  const Thresholds& limits = work_.limits();
  const std::vector<std::int64_t> times = first_times(tries);
  const Answers sum = answers(tries);
  const bool many = most_within(times, limits.enum_users.span) >= limits.enum_users.count ||
                    most_within(times, limits.enum_slow.span) >= limits.enum_slow.count ||
                    (!at_home(source) && most_within(times, kScanDay) >= limits.enum_users.count);
  if (prefix_probe(work_, tries)) return;
  if (repeats_itself(sum, tries.size())) return;
  // A block may have ended the answers: then those before it must be many enough.
  std::vector<std::uint32_t> told = tries;
  std::erase_if(told, [&](std::uint32_t at) {
    const Try& one = book_.tries()[at];
    return one.exists + one.no_such_user + one.forbidden + one.other_refusals == 0;
  });
  const bool served = sum.answered * 2 >= sum.requests ||
                      most_within(first_times(told), limits.enum_slow.span) >= limits.enum_users.count;
  // Users that exist are not refused by OPTIONS, and a scanning program may find many: there fewer refusals say enough.
  const bool by_options = sum.known != 0 && sum.unknown != 0 && std::ranges::all_of(tries, [&](std::uint32_t at) {
                            return book_.tries()[at].methods == bit(Method::kOptions);
                          });
  const bool refused = served && sum.refused * 10 >= sum.answered * (source.signs.hostile() || by_options ? 3 : 8);
  if (many && refused && !dials_out(source, tries)) {
    std::vector<std::uint32_t> all = tries;
    add_prey(source, all);
    knock(index, all);
    enumeration(index, all, answers(all));
  } else if (!invite_scan(index, tries)) {
    register_scan(index, tries, times);
  }
}

// A scanning program first asks with OPTIONS whether somebody is at home; the users that it then asks for are another
// step.
void Recon::knock(std::uint32_t index, std::vector<std::uint32_t>& tries) {
  constexpr std::size_t kMostKnocks = 3;
  const Source& source = book_.sources()[index];
  std::vector<std::uint32_t> knocks;
  for (const std::uint32_t at : tries) {
    const Try& one = book_.tries()[at];
    if (one.methods == bit(Method::kOptions) && one.bad == 0 && one.good == 0) knocks.push_back(at);
  }
  if (!source.signs.hostile() || knocks.empty() || knocks.size() > kMostKnocks ||
      tries.size() - knocks.size() < kScanAors) {
    return;
  }
  std::erase_if(tries, [&](std::uint32_t at) { return std::ranges::find(knocks, at) != knocks.end(); });
  Incident incident;
  incident.kind = Kind::kOptionsScan;
  fill(incident, source);
  incident.first = incident.last = FrameRef{};
  take(incident, knocks, source);
  incident.attempts = knocks.size();
  incident.evidence =
      Casework::evidence(incident.first, incident.first, "decisive: signs of the program", incident.last);
  incident.explanation =
      "OPTIONS to a host that never spoke to it, with the signs of an attack program, before it asks for users. "
      "An agreed test would be named in the policy.";
  if (auto check = tool_check(source)) incident.checks.push_back(std::move(*check));
  work_.raise(std::move(incident), {index});
}

void Recon::enumeration(std::uint32_t index, const std::vector<std::uint32_t>& tries, const Answers& sum) {
  Source& source = book_.sources()[index];
  Incident incident;
  incident.kind = Kind::kEnumeration;
  fill(incident, source);
  incident.first = incident.last = FrameRef{};
  take(incident, tries, source);
  incident.attempts = tries.size();
  incident.successes = sum.found.size();
  FrameRef decisive = incident.last;
  std::vector<std::string> names;
  names.reserve(tries.size());
  for (const std::uint32_t at : tries) names.push_back(work_.name_of(book_.tries()[at]));
  for (const std::uint32_t at : sum.found) {
    incident.accounts.push_back(work_.name_of(book_.tries()[at]));
    if (book_.tries()[at].first < decisive) decisive = book_.tries()[at].first;
  }
  std::ranges::sort(incident.accounts);
  const bool differ = !sum.found.empty();
  incident.evidence = Casework::evidence(
      incident.first, decisive, differ ? "decisive: first user that is answered otherwise" : "decisive", incident.last);
  incident.checks.push_back(fired(kEnumerationRule, differ ? Severity::kHigh : Severity::kMedium, Confidence::kProbable,
                                  fmt::format("{} tried {} users, {:.0f} % of them in counting order; {}",
                                              source.address.to_string(), tries.size(), 100 * numeric_run(names),
                                              differ ? "the answers tell that these exist: " + listed(incident.accounts)
                                                     : "all were answered alike")));
  if (registers(tries) >= kScanRegisters &&
      source.methods[static_cast<std::size_t>(Method::kRegister)] >= kScanRegisters) {
    incident.checks.push_back(
        fired(kRegistrationScan, Severity::kMedium, Confidence::kProbable,
              fmt::format("REGISTER without credentials for {} addresses of record", registers(tries))));
  }
  if (source.rung != 0) {
    incident.checks.push_back(fired(kInviteScanRule, Severity::kHigh, Confidence::kProbable,
                                    fmt::format("{} without credentials rang or {} answered",
                                                counted(source.rung, "INVITE"), source.rung == 1 ? "was" : "were")));
  }
  incident.explanation =
      "One source asks for many users in turn and never logs in. A dialler or carrier would call through an account "
      "or trunk, phones behind NAT would log in.";
  work_.raise(std::move(incident), {index});
}

// Calls telephone numbers, not users, and none of them is told apart: it looks for a way out.
bool Recon::dials_out(const Source& source, const std::vector<std::uint32_t>& tries) const {
  if (source.methods[static_cast<std::size_t>(Method::kInvite)] * 10 < source.outside_dialog * 9) return false;
  const auto numbers = std::ranges::count_if(
      tries, [&](std::uint32_t at) { return telephone(work_.name_of(book_.tries()[at]), kTelephoneDigits); });
  return static_cast<std::size_t>(numbers) * 10 >= tries.size() * 9 && answers(tries).found.empty();
}

bool Recon::invite_scan(std::uint32_t index, const std::vector<std::uint32_t>& tries) {
  Source& source = book_.sources()[index];
  std::vector<std::uint32_t> called;
  for (const std::uint32_t at : tries) {
    if ((book_.tries()[at].methods & bit(Method::kInvite)) != 0) called.push_back(at);
  }
  if (called.size() < kScanInvites || called.size() * 2 < tries.size()) return false;
  if (at_home(source) || (SourceBook::unheard(source, answering_) && !source.signs.hostile())) return false;
  const std::vector<std::int64_t> times = first_times(called);
  std::size_t missing = 0;
  for (const std::uint32_t at : called) missing += book_.tries()[at].no_such_user != 0 ? 1U : 0U;
  // Slowly: twice as many users, half of whom do not exist; or more.
  const std::size_t in_a_day = most_within(times, kScanDay);
  const bool slow = in_a_day >= 4 * kScanInvites || (in_a_day >= 2 * kScanInvites && missing * 2 >= called.size());
  if (most_within(times, kTenMinutes) < kScanInvites && !slow) return false;
  // A trunk that nobody told us of: many callers, and most of what it brings rings.
  const std::uint64_t invites = source.methods[static_cast<std::size_t>(Method::kInvite)];
  // Nor are telephone numbers that ring: who looks for a way in is refused.
  const auto numbers =
      std::ranges::count_if(called, [&](std::uint32_t at) { return telephone(work_.name_of(book_.tries()[at]), 7); });
  const bool telephones = static_cast<std::size_t>(numbers) * 10 >= called.size() * 9;
  if (source.rung * 2 >= invites && (telephones || source.callers.size() * 2 >= std::min<std::uint64_t>(invites, 64))) {
    return false;
  }
  Incident incident;
  incident.kind = Kind::kInviteScan;
  fill(incident, source);
  incident.first = incident.last = FrameRef{};
  take(incident, tries, source);
  incident.attempts = called.size();
  incident.successes = source.rung;
  for (const std::uint32_t at : called) incident.numbers.push_back(work_.name_of(book_.tries()[at]));
  const FrameRef decisive = source.first_rung.known() ? source.first_rung : incident.last;
  incident.evidence = Casework::evidence(incident.first, decisive,
                                         source.rung != 0 ? "decisive: this call rang" : "decisive", incident.last);
  incident.checks.push_back(fired(
      kInviteScanRule, source.rung != 0 ? Severity::kHigh : Severity::kMedium, Confidence::kProbable,
      fmt::format("{} called {} without credentials, {} rang or {} answered", source.address.to_string(),
                  counted(called.size(), "user"), counted(source.rung, "call"), source.rung == 1 ? "was" : "were")));
  incident.explanation =
      "A host that is no trunk or partner by its calls tries one user after the other without logging in.";
  work_.raise(std::move(incident), {index});
  return true;
}

void Recon::register_scan(std::uint32_t index, const std::vector<std::uint32_t>& tries,
                          const std::vector<std::int64_t>& times) {
  Source& source = book_.sources()[index];
  const std::size_t aors = registers(tries);
  const bool fast = aors >= kScanAors && most_within(times, kTenMinutes) >= kScanAors;
  if (!fast || source.methods[static_cast<std::size_t>(Method::kRegister)] < kScanRegisters) return;
  if (at_home(source)) return;
  // Phones behind one address that call for a server which is away: each by its own name, again and again.
  const auto again = std::ranges::count_if(tries, [&](std::uint32_t at) { return book_.tries()[at].repeats != 0; });
  if (source.answered * 5 < source.requests && (source.via_hosts.size() * 2 >= aors || source.requests >= 3 * aors ||
                                                static_cast<std::size_t>(again) * 2 >= aors)) {
    return;
  }
  Incident incident;
  incident.kind = Kind::kRegisterScan;
  fill(incident, source);
  incident.first = incident.last = FrameRef{};
  take(incident, tries, source);
  incident.attempts = aors;
  std::vector<std::string> names;
  names.reserve(tries.size());
  for (const std::uint32_t at : tries) names.push_back(work_.name_of(book_.tries()[at]));
  incident.evidence = Casework::evidence(incident.first, incident.last, "decisive: last of them", incident.last);
  incident.checks.push_back(fired(kRegistrationScan, Severity::kMedium, Confidence::kProbable,
                                  fmt::format("{} sent REGISTER without credentials for {} addresses of record: {}",
                                              source.address.to_string(), aors, listed(names, 10))));
  incident.explanation =
      "Many addresses of record, none followed by a login. After an outage known devices would register with "
      "success.";
  work_.raise(std::move(incident), {index});
}

}  // namespace voip::analyze::fraud
