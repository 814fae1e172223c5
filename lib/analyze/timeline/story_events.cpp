#include "analyze/timeline/story_events.h"

#include <fmt/format.h>

#include <map>

namespace voip::analyze::timeline {

namespace {

using fraud::Incident;

EventKind kind_of(const Incident& incident) {
  const auto phase = phase_of(incident.kind);
  if (!phase) return EventKind::kAnomaly;
  switch (*phase) {
    case PhaseKind::kReconnaissance: return EventKind::kScan;
    case PhaseKind::kEnumeration: return EventKind::kProbe;
    case PhaseKind::kCredentialAccess: return EventKind::kGuessing;
    case PhaseKind::kCompromise: return EventKind::kCompromise;
    case PhaseKind::kAbuse: return incident.kind == fraud::Kind::kDialPlanProbe ? EventKind::kProbe : EventKind::kFraud;
    case PhaseKind::kContainment: break;
  }
  return EventKind::kAnomaly;
}

// What a hostile address tried within a campaign that is told as a whole: no line of its own for people.
void mark_covered(const Story& story, Record& record) {
  std::map<IpAddress, std::vector<const Incident*>> by_source;
  for (const Incident& one : story.incidents) {
    if (!phase_of(one.kind)) continue;
    for (const IpAddress& source : one.sources) by_source[source].push_back(&one);
  }
  for (Event& event : record.events) {
    if (event.kind != EventKind::kRegisterFailed) continue;
    const auto at = by_source.find(event.actor);
    if (at == by_source.end()) continue;
    for (const Incident* one : at->second) {
      event.covered |=
          !(event.first.time < one->first.time) && !later_by(one->last.time, event.first.time, std::chrono::seconds{1});
    }
  }
}

}  // namespace

std::string usual_text(const Gap& gap) {
  if (gap.longest_other_s <= 0) return fmt::format("{:.1f} a second are usual", gap.usual_rate);
  return fmt::format("no other silence was longer than {}", duration_text(gap.longest_other_s));
}

void add_story_events(const Story& story, const Facts& facts, Record& record) {
  const auto add = [&record](EventKind kind, const FrameRef& first, const FrameRef& last, const IpAddress& actor,
                             std::string_view subject, std::string text, std::uint64_t count = 1) {
    if (!first.known()) return;
    Event event;
    event.kind = kind;
    event.first = first;
    event.last = last.known() ? last : first;
    event.count = count == 0 ? 1 : count;
    event.actor = actor;
    event.subject = record.names.id(subject);
    event.text = std::move(text);
    record.events.push_back(std::move(event));
  };
  for (const Incident& one : story.incidents) {
    FrameRef first = one.first;
    const EventKind kind = kind_of(one);
    if (kind == EventKind::kCompromise) {
      for (const report::Evidence& evidence : one.evidence) {
        if (evidence.note.find("decisive") != std::string::npos) first = evidence.frame;
      }
    }
    const std::string_view subject = !one.accounts.empty()  ? std::string_view{one.accounts.front()}
                                     : !one.targets.empty() ? std::string_view{one.targets.front()}
                                                            : std::string_view{};
    add(kind, first, kind == EventKind::kCompromise ? first : one.last,
        one.sources.empty() ? IpAddress{} : one.sources.front(), subject,
        fmt::format("{}: {}", fraud::to_string(one.kind), one.lead().message),
        kind == EventKind::kCompromise ? 1 : one.messages);
  }
  if (story.campaign) {
    const Campaign& c = *story.campaign;
    if (c.takeover.known()) {
      const IpAddress& who = c.used_by.unspecified() ? c.taken_by : c.used_by;
      add(EventKind::kTakeover, c.takeover, c.takeover, who, c.taken_account,
          fmt::format("{} is used by {} from here on", c.taken_account, who.to_string()));
    }
    if (c.containment) {
      add(EventKind::kLockout, c.containment->first, c.containment->last,
          c.used_by.unspecified() ? c.taken_by : c.used_by, c.taken_account,
          fmt::format("the attacker is refused from here on ({})",
                      c.containment->status == 0 ? std::string("no answer") : status_text(c.containment->status)),
          c.containment->count);
    }
    if (c.returned.known()) {
      add(EventKind::kReturn, c.returned, c.returned, c.taken_by, c.taken_account,
          "the attacker has success again after a block");
    }
  }
  mark_covered(story, record);
  for (const MediaHole& hole : facts.media_holes) {
    add(EventKind::kGap, hole.before, hole.after, {}, {},
        fmt::format("all {} media streams lack packets for {}", hole.streams,
                    duration_text(seconds_between(hole.before.time, hole.after.time))));
  }
  for (const Gap& gap : facts.gaps) {
    add(EventKind::kGap, gap.before, gap.after, {}, {},
        fmt::format("no packets for {}, where {}", duration_text(seconds_between(gap.before.time, gap.after.time)),
                    usual_text(gap)));
  }
}

}  // namespace voip::analyze::timeline
