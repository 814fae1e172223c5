#include "base/result.h"

namespace voip {

const char* to_string(Malformed kind) {
  switch (kind) {
    case Malformed::kTruncated: return "truncated";
    case Malformed::kBadVersion: return "bad-version";
    case Malformed::kBadLength: return "bad-length";
    case Malformed::kBadValue: return "bad-value";
    case Malformed::kBadSyntax: return "bad-syntax";
    case Malformed::kMissing: return "missing";
    case Malformed::kTooMany: return "too-many";
    case Malformed::kUnsupported: return "unsupported";
  }
  return "unknown";
}

}  // namespace voip
