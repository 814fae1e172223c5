#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace voip::crypto {

// Two SHA-1 computations side by side: the processor's SHA instructions wait for each other within one, and fill each
// other's gaps with two.
using Sha1State = std::array<std::uint32_t, 5>;

// Whether this processor can; nothing below may be called if it can't.
bool sha1_pair_available();
// Takes in the whole blocks of 64 bytes at the front of both; they are equally many.
void sha1_pair(Sha1State& a, ByteView blocks_a, Sha1State& b, ByteView blocks_b);

}  // namespace voip::crypto
