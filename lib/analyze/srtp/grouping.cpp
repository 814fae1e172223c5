#include "session/grouping.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "analyze/srtp/records.h"

namespace voip::analyze::srtp {

namespace {

// The user part of "sip:alice@example.org".
std::string_view user_of(std::string_view uri) {
  uri = uri.substr(0, uri.find('@') == std::string_view::npos ? 0 : uri.find('@'));
  const std::size_t colon = uri.find(':');
  return colon == std::string_view::npos ? uri : uri.substr(colon + 1);
}

}  // namespace

void sort_calls(CallRecords& calls) {
  std::vector<std::size_t> from(calls.size());  // which record belongs at each place
  std::iota(from.begin(), from.end(), std::size_t{0});
  std::ranges::sort(from, [&](std::size_t x, std::size_t y) {
    const CallRecord& a = calls[x];
    const CallRecord& b = calls[y];
    return a.first != b.first ? a.first < b.first : a.serial < b.serial;
  });
  for (std::size_t start = 0; start < from.size(); ++start) {
    if (from[start] == start) continue;
    CallRecord held = std::move(calls[start]);
    std::size_t at = start;
    while (from[at] != start) {
      const std::size_t next = from[at];
      calls[at] = std::move(calls[next]);
      from[at] = at;
      at = next;
    }
    calls[at] = std::move(held);
    from[at] = at;
  }
}

void group_calls(CallRecords& calls) {
  // What the facts point to, one call's behind the other's.
  std::size_t legs = 0;
  for (const CallRecord& call : calls) legs += call.legs.size();
  std::vector<session::LegHop> hops;
  hops.reserve(legs);
  std::vector<session::LegFacts> facts(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const CallRecord& call = calls[i];
    const std::size_t first = hops.size();
    for (const LegRecord& leg : call.legs) {
      if (leg.caller_hop != Endpoint{} || leg.callee_hop != Endpoint{})
        hops.push_back({leg.caller_hop, leg.callee_hop});
    }
    facts[i] = {.call_id = call.call_id,
                .called = call.dialled,
                .caller = user_of(call.from),
                .start = call.first.time,
                .answer = call.answered,
                .end = call.end,
                .ended = call.over,
                .hops = std::span<const session::LegHop>{hops}.subspan(first),
                .links = call.links,
                .samples = call.samples};
  }
  const std::vector<session::LegPlace> places = session::group_legs(facts);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    calls[i].group = places[i].group;
    calls[i].linked_by = places[i].by;
  }
}

}  // namespace voip::analyze::srtp
