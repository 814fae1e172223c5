#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analyze/srtp/options.h"
#include "analyze/srtp/records.h"
#include "analyze/srtp/rules.h"
#include "report/content.h"
#include "report/finding.h"
#include "session/observer.h"

namespace voip::analyze::srtp {

// Says of each call, leg and stream how its media was keyed and whether it was encrypted. Keeps a small record of each
// call for the report; everything else leaves memory with the call.
class SrtpAnalyzer final : public session::Observer {
 public:
  SrtpAnalyzer(const Options& options, report::Sink& sink);
  ~SrtpAnalyzer() override;

  void on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) override;
  void on_rtcp(session::RtcpFlow& flow, const dissect::MediaEvent& event) override;
  void on_keying(session::KeyingFlow& flow, const dissect::MediaEvent& event) override;
  void on_message(const dissect::SipEvent& event, const session::Call* call) override;
  void on_call_end(session::Call& call) override;
  void on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& rtcp) override;

  // Half-read DTLS handshakes that a limit dropped.
  std::uint64_t evicted_handshakes() const;

  // After the last packet: groups the calls, runs the checks that compare calls, and gives what the report tells.
  std::shared_ptr<const report::Content> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace voip::analyze::srtp
