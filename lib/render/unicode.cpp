#include "render/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace voip::render {

namespace {

struct Range {
  char32_t first;
  char32_t last;
};

template <std::size_t N>
bool in_ranges(const std::array<Range, N>& ranges, char32_t c) {
  const auto* at =
      std::upper_bound(ranges.begin(), ranges.end(), c, [](char32_t v, const Range& r) { return v < r.first; });
  return at != ranges.begin() && c <= std::prev(at)->last;
}

// Unicode 14, categories Mn and Me, small gaps between marks of one block closed.
constexpr std::array kCombining{
    Range{0x0300, 0x036f},   Range{0x0483, 0x0489},   Range{0x0591, 0x05bd},   Range{0x05bf, 0x05bf},
    Range{0x05c1, 0x05c2},   Range{0x05c4, 0x05c5},   Range{0x05c7, 0x05c7},   Range{0x0610, 0x061a},
    Range{0x064b, 0x065f},   Range{0x0670, 0x0670},   Range{0x06d6, 0x06dc},   Range{0x06df, 0x06e4},
    Range{0x06e7, 0x06e8},   Range{0x06ea, 0x06ed},   Range{0x0711, 0x0711},   Range{0x0730, 0x074a},
    Range{0x07a6, 0x07b0},   Range{0x07eb, 0x07f3},   Range{0x0816, 0x0819},   Range{0x081b, 0x0823},
    Range{0x0825, 0x082d},   Range{0x0859, 0x085b},   Range{0x0898, 0x089f},   Range{0x08ca, 0x08e1},
    Range{0x08e3, 0x0902},   Range{0x093a, 0x093a},   Range{0x093c, 0x093c},   Range{0x0941, 0x0948},
    Range{0x094d, 0x094d},   Range{0x0951, 0x0957},   Range{0x0962, 0x0963},   Range{0x0e31, 0x0e31},
    Range{0x0e34, 0x0e3a},   Range{0x0e47, 0x0e4e},   Range{0x0eb1, 0x0eb1},   Range{0x0eb4, 0x0ebc},
    Range{0x0ec8, 0x0ecd},   Range{0x0f18, 0x0f19},   Range{0x0f71, 0x0f7e},   Range{0x0f80, 0x0f84},
    Range{0x0f8d, 0x0fbc},   Range{0x102d, 0x1030},   Range{0x1032, 0x1037},   Range{0x1039, 0x103a},
    Range{0x1160, 0x11ff},   Range{0x135d, 0x135f},   Range{0x17b4, 0x17b5},   Range{0x17b7, 0x17bd},
    Range{0x17c9, 0x17d3},   Range{0x180b, 0x180d},   Range{0x1ab0, 0x1ace},   Range{0x1b6b, 0x1b73},
    Range{0x1dc0, 0x1dff},   Range{0x20d0, 0x20f0},   Range{0x2cef, 0x2cf1},   Range{0x2de0, 0x2dff},
    Range{0x302a, 0x302d},   Range{0x3099, 0x309a},   Range{0xa66f, 0xa672},   Range{0xa674, 0xa67d},
    Range{0xa69e, 0xa69f},   Range{0xfb1e, 0xfb1e},   Range{0xfe00, 0xfe0f},   Range{0xfe20, 0xfe2f},
    Range{0x1d167, 0x1d169}, Range{0x1e000, 0x1e02a}, Range{0xe0100, 0xe01ef},
};

// Unicode 14, East_Asian_Width W and F.
constexpr std::array kWide{
    Range{0x1100, 0x115f},   Range{0x231a, 0x231b},   Range{0x2329, 0x232a},   Range{0x23e9, 0x23ec},
    Range{0x23f0, 0x23f0},   Range{0x23f3, 0x23f3},   Range{0x25fd, 0x25fe},   Range{0x2614, 0x2615},
    Range{0x2648, 0x2653},   Range{0x267f, 0x267f},   Range{0x2693, 0x2693},   Range{0x26a1, 0x26a1},
    Range{0x26aa, 0x26ab},   Range{0x26bd, 0x26be},   Range{0x26c4, 0x26c5},   Range{0x26ce, 0x26ce},
    Range{0x26d4, 0x26d4},   Range{0x26ea, 0x26ea},   Range{0x26f2, 0x26f3},   Range{0x26f5, 0x26f5},
    Range{0x26fa, 0x26fa},   Range{0x26fd, 0x26fd},   Range{0x2705, 0x2705},   Range{0x270a, 0x270b},
    Range{0x2728, 0x2728},   Range{0x274c, 0x274c},   Range{0x274e, 0x274e},   Range{0x2753, 0x2755},
    Range{0x2757, 0x2757},   Range{0x2795, 0x2797},   Range{0x27b0, 0x27b0},   Range{0x27bf, 0x27bf},
    Range{0x2b1b, 0x2b1c},   Range{0x2b50, 0x2b50},   Range{0x2b55, 0x2b55},   Range{0x2e80, 0x303e},
    Range{0x3041, 0x33ff},   Range{0x3400, 0x4dbf},   Range{0x4e00, 0xa4cf},   Range{0xa960, 0xa97c},
    Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe10, 0xfe19},   Range{0xfe30, 0xfe6b},
    Range{0xff01, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x16fe0, 0x18d08}, Range{0x1aff0, 0x1b2fb},
    Range{0x1f004, 0x1f004}, Range{0x1f0cf, 0x1f0cf}, Range{0x1f18e, 0x1f18e}, Range{0x1f191, 0x1f19a},
    Range{0x1f200, 0x1f320}, Range{0x1f32d, 0x1f335}, Range{0x1f337, 0x1f37c}, Range{0x1f37e, 0x1f393},
    Range{0x1f3a0, 0x1f3ca}, Range{0x1f3cf, 0x1f3d3}, Range{0x1f3e0, 0x1f3f0}, Range{0x1f3f4, 0x1f3f4},
    Range{0x1f3f8, 0x1f43e}, Range{0x1f440, 0x1f440}, Range{0x1f442, 0x1f4fc}, Range{0x1f4ff, 0x1f53d},
    Range{0x1f54b, 0x1f54e}, Range{0x1f550, 0x1f567}, Range{0x1f57a, 0x1f57a}, Range{0x1f595, 0x1f596},
    Range{0x1f5a4, 0x1f5a4}, Range{0x1f5fb, 0x1f64f}, Range{0x1f680, 0x1f6c5}, Range{0x1f6cc, 0x1f6cc},
    Range{0x1f6d0, 0x1f6d2}, Range{0x1f6d5, 0x1f6d7}, Range{0x1f6dd, 0x1f6df}, Range{0x1f6eb, 0x1f6ec},
    Range{0x1f6f4, 0x1f6fc}, Range{0x1f7e0, 0x1f7f0}, Range{0x1f90c, 0x1f93a}, Range{0x1f93c, 0x1f945},
    Range{0x1f947, 0x1f9ff}, Range{0x1fa70, 0x1faff}, Range{0x20000, 0x3fffd},
};

constexpr std::array kUnsafe{
    Range{0x00ad, 0x00ad},    Range{0x034f, 0x034f}, Range{0x061c, 0x061c}, Range{0x115f, 0x1160},
    Range{0x17b4, 0x17b5},    Range{0x180b, 0x180e}, Range{0x200b, 0x200f}, Range{0x2028, 0x202e},
    Range{0x2060, 0x206f},    Range{0x3164, 0x3164}, Range{0xe000, 0xf8ff}, Range{0xfeff, 0xfeff},
    Range{0xffa0, 0xffa0},    Range{0xfff0, 0xfffb}, Range{0xfffe, 0xffff}, Range{0x1d173, 0x1d17a},
    Range{0xe0000, 0x10ffff},
};

}  // namespace

CodePoint decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  unsigned more = 0;
  unsigned low = 0x80;  // bounds of the second byte: they shut out overlong forms, surrogates and too large values
  unsigned high = 0xbf;
  char32_t value = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    more = 1;
    value = lead & 0x1f;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    more = 2;
    value = lead & 0x0f;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    more = 3;
    value = lead & 0x07;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return {0xfffd, 1, false};
  }
  for (unsigned i = 1; i <= more; ++i) {
    const unsigned next = byte(i);
    if (i >= text.size() || next < low || next > high) return {0xfffd, static_cast<std::uint8_t>(i), false};
    low = 0x80;
    high = 0xbf;
    value = (value << 6) | (next & 0x3f);
  }
  return {value, static_cast<std::uint8_t>(more + 1), true};
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

bool is_unsafe(char32_t c) {
  if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) return true;
  return c >= 0xad && in_ranges(kUnsafe, c);
}

unsigned width_of(char32_t c) {
  if (c < 0x300) return 1;
  if (in_ranges(kCombining, c)) return 0;
  return in_ranges(kWide, c) ? 2 : 1;
}

void append_for_terminal(std::string& out, std::string_view text, unsigned& columns) {
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text);
    const std::string_view raw = text.substr(0, c.length);
    text.remove_prefix(c.length);
    if (c.valid && !is_unsafe(c.value)) {
      out += raw;
      columns += width_of(c.value);
      continue;
    }
    const std::size_t before = out.size();
    if (!c.valid) {
      for (const char byte : raw)
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(byte));
    } else if (c.value == '\n' || c.value == '\r' || c.value == '\t') {
      out += c.value == '\n' ? "\\n" : c.value == '\r' ? "\\r" : "\\t";
    } else if (c.value < 0x80) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(c.value));
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{{{:04x}}}", static_cast<unsigned>(c.value));
    }
    columns += static_cast<unsigned>(out.size() - before);
  }
}

}  // namespace voip::render
