#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/text.h"
#include "proto/sip/message.h"

// The names of header fields, and the way from a name to its id: each header line of each message goes it.
namespace voip::sip {

struct HeaderName {
  HeaderId id;
  std::string_view name;
};
// The last column of the registry, "compact", comes as names of its own.
inline constexpr auto kHeaderNames = [] {
  using enum HeaderId;
  return std::to_array<HeaderName>({
      {kVia, "Via"},
      {kFrom, "From"},
      {kTo, "To"},
      {kCallId, "Call-ID"},
      {kCSeq, "CSeq"},
      {kContact, "Contact"},
      {kContentLength, "Content-Length"},
      {kContentType, "Content-Type"},
      {kContentEncoding, "Content-Encoding"},
      {kContentDisposition, "Content-Disposition"},
      {kMaxForwards, "Max-Forwards"},
      {kRoute, "Route"},
      {kRecordRoute, "Record-Route"},
      {kPath, "Path"},
      {kServiceRoute, "Service-Route"},
      {kAuthorization, "Authorization"},
      {kProxyAuthorization, "Proxy-Authorization"},
      {kWwwAuthenticate, "WWW-Authenticate"},
      {kProxyAuthenticate, "Proxy-Authenticate"},
      {kAuthenticationInfo, "Authentication-Info"},
      {kUserAgent, "User-Agent"},
      {kServer, "Server"},
      {kExpires, "Expires"},
      {kMinExpires, "Min-Expires"},
      {kIdentity, "Identity"},
      {kIdentityInfo, "Identity-Info"},
      {kDate, "Date"},
      {kPAssertedIdentity, "P-Asserted-Identity"},
      {kPPreferredIdentity, "P-Preferred-Identity"},
      {kRemotePartyId, "Remote-Party-ID"},
      {kPrivacy, "Privacy"},
      {kDiversion, "Diversion"},
      {kHistoryInfo, "History-Info"},
      {kSessionId, "Session-ID"},
      {kReason, "Reason"},
      {kReferTo, "Refer-To"},
      {kReferredBy, "Referred-By"},
      {kReplaces, "Replaces"},
      {kJoin, "Join"},
      {kRequire, "Require"},
      {kProxyRequire, "Proxy-Require"},
      {kSupported, "Supported"},
      {kUnsupported, "Unsupported"},
      {kAllow, "Allow"},
      {kRAck, "RAck"},
      {kRSeq, "RSeq"},
      {kWarning, "Warning"},
      {kSubject, "Subject"},
      {kEvent, "Event"},
      {kSubscriptionState, "Subscription-State"},
      {kSessionExpires, "Session-Expires"},
      {kMinSe, "Min-SE"},
      {kAttestationInfo, "Attestation-Info"},
      {kAttestationInfo, "P-Attestation-Indicator"},
      {kOriginationId, "Origination-Id"},
      {kOriginationId, "P-Origination-ID"},
      {kPChargingVector, "P-Charging-Vector"},
      {kXCid, "X-CID"},
      {kRetryAfter, "Retry-After"},
      {kAccept, "Accept"},
      {kCallInfo, "Call-Info"},
      {kGeolocation, "Geolocation"},
      {kResourcePriority, "Resource-Priority"},
      {kVia, "v"},
      {kFrom, "f"},
      {kTo, "t"},
      {kCallId, "i"},
      {kContact, "m"},
      {kContentLength, "l"},
      {kContentType, "c"},
      {kContentEncoding, "e"},
      {kSubject, "s"},
      {kSupported, "k"},
      {kEvent, "o"},
      {kReferTo, "r"},
      {kReferredBy, "b"},
      {kSessionExpires, "x"},
      {kIdentity, "y"},
      {kIdentityInfo, "n"},
  });
}();

// A name as two words in lower case: its first 8 bytes, filled up with blanks, and, of a longer one, its last 8. Blanks
// are what 0x20 makes of zeros; it also makes lower case of letters, and CR a hyphen, which is why hyphens are asked
// for once more.
struct alignas(64) HeaderWords {
  static constexpr std::uint64_t kLower = 0x2020202020202020;

  HeaderId id = HeaderId::kOther;
  std::uint8_t size = 0;  // 0: none
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  std::uint64_t head_hyphens = 0;  // 0x20 where one stands
  std::uint64_t tail_hyphens = 0;
  std::string_view name;
};

inline constexpr std::size_t kHeaderSlots = 256;
// The factor was searched: it leads two of the names to one slot, the others each to a slot of their own.
constexpr std::size_t header_slot(std::uint64_t head, std::size_t size) {
  return static_cast<std::size_t>(((head ^ (size * 0x9e3779b97f4a7c15ULL)) * 0xaa4a82093848c7c7ULL) >> 56);
}

inline constexpr std::array<HeaderWords, kHeaderSlots> kHeaderTable = [] {
  const auto word = [](std::string_view text, bool hyphens) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      const char c = i < text.size() ? ascii_lower(text[i]) : ' ';
      value |= (hyphens ? (c == '-' ? std::uint64_t{0x20} : 0) : static_cast<std::uint64_t>(c)) << (8 * i);
    }
    return value;
  };
  std::array<HeaderWords, kHeaderSlots> table{};
  for (const HeaderName& entry : kHeaderNames) {
    const std::string_view name = entry.name;
    const std::string_view last = name.size() > 8 ? name.substr(name.size() - 8) : std::string_view{};
    HeaderWords words;
    words.id = entry.id;
    words.size = static_cast<std::uint8_t>(name.size());
    words.head = word(name, false);
    words.head_hyphens = word(name, true);
    words.tail = last.empty() ? 0 : word(last, false);
    words.tail_hyphens = last.empty() ? 0 : word(last, true);
    words.name = name;
    std::size_t at = header_slot(words.head, name.size());
    while (table[at].size != 0) at = (at + 1) % kHeaderSlots;
    table[at] = words;
  }
  return table;
}();

// 8 bytes can be read at `name`, even if it is shorter.
inline HeaderId find_header(const char* name, std::size_t size) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const auto load = [](const char* at) { return load_le<std::uint64_t>(reinterpret_cast<const std::uint8_t*>(at)); };
  if (size == 0) return HeaderId::kOther;
  std::uint64_t head = load(name);
  if (size < kWord) head &= (std::uint64_t{1} << (8 * size)) - 1;
  const std::uint64_t lower = head | HeaderWords::kLower;
  for (std::size_t at = header_slot(lower, size);; at = (at + 1) % kHeaderSlots) {
    const HeaderWords& entry = kHeaderTable[at];
    if (entry.size == 0) return HeaderId::kOther;
    if (entry.size != size || entry.head != lower || (head & entry.head_hyphens) != entry.head_hyphens) continue;
    if (size <= kWord) return entry.id;
    const std::uint64_t tail = load(name + size - kWord);
    if ((tail | HeaderWords::kLower) != entry.tail || (tail & entry.tail_hyphens) != entry.tail_hyphens) continue;
    if (size <= 2 * kWord || iequals(entry.name, {name, size})) return entry.id;
  }
}

}  // namespace voip::sip
