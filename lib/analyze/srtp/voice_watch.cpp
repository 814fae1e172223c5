#include "analyze/srtp/voice_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/srtp/picture.h"

namespace voip::analyze::srtp {

using report::Confidence;
using report::Verdict;
using session::MediaStream;

namespace {

constexpr std::uint8_t kKeystreamTries = 4;

}  // namespace

void VoiceWatch::on_packet(const MediaStream& stream, StreamState& state, const CallKeys* of_call, const CallKeys* keys,
                           const dissect::MediaEvent& event) {
  if (stream.packets == 1) state.first_marker = event.rtp.marker;
  const FrameRef& frame = event.datagram->frame;
  if (keys != nullptr && !keys->keys.empty()) {
    keys_seen_ = true;
    if (state.sealed == nullptr) state.sealed = std::make_unique<SealedSamples>(copies_.held);
    state.sealed->add(event.datagram->payload, event.rtp.header_size, frame);
    return;
  }
  if (keys_seen_ && (of_call == nullptr || !of_call->secure)) {
    if (state.print == nullptr && copies_.prints < PayloadPrint::kMostPrints)
      state.print = std::make_unique<PayloadPrint>(copies_.prints);
    if (state.print != nullptr) state.print->add(event.rtp.payload, frame);
  }
  if (state.keystream != nullptr) {
    state.keystream->add(event.rtp.sequence, event.rtp.payload, frame);
  } else if (state.keystream_tries < kKeystreamTries && (of_call == nullptr || of_call->secure || !of_call->offered)) {
    ++state.keystream_tries;
    if (!KeystreamTable::fits(event.rtp.payload)) return;
    state.keystream = keystreams_.watch(stream, frame.time);
    state.keystream->add(event.rtp.sequence, event.rtp.payload, frame);
  }
}

void VoiceWatch::settle(const MediaStream& stream, const StreamRecord& record, std::uint64_t serial) {
  if (stream.attachment == nullptr) return;
  auto& state = static_cast<StreamState&>(*stream.attachment);
  const bool clear = record.observed == Observed::kCleartext;
  if (state.keystream != nullptr && (clear || record.authenticated)) state.keystream->readable = true;
  if (state.sealed != nullptr && state.auth != nullptr && state.auth->proven() && !clear) {
    const std::uint64_t number = ++sealed_streams_;
    state.sealed->open(*state.auth, [&](std::uint64_t digest, const FrameRef& frame) {
      copies_.add_sealed({.digest = digest, .frame = frame, .call = serial, .stream = number});
    });
  }
  state.sealed.reset();
  if (clear && state.print != nullptr)
    copies_.add_clear({.print = std::move(state.print),
                       .src = record.src,
                       .dst = record.dst,
                       .call = serial,
                       .orphan = serial == 0,
                       .first = record.first,
                       .last = record.last,
                       .packets = record.packets});
  state.print.reset();
}

void VoiceWatch::finish(Findings& out, const CallRecords& calls, const std::vector<StreamRecord>& orphans) {
  tell_pads(out);
  tell_copies(out, calls, orphans);
}

void VoiceWatch::tell_pads(Findings& out) {
  for (const auto& watch : keystreams_.finish()) {
    for (const KeystreamWatch::Overlap& overlap : watch->found) {
      session::Call shadow;
      shadow.call_id = overlap.call_id;
      out.tally(kTwoTimePad, Verdict::kFail);
      out.add(
          kTwoTimePad,
          fmt::format("{} to {}: SSRC 0x{:08x} uses {} sequence numbers again, and the XOR of the ciphertexts is not "
                      "even: {:.1f} % of {} bytes are zero, chi-square {:.0f} of 255: one keystream for two voices",
                      watch->src.address.to_string(), watch->dst.address.to_string(), watch->ssrc, overlap.pairs,
                      100.0 * static_cast<double>(overlap.zeros) / static_cast<double>(overlap.bytes), overlap.bytes,
                      overlap.chi_square),
          overlap.call_id.empty() ? nullptr : &shadow, hosts(watch->src, watch->dst) + "|pad",
          {{overlap.second, "second use of the sequence number"}, {overlap.first, "first use"}},
          {{"source", watch->src.to_string()}, {"destination", watch->dst.to_string()}}, {}, Confidence::kProbable);
    }
  }
}

void VoiceWatch::tell_copies(Findings& out, const CallRecords& calls, const std::vector<StreamRecord>& orphans) {
  const std::vector<CopyTable::Copy> copies = copies_.find();
  if (copies.empty()) return;
  std::map<std::uint64_t, const CallRecord*> by_serial;
  std::set<std::pair<IpAddress, IpAddress>> directions;
  for (const CallRecord& call : calls) {
    by_serial[call.serial] = &call;
    for (const LegRecord& leg : call.legs) {
      for (const MediaRecord& media : leg.media) {
        for (const StreamRecord& stream : media.streams) directions.emplace(stream.src.address, stream.dst.address);
      }
    }
  }
  for (const StreamRecord& stream : orphans) directions.emplace(stream.src.address, stream.dst.address);
  std::set<std::pair<std::uint64_t, IpAddress>> told;
  for (const CopyTable::Copy& copy : copies) {
    const CopyTable::Clear& clear = *copy.clear;
    if (clear.src.address.loopback() && clear.dst.address.loopback()) continue;
    // Voice that goes both ways there is a leg of the call behind a border (SRTP-010).
    if (directions.contains({clear.dst.address, clear.src.address})) continue;
    const auto sealed = by_serial.find(copy.call);
    const auto own = by_serial.find(clear.call);
    if (!clear.orphan && own != by_serial.end()) {
      if (own->second->recording) continue;  // told by its own signalling
      if (sealed != by_serial.end() && own->second->group == sealed->second->group &&
          own->second->linked_by != session::LinkKind::kHeuristic)
        continue;
    }
    if (!told.emplace(copy.call, clear.dst.address).second) continue;
    session::Call shadow;
    if (sealed != by_serial.end()) shadow.call_id = sealed->second->call_id;
    out.tally(kRecordingFork, Verdict::kFail);
    out.add(kRecordingFork,
            fmt::format("the voice of an encrypted call travels in clear from {} to {} as well, one way: {} packets, "
                        "{:.1f} s; {} of its payloads are those of the call, decrypted",
                        clear.src.to_string(), clear.dst.to_string(), clear.packets,
                        seconds_between(clear.first.time, clear.last.time), copy.matches),
            sealed != by_serial.end() ? &shadow : nullptr, clear.dst.address.to_string() + "|copy",
            {{copy.copied, "payload in clear"}, {copy.sealed, "the same, encrypted"}},
            {{"source", clear.src.to_string()}, {"destination", clear.dst.to_string()}});
  }
}

}  // namespace voip::analyze::srtp
