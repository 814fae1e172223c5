#include "analyze/srtp/mikey_checks.h"

#include <fmt/format.h>

#include <set>

#include "base/codec.h"
#include "base/text.h"
#include "proto/mikey/mikey.h"

namespace voip::analyze::srtp {

using report::Confidence;
using report::Verdict;

namespace {

constexpr std::size_t kMostMessages = 32;

struct Judgement {
  Severity severity = Severity::kInfo;
  std::string text;
};

std::string_view name_of(mikey::Encryption encryption) {
  switch (encryption) {
    case mikey::Encryption::kNull: return "NULL";
    case mikey::Encryption::kAesCm128: return "AES-CM-128";
    case mikey::Encryption::kAesKw128: return "AES-KW-128";
  }
  return "unlisted";
}

Judgement judge(std::string_view value) {
  const auto bytes = decode_base64(value);
  if (!bytes) return {Severity::kMedium, "a MIKEY message that is no base64"};
  const auto message = mikey::parse(*bytes);
  if (!message)
    return {Severity::kMedium, fmt::format("a MIKEY message that can't be read ({})", message.error().field)};
  const std::string mode = fmt::format("MIKEY, {} mode (data type {})", mikey::to_string(message->type),
                                       static_cast<unsigned>(message->type));
  if (message->error) return {Severity::kMedium, fmt::format("{}: error {}", mode, unsigned{*message->error})};
  if (message->kemac && message->readable_key)
    return {Severity::kCritical, fmt::format("{}: the KEMAC is not encrypted, the key can be read", mode)};
  if (mikey::to_string(message->type) == "unknown")
    return {Severity::kMedium, fmt::format("{}: a mode that is not known", mode)};
  if (message->kemac && message->mac == mikey::Mac::kNull)
    return {Severity::kMedium,
            fmt::format("{}: the KEMAC has no MAC (encryption {})", mode, name_of(message->encryption))};
  if (message->kemac && message->encryption == mikey::Encryption::kNull)
    return {Severity::kMedium, fmt::format("{}: the KEMAC uses NULL encryption", mode)};
  if (message->whole && message->sessions.empty())
    return {Severity::kMedium, fmt::format("{}: its map names no SRTP session", mode)};
  std::string detail =
      fmt::format("{}, {} SRTP session{}", mode, message->sessions.size(), message->sessions.size() == 1 ? "" : "s");
  if (message->kemac) detail += fmt::format(", KEMAC encrypted with {}", name_of(message->encryption));
  if (!message->whole) detail += "; its last payloads could not be followed";
  return {Severity::kInfo, std::move(detail)};
}

}  // namespace

void check_mikey(Findings& out, const session::Call& call) {
  std::set<std::string_view> seen;
  for (const session::SdpUse& use : call.sdp_uses) {
    if (use.sdp == nullptr) continue;
    for (const session::MediaLine& line : use.sdp->media()) {
      const std::string_view text = trim(line.key_mgmt);
      if (!istarts_with(text, "mikey") || seen.size() >= kMostMessages || !seen.insert(text).second) continue;
      const Judgement judgement = judge(trim(text.substr(5)));
      out.tally(kMikeyKeying, judgement.severity > Severity::kInfo ? Verdict::kFail : Verdict::kPass);
      out.add(
          kMikeyKeying,
          fmt::format("m={} of the {} carries {}", line.kind, use.status == 0 ? "request" : "response", judgement.text),
          &call, line.rtp.address.to_string() + "|mikey", {{use.frame, "a=key-mgmt:mikey"}},
          {{"source", line.rtp.to_string()}}, judgement.severity);
    }
  }
}

}  // namespace voip::analyze::srtp
