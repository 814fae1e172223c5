#include "dissect/media_lane.h"

#include <catch2/catch.hpp>

#include <chrono>
#include <initializer_list>
#include <string>
#include <vector>

#include "dissect/dissector.h"
#include "recorder.h"

using namespace voip;
using dissect::Framing;
using dissect::MediaKind;
using test::kAlice;
using test::kBob;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Kinds = std::vector<MediaKind>;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes bytes(std::initializer_list<unsigned> values) {
  Bytes made;
  for (const unsigned value : values) made.push_back(static_cast<std::uint8_t>(value));
  return made;
}

Bytes rtp_packet(unsigned sequence, std::size_t size = 160) {
  Bytes packet = bytes({0x80, 0, sequence >> 8, sequence & 0xff, 0, 0, sequence & 0xff, 160, 0, 0, 0, 7});
  packet.resize(12 + size, 0x55);
  return packet;
}

Bytes framed(const Bytes& packet) {
  const auto size = static_cast<unsigned>(packet.size());
  return bytes({size >> 8, size & 0xff}) + packet;
}

Bytes channel_data(const Bytes& packet) {
  const auto size = static_cast<unsigned>(packet.size());
  Bytes made = bytes({0x40, 0x01, size >> 8, size & 0xff}) + packet;
  while (made.size() % 4 != 0) made.push_back(0);
  return made;
}

// With a peer at 203.0.113.7:40000 and perhaps channel 0x4001.
Bytes stun_message(unsigned type, bool channel = false) {
  Bytes attributes = bytes({0, 0x12, 0, 8, 0, 1, (40000U >> 8) ^ 0x21U, (40000U & 0xffU) ^ 0x12U, 0xcb ^ 0x21, 0x12,
                            0x71 ^ 0xa4, 0x07 ^ 0x42});
  if (channel) attributes = attributes + bytes({0, 0x0c, 0, 4, 0x40, 0x01, 0, 0});
  const auto size = static_cast<unsigned>(attributes.size());
  return bytes({0, type, 0, size, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}) + attributes;
}

struct Seen {
  MediaKind kind = MediaKind::kUnknown;
  std::size_t size = 0;
  Endpoint src;
  Endpoint peer;
};

class Media final : public dissect::Observer {
 public:
  void on_sip(const dissect::SipEvent& event) override { call_ids.emplace_back(event.message->call_id); }
  void on_tls(const dissect::TlsFlow&) override {}
  void on_media(const dissect::MediaEvent& event) override {
    seen.push_back({event.kind, event.datagram->payload.size(), event.datagram->src,
                    event.relay != nullptr ? event.relay->peer : Endpoint{}});
  }
  Kinds kinds() const {
    Kinds all;
    for (const Seen& one : seen) all.push_back(one.kind);
    return all;
  }
  std::vector<Seen> seen;
  std::vector<std::string> call_ids;
};

struct Run {
  Media media;
  dissect::Dissector dissector{Limits{}};
  std::uint64_t frame = 0;
  void feed(const Bytes& fed, unsigned direction = 0, std::uint64_t lost = 0, bool mid_stream = false) {
    net::StreamChunk chunk;
    chunk.connection = 1;
    chunk.direction = static_cast<std::uint8_t>(direction);
    chunk.src = direction == 0 ? kAlice : kBob;
    chunk.dst = direction == 0 ? kBob : kAlice;
    chunk.bytes = fed;
    chunk.lost = lost;
    chunk.mid_stream = mid_stream;
    chunk.frame.number = ++frame;
    chunk.frame.time = {static_cast<std::int64_t>(frame) * 1'000'000};
    dissector.on_stream(chunk, media);
  }
};

const Bytes kThree = framed(rtp_packet(1)) + framed(rtp_packet(2)) + framed(rtp_packet(3));

}  // namespace

TEST_CASE("packets behind their lengths are media once three of them make sense", "[dissect]") {
  CHECK(dissect::media_framing(kThree) == Framing::kLengths);
  CHECK(dissect::media_framing(framed(rtp_packet(1)) + framed(rtp_packet(2))) == Framing::kMaybe);
  CHECK(dissect::media_framing(framed(rtp_packet(1)) + framed(rtp_packet(900)) + framed(rtp_packet(40)) +
                               framed(rtp_packet(7)) + framed(rtp_packet(3000)) + framed(rtp_packet(60)) +
                               framed(rtp_packet(5)) + framed(rtp_packet(9000)) + framed(rtp_packet(1))) ==
        Framing::kNone);
  CHECK(dissect::media_framing(framed(stun_message(1))) == Framing::kLengths);
  CHECK(dissect::media_framing(stun_message(3)) == Framing::kTurn);
  CHECK(dissect::media_framing(channel_data(rtp_packet(1)) + channel_data(rtp_packet(2)) +
                               channel_data(rtp_packet(3))) == Framing::kTurn);
  const std::string text = "GE\r\nContent-Length: 4";
  CHECK(dissect::media_framing({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}) == Framing::kNone);
  CHECK(dissect::media_framing(Bytes(20000, 0)) == Framing::kNone);
}

TEST_CASE("media over TCP is the same however the stream is cut", "[dissect]") {
  const Bytes all = kThree + framed(rtp_packet(4)) + bytes({0, 0}) + framed(rtp_packet(5, 11));
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    INFO(cut);
    Run run;
    run.feed({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(cut)});
    run.feed({all.begin() + static_cast<std::ptrdiff_t>(cut), all.end()});
    REQUIRE(run.media.kinds() == Kinds(5, MediaKind::kRtp));
    CHECK(run.media.seen[3].size == 172);
    CHECK(run.media.seen[4].size == 23);
    CHECK(run.media.seen[0].src == kAlice);
  }
  Run single;
  for (const std::uint8_t byte : all) single.feed({byte});
  CHECK(single.media.kinds() == Kinds(5, MediaKind::kRtp));
}

TEST_CASE("what the other direction sent before it was known is media too", "[dissect]") {
  Run run;
  run.feed(framed(rtp_packet(70)), 1);
  CHECK(run.media.seen.empty());
  run.feed(kThree);
  REQUIRE(run.media.seen.size() == 4);
  CHECK(run.media.seen[3].src == kBob);
  run.feed(framed(rtp_packet(71)), 1);
  CHECK(run.media.seen.size() == 5);
}

TEST_CASE("after a gap media goes on where a packet begins", "[dissect]") {
  Run run;
  run.feed(kThree + framed(rtp_packet(4)));
  const Bytes fifth = framed(rtp_packet(5));
  run.feed({fifth.begin(), fifth.begin() + 90});
  run.feed({fifth.begin() + 120, fifth.end()}, 0, 30);
  CHECK(run.media.seen.size() == 4);
  run.feed(framed(rtp_packet(6)) + framed(rtp_packet(7)));
  CHECK(run.media.seen.size() == 6);
}

TEST_CASE("a TURN client that speaks TCP is unwrapped like one that speaks UDP", "[dissect]") {
  Run run;
  run.feed(stun_message(3));                   // Allocate
  run.feed(stun_message(9, true));             // ChannelBind
  run.feed(channel_data(rtp_packet(1, 161)));  // padded
  run.feed(channel_data(rtp_packet(2)) + channel_data(rtp_packet(3)));
  run.feed(channel_data(rtp_packet(8)), 1);
  REQUIRE(run.media.kinds() == Kinds{MediaKind::kStun, MediaKind::kStun, MediaKind::kRtp, MediaKind::kRtp,
                                     MediaKind::kRtp, MediaKind::kRtp});
  CHECK(run.media.seen[2].size == 173);
  CHECK(run.media.seen[2].peer == Endpoint(IpAddress::v4(0xcb007107), 40000));
  CHECK(run.media.seen[5].peer == run.media.seen[2].peer);
}

TEST_CASE("a capture may begin in the middle of media over TCP", "[dissect]") {
  Run run;
  run.feed(kThree, 0, 0, true);
  CHECK(run.media.kinds() == Kinds(3, MediaKind::kRtp));
  Run turn;
  turn.feed(channel_data(rtp_packet(1)) + channel_data(rtp_packet(2)) + channel_data(rtp_packet(3)), 0, 0, true);
  CHECK(turn.media.kinds() == Kinds(3, MediaKind::kRtp));
}

TEST_CASE("hostile media over TCP takes linear time and bounded room", "[dissect]") {
  const auto began = std::chrono::steady_clock::now();
  Run frame_that_never_ends;
  frame_that_never_ends.feed(kThree + bytes({0xff, 0xff}));
  for (unsigned i = 0; i < 65000; ++i) frame_that_never_ends.feed({0x80});
  CHECK(frame_that_never_ends.media.seen.size() == 3);
  Run empty_frames;
  empty_frames.feed(kThree + Bytes(400000, 0) + framed(rtp_packet(4)));
  CHECK(empty_frames.media.seen.size() == 4);
  Run undecided;
  for (unsigned i = 0; i < 60000; ++i) undecided.feed({static_cast<std::uint8_t>(i % 2)});
  CHECK(undecided.media.seen.empty());
  Run nested;  // ChannelData in ChannelData in ...
  Bytes inner = rtp_packet(1);
  for (unsigned depth = 0; depth < 300; ++depth) inner = channel_data(inner);
  nested.feed(stun_message(3) + inner);
  CHECK(nested.media.seen.size() == 2);
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
}

TEST_CASE("other protocols with a length first are no media", "[dissect]") {
  Run dns;  // RFC 1035 section 4.2.2, with an identifier that looks like RTP's first bytes
  for (unsigned i = 0; i < 20; ++i)
    dns.feed(framed(bytes({0x80 + i, 0x1c, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w', 0, 0, 1, 0, 1})), 0, 0,
             i == 0);
  CHECK(dns.media.seen.empty());
  Run tpkt;  // RFC 1006
  tpkt.feed(bytes({3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2, 0xc0, 1, 10}));
  CHECK(tpkt.media.seen.empty());
}
