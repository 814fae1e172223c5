#include "analyze/timeline/checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyze/timeline/rules.h"

namespace voip::analyze::timeline {

namespace {

using report::Confidence;
using report::Evidence;
using report::Finding;
using report::Rule;
using report::Severity;
using report::Verdict;

std::string list_of(const std::vector<std::string>& items, std::size_t most = 12) {
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < most; ++i) text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > most) text += fmt::format(" and {} more", items.size() - most);
  return text;
}

class Reporter {
 public:
  Reporter(const Story& story, const Campaign& campaign, report::Sink& sink)
      : story_(story), campaign_(campaign), sink_(sink) {
    entity_ = campaign.taken_account.empty() && !campaign.actors.empty() ? campaign.actors.front().to_string()
                                                                         : campaign.taken_account;
  }

  void add(const Rule& rule, std::string message, std::vector<Evidence> evidence,
           std::optional<Severity> severity = std::nullopt, std::optional<Confidence> confidence = std::nullopt,
           const std::string& account = {}) {
    std::erase_if(evidence, [](const Evidence& e) { return !e.frame.known(); });
    if (evidence.empty()) evidence.push_back({campaign_.start, "first hostile act"});
    Finding finding;
    finding.rule = &rule;
    finding.severity = severity.value_or(rule.severity);
    finding.confidence = confidence.value_or(campaign_.confidence);
    finding.message = std::move(message);
    const std::string& whose = account.empty() ? campaign_.taken_account : account;
    if (!whose.empty()) finding.subject.emplace_back("account", whose);
    if (!campaign_.actors.empty()) finding.subject.emplace_back("source", campaign_.actors.front().to_string());
    finding.entity = account.empty() ? entity_ : entity_ + "|" + account;
    finding.evidence = std::move(evidence);
    sink_.tally(rule, Verdict::kFail);
    sink_.add(std::move(finding));
  }

  void arrangement() {
    std::string text;
    std::vector<Evidence> evidence;
    for (const Phase& phase : story_.phases) {
      text += fmt::format("{}{} {} to {}", text.empty() ? "" : "; ", to_string(phase.kind),
                          format_utc(phase.start.time, 0), format_utc(phase.end.time, 0));
      evidence.push_back({phase.start, std::string(to_string(phase.kind))});
    }
    add(kPhaseAssignment, text, std::move(evidence), {}, Confidence::kCertain);
    if (campaign_.joins.empty()) {
      sink_.tally(kIncidentGrouping, Verdict::kNotApplicable);
      return;
    }
    std::vector<Evidence> parts;
    for (const std::size_t i : campaign_.incidents) {
      parts.push_back({story_.incidents[i].first, std::string(fraud::to_string(story_.incidents[i].kind))});
    }
    add(kIncidentGrouping,
        fmt::format("{} incidents are one campaign: {}", campaign_.incidents.size(), list_of(campaign_.joins)),
        std::move(parts), Severity::kInfo);
  }

  void begin(const Record& record) {
    const double after = seconds_between(record.first, campaign_.first_hostile.time);
    std::string text = fmt::format("The first hostile act was seen at {}, {}", format_utc(campaign_.first_hostile.time),
                                   after < 1 ? std::string("at the very beginning of the capture")
                                             : duration_text(after) + " after the capture's begin");
    if (campaign_.starts_with_capture) text += ": the true start is probably earlier than this capture";
    add(kFirstHostileAct, std::move(text), {{campaign_.first_hostile, "first hostile act"}});
  }

  void resets() {
    if (campaign_.reset.empty()) sink_.tally(kCredentialsToReset, Verdict::kPass);
    for (const AccountToReset& reset : campaign_.reset) {
      add(kCredentialsToReset, fmt::format("Change the password of {} ({}: {})", reset.account, reset.why, reset.text),
          {{reset.since, "since"}}, {}, {}, reset.account);
    }
  }

  void compromise() {
    if (!campaign_.decisive.known()) {
      for (const Rule* rule : {&kDwellTime, &kEntryPoint, &kSpread}) sink_.tally(*rule, Verdict::kNotApplicable);
      return;
    }
    const Severity severity = campaign_.dwell_s > 86400  ? Severity::kHigh
                              : campaign_.dwell_s > 3600 ? Severity::kMedium
                                                         : Severity::kLow;
    std::vector<Evidence> evidence{{campaign_.decisive, "compromise"}};
    const auto block = std::ranges::find(story_.phases, PhaseKind::kContainment, &Phase::kind);
    if (block != story_.phases.end()) evidence.push_back({block->start, "first refusal"});
    add(kDwellTime,
        fmt::format("The attacker was in for {}{}", duration_text(campaign_.dwell_s),
                    campaign_.returned.known() ? std::string(", was refused, and came back (TL-010)")
                    : campaign_.containment    ? std::string(", then refused")
                    : campaign_.ongoing        ? std::string(" and still is at the end of the capture")
                                               : std::string("; how it ended was not seen")),
        std::move(evidence), severity);
    std::string ways;
    for (const EntryPoint& entry : campaign_.entry) {
      ways += fmt::format("{}{} ({}): {}", ways.empty() ? "" : "; ", entry.name, report::to_string(entry.confidence),
                          entry.reason);
    }
    add(kEntryPoint, ways, {{campaign_.decisive, "decisive: the request that was accepted"}}, {},
        campaign_.entry.empty() ? Confidence::kPossible : campaign_.entry.front().confidence);
    if (campaign_.spread.empty()) {
      sink_.tally(kSpread, Verdict::kPass);
    } else {
      add(kSpread,
          fmt::format("After {} the attacker also got into {}", campaign_.taken_account, list_of(campaign_.spread)),
          {{campaign_.decisive, "the first one"}});
    }
  }

  void abuse() {
    const Phase* first = nullptr;
    const Phase* last = nullptr;
    for (const Phase& phase : story_.phases) {
      if (phase.kind != PhaseKind::kAbuse) continue;
      if (first == nullptr) first = &phase;
      last = &phase;
    }
    if (first == nullptr) {
      sink_.tally(kAbuseProfile, Verdict::kNotApplicable);
      return;
    }
    Severity severity = Severity::kInfo;
    for (const std::size_t i : campaign_.incidents) {
      if (phase_of(story_.incidents[i].kind) == PhaseKind::kAbuse)
        severity = std::max(severity, story_.incidents[i].lead().severity);
    }
    std::string text = fmt::format("From {} to {}: {} answered {}, {:.1f} minutes", format_utc(first->start.time, 0),
                                   format_utc(last->end.time, 0), campaign_.calls,
                                   campaign_.calls == 1 ? "call" : "calls", campaign_.minutes);
    if (!campaign_.affected.destinations.empty()) text += " to " + list_of(campaign_.affected.destinations);
    if (!campaign_.means.empty()) text += ", " + campaign_.means;
    const double hours = seconds_between(first->start.time, last->end.time) / 3600.0;
    const auto peak = std::ranges::max_element(campaign_.activity, {}, &Slice::minutes);
    if (campaign_.activity.size() > 1)
      text += fmt::format("; busiest from {} ({}, {:.1f} minutes in 10)", format_utc(peak->start, 0),
                          counted(peak->calls, "call"), peak->minutes);
    if (campaign_.cost) {
      text += "; estimated cost " + cost_text(*campaign_.cost);
      if (hours > 0.1) text += fmt::format(", up to {:.2f} an hour", campaign_.cost->high / hours);
    }
    add(kAbuseProfile, text, {{first->start, "first"}, {last->end, "last"}}, severity);
  }

  // " that began at ...", of the last one before the return
  std::string block() const {
    const Phase* before = nullptr;
    for (const Phase& phase : story_.phases) {
      if (phase.kind == PhaseKind::kContainment && phase.start < campaign_.returned) before = &phase;
    }
    return before == nullptr ? std::string() : " that began at " + format_utc(before->start.time);
  }

  void end() {
    if (!campaign_.decisive.known()) {
      sink_.tally(kContainmentSeen, Verdict::kNotApplicable);
      sink_.tally(kReturnAfterContainment, Verdict::kNotApplicable);
      return;
    }
    if (campaign_.containment) {
      add(kContainmentSeen,
          fmt::format("From {} on everything was refused ({}): {} attempts until {}",
                      format_utc(campaign_.containment->first.time),
                      campaign_.containment->status == 0 ? std::string("no answer")
                                                         : status_text(campaign_.containment->status),
                      campaign_.containment->count, format_utc(campaign_.containment->last.time)),
          {{campaign_.containment->first, "first refusal"}, {campaign_.containment->last, "last refusal"}});
    } else if (!campaign_.ongoing) {
      add(kContainmentSeen, "The attempts ended before any refusal was seen: ended, cause unknown",
          {{campaign_.end, "last act"}}, {}, Confidence::kPossible);
    } else {
      sink_.tally(kContainmentSeen, Verdict::kPass);
    }
    if (campaign_.returned.known()) {
      add(kReturnAfterContainment,
          fmt::format("At {} the attacker had success again after a block{}", format_utc(campaign_.returned.time),
                      block()),
          {{campaign_.returned, "success after the block"}});
    } else {
      sink_.tally(kReturnAfterContainment, Verdict::kPass);
    }
  }

  void parties() {
    const Affected& who = campaign_.affected;
    if (who.accounts.empty() && who.numbers.empty()) {
      sink_.tally(kAffectedParties, Verdict::kNotApplicable);
    } else {
      const auto listed = [](std::size_t n, std::string_view one, std::string_view many, const std::string& which) {
        if (n == 0) return std::string();
        return fmt::format("{} {}{}", n, n == 1 ? one : many, which.empty() ? "" : " (" + which + ")");
      };
      std::string text;
      for (const std::string& part :
           {listed(who.accounts.size(), "account", "accounts", list_of(who.accounts)),
            listed(who.numbers.size(), "called number", "called numbers", {}),
            listed(who.destinations.size(), "destination", "destinations", list_of(who.destinations))}) {
        if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
      }
      add(kAffectedParties, std::move(text),
          {{campaign_.decisive.known() ? campaign_.decisive : campaign_.start, "since"}});
    }
    std::string text =
        fmt::format("Proven: {}. Probable: {} of {}",
                    campaign_.proven.empty() ? "nothing" : list_of(campaign_.proven, 3), campaign_.probable.size(),
                    campaign_.incidents.size() == 1 ? std::string("1 incident")
                                                    : fmt::format("{} incidents", campaign_.incidents.size()));
    if (!campaign_.other_explanations.empty()) {
      const std::size_t n = campaign_.other_explanations.size();
      text += fmt::format(". {} with the incident",
                          n == 1 ? std::string("1 harmless explanation was weighed; it stands")
                                 : fmt::format("{} harmless explanations were weighed; they stand", n));
    }
    add(kConfidenceAndAlternatives, text, {{campaign_.start, "first hostile act"}});
  }

  void clocks(const std::vector<Clock>& clocks, const std::string& assumption) {
    std::vector<const Clock*> next;
    for (const Clock& clock : clocks) {
      if (clock.due.known()) next.push_back(&clock);
    }
    if (next.empty() || !campaign_.decisive.known()) {
      sink_.tally(kNotificationClock, Verdict::kNotApplicable);
      return;
    }
    std::ranges::stable_sort(next, {}, [](const Clock* c) { return c->due; });
    std::string text;
    for (std::size_t i = 0; i < next.size() && i < 3; ++i) {
      text += fmt::format("{}{} ({}, {}) by {}", text.empty() ? "" : "; ", next[i]->deadline.id,
                          next[i]->deadline.regime, next[i]->deadline.confirmed, format_utc(next[i]->due, 0));
    }
    add(kNotificationClock,
        fmt::format("If they apply: {}. {} Whether a regime applies and when its clock starts, a person decides", text,
                    assumption),
        {{campaign_.decisive, "compromise"}}, Severity::kInfo, Confidence::kPossible);
  }

 private:
  const Story& story_;
  const Campaign& campaign_;
  report::Sink& sink_;
  std::string entity_;
};

}  // namespace

void report_story(const Story& story, const Record& record, const std::vector<Clock>& clocks,
                  const std::string& clock_assumption, report::Sink& sink) {
  if (story.indicators.empty()) {
    sink.tally(kIndicatorList, Verdict::kPass);
  }
  if (!story.campaign) {
    for (const Rule* rule :
         {&kPhaseAssignment, &kIncidentGrouping, &kFirstHostileAct, &kDwellTime, &kEntryPoint, &kCredentialsToReset,
          &kSpread, &kAbuseProfile, &kContainmentSeen, &kReturnAfterContainment, &kAffectedParties,
          &kConfidenceAndAlternatives, &kNotificationClock}) {
      sink.tally(*rule, Verdict::kNotApplicable);
    }
    return;
  }
  Reporter out{story, *story.campaign, sink};
  out.arrangement();
  out.begin(record);
  out.compromise();
  out.resets();
  out.abuse();
  out.end();
  out.parties();
  out.clocks(clocks, clock_assumption);
  if (!story.indicators.empty()) {
    std::vector<std::string> values;
    for (const Indicator& indicator : story.indicators) values.push_back(indicator.value);
    out.add(kIndicatorList,
            fmt::format("{}: {}",
                        values.size() == 1 ? std::string("1 indicator") : fmt::format("{} indicators", values.size()),
                        list_of(values)),
            {{story.indicators.front().first, "first seen"}}, Severity::kInfo);
  }
}

}  // namespace voip::analyze::timeline
