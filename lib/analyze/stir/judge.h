#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/stir/options.h"
#include "analyze/stir/record.h"
#include "analyze/stir/request.h"
#include "analyze/stir/store.h"
#include "proto/passport/identity.h"
#include "proto/passport/passport.h"

namespace voip::analyze::stir {

// One Identity value under judgement. Claims borrow the passport, so it stays where it is.
struct Work {
  passport::IdentityValue value;
  passport::Passport passport;
  passport::Claims claims;
  std::vector<std::string> dest_keys;  // dest in comparable form, sorted
  std::string orig_key;
  std::string div_key;
  IdentityRecord record;

  bool diverts() const { return record.ppt == "div" || record.ppt == "div-o"; }
  void note(const report::Rule& rule, std::string text, std::optional<report::Severity> severity = {},
            report::Confidence confidence = report::Confidence::kCertain) {
    record.notes.push_back({&rule, std::move(text), severity, confidence});
  }
};

// Holds each PASSporT of a request against the token's own form, the certificates at hand and the request.
class Judge {
 public:
  Judge(const Options& options, Store& store) : options_(options), store_(store) {}

  // All Identity values of the request, in their order.
  std::vector<IdentityRecord> judge(const Request& request);
  // An Identity value that came without a call: nothing to compare it with, so it is never valid.
  IdentityRecord judge_value(const passport::IdentityValue& value);

 private:
  using Works = std::vector<std::unique_ptr<Work>>;

  // judge_token.cpp: form, algorithm, claims.
  std::unique_ptr<Work> start(const passport::IdentityValue& parsed);
  void check_form(Work& work);
  void check_ppt(Work& work);
  void check_algorithm(Work& work);
  void check_info(Work& work);
  void check_claims(Work& work);

  // judge_certificate.cpp: certificate and signature, and the compact form, which only the signature explains.
  void check_compact(Work& work, const Request& request);
  void check_certificate(Work& work, const Request* request);
  void check_signature(Work& work, crypto::StirCertificates::FileId file, std::string_view signing_input);
  void finish_signature(Work& work, crypto::Es256 result);
  void take_standing(Work& work, const crypto::StirJudgement& judgement, std::optional<std::int64_t> now);

  // judge_call.cpp: what the SIP request says.
  void check_freshness(Work& work, const Request* request);
  void check_orig(Work& work, const Request& request);
  void check_dest(Work& work, const Request& request);
  void check_numbers(Work& work);
  void check_request(const Request& request, Works& works);
  enum class Likeness : std::uint8_t { kNone, kSame, kOther };  // kNone: nothing to compare
  Likeness compare(const passport::Party& claim, const Address& address) const;
  std::string key_of(const passport::Party& party) const;
  std::optional<std::int64_t> time_of(const Request* request) const;
  bool fresh(std::int64_t iat, std::int64_t at) const;

  // judge_extensions.cpp: div, rcd, rph, mky.
  // How the div tokens of a request hang together, by their places in Works; Works::size() for none.
  struct Diversions {
    std::vector<std::size_t> reached;  // in the order of the chain: first the originals, or what is left of its head
    std::vector<std::size_t> anchor;   // the one before each
    std::vector<bool> followed;
    std::size_t originals = 0, heads = 0;
  };
  static Diversions chain_of(const Works& works);
  static std::string why_unlinked(const Works& works, const Work& work);
  static void explain_by_diversions(const Diversions& chain, Works& works);
  void check_diversions(const Request& request, Works& works);
  void check_nested(Work& work, const Request& request);
  Outcome judge_nested(std::string_view token, const passport::Claims& outer, const Request& request, unsigned depth,
                       std::vector<std::string>& urls, std::string& why);
  void check_rcd(Work& work, const Request* request);
  void check_rcd_digest(Work& work, const std::string& pointer, const passport::Json& value);
  void check_rph(Work& work, const Request& request);
  void check_mky(Work& work, const Request& request);

  const Options& options_;
  Store& store_;
};

// At most `most` characters of untrusted text, for a message.
std::string clip(std::string_view text, std::size_t most = 80);

}  // namespace voip::analyze::stir
