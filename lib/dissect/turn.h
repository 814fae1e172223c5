#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/table.h"
#include "dissect/events.h"
#include "net/datagram.h"

namespace voip::dissect {

// What clients and TURN servers hand each other (RFC 8656): datagrams of a peer inside ChannelData, Send and Data
// indications. Learns from ChannelBind requests who is behind a channel.
class TurnTable {
 public:
  struct Opened {
    ByteView payload;  // what the peer sent or will get
    Relay relay;
  };
  // A STUN message, or ChannelData. Empty when nothing is carried in it.
  std::optional<Opened> open_message(const net::Datagram& datagram);
  std::optional<Opened> open_channel(const net::Datagram& datagram);

 private:
  struct Channel {
    std::uint16_t number = 0;
    Endpoint peer;
  };
  // Between a client and its server.
  struct Association {
    Endpoint client;
    std::vector<Channel> channels;
  };
  static constexpr std::size_t kMostAssociations = 8192;
  static constexpr std::size_t kMostChannels = 32;

  CappedTable<std::array<Endpoint, 2>, Association> associations_{kMostAssociations};
};

}  // namespace voip::dissect
