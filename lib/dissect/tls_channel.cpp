#include "dissect/tls_channel.h"

namespace voip::dissect {

namespace {

// FNV-1a; 0 stands for an offer that was not seen.
std::uint64_t offer_of(const TlsInfo& info) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&](std::uint16_t value) { hash = (hash ^ value) * 0x100000001b3U; };
  add(info.client_version);
  for (const std::uint16_t suite : info.offered_suites) add(suite);
  return hash | 1U;
}

}  // namespace

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
  flow.hello = connection_.hello_seen();
  flow.established = connection_.established();
  if (flow.hello) flow.offer = offer_of(connection_.info());
}

}  // namespace voip::dissect
