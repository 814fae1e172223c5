#pragma once

#include <string>
#include <vector>

#include "analyze/fraud/fraud_analyzer.h"
#include "analyze/fraud/incident.h"
#include "report/content.h"

namespace voip::analyze::fraud {

// The JSON of incidents[], for every tool that tells them.
void write_incidents(report::RecordWriter& out, const std::vector<Incident>& incidents);
// For people: worst first.
void text_incidents(report::TextWriter& out, const std::vector<Incident>& incidents);

// fraud-scan's part of the report: incidents[], accounts[], and what was taken for granted of the site.
class FraudContent final : public report::Content {
 public:
  FraudContent(std::vector<Incident> incidents, std::vector<AccountRow> accounts, Site site, Thresholds limits);
  // Nothing was there to judge: no SIP in what was visible.
  void saw_nothing() { nothing_ = true; }
  std::string headline() const override;
  void write_sections(report::RecordWriter& out) const override;
  void write_text(report::TextWriter& out) const override;
  const std::vector<Incident>& incidents() const { return incidents_; }

 private:
  std::vector<Incident> incidents_;
  std::vector<AccountRow> accounts_;
  Site site_;
  Thresholds limits_;
  bool nothing_ = false;
};

}  // namespace voip::analyze::fraud
