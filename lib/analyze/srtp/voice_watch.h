#pragma once

#include <cstdint>
#include <vector>

#include "analyze/srtp/copies.h"
#include "analyze/srtp/findings.h"
#include "analyze/srtp/keystreams.h"
#include "analyze/srtp/records.h"
#include "analyze/srtp/stream_state.h"

namespace voip::analyze::srtp {

// What is only seen by comparing the packets of several streams: keystreams that repeat (SRTP-022 without keys) and
// decrypted voice that travels in clear elsewhere (SRTP-062).
class VoiceWatch {
 public:
  // of_call: what the stream's call showed so far, null without one; keys: those that may fit the stream, null for
  // none.
  void on_packet(const session::MediaStream& stream, StreamState& state, const CallKeys* of_call, const CallKeys* keys,
                 const dissect::MediaEvent& event);
  // The stream is over and judged. serial: of its call, 0 without one.
  void settle(const session::MediaStream& stream, const StreamRecord& record, std::uint64_t serial);
  void finish(Findings& out, const CallRecords& calls, const std::vector<StreamRecord>& orphans);

 private:
  void tell_pads(Findings& out);
  void tell_copies(Findings& out, const CallRecords& calls, const std::vector<StreamRecord>& orphans);

  KeystreamTable keystreams_;
  CopyTable copies_;
  bool keys_seen_ = false;
  std::uint64_t sealed_streams_ = 0;
};

}  // namespace voip::analyze::srtp
