#include "analyze/stir/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analyze/stir/rules.h"

namespace voip::analyze::stir {

using namespace rules;  // NOLINT: constants of this room

namespace {

using report::Verdict;

constexpr std::size_t kMaxGathered = 20'000;

// Facts about a certificate, its URL or its signer's habits.
bool gathers(const report::Rule& rule) {
  constexpr std::array<const report::Rule*, 15> kOnce{
      &kBadX5u,     &kNotCanonical, &kDate,    &kCertificateMissing, &kCertificateKey, &kUntrusted,       &kExpired,
      &kTnAuthList, &kPolicy,       &kSubject, &kRevocation,         &kUsageBits,      &kTestCertificate, &kTyp,
      &kBadOrigid};
  return std::ranges::find(kOnce, &rule) != kOnce.end();
}

// Which named check a rule speaks for, so that its silence can be counted as a pass or as not assessable.
struct Speaks {
  const report::Rule* rule;
  Check check;
};
constexpr std::array kSpeaks{
    Speaks{&kBadSyntax, Check::kSyntax},
    Speaks{&kInfoMismatch, Check::kInfo},
    Speaks{&kAlgorithm, Check::kAlgorithm},
    Speaks{&kPptMismatch, Check::kPpt},
    Speaks{&kTyp, Check::kAlgorithm},
    Speaks{&kBadX5u, Check::kInfo},
    Speaks{&kNotCanonical, Check::kClaims},
    Speaks{&kClaimMissing, Check::kClaims},
    Speaks{&kBadAttest, Check::kAttest},
    Speaks{&kBadOrigid, Check::kOrigid},
    Speaks{&kStale, Check::kFreshness},
    Speaks{&kFuture, Check::kFreshness},
    Speaks{&kDate, Check::kFreshness},
    Speaks{&kSignedOutside, Check::kValidity},
    Speaks{&kOrigMismatch, Check::kOrig},
    Speaks{&kDestMismatch, Check::kDest},
    Speaks{&kNumberForm, Check::kClaims},
    Speaks{&kBadSignature, Check::kSignature},
    Speaks{&kSignatureEncoding, Check::kSignature},
    Speaks{&kCertificateMissing, Check::kCertificate},
    Speaks{&kCertificateKey, Check::kCertificate},
    Speaks{&kUntrusted, Check::kChain},
    Speaks{&kExpired, Check::kValidity},
    Speaks{&kTnAuthList, Check::kTnAuthList},
    Speaks{&kPolicy, Check::kPolicy},
    Speaks{&kSubject, Check::kCertificate},
    Speaks{&kRevocation, Check::kRevocation},
    Speaks{&kUsageBits, Check::kCertificate},
    Speaks{&kDelegate, Check::kTnAuthList},
    Speaks{&kDivChain, Check::kDiv},
    Speaks{&kDivAlone, Check::kDiv},
    Speaks{&kRcd, Check::kRcd},
    Speaks{&kRph, Check::kRph},
    Speaks{&kSph, Check::kRph},
    Speaks{&kMky, Check::kMky},
    Speaks{&kUriNumber, Check::kClaims},
    Speaks{&kTestCertificate, Check::kInfo},
};

Verdict silence(Outcome outcome) {
  switch (outcome) {
    case Outcome::kNotApplicable: return Verdict::kNotApplicable;
    case Outcome::kUnknown: return Verdict::kNotAssessable;
    default: return Verdict::kPass;
  }
}

}  // namespace

void Findings::add(const report::Rule& rule, std::string message, const CallRecord* call, std::string entity,
                   std::vector<report::Evidence> evidence, std::optional<report::Severity> severity,
                   report::Confidence confidence) {
  tally(rule, Verdict::kFail);
  tell(rule, std::move(message), call, std::move(entity), std::move(evidence), severity, confidence);
}

void Findings::tell(const report::Rule& rule, std::string message, const CallRecord* call, std::string entity,
                    std::vector<report::Evidence> evidence, std::optional<report::Severity> severity,
                    report::Confidence confidence) {
  std::erase_if(evidence, [](const report::Evidence& one) { return !one.frame.known(); });
  if (evidence.empty()) return;
  report::Finding finding;
  finding.rule = &rule;
  finding.severity = severity.value_or(rule.severity);
  finding.confidence = confidence;
  finding.message = std::move(message);
  finding.entity = std::move(entity);
  finding.evidence = std::move(evidence);
  if (call != nullptr) {
    finding.call_id = call->call_id.value_or("");
    if (call->src.port() != 0) finding.subject.emplace_back("source", call->src.to_string());
    if (!call->from.empty()) finding.subject.emplace_back("caller", call->from);
    if (!call->to.empty()) finding.subject.emplace_back("callee", call->to);
  }
  sink_.add(std::move(finding));
}

void Findings::take(const CallRecord& call, IdentityRecord& identity, std::size_t index) {
  for (const Speaks& speaks : kSpeaks) {
    const bool fired = std::ranges::any_of(identity.notes, [&](const Note& note) { return note.rule == speaks.rule; });
    tally(*speaks.rule, fired ? Verdict::kFail : silence(identity[speaks.check].outcome));
  }
  const bool extended =
      std::ranges::any_of(identity.notes, [](const Note& note) { return note.rule == &kCompactExtension; });
  tally(kCompactExtension, extended                                    ? Verdict::kFail
                           : identity.form == passport::Form::kCompact ? Verdict::kPass
                                                                       : Verdict::kNotApplicable);
  std::size_t number = 0;
  for (Note& note : identity.notes) {
    if (gathers(*note.rule) && gathered_.size() < kMaxGathered) {
      Gathered& one = gathered_[{note.rule->id, note.text}];
      if (one.calls++ == 0) {
        one.note = note;
        one.frame = identity.frame;
        one.call_id = call.call_id.value_or("");
      }
      continue;
    }
    const std::string& who = identity.signer_number.empty() ? identity.orig.text() : identity.signer_number;
    std::string message = std::move(note.text);
    if (!message.empty() && !who.empty() && note.rule != &kOrigMismatch) {
      message += fmt::format(" (call from {})", who.substr(0, 40));
    }
    tell(*note.rule, std::move(message), &call,
         fmt::format("{}/{}/{}", call.call_id.value_or("token"), index, number++),
         {{.frame = identity.frame, .note = "Identity"}}, note.severity, note.confidence);
  }
  identity.notes.clear();
  identity.notes.shrink_to_fit();
}

void Findings::flush() {
  for (auto& [key, one] : gathered_) {
    std::string message = one.note.text;
    if (one.calls > 1) message += fmt::format(" ({} calls)", one.calls);
    report::Finding finding;
    finding.rule = one.note.rule;
    finding.severity = one.note.severity.value_or(one.note.rule->severity);
    finding.confidence = one.note.confidence;
    finding.message = std::move(message);
    finding.call_id = one.calls == 1 ? one.call_id : std::string{};
    finding.entity = key.second;
    finding.evidence = {{.frame = one.frame, .note = "Identity"}};
    sink_.add(std::move(finding));
  }
  gathered_.clear();
}

}  // namespace voip::analyze::stir
