#include "analyze/srtp/keystreams.h"

#include <algorithm>
#include <bitset>

#include "session/call.h"

namespace voip::analyze::srtp {

namespace {

constexpr std::uint64_t kEnoughBytes = 16'000;
constexpr double kChiSquareLimit = 500;
constexpr double kZeroShareLimit = 0.03;
constexpr std::chrono::milliseconds kCopyWindow{500};
constexpr std::size_t kLeastPayload = 80;  // 10 ms of PCM
constexpr std::size_t kMostPayload = 400;
constexpr std::size_t kMostFound = 16;

}  // namespace

bool KeystreamWatch::Overlap::repeats() const {
  return bytes >= kEnoughBytes &&
         (chi_square > kChiSquareLimit || static_cast<double>(zeros) > kZeroShareLimit * static_cast<double>(bytes));
}

void KeystreamWatch::settle() {
  if (counts_ == nullptr) return;
  Overlap& overlap = counts_->overlap;
  const double expected = static_cast<double>(overlap.bytes) / 256;
  for (const std::uint32_t count : counts_->values) {
    const double off = static_cast<double>(count) - expected;
    if (expected > 0) overlap.chi_square += off * off / expected;
  }
  overlap.zeros = counts_->values[0];
  if (overlap.repeats() && found.size() < kMostFound) found.push_back(std::move(overlap));
  counts_.reset();
}

void KeystreamWatch::close() {
  settle();
  closed_ = true;
  packets_ = {};
  bytes_ = {};
}

void KeystreamWatch::begin(std::string_view call_id) {
  settle();
  call_id_ = call_id;
}

void KeystreamWatch::add(std::uint16_t sequence, ByteView payload, const FrameRef& frame) {
  if (closed_) return;
  const auto step = static_cast<std::uint16_t>(packets_.empty() ? 0 : sequence - packets_.front().sequence);
  if (step > (packets_.size() < kMostPackets ? kReach : reach_)) return;
  const ByteView head = first_bytes(payload, kMostBytes);
  const auto known = std::ranges::find(packets_, sequence, &Packet::sequence);
  if (known == packets_.end()) {
    if (packets_.size() >= kMostPackets || !KeystreamTable::fits(payload)) return;
    packets_.push_back(
        {frame, sequence, static_cast<std::uint16_t>(head.size()), static_cast<std::uint32_t>(bytes_.size())});
    bytes_.insert(bytes_.end(), head.begin(), head.end());
    reach_ = std::max(reach_, step);
    return;
  }
  if (!later_by(known->frame.time, frame.time, kCopyWindow)) return;
  const ByteView before = ByteView{bytes_}.subspan(known->at, known->size);
  const std::size_t size = std::min(before.size(), head.size());
  if (std::ranges::equal(before.first(size), head.first(size))) return;  // sent again
  if (counts_ == nullptr) {
    counts_ = std::make_unique<Counts>();
    counts_->overlap.first = known->frame;
    counts_->overlap.second = frame;
    counts_->overlap.call_id = call_id_;
  }
  ++counts_->overlap.pairs;
  counts_->overlap.bytes += size;
  for (std::size_t i = 0; i < size; ++i) ++counts_->values[before[i] ^ head[i]];
}

bool KeystreamTable::fits(ByteView payload) {
  if (payload.size() < kLeastPayload || payload.size() > kMostPayload) return false;
  // 80 random bytes hold about 69 different values, 160 about 119; speech and music fewer.
  std::bitset<256> values;
  const std::size_t size = std::min<std::size_t>(payload.size(), 160);
  for (std::size_t i = 0; i < size; ++i) values.set(payload[i]);
  return values.count() * 160 >= size * 90;
}

std::shared_ptr<KeystreamWatch> KeystreamTable::watch(const session::MediaStream& stream, Timestamp now) {
  const session::StreamKey key{Endpoint(stream.key.src.address, 0), Endpoint(stream.key.dst.address, 0),
                               stream.key.ssrc};
  auto& watch = watches_.get(key, now, [this](const session::StreamKey&, std::shared_ptr<KeystreamWatch>& gone) {
    gone->close();
    if (!gone->found.empty() && gone_.size() < kMost) gone_.push_back(gone);
  });
  if (watch == nullptr) {
    watch = std::make_shared<KeystreamWatch>();
    watch->src = stream.key.src;
    watch->dst = stream.key.dst;
    watch->ssrc = stream.ssrc;
  }
  watch->begin(stream.call != nullptr ? std::string_view{stream.call->call_id} : std::string_view{});
  return watch;
}

std::vector<std::shared_ptr<KeystreamWatch>> KeystreamTable::finish() {
  std::vector<std::shared_ptr<KeystreamWatch>> all = std::move(gone_);
  watches_.drain([&](const session::StreamKey&, std::shared_ptr<KeystreamWatch>& watch) {
    watch->settle();
    if (!watch->found.empty()) all.push_back(watch);
  });
  std::erase_if(all, [](const auto& watch) { return watch->readable; });
  std::ranges::sort(all,
                    [](const auto& a, const auto& b) { return a->found.front().second < b->found.front().second; });
  return all;
}

}  // namespace voip::analyze::srtp
