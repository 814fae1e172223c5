#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "dissect/events.h"
#include "net/datagram.h"

namespace voip::dissect {

// One TLS connection: record bytes in, plaintext out when its secrets are at hand.
class SecureChannel {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    // In-order plaintext of one direction. origin: the chunk with the addresses and the frame that it was complete in.
    // lost: plaintext bytes may be missing before these.
    virtual void on_plain(const net::StreamChunk& origin, ByteView plain, bool lost) = 0;
  };
  virtual ~SecureChannel() = default;
  virtual void feed(const net::StreamChunk& chunk, Sink& sink) = 0;
  // Fills in what is known: client, server, version, suite, opened.
  virtual void describe(TlsFlow& flow) const = 0;
  // Bytes that it holds on to.
  virtual std::size_t held() const = 0;
};

}  // namespace voip::dissect
