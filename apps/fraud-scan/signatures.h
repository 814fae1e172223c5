#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "analyze/fraud/fraud_analyzer.h"
#include "analyze/stir/stir_analyzer.h"

namespace voip {

// Lets the signatures of calls (RFC 8224) be judged as stir-verify does, and tells the fraud analyzer of those that
// speak against their callers. Calls without an Identity header cost a look at their header fields.
class Signatures final : public session::Observer {
 public:
  Signatures(const analyze::stir::Options& options, analyze::stir::Store& store, analyze::fraud::FraudAnalyzer& fraud)
      : fraud_(fraud), judge_(options, store, nowhere_) {}

  bool wants_transactions() const override { return fraud_.wants_transactions(); }
  void on_message(const dissect::SipEvent& event, const session::Call* call) override {
    fraud_.on_message(event, call);
    const sip::MessageView& message = *event.message;
    if (message.is_request && message.method == sip::Method::kInvite && event.frame.time.known() &&
        !message.header(sip::HeaderId::kIdentity).empty()) {
      judge_.on_message(event, call);
    }
  }
  void on_transaction(const session::Transaction& transaction) override { fraud_.on_transaction(transaction); }
  void on_registration(const session::RegistrationChange& change) override { fraud_.on_registration(change); }
  void on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) override { fraud_.on_rtp(stream, event); }
  void on_rtcp(session::RtcpFlow& flow, const dissect::MediaEvent& event) override { fraud_.on_rtcp(flow, event); }
  void on_tls(const dissect::TlsFlow& flow) override { fraud_.on_tls(flow); }
  void on_other_stream(const dissect::OtherStream& stream) override { fraud_.on_other_stream(stream); }
  void on_call_end(session::Call& call) override { fraud_.on_call_end(call); }
  void on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& rtcp) override {
    fraud_.on_orphan_end(stream, rtcp);
  }

  // After the last packet, before the fraud analyzer's finish().
  void finish() {
    (void)judge_.finish();
    for (const analyze::stir::CallRecord& call : judge_.calls()) {
      if (!call.call_id) continue;
      if (auto why = doubt(call)) fraud_.doubt_caller(*call.call_id, *std::move(why));
    }
  }

 private:
  class Nowhere final : public report::Sink {
   public:
    void add(report::Finding) override {}
    void tally(const report::Rule&, report::Verdict, std::uint64_t) override {}
  };

  // The same number written in another way (with a national prefix, without the country) is no other caller.
  static bool other_number(std::string_view a, std::string_view b) {
    constexpr std::size_t kSubscriber = 7;
    if (a.size() < kSubscriber || b.size() < kSubscriber) return false;
    return a.substr(a.size() - kSubscriber) != b.substr(b.size() - kSubscriber);
  }

  static std::optional<std::string> doubt(const analyze::stir::CallRecord& call) {
    using analyze::stir::Check;
    using analyze::stir::Outcome;
    // A diverted call is signed for its first caller, and by more than one.
    if (std::ranges::any_of(call.identities, [](const auto& one) { return one.ppt == "div"; })) return std::nullopt;
    for (const analyze::stir::IdentityRecord& one : call.identities) {
      if (one[Check::kSignature].outcome == Outcome::kFail) return "the signature does not verify, STIR-022";
      if (one[Check::kOrig].outcome == Outcome::kFail && other_number(one.signer_number, call.from_number))
        return "signed for another caller, STIR-019";
    }
    return std::nullopt;
  }

  analyze::fraud::FraudAnalyzer& fraud_;
  Nowhere nowhere_;
  analyze::stir::StirAnalyzer judge_;
};

}  // namespace voip
