#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace voip::passport {

// What is wrong with the header field around the token; each makes the value malformed.
enum class FieldDefect : std::uint8_t {
  kNoToken,
  kBlankInToken,  // folded or broken inside
  kQuotedToken,   // as RFC 4474 had it
  kInfoWithoutBrackets,
  kInfoUnterminated,
  kBadParameter,
  kRepeatedParameter,
};
std::string_view to_string(FieldDefect defect);

// One value of an Identity header field (RFC 8224 section 4). Views borrow the text.
struct IdentityValue {
  std::string_view token;
  std::optional<std::string_view> info;  // without the angle brackets
  std::optional<std::string_view> alg;   // without quotes
  std::optional<std::string_view> ppt;
  std::vector<FieldDefect> defects;
  std::size_t offset = 0;  // of the first defect, in the value
};

// text: a header field's value, folds already blanks. A list joined by commas gives several values (at most 64).
std::vector<IdentityValue> parse_identity(std::string_view text);

}  // namespace voip::passport
