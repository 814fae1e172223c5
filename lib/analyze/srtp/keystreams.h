#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "base/table.h"
#include "session/media.h"

// Two-time pads without any key (SRTP-022): where one sender, one receiver and one SSRC use a sequence number again,
// the XOR of the two ciphertexts is the XOR of two voices, which is far from even; with another key, or another
// rollover counter, it is noise.
namespace voip::analyze::srtp {

// What the packets of one SSRC between two hosts held, over all its streams.
class KeystreamWatch {
 public:
  // Of what came of the comparison with one later stream (or with the same one, started anew).
  struct Overlap {
    std::uint64_t pairs = 0;
    std::uint64_t bytes = 0;
    std::uint64_t zeros = 0;
    double chi_square = 0;
    FrameRef first;
    FrameRef second;
    std::string call_id;  // of the later stream; empty: none in view
    bool repeats() const;
  };

  // A stream begins. call_id may be empty.
  void begin(std::string_view call_id);
  void add(std::uint16_t sequence, ByteView payload, const FrameRef& frame);
  void settle();  // no more packets of the stream that began last
  void close();   // settles, and keeps nothing but what was found, whoever still feeds it

  Endpoint src;
  Endpoint dst;
  std::uint32_t ssrc = 0;
  std::vector<Overlap> found;  // those that repeat the keystream
  bool readable = false;       // a stream of it is in clear, or has a known key: nothing to tell here

 private:
  static constexpr std::size_t kMostPackets = 128;
  static constexpr std::size_t kMostBytes = 160;  // of a packet
  static constexpr std::uint16_t kReach = 1024;
  struct Packet {
    FrameRef frame;
    std::uint16_t sequence = 0;
    std::uint16_t size = 0;
    std::uint32_t at = 0;  // in bytes_
  };
  struct Counts {
    Overlap overlap;
    std::array<std::uint32_t, 256> values{};
  };
  std::vector<Packet> packets_;  // sequence numbers within kReach of the first
  std::uint16_t reach_ = 0;      // of the farthest
  std::vector<std::uint8_t> bytes_;
  std::unique_ptr<Counts> counts_;
  bool closed_ = false;
  std::string call_id_;
};

class KeystreamTable {
 public:
  // Whether a packet may be PCM under SRTP.
  static bool fits(ByteView payload);
  std::shared_ptr<KeystreamWatch> watch(const session::MediaStream& stream, Timestamp now);
  // Those with something to tell, by time.
  std::vector<std::shared_ptr<KeystreamWatch>> finish();

 private:
  static constexpr std::size_t kMost = 512;
  CappedTable<session::StreamKey, std::shared_ptr<KeystreamWatch>> watches_{kMost};  // ports left out
  std::vector<std::shared_ptr<KeystreamWatch>> gone_;
};

}  // namespace voip::analyze::srtp
