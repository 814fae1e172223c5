#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "dissect/events.h"

namespace voip::session {

// Tells a SIP message that was seen before at another place (a HEP mirror of what the wire showed, a second agent,
// another tap) from one that was sent twice. Each place may show it as often as the place that showed it most often;
// what comes beyond that is a retransmission, and passes.
//
// Copies come within two seconds of each other, or, where the clocks of two places differ, within two seconds of the
// offset that several messages in a row have shown. Small and of bounded size; in a flood the oldest entries give way.
class CopyFilter {
 public:
  CopyFilter();

  bool is_copy(const dissect::SipEvent& event);

 private:
  static constexpr std::size_t kPlaces = 4;  // followed for one message
  static constexpr std::size_t kNeighbours = 4;
  struct Seen {
    std::uint64_t digest = 0;
    std::int64_t time_ns = Timestamp::kUnknownNs;  // of the first sight, at the first place
    std::array<std::uint8_t, kPlaces> place{};     // number of the place plus 1; 0: free
    std::array<std::uint8_t, kPlaces> count{};
  };
  struct Recent {
    std::uint64_t digest = 0;
    std::int64_t time_ns = 0;
  };
  // How far the clock of one place is behind another's.
  struct Offset {
    std::array<std::int64_t, 4> samples{};
    std::uint32_t taken = 0;
    bool known = false;
    std::int64_t ns = 0;
  };
  struct Origin {
    std::uint32_t input = 0;
    std::uint32_t agent = 0;
    std::uint64_t node = 0;
    IpAddress collector{};  // who sent the HEP, where its packet was seen
    bool hep = false;
    bool operator==(const Origin&) const = default;
  };

  bool is_copy(const Recent& message, std::uint8_t place);
  void note(const Recent& message);
  void recall();
  Seen& slot_of(std::uint64_t digest);
  std::uint8_t place_of(const dissect::SipEvent& event);
  bool near(const Seen& seen, std::uint8_t place, std::int64_t time_ns);
  bool fits_offset(std::uint8_t first, std::uint8_t second, std::int64_t distance_ns);

  std::vector<Recent> recent_;  // while there is one place, which has no copies; a ring
  std::size_t oldest_ = 0;      // in it, once it is full
  std::vector<Seen> seen_;      // as soon as there are several
  std::vector<Origin> places_;
  std::uint8_t last_place_ = 0;
  std::map<std::uint16_t, Offset> offsets_;  // of a pair of places
};

}  // namespace voip::session
