#include "dissect/media_reader.h"

namespace voip::dissect {
namespace {

MediaKind kind_of(FirstBytes bytes) {
  switch (bytes) {
    case FirstBytes::kRtp: return MediaKind::kRtp;
    case FirstBytes::kRtcp: return MediaKind::kRtcp;
    case FirstBytes::kStun: return MediaKind::kStun;
    case FirstBytes::kDtls: return MediaKind::kDtls;
    case FirstBytes::kZrtp: return MediaKind::kZrtp;
    case FirstBytes::kTurnChannel: return MediaKind::kTurnChannel;
    default: return MediaKind::kUnknown;
  }
}

}  // namespace

FirstBytes MediaReader::read(const net::Datagram& datagram, Observer& observer) {
  MediaEvent& event = at_hand_;
  const FirstBytes first = classify(datagram.payload, event.rtp);
  switch (first) {
    case FirstBytes::kText:
    case FirstBytes::kKeepalive: return first;
    case FirstBytes::kStun:
      if (relayed(turn_.open_message(datagram), datagram, observer)) return first;
      break;
    case FirstBytes::kTurnChannel:
      if (relayed(turn_.open_channel(datagram), datagram, observer)) return first;
      break;
    case FirstBytes::kUnknown:
      tally_.count(datagram.transport == net::Transport::kUdp ? Seen::kUdpUnknown : Seen::kTcpUnknown, datagram.frame);
      break;
    default: break;
  }
  event.kind = kind_of(first);
  event.datagram = &datagram;
  observer.on_media(event);
  return first;
}

// Media inside what a TURN server carries. False: nothing there that is known.
bool MediaReader::relayed(const std::optional<TurnTable::Opened>& opened, const net::Datagram& datagram,
                          Observer& observer) {
  if (!opened) return false;
  MediaEvent event;
  event.kind = kind_of(classify(opened->payload, event.rtp));
  if (event.kind == MediaKind::kUnknown || event.kind == MediaKind::kTurnChannel) return false;
  net::Datagram inner = datagram;
  inner.payload = opened->payload;
  event.datagram = &inner;
  event.relay = &opened->relay;
  observer.on_media(event);
  return true;
}

}  // namespace voip::dissect
