#pragma once

#include <array>
#include <cstddef>

#include "dissect/secure_channel.h"
#include "dissect/tls_stream.h"

namespace voip::dissect {

// A TLS connection of the capture, opened with the keys of the context.
class TlsChannel final : public SecureChannel {
 public:
  explicit TlsChannel(TlsContext& context) : connection_(context) {}

  void feed(const net::StreamChunk& chunk, Sink& sink) override;
  // At the end of the connection: keys that came after its last bytes are used now.
  void finish(Sink& sink);
  void describe(TlsFlow& flow) const override;
  std::size_t held() const override { return connection_.held_bytes(); }
  const TlsConnection& connection() const { return connection_; }

 private:
  TlsConnection::Sink plain_into(Sink& sink);

  TlsConnection connection_;
  std::array<net::StreamChunk, 2> last_{};  // by direction, without bytes: addresses and the rest
  Endpoint client_;
  Endpoint server_;
};

}  // namespace voip::dissect
