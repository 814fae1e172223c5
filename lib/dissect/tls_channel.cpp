#include "dissect/tls_channel.h"

namespace voip::dissect {

TlsConnection::Sink TlsChannel::plain_into(Sink& sink) {
  return [this, &sink](const TlsChunk& chunk) {
    net::StreamChunk origin = last_[chunk.direction];
    origin.frame = chunk.frame;
    sink.on_plain(origin, chunk.bytes, chunk.gap);
  };
}

void TlsChannel::feed(const net::StreamChunk& chunk, Sink& sink) {
  const std::uint8_t direction = chunk.direction & 1;
  net::StreamChunk& last = last_[direction];
  last = chunk;
  last.bytes = {};
  last.lost = 0;
  connection_.feed(direction, chunk.bytes, chunk.lost, chunk.frame, plain_into(sink));
  const bool from_client = direction == connection_.client_direction();
  client_ = from_client ? chunk.src : chunk.dst;
  server_ = from_client ? chunk.dst : chunk.src;
}

void TlsChannel::finish(Sink& sink) { connection_.finish(plain_into(sink)); }

void TlsChannel::describe(TlsFlow& flow) const {
  flow.client = client_;
  flow.server = server_;
  if (!connection_.hello_seen() && client_.port() < server_.port()) {
    // The handshake is missing: the lower port serves, as a rule.
    flow.client = server_;
    flow.server = client_;
  }
  flow.version = connection_.info().version;
  flow.cipher_suite = connection_.info().cipher_suite;
  flow.opened = connection_.opened();
}

}  // namespace voip::dissect
