#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "analyze/srtp/media_judge.h"
#include "proto/rtp/rtp.h"

// The input is a row of packets: a byte of flags and gap, a byte of size, then header fields and payload.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace voip;
  if (size < 4) return 0;
  ByteCursor in{{data, size}};
  const std::uint8_t head = in.be<std::uint8_t>();
  analyze::srtp::MediaJudge judge;
  std::uint16_t sequence = in.be<std::uint16_t>();
  std::uint32_t timestamp = 0;
  std::uint64_t frame = 0;
  std::int64_t now = 0;
  while (in.remaining() >= 2) {
    const std::uint8_t flags = in.be<std::uint8_t>();
    const std::size_t length = in.be<std::uint8_t>();
    const ByteView some = in.take(length < in.remaining() ? length : in.remaining());
    // A few input bytes stand for many packets, so that windows close.
    const unsigned repeat = (flags & 0x40) != 0 ? 60 : 1;
    for (unsigned i = 0; i < repeat; ++i) {
      std::vector<std::uint8_t> payload(some.begin(), some.end());
      if ((flags & 0x20) != 0) {
        for (auto& byte : payload) byte = static_cast<std::uint8_t>((byte ^ (frame * 131)) * 37 + i);
      }
      rtp::PacketView packet;
      packet.payload_type = flags & 7;
      packet.marker = (flags & 8) != 0;
      packet.padding = (flags & 16) != 0;
      packet.sequence = sequence;
      packet.timestamp = timestamp;
      packet.payload = payload;
      sequence = static_cast<std::uint16_t>(sequence + ((flags & 0x80) != 0 ? head : 1));
      timestamp += 160U * (1U + (flags & 3));
      now += kNsPerMs * (1 + (head & 31));
      judge.add(packet, {0, ++frame, {now}}, (flags & 0xf0) == 0xf0);
    }
  }
  const std::vector<analyze::srtp::CodecHint> hints{
      {.payload_type = 0, .encoding = "PCMU", .clock_rate = 8000},
      {.payload_type = 1, .encoding = "G729", .clock_rate = 8000},
      {.payload_type = 2, .encoding = "opus", .clock_rate = 48000},
      {.payload_type = 3, .encoding = "telephone-event", .clock_rate = 8000},
      {.payload_type = 4, .encoding = "L16", .clock_rate = 44100, .channels = 255}};
  for (const bool with : {false, true}) {
    const auto judgement = judge.judge(with ? std::span{hints} : std::span<const analyze::srtp::CodecHint>{},
                                       with ? std::optional<unsigned>{head} : std::nullopt);
    if (judgement.reason.empty()) std::abort();
    if (judgement.cleartext_packets + judgement.encrypted_packets > judgement.packets) std::abort();
    if (judgement.observed != analyze::srtp::Observed::kUndetermined && judgement.proof == analyze::srtp::Proof::kNone)
      std::abort();
  }
  return 0;
}
