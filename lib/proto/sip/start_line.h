#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "base/text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// The first line of a message (RFC 3261 sections 7.1 and 7.2), and the characters that its parts are told by.
namespace voip::sip {

inline constexpr std::string_view kVersion = "SIP/2.0";

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

inline constexpr std::array<bool, 256> kTokenTable = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c) table[c] = is_token_char(static_cast<char>(c));
  return table;
}();
inline bool is_token(char c) { return kTokenTable[static_cast<unsigned char>(c)]; }

// Offset of the first blank or control character at or after `from`, the size of the text when there is none.
inline std::size_t find_blank(std::string_view text, std::size_t from) {
  std::size_t at = from;
#if defined(__SSE2__)
  for (; text.size() - at >= 16; at += 16) {
    __m128i part;
    std::memcpy(&part, text.data() + at, sizeof part);
    const __m128i blanks = _mm_cmpeq_epi8(_mm_min_epu8(part, _mm_set1_epi8(' ')), part);
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(blanks));
    if (mask != 0) return at + static_cast<std::size_t>(std::countr_zero(mask));
  }
#endif
  while (at < text.size() && static_cast<unsigned char>(text[at]) > ' ') ++at;
  return at;
}

// Without the line's end and the blanks before it.
std::string_view without_line_end(std::string_view line);

struct StartLine {
  bool is_sip = false;
  bool is_request = false;
  std::string_view method, uri;  // request
  std::string_view version;
  std::string_view status, reason;  // response
  bool odd_blanks = false;
};

// line: without its LF.
StartLine split_start_line(std::string_view line);

}  // namespace voip::sip
