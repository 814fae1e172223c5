#include "analyze/srtp/findings.h"

namespace voip::analyze::srtp {

// Both ends on the site's own trusted networks: one level less.
bool Findings::internal(const std::vector<std::pair<std::string, std::string>>& subject) const {
  std::size_t inside = 0;
  for (const auto& [name, value] : subject) {
    if (name != "source" && name != "destination") continue;
    const auto address = IpAddress::parse(std::string_view(value).substr(0, value.rfind(':')));
    if (!address || !options_.internal(*address)) return false;
    ++inside;
  }
  return inside == 2;
}

void Findings::add(const Rule& rule, std::string message, const session::Call* call, std::string entity,
                   std::vector<report::Evidence> evidence, std::vector<std::pair<std::string, std::string>> subject,
                   std::optional<Severity> severity, report::Confidence confidence) {
  std::erase_if(evidence, [](const report::Evidence& e) { return !e.frame.known(); });
  if (evidence.empty()) return;
  Severity level = severity.value_or(rule.severity);
  if (options_.internal && level > Severity::kLow && internal(subject))
    level = static_cast<Severity>(static_cast<int>(level) - 1);
  sink_.add({.rule = &rule,
             .severity = level,
             .confidence = confidence,
             .message = std::move(message),
             .call_id = call != nullptr ? call->call_id : std::string(),
             .subject = std::move(subject),
             .entity = std::move(entity),
             .evidence = std::move(evidence),
             .status_reason = {}});
}

}  // namespace voip::analyze::srtp
