#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "analyze/srtp/auth.h"
#include "analyze/srtp/checks.h"
#include "analyze/srtp/key_exchanges.h"
#include "analyze/srtp/path_traces.h"
#include "analyze/srtp/srtp_analyzer.h"
#include "analyze/srtp/stream_record.h"
#include "analyze/srtp/stream_state.h"
#include "analyze/srtp/tag_pool.h"
#include "analyze/srtp/voice_watch.h"
#include "base/table.h"

namespace voip::analyze::srtp {

// Only for srtp_analyzer.cpp and analyzer_calls.cpp.
struct SrtpAnalyzer::Impl {
  Impl(const Options& o, report::Sink& s) : options(o), findings(options, s), tags(options.threads, queued_bytes) {
    for (const std::string& log : options.key_logs) exchanges.add_key_log(log);
  }

  // srtp_analyzer.cpp: packet by packet
  CallKeys& keys_of(const Call& call);
  // What the signalling of the stream's call has shown so far; null for a stream without one.
  CallKeys* keys_for(const MediaStream& stream, StreamState& state);
  void on_keying(session::KeyingFlow& flow, const dissect::MediaEvent& event);
  // Handshakes may key streams whose call is out of sight.
  const CallKeys* keys_beside(const MediaStream& stream, StreamState& state, const CallKeys* keys);
  // Keys of other calls: media that no SDP names (behind a relay or NAT) may still be theirs.
  void try_keys_of_others(StreamState& state);
  // A call whose media is out of sight shows its keys in its messages.
  void note_keys(const dissect::SipEvent& event, const Call* call);
  crypto::KeySearchOptions search_options();
  void authenticate(StreamState& state, const CallKeys* keys, const dissect::MediaEvent& event);
  void watch(const MediaStream& stream, StreamState& state, const CallKeys* keys, const dissect::MediaEvent& event);
  void on_rtcp(RtcpFlow& flow, const dissect::MediaEvent& event);
  void on_rtp(MediaStream& stream, const dissect::MediaEvent& event);

  // analyzer_calls.cpp: what is over
  void on_call_end(Call& call);
  void note_pads(const Call& call, const CallKeys& keys);
  // A stream whose sockets an SDP of the call names, though none of its legs does (a fork that lost, a hop unseen).
  void place_anyway(const Call& call, MediaStream& stream, CallRecord& record);
  LegRecord record_leg(const Call& call, const Leg& leg);
  MediaRecord record_media(const Call& call, const Leg& leg, const session::LegMedia& media);
  // The keys of a stream without a call may open its RTCP.
  void read_rtcp(RtcpFlow& flow, const MediaStream& stream);
  void on_orphan_end(MediaStream& stream, const std::vector<RtcpFlow*>& rtcp);
  std::shared_ptr<const report::Content> finish();

  Options options;
  Findings findings;
  KeyExchanges exchanges{findings};
  std::size_t secrets_read = 0;
  CallRecords calls;
  std::vector<StreamRecord> orphans;
  FlatMap<std::uint64_t, std::unique_ptr<CallKeys>> call_keys;  // by Call::serial
  CallVendors vendors;
  CallKeys others;  // the latest keys of all calls, for streams without one
  // Tags that may be tried in vain, a million take about a second: with keys of other calls, and with rollover counters
  // beyond --max-roc.
  std::uint64_t attempts_left = 400'000;
  std::uint64_t far_attempts_left = 1'000'000;
  SipFacts sip_facts;
  PadTable pads;
  VoiceWatch voices;
  PathTraces path_traces;
  std::size_t queued_bytes = 0;  // by the PacketQueues of all streams
  TagPool tags;
};

}  // namespace voip::analyze::srtp
