#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analyze/fraud/fraud_analyzer.h"
#include "analyze/timeline/content.h"
#include "analyze/timeline/rules.h"
#include "report/finding.h"
#include "session/observer.h"
#include "session/registration.h"
#include "session/transaction.h"

namespace voip::analyze::timeline {

struct Options {
  ShowOptions show;
  std::size_t most_calls = 1U << 18;
  std::size_t most_events = 1U << 18;
  std::size_t most_steps = 0;  // messages kept for ladder diagrams
  fraud::Options fraud{};
  std::vector<Deadline> deadlines{};
  Timestamp aware_at{};  // when the incident became known; unknown: the end of the capture is assumed
};

// Tells what happened, in order.
class TimelineAnalyzer final : public session::Observer {
 public:
  TimelineAnalyzer(const Options& options, report::Sink& sink);
  ~TimelineAnalyzer() override;

  void on_message(const dissect::SipEvent& event, const session::Call* call) override;
  void on_copy(const dissect::SipEvent& event) override;
  void on_offer_answer(const session::Call& call, const session::DialogLeg& dialog, std::size_t index) override;
  void on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) override;
  void on_rtcp(session::RtcpFlow& flow, const dissect::MediaEvent& event) override;
  void on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& rtcp) override;
  bool wants_transactions() const override { return true; }
  void on_transaction(const session::Transaction& transaction) override;
  void on_registration(const session::RegistrationChange& change) override;
  void on_call_end(session::Call& call) override;
  void on_tls(const dissect::TlsFlow& flow) override;
  void on_other_stream(const dissect::OtherStream& stream) override;

  // After the last packet. facts: what the inputs themselves showed; clock offsets are added to them.
  std::shared_ptr<const TimelineContent> finish(Facts facts);
  // What was left out because a table was full, by name.
  std::vector<std::pair<std::string, std::uint64_t>> dropped() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace voip::analyze::timeline
