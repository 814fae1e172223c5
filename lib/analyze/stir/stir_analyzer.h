#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/stir/options.h"
#include "analyze/stir/record.h"
#include "analyze/stir/rules.h"
#include "analyze/stir/store.h"
#include "report/content.h"
#include "report/finding.h"
#include "session/observer.h"

namespace voip::analyze::stir {

// Judges each PASSporT of each call at the time of the call. Keeps one record for each Call-ID that carries a call or a
// MESSAGE, at most Options::max_calls of them.
class StirAnalyzer final : public session::Observer {
 public:
  StirAnalyzer(const Options& options, Store& store, report::Sink& sink);
  ~StirAnalyzer() override;

  void on_message(const dissect::SipEvent& event, const session::Call* call) override;
  void on_call_end(session::Call& call) override;
  // A PASSporT or Identity header field that came without a call. where: for findings.
  void add_bare(std::string_view text, const FrameRef& where);

  // After the last packet: runs the checks that compare calls, and gives what the report tells.
  std::shared_ptr<const report::Content> finish();

  // Good after finish().
  const std::vector<CallRecord>& calls() const;
  // URLs of certificates that the inputs name, sorted, each once.
  std::vector<std::string> certificate_urls() const;
  std::uint64_t dropped_calls() const;  // beyond the cap

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace voip::analyze::stir
