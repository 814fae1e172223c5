#include "capture/homer_row.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"

namespace voip::capture {

namespace {

constexpr std::int64_t kMillion = 1'000'000;
constexpr std::size_t kLongestRaw = 64'000;  // a frame and a chunk count their bytes in 16 bits
constexpr std::size_t kLongestName = 512;
constexpr std::size_t kMostStrayBytes = 4;

void put16(std::vector<std::uint8_t>& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8 & 0xff));
  out.push_back(static_cast<std::uint8_t>(value & 0xff));
}

void put32(std::vector<std::uint8_t>& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

void chunk(std::vector<std::uint8_t>& out, unsigned type, std::size_t size) {
  put16(out, 0);
  put16(out, type);
  put16(out, size + 6);
}

void chunk(std::vector<std::uint8_t>& out, unsigned type, ByteView bytes) {
  chunk(out, type, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Where the SIP message begins: some senders leave one or two bytes of their header before it.
std::size_t stray_bytes(std::string_view raw) {
  for (std::size_t at = 0; at <= kMostStrayBytes && at < raw.size(); ++at) {
    const std::string_view line = raw.substr(at, raw.find('\n', at) - at);
    if (line.starts_with("SIP/2.0 ")) return at;
    if (!is_alpha(line.empty() ? '\0' : line.front()) || line.find(" SIP/2.0") == std::string_view::npos) continue;
    const std::string_view method = line.substr(0, line.find(' '));
    if (method.size() >= 3 && std::ranges::all_of(method, is_token_char)) return at;
  }
  return 0;
}

}  // namespace

bool plausible_seconds(std::int64_t seconds) { return seconds >= 946'684'800 && seconds < 2'145'916'800; }

std::int64_t swap_bytes(std::int64_t value) {
  const auto v = static_cast<std::uint32_t>(value);
  return static_cast<std::int64_t>((v << 24) | ((v & 0xff00U) << 8) | ((v >> 8) & 0xff00U) | (v >> 24));
}

void HomerRow::clear() {
  std::string node_kept = std::move(node);
  std::string raw_kept = std::move(raw);
  std::string correlation_kept = std::move(correlation_id);
  std::string scratch_kept = std::move(scratch_);
  *this = HomerRow{};
  node_kept.clear();
  raw_kept.clear();
  correlation_kept.clear();
  node = std::move(node_kept);
  raw = std::move(raw_kept);
  correlation_id = std::move(correlation_kept);
  scratch_ = std::move(scratch_kept);
}

bool HomerRow::take(std::string_view key, HomerJson& value) {
  const auto text = [&]() -> const std::string& {
    if (value.peek() != '"' || !value.string(scratch_)) {
      value.skip();
      scratch_.clear();
    }
    return scratch_;
  };
  const auto number = [&](std::int64_t most) -> std::int64_t {
    const auto n = value.whole();
    return n && *n >= 0 && *n <= most ? *n : 0;
  };
  if (key == "srcIp") {
    src = IpAddress::parse(text()).value_or(IpAddress{});
  } else if (key == "dstIp") {
    dst = IpAddress::parse(text()).value_or(IpAddress{});
  } else if (key == "srcPort") {
    src_port = static_cast<std::uint16_t>(number(0xffff));
  } else if (key == "dstPort") {
    dst_port = static_cast<std::uint16_t>(number(0xffff));
  } else if (key == "protocol") {
    protocol = static_cast<std::uint8_t>(number(0xff));
  } else if (key == "payloadType") {
    payload_type = static_cast<std::uint8_t>(number(0xff));
  } else if (key == "timeSeconds") {
    seconds = number(0xffff'ffff);
  } else if (key == "timeUseconds") {
    micros = number(0xffff'ffff);
  } else if (key == "correlation_id") {
    correlation_id = text().substr(0, kLongestName);
  } else if (key == "captureId") {
    // A node's name, or the number as text.
    const bool is_text = value.peek() == '"';
    node = is_text ? text().substr(0, kLongestName) : std::to_string(number(0xffff'ffff));
    capture_id = parse_number<std::uint32_t>(node).value_or(0);
  } else {
    return false;
  }
  return true;
}

bool HomerRow::take_header(std::string_view json) {
  HomerJson in{json};
  if (!in.enter('{')) return false;
  std::string key;
  while (in.member(key)) {
    if (!take(key, in)) in.skip();
  }
  return in.ok();
}

void HomerRow::fix_time() {
  // Senders of HEP version 2 write their machine's byte order; the collector reads the network's.
  const bool odd = micros >= kMillion || !plausible_seconds(seconds);
  if (!odd || seconds == 0) return;
  const std::int64_t other_seconds = swap_bytes(seconds);
  const std::int64_t other_micros = swap_bytes(micros);
  if (!plausible_seconds(other_seconds) || other_micros >= kMillion) return;
  seconds = other_seconds;
  micros = other_micros;
  swapped = true;
  correlation_id.clear();  // a field that was misread
}

Timestamp HomerRow::time() const {
  if (exact_us > 0 && !swapped) return {exact_us * 1000};
  if (seconds > 0) return {seconds * kNsPerSecond + micros * 1000};
  if (stored_us > 0) return {stored_us * 1000};
  return {};
}

void HomerRow::to_frame(std::vector<std::uint8_t>& frame, bool& cut) const {
  std::string_view text = raw;
  if (payload_type == 1) text.remove_prefix(stray_bytes(text));
  cut = text.size() > kLongestRaw;
  if (cut) text = text.substr(0, kLongestRaw);
  const Timestamp when = time();
  frame.clear();
  for (const char c : {'H', 'E', 'P', '3'}) frame.push_back(static_cast<std::uint8_t>(c));
  put16(frame, 0);
  const bool v4 = src.is_v4() && dst.is_v4();
  chunk(frame, 1, 1);
  frame.push_back(v4 ? 2 : 10);
  chunk(frame, 2, 1);
  frame.push_back(protocol);
  const ByteView src_bytes = src.bytes();
  const ByteView dst_bytes = dst.bytes();
  chunk(frame, v4 ? 3 : 5, v4 ? src_bytes.last(4) : src_bytes);
  chunk(frame, v4 ? 4 : 6, v4 ? dst_bytes.last(4) : dst_bytes);
  chunk(frame, 7, 2);
  put16(frame, src_port);
  chunk(frame, 8, 2);
  put16(frame, dst_port);
  if (when.known() && when.ns > 0) {
    chunk(frame, 9, 4);
    put32(frame, static_cast<std::uint32_t>(when.ns / kNsPerSecond));
    chunk(frame, 10, 4);
    put32(frame, static_cast<std::uint32_t>(when.ns % kNsPerSecond / 1000));
  }
  chunk(frame, 11, 1);
  frame.push_back(payload_type);
  chunk(frame, 12, 4);
  put32(frame, capture_id);
  if (!correlation_id.empty()) chunk(frame, 0x11, as_bytes(correlation_id));
  if (!node.empty()) chunk(frame, 0x13, as_bytes(node));
  chunk(frame, 15, as_bytes(text));
  frame[4] = static_cast<std::uint8_t>(frame.size() >> 8 & 0xff);
  frame[5] = static_cast<std::uint8_t>(frame.size() & 0xff);
}

}  // namespace voip::capture
