#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "analyze/srtp/findings.h"
#include "base/table.h"
#include "session/call.h"

namespace voip::analyze::srtp {

// SRTP-064 across Call-IDs: the latest exchanges of ended calls by their media addresses at both ends. A B2BUA that
// leaves the media alone shows the same pair under a Call-ID of its own.
class PathTraces {
 public:
  void note(Findings& out, const session::Call& call, const session::Legs& legs);

 private:
  struct Trace {
    Endpoint offered;
    Endpoint answered;
    session::SdpPtr offer;
    session::SdpPtr answer;
    FrameRef offer_frame;
    FrameRef answer_frame;
    Endpoint offerer;
    Endpoint answerer;
    Timestamp start;
    Timestamp end;  // of the call
    std::uint64_t serial = 0;
    std::string call_id;
  };
  static constexpr std::size_t kMost = 1024;  // more would only be slower: each keeps two bodies alive
  static constexpr std::chrono::seconds kNear{5};
  void compare(Findings& out, const session::Call& call, Trace now);

  CappedTable<std::array<Endpoint, 2>, Trace> traces_{kMost};
};

}  // namespace voip::analyze::srtp
