#include <catch2/catch.hpp>

#include <optional>
#include <vector>

#include "dissect/dissector.h"
#include "recorder.h"

using namespace voip;
using dissect::MediaKind;
using test::kAlice;
using test::kBob;

namespace {

using Bytes = std::vector<std::uint8_t>;

const Endpoint kPeer{IpAddress::v4(0xcb007107), 40000};
constexpr std::uint8_t kChannelBind = 0x09;
constexpr std::uint8_t kSend = 0x16;
constexpr std::uint8_t kData = 0x17;

struct Seen {
  MediaKind kind = MediaKind::kUnknown;
  std::size_t size = 0;
  Endpoint src;
  bool relayed = false;
  dissect::Relay relay;
};

class Media final : public dissect::Observer {
 public:
  void on_sip(const dissect::SipEvent&) override {}
  void on_tls(const dissect::TlsFlow&) override {}
  void on_media(const dissect::MediaEvent& event) override {
    Seen one{event.kind, event.datagram->payload.size(), event.datagram->src, event.relay != nullptr, {}};
    if (event.relay != nullptr) one.relay = *event.relay;
    seen.push_back(one);
  }
  std::vector<Seen> seen;
};

struct Run {
  Media media;
  dissect::Dissector dissector{Limits{}};
  std::uint64_t frame = 0;
  void feed(const Bytes& payload, bool from_client) {
    net::Datagram datagram;
    datagram.src = from_client ? kAlice : kBob;
    datagram.dst = from_client ? kBob : kAlice;
    datagram.payload = payload;
    datagram.frame.number = ++frame;
    datagram.frame.time = {static_cast<std::int64_t>(frame) * 1'000'000};
    dissector.on_datagram(datagram, media);
  }
};

void put(Bytes& bytes, std::initializer_list<int> more) {
  for (const int value : more) bytes.push_back(static_cast<std::uint8_t>(value));
}

Bytes rtp_packet() {
  Bytes bytes{0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7};
  bytes.resize(12 + 160, 0xff);
  return bytes;
}

Bytes stun_message(std::uint8_t type, std::optional<std::uint16_t> channel, const Bytes& data) {
  Bytes attributes;
  if (channel) put(attributes, {0, 0x0c, 0, 4, *channel >> 8, *channel & 0xff, 0, 0});
  // XOR-PEER-ADDRESS of 203.0.113.7:40000.
  put(attributes, {0, 0x12, 0, 8, 0, 1, (40000 >> 8) ^ 0x21, (40000 & 0xff) ^ 0x12, 0xcb ^ 0x21, 0x00 ^ 0x12,
                   0x71 ^ 0xa4, 0x07 ^ 0x42});
  if (!data.empty()) {
    put(attributes, {0, 0x13, static_cast<int>(data.size() >> 8), static_cast<int>(data.size() & 0xff)});
    attributes.insert(attributes.end(), data.begin(), data.end());
    while (attributes.size() % 4 != 0) attributes.push_back(0);
  }
  Bytes bytes;
  put(bytes, {0,
              type,
              static_cast<int>(attributes.size() >> 8),
              static_cast<int>(attributes.size() & 0xff),
              0x21,
              0x12,
              0xa4,
              0x42,
              1,
              2,
              3,
              4,
              5,
              6,
              7,
              8,
              9,
              10,
              11,
              12});
  bytes.insert(bytes.end(), attributes.begin(), attributes.end());
  return bytes;
}

Bytes channel_data(const Bytes& data) {
  Bytes bytes;
  put(bytes, {0x40, 0x01, static_cast<int>(data.size() >> 8), static_cast<int>(data.size() & 0xff)});
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

}  // namespace

TEST_CASE("RTP in Send and Data indications is media of the peer they name", "[dissect]") {
  Run run;
  run.feed(stun_message(kSend, {}, rtp_packet()), true);
  run.feed(stun_message(kData, {}, rtp_packet()), false);
  REQUIRE(run.media.seen.size() == 2);
  for (const Seen& one : run.media.seen) {
    CHECK(one.kind == MediaKind::kRtp);
    CHECK(one.size == rtp_packet().size());
    REQUIRE(one.relayed);
    CHECK(one.relay.peer == kPeer);
  }
  CHECK(run.media.seen[0].relay.to_peer);
  CHECK(run.media.seen[0].src == kAlice);
  CHECK_FALSE(run.media.seen[1].relay.to_peer);
  CHECK(run.media.seen[1].src == kBob);
}

TEST_CASE("who is behind a channel is known once its binding was seen", "[dissect]") {
  Run run;
  run.feed(channel_data(rtp_packet()), true);
  run.feed(stun_message(kChannelBind, 0x4001, {}), true);
  run.feed(channel_data(rtp_packet()), true);
  run.feed(channel_data(rtp_packet()), false);
  REQUIRE(run.media.seen.size() == 4);
  CHECK(run.media.seen[0].kind == MediaKind::kRtp);
  CHECK(run.media.seen[0].relay.peer == Endpoint{});
  CHECK(run.media.seen[1].kind == MediaKind::kStun);
  CHECK_FALSE(run.media.seen[1].relayed);
  CHECK(run.media.seen[2].relay.peer == kPeer);
  CHECK(run.media.seen[2].relay.to_peer);
  CHECK(run.media.seen[3].relay.peer == kPeer);
  CHECK_FALSE(run.media.seen[3].relay.to_peer);
}

TEST_CASE("what a TURN server carries and nobody knows stays what it was", "[dissect]") {
  Run run;
  run.feed(channel_data(Bytes(40, 0x05)), true);
  run.feed(stun_message(kSend, {}, Bytes(40, 0x05)), true);
  REQUIRE(run.media.seen.size() == 2);
  CHECK(run.media.seen[0].kind == MediaKind::kTurnChannel);
  CHECK(run.media.seen[1].kind == MediaKind::kStun);
  CHECK_FALSE(run.media.seen[1].relayed);
}

TEST_CASE("no prefix of a relayed packet gives media that is not there", "[dissect]") {
  for (const Bytes& whole : {stun_message(kSend, {}, rtp_packet()), channel_data(rtp_packet())}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      Run run;
      run.feed({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}, true);
      for (const Seen& one : run.media.seen) CHECK_FALSE(one.relayed);
    }
  }
}

TEST_CASE("a relay within a relay is not opened again", "[dissect]") {
  Run run;
  run.feed(channel_data(channel_data(rtp_packet())), true);
  REQUIRE(run.media.seen.size() == 1);
  CHECK(run.media.seen[0].kind == MediaKind::kTurnChannel);
}
