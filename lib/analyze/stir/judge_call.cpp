#include <fmt/format.h>

#include <algorithm>

#include "analyze/stir/judge.h"
#include "analyze/stir/rules.h"
#include "proto/passport/number.h"

namespace voip::analyze::stir {

using namespace rules;  // NOLINT: constants of this room

namespace {

using passport::Form;
using report::Severity;

std::int64_t floor_seconds(Timestamp time) {
  const std::int64_t seconds = time.ns / kNsPerSecond;
  return time.ns % kNsPerSecond < 0 ? seconds - 1 : seconds;
}

// |a - b| without overflow, whatever a token claims.
std::uint64_t distance(std::int64_t a, std::int64_t b) {
  return a > b ? static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b)
               : static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a);
}

std::string name_of(const Address& address) { return clip(address.number.empty() ? address.text : address.number); }

std::string list_of(const std::vector<passport::Party>& parties) {
  std::string out;
  for (std::size_t i = 0; i < parties.size() && i < 5; ++i) out += (i == 0 ? "" : ", ") + clip(parties[i].text());
  if (parties.size() > 5) out += fmt::format(" and {} more", parties.size() - 5);
  return out;
}

}  // namespace

std::optional<std::int64_t> Judge::time_of(const Request* request) const {
  if (options_.at.known()) return floor_seconds(options_.at);
  if (request != nullptr && request->frame.time.known()) return floor_seconds(request->frame.time);
  return std::nullopt;
}

bool Judge::fresh(std::int64_t iat, std::int64_t at) const {
  return distance(iat, at) <= static_cast<std::uint64_t>(std::max<std::int64_t>(options_.freshness_s, 0));
}

// Comparable form of an identity: numbers and URIs never meet, as a URI has a colon.
std::string Judge::key_of(const passport::Party& party) const {
  if (!party.tn.empty()) {
    const std::string number = passport::canonical_number(party.tn, options_.country_code);
    return number.empty() ? party.tn + ":" : number;  // no number at all: equal to nothing
  }
  return party.uri.empty() ? std::string{} : normalize_identity_uri(party.uri);
}

Judge::Likeness Judge::compare(const passport::Party& claim, const Address& address) const {
  if (!claim.tn.empty()) {
    if (address.number.empty()) return Likeness::kNone;
    // A tn is canonical by definition, so what looks national may be another country's: both readings count.
    return address.number == passport::bare_number(claim.tn) ||
                   address.number == passport::canonical_number(claim.tn, options_.country_code)
               ? Likeness::kSame
               : Likeness::kOther;
  }
  if (claim.uri.empty() || address.uri.empty()) return Likeness::kNone;
  return normalize_identity_uri(claim.uri) == address.uri ? Likeness::kSame : Likeness::kOther;
}

void Judge::check_freshness(Work& work, const Request* request) {
  IdentityRecord& record = work.record;
  if (!record.iat.has_value()) return record.set(Check::kFreshness, Outcome::kUnknown, "there is no time of signing");
  const std::int64_t iat = *record.iat;
  const bool compact = record.form == Form::kCompact;
  const bool date_known = request != nullptr && request->date.has_value();
  const auto now = time_of(request);
  if (request != nullptr && !compact) {
    if (!request->has_date) {
      work.note(kDate, "there is no Date header; the capture's time alone decides");
    } else if (!request->date.has_value()) {
      work.note(kDate, "the Date header can't be read; the capture's time alone decides");
    }
  }
  if (date_known && !fresh(iat, *request->date)) {
    std::string why = fmt::format("iat and Date are {} s apart", distance(iat, *request->date));
    work.note(kDate, why, Severity::kMedium);
    record.set(Check::kFreshness, Outcome::kFail, std::move(why));
  }
  if (!now.has_value()) {
    if (record[Check::kFreshness].outcome != Outcome::kFail) {
      record.set(Check::kFreshness, Outcome::kUnknown, "the time of the call is not known");
    }
    return;
  }
  const std::uint64_t apart = distance(iat, *now);
  if (iat < *now) {
    if (!fresh(iat, *now)) {
      std::string why = fmt::format("signed {} s before the call", apart);
      work.note(kStale, why);
      return record.set(Check::kFreshness, Outcome::kFail, std::move(why));
    }
    if (apart > 15) {
      work.note(kStale, fmt::format("signed {} s before the call: some verifiers refuse that", apart), Severity::kInfo);
    }
  } else if (iat > *now) {
    if (apart > static_cast<std::uint64_t>(std::max<std::int64_t>(options_.max_future_s, 0))) {
      work.note(kFuture, fmt::format("signed {} s after the call", apart),
                apart > 60 ? Severity::kHigh : Severity::kMedium);
    }
    if (!fresh(iat, *now)) {
      return record.set(Check::kFreshness, Outcome::kFail, fmt::format("signed {} s after the call", apart));
    }
  }
  record.set(Check::kFreshness, Outcome::kPass);
}

void Judge::check_orig(Work& work, const Request& request) {
  IdentityRecord& record = work.record;
  const passport::Party& claim = record.orig;
  if (claim.empty()) return record.set(Check::kOrig, Outcome::kUnknown, "there is no orig");
  if (!request.head_known) return record.set(Check::kOrig, Outcome::kUnknown, "the capture cut the header fields");
  if (request.from_contradicts) return record.set(Check::kOrig, Outcome::kUnknown, "there are two different From");
  bool same = false;
  const Address* other = nullptr;
  for (const Address& address : request.asserted) {
    // A URI claim is about one of the asserted identities, a number claim about all numbers among them.
    if (!claim.tn.empty() && address.number.empty()) continue;
    switch (compare(claim, address)) {
      case Likeness::kSame: same = true; break;
      case Likeness::kOther: other = &address; break;
      case Likeness::kNone: break;
    }
  }
  if (!claim.uri.empty() && same) other = nullptr;
  const char* where = "P-Asserted-Identity";
  if (!same && other == nullptr) {
    where = "From";
    switch (compare(claim, request.from)) {
      case Likeness::kSame: same = true; break;
      case Likeness::kOther: other = &request.from; break;
      case Likeness::kNone: break;
    }
  }
  if (other != nullptr) {
    std::string why = fmt::format("orig is {}, {} is {}", clip(claim.text()), where, name_of(*other));
    work.note(kOrigMismatch, why);
    return record.set(Check::kOrig, Outcome::kFail, std::move(why));
  }
  if (!same) return record.set(Check::kOrig, Outcome::kUnknown, "no calling number to compare with");
  record.set(Check::kOrig, Outcome::kPass);
}

void Judge::check_dest(Work& work, const Request& request) {
  IdentityRecord& record = work.record;
  if (work.claims.dest.empty()) return record.set(Check::kDest, Outcome::kUnknown, "there is no dest");
  const bool diverts = work.diverts();
  if (!diverts && request.to_contradicts) {
    return record.set(Check::kDest, Outcome::kUnknown, "there are two different To");
  }
  const Address& called = diverts ? request.target : request.to;
  bool other = false;
  for (const passport::Party& party : work.claims.dest) {
    switch (compare(party, called)) {
      case Likeness::kSame: return record.set(Check::kDest, Outcome::kPass);
      case Likeness::kOther: other = true; break;
      case Likeness::kNone: break;
    }
  }
  if (!other) return record.set(Check::kDest, Outcome::kUnknown, "no called number to compare with");
  record.set(
      Check::kDest, Outcome::kFail,
      fmt::format("dest is {}, {} is {}", list_of(record.dest), diverts ? "the Request-URI" : "To", name_of(called)));
}

// How numbers are written, apart from what they are.
void Judge::check_numbers(Work& work) {
  const passport::Claims& claims = work.claims;
  const auto written = [&](const passport::Party& party, const char* which) {
    if (!party.tn.empty()) {
      const std::string canonical = passport::canonical_number(party.tn, options_.country_code);
      const bool leading_zero = canonical == party.tn && canonical.starts_with('0');
      if (leading_zero) {
        work.note(kNumberForm, fmt::format("{} is {}: no country code begins with 0", which, clip(party.tn)));
      } else if (canonical != party.tn) {
        work.note(kNumberForm, fmt::format("{} is {}, canonical is {}", which, clip(party.tn),
                                           canonical.empty() ? "nothing: it is no number" : canonical));
      }
    } else if (!party.uri.empty()) {
      const Address address = read_address(party.uri, options_.country_code);
      if (address.number.size() > 6) {
        work.note(kUriNumber,
                  fmt::format("{} is the URI {}, though its user is a telephone number", which, clip(party.uri)));
      }
    }
  };
  written(claims.orig, "orig");
  for (std::size_t i = 0; i < claims.dest.size() && i < 8; ++i) written(claims.dest[i], "dest");
  if (work.diverts()) written(claims.div, "div");
}

void Judge::check_request(const Request& request, Works& works) {
  for (const auto& work : works) {
    check_certificate(*work, &request);
    check_freshness(*work, &request);
    if (work->record.form != Form::kCompact) {
      check_orig(*work, request);
      check_dest(*work, request);
      check_numbers(*work);
    }
    check_rcd(*work, &request);
    check_rph(*work, request);
    check_mky(*work, request);
  }
  check_diversions(request, works);
  for (const auto& work : works) {
    IdentityRecord& record = work->record;
    if (!record.ppt_known && record.form != Form::kBroken) {
      // What the claims of an unknown extension mean can't be known; a difference proves nothing.
      for (const Check check : {Check::kClaims, Check::kOrig, Check::kDest}) {
        if (record[check].outcome != Outcome::kFail) continue;
        std::string why = record[check].why;
        record[check] = {Outcome::kUnknown, std::move(why)};
      }
      std::erase_if(record.notes,
                    [](const Note& note) { return note.rule == &kOrigMismatch || note.rule == &kClaimMissing; });
    }
    if (record[Check::kDest].outcome == Outcome::kFail) work->note(kDestMismatch, record[Check::kDest].why);
    if (work->passport.signature.empty()) {
      record.set(Check::kReplay, Outcome::kUnknown);
    } else {
      record.set(Check::kReplay, Outcome::kPass);
    }
    record.verdict = verdict_of(record);
  }
}

std::vector<IdentityRecord> Judge::judge(const Request& request) {
  Works works;
  for (std::size_t i = 0; i < request.identities.size(); ++i) {
    const auto values = passport::parse_identity(request.identities[i]);
    for (std::size_t k = 0; k < values.size() && works.size() < 64; ++k) {
      works.push_back(start(values[k]));
    }
  }
  for (const auto& work : works) {
    work->record.frame = request.frame;
    work->record.method = request.method_text;
  }
  check_request(request, works);
  std::vector<IdentityRecord> records;
  for (const auto& work : works) records.push_back(std::move(work->record));
  return records;
}

IdentityRecord Judge::judge_value(const passport::IdentityValue& value) {
  const bool only_token = !value.info && !value.alg && !value.ppt;
  std::unique_ptr<Work> work = start(value);
  IdentityRecord& record = work->record;
  if (only_token && record.form == Form::kFull && record[Check::kInfo].outcome == Outcome::kFail &&
      record[Check::kInfo].why == "info is missing") {
    // There is no header field that it could be missing in.
    record[Check::kInfo] = {Outcome::kUnknown, "there is no header field to compare x5u with"};
    std::erase_if(record.notes, [](const Note& note) { return note.rule == &kInfoMismatch; });
  }
  if (only_token && record[Check::kPpt].outcome == Outcome::kWarn) {
    record[Check::kPpt] = {Outcome::kPass, {}};
    std::erase_if(record.notes, [](const Note& note) { return note.rule == &kPptMismatch; });
  }
  check_certificate(*work, nullptr);
  check_freshness(*work, nullptr);
  check_numbers(*work);
  check_rcd(*work, nullptr);
  for (const Check check : {Check::kOrig, Check::kDest}) record.set(check, Outcome::kUnknown, "there is no call");
  if (work->diverts()) record.set(Check::kDiv, Outcome::kUnknown, "there is no call");
  if (work->claims.rph != nullptr) record.set(Check::kRph, Outcome::kUnknown, "there is no call");
  if (work->claims.mky != nullptr) record.set(Check::kMky, Outcome::kUnknown, "there is no call");
  record.verdict = verdict_of(record);
  return std::move(record);
}

}  // namespace voip::analyze::stir
