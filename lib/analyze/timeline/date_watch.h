#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "analyze/timeline/facts.h"
#include "session/observer.h"

namespace voip::analyze::timeline {

// Compares the times that senders tell, in Date headers and in RTCP sender reports, with the capture's.
class DateWatch {
 public:
  void on_message(const dissect::SipEvent& event);
  // RFC 3550 section 6.4.1. A sender without the time of day may count from anything: only what is within a day of the
  // capture's time is taken for a clock. Encrypted reports are as good as never that.
  void on_rtcp(const dissect::MediaEvent& event);
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
  void note(const IpAddress& address, bool rtcp, std::int64_t offset_ns, const FrameRef& frame);

  std::map<std::pair<IpAddress, bool>, Sender> senders_;  // by address, and whether RTCP told it
};

// "Sat, 13 Nov 2010 23:29:00 GMT" (RFC 3261 section 20.17); unknown when it is none.
Timestamp parse_sip_date(std::string_view text);

}  // namespace voip::analyze::timeline
