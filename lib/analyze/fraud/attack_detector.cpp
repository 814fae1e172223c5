#include "analyze/fraud/attack_detector.h"

#include <algorithm>

#include "analyze/fraud/access.h"
#include "analyze/fraud/casework.h"
#include "analyze/fraud/flood.h"
#include "analyze/fraud/knocks.h"
#include "analyze/fraud/malformed.h"
#include "analyze/fraud/media_watch.h"
#include "analyze/fraud/places.h"
#include "proto/sip/fields.h"

namespace voip::analyze::fraud {

struct AttackDetector::Impl {
  explicit Impl(const Limits& caps)
      : access(caps.calls), malformed(caps.calls), knocks(caps.calls), media(caps.calls) {}

  SourceBook book;
  AccessWatch access;
  MalformedWatch malformed;
  KnockWatch knocks;
  MediaWatch media;
  std::shared_ptr<const Places> places;
  Roles roles;

  void note_body_signs(const dissect::SipEvent& event);
  void tally(const Findings& findings) const;
};

AttackDetector::AttackDetector(const Site&, const Thresholds&, const Limits& caps, std::shared_ptr<const Places> places)
    : impl_(std::make_unique<Impl>(caps)) {
  impl_->places = std::move(places);
}
AttackDetector::~AttackDetector() = default;

const Roles& AttackDetector::roles() const { return impl_->roles; }

// Signs that only the message itself shows.
void AttackDetector::Impl::note_body_signs(const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  Signs signs = signs_of_blanks(as_text(event.raw), message.from, message.to);
  // The programs whose SDP tells them leave out the magic cookie; looking through every SDP would cost too much.
  if (message.method == sip::Method::kInvite && !message.body.empty() &&
      message.via.find("branch=z9hG4bK") == std::string_view::npos) {
    signs.add(signs_of_sdp(message.body));
  }
  if (signs.empty()) return;
  // The source comes to be known when its first transaction is told.
  Source* source = book.find(event.src.address);
  if (source == nullptr) return;
  if (source->signs.empty()) source->sign_frame = event.frame;
  source->signs.add(signs);
}

void AttackDetector::on_message(const dissect::SipEvent& event, const session::Call*) {
  impl_->book.on_message(event);
  impl_->malformed.on_message(event);
  impl_->knocks.on_message(event);
  if (event.message->is_request) {
    impl_->note_body_signs(event);
  } else if (event.message->status >= 200 && !impl_->book.knows(*event.message)) {
    impl_->malformed.on_stray_answer(event);
  }
}

void AttackDetector::on_transaction(const session::Transaction& t) {
  Outcome outcome = Outcome::kOther;
  impl_->book.on_transaction(t, outcome);
  impl_->access.on_transaction(t, impl_->book);
  impl_->malformed.on_transaction(t);
}

void AttackDetector::on_registration(const session::RegistrationChange& change) {
  impl_->access.on_registration(change, impl_->book);
}
void AttackDetector::on_rtp(session::MediaStream& stream, const dissect::MediaEvent&) { impl_->media.on_rtp(stream); }
void AttackDetector::on_tls(const dissect::TlsFlow& flow) { impl_->knocks.on_tls(flow); }
void AttackDetector::on_other_stream(const dissect::OtherStream& stream) { impl_->knocks.on_other_stream(stream); }
void AttackDetector::on_call_end(session::Call& call) { impl_->media.on_call_end(call); }
void AttackDetector::on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>&) {
  impl_->media.on_orphan_end(stream);
}

void AttackDetector::conclude(Findings& findings) {
  Impl& impl = *impl_;
  impl.book.settle();
  impl.roles = Roles(impl.book, findings.site, findings.calls);
  Casework work{.book = impl.book, .roles = impl.roles, .findings = findings};
  conclude_guessing(work);
  conclude_recon(work);
  conclude_floods(work);
  conclude_distributed_floods(work);
  impl.access.conclude(work);
  impl.malformed.conclude(work);
  impl.media.conclude(work);
  if (impl.places != nullptr) conclude_travel(work, *impl.places);
  conclude_telephones(work);
  conclude_open_calls(work);
  conclude_tools(work);
  impl.knocks.conclude(work);
  impl.tally(findings);
}

void AttackDetector::save(StateSection& section) const {
  impl_->book.save(section);
  impl_->access.save(section);
  impl_->malformed.save(section);
  impl_->media.save(section);
}
void AttackDetector::load(const StateSection& section) {
  impl_->book.load(section);
  impl_->access.load(section);
  impl_->malformed.load(section);
  impl_->media.load(section);
}

std::map<std::string, std::uint64_t> AttackDetector::dropped() const {
  std::map<std::string, std::uint64_t> out;
  if (impl_->book.left_out() != 0) out["fraud-sources"] = impl_->book.left_out();
  return out;
}

// What was looked at without a finding. Subjects are sources; accounts for FRAUD-022, which needs a map of addresses;
// media senders for FRAUD-028.
void AttackDetector::Impl::tally(const Findings& findings) const {
  using report::Verdict;
  std::uint64_t strangers = 0;
  std::uint64_t trusted = 0;
  std::uint64_t accounts = 0;
  for (const Source& source : book.sources()) (roles.trusted(source) ? trusted : strangers)++;
  for (const Try& attempt : book.tries()) accounts += attempt.good != 0 ? 1U : 0U;
  for (const report::Rule* rule : kAttackRules) {
    if (rule == &kImpossibleTravel) {
      if (accounts != 0 && places == nullptr) findings.sink.tally(*rule, Verdict::kNotAssessable, accounts);
      continue;
    }
    if (rule == &kRtpFlood) {
      if (media.streams() != 0)
        findings.sink.tally(*rule, Verdict::kPass, media.streams() - std::min(media.streams(), media.odd()));
      continue;
    }
    std::uint64_t failing = 0;
    for (const Incident& incident : findings.incidents.all()) {
      for (const Fired& one : incident.checks) {
        if (one.rule == rule) failing += std::max<std::uint64_t>(1, incident.sources.size());
      }
    }
    if (strangers > failing) findings.sink.tally(*rule, Verdict::kPass, strangers - failing);
    if (trusted != 0) findings.sink.tally(*rule, Verdict::kNotApplicable, trusted);
  }
}

}  // namespace voip::analyze::fraud
