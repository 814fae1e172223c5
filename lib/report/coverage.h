#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace voip::report {

// One input as the report tells it.
struct Input {
  std::string path{};
  std::string format{};
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
  std::optional<std::string> sha256{};
  Timestamp first_time{};
  Timestamp last_time{};
  bool complete = true;
  std::vector<std::string> problems{};
};

// What was seen and, above all, what could not be seen.
struct Coverage {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t sip_messages = 0;
  std::uint64_t rtp_packets = 0;  // SRTP included
  std::uint64_t rtcp_packets = 0;
  std::uint64_t hep_messages = 0;
  std::map<std::string, std::uint64_t> undecoded{};  // by name
  std::uint64_t snapped_packets = 0;
  std::uint64_t tcp_gaps = 0;
  std::uint64_t tls_flows_opaque = 0;
  std::map<std::string, std::uint64_t> evicted{};  // by table
  bool complete = true;
  std::vector<std::string> notes{};  // sentences
};

}  // namespace voip::report
