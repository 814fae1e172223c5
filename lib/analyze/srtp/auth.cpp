#include "analyze/srtp/auth.h"

#include <algorithm>
#include <utility>

#include "analyze/srtp/tag_pool.h"
#include "base/hash.h"
#include "base/text.h"

namespace voip::analyze::srtp {

namespace {

constexpr std::size_t kMaxKeysPerCall = 64;
constexpr std::size_t kMaxFailedFrames = 10'000;

crypto::SrtpParameters parameters_of(const sdp::Crypto& crypto, const InlineKey& key) {
  crypto::SrtpParameters parameters;
  TextCursor words{crypto.session_params};
  while (!words.at_end()) {
    const std::string_view word = words.word();
    words.skip_blanks();
    if (iequals(word, "UNENCRYPTED_SRTP")) parameters.unencrypted_srtp = true;
    if (iequals(word, "UNENCRYPTED_SRTCP")) parameters.unencrypted_srtcp = true;
    if (iequals(word, "UNAUTHENTICATED_SRTP")) parameters.unauthenticated_srtp = true;
    if (istarts_with(word, "KDR=")) {
      // RFC 4568 section 6.3.1: the exponent of two, from 1. Those who say 0 mean that keys are derived once.
      const auto exponent = parse_number<unsigned>(word.substr(4));
      if (exponent && *exponent >= 1 && *exponent <= 24) parameters.key_derivation_rate = 1U << *exponent;
    }
  }
  if (const auto length = parse_number<std::size_t>(key.mki_length); length && *length <= 128)
    parameters.mki_size = *length;
  return parameters;
}

bool shows_payload(const crypto::SrtpKey& key) { return !key.suite().encrypts() || key.parameters().unencrypted_srtp; }

void make_key(CallKeys& keys, const crypto::SrtpSuite& suite, const InlineKey& key,
              const crypto::SrtpParameters& parameters, crypto::KeyDerivation derivation) {
  const ByteView bytes{key.bytes};
  auto made =
      crypto::SrtpKey::make(suite, bytes.first(suite.key_size), bytes.subspan(suite.key_size), parameters, derivation);
  if (made.ok()) (void)keys.add(std::make_shared<crypto::SrtpKey>(std::move(*made)), key_identity(key));
}

void collect_from(const sdp::Crypto& crypto, CallKeys& keys) {
  const crypto::SrtpSuite* suite = crypto::srtp_suite_by_sdes_name(crypto.suite);
  if (suite == nullptr || !suite->supported) return;
  const TextKey text = text_key(crypto.suite, crypto.key_params, crypto.session_params);
  if (std::ranges::find(keys.known, text) != keys.known.end()) return;
  keys.known.push_back(text);
  for (const InlineKey& key : inline_keys(crypto)) {
    if (key.bytes.size() != std::size_t{suite->key_size} + suite->salt_size) continue;
    const crypto::SrtpParameters parameters = parameters_of(crypto, key);
    make_key(keys, *suite, key, parameters, crypto::KeyDerivation::kRfc3711);
    if (suite->key_size == 24) make_key(keys, *suite, key, parameters, crypto::KeyDerivation::kLibsrtp192);
    // Senders that promise an MKI and send none are not rare.
    if (parameters.mki_size != 0) {
      crypto::SrtpParameters without = parameters;
      without.mki_size = 0;
      make_key(keys, *suite, key, without, crypto::KeyDerivation::kRfc3711);
    }
  }
}

}  // namespace

bool CallKeys::add(std::shared_ptr<crypto::SrtpKey> key, const TextKey& text) {
  if (keys.size() >= kMaxKeysPerCall) return false;
  keys.push_back(std::move(key));
  texts.push_back(text);
  return true;
}

TextKey key_identity(const InlineKey& key) {
  std::string_view text = key.text;
  while (text.ends_with('=')) text.remove_suffix(1);
  return text_key(text);
}

void collect_keys(const session::Call& call, CallKeys& keys) {
  for (; keys.uses_read < call.sdp_uses.size(); ++keys.uses_read) {
    const session::SdpUse& use = call.sdp_uses[keys.uses_read];
    keys.offered = true;
    if (use.status != 0 && !keys.first_answer.known()) keys.first_answer = use.frame.time;
    for (const session::MediaLine& line : use.sdp->media()) {
      keys.secure |= line.secure_profile() || carries_keys(line) || !line.zrtp_hashes.empty();
      for (const sdp::Crypto& crypto : line.cryptos) collect_from(crypto, keys);
    }
  }
}

std::optional<FrameRef> IndexSamples::add(const Sample& sample) {
  if (!wants(sample.index)) return std::nullopt;
  for (const Sample& known : samples_) {
    if (known.index != sample.index || known.key != sample.key) continue;
    return known.digest != sample.digest ? std::optional(known.frame) : std::nullopt;
  }
  if (samples_.size() >= kCap) return std::nullopt;
  samples_.push_back(sample);
  while (samples_.size() >= kCap && shift_ < 48) {
    ++shift_;
    std::erase_if(samples_, [this](const Sample& s) { return !wants(s.index); });
  }
  return std::nullopt;
}

void AuthState::count_valid(std::size_t candidate, std::uint32_t roc, ByteView packet, std::size_t header_size,
                            const FrameRef& frame) {
  ++checked;
  if (valid++ == 0) first_valid = frame;
  if (shows_payload_ && shows_payload(*search.key(candidate))) ++valid_clear;
  if (valid_by_key.size() <= candidate) valid_by_key.resize(candidate + 1);
  ++valid_by_key[candidate];
  failing_run = 0;
  const std::uint64_t index = (std::uint64_t{roc} << 16) | load_be<std::uint16_t>(packet.data() + 2);
  highest_index = std::max(highest_index, index);
  if (!samples.wants(index)) return;
  const ByteView payload = packet.subspan(header_size);
  if (payload.size() >= 8) {
    const auto twin = samples.add({.index = index,
                                   .digest = hash_bytes(first_bytes(payload, 64)),
                                   .key = static_cast<std::uint32_t>(candidate),
                                   .frame = frame});
    if (twin && !pad) pad = std::array{*twin, frame};
  }
}

void AuthState::count_failed(const FrameRef& frame) {
  ++checked;
  ++failed;
  longest_failing_run = std::max(longest_failing_run, ++failing_run);
  if (failed_frames.size() < kMaxFailedFrames) failed_frames.push_back(frame);
}

// A sender that restarted: the index began anew, or its wrap was not counted.
std::optional<std::uint32_t> AuthState::lower_roc(ByteView packet, std::size_t header_size) {
  const auto highest = static_cast<std::uint32_t>(highest_index >> 16);
  crypto::SrtpKey& key = *search.key(*search.proven());
  if (key.verify_rtp(packet, header_size, highest)) return highest;
  if (highest > 0 && key.verify_rtp(packet, header_size, highest - 1)) return highest - 1;
  if (highest > 1 && key.verify_rtp(packet, header_size, 0)) return 0;
  return std::nullopt;
}

// A key was proven: what waited for it can be checked.
void AuthState::settle(std::size_t candidate, std::uint32_t roc, ByteView proof, bool first_proof) {
  if (waiting == nullptr) return;
  crypto::RocTracker tracker;
  tracker.start(roc, load_be<std::uint16_t>(proof.data() + 2));
  const std::size_t proof_size = proof.size();
  crypto::SrtpKey& key = *search.key(candidate);
  std::vector<FrameRef> mended;
  bool any = false;
  waiting->for_each([&](ByteView packet, std::size_t header_size, const FrameRef& frame, bool counted) {
    const std::uint32_t guess = tracker.estimate(load_be<std::uint16_t>(packet.data() + 2));
    if (key.verify_rtp(packet, header_size, guess)) {
      any = true;
      if (counted) {
        mended.push_back(frame);
        --failed;
        --checked;
      }
      count_valid(candidate, guess, packet, header_size, frame);
    } else if (first_proof && (any || (frame.time >= answered && packet.size() == proof_size))) {
      // What came before the first authentic packet may have had another key, or none: that says nothing, unless it
      // came after the answer and is as long as the authentic ones.
      count_failed(frame);
    }
  });
  if (!mended.empty()) {
    std::erase_if(failed_frames,
                  [&](const FrameRef& frame) { return std::ranges::find(mended, frame) != mended.end(); });
    longest_failing_run = std::min(longest_failing_run, failed);
  }
  waiting->clear();
}

void AuthState::check(ByteView packet, std::size_t header_size, const FrameRef& frame) {
  if (packet.size() < 12) return;
  if (!proven()) {
    if (search.exhausted()) return;
    ++tried;
    if (waiting != nullptr) waiting->add(packet, header_size, frame, false);
    const crypto::KeySearch::Check result = search.check(packet, header_size);
    if (!result.newly_proven) return;
    proofs.push_back(frame);
    settle(result.candidate, result.roc, packet, true);
    return;
  }
  if (sampling && ++seen_since_proof_ % 16 != 0) return;
  if (!defer(packet, header_size, frame)) {
    join();
    check_proven(packet, header_size, frame, nullptr);
  }
}

void AuthState::add_keys(const CallKeys& keys) {
  if (keys_added >= keys.keys.size()) return;
  join();
  for (; keys_added < keys.keys.size(); ++keys_added) {
    const std::shared_ptr<crypto::SrtpKey>& key = keys.keys[keys_added];
    const auto number = search.add(key);
    shows_payload_ |= shows_payload(*key);
    if (number && *number < 64 && keys.texts[keys_added] == TextKey{}) exchanged |= std::uint64_t{1} << *number;
  }
}

// Guesses that all packets before are authentic. Where that is wrong, take() checks anew what hangs on it.
bool AuthState::defer(ByteView packet, std::size_t header_size, const FrameRef& frame) {
  if (pool_ == nullptr || shows_payload_ || !pool_->has_room()) return false;
  const std::size_t candidate = *search.proven();
  if (check_ == nullptr || check_of_ != candidate) {
    check_ = search.key(candidate)->tag_check().get();  // as long-lived as the key, and that as the search
    check_of_ = candidate;
    if (check_ == nullptr) return false;
  }
  if (pending_ == 0 || ahead_wrong_) ahead_ = search.tracker(candidate);
  ahead_wrong_ = false;
  const auto sequence = load_be<std::uint16_t>(packet.data() + 2);
  const std::uint32_t roc = ahead_.estimate(sequence);
  ahead_.confirm(roc, sequence);
  ++pending_;
  pool_->add(*this, *check_, {.candidate = candidate, .roc = roc}, packet, header_size, frame);
  return true;
}

void AuthState::join() {
  if (pending_ != 0) pool_->join();
}

void AuthState::finish() {
  join();
  if (proven() || waiting == nullptr || waiting->empty()) return;
  ByteView last;
  std::size_t last_header = 0;
  waiting->for_each([&](ByteView packet, std::size_t header_size, const FrameRef&, bool) {
    last = packet;
    last_header = header_size;
  });
  if (search.try_far(last, last_header).verdict != crypto::KeySearch::Verdict::kValid) return;
  crypto::KeySearch::Check proof;
  std::vector<std::uint8_t> proof_packet;
  waiting->for_each([&](ByteView packet, std::size_t header_size, const FrameRef& frame, bool) {
    if (proven()) return;
    proof = search.check(packet, header_size);
    if (!proof.newly_proven) return;
    proof_packet.assign(packet.begin(), packet.end());
    proofs.push_back(frame);
  });
  if (proven()) settle(proof.candidate, proof.roc, proof_packet, true);
}

void AuthState::take(ByteView packet, std::size_t header_size, const FrameRef& frame,
                     const crypto::KeySearch::Tried& found) {
  --pending_;
  const auto sequence = load_be<std::uint16_t>(packet.data() + 2);
  ahead_wrong_ |= !found.valid || found.candidate != *search.proven() ||
                  found.roc != search.tracker(found.candidate).estimate(sequence);
  check_proven(packet, header_size, frame, &found);
}

void AuthState::check_proven(ByteView packet, std::size_t header_size, const FrameRef& frame,
                             const crypto::KeySearch::Tried* found) {
  const std::size_t before = *search.proven();
  const std::uint32_t expected = search.tracker(before).estimate(load_be<std::uint16_t>(packet.data() + 2));
  const crypto::KeySearch::Check result = search.check(packet, header_size, found);
  if (result.verdict == crypto::KeySearch::Verdict::kValid) {
    if (result.newly_proven) {
      proofs.push_back(frame);
      highest_index = 0;
    }
    // Packets that failed just before may have had that key, or have come behind a gap of unknown length too.
    const bool jumped = result.candidate == before && result.roc != expected;
    if (result.newly_proven || jumped) settle(result.candidate, result.roc, packet, false);
    count_valid(result.candidate, result.roc, packet, header_size, frame);
    return;
  }
  if (const auto roc = lower_roc(packet, header_size)) {
    if (behind++ == 0) first_behind = frame;
    count_valid(*search.proven(), *roc, packet, header_size, frame);
    return;
  }
  count_failed(frame);
  if (waiting != nullptr) waiting->add(packet, header_size, frame, true);
}

}  // namespace voip::analyze::srtp
