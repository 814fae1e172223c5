#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::crypto {

// One entry of a TNAuthList.
struct TnEntry {
  enum class Kind : std::uint8_t { kSpc, kRange, kOne };
  Kind kind = Kind::kSpc;
  std::string text;         // the service provider code, or the (first) number
  std::uint64_t count = 1;  // numbers of a range, the first included
};
std::string to_string(const TnEntry& entry);  // "1234", "12155550100", "12155550100+100"

// RFC 8226 section 9: what numbers the holder of a certificate has authority over.
class TnAuthList {
 public:
  // Takes the extension's contents, strict DER. Sizes as the RFC has them; at most 65,536 entries.
  static Parsed<TnAuthList> parse(ByteView der);

  const std::vector<TnEntry>& entries() const { return entries_; }
  bool has_spc() const { return !spcs_.empty(); }
  bool has_numbers() const { return numbers_; }
  const std::vector<std::string>& spcs() const { return spcs_; }  // sorted, each once

  // Whether a range or single entry names the number (digits, no plus).
  bool names(std::string_view number) const;
  // RFC 9060: whether all of `child` lies within this. A parent's service provider code takes in any number, since
  // which numbers it has can't be known here; a child's code must be one of the parent's.
  bool encompasses(const TnAuthList& child) const;

 private:
  struct Interval {
    std::size_t digits = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    auto operator<=>(const Interval&) const = default;
  };
  bool within(const Interval& interval) const;
  void index();

  std::vector<TnEntry> entries_;
  bool numbers_ = false;
  std::vector<std::string> spcs_;
  std::vector<Interval> intervals_;   // sorted, joined
  std::vector<std::string> symbols_;  // single entries with * or #, sorted
};

// How a claim of a token stands in it.
struct ClaimValue {
  std::string text;                   // a string as it is; everything else as JSON without blanks, keys sorted
  std::vector<std::string> elements;  // of an array, each in the same way; empty for all else
};
// Empty when the token has no such claim.
using ClaimLookup = std::function<std::optional<ClaimValue>(std::string_view name)>;

// RFC 8226 section 8 and RFC 9118: what claims a certificate's holder may make.
struct ClaimConstraints {
  struct Permitted {
    std::string claim;
    std::vector<std::string> values;
  };
  std::vector<std::string> must_include;
  std::vector<Permitted> permitted;
  std::vector<std::string> must_exclude;  // RFC 9118 only
  bool enhanced = false;

  // enhanced: the extension of RFC 9118, else that of RFC 8226. Takes the extension's contents, strict DER.
  static Parsed<ClaimConstraints> parse(ByteView der, bool enhanced);
  // What the claims break, in words ("rcd is not among the permitted values", "attest is missing"); empty: nothing.
  std::vector<std::string> broken_by(const ClaimLookup& claims) const;
};

}  // namespace voip::crypto
