#pragma once

#include <cstdint>
#include <vector>

#include "analyze/timeline/records.h"

namespace voip::analyze::timeline {

// Events that are no calls. The same thing happening again soon is one event with a count, and so are many alike
// things that one address does in a row: a flood of them leaves a line, not a million.
class EventLog {
 public:
  EventLog(std::size_t cap, Names& names) : cap_(cap), names_(names) {}

  void add(Event event);
  // After the last packet: in order.
  std::vector<Event> finish();
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Run {
    std::uint32_t at = 0;  // in events_
    std::uint32_t alike = 0;
    Timestamp last;
  };
  static bool goes_on(Timestamp last, Timestamp next);

  std::size_t cap_;
  Names& names_;
  std::vector<Event> events_;
  FlatMap<TextKey, Run> same_;   // by kind, actor and subject
  FlatMap<TextKey, Run> alike_;  // by kind and actor
  std::uint64_t dropped_ = 0;
};

}  // namespace voip::analyze::timeline
