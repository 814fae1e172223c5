#include "net/tcp.h"

#include <algorithm>
#include <utility>

namespace voip::net {

namespace {

// Further than this from what is wanted, a segment belongs to another connection or is forged.
constexpr std::int64_t kFarAway = 16 << 20;
constexpr std::uint8_t kStraysForAnotherConnection = 3;
// What a held segment costs beside its bytes, so that many tiny ones are bounded too.
constexpr std::size_t kHeldOverhead = 128;
// A tap may show an acknowledgement before the segment that it acknowledges.
constexpr std::chrono::milliseconds kReorderPatience{200};
constexpr std::chrono::seconds kHolePatience{30};
// A closed connection's ports may be used again without a SYN in the capture.
constexpr std::chrono::seconds kLinger{60};
// Use is noted this often, at most.
constexpr std::chrono::seconds kTouchEvery{5};

std::uint64_t first_position(std::uint32_t sequence) { return (std::uint64_t{1} << 32) + sequence; }

std::uint64_t position_near(std::uint64_t reference, std::uint32_t sequence) {
  const auto ahead = static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(reference));
  return reference + static_cast<std::uint64_t>(static_cast<std::int64_t>(ahead));
}

std::int64_t distance(std::uint64_t from, std::uint64_t to) { return static_cast<std::int64_t>(to - from); }

bool goes_low_to_high(const Endpoint& src, const Endpoint& dst) {
  return src.port() != dst.port() ? src.port() < dst.port() : src < dst;
}

}  // namespace

TcpReassembler::TcpReassembler(const Limits& limits, StackCounters& counters, Diagnostics& diagnostics, HepCarrier& hep)
    : limits_(limits),
      counters_(counters),
      diagnostics_(diagnostics),
      hep_(hep),
      connections_(limits.tcp_connections) {}

TcpReassembler::~TcpReassembler() = default;

void TcpReassembler::open(Connection& connection, const TcpSegment& segment) {
  connection = Connection{};
  connection.id = next_id_++;
  connection.ends = {segment.src, segment.dst};
  connection.touched = segment.frame.time;
}

TcpReassembler::Connection* TcpReassembler::find_or_open(const Key& key, const TcpSegment& segment, Handler& out) {
  if (Connection* found = connections_.find(key); found != nullptr) {
    if (later_by(found->touched, segment.frame.time, kTouchEvery)) {
      const bool reused = found->closed && later_by(found->touched, segment.frame.time, kLinger);
      connections_.touch(key, segment.frame.time);
      found->touched = segment.frame.time;
      if (reused && !segment.payload.empty()) open(*found, segment);
    }
    return found;
  }
  // Without bytes or a SYN there is nothing to begin with; a keep-alive would begin one byte too early.
  if (!segment.has(TcpSegment::kSyn) && segment.payload.empty()) return nullptr;
  if (segment.has(TcpSegment::kRst)) return nullptr;
  connections_.expire(segment.frame.time, limits_.tcp_idle, [&](const Key&, Connection& idle) { close(idle, out); });
  Connection& made = connections_.get(key, segment.frame.time, [&](const Key&, Connection& evicted) {
    if (!evicted.closed) ++counters_.evicted_connections;
    close(evicted, out);
  });
  open(made, segment);
  return &made;
}

void TcpReassembler::feed(const TcpSegment& segment, Handler& out) {
  const Key key =
      goes_low_to_high(segment.src, segment.dst) ? Key{segment.src, segment.dst} : Key{segment.dst, segment.src};
  Connection* connection = find_or_open(key, segment, out);
  if (connection == nullptr) return;
  unsigned direction = segment.src == connection->ends[0] ? 0 : 1;

  if (segment.has(TcpSegment::kSyn)) {
    const Direction& own = connection->directions[direction];
    const std::uint32_t begin = segment.sequence + 1;
    const bool repeated = own.started && static_cast<std::uint32_t>(own.begin) == begin;
    if (connection->closed ? !(repeated && segment.has(TcpSegment::kAck)) : own.started && !repeated) {
      // The ports are used again.
      close(*connection, out);
      open(*connection, segment);
      direction = 0;
    }
  }
  if (connection->closed) return;
  connection->last_frame = segment.frame;
  take(*connection, direction, segment, out);
}

void TcpReassembler::take(Connection& connection, unsigned direction, const TcpSegment& segment, Handler& out) {
  Direction& own = connection.directions[direction];
  Direction& other = connection.directions[1 - direction];
  const std::uint32_t data_sequence = segment.sequence + (segment.has(TcpSegment::kSyn) ? 1U : 0U);
  if (segment.has(TcpSegment::kSyn) && !own.started) {
    own.started = true;
    own.begin = own.next = first_position(data_sequence);
    // A SYN answered is a SYN that was sent, seen or not.
    if (segment.has(TcpSegment::kAck) && !other.started) {
      other.started = true;
      other.begin = other.next = first_position(segment.acknowledgment);
    }
  }
  if (segment.has(TcpSegment::kRst)) {
    // One that is far off is forged or late.
    const std::int64_t off = own.started ? distance(own.next, position_near(own.next, segment.sequence)) : 0;
    if (off > kFarAway || off < -kFarAway) return;
    close(connection, out);
    return;
  }
  if (segment.has(TcpSegment::kAck) && other.started) {
    const std::uint64_t acked = position_near(other.next, segment.acknowledgment);
    if (distance(other.acked, acked) > 0 && distance(other.next, acked) < kFarAway) other.acked = acked;
    if (other.waiting != nullptr || (other.fin_seen && !other.finished)) give_up_acked(connection, 1 - direction, out);
    if (connection.closed) return;
  }
  const std::size_t length = segment.payload.size() + segment.missing;
  if (!own.started) {
    if (segment.payload.empty()) return;
    own.started = true;
    own.mid_stream = true;
    own.begin = own.next = first_position(data_sequence);
  }
  if (own.finished || (length == 0 && !segment.has(TcpSegment::kFin))) return;

  const std::uint64_t position = position_near(own.next, data_sequence);
  const std::int64_t ahead = distance(own.next, position);
  if (ahead > kFarAway || ahead < -kFarAway) {
    diagnostics_.count("tcp-far-away", segment.frame);
    if (++own.strays >= kStraysForAnotherConnection) {
      close(connection, out);
      if (!segment.payload.empty()) {
        open(connection, segment);
        take(connection, 0, segment, out);
      }
    }
    return;
  }
  own.strays = 0;
  if (segment.has(TcpSegment::kFin) && !own.fin_seen) {
    own.fin_seen = true;
    own.fin = position + length;
  }
  if (ahead > 0 && length != 0) {
    hold(connection, direction, position, segment, out);
    return;
  }
  const auto seen = static_cast<std::uint64_t>(-std::min<std::int64_t>(ahead, 0));
  if (seen < length) {
    const ByteView fresh = after_bytes(segment.payload, seen);
    own.next = position + length;
    if (!fresh.empty()) deliver(connection, direction, fresh, segment.frame, out);
    // The snap length took the rest.
    own.lost += length - std::max<std::size_t>(segment.payload.size(), seen);
  }
  if (own.waiting != nullptr) drain(connection, direction, out);
  if (own.fin_seen && own.waiting == nullptr && distance(own.fin, own.next) >= 0) {
    own.finished = true;
    if (other.finished) close(connection, out);
  }
}

void TcpReassembler::hold(Connection& connection, unsigned direction, std::uint64_t position, const TcpSegment& segment,
                          Handler& out) {
  Direction& own = connection.directions[direction];
  ByteView bytes = segment.payload;
  // What came first stays, where two segments begin alike.
  if (own.waiting == nullptr) own.waiting = std::make_unique<Waiting>();
  const auto [place, made] = own.waiting->held.try_emplace(position);
  Held& held = place->second;
  if (!made && bytes.size() <= held.bytes.size()) return;
  const std::size_t cost = made ? bytes.size() + kHeldOverhead : bytes.size() - held.bytes.size();
  held.bytes.insert(held.bytes.end(), bytes.begin() + static_cast<std::ptrdiff_t>(held.bytes.size()), bytes.end());
  held.missing = segment.missing;
  held.frame = segment.frame;
  own.waiting->bytes += cost;
  held_bytes_ += cost;
  give_up_acked(connection, direction, out);
  while (own.waiting != nullptr && own.waiting->bytes > limits_.tcp_buffered_per_direction) {
    diagnostics_.count("tcp-hole-too-wide", segment.frame);
    give_up_hole(connection, direction, out);
  }
  if (own.waiting != nullptr &&
      (held_bytes_ > limits_.tcp_buffered_bytes ||
       later_by(own.waiting->held.begin()->second.frame.time, segment.frame.time, kHolePatience))) {
    give_up_all(connection, direction, out);
  }
}

void TcpReassembler::drain(Connection& connection, unsigned direction, Handler& out) {
  Direction& own = connection.directions[direction];
  while (own.waiting != nullptr && distance(own.next, own.waiting->held.begin()->first) <= 0) {
    auto node = own.waiting->held.extract(own.waiting->held.begin());
    const Held& held = node.mapped();
    own.waiting->bytes -= held.bytes.size() + kHeldOverhead;
    held_bytes_ -= held.bytes.size() + kHeldOverhead;
    if (own.waiting->held.empty()) own.waiting.reset();
    const std::uint64_t seen = own.next - node.key();
    const std::uint64_t length = held.bytes.size() + held.missing;
    if (seen >= length) continue;
    own.next = node.key() + length;
    const ByteView fresh = after_bytes(held.bytes, seen);
    if (!fresh.empty()) deliver(connection, direction, fresh, held.frame, out);
    own.lost += length - std::max<std::uint64_t>(held.bytes.size(), seen);
  }
}

void TcpReassembler::give_up_hole(Connection& connection, unsigned direction, Handler& out) {
  Direction& own = connection.directions[direction];
  const auto first = own.waiting->held.begin();
  const std::int64_t wide = distance(own.next, first->first);
  if (wide > 0) {
    ++counters_.tcp_gaps;
    diagnostics_.count("tcp-gap", first->second.frame);
    own.lost += static_cast<std::uint64_t>(wide);
    own.next = first->first;
  }
  drain(connection, direction, out);
}

void TcpReassembler::give_up_acked(Connection& connection, unsigned direction, Handler& out) {
  Direction& own = connection.directions[direction];
  while (own.waiting != nullptr && distance(own.waiting->held.begin()->first, own.acked) >= 0 &&
         later_by(own.waiting->held.begin()->second.frame.time, connection.last_frame.time, kReorderPatience)) {
    give_up_hole(connection, direction, out);
  }
  if (!own.fin_seen || own.finished || own.waiting != nullptr) return;
  const std::int64_t tail = distance(own.next, own.fin);
  if (tail > 0) {
    // The end was acknowledged, but not all before it was captured.
    if (distance(own.fin, own.acked) <= 0) return;
    ++counters_.tcp_gaps;
    diagnostics_.count("tcp-gap", connection.last_frame);
    own.lost += static_cast<std::uint64_t>(tail);
    own.next = own.fin;
  }
  own.finished = true;
  if (connection.directions[1 - direction].finished) close(connection, out);
}

void TcpReassembler::give_up_all(Connection& connection, unsigned direction, Handler& out) {
  while (connection.directions[direction].waiting != nullptr) give_up_hole(connection, direction, out);
}

void TcpReassembler::deliver(Connection& connection, unsigned direction, ByteView bytes, const FrameRef& frame,
                             Handler& out) {
  Direction& own = connection.directions[direction];
  const Endpoint& src = connection.ends[direction];
  const Endpoint& dst = connection.ends[1 - direction];
  if (!own.judged && own.undecided_size != 0) {
    // Not all of the magic, so far.
    std::vector<std::uint8_t> joined{own.undecided.begin(), own.undecided.begin() + own.undecided_size};
    own.undecided_size = 0;
    if (own.lost == 0) {
      joined.insert(joined.end(), bytes.begin(), bytes.end());
      deliver(connection, direction, joined, frame, out);
      return;
    }
    own.judged = true;
    const std::uint64_t lost = std::exchange(own.lost, 0);
    deliver(connection, direction, joined, frame, out);
    own.lost = lost;
  }
  if (!own.judged && !bytes.empty()) {
    std::size_t offset = 0;
    const HepStream::Kind kind = HepStream::judge(bytes, own.mid_stream || own.lost != 0, offset);
    if (kind == HepStream::Kind::kTooShort) {
      std::ranges::copy(bytes, own.undecided.begin());
      own.undecided_size = static_cast<std::uint8_t>(bytes.size());
      return;
    }
    own.judged = true;
    if (kind != HepStream::Kind::kNo) {
      own.hep = std::make_unique<HepStream>(kind);
      own.lost = 0;
      bytes = after_bytes(bytes, offset);
    }
  }
  if (own.hep != nullptr) {
    const std::uint64_t lost = own.lost;
    own.lost = 0;
    own.hep->feed(bytes, lost, Carrier{.src = src, .dst = dst, .frame = frame}, hep_, out);
    return;
  }
  StreamChunk chunk;
  chunk.connection = connection.id;
  chunk.direction = static_cast<std::uint8_t>(direction);
  chunk.src = src;
  chunk.dst = dst;
  chunk.bytes = bytes;
  chunk.lost = own.lost;
  chunk.mid_stream = own.mid_stream;
  chunk.frame = frame;
  own.lost = 0;
  own.mid_stream = false;
  out.on_stream(chunk);
}

void TcpReassembler::close(Connection& connection, Handler& out) {
  if (connection.closed) return;
  connection.closed = true;
  for (unsigned direction = 0; direction < 2; ++direction) {
    give_up_all(connection, direction, out);
    Direction& own = connection.directions[direction];
    if (own.undecided_size != 0) {
      const std::array<std::uint8_t, 4> undecided = own.undecided;
      const std::size_t size = own.undecided_size;
      own.undecided_size = 0;
      own.judged = true;
      deliver(connection, direction, ByteView{undecided}.first(size), connection.last_frame, out);
    }
    if (own.lost != 0) deliver(connection, direction, {}, connection.last_frame, out);
    if (own.hep != nullptr) {
      own.hep->finish(
          {.src = connection.ends[direction], .dst = connection.ends[1 - direction], .frame = connection.last_frame},
          hep_, out);
      own.hep.reset();
    }
  }
  out.on_stream_end(connection.id);
}

void TcpReassembler::finish(Handler& out) {
  connections_.drain([&](const Key&, Connection& connection) { close(connection, out); });
}

}  // namespace voip::net
