#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "analyze/srtp/auth.h"
#include "analyze/srtp/copies.h"
#include "analyze/srtp/keystreams.h"
#include "analyze/srtp/media_judge.h"
#include "analyze/srtp/records.h"
#include "analyze/srtp/watches.h"
#include "session/media.h"

// What hangs on a live stream or RTCP flow.
namespace voip::analyze::srtp {

constexpr std::size_t kSamplesPerStream = 6;

struct StreamState final : session::Attachment {
  MediaJudge judge;
  std::array<session::LegSample, 2 * kSamplesPerStream> samples{};
  std::size_t sample_count = 0;
  CallKeys* keys = nullptr;              // of the stream's call, while that lives; null: none looked for yet
  std::shared_ptr<CallKeys> pair_keys;   // of a DTLS handshake on its sockets, where there is no call
  std::unique_ptr<PacketQueue> waiting;  // until the call shows a key
  std::unique_ptr<AuthState> auth;       // once it has
  std::unique_ptr<SequenceWatch> order;  // where the call speaks of encryption
  std::unique_ptr<StartWatch> start;     // likewise
  std::unique_ptr<ExtensionWatch> extensions;
  std::unique_ptr<DigitWatch> digits;
  std::unique_ptr<SealedSamples> sealed;  // where keys are known
  std::unique_ptr<PayloadPrint> print;    // where none are
  std::shared_ptr<KeystreamWatch> keystream;
  std::uint8_t keystream_tries = 0;  // packets that were looked at for it
  bool first_marker = false;         // of the first packet
  Span before_answer;
  Span after_bye;
};

// SRTCP whose tag was verified tells by its E flag whether it was encrypted.
struct RtcpState final : session::Attachment {
  CallKeys* keys = nullptr;
  std::uint64_t verified_clear = 0;
  std::uint64_t verified_encrypted = 0;
  std::uint64_t verified_shaped = 0;  // of them, those that look like SRTCP without a key
  std::uint64_t trailed = 0;          // readable, with an SRTCP trailer that no key verified
  FrameRef first_clear;
  FrameRef last_clear;
  std::string cname;                              // of a packet with a trailer
  std::vector<std::vector<std::uint8_t>> unread;  // the first ones that look encrypted, of a flow without a call
};

}  // namespace voip::analyze::srtp
