#include "analyze/stir/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/stir/judge.h"

namespace voip::analyze::stir {

namespace {

using report::RecordWriter;
using report::TextWriter;
using report::Tone;

constexpr std::size_t kMaxLines = 500;
constexpr std::size_t kMaxUrls = 50;
constexpr std::size_t kMaxNumbers = 100;

Tone tone_of(CallVerdict verdict) {
  switch (verdict) {
    case CallVerdict::kValid: return Tone::kGood;
    case CallVerdict::kInvalid: return Tone::kBad;
    case CallVerdict::kUnverifiable: return Tone::kWarn;
    case CallVerdict::kUnsigned: break;
  }
  return Tone::kFaint;
}

void text_or_null(RecordWriter& out, std::string_view name, std::string_view text) {
  out.key(name);
  if (text.empty()) {
    out.null();
  } else {
    out.value(text);
  }
}

Timestamp seconds(std::int64_t since_1970) {
  // A certificate may name any year; nanoseconds do not reach that far.
  constexpr std::int64_t kLast = 9'000'000'000;
  return {std::clamp<std::int64_t>(since_1970, 0, kLast) * kNsPerSecond};
}

void write_certificate(RecordWriter& out, const crypto::X509Facts* facts) {
  out.key("certificate");
  if (facts == nullptr) return out.null();
  out.begin_object();
  out.field("subject", facts->subject);
  out.field("issuer", facts->issuer);
  text_or_null(out, "spc", facts->spc());
  out.key("tn");
  out.begin_array();
  if (facts->tn_list) {
    std::size_t written = 0;
    for (const crypto::TnEntry& entry : facts->tn_list->entries()) {
      if (entry.kind == crypto::TnEntry::Kind::kSpc || written == kMaxNumbers) continue;
      out.value(crypto::to_string(entry));
      ++written;
    }
  }
  out.end_array();
  out.field_time("not_before", seconds(facts->not_before));
  out.field_time("not_after", seconds(facts->not_after));
  out.field("sha256", facts->sha256);
  out.end_object();
}

void write_identity(RecordWriter& out, const IdentityRecord& identity, std::size_t index) {
  out.begin_object();
  out.field("index", std::uint64_t{index});
  out.field("form", identity.form == passport::Form::kCompact ? "compact" : "full");
  text_or_null(out, "ppt", identity.ppt);
  text_or_null(out, "alg", identity.alg);
  text_or_null(out, "attest", identity.attest);
  text_or_null(out, "origid", identity.origid);
  out.key("iat");
  if (identity.iat_fraction) {
    out.value(*identity.iat_fraction);
  } else if (identity.iat) {
    out.value(*identity.iat);
  } else {
    out.null();
  }
  text_or_null(out, "orig", identity.orig.text());
  out.key("dest");
  out.begin_array();
  for (const passport::Party& party : identity.dest) out.value(party.text());
  out.end_array();
  if (!identity.div.empty()) out.field("div", identity.div.text());
  text_or_null(out, "x5u", identity.x5u);
  out.field("verdict", to_string(identity.verdict));
  out.key("checks");
  out.begin_object();
  for (std::size_t i = 0; i < kCheckCount; ++i) {
    out.field(to_string(static_cast<Check>(i)), to_string(identity.checks[i].outcome));
  }
  out.end_object();
  out.key("reasons");
  out.begin_object();
  for (std::size_t i = 0; i < kCheckCount; ++i) {
    if (!identity.checks[i].why.empty()) out.field(to_string(static_cast<Check>(i)), identity.checks[i].why);
  }
  out.end_object();
  write_certificate(out, identity.certificate);
  out.field_time("time", identity.frame.time);
  out.field("frame", identity.frame.number);
  out.end_object();
}

// What a reader of the text needs to know of one header.
std::string story_of(const IdentityRecord& identity) {
  const auto decisive = identity.decisive();
  if (!decisive) return {};
  const CheckState& state = identity[*decisive];
  return fmt::format("{}: {}", to_string(*decisive), state.why.empty() ? "failed" : state.why);
}

std::string signer_of(const CallRecord& call) {
  for (const IdentityRecord& identity : call.identities) {
    if (identity.certificate == nullptr) continue;
    std::string spc = identity.certificate->spc();
    if (!spc.empty()) return spc;
    if (!identity.certificate->subject_cn.empty()) return identity.certificate->subject_cn;
  }
  return {};
}

}  // namespace

StirContent::StirContent(const std::vector<CallRecord>& calls, std::shared_ptr<crypto::StirCertificates> certificates)
    : calls_(calls), certificates_(std::move(certificates)) {
  std::map<std::pair<std::string, std::string>, Signer> signers;
  for (const CallRecord& call : calls_) {
    ++summary_.calls;
    switch (call.verdict) {
      case CallVerdict::kValid: ++summary_.valid; break;
      case CallVerdict::kInvalid: ++summary_.invalid; break;
      case CallVerdict::kUnverifiable: ++summary_.unverifiable; break;
      case CallVerdict::kUnsigned: ++summary_.unsigned_calls; break;
    }
    for (const IdentityRecord& identity : call.identities) {
      std::pair<std::string, std::string> who;
      if (identity.certificate != nullptr) who = {identity.certificate->spc(), identity.certificate->issuer};
      Signer& signer = signers[who];
      signer.spc = who.first;
      signer.issuer = who.second;
      if (identity.verdict == CallVerdict::kInvalid) {
        ++signer.invalid;
      } else if (identity.verdict == CallVerdict::kUnverifiable) {
        ++signer.unverifiable;
      } else if (identity.ppt != "shaken") {
        ++signer.other;
      } else {
        ++(identity.attest == "A" ? signer.a : identity.attest == "B" ? signer.b : signer.c);
      }
    }
  }
  for (auto& [who, signer] : signers) signers_.push_back(std::move(signer));
}

std::string StirContent::headline() const {
  if (summary_.calls == 0) return "no call and no MESSAGE was seen";
  const auto word = [](std::uint64_t n, std::string_view what) { return fmt::format("{} {}", n, what); };
  std::string text = fmt::format("{} of {} {} {} a valid PASSporT", summary_.valid, summary_.calls,
                                 summary_.calls == 1 ? "call" : "calls",
                                 summary_.valid == 1 || summary_.calls == 1 ? "carries" : "carry");
  std::string rest;
  for (const auto& [count, what] : {std::pair{summary_.invalid, "invalid"},
                                    {summary_.unverifiable, "unverifiable"},
                                    {summary_.unsigned_calls, "unsigned"}}) {
    if (count != 0) rest += (rest.empty() ? "" : ", ") + word(count, what);
  }
  return rest.empty() ? text : text + "; " + rest;
}

void StirContent::write_sections(RecordWriter& out) const {
  out.key("calls");
  out.begin_array();
  for (const CallRecord& call : calls_) {
    out.begin_object();
    out.key("call_id");
    if (call.call_id) {
      out.value(*call.call_id);
    } else {
      out.null();
    }
    out.field_time("time", call.frame.time);
    out.key("frame");
    if (call.call_id) {
      out.value(call.frame.number);
    } else {
      out.null();
    }
    text_or_null(out, "method", call.method);
    text_or_null(out, "from", call.from);
    text_or_null(out, "to", call.to);
    out.field("verdict", to_string(call.verdict));
    text_or_null(out, "attestation", call.attestation());
    text_or_null(out, "verstat", call.verstat);
    out.key("responses");
    out.begin_array();
    for (const ResponseRecord& response : call.responses) {
      out.begin_object();
      out.field("code", std::uint64_t{response.code});
      text_or_null(out, "reason", response.reason);
      out.end_object();
    }
    out.end_array();
    out.key("identities");
    out.begin_array();
    for (std::size_t i = 0; i < call.identities.size(); ++i) write_identity(out, call.identities[i], i);
    out.end_array();
    out.end_object();
  }
  out.end_array();
  out.key("attestation");
  out.begin_array();
  for (const Signer& signer : signers_) {
    out.begin_object();
    text_or_null(out, "spc", signer.spc);
    text_or_null(out, "issuer", signer.issuer);
    out.field("A", signer.a);
    out.field("B", signer.b);
    out.field("C", signer.c);
    out.field("invalid", signer.invalid);
    out.field("unverifiable", signer.unverifiable);
    out.field("other", signer.other);
    out.end_object();
  }
  out.end_array();
  out.field("unsigned", summary_.unsigned_calls);
}

void StirContent::write_call(TextWriter& out, const CallRecord& call) const {
  out.begin_line(1);
  out.put(to_string(call.verdict), tone_of(call.verdict));
  out.column(15);
  out.put(call.call_id ? out.time(call.frame.time) : std::string("token"), Tone::kFaint);
  out.column(43);
  const std::string_view from = call.from_number.empty() ? call.from : call.from_number;
  const std::string_view to = call.to_number.empty() ? call.to : call.to_number;
  if (call.call_id) {
    out.put(fmt::format("{} > {}", clip(from, 40), clip(to, 40)));
  } else if (!call.identities.empty()) {
    const IdentityRecord& first = call.identities.front();
    out.put(fmt::format("{} > {}", clip(first.orig.text(), 40),
                        first.dest.empty() ? std::string() : clip(first.dest.front().text(), 40)));
  }
  if (const std::string_view level = call.attestation(); !level.empty()) {
    out.put(" ");
    out.put(level, Tone::kStrong);
  }
  if (const std::string signer = signer_of(call); !signer.empty()) out.put(fmt::format(" by {}", clip(signer, 40)));
  if (!call.verstat.empty()) out.put(fmt::format(" verstat {}", clip(call.verstat, 40)), Tone::kFaint);
  for (const ResponseRecord& response : call.responses) {
    if (response.has_reason_header || response.code == 428 || (response.code >= 436 && response.code <= 438)) {
      out.put(fmt::format(" {} {}", response.code, clip(response.reason, 60)), Tone::kFaint);
    }
  }
  out.end_line();
  for (const IdentityRecord& identity : call.identities) {
    if (identity[Check::kReplay].outcome == Outcome::kWarn) {
      out.begin_line(3);
      out.put(fmt::format("replay: {}", identity[Check::kReplay].why), Tone::kBad);
      out.end_line();
    }
    const std::string story = story_of(identity);
    if (story.empty()) continue;
    out.begin_line(3);
    if (call.identities.size() > 1) {
      out.put(
          fmt::format("{} {}, ", identity.ppt.empty() ? "base" : clip(identity.ppt, 20), to_string(identity.verdict)),
          Tone::kFaint);
    }
    if (!call.call_id && identity.verdict == CallVerdict::kUnverifiable && identity.passes(Check::kSignature) &&
        identity.passes(Check::kChain)) {
      out.put("signature and certificate hold; there is no call to hold the claims against", Tone::kWarn);
      out.end_line();
      continue;
    }
    out.put(story, tone_of(identity.verdict));
    std::size_t more = 0;
    for (const CheckState& state : identity.checks) more += state.outcome == Outcome::kFail ? 1 : 0;
    if (identity.verdict == CallVerdict::kInvalid && more > 1) {
      std::string others;
      for (std::size_t i = 0; i < kCheckCount; ++i) {
        if (identity.checks[i].outcome != Outcome::kFail || static_cast<Check>(i) == identity.decisive()) continue;
        others += (others.empty() ? "" : ", ") + std::string(to_string(static_cast<Check>(i)));
      }
      out.put(fmt::format(" (also {})", others), Tone::kFaint);
    }
    out.end_line();
  }
}

void StirContent::write_text(TextWriter& out) const {
  if (calls_.empty()) return;
  out.heading("Calls");
  std::size_t lines = 0;
  std::size_t unsigned_left_out = 0;
  for (const CallRecord& call : calls_) {
    if (lines >= kMaxLines) break;
    // Unsigned calls are counted once there are many: the others are what the tool was asked for.
    if (call.verdict == CallVerdict::kUnsigned && summary_.calls > 50) {
      ++unsigned_left_out;
      continue;
    }
    write_call(out, call);
    ++lines;
  }
  if (unsigned_left_out != 0 || lines + unsigned_left_out < calls_.size()) {
    out.begin_line(1);
    const std::size_t more = calls_.size() - lines;
    out.put(fmt::format("{} more {}, {} of them unsigned: all are in --format json", more, more == 1 ? "call" : "calls",
                        unsigned_left_out),
            Tone::kFaint);
    out.end_line();
  }
  out.blank();

  if (!signers_.empty()) {
    out.heading("Signers");
    out.begin_line(1);
    unsigned column = 28;
    for (const char* title : {"A", "B", "C", "other", "invalid", "unverifiable"}) {
      out.column(column);
      out.put(title, Tone::kFaint);
      column += 8;
    }
    out.end_line();
    for (const Signer& signer : signers_) {
      out.begin_line(1);
      out.put(signer.issuer.empty() ? "certificate not at hand"
              : signer.spc.empty()  ? "no provider code"
                                    : clip(signer.spc, 24));
      column = 28;
      for (const std::uint64_t count :
           {signer.a, signer.b, signer.c, signer.other, signer.invalid, signer.unverifiable}) {
        out.column(column);
        out.put(std::to_string(count), count == 0 ? Tone::kFaint : Tone::kPlain);
        column += 8;
      }
      if (!signer.issuer.empty()) {
        out.column(82);
        out.put(clip(signer.issuer, 60), Tone::kFaint);
      }
      out.end_line();
    }
    out.blank();
  }

  std::set<std::string> missing;
  for (const CallRecord& call : calls_) {
    for (const IdentityRecord& identity : call.identities) {
      if (identity.certificate_missing) missing.insert(identity.x5u);
    }
  }
  if (!missing.empty()) {
    out.heading("Certificates that are not at hand");
    std::size_t told = 0;
    for (const std::string& url : missing) {
      if (told++ == kMaxUrls) break;
      out.begin_line(1);
      out.put(clip(url, 200));
      out.end_line();
    }
    out.begin_line(1);
    out.put("fetch each, write a line of URL, tab and file name for it, and give that list with --certs LIST",
            Tone::kFaint);
    out.end_line();
    out.blank();
  }

  std::map<std::pair<std::int64_t, std::string>, std::string> ends;
  for (const CallRecord& call : calls_) {
    for (const IdentityRecord& identity : call.identities) {
      if (identity.certificate == nullptr || ends.size() >= kMaxUrls) continue;
      ends.emplace(std::pair{identity.certificate->not_after, identity.certificate->sha256},
                   fmt::format("{}  {}", clip(identity.certificate->subject, 100), clip(identity.x5u, 120)));
    }
  }
  if (!ends.empty()) {
    out.heading("Certificates, in the order of their ends");
    for (const auto& [when, subject] : ends) {
      out.begin_line(1);
      out.put(format_utc(seconds(when.first), 0));
      out.column(24);
      out.put(subject);
      out.end_line();
    }
    out.blank();
  }
}

}  // namespace voip::analyze::stir
