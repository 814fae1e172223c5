#pragma once

#include <memory>

#include "capture/byte_source.h"

namespace voip::capture {

// Threads that may still be started to read ahead. Belongs to the thread that reads packets.
struct SpareThreads {
  unsigned left = 0;
};

// Reads a source, such as one that unpacks, ahead of those who ask: on a thread of its own if one is to spare, which is
// given back at the end. What is read, and what is said of it at each moment, is the same without a thread.
// The source's reads must not wait for long: the end waits for the one under way.
std::unique_ptr<ByteSource> read_ahead(std::unique_ptr<ByteSource> source, std::shared_ptr<SpareThreads> spare);

}  // namespace voip::capture
