#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "analyze/timeline/facts.h"
#include "session/observer.h"

namespace voip::analyze::timeline {

// Compares the Date headers of each sender with the capture's times.
class DateWatch {
 public:
  void on_message(const dissect::SipEvent& event);
  // Senders whose clock steadily is far from the capture's.
  std::vector<DateOffset> finish() const;

 private:
  static constexpr std::size_t kMostSenders = 512;
  static constexpr std::size_t kMostSamples = 256;
  struct Sender {
    std::vector<std::int64_t> offsets;
    FrameRef example;
    std::uint64_t messages = 0;
  };
  std::map<IpAddress, Sender> senders_;
};

// "Sat, 13 Nov 2010 23:29:00 GMT" (RFC 3261 section 20.17); unknown when it is none.
Timestamp parse_sip_date(std::string_view text);

}  // namespace voip::analyze::timeline
