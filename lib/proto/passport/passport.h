#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "proto/passport/json.h"

namespace voip::passport {

enum class Form : std::uint8_t {
  kFull,     // header.payload.signature
  kCompact,  // ..signature (RFC 8225 section 7)
  kBroken,   // anything else
};

// What of a token's form is wrong. The first group makes it malformed, the second is only told.
enum class TokenDefect : std::uint8_t {
  kNotThreeParts,
  kNotBase64Url,  // padding, '+', '/', blanks, left-over bits
  kUndecodable,
  kNotJson,
  kDuplicateKey,
  kNotObject,
  kNoTyp,
  kWrongTyp,
  kIatText,  // a number as a string
  kNoSignature,
  kCritical,  // crit asks for what is not known here (RFC 7515 section 4.1.11)
  // only told
  kTypCase,
  kNotCanonical,  // RFC 8225 section 9: blanks, order, escapes
  kIatFraction,
};
bool fatal(TokenDefect defect);
std::string_view to_string(TokenDefect defect);

struct TokenProblem {
  TokenDefect defect{};
  std::string detail;  // values, untrusted; may be empty
};

// One PASSporT as far as it could be read: what is malformed is told, and read leniently all the same.
struct Passport {
  Form form = Form::kBroken;
  std::string_view signing_input;  // "header.payload", the bytes as sent; borrows the token
  std::vector<std::uint8_t> signature;
  Json header;  // null value when unreadable
  Json payload;
  std::vector<TokenProblem> problems;

  bool malformed() const;
};

// RFC 7515 section 3.1 and RFC 8225. token: without blanks around; at most 64 KiB are looked at.
Passport parse_passport(std::string_view token);

// An identity of orig, dest or div: a number or a URI.
struct Party {
  std::string tn;
  std::string uri;
  bool empty() const { return tn.empty() && uri.empty(); }
  const std::string& text() const { return tn.empty() ? uri : tn; }
};

// The claims that all the rest looks at, those of the wrong type left empty.
struct Claims {
  std::optional<std::string> typ, alg, ppt, x5u;
  std::optional<std::int64_t> iat;  // seconds; a fraction is cut off
  const Json* iat_value = nullptr;  // as sent, when it is a number
  Party orig;
  std::vector<Party> dest;
  Party div;
  std::optional<std::string> opt;
  std::optional<std::string> attest, origid;
  const Json* rcd = nullptr;
  const Json* rcdi = nullptr;
  const Json* crn = nullptr;
  const Json* rph = nullptr;
  const Json* sph = nullptr;
  const Json* mky = nullptr;
};
// Borrows the passport.
Claims read_claims(const Passport& passport);
// What the PASSporT type demands and is missing or of another type, one sentence each ("iat is missing").
std::vector<std::string> claim_problems(const Passport& passport, const Claims& claims, std::string_view ppt);

// The PASSporT types that can be judged here: "" (RFC 8225), shaken, div, div-o, rcd, rph.
bool known_ppt(std::string_view ppt);

// A digest of a DTLS certificate, as mky has it: lower-case hash name, upper-case hex without colons.
struct MediaKey {
  std::string alg;
  std::string dig;
  auto operator<=>(const MediaKey&) const = default;
};
// Empty optional: not an array of {alg, dig}. Sorted, each once.
std::optional<std::vector<MediaKey>> read_media_keys(const Json& mky);

// What a compact form stands for, made again from the SIP request (RFC 8224 section 4.1, RFC 8225 section 9).
struct Rebuilt {
  std::string_view x5u;
  std::string_view ppt;
  std::int64_t iat = 0;
  Party orig;
  Party dest;
  std::vector<MediaKey> media_keys;  // sorted
};
// {"base64url(header).base64url(payload)", payload}.
struct SigningInput {
  std::string text;
  std::string payload;
};
SigningInput rebuild(const Rebuilt& from);

std::string encode_base64url(ByteView bytes);

}  // namespace voip::passport
