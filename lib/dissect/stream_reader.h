#pragma once

#include <array>
#include <memory>

#include "base/limits.h"
#include "base/table.h"
#include "dissect/dissector.h"
#include "dissect/media_lane.h"
#include "dissect/plain_lane.h"
#include "dissect/tls_channel.h"
#include "net/datagram.h"

namespace voip::dissect {

// TCP connections and SCTP streams: TLS or plain, and in the plaintext SIP, WebSocket, or packets of media. A
// connection that is none of them keeps nothing but its place in the table.
class StreamReader {
 public:
  StreamReader(const Limits& limits, DissectCounters& counters, Tally& tally, SipReader& reader, MediaReader& media,
               TlsContext& tls);

  void on_chunk(const net::StreamChunk& chunk, Observer& observer);
  void on_end(std::uint64_t connection, Observer& observer);
  void finish(Observer& observer);

 private:
  struct Media {
    Framing framing = Framing::kNone;
    std::array<MediaLane, 2> lanes;
  };
  struct Lanes {
    std::array<PlainLane, 2> lanes;
    std::unique_ptr<TlsChannel> secure;
    std::unique_ptr<Media> media;
    FrameRef first;
  };
  struct Connection {
    std::unique_ptr<Lanes> live;  // null: nothing of ours in it
    std::size_t held = 0;
  };
  class PlainSink;

  void feed_plain(Lanes& live, const net::StreamChunk& chunk, ByteView bytes, bool secure, bool loss_unbounded,
                  Observer& observer);
  static void tell_other(const PlainLane& lane, const net::StreamChunk& chunk, bool secure, Observer& observer);
  void begin_media(Lanes& live, const net::StreamChunk& chunk, Observer& observer);
  void feed_media(Media& media, const net::StreamChunk& chunk, unsigned direction, ByteView bytes, bool lost,
                  Observer& observer);
  void feed_secure(Lanes& live, const net::StreamChunk& chunk, Observer& observer);
  void end(Connection& connection, Observer& observer);
  void account(Connection& connection);
  void shed();

  const Limits limits_;
  DissectCounters& counters_;
  Tally& tally_;
  SipReader& reader_;
  MediaReader& media_;
  TlsContext& tls_;
  CappedTable<std::uint64_t, Connection> connections_;
  std::size_t held_ = 0;
};

}  // namespace voip::dissect
