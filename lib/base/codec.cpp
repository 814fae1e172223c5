#include "base/codec.h"

#include <array>

namespace voip {

namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::uint8_t, 256> make_reverse(bool url) {
  std::array<std::uint8_t, 256> table{};
  for (auto& entry : table) entry = 0xff;
  for (std::size_t i = 0; i < 64; ++i) table[static_cast<std::uint8_t>(kBase64[i])] = static_cast<std::uint8_t>(i);
  if (url) {
    table['+'] = table['/'] = 0xff;
    table['-'] = 62;
    table['_'] = 63;
  }
  return table;
}

constexpr auto kReverse = make_reverse(false);
constexpr auto kReverseUrl = make_reverse(true);

std::optional<std::vector<std::uint8_t>> decode(std::string_view text, const std::array<std::uint8_t, 256>& table) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::uint8_t value = table[static_cast<std::uint8_t>(c)];
    if (value == 0xff) return std::nullopt;
    bits = (bits << 6) | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<std::uint8_t>(bits >> count));
      bits &= (1U << count) - 1;
    }
  }
  if (bits != 0) return std::nullopt;
  return bytes;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text) {
  std::size_t padding = 0;
  while (padding < 2 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  if (padding != 0 && (text.size() + padding) % 4 != 0) return std::nullopt;
  return decode(text, kReverse);
}

std::optional<std::vector<std::uint8_t>> decode_base64url(std::string_view text) { return decode(text, kReverseUrl); }

std::string encode_base64(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t bits = std::uint32_t{bytes[i]} << 16;
    if (n > 1) bits |= std::uint32_t{bytes[i + 1]} << 8;
    if (n > 2) bits |= bytes[i + 2];
    text += kBase64[bits >> 18];
    text += kBase64[(bits >> 12) & 63];
    text += n > 1 ? kBase64[(bits >> 6) & 63] : '=';
    text += n > 2 ? kBase64[bits & 63] : '=';
  }
  return text;
}

std::string encode_hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::optional<std::vector<std::uint8_t>> decode_hex(std::string_view text, char separator) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < text.size();) {
    if (separator != '\0' && i != 0) {
      if (text[i] != separator) return std::nullopt;
      ++i;
    }
    if (text.size() - i < 2) return std::nullopt;
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
    i += 2;
  }
  return bytes;
}

}  // namespace voip
