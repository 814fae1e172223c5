#include "analyze/srtp/copies.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/hash.h"

namespace voip::analyze::srtp {

namespace {

constexpr std::size_t kLeastPayload = 20;
constexpr std::size_t kMostPacket = 1500;
constexpr std::chrono::seconds kWindow{2};
constexpr std::size_t kEnoughMatches = 3;
constexpr std::ptrdiff_t kMostAlike = 16;  // legs and forks of one call

}  // namespace

SealedSamples::~SealedSamples() {
  for (const Packet& packet : packets_) held_by_all_ -= packet.bytes.size();
}

void SealedSamples::add(ByteView packet, std::size_t header_size, const FrameRef& frame) {
  const std::uint64_t number = seen_++;
  if ((number & ((std::uint64_t{1} << shift_) - 1)) != 0 || packet.size() > kMostPacket ||
      header_size > packet.size() || held_by_all_ + packet.size() > kAllBytes)
    return;
  packets_.push_back({{packet.begin(), packet.end()}, header_size, frame, number});
  held_by_all_ += packet.size();
  if (packets_.size() < kMost) return;
  ++shift_;
  std::erase_if(packets_, [this](const Packet& p) {
    const bool goes = (p.number & ((std::uint64_t{1} << shift_) - 1)) != 0;
    if (goes) held_by_all_ -= p.bytes.size();
    return goes;
  });
}

std::uint64_t SealedSamples::digest_of(const Packet& packet, const AuthState& auth) {
  std::array<std::uint8_t, kMostPacket> clear{};
  const auto highest = static_cast<std::uint32_t>(auth.highest_index >> 16);
  for (std::size_t candidate = 0; candidate < auth.search.size(); ++candidate) {
    if (candidate >= auth.valid_by_key.size() || auth.valid_by_key[candidate] == 0) continue;
    crypto::SrtpKey& key = *auth.search.key(candidate);
    for (std::uint32_t back = 0; back <= std::min<std::uint32_t>(highest, 2); ++back) {
      if (!key.verify_rtp(packet.bytes, packet.header_size, highest - back)) continue;
      const auto size = key.decrypt_rtp(packet.bytes, packet.header_size, highest - back, clear);
      return size ? PayloadPrint::digest_of(ByteView{clear}.first(*size)) : 0;
    }
  }
  return 0;
}

std::uint64_t PayloadPrint::digest_of(ByteView payload) {
  if (payload.size() < kLeastPayload) return 0;
  std::size_t changes = 0;
  for (std::size_t i = 1; i < payload.size(); ++i) changes += payload[i] != payload[i - 1] ? 1U : 0U;
  if (changes < payload.size() / 4) return 0;  // silence is the same in every call
  return hash_bytes(payload);
}

void PayloadPrint::add(ByteView payload, const FrameRef& frame) {
  if (entries.size() >= kMost) return;
  if (const std::uint64_t digest = digest_of(payload); digest != 0) entries.push_back({digest, frame});
}

void CopyTable::add_sealed(const Sealed& sealed) {
  if (sealed_.size() < kMostSealed) sealed_.push_back(sealed);
}

void CopyTable::add_clear(Clear clear) {
  if (clear.print != nullptr && !clear.print->entries.empty()) clear_.push_back(std::move(clear));
}

std::vector<CopyTable::Copy> CopyTable::find() {
  std::ranges::sort(sealed_, [](const Sealed& a, const Sealed& b) {
    if (a.digest != b.digest) return a.digest < b.digest;
    return a.stream != b.stream ? a.stream < b.stream : a.frame < b.frame;
  });
  // Tones come back every few packets: a payload that one stream holds twice tells nothing.
  const auto once = [&](std::uint64_t digest) {
    auto at = std::ranges::lower_bound(sealed_, digest, {}, &Sealed::digest);
    const auto end = std::ranges::upper_bound(sealed_, digest, {}, &Sealed::digest);
    if (at == end || end - at > kMostAlike) return false;
    for (auto next = at + 1; next != end; at = next++) {
      if (at->stream == next->stream) return false;
    }
    return true;
  };
  std::vector<Copy> copies;
  for (const Clear& clear : clear_) {
    std::map<std::uint64_t, Copy> by_call;
    std::vector<std::uint64_t> seen;
    for (const PayloadPrint::Entry& entry : clear.print->entries) seen.push_back(entry.digest);
    std::ranges::sort(seen);
    for (const PayloadPrint::Entry& entry : clear.print->entries) {
      if (std::ranges::upper_bound(seen, entry.digest) - std::ranges::lower_bound(seen, entry.digest) != 1 ||
          !once(entry.digest))
        continue;
      const Sealed& sealed = *std::ranges::lower_bound(sealed_, entry.digest, {}, &Sealed::digest);
      if (sealed.call == clear.call && !clear.orphan) continue;
      if (!sealed.frame.time.known() || !entry.frame.time.known() ||
          later_by(sealed.frame.time, entry.frame.time, kWindow) ||
          later_by(entry.frame.time, sealed.frame.time, kWindow))
        continue;
      Copy& copy = by_call[sealed.call];
      if (copy.matches++ == 0) copy = {&clear, sealed.call, sealed.frame, entry.frame, 1};
    }
    for (const auto& [call, copy] : by_call) {
      if (copy.matches >= kEnoughMatches) copies.push_back(copy);
    }
  }
  std::ranges::sort(copies, [](const Copy& a, const Copy& b) {
    return a.copied != b.copied ? a.copied < b.copied : a.call < b.call;
  });
  return copies;
}

}  // namespace voip::analyze::srtp
