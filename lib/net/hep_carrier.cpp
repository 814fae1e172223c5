#include "net/hep_carrier.h"

#include <zlib.h>

#include <algorithm>

#include "net/inflate.h"
#include "proto/hep/hep.h"

namespace voip::net {

namespace {

bool looks_like_gzip(ByteView bytes) {
  return bytes.size() >= 3 && bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 0x08;
}

// A frame's begin, found rather than known: its first chunk must be a generic one of a known kind.
bool plausible_frame_at(ByteView bytes) {
  const auto length = hep::v3_frame_length(bytes);
  if (!length || *length < 12) return false;
  const ByteView chunk = after_bytes(bytes, 6);
  if (chunk.size() < 6) return false;
  return load_be<std::uint16_t>(chunk.data()) == 0 && load_be<std::uint16_t>(chunk.data() + 2) - 1U < 0x65 &&
         load_be<std::uint16_t>(chunk.data() + 4) >= 6 && load_be<std::uint16_t>(chunk.data() + 4) <= *length - 6;
}

// The first plausible frame whose end, if it can be seen, is another's begin. bytes.size() when there is none.
std::size_t find_frame(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  for (std::size_t at = 0;; ++at) {
    at = text.find('E', at);  // all magics have it at 0 or 1
    if (at == std::string_view::npos) return bytes.size();
    const std::size_t begin = at > 0 && text[at - 1] == 'H' ? at - 1 : at;
    const ByteView frame = bytes.subspan(begin);
    if (!plausible_frame_at(frame)) continue;
    const ByteView next = after_bytes(frame, *hep::v3_frame_length(frame));
    if (next.size() < 4 || hep::looks_like_v3(next)) return begin;
  }
}

bool is_keepalive(ByteView payload) {
  return std::ranges::all_of(payload, [](std::uint8_t c) { return c == '\r' || c == '\n' || c == 0; });
}

}  // namespace

HepCarrier::HepCarrier(StackCounters& counters, Diagnostics& diagnostics, const HepClock& clock)
    : counters_(counters), diagnostics_(diagnostics), clock_(clock) {}
HepCarrier::~HepCarrier() = default;

bool HepCarrier::take_likely(ByteView datagram, const Carrier& carrier, Handler& out) {
  if (hep::looks_like_v3(datagram) || hep::looks_like_v1_or_v2(datagram)) {
    deliver(datagram, carrier, out);
    return true;
  }
  if (looks_like_gzip(datagram)) {
    bool complete = false;
    if (inflate_any(datagram, frame_, complete) && hep::looks_like_v3(frame_)) {
      deliver(frame_, carrier, out);
      return true;
    }
  }
  return false;
}

void HepCarrier::deliver(ByteView frame, const Carrier& carrier, Handler& out) {
  const auto parsed = hep::parse(frame, carrier.frame.time);
  if (!parsed) {
    diagnostics_.count(parsed.error(), carrier.frame);
    return;
  }
  const hep::MessageView& message = *parsed;
  if (message.trailing != 0) diagnostics_.count("hep.trailing-bytes", carrier.frame);
  if (message.truncated) diagnostics_.count("hep.cut-off", carrier.frame);
  if (message.ignored_chunks != 0) diagnostics_.count("hep.ignored-chunk", carrier.frame, message.ignored_chunks);
  ByteView payload = message.payload;
  bool truncated = message.truncated || carrier.truncated;
  if (message.compressed) {
    bool complete = false;
    if (!inflate_any(payload, payload_, complete)) {
      diagnostics_.count("hep.bad-compression", carrier.frame);
      return;
    }
    truncated = truncated || !complete;
    payload = payload_;
  }
  if (is_keepalive(payload)) {
    if (!truncated) diagnostics_.count("hep.keepalive", carrier.frame);
    return;
  }
  ++counters_.hep_messages;
  const HepInfo info{.version = message.version,
                     .payload_type = message.payload_type,
                     .ip_protocol = message.ip_protocol,
                     .capture_id = message.capture_id,
                     .correlation_id = message.correlation_id,
                     .node = message.node,
                     .collector_src = carrier.src,
                     .collector_dst = carrier.dst};
  Datagram datagram{.src = message.src,
                    .dst = message.dst,
                    .provenance = Provenance::kHep,
                    .payload = payload,
                    .truncated = truncated,
                    .frame = carrier.frame,
                    .hep = &info};
  // 22 stands for TLS and WebSocket.
  if (message.ip_protocol == 6 || message.ip_protocol == 22) datagram.transport = Transport::kTcp;
  if (message.ip_protocol == 132) datagram.transport = Transport::kSctp;
  if (message.time.known()) {
    datagram.frame.time = message.time;
    if (clock_) datagram.frame.time.ns -= clock_(carrier.frame, info, message.time);
  }
  out.on_datagram(datagram);
}

struct HepStream::Inflater {
  z_stream stream{};
  bool ready = false;
  std::uint64_t in = 0;
  std::uint64_t out = 0;

  Inflater() { ready = inflateInit2(&stream, 15 + 16) == Z_OK; }
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

HepStream::Kind HepStream::judge(ByteView bytes, bool mid_stream, std::size_t& offset) {
  offset = 0;
  if (hep::looks_like_v3(bytes)) return Kind::kFrames;
  if (looks_like_gzip(bytes)) {
    std::vector<std::uint8_t> inflated;
    bool complete = false;
    if (inflate_any(bytes, inflated, complete) && hep::looks_like_v3(inflated)) return Kind::kGzip;
    return Kind::kNo;
  }
  if (mid_stream) {
    offset = find_frame(bytes);
    if (offset < bytes.size()) return Kind::kFrames;
    offset = 0;
    return Kind::kNo;
  }
  const std::string_view text = as_text(bytes);
  if (bytes.size() < 4 && (std::string_view{"HEP3"}.starts_with(text) || std::string_view{"EEP3"}.starts_with(text))) {
    return Kind::kTooShort;
  }
  return Kind::kNo;
}

HepStream::HepStream(Kind kind) {
  if (kind == Kind::kGzip) inflater_ = std::make_unique<Inflater>();
}
HepStream::~HepStream() = default;

std::size_t HepStream::cut(ByteView bytes, const Carrier& carrier, HepCarrier& out_of, Handler& out) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ByteView rest = bytes.subspan(at);
    if (seeking_) {
      const std::size_t found = find_frame(rest);
      if (found == rest.size()) {
        // The begin of a frame may lie in the last bytes.
        return bytes.size() - std::min<std::size_t>(rest.size(), 11);
      }
      seeking_ = false;
      at += found;
      continue;
    }
    if (rest.size() < 6) break;
    const auto length = hep::v3_frame_length(rest);
    if (!length) {
      out_of.count("hep.stream-out-of-step", carrier);
      seeking_ = true;
      continue;
    }
    if (*length > rest.size()) break;
    out_of.deliver(rest.first(*length), carrier, out);
    at += *length;
  }
  return at;
}

void HepStream::feed_frames(ByteView bytes, const Carrier& carrier, HepCarrier& out_of, Handler& out) {
  if (held_.empty()) {
    const std::size_t used = cut(bytes, carrier, out_of, out);
    const ByteView left = after_bytes(bytes, used);
    held_.assign(left.begin(), left.end());
    return;
  }
  // A frame is at most 65535 bytes and is cut off as soon as it is whole, so held_ stays below that and a chunk.
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  const auto length = hep::v3_frame_length(held_);
  if (!seeking_ && length && *length > held_.size()) return;
  const std::size_t used = cut(held_, carrier, out_of, out);
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(used));
}

void HepStream::feed_gzip(ByteView bytes, const Carrier& carrier, HepCarrier& out_of, Handler& out) {
  if (!inflater_->ready) return;
  z_stream& stream = inflater_->stream;
  std::vector<std::uint8_t> piece(1U << 16);
  stream.next_in = const_cast<Bytef*>(bytes.data());  // zlib's interface; it does not write there
  stream.avail_in = static_cast<uInt>(bytes.size());
  inflater_->in += bytes.size();
  for (;;) {
    stream.next_out = piece.data();
    stream.avail_out = static_cast<uInt>(piece.size());
    const int state = inflate(&stream, Z_NO_FLUSH);
    const std::size_t made = piece.size() - stream.avail_out;
    inflater_->out += made;
    feed_frames(ByteView{piece}.first(made), carrier, out_of, out);
    if (inflater_->out > (1U << 20) && inflater_->out / 200 > inflater_->in) {
      out_of.count("hep.bad-compression", carrier);
      inflater_->ready = false;
      inflateEnd(&stream);
      return;
    }
    if (state == Z_STREAM_END) {
      if (inflateReset(&stream) == Z_OK && stream.avail_in > 0) continue;
      return;
    }
    if (state == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0)) continue;
    if (state != Z_OK && state != Z_BUF_ERROR) {
      out_of.count("hep.bad-compression", carrier);
      inflater_->ready = false;
      inflateEnd(&stream);
    }
    return;
  }
}

void HepStream::feed(ByteView bytes, std::uint64_t lost, const Carrier& carrier, HepCarrier& out_of, Handler& out) {
  if (lost != 0) {
    finish(carrier, out_of, out);
    seeking_ = true;
    if (inflater_ != nullptr && inflater_->ready) {
      // No gzip stream survives a hole.
      out_of.count("hep.bad-compression", carrier);
      inflater_->ready = false;
      inflateEnd(&inflater_->stream);
    }
  }
  if (bytes.empty()) return;
  if (inflater_ != nullptr) {
    feed_gzip(bytes, carrier, out_of, out);
  } else {
    feed_frames(bytes, carrier, out_of, out);
  }
}

void HepStream::finish(const Carrier& carrier, HepCarrier& out_of, Handler& out) {
  if (!held_.empty() && !seeking_) {
    // The sender's message is whole up to here: better than none.
    if (hep::v3_frame_length(held_)) {
      out_of.deliver(held_, carrier, out);
    } else {
      out_of.count("hep.cut-off", carrier);
    }
  }
  held_.clear();
}

}  // namespace voip::net
