#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analyze/srtp/keying.h"
#include "analyze/srtp/media_judge.h"
#include "analyze/srtp/watches.h"
#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "session/call.h"
#include "session/grouping.h"

// What is kept of a call after it left the session: small, and owning all that it holds.
namespace voip::analyze::srtp {

enum class Declared : std::uint8_t { kUnknown, kRtp, kSrtp };
std::string_view to_string(Declared declared);
std::string_view to_string(Observed observed);
// proof of a verdict; verified tags outrank the judge's.
enum class Strength : std::uint8_t { kNone, kStatistical, kStructural, kAuthenticated };
std::string_view to_string(Strength strength);

enum class RtcpObserved : std::uint8_t { kUndetermined, kCleartext, kEncrypted, kMixed };
std::string_view to_string(RtcpObserved observed);

struct StreamRecord {
  std::uint32_t ssrc = 0;
  Endpoint src;
  Endpoint dst;
  std::bitset<128> payload_types;
  std::string codec;
  std::uint64_t packets = 0;
  FrameRef first;
  FrameRef last;
  Declared declared = Declared::kUnknown;
  Observed observed = Observed::kUndetermined;
  Strength proof = Strength::kNone;
  std::string reason;
  std::uint64_t cleartext_packets = 0;
  std::vector<Stretch> clear_stretches;  // those of a second or more, the first ones
  std::optional<std::int32_t> overhead;  // measured bytes that most packets carry beside the codec's
  // Tags: set when a key of the inputs is proven for this stream.
  bool authenticated = false;
  std::uint64_t checked = 0;
  std::uint64_t valid = 0;
  std::vector<std::uint64_t> failed_frames;
  std::string exchanged_suite;  // IANA name, where a DTLS handshake gave the proven key
  std::uint64_t rtcp_packets = 0;
  RtcpObserved rtcp_observed = RtcpObserved::kUndetermined;
  std::uint64_t rtcp_bare = 0;  // with an SRTCP trailer, yet not encrypted
  FrameRef rtcp_bare_first;
};

struct MediaRecord {
  std::string kind;
  std::vector<Keying> offered;
  Keying negotiated = Keying::kUnknown;
  std::string profile;
  std::string suite;
  std::string parameters;
  std::vector<StreamRecord> streams;
};

// How a whole leg's media stands, for the path line and SRTP-010.
enum class Protection : std::uint8_t { kNoMedia, kUndetermined, kClear, kEncrypted, kMixed };

struct LegRecord {
  dissect::Signalling signalling = dissect::Signalling::kUdp;
  Endpoint caller_hop;  // the signalling sockets at the leg's two ends
  Endpoint callee_hop;
  bool answered = false;
  std::vector<MediaRecord> media;
  Protection protection = Protection::kNoMedia;
};

// One refused offer of a secure profile, for SRTP-009.
struct SecureRefusal {
  unsigned status = 0;
  FrameRef offer;
  FrameRef refusal;
};

// One inline key that a call's SDPs showed, for SRTP-020.
struct KeyUse {
  TextKey identity;
  std::string masked;
  FrameRef frame;
  Endpoint owner;      // where its sender wants media
  std::string vendor;  // first word of the sender's User-Agent, in lower case; empty: not told
};

// Media that went on after the BYE, for SRTP-059.
struct LateMedia {
  Endpoint src;
  Endpoint dst;
  Span span;
  Timestamp bye;
};

// An answer that passed over a stronger suite, for SRTP-016.
struct SuiteChoice {
  IpAddress answerer;
  std::string chosen;
  std::vector<std::string> passed_over;
  FrameRef answer;
  FrameRef offer;
};

// What an address offered, for SRTP-016.
struct SuiteOffer {
  IpAddress offerer;
  std::string suite;
  FrameRef frame;
};

// What only the checks across calls ask for.
struct CallTraces {
  bool used = false;  // answered, or media was seen
  std::vector<KeyUse> keys;
  std::vector<LateMedia> late;
  std::vector<SuiteChoice> choices;
  std::vector<SuiteOffer> suites;
  std::vector<std::pair<TextKey, FrameRef>> cnames;
};

struct CallRecord {
  std::uint64_t serial = 0;
  std::string call_id;
  std::string from;
  std::string to;
  std::string dialled;
  FrameRef first;
  Timestamp end;
  Timestamp answered;
  bool over = false;         // its end was seen
  bool recording = false;    // SIPREC
  std::uint16_t vendor = 0;  // of the caller's device, counted from 1; 0: not told
  unsigned final_status = 0;
  std::vector<LegRecord> legs;
  std::vector<std::pair<session::LinkKind, TextKey>> links;
  std::vector<session::LegSample> samples;  // of the media, which another leg of the same call may show too
  std::vector<SecureRefusal> refusals;
  std::optional<FrameRef> clear_success;  // answered, and its audio is RTP/AVP without keys: the answer's frame
  std::unique_ptr<CallTraces> traces;     // null: none
  CallTraces& more() {
    if (traces == nullptr) traces = std::make_unique<CallTraces>();
    return *traces;
  }
  std::size_t group = 0;                                        // index of the group's first call, after grouping
  session::LinkKind linked_by = session::LinkKind::kHeuristic;  // what tied it to its group
};

// In chunks: growing never copies, and never needs twice the room.
using CallRecords = std::deque<CallRecord>;

// By their first message. Records are large: each is moved once, to its place.
void sort_calls(CallRecords& calls);

// Gives each record the index of its group's first call (records are in the order of time). Ties: header identifiers,
// shared media, shared keys, and last the heuristic of called number, time and host (CHECKS of the catalogue 0.6).
void group_calls(CallRecords& calls);

}  // namespace voip::analyze::srtp
