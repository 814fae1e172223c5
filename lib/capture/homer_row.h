#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "capture/homer_json.h"

namespace voip::capture {

// One message as Homer keeps it: what its protocol_header says, and the text.
struct HomerRow {
  std::uint64_t id = 0;
  IpAddress src;
  IpAddress dst;
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;
  std::uint8_t protocol = 17;
  std::uint8_t payload_type = 1;
  std::uint32_t capture_id = 0;
  std::int64_t seconds = 0;
  std::int64_t micros = 0;      // more than a second's: see fix_time()
  std::int64_t stored_us = -1;  // create_date; -1: unknown
  std::int64_t exact_us = -1;   // micro_ts of an export
  std::string correlation_id;
  std::string node;
  std::string raw;
  bool swapped = false;  // the time was written in the other byte order (senders of HEP version 2)

  void clear();
  // Takes one member of the header (or of an export's message, where everything is flat). False: not one of these, and
  // the value is still to be taken.
  bool take(std::string_view key, HomerJson& value);
  // Reads a whole protocol_header. False: it is no JSON object.
  bool take_header(std::string_view json);
  // Puts times right that were swapped. Call it when all members are known.
  void fix_time();
  Timestamp time() const;
  // The message as a HEP version 3 frame, for the readers of those. cut: raw was too long and lost its end.
  void to_frame(std::vector<std::uint8_t>& frame, bool& cut) const;

 private:
  std::string scratch_;
};

// Whether seconds since 1970 are a time at which somebody may have captured: 2000 to 2037.
bool plausible_seconds(std::int64_t seconds);
std::int64_t swap_bytes(std::int64_t value);

}  // namespace voip::capture
