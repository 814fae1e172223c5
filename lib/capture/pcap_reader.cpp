#include "capture/pcap_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace voip::capture {
namespace {

constexpr std::size_t kFileHeaderBytes = 24;
constexpr std::uint32_t kMicroMagic = 0xa1b2c3d4;
constexpr std::uint32_t kNanoMagic = 0xa1b23c4d;
constexpr std::uint32_t kModifiedMagic = 0xa1b2cd34;
constexpr std::uint32_t kIxiaHardwareMagic = 0x1c0001ac;  // nanoseconds
constexpr std::uint32_t kIxiaSoftwareMagic = 0x1c0001ab;
constexpr std::uint32_t kFarSeconds = 10U * 366 * 86400;  // between neighbours of a file that is believed
constexpr std::uint32_t kNearSeconds = 30U * 86400;       // between neighbours found behind damage
constexpr std::size_t kProbeBytes = 48U << 10;  // how far record headers are followed to tell the variants apart

// Half of each magic; a record whose seconds hold it may be another file's header.
constexpr std::uint32_t kMagicHalf = 0xa1b2;
constexpr std::uint32_t kMagicHalfSwapped = 0xb2a1;

template <class T>
T raw(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

std::uint32_t PcapReader::u32(const std::uint8_t* at) const {
  const auto value = raw<std::uint32_t>(at);
  return layout_.big_endian == (std::endian::native == std::endian::big) ? value : __builtin_bswap32(value);
}

bool PcapReader::layout_of(ByteView head, Layout& layout) {
  if (head.size() < 4) return false;
  for (const bool big : {false, true}) {
    layout = {};
    layout.big_endian = big;
    switch (big ? load_be<std::uint32_t>(head.data()) : load_le<std::uint32_t>(head.data())) {
      case kMicroMagic: return true;
      case kNanoMagic: layout.ns_per_fraction = 1; return true;
      case kModifiedMagic: layout.modified = true; return true;
      case kIxiaHardwareMagic: layout.ns_per_fraction = 1; [[fallthrough]];
      case kIxiaSoftwareMagic: layout.ixia = true; return true;
      default: break;
    }
  }
  return false;
}

bool PcapReader::recognises(ByteView head) {
  Layout layout;
  return layout_of(head, layout);
}

PcapReader::PcapReader(InputBuffer& in, const ReaderContext& context)
    : in_(in), info_(context.info), problems_(context.info), input_(context.input) {
  started_ = start_section();
}

// At a file header whose magic was seen.
bool PcapReader::start_section() {
  (void)in_.have(kFileHeaderBytes);
  if (!layout_of(in_.view(4), layout_)) return false;
  if (in_.available() < kFileHeaderBytes) {
    problems_.damage("The file is cut off within its header.");
    return false;
  }
  const std::uint8_t* header = in_.data();
  const auto u16 = [this](const std::uint8_t* at) {
    return layout_.big_endian ? load_be<std::uint16_t>(at) : load_le<std::uint16_t>(at);
  };
  const unsigned major = u16(header + 4);
  const unsigned minor = u16(header + 6);
  snap_length_ = u32(header + 16);
  // The upper half holds the length of the frame check sequence; the frames are told by the lower.
  link_ = static_cast<LinkType>(u32(header + 20) & 0xffff);
  if (major != 2 && major != 543) {
    problems_.damage(fmt::format("Version {}.{} of the pcap format is not known.", major, minor));
    return false;
  }
  if (major == 2 && minor > 4) problems_.note(fmt::format("pcap version 2.{} was read as 2.4.", minor));
  swap_lengths_ = major == 543 || minor < 3;
  maybe_swap_lengths_ = major == 2 && minor == 3;
  fractions_per_second_ = layout_.ns_per_fraction == 1 ? 1'000'000'000 : 1'000'000;
  in_.advance(kFileHeaderBytes);
  choose_record_header();
  return true;
}

PcapReader::Record PcapReader::record_at(const std::uint8_t* at) const {
  Record record{u32(at), u32(at + 4), u32(at + 8), u32(at + 12)};
  if (swap_lengths_ || (maybe_swap_lengths_ && record.captured > record.wire)) std::swap(record.captured, record.wire);
  return record;
}

// strict: as whoever writes a proper file would have it. Else: what is still read.
bool PcapReader::plausible(const Record& record, std::uint32_t near_seconds, bool strict) const {
  if (record.captured > kUsualRecordBytes && (strict || record.captured > snap_length_)) return false;
  if (record.captured > kMaxRecordBytes || record.wire > kMaxRecordBytes) return false;
  if (strict && (record.captured > record.wire || record.captured == 0)) return false;
  if (record.fraction >= (strict ? fractions_per_second_ : 2 * fractions_per_second_)) return false;
  const std::uint32_t apart =
      record.seconds > near_seconds ? record.seconds - near_seconds : near_seconds - record.seconds;
  return near_seconds == 0 || apart <= (strict ? kNearSeconds : kFarSeconds);
}

// Whether records of this shape follow one another from `start` on, as far as the buffer shows: `wanted` of them, or
// fewer, but at least `least`, if the bytes end before or another file's header follows.
bool PcapReader::walks(std::size_t header_bytes, std::size_t start, bool strict, std::size_t least,
                       std::size_t wanted) const {
  const ByteView seen = in_.view(in_.available());
  if (start > seen.size()) return false;
  std::size_t at = start;
  std::uint32_t near_seconds = strict ? last_seconds_ : 0;
  for (std::size_t records = 0; records < wanted; ++records) {
    if (at == seen.size()) return records >= least;
    if (records != 0 && recognises(seen.subspan(at))) return records >= least;
    if (seen.size() - at < header_bytes) return false;
    const Record record = record_at(seen.data() + at);
    if (!plausible(record, near_seconds, strict)) return false;
    near_seconds = record.seconds;
    at += header_bytes;
    if (record.captured > seen.size() - at) return records > (strict ? 1U : 0U);
    at += record.captured;
  }
  return true;
}

// At the first record. Some writers put more into each record's header without saying so in the file's.
void PcapReader::choose_record_header() {
  header_bytes_ = layout_.modified ? 24 : 16;
  constexpr std::size_t kNone = 0;
  const std::array<std::size_t, 2> others =
      layout_.modified ? std::array<std::size_t, 2>{28, kNone}
                       : (layout_.ns_per_fraction == 1 ? std::array<std::size_t, 2>{kNone, kNone}
                                                       : std::array<std::size_t, 2>{20, 24});
  if (layout_.ixia) {
    // Behind the header stands the size of all records.
    (void)in_.have(kProbeBytes);
    const bool left_out = !walks(header_bytes_, 4, true, 1, 2) && walks(header_bytes_, 0, true, 1, 2);
    if (!left_out && in_.available() >= 4) in_.advance(4);
    // The hardware's magic stands for nanoseconds, but not every writer knew.
    if (layout_.ns_per_fraction == 1 && walks(header_bytes_, 0, false, 1, 1)) {
      std::uint32_t largest = 0;
      std::size_t at = 0;
      for (int i = 0; i < 16 && at + header_bytes_ <= in_.available(); ++i) {
        const Record record = record_at(in_.data() + at);
        if (!plausible(record, 0, false)) break;
        largest = std::max(largest, record.fraction);
        at += header_bytes_ + record.captured;
      }
      if (largest < 1'000'000) {
        layout_.ns_per_fraction = 1000;
        fractions_per_second_ = 1'000'000;
      }
    }
    return;
  }
  // Two records are enough to believe the standard; a pipe may not have more yet.
  if (!in_.have(header_bytes_)) return;
  const std::size_t second = header_bytes_ + std::min(record_at(in_.data()).captured, kUsualRecordBytes);
  (void)in_.have(second + header_bytes_);
  if (in_.available() == second || walks(header_bytes_, 0, false, 1, 2)) return;
  if (in_.available() < second + header_bytes_ && plausible(record_at(in_.data()), 0, false)) return;  // cut off
  (void)in_.have(kProbeBytes);
  for (const std::size_t other : others) {
    if (other != kNone && walks(other, 0, false, 2, 8)) {
      header_bytes_ = other;
      problems_.note(fmt::format("Each record has {} bytes more than pcap's header says; they were skipped.",
                                 other - (layout_.modified ? 24 : 16)));
      return;
    }
  }
}

void PcapReader::deliver(Packet& packet, const Record& record, std::size_t captured) {
  packet.offset = in_.offset() + header_bytes_;
  packet.bytes = ByteView{in_.data() + header_bytes_, captured};
  packet.wire_length = std::max({record.wire, record.captured, 1U});
  packet.link = link_;
  packet.interface = interface_;
  packet.frame.input = input_;
  packet.frame.number = ++number_;
  packet.frame.time = {static_cast<std::int64_t>(record.seconds) * kNsPerSecond +
                       static_cast<std::int64_t>(record.fraction) * layout_.ns_per_fraction};
  last_seconds_ = record.seconds;
  count_packet(info_, packet.frame.time);
  in_.advance(header_bytes_ + captured);
}

bool PcapReader::next(Packet& packet) {
  if (!started_) return false;
  for (;;) {
    if (!in_.have(header_bytes_)) return finish();
    const Record record = record_at(in_.data());
    const bool usual = record.captured <= record.wire && record.captured <= kUsualRecordBytes && record.wire != 0 &&
                       record.fraction < fractions_per_second_ && (record.seconds >> 16) != kMagicHalf &&
                       (record.seconds & 0xffff) != kMagicHalfSwapped;
    if (usual && in_.have(header_bytes_ + record.captured)) [[likely]] {
      deliver(packet, record, record.captured);
      return true;
    }
    switch (odd_record(packet)) {
      case Odd::kDelivered: return true;
      case Odd::kAgain: break;
      case Odd::kEnd: started_ = false; return false;
    }
  }
}

PcapReader::Odd PcapReader::odd_record(Packet& packet) {
  Layout other;
  if (in_.have(kFileHeaderBytes) && layout_of(in_.view(4), other) && !other.ixia) {
    // Files put one behind the other: version and a sane link type confirm the magic.
    const std::uint8_t* at = in_.data();
    const unsigned major = other.big_endian ? load_be<std::uint16_t>(at + 4) : load_le<std::uint16_t>(at + 4);
    const unsigned minor = other.big_endian ? load_be<std::uint16_t>(at + 6) : load_le<std::uint16_t>(at + 6);
    if (major == 2 && minor <= 10) {
      ++interface_;
      problems_.note("Several pcap files lie one behind the other in this one; all were read.");
      return start_section() ? Odd::kAgain : Odd::kEnd;
    }
  }
  const Record record = record_at(in_.data());
  const bool large = record.captured > kUsualRecordBytes;
  if (record.captured > kMaxRecordBytes || (large && large_lies_ >= kMostLargeLies)) {
    problems_.damage(fmt::format("The record at byte {} says that it has {} bytes.", in_.offset(), record.captured));
    return resynchronise() ? Odd::kAgain : Odd::kEnd;
  }
  if (in_.have(header_bytes_ + record.captured)) {
    // Whoever follows tells whether this is a record or damage.
    const std::size_t end = header_bytes_ + record.captured;
    const bool zeros = record.seconds == 0 && record.fraction == 0 && record.captured == 0 && record.wire == 0;
    (void)in_.have(end + header_bytes_);
    const bool last = in_.available() == end;
    const bool followed =
        in_.available() >= end + header_bytes_ &&
        (plausible(record_at(in_.data() + end), last_seconds_, false) || recognises(in_.view(end + 4).subspan(end)));
    if (!zeros && record.fraction < 2 * fractions_per_second_ && (last || followed)) {
      if (large) {
        problems_.note(
            fmt::format("Record {} has {} bytes, more than capture programs write.", number_ + 1, record.captured));
      }
      deliver(packet, record, record.captured);
      return Odd::kDelivered;
    }
    if (large) ++large_lies_;
    return resynchronise() ? Odd::kAgain : Odd::kEnd;
  }
  // Too few bytes are left for what the record says of itself.
  const std::size_t left = in_.available();
  bool damaged = !plausible(record, last_seconds_, false) || left > std::size_t{4} * kUsualRecordBytes;
  // The file's end, or a length that lies: further records in what is left tell.
  for (std::size_t next = 1; !damaged && next + header_bytes_ < left; ++next) {
    damaged = walks(header_bytes_, next, true, 1, 3);
  }
  if (damaged) {
    if (large) ++large_lies_;
    return resynchronise() ? Odd::kAgain : Odd::kEnd;
  }
  const std::size_t there = left - header_bytes_;
  problems_.damage(
      fmt::format("The file is cut off: of the last record {} of {} bytes are there.", there, record.captured));
  if (there == 0) return Odd::kEnd;
  deliver(packet, record, there);
  return Odd::kDelivered;
}

// Looks for a place from which three records, or all to the end, follow one another.
bool PcapReader::resynchronise() {
  const std::uint64_t from = in_.offset();
  constexpr std::size_t kRecords = 3;
  in_.advance(1);
  for (;;) {
    if (!in_.have(header_bytes_)) break;
    if (plausible(record_at(in_.data()), last_seconds_, true)) {
      (void)in_.have(kRecords * (header_bytes_ + kUsualRecordBytes));
      if (walks(header_bytes_, 0, true, 1, kRecords)) {
        problems_.damage(
            fmt::format("The file is damaged at byte {}: {} bytes were skipped.", from, in_.offset() - from));
        return true;
      }
    }
    in_.advance(1);
  }
  in_.advance(in_.available());
  problems_.damage(fmt::format("The file is damaged at byte {}: the {} bytes from there on can't be read.", from,
                               in_.offset() - from));
  return false;
}

bool PcapReader::finish() {
  if (in_.available() != 0) {
    problems_.damage(fmt::format("The file is cut off within the header of a record, at byte {}.", in_.offset()));
    in_.advance(in_.available());
  }
  started_ = false;
  return false;
}

}  // namespace voip::capture
