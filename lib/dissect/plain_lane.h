#pragma once

#include <cstdint>
#include <vector>

#include "base/limits.h"
#include "dissect/sip_reader.h"
#include "dissect/tally.h"
#include "proto/sip/message.h"
#include "proto/websocket/websocket.h"

namespace voip::dissect {

// One direction of a connection's plaintext: tells what it speaks, cuts SIP messages out of it. Messages that lie whole
// in the bytes fed are parsed in place; only what is unfinished is kept. Nothing kept is scanned twice.
class PlainLane {
 public:
  enum class Mode : std::uint8_t {
    kUndecided,
    kSip,
    kHandshake,  // an HTTP head that may open a WebSocket
    kPost,       // the body of an HTTP POST: SIP may hide in it
    kWebSocket,
    kTls,    // a TLS record; its bytes wait in take_buffer()
    kMedia,  // packets of media; likewise
    kIgnored,
  };
  // What all lanes share.
  struct Context {
    const Limits& limits;
    SipReader& reader;
    Tally& tally;
    Observer& observer;
  };
  struct Input {
    SipOrigin origin;  // of the bytes; signalling: of plain SIP in them
    ByteView bytes;
    std::uint64_t lost = 0;       // missing before them
    bool loss_unbounded = false;  // missing, but nobody knows how many
    bool tls_allowed = true;
  };

  Mode mode() const { return mode_; }
  bool web_socket_mode() const { return mode_ == Mode::kWebSocket; }
  bool started() const { return started_; }
  // What it begins with, once it is known to be nothing of ours.
  Opening opening() const { return opening_; }
  bool sip_in_post() const { return sip_in_post_; }
  bool sip_begins_segment() const { return sip_begins_segment_; }
  // Its beginning was not seen.
  void set_mid_stream() { mid_stream_ = true; }
  bool mid_stream() const { return mid_stream_; }
  // Because the other direction was told.
  void expect_sip();
  void expect_web_socket();
  void expect_media() { mode_ = Mode::kMedia; }
  void ignore();

  void feed(const Input& input, Context& context);
  // No more bytes will come: what is unfinished is told as truncated.
  void end(Context& context);
  std::vector<std::uint8_t> take_buffer();
  std::size_t held() const { return buffer_.capacity() + message_.capacity(); }
  // Lets go of what is unfinished; goes on at the next start line.
  void drop();

 private:
  struct Step {
    bool more = false;  // nothing can be done without more bytes
    std::size_t used = 0;
  };
  std::size_t advance(ByteView bytes, const Input& input, Context& context);
  Step decide(ByteView bytes, const Input& input, Context& context);
  Step search(ByteView bytes, Context& context, const FrameRef& frame);
  Step sip(ByteView bytes, const Input& input, Context& context);
  Step handshake(ByteView bytes, const Input& input, Context& context);
  Step post(ByteView bytes);
  Step web_socket(ByteView bytes, const Input& input, Context& context);
  void end_frame(const Input& input, Context& context);
  void deliver(ByteView message, bool cut, const Input& input, Context& context);
  void gap(const Input& input, Context& context);
  void tell_unfinished(Context& context);
  void restart_message();

  Mode mode_ = Mode::kUndecided;
  Opening opening_ = Opening::kNone;
  bool started_ = false;
  bool sip_in_post_ = false;
  bool sip_begins_segment_ = false;
  bool mid_stream_ = false;
  bool synced_ = false;  // the bytes at hand begin where a message (or frame) begins
  bool proven_ = false;  // SIP was read from it
  bool in_frame_ = false;
  bool message_open_ = false;  // a WebSocket message in pieces
  bool message_cut_ = false;
  bool message_compressed_ = false;
  bool message_dropped_ = false;  // too long
  std::uint64_t skip_ = 0;        // bytes to come that belong to something given up
  std::uint64_t searched_ = 0;
  std::uint64_t taken_ = 0;  // of the frame's payload
  std::size_t wanted_ = 0;   // length of the unfinished message, when known
  std::vector<std::uint8_t> buffer_;
  SipOrigin buffered_;  // of the last bytes in buffer_
  sip::HeadScanner scanner_;
  websocket::FrameHeader header_;
  std::vector<std::uint8_t> message_;
};

}  // namespace voip::dissect
