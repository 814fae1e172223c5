#include "session/copy_filter.h"

#include <algorithm>
#include <cstdlib>
#include <type_traits>

#include "base/hash.h"

namespace voip::session {

namespace {

constexpr std::int64_t kWindowNs = 2 * kNsPerSecond;
constexpr std::int64_t kSteadyNs = kNsPerSecond / 4;
constexpr std::int64_t kFarthestNs = std::int64_t{14} * 3600 * kNsPerSecond;  // a clock in another zone
constexpr std::size_t kRecent = 8192;  // messages of the only place, kept in case of a second
constexpr std::size_t kSlots = 65536;
constexpr std::size_t kMostPlaces = 200;
constexpr std::uint8_t kFull = 250;

// Not seeded, unlike the hashes of tables: which entries give way to others has an effect on what is counted, and must
// be the same in each run. Nobody gains by collisions here: they only make a copy count.
std::uint64_t mix(std::uint64_t hash, std::uint64_t a, std::uint64_t b) {
  return fold(hash ^ a, b ^ 0x9fb21c651e98df25ULL) + (hash >> 32);
}

// Two sums side by side: each step waits for the one before it.
std::uint64_t mix(std::uint64_t hash, ByteView bytes) {
  constexpr std::size_t kStep = 16;
  std::uint64_t other = ~hash;
  const auto step = [](std::uint64_t& sum, const std::uint8_t* at) {
    sum = mix(sum, load_le<std::uint64_t>(at), load_le<std::uint64_t>(at + 8));
  };
  std::size_t i = 0;
  for (; i + 2 * kStep <= bytes.size(); i += 2 * kStep) {
    step(hash, bytes.data() + i);
    step(other, bytes.data() + i + kStep);
  }
  if (i + kStep <= bytes.size()) {
    step(hash, bytes.data() + i);
    i += kStep;
  }
  if (i != bytes.size() && i != 0) {
    step(other, bytes.data() + bytes.size() - kStep);  // some bytes once more
  } else if (i != bytes.size()) {
    std::array<std::uint8_t, kStep> padded{};
    std::ranges::copy(bytes, padded.begin());
    step(other, padded.data());
  }
  return mix(hash, other, bytes.size());
}

std::uint64_t digest_of(const dissect::SipEvent& event) {
  // Where it went, which message of its call it is, and its length tell it apart, mostly: hashing all of it costs time.
  // A guesser's tries may differ in nothing but the branch and the answer to the challenge.
  constexpr std::size_t kHead = 256;
  constexpr std::size_t kTail = 64;
  const sip::MessageView& message = *event.message;
  const ByteView name = message.call_id.empty() ? event.raw : as_bytes(message.call_id);
  std::uint64_t hash = mix(event.raw.size(), name);
  hash = mix(hash, event.src.address.bytes());
  hash = mix(hash, event.dst.address.bytes());
  hash = mix(hash, std::uint64_t{message.cseq_number} << 32 | message.status,
             std::uint64_t{event.src.port()} << 32 | std::uint64_t{event.dst.port()} << 16 |
                 static_cast<std::uint64_t>(message.method));
  hash = mix(hash, first_bytes(event.raw, kHead));
  if (event.raw.size() > kHead + kTail) hash = mix(hash, event.raw.last(kTail));
  return hash;
}

}  // namespace

CopyFilter::CopyFilter() { recent_.reserve(kRecent); }

std::uint8_t CopyFilter::place_of(const dissect::SipEvent& event) {
  Origin origin{.input = event.frame.input, .hep = event.provenance == net::Provenance::kHep};
  if (event.hep != nullptr) {
    origin.agent = event.hep->capture_id;
    origin.collector = event.hep->collector_src.address;
    if (!event.hep->node.empty()) origin.node = hash_bytes(as_bytes(event.hep->node));
  }
  if (last_place_ < places_.size() && places_[last_place_] == origin) return last_place_;
  const auto at = std::ranges::find(places_, origin);
  last_place_ = static_cast<std::uint8_t>(at - places_.begin());
  if (at != places_.end()) return last_place_;
  // Many more are one: what they tell twice counts twice.
  if (places_.size() >= kMostPlaces) return last_place_ = kMostPlaces - 1;
  places_.push_back(origin);
  if (places_.size() == 2) recall();
  return last_place_;
}

void CopyFilter::note(const Recent& message) {
  if (recent_.size() < kRecent) {
    recent_.push_back(message);
    return;
  }
  recent_[oldest_] = message;
  oldest_ = (oldest_ + 1) % kRecent;
}

void CopyFilter::recall() {
  seen_.resize(kSlots);
  std::rotate(recent_.begin(), recent_.begin() + static_cast<std::ptrdiff_t>(oldest_), recent_.end());
  for (const Recent& message : recent_) (void)is_copy(message, 0);
  recent_ = {};
}

// A distance beyond the window means something once several messages in a row had it.
bool CopyFilter::fits_offset(std::uint8_t first, std::uint8_t second, std::int64_t distance_ns) {
  if (std::abs(distance_ns) > kFarthestNs) return false;
  const bool swapped = first > second;
  const auto key = static_cast<std::uint16_t>(swapped ? second << 8 | first : first << 8 | second);
  const std::int64_t ns = swapped ? -distance_ns : distance_ns;
  Offset& offset = offsets_[key];
  if (offset.known && std::abs(ns - offset.ns) <= kWindowNs) {
    offset.ns += (ns - offset.ns) / 8;  // clocks drift
    return true;
  }
  offset.samples[offset.taken++ % offset.samples.size()] = ns;
  if (offset.taken < offset.samples.size()) return false;
  const auto [least, most] = std::ranges::minmax(offset.samples);
  if (most - least > 2 * kSteadyNs) return false;
  offset.known = true;
  offset.ns = least + (most - least) / 2;
  return true;
}

bool CopyFilter::near(const Seen& seen, std::uint8_t place, std::int64_t time_ns) {
  const std::int64_t distance = time_ns - seen.time_ns;
  if (std::abs(distance) <= kWindowNs) return true;
  const auto first = static_cast<std::uint8_t>(seen.place[0] - 1);
  return first != place && fits_offset(first, place, distance);
}

// Few neighbours share a place in the table; the oldest of them gives way.
CopyFilter::Seen& CopyFilter::slot_of(std::uint64_t digest) {
  const std::size_t first = digest & (seen_.size() - kNeighbours);
  Seen* oldest = &seen_[first];
  for (std::size_t i = first; i < first + kNeighbours; ++i) {
    if (seen_[i].digest == digest) return seen_[i];
    if (seen_[i].time_ns < oldest->time_ns) oldest = &seen_[i];
  }
  return *oldest;
}

bool CopyFilter::is_copy(const dissect::SipEvent& event) {
  const Recent message{.digest = digest_of(event), .time_ns = event.frame.time.ns};
  const std::uint8_t place = place_of(event);
  if (places_.size() > 1) return is_copy(message, place);
  note(message);
  return false;
}

bool CopyFilter::is_copy(const Recent& message, std::uint8_t place) {
  const auto mark = static_cast<std::uint8_t>(place + 1);
  Seen& seen = slot_of(message.digest);
  const std::int64_t now = message.time_ns;
  const bool known =
      seen.digest == message.digest && now != Timestamp::kUnknownNs && seen.time_ns != Timestamp::kUnknownNs;
  if (!known || !near(seen, place, now)) {
    seen = {.digest = message.digest, .time_ns = now, .place = {mark}, .count = {1}};
    return false;
  }
  const std::uint8_t most = *std::ranges::max_element(seen.count);
  std::size_t at = 0;
  while (at < kPlaces && seen.place[at] != 0 && seen.place[at] != mark) ++at;
  if (at == kPlaces) return true;  // one place more than are followed
  seen.place[at] = mark;
  // The wire shows what was sent; mirrors may tell of it more often.
  const bool on_wire =
      std::ranges::any_of(seen.place, [this](std::uint8_t p) { return p != 0 && !places_[p - 1U].hep; });
  const bool copy = seen.count[at] < most;
  // Not counted either: else the wire's own, should it come later, would be taken for the copy.
  if (!copy && on_wire && places_[place].hep) return true;
  if (!copy && at == 0) seen.time_ns = now;
  if (++seen.count[at] >= kFull) {
    for (std::uint8_t& count : seen.count) count = static_cast<std::uint8_t>(count > 200 ? count - 200 : 0);
  }
  return copy;
}

}  // namespace voip::session
