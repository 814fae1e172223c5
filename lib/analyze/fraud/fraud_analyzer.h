#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/fraud/calls.h"
#include "analyze/fraud/incident.h"
#include "analyze/fraud/places.h"
#include "analyze/fraud/profile.h"
#include "analyze/fraud/rates.h"
#include "analyze/fraud/rules.h"
#include "analyze/fraud/site.h"
#include "base/limits.h"
#include "base/result.h"
#include "numbering/destinations.h"
#include "policy/policy.h"
#include "report/content.h"
#include "report/finding.h"
#include "session/observer.h"

namespace voip::analyze::fraud {

struct Options {
  Site site{};
  Thresholds limits{};
  Limits caps{};
  std::shared_ptr<const Destinations> destinations{};  // null: the built-in table
  std::shared_ptr<const RateTable> rates{};            // null: placeholder rates
  std::shared_ptr<const Places> places{};              // null: addresses have no country
  Profile history{};                                   // of --baseline-traffic
  std::vector<policy::Override> severities{};          // of [severity]: an incident has its finding's
  bool hours_given = false;                            // the policy says when the site works, and where it is
  bool report_findings = true;                         // false: incidents only (for whoever embeds this)
};

// What the policy says; the rest is left to be inferred.
Options options_from(const policy::Policy& policy, const Limits& caps);

// A line of the account table.
struct AccountRow {
  std::string account{};
  std::vector<IpAddress> sources{};
  std::uint64_t registrations = 0;
  std::uint64_t failures = 0;
  std::uint64_t calls = 0;
  std::uint64_t answered = 0;
  double seconds = 0;
  std::uint64_t concurrent_peak = 0;
  std::vector<std::string> countries{};  // ISO 3166, else the service's name
  std::vector<std::string> user_agents{};
  report::Severity risk{};  // of the gravest incident that names it as prey or actor; info: none
};

// Who scans, guesses, floods or steals calls. Keeps small capped records while the packets pass and makes incidents of
// them at the end.
class FraudAnalyzer final : public session::Observer {
 public:
  FraudAnalyzer(Options options, report::Sink& sink);
  ~FraudAnalyzer() override;

  bool wants_transactions() const override { return true; }
  void on_message(const dissect::SipEvent& event, const session::Call* call) override;
  void on_transaction(const session::Transaction& transaction) override;
  void on_registration(const session::RegistrationChange& change) override;
  void on_tls(const dissect::TlsFlow& flow) override;
  void on_other_stream(const dissect::OtherStream& stream) override;
  void on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) override;
  void on_rtcp(session::RtcpFlow& flow, const dissect::MediaEvent& event) override;
  void on_call_end(session::Call& call) override;
  void on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& rtcp) override;

  // A signature of the call proves false, or is another caller's; before finish().
  void doubt_caller(std::string_view call_id, std::string why);

  // After the last packet.
  std::shared_ptr<const report::Content> finish();
  // Then: plain values, good as long as the analyzer lives.
  const std::vector<Incident>& incidents() const;
  const CallTable& calls() const;
  const std::vector<AccountRow>& accounts() const;
  const Site& site() const;        // with what was inferred
  const Profile& profile() const;  // what normal was in these inputs, for --write-profile
  // --state: what earlier runs saw, before the first packet; and what the next run is to know, after finish().
  Status load_state(std::string_view json);
  std::string save_state() const;
  // Whether a host does nothing but harm: only such may be blocked.
  bool blockable(const IpAddress& source) const;
  // Records left out because a cap was reached, by table.
  std::map<std::string, std::uint64_t> dropped() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace voip::analyze::fraud
