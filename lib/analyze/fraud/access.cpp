#include "analyze/fraud/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analyze/fraud/stable_key.h"
#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;
using sip::Method;
using Change = session::RegistrationChange::Kind;

constexpr std::size_t kMaxEvents = 4096;
constexpr std::size_t kMaxDevices = 8;
constexpr std::chrono::hours kInUse{24};
constexpr std::size_t kMostEntries = 5;

// "Yealink SIP-T46S 66.86.0.15" and "Yealink SIP-T42S 66.85" are one family: the first word, without a version.
std::string family(std::string_view agent) { return to_lower(agent.substr(0, agent.find_first_of(" /-_"))); }

}  // namespace

bool same_device(const std::string& a, const std::string& b) {
  return a == b || (!a.empty() && family(a) == family(b));
}

bool looks_for_accounts(Kind kind) {
  switch (kind) {
    case Kind::kOptionsScan:
    case Kind::kRegisterScan:
    case Kind::kInviteScan:
    case Kind::kEnumeration:
    case Kind::kBruteForce:
    case Kind::kPasswordSpraying:
    case Kind::kCredentialStuffing: return true;
    default: return false;
  }
}

AccessWatch::AccessWatch(std::size_t cap) : cap_(cap), uses_(cap), callers_(cap), asked_nonces_(kMaxEvents) {}

void AccessWatch::on_transaction(const session::Transaction& t, const SourceBook& book) {
  if (t.client.address == t.server.address) return;
  if (!last_.known() || last_ < t.request.time) last_ = t.request.time;
  if (t.method == Method::kInvite && !t.in_dialog) {
    callers_.get(text_key(t.call_id), t.request.time, [](const TextKey&, auto&) {}) = {t.client.address,
                                                                                       t.server.address};
  }
  note_leak(t);
  note_removal(t, book);
  if (!book.forwarded(t)) note_use(t, book);
}

void AccessWatch::note_use(const session::Transaction& t, const SourceBook& book) {
  const session::Credentials* login = t.login();
  if (login == nullptr || login->response.empty() || login->nonce.empty() || t.method == Method::kCancel) return;
  Use now{.source = book.sender(t),
          .name = stable_key(login->response, login->nonce, login->nc),
          .target = stable_key(t.request_uri, t.to_uri),
          .call_id = stable_key(t.call_id),
          .agent = stable_key(t.user_agent),
          .shape = t.shape,
          .cseq = t.cseq,
          .frame = t.request,
          .uri_fits = login->uri == t.request_uri};
  bool made = false;
  Use& before = uses_.get(
      text_key(login->response, login->nonce, login->nc), t.request.time, [](const TextKey&, Use&) {}, &made);
  if (made) {
    const auto earlier = earlier_uses_.find(now.name);
    if (earlier == earlier_uses_.end()) {
      before = now;
      return;
    }
    before = earlier->second;
  }
  const bool other_source = before.source != now.source;
  const bool other_target = !(before.target == now.target);
  // The same device that refreshes without qop, perhaps from a new address: its dialog goes on.
  const bool goes_on =
      before.call_id == now.call_id && now.cseq > before.cseq && before.agent == now.agent && before.shape == now.shape;
  const bool suspicious = other_source ? !goes_on : other_target && before.uri_fits && !now.uri_fits;
  if (!suspicious || replays_.size() >= kMaxEvents) {
    if (goes_on) before = now;
    return;
  }
  replays_.push_back({.source = now.source,
                      .server = t.server.address,
                      .account = std::string(t.account()),
                      .original = before.frame,
                      .frame = t.request,
                      .accepted = t.success() || (t.method == Method::kInvite && t.ringing.known()),
                      .other_source = other_source});
}

void AccessWatch::note_leak(const session::Transaction& t) {
  if (const session::Credentials* login = t.login()) {
    if (const std::uint32_t* at = asked_nonces_.find(text_key(login->nonce))) {
      Leak& leak = leaks_[*at];
      if (leak.account.empty() && leak.asker == t.server.address) {
        leak.account = t.account();
        leak.answer = t.request;
      }
    }
    return;
  }
  if (!t.challenged() || !t.in_dialog || t.challenges.empty() || leaks_.size() >= kMaxEvents) return;
  Leak leak{.asker = t.server.address,
            .phone = t.client.address,
            .realm = std::string(t.challenges.front().realm),
            .account = {},
            .challenge = t.final,
            .answer = {},
            .called = false};
  if (const auto* call = callers_.find(text_key(t.call_id))) leak.called = (*call)[0] == t.server.address;
  asked_nonces_.get(text_key(t.challenges.front().nonce), t.request.time, [](const TextKey&, auto&) {}) =
      static_cast<std::uint32_t>(leaks_.size());
  leaks_.push_back(std::move(leak));
}

void AccessWatch::note_removal(const session::Transaction& t, const SourceBook& book) {
  if (t.method != Method::kRegister || !t.success() || homes_.empty() || late_removals_.size() >= kMaxEvents) return;
  const bool removes = (t.contact_star && t.expires == 0) || (!t.contacts.empty() && !t.contact_star && t.expires == 0);
  if (!removes || book.forwarded(t)) return;
  const std::string aor = fmt::format("{}@{}", session::user_of(t.to_uri), to_lower(session::host_of(t.to_uri)));
  const std::uint32_t* known = home_index_.find(text_key(aor));
  const std::uint32_t* at = known != nullptr ? known : other_name(aor, t.server.address);
  if (at == nullptr) return;
  const IpAddress source = book.sender(t);
  const Device* owner = nullptr;
  for (const Device& device : homes_[*at].devices) {
    // Whoever asks in the same name is told by the registrar's own bookkeeping.
    if (device.last.input != kEarlierRun && known != nullptr) continue;
    if (!device.expires.known() || device.expires < t.request.time) continue;
    if (same_network(device.source, source)) return;  // its own
    owner = &device;
  }
  if (owner == nullptr) return;
  late_removals_.push_back({.home = *at,
                            .source = source,
                            .owner = owner->source,
                            .server = t.server.address,
                            .agent = std::string(t.user_agent),
                            .owner_agent = owner->agent,
                            .frame = t.request,
                            .set = owner->last});
}

// A registrar is asked by its domain and by its address: user@192.0.2.5 is user@example.net there, if it knows one
// such.
const std::uint32_t* AccessWatch::other_name(std::string_view aor, const IpAddress& registrar) const {
  const std::size_t at = aor.find('@');
  const std::uint32_t* index = by_user_.find(text_key(aor.substr(0, at), registrar.to_string()));
  if (index == nullptr || *index == kSeveral) return nullptr;
  const std::string_view other = homes_[*index].aor;
  const auto is_address = [](std::string_view name) {
    std::string_view host = name.substr(std::min(name.size(), name.find('@') + 1));
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return IpAddress::parse(host).has_value();
  };
  return is_address(aor) != is_address(other) ? index : nullptr;
}

const std::uint32_t* AccessWatch::make_home(const std::string& aor, const IpAddress& registrar) {
  if (homes_.size() >= cap_) return nullptr;
  const auto index = static_cast<std::uint32_t>(homes_.size());
  homes_.push_back({.aor = aor, .devices = {}});
  home_index_.at_or_new(text_key(aor)) = index;
  const TextKey user = text_key(std::string_view(aor).substr(0, aor.find('@')), registrar.to_string());
  const bool first = by_user_.find(user) == nullptr;
  by_user_.at_or_new(user) = first ? index : kSeveral;
  return home_index_.find(text_key(aor));
}

void AccessWatch::on_registration(const session::RegistrationChange& change, const SourceBook& book) {
  if (change.transaction == nullptr || change.kind == Change::kRevealed || book.forwarded(*change.transaction)) return;
  const session::Transaction& t = *change.transaction;
  const IpAddress source = book.sender(t);
  const std::uint32_t* known = home_index_.find(text_key(*change.aor));
  if (known == nullptr) known = other_name(*change.aor, t.server.address);
  if (known == nullptr) known = make_home(*change.aor, t.server.address);
  if (known == nullptr) return;
  const std::uint32_t index = *known;
  Home& home = homes_[index];

  if (change.kind == Change::kRemoved) {
    const IpAddress owner = change.binding.source.address;
    // What the registrar dropped for a new contact of the same request is told with that contact.
    const bool asked = t.contact_star || t.expires == 0 ||
                       std::ranges::any_of(t.contacts, [](const session::ContactValue& c) { return c.expires == 0; });
    if (asked && !owner.unspecified() && !same_network(owner, source) && removals_.size() < kMaxEvents) {
      removals_.push_back({.home = index,
                           .source = source,
                           .owner = owner,
                           .server = t.server.address,
                           .agent = std::string(t.user_agent),
                           .owner_agent = change.binding.user_agent,
                           .frame = t.request,
                           .set = change.binding.last});
    }
    return;
  }

  const std::string_view contact_host = session::host_of(change.binding.contact);
  Device now{.source = source,
             .host = std::string(contact_host),
             .agent = std::string(t.user_agent),
             .instance = change.binding.instance,
             .call_id = stable_key(t.call_id),
             .cseq = t.cseq,
             .registers = 1,
             .first = t.request,
             .last = t.request,
             .expires = change.binding.expires,
             .push = change.binding.push,
             .authenticated = !t.credentials.empty()};
  for (Device& device : home.devices) {
    // The address that the contact names may be the one behind the NAT: then it travels with the device.
    if (same_network(device.source, source) || (device.host == now.host && same_device(device.agent, now.agent)) ||
        (!now.instance.empty() && device.instance == now.instance) ||
        // Its registration goes on from another address, with its own Call-ID and counter.
        (device.call_id == now.call_id && device.agent == now.agent && device.cseq < now.cseq && now.authenticated)) {
      ++device.registers;
      device.last = now.last;
      device.expires = now.expires;
      device.source = now.source;
      device.call_id = now.call_id;
      device.cseq = now.cseq;
      device.authenticated = now.authenticated;
      return;
    }
  }
  const Device* before = nullptr;
  for (const Device& device : home.devices) {
    const bool valid = !device.expires.known() || !t.request.time.known() || device.expires > t.request.time ||
                       !later_by(device.last.time, t.request.time, kInUse);
    if (valid && !device.push && (before == nullptr || before->registers < device.registers)) before = &device;
  }
  if (before != nullptr && !now.push && takeovers_.size() < kMaxEvents) {
    takeovers_.push_back({.home = index,
                          .before = *before,
                          .now = now,
                          .server = t.server.address,
                          .replaced = change.kind == Change::kReplaced || change.bindings <= 1,
                          .frame = t.request});
  }
  if (home.devices.size() < kMaxDevices) home.devices.push_back(std::move(now));
}

std::vector<std::uint32_t> AccessWatch::culprits(Casework& work, const IpAddress& source) {
  const Source* known = work.book.find(source);
  if (known == nullptr) return {};
  return {work.index_of(*known)};
}

void AccessWatch::conclude(Casework& work) {
  conclude_entries(work);
  conclude_replays(work);
  conclude_leaks(work);
  conclude_takeovers(work);
  conclude_removals(work);
}

// A source that scanned or enumerated, and then logs in without a single refusal.
void AccessWatch::conclude_entries(Casework& work) {
  for (std::uint32_t i = 0; i < work.book.sources().size(); ++i) {
    const Source& source = work.book.sources()[i];
    if (!source.suspect || source.registered == 0) continue;
    FrameRef since;
    std::size_t cause = 0;
    for (const std::size_t place : source.incidents) {
      const Incident& incident = work.findings.incidents.at(place);
      if (!looks_for_accounts(incident.kind)) continue;
      if (!since.known() || incident.first < since) {
        since = incident.first;
        cause = place;
      }
    }
    if (!since.known()) continue;
    bool at_home_before = false;
    std::vector<const Try*> entries;
    std::set<std::uint32_t> hostile_agents;
    for (const std::uint32_t index : source.tries) {
      const Try& one = work.book.tries()[index];
      if (one.claimed) hostile_agents.insert(one.agent);
      if (one.good == 0) continue;
      if (one.first_good < since) at_home_before = true;
      if (!one.claimed && one.bad == 0) entries.push_back(&one);
    }
    if (at_home_before || entries.empty()) continue;
    // Others behind the same address have logins of their own.
    if (entries.size() > kMostEntries &&
        std::ranges::any_of(entries, [&](const Try* one) { return !hostile_agents.contains(one->agent); })) {
      continue;
    }
    Incident incident;
    incident.kind = Kind::kAccountCompromise;
    for (const Try* one : entries) {
      incident.accounts.push_back(work.name_of(*one));
      if (!incident.first.known() || one->first_good < incident.first) incident.first = one->first_good;
      if (!incident.last.known() || incident.last < one->last_good) incident.last = one->last_good;
    }
    incident.attempts = incident.successes = entries.size();
    incident.messages = SourceBook::requests_between(source, incident.first.time, incident.last.time);
    incident.entity = "accounts " + listed(incident.accounts, 1000);
    incident.certain_attacker = true;
    incident.evidence =
        Casework::evidence(incident.first, incident.first, "decisive: the login that was accepted", incident.last);
    incident.explanation =
        "A source that had looked for accounts before logs in without a single refusal: it knew the password, or it "
        "was "
        "trivial.";
    incident.checks.push_back(fired(kSuccessAfterFailures, Severity::kCritical, Confidence::kProbable,
                                    fmt::format("{} logged in as {} after it had tried other users",
                                                source.address.to_string(), listed(incident.accounts))));
    const std::size_t place = work.raise(std::move(incident), {i});
    work.findings.incidents.link(cause, place);
  }
}

void AccessWatch::conclude_replays(Casework& work) {
  std::map<IpAddress, std::vector<const Replay*>> by_source;
  for (const Replay& replay : replays_) {
    if (const Source* source = work.book.find(replay.source); source != nullptr && work.roles.relay(replay.source)) {
      continue;
    }
    by_source[replay.source].push_back(&replay);
  }
  for (const auto& [address, list] : by_source) {
    Incident incident;
    incident.kind = Kind::kCredentialReplay;
    const Replay* decisive = list.front();
    for (const Replay* replay : list) {
      incident.accounts.push_back(replay->account);
      incident.targets.push_back(replay->server.to_string());
      if (!incident.first.known() || replay->frame < incident.first) incident.first = replay->frame;
      if (!incident.last.known() || incident.last < replay->frame) incident.last = replay->frame;
      if (replay->accepted) {
        ++incident.successes;
        if (!decisive->accepted) decisive = replay;
      }
    }
    incident.attempts = list.size();
    if (const Source* source = work.book.find(address)) {
      incident.messages = SourceBook::requests_between(*source, incident.first.time, incident.last.time);
    }
    incident.entity = "source " + address.to_string();
    incident.certain_attacker = decisive->other_source;
    incident.evidence = {{.frame = decisive->original, .note = "where the credentials were used first"},
                         {.frame = decisive->frame, .note = "decisive: the same digest response again"}};
    if (!(incident.last == decisive->frame)) incident.evidence.push_back({.frame = incident.last, .note = "last"});
    incident.explanation =
        "A digest response that somebody else sent before came again, with its nonce and nonce count. A device that "
        "changed its address would go on with its own Call-ID and counters.";
    incident.checks.push_back(fired(
        kCredentialReplayRule, incident.successes != 0 ? Severity::kHigh : Severity::kMedium, Confidence::kProbable,
        fmt::format("{} sent credentials of {} that were used before, {} of {} times with success", address.to_string(),
                    decisive->account, incident.successes, incident.attempts)));
    work.raise(std::move(incident), culprits(work, address));
  }
}

void AccessWatch::conclude_leaks(Casework& work) {
  std::map<IpAddress, std::vector<const Leak*>> by_asker;
  for (const Leak& leak : leaks_) {
    if (work.roles.registrar(leak.asker) || work.roles.relay(leak.asker) || work.site().peers.contains(leak.asker)) {
      continue;
    }
    // It asks for the same realm at the beginning of calls: its way.
    const Host* host = work.book.host(leak.asker);
    if (host != nullptr &&
        std::ranges::any_of(host->realms, [&](std::uint32_t realm) { return work.book.text(realm) == leak.realm; })) {
      continue;
    }
    by_asker[leak.asker].push_back(&leak);
  }
  for (const auto& [address, list] : by_asker) {
    Incident incident;
    incident.kind = Kind::kDigestLeak;
    FrameRef answered;
    for (const Leak* leak : list) {
      incident.targets.push_back(leak->phone.to_string());
      if (!incident.first.known() || leak->challenge < incident.first) incident.first = leak->challenge;
      const FrameRef& last = leak->answer.known() ? leak->answer : leak->challenge;
      if (!incident.last.known() || incident.last < last) incident.last = last;
      if (!leak->account.empty()) {
        incident.accounts.push_back(leak->account);
        ++incident.successes;
        if (!answered.known() || leak->answer < answered) answered = leak->answer;
      }
    }
    incident.attempts = list.size();
    if (const Source* source = work.book.find(address)) {
      incident.messages = source->requests;
      if (source->first < incident.first) incident.first = source->first;
    }
    incident.entity = "source " + address.to_string();
    incident.certain_attacker = true;
    incident.evidence = Casework::evidence(
        incident.first, answered.known() ? answered : list.front()->challenge,
        answered.known() ? "decisive: the phone sent credentials" : "decisive: challenge in mid-dialog", incident.last);
    incident.explanation =
        "It is neither registrar nor partner, and asks for a password in the middle of a call: the answer can be "
        "searched for the password offline. A proxy that challenges would do so when the call begins.";
    const bool success = incident.successes != 0;
    incident.checks.push_back(
        fired(kDigestLeakRule, success ? Severity::kCritical : Severity::kHigh, Confidence::kProbable,
              fmt::format("{} challenged a request within a call{}", address.to_string(),
                          success ? "; the phone answered with credentials of " + listed(incident.accounts) : "")));
    auto who = culprits(work, address);
    if (who.empty()) incident.sources.push_back(address);
    work.raise(std::move(incident), who);
  }
}

void AccessWatch::conclude_removals(Casework& work) {
  for (Removal& late : late_removals_) {
    const auto same = [&](const Removal& one) { return one.frame == late.frame && one.home == late.home; };
    if (std::ranges::none_of(removals_, same) && removals_.size() < kMaxEvents) removals_.push_back(std::move(late));
  }
  late_removals_.clear();
  std::map<IpAddress, std::vector<const Removal*>> by_source;
  for (const Removal& removal : removals_) {
    if (work.site().own(removal.source)) continue;
    const Source* source = work.book.find(removal.source);
    const Home& home = homes_[removal.home];
    bool settles = false;  // registers for itself right after: a device that starts anew at another address
    for (const Device& device : home.devices) {
      settles |= device.source == removal.source && device.registers != 0 &&
                 seconds_between(removal.frame.time, device.last.time) >= 0 &&
                 seconds_between(removal.frame.time, device.first.time) <= 60;
    }
    const bool same = same_device(removal.agent, removal.owner_agent);
    if (settles && same && (source == nullptr || !source->suspect)) continue;
    by_source[removal.source].push_back(&removal);
  }
  for (const auto& [address, list] : by_source) {
    Incident incident;
    incident.kind = Kind::kDeregistration;
    for (const Removal* one : list) {
      const Home& home = homes_[one->home];
      incident.accounts.push_back(home.aor.substr(0, home.aor.find('@')));
      incident.targets.push_back(one->server.to_string());
      if (!incident.first.known() || one->frame < incident.first) incident.first = one->frame;
      if (!incident.last.known() || incident.last < one->frame) incident.last = one->frame;
    }
    std::ranges::sort(incident.accounts);
    incident.accounts.erase(std::unique(incident.accounts.begin(), incident.accounts.end()), incident.accounts.end());
    incident.attempts = incident.successes = list.size();
    const Source* source = work.book.find(address);
    if (source != nullptr) {
      incident.messages = SourceBook::requests_between(*source, incident.first.time, incident.last.time);
    }
    incident.entity = "source " + address.to_string();
    incident.certain_attacker = true;
    incident.evidence = {{.frame = list.front()->set, .note = "the owner's registration"},
                         {.frame = list.front()->frame, .note = "decisive: the registration is removed"}};
    if (!(incident.last == list.front()->frame)) incident.evidence.push_back({.frame = incident.last, .note = "last"});
    incident.explanation =
        "A source that never made these registrations removes them: calls no longer reach the phones. A phone that "
        "starts anew would come from its own network, or register again at once.";
    incident.checks.push_back(fired(kDeregistrationRule, Severity::kHigh, Confidence::kProbable,
                                    fmt::format("{} removed the registration of {}, made from {}", address.to_string(),
                                                listed(incident.accounts), list.front()->owner.to_string())));
    work.raise(std::move(incident), culprits(work, address));
  }
}

}  // namespace voip::analyze::fraud
