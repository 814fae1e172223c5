#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "capture/byte_source.h"

namespace voip::capture {

enum class Compression : std::uint8_t { kGzip, kZstd, kXz, kLz4 };

const char* to_string(Compression compression);
// By magic. zstd's skippable frames count as zstd.
std::optional<Compression> compression_of(ByteView head);

struct UnpackLimits {
  std::uint64_t max_bytes = 1ULL << 40;
  std::uint64_t max_ratio = 2000;  // beyond the first 64 MiB
};

// Unpacks all members or frames, one behind the other. What comes before damage, a cut or a limit is handed out;
// problem() then says what happened.
std::unique_ptr<ByteSource> make_unpacker(Compression compression, std::unique_ptr<ByteSource> packed,
                                          const UnpackLimits& limits);

// A source that gives bytes that were already read, then the rest of another.
std::unique_ptr<ByteSource> put_back(ByteView head, std::unique_ptr<ByteSource> rest);

}  // namespace voip::capture
