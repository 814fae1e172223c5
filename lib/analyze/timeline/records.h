#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cold_map.h"
#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "base/hash.h"
#include "base/small_frame.h"
#include "base/table.h"
#include "base/text_pool.h"
#include "session/call.h"

// What is kept of the traffic for the report: small, and owning all that it holds.
namespace voip::analyze::timeline {

// Texts that come back often (URIs, codecs, user agents), each kept once. 0 is the empty text.
class Names {
 public:
  Names() { texts_.emplace_back(); }
  std::uint32_t id(std::string_view text);
  std::string_view text(std::uint32_t id) const { return texts_[id]; }
  std::size_t size() const { return texts_.size(); }

 private:
  ColdMap<TextKey> ids_;
  TextPool pool_;
  std::pmr::deque<Text> texts_{};
};

enum class HungUp : std::uint8_t { kNobody, kCaller, kCallee };

// One message of a call, for its ladder diagram.
struct Step {
  FrameRef frame{};
  std::uint16_t src = 0;  // index in CallRecord::points
  std::uint16_t dst = 0;
  std::uint16_t status = 0;  // 0: a request
  sip::Method method = sip::Method::kOther;
  bool sdp = false;
  bool again = false;  // a retransmission
};

struct HopRecord {
  Endpoint from{};  // caller's side
  Endpoint to{};
  dissect::Signalling signalling = dissect::Signalling::kUdp;
  bool on_wire = false;
  std::uint16_t status = 0;  // the last final response to the initial INVITE on this hop
  SmallFrame first{};
};

struct StreamRecord {
  Endpoint src{};
  Endpoint dst{};
  std::uint32_t ssrc = 0;
  std::uint32_t codec = 0;  // in Names
  std::uint64_t packets = 0;
  FrameRef first{};
  FrameRef last{};
};

enum class Media : std::uint8_t { kNotCaptured, kNone, kOneWay, kTwoWay };
std::string_view to_string(Media media);

// The messages of a call.
struct Steps {
  std::vector<Endpoint> points{};  // between which they went
  std::vector<Step> list{};
  std::uint32_t left_out = 0;
};

// One Call-ID. Small: there may be a million.
struct CallRecord {
  Text call_id{};             // in the CallBook's pool
  std::uint32_t from = 0;     // URI, in Names; likewise below
  std::uint32_t to = 0;       // URI
  std::uint32_t dialled = 0;  // user part of the first Request-URI
  std::uint32_t agent = 0;    // User-Agent of the first request
  std::uint32_t reason = 0;   // Reason header of the BYE or CANCEL
  std::uint32_t group = 0;    // index of the group's first call
  SmallFrame first{};         // first message
  SmallFrame last{};
  SmallFrame invite{};             // first INVITE; unknown: the capture began later
  SmallFrame answer{};             // first 2xx to an initial INVITE
  SmallFrame end{};                // BYE, final refusal, or the end of a cancelled call
  SmallFrame key_in_clear{};       // an SDP with SRTP keys that went over the wire unprotected
  std::uint32_t more_streams = 0;  // beyond the cap
  std::uint32_t challenges = 0;    // 401 and 407 to the INVITE
  std::uint16_t status = 0;
  HungUp hung_up = HungUp::kNobody;
  Media media = Media::kNotCaptured;
  bool cancelled : 1 = false;
  bool requests_seen : 1 = false;
  bool responses_seen : 1 = false;
  bool follow_up_seen : 1 = false;  // a request that follows an answer: ACK, BYE, PRACK
  bool described : 1 = false;       // an SDP was seen
  bool given_up : 1 = false;        // there was no room for it: not told
  std::pmr::vector<HopRecord> hops{};
  std::pmr::vector<StreamRecord> streams{};
  std::pmr::vector<std::pair<session::LinkKind, TextKey>> links{};  // until the legs are grouped
  std::unique_ptr<Steps> steps{};                                   // only when a diagram was asked for

  IpAddress actor() const { return hops.empty() ? IpAddress{} : hops.front().from.address; }
  SmallFrame begin() const { return invite.known() ? invite : first; }
  bool answered() const { return answer.known(); }
  // Refused, cancelled or never finished with a final answer, as far as seen.
  bool failed() const { return !answered() && status >= 300; }
};

enum class EventKind : std::uint8_t {
  kScan,
  kProbe,
  kChallenge,
  kRegister,
  kRegisterFailed,
  kRegisterOk,
  kUnregister,
  kGuessing,
  kCompromise,
  kTakeover,
  kFraud,
  kCallStart,
  kCallAnswer,
  kCallChange,
  kMedia,
  kTransfer,
  kMessage,
  kCallEnd,
  kCallFailed,
  kLockout,
  kReturn,
  kAnomaly,
  kGap,
};
std::string_view to_string(EventKind kind);

// What happened, besides calls. Those of a call are made from its record when they are told.
struct Event {
  EventKind kind = EventKind::kAnomaly;
  FrameRef first{};
  FrameRef last{};
  std::uint64_t count = 1;
  IpAddress actor{};
  std::uint32_t subject = 0;  // in Names
  std::uint32_t call_id = 0;  // in Names
  std::string text{};
  bool covered = false;  // an incident tells it
};

// The user part of a SIP URI, or the number of a tel URI.
std::string_view user_of(std::string_view uri);

// Finds calls that are legs of one call over a B2BUA and writes CallRecord::group. calls: in the order of begin().
void group_calls(std::pmr::deque<CallRecord>& calls, const Names& names);

}  // namespace voip::analyze::timeline
