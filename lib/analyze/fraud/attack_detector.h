#pragma once

#include <memory>

#include "analyze/fraud/detector.h"
#include "base/limits.h"

namespace voip::analyze::fraud {

class Places;

// Scans, guessing, take-over, floods and malformed input: FRAUD-001 to FRAUD-036.
class AttackDetector final : public Detector {
 public:
  // places: null: addresses have no country.
  AttackDetector(const Site& site, const Thresholds& limits, const Limits& caps,
                 std::shared_ptr<const Places> places = nullptr);
  ~AttackDetector() override;

  bool wants_transactions() const override { return true; }
  void on_message(const dissect::SipEvent& event, const session::Call* call) override;
  void on_transaction(const session::Transaction& t) override;
  void on_registration(const session::RegistrationChange& change) override;
  void on_tls(const dissect::TlsFlow& flow) override;
  void on_other_stream(const dissect::OtherStream& stream) override;
  void on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) override;
  void on_call_end(session::Call& call) override;
  void on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& rtcp) override;
  void conclude(Findings& findings) override;
  void save(StateSection& section) const override;
  void load(const StateSection& section) override;
  std::map<std::string, std::uint64_t> dropped() const override;

  // What the hosts are; known once conclude() began.
  const Roles& roles() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace voip::analyze::fraud
