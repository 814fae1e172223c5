#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "analyze/srtp/keying.h"
#include "analyze/srtp/packet_queue.h"
#include "crypto/srtp_search.h"
#include "session/call.h"

// Proof by authentication tags: every key that a call's SDPs show is tried on every stream of the call.
namespace voip::analyze::srtp {

// What is gathered of one live call: its keys, in the order in which they were shown, and what its SDPs speak of.
struct CallKeys {
  std::vector<std::shared_ptr<crypto::SrtpKey>> keys;
  std::vector<TextKey> texts;  // of the inline text that gave keys[i]; default for keys from elsewhere
  std::vector<TextKey> known;  // of the lines read
  std::size_t uses_read = 0;   // of Call::sdp_uses
  bool offered = false;        // an SDP was seen
  bool secure = false;         // some SDP speaks of encryption: profile, keys, fingerprints, zrtp-hash
  Timestamp first_answer;      // the first SDP in a response
  std::vector<std::pair<FrameRef, std::string>>
      vendors;  // of messages with keys, by the first word of their User-Agent

  // False at the cap.
  bool add(std::shared_ptr<crypto::SrtpKey> key, const TextKey& text = {});
};
// Reads the SDPs that came since the last time.
void collect_keys(const session::Call& call, CallKeys& keys);
// Of the base64 text of an inline key.
TextKey key_identity(const InlineKey& key);

// Which packet indexes a stream used, thinned out evenly: one index in 2^n. The samples of two streams meet where they
// share a run of indexes as long as the coarser step (128 after a minute of speech, 512 after five).
class IndexSamples {
 public:
  struct Sample {
    std::uint64_t index = 0;
    std::uint64_t digest = 0;  // of the ciphertext
    std::uint32_t key = 0;     // candidate
    FrameRef frame;
  };
  bool wants(std::uint64_t index) const { return (index & ((std::uint64_t{1} << shift_) - 1)) == 0; }
  // The earlier packet with the same key and index but other ciphertext, if a sample of it was kept.
  std::optional<FrameRef> add(const Sample& sample);
  const std::vector<Sample>& samples() const { return samples_; }

 private:
  static constexpr std::size_t kCap = 32;
  std::vector<Sample> samples_;
  unsigned shift_ = 0;
};

class TagPool;

// What the tags of one stream said. Once a key is proven, packets go to the pool, which gives them back in their order
// with what other threads found; so the counts below lag behind until join(), and are then what one thread would count.
struct AuthState {
  // pool: null to check each packet at once. Outlives this.
  AuthState(const crypto::KeySearchOptions& how, bool sample, std::unique_ptr<PacketQueue> queue, TagPool* pool)
      : search(how), sampling(sample), waiting(std::move(queue)), pool_(pool) {}
  ~AuthState() { join(); }
  AuthState(const AuthState&) = delete;
  AuthState& operator=(const AuthState&) = delete;

  std::uint64_t exchanged = 0;  // bits: candidates that a key exchange in the media path gave (DTLS with a key log)
  crypto::KeySearch search;
  std::size_t keys_added = 0;  // of CallKeys::keys
  bool sampling = false;       // after the proof only one packet in 16 is verified
  // Until a key is proven, all packets; afterwards those that failed, for a key that is shown later than it is used.
  std::unique_ptr<PacketQueue> waiting;
  Timestamp answered;       // when the call's signalling gave its first answer
  std::uint64_t tried = 0;  // before a proof
  std::uint64_t checked = 0;
  std::uint64_t valid = 0;
  std::uint64_t valid_clear = 0;        // of them under a suite or parameter that leaves the payload clear
  std::vector<FrameRef> failed_frames;  // the first ones
  std::uint64_t failed = 0;
  std::uint64_t longest_failing_run = 0;
  std::uint64_t failing_run = 0;
  FrameRef first_valid;
  std::vector<std::uint64_t> valid_by_key;  // by candidate
  std::vector<FrameRef> proofs;             // when a key was proven: more than one after rekeying
  std::uint64_t highest_index = 0;
  std::uint64_t behind = 0;  // valid only with a rollover counter below the one that the wraps give
  FrameRef first_behind;
  IndexSamples samples;
  std::optional<std::array<FrameRef, 2>> pad;  // one index, two ciphertexts

  bool proven() const { return search.proven().has_value(); }
  void check(ByteView packet, std::size_t header_size, const FrameRef& frame);
  // Takes the keys that were shown since.
  void add_keys(const CallKeys& keys);
  // Before anything of the above is read or set.
  void join();
  // No more packets will come: what no key has opened is tried once more, with rollover counters beyond the usual.
  void finish();
  // From the pool.
  void take(ByteView packet, std::size_t header_size, const FrameRef& frame, const crypto::KeySearch::Tried& found);

 private:
  bool defer(ByteView packet, std::size_t header_size, const FrameRef& frame);
  void check_proven(ByteView packet, std::size_t header_size, const FrameRef& frame,
                    const crypto::KeySearch::Tried* found);
  void settle(std::size_t candidate, std::uint32_t roc, ByteView proof, bool first_proof);
  void count_valid(std::size_t candidate, std::uint32_t roc, ByteView packet, std::size_t header_size,
                   const FrameRef& frame);
  void count_failed(const FrameRef& frame);
  std::optional<std::uint32_t> lower_roc(ByteView packet, std::size_t header_size);

  std::uint64_t seen_since_proof_ = 0;
  TagPool* pool_ = nullptr;
  std::size_t pending_ = 0;                      // packets with the pool
  const crypto::SrtpTagCheck* check_ = nullptr;  // of the key below
  std::size_t check_of_ = 0;
  crypto::RocTracker ahead_;    // as it will be if they are authentic
  bool ahead_wrong_ = true;     // they are not
  bool shows_payload_ = false;  // a candidate leaves the payload clear: what it verifies is asked at once
};

}  // namespace voip::analyze::srtp
