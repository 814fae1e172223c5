#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analyze/srtp/records.h"
#include "analyze/srtp/rules.h"
#include "report/content.h"
#include "report/finding.h"
#include "session/observer.h"

namespace voip::analyze::srtp {

struct Options {
  std::uint64_t min_clear_packets = 50;        // of a stream, before SRTP-004 speaks (or one second, whichever is more)
  std::uint64_t min_unencrypted_packets = 10;  // of a line, before SRTP-001 speaks
  std::chrono::seconds retry_window{32};       // SRTP-009
};

// Says of each call, leg and stream how its media was keyed and whether it was encrypted. Keeps a small record of each
// call for the report; everything else leaves memory with the call.
class SrtpAnalyzer final : public session::Observer {
 public:
  SrtpAnalyzer(const Options& options, report::Sink& sink);
  ~SrtpAnalyzer() override;

  void on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) override;
  void on_rtcp(session::RtcpFlow& flow, const dissect::MediaEvent& event) override;
  void on_call_end(session::Call& call) override;
  void on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& rtcp) override;

  // After the last packet: groups the calls, runs the checks that compare calls, and gives what the report tells.
  std::shared_ptr<const report::Content> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace voip::analyze::srtp
