#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture/input_buffer.h"
#include "capture/source.h"

namespace voip::capture {

// A record may not be larger, whatever it says.
inline constexpr std::uint32_t kMaxRecordBytes = 256U << 20;
// Larger ones are looked at twice: tcpdump's and Wireshark's own limit.
inline constexpr std::uint32_t kUsualRecordBytes = 262144;

// Reading a large record only to find that its length lies costs much; after so many the length alone decides.
inline constexpr unsigned kMostLargeLies = 8;

// What was wrong with one input, in sentences; a bounded number of them.
class ProblemLog {
 public:
  explicit ProblemLog(InputInfo& info) : info_(&info) {}
  // Bytes are missing or unreadable: the input is not complete.
  void damage(std::string sentence);
  // Odd, but all was read. The same sentence is kept once.
  void note(std::string sentence);

 private:
  InputInfo* info_;
  bool full_ = false;
};

// Where a reader writes what it learns. `info` and `secrets` outlive the reader.
struct ReaderContext {
  InputInfo& info;
  std::vector<Secrets>& secrets;
  std::uint32_t input = 0;
};

// The records of one input, in its order.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // False at the end. The packet's bytes lie in the buffer until the next call.
  virtual bool next(Packet& packet) = 0;
};

inline void count_packet(InputInfo& info, Timestamp time) {
  ++info.packets;
  if (!time.known()) return;
  if (time > info.last_time) info.last_time = time;
  if (time < info.first_time || !info.first_time.known()) info.first_time = time;
}

}  // namespace voip::capture
