// TLS bytes in two directions, cut anywhere, with gaps, with keys before and after. The input is a list of feeds: a
// byte of flags (direction, gap, key log, retry), a length of 16 bits, the bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "dissect/tls_stream.h"
#include "proto/tls/tls.h"

using namespace voip;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  dissect::TlsContext context;
  context.keep_certificates = true;
  context.max_held_bytes = 1U << 16;
  {
    dissect::TlsConnection connection{context};
    const dissect::TlsConnection::Sink sink = [](const dissect::TlsChunk& chunk) {
      if (chunk.direction > 1) std::abort();
    };
    ByteCursor in{{data, size}};
    while (in.remaining() > 0) {
      const auto flags = in.be<std::uint8_t>();
      const std::size_t wanted = in.be<std::uint16_t>();
      const ByteView bytes = in.take(wanted < in.remaining() ? wanted : in.remaining());
      if ((flags & 4) != 0) {
        context.keys.add(as_text(bytes));
      } else {
        connection.feed(flags & 1, bytes, (flags & 2) != 0 ? 1 + flags : 0, {}, sink);
      }
      if ((flags & 8) != 0) connection.retry(sink);
      if (context.held_bytes > context.max_held_bytes) std::abort();
    }
    if ((size & 1) != 0) connection.finish(sink);
  }
  if (context.held_bytes != 0) std::abort();
  const ByteView all{data, size};
  (void)tls::parse_client_hello(all);
  (void)tls::parse_server_hello(all);
  (void)tls::parse_certificates(all, false);
  (void)tls::parse_certificates(all, true);
  (void)tls::parse_encrypted_extensions(all);
  (void)tls::parse_new_session_ticket(all);
  (void)tls::parse_dhe_params(all);
  (void)tls::alpn_names(all);
  (void)context.keys.add(as_text(all));
  return 0;
}
