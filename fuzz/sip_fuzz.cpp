#include <cstdlib>

#include "proto/sip/fields.h"
#include "proto/sip/message.h"

// Whatever comes, what is told lies within the bytes, and framing agrees with itself.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace voip;
  const ByteView bytes{data, size};
  const std::string_view text = as_text(bytes);
  sip::Parser parser{64};
  for (const bool datagram : {true, false}) {
    for (const bool cut : {false, true}) {
      const auto message = parser.parse(bytes, datagram, cut);
      if (!message) continue;
      if (message->body.size() > size || message->headers.size() > 64) std::abort();
      if (!datagram && message->body.size() > message->content_length) std::abort();
      (void)sip::inspect(*message);
      (void)sip::tag_of(message->from);
      (void)sip::find_body(message->content_type, message->body, "application/sdp");
      for (const sip::Header& field : message->headers) {
        if (field.value.size() > size) std::abort();
        (void)sip::unfold(field.value);
        sip::for_each_value(field.value, [](std::string_view value) {
          if (const auto address = sip::parse_name_addr(value)) {
            (void)sip::parse_uri(address->uri);
            (void)sip::parameter(address->params, "tag");
          }
          (void)sip::parse_via(value);
          (void)sip::parse_authorization(value);
        });
      }
    }
  }
  (void)sip::parse_uri(text);
  (void)sip::looks_like_sip(bytes);
  // In pieces or at once: the same length.
  const auto whole = sip::stream_length(bytes, 4096);
  sip::HeadScanner scanner;
  for (std::size_t n = 1; n <= size && n <= 2048; n += 1 + n / 16) {
    const auto part = scanner.feed(bytes.first(n), 4096);
    if (part.state == sip::StreamLength::State::kComplete) {
      if (part.length > n || (whole.state == sip::StreamLength::State::kComplete && whole.length != part.length))
        std::abort();
      break;
    }
    if (part.state == sip::StreamLength::State::kNotSip) break;
  }
  return 0;
}
