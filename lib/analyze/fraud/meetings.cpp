#include "analyze/fraud/meetings.h"

#include "analyze/fraud/statistics.h"

namespace voip::analyze::fraud {

namespace {

constexpr double kStay = 600;  // seconds
constexpr double kGap = 1800;  // between the last who joins one meeting and the first of the next
constexpr double kSeldom = 4;  // hours from one meeting to the next, on average

}  // namespace

bool meetings(const std::vector<const PhoneCall*>& calls) {
  if (calls.empty()) return false;
  std::vector<double> stays;
  stays.reserve(calls.size());
  for (const PhoneCall* call : calls) stays.push_back(call->seconds());
  if (median(stays) < kStay) return false;
  std::vector<const PhoneCall*> meeting;
  std::size_t held = 0;
  const auto ends_well = [&] {
    ++held;
    return meeting.size() * 2 <= 3 * concurrency(meeting).calls;
  };
  for (const PhoneCall* call : calls) {
    if (!meeting.empty() && seconds_between(meeting.back()->start, call->start) > kGap) {
      if (!ends_well()) return false;
      meeting.clear();
    }
    meeting.push_back(call);
  }
  if (!ends_well()) return false;
  const double hours = seconds_between(calls.front()->start, calls.back()->start) / 3600;
  return static_cast<double>(held - 1) * kSeldom <= hours;
}

}  // namespace voip::analyze::fraud
