#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "analyze/srtp/auth.h"
#include "analyze/srtp/findings.h"
#include "analyze/srtp/pads.h"
#include "analyze/srtp/picture.h"
#include "analyze/srtp/records.h"
#include "analyze/srtp/sip_facts.h"
#include "session/call.h"

// The checks, in groups; each adds findings and tallies its subjects.
namespace voip::analyze::srtp {

// The words of the checks.
using report::Confidence;
using report::Evidence;
using report::Verdict;
using session::Call;
using session::DialogLeg;
using session::Exchange;
using session::Hop;
using session::Leg;
using session::MediaLine;
using session::MediaStream;
using session::RtcpFlow;
using session::SdpUse;

// A stream of a call with all that was found out about it, while the call lives.
struct JudgedStream {
  const MediaStream* stream = nullptr;
  const StreamRecord* record = nullptr;
  Agreement agreement;  // in force when it began
  std::vector<Stretch> stretches;
};

using Subject = std::vector<std::pair<std::string, std::string>>;

// Of what both sides said about one line or call (checks_negotiation.cpp).
void check_answer(Findings& out, const Call& call, const Leg& leg, std::size_t index, const MediaRecord& media);
void check_offers(Findings& out, const Call& call, const Leg& leg);
void check_drops(Findings& out, const Call& call, const Leg& leg);
void check_keys_in_clear(Findings& out, const Call& call);

// Of keys and suites (checks_sdes.cpp, checks_keys.cpp).
void check_suites(Findings& out, const Call& call, const LineState& state, const MediaRecord& media);
void check_parameters(Findings& out, const Call& call, const LineState& state, const MediaRecord& media);
void check_exchanges(Findings& out, const Call& call, const Leg& leg, std::size_t index);
void check_keys(Findings& out, const Call& call, const CallKeys* keys);
void check_mki(Findings& out, const Call& call, const MediaStream& stream, const Agreement& agreement,
               const StreamRecord& record);

// Of what was sent (checks_media.cpp).
void check_tags(Findings& out, const Call& call, const MediaStream& stream, const Agreement& agreement,
                const StreamRecord& record);
void check_not_encrypted(Findings& out, const Call& call, const LineState& state, const MediaRecord& media);
void check_stream(Findings& out, const Call& call, const Leg& leg, std::size_t index, const MediaStream& stream,
                  const Agreement& agreement, const StreamRecord& record, const std::vector<Stretch>& stretches,
                  const FrameRef& first_clear, const FrameRef& last_clear);
void check_stretches(Findings& out, const Call& call, const MediaStream& stream, const StreamRecord& record,
                     const std::vector<Stretch>& stretches, const Subject& subject);
void check_rtcp(Findings& out, const Call& call, const StreamRecord& record,
                const std::vector<const RtcpFlow*>& clear_flows);
void check_orphan(Findings& out, const MediaStream& stream, const StreamRecord& record,
                  const std::vector<Stretch>& stretches, const FrameRef& first_clear,
                  const std::vector<RtcpFlow*>& rtcp);

// Of the order of packets (checks_order.cpp).
void check_replay(Findings& out, const Call& call, const JudgedStream& judged);
void check_reset(Findings& out, const Call& call, const Leg& leg, std::size_t index, const JudgedStream& judged);
void check_clear_start(Findings& out, const Call& call, const Leg& leg, std::size_t index,
                       const std::vector<JudgedStream>& streams);

// Of what the wire gives away (checks_privacy.cpp). call: null for media without signalling.
void check_cname(Findings& out, const Call* call, const std::vector<const RtcpFlow*>& flows, CallRecord* record);
void check_extensions(Findings& out, const Call& call, const LineState& state, const JudgedStream& judged);
void check_digits(Findings& out, const Call* call, const MediaStream& stream, std::span<const CodecHint> hints,
                  const StreamRecord& record);
void check_sip_digits(Findings& out, const Call* call, const CallSip& sip);

// Of where media came from and went (checks_path.cpp).
void check_path(Findings& out, const Call& call, bool transferred);
// Whether an address that no SDP names sends it to a port of the call beside the one that is named, or has the key.
bool sent_by_stranger(const Call& call, const MediaStream& stream);
void check_outside(Findings& out, const Call& call, bool transferred, CallRecord& record);

// Of a session as a whole (checks_session.cpp). sip may be null.
void check_hop_elsewhere(Findings& out, const Call& call, const CallSip* sip);
void check_other_media(Findings& out, const Call& call, const Leg& leg, const LegRecord& record);
void check_recording(Findings& out, const Call& call, const CallSip* sip, const CallRecord& record);
void check_changed(Findings& out, const Call& call, const session::Legs& legs);

// Of all calls together, when the capture is over (checks_capture.cpp, checks_across.cpp, checks_coverage.cpp).
void check_retries(Findings& out, const CallRecords& calls);
void check_legs(Findings& out, const CallRecords& calls);
// keys: null when none were seen.
void note_traces(const Call& call, CallRecord& record, const CallKeys* keys);
void check_choices(Findings& out, const CallRecords& calls);
void check_key_reuse(Findings& out, const CallRecords& calls, PadTable& pads);
void check_cnames_over_days(Findings& out, const CallRecords& calls);
void check_late_media(Findings& out, const CallRecords& calls);
void check_requirement(Findings& out, const CallRecords& calls, const std::vector<StreamRecord>& orphans);
// vendors: by CallRecord::vendor, less 1.
void tell_coverage(Findings& out, const CallRecords& calls, const std::vector<StreamRecord>& orphans,
                   std::span<const std::string> vendors);

}  // namespace voip::analyze::srtp
