#include "analyze/timeline/registration_book.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "analyze/timeline/record.h"

namespace voip::analyze::timeline {

namespace {

using session::Binding;
using session::RegistrationChange;
using session::Transaction;

constexpr std::size_t kMostAccounts = 1U << 17;
constexpr std::size_t kMostHops = 1U << 16;
constexpr std::int64_t kEchoNs = 2 * kNsPerSecond;

std::string_view account_of(const Transaction& t) {
  const std::string_view user = session::user_of(t.to_uri);
  return user.empty() ? t.account() : user;
}

std::string_view user_in(const std::string& aor) { return std::string_view{aor}.substr(0, aor.find('@')); }

std::string place_of(const Binding& binding) {
  std::string text = binding.contact;
  if (binding.source.port() != 0) text += fmt::format(" (sent from {})", binding.source.to_string());
  return text;
}

}  // namespace

void RegistrationBook::on_first_hop(std::string_view call_id, std::uint32_t cseq, std::string_view credentials,
                                    Timestamp time) {
  if (first_hops_.size() >= kMostHops) {
    std::swap(first_hops_, older_hops_);
    first_hops_.clear();
  }
  const TextKey request = text_key(call_id, std::to_string(cseq));
  first_hops_.at_or_new(request);
  if (credentials.empty()) return;
  if (logins_.size() >= kMostHops) logins_.clear();
  if (echoes_.size() >= kMostHops) echoes_.clear();
  bool made = false;
  Login& login = logins_.at_or_new(text_key(credentials), &made);
  const TextKey call = text_key(call_id);
  // Without qop a phone sends the same credentials with each refresh, of the same Call-ID or much later.
  if (!made && login.call != call && std::abs(time.ns - login.time.ns) <= kEchoNs) {
    echoes_.at_or_new(request);
  } else {
    login = {call, time};
  }
}

bool RegistrationBook::passed_on(const Transaction& t) const {
  const TextKey key = text_key(t.call_id, std::to_string(t.cseq));
  if (echoes_.find(key) != nullptr) return true;
  if (t.vias < 2) return false;
  return first_hops_.find(key) != nullptr || older_hops_.find(key) != nullptr;
}

void RegistrationBook::on_transaction(const Transaction& t) {
  if (t.method != sip::Method::kRegister || passed_on(t)) return;
  if (t.success()) {
    ++accepted_;
    if (accounts_.size() < kMostAccounts) accounts_.at_or_new(text_key(account_of(t)));
    return;
  }
  // The first REGISTER without credentials is answered by a challenge: that is how it works.
  if (t.challenged() && (t.credentials.empty() || t.stale())) return;
  if (t.status != 0 && t.status < 400) return;
  ++refused_;
  std::string text;
  const std::string_view account = account_of(t);
  if (t.login_failed()) {
    text = fmt::format("registration of {} refused, wrong credentials ({})", account, t.status);
    if (!t.account().empty() && t.account() != account) text += fmt::format(", logged in as {}", t.account());
  } else if (t.status == 0) {
    text = fmt::format("registration of {} got no answer", account);
  } else {
    text = fmt::format("registration of {} refused: {}", account, status_text(t.status));
  }
  log_.add({.kind = EventKind::kRegisterFailed,
            .first = t.final.known() ? t.final : t.request,
            .actor = t.client.address,
            .subject = names_.id(account),
            .text = std::move(text)});
}

bool RegistrationBook::told_before(const RegistrationChange& change) {
  if (told_.size() > kMostAccounts) told_.clear();
  bool made = false;
  const std::string kind = std::to_string(static_cast<int>(change.kind));
  std::int64_t& at = told_.at_or_new(text_key(*change.aor, change.binding.contact, kind), &made);
  const std::int64_t now = change.time.known() ? change.time.ns : 0;
  const bool echo = !made && now - at <= kEchoNs && now >= at;
  at = now;
  return echo;
}

void RegistrationBook::on_registration(const RegistrationChange& change) {
  using Kind = RegistrationChange::Kind;
  if (change.transaction != nullptr && passed_on(*change.transaction)) return;
  const std::string_view account = user_in(*change.aor);
  const Binding& binding = change.binding;
  const Binding& previous = change.previous;
  EventKind kind = EventKind::kRegisterOk;
  std::string text;
  switch (change.kind) {
    case Kind::kAdded:
      text = fmt::format("{} registered {}", account, place_of(binding));
      if (change.bindings > 1) text += fmt::format(", beside {} other contacts", change.bindings - 1);
      break;
    case Kind::kRevealed: text = fmt::format("{} was registered before: {}", account, binding.contact); break;
    case Kind::kRefreshed:
      if (previous.source.port() == 0 || binding.source.address == previous.source.address) return;
      text = fmt::format("{} refreshed {}, before from {}", account, place_of(binding),
                         previous.source.address.to_string());
      break;
    case Kind::kReplaced:
      text = fmt::format("{} moved to {}, before {}", account, place_of(binding), place_of(previous));
      break;
    case Kind::kRemoved:
      kind = EventKind::kUnregister;
      text = fmt::format("{} unregistered {}", account, binding.contact);
      break;
    case Kind::kExpired:
      kind = EventKind::kUnregister;
      text = fmt::format("registration of {} at {} ran out", account, binding.contact);
      break;
  }
  if (told_before(change)) return;
  if (!binding.user_agent.empty() && kind == EventKind::kRegisterOk) text += fmt::format(", {}", binding.user_agent);
  FrameRef frame = change.frame;
  // What ran out did so long after its last packet.
  if (change.kind == Kind::kExpired && change.time.known()) frame.time = change.time;
  log_.add({.kind = kind,
            .first = frame,
            .actor = change.kind == Kind::kExpired ? IpAddress{} : binding.source.address,
            .subject = names_.id(account),
            .text = std::move(text)});
}

}  // namespace voip::analyze::timeline
