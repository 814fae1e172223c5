#pragma once

#include <string>
#include <vector>

#include "analyze/srtp/records.h"
#include "report/content.h"

namespace voip::analyze::srtp {

struct Summary {
  std::uint64_t calls = 0;  // groups: a call over a B2BUA counts once
  std::uint64_t with_media = 0;
  std::uint64_t encrypted = 0;
  std::uint64_t clear = 0;  // some leg or stream of it is clear
  std::uint64_t lying = 0;  // of the clear ones: a stream was declared srtp
  std::uint64_t undetermined = 0;
  // Never answered (refused, cancelled): what sounded there was ringing or an announcement. Not among with_media.
  std::uint64_t unanswered = 0;
  std::uint64_t unanswered_clear = 0;
  std::uint64_t orphans = 0;
  std::uint64_t orphans_clear = 0;
  std::uint64_t orphans_encrypted = 0;
};
Summary summarize(const CallRecords& calls, const std::vector<StreamRecord>& orphans);

// srtp-check's part of the report: calls[] (one entry for each leg) and orphan_streams[].
class SrtpContent final : public report::Content {
 public:
  SrtpContent(CallRecords calls, std::vector<StreamRecord> orphans);
  std::string headline() const override;
  void write_sections(report::RecordWriter& out) const override;
  void write_text(report::TextWriter& out) const override;

 private:
  CallRecords calls_;
  std::vector<StreamRecord> orphans_;
  Summary summary_;
};

}  // namespace voip::analyze::srtp
