#include <algorithm>

#include "analyze/fraud/sources.h"
#include "analyze/fraud/stable_key.h"
#include "base/text.h"

// Requests at the end of the inputs, whose answers come with the next run's: --state.
namespace voip::analyze::fraud {

using session::Transaction;
using sip::Method;

namespace {

constexpr std::size_t kMaxPending = 4096;

}  // namespace

TextKey SourceBook::open_key(std::string_view call_id, std::uint32_t cseq, std::string_view method) {
  return stable_key(call_id, std::to_string(cseq), method);
}

void SourceBook::keep_open(const Source& source, const Transaction& t, const Try& attempt) {
  if (pending_.size() >= kMaxPending) pending_.erase(pending_.begin(), pending_.begin() + kMaxPending / 2);
  pending_.push_back({.key = open_key(t.call_id, t.cseq, t.method_text),
                      .ns = t.request.time.ns,
                      .source = source.address,
                      .user = texts_.text(attempt.user),
                      .method = t.method,
                      .login = t.login() != nullptr});
}

void SourceBook::count_answer(Try& attempt, unsigned status, bool known) {
  if (known || status == 480 || status == 486 || status == 600 || status == 603) {
    ++attempt.exists;
  } else if (status == 404 || status == 604 || status == 410) {
    ++attempt.no_such_user;
  } else if (status == 403) {
    ++attempt.forbidden;
  } else if (status >= 400 && status < 500) {
    ++attempt.other_refusals;  // a server's own trouble (5xx) says nothing of the user
  }
}

Outcome SourceBook::judge_late_login(const dissect::SipEvent& event, Method method, Source& source, Try& one) {
  const unsigned status = event.message->status;
  const bool challenged = status == 401 || status == 407;
  const bool missing = status == 404 || status == 604;
  const bool of_register = method == Method::kRegister;
  if (status < 300) {
    if (one.good++ == 0) one.first_good = event.frame;
    one.last_good = event.frame;
    if (of_register && one.good_registers++ == 0) ++source.registered;
    return Outcome::kGoodLogin;
  }
  if (challenged && as_text(event.raw).find("stale=true") != std::string_view::npos) return Outcome::kChallenge;
  if (!challenged && !(of_register && (status == 403 || missing))) return Outcome::kOther;
  if (one.bad++ == 0) {
    one.first_bad = event.frame;
    one.first_step = one.last_ask;
  }
  one.last_bad = event.frame;
  if (missing) ++one.no_such_user;
  return Outcome::kBadLogin;
}

void SourceBook::answer_late(const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  const std::string_view call_id = message.call_id.substr(0, 256);
  const auto waiting = open_.find(open_key(call_id, message.cseq_number, message.method_text));
  Open* open = waiting == open_.end() ? nullptr : &waiting->second;
  // A request that came again in these inputs is judged with them.
  if (open == nullptr || open->ns == 0 ||
      paths_.find(path_key(call_id, message.cseq_number, message.method_text)) != nullptr) {
    return;
  }
  const std::int64_t asked_ns = open->ns;
  open->ns = 0;
  Source* source = find(open->source);
  const std::uint32_t* at =
      source == nullptr
          ? nullptr
          : try_index_.find(PairKey{static_cast<std::uint64_t>(source - sources_.data()), text_key(open->user)});
  if (at == nullptr) return;
  Try& one = tries_[*at];
  const unsigned status = message.status;
  const bool challenged = status == 401 || status == 407;
  Outcome outcome = Outcome::kOther;
  if (open->login) {
    outcome = judge_late_login(event, open->method, *source, one);
  } else {
    outcome = challenged ? Outcome::kChallenge : status < 300 ? Outcome::kPassed : Outcome::kRefused;
    count_answer(one, status, challenged || status < 300);
    if (outcome == Outcome::kPassed && !one.first_passed.known()) one.first_passed = event.frame;
  }
  ++source->answered;
  ++source->outcomes[static_cast<std::size_t>(outcome)];
  std::uint64_t& silent = source->outcomes[static_cast<std::size_t>(Outcome::kSilent)];
  silent -= std::min<std::uint64_t>(silent, 1);
  for (Stamp& stamp : source->stamps) {
    if (stamp.ns != asked_ns || stamp.attempt != *at) continue;
    stamp.outcome = outcome;
    stamp.answered = true;
    break;
  }
}

}  // namespace voip::analyze::fraud
