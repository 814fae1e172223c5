#include "analyze/fraud/toll_notes.h"

#include <algorithm>

#include "proto/sip/fields.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::size_t kMaxReferrals = 65536;
constexpr std::size_t kMaxSenders = 65536;
constexpr std::size_t kMaxSent = 4096;  // remembered of one sender
constexpr std::size_t kMaxText = 128;

std::string cut(std::string_view text) { return std::string(text.substr(0, kMaxText)); }

}  // namespace

void TollNotes::on_transaction(const session::Transaction& t) {
  using sip::Method;
  const bool redirected = t.method == Method::kInvite && t.status >= 300 && t.status < 400;
  if (t.method == Method::kRefer || redirected) {
    if (referrals_.size() >= kMaxReferrals) {
      ++dropped_;
      return;
    }
    Referral referral;
    referral.request = t.request;
    referral.final = t.final;
    referral.asker = redirected ? t.server.address : t.client.address;
    referral.asked = redirected ? t.client.address : t.server.address;
    referral.call_id = cut(t.call_id);
    if (redirected) {
      if (!t.answer_contacts.empty()) referral.target = cut(session::user_of(t.answer_contacts.front().uri));
    } else {
      const auto address = sip::parse_name_addr(t.refer_to);
      referral.target = cut(session::user_of(address ? address->uri : t.refer_to));
    }
    referral.referred_by = cut(t.referred_by);
    referral.account = cut(t.account());
    referral.status = t.status;
    referral.redirect = redirected;
    referral.in_dialog = t.in_dialog;
    referrals_.push_back(std::move(referral));
    return;
  }
  if (t.method != Method::kMessage || t.vias > 1) return;
  if (senders_.size() >= kMaxSenders && !senders_.contains(t.client.address)) {
    ++dropped_;
    return;
  }
  MessageSender& sender = senders_[t.client.address];
  if (!sender.first.known() || t.request < sender.first) sender.first = t.request;
  if (!sender.last.known() || sender.last < t.request) sender.last = t.request;
  ++sender.messages;
  if (!t.credentials.empty() && !t.login_failed()) ++sender.authenticated;
  if (t.success()) {
    ++sender.accepted;
    if (!sender.first_accepted.known()) sender.first_accepted = t.request;
  }
  if (sender.sent.size() < kMaxSent) sender.sent.emplace_back(t.request.time, cut(session::user_of(t.to_uri)));
  if (sender.targets.size() < 64 && std::ranges::find(sender.targets, t.server.address) == sender.targets.end())
    sender.targets.push_back(t.server.address);
}

}  // namespace voip::analyze::fraud
