#include <algorithm>
#include <cstdlib>
#include <vector>

#include "dissect/dissector.h"

namespace {

using namespace voip;

class Checker final : public dissect::Observer {
 public:
  void on_sip(const dissect::SipEvent& event) override {
    if (event.message == nullptr || event.message->body.size() > event.raw.size()) std::abort();
    ++messages;
  }
  void on_media(const dissect::MediaEvent& event) override {
    if (event.datagram == nullptr || event.rtp.payload.size() > event.datagram->payload.size()) std::abort();
  }
  void on_tls(const dissect::TlsFlow&) override {}
  std::size_t messages = 0;
};

}  // namespace

// The first byte says how the rest comes: a datagram, or chunks of two connections, each with a head of two bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Limits limits;
  limits.sip_message_bytes = 2048;
  limits.websocket_frame_bytes = 1024;
  limits.tcp_buffered_bytes = 8192;
  limits.tcp_connections = 2;
  dissect::Dissector dissector(limits);
  Checker checker;
  const std::uint8_t how = data[0];
  const ByteView bytes{data + 1, size - 1};
  FrameRef frame;
  frame.number = 1;
  if ((how & 1) != 0) {
    net::HepInfo hep;
    hep.ip_protocol = how;
    net::Datagram datagram;
    datagram.payload = bytes;
    datagram.truncated = (how & 2) != 0;
    datagram.hep = (how & 4) != 0 ? &hep : nullptr;
    datagram.transport = (how & 8) != 0 ? net::Transport::kSctp : net::Transport::kUdp;
    datagram.frame = frame;
    dissector.on_datagram(datagram, checker);
    (void)dissector.diagnostics();
    return 0;
  }
  for (std::size_t at = 0; at + 2 <= bytes.size();) {
    const std::uint8_t head = bytes[at];
    const std::size_t length = std::min<std::size_t>(bytes[at + 1] * 4U, bytes.size() - at - 2);
    // A copy of its own: a view kept too long is seen.
    const std::vector<std::uint8_t> own(bytes.begin() + static_cast<std::ptrdiff_t>(at + 2),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(at + 2 + length));
    at += 2 + length;
    net::StreamChunk chunk;
    chunk.connection = (head >> 1) & 3;
    chunk.direction = head & 1;
    chunk.bytes = own;
    chunk.lost = (head & 8) != 0 ? head >> 4 : 0;
    chunk.mid_stream = (head & 0x10) != 0;
    chunk.frame = frame;
    ++frame.number;
    dissector.on_stream(chunk, checker);
    if ((head & 0xe0) == 0xe0) dissector.on_stream_end(chunk.connection, checker);
  }
  dissector.finish(checker);
  if (checker.messages != dissector.counters().sip_messages) std::abort();
  return 0;
}
