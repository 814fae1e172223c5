#include "analyze/timeline/event_log.h"

#include <fmt/format.h>

#include <algorithm>

namespace voip::analyze::timeline {

namespace {

constexpr std::chrono::seconds kSameWithin{60};
constexpr std::uint32_t kMostAlike = 20;  // told one by one, before the rest of a run is counted
constexpr std::size_t kMostKeys = 1U << 17;

}  // namespace

bool EventLog::goes_on(Timestamp last, Timestamp next) { return !later_by(last, next, kSameWithin); }

void EventLog::add(Event event) {
  if (same_.size() > kMostKeys) same_.clear();
  if (alike_.size() > kMostKeys) alike_.clear();
  const std::string kind_and_actor = fmt::format("{} {}", static_cast<int>(event.kind), event.actor.to_string());
  const TextKey same_key = text_key(kind_and_actor, names_.text(event.subject), event.text);
  const auto extend = [&event, this](Run& run) {
    Event& before = events_[run.at];
    before.count += event.count;
    before.last = std::max(before.last, event.last.known() ? event.last : event.first);
    run.last = std::max(run.last, event.first.time);
  };
  if (!event.last.known()) event.last = event.first;
  if (Run* run = same_.find(same_key); run != nullptr && goes_on(run->last, event.first.time)) {
    extend(*run);
    return;
  }
  bool made = false;
  Run& run = alike_.at_or_new(text_key(kind_and_actor), &made);
  if (made || !goes_on(run.last, event.first.time)) run = {};
  run.last = event.first.time;
  ++run.alike;
  if (run.alike > kMostAlike) {
    if (run.alike > kMostAlike + 1) {
      extend(run);
      return;
    }
    event.subject = 0;
    event.call_id = 0;
    event.text = fmt::format("more of the same for other accounts (last shown: {})", event.text);
  }
  if (events_.size() >= cap_) {
    ++dropped_;
    return;
  }
  run.at = static_cast<std::uint32_t>(events_.size());
  if (run.alike <= kMostAlike) same_.at_or_new(same_key) = {run.at, 1, event.first.time};
  events_.push_back(std::move(event));
}

std::vector<Event> EventLog::finish() {
  std::ranges::stable_sort(events_, {}, &Event::first);
  same_.clear();
  alike_.clear();
  return std::move(events_);
}

}  // namespace voip::analyze::timeline
