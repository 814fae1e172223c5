#include "dissect/stream_reader.h"

#include <algorithm>

namespace voip::dissect {

class StreamReader::PlainSink final : public SecureChannel::Sink {
 public:
  PlainSink(StreamReader& owner, Lanes& live, Observer& observer) : owner_(owner), live_(live), observer_(observer) {}
  void on_plain(const net::StreamChunk& origin, ByteView plain, bool lost) override {
    owner_.feed_plain(live_, origin, plain, true, lost, observer_);
  }

 private:
  StreamReader& owner_;
  Lanes& live_;
  Observer& observer_;
};

StreamReader::StreamReader(const Limits& limits, DissectCounters& counters, Tally& tally, SipReader& reader,
                           MediaReader& media, TlsContext& tls)
    : limits_(limits),
      counters_(counters),
      tally_(tally),
      reader_(reader),
      media_(media),
      tls_(tls),
      connections_(limits.tcp_connections) {}

void StreamReader::on_chunk(const net::StreamChunk& chunk, Observer& observer) {
  bool made = false;
  Connection& connection = connections_.get(
      chunk.connection, chunk.frame.time,
      [&](std::uint64_t, Connection& old) {
        ++counters_.evicted_streams;
        tally_.count(Seen::kStreamEvicted, chunk.frame);
        end(old, observer);
      },
      &made);
  if (made) {
    connection.live = std::make_unique<Lanes>();
    connection.live->first = chunk.frame;
  }
  if (connection.live == nullptr) return;
  Lanes& live = *connection.live;
  PlainLane& lane = live.lanes[chunk.direction & 1];
  if (chunk.mid_stream || (made && chunk.lost != 0)) lane.set_mid_stream();
  if (live.secure != nullptr) {
    feed_secure(live, chunk, observer);
  } else {
    feed_plain(live, chunk, chunk.bytes, false, false, observer);
    if (lane.mode() == PlainLane::Mode::kTls) {
      // Both lanes begin again, now with what the channel makes of the records.
      live.secure = std::make_unique<TlsChannel>(tls_);
      ++counters_.tls_flows;
      const std::vector<std::uint8_t> records = lane.take_buffer();
      const std::vector<std::uint8_t> others = live.lanes[(chunk.direction & 1) ^ 1].take_buffer();
      live.lanes = {};
      net::StreamChunk again = chunk;
      again.lost = 0;
      again.bytes = records;
      feed_secure(live, again, observer);
      if (!others.empty()) {
        again.bytes = others;
        again.direction ^= 1;
        std::swap(again.src, again.dst);
        feed_secure(live, again, observer);
      }
    }
  }
  const auto useless = [](const PlainLane& each) { return each.mode() == PlainLane::Mode::kIgnored; };
  if (live.secure == nullptr && std::ranges::all_of(live.lanes, useless)) connection.live.reset();
  account(connection);
  if (held_ > limits_.tcp_buffered_bytes) shed();
}

void StreamReader::feed_plain(Lanes& live, const net::StreamChunk& chunk, ByteView bytes, bool secure,
                              bool loss_unbounded, Observer& observer) {
  using Mode = PlainLane::Mode;
  if (live.media != nullptr) {
    const bool lost = loss_unbounded || (!secure && chunk.lost != 0);
    return feed_media(*live.media, chunk, chunk.direction & 1, bytes, lost, observer);
  }
  PlainLane& lane = live.lanes[chunk.direction & 1];
  PlainLane& other = live.lanes[(chunk.direction & 1) ^ 1];
  PlainLane::Context context{limits_, reader_, tally_, observer};
  PlainLane::Input input;
  input.origin.src = chunk.src;
  input.origin.dst = chunk.dst;
  input.origin.signalling = secure                                     ? Signalling::kTls
                            : chunk.transport == net::Transport::kSctp ? Signalling::kSctp
                                                                       : Signalling::kTcp;
  input.origin.frame = chunk.frame;
  input.bytes = bytes;
  input.lost = secure ? 0 : chunk.lost;
  input.loss_unbounded = loss_unbounded;
  input.tls_allowed = !secure;
  const Mode before = lane.mode();
  lane.feed(input, context);
  if (lane.mode() == before) return;
  if (lane.opening() != Opening::kNone && (before != Mode::kPost || lane.sip_in_post())) {
    tell_other(lane, chunk, secure, observer);
  }
  // What one direction speaks the other speaks too.
  switch (lane.mode()) {
    case Mode::kSip: other.expect_sip(); break;
    case Mode::kWebSocket: other.expect_web_socket(); break;
    case Mode::kMedia: begin_media(live, chunk, observer); break;
    case Mode::kIgnored:
      if (other.mode() == Mode::kSip) {
        lane.expect_sip();
      } else if (!lane.mid_stream() && !other.started()) {
        other.ignore();
      }
      break;
    default: break;
  }
}

// Only of the client, and from the beginning: the middle of a stream may look like anything.
void StreamReader::tell_other(const PlainLane& lane, const net::StreamChunk& chunk, bool secure, Observer& observer) {
  if ((chunk.direction & 1) != 0 || lane.mid_stream()) return;
  OtherStream other;
  other.opening = lane.opening();
  other.client = chunk.src;
  other.server = chunk.dst;
  other.secure = secure;
  other.sip_within = lane.sip_in_post();
  other.begins_segment = lane.sip_begins_segment();
  other.frame = chunk.frame;
  observer.on_other_stream(other);
}

// One direction was told to carry media; what the other has begun is media too.
void StreamReader::begin_media(Lanes& live, const net::StreamChunk& chunk, Observer& observer) {
  const unsigned direction = chunk.direction & 1;
  PlainLane& other = live.lanes[direction ^ 1];
  live.media = std::make_unique<Media>();
  const std::vector<std::uint8_t> own = live.lanes[direction].take_buffer();
  const std::vector<std::uint8_t> others = other.take_buffer();
  if (other.mode() != PlainLane::Mode::kUndecided) live.media->lanes[direction ^ 1].drop();
  other.expect_media();
  live.media->framing = media_framing(own);
  feed_media(*live.media, chunk, direction, own, false, observer);
  if (!others.empty()) feed_media(*live.media, chunk, direction ^ 1, others, false, observer);
}

void StreamReader::feed_media(Media& media, const net::StreamChunk& chunk, unsigned direction, ByteView bytes,
                              bool lost, Observer& observer) {
  net::Datagram like;
  like.src = direction == (chunk.direction & 1) ? chunk.src : chunk.dst;
  like.dst = direction == (chunk.direction & 1) ? chunk.dst : chunk.src;
  like.transport = chunk.transport;
  like.frame = chunk.frame;
  media.lanes[direction].feed(like, bytes, media.framing, lost, media_, observer);
}

void StreamReader::feed_secure(Lanes& live, const net::StreamChunk& chunk, Observer& observer) {
  PlainSink sink{*this, live, observer};
  live.secure->feed(chunk, sink);
}

void StreamReader::account(Connection& connection) {
  std::size_t held = 0;
  if (connection.live != nullptr) {
    for (const PlainLane& lane : connection.live->lanes) held += lane.held();
    if (connection.live->secure != nullptr) held += connection.live->secure->held();
    if (connection.live->media != nullptr) {
      for (const MediaLane& lane : connection.live->media->lanes) held += lane.held();
    }
  }
  held_ += held;
  held_ -= connection.held;
  connection.held = held;
}

// Too much is held: the longest idle let go of what they have begun, until a quarter is free.
void StreamReader::shed() {
  const std::size_t enough = limits_.tcp_buffered_bytes / 4 * 3;
  connections_.for_each([&](std::uint64_t, Connection& connection) {
    if (held_ <= enough || connection.held == 0) return;
    if (connection.live != nullptr) {
      for (PlainLane& lane : connection.live->lanes) lane.drop();
      if (connection.live->media != nullptr) {
        for (MediaLane& lane : connection.live->media->lanes) lane.drop();
      }
      ++counters_.evicted_streams;
      tally_.count(Seen::kStreamEvicted, connection.live->first);
    }
    account(connection);
  });
}

void StreamReader::end(Connection& connection, Observer& observer) {
  if (connection.live != nullptr) {
    if (connection.live->secure != nullptr) {
      // What waits for keys is opened now or never.
      PlainSink sink{*this, *connection.live, observer};
      connection.live->secure->finish(sink);
    }
    PlainLane::Context context{limits_, reader_, tally_, observer};
    for (PlainLane& lane : connection.live->lanes) lane.end(context);
    if (connection.live->secure != nullptr) {
      TlsFlow flow;
      connection.live->secure->describe(flow);
      flow.first = connection.live->first;
      flow.web_socket = std::ranges::any_of(connection.live->lanes, &PlainLane::web_socket_mode);
      if (!flow.opened) ++counters_.tls_flows_opaque;
      observer.on_tls(flow);
    }
    connection.live.reset();
  }
  account(connection);
}

void StreamReader::on_end(std::uint64_t connection, Observer& observer) {
  connections_.erase(connection, [&](std::uint64_t, Connection& old) { end(old, observer); });
}

void StreamReader::finish(Observer& observer) {
  connections_.drain([&](std::uint64_t, Connection& old) { end(old, observer); });
}

}  // namespace voip::dissect
