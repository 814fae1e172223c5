#include "capture/pcapng_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace voip::capture {
namespace {

__extension__ using Wide = __int128;

enum BlockType : std::uint32_t {
  kInterfaceBlock = 1,
  kOldPacketBlock = 2,
  kSimplePacketBlock = 3,
  kNameBlock = 4,
  kStatisticsBlock = 5,
  kPacketBlock = 6,
  kJournalBlock = 9,
  kSecretsBlock = 10,
  kCustomBlock = 0x00000bad,
  kCustomBlockNoCopy = 0x40000bad,
  kSectionBlock = 0x0a0d0d0a,
};
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint32_t kByteOrderMagicSwapped = 0x4d3c2b1a;
constexpr std::size_t kHeadBytes = 8;         // type and length
constexpr std::size_t kPacketHeadBytes = 28;  // to the data of an enhanced packet block
constexpr std::size_t kSimpleHeadBytes = 12;
constexpr std::uint32_t kBufferedBlockBytes = 16U << 20;  // a larger one that holds no packet is skipped unseen
constexpr std::uint32_t kResyncBlockBytes = 1U << 20;
constexpr std::size_t kMostInterfaces = 65536;
constexpr std::uint64_t kMostSecretBytes = 64U << 20;

bool known_type(std::uint32_t type) {
  switch (type) {
    case kInterfaceBlock:
    case kOldPacketBlock:
    case kSimplePacketBlock:
    case kNameBlock:
    case kStatisticsBlock:
    case kPacketBlock:
    case kJournalBlock:
    case kSecretsBlock:
    case kCustomBlock:
    case kCustomBlockNoCopy:
    case kSectionBlock: return true;
    default: return false;
  }
}

bool holds_packet(std::uint32_t type) {
  return type == kPacketBlock || type == kOldPacketBlock || type == kSimplePacketBlock;
}

template <class T>
T raw(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

constexpr std::uint64_t power_of_ten(unsigned exponent) {
  std::uint64_t value = 1;
  for (unsigned i = 0; i < exponent; ++i) value *= 10;
  return value;
}

std::uint32_t padded(std::uint32_t length) { return (length + 3) & ~std::uint32_t{3}; }

}  // namespace

std::uint16_t PcapngReader::u16(const std::uint8_t* at) const {
  const auto value = raw<std::uint16_t>(at);
  return big_endian_ == (std::endian::native == std::endian::big) ? value : __builtin_bswap16(value);
}
std::uint32_t PcapngReader::u32(const std::uint8_t* at) const {
  const auto value = raw<std::uint32_t>(at);
  return big_endian_ == (std::endian::native == std::endian::big) ? value : __builtin_bswap32(value);
}
std::uint64_t PcapngReader::u64(const std::uint8_t* at) const {
  const auto value = raw<std::uint64_t>(at);
  return big_endian_ == (std::endian::native == std::endian::big) ? value : __builtin_bswap64(value);
}

bool PcapngReader::recognises(ByteView head) {
  if (head.size() < 12 || load_be<std::uint32_t>(head.data()) != kSectionBlock) return false;
  const auto magic = load_be<std::uint32_t>(head.data() + 8);
  return magic == kByteOrderMagic || magic == kByteOrderMagicSwapped;
}

PcapngReader::PcapngReader(InputBuffer& in, const ReaderContext& context)
    : in_(in), info_(context.info), secrets_(context.secrets), problems_(context.info), input_(context.input) {}

Timestamp PcapngReader::time_of(const Interface& interface, std::uint64_t ticks) const {
  if (ticks - 1 < interface.most_ticks) [[likely]] {  // 0 ticks go the slow way
    return {static_cast<std::int64_t>(ticks * interface.ns_per_tick) + interface.offset_ns};
  }
  if (!interface.usable_time) return {};
  Wide ns = 0;
  const unsigned exponent = interface.resolution & 0x7fU;
  if ((interface.resolution & 0x80U) != 0) {
    ns = (static_cast<Wide>(ticks) * kNsPerSecond) >> exponent;
  } else if (exponent <= 9) {
    ns = static_cast<Wide>(ticks) * static_cast<Wide>(power_of_ten(9 - exponent));
  } else {
    ns = ticks / power_of_ten(exponent - 9);
  }
  ns += interface.offset_ns;
  // The lowest value means unknown.
  if (ns > std::numeric_limits<std::int64_t>::max() || ns <= std::numeric_limits<std::int64_t>::min()) return {};
  return {static_cast<std::int64_t>(ns)};
}

void PcapngReader::deliver(Packet& packet, std::uint32_t interface, Timestamp time, std::size_t at,
                           std::size_t captured, std::uint32_t wire) {
  packet.bytes = ByteView{in_.data() + at, captured};
  packet.wire_length = std::max({wire, static_cast<std::uint32_t>(captured), 1U});
  packet.link = interfaces_[interface].link;
  packet.interface = interfaces_before_ + interface;
  packet.frame.input = input_;
  packet.frame.number = ++number_;
  packet.frame.time = time;
  packet.offset = in_.offset() + at;
  count_packet(info_, time);
}

bool PcapngReader::next(Packet& packet) {
  while (!ended_) {
    if (in_.have(kPacketHeadBytes + 4)) [[likely]] {
      const std::uint8_t* block = in_.data();
      const std::uint32_t length = u32(block + 4);
      if (u32(block) == kPacketBlock && length >= kPacketHeadBytes + 4 && length <= 2 * kUsualRecordBytes &&
          (length & 3) == 0 && in_.have(length)) [[likely]] {
        block = in_.data();
        const std::uint32_t interface = u32(block + 8);
        const std::uint32_t captured = u32(block + 20);
        if (interface < interfaces_.size() && captured <= length - kPacketHeadBytes - 4 &&
            u32(block + length - 4) == length) [[likely]] {
          const std::uint64_t ticks = (std::uint64_t{u32(block + 12)} << 32) | u32(block + 16);
          deliver(packet, interface, time_of(interfaces_[interface], ticks), kPacketHeadBytes, captured,
                  u32(block + 24));
          in_.advance(length);
          return true;
        }
      }
    }
    switch (odd_block(packet)) {
      case Odd::kDelivered: return true;
      case Odd::kAgain: break;
      case Odd::kEnd: ended_ = true; break;
    }
  }
  return false;
}

// Whether the block that begins at data() ends with its length again. The bytes must be there.
bool PcapngReader::closes(std::size_t length) { return u32(in_.data() + length - 4) == length; }

PcapngReader::Odd PcapngReader::odd_block(Packet& packet) {
  if (!in_.have(kHeadBytes)) {
    finish();
    return Odd::kEnd;
  }
  Block block{.type = u32(in_.data()), .length = u32(in_.data() + 4)};
  if (block.type == kSectionBlock) return section_header();
  if (block.length < kHeadBytes + 4) return resynchronise() ? Odd::kAgain : Odd::kEnd;

  const bool packet_like = holds_packet(block.type);
  const bool large = block.length > kResyncBlockBytes;
  if (block.length > kMaxRecordBytes || (large && large_lies_ >= kMostLargeLies))
    return resynchronise() ? Odd::kAgain : Odd::kEnd;
  if (!packet_like && block.length > kBufferedBlockBytes) return skip_block(block.length);

  std::uint32_t whole = padded(block.length);
  if (in_.have(block.length) && closes(block.length)) {
    // A length that is no multiple of four: some writers count the padding, some don't write any.
    if (whole != block.length && !(in_.have(whole + kHeadBytes) && known_type(u32(in_.data() + whole)))) {
      whole = block.length;
    }
  } else if (in_.available() >= block.length) {
    const std::uint64_t at = in_.offset();
    // The closing length is wrong, or the opening one. A block that follows decides.
    (void)in_.have(std::size_t{whole} + kHeadBytes + 4);
    const bool last = in_.available() == whole;
    const bool followed = in_.available() >= std::size_t{whole} + kHeadBytes && known_type(u32(in_.data() + whole));
    if (!last && !followed) {
      if (large) ++large_lies_;
      return resynchronise() ? Odd::kAgain : Odd::kEnd;
    }
    problems_.damage(fmt::format("The two lengths of the block at byte {} differ; the first one was believed.", at));
  } else {
    block.cut = true;
  }

  if (block.cut) {
    // The file's end, or a length that lies: further blocks in what is left tell.
    if (!known_type(block.type) || in_.available() > kResyncBlockBytes || block_within()) {
      if (large) ++large_lies_;
      return resynchronise() ? Odd::kAgain : Odd::kEnd;
    }
    if (!packet_like) {
      problems_.damage(fmt::format("The file is cut off within the block at byte {}.", in_.offset()));
      in_.advance(in_.available());
      return Odd::kEnd;
    }
  }
  block.body = (block.cut ? in_.available() : block.length - 4) - kHeadBytes;
  const ByteView body = in_.view(kHeadBytes + block.body).subspan(kHeadBytes);
  Odd result = Odd::kAgain;
  switch (block.type) {
    case kInterfaceBlock: interface_block(body); break;
    case kStatisticsBlock: statistics_block(body); break;
    case kSecretsBlock: secrets_block(body); break;
    case kPacketBlock:
    case kOldPacketBlock:
    case kSimplePacketBlock: result = packet_block(packet, block); break;
    case kJournalBlock:
    case kCustomBlock:
    case kCustomBlockNoCopy: ++number_; break;  // Wireshark numbers them as frames
    default: break;
  }
  in_.advance(std::min<std::size_t>(whole, in_.available()));
  if (block.cut) ended_ = true;
  return result;
}

PcapngReader::Odd PcapngReader::section_header() {
  const std::uint64_t at = in_.offset();
  if (!in_.have(28)) {
    problems_.damage(fmt::format("The file is cut off within the section header at byte {}.", at));
    return Odd::kEnd;
  }
  const auto magic = load_be<std::uint32_t>(in_.data() + 8);
  if (magic != kByteOrderMagic && magic != kByteOrderMagicSwapped) return resynchronise() ? Odd::kAgain : Odd::kEnd;
  const bool big_before = big_endian_;
  big_endian_ = magic == kByteOrderMagic;
  const std::uint32_t length = u32(in_.data() + 4);
  const unsigned major = u16(in_.data() + 12);
  const unsigned minor = u16(in_.data() + 14);
  if (length < 28 || length > kBufferedBlockBytes || length % 4 != 0) {
    big_endian_ = big_before;
    return resynchronise() ? Odd::kAgain : Odd::kEnd;
  }
  if (!in_.have(length)) {
    problems_.damage(fmt::format("The file is cut off within the section header at byte {}.", at));
    return Odd::kEnd;
  }
  if (!closes(length)) {
    problems_.damage(fmt::format("The two lengths of the section header at byte {} differ.", at));
  }
  if (major != 1) {
    problems_.damage(
        fmt::format("Version {}.{} of the pcapng format is not known (section at byte {}).", major, minor, at));
    return Odd::kEnd;
  }
  interfaces_before_ += static_cast<std::uint32_t>(interfaces_.size());
  interfaces_.clear();
  in_.advance(length);
  return Odd::kAgain;
}

// The block's head and what of its body is there lie in the buffer.
PcapngReader::Odd PcapngReader::packet_block(Packet& packet, const Block& block) {
  const std::uint64_t at = in_.offset();
  const std::uint8_t* bytes = in_.data();
  const std::size_t there = kHeadBytes + block.body;
  const std::size_t head = block.type == kSimplePacketBlock ? kSimpleHeadBytes : kPacketHeadBytes;
  if (there < head) {
    problems_.damage(block.cut ? fmt::format("The file is cut off within the block at byte {}.", at)
                               : fmt::format("The packet block at byte {} is too short.", at));
    return Odd::kAgain;
  }
  std::uint32_t interface = 0;
  std::uint32_t captured = 0;
  std::uint32_t wire = 0;
  std::uint64_t ticks = 0;
  if (block.type == kSimplePacketBlock) {
    wire = u32(bytes + 8);
    captured = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(wire, block.cut ? block.length - kSimpleHeadBytes - 4 : there - head));
    const std::uint32_t snap = interfaces_.empty() ? 0 : interfaces_[0].snap_length;
    if (snap != 0) captured = std::min(captured, snap);
  } else {
    interface = block.type == kPacketBlock ? u32(bytes + 8) : u16(bytes + 8);
    ticks = (std::uint64_t{u32(bytes + 12)} << 32) | u32(bytes + 16);
    captured = u32(bytes + 20);
    wire = u32(bytes + 24);
  }
  if (interface >= interfaces_.size()) {
    problems_.damage(
        "There are packets of an interface that the file does not describe before them; they were skipped.");
    return Odd::kAgain;
  }
  const std::size_t usable = std::min<std::size_t>(captured, there - head);
  if (usable < captured) {
    problems_.damage(
        block.cut ? fmt::format("The file is cut off: of the last packet {} of {} bytes are there.", usable, captured)
                  : fmt::format("The packet at byte {} says that it has more bytes than its block.", at));
    wire = std::max(wire, std::min(captured, kMaxRecordBytes));
  } else if (block.cut) {
    problems_.damage("The file is cut off within the block of the last packet.");
  }
  if (usable == 0 && block.cut && captured != 0) return Odd::kAgain;
  if (captured > kUsualRecordBytes) {
    problems_.note(fmt::format("Packet {} has {} bytes, more than capture programs write.", number_ + 1, captured));
  }
  const Timestamp time = block.type == kSimplePacketBlock ? Timestamp{} : time_of(interfaces_[interface], ticks);
  deliver(packet, interface, time, head, usable, wire);
  return Odd::kDelivered;
}

void PcapngReader::interface_block(ByteView body) {
  if (interfaces_.size() >= kMostInterfaces) {
    problems_.damage("The file describes too many interfaces; further ones were left out.");
    return;
  }
  if (body.size() < 8) {
    problems_.damage("The description of an interface is too short.");
    return;
  }
  Interface interface;
  interface.link = static_cast<LinkType>(u16(body.data()));
  interface.snap_length = u32(body.data() + 4);
  std::int64_t offset_seconds = 0;
  for (ByteView rest = body.subspan(8); rest.size() >= 4;) {
    const unsigned code = u16(rest.data());
    const std::uint32_t length = u16(rest.data() + 2);
    if (code == 0 || length > rest.size() - 4) break;
    const ByteView value = rest.subspan(4, length);
    if (code == 9 && length >= 1) interface.resolution = value[0];                                 // if_tsresol
    if (code == 14 && length >= 8) offset_seconds = static_cast<std::int64_t>(u64(value.data()));  // if_tsoffset
    rest = after_bytes(rest, std::size_t{4} + padded(length));
  }
  const unsigned exponent = interface.resolution & 0x7fU;
  const bool binary = (interface.resolution & 0x80U) != 0;
  constexpr std::int64_t kMostSeconds = std::numeric_limits<std::int64_t>::max() / kNsPerSecond - 1;
  interface.usable_time =
      (binary || exponent <= 28) && offset_seconds <= kMostSeconds && offset_seconds >= -kMostSeconds;
  interface.ns_per_tick = 0;
  if (interface.usable_time) {
    interface.offset_ns = offset_seconds * kNsPerSecond;
    if (!binary && exponent <= 9) {
      interface.ns_per_tick = power_of_ten(9 - exponent);
      constexpr auto kMostNs = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      interface.most_ticks = (kMostNs - static_cast<std::uint64_t>(std::max<std::int64_t>(interface.offset_ns, 0))) /
                             interface.ns_per_tick;
    }
  } else {
    problems_.note("The clock of an interface has an absurd resolution or offset; its packets have no time.");
  }
  interfaces_.push_back(interface);
}

void PcapngReader::statistics_block(ByteView body) {
  if (body.size() < 12) return;
  const std::uint32_t interface = u32(body.data());
  if (interface >= interfaces_.size()) return;
  std::uint64_t dropped = 0;
  for (ByteView rest = body.subspan(12); rest.size() >= 4;) {
    const unsigned code = u16(rest.data());
    const std::uint32_t length = u16(rest.data() + 2);
    if (code == 0 || length > rest.size() - 4) break;
    if ((code == 5 || code == 7) && length == 8) {  // isb_ifdrop, isb_osdrop
      const std::uint64_t count = u64(rest.data() + 4);
      if (count < (std::uint64_t{1} << 62)) dropped += count;
    }
    rest = after_bytes(rest, std::size_t{4} + padded(length));
  }
  // Counted since the capture's start: a later block replaces an earlier one.
  std::uint64_t& before = interfaces_[interface].dropped;
  if (dropped > before) {
    info_.dropped_by_capture += dropped - before;
    before = dropped;
  }
}

void PcapngReader::secrets_block(ByteView body) {
  if (body.size() < 8) return;
  const std::uint32_t length = u32(body.data() + 4);
  const ByteView text = first_bytes(body.subspan(8), length);
  if (text.size() < length) problems_.damage("A block of decryption secrets is shorter than it says.");
  secret_bytes_ += text.size();
  if (secret_bytes_ > kMostSecretBytes) {
    problems_.damage("There are too many decryption secrets; further ones were left out.");
    return;
  }
  secrets_.push_back({.type = u32(body.data()), .text = std::string(as_text(text)), .input = input_});
}

// Whether a block of a known type begins `at` bytes behind data() and ends as it says. It may have to be read first.
bool PcapngReader::block_at(std::size_t at, bool may_read) {
  const ByteView head = in_.view(at + kHeadBytes + 4).subspan(at);
  const std::uint32_t type = u32(head.data());
  if (recognises(head)) return true;
  if (!known_type(type) || type == kSectionBlock) return false;
  const std::uint32_t length = u32(head.data() + 4);
  if (length < kHeadBytes + 4 || length > kResyncBlockBytes || length % 4 != 0) return false;
  if (may_read ? !in_.have(at + length) : in_.available() < at + length) return false;
  return u32(in_.data() + at + length - 4) == length;
}

bool PcapngReader::block_within() {
  for (std::size_t at = 1; at + kHeadBytes + 4 <= in_.available(); ++at) {
    if (block_at(at, false)) return true;
  }
  return false;
}

// Looks for the next block.
bool PcapngReader::resynchronise() {
  const std::uint64_t from = in_.offset();
  in_.advance(1);
  for (; in_.have(kHeadBytes + 4); in_.advance(1)) {
    if (!block_at(0, true)) continue;
    problems_.damage(fmt::format("The file is damaged at byte {}: {} bytes were skipped.", from, in_.offset() - from));
    return true;
  }
  in_.advance(in_.available());
  problems_.damage(fmt::format("The file is damaged at byte {}: the {} bytes from there on can't be read.", from,
                               in_.offset() - from));
  return false;
}

// Past a block too large to buffer that holds no packet.
PcapngReader::Odd PcapngReader::skip_block(std::uint32_t length) {
  const std::uint64_t at = in_.offset();
  const std::uint32_t whole = padded(length);
  if (!in_.skip(whole - 4) || !in_.have(4)) {
    problems_.damage(fmt::format("The file is cut off within a block of {} bytes at byte {}.", length, at));
    return Odd::kEnd;
  }
  if (u32(in_.data()) != length) {
    problems_.damage(fmt::format("The two lengths of the block at byte {} differ; the first one was believed.", at));
  }
  in_.advance(4);
  return Odd::kAgain;
}

void PcapngReader::finish() {
  if (in_.available() == 0) return;
  problems_.damage(fmt::format("The file is cut off within the head of a block, at byte {}.", in_.offset()));
  in_.advance(in_.available());
}

}  // namespace voip::capture
