#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "capture/byte_source.h"
#include "capture/decompress.h"
#include "capture/read_ahead.h"
#include "capture/record_reader.h"

namespace voip::capture {

class Input;

struct OpenedInput {
  std::unique_ptr<Input> input;  // null: not usable, context.info says why
  bool foreign = false;          // its bytes could be read, but are no capture
};

// One input that was opened: bytes, what unpacks them, and the reader of its format.
class Input {
 public:
  // Tells the format by content and writes it to context.info. ahead: what is compressed is unpacked ahead, with a
  // thread if there is one; null: not ahead.
  static OpenedInput open(std::unique_ptr<ByteSource> bytes, const ReaderContext& context, const UnpackLimits& limits,
                          std::size_t chunk = InputBuffer::kDefaultChunk,
                          const std::shared_ptr<SpareThreads>& ahead = nullptr);

  // Of a reader that needs no bytes of a file.
  static std::unique_ptr<Input> of(std::unique_ptr<RecordReader> reader, const ReaderContext& context);

  // False at the end, whose troubles are then in the info.
  bool next(Packet& packet) {
    if (reader_->next(packet)) [[likely]]
      return true;
    finish();
    return false;
  }

 private:
  Input() = default;
  void finish();

  std::unique_ptr<InputBuffer> buffer_;
  std::unique_ptr<RecordReader> reader_;
  InputInfo* info_ = nullptr;
  bool finished_ = false;
};

}  // namespace voip::capture
