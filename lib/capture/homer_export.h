#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "capture/homer_row.h"
#include "capture/input_buffer.h"
#include "capture/record_reader.h"

namespace voip::capture {

// What Homer's user interface saves: a transaction as JSON (its API's answer), or the text form. Small files: the whole
// is read, and the messages come out in the order of their times.
class HomerExportReader final : public RecordReader {
 public:
  enum class Kind : std::uint8_t { kJson, kText };
  HomerExportReader(InputBuffer& in, const ReaderContext& context, Kind kind);
  bool next(Packet& packet) override;

  static bool recognises_json(ByteView head);
  static bool recognises_text(ByteView head);

 private:
  void load();
  void load_json(std::string_view text);
  void read_messages(HomerJson& in);
  bool read_message(HomerJson& in, HomerRow& row);
  void load_text(std::string_view text);

  InputBuffer& in_;
  InputInfo& info_;
  ProblemLog problems_;
  std::uint32_t input_ = 0;
  Kind kind_;
  bool loaded_ = false;
  std::vector<HomerRow> rows_;
  std::size_t at_ = 0;
  std::uint64_t without_text_ = 0;
  std::vector<std::uint8_t> frame_;
};

// Whether an Ethernet frame bears the addresses that Homer writes into captures that it exports.
bool homer_made(ByteView ethernet_frame);

}  // namespace voip::capture
