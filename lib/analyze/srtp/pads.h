#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "analyze/srtp/auth.h"
#include "analyze/srtp/records.h"

namespace voip::analyze::srtp {

// Packet indexes that streams used under known keys, for SRTP-022: samples of all streams of the run.
class PadTable {
 public:
  struct Use {
    TextKey key;
    std::uint64_t index = 0;
    std::uint64_t digest = 0;
    std::uint32_t ssrc = 0;
    std::uint32_t stream = 0;  // index in streams()
    FrameRef frame;
  };
  struct Stream {
    std::string call_id;
    Endpoint src;
    Endpoint dst;
    std::uint32_t ssrc = 0;
    std::string masked;  // the key
  };
  // One index under one key with two ciphertexts; of each pair of streams the first by time.
  struct Pad {
    TextKey key;
    Use first;
    Use second;
    std::uint64_t samples = 0;
  };

  void add(Stream stream, const AuthState& auth, const std::vector<TextKey>& texts);
  std::vector<Pad> find();  // by time
  // After find(): the same ciphertext to the same socket from another one, later than a copy on the way would be.
  const std::vector<Pad>& replays() const { return replays_; }
  const std::vector<Stream>& streams() const { return streams_; }
  // Keys of which one stream used an index twice itself.
  std::vector<TextKey> padded;
  std::uint64_t left_out() const { return left_out_; }

 private:
  static constexpr std::size_t kCap = 1U << 17;
  std::vector<Stream> streams_;
  bool replayed(const Use& a, const Use& b) const;

  std::vector<Use> uses_;
  std::vector<Pad> replays_;
  std::uint64_t left_out_ = 0;
};

}  // namespace voip::analyze::srtp
