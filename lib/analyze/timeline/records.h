#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "base/hash.h"
#include "base/table.h"
#include "session/call.h"

// What is kept of the traffic for the report: small, and owning all that it holds.
namespace voip::analyze::timeline {

// Texts that come back often (URIs, codecs, user agents), each kept once. 0 is the empty text.
class Names {
 public:
  Names() { texts_.emplace_back(); }
  std::uint32_t id(std::string_view text);
  const std::string& text(std::uint32_t id) const { return texts_[id]; }
  std::size_t size() const { return texts_.size(); }

 private:
  FlatMap<TextKey, std::uint32_t> ids_;
  std::vector<std::string> texts_{};
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
  unsigned status = 0;  // the last final response to the initial INVITE on this hop
  FrameRef first{};
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

// One Call-ID.
struct CallRecord {
  std::string call_id{};
  std::uint32_t from = 0;     // URI, in Names; likewise below
  std::uint32_t to = 0;       // URI
  std::uint32_t dialled = 0;  // user part of the first Request-URI
  std::uint32_t agent = 0;    // User-Agent of the first request
  std::uint32_t reason = 0;   // Reason header of the BYE or CANCEL
  FrameRef first{};           // first message
  FrameRef last{};
  FrameRef invite{};  // first INVITE; unknown: the capture began later
  FrameRef answer{};  // first 2xx to an initial INVITE
  FrameRef end{};     // BYE, final refusal, or the end of a cancelled call
  unsigned status = 0;
  unsigned challenges = 0;  // 401 and 407 to the INVITE
  HungUp hung_up = HungUp::kNobody;
  bool cancelled = false;
  bool requests_seen = false;
  bool responses_seen = false;
  bool follow_up_seen = false;  // a request that follows an answer: ACK, BYE, PRACK
  bool described = false;       // an SDP was seen
  FrameRef key_in_clear{};      // an SDP with SRTP keys that went over the wire unprotected
  Media media = Media::kNotCaptured;
  std::size_t group = 0;  // index of the group's first call
  std::vector<HopRecord> hops{};
  std::vector<StreamRecord> streams{};
  std::uint32_t more_streams = 0;  // beyond the cap
  std::vector<std::pair<session::LinkKind, TextKey>> links{};
  std::vector<Endpoint> points{};  // of steps
  std::vector<Step> steps{};       // only when a diagram was asked for
  std::uint32_t more_steps = 0;

  IpAddress actor() const { return hops.empty() ? IpAddress{} : hops.front().from.address; }
  FrameRef begin() const { return invite.known() ? invite : first; }
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
void group_calls(std::vector<CallRecord>& calls, const Names& names);

}  // namespace voip::analyze::timeline
