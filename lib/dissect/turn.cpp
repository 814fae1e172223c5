#include "dissect/turn.h"

#include <algorithm>

#include "proto/stun/stun.h"

namespace voip::dissect {

namespace {

std::array<Endpoint, 2> ordered(const Endpoint& a, const Endpoint& b) {
  return a < b ? std::array{a, b} : std::array{b, a};
}

// RFC 8656 section 18: the types as they stand in the first two bytes.
constexpr std::uint16_t kSendIndication = 0x0016;
constexpr std::uint16_t kDataIndication = 0x0017;
constexpr std::uint16_t kChannelBindRequest = 0x0009;

}  // namespace

std::optional<TurnTable::Opened> TurnTable::open_message(const net::Datagram& datagram) {
  const auto type = load_be<std::uint16_t>(datagram.payload.data());
  if (type != kSendIndication && type != kDataIndication && type != kChannelBindRequest) return std::nullopt;
  const auto message = stun::parse(datagram.payload);
  if (!message || !message->peer) return std::nullopt;
  if (type == kChannelBindRequest) {
    if (!message->channel) return std::nullopt;
    Association& association =
        associations_.get(ordered(datagram.src, datagram.dst), datagram.frame.time, [](const auto&, auto&) {});
    association.client = datagram.src;
    const auto known = std::ranges::find(association.channels, *message->channel, &Channel::number);
    if (known != association.channels.end()) {
      known->peer = *message->peer;
    } else if (association.channels.size() < kMostChannels) {
      association.channels.push_back({*message->channel, *message->peer});
    }
    return std::nullopt;
  }
  if (message->data.empty()) return std::nullopt;
  return Opened{message->data, {.peer = *message->peer, .to_peer = type == kSendIndication}};
}

std::optional<TurnTable::Opened> TurnTable::open_channel(const net::Datagram& datagram) {
  const auto data = stun::parse_channel_data(datagram.payload);
  if (!data || data->data.empty()) return std::nullopt;
  Opened opened{data->data, {}};
  const Association* association = associations_.find(ordered(datagram.src, datagram.dst));
  if (association == nullptr) return opened;
  opened.relay.to_peer = association->client == datagram.src;
  const auto known = std::ranges::find(association->channels, data->channel, &Channel::number);
  if (known != association->channels.end()) opened.relay.peer = known->peer;
  return opened;
}

}  // namespace voip::dissect
