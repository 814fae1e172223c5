#pragma once

#include <memory>
#include <string>
#include <vector>

#include "capture/source.h"

namespace voip::capture {

struct OpenOptions {
  std::string filter;  // BPF in libpcap's language; empty: all. Applies per link type to the frame as captured
  Timestamp from;      // packets before are dropped (unknown: no bound)
  Timestamp to;        // packets at or after are dropped
  std::uint64_t max_unpacked_bytes = 1ULL << 40;  // per compressed input
  std::uint64_t max_ratio = 2000;                 // unpacked / packed beyond the first 64 MiB: a bomb
  unsigned threads = 1;      // of the whole run: some unpack compressed files, see PacketSource::reading_threads()
  bool hash_inputs = false;  // fill InputInfo::sha256 where the input can be read as a file
};

// Opens files (told apart by content), directories (all captures below, by name) and "-" (standard input), merged in
// time order. An input that can't be read is no error here: its InputInfo says so (usable = false). Error: a BPF
// expression that does not compile (the message holds libpcap's own words).
Result<std::unique_ptr<PacketSource>> open_inputs(const std::vector<std::string>& paths, const OpenOptions& options);

// One input of bytes in memory, which must outlive the source.
Result<std::unique_ptr<PacketSource>> open_memory(ByteView bytes, const OpenOptions& options);

}  // namespace voip::capture
