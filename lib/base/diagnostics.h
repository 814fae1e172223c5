#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/frame_ref.h"
#include "base/result.h"

namespace voip {

// Counts what was wrong or not understood, by name, with the first frame of each. Names are few and ours
// ("tcp-gap", "sip.bad-syntax", "udp-unknown"), never text from the capture.
class Diagnostics {
 public:
  struct Entry {
    std::uint64_t count = 0;
    FrameRef first;
  };
  void count(std::string_view name, const FrameRef& where, std::uint64_t n = 1);
  void count(const ParseError& error, const FrameRef& where);
  std::uint64_t total(std::string_view name) const;
  // In the order of names.
  const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }

 private:
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace voip
