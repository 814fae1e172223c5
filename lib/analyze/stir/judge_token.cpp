#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analyze/stir/judge.h"
#include "analyze/stir/rules.h"
#include "base/text.h"
#include "proto/passport/number.h"

namespace voip::analyze::stir {

using namespace rules;  // NOLINT: constants of this room

namespace {

using passport::Form;
using passport::TokenDefect;
using report::Confidence;

constexpr std::size_t kMaxDest = 64;        // kept for the report
constexpr std::size_t kHalfSignature = 32;  // r of ES256

std::string sentence(const passport::TokenProblem& problem) {
  std::string text(passport::to_string(problem.defect));
  if (!problem.detail.empty()) text += fmt::format(" ({})", clip(problem.detail));
  return text;
}

// What an https URL for certificates is made of (RFC 3986), as far as it matters.
struct CertificateUrl {
  std::string scheme, user, host, port, path;
  bool query = false;
  bool fragment = false;
};

CertificateUrl split_url(std::string_view url) {
  CertificateUrl out;
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos) return out;
  out.scheme = to_lower(url.substr(0, colon));
  std::string_view rest = url.substr(colon + 1);
  if (const std::size_t hash = rest.find('#'); hash != std::string_view::npos) {
    out.fragment = true;
    rest = rest.substr(0, hash);
  }
  if (const std::size_t question = rest.find('?'); question != std::string_view::npos) {
    out.query = true;
    rest = rest.substr(0, question);
  }
  if (!rest.starts_with("//")) return out;
  rest.remove_prefix(2);
  std::string_view authority = rest.substr(0, rest.find('/'));
  out.path = std::string(rest.substr(authority.size()));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    out.user = std::string(authority.substr(0, at + 1));
    authority = authority.substr(at + 1);
  }
  const std::size_t bracket = authority.find(']');
  const std::size_t port = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  out.host = to_lower(authority.substr(0, port));
  if (port != std::string_view::npos) out.port = std::string(authority.substr(port + 1));
  return out;
}

bool special_address(const IpAddress& address) {
  if (address.is_private() || address.unspecified() || address.multicast()) return true;
  if (!address.is_v4()) return address.bytes()[0] == 0x20 && address.bytes()[1] == 1 && address.bytes()[2] == 0x0d;
  const std::uint32_t v4 = address.v4_value();
  return (v4 >> 8) == 0xc00002 || (v4 >> 8) == 0xc63364 || (v4 >> 8) == 0xcb0071 || (v4 >> 28) == 15 || (v4 >> 24) == 0;
}

// Sentences about a host that nobody outside could fetch from.
void judge_host(const CertificateUrl& url, std::vector<std::string>& problems) {
  if (const auto address = IpAddress::parse(url.host)) {
    if (special_address(*address)) problems.push_back(fmt::format("{} is no public address", url.host));
  } else if (url.host.find('.') == std::string::npos) {
    problems.push_back(fmt::format("{} is no public host name", clip(url.host)));
  }
}

bool names_test_host(const std::string& host) {
  constexpr std::array<std::string_view, 3> kEnds{"example.com", "example.org", "localhost"};
  for (const std::string_view end : kEnds) {
    if (host == end || (host.ends_with(end) && host[host.size() - end.size() - 1] == '.')) return true;
  }
  for (std::size_t begin = 0; begin < host.size();) {
    const std::size_t end = std::min(host.find('.', begin), host.size());
    const std::string_view label = std::string_view(host).substr(begin, end - begin);
    if (label == "test" || label == "staging" || label.ends_with("-test") || label.ends_with("-staging") ||
        label.starts_with("test-") || label.starts_with("staging-")) {
      return true;
    }
    begin = end + 1;
  }
  return false;
}

}  // namespace

std::string clip(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  // Never in the middle of a character.
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return std::string(text.substr(0, most)) + "...";
}

std::unique_ptr<Work> Judge::start(const passport::IdentityValue& parsed) {
  auto work = std::make_unique<Work>();
  work->value = parsed;
  work->passport = passport::parse_passport(parsed.token);
  work->claims = passport::read_claims(work->passport);
  IdentityRecord& record = work->record;
  const passport::Claims& claims = work->claims;
  record.form = work->passport.form;
  record.token = text_key(parsed.token);
  record.signing =
      text_key(work->passport.signing_input, as_text(first_bytes(work->passport.signature, kHalfSignature)));
  record.key = text_key(parsed.token, parsed.info.value_or(""),
                        fmt::format("{};{}", parsed.alg.value_or(""), parsed.ppt.value_or("")));
  record.ppt = clip(claims.ppt ? *claims.ppt : std::string(parsed.ppt.value_or("")), 64);
  record.ppt_known = passport::known_ppt(record.ppt);
  record.alg = clip(claims.alg ? *claims.alg : std::string(parsed.alg.value_or("")), 64);
  record.attest = clip(claims.attest.value_or(""), 64);
  record.origid = clip(claims.origid.value_or(""), 128);
  record.iat = claims.iat;
  if (claims.iat_value != nullptr && claims.iat_value->kind == passport::Json::Kind::kNumber) {
    record.iat_fraction = claims.iat_value->number;
  }
  record.orig = claims.orig;
  record.dest.assign(claims.dest.begin(),
                     claims.dest.begin() + static_cast<std::ptrdiff_t>(std::min(claims.dest.size(), kMaxDest)));
  record.div = claims.div;
  record.x5u = claims.x5u ? *claims.x5u : std::string(parsed.info.value_or(""));
  work->orig_key = key_of(claims.orig);
  work->div_key = key_of(claims.div);
  for (const passport::Party& party : claims.dest) work->dest_keys.push_back(key_of(party));
  std::ranges::sort(work->dest_keys);
  record.signer_number = claims.orig.tn.empty() ? std::string{} : work->orig_key;
  check_form(*work);
  check_ppt(*work);
  check_algorithm(*work);
  check_info(*work);
  check_claims(*work);
  return work;
}

void Judge::check_form(Work& work) {
  IdentityRecord& record = work.record;
  record.set(Check::kSyntax, Outcome::kPass);
  for (const passport::FieldDefect defect : work.value.defects) {
    record.set(Check::kSyntax, Outcome::kFail, std::string(passport::to_string(defect)));
  }
  if (!work.value.defects.empty()) {
    work.note(kBadSyntax,
              fmt::format("{} (at character {} of the value): {}", passport::to_string(work.value.defects.front()),
                          work.value.offset + 1, clip(work.value.token, 120)));
  }
  std::string broken;
  for (const passport::TokenProblem& problem : work.passport.problems) {
    const bool bad = passport::fatal(problem.defect);
    record.set(Check::kSyntax, bad ? Outcome::kFail : Outcome::kWarn, sentence(problem));
    switch (problem.defect) {
      case TokenDefect::kNoTyp:
      case TokenDefect::kWrongTyp: work.note(kTyp, sentence(problem)); break;
      case TokenDefect::kTypCase: work.note(kTyp, sentence(problem), report::Severity::kLow); break;
      case TokenDefect::kNotCanonical: work.note(kNotCanonical, sentence(problem)); break;
      case TokenDefect::kIatText:
      case TokenDefect::kIatFraction: break;  // told with the claims
      default: broken += (broken.empty() ? "" : "; ") + sentence(problem); break;
    }
  }
  if (!broken.empty()) work.note(kBadSyntax, std::move(broken));
  if (record.form == Form::kCompact && !record.ppt.empty()) {
    const bool known = record.ppt_known;
    if (known) {
      record.set(Check::kSyntax, Outcome::kFail, fmt::format("a {} PASSporT in compact form", clip(record.ppt)));
    }
    work.note(kCompactExtension, fmt::format("the compact form is used with ppt {}", clip(record.ppt)));
  }
}

void Judge::check_ppt(Work& work) {
  IdentityRecord& record = work.record;
  const auto bad = [&](std::string why) {
    work.note(kPptMismatch, why);
    record.set(Check::kPpt, Outcome::kFail, std::move(why));
  };
  const std::optional<std::string_view> field = work.value.ppt;
  if (record.form == Form::kCompact || !work.passport.header.is_object()) {
    const bool readable = record.form == Form::kCompact && record.ppt_known;
    record.set(Check::kPpt, readable ? Outcome::kPass : Outcome::kUnknown,
               readable           ? ""
               : record.ppt_known ? "the token's header can't be read"
                                  : fmt::format("{} is not known", clip(record.ppt)));
    return;
  }
  const passport::Json* token = work.passport.header.find("ppt");
  const bool shaken_claims = work.claims.attest.has_value() || work.claims.origid.has_value();
  if (token != nullptr && !token->is_string()) {
    bad("ppt of the token is not a text");
  } else if (token == nullptr) {
    if (field.has_value()) {
      bad(fmt::format("ppt is {} in the header field and missing in the token", clip(*field)));
    } else if (shaken_claims) {
      bad("attest or origid is there, but not ppt shaken");
    } else {
      record.set(Check::kPpt, Outcome::kPass);
    }
    return;
  } else if (!field.has_value()) {
    std::string why = fmt::format("the ppt parameter is missing; the token has {}", clip(token->text));
    work.note(kPptMismatch, why, report::Severity::kLow);
    record.set(Check::kPpt, Outcome::kWarn, std::move(why));
  } else if (*field != token->text && iequals(*field, token->text)) {
    // RFC 3261 section 7.3.1: what a parameter holds is the same in any case. What the token holds is not.
    std::string why = fmt::format("ppt is {} in the header field and {} in the token", clip(*field), clip(token->text));
    work.note(kPptMismatch, why, report::Severity::kLow);
    record.set(Check::kPpt, Outcome::kWarn, std::move(why));
  } else if (*field != token->text) {
    bad(fmt::format("ppt is {} in the header field and {} in the token", clip(*field), clip(token->text)));
  }
  if (!record.ppt_known) {
    // A warning about the parameter says less than this.
    if (record[Check::kPpt].outcome != Outcome::kFail) record[Check::kPpt] = {};
    record.set(Check::kPpt, Outcome::kUnknown, fmt::format("{} is not known", clip(record.ppt)));
  } else {
    record.set(Check::kPpt, Outcome::kPass);
  }
}

void Judge::check_algorithm(Work& work) {
  IdentityRecord& record = work.record;
  const auto bad = [&](std::string why) {
    work.note(kAlgorithm, why);
    record.set(Check::kAlgorithm, Outcome::kFail, std::move(why));
  };
  if (work.value.alg.has_value() && *work.value.alg != "ES256" && iequals(*work.value.alg, "ES256")) {
    std::string why = fmt::format("alg is {} in the header field", clip(*work.value.alg));
    work.note(kAlgorithm, why, report::Severity::kLow);
    record.set(Check::kAlgorithm, Outcome::kWarn, std::move(why));
  } else if (work.value.alg.has_value() && *work.value.alg != "ES256") {
    bad(fmt::format("alg is {} in the header field", clip(*work.value.alg)));
  }
  if (record.form == Form::kCompact) {
    record.set(Check::kAlgorithm, Outcome::kPass);
    if (record.alg.empty()) record.alg = "ES256";
    return;
  }
  if (!work.passport.header.is_object()) {
    record.set(Check::kAlgorithm, Outcome::kUnknown, "the token's header can't be read");
    return;
  }
  const passport::Json* alg = work.passport.header.find("alg");
  if (alg == nullptr) {
    bad("alg is missing in the token");
  } else if (!alg->is_string() || alg->text != "ES256") {
    bad(fmt::format("alg is {} in the token", clip(alg->is_string() ? alg->text : alg->canonical())));
  }
  record.set(Check::kAlgorithm, Outcome::kPass);
}

void Judge::check_info(Work& work) {
  IdentityRecord& record = work.record;
  const std::optional<std::string_view> info = work.value.info;
  const bool compact = record.form == Form::kCompact;
  const auto bad = [&](std::string why) {
    work.note(kInfoMismatch, why);
    record.set(Check::kInfo, Outcome::kFail, std::move(why));
  };
  if (!info.has_value() || info->empty()) bad("info is missing");
  if (!compact && work.passport.header.is_object()) {
    const passport::Json* x5u = work.passport.header.find("x5u");
    if (x5u == nullptr || !x5u->is_string() || x5u->text.empty()) {
      bad(x5u == nullptr ? "x5u is missing" : "x5u is not a text");
    } else if (info.has_value() && !info->empty() && normalize_url(*info) != normalize_url(x5u->text)) {
      bad(fmt::format("info is {} and x5u is {}", clip(*info, 120), clip(x5u->text, 120)));
    }
  } else if (!compact) {
    record.set(Check::kInfo, Outcome::kUnknown, "the token's header can't be read");
  }
  if (record.x5u.empty()) return;
  const CertificateUrl url = split_url(record.x5u);
  std::vector<std::string> problems;
  bool warn = false;
  if (url.scheme != "https") {
    record.set(Check::kInfo, Outcome::kFail, fmt::format("{} is not https", clip(record.x5u, 120)));
    problems.emplace_back("it is not https");
  } else if (url.host.empty()) {
    record.set(Check::kInfo, Outcome::kFail, fmt::format("{} names no host", clip(record.x5u, 120)));
    problems.emplace_back("it names no host");
  } else {
    if (!url.port.empty() && url.port != "443" && url.port != "8443") {
      problems.push_back(fmt::format("port {} is neither 443 nor 8443", clip(url.port)));
    }
    if (!url.user.empty()) problems.emplace_back("there is a user part");
    if (url.query) problems.emplace_back("there is a query");
    if (url.fragment) problems.emplace_back("there is a fragment");
    warn = !problems.empty();
    if (url.path.find(';') != std::string::npos) problems.emplace_back("there is a path parameter");
    judge_host(url, problems);
  }
  if (!problems.empty()) {
    std::string text;
    for (const std::string& one : problems) text += (text.empty() ? "" : "; ") + one;
    if (warn) record.set(Check::kInfo, Outcome::kWarn, text);
    if (!options_.relax_x5u) work.note(kBadX5u, fmt::format("{}: {}", clip(record.x5u, 120), text));
  } else if (!options_.relax_x5u && !url.path.ends_with(".pem") && !url.path.ends_with(".crt") &&
             !url.path.ends_with(".cer")) {
    work.note(kBadX5u, fmt::format("{}: does not end in .pem, .crt or .cer", clip(record.x5u, 120)),
              report::Severity::kLow, Confidence::kPossible);
  }
  if (names_test_host(url.host) && !options_.relax_x5u) {
    work.note(kTestCertificate, fmt::format("the certificate is published at {}", clip(record.x5u, 120)));
  }
  if (record[Check::kInfo].outcome == Outcome::kNotApplicable) record.set(Check::kInfo, Outcome::kPass);
}

void Judge::check_claims(Work& work) {
  IdentityRecord& record = work.record;
  if (record.form == Form::kCompact) return;  // made from the SIP request
  if (record.form == Form::kBroken || !work.passport.payload.is_object()) {
    record.set(Check::kClaims, Outcome::kUnknown, "the claims can't be read");
    return;
  }
  for (std::string& problem : passport::claim_problems(work.passport, work.claims, record.ppt)) {
    work.note(kClaimMissing, problem);
    record.set(Check::kClaims, Outcome::kFail, std::move(problem));
  }
  if (record.iat_fraction.has_value() && record[Check::kClaims].outcome != Outcome::kFail) {
    record.set(Check::kClaims, Outcome::kWarn, "iat is not a whole number");
    work.note(kClaimMissing, fmt::format("iat is {}, not a whole number", work.claims.iat_value->text),
              report::Severity::kLow);
  }
  record.set(Check::kClaims, Outcome::kPass);
  if (record.ppt != "shaken") {
    // An origid elsewhere is held to its form all the same.
    if (!work.claims.origid.has_value()) return;
  } else if (record.attest == "A" || record.attest == "B" || record.attest == "C") {
    record.set(Check::kAttest, Outcome::kPass);
  } else {
    std::string why = work.claims.attest ? fmt::format("attest is {}", clip(*work.claims.attest)) : "attest is missing";
    if (work.claims.attest) work.note(kBadAttest, why);
    record.set(Check::kAttest, Outcome::kFail, std::move(why));
  }
  const std::string& id = record.origid;
  if (!work.claims.origid.has_value() || id.empty()) {
    std::string why = work.claims.origid ? "origid is empty" : "origid is missing";
    if (work.claims.origid) work.note(kBadOrigid, why);
    record.set(Check::kOrigid, Outcome::kFail, std::move(why));
    return;
  }
  bool uuid = id.size() == 36;
  for (std::size_t i = 0; uuid && i < id.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = ascii_lower(id[i]);
    uuid = dash ? c == '-' : is_digit(c) || (c >= 'a' && c <= 'f');
  }
  if (!uuid) {
    work.note(kBadOrigid, fmt::format("origid is {}", clip(id)));
    record.set(Check::kOrigid, Outcome::kWarn, "origid is no UUID");
  } else if (id.find_first_not_of("0-") == std::string::npos) {
    work.note(kBadOrigid, "origid is the nil UUID");
  }
  record.set(Check::kOrigid, Outcome::kPass);
}

}  // namespace voip::analyze::stir
