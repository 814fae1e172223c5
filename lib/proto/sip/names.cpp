#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/text.h"
#include "proto/sip/header_table.h"
#include "proto/sip/message.h"

namespace voip::sip {
namespace {

struct MethodName {
  Method method = Method::kOther;
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

// First letter and length tell all methods apart.
constexpr std::size_t kMethodSlots = 32;
constexpr std::size_t method_slot(std::string_view name) {
  return (static_cast<unsigned char>(name.front()) * 3U + name.size()) % kMethodSlots;
}
constexpr std::array<MethodName, kMethodSlots> kMethodTable = [] {
  std::array<MethodName, kMethodSlots> table{};
  for (const MethodName& entry : kMethods) table[method_slot(entry.name)] = entry;
  return table;
}();
static_assert(std::ranges::all_of(kMethods, [](const MethodName& entry) {
  return kMethodTable[method_slot(entry.name)].method == entry.method;
}));

}  // namespace

Method method_of(std::string_view name) {
  if (name.empty()) return Method::kOther;
  const MethodName& entry = kMethodTable[method_slot(name)];
  return entry.name == name ? entry.method : Method::kOther;
}

std::string_view to_string(Method method) {
  const auto at = std::ranges::find(kMethods, method, &MethodName::method);
  return at == kMethods.end() ? std::string_view{"?"} : at->name;
}

HeaderId header_id(std::string_view name) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  if (name.size() >= kWord) return find_header(name.data(), name.size());
  std::array<char, kWord> padded{};
  std::ranges::copy(name, padded.begin());
  return find_header(padded.data(), name.size());
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
