#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "crypto/srtp.h"

namespace voip::crypto {

struct KeySearchOptions {
  std::uint32_t max_roc = 8;  // of the first packet that verifies; a capture may start late
  std::size_t max_candidates = 64;
  std::uint64_t max_attempts = 50000;  // tags computed in vain after the last new candidate or proof
  // A stream that fits nothing for long is tried with higher counters too: up to this one, and as long as there are
  // attempts left, which several searches may share.
  std::uint32_t far_roc = 0;
  std::uint64_t* far_attempts = nullptr;
};

// Which of the keys at hand protects one RTP stream (one SSRC from one sender), and which packets of it are authentic.
// A key is proven by 3 packets with tags of 80 bits or more, 8 with shorter ones, and then kept: packets that fail are
// what they are, and only the proof of another key takes its place (rekeying). Memory: a few words for each candidate.
// Work: one tag a packet once a key is proven, bounded by the options before.
class KeySearch {
 public:
  enum class Verdict : std::uint8_t {
    kValid,    // the tag is right for `candidate`, proven or not yet
    kInvalid,  // a key is proven, and the packet fits neither it nor another candidate that was tried
    kUnknown,  // no key is proven; the packet fits none that was tried
  };
  struct Check {
    Verdict verdict = Verdict::kUnknown;
    std::size_t candidate = 0;  // for kValid
    std::uint32_t roc = 0;      // for kValid
    bool newly_proven = false;  // `candidate` became the stream's key with this packet
  };

  explicit KeySearch(const KeySearchOptions& options = {});

  // A key may serve several searches of one thread. Returns its number, counted from 0; empty at the cap.
  std::optional<std::size_t> add(std::shared_ptr<SrtpKey> key);
  std::size_t size() const { return candidates_.size(); }
  const std::shared_ptr<SrtpKey>& key(std::size_t candidate) const { return candidates_[candidate].key; }

  // What another thread found of a packet's tag.
  struct Tried {
    std::size_t candidate = 0;
    std::uint32_t roc = 0;
    bool valid = false;
  };
  // Packets in order of arrival. header_size: up to the payload. tried: spares the work if it is what would be tried
  // first, else it is of no account; so the answers are the same with it and without.
  Check check(ByteView packet, std::size_t header_size, const Tried* tried = nullptr);

  // Tries the higher counters now, with the keys that were not yet tried so: where no more packets will come.
  Check try_far(ByteView packet, std::size_t header_size);
  // The highest rollover counter that was tried with every key.
  std::uint32_t tried_roc() const { return far_tried_ >= candidates_.size() ? options_.far_roc : options_.max_roc; }

  // Where the packets of a candidate are.
  const RocTracker& tracker(std::size_t candidate) const { return candidates_[candidate].tracker; }

  // The candidate whose key is proven; the last one after a change of keys.
  std::optional<std::size_t> proven() const { return proven_; }
  // True when nothing more will be tried until a candidate is added.
  bool exhausted() const { return !proven_.has_value() && attempts_ >= options_.max_attempts; }
  std::uint64_t attempts() const { return attempts_; }

 private:
  struct Candidate {
    std::shared_ptr<SrtpKey> key;
    RocTracker tracker;
    std::uint8_t hits = 0;                // up to the proof
    std::array<std::uint64_t, 8> seen{};  // packet indices of the hits: one packet seen twice proves nothing new
  };

  bool try_roc(Candidate& candidate, ByteView packet, std::size_t header_size, std::uint32_t roc);
  std::optional<std::uint32_t> try_candidate(Candidate& candidate, ByteView packet, std::size_t header_size);
  void note_hit(std::size_t number, std::uint32_t roc, std::uint16_t sequence, Check& check);

  KeySearchOptions options_;
  std::vector<Candidate> candidates_;
  std::optional<std::size_t> proven_;
  std::uint64_t attempts_ = 0;  // in vain
  std::uint64_t in_vain_ = 0;   // packets in a row that fitted nothing
  std::size_t far_tried_ = 0;   // candidates, in their order
};

}  // namespace voip::crypto
