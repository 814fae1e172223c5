#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/frame_ref.h"
#include "proto/rtp/rtp.h"

namespace voip::analyze::srtp {

enum class Observed : std::uint8_t { kUndetermined, kCleartext, kEncrypted };
// Structural: a rule of the codec that random bytes break. Statistical: numbers that random bytes do or don't give.
// (Verified tags are a stronger proof that others bring.)
enum class Proof : std::uint8_t { kNone, kStatistical, kStructural };

// What the signalling, or RFC 3551, says a payload type means. May be wrong; several for one payload type are fine.
struct CodecHint {
  std::uint8_t payload_type = 0;
  std::string_view encoding;     // "PCMU", "opus", "telephone-event"; any case; empty: unknown
  std::uint32_t clock_rate = 0;  // of the RTP timestamp; 0: unknown
  std::uint8_t channels = 1;
};

struct OverheadCount {
  std::int32_t bytes = 0;  // payload size less what the codec needs for the timestamp step
  std::uint64_t packets = 0;
};

// Packets in a row with one verdict, by the order of sequence numbers.
struct Stretch {
  Observed observed = Observed::kUndetermined;
  FrameRef first;
  FrameRef last;
  std::uint64_t packets = 0;
};

struct Judgement {
  Observed observed = Observed::kUndetermined;  // of the bulk
  Proof proof = Proof::kNone;
  std::string reason;  // one sentence with the numbers, never empty
  std::string codec;   // of the commonest payload type: the hint that fits, else a guess, else empty
  bool codec_guessed = false;
  std::uint64_t packets = 0;            // judged: no repeats, no empty payloads
  std::uint64_t cleartext_packets = 0;  // by stretches
  std::uint64_t encrypted_packets = 0;
  FrameRef first_clear;
  FrameRef last_clear;
  std::optional<std::int32_t> overhead;  // bytes on most packets, where arithmetic tells: 0, 4, 10, 16, with MKI more
  std::vector<OverheadCount> overheads;  // commonest first
  std::vector<Stretch> stretches;        // one for an unmixed stream; capped, then the last one goes on
};

// Says from the bytes of one RTP stream (one SSRC on one flow) whether its payload is ciphertext. Feed all packets in
// capture order. Needs no codec until judge(), so an SDP that comes late, or lies, does no harm.
//
// How: ciphertext is uniform and independent from packet to packet, whatever the codec was. Each packet is therefore
// asked some questions whose chance of "yes" for random bytes is known exactly (see Question), and the answers are
// counted per payload type in windows of about a second. A window that random bytes give less than once in 10^10 is
// cleartext. One that random bytes may give is ciphertext only if the length says so too, or if the codec, known, would
// have shown itself.
//
// Memory: about 1 KB per stream, when it has more than one payload type or changes up to 2 KB more. Cost: a few dozen
// ns a packet.
class MediaJudge {
 public:
  MediaJudge();
  ~MediaJudge();
  MediaJudge(MediaJudge&&) noexcept;
  MediaJudge& operator=(MediaJudge&&) noexcept;

  // truncated: the capture cut the packet; missing: so many bytes of it, 0 when that is not known: then its size says
  // nothing.
  void add(const rtp::PacketView& packet, const FrameRef& frame, bool truncated = false, std::uint32_t missing = 0);

  // May be asked at any time and repeatedly. negotiated_overhead: bytes of tag and MKI that the signalling agreed upon
  // (0 for UNAUTHENTICATED_SRTP); empty when nothing was agreed. promised: encryption
  // was, whatever adds to the length, and nothing speaks against it (keys that fit no packet, say); empty: as the
  // overhead.
  Judgement judge(std::span<const CodecHint> hints, std::optional<unsigned> negotiated_overhead = {},
                  std::optional<bool> promised = {}) const;

  std::uint64_t packets() const;
  // Memory that the next add() will read first (for a prefetch, no more).
  std::array<const void*, 2> hot() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace voip::analyze::srtp
