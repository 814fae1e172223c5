#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "base/hash.h"
#include "dissect/events.h"
#include "session/media.h"
#include "session/sdp_body.h"

namespace voip::session {

// One message that carried an SDP, at one hop.
struct SdpUse {
  SdpPtr sdp{};  // null: not seen
  FrameRef frame{};
  bool from_caller = false;  // sent by the side that sent the call's first INVITE
  sip::Method method = sip::Method::kOther;
  unsigned status = 0;  // 0: in a request
};

// One offer and its answer (RFC 3264) on one hop, in one dialog.
struct Exchange {
  SdpUse offer{};        // offer.sdp null: the capture began later
  SdpUse answer{};       // answer.sdp null: none seen (yet)
  unsigned refused = 0;  // final response >= 300 that refused the offer
  FrameRef refused_frame{};
  sip::Method method = sip::Method::kInvite;
  std::uint32_t cseq = 0;
  bool complete() const { return offer.sdp != nullptr && answer.sdp != nullptr; }
};

// A stretch of the signalling path: the two sockets between which the call's messages went.
struct Hop {
  Endpoint caller_side;  // where the first request came from
  Endpoint callee_side;
  dissect::Signalling signalling = dissect::Signalling::kUdp;
  bool on_wire = false;  // at least one message was seen on the wire, not only in HEP
  bool invite_seen = false;
  FrameRef first{};
};

// One dialog (by the callee's tag) on one hop: a fork, or the only answerer.
struct DialogLeg {
  std::size_t hop = 0;              // index in Call::hops
  TextKey remote_tag;               // of the callee; default: no answer with a tag yet
  std::vector<Exchange> exchanges;  // in the order of their offers
  bool early = false;               // 101..199 seen
  bool confirmed = false;           // 2xx to the INVITE
  unsigned final_status = 0;        // of the INVITE that began it
  FrameRef first;
};

// A key= value that ties calls to each other (CHECKS 0.6).
enum class LinkKind : std::uint8_t {
  kSessionId,
  kCorrelationHeader,
  kHepCorrelation,
  kChargingVector,
  kSdesKey,
  kMedia,
  kHeuristic
};

struct Call {
  std::uint64_t serial = 0;  // in the order of first sight
  std::string call_id;
  std::string from;  // URI without parameters
  std::string to;
  std::string request_user;  // user part of the first Request-URI, as dialled
  TextKey caller_tag;
  FrameRef first;  // the first message
  FrameRef last;
  Timestamp answered;         // first 2xx to an INVITE
  Timestamp ended;            // BYE, CANCEL's final response, or the final refusal
  unsigned final_status = 0;  // last final response to an initial INVITE (401 and 407 only when nothing followed)
  bool bye_seen = false;
  std::vector<Hop> hops;
  std::vector<DialogLeg> dialogs;
  std::vector<Exchange> refusals;         // offers that a final response >= 300 refused before any dialog had an answer
  std::vector<SdpUse> early_offers;       // offers without a dialog yet, one a hop (the latest)
  std::vector<SdpUse> sdp_uses;           // each message with an SDP, first sight of each (hop, body) pair; capped
  std::vector<std::size_t> sdp_use_hops;  // hop index of sdp_uses[i]
  std::vector<std::pair<LinkKind, TextKey>> links;
  std::vector<std::unique_ptr<MediaStream>> streams;  // filled when the call ends
  std::vector<std::unique_ptr<RtcpFlow>> rtcp;        // likewise
  std::vector<std::unique_ptr<KeyingFlow>> keying;    // likewise
  bool truncated = false;                             // a message of it was cut by the snap length
  bool over_limit = false;                            // hops, dialogs or exchanges beyond the caps were left out
};

// What belongs to one pair of media endpoints of a call. Hops on which a proxy left m= and c= alone form one leg.
struct LegMedia {
  std::size_t index = 0;  // of the m= line
  std::vector<MediaStream*> streams;
};
struct Leg {
  std::vector<const DialogLeg*> path;      // from the caller to the callee; empty when no answer was ever seen
  std::vector<const SdpUse*> lone_offers;  // offers that nobody answered
  const Exchange* refusal = nullptr;
  std::vector<LegMedia> media;    // one for each m= line
  std::vector<std::size_t> hops;  // indexes in Call::hops, in path order
  bool confirmed = false;
};

// Splits an ended call into its legs and hands each stream to the leg whose SDP names one of its ends.
// Streams that fit no leg stay in unplaced.
struct Legs {
  std::vector<Leg> legs;
  std::vector<MediaStream*> unplaced;
};
Legs assemble_legs(const Call& call);

}  // namespace voip::session
