#pragma once

#include <deque>
#include <functional>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/timeline/narrow.h"
#include "analyze/timeline/records.h"
#include "report/finding.h"

namespace voip::analyze::timeline {

// One event as it is told.
struct Told {
  EventKind kind = EventKind::kAnomaly;
  FrameRef frame{};
  FrameRef last{};
  std::uint64_t count = 1;
  IpAddress actor{};  // unknown: nobody's
  std::string_view subject{};
  std::string_view call_id{};
  std::string text{};
  bool covered = false;
  std::size_t call = kNoCall;  // index in Record::calls

  static constexpr std::size_t kNoCall = static_cast<std::size_t>(-1);
};

// The account of a capture: every call, and whatever else happened. Owns all that it holds.
struct Record {
  Names names;
  TextPool call_ids;
  std::pmr::deque<CallRecord> calls{};  // in the order of their begin
  std::vector<Event> events{};          // in order
  Timestamp first{};                    // of the capture's SIP and media
  Timestamp last{};
  std::uint64_t registered_accounts = 0;
  std::uint64_t registrations = 0;  // accepted ones, refreshes included
  std::uint64_t refused_registrations = 0;

  // Each event in order of time, frame and kind. With narrow, only those that it wants.
  void tell(const Narrow& narrow, const std::function<void(const Told&)>& each) const;
  // Indexes of the calls that narrow wants.
  std::vector<std::size_t> wanted_calls(const Narrow& narrow) const;

  Text group_of(const CallRecord& call) const { return calls[call.group].call_id; }
  // What was called, as people know it: the number dialled, else the user of To.
  std::string_view callee_of(const CallRecord& call) const;
  std::string_view caller_of(const CallRecord& call) const;
  bool wants(const Narrow& narrow, const CallRecord& call) const;
};

// "answered after 2.1 s, 34.5 s, caller hung up; audio both ways".
std::string sum_up(const Record& record, const CallRecord& call);
// "3.4 s", "12 min 05 s", "2 h 03 min".
std::string duration_text(double seconds);
std::string counted(std::uint64_t number, std::string_view noun);  // "1 call", "2 calls"
// What a status says to people: "404 not found".
std::string status_text(unsigned status);

}  // namespace voip::analyze::timeline
