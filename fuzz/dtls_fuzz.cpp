#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/dtls/dtls.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  voip::dtls::HandshakeAssembler assembler;
  for (voip::ByteView rest{data, size}; !rest.empty();) {
    const auto record = voip::dtls::parse_record(rest);
    if (!record.ok()) break;
    if (record->size == 0 || record->size > rest.size()) std::abort();
    (void)voip::dtls::parse_alert(record->fragment).ok();
    for (voip::ByteView parts = record->fragment; !parts.empty();) {
      const auto part = voip::dtls::parse_handshake_fragment(parts);
      if (!part.ok()) break;
      parts = parts.subspan(part->size);
      const auto message = assembler.add(*part);
      if (!message) continue;
      (void)voip::dtls::parse_client_hello(message->body).ok();
      (void)voip::dtls::parse_server_hello(message->body).ok();
      (void)voip::dtls::parse_certificates(message->body).ok();
    }
    rest = rest.subspan(record->size);
  }
  return 0;
}
