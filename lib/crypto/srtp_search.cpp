#include "crypto/srtp_search.h"

#include <algorithm>
#include <utility>

namespace voip::crypto {

namespace {

constexpr std::uint8_t kProofLongTag = 3;
constexpr std::uint8_t kProofShortTag = 8;
constexpr std::uint64_t kFarAfter = 64;  // packets that fitted nothing

// A stream may become secure late (ZRTP) or be rekeyed, so a search goes on, but ever more rarely.
bool worth_trying(std::uint64_t packets_in_vain) {
  if (packets_in_vain < 64) return true;
  return packets_in_vain < 4096 ? packets_in_vain % 16 == 0 : packets_in_vain % 256 == 0;
}

}  // namespace

KeySearch::KeySearch(const KeySearchOptions& options) : options_(options) {}

std::optional<std::size_t> KeySearch::add(std::shared_ptr<SrtpKey> key) {
  if (key == nullptr || key->rtp_tag_size() == 0 || candidates_.size() >= options_.max_candidates) return std::nullopt;
  Candidate candidate;
  candidate.key = std::move(key);
  candidates_.push_back(std::move(candidate));
  attempts_ = 0;
  in_vain_ = 0;
  return candidates_.size() - 1;
}

bool KeySearch::try_roc(Candidate& candidate, ByteView packet, std::size_t header_size, std::uint32_t roc) {
  if (candidate.key->verify_rtp(packet, header_size, roc)) return true;
  ++attempts_;
  return false;
}

std::optional<std::uint32_t> KeySearch::try_candidate(Candidate& candidate, ByteView packet, std::size_t header_size) {
  const auto sequence = load_be<std::uint16_t>(packet.data() + 2);
  std::optional<std::uint32_t> likely;
  std::uint32_t first = 0;
  if (candidate.tracker.started()) {
    likely = candidate.tracker.estimate(sequence);
    if (try_roc(candidate, packet, header_size, *likely)) return likely;
    first = candidate.tracker.roc();
  }
  // Also behind a gap longer than half the sequence numbers, which the estimate can't bridge.
  for (std::uint64_t roc = first; roc <= std::uint64_t{first} + options_.max_roc && roc <= UINT32_MAX; ++roc) {
    if (attempts_ >= options_.max_attempts) break;
    const auto tried = static_cast<std::uint32_t>(roc);
    if (tried != likely && try_roc(candidate, packet, header_size, tried)) return tried;
  }
  return std::nullopt;
}

void KeySearch::note_hit(std::size_t number, std::uint32_t roc, std::uint16_t sequence, Check& check) {
  Candidate& candidate = candidates_[number];
  check.verdict = Verdict::kValid;
  check.candidate = number;
  check.roc = roc;
  in_vain_ = 0;
  // A jump is taken as it is: the tag has just proven it.
  if (candidate.tracker.started() && roc > candidate.tracker.roc() + 1) {
    candidate.tracker.start(roc, sequence);
  } else {
    candidate.tracker.confirm(roc, sequence);
  }
  if (proven_ == number) return;
  const std::uint8_t needed = candidate.key->rtp_tag_size() >= 10 ? kProofLongTag : kProofShortTag;
  const std::uint64_t index = (std::uint64_t{roc} << 16) | sequence;
  const auto seen_end = candidate.seen.begin() + candidate.hits;
  if (candidate.hits < needed && std::find(candidate.seen.begin(), seen_end, index) == seen_end) {
    candidate.seen[candidate.hits++] = index;
  }
  if (candidate.hits < needed) return;
  check.newly_proven = true;
  proven_ = number;
  attempts_ = 0;
}

KeySearch::Check KeySearch::try_far(ByteView packet, std::size_t header_size) {
  Check result;
  if (options_.far_attempts == nullptr || packet.size() < 12) return result;
  const auto sequence = load_be<std::uint16_t>(packet.data() + 2);
  for (; far_tried_ < candidates_.size(); ++far_tried_) {
    SrtpKey& key = *candidates_[far_tried_].key;
    for (std::uint32_t roc = options_.max_roc; roc < options_.far_roc;) {
      if (*options_.far_attempts == 0) return result;
      --*options_.far_attempts;
      if (!key.verify_rtp(packet, header_size, ++roc)) continue;
      note_hit(far_tried_, roc, sequence, result);
      return result;
    }
  }
  return result;
}

KeySearch::Check KeySearch::check(ByteView packet, std::size_t header_size, const Tried* tried) {
  Check result;
  if (candidates_.empty() || packet.size() < 12) return result;
  const auto sequence = load_be<std::uint16_t>(packet.data() + 2);
  if (proven_.has_value()) {
    Candidate& candidate = candidates_[*proven_];
    const std::uint32_t roc = candidate.tracker.estimate(sequence);
    const bool known = tried != nullptr && tried->candidate == *proven_ && tried->roc == roc;
    if (known ? tried->valid : candidate.key->verify_rtp(packet, header_size, roc)) {
      note_hit(*proven_, roc, sequence, result);
      return result;
    }
    result.verdict = Verdict::kInvalid;
  }
  if (attempts_ < options_.max_attempts && worth_trying(in_vain_)) {
    // With a proven key a lone bad packet is the likely case: look for another ROC only after several.
    const bool lost_track = in_vain_ >= 8;
    for (std::size_t i = 0; i < candidates_.size() && attempts_ < options_.max_attempts; ++i) {
      if (proven_ == i && !lost_track) continue;
      if (const auto roc = try_candidate(candidates_[i], packet, header_size)) {
        note_hit(i, *roc, sequence, result);
        return result;
      }
    }
  }
  if (++in_vain_ == kFarAfter && !proven_.has_value()) return try_far(packet, header_size);
  return result;
}

}  // namespace voip::crypto
