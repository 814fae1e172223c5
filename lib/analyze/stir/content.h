#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analyze/stir/record.h"
#include "analyze/stir/store.h"
#include "report/content.h"

namespace voip::analyze::stir {

struct Summary {
  std::uint64_t calls = 0;
  std::uint64_t valid = 0;
  std::uint64_t invalid = 0;
  std::uint64_t unverifiable = 0;
  std::uint64_t unsigned_calls = 0;
};

// stir-verify's part of the report: calls[], attestation[] and the number of unsigned calls.
class StirContent final : public report::Content {
 public:
  // certificates: what the records' facts live in.
  StirContent(const std::vector<CallRecord>& calls, std::shared_ptr<crypto::StirCertificates> certificates);
  std::string headline() const override;
  void write_sections(report::RecordWriter& out) const override;
  void write_text(report::TextWriter& out) const override;

 private:
  struct Signer {
    std::string spc;
    std::string issuer;
    std::uint64_t a = 0, b = 0, c = 0, invalid = 0, unverifiable = 0;
    std::uint64_t other = 0;  // valid, but no shaken PASSporT
  };
  void write_call(report::TextWriter& out, const CallRecord& call) const;

  std::vector<CallRecord> calls_;
  std::shared_ptr<crypto::StirCertificates> certificates_;
  std::vector<Signer> signers_;
  Summary summary_;
};

}  // namespace voip::analyze::stir
