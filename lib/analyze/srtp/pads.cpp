#include "analyze/srtp/pads.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace voip::analyze::srtp {

void PadTable::add(Stream stream, const AuthState& auth, const std::vector<TextKey>& texts) {
  if (uses_.size() + auth.samples.samples().size() > kCap) {
    ++left_out_;
    return;
  }
  const std::uint32_t ssrc = stream.ssrc;
  const std::size_t before = uses_.size();
  for (const IndexSamples::Sample& sample : auth.samples.samples()) {
    if (sample.key >= texts.size() || texts[sample.key] == TextKey{}) continue;
    uses_.push_back({texts[sample.key], sample.index, sample.digest, ssrc, static_cast<std::uint32_t>(streams_.size()),
                     sample.frame});
  }
  if (uses_.size() != before) streams_.push_back(std::move(stream));
}

bool PadTable::replayed(const Use& a, const Use& b) const {
  constexpr std::chrono::milliseconds kCopyWindow{200};
  const Stream& first = streams_[a.stream];
  const Stream& second = streams_[b.stream];
  return first.dst == second.dst && first.src != second.src && later_by(a.frame.time, b.frame.time, kCopyWindow);
}

std::vector<PadTable::Pad> PadTable::find() {
  const auto place = [](const Use& u) { return std::tie(u.key.low, u.key.high, u.ssrc, u.index); };
  std::ranges::sort(uses_, [&](const Use& a, const Use& b) {
    return place(a) != place(b) ? place(a) < place(b) : a.frame < b.frame;
  });
  std::vector<Pad> pads;
  for (std::size_t i = 1; i < uses_.size(); ++i) {
    const Use& a = uses_[i - 1];
    const Use& b = uses_[i];
    if (place(a) != place(b) || a.stream == b.stream) continue;
    if (a.digest == b.digest) {
      if (!replayed(a, b)) continue;
      const auto same = std::ranges::find_if(replays_, [&](const Pad& pad) { return pad.second.stream == b.stream; });
      if (same != replays_.end()) {
        ++same->samples;
      } else if (replays_.size() < 256) {
        replays_.push_back({a.key, a, b, 1});
      }
      continue;
    }
    const auto known = std::ranges::find_if(pads, [&](const Pad& pad) {
      return std::minmax(pad.first.stream, pad.second.stream) == std::minmax(a.stream, b.stream);
    });
    if (known != pads.end()) {
      ++known->samples;
      if (b.frame < known->second.frame) {
        known->first = a;
        known->second = b;
      }
    } else if (pads.size() < 256) {
      pads.push_back({a.key, a, b, 1});
    }
  }
  std::ranges::sort(pads, [](const Pad& a, const Pad& b) { return a.second.frame < b.second.frame; });
  return pads;
}

}  // namespace voip::analyze::srtp
