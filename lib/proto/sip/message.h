#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::sip {

enum class Method : std::uint8_t {
  kOther,
  kInvite,
  kAck,
  kBye,
  kCancel,
  kRegister,
  kOptions,
  kPrack,
  kUpdate,
  kInfo,
  kRefer,
  kSubscribe,
  kNotify,
  kMessage,
  kPublish,
};

// Case-sensitive, as RFC 3261 section 7.1 says.
Method method_of(std::string_view name);
std::string_view to_string(Method method);  // "?" for kOther

// Header fields that some part of the program asks for; all others are kOther and are found by name.
enum class HeaderId : std::uint8_t {
  kOther,
  kVia,
  kFrom,
  kTo,
  kCallId,
  kCSeq,
  kContact,
  kContentLength,
  kContentType,
  kContentEncoding,
  kContentDisposition,
  kMaxForwards,
  kRoute,
  kRecordRoute,
  kPath,
  kServiceRoute,
  kAuthorization,
  kProxyAuthorization,
  kWwwAuthenticate,
  kProxyAuthenticate,
  kAuthenticationInfo,
  kUserAgent,
  kServer,
  kExpires,
  kMinExpires,
  kIdentity,
  kIdentityInfo,
  kDate,
  kPAssertedIdentity,
  kPPreferredIdentity,
  kRemotePartyId,
  kPrivacy,
  kDiversion,
  kHistoryInfo,
  kSessionId,
  kReason,
  kReferTo,
  kReferredBy,
  kReplaces,
  kJoin,
  kRequire,
  kProxyRequire,
  kSupported,
  kUnsupported,
  kAllow,
  kRAck,
  kRSeq,
  kWarning,
  kSubject,
  kEvent,
  kSubscriptionState,
  kSessionExpires,
  kMinSe,
  kAttestationInfo,
  kOriginationId,
  kPChargingVector,
  kXCid,
  kRetryAfter,
  kAccept,
  kCallInfo,
  kGeolocation,
  kResourcePriority,
};

// Long and compact names, any case (RFC 3261 section 7.3.3 and the IANA registry).
HeaderId header_id(std::string_view name);

struct Header {
  HeaderId id = HeaderId::kOther;
  std::string_view name;   // as on the wire
  std::string_view value;  // blanks at both ends cut off; a folded value still holds its line ends
};

// What is wrong with a message that was understood all the same; RFC 4475's invalid messages each give one or more.
enum class Anomaly : std::uint8_t {
  kBadStartLine,
  kBadVersion,
  kBadMethodCase,
  kStartLineBlanks,
  kMissingVia,
  kMissingFrom,
  kMissingTo,
  kMissingCallId,
  kMissingCSeq,
  kMissingMaxForwards,
  kDuplicateSingleHeader,
  kBadHeaderLine,
  kBadHeaderName,
  kBadCSeq,
  kCSeqOutOfRange,
  kCSeqMethodMismatch,
  kBadContentLength,
  kContentLengthTooLarge,
  kContentLengthTooSmall,
  kContentLengthNegative,
  kBadMaxForwards,
  kBadStatusCode,
  kBadRequestUri,
  kUriWithAngleBrackets,
  kUriWithBlanks,
  kUriWithHeaders,
  kBadVia,
  kBadNameAddr,
  kUnterminatedQuote,
  kBadExpires,
  kBadDate,
  kBadContactStar,
  kNulByte,
  kBareLf,
  kBareCr,
  kFoldedLine,
  kNonUtf8,
  kTooManyHeaders,
  kOversizedHeader,
  kTransportMismatch,
  kUnknownScheme,
  kUnknownRequire,
  kBadMultipart,
  kEmptyHeaderName,
  kNoEndOfHeaders,
  kBranchWithoutCookie,
  kBadPort,
  kBadWarning,
  kBadTimestamp,
  kBadAuthorization,
  kEmptyBranch,
  kMissingContentLength,
  kUnsupportedAuthorization,
  kUnknownContentType,
  kMissingTag,
  kBroadcastAddress,
};
inline constexpr unsigned kAnomalyCount = static_cast<unsigned>(Anomaly::kBroadcastAddress) + 1;
static_assert(kAnomalyCount <= 64);
std::string_view to_string(Anomaly anomaly);  // kebab-case: "content-length-too-large"

class AnomalySet {
 public:
  void add(Anomaly a) { bits_ |= std::uint64_t{1} << static_cast<unsigned>(a); }
  bool has(Anomaly a) const { return (bits_ >> static_cast<unsigned>(a) & 1) != 0; }
  void add(AnomalySet others) { bits_ |= others.bits_; }
  bool empty() const { return bits_ == 0; }
  std::uint64_t bits() const { return bits_; }

 private:
  std::uint64_t bits_ = 0;
};

// RFC 3261 section 7. A message as it lay on the wire; all views borrow its bytes, the header list borrows the parser.
struct MessageView {
  bool is_request = false;
  Method method = Method::kOther;  // of the request line; of CSeq for a response
  std::string_view method_text;    // request: as sent; response: as in CSeq
  std::string_view request_uri;    // requests only
  unsigned status = 0;             // 100..699 for responses, 0 for requests
  std::string_view reason;
  std::span<const Header> headers;  // in wire order; repeated fields are repeated entries
  std::string_view body;            // as far as captured, cut to Content-Length
  std::size_t content_length = 0;   // as declared; body.size() where the field is missing
  // First of each, empty when missing:
  std::string_view call_id, from, to, via, cseq, contact, content_type, user_agent;
  std::uint32_t cseq_number = 0;
  Method cseq_method = Method::kOther;
  AnomalySet anomalies;
  bool body_truncated = false;  // fewer body bytes at hand than declared

  // First value with this id; empty when there is none.
  std::string_view header(HeaderId id) const;
  // First value whose name equals (any case); for kOther fields.
  std::string_view header(std::string_view name) const;
};

// Everything that is odd about a message: what parse() noticed, and what only a look into the fields shows (URIs, Via,
// quotes, dates, numbers, tags, multipart bodies). Costs about ten times parse(): ask it of messages that matter.
AnomalySet inspect(const MessageView& message);

// Keeps the header list's storage from message to message, so that parsing allocates nothing.
class Parser {
 public:
  explicit Parser(std::size_t max_headers = 512) : max_headers_(max_headers) {}
  // bytes: from the first byte of the start line. datagram: the message ends with the bytes (no Content-Length: the
  // rest is body); else it ends by Content-Length (missing: no body). cut: the capture ended it. Error: not a SIP
  // message. One that is SIP but wrong parses, with anomalies.
  Parsed<MessageView> parse(ByteView bytes, bool datagram = true, bool cut = false);

 private:
  std::vector<Header> headers_;
  std::size_t max_headers_;
};

// Whether bytes begin like a SIP request or response: a token or "SIP/2.0", and SIP/2.0 (or another SIP/x.y) where it
// belongs in the first line. Refuses HTTP, RTSP, SSDP, MSRP and ICAP. Leading CRLFs are not skipped.
enum class Looks : std::uint8_t { kNo, kYes, kNeedMore };
Looks looks_like_sip(ByteView bytes);

// Length of the first whole message in a stream's bytes: head and Content-Length. bytes begin at a start line.
struct StreamLength {
  enum class State : std::uint8_t { kComplete, kNeedMore, kNotSip } state = State::kNeedMore;
  std::size_t length = 0;  // kComplete: bytes of the message; kNeedMore: bytes wanted in all when known, else 0
};
StreamLength stream_length(ByteView bytes, std::size_t max_bytes);

// The same for bytes that come in pieces: feed() all that is at hand of one message, each time more; what was scanned
// is not scanned again. kNotSip with a length: it is SIP, but longer than max_bytes.
class HeadScanner {
 public:
  StreamLength feed(ByteView bytes, std::size_t max_bytes);
  bool head_complete() const { return head_ != 0; }

 private:
  std::size_t scanned_ = 0;   // begin of the first line that is not whole
  std::size_t searched_ = 0;  // no line end before it, from scanned_ on
  std::size_t head_ = 0;      // its length once the empty line was seen
  std::size_t length_ = 0;    // Content-Length
  bool has_length_ = false;
  bool pending_length_ = false;
};

}  // namespace voip::sip
