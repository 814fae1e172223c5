#include "session/grouping.h"

#include <span>
#include <vector>

#include "analyze/timeline/records.h"

namespace voip::analyze::timeline {

void group_calls(std::pmr::deque<CallRecord>& calls, const Names& names) {
  std::pmr::vector<session::LegFacts> legs;
  std::pmr::vector<session::LegHop> hops;
  std::size_t count = 0;
  for (const CallRecord& call : calls) count += call.hops.size();
  hops.reserve(count);  // the legs hold views into it
  legs.reserve(calls.size());
  for (const CallRecord& call : calls) {
    const std::size_t begin = hops.size();
    for (const HopRecord& hop : call.hops) hops.push_back({hop.from, hop.to});
    const std::string_view dialled = names.text(call.dialled);
    legs.push_back({.call_id = call.call_id,
                    .called = dialled.empty() ? user_of(names.text(call.to)) : dialled,
                    .caller = user_of(names.text(call.from)),
                    .start = call.begin().time,
                    .answer = call.answer.time,
                    .end = call.end.known() ? call.end.time : call.last.time,
                    .ended = call.hung_up != HungUp::kNobody || (!call.answered() && call.end.known()),
                    .hops = std::span(hops).subspan(begin),
                    .links = call.links,
                    .samples = {}});
  }
  const std::vector<session::LegPlace> places = session::group_legs(legs);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    calls[i].group = static_cast<std::uint32_t>(places[i].group);
    calls[i].links = {};
  }
}

}  // namespace voip::analyze::timeline
