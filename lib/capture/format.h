#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace voip::capture {

enum class Format : std::uint8_t { kPcap, kPcapng, kHepStream, kHepDump, kHomerJson, kHomerText };

// As InputInfo::format has it.
const char* to_string(Format format);
// By the first bytes; kFormatBytes of them are enough.
std::optional<Format> format_of(ByteView head);
inline constexpr std::size_t kFormatBytes = 512;

// A sentence about what the bytes seem to be, for someone who gave the wrong file.
std::string describe_foreign(ByteView head);

}  // namespace voip::capture
