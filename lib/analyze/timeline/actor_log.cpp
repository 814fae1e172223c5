#include "analyze/timeline/actor_log.h"

#include <algorithm>

namespace voip::analyze::timeline {

namespace {

using session::Transaction;
using sip::Method;

constexpr std::size_t kMostRegistrations = 8;
constexpr std::size_t kMostEarlier = 16;
constexpr std::uint32_t kSilentAfter = 2;  // retransmissions without any answer: nobody listens
constexpr std::chrono::hours kLongPause{2};

std::string_view account_of(const Transaction& t) {
  if (const std::string_view name = t.account(); !name.empty()) return name.substr(0, name.find('@'));
  return session::user_of(t.method == Method::kRegister ? t.to_uri : t.from_uri);
}

}  // namespace

void ActorLog::on_success(Track& track, const Transaction& t) {
  const bool binds = t.method == Method::kRegister && !t.contacts.empty() && !t.contact_star && t.expires != 0;
  // A REGISTER that only asks, or that logs off, proves the password all the same.
  if (!track.first_success.known()) {
    track.first_success = t.request;
    track.without_login = t.method == Method::kRegister && t.credentials.empty();
  }
  const TextKey contact = binds ? text_key(t.contacts.front().address) : TextKey{};
  if (binds && track.registrations.size() < kMostRegistrations) {
    track.registrations.push_back(t.request);
    track.contacts.push_back(contact);
  }
  if (t.method == Method::kInvite && !track.first_call.known()) track.first_call = t.request;
  if (track.now.count != 0) {
    track.now.success_after = t.request;
    track.contact_after = contact;
    if (track.earlier.size() < kMostEarlier) track.earlier.push_back(track.now);
    track.now = {};
  } else if (!track.earlier.empty() && !track.earlier.back().used_after.known() &&
             (t.method == Method::kInvite || (binds && contact != track.contact_after))) {
    track.earlier.back().used_after = t.request;
  }
  track.last_success = t.request;
  ++track.successes;
}

void ActorLog::on_transaction(const Transaction& t) {
  const bool asks_who_is_there = t.method == Method::kOptions && !t.in_dialog;
  const bool counts =
      t.method == Method::kRegister || t.method == Method::kMessage || (t.method == Method::kInvite && !t.in_dialog);
  if ((!counts && !asks_who_is_there) || t.truncated) return;
  const std::string source = t.client.address.to_string();
  Arrival& arrival = arrivals_.get(text_key(source), t.request.time, [](const TextKey&, Arrival&) {});
  arrival.over |= counts;
  if (asks_who_is_there) {
    if (arrival.over) return;
    Approach& approach = arrival.approach;
    if (approach.count++ == 0 || t.request < approach.first) approach.first = t.request;
    approach.last = std::max(approach.last, t.request);
    return;
  }
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
  bool made = false;
  Track& track = tracks_.get(
      text_key(source, account), t.request.time, [](const TextKey&, Track&) {}, &made);
  if (made) {
    track.source = t.client.address;
    track.account = names_.id(account);
  }
  if (t.success()) {
    on_success(track, t);
    return;
  }
  if (!track.first_success.known()) {
    if (!silent && !barred) {
      if (track.failures++ == 0) track.first_failure = t.request;
    }
    return;
  }
  Refusals& now = track.now;
  if (now.count == 0) {
    now.first = t.request;
    now.status = t.status;
  } else if (later_by(now.last.time, t.request.time, kLongPause)) {
    now.before_pause = now.last;
    now.resumed = t.request;
    now.count_before_pause = now.count;
  }
  ++now.count;
  now.last = t.request;
}

std::vector<Track> ActorLog::finish() {
  std::vector<Track> list;
  tracks_.drain([&list](const TextKey&, Track& track) {
    if (track.first_success.known() || track.failures != 0) list.push_back(std::move(track));
  });
  for (Track& track : list) {
    const Arrival* arrival = arrivals_.find(text_key(track.source.to_string()));
    if (arrival != nullptr) track.approach = arrival->approach;
  }
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
