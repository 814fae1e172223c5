#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "crypto/x509.h"

namespace voip::crypto {

// Where paths may end, by folded subject name.
using TrustAnchors = std::multimap<std::string, CertificatePtr, std::less<>>;

// Why a path could not be brought to an anchor.
enum class PathEnd : std::uint8_t { kAnchor, kNoIssuer, kSelfIssued, kBadSignature, kOtherKeyId, kGaveUp };

struct FoundPath {
  std::vector<const Certificate*> certificates;  // leaf first
  PathEnd end = PathEnd::kNoIssuer;
};

// All ways from `leaf` over certificates of `pool` to an anchor, by names, key identifiers and signatures (whatever
// order the pool has); the shortest first. When there is none: the one way that came furthest, and why it ended.
// Bounded: ten certificates, 64 signatures, 16 ways.
std::vector<FoundPath> find_paths(const Certificate& leaf, const std::vector<CertificatePtr>& pool,
                                  const TrustAnchors& anchors);

// What RFC 5280 section 6.1 demands of a path besides signatures and times, one problem an entry.
struct PathProblem {
  enum class Kind : std::uint8_t {
    kNotAuthority,
    kMayNotSign,
    kTooLong,
    kNameConstraint,
    kUnknownCritical,
    kMalformed,
    kRefused,  // by OpenSSL, which is asked last
  };
  Kind kind{};
  std::size_t position = 0;  // of the certificate that has it
  std::string detail;
};
std::vector<PathProblem> problems_of(const FoundPath& path);

}  // namespace voip::crypto
