#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "base/hash.h"
#include "base/time.h"
#include "session/call.h"

// Which Call-IDs are legs of one call: a B2BUA gives each side its own.
namespace voip::session {

// A stretch of the path that one Call-ID took. Ports may be left out (0) where they are not known.
struct LegHop {
  Endpoint from{};  // of the INVITE
  Endpoint to{};
};

// The same bytes of media, as the tracker samples them: what two legs share is one stream passed on.
struct LegSample {
  std::uint64_t key = 0;
  std::int64_t time_ns = 0;
};

// One Call-ID, as far as it takes to tell whose leg it is. Texts and lists stay the caller's.
struct LegFacts {
  std::string_view call_id{};
  std::string_view called{};       // user part of the first Request-URI (or of To)
  std::string_view caller{};       // user part of From
  Timestamp start{};               // first INVITE; unknown: the capture began later
  Timestamp answer{};              // unknown: not answered
  Timestamp end{};                 // BYE or final refusal; else the last sign of life
  bool ended = false;              // the end was seen
  std::span<const LegHop> hops{};  // in the order of the INVITE; at least the first
  std::span<const std::pair<LinkKind, TextKey>> links{};
  std::span<const LegSample> samples{};
};

struct LegPlace {
  std::size_t group = 0;               // index of the group's first leg
  std::size_t before = 0;              // the leg that this one goes on from; itself for a first one
  LinkKind by = LinkKind::kHeuristic;  // what tied it to `before`; meaningless for a first one
};

// Ties, strongest first (CHECKS 0.6): header and HEP identifiers, shared media, shared keys, and last the heuristic: a
// host that gets a call and within two seconds makes one to the same number or for the same caller; or a border with an
// address on each side whose calls are answered and end at the same moments. An identifier that one client uses for
// several answered calls at a time tells nothing and is left out. legs: in the order of their starts. Takes n log n.
std::vector<LegPlace> group_legs(std::span<const LegFacts> legs);

}  // namespace voip::session
