#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/endpoint.h"

namespace voip::analyze::srtp {

enum class Verify : std::uint8_t { kAll, kSample, kNone };
// What each call must show (--require).
enum class Requirement : std::uint8_t { kNothing, kSrtp, kSrtpProven, kDtlsSrtp };

struct Options {
  std::uint64_t min_clear_packets = 50;        // of a stream, before SRTP-004 speaks (or one second, whichever is more)
  std::uint64_t min_unencrypted_packets = 10;  // of a line, before SRTP-001 speaks
  std::chrono::seconds retry_window{32};       // SRTP-009
  std::chrono::seconds after_bye{5};           // SRTP-059
  std::uint64_t min_outside_packets = 20;      // SRTP-059
  Verify verify = Verify::kAll;
  unsigned threads = 1;  // that verify, at most; what they find is the same for any number
  Requirement require = Requirement::kNothing;
  std::uint32_t max_roc = 8;                             // of a stream's first packet
  unsigned min_tag_bits = 80;                            // SRTP-013
  unsigned min_key_bits = 128;                           // SRTP-015
  bool require_aead = false;                             // SRTP-015
  bool allow_osrtp = false;                              // SRTP-006: info when the call ended encrypted
  bool allow_clear_early = false;                        // SRTP-011: not for streams of their own before the answer
  bool allow_fallback_retry = false;                     // SRTP-009: medium
  bool reveal = false;                                   // digits in full
  std::function<bool(const IpAddress&)> internal{};      // of the site's trusted networks; empty: none are
  std::function<bool(const IpAddress&)> clear_agreed{};  // of trunks where media without SRTP is agreed
  std::vector<std::string> key_logs{};                   // texts of NSS key logs, for DTLS
  // More of them, from the inputs themselves: the text by number, empty when there is none (yet).
  std::function<std::string_view(std::size_t)> more_secrets{};
};

}  // namespace voip::analyze::srtp
