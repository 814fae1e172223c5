#pragma once

#include <catch2/catch.hpp>

#include <string_view>

#include "proto/sip/message.h"
#include "session/tracker.h"

namespace voip::test {

// Tells the tracker a message. event: its place, time and the like.
inline void send_sip(session::Tracker& tracker, sip::Parser& parser, std::string_view text, dissect::SipEvent event) {
  const auto parsed = parser.parse(as_bytes(text));
  REQUIRE(parsed.ok());
  event.message = &*parsed;
  event.raw = as_bytes(text);
  tracker.on_sip(event);
}

}  // namespace voip::test
