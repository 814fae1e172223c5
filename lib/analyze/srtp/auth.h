#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "analyze/srtp/keying.h"
#include "crypto/srtp_search.h"
#include "session/call.h"

// Proof by authentication tags: every key that a call's SDPs show is tried on every stream of the call.
namespace voip::analyze::srtp {

// The keys of one live call, in the order in which its SDPs showed them.
struct CallKeys {
  std::vector<std::shared_ptr<crypto::SrtpKey>> keys;
  std::vector<TextKey> known;  // of the texts that gave them
  std::size_t uses_read = 0;   // of Call::sdp_uses
};
// Reads the SDPs that came since the last time.
void collect_keys(const session::Call& call, CallKeys& keys);

// What the tags of one stream said.
struct AuthState {
  crypto::KeySearch search;
  std::size_t keys_added = 0;  // of CallKeys::keys
  std::uint64_t checked = 0;
  std::uint64_t valid = 0;
  std::uint64_t valid_clear = 0;  // of them under a suite or parameter that leaves the payload clear
  std::uint64_t failed = 0;
  std::vector<FrameRef> failed_frames;  // the first ones, before and after the proof
  std::uint64_t longest_failing_run = 0;
  std::uint64_t failing_run = 0;
  FrameRef first_valid;

  bool proven() const { return search.proven().has_value(); }
  void check(ByteView packet, std::size_t header_size, const FrameRef& frame);
};

}  // namespace voip::analyze::srtp
