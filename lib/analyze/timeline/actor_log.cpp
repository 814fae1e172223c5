#include "analyze/timeline/actor_log.h"

#include <algorithm>

namespace voip::analyze::timeline {

namespace {

using session::Transaction;
using sip::Method;

constexpr std::size_t kMostRegistrations = 8;
constexpr std::size_t kMostEarlier = 16;
constexpr std::uint32_t kSilentAfter = 2;  // retransmissions without any answer: nobody listens

std::string_view account_of(const Transaction& t) {
  if (const std::string_view name = t.account(); !name.empty()) return name.substr(0, name.find('@'));
  return session::user_of(t.method == Method::kRegister ? t.to_uri : t.from_uri);
}

}  // namespace

void ActorLog::on_transaction(const Transaction& t) {
  const bool counts =
      t.method == Method::kRegister || t.method == Method::kMessage || (t.method == Method::kInvite && !t.in_dialog);
  if (!counts || t.truncated) return;
  // Of an account that was deleted or barred a REGISTER may be refused by any 4xx; 423 only asks for a longer time.
  const bool barred = t.method == Method::kRegister && t.status > 403 && t.status < 500 && !t.challenged() &&
                      t.status != 408 && t.status != 423;
  const bool refused = t.login_failed() || t.status == 403 || barred;
  const bool repeats = t.signalling == dissect::Signalling::kUdp;  // other transports don't
  const bool silent =
      t.status == 0 && !t.provisional.known() && (repeats ? t.retransmissions >= kSilentAfter : t.answers == 0);
  if (!t.success() && !refused && !silent) return;
  const std::string_view account = account_of(t).substr(0, 256);
  if (account.empty()) return;
  const std::string source = t.client.address.to_string();
  bool made = false;
  Track& track = tracks_.get(
      text_key(source, account), t.request.time, [](const TextKey&, Track&) {}, &made);
  if (made) {
    track.source = t.client.address;
    track.account = names_.id(account);
  }
  if (t.success()) {
    const bool binds = t.method == Method::kRegister && !t.contacts.empty() && !t.contact_star && t.expires != 0;
    // A REGISTER that only asks, or that logs off, proves the password all the same.
    if (!track.first_success.known()) {
      track.first_success = t.request;
      track.without_login = t.method == Method::kRegister && t.credentials.empty();
    }
    if (binds && track.registrations.size() < kMostRegistrations) {
      track.registrations.push_back(t.request);
      track.contacts.push_back(text_key(t.contacts.front().address));
    }
    if (t.method == Method::kInvite && !track.first_call.known()) track.first_call = t.request;
    if (track.now.count != 0) {
      track.now.success_after = t.request;
      if (track.earlier.size() < kMostEarlier) track.earlier.push_back(track.now);
      track.now = {};
    }
    track.last_success = t.request;
    ++track.successes;
    return;
  }
  if (!track.first_success.known()) {
    if (!silent && !barred) {
      if (track.failures++ == 0) track.first_failure = t.request;
    }
    return;
  }
  if (track.now.count++ == 0) {
    track.now.first = t.request;
    track.now.status = t.status;
  }
  track.now.last = t.request;
}

std::vector<Track> ActorLog::finish() {
  std::vector<Track> list;
  tracks_.drain([&list](const TextKey&, Track& track) {
    if (track.first_success.known() || track.failures != 0) list.push_back(std::move(track));
  });
  const auto when = [](const Track& t) { return t.first_success.known() ? t.first_success : t.first_failure; };
  std::ranges::sort(list, [&when, this](const Track& a, const Track& b) {
    const FrameRef x = when(a);
    const FrameRef y = when(b);
    if (x != y) return x < y;
    return names_.text(a.account) < names_.text(b.account);
  });
  return list;
}

}  // namespace voip::analyze::timeline
