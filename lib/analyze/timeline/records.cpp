#include "analyze/timeline/records.h"

#include "proto/sip/fields.h"

namespace voip::analyze::timeline {

std::uint32_t Names::id(std::string_view text) {
  if (text.empty()) return 0;
  bool made = false;
  std::uint32_t& at = ids_.at_or_new(text_key(text), &made);
  if (made) {
    at = static_cast<std::uint32_t>(texts_.size());
    texts_.push_back(pool_.keep(text));
  }
  return at;
}

std::string_view to_string(Media media) {
  switch (media) {
    case Media::kNotCaptured: return "not-captured";
    case Media::kNone: return "none";
    case Media::kOneWay: return "one-way";
    case Media::kTwoWay: return "two-way";
  }
  return "";
}

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::kScan: return "scan";
    case EventKind::kProbe: return "probe";
    case EventKind::kChallenge: return "challenge";
    case EventKind::kRegister: return "register";
    case EventKind::kRegisterFailed: return "register-failed";
    case EventKind::kRegisterOk: return "register-ok";
    case EventKind::kUnregister: return "unregister";
    case EventKind::kGuessing: return "guessing";
    case EventKind::kFraud: return "fraud";
    case EventKind::kCompromise: return "compromise";
    case EventKind::kTakeover: return "takeover";
    case EventKind::kCallStart: return "call-start";
    case EventKind::kCallAnswer: return "call-answer";
    case EventKind::kCallChange: return "call-change";
    case EventKind::kMedia: return "media";
    case EventKind::kTransfer: return "transfer";
    case EventKind::kMessage: return "message";
    case EventKind::kCallEnd: return "call-end";
    case EventKind::kCallFailed: return "call-failed";
    case EventKind::kLockout: return "lockout";
    case EventKind::kReturn: return "return";
    case EventKind::kAnomaly: return "anomaly";
    case EventKind::kGap: return "gap";
  }
  return "";
}

std::string_view user_of(std::string_view uri) {
  const auto parsed = sip::parse_uri(uri);
  return parsed ? parsed->user : std::string_view{};
}

}  // namespace voip::analyze::timeline
