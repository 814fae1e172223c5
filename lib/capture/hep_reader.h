#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "capture/record_reader.h"

namespace voip::capture {

// HEP version 3 messages without packets around them: one behind the other as a collector's TCP port receives them
// (.hep), or each behind its length in 32 bits (heplify's buffer on disk). Earlier versions don't tell their length.
class HepReader final : public RecordReader {
 public:
  enum class Framing : unsigned char { kStream, kDump };
  HepReader(InputBuffer& in, const ReaderContext& context, Framing framing);
  bool next(Packet& packet) override;

  static std::optional<Framing> recognises(ByteView head);

 private:
  std::size_t prefix() const { return framing_ == Framing::kDump ? 4 : 0; }
  std::optional<std::size_t> message_at(std::size_t at) const;
  bool lands(std::size_t at) const;
  std::optional<std::size_t> next_within(std::size_t from, std::size_t to);
  void deliver(Packet& packet, std::size_t bytes, std::size_t length, std::size_t consumed);
  bool resynchronise();

  InputBuffer& in_;
  InputInfo& info_;
  ProblemLog problems_;
  std::uint32_t input_ = 0;
  Framing framing_;
  bool ended_ = false;
  std::uint64_t number_ = 0;
};

}  // namespace voip::capture
