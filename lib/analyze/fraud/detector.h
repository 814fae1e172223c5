#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "analyze/fraud/calls.h"
#include "analyze/fraud/incident.h"
#include "analyze/fraud/site.h"
#include "session/observer.h"

namespace voip::analyze::fraud {

class StateSection;
class Roles;

// What the detectors may ask when the last packet was seen.
struct Findings {
  const Site& site;  // with what was inferred
  const Thresholds& limits;
  const CallTable& calls;  // each call once, in the order of their starts
  IncidentStore& incidents;
  report::Sink& sink;  // for tally(); findings go through the incidents
};

// One half of the house: a session observer that keeps small capped records and, when all has been seen, makes
// incidents of them. All hooks of session::Observer are handed on; conclude() comes once, the attacks' before the
// tolls'.
class Detector : public session::Observer {
 public:
  virtual void conclude(Findings& findings) = 0;
  // What --state carries over: rows of plain texts. load() comes before the first packet, save() after conclude().
  virtual void save(StateSection&) const {}
  virtual void load(const StateSection&) {}
  // Records left out because a cap was reached, by table.
  virtual std::map<std::string, std::uint64_t> dropped() const { return {}; }
};

}  // namespace voip::analyze::fraud
