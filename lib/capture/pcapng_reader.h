#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "capture/record_reader.h"

namespace voip::capture {

// pcapng (draft-ietf-opsawg-pcapng): several sections of either byte order, several interfaces, each with its own link
// type, snap length, resolution and time offset.
class PcapngReader final : public RecordReader {
 public:
  PcapngReader(InputBuffer& in, const ReaderContext& context);
  bool next(Packet& packet) override;

  static bool recognises(ByteView head);

 private:
  enum class Odd : unsigned char { kDelivered, kAgain, kEnd };
  struct Interface {
    LinkType link = LinkType::kEthernet;
    std::uint32_t snap_length = 0;
    std::uint64_t ns_per_tick = 1000;  // 0: the slow way
    std::uint64_t most_ticks = 0;      // above: the slow way, too
    std::int64_t offset_ns = 0;
    std::uint8_t resolution = 6;  // if_tsresol
    bool usable_time = true;
    std::uint64_t dropped = 0;
  };
  struct Block {
    std::uint32_t type = 0;
    std::uint32_t length = 0;
    std::size_t body = 0;  // bytes of the block between its head and its closing length
    bool cut = false;      // the input ends within it
  };

  std::uint16_t u16(const std::uint8_t* at) const;
  std::uint32_t u32(const std::uint8_t* at) const;
  std::uint64_t u64(const std::uint8_t* at) const;
  Timestamp time_of(const Interface& interface, std::uint64_t ticks) const;
  void deliver(Packet& packet, std::uint32_t interface, Timestamp time, std::size_t at, std::size_t captured,
               std::uint32_t wire);
  Odd odd_block(Packet& packet);
  Odd section_header();
  Odd packet_block(Packet& packet, const Block& block);
  void interface_block(ByteView body);
  void statistics_block(ByteView body);
  void secrets_block(ByteView body);
  bool closes(std::size_t length);
  bool block_at(std::size_t at, bool may_read);
  bool block_within();
  bool resynchronise();
  Odd skip_block(std::uint32_t length);
  void finish();

  InputBuffer& in_;
  InputInfo& info_;
  std::vector<Secrets>& secrets_;
  ProblemLog problems_;
  std::uint32_t input_ = 0;
  bool big_endian_ = false;
  bool ended_ = false;
  std::vector<Interface> interfaces_;    // of this section
  std::uint32_t interfaces_before_ = 0;  // of earlier sections
  std::uint64_t number_ = 0;
  std::uint64_t secret_bytes_ = 0;
  unsigned large_lies_ = 0;
};

}  // namespace voip::capture
