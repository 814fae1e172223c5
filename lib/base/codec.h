#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace voip {

// RFC 4648 section 4. Missing final padding is accepted (SDES keys come without), anything else that is not
// canonical base64 is refused: blanks, characters outside the alphabet, padding in the middle, left-over bits set.
std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text);
std::string encode_base64(ByteView bytes);
// RFC 4648 section 5, without padding, as JOSE writes it (RFC 7515 section 2).
std::optional<std::vector<std::uint8_t>> decode_base64url(std::string_view text);
// Lower case, no separators.
std::string encode_hex(ByteView bytes);
// Pairs of hex digits; `separator` (like ':') may stand between them, 0 for none.
std::optional<std::vector<std::uint8_t>> decode_hex(std::string_view text, char separator = '\0');

}  // namespace voip
