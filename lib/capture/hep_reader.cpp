#include "capture/hep_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace voip::capture {
namespace {

constexpr std::size_t kHeaderBytes = 6;  // magic and length
constexpr std::uint32_t kHep3 = 0x48455033;
constexpr std::uint32_t kEep3 = 0x45455033;
constexpr std::uint32_t kEep1 = 0x45455031;

bool has_magic(ByteView at) {
  if (at.size() < 4) return false;
  const auto magic = load_be<std::uint32_t>(at.data());
  return magic == kHep3 || magic == kEep3 || magic == kEep1;
}

// Chunks 9 (seconds) and 10 (microseconds to add, maybe more than a second's).
Timestamp time_of(ByteView message) {
  ByteCursor in{after_bytes(message, kHeaderBytes)};
  std::optional<std::uint32_t> seconds;
  std::uint32_t micros = 0;
  while (in.remaining() >= 6) {
    const auto vendor = in.be<std::uint16_t>();
    const auto type = in.be<std::uint16_t>();
    const auto length = in.be<std::uint16_t>();
    if (length < 6) break;
    ByteCursor value = in.sub(length - 6U);
    if (!value.ok()) break;
    if (vendor != 0 || value.remaining() != 4) continue;
    if (type == 9) seconds = value.be<std::uint32_t>();
    if (type == 10) micros = value.be<std::uint32_t>();
  }
  if (seconds.value_or(0) == 0) return {};
  return {static_cast<std::int64_t>(*seconds) * kNsPerSecond + static_cast<std::int64_t>(micros) * 1000};
}

}  // namespace

std::optional<HepReader::Framing> HepReader::recognises(ByteView head) {
  if (head.size() >= kHeaderBytes && has_magic(head) && load_be<std::uint16_t>(head.data() + 4) >= kHeaderBytes) {
    return Framing::kStream;
  }
  if (head.size() >= 10 && has_magic(head.subspan(4)) &&
      (load_be<std::uint32_t>(head.data()) & 0xffff) == load_be<std::uint16_t>(head.data() + 8)) {
    return Framing::kDump;
  }
  return std::nullopt;
}

HepReader::HepReader(InputBuffer& in, const ReaderContext& context, Framing framing)
    : in_(in), info_(context.info), problems_(context.info), input_(context.input), framing_(framing) {}

// Bytes of the message that begins there (its length prefix not counted), if one does.
std::optional<std::size_t> HepReader::message_at(std::size_t at) const {
  const ByteView bytes = after_bytes(in_.view(in_.available()), at);
  if (bytes.size() < prefix() + kHeaderBytes || !has_magic(bytes.subspan(prefix()))) return std::nullopt;
  const std::size_t length = load_be<std::uint16_t>(bytes.data() + prefix() + 4);
  if (framing_ == Framing::kDump) {
    // A message that grew past 65535 bytes has the true length in front only.
    const auto before = load_be<std::uint32_t>(bytes.data());
    if (before < kHeaderBytes || before > 0x1'ffff || (before & 0xffff) != length) return std::nullopt;
    return before;
  }
  if (length < kHeaderBytes) return std::nullopt;
  return length;
}

// Whether what ends `at` bytes behind data() is followed by a message or by the end. Those bytes must have been asked
// for.
bool HepReader::lands(std::size_t at) const { return in_.available() == at || message_at(at).has_value(); }

std::optional<std::size_t> HepReader::next_within(std::size_t from, std::size_t to) {
  for (std::size_t at = from; at < to; ++at) {
    const std::optional<std::size_t> length = message_at(at);
    if (!length) continue;
    const std::size_t end = at + prefix() + *length;
    (void)in_.have(end + prefix() + kHeaderBytes);
    if (lands(end)) return at;
  }
  return std::nullopt;
}

void HepReader::deliver(Packet& packet, std::size_t bytes, std::size_t length, std::size_t consumed) {
  packet.offset = in_.offset() + prefix();
  packet.bytes = in_.view(prefix() + bytes).subspan(prefix());
  packet.wire_length = static_cast<std::uint32_t>(std::max(length, bytes));
  packet.link = LinkType::kHepFrame;
  packet.interface = 0;
  packet.frame = {.input = input_, .number = ++number_, .time = time_of(packet.bytes)};
  count_packet(info_, packet.frame.time);
  in_.advance(consumed);
}

bool HepReader::next(Packet& packet) {
  while (!ended_) {
    (void)in_.have(prefix() + kHeaderBytes);
    if (in_.available() == 0) break;
    const std::optional<std::size_t> length = message_at(0);
    if (!length) {
      if (in_.available() < prefix() + kHeaderBytes) {
        problems_.damage(fmt::format("The file is cut off within the header of a message, at byte {}.", in_.offset()));
        break;
      }
      if (!resynchronise()) break;
      continue;
    }
    const std::size_t end = prefix() + *length;
    (void)in_.have(end + prefix() + kHeaderBytes);
    if (in_.available() >= end && (lands(end) || in_.available() < end + prefix() + kHeaderBytes)) {
      deliver(packet, *length, *length, end);
      return true;
    }
    // A message of more than 65535 bytes has a length that ran over.
    if (const std::size_t longer = end + 0x1'0000; framing_ == Framing::kStream && *length < 0x8000) {
      (void)in_.have(longer + kHeaderBytes);
      if (in_.available() >= longer && lands(longer)) {
        deliver(packet, longer, longer, longer);
        return true;
      }
    }
    // What follows is no message. Bytes may be missing in this one: another may begin within it.
    const std::size_t there = std::min(end, in_.available());
    const std::uint64_t at = in_.offset();
    if (const auto next = next_within(prefix() + kHeaderBytes, there)) {
      problems_.damage(fmt::format("The message at byte {} is shorter than it says.", at));
      deliver(packet, *next - prefix(), *length, *next);
      return true;
    }
    if (there < end) {
      problems_.damage(
          fmt::format("The file is cut off: of the last message {} of {} bytes are there.", there - prefix(), *length));
      ended_ = true;
    }
    deliver(packet, there - prefix(), *length, there);
    return true;
  }
  ended_ = true;
  return false;
}

bool HepReader::resynchronise() {
  const std::uint64_t from = in_.offset();
  in_.advance(1);
  while (in_.have(prefix() + kHeaderBytes)) {
    if (next_within(0, 1)) {
      problems_.damage(
          fmt::format("The file is damaged at byte {}: {} bytes were skipped.", from, in_.offset() - from));
      return true;
    }
    in_.advance(1);
  }
  in_.advance(in_.available());
  problems_.damage(fmt::format("The file is damaged at byte {}: the {} bytes from there on can't be read.", from,
                               in_.offset() - from));
  return false;
}

}  // namespace voip::capture
