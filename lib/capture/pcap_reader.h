#pragma once

#include <cstddef>
#include <cstdint>

#include "capture/record_reader.h"

namespace voip::capture {

// Classic pcap (draft-ietf-opsawg-pcap) in either byte order, micro- and nanoseconds; the variants with longer record
// headers (magic a1b2cd34, Nokia), Ixia's lcap, versions that swap the two lengths, several files one behind the other.
class PcapReader final : public RecordReader {
 public:
  PcapReader(InputBuffer& in, const ReaderContext& context);
  bool next(Packet& packet) override;

  // Whether the bytes begin with the magic of a pcap file that can be read.
  static bool recognises(ByteView head);

 private:
  enum class Odd : unsigned char { kDelivered, kAgain, kEnd };
  struct Layout {
    bool big_endian = false;
    bool modified = false;  // magic a1b2cd34
    bool ixia = false;
    std::uint32_t ns_per_fraction = 1000;
  };
  struct Record {
    std::uint32_t seconds = 0;
    std::uint32_t fraction = 0;
    std::uint32_t captured = 0;
    std::uint32_t wire = 0;
  };
  static bool layout_of(ByteView head, Layout& layout);

  bool start_section();
  void choose_record_header();
  bool walks(std::size_t header_bytes, std::size_t start, bool strict, std::size_t least, std::size_t wanted) const;
  std::uint32_t u32(const std::uint8_t* at) const;
  Record record_at(const std::uint8_t* at) const;
  bool plausible(const Record& record, std::uint32_t near_seconds, bool strict) const;
  void deliver(Packet& packet, const Record& record, std::size_t captured);
  Odd odd_record(Packet& packet);
  bool resynchronise();
  bool finish();

  InputBuffer& in_;
  InputInfo& info_;
  ProblemLog problems_;
  std::uint32_t input_ = 0;
  Layout layout_;
  std::uint32_t fractions_per_second_ = 1'000'000;
  std::size_t header_bytes_ = 16;
  bool swap_lengths_ = false;        // versions before 2.3
  bool maybe_swap_lengths_ = false;  // version 2.3
  bool started_ = false;
  LinkType link_ = LinkType::kEthernet;
  std::uint32_t snap_length_ = 0;
  std::uint32_t interface_ = 0;
  std::uint32_t last_seconds_ = 0;
  unsigned large_lies_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace voip::capture
