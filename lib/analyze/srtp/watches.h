#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/frame_ref.h"
#include "proto/rtp/rtp.h"

// What single checks keep of one stream, each small and bounded. They see the packets in the order of capture.
namespace voip::analyze::srtp {

// The order of sequence numbers: repeats, old ones, and sequences that start anew (SRTP-029, SRTP-030).
class SequenceWatch {
 public:
  struct Repeat {
    FrameRef first;
    FrameRef again;
  };
  struct Reset {
    FrameRef before;
    FrameRef after;
    std::uint16_t from = 0;
    std::uint16_t to = 0;
  };
  void add(const rtp::PacketView& packet, const FrameRef& frame);

  std::uint64_t repeat_count = 0;  // byte for byte, more than 200 ms later
  std::vector<Repeat> repeats;     // the first ones
  std::uint64_t old_count = 0;     // more than 64 below the highest, not a reset
  std::vector<FrameRef> old;       // the first ones
  std::uint64_t reset_count = 0;
  std::vector<Reset> resets;

 private:
  static constexpr std::size_t kKept = 16;
  static constexpr unsigned kRing = 128;
  struct Slot {
    std::uint64_t tail = 0;
    std::int64_t time_ns = Timestamp::kUnknownNs;
    std::uint32_t number = 0;  // of the frame, 0: empty or beyond 32 bits
    std::uint16_t input = 0;
    std::uint16_t sequence = 0;
    FrameRef frame() const { return {.input = input, .number = number, .time = {time_ns}}; }
  };
  static Slot slot_of(std::uint64_t tail, std::uint16_t sequence, const FrameRef& frame);
  void advance(std::uint16_t sequence, const FrameRef& frame);
  void stray(std::uint16_t sequence, const FrameRef& frame);

  std::array<Slot, kRing> ring_{};
  bool begun_ = false;
  std::uint16_t highest_ = 0;
  FrameRef highest_frame_;
  // A run of packets from an older place: a restart when it goes on, a stray otherwise.
  std::uint16_t run_next_ = 0;
  std::vector<FrameRef> run_;
  std::uint16_t run_begin_ = 0;
};

// Header extensions (RFC 8285), for SRTP-033 and SRTP-034.
struct ExtensionWatch {
  struct Element {
    std::uint64_t packets = 0;
    std::bitset<256> values;  // first byte of the data
    std::uint64_t changes = 0;
    std::uint64_t rises_far = 0;  // steps of more than 48 of 127: speech rarely, random bytes often
    std::uint8_t last = 0;
    std::uint8_t size = 0;
    FrameRef first;
  };
  std::uint64_t one_byte = 0;  // 0xBEDE
  std::uint64_t two_byte = 0;  // 0x1000
  std::uint64_t cryptex = 0;   // 0xC0DE, 0xC2DE
  FrameRef first_clear;
  std::array<Element, 16> elements{};  // by id; ids above 15 are left out

  void add(const rtp::PacketView& packet, const FrameRef& frame);
};

// Payloads that read as telephone-events (RFC 4733), for SRTP-035; whether they are is the SDP's to say.
struct DigitWatch {
  struct Event {
    std::uint8_t payload_type = 0;
    std::uint8_t event = 0;
    std::uint8_t size = 0;  // of the payload
    std::uint16_t packets = 0;
    std::uint32_t timestamp = 0;
    FrameRef frame;
  };
  std::vector<Event> events;  // one for each timestamp, the first ones
  std::uint64_t dropped = 0;

  void add(const rtp::PacketView& packet, const FrameRef& frame);
  static bool fits(const rtp::PacketView& packet);
};

// The sizes of a stream's first packets, and the commonest of the later ones (SRTP-011).
struct StartWatch {
  // Packets in a row with one size.
  struct Run {
    FrameRef first;
    FrameRef last;
    std::uint64_t packets = 0;
    std::uint16_t size = 0;  // of the payload
    std::uint8_t payload_type = 0;
  };
  static constexpr std::size_t kCap = 32;
  std::vector<Run> runs;
  std::uint16_t usual = 0;  // by majority vote over all packets
  std::uint64_t votes = 0;
  std::uint64_t seen = 0;

  void add(const rtp::PacketView& packet, const FrameRef& frame);
};

struct Span {
  std::uint64_t packets = 0;
  FrameRef first;
  FrameRef last;
  void add(const FrameRef& frame) {
    if (packets++ == 0) first = frame;
    last = frame;
  }
};

}  // namespace voip::analyze::srtp
