#include "net/fragments.h"

#include <algorithm>

namespace voip::net {

namespace {

constexpr std::size_t kLargestPacket = 65535;
constexpr std::size_t kMostRanges = 1024;  // holes of one packet; a sender makes none but by losing or mixing
constexpr std::size_t kMostWaiting = 1024;
constexpr std::int64_t kFirstFragmentPatienceNs = 500 * kNsPerMs;

}  // namespace

FragmentTable::Key FragmentTable::key_of(const IpPacket& packet) {
  Key key;
  key.src = packet.src.bytes();
  key.dst = packet.dst.bytes();
  key.id = packet.id;
  key.version = packet.version;
  key.protocol = packet.version == 4 ? packet.protocol : std::uint8_t{0};
  return key;
}

void FragmentTable::let_go(Train& train, bool evicted) {
  held_bytes_ -= train.bytes.size();
  ++counters_.fragments_unfinished;
  if (evicted) ++counters_.evicted_fragments;
}

// The longest idle go first. The table drops by age, so the age is halved until enough is free.
void FragmentTable::make_room(Timestamp now) {
  const auto evict = [this](const Key&, Train& train) { let_go(train, true); };
  std::chrono::nanoseconds idle = limits_.fragment_idle;
  while (held_bytes_ > limits_.fragment_bytes && idle.count() > 0) {
    idle /= 2;
    trains_.expire(now, idle, evict);
  }
  if (held_bytes_ > limits_.fragment_bytes) trains_.drain(evict);
}

bool FragmentTable::add(IpPacket& packet, const FrameRef& frame) {
  ++counters_.fragments;
  const std::size_t begin = packet.fragment_offset;
  const std::size_t length = packet.payload.size() + packet.missing;
  const std::size_t end = begin + length;
  if (length == 0 || end > kLargestPacket || (packet.more_fragments && length % 8 != 0)) {
    diagnostics_.count("fragment-bad-length", frame);
    return false;
  }
  if (begin != 0) later_fragments_seen_ = true;

  const auto evict = [this](const Key&, Train& train) { let_go(train, true); };
  trains_.expire(frame.time, limits_.fragment_idle, [this](const Key&, Train& train) { let_go(train, false); });
  const Key key = key_of(packet);
  Train& train = trains_.get(key, frame.time, evict);

  if (train.total != 0 && (end > train.total || (!packet.more_fragments && end != train.total))) {
    diagnostics_.count("fragment-conflict", frame);
    return false;
  }
  if (!packet.more_fragments) {
    if (train.bytes.size() > end) {
      diagnostics_.count("fragment-conflict", frame);
      return false;
    }
    train.total = static_cast<std::uint32_t>(end);
  }
  if (begin == 0 && !train.first_frame.known()) {
    train.protocol = packet.protocol;
    train.first_frame = frame;
    train.first_end = static_cast<std::uint32_t>(end);
    if (!later_fragments_seen_ && frame.time.known() && waiting_.size() < kMostWaiting) {
      waiting_.push_back({key, frame.time.ns + kFirstFragmentPatienceNs});
      set_next_overdue();
    }
  }
  if (packet.missing != 0) {
    train.whole_until = std::min(train.whole_until, static_cast<std::uint32_t>(begin + packet.payload.size()));
  }
  if (end > train.bytes.size()) {
    held_bytes_ += end - train.bytes.size();
    train.bytes.resize(end);
  }

  // Into the holes only: ranges that touch [begin, end) become one with it.
  const auto copy = [&](std::size_t from, std::size_t to) {
    const std::size_t captured_end = std::min(to, begin + packet.payload.size());
    if (from < captured_end) {
      std::ranges::copy(packet.payload.subspan(from - begin, captured_end - from),
                        train.bytes.begin() + static_cast<std::ptrdiff_t>(from));
    }
  };
  Range merged{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
  const auto first = std::ranges::lower_bound(train.have, merged.begin, {}, &Range::end);
  auto last = first;
  std::size_t at = begin;
  bool overlap = false;
  for (; last != train.have.end() && last->begin <= end; ++last) {
    if (last->begin < end && last->end > begin) overlap = true;
    if (last->begin > at) copy(at, last->begin);
    at = std::max<std::size_t>(at, last->end);
    merged.begin = std::min(merged.begin, last->begin);
    merged.end = std::max(merged.end, last->end);
  }
  if (at < end) copy(at, end);
  if (overlap) diagnostics_.count("fragment-overlap", frame);
  if (first == last) {
    train.have.insert(first, merged);
  } else {
    *first = merged;
    train.have.erase(first + 1, last);
  }

  if (train.have.size() == 1 && train.have[0].begin == 0 && train.total != 0 && train.have[0].end == train.total) {
    held_bytes_ -= train.bytes.size();
    whole_ = std::move(train.bytes);
    const std::size_t captured = std::min<std::size_t>(train.total, train.whole_until);
    packet.payload = ByteView{whole_}.first(captured);
    packet.missing = train.total - captured;
    packet.protocol = train.protocol;
    packet.fragment = false;
    trains_.erase(key);
    return true;
  }
  if (train.have.size() > kMostRanges) {
    diagnostics_.count("fragment-too-many", frame);
    let_go(train, true);
    trains_.erase(key);
  }
  if (held_bytes_ > limits_.fragment_bytes) make_room(frame.time);
  return false;
}

void FragmentTable::set_next_overdue() { next_overdue_ns_ = waiting_.empty() ? INT64_MAX : waiting_.front().until_ns; }

bool FragmentTable::take_overdue(Timestamp now, IpPacket& packet, FrameRef& frame) {
  if (later_fragments_seen_) waiting_.clear();
  while (!waiting_.empty() && waiting_.front().until_ns <= now.ns) {
    const Key key = waiting_.front().key;
    waiting_.pop_front();
    Train* train = trains_.find(key);
    if (train == nullptr || train->have.size() != 1 || train->have[0].begin != 0) continue;
    packet = IpPacket{};
    packet.src = std::bit_cast<IpAddress>(key.src);
    packet.dst = std::bit_cast<IpAddress>(key.dst);
    packet.version = key.version;
    packet.protocol = train->protocol;
    packet.id = key.id;
    frame = train->first_frame;
    held_bytes_ -= train->bytes.size();
    whole_ = std::move(train->bytes);
    const std::size_t captured = std::min<std::size_t>(train->have[0].end, train->whole_until);
    packet.payload = ByteView{whole_}.first(captured);
    packet.missing = (train->have[0].end - captured) + 1;  // at least
    trains_.erase(key);
    ++counters_.fragments_unfinished;
    set_next_overdue();
    return true;
  }
  set_next_overdue();
  return false;
}

void FragmentTable::finish() {
  trains_.drain([this](const Key&, Train& train) { let_go(train, false); });
}

}  // namespace voip::net
