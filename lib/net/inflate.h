#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace voip::net {

// Decompresses zlib, gzip or raw deflate into `out`, at most 1 MiB and 200 times the input. False when nothing
// sensible comes out or a bound is passed. `complete` is false when the input ends early.
bool inflate_any(ByteView in, std::vector<std::uint8_t>& out, bool& complete);

}  // namespace voip::net
