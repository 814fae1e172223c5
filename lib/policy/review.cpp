#include "policy/review.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"
#include "policy/keys.h"
#include "report/fingerprint.h"

namespace voip::policy {

namespace {

const report::Rule* find_rule(std::span<const report::Rule* const> rules, std::string_view name) {
  const auto found = std::ranges::find_if(
      rules, [&](const report::Rule* rule) { return iequals(rule->id, name) || iequals(rule->name, name); });
  return found == rules.end() ? nullptr : *found;
}

// "192.0.2.1", "192.0.2.1:5060", "[2001:db8::1]:5060", "2001:db8::1".
std::optional<IpAddress> address_in(std::string_view text) {
  if (const auto plain = IpAddress::parse(text)) return plain;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return IpAddress::parse(text.substr(0, colon));
}

// The digits of what looks like a number: "+1 (212) 555-0100", "sip:+12125550100@example.com". Empty for anything else.
std::string digits_in(std::string_view text) {
  for (const std::string_view scheme : {"sip:", "sips:", "tel:"}) {
    if (istarts_with(text, scheme)) text.remove_prefix(scheme.size());
  }
  text = text.substr(0, text.find_first_of("@;"));
  std::string digits;
  for (const char c : text) {
    if (is_digit(c)) {
      digits += c;
    } else if (c != '+' && c != ' ' && c != '-' && c != '(' && c != ')') {
      return {};
    }
  }
  return digits;
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view text) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) { return matches(pattern, text); });
}

}  // namespace

bool matches(std::string_view pattern, std::string_view text) {
  // Goes back to the last star only: no more than pattern times text steps.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Reviewer::Reviewer(const Policy& policy, std::span<const report::Rule* const> rules,
                   std::function<std::string(std::uint32_t)> path_of, Timestamp at)
    : policy_(policy), path_of_(std::move(path_of)), at_(at) {
  for (const Suppression& suppression : policy.suppressions) {
    Entry entry;
    entry.what = &suppression;
    for (const std::string& name : suppression.checks) {
      if (name == "*") entry.all = true;
      if (const report::Rule* rule = find_rule(rules, name)) entry.rules.push_back(rule);
    }
    if (entry.all || !entry.rules.empty()) entries_.push_back(std::move(entry));
  }
  for (const Override& change : policy.severities) {
    if (const report::Rule* rule = find_rule(rules, change.check)) severities_.emplace_back(rule, change.severity);
  }
}

bool Reviewer::in_scope(const Suppression& entry, const report::Finding& finding) const {
  const auto any_subject = [&](auto&& fits) {
    return std::ranges::any_of(finding.subject, [&](const auto& item) { return fits(item.first, item.second); });
  };
  if (!entry.calls.empty() && !any_matches(entry.calls, finding.call_id)) return false;
  if (!entry.accounts.empty() && !any_subject([&](const std::string& name, const std::string& text) {
        return (name == "account" || name == "user") && any_matches(entry.accounts, text);
      })) {
    return false;
  }
  if (!entry.addresses.empty() && !any_subject([&](const std::string&, const std::string& text) {
        const auto address = address_in(text);
        return address && entry.addresses.contains(*address);
      })) {
    return false;
  }
  if (!entry.numbers.empty() && !any_subject([&](const std::string& name, const std::string& text) {
        if (name == "call_id" || address_in(text)) return false;
        const std::string digits = digits_in(text);
        return std::ranges::any_of(entry.numbers,
                                   [&](const std::string& prefix) { return digits.starts_with(prefix); });
      })) {
    return false;
  }
  if (!entry.fingerprints.empty() && !any_matches(entry.fingerprints, report::fingerprint(finding))) return false;
  return entry.inputs.empty() || std::ranges::all_of(finding.evidence, [&](const report::Evidence& evidence) {
           return any_matches(entry.inputs, path_of_(evidence.frame.input));
         });
}

void Reviewer::review(report::Finding& finding) {
  for (const auto& [rule, severity] : severities_) {
    if (rule->id == finding.rule->id) finding.severity = severity;
  }
  const Timestamp time = at_.known()                ? at_
                         : finding.evidence.empty() ? Timestamp{}
                                                    : finding.evidence.front().frame.time;
  for (Entry& entry : entries_) {
    const bool named = entry.all || std::ranges::any_of(entry.rules, [&](const report::Rule* rule) {
                         return rule->id == finding.rule->id;
                       });
    if (!named || !in_scope(*entry.what, finding)) continue;
    if (entry.what->expires.known() && time.known() && time >= entry.what->expires) {
      ++entry.expired;
      continue;
    }
    ++entry.matched;
    if (finding.status == report::FindingStatus::kSuppressed) continue;
    finding.status = report::FindingStatus::kSuppressed;
    finding.status_reason = entry.what->reason;
  }
  if (finding.status == report::FindingStatus::kNew && !baseline_.empty() &&
      baseline_.contains(report::fingerprint(finding))) {
    finding.status = report::FindingStatus::kBaselined;
  }
}

std::optional<report::AppliedPolicy> Reviewer::applied() const {
  if (policy_.path.empty()) return std::nullopt;
  report::AppliedPolicy applied;
  applied.path = policy_.path;
  Policy defaults;
  Policy given = policy_;
  for (const Key& key : keys()) {
    const std::string before = to_toml(key.place(defaults));
    const std::string after = to_toml(key.place(given));
    if (before != after) applied.changed.push_back({std::string{key.name}, after, before});
  }
  for (const auto& [rule, severity] : severities_) {
    applied.changed.push_back({fmt::format("severity.{}", rule->id), std::string{report::to_string(severity)},
                               std::string{report::to_string(rule->severity)}});
  }
  for (const Entry& entry : entries_) {
    applied.suppressions.push_back(
        {entry.what->line, entry.what->checks, entry.what->reason, entry.what->expires, entry.matched, entry.expired});
  }
  return applied;
}

}  // namespace voip::policy
