#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace voip::render {

struct CodePoint {
  char32_t value = 0;
  std::uint8_t length = 1;  // bytes taken; of an invalid sequence its longest valid beginning, at least 1
  bool valid = false;
};

// The code point at the start of text, which is not empty. Overlong forms, surrogates and values above U+10FFFF are
// invalid (RFC 3629).
CodePoint decode_utf8(std::string_view text);
void append_utf8(std::string& out, char32_t c);

// C0, DEL, C1, and what changes the order of text or hides in it: bidi controls, zero-width characters, line and
// paragraph separators, tags, interlinear marks.
bool is_unsafe(char32_t c);
// Columns on a terminal: 0 for marks that combine, 2 for wide East Asian characters and emoji, else 1.
unsigned width_of(char32_t c);

// For terminals: unsafe characters become \x1b or \u{202e}, invalid bytes \xff; the rest stays. Adds the columns taken.
void append_for_terminal(std::string& out, std::string_view text, unsigned& columns);

}  // namespace voip::render
