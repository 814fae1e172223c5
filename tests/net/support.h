#pragma once

// Packets made by hand, a reader for small pcap files, and a handler that keeps what it is given.

#include <catch2/catch.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "net/stack.h"
#include "support/bytes.h"
#include "support/files.h"

namespace voip::net::test {

using Bytes = std::vector<std::uint8_t>;

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Bytes text(std::string_view characters) { return {characters.begin(), characters.end()}; }

using voip::test::hex;

inline Bytes be(std::uint64_t value, int size) {
  Bytes bytes;
  for (int i = size - 1; i >= 0; --i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  return bytes;
}

inline Bytes slice(const Bytes& bytes, std::size_t from, std::size_t size) {
  REQUIRE(from + size <= bytes.size());
  return {bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.begin() + static_cast<std::ptrdiff_t>(from + size)};
}

// Bytes that differ from place to place.
inline Bytes pattern(std::size_t size, std::uint32_t seed = 1) {
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) {
    seed = seed * 1103515245 + 12345;
    byte = static_cast<std::uint8_t>('a' + (seed >> 16) % 26);
  }
  return bytes;
}

struct Ip {
  std::uint8_t protocol = 17;
  std::uint16_t id = 1;
  std::uint16_t fragment = 0;  // the field: flags and offset
  std::uint8_t ttl = 64;
  std::uint32_t src = 0xc0000201;  // 192.0.2.1
  std::uint32_t dst = 0xc0000202;
  int total = -1;  // of the header; -1: the true one
};

inline Bytes ipv4(const Bytes& payload, const Ip& ip = {}) {
  const std::size_t total = ip.total >= 0 ? static_cast<std::size_t>(ip.total) : payload.size() + 20;
  return hex("4500") + be(total, 2) + be(ip.id, 2) + be(ip.fragment, 2) + be(ip.ttl, 1) + be(ip.protocol, 1) +
         be(0, 2) + be(ip.src, 4) + be(ip.dst, 4) + payload;
}

inline Bytes ipv6(const Bytes& payload, std::uint8_t next) {
  return hex("60000000") + be(payload.size(), 2) + be(next, 1) + hex("40") + hex("20010db8000000000000000000000001") +
         hex("20010db8000000000000000000000002") + payload;
}

inline Bytes udp(const Bytes& payload, std::uint16_t source = 5060, std::uint16_t destination = 5060) {
  return be(source, 2) + be(destination, 2) + be(8 + payload.size(), 2) + be(0, 2) + payload;
}

inline Bytes tcp(const Bytes& payload, std::uint32_t sequence, std::uint32_t acknowledgment, std::uint8_t flags,
                 std::uint16_t source = 40000, std::uint16_t destination = 5060) {
  return be(source, 2) + be(destination, 2) + be(sequence, 4) + be(acknowledgment, 4) + be(0x50, 1) + be(flags, 1) +
         hex("ffff00000000") + payload;
}

inline Bytes ethernet(const Bytes& payload, std::uint16_t type = 0x0800) {
  return hex("020000000002 020000000001") + be(type, 2) + payload;
}

struct SeenDatagram {
  Endpoint src{};
  Endpoint dst{};
  Transport transport = Transport::kUdp;
  Provenance provenance = Provenance::kWire;
  std::string payload{};
  bool truncated = false;
  FrameRef frame{};
  std::uint8_t hep_version = 0;
  std::uint8_t payload_type = 0;
  std::uint8_t ip_protocol = 0;
  std::uint32_t capture_id = 0;
  std::string correlation_id{};
  std::string node{};
  Endpoint collector_src{};
  Endpoint collector_dst{};
};

struct SeenChunk {
  std::uint64_t connection = 0;
  unsigned direction = 0;
  Endpoint src{};
  Endpoint dst{};
  std::string bytes{};
  std::uint64_t lost = 0;
  bool mid_stream = false;
  std::uint64_t frame = 0;
};

class Recorder : public Handler {
 public:
  void on_datagram(const Datagram& d) override {
    SeenDatagram seen{.src = d.src,
                      .dst = d.dst,
                      .transport = d.transport,
                      .provenance = d.provenance,
                      .payload = std::string(as_text(d.payload)),
                      .truncated = d.truncated,
                      .frame = d.frame};
    REQUIRE((d.hep != nullptr) == (d.provenance == Provenance::kHep));
    if (d.hep != nullptr) {
      seen.hep_version = d.hep->version;
      seen.payload_type = d.hep->payload_type;
      seen.ip_protocol = d.hep->ip_protocol;
      seen.capture_id = d.hep->capture_id;
      seen.correlation_id = d.hep->correlation_id;
      seen.node = d.hep->node;
      seen.collector_src = d.hep->collector_src;
      seen.collector_dst = d.hep->collector_dst;
    }
    datagrams.push_back(std::move(seen));
  }
  void on_stream(const StreamChunk& c) override {
    REQUIRE(c.direction < 2);
    chunks.push_back({.connection = c.connection,
                      .direction = c.direction,
                      .src = c.src,
                      .dst = c.dst,
                      .bytes = std::string(as_text(c.bytes)),
                      .lost = c.lost,
                      .mid_stream = c.mid_stream,
                      .frame = c.frame.number});
  }
  void on_stream_end(std::uint64_t connection) override { ends.push_back(connection); }

  // All bytes of one direction, a '?' for each lost one.
  std::string stream(std::uint64_t connection, unsigned direction = 0) const {
    std::string all;
    for (const SeenChunk& chunk : chunks) {
      if (chunk.connection != connection || chunk.direction != direction) continue;
      all += std::string(chunk.lost, '?') + chunk.bytes;
    }
    return all;
  }

  std::vector<SeenDatagram> datagrams;
  std::vector<SeenChunk> chunks;
  std::vector<std::uint64_t> ends;
};

// A stack with a clock: each frame comes a second after the one before, unless told otherwise.
class Bench {
 public:
  explicit Bench(const Limits& limits = {}, const StackOptions& options = {}) : stack(limits, options) {}

  void frame(const Bytes& bytes, capture::LinkType link = capture::LinkType::kEthernet,
             std::int64_t after_ns = kNsPerSecond, std::size_t wire_length = 0) {
    now.ns += after_ns;
    // A copy of its own size: the sanitizer then sees reads behind the end.
    const Bytes copy(bytes);
    capture::Packet packet;
    packet.bytes = copy;
    packet.wire_length = static_cast<std::uint32_t>(wire_length == 0 ? bytes.size() : wire_length);
    packet.link = link;
    packet.frame = {.input = 0, .number = ++number, .time = now};
    stack.feed(packet, seen);
  }
  void ip(const Bytes& packet, std::int64_t after_ns = kNsPerSecond) {
    frame(packet, capture::LinkType::kRaw, after_ns);
  }
  void finish() { stack.finish(seen); }
  std::uint64_t counted(std::string_view name) const { return stack.diagnostics().total(name); }

  Stack stack;
  Recorder seen;
  Timestamp now{1'767'225'600 * kNsPerSecond};
  std::uint64_t number = 0;
};

inline Bytes read_file(const std::string& path) { return voip::test::file_bytes(voip::test::testdata(path)); }

struct FileFrame {
  Timestamp time;
  Bytes bytes;
  std::size_t wire_length = 0;
};

// Little-endian pcap with microseconds: what our fixtures are.
inline std::vector<FileFrame> read_pcap(const std::string& path, capture::LinkType& link) {
  const Bytes file = read_file(path);
  ByteCursor in{file};
  REQUIRE(in.le<std::uint32_t>() == 0xa1b2c3d4);
  in.skip(16);
  link = static_cast<capture::LinkType>(in.le<std::uint32_t>());
  std::vector<FileFrame> frames;
  while (in.remaining() > 0) {
    FileFrame frame;
    const auto seconds = in.le<std::uint32_t>();
    const auto micros = in.le<std::uint32_t>();
    frame.time = {seconds * kNsPerSecond + micros * 1000LL};
    const auto size = in.le<std::uint32_t>();
    frame.wire_length = in.le<std::uint32_t>();
    const ByteView bytes = in.take(size);
    frame.bytes.assign(bytes.begin(), bytes.end());
    frames.push_back(std::move(frame));
  }
  REQUIRE(in.ok());
  return frames;
}

inline void feed_pcap(Bench& bench, const std::string& path) {
  capture::LinkType link{};
  for (const FileFrame& f : read_pcap(path, link)) {
    bench.now = f.time;
    bench.frame(f.bytes, link, 0, f.wire_length);
  }
  bench.finish();
}

inline Endpoint endpoint(std::string_view address, std::uint16_t port) {
  const auto parsed = IpAddress::parse(address);
  REQUIRE(parsed.has_value());
  return {*parsed, port};
}

}  // namespace voip::net::test
