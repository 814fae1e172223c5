#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyze/srtp/keying.h"
#include "analyze/srtp/media_judge.h"
#include "analyze/srtp/records.h"
#include "session/call.h"

// What a call's signalling agreed about its media, line by line and leg by leg.
namespace voip::analyze::srtp {

// Null when the SDP was not seen or has fewer lines.
const session::MediaLine* line_of(const session::SdpUse& use, std::size_t index);
// Audio or video over any RTP profile.
bool audio_or_video(const session::MediaLine& line);

// The last exchange of a dialog in which both sides spoke about the line: one that lets RTP flow, if any did; later
// ones that hold it, take it away or turn it into fax are passed over.
const session::Exchange* last_complete(const session::DialogLeg& dialog, std::size_t index);
// The exchange that was in force at a moment; the first complete one before any was.
const session::Exchange* in_force(const session::Leg& leg, std::size_t index, Timestamp when);

// When the line was first answered; unknown: never seen.
Timestamp first_answer(const session::Leg& leg, std::size_t index);

// When the call stands: with the SDP answer, but not before the final one (what sounds until then is ringing and
// announcements); never for a call that was refused. Unknown: not seen.
Timestamp call_stands(const session::Call& call, const session::Leg& leg, std::size_t index);

// What the SDPs agreed, and the media path did: DTLS may have run although a fingerprint was missing (SRTP-036), or
// although SDES was answered too. Either line may be null.
Agreement agree_in(const session::Call& call, const session::MediaLine* offer, const session::MediaLine* answer);

struct LineState {
  Agreement agreement;
  const session::Exchange* exchange = nullptr;  // the last complete one
  const session::MediaLine* offer = nullptr;    // of it, or of the offer that nobody answered
  const session::MediaLine* answer = nullptr;
  bool refused = false;
};
LineState state_of(const session::Call& call, const session::Leg& leg, std::size_t index);

bool zrtp_secured(const session::Call& call, const session::MediaStream& stream);
bool zrtp_seen(const session::Call& call);

std::vector<CodecHint> hints_of(const session::Leg& leg, std::size_t index);
// Bytes that the agreed SDES suite adds to a packet: tag and MKI.
std::optional<unsigned> overhead_of(const Agreement& agreement);
bool clear_by_agreement(const Agreement& agreement);
Declared declared_of(const Agreement& agreement, bool zrtp);
// Whether the exchange in force at that moment asked for no encryption: what fails then is no forgery.
bool plain_by_then(const session::Leg& leg, std::size_t index, Timestamp when);

// The two hosts in an order that does not depend on who called: for the entity of a finding.
std::string hosts(const Endpoint& a, const Endpoint& b);
// "key 1a2b3c4d.. of 30 bytes": the first digits of its SHA-256.
std::string masked_key(const InlineKey& key);

}  // namespace voip::analyze::srtp
