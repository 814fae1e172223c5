#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/text.h"
#include "proto/sip/message.h"

namespace voip::sip {
namespace {

struct MethodName {
  Method method;
  std::string_view name;
};
constexpr std::array kMethods{
    MethodName{Method::kInvite, "INVITE"},
    MethodName{Method::kAck, "ACK"},
    MethodName{Method::kBye, "BYE"},
    MethodName{Method::kCancel, "CANCEL"},
    MethodName{Method::kRegister, "REGISTER"},
    MethodName{Method::kOptions, "OPTIONS"},
    MethodName{Method::kPrack, "PRACK"},
    MethodName{Method::kUpdate, "UPDATE"},
    MethodName{Method::kInfo, "INFO"},
    MethodName{Method::kRefer, "REFER"},
    MethodName{Method::kSubscribe, "SUBSCRIBE"},
    MethodName{Method::kNotify, "NOTIFY"},
    MethodName{Method::kMessage, "MESSAGE"},
    MethodName{Method::kPublish, "PUBLISH"},
};

struct HeaderName {
  HeaderId id;
  std::string_view name;
};
using enum HeaderId;
// The last column of the registry, "compact", comes as names of its own.
constexpr auto kHeaderNames = std::to_array<HeaderName>({
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

constexpr std::size_t kSlots = 256;

// Case does not change it.
constexpr std::size_t slot_of(std::string_view name) {
  const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(name[i]) | 0x20U); };
  return (name.size() * 7 + at(0) * 5 + at(name.size() - 1) * 29 + at(name.size() / 2) * 83) % kSlots;
}

struct Slot {
  HeaderId id = HeaderId::kOther;
  std::string_view name;
};

constexpr std::array<Slot, kSlots> make_slots() {
  std::array<Slot, kSlots> slots{};
  for (const HeaderName& entry : kHeaderNames) {
    std::size_t at = slot_of(entry.name);
    while (!slots[at].name.empty()) at = (at + 1) % kSlots;
    slots[at] = {entry.id, entry.name};
  }
  return slots;
}
constexpr std::array<Slot, kSlots> kSlotTable = make_slots();

// Names are short: a few loads instead of a call to memcmp.
bool same(const char* a, const char* b, std::size_t size) {
  const auto word = [](const char* at) {
    std::uint64_t bytes;
    std::memcpy(&bytes, at, sizeof(bytes));
    return bytes;
  };
  if (size < sizeof(std::uint64_t)) {
    for (std::size_t i = 0; i < size; ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }
  std::size_t i = 0;
  for (; i + sizeof(std::uint64_t) <= size; i += sizeof(std::uint64_t)) {
    if (word(a + i) != word(b + i)) return false;
  }
  const std::size_t last = size - sizeof(std::uint64_t);
  return word(a + last) == word(b + last);
}

}  // namespace

Method method_of(std::string_view name) {
  if (name.size() < 3 || name.size() > 9) return Method::kOther;
  for (const MethodName& entry : kMethods) {
    if (entry.name.front() == name.front() && entry.name == name) return entry.method;
  }
  return Method::kOther;
}

std::string_view to_string(Method method) {
  const auto at = std::ranges::find(kMethods, method, &MethodName::method);
  return at == kMethods.end() ? std::string_view{"?"} : at->name;
}

HeaderId header_id(std::string_view name) {
  if (name.empty()) return HeaderId::kOther;
  for (std::size_t at = slot_of(name);; at = (at + 1) % kSlots) {
    const Slot& slot = kSlotTable[at];
    if (slot.name.empty()) return HeaderId::kOther;
    if (slot.name.size() == name.size() &&
        (same(slot.name.data(), name.data(), name.size()) || iequals(slot.name, name))) {
      return slot.id;
    }
  }
}

std::string_view to_string(Anomaly anomaly) {
  switch (anomaly) {
    case Anomaly::kBadStartLine: return "bad-start-line";
    case Anomaly::kBadVersion: return "bad-version";
    case Anomaly::kBadMethodCase: return "bad-method-case";
    case Anomaly::kStartLineBlanks: return "start-line-blanks";
    case Anomaly::kMissingVia: return "missing-via";
    case Anomaly::kMissingFrom: return "missing-from";
    case Anomaly::kMissingTo: return "missing-to";
    case Anomaly::kMissingCallId: return "missing-call-id";
    case Anomaly::kMissingCSeq: return "missing-cseq";
    case Anomaly::kMissingMaxForwards: return "missing-max-forwards";
    case Anomaly::kDuplicateSingleHeader: return "duplicate-single-header";
    case Anomaly::kBadHeaderLine: return "bad-header-line";
    case Anomaly::kBadHeaderName: return "bad-header-name";
    case Anomaly::kBadCSeq: return "bad-cseq";
    case Anomaly::kCSeqOutOfRange: return "cseq-out-of-range";
    case Anomaly::kCSeqMethodMismatch: return "cseq-method-mismatch";
    case Anomaly::kBadContentLength: return "bad-content-length";
    case Anomaly::kContentLengthTooLarge: return "content-length-too-large";
    case Anomaly::kContentLengthTooSmall: return "content-length-too-small";
    case Anomaly::kContentLengthNegative: return "content-length-negative";
    case Anomaly::kBadMaxForwards: return "bad-max-forwards";
    case Anomaly::kBadStatusCode: return "bad-status-code";
    case Anomaly::kBadRequestUri: return "bad-request-uri";
    case Anomaly::kUriWithAngleBrackets: return "uri-with-angle-brackets";
    case Anomaly::kUriWithBlanks: return "uri-with-blanks";
    case Anomaly::kUriWithHeaders: return "uri-with-headers";
    case Anomaly::kBadVia: return "bad-via";
    case Anomaly::kBadNameAddr: return "bad-name-addr";
    case Anomaly::kUnterminatedQuote: return "unterminated-quote";
    case Anomaly::kBadExpires: return "bad-expires";
    case Anomaly::kBadDate: return "bad-date";
    case Anomaly::kBadContactStar: return "bad-contact-star";
    case Anomaly::kNulByte: return "nul-byte";
    case Anomaly::kBareLf: return "bare-lf";
    case Anomaly::kBareCr: return "bare-cr";
    case Anomaly::kFoldedLine: return "folded-line";
    case Anomaly::kNonUtf8: return "non-utf8";
    case Anomaly::kTooManyHeaders: return "too-many-headers";
    case Anomaly::kOversizedHeader: return "oversized-header";
    case Anomaly::kTransportMismatch: return "transport-mismatch";
    case Anomaly::kUnknownScheme: return "unknown-scheme";
    case Anomaly::kUnknownRequire: return "unknown-require";
    case Anomaly::kBadMultipart: return "bad-multipart";
    case Anomaly::kEmptyHeaderName: return "empty-header-name";
    case Anomaly::kNoEndOfHeaders: return "no-end-of-headers";
    case Anomaly::kBranchWithoutCookie: return "branch-without-cookie";
    case Anomaly::kBadPort: return "bad-port";
    case Anomaly::kBadWarning: return "bad-warning";
    case Anomaly::kBadTimestamp: return "bad-timestamp";
    case Anomaly::kBadAuthorization: return "bad-authorization";
    case Anomaly::kEmptyBranch: return "empty-branch";
    case Anomaly::kMissingContentLength: return "missing-content-length";
    case Anomaly::kUnsupportedAuthorization: return "unsupported-authorization";
    case Anomaly::kUnknownContentType: return "unknown-content-type";
    case Anomaly::kMissingTag: return "missing-tag";
    case Anomaly::kBroadcastAddress: return "broadcast-address";
  }
  return "unknown";
}

}  // namespace voip::sip
