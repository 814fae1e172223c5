#include "proto/hep/hep.h"

#include <cstdlib>

#include "base/text.h"

namespace voip::hep {

namespace {

enum class Chunk : std::uint16_t {
  kFamily = 0x01,
  kProtocol = 0x02,
  kSource4 = 0x03,
  kDestination4 = 0x04,
  kSource6 = 0x05,
  kDestination6 = 0x06,
  kSourcePort = 0x07,
  kDestinationPort = 0x08,
  kSeconds = 0x09,
  kMicroseconds = 0x0a,
  kPayloadType = 0x0b,
  kCaptureId = 0x0c,
  kPayload = 0x0f,
  kCompressedPayload = 0x10,
  kCorrelationId = 0x11,
  kNode = 0x13,
};

constexpr std::size_t kHeaderSize = 6;
constexpr std::size_t kChunkHeaderSize = 6;
constexpr std::size_t kV2TimeSize = 12;

bool is_v4_family(std::uint8_t family) { return family == 2; }
// AF_INET6 of Linux, FreeBSD and macOS.
bool is_v6_family(std::uint8_t family) { return family == 10 || family == 28 || family == 30; }

bool is_known_protocol(std::uint8_t protocol) {
  return protocol == 6 || protocol == 17 || protocol == 22 || protocol == 132;
}

// Unknown when the seconds can't be meant: before 2000, or decades away from the packet that carried them.
Timestamp plausible_time(std::uint64_t seconds, std::uint64_t microseconds, Timestamp carrier) {
  constexpr std::int64_t kYear2000 = 946'684'800;
  constexpr std::int64_t kYear2060 = 2'840'140'800;
  constexpr std::int64_t kTwentyYears = 631'152'000;
  const auto whole = static_cast<std::int64_t>(seconds + microseconds / 1'000'000);
  if (whole < kYear2000) return {};
  if (carrier.known()) {
    const std::int64_t away = whole - carrier.ns / kNsPerSecond;
    if (away > kTwentyYears || away < -kTwentyYears) return {};
  } else if (whole > kYear2060) {
    return {};
  }
  return {whole * kNsPerSecond + static_cast<std::int64_t>(microseconds % 1'000'000) * 1000};
}

bool is_nearer(Timestamp a, Timestamp b, Timestamp carrier) {
  if (!carrier.known()) return false;
  return std::abs(a.ns - carrier.ns) < std::abs(b.ns - carrier.ns);
}

// "INVITE sip:...", "SIP/2.0 200 OK", or a JSON object.
bool begins_like_payload(ByteView bytes) {
  const std::string_view text = as_text(first_bytes(bytes, 40));
  if (text.starts_with("SIP/2.0 ") || text.starts_with('{')) return true;
  std::size_t letters = 0;
  while (letters < text.size() && letters < 16 && text[letters] >= 'A' && text[letters] <= 'Z') ++letters;
  if (letters < 3 || letters >= text.size() || text[letters] != ' ') return false;
  const std::string_view uri = text.substr(letters + 1);
  return istarts_with(uri, "sip:") || istarts_with(uri, "sips:") || istarts_with(uri, "tel:") ||
         istarts_with(uri, "urn:");
}

// Some senders store a 16 bit id, byte-swapped, in the 32 bit field.
std::uint32_t unshifted_capture_id(std::uint32_t id) { return (id & 0xffff) == 0 ? id >> 16 : id; }

struct Addresses {
  IpAddress source;
  IpAddress destination;
  bool any = false;
};

Parsed<MessageView> parse_v3(ByteView bytes, Timestamp carrier) {
  ByteCursor head{bytes};
  head.skip(4);
  const std::size_t length = head.be<std::uint16_t>();
  if (!head.ok()) return ParseError{Malformed::kTruncated, bytes.size(), "hep.header"};
  if (length < kHeaderSize) return ParseError{Malformed::kBadLength, 4, "hep.length"};

  MessageView message;
  message.version = 3;
  message.truncated = length > bytes.size();
  message.trailing = message.truncated ? 0 : bytes.size() - length;

  std::uint8_t family = 0;
  Addresses v4;
  Addresses v6;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t seconds = 0;
  std::uint32_t microseconds = 0;
  std::size_t missing = message.truncated ? length - bytes.size() : 0;

  ByteCursor in{first_bytes(bytes, length)};
  in.skip(kHeaderSize);
  while (in.remaining() > 0) {
    if (in.remaining() < kChunkHeaderSize) {
      if (message.truncated) break;
      return ParseError{Malformed::kBadLength, in.offset(), "hep.chunk"};
    }
    const std::size_t at = in.offset();
    const auto vendor = in.be<std::uint16_t>();
    const auto type = static_cast<Chunk>(in.be<std::uint16_t>());
    const std::size_t chunk_length = in.be<std::uint16_t>();
    if (chunk_length < kChunkHeaderSize) return ParseError{Malformed::kBadLength, at, "hep.chunk"};
    std::size_t size = chunk_length - kChunkHeaderSize;
    if (size > in.remaining()) {
      // A chunk may be cut with its frame, but not reach behind it.
      if (size - in.remaining() > missing) return ParseError{Malformed::kBadLength, at, "hep.chunk"};
      const bool prefix_is_of_use = vendor == 0 && (type == Chunk::kPayload || type == Chunk::kCompressedPayload);
      if (!prefix_is_of_use) break;
      size = in.remaining();
    }
    const ByteView value = in.take(size);
    if (vendor != 0) {
      ++message.ignored_chunks;
      continue;
    }
    ByteCursor field{value};
    const auto sized = [&](std::size_t wanted) {
      if (value.size() == wanted) return true;
      ++message.ignored_chunks;
      return false;
    };
    switch (type) {
      case Chunk::kFamily:
        if (sized(1)) family = field.be<std::uint8_t>();
        break;
      case Chunk::kProtocol:
        if (sized(1)) message.ip_protocol = field.be<std::uint8_t>();
        break;
      case Chunk::kSource4:
        if (sized(4)) v4.source = IpAddress::from_bytes(value), v4.any = true;
        break;
      case Chunk::kDestination4:
        if (sized(4)) v4.destination = IpAddress::from_bytes(value), v4.any = true;
        break;
      case Chunk::kSource6:
        if (sized(16)) v6.source = IpAddress::from_bytes(value), v6.any = true;
        break;
      case Chunk::kDestination6:
        if (sized(16)) v6.destination = IpAddress::from_bytes(value), v6.any = true;
        break;
      case Chunk::kSourcePort:
        if (sized(2)) source_port = field.be<std::uint16_t>();
        break;
      case Chunk::kDestinationPort:
        if (sized(2)) destination_port = field.be<std::uint16_t>();
        break;
      case Chunk::kSeconds:
        if (sized(4)) seconds = field.be<std::uint32_t>();
        break;
      case Chunk::kMicroseconds:
        if (sized(4)) microseconds = field.be<std::uint32_t>();
        break;
      case Chunk::kPayloadType:
        if (sized(1)) message.payload_type = field.be<std::uint8_t>();
        break;
      case Chunk::kCaptureId:
        if (sized(4)) message.capture_id = unshifted_capture_id(field.be<std::uint32_t>());
        break;
      case Chunk::kPayload:
      case Chunk::kCompressedPayload:
        message.payload = value;
        message.compressed = type == Chunk::kCompressedPayload;
        break;
      case Chunk::kCorrelationId: message.correlation_id = as_text(value); break;
      case Chunk::kNode: message.node = as_text(value); break;
      default: break;  // known to others, of no use here
    }
  }
  const bool use_v6 = v6.any && (!v4.any || is_v6_family(family));
  const Addresses& addresses = use_v6 ? v6 : v4;
  message.src = Endpoint{addresses.source, source_port};
  message.dst = Endpoint{addresses.destination, destination_port};
  message.time = plausible_time(seconds, microseconds, carrier);
  return message;
}

// Where the payload of version 1 or 2 begins; 0 when the header is of neither.
std::size_t payload_offset_v1_v2(ByteView bytes) {
  if (bytes.size() < 8 || (bytes[0] != 1 && bytes[0] != 2) || !is_known_protocol(bytes[3])) return 0;
  if (!is_v4_family(bytes[2]) && !is_v6_family(bytes[2])) return 0;
  return 8 + (is_v4_family(bytes[2]) ? 8U : 32U) + (bytes[0] == 2 ? kV2TimeSize : 0);
}

Parsed<MessageView> parse_v1_v2(ByteView bytes, Timestamp carrier) {
  ByteCursor in{bytes};
  MessageView message;
  message.version = in.be<std::uint8_t>();
  in.skip(1);  // the header's length: each sender counts it in another way
  const auto family = in.be<std::uint8_t>();
  message.ip_protocol = in.be<std::uint8_t>();
  const auto source_port = in.be<std::uint16_t>();
  const auto destination_port = in.be<std::uint16_t>();
  if (!in.ok()) return ParseError{Malformed::kTruncated, bytes.size(), "hep.header"};
  if (message.version != 1 && message.version != 2) return ParseError{Malformed::kBadVersion, 0, "hep.version"};
  if (!is_v4_family(family) && !is_v6_family(family)) return ParseError{Malformed::kBadValue, 2, "hep.family"};
  const std::size_t address_size = is_v4_family(family) ? 4 : 16;
  message.src = Endpoint{IpAddress::from_bytes(in.take(address_size)), source_port};
  message.dst = Endpoint{IpAddress::from_bytes(in.take(address_size)), destination_port};
  if (message.version == 2) {
    ByteCursor swapped{in.rest()};
    // Host order of the sender, nearly always little-endian.
    const auto seconds = in.le<std::uint32_t>();
    const auto microseconds = in.le<std::uint32_t>();
    message.capture_id = in.le<std::uint16_t>();
    in.skip(2);  // padding of the structure, at times with what lay on the sender's stack
    message.time = plausible_time(seconds, microseconds, carrier);
    const auto big_seconds = swapped.be<std::uint32_t>();
    const auto big_microseconds = swapped.be<std::uint32_t>();
    const Timestamp big_time = plausible_time(big_seconds, big_microseconds, carrier);
    if (big_time.known() && (!message.time.known() || is_nearer(big_time, message.time, carrier))) {
      message.time = big_time;
      message.capture_id = swapped.be<std::uint16_t>();
    }
  }
  if (!in.ok()) return ParseError{Malformed::kTruncated, bytes.size(), "hep.header"};
  message.payload = in.rest();
  return message;
}

}  // namespace

bool looks_like_v3(ByteView bytes) {
  if (bytes.size() < 4) return false;
  const auto magic = load_be<std::uint32_t>(bytes.data());
  return magic == 0x48455033 || magic == 0x45455033 || magic == 0x45455031;  // HEP3, EEP3, EEP1
}

bool looks_like_v1_or_v2(ByteView datagram) {
  const std::size_t offset = payload_offset_v1_v2(datagram);
  return offset != 0 && begins_like_payload(after_bytes(datagram, offset));
}

std::optional<std::size_t> v3_frame_length(ByteView bytes) {
  if (bytes.size() < kHeaderSize || !looks_like_v3(bytes)) return std::nullopt;
  const std::size_t length = load_be<std::uint16_t>(bytes.data() + 4);
  if (length < kHeaderSize) return std::nullopt;
  return length;
}

Parsed<MessageView> parse(ByteView frame, Timestamp carrier_time) {
  if (looks_like_v3(frame)) return parse_v3(frame, carrier_time);
  return parse_v1_v2(frame, carrier_time);
}

}  // namespace voip::hep
