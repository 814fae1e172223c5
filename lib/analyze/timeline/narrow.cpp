#include "analyze/timeline/narrow.h"

#include <algorithm>

#include "analyze/timeline/records.h"
#include "base/text.h"

namespace voip::analyze::timeline {

namespace {

// Digits without leading zeros: "+49 30 1234" and "00493012340" compare by their ends.
std::string digits_of(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (!is_digit(c) || (digits.empty() && c == '0')) continue;
    digits += c;
  }
  return digits;
}

}  // namespace

bool Narrow::Block::contains(const IpAddress& other) const {
  for (unsigned i = 0; i < 16; ++i) {
    if (bits <= 8 * i) return true;
    const unsigned left = std::min(8U, bits - 8 * i);
    const auto mask = static_cast<std::uint8_t>(0xff00U >> left);
    if ((address.bytes()[i] & mask) != (other.bytes()[i] & mask)) return false;
  }
  return true;
}

bool Narrow::wants_call_id(std::string_view call_id) const {
  return std::ranges::find(call_ids, call_id) != call_ids.end();
}

bool Narrow::wants_user(std::string_view user) const {
  if (user.empty()) return false;
  const std::string_view part = user.find(':') == std::string_view::npos ? user : user_of(user);
  for (const std::string& account : accounts) {
    if (account == part || account == user) return true;
    // "1001@example.com" names the account in one domain.
    if (const std::size_t at = user.find(':'); at != std::string_view::npos && user.substr(at + 1) == account)
      return true;
  }
  if (numbers.empty() || part.find_first_not_of("+0123456789-.() ") != std::string_view::npos) return false;
  const std::string mine = digits_of(part);
  return std::ranges::any_of(numbers, [&mine](const std::string& number) {
    const std::string wanted = digits_of(number);
    return !wanted.empty() && (mine == wanted || (wanted.size() >= 7 && mine.ends_with(wanted)));
  });
}

bool Narrow::wants_address(const IpAddress& address) const {
  return std::ranges::any_of(addresses, [&address](const Block& block) { return block.contains(address); });
}

std::optional<Narrow::Block> Narrow::parse_block(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  Block block{*address, 128};
  if (slash == std::string_view::npos) return block;
  const auto bits = parse_number<unsigned>(text.substr(slash + 1));
  const unsigned most = address->is_v4() ? 32 : 128;
  if (!bits || *bits > most) return std::nullopt;
  block.bits = address->is_v4() ? *bits + 96 : *bits;
  return block;
}

}  // namespace voip::analyze::timeline
