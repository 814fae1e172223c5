#pragma once

#include <optional>
#include <span>
#include <vector>

#include "analyze/srtp/media_judge.h"
#include "analyze/srtp/records.h"
#include "session/call.h"

// From live streams to the records that the report tells.
namespace voip::analyze::srtp {

StreamRecord record_stream(const session::MediaStream& stream, std::span<const CodecHint> hints,
                           std::optional<unsigned> overhead, bool promised, std::vector<Stretch>& stretches,
                           FrameRef& first_clear, FrameRef& last_clear);
// Verified tags outrank what the bytes look like.
void apply_tags(const session::MediaStream& stream, const session::Leg& leg, std::size_t index, StreamRecord& record);
void take_rtcp(const session::RtcpFlow& flow, StreamRecord& record, std::uint64_t& clear, std::uint64_t& encrypted);
RtcpObserved rtcp_verdict(std::uint64_t clear, std::uint64_t encrypted);
// The RTCP that the stream's sender sent beside it. clear_flows (may be null) takes those with clear packets.
void attach_rtcp(const session::Call& call, const session::MediaStream& stream, StreamRecord& record,
                 std::vector<const session::RtcpFlow*>* clear_flows);
Protection protection_of(const LegRecord& leg);
double seconds_of(const StreamRecord& stream);

}  // namespace voip::analyze::srtp
